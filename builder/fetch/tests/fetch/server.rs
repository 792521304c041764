//! A mirror on the loopback interface, as good or as bad as a test wants it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// As it stands in the request line: a path, or a whole address when we are a proxy.
    pub(crate) target: String,
    /// First byte of `Range`, 0 when there is none.
    pub(crate) from: usize,
    /// Other headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// What the client gets.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// What `Content-Length` says, `None` to leave it away.
    pub(crate) length: Option<usize>,
    /// Bytes of the body after which the connection is cut.
    pub(crate) cut: Option<usize>,
    /// Pause after each 16 KiB.
    pub(crate) pause: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new(), length: Some(0), cut: None, pause: Duration::ZERO }
    }

    pub(crate) fn full(body: &[u8]) -> Reply {
        Reply { body: body.to_vec(), length: Some(body.len()), ..Reply::status(200) }
    }

    /// What a good server says: the rest of `body` when a range was asked for.
    pub(crate) fn ranged(body: &[u8], request: &Request) -> Reply {
        if request.from == 0 {
            return Reply::full(body);
        }
        if request.from >= body.len() {
            return Reply::status(416);
        }
        let range = format!("bytes {}-{}/{}", request.from, body.len() - 1, body.len());
        let rest = &body[request.from..];
        Reply { status: 206, headers: vec![("Content-Range", range)], ..Reply::full(rest) }
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Reply {
        Reply { headers: vec![("Location", to.into())], ..Reply::status(302) }
    }

    pub(crate) fn cut(self, after: usize) -> Reply {
        Reply { cut: Some(after), ..self }
    }
}

/// A server that runs until the test ends.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `handler` gets each request, and how many came before it for the same target.
    pub(crate) fn start(handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::<Request>::new()));
        let (handler, log) = (Arc::new(handler), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                // The client hanging up ends the connection: nothing to report.
                thread::spawn(move || drop(serve(stream, &*handler, &log)));
            }
        });
        Server { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    handler: &(dyn Fn(&Request, usize) -> Reply + Send + Sync),
    log: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    while let Some(request) = read_request(&mut reader)? {
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|seen| seen.target == request.target).count();
            log.push(request.clone());
            before
        };
        let reply = handler(&request, before);
        let mut head = format!("HTTP/1.1 {} As-It-Is\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match reply.length {
            Some(length) => head += &format!("Content-Length: {length}\r\n"),
            None => head += "Connection: close\r\n",
        }
        out.write_all(format!("{head}\r\n").as_bytes())?;
        let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
        for chunk in body.chunks(16 << 10) {
            out.write_all(chunk)?;
            thread::sleep(reply.pause);
        }
        if reply.cut.is_some() || reply.length != Some(reply.body.len()) {
            return Ok(());
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let range = headers.iter().find(|(name, _)| name == "range");
    let from = range.map_or(0, |(_, value)| value["bytes=".len()..].trim_end_matches('-').parse().unwrap());
    Ok(Some(Request { target, from, headers }))
}
