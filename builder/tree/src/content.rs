//! What is in a regular file.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rootsmith_types::{ContentDigest, ContentHasher};

use crate::Blobs;

/// Which container a blob lies in. The number is the store's own and means nothing outside one run: it never reaches an
/// image or a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(pub u32);

/// A content in a store: a slice of a container (the unpacked form of a package, or a file of its own).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Of this content alone; `None` when nobody has read it yet (an image that was only opened).
    pub digest: Option<ContentDigest>,
    /// In bytes.
    pub size: u64,
    /// The container.
    pub pack: PackId,
    /// Where in the container it begins.
    pub offset: u64,
}

/// A file with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparse {
    size: u64,
    runs: Vec<Run>,
}

/// Bytes somewhere in a sparse file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// From the file's start.
    pub offset: u64,
    /// Not empty.
    pub data: Arc<[u8]>,
}

impl Sparse {
    /// A file of `size` bytes with `runs` of data in it: ascending, apart, inside the size. `None` when they are not.
    pub fn new(size: u64, runs: Vec<Run>) -> Option<Sparse> {
        let mut end = 0;
        for run in &runs {
            if run.data.is_empty() || run.offset < end {
                return None;
            }
            end = run.offset.checked_add(run.data.len() as u64)?;
        }
        (end <= size).then_some(Sparse { size, runs })
    }

    /// The data, ascending.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

/// The content of a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory: generated files, small configuration.
    Inline(Bytes),
    /// Bytes in the store.
    Blob(Blob),
    /// A file with holes.
    Sparse(Arc<Sparse>),
}

impl Content {
    /// A content of these bytes, which are copied; a vector can be taken as it is.
    pub fn inline(data: impl AsRef<[u8]>) -> Content {
        Content::Inline(Bytes::copy_from_slice(data.as_ref()))
    }

    /// Its length in bytes, holes included.
    pub fn size(&self) -> u64 {
        match self {
            Content::Inline(data) => data.len() as u64,
            Content::Blob(blob) => blob.size,
            Content::Sparse(sparse) => sparse.size,
        }
    }

    /// The byte ranges that hold data, ascending and apart: everything but the holes of a sparse file.
    pub fn data_ranges(&self) -> Vec<Range<u64>> {
        match self {
            Content::Sparse(sparse) => {
                let range = |run: &Run| run.offset..run.offset + run.data.len() as u64;
                sparse.runs.iter().map(range).collect()
            }
            _ if self.size() == 0 => Vec::new(),
            // One range, not a vector of its numbers.
            #[allow(clippy::single_range_in_vec_init)]
            _ => vec![0..self.size()],
        }
    }

    /// Fills `buf` from `offset` on; holes read as zeros. Reading past the end is an error.
    pub fn read_at(&self, blobs: &dyn Blobs, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let past_end = || io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end of a content");
        let end = offset.checked_add(buf.len() as u64).ok_or_else(past_end)?;
        if end > self.size() {
            return Err(past_end());
        }
        match self {
            // Both ends are within a slice's length, so they fit a `usize`.
            Content::Inline(data) => buf.copy_from_slice(&data[offset as usize..end as usize]),
            Content::Blob(blob) => blobs.read_at(blob, offset, buf)?,
            Content::Sparse(sparse) => {
                buf.fill(0);
                // Files may have very many runs, and are read piece by piece.
                let first = sparse.runs.partition_point(|run| run.offset + run.data.len() as u64 <= offset);
                for run in sparse.runs[first..].iter().take_while(|run| run.offset < end) {
                    let from = run.offset.max(offset);
                    let to = (run.offset + run.data.len() as u64).min(end);
                    if from < to {
                        buf[(from - offset) as usize..(to - offset) as usize]
                            .copy_from_slice(&run.data[(from - run.offset) as usize..(to - run.offset) as usize]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Refuses what is longer than `limit`: to be asked before a content of an image that is only looked at is read, if only for its digest.
    pub fn within(&self, limit: u64) -> io::Result<()> {
        if self.size() <= limit {
            return Ok(());
        }
        let message = format!("{} bytes where at most {limit} were expected", self.size());
        Err(io::Error::new(io::ErrorKind::FileTooLarge, message))
    }

    /// The whole content, when it is at most `limit` bytes: for files that are read as text or parsed.
    pub fn read(&self, blobs: &dyn Blobs, limit: u64) -> io::Result<Bytes> {
        if let Content::Inline(data) = self {
            return Ok(data.clone());
        }
        self.within(limit)?;
        let mut data = vec![0; self.size() as usize];
        self.read_at(blobs, 0, &mut data)?;
        Ok(data.into())
    }

    /// Its digest: known for a blob of a store, computed for the others.
    pub fn digest(&self, blobs: &dyn Blobs) -> io::Result<ContentDigest> {
        match self {
            Content::Blob(Blob { digest: Some(digest), .. }) => Ok(*digest),
            _ => self.hash(blobs),
        }
    }

    /// The digest of the bytes that are really there.
    pub fn hash(&self, blobs: &dyn Blobs) -> io::Result<ContentDigest> {
        let mut hasher = ContentHasher::new();
        self.copy_to(blobs, &mut hasher)?;
        Ok(hasher.finish().0)
    }

    /// Whether the bytes are those that its digest was made of, where one is known.
    pub(crate) fn is_whole(&self, blobs: &dyn Blobs) -> bool {
        match self {
            Content::Blob(Blob { digest: Some(digest), .. }) => self.hash(blobs).is_ok_and(|found| found == *digest),
            _ => true,
        }
    }

    /// Writes the whole content to `out`, in pieces.
    pub fn copy_to(&self, blobs: &dyn Blobs, out: &mut dyn io::Write) -> io::Result<()> {
        const PIECE: u64 = 256 << 10;
        if let Content::Inline(data) = self {
            return out.write_all(data);
        }
        let mut buf = vec![0; self.size().min(PIECE) as usize];
        let mut offset = 0;
        while offset < self.size() {
            let n = (self.size() - offset).min(PIECE) as usize;
            self.read_at(blobs, offset, &mut buf[..n])?;
            out.write_all(&buf[..n])?;
            offset += n as u64;
        }
        Ok(())
    }
}

impl From<Vec<u8>> for Content {
    fn from(data: Vec<u8>) -> Content {
        Content::Inline(data.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoBlobs;

    fn run(offset: u64, data: &[u8]) -> Run {
        Run { offset, data: data.into() }
    }

    #[test]
    fn holes_read_as_zeros() {
        let sparse = Sparse::new(10, vec![run(2, b"ab"), run(6, b"c")]).unwrap();
        let content = Content::Sparse(Arc::new(sparse));
        assert_eq!(&*content.read(&NoBlobs, 10).unwrap(), b"\0\0ab\0\0c\0\0\0");
        let mut middle = [9; 4];
        content.read_at(&NoBlobs, 3, &mut middle).unwrap();
        assert_eq!(&middle, b"b\0\0c");
        assert_eq!(content.data_ranges(), [2..4, 6..7]);
        assert!(content.read_at(&NoBlobs, 8, &mut middle).is_err());
        assert_eq!(content.digest(&NoBlobs).unwrap(), ContentDigest::of(b"\0\0ab\0\0c\0\0\0"));
    }

    #[test]
    fn runs_that_overlap_or_leave_the_file_are_refused() {
        assert!(Sparse::new(10, vec![run(2, b"abc"), run(4, b"d")]).is_none());
        assert!(Sparse::new(10, vec![run(9, b"ab")]).is_none());
        assert!(Sparse::new(10, vec![run(1, b"")]).is_none());
        assert!(Sparse::new(u64::MAX, vec![run(u64::MAX, b"a")]).is_none());
    }

    #[test]
    fn large_contents_are_not_read_whole_by_accident() {
        let content = Content::Sparse(Arc::new(Sparse::new(1 << 40, Vec::new()).unwrap()));
        assert!(content.read(&NoBlobs, 1 << 20).is_err());
    }
}
