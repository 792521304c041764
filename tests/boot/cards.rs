//! Cards of boards, started by the firmware that QEMU's boards have, on a card that is larger than the image.
#![allow(missing_docs)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_tests::machine::qemu;
use rootsmith_tests::{copy_workspace, judge, judges, on_request, succeed, workspace};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(600);

/// A card for the Orange Pi PC with BusyBox alone. Its rear part boots like any other board's.
const ORANGE_PI: &str = r#"
schema = 1
board = "orangepi-pc"

[image]
name = "card"

[distribution]
id = "debian"
suite = "trixie"
# Mirrors are late with the security archive of this architecture.
pockets = ["updates"]

[packages]
essential = false
include = ["busybox-static", "e2fsprogs"]
drop = ["/usr/share/doc", "/usr/share/man", "/usr/share/locale"]

[init]
system = "busybox"

[preflight]
sets = ["boot", "board"]

[[output]]
kind = "disk"
size = "power-of-two"
partitions = [
  { type = "boot", size = "64MiB" },
  { type = "root", filesystem = "ext4", size = "minimal", free = "32MiB", grow = true },
]
"#;

/// Builds `profile` (its name, and its text where it is no shipped one), for `arch`, and makes its card `size` MiB large.
fn card(profile: &str, text: Option<&str>, arch: &str, size: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    if let Some(text) = text {
        fs::write(folder.path().join(format!("profiles/{profile}.toml")), text).unwrap();
    }
    succeed(folder.path(), &["build", &format!("profiles/{profile}.toml")]);
    let name = text.map_or(profile, |text| text.split("name = \"").nth(1).and_then(|it| it.split('"').next()).unwrap());
    let image = folder.path().join(format!("outputs/{name}-{arch}/{name}-{arch}.img"));
    let before = fs::metadata(&image).unwrap().len();
    assert!(before < size << 20, "the card is larger than the image of {before}");
    File::options().write(true).open(&image).unwrap().set_len(size << 20).unwrap();
    (folder, image)
}

/// The machine that the board's file names.
fn machine(board: &str) -> String {
    let path = workspace().join(format!("profiles/boards/{board}.toml"));
    let file: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    file["board"]["qemu"].as_str().unwrap().to_owned()
}

/// The boards that are started below.
const STARTED: [&str; 6] =
    ["generic-arm64-u-boot", "generic-arm64-uefi", "orangepi-pc", "raspberry-pi-3", "raspberry-pi-4", "riscv64-virt"];

#[test]
fn every_board_that_qemu_has_is_started() {
    let mut named: Vec<String> = fs::read_dir(workspace().join("profiles/boards"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::read_to_string(path).unwrap().contains("\nqemu = "))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    named.sort();
    assert_eq!(named, STARTED);
}

/// Where the last partition ends, in bytes.
fn end_of_root(image: &Path) -> u64 {
    let dump: serde_json::Value = serde_json::from_str(&judge("sfdisk", &["--json", image.to_str().unwrap()])).unwrap();
    let partition = dump["partitiontable"]["partitions"].as_array().unwrap().last().unwrap().clone();
    (partition["start"].as_u64().unwrap() + partition["size"].as_u64().unwrap()) * 512
}

fn drive(image: &Path, options: &str) -> String {
    format!("file={},format=raw,{options}", image.display())
}

/// Two minutes a boot: four emulated processors, and a driver for all that the board has.
#[test]
fn orange_pi_pc_from_its_boot_rom_to_a_grown_root() {
    if !on_request() || !judges(&["qemu-system-arm", "sfdisk"]) {
        return;
    }
    let (_folder, image) = card("card", Some(ORANGE_PI), "armhf", 1 << 10);
    let disk = drive(&image, "if=sd");
    let machine = machine("orangepi-pc");
    let board = ["-M", &machine, "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none"];
    let arguments = [&board[..], &["-no-reboot", "-nic", "none", "-serial", "stdio", "-drive", &disk]].concat();
    let first = qemu("qemu-system-arm", &arguments, "card login:", LIMIT);
    assert!(first.contains("U-Boot SPL") && first.contains("Retrieving file: /vmlinuz"), "{first}");
    assert!(first.contains("resized filesystem to"), "{first}");
    // To the last sector; the second boot finds nothing to do.
    assert_eq!(end_of_root(&image), 1 << 30);
    let second = qemu("qemu-system-arm", &arguments, "card login:", LIMIT);
    assert!(!second.contains("cannot grow") && !second.contains("keeps its size"), "{second}");
    assert_eq!(end_of_root(&image), 1 << 30);
}

/// A board that is QEMU's `virt`, with `image` as its disk.
fn virt(board: &str, image: &Path, more: &[&str]) -> Vec<String> {
    let machine = machine(board);
    let disk = drive(image, "if=none,id=disk");
    let board = ["-M", &machine, "-accel", "tcg,thread=multi", "-m", "1024", "-smp", "2"];
    let rest = ["-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio"];
    let disk = ["-drive", &disk, "-device", "virtio-blk-pci,drive=disk"];
    [&board[..], &rest, &disk, more].concat().into_iter().map(str::to_owned).collect()
}

/// The same for arm64, started by UEFI.
fn uefi(board: &str, folder: &Path, image: &Path) -> Vec<String> {
    let variables = folder.join("variables.fd");
    fs::copy("/usr/share/AAVMF/AAVMF_VARS.fd", &variables).unwrap();
    let code = "if=pflash,unit=0,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd,format=raw";
    let variables = drive(&variables, "if=pflash,unit=1");
    virt(board, image, &["-cpu", "cortex-a57", "-drive", code, "-drive", &variables])
}

fn start(program: &str, arguments: &[String]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    qemu(program, &arguments, "login:", LIMIT)
}

#[test]
fn one_card_starts_through_u_boot_and_through_uefi() {
    let board = "generic-arm64-u-boot";
    let u_boot = ["-cpu", "cortex-a57", "-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"];
    if !judges(&["qemu-system-aarch64", "sfdisk"]) {
        return;
    }
    let (folder, image) = card(board, None, "arm64", 3 << 10);
    let console = start("qemu-system-aarch64", &virt(board, &image, &u_boot));
    assert!(console.contains("Retrieving file: /extlinux/extlinux.conf"), "{console}");
    assert!(console.contains("resized filesystem to"), "{console}");
    let grown = end_of_root(&image);
    assert!(grown > (3 << 30) - (8 << 20), "the root ends at {grown}");

    let console = start("qemu-system-aarch64", &uefi(board, folder.path(), &image));
    assert!(!console.contains("extlinux"), "{console}");
    assert_eq!(end_of_root(&image), grown);
}

#[test]
fn a_card_for_uefi_alone_starts_and_grows() {
    if !on_request() || !judges(&["qemu-system-aarch64", "sfdisk"]) {
        return;
    }
    let board = "generic-arm64-uefi";
    let (folder, image) = card(board, None, "arm64", 3 << 10);
    start("qemu-system-aarch64", &uefi(board, folder.path(), &image));
    let grown = end_of_root(&image);
    assert!(grown > (3 << 30) - (8 << 20), "the root ends at {grown}");
}

/// A card for `board`, the arguments that start it on its machine, and what goes onto its kernel's command line by itself. QEMU has no
/// firmware of a Raspberry Pi: it is given what `config.txt` names.
struct RaspberryPi {
    folder: TempDir,
    image: PathBuf,
    arguments: Vec<String>,
    cmdline: String,
}

fn raspberry_pi(board: &str, device_tree: &str) -> RaspberryPi {
    let (folder, image) = card(board, None, "arm64", 4 << 10);
    let boot = folder.path().join("boot.img");
    rootsmith_tests::partition(&image, 1, &boot);
    let take = |name: &str| {
        let to = folder.path().join(name);
        judge("mcopy", &["-n", "-i", boot.to_str().unwrap(), &format!("::{name}"), to.to_str().unwrap()]);
        to.to_str().unwrap().to_owned()
    };
    let [kernel, initrd, dtb, cmdline] = ["vmlinuz", "initrd.img", device_tree, "cmdline.txt"].map(take);
    let disk = drive(&image, "if=sd");
    let machine = machine(board);
    let board = ["-M", &machine, "-accel", "tcg,thread=multi", "-display", "none", "-no-reboot"];
    let files = ["-kernel", &kernel, "-initrd", &initrd, "-dtb", &dtb, "-drive", &disk];
    let arguments = board.iter().chain(&files).map(|&it| it.to_owned()).collect();
    let cmdline = fs::read_to_string(cmdline).unwrap().trim().to_owned();
    RaspberryPi { folder, image, arguments, cmdline }
}

impl RaspberryPi {
    fn start(&self, serial: [&str; 4], cmdline: &str, until: &str) -> String {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        qemu("qemu-system-aarch64", &[&arguments[..], &serial, &["-append", cmdline]].concat(), until, LIMIT)
    }
}

/// The rest of the boards that QEMU has: minutes each.
#[test]
fn raspberry_pi_3_mounts_its_root_from_the_card() {
    if !on_request() || !judges(&["qemu-system-aarch64", "mcopy", "sfdisk"]) {
        return;
    }
    let card = raspberry_pi("raspberry-pi-3", "bcm2837-rpi-3-b.dtb");
    // Four emulated cores on two: systemd must not give the console up after its minute and a half.
    let cmdline = format!("{} systemd.default_device_timeout_sec=900", card.cmdline);
    for _ in 0..2 {
        card.start(["-serial", "null", "-serial", "stdio"], &cmdline, "login:");
        assert_eq!(end_of_root(&card.image), 4 << 30);
    }
    drop(card.folder);
}

/// QEMU's model lacks the GPIOs of the firmware, which switch the card on: the initramfs, and the drivers it loads, are as far as one gets.
/// Three drivers of the kernel's own would touch what the model does not have, and its console is a storm of interrupts: the kernel
/// speaks through its early console, where nothing else is heard.
#[test]
fn raspberry_pi_4_reaches_its_initramfs() {
    if !on_request() || !judges(&["qemu-system-aarch64", "mcopy", "sfdisk"]) {
        return;
    }
    let card = raspberry_pi("raspberry-pi-4", "bcm2711-rpi-4-b.dtb");
    let cmdline = card.cmdline.replace("console=ttyS1,115200", "console=ttyAMA1,115200 console=ttyAMA0,115200");
    let model = "earlycon=pl011,mmio32,0xfe201000 keep_bootcon clk_ignore_unused \
                 initcall_blacklist=brcmstb_l2_driver_init,brcmstb_i2c_driver_init,clk_dvp_driver_init";
    let until = "fe340000.mmc: deferred probe pending";
    let console = card.start(["-serial", "stdio", "-serial", "null"], &format!("{cmdline} {model}"), until);
    let (_, initramfs) = console.split_once("Run /init as init process").expect("the initramfs is started");
    assert!(initramfs.contains("sdhci-pltfm: SDHCI platform and OF driver helper"), "{console}");
}

#[test]
fn riscv64_starts_through_u_boot() {
    if !on_request() || !judges(&["qemu-system-riscv64", "sfdisk"]) {
        return;
    }
    let text = "schema = 1\nextends = [\"riscv64-virt.toml\"]\n[image]\nname = \"card\"\n[distribution]\npockets = [\"updates\"]\n";
    let (_folder, image) = card("card", Some(text), "riscv64", 3 << 10);
    let u_boot = ["-kernel", "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"];
    let console = start("qemu-system-riscv64", &virt("riscv64-virt", &image, &u_boot));
    assert!(console.contains("resized filesystem to"), "{console}");
}
