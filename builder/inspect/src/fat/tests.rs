//! Images of `mkfs.fat` and `mcopy`, judged by the folder they were made of.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;
use crate::testing::{
    Patched, Seen, assert_same, cat, complaint, describe, describe_folder, noise, plain_folder, run, source, survives,
    text, try_all,
};

/// An image of `folder`; `None` when the tools are not there.
fn make(dir: &Path, folder: &Path, kib: u64, options: &[&str]) -> Option<PathBuf> {
    let image = dir.join("image");
    fs::write(&image, "").unwrap();
    fs::OpenOptions::new().write(true).open(&image).unwrap().set_len(kib << 10).unwrap();
    let mut arguments = vec!["-n", "A LABEL", "-i", "1234ABCD"];
    arguments.extend(options);
    arguments.push(text(&image));
    run("mkfs.fat", &arguments)?;
    for entry in fs::read_dir(folder).unwrap() {
        run("mcopy", &["-s", "-m", "-i", text(&image), text(&entry.unwrap().path()), "::/"])?;
    }
    Some(image)
}

#[test]
fn what_mcopy_put_in_comes_out() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    plain_folder(&folder);
    let expected = describe_folder(&folder, Seen::Fat);
    let variants: &[(u64, &[&str], table::Width)] = &[
        (4 << 10, &["-F", "12", "-s", "4", "-f", "1"], table::Width::Fat12),
        (16 << 10, &["-F", "16", "-S", "1024", "-s", "1"], table::Width::Fat16),
        (64 << 10, &["-F", "32", "-s", "1"], table::Width::Fat32),
    ];
    for (kib, options, width) in variants {
        let Some(image) = make(dir.path(), &folder, *kib, options) else { return };
        assert!(is(&source(&image)), "{options:?}");
        assert_eq!(Geometry::read(source(&image).as_ref()).unwrap().width, *width);
        let volume = open(&source(&image)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((volume.filesystem, volume.uuid.as_deref()), ("vfat", Some("1234-ABCD")));
        assert_eq!(volume.label.as_deref(), Some("A LABEL"));
        assert_same(&describe(&volume, Seen::Fat), &expected, &format!("{options:?}"));
        // `mdir` counts the free bytes of the whole, too.
        let listing = run("mdir", &["-i", text(&image), "::/"]).unwrap();
        let free = listing.lines().rev().find(|line| line.contains("bytes free")).unwrap();
        let free: String = free.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(volume.available, Some(NumBytes::new(free.parse().unwrap())), "{options:?}");
    }
}

#[test]
fn times_are_seen() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), "x").unwrap();
    if run("touch", &["-d", "2020-02-29 12:34:56", text(&folder.join("file"))]).is_none() {
        return;
    }
    let Some(image) = make(dir.path(), &folder, 2 << 10, &[]) else { return };
    let volume = open(&source(&image)).unwrap_or_else(|error| panic!("{error}"));
    // What a clock on the wall showed, taken for UTC.
    let time = volume.tree.get(&TreePath::literal("/file")).unwrap().metadata.mtime.seconds;
    assert_eq!(time, 1_582_979_696);
}

/// A small image, as bytes.
fn small(kib: u64, options: &[&str]) -> Option<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("SUB/INNER")).unwrap();
    fs::write(folder.join("FILE"), noise(20_000, 1)).unwrap();
    fs::write(folder.join("a long name in lower case"), noise(3000, 2)).unwrap();
    fs::write(folder.join("SUB/SMALL"), "small").unwrap();
    let image = make(dir.path(), &folder, kib, options)?;
    Some(fs::read(&image).unwrap())
}

fn open_bytes(bytes: &[u8]) -> Result<Volume, OpenError> {
    open(&(Arc::new(bytes.to_vec()) as Source))
}

#[test]
fn a_broken_image_is_never_a_panic() {
    for (kib, options) in [(100, ["-F", "12"]), (3 << 10, ["-F", "16"]), (40 << 10, ["-F", "32"])] {
        let Some(image) = small(kib, &[options.as_slice(), &["-s", "1"]].concat()) else { return };
        assert!(open_bytes(&image).is_ok(), "{}", complaint(open_bytes(&image)));
        survives(&image, 500, open);
        // Boot sector, the beginning of the table, and the root, which is led by a name that is known.
        let root = image.windows(11).position(|bytes| bytes == b"FILE       ").unwrap();
        let table = 512 * usize::from(u16::from_le_bytes([image[14], image[15]]));
        let image = Arc::new(image);
        for at in (0..96).chain(table..table + 128).chain(root.saturating_sub(64)..root + 256) {
            for change in [0x01, 0x10, 0x80, 0xFF] {
                let mut patched = Patched::new(&image);
                patched.set(at, image[at] ^ change);
                try_all(patched, open);
            }
        }
    }
}

#[test]
fn damage_is_named() {
    let Some(image) = small(100, &["-F", "12", "-s", "1"]) else { return };
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        complaint(open_bytes(&image))
    };
    let find = |image: &[u8], what: &[u8]| image.windows(what.len()).position(|bytes| bytes == what).unwrap();
    assert_snapshot!(said(&|_| {}), @"nothing is wrong");
    assert_snapshot!(said(&|image| image.truncate(50_000)), @"the FAT is damaged: it is 98304 bytes long, and the image holds 50000 of them");
    assert_snapshot!(said(&|image| image[510] = 0), @"the FAT is damaged at its first sector: it is no boot sector");
    // `SUB/INNER` takes the place of `SUB`.
    assert_snapshot!(said(&|image| {
        let (outer, inner) = (find(image, b"SUB        "), find(image, b"INNER      "));
        image.copy_within(outer + 26..outer + 28, inner + 26);
    }), @"the FAT is damaged at `/SUB/INNER`: its cluster 48 is another directory's, too");
    assert_snapshot!(said(&|image| { let at = find(image, b"SMALL      "); image[at + 2] = b'/'; }), @"the FAT is damaged at `/SUB`: invalid short filename");
    assert_snapshot!(said(&|image| { let at = find(image, b"FILE       "); image[at + 31] = 0xFF; }), @"the FAT is damaged at `/FILE`: it is longer than the file system");
    // A chain that leads nowhere is found when it is followed.
    let mut broken = image.clone();
    let at = find(&image, b"FILE       ");
    broken[at + 26..at + 28].copy_from_slice(&[0xF0, 0]);
    let volume = open_bytes(&broken).unwrap();
    let content = volume.tree.get(&TreePath::literal("/FILE")).unwrap().content().unwrap();
    assert_snapshot!(content.read_at(&volume, 0, &mut [0; 1]).unwrap_err().to_string(), @"its chain of clusters ends before it does");
    for size in (0..98_304).step_by(1111) {
        assert!(open_bytes(&image[..size]).is_err(), "{size}");
    }
    assert_eq!(cat(&open_bytes(&image).unwrap(), "/FILE"), noise(20_000, 1));
}

#[test]
fn a_small_fat32_is_one() {
    // Too few clusters for the specification (and for `mcopy`), and common on small disks.
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let Some(image) = make(dir.path(), &empty, 12 << 10, &["-F", "32", "-s", "2"]) else { return };
    let volume = open(&source(&image)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(volume.tree.walk().count(), 1);
    // The root has one cluster, the rest is free.
    assert_eq!(volume.available, Some(NumBytes::new(volume.size.get() - 1024)));
}

#[test]
fn large_clusters_are_named() {
    let Some(image) = small(20 << 10, &["-F", "12", "-s", "128"]) else { return };
    assert_snapshot!(complaint(open_bytes(&image)), @"the FAT uses clusters of 64 KiB, which cannot be read");
}

#[test]
fn other_things_are_not_taken_for_it() {
    let mut boot_code = vec![0u8; 4096];
    boot_code[510..512].copy_from_slice(&[0x55, 0xAA]);
    for bytes in [vec![], vec![0; 4096], vec![0xFF; 4096], boot_code] {
        assert!(!is(&(Arc::new(bytes) as Source)));
    }
}
