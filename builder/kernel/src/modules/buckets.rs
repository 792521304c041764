//! The order in which depmod's hash table gives its entries back: `modules.symbols` has it.
//!
//! Nobody reads that file in order, but the same bytes as depmod's make the two comparable.

/// Paul Hsieh's "SuperFastHash", as kmod's shared/hash.c uses it.
fn hash(key: &[u8]) -> u32 {
    // Lengths of symbols and module names are far below 2^32.
    let mut hash = key.len() as u32;
    let pair = |a: u8, b: u8| u32::from(u16::from_le_bytes([a, b]));
    let mut chunks = key.chunks_exact(4);
    for chunk in &mut chunks {
        hash = hash.wrapping_add(pair(chunk[0], chunk[1]));
        let high = (pair(chunk[2], chunk[3]) << 11) ^ hash;
        hash = (hash << 16) ^ high;
        hash = hash.wrapping_add(hash >> 11);
    }
    // Bytes are C's signed `char` there; keys are 7-bit, so that makes no difference.
    match *chunks.remainder() {
        [a, b, c] => {
            hash = hash.wrapping_add(pair(a, b));
            hash ^= hash << 16;
            hash ^= u32::from(c) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [a, b] => {
            hash = hash.wrapping_add(pair(a, b));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [a] => {
            hash = hash.wrapping_add(u32::from(a));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

/// Sorts by the bucket of the key in a table of `buckets` (a power of two), then by the key.
pub(super) fn sort<T>(entries: &mut [T], buckets: u32, key: impl Fn(&T) -> &[u8]) {
    let bucket = |entry: &T| hash(key(entry)) & (buckets - 1);
    entries.sort_by(|a, b| bucket(a).cmp(&bucket(b)).then_with(|| key(a).cmp(key(b))));
}
