//! Images that `qemu-img` and `qemu-io` made, byte for byte; and images that nobody should make.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::FileSource;
use crate::judges::{noise, run};

fn source(path: &Path) -> Source {
    Arc::new(FileSource::new(File::open(path).unwrap()).unwrap())
}

fn disk(path: &Path) -> Source {
    let source = source(path);
    assert!(is(&source));
    open(source).unwrap_or_else(|error| panic!("{error}"))
}

fn whole(disk: &Source) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; disk.size() as usize];
    disk.read_at(0, &mut bytes).map(|()| bytes)
}

fn error(image: &[u8]) -> String {
    match open(Arc::new(image.to_vec())) {
        Ok(_) => panic!("not a sound image"),
        Err(error) => error.to_string(),
    }
}

/// A raw disk of 5 MiB and a sector: noise, text, holes, in pieces that end nowhere in particular.
fn raw(folder: &Path) -> (PathBuf, Vec<u8>) {
    let mut bytes = vec![0; (5 << 20) + 512];
    bytes[..700_000].copy_from_slice(&noise(1, 700_000));
    for (index, byte) in bytes[900_001..2_000_003].iter_mut().enumerate() {
        *byte = b"some text that is easily compressed; "[index % 37] ^ (index >> 14) as u8;
    }
    bytes[3 << 20..(3 << 20) + 5].copy_from_slice(b"alone");
    let end = bytes.len() - 3000;
    bytes[end..].copy_from_slice(&noise(2, 3000));
    let path = folder.join("disk.raw");
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn convert(from: &Path, to: &Path, options: &str, compress: bool) -> Option<()> {
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let mut command = vec!["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", options];
    command.extend(compress.then_some("-c"));
    command.extend([from, to]);
    run(&command, "").map(drop)
}

const OPTIONS: &[(&str, bool)] = &[
    ("compat=0.10", false),
    ("compat=0.10", true),
    ("compat=0.10,cluster_size=512", true),
    ("compat=1.1", false),
    ("compat=1.1", true),
    ("compat=1.1,cluster_size=512", false),
    ("compat=1.1,cluster_size=4096", true),
    ("compat=1.1,cluster_size=2M", false),
    ("compat=1.1,cluster_size=2M", true),
    ("compat=1.1,compression_type=zstd", true),
    ("compat=1.1,compression_type=zstd,cluster_size=512", true),
    ("compat=1.1,compression_type=zstd,cluster_size=2M", true),
    ("compat=1.1,extended_l2=on", false),
    ("compat=1.1,extended_l2=on,cluster_size=16k", true),
    ("compat=1.1,extended_l2=on,cluster_size=2M", false),
    ("compat=1.1,preallocation=metadata", false),
    ("compat=1.1,lazy_refcounts=on", false),
];

#[test]
fn every_kind_that_qemu_img_writes_has_the_bytes_of_the_raw_disk() {
    let folder = TempDir::new().unwrap();
    let (path, bytes) = raw(folder.path());
    for (index, (options, compress)) in OPTIONS.iter().enumerate() {
        let image = folder.path().join(format!("{index}.qcow2"));
        if convert(&path, &image, options, *compress).is_none() {
            return;
        }
        let disk = disk(&image);
        assert_eq!(disk.size(), bytes.len() as u64, "{options}");
        assert!(whole(&disk).unwrap() == bytes, "{options}, compressed: {compress}");
        // Where pieces begin and end makes no difference.
        let mut at = 0;
        for length in [1, 511, 70_000, 13, 300_000, 65_536].into_iter().cycle() {
            let end = (at + length).min(bytes.len());
            let mut piece = vec![1; end - at];
            disk.read_at(at as u64, &mut piece).unwrap();
            assert!(piece == bytes[at..end], "{options}: {at} to {end}");
            at = end;
            if at == bytes.len() {
                break;
            }
        }
        assert!(disk.read_at(bytes.len() as u64 - 1, &mut [0; 2]).is_err());
        assert!(disk.read_at(u64::MAX, &mut [0; 2]).is_err());
    }
}

#[test]
fn zeros_holes_and_subclusters_are_read_as_qemu_reads_them() {
    let folder = TempDir::new().unwrap();
    let (path, _) = raw(folder.path());
    for options in
        ["cluster_size=64k", "extended_l2=on,cluster_size=64k", "extended_l2=on,cluster_size=16k", "cluster_size=4k"]
    {
        let (image, back) = (folder.path().join("changed.qcow2"), folder.path().join("back.raw"));
        if convert(&path, &image, options, true).is_none() {
            return;
        }
        let (image_text, back_text) = (image.to_str().unwrap(), back.to_str().unwrap());
        let command = ["qemu-io", "-f", "qcow2", image_text];
        let changes = "write -P 7 4k 2k\nwrite -z 128k 64k\nwrite -z 200k 4k\ndiscard 1M 1M\nwrite -P 9 1100k 3k\n\
                       write -z -u 3M 64k\nwrite -P 3 4700k 100\n";
        run(&command, changes).unwrap();
        run(&["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image_text, back_text], "").unwrap();
        assert!(whole(&disk(&image)).unwrap() == fs::read(&back).unwrap(), "{options}");
    }
}

#[test]
fn a_snapshot_within_is_not_what_is_read() {
    let folder = TempDir::new().unwrap();
    let (path, mut bytes) = raw(folder.path());
    let image = folder.path().join("image.qcow2");
    if convert(&path, &image, "compat=1.1", false).is_none() {
        return;
    }
    let text = image.to_str().unwrap();
    run(&["qemu-img", "snapshot", "-c", "before", text], "").unwrap();
    run(&["qemu-io", "-f", "qcow2", text], "write -P 7 4k 2k\n").unwrap();
    bytes[4096..6144].fill(7);
    assert!(whole(&disk(&image)).unwrap() == bytes);
}

#[test]
fn threads_read_one_image_at_once() {
    let folder = TempDir::new().unwrap();
    let (path, bytes) = raw(folder.path());
    let image = folder.path().join("image.qcow2");
    if convert(&path, &image, "compat=1.1,cluster_size=4096", true).is_none() {
        return;
    }
    let disk = disk(&image);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(whole(&disk).unwrap() == bytes));
        }
    });
}

#[test]
fn what_needs_more_than_the_file_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let (path, _) = raw(folder.path());
    let path = path.to_str().unwrap();
    let mut texts = Vec::new();
    for arguments in [
        &["-b", path, "-F", "raw"][..],
        &["-o", "encrypt.format=aes,encrypt.key-secret=key"],
        &["-o", "data_file=DATA"],
    ] {
        let (image, data) = (folder.path().join("refused.qcow2"), folder.path().join("data\x1b.raw"));
        let arguments: Vec<String> = arguments.iter().map(|it| it.replace("DATA", data.to_str().unwrap())).collect();
        let mut command = vec!["qemu-img", "create", "-q", "--object", "secret,id=key,data=word", "-f", "qcow2"];
        command.extend(arguments.iter().map(String::as_str));
        command.extend([image.to_str().unwrap(), "1M"]);
        if run(&command, "").is_none() {
            return;
        }
        texts.push(error(&fs::read(&image).unwrap()).replace(folder.path().to_str().unwrap(), "FOLDER"));
    }
    assert_snapshot!(texts.join("\n"), @r#"
    the qcow2 uses the backing file `FOLDER/disk.raw`, which cannot be read
    the qcow2 uses AES encryption, which cannot be read
    the qcow2 uses the external data file `FOLDER/data\u{1b}.raw`, which cannot be read
    "#);
}

#[test]
fn a_truncated_image_is_refused_when_it_is_opened() {
    let folder = TempDir::new().unwrap();
    let (path, _) = raw(folder.path());
    for (index, (options, compress)) in OPTIONS.iter().enumerate() {
        let image = folder.path().join(format!("{index}.qcow2"));
        if convert(&path, &image, options, *compress).is_none() {
            return;
        }
        let bytes = fs::read(&image).unwrap();
        for part in [10, 3000, bytes.len() / 3, bytes.len() / 10 * 9] {
            let text = error(&bytes[..part]);
            assert!(
                text.ends_with(": truncated?") && text.contains(&part.to_string()),
                "{options}, {part} bytes: {text}"
            );
        }
    }
}

/// An image of version 3 in clusters of 512 bytes: the header, an L1 table, an L2 table, and two clusters of data. The third
/// cluster of its disk reads as zeros, the fourth is not there, the fifth and last is compressed.
fn small() -> Vec<u8> {
    let mut image = vec![0; 6 * 512];
    image[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    put(&mut image, 20, &9u32.to_be_bytes());
    put(&mut image, 24, &(5 * 512u64).to_be_bytes());
    put(&mut image, 36, &1u32.to_be_bytes());
    put(&mut image, 40, &512u64.to_be_bytes());
    put(&mut image, 100, &104u32.to_be_bytes());
    put(&mut image, 512, &(1024u64 | 1 << 63).to_be_bytes());
    for (index, entry) in [2048, 1536, 1, 0, 2567 | (1 << 62)].into_iter().enumerate() {
        put(&mut image, 1024 + index * 8, &u64::to_be_bytes(entry));
    }
    image[1536..2048].fill(b'b');
    image[2048..2560].fill(b'a');
    let mut encoder = flate2::bufread::DeflateEncoder::new(&[b'z'; 512][..], flate2::Compression::best());
    let mut compressed = Vec::new();
    encoder.read_to_end(&mut compressed).unwrap();
    put(&mut image, 2567, &compressed);
    image
}

fn put(image: &mut [u8], place: usize, bytes: &[u8]) {
    image[place..place + bytes.len()].copy_from_slice(bytes);
}

/// The small image, with one place changed.
fn changed(place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = small();
    put(&mut image, place, bytes);
    image
}

#[test]
fn the_small_image_is_sound_dirty_or_not() {
    let wanted: Vec<u8> = [b'a', b'b', 0, 0, b'z'].into_iter().flat_map(|byte| [byte; 512]).collect();
    for dirty in [0, 1] {
        let disk = open(Arc::new(changed(79, &[dirty]))).unwrap();
        assert_eq!(whole(&disk).unwrap(), wanted);
    }
    // The last sector of what is compressed need not be whole.
    let disk = open(Arc::new(small()[..2600].to_vec())).unwrap();
    assert_eq!(whole(&disk).unwrap(), wanted);
    assert!(!is(&(Arc::new(b"QFI".to_vec()) as Source)));
}

#[test]
fn each_damage_is_one_clear_error() {
    let damages: &[(usize, &[u8])] = &[
        (7, &[1]),
        (7, &[4]),
        (23, &[8]),
        (23, &[22]),
        (35, &[2]),
        (35, &[3]),
        (79, &[2]),
        (79, &[32]),
        (79, &[8]),
        (79, &[16]),
        (103, &[96]),
        (24, &[0xff]),
        (24, &(64u64 << 40).to_be_bytes()),
        (29, &[1]),
        (39, &[0]),
        (46, &[3]),
        (46, &[0]),
        (46, &[0x20]),
        (13, &[2]),
        (518, &[0x10]),
        (1024 + 5, &[9]),
        (1024 + 4 * 8 + 5, &[9]),
    ];
    let texts: Vec<_> = damages.iter().map(|(place, bytes)| error(&changed(*place, bytes))).collect();
    assert_snapshot!(texts.join("\n"), @"
    the qcow2 uses version 1, which cannot be read
    the qcow2 uses version 4, which cannot be read
    the qcow2 is damaged: its clusters have 2^8 bytes, and 2^9 to 2^21 are possible
    the qcow2 is damaged: its clusters have 2^22 bytes, and 2^9 to 2^21 are possible
    the qcow2 uses LUKS encryption, which cannot be read
    the qcow2 uses encryption method 3, which cannot be read
    the qcow2 is damaged: it is marked as corrupt by the program that wrote it last
    the qcow2 uses the incompatible feature 5, which cannot be read
    the qcow2 is damaged: its compression type 0 and its features do not agree
    the qcow2 is damaged: it has subclusters, and clusters of 2^9 bytes only
    the qcow2 is damaged: its header has 96 bytes
    the qcow2 uses a disk of 18374686479671626240 bytes (more than 64 TiB), which cannot be read
    the qcow2 is damaged: its L1 table has 1 entries, and a disk of 70368744177664 bytes needs 2147483648
    the qcow2 is damaged: its L1 table has 1 entries, and a disk of 68096 bytes needs 3
    the qcow2 is damaged: its L1 table has 0 entries, and a disk of 2560 bytes needs 1
    the qcow2 is damaged: its L1 table is at byte 768, where none can be
    the qcow2 is damaged: its L1 table is at byte 0, where none can be
    the qcow2 is damaged: the file ends at byte 3072, its L1 table ends at byte 8200: truncated?
    the qcow2 is damaged: the file ends at byte 3072, its backing file's name ends at byte 131072: truncated?
    the qcow2 is damaged: the file ends at byte 3072, its L2 table 0 ends at byte 4608: truncated?
    the qcow2 is damaged: the file ends at byte 3072, its cluster for byte 0 of the disk ends at byte 592384: truncated?
    the qcow2 is damaged: the file ends at byte 3072, its compressed cluster for byte 2048 of the disk ends at byte 592896: truncated?
    ");
    // Clusters of 1 KiB, and what is in the image at multiples of 512 only.
    let mut unaligned = changed(23, &[10]);
    put(&mut unaligned, 46, &[4]);
    put(&mut unaligned, 1024, &1536u64.to_be_bytes());
    let table = error(&unaligned);
    put(&mut unaligned, 1024, &2048u64.to_be_bytes());
    put(&mut unaligned, 2048, &1536u64.to_be_bytes());
    assert_snapshot!([table, error(&unaligned)].join("\n"), @"
    the qcow2 is damaged at L1 entry 0: it says that its L2 table is at byte 1536, where none can be
    the qcow2 is damaged: the cluster for byte 0 of the disk is stored at byte 1536, where no cluster can be
    ");
    let texts = [100, 600, 1030, 2100].map(|length| error(&small()[..length]));
    assert_snapshot!(texts.join("\n"), @"
    the qcow2 is damaged: the file ends at byte 100, its header ends at byte 104: truncated?
    the qcow2 is damaged: the file ends at byte 600, its L2 table 0 ends at byte 1536: truncated?
    the qcow2 is damaged: the file ends at byte 1030, its L2 table 0 ends at byte 1536: truncated?
    the qcow2 is damaged: the file ends at byte 2100, its cluster for byte 0 of the disk ends at byte 2560: truncated?
    ");
}

#[test]
fn a_compressed_cluster_that_is_damaged_is_said_where_it_is_read() {
    let mut texts = Vec::new();
    // A block of a kind that does not exist; and nothing but the end of a stream.
    for bytes in [[0xff, 0xff, 0xff], [0x03, 0, 0]] {
        let disk = open(Arc::new(changed(2567, &bytes))).unwrap();
        assert!(disk.read_at(0, &mut [0; 2048]).is_ok());
        let error = disk.read_at(2048, &mut [0; 10]).unwrap_err();
        texts.push(OpenError::unread("ext4", "anywhere", error).to_string());
    }
    // The same, when it says that it is Zstandard.
    let mut image = changed(79, &[8]);
    put(&mut image, 103, &[112, 1]);
    let disk = open(Arc::new(image)).unwrap();
    texts.push(disk.read_at(2048, &mut [0; 10]).unwrap_err().to_string());
    assert_snapshot!(texts.join("\n"), @"
    the qcow2 is damaged at byte 2567: its compressed cluster cannot be decompressed: corrupt deflate stream
    the qcow2 is damaged at byte 2567: its compressed cluster ends too early
    the qcow2 is damaged at byte 2567: its compressed cluster cannot be decompressed: Unknown frame descriptor
    ");
}

#[test]
fn a_disk_of_64_tib_costs_nothing_before_it_is_read() {
    // Clusters of 2 MiB: one L1 entry for 512 GiB.
    let mut image = vec![0; 4 << 20];
    image[..2048].copy_from_slice(&small()[..2048]);
    put(&mut image, 20, &21u32.to_be_bytes());
    put(&mut image, 24, &(64u64 << 40).to_be_bytes());
    put(&mut image, 36, &128u32.to_be_bytes());
    put(&mut image, 40, &(2u64 << 20).to_be_bytes());
    let disk = open(Arc::new(image)).unwrap();
    let mut end = [1; 4096];
    disk.read_at(disk.size() - 4096, &mut end).unwrap();
    assert_eq!((disk.size(), end), (64 << 40, [0; 4096]));
}

proptest! {
    #[test]
    fn changed_images_have_an_answer(
        changes in proptest::collection::vec((prop_oneof![0usize..112, 512usize..520, 1024usize..1064, 0usize..3072], any::<u8>()), 1..6),
        cut in 0usize..600,
    ) {
        let mut image = small();
        for (place, value) in changes {
            image[place] = value;
        }
        image.truncate(3072 - cut);
        if let Ok(disk) = open(Arc::new(image)) {
            let mut bytes = vec![0; disk.size().min(1 << 20) as usize];
            let _ = disk.read_at(0, &mut bytes);
            let _ = disk.read_at(disk.size() - bytes.len() as u64, &mut bytes);
        }
    }
}
