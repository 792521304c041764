//! The unpacked form of archives.

use std::fs;
use std::io::Read;
use std::slice::from_ref;

use rootsmith_fetch::{Cache, FetchError, NoProgress};
use rootsmith_lock::LockedPackage;
use rootsmith_package::PackedKind;
use rootsmith_tree::{Blob, Blobs};
use rootsmith_types::{ContentDigest, Explain, Sha256Digest, Subject, Trace};

use crate::deb::{deb, locked, noise};
use crate::server::{Reply, Server};
use crate::{Place, direct, fetch};

fn stored(place: &Place, name: &str, content: &[u8]) -> LockedPackage {
    let data = deb(name, content);
    let package = locked(name, &data);
    let server = Server::start(move |request, _| Reply::ranged(&data, request));
    fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
    package
}

/// The content of the one file in it.
fn content(cache: &Cache, package: &LockedPackage) -> Vec<u8> {
    let (unpacked, pack) = cache.unpacked(package).unwrap();
    let file = unpacked.entries.iter().find_map(|entry| match entry.kind {
        PackedKind::File { offset, size, digest } => Some(Blob { digest: Some(digest), size, pack, offset }),
        _ => None,
    });
    let blob = file.unwrap();
    let mut data = vec![0; blob.size as usize];
    cache.read_at(&blob, 0, &mut data).unwrap();
    assert_eq!(Some(ContentDigest::of(&data)), blob.digest);
    let mut middle = [0; 5];
    cache.read_at(&blob, 3, &mut middle).unwrap();
    assert_eq!(middle, data[3..8]);
    assert!(cache.read_at(&blob, blob.size - 1, &mut middle).is_err());
    data
}

#[test]
fn contents_are_read_from_the_unpacked_form() {
    let place = Place::new();
    let packages = ["one", "two", "three"].map(|name| stored(&place, name, &noise(name.len() as u64, 70_000)));
    for round in ["made", "found"] {
        let cache = place.cache();
        let all = cache.unpack_all(&packages, &NoProgress, Trace::off()).unwrap();
        for (package, (unpacked, pack)) in packages.iter().zip(&all) {
            assert!(unpacked.control.stanza.contains(&format!("Package: {}\n", package.name)), "{round}");
            assert_eq!(cache.unpacked(package).unwrap().1, *pack);
            assert_eq!(content(&cache, package), noise(package.name.as_str().len() as u64, 70_000), "{round}");
        }
    }
    assert_eq!(fs::read_dir(place.path().join("temporary")).unwrap().count(), 0);
}

#[test]
fn found_form_is_not_made_again() {
    let place = Place::new();
    let package = stored(&place, "warm", b"some content");
    content(&place.cache(), &package);
    // Without the archive it could not be.
    fs::remove_file(place.blob(&package.sha256)).unwrap();
    content(&place.cache(), &package);
}

#[test]
fn damaged_form_is_made_again() {
    let place = Place::new();
    let package = stored(&place, "damaged", b"some content");
    content(&place.cache(), &package);
    let unpacked = place.path().join("unpacked");
    let index = unpacked.join(format!("{}.index", package.sha256));
    let tar = unpacked.join(format!("{}.tar", package.sha256));
    let good = fs::read(&index).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], &[], b"rootsmith unpacked package 0\n"] {
        fs::write(&index, bad).unwrap();
        assert_eq!(content(&place.cache(), &package), b"some content");
        assert_eq!(fs::read(&index).unwrap(), good);
    }
    fs::write(&tar, &fs::read(&tar).unwrap()[..100]).unwrap();
    assert_eq!(content(&place.cache(), &package), b"some content");
    fs::remove_file(&tar).unwrap();
    assert_eq!(content(&place.cache(), &package), b"some content");
}

#[test]
fn damaged_archive_is_dropped_and_fetched_again() {
    let place = Place::new();
    let data = deb("rotten", b"some content");
    let package = locked("rotten", &data);
    let server = Server::start(move |request, _| Reply::ranged(&data, request));
    let ensure = || fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap().files;
    assert_eq!(ensure(), 1);
    let path = place.blob(&package.sha256);
    let rot = || {
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    // Found by who takes it apart, and reads all of it for that.
    rot();
    assert_eq!(ensure(), 0);
    let error = place.cache().unpacked(&package).unwrap_err();
    assert!(matches!(error, FetchError::Damaged { .. }), "{error}");
    assert_eq!(error.to_string(), "`rotten 1` was damaged in the cache");
    assert!(!path.exists());
    assert_eq!(ensure(), 1);
    assert_eq!(content(&place.cache(), &package), b"some content");
}

#[test]
fn archives_that_are_none_are_reported_all_at_once() {
    let place = Place::new();
    let packages = ["bad-a", "bad-b"].map(|name| {
        let data = noise(name.len() as u64 + u64::from(name.as_bytes()[4]), 1000);
        let package = locked(name, &data);
        let server = Server::start(move |_, _| Reply::full(&data));
        fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
        package
    });
    let errors = place.cache().unpack_all(&packages, &NoProgress, Trace::off()).unwrap_err();
    let subjects: Vec<_> = errors.iter().map(Explain::subject).collect();
    assert_eq!(subjects, packages.map(|package| Subject::Package(package.name)));
    assert_eq!(fs::read_dir(place.path().join("temporary")).unwrap().count(), 0);
}

#[test]
fn archive_that_is_not_there_is_named() {
    let error = Place::new().cache().unpacked(&locked("absent", b"x")).unwrap_err();
    assert_eq!(error.to_string(), "`absent 1` is not in the cache, and the network is not to be used");
}

#[test]
fn inserted_contents_come_back() {
    let place = Place::new();
    let cache = place.cache();
    let data = noise(30, 700_000);
    let blob = cache.insert(&mut &data[..]).unwrap();
    assert_eq!((blob.size, blob.digest), (700_000, Some(ContentDigest::of(&data))));
    let mut found = vec![0; 700_000];
    cache.read_at(&blob, 0, &mut found).unwrap();
    assert_eq!(found, data);
    assert_eq!(fs::read(place.blob(&Sha256Digest::of(&data))).unwrap(), data);

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::TimedOut.into())
        }
    }
    assert_eq!(cache.insert(&mut Broken).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(fs::read_dir(place.path().join("temporary")).unwrap().count(), 0);
}
