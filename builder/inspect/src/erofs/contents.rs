//! Contents: block after block, in chunks, or in extents.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rootsmith_tree::PackId;

use crate::broken::{Broken, Result, broken};
use crate::erofs::Erofs;
use crate::erofs::clusters::{Extends, Extent, Form};
use crate::erofs::format::HOLE;
use crate::volume::Files;

/// A content, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) place: Place,
}

/// Where a content is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// At `start` up to byte `whole` of it, the rest at `tail`.
    Flat { start: u64, whole: u64, tail: u64 },
    /// In chunks of so many bits; where each is says the map, with so many bytes for each.
    Chunks { map: u64, bits: u32, unit: u64 },
    /// In these of the list of extents.
    Extents(Range<usize>),
}

impl Erofs {
    /// A part of a content.
    pub(crate) fn read_content(&self, content: &Content, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > content.size) {
            return broken("it is read past its end");
        }
        match &content.place {
            &Place::Flat { start, whole, tail } => {
                let (blocks, end) = buf.split_at_mut(whole.saturating_sub(offset).min(buf.len() as u64) as usize);
                if !blocks.is_empty() {
                    self.read_at(start + offset, blocks)?;
                }
                if !end.is_empty() {
                    self.read_at(tail + offset.saturating_sub(whole), end)?;
                }
                Ok(())
            }
            &Place::Chunks { map, bits, unit } => self.read_chunks(map, bits, unit, offset, buf),
            Place::Extents(range) => self.read_extents(content.size, range.clone(), offset, buf),
        }
    }

    fn read_chunks(&self, map: u64, bits: u32, unit: u64, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            let (chunk, skip) = (offset >> bits, offset & ((1 << bits) - 1));
            let length = ((1 << bits) - skip).min(buf.len() as u64);
            let (now, later) = buf.split_at_mut(length as usize);
            // In the longer form the block's number is in the second half; other devices there are none.
            let block = u32::from_le_bytes(self.bytes(map + chunk * unit + (unit - 4))?);
            match block {
                HOLE => now.fill(0),
                _ => self.read_at(u64::from(block) * self.geometry.block() + skip, now)?,
            }
            buf = later;
            offset += length;
        }
        Ok(())
    }

    fn read_extents(&self, size: u64, range: Range<usize>, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        let extents = self.extents.get(range.clone()).unwrap_or_default();
        let mut index = extents.partition_point(|extent| extent.start <= offset);
        while !buf.is_empty() {
            let Some(extent) = index.checked_sub(1).and_then(|index| extents.get(index)) else {
                return broken("its data end before it does");
            };
            let length = extents.get(index).map_or(size, |next| next.start) - extent.start;
            let skip = offset - extent.start;
            let (now, later) = buf.split_at_mut((length - skip).min(buf.len() as u64) as usize);
            self.read_extent(range.start + index - 1, extent, length, skip, now)?;
            offset += now.len() as u64;
            buf = later;
            index += 1;
        }
        Ok(())
    }

    /// From `skip` on, of an extent of `length` bytes.
    fn read_extent(&self, number: usize, extent: &Extent, length: u64, skip: u64, out: &mut [u8]) -> Result<()> {
        match extent.form {
            Form::Plain => self.read_at(extent.at + skip, out),
            Form::Turned => {
                let block = self.geometry.block();
                let from = (extent.start + skip) % block;
                let (first, turned) = out.split_at_mut((block - from).min(out.len() as u64) as usize);
                self.read_at(extent.at + from, first)?;
                self.read_at(extent.at, turned)
            }
            Form::Fragment => match &self.fragments {
                Some(fragments) => self.read_content(fragments, extent.at + skip, out),
                None => broken("there is no file of fragments"),
            },
            Form::Compressed(compressor, extends) => {
                let whole = match self.remembered.get((number as u64, 0)) {
                    Some(whole) => whole,
                    None => {
                        let mut data = vec![0; extent.packed as usize];
                        self.read_at(extent.at, &mut data)?;
                        let padding = match self.geometry.zero_padding {
                            // No compressor's data begin with a zero.
                            true => data.iter().take_while(|&&byte| byte == 0).count(),
                            false => 0,
                        };
                        let in_part = extends == Extends::Perhaps;
                        let whole = compressor.decompress(&data[padding..], length as usize, in_part)?;
                        let whole: Arc<[u8]> = whole.into();
                        self.remembered.insert((number as u64, 0), Arc::clone(&whole));
                        whole
                    }
                };
                let skip = skip as usize;
                let part = whole.get(skip..skip + out.len());
                out.copy_from_slice(part.ok_or_else(|| Broken("its data end before it does".into()))?);
                Ok(())
            }
        }
    }
}

impl Files for Erofs {
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let content = self.contents.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.read_content(content, offset, buf)?)
    }
}
