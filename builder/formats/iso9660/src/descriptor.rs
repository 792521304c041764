//! Volume descriptors (ECMA-119, 8).

use rootsmith_types::{UnixTime, Utc};

use crate::directory::{Extent, root_record};
use crate::{BLOCK, Names, both16, both32};

/// What begins each, after its type.
const IDENTIFIER: &[u8; 5] = b"CD001";
/// Joliet, level 3: any character of UCS-2.
const ESCAPE: &[u8; 3] = b"%/E";
/// Bytes in a path table with nothing but the root.
const PATH_TABLE: u32 = 10;

/// What a volume is, in either hierarchy.
pub(crate) struct Volume<'a> {
    pub(crate) label: &'a str,
    pub(crate) blocks: u32,
    /// The block of the little-endian path table; the big-endian one follows.
    pub(crate) path_table: u32,
    pub(crate) root: Extent,
    pub(crate) date: UnixTime,
}

/// ECMA-119, 8.4 and 8.5; the columns are the specification's byte positions.
pub(crate) fn volume(names: Names, it: &Volume<'_>) -> Vec<u8> {
    let kind = if names == Names::Primary { 1 } else { 2 };
    let escape: &[u8] = if names == Names::Primary { b"" } else { ESCAPE };
    let date = decimal(it.date);
    let mut out = vec![kind]; //                                         1
    out.extend(IDENTIFIER); //                                           2
    out.extend([1, 0]); //                                               7  version, flags
    out.extend(names.field("", 32)); //                                  9  system identifier
    out.extend(names.field(it.label, 32)); //                           41
    out.extend([0; 8]); //                                              73
    out.extend(both32(it.blocks)); //                                   81
    out.extend(escape); //                                              89
    out.resize(120, 0);
    out.extend(both16(1)); //                                          121  volumes in the set
    out.extend(both16(1)); //                                          125  the number of this one
    out.extend([0, 8, 8, 0]); //                                       129  the size of a block: 2048
    out.extend(both32(PATH_TABLE)); //                                 133
    out.extend(it.path_table.to_le_bytes()); //                        141
    out.extend([0; 4]);
    out.extend(it.path_table.saturating_add(1).to_be_bytes()); //      149
    out.extend([0; 4]);
    out.extend(root_record(it.root, it.date)); //                      157
    for len in [128, 128, 128, 128, 37, 37, 37] {
        out.extend(names.field("", len)); //                           191  who made it, and files that say so
    }
    out.extend(&date); //                                              814  creation
    out.extend(&date); //                                              831  modification
    out.extend(unspecified()); //                                      848  expiration
    out.extend(unspecified()); //                                      865  effective
    out.push(1); //                                                    882  version of the structure
    out.resize(BLOCK, 0);
    out
}

/// ECMA-119, 8.3.
pub(crate) fn end() -> Vec<u8> {
    let mut out = vec![255];
    out.extend(IDENTIFIER);
    out.push(1);
    out.resize(BLOCK, 0);
    out
}

/// ECMA-119, 8.4.26.1: digits down to hundredths of a second, and UTC.
fn decimal(date: UnixTime) -> Vec<u8> {
    let Utc { year, month, day, hour, minute, second } = Utc::of(date);
    let mut out = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00").into_bytes();
    out.push(0);
    out
}

fn unspecified() -> Vec<u8> {
    let mut out = vec![b'0'; 16];
    out.push(0);
    out
}
