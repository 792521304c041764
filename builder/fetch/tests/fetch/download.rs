//! What a mirror may do to us.

use std::fs;
use std::net::TcpListener;
use std::slice::from_ref;
use std::time::{Duration, Instant};

use rootsmith_fetch::{FetchError, Http, NoProgress, Proxies};
use rootsmith_types::{Blame, Explain, Sha256Digest, Subject, Trace};

use crate::deb::{locked, noise, target};
use crate::server::{Reply, Server};
use crate::{Place, direct, fetch, mirrors, only};

#[test]
fn many_files_come_at_once_and_only_once() {
    let files: Vec<Vec<u8>> = (0..20).map(|n| noise(n, 10_000 + 777 * n as usize)).collect();
    let packages: Vec<_> = (0..20).map(|n| locked(&format!("p{n}"), &files[n])).collect();
    let server = Server::start(move |request, _| {
        let n = (0..20).find(|n| request.target == target(&format!("p{n}"))).unwrap();
        Reply::ranged(&files[n], request)
    });
    let place = Place::new();
    // One of them twice: for the root file system and for booting.
    let twice: Vec<_> = packages.iter().chain(&packages[..1]).cloned().collect();
    let fetched = fetch(&place.cache(), &twice, &server.url(), &direct()).unwrap();
    assert_eq!(fetched.files, 20);
    assert_eq!(fetched.size.get(), packages.iter().map(|package| package.size).sum::<u64>());
    for package in &packages {
        assert_eq!(Sha256Digest::of(&fs::read(place.blob(&package.sha256)).unwrap()), package.sha256);
        assert!(!place.partial(&package.sha256).exists());
    }
    assert_eq!(fetch(&place.cache(), &packages, &server.url(), &direct()).unwrap().files, 0);
    assert_eq!(server.seen().len(), 20);
}

#[test]
fn cut_connection_is_resumed_where_it_broke() {
    let data = noise(1, 200_000);
    let package = locked("cut", &data);
    let server = Server::start(move |request, before| match before {
        0 => Reply::ranged(&data, request).cut(70_000),
        1 => Reply::status(503),
        2 => Reply::ranged(&data, request).cut(0),
        _ => Reply::ranged(&data, request),
    });
    let place = Place::new();
    fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
    let starts: Vec<usize> = server.seen().iter().map(|request| request.from).collect();
    assert_eq!(starts[0], 0);
    assert!(starts[1] > 0 && starts[1] <= 70_000, "{starts:?}");
    assert_eq!(starts[1..], [starts[1]; 3]);
    assert_eq!(Sha256Digest::of(&fs::read(place.blob(&package.sha256)).unwrap()), package.sha256);
}

#[test]
fn download_of_an_earlier_process_is_resumed() {
    let data = noise(2, 100_000);
    let package = locked("earlier", &data);
    let place = Place::new();
    drop(place.cache());
    fs::write(place.partial(&package.sha256), &data[..60_000]).unwrap();
    let server = Server::start(move |request, _| Reply::ranged(&data, request));
    fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
    assert_eq!(server.seen().iter().map(|request| request.from).collect::<Vec<_>>(), [60_000]);
}

#[test]
fn complete_partial_needs_no_network() {
    let data = noise(2, 100_000);
    let package = locked("complete", &data);
    let place = Place::new();
    drop(place.cache());
    fs::write(place.partial(&package.sha256), &data).unwrap();
    fetch(&place.cache(), from_ref(&package), "http://mirror.invalid", &direct()).unwrap();
    assert!(place.blob(&package.sha256).exists());
}

#[test]
fn server_without_ranges_is_read_from_the_start() {
    let data = noise(3, 100_000);
    let package = locked("whole", &data);
    let place = Place::new();
    drop(place.cache());
    fs::write(place.partial(&package.sha256), &data[..60_000]).unwrap();
    let server = Server::start(move |_, _| Reply::full(&data));
    fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
    assert_eq!(server.seen().len(), 1);
    assert_eq!(Sha256Digest::of(&fs::read(place.blob(&package.sha256)).unwrap()), package.sha256);
}

#[test]
fn wrong_beginning_is_dropped_and_fetched_again() {
    let data = noise(4, 100_000);
    let package = locked("beginning", &data);
    let place = Place::new();
    drop(place.cache());
    for beginning in [noise(5, 60_000), noise(5, 100_000), noise(5, 100_001)] {
        fs::write(place.partial(&package.sha256), beginning).unwrap();
        let data = data.clone();
        let server = Server::start(move |request, _| Reply::ranged(&data, request));
        fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
        fs::remove_file(place.blob(&package.sha256)).unwrap();
    }
}

#[test]
fn range_that_is_refused_is_asked_for_whole() {
    let data = noise(4, 100_000);
    let package = locked("refused", &data);
    let place = Place::new();
    drop(place.cache());
    fs::write(place.partial(&package.sha256), &data[..10]).unwrap();
    let server = Server::start(move |request, _| match request.from {
        0 => Reply::full(&data),
        _ => Reply::status(416),
    });
    fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap();
}

#[test]
fn digest_mismatch_shows_both_digests_and_the_address() {
    let (data, other) = (noise(6, 50_000), noise(7, 50_000));
    let (package, found) = (locked("mismatch", &data), Sha256Digest::of(&other));
    let server = Server::start(move |request, _| Reply::ranged(&other, request));
    let place = Place::new();
    let error = only(fetch(&place.cache(), from_ref(&package), &server.url(), &direct()));
    let url = format!("{}{}", server.url(), target("mismatch"));
    assert_eq!(error.to_string(), format!("`{url}` has sha256 `{found}`, while `{}` is wanted", package.sha256));
    assert_eq!((error.subject(), error.blame()), (Subject::Package(package.name.clone()), Blame::Inputs));
    assert!(!place.blob(&package.sha256).exists() && !place.partial(&package.sha256).exists());
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn file_of_another_length_is_refused_before_it_is_read() {
    let data = noise(8, 50_000);
    for len in [49_999, 50_001, 0] {
        let (package, other) = (locked("length", &data), noise(8, len));
        let server = Server::start(move |_, _| Reply::full(&other));
        let error = only(fetch(&Place::new().cache(), from_ref(&package), &server.url(), &direct()));
        let FetchError::Size { wanted: 50_000, found, .. } = error else { panic!("{error}") };
        assert_eq!(found, Some(len as u64));
    }
}

#[test]
fn endless_file_is_left_where_it_becomes_too_long() {
    let data = noise(9, 50_000);
    let package = locked("endless", &data);
    let server = Server::start(move |_, _| Reply { length: None, ..Reply::full(&noise(9, 5_000_000)) });
    let error = only(fetch(&Place::new().cache(), from_ref(&package), &server.url(), &direct()));
    assert!(matches!(error, FetchError::Size { found: None, .. }), "{error}");
}

#[test]
fn truncated_file_is_given_up_after_some_attempts() {
    let data = noise(10, 50_000);
    let package = locked("truncated", &data);
    // Says nothing of its length, and ends too early each time.
    let server = Server::start(move |_, _| Reply { length: None, ..Reply::full(&data[..40_000]) });
    let error = only(fetch(&Place::new().cache(), from_ref(&package), &server.url(), &direct()));
    assert!(error.to_string().contains("ended after 40000 of 50000 bytes"), "{error}");
    assert_eq!(error.blame(), Blame::Host);
    assert!(server.seen().len() <= 5, "{}", server.seen().len());
}

#[test]
fn missing_files_are_reported_all_at_once() {
    let data = noise(11, 1000);
    let packages = [locked("b-missing", &noise(21, 9)), locked("there", &data), locked("a-missing", &noise(22, 9))];
    let server = Server::start(move |request, _| match request.target == target("there") {
        true => Reply::full(&data),
        false => Reply::status(404),
    });
    let place = Place::new();
    let errors = fetch(&place.cache(), &packages, &server.url(), &direct()).unwrap_err();
    let names: Vec<_> = errors.iter().map(Explain::subject).collect();
    assert_eq!(names, [Subject::Package(packages[2].name.clone()), Subject::Package(packages[0].name.clone())]);
    assert!(matches!(&errors[0], FetchError::NotFound { .. }));
    assert_eq!(server.seen().len(), 3, "a missing file is asked for once");
    assert!(place.blob(&packages[1].sha256).exists());
}

#[test]
fn unreachable_mirror_is_one_error_and_soon() {
    // A port that nobody listens on.
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let packages: Vec<_> = (0..40).map(|n| locked(&format!("p{n:02}"), &noise(n, 100))).collect();
    let start = Instant::now();
    let error = only(fetch(&Place::new().cache(), &packages, &url, &direct()));
    assert!(start.elapsed() < Duration::from_secs(2));
    let message = error.to_string();
    assert!(message.starts_with(&format!("`{url}` cannot be reached, 40 files did not come: ")), "{message}");
    assert!(message.contains("refused"), "{message}");
    assert!(error.help().unwrap().ends_with("`p00`, `p01`, `p02` and 37 more are missing"), "{:?}", error.help());
    assert_eq!((error.subject(), error.blame()), (Subject::Host, Blame::Host));
}

#[test]
fn silent_server_is_left_after_a_while() {
    let data = noise(12, 100_000);
    let package = locked("silent", &data);
    let server = Server::start(move |request, _| {
        std::thread::sleep(Duration::from_secs(1));
        Reply::ranged(&data, request)
    });
    let http = Http::with_patience(&Proxies::default(), Duration::from_millis(100)).unwrap();
    let start = Instant::now();
    let error = only(fetch(&Place::new().cache(), from_ref(&package), &server.url(), &http));
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn redirects_are_followed_within_reason() {
    let data = noise(13, 10_000);
    let package = locked("moved", &data);
    let other = Server::start(move |request, _| Reply::ranged(&data, request));
    let there = format!("{}/elsewhere", other.url());
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/a/b" => Reply::redirect("c"),
        "/a/c" => Reply::redirect(there.clone()),
        _ => Reply::redirect("/a/b"),
    });
    fetch(&Place::new().cache(), from_ref(&package), &server.url(), &direct()).unwrap();
    let targets: Vec<String> = server.seen().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, [target("moved").as_str(), "/a/b", "/a/c"]);

    for (to, why) in [("/loop", "more than 8 redirects"), ("file:///etc/passwd", "neither")] {
        let server = Server::start(move |_, _| Reply::redirect(to));
        let error = only(fetch(&Place::new().cache(), from_ref(&package), &server.url(), &direct()));
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn offline_names_what_is_missing() {
    let (there, missing) = (noise(14, 1000), noise(15, 1000));
    let packages = [locked("there", &there), locked("missing", &missing)];
    let server = Server::start(move |_, _| Reply::full(&there));
    let place = Place::new();
    fetch(&place.cache(), &packages[..1], &server.url(), &direct()).unwrap();
    let items = packages.each_ref().map(|package| rootsmith_fetch::Download { package });
    let via = direct();
    let result = place.cache().ensure(&items, &mirrors("http://mirror.invalid"), &via, true, &NoProgress, Trace::off());
    let error = only(result);
    assert_eq!(error.to_string(), "`missing 1` is not in the cache, and the network is not to be used");
    assert_eq!(error.subject(), Subject::Package(packages[1].name.clone()));
}

#[test]
fn mirror_on_a_disk() {
    let data = noise(16, 10_000);
    let package = locked("local", &data);
    let mirror = tempfile::tempdir().unwrap();
    fs::create_dir_all(mirror.path().join("pool/main")).unwrap();
    fs::write(mirror.path().join(&package.filename), &data).unwrap();
    let url = format!("file://{}", mirror.path().display());
    assert_eq!(fetch(&Place::new().cache(), from_ref(&package), &url, &direct()).unwrap().files, 1);
    let error = only(fetch(&Place::new().cache(), &[locked("nothing", &data)], &url, &direct()));
    assert!(matches!(error, FetchError::NotFound { .. }), "{error}");
}

#[test]
fn two_builds_at_once_fetch_a_file_once() {
    let data = noise(17, 400_000);
    let package = locked("shared", &data);
    let server =
        Server::start(move |request, _| Reply { pause: Duration::from_millis(5), ..Reply::ranged(&data, request) });
    let place = Place::new();
    let fetched: usize = std::thread::scope(|scope| {
        let build = || fetch(&place.cache(), from_ref(&package), &server.url(), &direct()).unwrap().files;
        let builds = [scope.spawn(build), scope.spawn(build), scope.spawn(build)];
        builds.map(|build| build.join().unwrap()).iter().sum()
    });
    assert_eq!((fetched, server.seen().len()), (1, 1));
}

#[test]
fn full_disk_is_said_once_and_leaves_the_cache_usable() {
    // The one file system every Linux has that is always full.
    let place = Place::new();
    drop(place.cache());
    let files = [noise(18, 1000), noise(19, 1000)];
    let packages = [locked("a-full", &files[0]), locked("b-full", &files[1])];
    for package in &packages {
        std::os::unix::fs::symlink("/dev/full", place.partial(&package.sha256)).unwrap();
    }
    let server = Server::start(move |request, _| {
        let file = if request.target == target("a-full") { &files[0] } else { &files[1] };
        Reply::ranged(file, request)
    });
    let error = only(fetch(&place.cache(), &packages, &server.url(), &direct()));
    assert!(error.to_string().starts_with("the disk is full, while writing `"), "{error}");
    assert_eq!(error.blame(), Blame::Host);
    for package in &packages {
        fs::remove_file(place.partial(&package.sha256)).unwrap();
    }
    assert_eq!(fetch(&place.cache(), &packages, &server.url(), &direct()).unwrap().files, 2);
}
