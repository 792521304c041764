//! Locked packages to verified blobs in the content-addressed cache, and repositories to verified indexes.

mod cache;
mod error;
mod forward;
mod http;
pub mod mirrors;
mod progress;
mod proxies;
pub mod repository;
mod transport;

pub use cache::{Cache, Download, RemoteFile, Retry, Scratch};
pub use error::{FetchError, Fetched};
pub use http::Http;
pub use mirrors::Mirrors;
pub use progress::{NoProgress, Progress};
pub use proxies::{InvalidProxy, Proxies};
pub use transport::{Extent, Files, Response, Transport, TransportError};
