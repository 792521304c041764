//! The directory hash: half MD4, names as signed characters (kernel, `fs/ext4/hash.c`).

use rootsmith_types::Uuid;

const K2: u32 = 0x5A82_7999;
const K3: u32 = 0x6ED9_EBA1;
/// The hash that means "end of directory" to the kernel; names are never given it.
const END_OF_DIRECTORY: u32 = 0x7FFF_FFFF << 1;

/// Major hash (even: the lowest bit marks collisions in the tree) and minor hash of `name`.
pub(crate) fn half_md4(name: &[u8], seed: &Uuid) -> (u32, u32) {
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
    if seed.as_bytes() != &[0; 16] {
        for (word, bytes) in state.iter_mut().zip(seed.as_bytes().chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
    }
    let mut rest = name;
    while !rest.is_empty() {
        transform(&mut state, &words(rest));
        rest = rest.get(32..).unwrap_or_default();
    }
    let hash = state[1] & !1;
    (if hash == END_OF_DIRECTORY { END_OF_DIRECTORY - 2 } else { hash }, state[2])
}

/// Up to 32 bytes as eight words; what is missing is made of the length of all that is left of the name.
fn words(rest: &[u8]) -> [u32; 8] {
    let len = rest.len() as u32;
    let pad = (len | len << 8) | (len | len << 8) << 16;
    let mut words = [pad; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        for &byte in bytes {
            *word = (*word << 8).wrapping_add(byte as i8 as u32);
        }
    }
    words
}

fn transform(state: &mut [u32; 4], input: &[u32; 8]) {
    let f = |x: u32, y: u32, z: u32| z ^ (x & (y ^ z));
    let g = |x: u32, y: u32, z: u32| (x & y).wrapping_add((x ^ y) & z);
    let h = |x: u32, y: u32, z: u32| x ^ y ^ z;
    let [mut a, mut b, mut c, mut d] = *state;
    let mut round = |mix: &dyn Fn(u32, u32, u32) -> u32, constant: u32, order: [usize; 8], shifts: [u32; 4]| {
        for (step, &i) in order.iter().enumerate() {
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(input[i]).wrapping_add(constant);
            // Each step changes one word; the names rotate so that it is always `a`.
            (a, b, c, d) = (d, sum.rotate_left(shifts[step % 4]), b, c);
        }
    };
    round(&f, 0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]);
    round(&g, K2, [1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13]);
    round(&h, K3, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]);
    for (word, sum) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_debugfs_computes() {
        // `debugfs -R "dx_hash -h half_md4 [-s SEED] NAME"`, e2fsprogs 1.47.0.
        let seed: Uuid = "01020304-0506-0708-090a-0b0c0d0e0f10".parse().unwrap();
        let none = Uuid::new([0; 16]);
        let long = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF";
        for (name, seed, hash) in [
            ("a", seed, (0x8d08_ec4c, 0x2fbc_cd78)),
            ("a", none, (0xd5fa_7d7a, 0xacb4_8187)),
            ("hello", seed, (0xe2dd_f968, 0xc8bc_0924)),
            (long, seed, (0x2ed4_7f9c, 0x93b5_e69e)),
            (long, none, (0x9ffc_fcde, 0xe3f2_8c3a)),
            ("café", seed, (0xeeef_3446, 0x6e3c_8dd0)),
            ("café", none, (0xfb9c_5e5c, 0x0573_e8b8)),
        ] {
            assert_eq!(half_md4(name.as_bytes(), &seed), hash, "{name}");
        }
    }
}
