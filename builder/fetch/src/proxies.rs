//! Which proxy an address goes through.

use std::fmt;

use rootsmith_types::{Blame, Explain, Subject};
use ureq::http::Uri;

/// The proxy variables, as everybody understands them. `cli` fills this from the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `http_proxy`: for `http:` addresses.
    pub http: Option<String>,
    /// `https_proxy`: for `https:` addresses.
    pub https: Option<String>,
    /// `no_proxy`: hosts, domains and networks that are reached directly, with commas between; `*` for all.
    pub no_proxy: Option<String>,
}

impl Proxies {
    /// Asks `variable` for each name. Lower case wins, as in curl; `all_proxy` stands in for either of the first two.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let get = |name: &str| {
            let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
            set(name).or_else(|| set(&name.to_ascii_uppercase()))
        };
        let all = || get("all_proxy");
        Proxies {
            http: get("http_proxy").or_else(all),
            https: get("https_proxy").or_else(all),
            no_proxy: get("no_proxy"),
        }
    }

    /// Whether `uri` is reached without a proxy.
    pub(crate) fn skip(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let rules = self.no_proxy.as_deref().unwrap_or_default();
        rules.split([',', ' ']).map(str::trim).filter(|rule| !rule.is_empty()).any(|rule| {
            let rule = rule.to_ascii_lowercase();
            let (name, port) = match rule.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name, port.parse().ok()),
                _ => (rule.as_str(), None),
            };
            let name = name.trim_start_matches('[').trim_end_matches(']');
            let port_fits = port.is_none_or(|port: u16| Some(port) == port_of(uri));
            port_fits && (name == "*" || in_network(&host, name) || in_domain(&host, name))
        })
    }

    pub(crate) fn http(&self) -> Result<Option<Proxy>, InvalidProxy> {
        self.http.as_deref().map(|text| Proxy::parse("http_proxy", text)).transpose()
    }

    pub(crate) fn https(&self) -> Result<Option<Proxy>, InvalidProxy> {
        self.https.as_deref().map(|text| Proxy::parse("https_proxy", text)).transpose()
    }
}

impl fmt::Debug for Proxies {
    /// Without the addresses: there may be passwords in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxies {{ http: {}, https: {} }}", self.http.is_some(), self.https.is_some())
    }
}

/// `example.invalid` means that host and all below it; so does `.example.invalid`, and `*.example.invalid`.
fn in_domain(host: &str, rule: &str) -> bool {
    let domain = rule.strip_prefix('*').unwrap_or(rule);
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `10.0.0.0/8`, `fd00::/8`, or one address.
fn in_network(host: &str, rule: &str) -> bool {
    use std::net::IpAddr;

    let bits = |address: IpAddr| match address {
        // Both kinds in the high bits, so that a prefix is a shift.
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (network, length) = rule.split_once('/').map_or((rule, None), |(network, length)| (network, Some(length)));
    let (Ok(host), Ok(network)) = (host.parse::<IpAddr>(), network.parse::<IpAddr>()) else { return false };
    let ((host, host_size), (network, size)) = (bits(host), bits(network));
    let length: u32 = match length.map_or(Ok(size), str::parse) {
        Ok(length) if length <= size => length,
        _ => return false,
    };
    let differ = host ^ network;
    host_size == size && (length == 0 || differ >> (128 - length) == 0)
}

fn port_of(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    })
}

/// A proxy for `http:` addresses.
pub(crate) enum Proxy {
    /// It is told the whole address and fetches it: what caches for packages expect.
    Forward(Forward),
    /// SOCKS: a connection to the server itself, made by the proxy.
    Tunnel(ureq::Proxy),
}

/// An HTTP proxy.
pub(crate) struct Forward {
    pub(crate) uri: Uri,
    proxy: ureq::Proxy,
}

impl Proxy {
    fn parse(variable: &'static str, text: &str) -> Result<Proxy, InvalidProxy> {
        // The text may hold a password: it is not repeated.
        let invalid = || InvalidProxy { variable };
        let proxy = ureq::Proxy::new(text.trim()).map_err(|_| invalid())?;
        match proxy.uri().scheme_str() {
            Some("http" | "https") => Ok(Proxy::Forward(Forward { uri: proxy.uri().clone(), proxy })),
            Some("socks4" | "socks4a" | "socks" | "socks5" | "socks5h") => Ok(Proxy::Tunnel(proxy)),
            _ => Err(invalid()),
        }
    }

    /// For addresses whose content a proxy must not see.
    pub(crate) fn tunnel(self) -> ureq::Proxy {
        match self {
            Proxy::Forward(forward) => forward.proxy,
            Proxy::Tunnel(proxy) => proxy,
        }
    }
}

impl Forward {
    /// `Proxy-Authorization` (RFC 7617), when the address names a user.
    pub(crate) fn authorization(&self) -> Option<String> {
        let user = self.proxy.username()?;
        let credentials = format!("{user}:{}", self.proxy.password().unwrap_or_default());
        Some(format!("Basic {}", base64(credentials.as_bytes())))
    }
}

/// RFC 4648, section 4.
fn base64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in data.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        // 1, 2 or 3 bytes make 2, 3 or 4 digits.
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// A proxy variable that holds no address of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProxy {
    /// Which one.
    pub variable: &'static str,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable `{}` holds no address of a proxy", self.variable)
    }
}

impl std::error::Error for InvalidProxy {}

impl Explain for InvalidProxy {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("write it as `http://host:port`, `https://host:port` or `socks5://host:port`, or unset it".into())
    }

    fn blame(&self) -> Blame {
        Blame::Host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_wins_and_empty_is_unset() {
        let set = [
            ("HTTP_PROXY", "http://upper"),
            ("http_proxy", "http://lower"),
            ("https_proxy", " "),
            ("ALL_PROXY", "all"),
        ];
        let get = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        let proxies = Proxies::from_variables(get);
        assert_eq!((proxies.http.as_deref(), proxies.https.as_deref()), (Some("http://lower"), Some("all")));
    }

    #[test]
    fn rules_for_reaching_hosts_directly() {
        let skip = |rules: &str, uri: &str| {
            Proxies { no_proxy: Some(rules.into()), ..Proxies::default() }.skip(&uri.parse().unwrap())
        };
        for (rules, uri) in [
            ("*", "http://mirror.invalid/"),
            ("a.invalid, mirror.invalid", "http://mirror.invalid/"),
            ("mirror.invalid", "http://deep.Mirror.invalid/"),
            (".mirror.invalid", "http://deep.mirror.invalid/"),
            ("*.mirror.invalid", "http://deep.mirror.invalid/"),
            ("10.0.0.0/8", "http://10.200.0.1:8080/"),
            ("127.0.0.1", "http://127.0.0.1/"),
            ("::1,fd00::/8", "http://[fd12::1]/"),
            ("mirror.invalid:80", "http://mirror.invalid/"),
        ] {
            assert!(skip(rules, uri), "{rules} {uri}");
        }
        for (rules, uri) in [
            ("", "http://mirror.invalid/"),
            ("mirror.invalid", "http://notmirror.invalid/"),
            ("10.0.0.0/8", "http://11.0.0.1/"),
            ("10.0.0.0/80", "http://10.0.0.1/"),
            ("::/0", "http://10.0.0.1/"),
            ("mirror.invalid:443", "http://mirror.invalid/"),
        ] {
            assert!(!skip(rules, uri), "{rules} {uri}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for text in ["ftp://user:secret@proxy.invalid", "http://", "::"] {
            let proxies = Proxies { http: Some(text.into()), ..Proxies::default() };
            let message = proxies.http().err().unwrap().to_string();
            assert_eq!(message, "the variable `http_proxy` holds no address of a proxy");
        }
    }

    #[test]
    fn base64_pads() {
        let encoded = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
