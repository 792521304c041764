//! An archive from front to back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::budget::Budget;
use super::decompress::Compression;
use crate::{FileSource, OpenError, Source};

/// Read where it lies: enough for a header and a few small files after it.
const WINDOW: usize = 32 << 10;
/// How much is decompressed ahead: this many pieces of this many bytes.
const PIECES: usize = 4;
const PIECE: usize = 512 << 10;
/// What helps with .xz files of several blocks; memory bounds it further.
const MAX_THREADS: usize = 8;

/// The bytes of an archive, in their order.
pub(crate) trait Stream {
    /// Bytes from here on; none at the end.
    fn available(&mut self) -> Result<&[u8], OpenError>;

    /// Goes on by `n` bytes, which were available.
    fn advance(&mut self, n: usize);

    /// Where we are, in bytes from the start of what is not compressed.
    fn position(&self) -> u64;

    /// Goes on by `n` bytes; `false` when there are fewer.
    fn skip(&mut self, mut n: u64) -> Result<bool, OpenError> {
        while n > 0 {
            let here = self.available()?.len().min(usize::try_from(n).unwrap_or(usize::MAX));
            if here == 0 {
                return Ok(false);
            }
            self.advance(here);
            n -= here as u64;
        }
        Ok(true)
    }

    /// Fills `buf` as far as there are bytes, and says how far.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize, OpenError> {
        let mut filled = 0;
        while filled < buf.len() {
            let available = self.available()?;
            let n = available.len().min(buf.len() - filled);
            if n == 0 {
                break;
            }
            buf[filled..filled + n].copy_from_slice(&available[..n]);
            self.advance(n);
            filled += n;
        }
        Ok(filled)
    }
}

/// An archive that is read where it lies; contents are passed over.
pub(crate) struct InPlace {
    source: Source,
    at: u64,
    window: Vec<u8>,
    /// Where the window begins.
    from: u64,
}

impl InPlace {
    /// From its start.
    pub(crate) fn new(source: Source) -> InPlace {
        InPlace { source, at: 0, window: Vec::new(), from: 0 }
    }
}

impl Stream for InPlace {
    fn available(&mut self) -> Result<&[u8], OpenError> {
        let inside = |window: &[u8], from: u64, at: u64| at.checked_sub(from).filter(|n| *n < window.len() as u64);
        if inside(&self.window, self.from, self.at).is_none() {
            // At most as long as the window.
            let n = self.source.size().saturating_sub(self.at).min(WINDOW as u64) as usize;
            self.window.resize(n, 0);
            self.from = self.at;
            self.source.read_at(self.at, &mut self.window).map_err(|error| {
                OpenError::damaged_at(
                    "tar",
                    format_args!("byte {}", self.at),
                    format_args!("it cannot be read: {error}"),
                )
            })?;
        }
        let skipped = inside(&self.window, self.from, self.at).unwrap_or(0);
        Ok(&self.window[skipped as usize..])
    }

    fn advance(&mut self, n: usize) {
        self.at += n as u64;
    }

    fn position(&self) -> u64 {
        self.at
    }

    fn skip(&mut self, n: u64) -> Result<bool, OpenError> {
        match self.at.checked_add(n).filter(|at| *at <= self.source.size()) {
            Some(at) => self.at = at,
            None => return Ok(false),
        }
        Ok(true)
    }
}

/// Decompresses an archive into a file without a name in `scratch` while `read` reads it, and gives that file. Whatever comes
/// behind the part that `read` wanted is decompressed, too: a checksum stands at the end.
pub(crate) fn decompressed(
    source: &Source,
    compression: Compression,
    scratch: &Path,
    budget: &Budget,
    read: impl FnOnce(&mut dyn Stream) -> Result<(), OpenError>,
) -> Result<Source, OpenError> {
    let host = |error| OpenError::Host { path: scratch.to_owned(), source: error };
    let file = tempfile::tempfile_in(scratch).map_err(host)?;
    let threads = thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS));
    let file = thread::scope(|scope| {
        let (sender, receiver) = sync_channel(PIECES);
        scope.spawn(move || {
            // As many as `MAX_THREADS`.
            let mut decoder = match compression.decoder(source, threads as u32) {
                Ok(decoder) => decoder,
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = decoder.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                // What came before an error is still to be read: a header in it may be what is wrong first.
                let end = piece.is_empty();
                if !end && sender.send(Ok(piece)).is_err() {
                    // The other side has found an error, and listens no more.
                    return;
                }
                match read {
                    Err(error) => return drop(sender.send(Err(error))),
                    Ok(_) if end => return,
                    Ok(_) => {}
                }
            }
        });
        let spool = Spool { file, path: scratch.to_owned(), length: 0 };
        let mut stream =
            Spooled { receiver, layer: compression.layer(), budget, spool, piece: Vec::new(), at: 0, from: 0 };
        read(&mut stream)?;
        stream.finish()
    })?;
    Ok(Arc::new(FileSource::new(file).map_err(host)?))
}

/// An archive that another thread decompresses, written to a file on its way.
struct Spooled<'a> {
    receiver: Receiver<io::Result<Vec<u8>>>,
    layer: &'static str,
    budget: &'a Budget,
    spool: Spool,
    piece: Vec<u8>,
    /// How much of the piece is used up.
    at: usize,
    /// Where the piece begins.
    from: u64,
}

impl Spooled<'_> {
    /// The next piece; `false` at the end.
    fn next(&mut self) -> Result<bool, OpenError> {
        let piece = match self.receiver.recv() {
            Err(_) => return Ok(false),
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => return Err(self.damaged(&error)),
        };
        self.budget.bytes(self.layer, piece.len() as u64)?;
        self.from += self.piece.len() as u64;
        (self.piece, self.at) = (piece, 0);
        Ok(true)
    }

    fn damaged(&self, error: &io::Error) -> OpenError {
        let place = format!("byte {} of what it holds", self.from + self.piece.len() as u64);
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return OpenError::damaged_at(self.layer, place, "it ends early");
        }
        OpenError::damaged_at(self.layer, place, error)
    }

    /// Reads to the end, without keeping what nobody wants.
    fn finish(mut self) -> Result<File, OpenError> {
        while self.next()? {}
        self.spool.finish()
    }
}

impl Stream for Spooled<'_> {
    fn available(&mut self) -> Result<&[u8], OpenError> {
        if self.at == self.piece.len() && self.next()? {
            self.spool.write(&self.piece)?;
        }
        Ok(&self.piece[self.at..])
    }

    fn advance(&mut self, n: usize) {
        self.at += n;
    }

    fn position(&self) -> u64 {
        self.from + self.at as u64
    }
}

/// The file without a name.
struct Spool {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Spool {
    fn write(&mut self, piece: &[u8]) -> Result<(), OpenError> {
        use std::io::{Seek, SeekFrom};
        self.length += piece.len() as u64;
        // Zeros become a hole: images have many, and a file that unfolds to nothing else takes no place.
        let written = if piece.iter().all(|&b| b == 0) {
            self.file.seek(SeekFrom::Start(self.length)).map(drop)
        } else {
            self.file.write_all(piece)
        };
        written.map_err(|error| self.host(error))
    }

    fn finish(self) -> Result<File, OpenError> {
        match self.file.set_len(self.length) {
            Ok(()) => Ok(self.file),
            Err(error) => Err(self.host(error)),
        }
    }

    fn host(&self, source: io::Error) -> OpenError {
        OpenError::Host { path: self.path.clone(), source }
    }
}
