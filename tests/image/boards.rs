//! Every board's card, built by the real program and held against where its boot ROM looks.
//!
//! The places come from [`BOARDS`], which was written from the boards' documentation, not from `profiles/boards`; the bytes
//! come out of the archives with `dpkg-deb`.
#![allow(missing_docs)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rootsmith_tests::{cache, copy_workspace, judge, judges, partition, run, said, succeed};

const KIB: u64 = 1 << 10;
/// What cards erase at once.
const ERASE_BLOCK: u64 = 4 << 20;

struct Board {
    name: &'static str,
    arch: &'static str,
    /// `dos` or `gpt`, as `sfdisk` has it.
    table: &'static str,
    /// Byte, package, file: what the boot ROM starts, and what that starts.
    blobs: &'static [(u64, &'static str, &'static str)],
    /// No partition begins before this byte.
    first: u64,
    /// Files that must be on the partition that firmware reads.
    files: &'static [&'static str],
}

const PI_3: &[&str] = &["bootcode.bin", "start.elf", "fixup.dat", "config.txt", "cmdline.txt", "vmlinuz", "initrd.img"];
const U_BOOT: &[&str] = &["extlinux/extlinux.conf", "vmlinuz", "initrd.img"];

const BOARDS: [Board; 14] = [
    Board { name: "raspberry-pi-3", arch: "arm64", table: "dos", blobs: &[], first: 0, files: PI_3 },
    Board { name: "raspberry-pi-zero-2-w", arch: "arm64", table: "dos", blobs: &[], first: 0, files: PI_3 },
    Board {
        name: "raspberry-pi-4",
        arch: "arm64",
        table: "dos",
        blobs: &[],
        first: 0,
        files: &["start4.elf", "fixup4.dat", "config.txt", "cmdline.txt", "bcm2711-rpi-4-b.dtb"],
    },
    Board {
        name: "raspberry-pi-5",
        arch: "arm64",
        table: "dos",
        blobs: &[],
        first: 0,
        files: &["config.txt", "cmdline.txt", "bcm2712-rpi-5-b.dtb"],
    },
    Board {
        name: "rock-pi-4",
        arch: "arm64",
        table: "gpt",
        blobs: &[
            (32 * KIB, "u-boot-rockchip", "usr/lib/u-boot/rock-pi-4-rk3399/idbloader.img"),
            (8192 * KIB, "u-boot-rockchip", "usr/lib/u-boot/rock-pi-4-rk3399/u-boot.itb"),
        ],
        first: 16 << 20,
        files: U_BOOT,
    },
    Board {
        name: "rock64",
        arch: "arm64",
        table: "gpt",
        blobs: &[
            (32 * KIB, "u-boot-rockchip", "usr/lib/u-boot/rock64-rk3328/idbloader.img"),
            (8192 * KIB, "u-boot-rockchip", "usr/lib/u-boot/rock64-rk3328/u-boot.itb"),
        ],
        first: 16 << 20,
        files: U_BOOT,
    },
    Board { name: "rock-5b", arch: "arm64", table: "gpt", blobs: &[], first: 16 << 20, files: U_BOOT },
    Board {
        name: "pine64",
        arch: "arm64",
        table: "dos",
        blobs: &[(8 * KIB, "u-boot-sunxi", "usr/lib/u-boot/pine64_plus/u-boot-sunxi-with-spl.bin")],
        first: 0,
        files: U_BOOT,
    },
    Board {
        name: "orangepi-pc",
        arch: "armhf",
        table: "dos",
        blobs: &[(8 * KIB, "u-boot-sunxi", "usr/lib/u-boot/orangepi_pc_plus/u-boot-sunxi-with-spl.bin")],
        first: 0,
        files: U_BOOT,
    },
    Board {
        name: "wandboard",
        arch: "armhf",
        table: "dos",
        blobs: &[
            (KIB, "u-boot-imx", "usr/lib/u-boot/wandboard/SPL"),
            (69 * KIB, "u-boot-imx", "usr/lib/u-boot/wandboard/u-boot.img"),
        ],
        first: 0,
        files: U_BOOT,
    },
    Board {
        name: "beaglebone-black",
        arch: "armhf",
        table: "dos",
        blobs: &[
            (128 * KIB, "u-boot-omap", "usr/lib/u-boot/am335x_evm/MLO"),
            (384 * KIB, "u-boot-omap", "usr/lib/u-boot/am335x_evm/u-boot.img"),
        ],
        first: 0,
        files: U_BOOT,
    },
    Board {
        name: "generic-arm64-uefi",
        arch: "arm64",
        table: "gpt",
        blobs: &[],
        first: 0,
        files: &["EFI/BOOT/BOOTAA64.EFI"],
    },
    Board {
        name: "generic-arm64-u-boot",
        arch: "arm64",
        table: "gpt",
        blobs: &[],
        first: 0,
        files: &["extlinux/extlinux.conf", "EFI/BOOT/BOOTAA64.EFI", "loader/entries/linux.conf"],
    },
    Board {
        name: "riscv64-virt",
        arch: "riscv64",
        table: "gpt",
        blobs: &[],
        first: 0,
        files: &["extlinux/extlinux.conf", "EFI/BOOT/BOOTRISCV64.EFI", "loader/entries/linux.conf"],
    },
];

#[test]
fn every_boards_card_has_what_its_boot_rom_looks_for() {
    if !judges(&["dpkg-deb", "sfdisk", "fsck.fat", "e2fsck", "mdir", "cmp"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_workspace(folder);
    let mut names: Vec<String> = fs::read_dir(folder.join("profiles/boards"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let mut known: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
    known.sort_unstable();
    assert_eq!(names, known, "each board is in the table of this test");

    for board in &BOARDS {
        let output = succeed(folder, &["build", &profile(folder, board)]);
        let outputs = folder.join(format!("outputs/{0}-{1}", board.name, board.arch));
        let image = outputs.join(format!("{0}-{1}.img", board.name, board.arch));
        check(folder, board, &outputs, &image);
        let judged: serde_json::Value =
            serde_json::from_slice(&fs::read(outputs.join("preflight.json")).unwrap()).unwrap();
        let sets: Vec<&str> =
            judged["findings"].as_array().unwrap().iter().map(|finding| finding["set"].as_str().unwrap()).collect();
        for set in ["boot", "board", "k0s-worker@1.36"] {
            assert!(sets.contains(&set), "{}: {set}: {}", board.name, said(&output));
        }
        fs::remove_dir_all(outputs).unwrap();
    }
}

/// The shipped profile. Mirrors are late with the security archive of architectures that few use, so those take none of it.
fn profile(folder: &Path, board: &Board) -> String {
    let shipped = format!("profiles/{}.toml", board.name);
    if board.arch == "arm64" {
        return shipped;
    }
    let text = format!("schema = 1\nextends = [\"{}.toml\"]\n[distribution]\npockets = [\"updates\"]\n", board.name);
    let name = format!("profiles/test-{}.toml", board.name);
    fs::write(folder.join(&name), text).unwrap();
    name
}

fn check(folder: &Path, board: &Board, outputs: &Path, image: &Path) {
    let name = board.name;
    let shown = image.to_str().unwrap();
    let dump: serde_json::Value = serde_json::from_str(&judge("sfdisk", &["--json", shown])).unwrap();
    let table = &dump["partitiontable"];
    assert_eq!(table["label"], board.table, "{name}");
    judge("sfdisk", &["--verify", shown]);
    let partitions = table["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2, "{name}");
    for partition in partitions {
        let start = partition["start"].as_u64().unwrap() * 512;
        assert!(start >= board.first && start.is_multiple_of(ERASE_BLOCK), "{name}: a partition at {start}");
    }

    let disk = File::open(image).unwrap();
    for (place, package, file) in board.blobs {
        let wanted = fs::read(archive(folder, outputs, package).join(file)).unwrap();
        assert!(wanted.len() > 16 << 10, "{file}");
        let mut found = vec![0; wanted.len()];
        disk.read_exact_at(&mut found, *place).unwrap();
        assert!(found == wanted, "{name}: {file} is not at byte {place}");
        let end = place + wanted.len() as u64;
        let first = partitions[0]["start"].as_u64().unwrap() * 512;
        assert!(end <= first, "{name}: {file} ends at {end}, the first partition begins at {first}");
    }

    let part = folder.join("part.img");
    partition(image, 1, &part);
    judge("fsck.fat", &["-n", part.to_str().unwrap()]);
    for file in board.files {
        judge("mdir", &["-i", part.to_str().unwrap(), &format!("::{file}")]);
    }
    partition(image, 2, &part);
    judge("e2fsck", &["-f", "-n", part.to_str().unwrap()]);
    fs::remove_file(part).unwrap();
}

/// What the archive of a package holds, which the build took for booting.
fn archive(folder: &Path, outputs: &Path, package: &str) -> PathBuf {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(outputs.join("manifest.json")).unwrap()).unwrap();
    let packages = manifest["packages"].as_array().unwrap();
    let found = packages.iter().find(|it| it["name"] == package && it["role"] == "boot").unwrap();
    let digest = found["sha256"].as_str().unwrap();
    let files = folder.join(digest);
    if !files.exists() {
        let listed = judge("find", &[cache().join("blobs").to_str().unwrap(), "-name", &format!("{digest}*")]);
        judge("dpkg-deb", &["--extract", listed.trim(), files.to_str().unwrap()]);
    }
    files
}

#[test]
fn a_blob_that_lies_on_something_else_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_workspace(folder);
    fs::write(folder.join("u-boot.bin"), [0x55; 4096]).unwrap();
    let digest = judge("sha256sum", &[folder.join("u-boot.bin").to_str().unwrap()]);
    let digest = digest.split_whitespace().next().unwrap();
    let blob = |sector: u64, sha256: &str| {
        let text = format!(
            "schema = 1\nextends = [\"generic-arm64-u-boot.toml\"]\n[[blob]]\npath = \"u-boot.bin\"\nsha256 = \"{sha256}\"\n\
             sector = {sector}\n"
        );
        fs::write(folder.join("profiles/blob.toml"), text).unwrap();
        let output = run(folder, &["build", "profiles/blob.toml"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(!folder.join("outputs/generic-arm64-u-boot-arm64").exists());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Sector 16 is amid a GPT's entries, sector 8192 in the first partition.
    let table = blob(16, digest);
    assert!(table.contains("`u-boot.bin`") && table.contains("--> profiles/blob.toml:3:1"), "{table}");
    assert!(table.contains("GPT") && table.contains("mbr"), "{table}");
    let inside = blob(8192, digest);
    assert!(inside.contains("partition `esp`") && inside.contains("--> profiles/blob.toml:3:1"), "{inside}");
    let other = blob(64, &"0".repeat(64));
    assert!(other.contains(digest) && other.contains("--> profiles/blob.toml:5:10"), "{other}");
}
