//! How bytes come here: the one place where a test puts its own network.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Fetches files by address. Used by several threads at once.
pub trait Transport: Sync {
    /// Opens `url` at byte `from`. A transport may ignore `from`: the answer says where it begins.
    fn get(&self, url: &str, from: u64) -> Result<Response, TransportError>;
}

/// A file that began to come.
pub struct Response {
    /// Where the body begins.
    pub extent: Extent,
    /// Length of the body in bytes, where it is known.
    pub length: Option<u64>,
    /// The body; its errors are those of the connection.
    pub body: Box<dyn Read + Send>,
}

/// Which part of a file a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Full,
    /// From the byte that was asked for, to the end.
    Partial,
}

/// Why a file does not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// There is no such file (404, 410).
    NotFound,
    /// The server answered with this status.
    Status(u16),
    /// No answer: name not found, connection refused, cut or silent.
    Unreachable(String),
    /// An address or a redirect that cannot be followed.
    Unusable(String),
}

impl TransportError {
    /// Whether asking again may help.
    pub fn is_passing(&self) -> bool {
        match self {
            TransportError::NotFound | TransportError::Unusable(_) => false,
            TransportError::Status(status) => matches!(status, 408 | 425 | 429 | 500..),
            TransportError::Unreachable(_) => true,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::NotFound => f.write_str("no such file on the server"),
            TransportError::Status(status) => write!(f, "the server answered with status {status}"),
            TransportError::Unreachable(why) | TransportError::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TransportError {}

/// `file:` addresses: a mirror on a disk, or what `rootsmith vendor` made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files;

impl Transport for Files {
    fn get(&self, url: &str, from: u64) -> Result<Response, TransportError> {
        let unusable = || TransportError::Unusable(format!("`{url}` is no address of a local file"));
        let path = path_of(url).ok_or_else(unusable)?;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => TransportError::NotFound,
            _ => TransportError::Unusable(format!("`{}`: {error}", path.display())),
        };
        let mut file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(TransportError::NotFound);
        }
        let start = from.min(metadata.len());
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let extent = if from == 0 { Extent::Full } else { Extent::Partial };
        Ok(Response { extent, length: Some(metadata.len() - start), body: Box::new(file) })
    }
}

/// The path of `file:///srv/a%20b` or `file:/srv/a%20b` (RFC 8089).
fn path_of(url: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;

    let rest = url.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.strip_prefix("localhost").unwrap_or(with_host),
        None => rest,
    };
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    (!bytes.contains(&0)).then(|| std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_addresses() {
        let path = |url| path_of(url).map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(path("file:///srv/a%20b"), Some("/srv/a b".into()));
        assert_eq!(path("file:/srv/debian"), Some("/srv/debian".into()));
        assert_eq!(path("file://localhost/srv"), Some("/srv".into()));
        for bad in
            ["file://host/srv", "file:srv", "http://mirror.invalid/", "file:///a%zz", "file:///a%0", "file:///a%00"]
        {
            assert_eq!(path(bad), None, "{bad}");
        }
    }

    #[test]
    fn files_are_read_from_where_one_asks() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a file"), "rootsmith").unwrap();
        let url = format!("file://{}/a%20file", dir.path().display());
        let read = |from| {
            let mut response = Files.get(&url, from).unwrap();
            let mut text = String::new();
            response.body.read_to_string(&mut text).unwrap();
            (response.extent, response.length, text)
        };
        assert_eq!(read(0), (Extent::Full, Some(9), "rootsmith".into()));
        assert_eq!(read(4), (Extent::Partial, Some(5), "smith".into()));
        assert_eq!(read(40), (Extent::Partial, Some(0), String::new()));
        let missing = format!("file://{}/nothing", dir.path().display());
        assert_eq!(Files.get(&missing, 0).err(), Some(TransportError::NotFound));
    }
}
