//! Images of `mksquashfs`, judged by the folder they were made of.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::test_runner::Config;
use rootsmith_squashfs::{Compression, Options, plan};
use rootsmith_tree::NoBlobs;
use rootsmith_tree::testing::{any_tree, differences};
use rootsmith_types::TreePath;
use tempfile::{NamedTempFile, TempDir};

use super::*;
use crate::testing::{
    Patched, Seen, assert_same, cat, complaint, describe, describe_folder, noise, run, skip, source, survives, text,
    try_all, unix_folder,
};

/// An image of `folder`; `None` when `mksquashfs` is not there.
fn make(dir: &Path, folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let image = dir.join("image");
    let _ = fs::remove_file(&image);
    let mut arguments = vec![text(folder), text(&image), "-noappend", "-no-progress", "-quiet"];
    arguments.extend(options);
    run("mksquashfs", &arguments)?;
    Some(image)
}

fn open_at(image: &Path) -> Volume {
    open(&source(image)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_mksquashfs_put_in_comes_out() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    unix_folder(&folder);
    let expected = describe_folder(&folder, Seen::Unix);
    let variants: &[&[&str]] = &[
        &["-comp", "gzip"],
        &["-comp", "xz"],
        &["-comp", "xz", "-Xbcj", "x86", "-b", "1M"],
        &["-comp", "lz4"],
        &["-comp", "lz4", "-Xhc"],
        &["-comp", "zstd", "-Xcompression-level", "3"],
        &["-comp", "gzip", "-b", "4096"],
        &["-comp", "zstd", "-b", "1M", "-always-use-fragments"],
        &["-no-fragments"],
        &["-noI", "-noD", "-noF", "-noX"],
        &["-noI", "-noId"],
        &["-noD", "-noF"],
        &["-no-duplicates", "-no-exports", "-no-xattrs", "-nopad"],
    ];
    for options in variants {
        let Some(image) = make(dir.path(), &folder, options) else { return };
        assert!(is(&source(&image)), "{options:?}");
        let volume = open_at(&image);
        assert_same(&describe(&volume, Seen::Unix), &expected, &format!("{options:?}"));
        assert_eq!((volume.filesystem, volume.available), ("squashfs", None));
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
    for path in ["etc/hosts", "usr/share", "usr/share/noise"] {
        // The same long value thrice is stored once.
        set(path, "user.long", &long).unwrap();
    }
    let pseudo = [
        "null c 666 0 0 1 3",
        "disk b 660 0 6 259 70000",
        "pipe f 600 1000 100000 cat /dev/null",
        "fifo i 600 0 0 f",
        "socket i 600 0 0 s",
        "owned d 700 12345 4000000000",
    ];
    let mut options = vec!["-comp", "zstd"];
    for line in pseudo {
        options.extend(["-p", line]);
    }
    let Some(image) = make(dir.path(), &folder, &options) else { return };
    let volume = open_at(&image);
    let node = |path: &'static str| volume.tree.get(&TreePath::literal(path)).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(node("/null").kind, NodeKind::CharDevice { major: 1, minor: 3 });
    assert_eq!(node("/disk").kind, NodeKind::BlockDevice { major: 259, minor: 70000 });
    assert_eq!((&node("/fifo").kind, &node("/socket").kind), (&NodeKind::Fifo, &NodeKind::Socket));
    assert_eq!((node("/owned").metadata.uid, node("/owned").metadata.gid), (12345, 4_000_000_000));
    assert_eq!(cat(&volume, "/pipe"), b"");
    let xattrs = node("/etc/hosts").metadata.xattrs.as_ref().unwrap();
    assert_eq!((xattrs[b"user.name".as_slice()].as_slice(), xattrs.len()), (b"value".as_slice(), 2));
    for path in ["/etc/hosts", "/usr/share", "/usr/share/noise", "/etc/noise"] {
        assert_eq!(node(path).metadata.xattrs.as_ref().unwrap()[b"user.long".as_slice()], long, "{path}");
    }
    assert_eq!(node("/etc").metadata.xattrs, None);
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    /// What `unsquashfs` and the kernel cannot show is seen here: attributes of devices and links, modes of links.
    #[test]
    fn what_our_writer_put_in_comes_out(tree in any_tree(), which in 0usize..4, block_log in 12u32..=20) {
        let options = Options { block_size: 1 << block_log, ..Options::new(Compression::ALL[which], 0) };
        let file = NamedTempFile::new().unwrap();
        plan(&tree, &NoBlobs, &options).unwrap().write(file.as_file()).unwrap();
        let volume = open_at(file.path());
        let mut wanted = tree.clone();
        for path in tree.walk().map(|entry| entry.path) {
            wanted.get_mut(&path).unwrap().metadata.mtime.nanoseconds = 0;
        }
        let different = differences((&wanted, &NoBlobs), (&volume.tree, &volume)).unwrap();
        prop_assert!(different.is_empty(), "{:#?}", different);
    }
}

/// A small image that holds something of everything, as bytes.
fn small(options: &[&str]) -> Option<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("sub/inner")).unwrap();
    fs::write(folder.join("file"), noise(20_000, 1)).unwrap();
    fs::write(folder.join("text"), "text".repeat(4000)).unwrap();
    fs::write(folder.join("sub/small"), "small").unwrap();
    fs::hard_link(folder.join("file"), folder.join("sub/link")).unwrap();
    std::os::unix::fs::symlink("target", folder.join("symlink")).unwrap();
    let _ = rustix::fs::setxattr(folder.join("file"), "user.name", b"value", rustix::fs::XattrFlags::empty());
    let all = [options, &["-b", "4096", "-nopad", "-p", "null c 666 0 0 1 3"]].concat();
    let image = make(dir.path(), &folder, &all)?;
    Some(fs::read(&image).unwrap())
}

fn open_bytes(bytes: &[u8]) -> std::result::Result<Volume, OpenError> {
    open(&(Arc::new(bytes.to_vec()) as Source))
}

#[test]
fn a_broken_image_is_never_a_panic() {
    // Uncompressed metadata lets a changed byte reach further.
    let variants: [&[&str]; 5] = [
        &["-noI", "-noX", "-noId"],
        &["-noI", "-noX", "-noId", "-comp", "zstd"],
        &["-comp", "xz"],
        &["-comp", "lz4"],
        &["-comp", "gzip"],
    ];
    for options in variants {
        let Some(image) = small(options) else { return };
        assert!(open_bytes(&image).is_ok());
        survives(&image, 1000, open);
    }
    // The metadata lies at the end, and is a small part of the whole.
    let Some(image) = small(&["-noI", "-noX", "-noId"]) else { return };
    let start = u64::from_le_bytes(image[64..72].try_into().unwrap()) as usize;
    let image = Arc::new(image);
    for at in (0..96).chain(start..image.len()) {
        for change in [0x01, 0x80, 0xFF] {
            let mut patched = Patched::new(&image);
            patched.set(at, image[at] ^ change);
            try_all(patched, open);
        }
    }
}

#[test]
fn damage_is_named() {
    let Some(image) = small(&["-noI", "-noX", "-noId", "-no-xattrs"]) else { return };
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        complaint(open_bytes(&image))
    };
    let find = |image: &[u8], what: &[u8]| image.windows(what.len()).rposition(|bytes| bytes == what).unwrap();
    assert_snapshot!(said(&|_| {}), @"nothing is wrong");
    // Its length depends on nothing but what is in it, and times.
    assert_snapshot!(said(&|image| image.truncate(20_000)).replace(&image.len().to_string(), "N"), @"the squashfs is damaged: it is N bytes long, and the image holds 20000 of them");
    assert_snapshot!(said(&|image| image.truncate(50)), @"the squashfs is damaged at its superblock: the image ends before it does");
    assert_snapshot!(said(&|image| image[20] = 3), @"the squashfs uses lzo compression, which cannot be read");
    assert_snapshot!(said(&|image| image[20] = 2), @"the squashfs uses lzma compression, which cannot be read");
    assert_snapshot!(said(&|image| image[28] = 3), @"the squashfs uses version 3.0 of its format, which cannot be read");
    assert_snapshot!(said(&|image| image[12] = 7), @"the squashfs is damaged at its superblock: its block size is impossible");
    assert_snapshot!(said(&|image| image[64] ^= 1), @"the squashfs is damaged at `/`: a metadata block has an impossible length");
    assert_snapshot!(said(&|image| { let at = find(image, b"small"); image[at + 2] = b'/'; }), @"the squashfs is damaged at `/sub`: `sm/ll` is no file name");
    assert_snapshot!(said(&|image| { let at = find(image, b"small"); image[at + 2] = 0; }), @r"the squashfs is damaged at `/sub`: `sm\0ll` is no file name");
    // The name `inner` is led by the place of its inode: `sub` takes its place.
    assert_snapshot!(said(&|image| {
        let (inner, sub) = (find(image, b"inner"), find(image, b"sub"));
        let place = [image[sub - 8], image[sub - 7]];
        image[inner - 8..inner - 6].copy_from_slice(&place);
    }), @"the squashfs is damaged at `/sub/inner`: the same directory is in two places");
    for size in (0..image.len()).step_by(377) {
        assert!(open_bytes(&image[..size]).is_err(), "{size}");
    }
    assert!(open_bytes(&image[..image.len() - 1]).is_err());
}

#[test]
fn a_block_that_grows_without_end_is_stopped() {
    use std::io::Write;
    let zeros = vec![0; 1 << 20];
    let mut gzip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let xz = liblzma::encode_all(&zeros[..], 6).unwrap();
    let bombs = [
        (Compressor::Gzip, gzip.finish().unwrap()),
        (Compressor::Xz, xz),
        (Compressor::Zstd, zstd::bulk::compress(&zeros, 3).unwrap()),
        (Compressor::Lz4, lz4_flex::block::compress(&zeros)),
    ];
    for (compressor, data) in bombs {
        assert!(data.len() < 8192, "{compressor:?}");
        assert!(compressor.decompress(&data, 8192).is_err(), "{compressor:?}");
        assert_eq!(compressor.decompress(&data, 1 << 20).unwrap(), zeros, "{compressor:?}");
        assert!(compressor.decompress(&data[..data.len() / 2], 1 << 20).is_err(), "{compressor:?}");
    }
}

#[test]
fn many_threads_read_the_same() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    unix_folder(&folder);
    let Some(image) = make(dir.path(), &folder, &["-b", "4096"]) else { return };
    let volume = open_at(&image);
    let expected = describe_folder(&folder, Seen::Unix);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_same(&describe(&volume, Seen::Unix), &expected, "one of four threads"));
        }
    });
}

#[test]
fn a_read_past_the_end_is_an_error() {
    let Some(image) = small(&[]) else { return };
    let volume = open_bytes(&image).unwrap();
    let content = volume.tree.get(&TreePath::literal("/file")).unwrap().content().unwrap();
    assert!(content.read_at(&volume, 19_999, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, u64::MAX, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, 19_999, &mut [0; 1]).is_ok());
}
