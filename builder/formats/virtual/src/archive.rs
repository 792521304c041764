//! A tar archive of a few small members and then a large one, which is written before they are.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rootsmith_types::UnixTime;

use crate::number::{SECTOR, add, round_up, wide};

/// The longest name that a header has room for.
pub(crate) const MAX_NAME: usize = 100;
/// An archive ends with two blocks of zeros.
const END: [u8; 1024] = [0; 1024];

/// An archive whose members are being written, the first one first.
pub(crate) struct Archive<'a> {
    file: &'a File,
    time: u64,
    end: u64,
}

/// Where the content of the large member begins, behind small ones of these sizes.
pub(crate) fn behind(sizes: impl IntoIterator<Item = usize>) -> u64 {
    // A few KiB each: far below what numbers can say.
    let before = sizes.into_iter().map(|size| wide(size).next_multiple_of(SECTOR).saturating_add(SECTOR));
    before.fold(SECTOR, u64::saturating_add)
}

impl<'a> Archive<'a> {
    pub(crate) fn new(file: &'a File, time: UnixTime) -> Archive<'a> {
        // A time before 1970 is its beginning.
        Archive { file, time: u64::try_from(time).unwrap_or(0), end: 0 }
    }

    /// A small member.
    pub(crate) fn append(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        self.header(name, wide(data.len()))?;
        self.file.write_all_at(data, self.end)?;
        self.end = round_up(add(self.end, wide(data.len()))?, SECTOR)?;
        Ok(())
    }

    /// The large member, whose `size` bytes are there already, and the end.
    pub(crate) fn finish(mut self, name: &str, size: u64) -> io::Result<()> {
        self.header(name, size)?;
        self.file.write_all_at(&END, round_up(add(self.end, size)?, SECTOR)?)
    }

    fn header(&mut self, name: &str, size: u64) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.file.write_all_at(header.as_bytes(), self.end)?;
        self.end = add(self.end, SECTOR)?;
        Ok(())
    }
}
