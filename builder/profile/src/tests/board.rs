//! Boards: files that are laid under the profile that names them.

use super::*;
use crate::{BootMethod, Disk, PartitionKind, PartitionTable, Piece};

/// A profile for a board that says nothing of the machine.
const PROFILE: &str = "\
schema = 1
board = 'rock'
image = { name = 'node' }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
output = [{ kind = 'disk', partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', size = 'minimal' }] }]
";

const ROCK: &str = "\
schema = 1
[board]
title = 'Rock'
arch = 'arm64'
boot = ['extlinux', 'systemd-boot']
table = ['gpt', 'mbr']
first-sector = 32768
device-trees = ['rockchip/rk3399-rock-pi-4b.dtb']
[kernel]
package = 'linux-image-arm64'
cmdline = ['console=ttyS2']
[[blob]]
package = 'u-boot-rockchip'
file = '/usr/lib/u-boot/rock/idbloader.img'
sector = 64
[[firmware]]
package = 'raspi-firmware'
files = ['/usr/lib/raspi-firmware/start.elf', '/usr/lib/raspi-firmware/fixup.dat']
folder = '/fw'
";

fn disk(profile: &Profile) -> &Disk {
    match &profile.outputs[0].kind {
        OutputKind::Disk(disk) => disk,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_board_says_all_of_the_machine() {
    let profile = loaded(&[("profiles/p.toml", PROFILE), ("profiles/boards/rock.toml", ROCK)]).unwrap();
    let board = profile.board.as_ref().unwrap();
    assert_eq!((board.name.value.as_str(), board.title.value.as_str()), ("rock", "Rock"));
    assert_eq!(words(&profile.image.arch), ["arm64"]);
    assert_eq!(profile.kernel.as_ref().unwrap().package_for(Arch::Arm64).unwrap().value.as_str(), "linux-image-arm64");
    let disk = disk(&profile);
    assert_eq!(disk.table.value, PartitionTable::Gpt);
    assert!(disk.boots_by(BootMethod::Extlinux) && disk.boots_by(BootMethod::SystemdBoot));
    // UEFI is among the ways to boot.
    assert_eq!(disk.boot_partition().unwrap().kind.value, PartitionKind::Esp);
    assert_eq!(profile.blobs[0].offset(), NumBytes::new(32 << 10));
    assert_eq!(profile.blobs[0].content.label(), "idbloader.img of u-boot-rockchip");
    let installed: Vec<String> = profile.firmware.iter().map(|file| file.install.to_string()).collect();
    assert_eq!(installed, ["/fw/start.elf", "/fw/fixup.dat"]);
    assert!(
        matches!(&profile.firmware[0].content, Piece::Package { package, .. } if package.value.as_str() == "raspi-firmware")
    );
}

#[test]
fn what_the_profile_says_is_laid_over_its_board() {
    let text =
        PROFILE.replace("kind = 'disk'", "kind = 'disk', table = 'mbr', boot = 'extlinux', size = 'power-of-two'");
    let text = format!("{text}kernel = {{ package = 'linux-image-rt-arm64', cmdline = ['quiet'] }}\n");
    let profile = loaded(&[("p.toml", &text), ("boards/rock.toml", ROCK)]).unwrap();
    let kernel = profile.kernel.as_ref().unwrap();
    assert_eq!(kernel.package_for(Arch::Arm64).unwrap().value.as_str(), "linux-image-rt-arm64");
    let words: Vec<&str> = kernel.cmdline_for(Arch::Arm64).map(|word| word.value.as_str()).collect();
    assert_eq!(words, ["console=ttyS2", "quiet"]);
    let disk = disk(&profile);
    assert_eq!((disk.table.value, disk.boot.len(), disk.power_of_two), (PartitionTable::Mbr, 1, true));
    // Nothing of UEFI is left.
    assert_eq!(disk.boot_partition().unwrap().kind.value, PartitionKind::Firmware);
}

#[test]
fn a_board_is_not_asked_for_what_it_cannot_do() {
    let text = PROFILE
        .replace("name = 'node'", "name = 'node', arch = ['amd64']")
        .replace("kind = 'disk'", "kind = 'disk', table = 'hybrid', boot = ['uki']");
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("boards/rock.toml", ROCK)]), @r"
    p.toml:3:34: architecture `amd64` is nothing for Rock
      note: the board is named p.toml:2:9
      hint: leave it out, or name what it has: `arm64`
    p.toml:6:36: partition table `hybrid` is nothing for Rock
      note: the board is named p.toml:2:9
      hint: leave it out, or name what it has: `gpt` and `mbr`
    p.toml:6:54: boot method `uki` is nothing for Rock
      note: the board is named p.toml:2:9
      hint: leave it out, or name what it has: `extlinux` and `systemd-boot`
    ");
}

#[test]
fn one_partition_is_for_firmware() {
    let text = PROFILE.replace(
        "{ type = 'boot', size = '64MiB' }",
        "{ type = 'firmware', size = '64MiB' }, { type = 'esp', size = '64MiB' }",
    );
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("boards/rock.toml", ROCK)]), @r"
    p.toml:6:51: there is a second partition for firmware to read [the second]
      note: the first is p.toml:6:90
      hint: take one of them out
    ");
}

#[test]
fn what_is_wrong_with_a_board_is_said_where_it_is_written() {
    let rock = "\
schema = 1
[board]
arch = 'arm65'
boot = []
device-trees = ['/etc/x.dtb', 'x.dts']
[[blob]]
file = '/x'
sector = -1
[[blob]]
path = 'payloads/u-boot.bin'
file = '/x'
from = 'https://example.org'
[[firmware]]
package = 'raspi-firmware'
sha256 = 'x'
";
    insta::assert_snapshot!(findings(&[("p.toml", PROFILE), ("boards/rock.toml", rock)]), @r#"
    boards/rock.toml:2:1: `board.title` is missing [missing in here]
      hint: write `title = "Raspberry Pi 4 Model B"`
    boards/rock.toml:2:1: `board.table` is missing [missing in here]
      hint: write `table = ["gpt"]`
    boards/rock.toml:3:8: `arm65` is not an architecture
      hint: did you mean `arm64`?
    boards/rock.toml:4:8: `board.boot` is empty
      hint: write `boot = ["extlinux"]`
    boards/rock.toml:5:17: `/etc/x.dtb` is not a device tree
      hint: write it as the kernel's package has it: `broadcom/bcm2711-rpi-4-b.dtb`
    boards/rock.toml:5:31: `x.dts` is not a device tree
      hint: write it as the kernel's package has it: `broadcom/bcm2711-rpi-4-b.dtb`
    boards/rock.toml:6:1: `blob.package` is missing [missing in here]
      hint: write `package = "u-boot-rockchip"`
    boards/rock.toml:8:10: `-1` is not a sector
      hint: write a whole number of 512-byte sectors: `64` is 32 KiB
    boards/rock.toml:9:1: `blob.sector` is missing [missing in here]
      hint: write `sector = 64`
    boards/rock.toml:9:1: `blob.sha256` is missing [missing in here]
      hint: write `sha256 = "…"`
    boards/rock.toml:10:8: payload `payloads/u-boot.bin` was not found [named here]
      note: looked for `boards/payloads/u-boot.bin` and `payloads/u-boot.bin` -
      hint: get it from https://example.org and put it at `payloads/u-boot.bin`
    boards/rock.toml:11:1: unknown key `file` in bytes of a file of one's own
      hint: known here: `path`, `sha256` and `from`
    boards/rock.toml:13:1: `firmware.files` is missing [missing in here]
      hint: write `files = ["/usr/lib/raspi-firmware/start4.elf"]`
    boards/rock.toml:15:1: unknown key `sha256` in bytes out of a package
      hint: known here: `package` and `files`
    "#);
}

#[test]
fn a_profile_names_another_board_than_what_it_extends() {
    let base = PROFILE.replace("'rock'", "'boards/other.toml'");
    let other = ROCK.replace("Rock", "Other");
    let text = "schema = 1\nextends = ['base.toml']\nboard = 'rock'\n";
    let files = [("p.toml", text), ("base.toml", &base), ("boards/rock.toml", ROCK), ("boards/other.toml", &other)];
    let profile = loaded(&files).unwrap();
    assert_eq!(profile.board.unwrap().title.value, "Rock");
    assert_eq!(profile.blobs.len(), 1);
}

#[test]
fn one_board_is_named_and_it_is_there() {
    insta::assert_snapshot!(findings(&[("profiles/p.toml", PROFILE)]), @r"
    profiles/p.toml:2:9: board `boards/rock.toml` was not found [named here]
      hint: put it at `profiles/boards/rock.toml`, or correct the path
    ");
    let second = "schema = 1\nboard = 'other'\n";
    let text = "schema = 1\nextends = ['base.toml', 'second.toml']\n";
    let files = [("p.toml", text), ("base.toml", PROFILE), ("second.toml", second), ("boards/rock.toml", ROCK)];
    insta::assert_snapshot!(findings(&files), @r"
    second.toml:2:9: there is a second board [the second]
      note: the first is base.toml:2:9
      hint: take one of them out
    ");
    let text = format!("{LEAST}[board]\ntitle = 'x'\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r"
    p.toml:7:1: `board` must be a string, not a table [a table]
    ");
}
