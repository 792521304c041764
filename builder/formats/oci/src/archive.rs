//! The archive around the layout: ustar entries, one of which is named only when its content is known.

use std::io::{self, Seek, SeekFrom, Write};

use rootsmith_types::{Sha256Digest, Sha256Writer, UnixTime};
use tar::{EntryType, Header};

/// Unit of a tar archive.
const BLOCK: u64 = 512;

/// An archive being written.
pub(crate) struct Archive<'a, W> {
    out: &'a mut W,
    date: UnixTime,
    /// Where the next entry begins.
    at: u64,
}

impl<'a, W: Write + Seek> Archive<'a, W> {
    pub(crate) fn new(out: &'a mut W, date: UnixTime) -> io::Result<Archive<'a, W>> {
        let at = out.stream_position()?;
        Ok(Archive { out, date, at })
    }

    pub(crate) fn folder(&mut self, name: &str) -> io::Result<()> {
        self.out.write_all(header(name, EntryType::Directory, 0o755, 0, self.date).as_bytes())?;
        self.at += BLOCK;
        Ok(())
    }

    pub(crate) fn file(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        let size = data.len() as u64;
        self.out.write_all(header(name, EntryType::Regular, 0o644, size, self.date).as_bytes())?;
        self.out.write_all(data)?;
        self.end(size)
    }

    /// A blob of what `fill` writes: its digest and its size.
    pub(crate) fn blob(
        &mut self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<(Sha256Digest, u64)> {
        // A place for the header.
        self.out.write_all(&[0; BLOCK as usize])?;
        let mut content = Sha256Writer::new(&mut *self.out);
        fill(&mut content)?;
        let (_, digest, size) = content.finish();
        self.out.seek(SeekFrom::Start(self.at))?;
        let name = format!("blobs/sha256/{digest}");
        self.out.write_all(header(&name, EntryType::Regular, 0o644, size, self.date).as_bytes())?;
        self.out.seek(SeekFrom::Start(self.at + BLOCK + size))?;
        self.end(size)?;
        Ok((digest, size))
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()
    }

    /// Fills up the last block of a content of `size` bytes.
    fn end(&mut self, size: u64) -> io::Result<()> {
        let padding = size.wrapping_neg() % BLOCK;
        // Less than a block.
        self.out.write_all(&[0; BLOCK as usize][..padding as usize])?;
        self.at += BLOCK + size + padding;
        Ok(())
    }
}

/// Names are short and of ASCII letters. From 8 GiB on the size is in base 256, which GNU tar and Go read.
fn header(name: &str, kind: EntryType, mode: u32, size: u64, date: UnixTime) -> Header {
    let mut header = Header::new_ustar();
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.name[..name.len()].copy_from_slice(name.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(u64::try_from(date).unwrap_or(0));
    header.set_cksum();
    header
}
