//! A network of one host: a proxy on the loopback interface that answers for `http://mirror.invalid/` from a folder.
//!
//! With a proxy, addresses in profiles and messages are the same in every run, whatever port was free.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The only host there is.
const HOST: &str = "http://mirror.invalid/";

/// Serves the files below a folder until the test ends.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// `folder` is the root of the host; its files are read at each request.
    pub fn start(folder: &Path) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let folder: Arc<Path> = Arc::from(folder);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = Arc::clone(&folder);
                // A client that hangs up ends the connection: nothing to report.
                thread::spawn(move || drop(serve(stream, &folder)));
            }
        });
        Server { address }
    }

    /// For `http_proxy`.
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers requests of one connection (RFC 9112), one after another. A range is not honoured, as a server may.
fn serve(stream: TcpStream, folder: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut out = stream;
    while let Some(request) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        let target = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match place(folder, target).map(fs::read) {
            Some(Ok(body)) => ("200 OK", body),
            _ => ("404 Not Found", Vec::new()),
        };
        write!(out, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len())?;
        out.write_all(&body)?;
    }
    Ok(())
}

/// The file that `target` means; `None` for other hosts.
fn place(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = Path::new(target.strip_prefix(HOST)?);
    let below = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    below.then(|| folder.join(path))
}
