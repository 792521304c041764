//! Faces for `builder/fuzz`: any bytes, driven through one reader as a program would do it. Errors are fine, a panic is a bug.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rootsmith_types::Sha256Digest;

use crate::tar::budget::Budget;
use crate::{OpenError, Source, Volume};

/// Of each content, and of a virtual machine's disk from either end.
const READ: u64 = 1 << 20;
/// Most contents that are read; hostile trees can name one place a thousand times.
const CONTENTS: usize = 256;
/// At a time, as a program would.
const CHUNK: usize = 64 << 10;

fn source(data: &[u8]) -> Source {
    Arc::new(data.to_vec())
}

/// Partition tables; once as they are, and once with the checksums of a GPT's primary copy put right, since those cannot be guessed.
pub fn table(data: &[u8]) {
    let mut sealed = data.to_vec();
    for lba in [512, 4096] {
        // Where a header is not whole, it stays as it is.
        let _ = seal(&mut sealed, lba);
    }
    for data in [data, &sealed] {
        let source = source(data);
        if let Ok(Some(table)) = crate::disk::table(&source) {
            for partition in table.partitions {
                let end = partition.offset.checked_add(partition.size);
                assert!(end.is_some_and(|end| end <= source.size()), "partition {} leaves the image", partition.index);
            }
        }
    }
}

/// Puts the checksums of the GPT header at LBA 1 right, in sectors of `sector` bytes.
fn seal(image: &mut [u8], sector: usize) -> Option<()> {
    let number = |image: &[u8], at: usize| {
        image.get(at..at + 4).and_then(|it| Some(u32::from_le_bytes(it.try_into().ok()?) as usize))
    };
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let (array, count, size) = (number(image, sector + 72)?, number(image, sector + 80)?, number(image, sector + 84)?);
    let start = array.checked_mul(sector)?;
    let sum = crc(image.get(start..start.checked_add(count.checked_mul(size)?)?)?);
    let header = image.get_mut(sector..sector + 92)?;
    header.strip_prefix(b"EFI PART")?;
    header[12..20].copy_from_slice(&[92, 0, 0, 0, 0, 0, 0, 0]);
    header[88..92].copy_from_slice(&sum);
    let sum = crc(header);
    header[16..20].copy_from_slice(&sum);
    Some(())
}

/// qcow2: what opens is read.
pub fn qcow2(data: &[u8]) {
    let source = source(data);
    let _ = crate::qcow2::is(&source);
    ends(crate::qcow2::open(source));
}

/// VMDK, VHD, VHDX and VDI, by what the bytes begin or end with; once as they are, and once with the checksums of a VHDX's headers and
/// region tables put right, since those cannot be guessed.
pub fn virtual_disk(data: &[u8]) {
    let mut sealed = data.to_vec();
    for (at, length) in [(64, 4), (128, 4), (192, 64), (256, 64)] {
        if let Some(structure) = sealed.get_mut(at << 10..(at + length) << 10) {
            structure[4..8].fill(0);
            let sum = crc32c::crc32c(structure).to_le_bytes();
            structure[4..8].copy_from_slice(&sum);
        }
    }
    for data in [data, &sealed] {
        let source = source(data);
        if let Ok(disk) = crate::vhd::open(source.clone()) {
            ends(Ok(disk));
        }
        ends(crate::wrapped::opened(source).map(|(_, disk)| disk));
    }
}

/// Reads a disk from either end.
fn ends(disk: Result<Source, OpenError>) {
    let Ok(disk) = disk else { return };
    let mut chunk = vec![0; CHUNK];
    for from in [0, disk.size().saturating_sub(READ)] {
        let mut at = from;
        while at < disk.size().min(from.saturating_add(READ)) {
            let length = (disk.size() - at).min(CHUNK as u64);
            let _ = disk.read_at(at, &mut chunk[..length as usize]);
            let _ = disk.hole(at, READ);
            at += length;
        }
    }
}

/// ext2, ext3, ext4.
pub fn ext4(data: &[u8]) {
    let source = source(data);
    let _ = crate::ext4::is(&source);
    walk(crate::ext4::open(&source));
}

/// FAT12, FAT16, FAT32.
pub fn fat(data: &[u8]) {
    let source = source(data);
    let _ = crate::fat::is(&source);
    walk(crate::fat::open(&source));
}

/// squashfs.
pub fn squashfs(data: &[u8]) {
    let source = source(data);
    let _ = crate::squashfs::is(&source);
    walk(crate::squashfs::open(&source));
}

/// EROFS; once as it is, and once with the superblock's checksum put right, since that cannot be guessed.
pub fn erofs(data: &[u8]) {
    let mut sealed = data.to_vec();
    if let Some(rest) = sealed.get_mut(1024..4096) {
        rest[4..8].fill(0);
        let sum = !crc32c::crc32c(rest);
        rest[4..8].copy_from_slice(&sum.to_le_bytes());
    }
    for data in [data, &sealed] {
        let source = source(data);
        let _ = crate::erofs::is(&source);
        walk(crate::erofs::open(&source));
    }
}

/// tar, plain or compressed. `scratch` is a folder for what is decompressed.
pub fn tar(data: &[u8], scratch: &Path) {
    let source = source(data);
    let _ = crate::tar::is(&source);
    walk(crate::tar::open(&source, scratch, &Budget::default()));
}

/// An OCI layout in `layout`, a folder that is overwritten. Digests cannot be guessed, so they are put in here: in what is text,
/// `LAYER`, `CONFIG` and `MANIFEST` become the digests of what comes later, and `#L`, `#C` and `#M` their sizes.
///
/// | in `data`, each but the last after its length as two bytes | becomes       |
/// |------------------------------------------------------------|---------------|
/// | the index                                                  | `index.json`  |
/// | the manifest, the configuration, the layer                 | a blob each   |
pub fn oci(data: &[u8], layout: &Path, scratch: &Path) -> io::Result<()> {
    let mut rest = data;
    let mut next = || {
        let (length, behind) = rest.split_first_chunk::<2>().unwrap_or((&[0, 0], rest));
        let (piece, behind) = behind.split_at(usize::from(u16::from_le_bytes(*length)).min(behind.len()));
        rest = behind;
        String::from_utf8_lossy(piece).into_owned()
    };
    let mut texts = [next(), next(), next()];
    let blobs = layout.join("blobs/sha256");
    if layout.exists() {
        fs::remove_dir_all(layout)?;
    }
    fs::create_dir_all(&blobs)?;
    let blob = |bytes: &[u8], name: &str, within: &mut [String]| -> io::Result<()> {
        let digest = Sha256Digest::of(bytes).to_string();
        fs::write(blobs.join(&digest), bytes)?;
        let (mark, size) = (format!("#{}", &name[..1]), bytes.len().to_string());
        within.iter_mut().for_each(|text| *text = text.replace(name, &digest).replace(&mark, &size));
        Ok(())
    };
    blob(rest, "LAYER", &mut texts)?;
    let [index, manifest, config] = &mut texts;
    blob(config.as_bytes(), "CONFIG", std::slice::from_mut(manifest))?;
    blob(manifest.as_bytes(), "MANIFEST", std::slice::from_mut(index))?;
    fs::write(layout.join("index.json"), index)?;
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let _ = crate::oci::is(layout);
    walk(crate::oci::open(layout, scratch));
    Ok(())
}

/// Looks at everything, as preflight would.
fn walk(volume: Result<Volume, OpenError>) {
    let Ok(volume) = volume else { return };
    let mut chunk = vec![0; CHUNK];
    let contents = volume.tree.walk().filter_map(|entry| entry.node.content());
    for content in contents.take(CONTENTS) {
        let end = content.size().min(READ);
        let mut at = 0;
        while at < end {
            let length = (end - at).min(CHUNK as u64);
            let _ = content.read_at(&volume, at, &mut chunk[..length as usize]);
            at += length;
        }
    }
}
