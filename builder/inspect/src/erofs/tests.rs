//! Images of `mkfs.erofs`, judged by the folder they were made of, and of our own writer, judged by the tree.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::test_runner::Config;
use rootsmith_erofs::{Compression, Options, plan};
use rootsmith_tree::NoBlobs;
use rootsmith_tree::testing::{any_tree, differences};
use rootsmith_types::{TreePath, Uuid};
use tempfile::{NamedTempFile, TempDir};

use super::*;
use crate::testing::{
    Patched, Seen, assert_same, cat, complaint, describe, describe_folder, noise, run, skip, source, survives, text,
    try_all, unix_folder,
};

const UUID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

/// Version of `mkfs.erofs`, as 1 and 5; `None` when it is not there.
fn version() -> Option<(u32, u32)> {
    // Up to 1.5 there is no such option, and the version is said all the same.
    let output = std::process::Command::new("mkfs.erofs").arg("--version").output();
    let Ok(output) = output else {
        skip("mkfs.erofs is not installed");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let number = said.split_whitespace().find_map(|word| {
        let mut numbers = word.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    });
    Some(number.unwrap_or_else(|| panic!("{said}")))
}

/// An image of `folder`; `None` when `mkfs.erofs` is not there.
fn make(dir: &Path, folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let image = dir.join("image");
    let _ = fs::remove_file(&image);
    let mut arguments = vec!["--quiet", "-U", UUID];
    arguments.extend(options);
    arguments.extend([text(&image), text(folder)]);
    run("mkfs.erofs", &arguments)?;
    Some(image)
}

fn open_at(image: &Path) -> Volume {
    open(&source(image)).unwrap_or_else(|error| panic!("{error}"))
}

/// Contents that compress into extents of many lengths.
fn folder_with_mixtures(dir: &Path) -> PathBuf {
    let folder = dir.join("folder");
    unix_folder(&folder);
    mixtures(&folder.join("usr"));
    folder
}

fn mixtures(folder: &Path) {
    let mut mixture = Vec::new();
    for (index, length) in [5000, 300, 70_000, 9000, 1, 4096, 40_000].into_iter().enumerate() {
        mixture.extend(noise(length, index as u32));
        mixture.extend(format!("line {index} of some text\n").repeat(length / 7).into_bytes());
    }
    fs::write(folder.join("mixture"), &mixture).unwrap();
    // Its end once more, so that ends and parts can be shared.
    fs::write(folder.join("mixture2"), &mixture[100_001..]).unwrap();
    for length in [4095, 4096, 4097, 8192, 12_289] {
        fs::write(folder.join(format!("text{length}")), &b"a line of text\n".repeat(1000)[..length]).unwrap();
    }
}

#[test]
fn what_mkfs_put_in_comes_out() {
    let Some(version) = version() else { return };
    let dir = TempDir::new().unwrap();
    let folder = folder_with_mixtures(dir.path());
    // It looks for what is there twice for a minute, where a line is repeated long enough.
    let few = dir.path().join("few");
    fs::create_dir(&few).unwrap();
    mixtures(&few);
    let always: &[&[&str]] = &[
        &[],
        &["-zlz4"],
        &["-zlz4hc,12", "-C65536"],
        &["-zlz4hc", "-Elegacy-compress"],
        &["-zlz4", "-Enoinline_data"],
        &["-zlz4", "-Eforce-inode-compact,nosbcrc"],
        &["-Eforce-inode-extended"],
        &["--chunksize=4096"],
        &["--chunksize=8192", "-Eforce-chunk-indexes"],
        &["-zlz4hc", "-Eztailpacking"],
        &["-zlz4hc", "-Eztailpacking", "-C65536"],
        &["-zlz4hc", "-Eztailpacking,legacy-compress"],
        &["-zlz4hc", "-Efragments"],
        &["-zlz4hc", "-Eall-fragments", "-C65536"],
        &["-zlz4hc", "-Efragments,ztailpacking,dedupe", "-C32768"],
    ];
    let later: &[&[&str]] = &[
        &["-zzstd"],
        &["-zzstd,level=19", "-C65536"],
        &["-zzstd", "-Efragments,ztailpacking,dedupe"],
        &["-zdeflate", "-C16384"],
        &["-zdeflate", "-Ededupe,all-fragments"],
        &["-zlz4hc:zstd:deflate", "-C65536"],
        &["-b1024", "-zlz4hc"],
        &["-b512", "-zlz4hc", "-C4096"],
    ];
    let later = if version >= (1, 8) { later } else { &[] };
    for options in always.iter().chain(later) {
        let mut options = options.to_vec();
        // Compact inodes have one time for all, which is not that of files.
        let compact = options.iter().any(|option| option.contains("force-inode-compact"));
        if compact {
            options.push("-T1700000000");
        } else if version >= (1, 8) {
            options.extend(["-T1700000000", "--mkfs-time"]);
        }
        let folder = if options.iter().any(|option| option.contains("dedupe")) { &few } else { &folder };
        let Some(image) = make(dir.path(), folder, &options) else { return };
        assert!(is(&source(&image)), "{options:?}");
        let volume = open_at(&image);
        let [mut found, mut expected] = [describe(&volume, Seen::Unix), describe_folder(folder, Seen::Unix)];
        if compact {
            let time = |line: &mut String| line.truncate(line.rfind(' ').unwrap());
            found.values_mut().chain(expected.values_mut()).for_each(time);
        }
        assert_same(&found, &expected, &format!("{options:?}"));
        assert_eq!((volume.filesystem, volume.available), ("erofs", None));
        assert_eq!((volume.uuid.as_deref(), volume.label), (Some(UUID), None));
    }
}

#[test]
fn devices_owners_and_attributes_are_seen() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    unix_folder(&folder);
    let set = |path: &str, name: &str, value: &[u8]| {
        rustix::fs::setxattr(folder.join(path), name, value, rustix::fs::XattrFlags::empty())
    };
    if let Err(error) = set("etc/hosts", "user.name", b"value") {
        // A temporary folder in memory may have none.
        return skip(&format!("extended attributes in the temporary folder: {error}"));
    }
    let long = noise(900, 4);
    // The same value often enough that it is shared.
    for path in ["etc/hosts", "usr/share", "usr/share/noise", "usr/share/text", "etc/empty"] {
        set(path, "user.long", &long).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let owner = ["--force-uid=70000", "--force-gid=4000000000"];
    for options in [&["-x1"][..], &["-x1", "-zlz4"], &["-x9999"], &["-x1", owner[0], owner[1]]] {
        let Some(image) = make(dir.path(), &folder, options) else { return };
        let volume = open_at(&image);
        let node = |path: &'static str| volume.tree.get(&TreePath::literal(path)).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(node("/fifo").kind, NodeKind::Fifo);
        let xattrs = node("/etc/hosts").metadata.xattrs.as_ref().unwrap();
        assert_eq!((xattrs[b"user.name".as_slice()].as_slice(), xattrs.len()), (b"value".as_slice(), 2));
        for path in ["/etc/hosts", "/usr/share", "/usr/share/noise", "/etc/noise", "/etc/empty"] {
            let xattrs = node(path).metadata.xattrs.as_ref().unwrap();
            assert_eq!(xattrs[b"user.long".as_slice()], long, "{path} {options:?}");
        }
        assert_eq!(node("/etc").metadata.xattrs, None);
        if options.contains(&owner[0]) {
            assert_eq!((node("/etc").metadata.uid, node("/etc").metadata.gid), (70_000, 4_000_000_000));
        }
    }
}

fn ours(tree: &Tree, compression: Compression) -> NamedTempFile {
    let options = Options { label: "a label".to_owned(), ..Options::new(compression, Uuid::new([7; 16]), 5) };
    let file = NamedTempFile::new().unwrap();
    plan(tree, &NoBlobs, &options).unwrap().write(file.as_file()).unwrap();
    file
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    /// What `fsck.erofs` and the kernel cannot show is seen here: attributes of devices and links, modes of links.
    #[test]
    fn what_our_writer_put_in_comes_out(tree in any_tree(), which in 0usize..3) {
        let file = ours(&tree, Compression::ALL[which]);
        let volume = open_at(file.path());
        prop_assert_eq!(volume.label.as_deref(), Some("a label"));
        prop_assert_eq!(volume.uuid.as_deref(), Some("07070707-0707-0707-0707-070707070707"));
        let different = differences((&tree, &NoBlobs), (&volume.tree, &volume)).unwrap();
        prop_assert!(different.is_empty(), "{:#?}", different);
    }
}

/// A small image that holds something of everything, as bytes.
fn small(options: &[&str]) -> Option<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("sub/inner")).unwrap();
    fs::write(folder.join("file"), [noise(10_000, 1), b"text".repeat(9000)].concat()).unwrap();
    fs::write(folder.join("text"), "text".repeat(4000)).unwrap();
    fs::write(folder.join("sub/small"), "small").unwrap();
    fs::hard_link(folder.join("file"), folder.join("sub/link")).unwrap();
    std::os::unix::fs::symlink("target", folder.join("symlink")).unwrap();
    for path in ["file", "text"] {
        let _ = rustix::fs::setxattr(folder.join(path), "user.name", b"value", rustix::fs::XattrFlags::empty());
    }
    // Without a checksum, so that changes of the superblock are seen as well.
    let all = [options, &["-Enosbcrc", "-T1700000000", "-x1"]].concat();
    let image = make(dir.path(), &folder, &all)?;
    Some(fs::read(&image).unwrap())
}

fn open_bytes(bytes: &[u8]) -> std::result::Result<Volume, OpenError> {
    open(&(Arc::new(bytes.to_vec()) as Source))
}

#[test]
fn a_broken_image_is_never_a_panic() {
    let variants: [&[&str]; 6] = [
        &[],
        &["-zlz4hc"],
        &["-zlz4hc", "-C65536", "-Elegacy-compress"],
        &["-zlz4hc", "-Eztailpacking,fragments,dedupe", "-C16384"],
        &["-zlz4hc", "-Eall-fragments"],
        &["--chunksize=4096"],
    ];
    for options in variants {
        let Some(image) = small(options) else { return };
        assert!(open_bytes(&image).is_ok(), "{options:?}");
        survives(&image, 1000, open);
        // Blocks of metadata have few bytes that are not zero.
        let image = Arc::new(image);
        let written: Vec<usize> = (0..image.len()).filter(|&at| image[at] != 0).collect();
        let stored = 6000;
        for &at in written.iter().take(stored).chain(written.iter().rev().take(stored)) {
            for change in [0x01, 0x80, 0xFF] {
                let mut patched = Patched::new(&image);
                patched.set(at, image[at] ^ change);
                try_all(patched, open);
            }
        }
    }
}

#[test]
fn damage_is_named() {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let mut insert = |path: &'static str, node: Node| tree.insert(&TreePath::literal(path), node).unwrap();
    let meta = Metadata::root(0o644, 0);
    let content = [noise(9000, 1), b"a line of text\n".repeat(3000)].concat();
    insert("/file", Node::file(rootsmith_tree::Content::inline(content), meta.clone()));
    insert("/sub", Node::directory(meta.clone()));
    insert("/sub/inner", Node::directory(meta.clone()));
    insert("/sub/other", Node::file(rootsmith_tree::Content::inline("some"), meta));
    let image = fs::read(ours(&tree, Compression::Lz4).path()).unwrap();
    let said = |seal: bool, change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        if seal {
            image[1028..1032].fill(0);
            let sum = !crc32c::crc32c(&image[1024..4096]);
            image[1028..1032].copy_from_slice(&sum.to_le_bytes());
        }
        complaint(open_bytes(&image))
    };
    let find = |image: &[u8], what: &[u8]| image.windows(what.len()).rposition(|bytes| bytes == what).unwrap();
    let meta = u32::from_le_bytes(image[1064..1068].try_into().unwrap()) as usize * 4096;
    assert_snapshot!(said(false, &|_| {}), @"nothing is wrong");
    assert_snapshot!(said(false, &|image| image.truncate(1100)), @"the EROFS is damaged at its superblock: the image ends before it does");
    assert_snapshot!(said(false, &|image| image.truncate(2000)), @"the EROFS is damaged at its superblock: the image ends before its block does");
    assert_snapshot!(said(false, &|image| image.truncate(20_000)), @"the EROFS is damaged: it is 20480 bytes long, and the image holds 20000 of them");
    assert_snapshot!(said(false, &|image| image[1024 + 60] ^= 1), @"the EROFS is damaged at its superblock: its checksum is wrong");
    assert_snapshot!(said(true, &|image| image[1024 + 12] = 8), @"the EROFS is damaged at its superblock: its block size is impossible");
    assert_snapshot!(said(true, &|image| image[1024 + 80] |= 0x40), @"the EROFS uses long prefixes of extended attributes, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 80] |= 0x80), @"the EROFS uses block numbers of 48 bits, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 81] |= 1), @"the EROFS uses compressed metadata, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 82] |= 3), @"the EROFS uses the unknown feature 0x30000, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 84] |= 2), @"the EROFS uses LZMA compression, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 84] |= 0x10), @"the EROFS uses compression number 4, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 84] = 8), @"the EROFS is damaged at `/file`: it is compressed by number 0, which the superblock does not name");
    assert_snapshot!(said(true, &|image| image[1024 + 86] = 1), @"the EROFS uses contents on other devices, which cannot be read");
    assert_snapshot!(said(true, &|image| image[1024 + 14] = 200), @"the EROFS is damaged at `/`: there is no inode 200");
    assert_snapshot!(said(false, &|image| image[meta + 64 + 5] ^= 0xC0), @"the EROFS is damaged at `/`: it is no directory");
    assert_snapshot!(said(false, &|image| image[meta + 64] |= 0x10), @"the EROFS is damaged at `/`: inode 2 is of the unknown form 0x15");
    assert_snapshot!(said(false, &|image| image[meta + 64] |= 0xE), @"the EROFS is damaged at `/`: its names are compressed or in chunks");
    assert_snapshot!(said(false, &|image| { let at = find(image, b"inner"); image[at + 2] = b'/'; }), @"the EROFS is damaged at `/sub`: `in/er` is no file name");
    assert_snapshot!(said(false, &|image| { let at = find(image, b"inner"); image[at] = b'z'; }), @"the EROFS is damaged at `/sub`: its names are not in order");
    // `..` of `sub` is the root: `inner`, the next name, takes its number.
    assert_snapshot!(said(false, &|image| {
        let names = find(image, b"...innerother") - 48;
        let above: [u8; 8] = image[names + 12..names + 20].try_into().unwrap();
        image[names + 24..names + 32].copy_from_slice(&above);
    }), @"the EROFS is damaged at `/sub/inner`: the same directory is in two places");
    for size in (0..image.len()).step_by(377) {
        assert!(open_bytes(&image[..size]).is_err(), "{size}");
    }
    assert!(open_bytes(&image[..image.len() - 1]).is_err());
}

/// Each way in which an index can be wrong, in a file of some extents.
#[test]
fn what_maps_of_clusters_cannot_say() {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let content = [b"a line of text\n".repeat(9000), noise(9000, 1)].concat();
    let file = Node::file(rootsmith_tree::Content::inline(content), Metadata::root(0o644, 0));
    tree.insert(&TreePath::literal("/file"), file).unwrap();
    let image = fs::read(ours(&tree, Compression::Lz4).path()).unwrap();
    // BIG_CLUSTERS for LZ4, in clusters of a block; eight bytes that nobody reads; a head.
    let header = [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    let map = image.windows(header.len()).position(|bytes| bytes == header).unwrap();
    let said = |changes: &[(usize, u8)]| {
        let mut image = image.clone();
        for &(at, byte) in changes {
            image[map + at] = byte;
        }
        complaint(open_bytes(&image))
    };
    let index = |number: usize| 16 + 8 * number;
    assert_snapshot!(said(&[]), @"nothing is wrong");
    assert_snapshot!(said(&[(4, 0x42)]), @"the EROFS is damaged at `/file`: its map is of the unknown form 0x42");
    assert_snapshot!(said(&[(4, 3)]), @"the EROFS is damaged at `/file`: its map is of the unknown form 0x3");
    assert_snapshot!(said(&[(4, 0)]), @"the EROFS is damaged at `/file`: its data have several blocks where they should have one");
    assert_snapshot!(said(&[(6, 3)]), @"the EROFS is damaged at `/file`: it is compressed by number 3, which the superblock does not name");
    assert_snapshot!(said(&[(7, 1)]), @"the EROFS is damaged at `/file`: its map is of clusters larger than blocks");
    assert_snapshot!(said(&[(7, 0x80)]), @"the EROFS is damaged at `/file`: its data lie outside the file of fragments");
    assert_snapshot!(said(&[(index(0), 2)]), @"the EROFS is damaged at `/file`: its data do not begin where it does");
    assert_snapshot!(said(&[(index(0) + 2, 1)]), @"the EROFS is damaged at `/file`: its data do not begin where it does");
    assert_snapshot!(said(&[(index(0) + 3, 0x10)]), @"the EROFS is damaged at `/file`: its data begin outside their block");
    assert_snapshot!(said(&[(index(0) + 7, 1)]), @"the EROFS is damaged at `/file`: its data lie outside the file system");
    assert_snapshot!(said(&[(index(1) + 4, 0)]), @"the EROFS is damaged at `/file`: its map does not say how many blocks its data have");
    assert_snapshot!(said(&[(index(1) + 5, 0)]), @"the EROFS is damaged at `/file`: its map does not say how many blocks its data have");
    assert_snapshot!(said(&[(index(1) + 5, 0x0F)]), @"the EROFS is damaged at `/file`: more of its data are compressed together than Linux takes");
    assert_snapshot!(said(&[(index(2) + 4, 3)]), @"the EROFS is damaged at `/file`: its clusters do not say where their data begin");
    assert_snapshot!(said(&[(index(0), 0)]), @"the EROFS is damaged at `/file`: its data are longer than their blocks");
}

#[test]
fn many_threads_read_the_same() {
    let dir = TempDir::new().unwrap();
    let folder = folder_with_mixtures(dir.path());
    let Some(image) = make(dir.path(), &folder, &["-zlz4hc", "-C16384"]) else { return };
    let volume = open_at(&image);
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| describe(&volume, Seen::Unix))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let expected = describe_folder(&folder, Seen::Unix);
    for found in found {
        assert_same(&found, &expected, "one of four threads");
    }
}

#[test]
fn a_read_past_the_end_is_an_error() {
    let Some(image) = small(&["-zlz4"]) else { return };
    let volume = open_bytes(&image).unwrap();
    let content = volume.tree.get(&TreePath::literal("/file")).unwrap().content().unwrap();
    assert!(content.read_at(&volume, 45_999, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, u64::MAX, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, 45_999, &mut [0; 1]).is_ok());
    assert_eq!(cat(&volume, "/sub/small"), b"small");
}
