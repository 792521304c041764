//! Where the data of a compressed file are.
//!
//! A file is cut into clusters of a block. Each has an index: data begin somewhere in it (a head), or it goes on with what began
//! before. From a head to the next is an extent, decompressed in one piece. Indexes have 8 bytes, or are compact: two in 8 bytes or
//! sixteen in 32, each a type and a number, and one block number for all of them at the end. All of a file are read in their order, so
//! distances, which are there to find one of them, are only looked at to see that Linux would find the same.

use std::ops::Range;

use zerocopy::FromBytes;

use crate::broken::{Broken, Result, broken};
use crate::erofs::Erofs;
use crate::erofs::decompress::Compressor;
use crate::erofs::format::{Advice, BLOCK_COUNT, ClusterIndex, MapHeader, PARTIAL, WHOLE_IN_FRAGMENTS};

/// Extents of all files that are kept in memory: 192 MiB of them, half a terabyte as `mkfs.erofs` cuts files.
const MAX_EXTENTS: usize = 8 << 20;
/// Bytes of compressed data Linux takes at once.
const MAX_PACKED: u64 = 1 << 20;
/// Bytes that these may become.
const MAX_LENGTH: u64 = 12 << 20;

/// A piece of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Where it begins in the file. It ends with the next, or with the file.
    pub(crate) start: u64,
    /// Where its data begin: in the image, or in the file of fragments.
    pub(crate) at: u64,
    /// Their bytes.
    pub(crate) packed: u32,
    pub(crate) form: Form,
}

/// How the data of an extent lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Plain,
    /// As they are, in one block, turned so that each byte lies where it would in the file's block.
    Turned,
    /// The whole of what they become, or only its beginning.
    Compressed(Compressor, Extends),
    /// In the file of fragments.
    Fragment,
}

/// Whether data are more than the extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extends {
    No,
    Perhaps,
}

/// One cluster.
enum Cluster {
    /// Data begin at `offset` in it.
    Head { kind: Kind, offset: u16, block: u32, partial: bool },
    /// It goes on with what began before: `back` clusters before, where that is said; the first of these may say how many blocks the
    /// data have.
    Middle { back: Option<u16>, blocks: Option<u16> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    First,
    Second,
}

/// An extent of which the end is not known yet.
struct Open {
    start: u64,
    cluster: u64,
    kind: Kind,
    block: u32,
    partial: bool,
    /// Blocks of its data, once the cluster behind its head was seen.
    blocks: Option<u64>,
}

/// What the header of a map says, and where the indexes are.
struct Map {
    indexes: u64,
    advice: Advice,
    compact: bool,
    clusters: u64,
    size: u64,
    first: u8,
    second: u8,
    fragment: u64,
    inline: u64,
}

impl Erofs {
    /// The extents of a file of `size` bytes, whose map begins behind `at`: their places in the list of all.
    pub(crate) fn extents(&mut self, at: u64, size: u64, compact: bool) -> Result<Range<usize>> {
        let first = self.extents.len();
        let header_at = at.next_multiple_of(8);
        let bytes: [u8; size_of::<MapHeader>()] = self.bytes(header_at)?;
        let header: MapHeader = zerocopy::transmute!(bytes);
        if header.h_clusterbits & WHOLE_IN_FRAGMENTS != 0 {
            let at = u64::from_le_bytes(bytes) & !(1 << 63);
            self.push_extent(Extent { start: 0, at, packed: 0, form: Form::Fragment }, size)?;
            return Ok(first..self.extents.len());
        }
        let advice = Advice::from_bits_retain(header.h_advise.get());
        let fragment = header.h_fragmentoff.get();
        let map = Map {
            indexes: header_at + size_of::<MapHeader>() as u64 + if compact { 0 } else { 8 },
            advice,
            compact,
            clusters: size.div_ceil(self.geometry.block()),
            size,
            first: header.h_algorithmtype & 15,
            second: header.h_algorithmtype >> 4,
            fragment: u64::from(fragment),
            inline: u64::from(fragment >> 16),
        };
        if !Advice::all().contains(advice) || (!compact && advice.contains(Advice::TWO_BYTES)) {
            return broken(format_args!("its map is of the unknown form {:#x}", advice.bits()));
        }
        if header.h_clusterbits != 0 {
            return broken("its map is of clusters larger than blocks");
        }
        if compact && advice.contains(Advice::BIG_FIRST) != advice.contains(Advice::BIG_SECOND) {
            return broken("its map does not say how many blocks its data have");
        }
        self.read_map(&map)?;
        Ok(first..self.extents.len())
    }

    fn read_map(&mut self, map: &Map) -> Result<()> {
        let mut open: Option<Open> = None;
        let mut number = 0;
        let mut packs = Packs::new(map, self.geometry.block_bits)?;
        while number < map.clusters {
            let bytes = packs.next_length();
            self.spend(bytes as u64)?;
            let mut pack = [0; 32];
            self.read_at(packs.at, &mut pack[..bytes])?;
            for cluster in packs.decode(&pack[..bytes])? {
                if number == map.clusters {
                    break;
                }
                self.take(map, &mut open, number, cluster)?;
                number += 1;
            }
        }
        self.close(map, open, map.size, Some(packs.at))
    }

    /// Takes one cluster in.
    fn take(&mut self, map: &Map, open: &mut Option<Open>, number: u64, cluster: Cluster) -> Result<()> {
        let before = open.as_mut();
        match cluster {
            Cluster::Head { kind, offset, block, partial } => {
                let block_size = self.geometry.block();
                let start = number * block_size + u64::from(offset);
                if u64::from(offset) >= block_size {
                    return broken("its data begin outside their block");
                }
                match before {
                    Some(before) => before.blocks = before.blocks.or(Some(1)),
                    None if start != 0 => return broken("its data do not begin where it does"),
                    None => {}
                }
                // What would begin at the end, or behind it, says where the last data end, and has none.
                if start < map.size || open.is_none() {
                    let next = Open { start, cluster: number, kind, block, partial, blocks: None };
                    let before = open.replace(next);
                    self.close(map, before, start, None)?;
                }
            }
            Cluster::Middle { back, blocks } => {
                let Some(before) = before else { return broken("its data do not begin where it does") };
                let distance = number - before.cluster;
                if back.is_some_and(|back| back == 0 || u64::from(back) > distance) {
                    return broken("its clusters do not say where their data begin");
                }
                if distance == 1 {
                    before.blocks = before.blocks.or(Some(blocks.unwrap_or(0).into()));
                }
            }
        }
        Ok(())
    }

    /// An extent whose end is known; the last one is told where the indexes end.
    fn close(&mut self, map: &Map, open: Option<Open>, end: u64, last: Option<u64>) -> Result<()> {
        let Some(open) = open else { return Ok(()) };
        let end = end.min(map.size);
        let length = end - open.start;
        if last.is_some() && map.advice.contains(Advice::FRAGMENT) {
            // Of compact indexes, 32 bits are all there is.
            let high = if map.compact { 0 } else { u64::from(open.block) << 32 };
            let extent = Extent { start: open.start, at: map.fragment | high, packed: 0, form: Form::Fragment };
            return self.push_extent(extent, length);
        }
        let block_size = self.geometry.block();
        let (at, packed) = match last {
            Some(behind) if map.advice.contains(Advice::INLINE) && map.inline > 0 => {
                if behind % block_size + map.inline > block_size {
                    return broken("the end of its data crosses the end of a block");
                }
                (behind, map.inline)
            }
            _ => {
                let big = match open.kind {
                    Kind::First => Advice::BIG_FIRST,
                    Kind::Plain | Kind::Second => Advice::BIG_SECOND,
                };
                let single = !map.advice.contains(big) || (open.cluster + 1) * block_size >= map.size;
                let blocks = if single { 1 } else { open.blocks.unwrap_or(0) };
                if blocks == 0 {
                    return broken("its map does not say how many blocks its data have");
                }
                (u64::from(open.block) * block_size, blocks * block_size)
            }
        };
        if packed > MAX_PACKED || length > MAX_LENGTH {
            return broken("more of its data are compressed together than Linux takes");
        }
        if at.checked_add(packed).is_none_or(|end| end > self.geometry.end) {
            return broken("its data lie outside the file system");
        }
        let compressor = |number: u8| {
            let allowed = self.geometry.compressors & 1 << number != 0;
            let known = Compressor::new(number).filter(|_| allowed);
            known.ok_or_else(|| {
                Broken(format!("it is compressed by number {number}, which the superblock does not name"))
            })
        };
        // Without the padding nothing says where the compressed data end.
        let extends = match open.partial || !self.geometry.zero_padding {
            true => Extends::Perhaps,
            false => Extends::No,
        };
        let form = match open.kind {
            Kind::First => Form::Compressed(compressor(map.first)?, extends),
            Kind::Second => Form::Compressed(compressor(map.second)?, extends),
            Kind::Plain if length > packed => return broken("its data are longer than their blocks"),
            Kind::Plain if !map.advice.contains(Advice::INTERLACED) => Form::Plain,
            Kind::Plain if packed == block_size => Form::Turned,
            Kind::Plain => return broken("its data are turned, and are no block"),
        };
        // At most `MAX_PACKED`.
        self.push_extent(Extent { start: open.start, at, packed: packed as u32, form }, length)
    }

    fn push_extent(&mut self, extent: Extent, length: u64) -> Result<()> {
        if extent.form == Form::Fragment && extent.at.checked_add(length).is_none_or(|end| end > self.fragments_size())
        {
            return broken("its data lie outside the file of fragments");
        }
        if self.extents.len() == MAX_EXTENTS {
            return broken(format_args!("its files have more than {MAX_EXTENTS} extents"));
        }
        self.extents.push(extent);
        Ok(())
    }
}

/// Indexes, pack by pack.
struct Packs<'m> {
    map: &'m Map,
    /// Bits of a cluster.
    bits: u8,
    /// Where the next pack begins.
    at: u64,
    /// Compact ones: of 4 bytes each, up to where 32 bytes can be together; of 2 bytes each; the rest have 4 bytes again.
    before: u64,
    short: u64,
}

impl<'m> Packs<'m> {
    fn new(map: &'m Map, bits: u8) -> Result<Packs<'m>> {
        let before = (32 - map.indexes % 32) / 4 % 8;
        let mut short = 0;
        if map.compact && map.advice.contains(Advice::TWO_BYTES) && before < map.clusters {
            short = (map.clusters - before) / 16 * 16;
        }
        // 2 bytes have room for 12 bits of an offset, 4 bytes for 14.
        if map.compact && bits > if short > 0 { 12 } else { 14 } {
            return broken("its map has no room for clusters of this size");
        }
        Ok(Packs { map, bits, at: map.indexes, before, short })
    }

    /// Bytes of the next pack.
    fn next_length(&self) -> usize {
        match self.map.compact {
            true if self.before == 0 && self.short > 0 => 32,
            _ => 8,
        }
    }

    /// The clusters in it, perhaps more than the file has.
    fn decode(&mut self, pack: &[u8]) -> Result<Vec<Cluster>> {
        self.at += pack.len() as u64;
        if !self.map.compact {
            return Ok(vec![full(self.map.advice, pack)?]);
        }
        if pack.len() == 32 {
            self.short -= 16;
            return self.compact(pack, 16);
        }
        self.before = self.before.saturating_sub(2);
        self.compact(pack, 2)
    }

    fn compact(&self, pack: &[u8], count: usize) -> Result<Vec<Cluster>> {
        let (indexes, block) = pack.split_at(pack.len() - 4);
        let block = u32::from_le_bytes([0, 1, 2, 3].map(|n| block[n]));
        let width = indexes.len() * 8 / count;
        let low = u32::from(self.bits.max(12));
        let big = self.map.advice.contains(Advice::BIG_FIRST);
        // Blocks before the next head's; where data have one block each, the number is that before the first.
        let mut blocks = u32::from(!big);
        let mut after_head = false;
        let mut clusters = Vec::with_capacity(count);
        for index in 0..count {
            let bit = index * width;
            let bytes = [0, 1, 2, 3].map(|n| pack.get(bit / 8 + n).copied().unwrap_or(0));
            let value = u32::from_le_bytes(bytes) >> (bit % 8);
            // At most 14 bits.
            let number = (value & ((1 << low) - 1)) as u16;
            let kind = match value >> low & 3 {
                0 => Kind::Plain,
                1 => Kind::First,
                3 => Kind::Second,
                _ => {
                    after_head = false;
                    clusters.push(match number & BLOCK_COUNT != 0 {
                        true if !big => return broken("its data have several blocks where they should have one"),
                        true => {
                            let count = number & !BLOCK_COUNT;
                            blocks = blocks.saturating_add(count.into());
                            Cluster::Middle { back: Some(1), blocks: Some(count) }
                        }
                        // The last of a pack has the distance to the next head instead.
                        false => Cluster::Middle { back: (index + 1 < count).then_some(number), blocks: None },
                    });
                    continue;
                }
            };
            // A head without a middle has one block.
            blocks += u32::from(big && after_head);
            let block =
                block.checked_add(blocks).ok_or_else(|| Broken("its data lie outside the file system".into()))?;
            clusters.push(Cluster::Head { kind, offset: number, block, partial: false });
            blocks += u32::from(!big);
            after_head = true;
        }
        Ok(clusters)
    }
}

/// An index of 8 bytes.
fn full(advice: Advice, bytes: &[u8]) -> Result<Cluster> {
    let index = ClusterIndex::ref_from_bytes(bytes).map_err(|_| Broken("an index is cut off".into()))?;
    let [low, high] = index.di_u.map(|half| half.get());
    let advise = index.di_advise.get();
    let kind = match advise & 3 {
        0 => Kind::Plain,
        1 => Kind::First,
        3 => Kind::Second,
        _ if low & BLOCK_COUNT == 0 => return Ok(Cluster::Middle { back: Some(low), blocks: None }),
        _ if !advice.intersects(Advice::BIG_FIRST | Advice::BIG_SECOND) => {
            return broken("its data have several blocks where they should have one");
        }
        _ => return Ok(Cluster::Middle { back: Some(1), blocks: Some(low & !BLOCK_COUNT) }),
    };
    let block = u32::from(low) | u32::from(high) << 16;
    Ok(Cluster::Head { kind, offset: index.di_clusterofs.get(), block, partial: advise & PARTIAL != 0 })
}
