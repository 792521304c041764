//! Plain HTTP through a proxy, as RFC 9112, 3.2.2 has it: the proxy is told the whole address.
//!
//! The library knows `CONNECT` alone, which most proxies and all package caches allow for port 443 only. So every name
//! "resolves" to the proxy, and the request line is completed on its way out.

use std::fmt::Debug;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error};

/// An agent whose requests all go to `proxy`.
pub(crate) fn agent(config: Config, proxy: Uri) -> Agent {
    let connector = ().chain(ToProxy { proxy: proxy.clone() });
    Agent::with_parts(config, connector, ProxyResolver { proxy, resolver: DefaultResolver::default() })
}

#[derive(Debug)]
struct ProxyResolver {
    proxy: Uri,
    resolver: DefaultResolver,
}

impl Resolver for ProxyResolver {
    fn resolve(&self, _: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.resolver.resolve(&self.proxy, config, timeout)
    }
}

#[derive(Debug)]
struct ToProxy {
    proxy: Uri,
}

impl Connector<()> for ToProxy {
    type Out = WholeAddress;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<WholeAddress>, Error> {
        // As the connectors shall see it: a connection to the proxy, with TLS if the proxy wants it.
        let details_of_proxy = ConnectionDetails {
            uri: &self.proxy,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
        let inner = connector.connect(&details_of_proxy, None)?.ok_or(Error::ConnectionFailed)?;
        let prefix = format!("http://{}", details.uri.authority().map_or("", |host| host.as_str()));
        Ok(Some(WholeAddress { inner: boxed(inner), prefix }))
    }
}

fn boxed<A: Transport, B: Transport>(transport: Either<A, B>) -> Box<dyn Transport> {
    Box::new(transport)
}

/// Completes `GET /path` to `GET http://host/path`.
#[derive(Debug)]
struct WholeAddress {
    inner: Box<dyn Transport>,
    prefix: String,
}

impl Transport for WholeAddress {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        const METHOD: usize = "GET ".len();
        let output = self.inner.buffers().output();
        let longer = amount.saturating_add(self.prefix.len());
        // Requests have no body, so each transmission begins with a request line.
        if output.get(..amount).is_none_or(|head| !head.starts_with(b"GET /")) || longer > output.len() {
            return Err(Error::BadUri(format!("a request to {} that does not fit", self.prefix)));
        }
        output.copy_within(METHOD..amount, METHOD + self.prefix.len());
        output[METHOD..METHOD + self.prefix.len()].copy_from_slice(self.prefix.as_bytes());
        self.inner.transmit_output(longer, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
