//! ISO 9660 with Joliet: the files of one folder, planned and then written in one pass.
//!
//! Specifications: ECMA-119, 4th edition; "Joliet Specification" of Microsoft, 1995. Blocks have 2048 bytes; numbers mostly stand there twice, little-endian
//! and then big-endian.
//!
//! | block   | is                                                                                             |
//! |---------|------------------------------------------------------------------------------------------------|
//! | 0 to 15 | left to the system                                                                             |
//! | 16, 17  | volume descriptors: the primary one, and Joliet's                                              |
//! | 18      | the end of the descriptors                                                                     |
//! | 19, 20  | the path table, little-endian and big-endian, for ISO 9660 itself                              |
//! | 21, 22  | the same for Joliet                                                                            |
//! | 23, 24  | the root directory, twice: `USER-DATA.;1` for ISO 9660, `user-data` for Joliet                 |
//! | 25 …    | the files' contents, in the order of their names                                               |
//!
//! Names of ISO 9660 itself have a hyphen, as `genisoimage -relaxed-filenames` writes it and all readers take it: so the name is right, too,
//! for a kernel without Joliet, which shows it in small letters.

mod descriptor;
mod directory;
mod error;
mod plan;

pub use error::PlanError;
pub use plan::{File, Options, Plan, plan};

/// Bytes in a block.
const BLOCK: usize = 2048;

/// Which of the two hierarchies of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// ISO 9660 itself.
    Primary,
    /// UCS-2, big-endian.
    Joliet,
}

impl Names {
    /// `text` in a field of the descriptor, filled up with spaces. Longer text is cut: labels are checked before.
    fn field(self, text: &str, len: usize) -> Vec<u8> {
        let mut field = match self {
            Names::Primary => text.as_bytes().to_vec(),
            Names::Joliet => ucs2(text),
        };
        let space: &[u8] = match self {
            Names::Primary => b" ",
            Names::Joliet => b"\0 ",
        };
        let used = field.len();
        field.extend(space.iter().copied().cycle().take(len.saturating_sub(used)));
        field.truncate(len);
        field
    }
}

/// UCS-2, big-endian.
fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// ECMA-119, 7.2.3: little-endian, then big-endian.
fn both16(value: u16) -> [u8; 4] {
    let [a, b] = value.to_le_bytes();
    [a, b, b, a]
}

/// ECMA-119, 7.3.3: little-endian, then big-endian.
fn both32(value: u32) -> [u8; 8] {
    let [a, b, c, d] = value.to_le_bytes();
    [a, b, c, d, d, c, b, a]
}

#[cfg(test)]
mod tests;
