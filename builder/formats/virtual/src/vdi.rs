//! VDI: a map, then blocks where something is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use self::format::{BLOCK, DYNAMIC, HEADER_SIZE, Header, MAP, SIGNATURE, TEXT, VERSION, ZERO};
use crate::Options;
use crate::file::write_sparse;
use crate::number::{add, derived, guid, index, multiply, short, wide};
use crate::writer::Container;

mod format;

/// 512 TiB: the map has 2 GiB then, and its end is still a number of 32 bits.
pub(crate) const LIMIT: u64 = 512 << 40;
/// Bytes of a block, again.
const UNIT: u64 = 1 << 20;

/// A VDI that is being written.
pub(crate) struct Vdi<'a> {
    file: &'a File,
    size: u64,
    id: [u8; 16],
    modified: [u8; 16],
    map: Vec<U32>,
    allocated: u32,
    /// Where blocks begin.
    data: u64,
}

impl<'a> Vdi<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Vdi<'a> {
        // 2^29 at most.
        let map = vec![U32::new(ZERO); usize::try_from(size.div_ceil(UNIT)).unwrap_or(usize::MAX)];
        let data = wide(map.as_bytes().len()).saturating_add(MAP.into()).next_multiple_of(UNIT);
        let modified = guid(derived(&options.id, "vdi modification").as_bytes());
        Vdi { file, size, id: guid(options.id.as_bytes()), modified, map, allocated: 0, data }
    }

    /// Where the next block goes.
    fn end(&self) -> io::Result<u64> {
        add(self.data, multiply(self.allocated.into(), UNIT)?)
    }
}

impl Container for Vdi<'_> {
    fn cluster_size(&self) -> usize {
        1 << 20
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        write_sparse(self.file, self.end()?, data)?;
        let Some(entry) = self.map.get_mut(index(number)?) else {
            return Err(io::Error::other("internal error: block past the end of the disk"));
        };
        *entry = U32::new(self.allocated);
        // No more than the map has entries.
        self.allocated = self.allocated.saturating_add(1);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut text = [0; 64];
        text.iter_mut().zip(TEXT).for_each(|(to, from)| *to = *from);
        let geometry = [U32::ZERO, U32::ZERO, U32::ZERO, U32::new(512)];
        let header = Header {
            text,
            signature: U32::new(SIGNATURE),
            version: U32::new(VERSION),
            header_size: U32::new(HEADER_SIZE),
            image_type: U32::new(DYNAMIC),
            image_flags: U32::ZERO,
            comment: [0; 256],
            blocks_offset: U32::new(MAP),
            data_offset: U32::new(short(self.data)?),
            legacy_geometry: geometry,
            unused: U32::ZERO,
            disk_size: U64::new(self.size),
            block_size: U32::new(BLOCK),
            block_extra: U32::ZERO,
            blocks: U32::new(short(wide(self.map.len()))?),
            blocks_allocated: U32::new(self.allocated),
            uuid_create: self.id,
            uuid_modify: self.modified,
            uuid_linkage: [0; 16],
            uuid_parent_modify: [0; 16],
            lchs_geometry: geometry,
        };
        self.file.write_all_at(header.as_bytes(), 0)?;
        self.file.write_all_at(self.map.as_bytes(), MAP.into())?;
        self.file.set_len(self.end()?)
    }
}
