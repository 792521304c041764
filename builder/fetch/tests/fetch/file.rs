//! Files that a profile names by their address.

use std::fs;

use rootsmith_fetch::{FetchError, NoProgress, RemoteFile};
use rootsmith_tree::{Blob, Content};
use rootsmith_types::{ContentDigest, Explain, Sha256Digest};

use crate::deb::noise;
use crate::server::{Reply, Server};
use crate::{Place, direct};

fn ensure(place: &Place, url: &str, size: Option<u64>, sha256: Sha256Digest) -> Result<Blob, FetchError> {
    let url = format!("{url}/k0s");
    let file = RemoteFile { name: "k0s", url: &url, size, sha256 };
    place.cache().ensure_file(&file, &direct(), false, &NoProgress)
}

#[test]
fn file_of_unknown_size_is_fetched_once() {
    let data = noise(1, 200_000);
    let sha256 = Sha256Digest::of(&data);
    let sent = data.clone();
    // A connection that breaks is gone on with; the second reply does not say how long it is.
    let server = Server::start(move |request, before| match before {
        0 => Reply::ranged(&sent, request).cut(70_000),
        _ => Reply { length: None, ..Reply::ranged(&sent, request) },
    });
    let place = Place::new();
    let blob = ensure(&place, &server.url(), None, sha256).unwrap();
    assert_eq!((blob.size, blob.digest), (200_000, Some(ContentDigest::of(&data))));
    assert_eq!(fs::read(place.blob(&sha256)).unwrap(), data);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].from > 0, "{seen:?}");
    let again = ensure(&place, "http://mirror.invalid", Some(200_000), sha256).unwrap();
    assert_eq!(again.size, 200_000);
}

#[test]
fn other_bytes_are_told_with_both_digests_and_the_address() {
    let (data, wanted) = (noise(2, 5_000), Sha256Digest::of(b"wanted"));
    let found = Sha256Digest::of(&data);
    let server = Server::start(move |request, _| Reply::ranged(&data, request));
    let place = Place::new();
    let error = ensure(&place, &server.url(), None, wanted).unwrap_err();
    let url = format!("{}/k0s", server.url());
    assert_eq!(error.to_string(), format!("`{url}` has sha256 `{found}`, while `{wanted}` is wanted"));
    assert!(!place.blob(&wanted).exists() && !place.blob(&found).exists() && !place.partial(&wanted).exists());
    // The lock knows how long it is: nothing has to be fetched to the end to see that this is another file.
    let error = ensure(&place, &server.url(), Some(4_999), wanted).unwrap_err();
    assert_eq!(error.to_string(), format!("`{url}` has 5000 bytes, while 4999 are wanted"));
}

#[test]
fn damaged_file_is_fetched_anew_and_a_missing_one_needs_the_network() {
    let data = noise(3, 5_000);
    let sha256 = Sha256Digest::of(&data);
    let sent = data.clone();
    let server = Server::start(move |request, _| Reply::ranged(&sent, request));
    let place = Place::new();
    ensure(&place, &server.url(), None, sha256).unwrap();
    let mut damaged = data.clone();
    damaged[7] ^= 1;
    fs::write(place.blob(&sha256), damaged).unwrap();
    let cache = place.cache();
    let url = format!("{}/k0s", server.url());
    let file = RemoteFile { name: "k0s", url: &url, size: None, sha256 };
    let error = cache.ensure_file(&file, &direct(), true, &NoProgress).unwrap_err();
    assert_eq!(error.to_string(), "`k0s` is not in the cache, and the network is not to be used");
    assert_eq!(error.help().as_deref(), Some("run once without `--offline`"));
    let blob = cache.ensure_file(&file, &direct(), false, &NoProgress).unwrap();
    assert_eq!(Content::Blob(blob).hash(&cache).unwrap(), ContentDigest::of(&data));
    assert_eq!(server.seen().len(), 2);
}
