//! Images of `mke2fs`, judged by the folder they were made of, by `ext4-view` and by `debugfs`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use insta::assert_snapshot;
use rootsmith_types::TreePath;
use tempfile::TempDir;

use super::*;
use crate::testing::{
    Patched, Seen, assert_same, cat, complaint, describe, describe_folder, noise, plain_folder, read as read_bytes,
    run, source, survives, text, try_all, unix_folder,
};

/// An image of `size` made of `folder`; `None` when `mke2fs` is not there.
fn make(dir: &Path, folder: Option<&Path>, size: &str, options: &[&str]) -> Option<PathBuf> {
    let image = dir.join("image");
    let _ = fs::remove_file(&image);
    let mut arguments = vec!["-q", "-F", "-L", "a label", "-U", "0f0e0d0c-0b0a-4908-8706-050403020100"];
    arguments.extend(options);
    if let Some(folder) = folder {
        arguments.extend(["-d", text(folder)]);
    }
    arguments.extend([text(&image), size]);
    run("mke2fs", &arguments)?;
    Some(image)
}

/// Runs commands of `debugfs` on an image.
fn debugfs(image: &Path, commands: &[&str]) -> Option<String> {
    let script = image.with_extension("debugfs");
    fs::write(&script, commands.join("\n") + "\n").unwrap();
    run("debugfs", &["-w", "-f", text(&script), text(image)])
}

fn open_at(image: &Path) -> Volume {
    open(&source(image)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_mke2fs_put_in_comes_out() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    unix_folder(&folder);
    let expected = describe_folder(&folder, Seen::Unix);
    let variants: &[(&str, &[&str])] = &[
        ("ext2", &["-t", "ext2", "-b", "1024"]),
        ("ext2", &["-t", "ext2", "-b", "4096"]),
        ("ext2", &["-t", "ext2", "-O", "^filetype"]),
        ("ext3", &["-t", "ext3", "-b", "1024"]),
        ("ext4", &["-t", "ext4", "-b", "1024"]),
        ("ext4", &["-t", "ext4", "-b", "4096"]),
        ("ext4", &["-t", "ext4", "-b", "65536"]),
        ("ext4", &["-t", "ext4", "-I", "128"]),
        ("ext4", &["-t", "ext4", "-O", "inline_data", "-I", "512"]),
        ("ext4", &["-t", "ext4", "-O", "^metadata_csum,uninit_bg", "-b", "1024"]),
        ("ext4", &["-t", "ext4", "-O", "^64bit", "-b", "2048"]),
        ("ext4", &["-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024"]),
        ("ext4", &["-t", "ext4", "-O", "bigalloc", "-C", "16384"]),
        ("ext4", &["-t", "ext4", "-O", "^extents,^64bit"]),
        ("ext4", &["-t", "ext4", "-O", "metadata_csum_seed,ea_inode,large_dir"]),
    ];
    for (name, options) in variants {
        let Some(image) = make(dir.path(), Some(&folder), "80M", options) else { return };
        assert!(is(&source(&image)), "{options:?}");
        let volume = open_at(&image);
        assert_eq!(volume.filesystem, *name, "{options:?}");
        assert_eq!(volume.uuid.as_deref(), Some("0f0e0d0c-0b0a-4908-8706-050403020100"));
        assert_eq!(volume.label.as_deref(), Some("a label"));
        let mut found = describe(&volume, Seen::Unix);
        assert!(found.remove("lost+found").is_some());
        let mut expected = expected.clone();
        if options.contains(&"inline_data") {
            // Then `mke2fs` 1.47.0 forgets the hole at a file's end, as `debugfs` shows.
            assert!(found.remove("usr/holes").is_some() && expected.remove("usr/holes").is_some());
        }
        assert_same(&found, &expected, &format!("{options:?}"));
        assert_eq!(volume.available, Some(dumpe2fs_available(&image)), "{options:?}");
    }
}

/// What `statfs` would say, from what `dumpe2fs` says.
fn dumpe2fs_available(image: &Path) -> NumBytes {
    let dump = run("dumpe2fs", &["-h", text(image)]).unwrap();
    let field = |name: &str| {
        let line = dump.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {dump}"));
        line.split(':').nth(1).unwrap().trim().to_owned()
    };
    let number = |name: &str| field(name).parse::<u64>().unwrap();
    let cluster = if dump.contains("Cluster size") { number("Cluster size") / number("Block size") } else { 1 };
    let kernel = match field("Filesystem features").contains("extent") {
        true => (number("Block count") / cluster / 50).min(4096) * cluster,
        false => 0,
    };
    NumBytes::new((number("Free blocks") - number("Reserved block count") - kernel) * number("Block size"))
}

#[test]
fn ext4_view_sees_the_same() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    unix_folder(&folder);
    let Some(image) = make(dir.path(), Some(&folder), "80M", &["-t", "ext4"]) else { return };
    let volume = open_at(&image);
    let view = ext4_view::Ext4::load_from_path(&image).unwrap();
    assert_eq!(volume.uuid.as_deref(), Some(view.uuid().to_string().as_str()));
    let mut files = 0;
    for entry in volume.tree.walk() {
        let seen = view.symlink_metadata(entry.path.as_bytes()).unwrap();
        let metadata = &entry.node.metadata;
        let ours = (metadata.mode, metadata.uid, metadata.gid, metadata.mtime.seconds);
        assert_eq!(ours, (seen.mode(), seen.uid(), seen.gid(), seen.modified().seconds()), "{}", entry.path);
        if let Some(content) = entry.node.content() {
            let bytes = read_bytes(&volume, content, 10_007).unwrap();
            assert!(bytes == view.read(entry.path.as_bytes()).unwrap(), "{}", entry.path);
            files += 1;
        }
    }
    assert!(files > 600);
}

#[test]
fn devices_attributes_and_late_times_are_seen() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    plain_folder(&folder);
    let capability = dir.path().join("capability");
    let capability_bytes = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fs::write(&capability, capability_bytes).unwrap();
    let long = dir.path().join("long");
    fs::write(&long, noise(800, 9)).unwrap();
    // As `setfacl` hands it over: owner rwx, user 1000 r-x, group r-x, mask r-x, others ---.
    let acl = dir.path().join("acl");
    let entry =
        |tag: u16, rights: u16, id: u32| [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat();
    let nobody = u32::MAX;
    let entries = [(1, 7, nobody), (2, 5, 1000), (4, 5, nobody), (16, 5, nobody), (32, 0, nobody)];
    let entries: Vec<u8> = entries.into_iter().flat_map(|(tag, rights, id)| entry(tag, rights, id)).collect();
    let acl_bytes = [&[2, 0, 0, 0][..], &entries].concat();
    fs::write(&acl, &acl_bytes).unwrap();
    for options in [["-t", "ext4", "-I", "256"], ["-t", "ext3", "-I", "128"]] {
        let Some(image) = make(dir.path(), Some(&folder), "40M", &options) else { return };
        let set = |file: &Path, name: &str| format!("ea_set -f {} /etc/hosts {name}", text(file));
        let commands = [
            "mknod null c 1 3",
            "mknod disk b 259 60000",
            "mknod pipe p",
            &set(&capability, "security.capability"),
            &set(&long, "user.long"),
            &set(&acl, "system.posix_acl_access"),
            "ea_set /etc trusted.short value",
            "sif /etc/empty mtime @4102444800",
            "sif /etc/empty mtime_extra 1",
            "sif /etc/hosts uid 100000",
        ];
        let said = debugfs(&image, &commands).unwrap();
        let volume = open_at(&image);
        let node = |path: &'static str| volume.tree.get(&TreePath::literal(path)).unwrap();
        assert_eq!(node("/null").kind, NodeKind::CharDevice { major: 1, minor: 3 });
        assert_eq!(node("/disk").kind, NodeKind::BlockDevice { major: 259, minor: 60000 });
        assert_eq!(node("/pipe").kind, NodeKind::Fifo);
        let xattrs = node("/etc/hosts").metadata.xattrs.as_ref().unwrap_or_else(|| panic!("{said}"));
        assert_eq!(xattrs[b"security.capability".as_slice()], capability_bytes);
        assert_eq!(xattrs[b"user.long".as_slice()], noise(800, 9));
        assert_eq!(xattrs[b"system.posix_acl_access".as_slice()], acl_bytes, "{said}");
        assert_eq!(xattrs.len(), 3);
        assert_eq!(node("/etc").metadata.xattrs().collect::<Vec<_>>(), [(&b"trusted.short"[..], &b"value"[..])]);
        assert_eq!(node("/etc/hosts").metadata.uid, 100_000);
        if options[1] == "ext4" {
            assert_eq!(node("/etc/empty").metadata.mtime.seconds, 4_102_444_800);
        }
    }
}

#[test]
fn a_journal_that_was_not_replayed_is_read_through() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    plain_folder(&folder);
    let new = dir.path().join("new");
    // The journal hides a block that begins like one of its own.
    let mut bytes = noise(4096, 77);
    bytes[..4].copy_from_slice(&[0xC0, 0x3B, 0x39, 0x98]);
    fs::write(&new, &bytes).unwrap();
    for open_journal in ["jo", "jo -c -v 2", "jo -c -v 3"] {
        let options = ["-t", "ext4", "-b", "4096"];
        let Some(image) = make(dir.path(), Some(&folder), "40M", &options) else { return };
        let old = cat(&open_at(&image), "/usr/share/doc/a/one-block");
        let mapped = debugfs(&image, &["blocks /usr/share/doc/a/one-block"]).unwrap();
        let block = mapped.lines().find_map(|line| line.trim().parse::<u64>().ok()).unwrap();

        let write = format!("jw -b {block} {}", text(&new));
        debugfs(&image, &[open_journal, &write, "jc"]).unwrap();
        assert!(run("dumpe2fs", &["-h", text(&image)]).unwrap().contains("needs_recovery"));
        assert_eq!(fs::File::open(&image).unwrap().metadata().unwrap().len(), 40 << 20);
        assert!(cat(&open_at(&image), "/usr/share/doc/a/one-block") == bytes, "{open_journal}");

        // `e2fsck` replays it for good.
        let replayed = dir.path().join("replayed");
        fs::copy(&image, &replayed).unwrap();
        run("e2fsck", &["-E", "journal_only", "-y", text(&replayed)]).unwrap();
        assert!(cat(&open_at(&replayed), "/usr/share/doc/a/one-block") == bytes, "{open_journal}");

        // Revoked later, it is void.
        debugfs(&image, &[open_journal, &format!("jw -r {block}"), "jc"]).unwrap();
        assert!(cat(&open_at(&image), "/usr/share/doc/a/one-block") == old, "{open_journal}");
    }
}

#[test]
fn three_levels_of_block_numbers_are_followed() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    // With blocks of 1 KiB: 12 KiB in the inode, then 256 KiB, 64 MiB and more behind one, two and three blocks of numbers.
    let mut expected = vec![0; 70 << 20];
    let file = fs::File::create(folder.join("file")).unwrap();
    for offset in [0, 11 << 10, 200 << 10, 268 << 10, 33 << 20, (64 << 20) + (267 << 10), 69 << 20] {
        let bytes = noise(3000, offset as u32 + 7);
        file.write_all_at(&bytes, offset as u64).unwrap();
        expected[offset..offset + 3000].copy_from_slice(&bytes);
    }
    file.set_len(70 << 20).unwrap();
    for options in [["-t", "ext2", "-b", "1024"], ["-t", "ext4", "-b", "1024"]] {
        let Some(image) = make(dir.path(), Some(&folder), "90M", &options) else { return };
        assert!(cat(&open_at(&image), "/file") == expected, "{options:?}");
    }
}

#[test]
fn what_is_allocated_and_not_written_is_zeros() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    plain_folder(&folder);
    let Some(image) = make(dir.path(), Some(&folder), "40M", &["-t", "ext4", "-b", "1024"]) else { return };
    debugfs(&image, &["fallocate /etc/empty 0 3", "sif /etc/empty size 4000"]).unwrap();
    let mapped = debugfs(&image, &["blocks /etc/empty"]).unwrap();
    let block = mapped.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap();
    let file = fs::File::options().write(true).open(&image).unwrap();
    file.write_all_at(&noise(4096, 1), block * 1024).unwrap();
    assert_eq!(cat(&open_at(&image), "/etc/empty"), vec![0; 4000]);
}

#[test]
fn an_extent_tree_that_goes_round_is_refused() {
    let Some(mut image) = small(&["-t", "ext4", "-b", "1024", "-O", "^has_journal,^metadata_csum"]) else { return };
    let content = noise(20_000, 1);
    let at = image.windows(16).position(|bytes| bytes == &content[..16]).unwrap();
    // The first of the content's blocks becomes a node of the tree, whose one index is itself.
    let mut node = vec![0x0A, 0xF3, 1, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    node.extend(((at / 1024) as u32).to_le_bytes());
    node.extend([0; 4]);
    let table = 1024 * u32::from_le_bytes(image[2048 + 8..2048 + 12].try_into().unwrap()) as usize;
    let inode = table + 11 * 256 + 0x28;
    assert_eq!(image[inode..inode + 2], [0x0A, 0xF3]);
    let read = |image: &[u8]| {
        let volume = open_bytes(image).unwrap();
        let content = volume.tree.get(&TreePath::literal("/file")).unwrap().content().unwrap().clone();
        content.read_at(&volume, 0, &mut [0; 100]).map_err(|error| error.to_string())
    };
    assert!(read(&image).is_ok());
    image[at..at + node.len()].copy_from_slice(&node);
    image[inode..inode + node.len()].copy_from_slice(&node);
    assert_snapshot!(read(&image).unwrap_err(), @"the extent tree of inode 12 is not one");
    // And an extent that lies outside: its index becomes a leaf.
    node[6] = 0;
    node[16..24].copy_from_slice(&[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0]);
    image[inode..inode + node.len()].copy_from_slice(&node);
    assert_snapshot!(read(&image).unwrap_err(), @"inode 12 has blocks outside the file system");
}

/// A small image that holds something of everything, as bytes.
fn small(options: &[&str]) -> Option<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("sub/inner")).unwrap();
    fs::write(folder.join("file"), noise(20_000, 1)).unwrap();
    fs::write(folder.join("sub/small"), "small").unwrap();
    fs::hard_link(folder.join("file"), folder.join("sub/link")).unwrap();
    std::os::unix::fs::symlink("x".repeat(100), folder.join("symlink")).unwrap();
    for number in 0..60 {
        fs::write(folder.join(format!("sub/inner/one of many names {number}")), "").unwrap();
    }
    let image = make(dir.path(), Some(&folder), "512k", &[options, &["-N", "160"]].concat())?;
    debugfs(&image, &["mknod null c 1 3", "ea_set /file user.name value"])?;
    Some(fs::read(&image).unwrap())
}

fn open_bytes(bytes: &[u8]) -> std::result::Result<Volume, OpenError> {
    open(&(Arc::new(bytes.to_vec()) as Source))
}

#[test]
fn a_broken_image_is_never_a_panic() {
    let variants: [&[&str]; 4] = [
        &["-t", "ext2", "-b", "1024"],
        &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^has_journal"],
        &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^has_journal,inline_data"],
        &["-t", "ext4", "-b", "1024", "-O", "^has_journal"],
    ];
    for options in variants {
        let Some(image) = small(options) else { return };
        assert!(open_bytes(&image).is_ok());
        survives(&image, 1500, open);
    }
}

#[test]
fn a_broken_journal_is_never_a_panic() {
    let dir = TempDir::new().unwrap();
    let Some(image) = make(dir.path(), None, "2M", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"]) else {
        return;
    };
    let data = dir.path().join("data");
    fs::write(&data, noise(3 << 10, 5)).unwrap();
    debugfs(&image, &["jo", &format!("jw -b 1800-1802 -r 1790 {}", text(&data)), "jc"]).unwrap();
    let image = fs::read(&image).unwrap();
    assert!(open_bytes(&image).is_ok());
    survives(&image, 1000, open);
    // Where the journal lies, more closely.
    let start = image.windows(8).position(|bytes| bytes == [0xC0, 0x3B, 0x39, 0x98, 0, 0, 0, 4]).unwrap();
    let image = Arc::new(image);
    for at in start..start + 4096 {
        let mut patched = Patched::new(&image);
        patched.set(at, image[at] ^ 0x81);
        try_all(patched, open);
    }
}

#[test]
fn damage_is_named() {
    let options = ["-t", "ext4", "-b", "1024", "-O", "^has_journal"];
    let Some(image) = small(&options) else { return };
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        complaint(open_bytes(&image))
    };
    assert_snapshot!(said(&|_| {}), @"nothing is wrong");
    assert_snapshot!(said(&|image| image.truncate(300_000)), @"the ext4 is damaged: it is 524288 bytes long, and the image holds 300000 of them");
    assert_snapshot!(said(&|image| image.truncate(1500)), @"the ext4 is damaged at its superblock: the image ends before it");
    assert_snapshot!(said(&|image| image[1024] ^= 1), @"the ext4 is damaged at its superblock: its checksum is wrong");
    // The group descriptor, and in the inode table, where the root is the second.
    assert_snapshot!(said(&|image| image[2048 + 8] ^= 1), @"the ext4 is damaged: the descriptor of block group 0 has a wrong checksum");
    let table = 1024 * u32::from_le_bytes(image[2048 + 8..2048 + 12].try_into().unwrap()) as usize;
    assert_snapshot!(said(&|image| image[table + 256] ^= 1), @"the ext4 is damaged at `/`: inode 2 has a wrong checksum");
    for size in (0..image.len()).step_by(37_777) {
        assert!(open_bytes(&image[..size]).is_err(), "{size}");
    }
}

#[test]
fn what_no_checksum_guards_is_checked() {
    let options = ["-t", "ext4", "-b", "1024", "-O", "^has_journal,^metadata_csum"];
    let Some(image) = small(&options) else { return };
    let said = |from: &[u8], to: &[u8]| {
        let mut image = image.clone();
        let at = image.windows(from.len()).position(|bytes| bytes == from).unwrap();
        image[at..at + to.len()].copy_from_slice(to);
        complaint(open_bytes(&image))
    };
    // A directory entry: length of the name, type, name.
    assert_snapshot!(said(b"\x05\x01small", b"\x05\x01sm/ll"), @"the ext4 is damaged at `/sub`: `sm/ll` is no file name");
    assert_snapshot!(said(b"\x05\x01small", b"\x05\x01sm\0ll"), @r"the ext4 is damaged at `/sub`: `sm\0ll` is no file name");
    assert_snapshot!(said(b"\x05\x01small", b"\x02\x01..all"), @"the ext4 is damaged at `/sub`: `..` is no file name");
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("image");
    let with = |commands: &[&str]| {
        fs::write(&path, &image).unwrap();
        debugfs(&path, commands).unwrap();
        complaint(open(&source(&path)))
    };
    assert_snapshot!(with(&["ln /sub /sub/inner/again"]), @"the ext4 is damaged at `/sub/inner/again`: directory inode 13 is in two places");
    assert_snapshot!(with(&["ln <2> /sub/root"]), @"the ext4 is damaged at `/sub/root`: directory inode 2 is in two places");
    assert_snapshot!(with(&["sif /file mode 0"]), @"the ext4 is damaged at `/file`: inode 12 is of the unknown type 0x0");
    assert_snapshot!(with(&["sif /file flags 0x80800"]), @"the ext4 uses encryption, which cannot be read");
    assert_snapshot!(with(&["sif /symlink size 70000"]), @"the ext4 is damaged at `/symlink`: it is a symbolic link of 70000 bytes");
    assert_snapshot!(with(&["feature compression"]), @"the ext4 uses compression, which cannot be read");
    assert_snapshot!(with(&["ssv blocks_count 4000000000"]), @"the ext4 is damaged: it is 4096000000000 bytes long, and the image holds 524288 of them");
}

#[test]
fn a_read_past_the_end_is_an_error() {
    let Some(image) = small(&["-t", "ext4"]) else { return };
    let volume = open_bytes(&image).unwrap();
    let content = volume.tree.get(&TreePath::literal("/file")).unwrap().content().unwrap();
    assert!(content.read_at(&volume, 19_999, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, u64::MAX, &mut [0; 2]).is_err());
    assert!(content.read_at(&volume, 19_999, &mut [0; 1]).is_ok());
}

#[test]
fn other_things_are_not_taken_for_it() {
    for bytes in [vec![], vec![0; 1080], vec![0xFF; 70_000]] {
        let source: Source = Arc::new(bytes);
        assert!(!is(&source));
        assert!(open(&source).is_err());
    }
}

#[test]
#[ignore = "a measurement: run it alone, and see what it prints"]
#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn thirty_thousand_files() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    for number in 0..30_000 {
        let sub = folder.join(format!("{}/{}", number % 40, number % 1200));
        fs::create_dir_all(&sub).unwrap();
        fs::write(sub.join(format!("file number {number}")), noise(number % 30_000, 1)).unwrap();
    }
    let image = make(dir.path(), Some(&folder), "1G", &["-t", "ext4"]).unwrap();
    let squashfs = dir.path().join("squashfs");
    run("mksquashfs", &[text(&folder), text(&squashfs), "-quiet", "-no-progress", "-comp", "zstd"]).unwrap();
    let begin = std::time::Instant::now();
    assert!(crate::squashfs::open(&source(&squashfs)).is_ok());
    println!("squashfs: opened in {:?}", begin.elapsed());
    let begin = std::time::Instant::now();
    let volume = open_at(&image);
    println!("opened in {:?}", begin.elapsed());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
    assert!(volume.tree.walk().count() > 30_000);
    let begin = std::time::Instant::now();
    let contents = volume.tree.walk().filter_map(|entry| entry.node.content().cloned());
    let bytes: usize = contents.map(|content| read_bytes(&volume, &content, 1 << 20).unwrap().len()).sum();
    println!("read {bytes} bytes in {:?}", begin.elapsed());
}
