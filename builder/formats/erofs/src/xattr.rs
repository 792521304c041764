//! Extended attributes, behind the inode.

use rootsmith_tree::Metadata;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::format::{XattrEntry, XattrHeader};

/// The prefixes that have a number; access control lists have no name behind theirs.
const PREFIXES: [(u8, &[u8]); 5] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];
/// Bytes of a name behind its prefix, at most.
const MAX_NAME: usize = 255;
/// Bytes of all attributes of an inode, at most: their count of four bytes each has 16 bits.
const MAX_BYTES: usize = 4 * (u16::MAX as usize - 1) + size_of::<XattrHeader>();

/// Why attributes cannot be stored.
#[derive(Debug)]
pub(crate) enum XattrError {
    /// None of the namespaces, or no usable name.
    Unknown(String),
    /// Longer than there is room for.
    TooLong(String),
}

/// An inode's attributes as they lie: nothing when there are none.
pub(crate) fn encode(metadata: &Metadata) -> Result<Vec<u8>, XattrError> {
    let mut bytes = Vec::new();
    for (name, value) in metadata.xattrs() {
        let shown = || String::from_utf8_lossy(name).into_owned();
        let prefix = PREFIXES.into_iter().find_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?)));
        // A list's name is its prefix, the others have something behind theirs.
        let whole = |number: u8, rest: &[u8]| matches!(number, 2 | 3) == rest.is_empty();
        let found = prefix.filter(|(number, rest)| whole(*number, rest));
        let (number, rest) = found.ok_or_else(|| XattrError::Unknown(shown()))?;
        let size = u16::try_from(value.len()).ok().filter(|_| rest.len() <= MAX_NAME);
        let e_value_size = U16::new(size.ok_or_else(|| XattrError::TooLong(shown()))?);
        if bytes.is_empty() {
            let header = XattrHeader { h_name_filter: U32::new(0), h_shared_count: 0, h_reserved2: [0; 7] };
            bytes.extend_from_slice(header.as_bytes());
        }
        let entry = XattrEntry { e_name_len: rest.len() as u8, e_name_index: number, e_value_size };
        bytes.extend_from_slice(entry.as_bytes());
        bytes.extend_from_slice(rest);
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        if bytes.len() > MAX_BYTES {
            return Err(XattrError::TooLong(shown()));
        }
    }
    Ok(bytes)
}

/// What an inode says of attributes of so many bytes.
pub(crate) fn count(bytes: usize) -> u16 {
    // At most `MAX_BYTES`.
    if bytes == 0 { 0 } else { ((bytes - size_of::<XattrHeader>()) / 4 + 1) as u16 }
}
