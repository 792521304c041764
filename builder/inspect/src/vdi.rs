//! VDI images, fixed and dynamic.
//!
//! Specification: there is none but VirtualBox's source, `src/VBox/Storage/VDICore.h`, version 1.1. Integers are little-endian.
//!
//! | what                                   |                                                         |
//! |----------------------------------------|---------------------------------------------------------|
//! | blocks by a map, in any order          | read; those that are not there, or zeros, are zeros      |
//! | what may stand before each block       | passed over                                             |
//! | differencing and undo images           | refused: the rest is in another file                    |
//! | version 0                              | refused                                                 |

use std::sync::Arc;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::mapped::{Extent, ImageFile, Map, Mapped};
use crate::{OpenError, Source};

const LAYER: &str = "VDI";
const SIGNATURE: u32 = 0xbeda_107f;
/// Where the signature is: behind a text for people.
const SIGNATURE_AT: u64 = 64;
/// From here on a block is not in the file.
const FREE: u32 = 0xffff_fffe;
/// VirtualBox makes blocks of 1 MiB.
const BLOCKS: std::ops::RangeInclusive<u64> = 512..=256 << 20;
/// 512 TiB in blocks of 1 MiB.
const MAX_SIZE: u64 = 512 << 40;

/// `VDIPREHEADER` and the beginning of `VDIHEADER1`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    text: [u8; 64],

    signature: U32,
    version: U32,
    header_size: U32,
    image_type: U32,

    image_flags: U32,
    comment: [u8; 256],
    blocks_offset: U32,
    data_offset: U32,
    legacy_geometry: [U32; 4],
    unused: U32,
    disk_size: U64,
    block_size: U32,
    block_extra: U32,
    blocks: U32,
    blocks_allocated: U32,
}
const _: () = assert!(size_of::<Header>() == 392 && std::mem::offset_of!(Header, disk_size) == 368);

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut signature = [0; 4];
    source.size() >= SIGNATURE_AT + 4
        && source.read_at(SIGNATURE_AT, &mut signature).is_ok()
        && u32::from_le_bytes(signature) == SIGNATURE
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let file = ImageFile::new(LAYER, Arc::clone(&source));
    let header: Header = file.read(0, "header")?;
    if header.signature.get() != SIGNATURE {
        return Err(file.damaged("its signature is not there"));
    }
    let version = header.version.get();
    if version >> 16 != 1 {
        return Err(file.unsupported(format_args!("version {}.{}", version >> 16, version & 0xffff)));
    }
    match header.image_type.get() {
        1 | 2 => {}
        3 | 4 => return Err(file.unsupported("a parent disk")),
        other => return Err(file.unsupported(format_args!("image type {other}"))),
    }
    let (size, block) = (header.disk_size.get(), u64::from(header.block_size.get()));
    if size > MAX_SIZE || !size.is_multiple_of(512) {
        return Err(file.damaged(format_args!("its disk has {size} bytes, which no such disk can have")));
    }
    if !BLOCKS.contains(&block) || !block.is_power_of_two() {
        return Err(file.damaged(format_args!("its blocks have {block} bytes")));
    }
    let (blocks, needed) = (u64::from(header.blocks.get()), size.div_ceil(block));
    if blocks < needed {
        return Err(
            file.damaged(format_args!("its map has {blocks} blocks, and a disk of {size} bytes needs {needed}"))
        );
    }
    let table = u64::from(header.blocks_offset.get());
    file.holds(table, needed * 4, "block map")?;
    let map = Blocks {
        file,
        table,
        data: header.data_offset.get().into(),
        block,
        extra: header.block_extra.get().into(),
        allocated: header.blocks_allocated.get(),
    };
    let disk = Mapped::new(LAYER, source, size, map);
    disk.check()?;
    Ok(Arc::new(disk))
}

/// The block map.
struct Blocks {
    file: ImageFile,
    table: u64,
    /// Where the first block begins.
    data: u64,
    /// Bytes of a block: a power of two.
    block: u64,
    /// Bytes before each block.
    extra: u64,
    /// How many there are in the file.
    allocated: u32,
}

impl Map for Blocks {
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError> {
        let (number, within) = (at / self.block, at % self.block);
        let length = length.min(self.block - within);
        let entry: U32 = self.file.read(self.table + number * 4, "block map")?;
        let entry = entry.get();
        if entry >= FREE {
            return Ok(Extent::Zeros { length });
        }
        if entry >= self.allocated {
            let reason = format!("block {number} is the file's block {entry}, and there are {}", self.allocated);
            return Err(self.file.damaged(reason));
        }
        let start = (self.extra + self.block).checked_mul(entry.into());
        let start = start.and_then(|start| start.checked_add(self.data + self.extra + within));
        let Some(offset) = start else {
            return Err(self.file.damaged(format_args!("block {number} is where no file reaches")));
        };
        self.file.holds(offset, length, format_args!("block {number}"))?;
        Ok(Extent::Stored { offset, length })
    }
}
