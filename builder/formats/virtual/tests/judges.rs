//! Whether `qemu-img` agrees: the file is sound, says what it is, and holds the disk.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rootsmith_ondisk::Sink;
use rootsmith_types::{NumBytes, Uuid};
use rootsmith_virtual::{Adapter, Format, Options, Tee, create, create_all};
use serde_json::Value;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Formats that are unpacked before anybody opens them.
const UNPACKED: [Format; 3] = [Format::RawZstd, Format::RawXz, Format::GceTarGz];
/// Archives that carry a disk beside other files: as what, and how the file in them is called.
const CARRIED: [(Format, Format, &str); 2] =
    [(Format::Ova, Format::VmdkStreamOptimized, "disk.vmdk"), (Format::Vagrant, Format::Qcow2Zlib, "box.img")];

/// A disk: its size, and what is written to it.
struct Disk {
    name: &'static str,
    size: u64,
    writes: Vec<(u64, Vec<u8>)>,
}

/// Bytes that look random and do not compress.
fn dense(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..length.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length).collect()
}

/// Bytes that compress.
fn text(seed: u64, length: usize) -> Vec<u8> {
    let lines = (seed..).flat_map(|n| format!("line {n} of a file, {} in all\n", n * n).into_bytes());
    lines.take(length).collect()
}

/// Disks that try the ends of clusters, tables and sizes; all are a whole number of 64 KiB but `odd`.
fn disks() -> Vec<Disk> {
    let disk = |name, size, writes| Disk { name, size, writes };
    let islands = (0..40_u64).map(|n| {
        let data = if n % 3 == 0 { dense(n, 70_000) } else { text(n, 70_000) };
        (n * 1_300_000 + n * 511, data)
    });
    let far = 5 * GIB;
    vec![
        disk("empty", 3 * MIB, vec![]),
        disk("one byte at the end", 20 * MIB, vec![(20 * MIB - 1, vec![1])]),
        disk("zeros are written", 4 * MIB, vec![(0, vec![0; 4 << 20])]),
        disk("dense", 9 * MIB, vec![(0, dense(1, 1_000_003)), (1_000_003, dense(2, 8 << 20))]),
        disk("text", 30 * MIB, vec![(17, text(1, 20 << 20)), (25 * MIB, text(7, 4 << 20))]),
        disk("islands", 64 * MIB, islands.collect()),
        disk("odd", 33 * MIB + 512 * 3, vec![(5, text(3, 100)), (33 * MIB + 700, vec![7; 800])]),
        disk("one GiB", GIB, vec![(MIB - 3, text(9, 600_000)), (700 * MIB, dense(9, 600_000))]),
        disk("larger than 4 GiB", far, vec![(0, text(1, 99)), (4 * GIB, dense(3, 3 << 20)), (far - 9, vec![1; 9])]),
    ]
}

fn options() -> Options {
    Options::new(Uuid::new(*b"0123456789abcdef"), 1_700_000_000, "disk")
}

/// Formats that a hypervisor opens.
fn opened() -> impl Iterator<Item = Format> {
    let carried = |format: &Format| CARRIED.iter().any(|(carried, ..)| carried == format);
    Format::ALL.into_iter().filter(move |format| !UNPACKED.contains(format) && !carried(format))
}

/// The name of QEMU's driver.
fn driver(format: Format) -> &'static str {
    match format.extension() {
        "vhd" => "vpc",
        same => same,
    }
}

/// Whether `size` can be said in `format`, and soon.
fn takes(format: Format, size: u64) -> bool {
    match format {
        Format::VmdkStreamOptimized | Format::VmdkMonolithicSparse | Format::Ova => size.is_multiple_of(64 << 10),
        Format::GceTarGz => size == GIB,
        Format::RawZstd | Format::RawXz => size < GIB,
        _ => true,
    }
}

fn qemu_img(arguments: &[&str], files: &[&Path]) -> Output {
    Command::new("qemu-img").args(arguments).args(files).output().unwrap()
}

/// Runs `qemu-img`, which succeeds.
fn done(arguments: &[&str], files: &[&Path]) -> String {
    let output = qemu_img(arguments, files);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?} {files:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn missing(tool: &str) -> bool {
    if Command::new(tool).arg("--version").output().is_ok() {
        return false;
    }
    assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool} is not installed");
    eprintln!("skipped: {tool} is not installed");
    true
}

fn write(disk: &Disk, out: &mut dyn Sink) {
    for (at, data) in &disk.writes {
        out.write_at(*at, data).unwrap();
    }
}

fn raw(disk: &Disk, path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(disk.size).unwrap();
    for (at, data) in &disk.writes {
        file.write_all_at(data, *at).unwrap();
    }
}

fn made(path: &Path) -> File {
    File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap()
}

fn written(format: Format, disk: &Disk, options: &Options, path: &Path) {
    let file = made(path);
    let mut writer = create(format, NumBytes::new(disk.size), options, &file).unwrap();
    write(disk, &mut writer);
    writer.finish().unwrap();
}

fn info(format: Format, path: &Path) -> Value {
    serde_json::from_str(&done(&["info", "--output=json", "-f", driver(format)], &[path])).unwrap()
}

/// Sound, of the right size, and the same bytes.
fn judge(format: Format, disk: &Disk, raw: &Path, path: &Path) {
    let name = format!("{format}: {}", disk.name);
    // QEMU has no check for VHD.
    if driver(format) != "vpc" {
        let report = done(&["check", "--output=json", "-f", driver(format)], &[path]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["check-errors"], 0, "{name}: {report}");
        assert!(report["leaks"].is_null() && report["corruptions"].is_null(), "{name}: {report}");
    }
    assert_eq!(info(format, path)["virtual-size"], disk.size, "{name}");
    // Strict: the sizes are the same, too.
    let same = done(&["compare", "-f", "raw", "-F", driver(format)], &[raw, path]);
    assert_eq!(same.trim(), "Images are identical.", "{name}");
}

#[test]
fn every_format_holds_every_disk() {
    if missing("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for disk in disks() {
        let original = folder.path().join("raw");
        raw(&disk, &original);
        for format in opened().filter(|format| takes(*format, disk.size)) {
            let path = folder.path().join(format!("disk.{}", format.extension()));
            written(format, &disk, &options(), &path);
            judge(format, &disk, &original, &path);
        }
    }
}

#[test]
fn image_says_what_it_is() {
    if missing("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = &disks()[4];
    for format in opened() {
        let path = folder.path().join("image");
        written(format, disk, &options(), &path);
        let said = info(format, &path);
        let data = &said["format-specific"]["data"];
        match format {
            Format::Qcow2 | Format::Qcow2Zlib => {
                assert_eq!((&data["compat"], &data["compression-type"]), (&"1.1".into(), &"zlib".into()));
            }
            Format::Qcow2Zstd => assert_eq!(data["compression-type"], "zstd"),
            Format::VmdkStreamOptimized => {
                // "0123", and no parent.
                assert_eq!((&data["create-type"], &data["cid"]), (&"streamOptimized".into(), &0x3031_3233.into()));
                assert_eq!((&data["parent-cid"], &data["extents"][0]["compressed"]), (&u32::MAX.into(), &true.into()));
            }
            Format::VmdkMonolithicSparse => assert_eq!(data["create-type"], "monolithicSparse"),
            _ => {}
        }
        let cluster = match format {
            Format::VhdFixed => Value::Null,
            Format::VhdDynamic => (2 * MIB).into(),
            Format::Vhdx | Format::Vdi => MIB.into(),
            _ => 65536.into(),
        };
        let said = if driver(format) == "vmdk" { &data["extents"][0]["cluster-size"] } else { &said["cluster-size"] };
        assert_eq!(*said, cluster, "{format}");
    }
}

#[test]
fn flipped_byte_is_noticed() {
    if missing("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { name: "flipped", size: 4 * MIB, writes: vec![(MIB, dense(5, 2 << 20))] };
    let original = folder.path().join("raw");
    raw(&disk, &original);
    for format in opened() {
        let path = folder.path().join("image");
        written(format, &disk, &options(), &path);
        let mut bytes = fs::read(&path).unwrap();
        // Bytes in the middle of what was written; those that do not compress are there as they are, or nearly so.
        let needle = &disk.writes[0].1[1_000_000..1_000_016];
        let at = bytes.windows(16).position(|window| window == needle).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let compared = qemu_img(&["compare", "-f", "raw", "-F", driver(format)], &[&original, &path]);
        assert!(!compared.status.success(), "{format}");
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        judge(format, &disk, &original, &path);
    }
}

#[test]
fn broken_table_is_noticed() {
    if missing("qemu-img") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let disk = &disks()[4];
    written(Format::Qcow2Zlib, disk, &options(), &path);
    let bytes = fs::read(&path).unwrap();
    // The refcount table's place is at byte 48; its first entry says where refcounts are.
    let number = |at: usize| usize::try_from(u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap();
    let block = number(number(48));
    let mut broken = bytes.clone();
    broken[block + 3] ^= 2;
    fs::write(&path, broken).unwrap();
    assert!(!qemu_img(&["check", "-f", "qcow2"], &[&path]).status.success());
    written(Format::Vhdx, disk, &options(), &path);
    let file = File::options().write(true).open(&path).unwrap();
    for header in [64 << 10, 128 << 10] {
        file.write_all_at(&[1], header + 100).unwrap();
    }
    assert!(!qemu_img(&["info", "-f", "vhdx"], &[&path]).status.success());
}

#[test]
fn same_disk_gives_same_bytes_alone_and_together() {
    let folder = tempfile::tempdir().unwrap();
    for disk in disks().into_iter().filter(|disk| disk.size <= GIB) {
        let formats: Vec<Format> = Format::ALL.into_iter().filter(|format| takes(*format, disk.size)).collect();
        let path = |format: Format, how: &str| folder.path().join(format!("{how}-{format:?}"));
        let files: Vec<(Format, File)> =
            formats.iter().map(|format| (*format, made(&path(*format, "together")))).collect();
        let files: Vec<(Format, &File)> = files.iter().map(|(format, file)| (*format, file)).collect();
        let mut writers = create_all(&files, NumBytes::new(disk.size), &options()).unwrap();
        let mut tee = Tee::new(writers.iter_mut().map(|writer| -> &mut dyn Sink { writer }).collect());
        // In other pieces than alone.
        for (at, data) in &disk.writes {
            let mut at = *at;
            for piece in data.chunks(12_345) {
                tee.write_at(at, piece).unwrap();
                at += piece.len() as u64;
            }
        }
        writers.into_iter().for_each(|writer| writer.finish().unwrap());
        for format in formats {
            written(format, &disk, &options(), &path(format, "alone"));
            let read = |how| fs::read(path(format, how)).unwrap();
            assert!(read("alone") == read("together"), "{format}: {}", disk.name);
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_cores() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = disks().swap_remove(4);
    for format in Format::ALL {
        disk.size = if format == Format::GceTarGz { GIB } else { 30 * MIB };
        let with = |threads: usize| {
            let path = folder.path().join(format!("{threads}"));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| written(format, &disk, &options(), &path));
            fs::read(&path).unwrap()
        };
        assert!(with(1) == with(5), "{format}");
    }
}

#[test]
fn zeros_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disks().pop().unwrap();
    for format in opened() {
        let path: PathBuf = folder.path().join("image");
        written(format, &disk, &options(), &path);
        // 3 MiB of the disk's, the tables, and three clusters that are hardly touched.
        let used = fs::metadata(&path).unwrap().blocks() * 512;
        assert!(used < 4 * MIB, "{format} takes {used} bytes");
    }
}

#[test]
fn identifiers_time_and_hardware_come_from_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let disk = &disks()[0];
    let holds = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for format in opened() {
        let mut options = options();
        options.adapter = Adapter::Ide;
        options.hardware_version = 21;
        written(format, disk, &options, &path);
        let bytes = fs::read(&path).unwrap();
        let (texts, id): (&[&str], &[u8]) = match driver(format) {
            "vmdk" => (
                &["ddb.adapterType = \"ide\"\n", "ddb.virtualHWVersion = \"21\"\n", "SPARSE \"disk.vmdk\"\n"],
                b"ddb.uuid.image = \"30313233-3435-3637-3839-616263646566\"",
            ),
            "vpc" => (&[], b"0123456789abcdef"),
            "vhdx" | "vdi" => (&[], b"3210547689abcdef"),
            _ => (&[], b""),
        };
        assert!(texts.iter().all(|text| holds(&bytes, text.as_bytes())), "{format}");
        assert!(id.is_empty() || holds(&bytes, id), "{format}");
        if driver(format) == "vpc" {
            // 1 700 000 000 - 946 684 800, big-endian, in the footer.
            assert_eq!(bytes[bytes.len() - 512 + 24..][..4], 753_315_200_u32.to_be_bytes());
        }
    }
}

/// What unpacks a file of `format` to its standard output.
fn unpacks(format: Format) -> &'static [&'static str] {
    match format {
        Format::RawZstd => &["zstd", "--decompress", "--stdout"],
        Format::RawXz => &["xz", "--decompress", "--stdout"],
        _ => &["tar", "--extract", "--gzip", "--to-stdout", "--file"],
    }
}

#[test]
fn unpacked_disk_is_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (original, unpacked) = (folder.path().join("raw"), folder.path().join("unpacked"));
    for format in UNPACKED {
        let command = unpacks(format);
        if missing(command[0]) {
            continue;
        }
        for disk in disks().into_iter().filter(|disk| takes(format, disk.size)) {
            let path = folder.path().join(format!("disk.{}", format.extension()));
            written(format, &disk, &options(), &path);
            raw(&disk, &original);
            let unpack = |path: &Path| {
                let out = File::create(&unpacked).unwrap();
                Command::new(command[0]).args(&command[1..]).arg(path).stdout(out).status().unwrap()
            };
            assert!(unpack(&path).success(), "{format}: {}", disk.name);
            assert!(fs::read(&original).unwrap() == fs::read(&unpacked).unwrap(), "{format}: {}", disk.name);
            if disk.name == "text" || disk.size == GIB {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
                assert!(!unpack(&path).success(), "{format}: {}", disk.name);
            }
        }
    }
}

#[test]
fn tar_file_holds_one_disk_in_the_old_gnu_kind() {
    if missing("tar") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar.gz");
    let disk = Disk { name: "empty", size: GIB, writes: vec![] };
    written(Format::GceTarGz, &disk, &options(), &path);
    // 4096 pieces of zeros, each of a few hundred bytes.
    assert!(fs::metadata(&path).unwrap().len() < 2 * MIB);
    let arguments = ["--list", "--verbose", "--numeric-owner", "--utc", "--gzip", "--file"];
    let listed = Command::new("tar").args(arguments).arg(&path).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(words, ["-rw-r--r--", "0/0", "1073741824", "2023-11-14", "22:13", "disk.raw"]);
    // From 8 GiB on a size has no room in octal digits, and the old kind says it in binary.
    written(Format::GceTarGz, &Disk { size: 9 * GIB, ..disk }, &options(), &path);
    let mut unpacking = Command::new("gzip").args(["-dc"]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let mut header = [0; 512];
    unpacking.stdout.take().unwrap().read_exact(&mut header).unwrap();
    unpacking.wait().unwrap();
    assert_eq!(header[257..265], *b"ustar  \0");
    assert_eq!(header[124..136], [&[0x80, 0, 0, 0][..], &(9 * GIB).to_be_bytes()].concat());
}

#[test]
fn archives_carry_the_disk_as_their_machine_takes_it() {
    if missing("qemu-img") || missing("tar") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (original, alone, archive) = (at("raw"), at("alone"), at("archive"));
    let run = |command: &[&str]| {
        let output = Command::new(command[0]).args(&command[1..]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for disk in disks() {
        raw(&disk, &original);
        for (format, within, file) in CARRIED.into_iter().filter(|(format, ..)| takes(*format, disk.size)) {
            written(format, &disk, &options(), &archive);
            let listed = run(&["tar", "-tf", "archive"]);
            let members: &[&str] = match format {
                Format::Ova => &["disk.ovf", "disk.mf", "disk.vmdk"],
                _ => &["metadata.json", "Vagrantfile", "box.img"],
            };
            assert_eq!(listed.lines().collect::<Vec<_>>(), members);
            run(&["tar", "-xf", "archive"]);
            judge(within, &disk, &original, &at(file));
            written(within, &disk, &options(), &alone);
            assert!(fs::read(&alone).unwrap() == fs::read(at(file)).unwrap(), "{format}: {}", disk.name);
        }
        if !takes(Format::Ova, disk.size) {
            continue;
        }
        // The manifest in the words of `sha256sum`.
        let manifest = fs::read_to_string(at("disk.mf")).unwrap();
        let lines = manifest.lines().map(|line| line.replace("SHA256(", "SHA256 (").replace(")=", ") ="));
        fs::write(at("sums"), lines.map(|line| line + "\n").collect::<String>()).unwrap();
        assert_eq!(run(&["sha256sum", "--check", "sums"]), "disk.ovf: OK\ndisk.vmdk: OK\n");
        let length = fs::metadata(at("disk.vmdk")).unwrap().len();
        let descriptor = fs::read_to_string(at("disk.ovf")).unwrap();
        assert!(descriptor.contains(&format!("ovf:size=\"{length}\"")), "{descriptor}");
        assert!(descriptor.contains(&format!("ovf:capacity=\"{}\"", disk.size)), "{descriptor}");
        if !missing("xmllint") {
            run(&["xmllint", "--noout", "disk.ovf"]);
        }
        let gib = disk.size.div_ceil(GIB);
        let metadata: Value = serde_json::from_slice(&fs::read(at("metadata.json")).unwrap()).unwrap();
        assert_eq!(metadata, serde_json::json!({ "provider": "libvirt", "format": "qcow2", "virtual_size": gib }));
    }
}
