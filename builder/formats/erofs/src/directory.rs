//! Names of a directory: blocks of them, sorted throughout, `.` and `..` among them.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U64};

use crate::format::{BLOCK, Dirent};

/// A name, and the inode it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'n> {
    /// 1 to 255 bytes.
    pub(crate) name: &'n [u8],
    /// As in directories of every file system of Linux: 1 a file, 2 a directory and so on.
    pub(crate) file_type: u8,
    /// Place of its inode; nothing while only lengths are asked for.
    pub(crate) nid: u64,
}

/// Where `names` are cut into blocks, the first place and the end among the cuts, and bytes in the last of them.
fn cuts(names: &[Name<'_>]) -> (Vec<usize>, usize) {
    let (mut cuts, mut used) = (vec![0], 0);
    for (at, name) in names.iter().enumerate() {
        let size = size_of::<Dirent>() + name.name.len();
        if used + size > BLOCK {
            cuts.push(at);
            used = 0;
        }
        used += size;
    }
    cuts.push(names.len());
    (cuts, used)
}

/// Bytes of a directory with these names.
pub(crate) fn size(names: &[Name<'_>]) -> u64 {
    let (cuts, last) = cuts(names);
    ((cuts.len() - 2) * BLOCK + last) as u64
}

/// Its blocks, the last one not filled up.
pub(crate) fn encode(names: &[Name<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for pair in cuts(names).0.windows(2) {
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let names = &names[pair[0]..pair[1]];
        let mut nameoff = names.len() * size_of::<Dirent>();
        for name in names {
            // Inside a block.
            let offset = U16::new(nameoff as u16);
            let (nid, file_type) = (U64::new(name.nid), name.file_type);
            bytes.extend_from_slice(Dirent { nid, nameoff: offset, file_type, reserved: 0 }.as_bytes());
            nameoff += name.name.len();
        }
        for name in names {
            bytes.extend_from_slice(name.name);
        }
    }
    bytes
}
