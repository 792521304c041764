//! tar, plain or compressed with Zstandard, read by the `tar` and `zstd` crates; PAX records by [`pax`].

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use rootsmith_tree::{Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::TreePath;
use tar::{Archive, Entry, EntryType};

use crate::contents::Contents;
use crate::digest::{self, Keeper};
use crate::pax::{self, Records};
use crate::read_back::MAX_ENTRIES;
use crate::slice::Cursor;
use crate::{Kind, ReadBack, ReadBackError, Seen, Slice};

/// Most bytes of an extended header or a long name.
const MAX_EXTENSION: u64 = 1 << 20;
/// How much is decompressed ahead: this many pieces of this many bytes.
const PIECES: usize = 8;
const PIECE: usize = 512 << 10;

pub(crate) fn read_back(source: Slice<'_>) -> Result<ReadBack<'_>, ReadBackError> {
    read_layers(&[source])
}

/// Archives, each laid over the one before.
pub(crate) fn read_layers<'a>(sources: &[Slice<'a>]) -> Result<ReadBack<'a>, ReadBackError> {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let mut keeper = Keeper::default();
    let mut layers = Vec::new();
    for (number, &source) in (0..).zip(sources) {
        let compressed = is_compressed(source)?;
        read_layer(source, compressed, &mut Layer { tree: &mut tree, keeper: &mut keeper, number: PackId(number) })?;
        layers.push(Files { source, compressed, going: Mutex::new(None) });
    }
    let contents = Contents::Tar(layers);
    Ok(ReadBack { tree, seen: Seen::of(Kind::Tar), kind: Kind::Tar, label: None, uuid: None, contents })
}

/// What an archive is laid over.
struct Layer<'a> {
    tree: &'a mut Tree,
    keeper: &'a mut Keeper,
    /// The archive's, by which its contents are found again.
    number: PackId,
}

fn read_layer(source: Slice<'_>, compressed: bool, layer: &mut Layer<'_>) -> Result<(), ReadBackError> {
    std::thread::scope(|scope| {
        let stream: Box<dyn Read + '_> = if compressed {
            // Decompression runs ahead while contents are digested here.
            let (sender, receiver) = sync_channel(PIECES);
            let trace = source.trace();
            scope.spawn(move || {
                let mut decoder = match decoder(source) {
                    Ok(decoder) => decoder,
                    Err(error) => return drop(sender.send(Err(error))),
                };
                loop {
                    let mut piece = Vec::with_capacity(PIECE);
                    let span = trace.span("decompress", "tar");
                    let read = decoder.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                    drop(span);
                    let end = piece.is_empty();
                    // Nobody listens any more when the other side has found an error.
                    if read.is_err() {
                        return drop(sender.send(read.map(|_| Vec::new())));
                    } else if end || sender.send(Ok(piece)).is_err() {
                        return;
                    }
                }
            });
            Box::new(Pieces { receiver, piece: Vec::new(), at: 0 })
        } else {
            Box::new(BufReader::with_capacity(PIECE, Cursor::new(source)))
        };
        read_entries(stream, layer)
    })
}

fn read_entries(stream: Box<dyn Read + '_>, layer: &mut Layer<'_>) -> Result<(), ReadBackError> {
    let mut archive = Archive::new(Counted { inner: stream, read: 0 });
    let mut before = Before::default();
    let mut end = 0;
    for (count, entry) in archive.entries().map_err(|error| damaged(None, error))?.raw(true).enumerate() {
        if count > MAX_ENTRIES {
            return Err(ReadBackError::TooManyEntries);
        }
        let mut entry = entry.map_err(|error| damaged(None, error))?;
        let size = entry.size();
        end = entry.raw_file_position().saturating_add(size).checked_next_multiple_of(512).unwrap_or(u64::MAX);
        if !before.take(&mut entry)? {
            let extensions = std::mem::take(&mut before);
            put(layer, &mut entry, &extensions)?;
        }
    }
    // To the very end: a checksum may stand there, and two blocks of zeros must.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|error| damaged(None, error))?;
    if rest.read < end.saturating_add(1024) {
        return Err(damaged(None, "it ends early"));
    }
    Ok(())
}

/// What entries before an entry say of it.
#[derive(Default)]
struct Before {
    records: Records,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Before {
    /// Whether this entry was such a one.
    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<bool, ReadBackError> {
        let kind = entry.header().entry_type();
        if !matches!(
            kind,
            EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink
        ) {
            return Ok(false);
        }
        let mut data = Vec::new();
        if entry.size() > MAX_EXTENSION {
            return Err(damaged(None, "an extended header is too long"));
        }
        entry.read_to_end(&mut data).map_err(|error| damaged(None, error))?;
        let text = |mut data: Vec<u8>| {
            while data.last() == Some(&0) {
                data.pop();
            }
            Some(data)
        };
        match kind {
            EntryType::XHeader => {
                self.records =
                    pax::parse(&data).ok_or_else(|| damaged(None, "an extended header is not well formed"))?;
            }
            EntryType::GNULongName => self.path = text(data),
            EntryType::GNULongLink => self.target = text(data),
            // A global header says nothing of a single entry, but for a comment, which `git archive` leaves.
            _ => {
                let global = pax::parse(&data).ok_or_else(|| damaged(None, "an extended header is not well formed"))?;
                if global.keys().any(|keyword| keyword != b"comment") {
                    return Err(damaged(None, "it has a global header"));
                }
            }
        }
        Ok(true)
    }

    fn number(&self, keyword: &str) -> Result<Option<u64>, ReadBackError> {
        let Some(value) = self.records.get(keyword.as_bytes()) else { return Ok(None) };
        let number = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
        number.map(Some).ok_or_else(|| damaged(None, format!("`{keyword}` is not a number")))
    }
}

fn put<R: Read>(layer: &mut Layer<'_>, entry: &mut Entry<'_, R>, before: &Before) -> Result<(), ReadBackError> {
    let Layer { tree, keeper, number } = layer;
    let extended = |keyword: &[u8], long: &Option<Vec<u8>>| before.records.get(keyword).or(long.as_ref()).cloned();
    let name = extended(b"path", &before.path).unwrap_or_else(|| entry.header().path_bytes().into_owned());
    let path = TreePath::new(&name)?;
    let at = |reason: &dyn std::fmt::Display| damaged(Some(&path), reason.to_string());
    if before.records.contains_key(&b"size"[..]) {
        return Err(at(&"files of 8 GiB and more are not read back yet"));
    }
    let target = || {
        let header = entry.header().link_name_bytes().map(|target| target.into_owned());
        extended(b"linkpath", &before.target).or(header).ok_or_else(|| at(&"a link without a target"))
    };
    let device = |node: fn(u32, u32) -> NodeKind| {
        let major = entry.header().device_major().ok().flatten();
        let minor = entry.header().device_minor().ok().flatten();
        major.zip(minor).map(|(major, minor)| node(major, minor)).ok_or_else(|| at(&"a device without numbers"))
    };
    let kind = match entry.header().entry_type() {
        EntryType::Link => {
            let first = TreePath::new(target()?)?;
            return tree.hard_link(&path, &first).map_err(|error| at(&error));
        }
        EntryType::Directory => NodeKind::Directory,
        EntryType::Symlink => NodeKind::Symlink(target()?.into()),
        EntryType::Char => device(|major, minor| NodeKind::CharDevice { major, minor })?,
        EntryType::Block => device(|major, minor| NodeKind::BlockDevice { major, minor })?,
        EntryType::Fifo => NodeKind::Fifo,
        EntryType::Regular | EntryType::Continuous => {
            let (size, position) = (entry.size(), entry.raw_file_position());
            let keep = keeper.keeps(size);
            let content = digest::content(entry, size, keep, *number, position).map_err(|error| at(&error))?;
            NodeKind::File(content)
        }
        other => return Err(at(&format!("entries of type `{}` are not known", char::from(other.as_byte())))),
    };
    let metadata = metadata(entry, before, &path)?;
    if let Some(parent) = path.parent() {
        tree.create_directories(&parent, &Metadata::root(0o755, 0)).map_err(|error| at(&error))?;
    }
    tree.insert(&path, Node { kind, metadata }).map_err(|error| at(&error))
}

fn metadata<R: Read>(entry: &Entry<'_, R>, before: &Before, path: &TreePath) -> Result<Metadata, ReadBackError> {
    let at = |reason: &dyn std::fmt::Display| damaged(Some(path), reason.to_string());
    let header = entry.header();
    let id = |keyword, header: io::Result<u64>| {
        let id = match before.number(keyword)? {
            Some(id) => id,
            None => header.map_err(|error| at(&error))?,
        };
        u32::try_from(id).map_err(|_| at(&format!("`{keyword}` is too large")))
    };
    let (seconds, nanoseconds) = match before.records.get(&b"mtime"[..]) {
        Some(text) => pax::time(text).ok_or_else(|| at(&"`mtime` is not a time"))?,
        None => {
            let seconds = header.mtime().map_err(|error| at(&error))?;
            (i64::try_from(seconds).map_err(|_| at(&"`mtime` is too large"))?, 0)
        }
    };
    let xattrs = before.records.iter().filter_map(|(keyword, value)| Some((pax::xattr_name(keyword)?, value.clone())));
    let xattrs: std::collections::BTreeMap<_, _> = xattrs.collect();
    let mode = header.mode().map_err(|error| at(&error))? & 0o7777;
    Ok(Metadata {
        mode: mode as u16,
        uid: id("uid", header.uid())?,
        gid: id("gid", header.gid())?,
        mtime: Mtime { seconds, nanoseconds },
        xattrs: (!xattrs.is_empty()).then(|| Arc::new(xattrs)),
    })
}

/// The contents of a read-back, by their place in the stream.
pub(crate) struct Files<'a> {
    source: Slice<'a>,
    compressed: bool,
    /// A decompressor and the place it has come to: who reads in the archive's order reads it once.
    going: Mutex<Option<Going<'a>>>,
}

type Going<'a> = (zstd::Decoder<'static, BufReader<Cursor<'a>>>, u64);

impl Files<'_> {
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if !self.compressed {
            return self.source.read_at(offset, buf);
        }
        let mut going = self.going.lock().map_err(|_| io::Error::other("another reader failed"))?;
        let (mut stream, at) = match going.take() {
            Some((stream, at)) if at <= offset => (stream, at),
            _ => (decoder(self.source)?, 0),
        };
        let skipped = io::copy(&mut stream.by_ref().take(offset - at), &mut io::sink())?;
        if skipped != offset - at {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        stream.read_exact(buf)?;
        *going = Some((stream, offset + buf.len() as u64));
        Ok(())
    }
}

/// What another thread has decompressed.
struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(_) => return Ok(0),
            }
        }
        let n = buf.len().min(self.piece.len() - self.at);
        buf[..n].copy_from_slice(&self.piece[self.at..][..n]);
        self.at += n;
        Ok(n)
    }
}

struct Counted<'a> {
    inner: Box<dyn Read + 'a>,
    read: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        Ok(n)
    }
}

fn is_compressed(source: Slice<'_>) -> io::Result<bool> {
    let mut magic = [0; 4];
    if source.length() < 4 {
        return Ok(false);
    }
    source.read_at(0, &mut magic)?;
    // RFC 8878, 3.1.1.
    Ok(magic == 0xfd2f_b528_u32.to_le_bytes())
}

fn decoder(source: Slice<'_>) -> io::Result<zstd::Decoder<'static, BufReader<Cursor<'_>>>> {
    zstd::Decoder::new(Cursor::new(source))
}

fn damaged(path: Option<&TreePath>, reason: impl ToString) -> ReadBackError {
    ReadBackError::Unreadable { kind: Kind::Tar.name(), path: path.cloned(), reason: reason.to_string() }
}
