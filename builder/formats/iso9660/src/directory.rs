//! Directory records (ECMA-119, 9.1) and the path table (9.4).

use rootsmith_types::{UnixTime, Utc};

use crate::{BLOCK, Names, both16, both32, ucs2};

/// A flag of a record: it is a directory.
const DIRECTORY: u8 = 0x02;

/// The name of the directory itself.
pub(crate) const SELF: &[u8] = &[0];
/// The name of the directory above it.
const PARENT: &[u8] = &[1];

/// Where something lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) block: u32,
    pub(crate) size: u32,
}

/// The root directory, one block; `None` when its files have no room there.
pub(crate) fn root(names: Names, own: Extent, files: &[(&str, Extent)], date: UnixTime) -> Option<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    for name in [SELF, PARENT] {
        block.extend(record(name, own, DIRECTORY, date)?);
    }
    for (name, extent) in files {
        let name = match names {
            Names::Primary => format!("{}.;1", name.to_ascii_uppercase()).into_bytes(),
            Names::Joliet => ucs2(name),
        };
        block.extend(record(&name, *extent, 0, date)?);
    }
    if block.len() > BLOCK {
        return None;
    }
    block.resize(BLOCK, 0);
    Some(block)
}

/// ECMA-119, 9.1. `None` for a name that is too long.
pub(crate) fn record(name: &[u8], extent: Extent, flags: u8, date: UnixTime) -> Option<Vec<u8>> {
    let mut out = vec![0, 0];
    out.extend(both32(extent.block));
    out.extend(both32(extent.size));
    out.extend(recorded(date));
    out.extend([flags, 0, 0]);
    // The first and only volume of its set.
    out.extend(both16(1));
    out.push(u8::try_from(name.len()).ok()?);
    out.extend(name);
    // Records have an even length.
    if out.len() % 2 == 1 {
        out.push(0);
    }
    out[0] = u8::try_from(out.len()).ok()?;
    Some(out)
}

/// The record of the root directory, as a volume descriptor has it: 34 bytes.
pub(crate) fn root_record(own: Extent, date: UnixTime) -> Vec<u8> {
    record(SELF, own, DIRECTORY, date).unwrap_or_default()
}

/// A path table with nothing but the root in it: 10 bytes. `number` is that of its byte order.
pub(crate) fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut table = vec![1, 0];
    table.extend(root);
    table.extend(parent);
    table.extend([0, 0]);
    table
}

/// ECMA-119, 9.1.5, in UTC.
fn recorded(date: UnixTime) -> [u8; 7] {
    let Utc { year, month, day, hour, minute, second } = Utc::of(date);
    let byte = |value: i64| u8::try_from(value).unwrap_or(u8::MAX);
    // Years end with 2155 here.
    let year = byte(year.saturating_sub(1900));
    [year, byte(month), byte(day), byte(hour), byte(minute), byte(second), 0]
}
