//! Repositories: signed, fresh, and unchanged.

use std::fs;
use std::sync::Arc;

use rootsmith_fetch::repository::{Refreshed, Repository, refresh};
use rootsmith_fetch::{Cache, FetchError, NoProgress};
use rootsmith_lock::Archive;
use rootsmith_package::needed;
use rootsmith_signature::Keyring;
use rootsmith_types::{Arch, Blame, Explain, Sha256Digest, UnixTime};

use crate::server::{Reply, Request, Server};
use crate::{Place, direct, mirrors};

const KEY: &[u8] = include_bytes!("releases/key.asc");
const FIRST: &[u8] = include_bytes!("releases/first.InRelease");
const SECOND: &[u8] = include_bytes!("releases/second.InRelease");
const OTHER: &[u8] = include_bytes!("releases/other.InRelease");
const PLAIN: &str = include_str!("releases/Packages");
const PACKED: &[u8] = include_bytes!("releases/Packages.xz");

const DAY: i64 = 86_400;
/// `Date` of the first release.
const DATE: UnixTime = 1_767_427_200;
const NOW: UnixTime = DATE + 2 * DAY;

fn by_hash() -> String {
    format!("/dists/trixie/main/binary-amd64/by-hash/SHA256/{}", Sha256Digest::of(PACKED))
}

fn mirror(release: &'static [u8]) -> Server {
    Server::start(move |request, _| good(request, release))
}

fn good(request: &Request, release: &[u8]) -> Reply {
    match request.target.as_str() {
        "/dists/trixie/InRelease" => Reply::full(release),
        target if target == by_hash() => Reply::ranged(PACKED, request),
        _ => Reply::status(404),
    }
}

struct Ask {
    component: &'static str,
    now: UnixTime,
    offline: bool,
    keyring: Keyring,
}

impl Ask {
    fn new() -> Ask {
        Ask { component: "main", now: NOW, offline: false, keyring: Keyring::parse(KEY).unwrap() }
    }

    fn of(self, cache: &Cache, url: &str) -> Result<Refreshed, FetchError> {
        let components = vec![self.component.to_owned()];
        let repository = Repository { archive: Archive::Main, suite: "trixie".into(), components };
        let (mirrors, via) = (mirrors(url), direct());
        let Ask { now, offline, keyring, .. } = self;
        refresh(cache, &repository, Arch::Amd64, &mirrors, &via, &keyring, now, offline, &NoProgress)
    }
}

fn targets(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|request| request.target).collect()
}

#[test]
fn indexes_are_fetched_by_hash_and_then_kept() {
    let (place, server) = (Place::new(), mirror(FIRST));
    for _ in 0..2 {
        let refreshed = Ask::new().of(&place.cache(), &server.url()).unwrap();
        assert_eq!(refreshed.packages, [("main".to_owned(), needed(PLAIN))]);
        assert_eq!((refreshed.locked.date, refreshed.locked.sha256), (DATE, Sha256Digest::of(FIRST)));
        assert_eq!(refreshed.locked.suite, "trixie");
    }
    assert_eq!(targets(&server), ["/dists/trixie/InRelease", &by_hash(), "/dists/trixie/InRelease"]);
}

#[test]
fn plain_path_stands_in_for_by_hash() {
    let server = Server::start(|request, before| match request.target.as_str() {
        // And the first answer is lost.
        "/dists/trixie/InRelease" if before == 0 => Reply::full(FIRST).cut(100),
        "/dists/trixie/InRelease" => Reply::full(FIRST),
        "/dists/trixie/main/binary-amd64/Packages.xz" => Reply::full(PACKED),
        _ => Reply::status(404),
    });
    let refreshed = Ask::new().of(&Place::new().cache(), &server.url()).unwrap();
    assert_eq!(refreshed.packages[0].1, needed(PLAIN));
}

#[test]
fn only_the_named_keys_may_sign() {
    let text = String::from_utf8(FIRST.to_vec()).unwrap();
    let forged: &'static [u8] = text.replace("Components: main", "Components: evil").leak().as_bytes();
    let unsigned: &'static [u8] = b"Origin: Test\n";
    for release in [forged, unsigned] {
        let place = Place::new();
        let error = Ask::new().of(&place.cache(), &mirror(release).url()).unwrap_err();
        assert!(matches!(error, FetchError::Signature { .. }), "{error}");
        assert_eq!(error.blame(), Blame::Inputs);
        assert!(error.to_string().starts_with("`InRelease` of `trixie` is not trusted: "), "{error}");
    }
    let stranger = Ask { keyring: Keyring::debian(), ..Ask::new() };
    let error = stranger.of(&Place::new().cache(), &mirror(FIRST).url()).unwrap_err();
    assert!(matches!(error, FetchError::Signature { .. }), "{error}");
}

#[test]
fn going_back_in_time_is_refused() {
    let place = Place::new();
    let served = Arc::new(std::sync::Mutex::new(SECOND));
    let release = Arc::clone(&served);
    let server = Server::start(move |request, _| good(request, *release.lock().unwrap()));
    Ask::new().of(&place.cache(), &server.url()).unwrap();
    *served.lock().unwrap() = FIRST;
    let error = Ask::new().of(&place.cache(), &server.url()).unwrap_err();
    assert_eq!(error.to_string(), "`InRelease` of `trixie` is 24 hours older than the one accepted before");
    let FetchError::Rollback { path, .. } = error else { panic!("{error}") };
    // Another mirror may be a day behind.
    Ask::new().of(&place.cache(), &mirror(FIRST).url()).unwrap();
    // The way out that the hint names.
    fs::remove_file(path).unwrap();
    Ask::new().of(&place.cache(), &server.url()).unwrap();
}

#[test]
fn releases_of_another_time_or_suite_are_refused() {
    let ask = |release, now| Ask { now, ..Ask::new() }.of(&Place::new().cache(), &mirror(release).url());
    let said = |release, now| ask(release, now).unwrap_err().to_string();
    assert!(ask(FIRST, DATE + 7 * DAY).is_ok());
    assert_eq!(said(FIRST, DATE + 7 * DAY + 60), "`InRelease` of `trixie` expired 60 seconds ago");
    assert_eq!(said(FIRST, DATE + 17 * DAY), "`InRelease` of `trixie` expired 10 days ago");
    assert!(ask(FIRST, DATE - DAY).is_ok());
    assert_eq!(said(FIRST, DATE - DAY - 1), "`InRelease` of `trixie` is dated 24 hours in the future");
    assert_eq!(said(OTHER, NOW), "`InRelease` of `trixie` says it belongs to `forky` or `stable`");
}

#[test]
fn component_that_is_not_there_is_named() {
    let ask = Ask { component: "contrib", ..Ask::new() };
    let error = ask.of(&Place::new().cache(), &mirror(FIRST).url()).unwrap_err();
    assert_eq!(error.to_string(), "`trixie` has no component `contrib` for `amd64`");
}

#[test]
fn index_with_other_bytes_is_refused() {
    let server = Server::start(|request, _| match request.target.as_str() {
        "/dists/trixie/InRelease" => Reply::full(FIRST),
        _ => Reply::full(&vec![7; PACKED.len()]),
    });
    let place = Place::new();
    let error = Ask::new().of(&place.cache(), &server.url()).unwrap_err();
    assert!(matches!(&error, FetchError::Digest { wanted, .. } if *wanted == Sha256Digest::of(PACKED)), "{error}");
    // What was not complete is not what offline builds use.
    assert!(Ask { offline: true, ..Ask::new() }.of(&place.cache(), &server.url()).is_err());
}

#[test]
fn offline_takes_what_was_accepted_last() {
    let place = Place::new();
    let offline = || Ask { offline: true, ..Ask::new() };
    let error = offline().of(&place.cache(), "http://mirror.invalid").unwrap_err();
    assert_eq!(error.to_string(), "`trixie InRelease` is not in the cache, and the network is not to be used");

    for release in [SECOND, FIRST] {
        Ask::new().of(&place.cache(), &mirror(release).url()).unwrap();
    }
    // From whatever mirror, the newest; expired or not.
    let late = Ask { now: DATE + 100 * DAY, ..offline() };
    let refreshed = late.of(&place.cache(), "http://mirror.invalid").unwrap();
    assert_eq!(refreshed.locked.sha256, Sha256Digest::of(SECOND));
    assert_eq!(refreshed.packages[0].1, needed(PLAIN));
}

#[test]
fn damaged_index_is_made_again() {
    let (place, server) = (Place::new(), mirror(FIRST));
    Ask::new().of(&place.cache(), &server.url()).unwrap();
    let index = place.path().join("indexes").join(Sha256Digest::of(PACKED).to_string());
    let good = fs::read(&index).unwrap();
    let mut bad = good.clone();
    bad[40] ^= 1;
    fs::write(&index, &bad).unwrap();
    // From what lies beside it.
    Ask { offline: true, ..Ask::new() }.of(&place.cache(), &server.url()).unwrap();
    assert_eq!(fs::read(&index).unwrap(), good);
    // From the network, when that is damaged too.
    fs::write(&index, &bad).unwrap();
    fs::write(place.blob(&Sha256Digest::of(PACKED)), vec![7; PACKED.len()]).unwrap();
    let refreshed = Ask::new().of(&place.cache(), &server.url()).unwrap();
    assert_eq!(refreshed.packages[0].1, needed(PLAIN));
}

#[test]
fn mirror_without_the_suite_is_named() {
    let server = Server::start(|_, _| Reply::status(404));
    let error = Ask::new().of(&Place::new().cache(), &server.url()).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}/dists/trixie/InRelease` does not exist", server.url()));
    let server = Server::start(|_, _| Reply::status(500));
    let error = Ask::new().of(&Place::new().cache(), &server.url()).unwrap_err();
    assert!(error.to_string().ends_with("the server answered with status 500"), "{error}");
    assert_eq!((error.blame(), server.seen().len()), (Blame::Host, 3));
}
