use proptest::prelude::*;
use rootsmith_tree::testing::any_tree;
use rootsmith_tree::{NoBlobs, Tree};
use rootsmith_types::TreePath;
use rootsmith_verify::{Seen, Times, compare_seen};

use super::*;
use crate::Image;

/// An entry; its numbers are mode, links and inode.
fn entry(name: &str, (mode, nlink, ino): (u32, u32, u32), content: &[u8]) -> Vec<u8> {
    let mut out = b"070701".to_vec();
    let size = content.len() as u32;
    for number in [ino, mode, 7, 8, nlink, 1_700_000_000, size, 0, 0, 5, 1, name.len() as u32 + 1, 0] {
        out.extend_from_slice(format!("{number:08x}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), entry("TRAILER!!!", (0, 1, 0), b"")].concat()
}

fn memory(data: Vec<u8>) -> Source {
    Arc::new(data)
}

fn opened(data: Vec<u8>) -> Result<Volume, OpenError> {
    open(&memory(data), &Budget::default())
}

fn text(volume: &Volume, path: &'static str) -> String {
    let content = volume.tree.get(&TreePath::literal(path)).unwrap().content().unwrap();
    String::from_utf8(content.read(volume, 100).unwrap().to_vec()).unwrap()
}

#[test]
fn names_share_what_any_of_them_carries() {
    let file = (0o100_755, 2, 9);
    let last = archive(&[entry("a", file, b""), entry("b", file, b"both"), entry("c", (0o100_644, 1, 9), b"other")]);
    let first = archive(&[entry("a", file, b"both"), entry("b", file, b""), entry("c", (0o100_644, 1, 9), b"other")]);
    for data in [last, first] {
        let volume = opened(data).unwrap();
        assert_eq!([text(&volume, "/a"), text(&volume, "/b"), text(&volume, "/c")], ["both", "both", "other"]);
        let leaf = |path| volume.tree.leaf_id(&TreePath::literal(path)).unwrap();
        assert_eq!(leaf("/a"), leaf("/b"));
        assert_ne!(leaf("/a"), leaf("/c"));
    }
}

#[test]
fn archives_follow_one_another_and_the_later_one_wins() {
    let mut data = archive(&[entry(".", (0o040_700, 2, 1), b""), entry("etc/a", (0o100_644, 1, 2), b"old")]);
    data.resize(data.len().next_multiple_of(512) + 512, 0);
    data.extend(archive(&[entry("etc/a", (0o100_600, 1, 2), b"new"), entry("s", (0o140_777, 1, 3), b"")]));
    data.extend([0; 300]);
    let volume = opened(data).unwrap();
    assert_eq!(text(&volume, "/etc/a"), "new");
    let metadata = &volume.tree.get(&TreePath::literal("/etc/a")).unwrap().metadata;
    assert_eq!((metadata.mode, metadata.uid, metadata.gid, metadata.mtime.seconds), (0o600, 7, 8, 1_700_000_000));
    assert_eq!(volume.tree.get(&TreePath::literal("/")).unwrap().metadata.mode, 0o700);
    assert_eq!(volume.tree.get(&TreePath::literal("/s")).unwrap().letter(), 's');
}

#[test]
fn zeros_between_archives_may_be_of_any_number() {
    let [one, other] = ["a", "b"].map(|name| archive(&[entry(name, (0o100_644, 1, 1), b"text")]));
    assert_eq!(one.len() % 4, 0);
    // They are looked at by 4 KiB: the next archive begins before, at and behind the end of a piece.
    for zeros in (4080..4112).step_by(4) {
        let volume = opened([one.clone(), vec![0; zeros], other.clone()].concat()).unwrap();
        assert_eq!(text(&volume, "/b"), "text", "{zeros}");
    }
}

#[test]
fn what_is_damaged_is_refused_by_its_place() {
    let whole = archive(&[entry("init", (0o100_755, 1, 1), b"#!/bin/sh")]);
    let refused = |data: Vec<u8>| opened(data).map(|_| ()).unwrap_err().to_string();
    let with = |at: usize, bytes: &[u8]| {
        let mut data = whole.clone();
        data[at..at + bytes.len()].copy_from_slice(bytes);
        refused(data)
    };
    assert!(with(54, b"ffffffff").contains("`/init`: it ends in the middle of this file's 4294967295 bytes"));
    assert!(with(94, b"00000000").contains("byte 0: its name is too long, or not there"));
    assert!(with(94, b"ffffffff").contains("byte 0: its name is too long, or not there"));
    assert!(with(94, b"00000004").contains("byte 0: its name has no end"));
    assert!(with(14, b"+00081ed").contains("byte 0: a header should be here"));
    assert!(with(14, b"000001ed").contains("no file is of type 0"));
    assert!(refused([whole.clone(), b"\x28\xb5\x2f\xfd".to_vec()].concat()).contains("a compressed one?"));
    for length in 1..whole.len() {
        // Only what fills up the very end is not missed.
        assert!(opened(whole[..length].to_vec()).is_err() || length > whole.len() - 4, "{length}");
    }
}

#[test]
fn it_is_opened_in_every_compression() {
    let plain = archive(&[entry("etc", (0o040_755, 2, 1), b""), entry("etc/a", (0o100_644, 1, 2), b"text")]);
    let scratch = tempfile::tempdir().unwrap();
    let zstd = zstd::encode_all(&plain[..], 3).unwrap();
    for (data, kind) in [(plain, "cpio"), (zstd, "Zstandard stream, cpio")] {
        let image = Image::of_source(memory(data), scratch.path()).unwrap();
        assert_eq!(image.kind(), kind);
        assert!(image.boot_facts().is_none());
        assert!(image.tree.get(&TreePath::literal("/etc/a")).is_some());
    }
}

/// With times that cpio can hold.
fn held(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let paths: Vec<TreePath> = tree.walk().map(|entry| entry.path).collect();
    for path in paths {
        let mtime = &mut tree.get_mut(&path).unwrap().metadata.mtime;
        mtime.seconds = mtime.seconds.clamp(0, i64::from(u32::MAX));
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn what_our_writer_writes_is_read(tree in any_tree()) {
        let mut data = Vec::new();
        rootsmith_cpio::write(&tree, &NoBlobs, &mut data).unwrap();
        let volume = opened(data).unwrap();
        let seen = Seen { mode: true, owner: true, mtime: Times::Seconds, xattrs: false, devices: true, hard_links: true };
        let differences = compare_seen((&held(&tree), &NoBlobs), (&volume.tree, &volume), &seen).unwrap();
        prop_assert!(differences.is_empty(), "{differences:?}");
    }

    #[test]
    fn damage_never_panics(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in 0_usize..200) {
        let file = (0o100_755, 2, 9);
        let mut data = archive(&[
            entry("etc", (0o040_755, 2, 1), b""),
            entry("a", file, b""),
            entry("etc/b", file, b"both"),
            entry("l", (0o120_777, 1, 3), b"etc/b"),
            entry("n", (0o020_600, 1, 4), b""),
        ]);
        for (at, byte) in flips {
            let at = at.index(data.len());
            data[at] = byte;
        }
        data.truncate(data.len() - cut);
        if let Ok(volume) = opened(data) {
            for entry in volume.tree.walk() {
                let _ = entry.node.content().map(|content| content.read(&volume, 1 << 20));
            }
        }
    }
}
