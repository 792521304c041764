//! Any tree, and any damage.

use insta::assert_snapshot;
use proptest::prelude::*;
use rootsmith_tree::testing::any_tree;
use rootsmith_tree::{Blobs, NoBlobs, NodeKind, Tree};

use super::is;
use super::judge::{ALL, shown, text};
use super::tests::{archive, extended, gzip, member, memory, open_bytes, sum, xz, zstd};

/// A tree as its dump, contents read, without what our writer does not write: sockets.
fn dumped(tree: &Tree, blobs: &dyn Blobs) -> String {
    let mut out = String::new();
    for entry in tree.walk() {
        let node = entry.node;
        let content = node.content().map(|content| content.hash(blobs).unwrap());
        let kind = match &node.kind {
            NodeKind::File(content) => format!("{}", content.size()),
            other => format!("{other:?}"),
        };
        let links = entry.leaf.map_or(1, |leaf| tree.links(leaf));
        out.push_str(&format!("{} {kind} {content:?} {links} {:?}\n", entry.path, node.metadata));
    }
    out
}

/// A file of ten bytes in GNU tar's own way: `abc` at its start, then a hole.
fn old_gnu(name: &str) -> Vec<u8> {
    let mut out = member(b'S', name, "", b"abc");
    out[257..265].copy_from_slice(b"ustar  \0");
    out[386..410].copy_from_slice(b"00000000000\x0000000000003\0");
    out[410..434].copy_from_slice(b"00000000012\x0000000000000\0");
    out[483..495].copy_from_slice(b"00000000012\0");
    sum(&mut out);
    out
}

/// All that is read in more than one step.
fn something_of_all() -> Vec<u8> {
    let holes = [&b"1\n512\n3\n"[..], &[0; 504], b"abc"].concat();
    archive(&[
        extended(&[
            ("path", "usr/x"),
            ("SCHILY.xattr.user.a", "b"),
            ("GNU.sparse.map", "0,3,9,2"),
            ("GNU.sparse.size", "20"),
        ]),
        member(b'0', "x", "", b"12345"),
        member(b'5', "usr", "", b""),
        member(b'2', "lib", "usr/lib", b""),
        extended(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "4096")]),
        member(b'0', "lib/holes", "", &holes),
        old_gnu("old"),
        member(b'L', "././@LongLink", "", b"long/name\0"),
        member(b'1', "hard", "lib/holes", b""),
        member(b'3', "null", "", b""),
    ])
}

#[test]
fn what_damage_is_done_to_is_sound() {
    let volume = open_bytes(something_of_all()).unwrap();
    assert_snapshot!(shown(&volume, ALL), @"
    d 0755 0:0 /  @0.000000000
    l 0644 0:0 /lib -> usr/lib @1699942144.000000000
    d 0755 0:0 /long  @0.000000000
    f 0644 0:0 /long/name 4096 031c99a1672a746b @1699942144.000000000
    c 0644 0:0 /null 0:0 @1699942144.000000000
    f 0644 0:0 /old 10 5b61d6b0242007d0 @1699942144.000000000
    d 0644 0:0 /usr  @1699942144.000000000
    d 0755 0:0 /usr/lib  @0.000000000
    f 0644 0:0 /usr/lib/holes == /long/name
    f 0644 0:0 /usr/x 20 ddf82d9a5ad2d34b @1699942144.000000000 user.a=b
    ");
    assert_eq!(text(&volume, "/old"), "abc\0\0\0\0\0\0\0");
    assert_eq!(text(&volume, "/usr/x"), "123\0\0\0\0\0\x0045\0\0\0\0\0\0\0\0\0");
    let holes = text(&volume, "/long/name");
    assert_eq!((holes.len(), holes.trim_matches('\0'), holes.find('a')), (4096, "abc", Some(512)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_our_writer_writes_is_read(tree in any_tree()) {
        let mut tree = tree;
        let sockets: Vec<_> = tree.walk().filter(|entry| entry.node.letter() == 's').map(|entry| entry.path).collect();
        sockets.iter().for_each(|path| { tree.remove(path); });
        let mut data = Vec::new();
        rootsmith_tar::write(&tree, &NoBlobs, &mut data).unwrap();
        let volume = open_bytes(data).unwrap();
        prop_assert_eq!(dumped(&volume.tree, &volume), dumped(&tree, &NoBlobs));
    }

    /// Bits flipped anywhere, headers then made right again so that what is in them is believed.
    #[test]
    fn damage_never_panics(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in 0_usize..600) {
        let mut data = something_of_all();
        for (at, byte) in flips {
            let at = at.index(data.len());
            data[at] = byte;
            let block = at / 512 * 512;
            if data[block + 257..block + 262] == *b"ustar" {
                sum(&mut data[block..block + 512]);
            }
        }
        data.truncate(data.len() - cut);
        if let Ok(volume) = open_bytes(data) {
            for entry in volume.tree.walk() {
                let _ = entry.node.content().map(|content| content.read(&volume, 1 << 20));
            }
        }
    }

    #[test]
    fn damaged_compression_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        kind in 0_usize..3,
    ) {
        let data = archive(&[member(b'0', "x", "", &b"some text ".repeat(500)), member(b'0', "y", "", b"end")]);
        let mut data = [gzip, xz, zstd][kind](&data);
        for (at, byte) in flips {
            let at = at.index(data.len());
            data[at] = byte;
        }
        is(&memory(data.clone()));
        let _ = open_bytes(data);
    }

    #[test]
    fn noise_never_panics(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        is(&memory(data.clone()));
        let _ = open_bytes(data);
    }
}
