//! VMDK, VHD, VHDX and VDI, as `qemu-img` makes them, byte for byte; what is compressed, or carried; and what is damaged.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::judges::run;
use crate::testing::{noise, source};
use crate::{Disk, OpenError, ReadAt, Source, wrapped};

/// What `qemu-img` is asked for: the driver, and its options.
const KINDS: [(&str, &str); 12] = [
    ("vmdk", "subformat=monolithicSparse"),
    ("vmdk", "subformat=streamOptimized"),
    ("vmdk", "subformat=monolithicSparse,zeroed_grain=on"),
    ("vpc", "subformat=dynamic,force_size=on"),
    ("vpc", "subformat=fixed,force_size=on"),
    ("vhdx", "subformat=dynamic"),
    ("vhdx", "subformat=fixed"),
    ("vhdx", "block_size=1M"),
    ("vhdx", "block_size=32M,block_state_zero=off"),
    ("vdi", "static=off"),
    ("vdi", "static=on"),
    ("qcow2", "compression_type=zstd"),
];

/// A disk of 9 MiB: noise, text, holes, in pieces that end nowhere in particular.
fn disk() -> Vec<u8> {
    let mut bytes = vec![0; 9 << 20];
    bytes[..700_000].copy_from_slice(&noise(700_000, 1));
    for (index, byte) in bytes[900_001..2_000_003].iter_mut().enumerate() {
        *byte = b"some text that is easily compressed; "[index % 37] ^ (index >> 14) as u8;
    }
    bytes[5 << 20..(5 << 20) + 5].copy_from_slice(b"alone");
    let end = bytes.len() - 3000;
    bytes[end..].copy_from_slice(&noise(3000, 2));
    bytes
}

/// Made by `qemu-img`; `None` where there is none.
fn converted(folder: &Path, driver: &str, options: &str) -> Option<Vec<u8>> {
    let (raw, image) = (folder.join("disk.raw"), folder.join("image"));
    fs::write(&raw, disk()).unwrap();
    let mut command = vec!["qemu-img", "convert", "-f", "raw", "-O", driver, "-o", options];
    command.extend([raw.to_str().unwrap(), image.to_str().unwrap()]);
    run(&command, "")?;
    Some(fs::read(image).unwrap())
}

fn opened(image: Vec<u8>) -> Result<Source, OpenError> {
    let (name, disk) = wrapped::opened(Arc::new(image))?;
    assert!(name.is_some(), "it is none");
    Ok(disk)
}

fn error(image: Vec<u8>) -> String {
    match opened(image) {
        Ok(_) => panic!("nothing is wrong"),
        Err(error) => error.to_string(),
    }
}

fn whole(disk: &dyn ReadAt) -> Vec<u8> {
    let mut bytes = vec![1; disk.size() as usize];
    disk.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn every_kind_that_qemu_img_writes_has_the_bytes_of_the_raw_disk() {
    let folder = TempDir::new().unwrap();
    for (driver, options) in KINDS {
        let Some(image) = converted(folder.path(), driver, options) else { return };
        let disk = opened(image).unwrap_or_else(|error| panic!("{driver} {options}: {error}"));
        let bytes = self::disk();
        assert!(whole(&*disk) == bytes, "{driver} {options}");
        // Where pieces begin and end makes no difference.
        let (mut at, mut holes) = (0, 0);
        for length in [1, 511, 70_000, 13, 300_000, 65_536].into_iter().cycle() {
            let hole = disk.hole(at as u64, 1 << 20).unwrap() as usize;
            assert!(bytes[at..at + hole].iter().all(|&byte| byte == 0), "{driver} {options}: no hole at {at}");
            holes += usize::from(hole > 0);
            let end = (at + length).min(bytes.len());
            let mut piece = vec![1; end - at];
            disk.read_at(at as u64, &mut piece).unwrap();
            assert!(piece == bytes[at..end], "{driver} {options}: {at} to {end}");
            at = end;
            if at == bytes.len() {
                break;
            }
        }
        // Of a few MiB each, all blocks hold something.
        let large = driver == "vhdx" && options != "block_size=1M";
        let fixed = options.contains("fixed") || options.contains("static=on");
        assert!(holes > 0 || large || fixed, "{driver} {options}");
        assert!(disk.read_at(bytes.len() as u64 - 1, &mut [0; 2]).is_err());
        assert!(disk.read_at(u64::MAX, &mut [0; 2]).is_err());
    }
}

#[test]
fn a_truncated_image_is_refused_when_it_is_opened() {
    let folder = TempDir::new().unwrap();
    for (driver, options) in KINDS {
        let Some(image) = converted(folder.path(), driver, options) else { return };
        for part in [600, 70_000, image.len() / 10 * 9, image.len() - 70_000] {
            // Where it begins as it should, it is known; else it is nothing.
            match wrapped::opened(Arc::new(image[..part].to_vec())) {
                Err(error) => assert!(error.to_string().contains("damaged"), "{driver} {options}, {part}: {error}"),
                Ok((None, _)) => assert_eq!(driver, "vpc", "{options}, {part}"),
                // The last block is longer than the disk.
                Ok((Some(_), disk)) => assert!(whole(&*disk) == self::disk(), "{driver} {options}, {part}"),
            }
        }
    }
}

/// A byte behind what the file has there, and what is said when it is changed.
const DAMAGES: [(&str, &str, &str, usize, &str); 7] = [
    ("vmdk", "subformat=streamOptimized", "KDMV", 4, "the VMDK uses version 124, which cannot be read"),
    ("vmdk", "subformat=streamOptimized", "\n \r\n", 3, "its newlines were converted, as if it were a text"),
    ("vmdk", "subformat=monolithicSparse", "createType=", 12, "the VMDK uses the kind `\\u{12}onolithicSparse`"),
    ("vpc", "subformat=dynamic,force_size=on", "conectix", 30, "its footer and the copy at its beginning differ"),
    ("vpc", "subformat=dynamic,force_size=on", "cxsparse", 20, "the checksum of its header is wrong"),
    ("vhdx", "block_size=1M", "metadata", 0, "its metadata have no table"),
    ("vdi", "static=off", "<<< QEMU", 76, "the VDI uses image type 126, which cannot be read"),
];

#[test]
fn each_damage_is_one_clear_error() {
    let folder = TempDir::new().unwrap();
    for (driver, options, needle, place, says) in DAMAGES {
        let Some(mut image) = converted(folder.path(), driver, options) else { return };
        let found = image.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
        image[found + place] ^= 0x7f;
        let error = error(image);
        assert!(error.contains(says), "{driver}: {error}");
    }
}

#[test]
fn a_vdi_whose_block_lies_behind_all_numbers_is_damaged() {
    let mut image = vec![0; 1024];
    let fields: [(usize, u32); 9] = [
        (64, 0xbeda_107f),
        (68, 0x0001_0001),
        (76, 1),
        (340, 512),
        (368, 1 << 20),
        (376, 1 << 20),
        (380, u32::MAX),
        (384, 1),
        (388, u32::MAX),
    ];
    for (at, value) in fields.into_iter().chain([(512, 0xffff_fffd)]) {
        image[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    assert!(error(image.clone()).contains("block 0 is where no file reaches"), "{}", error(image));
}

#[test]
fn a_flipped_bit_of_a_compressed_grain_is_noticed() {
    let folder = TempDir::new().unwrap();
    let Some(image) = converted(folder.path(), "vmdk", "subformat=streamOptimized") else { return };
    let good = disk();
    for place in (70_000..600_000).step_by(33_331) {
        let mut image = image.clone();
        image[place] ^= 1;
        let Ok(disk) = opened(image) else { continue };
        let mut bytes = vec![0; good.len()];
        assert!(disk.read_at(0, &mut bytes).is_err(), "byte {place}");
    }
}

#[test]
fn what_needs_another_file_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (driver, options) in [("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=twoGbMaxExtentSparse")] {
        let image = path("split.vmdk");
        if run(&["qemu-img", "create", "-q", "-f", driver, "-o", options, &image, "4M"], "").is_none() {
            return;
        }
        let said = error(fs::read(&image).unwrap());
        assert_eq!(said, "the VMDK uses extents in other files: it is a descriptor alone, which cannot be read");
    }
    let (base, child) = (path("base.vmdk"), path("child.vmdk"));
    run(&["qemu-img", "create", "-q", "-f", "vmdk", &base, "4M"], "").unwrap();
    run(&["qemu-img", "create", "-q", "-f", "vmdk", "-b", &base, "-F", "vmdk", &child], "").unwrap();
    assert_eq!(error(fs::read(&child).unwrap()), "the VMDK uses a parent disk, which cannot be read");
}

/// A disk as a stream: compressed, or in an archive that is.
#[test]
fn compressed_disks_are_streams_and_archives_give_up_theirs() {
    let folder = TempDir::new().unwrap();
    let bytes = disk();
    fs::write(folder.path().join("disk.raw"), &bytes).unwrap();
    let text = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for command in [
        "zstd -q --stdout disk.raw >image",
        "xz -1 --stdout disk.raw >image",
        "gzip -1 --stdout disk.raw >image",
        "tar --format=oldgnu -czf image disk.raw",
    ] {
        let shell = format!("cd '{}' && {command}", folder.path().display());
        if run(&["sh", "-c", &shell], "").is_none() {
            return;
        }
        let Ok(Disk::Stream(mut stream)) = Disk::open(source(Path::new(&text("image")))) else { panic!("{command}") };
        let mut found = Vec::new();
        stream.read_to_end(&mut found).unwrap();
        assert!(found == bytes, "{command}");
        let mut image = fs::read(text("image")).unwrap();
        let middle = image.len() / 2;
        image[middle] ^= 1;
        let Ok(Disk::Stream(mut stream)) = Disk::open(Arc::new(image)) else { panic!("{command}") };
        let read = stream.read_to_end(&mut Vec::new());
        assert!(read.is_err(), "{command}");
    }
    let shell = format!(
        "cd '{}' && qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw a.vmdk && touch a.ovf a.mf && \
         tar -cf image a.ovf a.vmdk a.mf",
        folder.path().display()
    );
    run(&["sh", "-c", &shell], "").unwrap();
    let Ok(Disk::At(found)) = Disk::open(source(Path::new(&text("image")))) else { panic!("no disk in the OVA") };
    assert!(whole(&*found) == bytes);
    let raw = Arc::new(crate::FileSource::new(File::open(text("disk.raw")).unwrap()).unwrap());
    let Ok(Disk::At(found)) = Disk::open(raw) else { panic!("a raw disk is one") };
    assert!(whole(&*found) == bytes);
}

proptest::proptest! {
    /// Whatever is changed, there is an answer, and it comes.
    #[test]
    fn changed_images_have_an_answer(
        kind in 0..KINDS.len(),
        changes in proptest::collection::vec((0.0..1.0f64, proptest::prelude::any::<u8>()), 1..6),
    ) {
        static IMAGES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
        let images = IMAGES.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            KINDS.iter().filter_map(|(driver, options)| converted(folder.path(), driver, options)).collect()
        });
        if let Some(image) = images.get(kind) {
            let mut image = image.clone();
            for (place, value) in changes {
                // Most of what matters is at the beginning.
                let at = (place.powi(8) * image.len() as f64) as usize;
                image[at] = value;
            }
            if let Ok((_, disk)) = wrapped::opened(Arc::new(image)) {
                let mut bytes = vec![0; disk.size().min(1 << 20) as usize];
                let _ = disk.read_at(0, &mut bytes);
                let _ = disk.read_at(disk.size() - bytes.len() as u64, &mut bytes);
                let _ = disk.hole(0, u64::MAX);
            }
        }
    }
}
