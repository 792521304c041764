//! Proxies are used where they are asked for.

use rootsmith_fetch::{Http, Proxies, Transport, TransportError};

use crate::server::{Reply, Server};

fn proxies(url: &str) -> Proxies {
    Proxies { http: Some(url.into()), https: Some(url.into()), no_proxy: None }
}

fn read(via: &Http, url: &str) -> Result<String, TransportError> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut via.get(url, 0)?.body, &mut text).unwrap();
    Ok(text)
}

#[test]
fn proxy_is_told_the_whole_address_and_who_asks() {
    let proxy = Server::start(|request, _| match request.target.as_str() {
        "http://mirror.invalid/moved" => Reply::redirect("http://other.invalid:81/here?now"),
        _ => Reply::full(request.target.as_bytes()),
    });
    let address = proxy.url().replace("http://", "http://user:p%40ss@");
    let via = Http::new(&proxies(&address)).unwrap();
    assert_eq!(
        read(&via, "http://mirror.invalid/debian/x_1%3a1.deb").unwrap(),
        "http://mirror.invalid/debian/x_1%3a1.deb"
    );
    assert_eq!(read(&via, "http://mirror.invalid/moved").unwrap(), "http://other.invalid:81/here?now");
    let seen = proxy.seen();
    assert_eq!(
        seen.iter().map(|request| request.header("host")).collect::<Vec<_>>(),
        [Some("mirror.invalid"), Some("mirror.invalid"), Some("other.invalid:81")]
    );
    // user:p@ss
    assert!(seen.iter().all(|request| request.header("proxy-authorization") == Some("Basic dXNlcjpwQHNz")));
}

#[test]
fn https_goes_through_a_tunnel() {
    let proxy = Server::start(|_, _| Reply::status(403));
    let via = Http::new(&proxies(&proxy.url())).unwrap();
    assert!(read(&via, "https://mirror.invalid/debian").is_err());
    assert_eq!(proxy.seen()[0].target, "mirror.invalid:443");
}

#[test]
fn exceptions_are_reached_directly() {
    let proxy = Server::start(|_, _| Reply::full(b"proxy"));
    let server = Server::start(|_, _| Reply::full(b"server"));
    let through = proxies(&proxy.url());
    let around = Proxies { no_proxy: Some("localhost, 127.0.0.0/8".into()), ..through.clone() };
    assert_eq!(read(&Http::new(&through).unwrap(), &server.url()).unwrap(), "proxy");
    assert_eq!(read(&Http::new(&around).unwrap(), &server.url()).unwrap(), "server");
    assert!(server.seen()[0].header("proxy-authorization").is_none());
}

#[test]
fn proxy_that_is_down_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = read(&Http::new(&proxies(&url)).unwrap(), "http://mirror.invalid/").unwrap_err();
    assert!(matches!(error, TransportError::Unreachable(_)), "{error}");
}
