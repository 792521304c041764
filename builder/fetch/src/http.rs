//! HTTP and HTTPS, through proxies where the environment asks for one.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Response as HttpResponse, StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::forward;
use crate::proxies::{InvalidProxy, Proxies, Proxy};
use crate::{Extent, Files, Response, Transport, TransportError};

/// Longer chains of redirects are a mistake of somebody.
const MAX_REDIRECTS: usize = 8;
/// As many as there are workers, so that each keeps its connection.
const CONNECTIONS: usize = 16;

/// The network: `http:` and `https:`, and `file:` for mirrors on a disk.
///
/// Certificates are judged by the platform's own store, so that a company's authority counts here as everywhere else.
pub struct Http {
    proxies: Proxies,
    direct: Agent,
    /// `https:` addresses through a proxy.
    tunnel: Option<Agent>,
    /// `http:` addresses through a proxy, with what the proxy wants to know of us.
    forward: Option<(Agent, Option<String>)>,
}

impl Http {
    /// Gives up on a server that is silent for half a minute.
    pub fn new(proxies: &Proxies) -> Result<Http, InvalidProxy> {
        Http::with_patience(proxies, Duration::from_secs(30))
    }

    /// Gives up on a server that is silent for as long as `patience`.
    pub fn with_patience(proxies: &Proxies, patience: Duration) -> Result<Http, InvalidProxy> {
        let config = || {
            let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
            Agent::config_builder()
                .tls_config(tls)
                .http_status_as_error(false)
                // Ours to follow: each hop may need another proxy, and must not lead from `https:` to `http:`.
                .max_redirects(0)
                .user_agent(concat!("rootsmith/", env!("CARGO_PKG_VERSION")))
                .max_idle_connections(CONNECTIONS)
                .max_idle_connections_per_host(CONNECTIONS)
                .timeout_resolve(Some(patience))
                .timeout_connect(Some(patience))
                .timeout_recv_response(Some(patience))
                .timeout_per_read(Some(patience))
                // The agent must not look into the environment by itself.
                .proxy(None)
        };
        let tunnel = proxies.https()?.map(|proxy| config().proxy(Some(proxy.tunnel())).build().new_agent());
        let forward = proxies.http()?.map(|proxy| match proxy {
            Proxy::Forward(proxy) => (forward::agent(config().build(), proxy.uri.clone()), proxy.authorization()),
            Proxy::Tunnel(proxy) => (config().proxy(Some(proxy)).build().new_agent(), None),
        });
        Ok(Http { proxies: proxies.clone(), direct: config().build().new_agent(), tunnel, forward })
    }

    fn once(&self, uri: &Uri, from: u64) -> Result<HttpResponse<Body>, TransportError> {
        let direct = self.proxies.skip(uri);
        let mut authorization = None;
        let agent = match (uri.scheme_str(), &self.tunnel, &self.forward) {
            (Some("https"), Some(agent), _) if !direct => agent,
            (Some("http"), _, Some((agent, credentials))) if !direct => {
                authorization = credentials.as_deref();
                agent
            }
            _ => &self.direct,
        };
        let mut request = agent.get(uri).header("accept-encoding", "identity");
        if let Some(credentials) = authorization {
            request = request.header("proxy-authorization", credentials);
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        request.call().map_err(unreachable)
    }
}

impl Transport for Http {
    fn get(&self, url: &str, from: u64) -> Result<Response, TransportError> {
        if url.starts_with("file:") {
            return Files.get(url, from);
        }
        let mut uri = usable(url)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(&uri, from)?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return answer(response, from);
            }
            uri = redirected(&uri, &response)?;
        }
        Err(TransportError::Unusable(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

/// What the server said, once it is no redirect.
fn answer(response: HttpResponse<Body>, from: u64) -> Result<Response, TransportError> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let extent = match response.status() {
        StatusCode::OK => Extent::Full,
        StatusCode::PARTIAL_CONTENT => {
            // `bytes 5-99/100`: only what begins where we stopped can be joined on.
            let start =
                header("content-range").and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
            if start != Some(from) {
                return Err(TransportError::Unusable("the server sent another part than was asked for".into()));
            }
            Extent::Partial
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(TransportError::NotFound),
        status => return Err(TransportError::Status(status.as_u16())),
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    Ok(Response { extent, length, body: Box::new(response.into_body().into_reader()) })
}

fn usable(url: &str) -> Result<Uri, TransportError> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(TransportError::Unusable(format!("`{url}` is neither `http:`, `https:` nor `file:`")));
    }
    let uri: Uri = url.parse().map_err(|error| TransportError::Unusable(format!("`{url}` is no address: {error}")))?;
    match uri.host() {
        Some(host) if !host.is_empty() => Ok(uri),
        _ => Err(TransportError::Unusable(format!("`{url}` names no host"))),
    }
}

/// Where a redirect leads: `Location` may be an address, `//host/path`, `/path` or a path beside this one (RFC 9110, 10.2.2).
fn redirected(from: &Uri, response: &HttpResponse<Body>) -> Result<Uri, TransportError> {
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| TransportError::Unusable("a redirect that leads nowhere".into()))?;
    let (scheme, host) = (from.scheme_str().unwrap_or("http"), from.authority().map_or("", |host| host.as_str()));
    let to = if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{host}{folder}/{location}")
    };
    let to = usable(&to)?;
    if scheme == "https" && to.scheme_str() != Some("https") {
        return Err(TransportError::Unusable(format!("a redirect from `https:` to `{to}`")));
    }
    Ok(to)
}

fn unreachable(error: ureq::Error) -> TransportError {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => TransportError::Unusable(error.to_string()),
        ureq::Error::HostNotFound => TransportError::Unreachable("the host's name could not be looked up".into()),
        // The message of an I/O error without the words around it: `Connection refused (os error 111)`.
        ureq::Error::Io(error) => TransportError::Unreachable(error.to_string()),
        error => TransportError::Unreachable(error.to_string()),
    }
}

/// `Http` is handed to workers by reference or shared.
impl<T: Transport + Send + ?Sized> Transport for Arc<T> {
    fn get(&self, url: &str, from: u64) -> Result<Response, TransportError> {
        (**self).get(url, from)
    }
}
