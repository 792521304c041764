//! Whether the boot ROM finds its program: by what the device tree's root says the board is.
//!
//! | board        | looks at                             | for                                             | says                             |
//! |--------------|--------------------------------------|-------------------------------------------------|----------------------------------|
//! | Rockchip     | sector 64                            | `RKNS`, or `3b 8c dc fc`: `55 aa f0 0f` with RC4 | U-Boot, `tools/rkcommon.c`       |
//! | Allwinner    | 8 KiB, 128 KiB                       | `eGON.BT0`, `TOC0.GLH`                          | U-Boot, `include/sunxi_image.h`  |
//! | i.MX 6, 7    | 1 KiB                                | image vector table: `d1`, length, `40` or `41`  | reference manuals, "IVT"         |
//! | i.MX 8M      | 32 or 33 KiB                         | the same                                        | the same                         |
//! | AM335x       | 0, 128, 256, 384 KiB, or FAT         | `CHSETTINGS`, or the file `MLO`                 | AM335x manual, 26.1.8            |
//! | Raspberry Pi | the first partition                  | FAT with the firmware's files                   | Raspberry Pi documentation       |

use rootsmith_kernel::DeviceTree;

use super::{Board, board, over};
use crate::rules::Outcome;
use crate::view::View;
use crate::{BootFacts, HandedTree, TableKind};

const KIB: u64 = 1 << 10;
/// The scrambled identification that older boot ROMs of Rockchip look for, and the plain one of newer ones.
const ROCKCHIP: [&[u8]; 2] = [&[0x3b, 0x8c, 0xdc, 0xfc], b"RKNS"];
/// Of a flattened image tree: U-Boot's second stage.
const FIT: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];
/// Sector 16,384, and what the board `puma` was built with.
const ROCKCHIP_UBOOT: [u64; 2] = [8192 * KIB, 256 * KIB];
const SUNXI: [u64; 2] = [8 * KIB, 128 * KIB];
const AM335X: [u64; 4] = [0, 128 * KIB, 256 * KIB, 384 * KIB];

pub(in crate::rules) fn boot_rom(view: &View<'_>) -> Outcome {
    match (board(view), view.facts.boot) {
        (Board::Trees(_, trees), Some(boot)) => over(trees, |tree| judge(boot, tree)),
        (Board::Fine(reason), _) => Outcome::yes(reason),
        (Board::Unknown(reason), _) => Outcome::unknown(reason),
        (_, None) => Outcome::unknown("there is no disk to start from"),
    }
}

fn judge(boot: &BootFacts, tree: &HandedTree) -> Outcome {
    let read = match DeviceTree::read(&tree.data) {
        Ok(read) => read,
        Err(error) => return Outcome::unknown(format!("`{}`: {error}", tree.path)),
    };
    let names: Vec<&str> = read.root().compatible().collect();
    let is = |starts: &[&str]| names.iter().any(|name| starts.iter().any(|start| name.starts_with(start)));
    if is(&["rockchip,rk3", "rockchip,rv1", "rockchip,px30"]) {
        rockchip(boot)
    } else if is(&["allwinner,sun"]) {
        // What came before the H3 looks at one place only.
        let old = is(&["allwinner,sun4i", "allwinner,sun5i", "allwinner,sun6i", "allwinner,sun7i"]);
        sunxi(boot, if old { &SUNXI[..1] } else { &SUNXI })
    } else if is(&["fsl,imx8mq", "fsl,imx8mm"]) {
        vector_table(boot, 33 * KIB)
    } else if is(&["fsl,imx8mn", "fsl,imx8mp"]) {
        vector_table(boot, 32 * KIB)
    } else if is(&["fsl,imx6", "fsl,imx7d", "fsl,imx7s"]) {
        vector_table(boot, KIB)
    } else if is(&["ti,am33xx", "ti,am335x"]) {
        am335x(boot)
    } else if is(&["brcm,bcm2708", "brcm,bcm2709", "brcm,bcm271", "brcm,bcm283"]) {
        raspberry(boot, is(&["brcm,bcm2711", "brcm,bcm2712"]))
    } else if is(&["linux,dummy-virt", "qemu,", "riscv-virtio"]) {
        Outcome::yes("a virtual machine has no boot ROM")
    } else {
        Outcome::unknown(format!("what starts `{}` is not known", names.first().unwrap_or(&"a board without a name")))
    }
}

fn rockchip(boot: &BootFacts) -> Outcome {
    let mut wrong = Vec::new();
    if !ROCKCHIP.iter().any(|magic| boot.start.at(32 * KIB).starts_with(magic)) {
        wrong.push(format!(
            "sector 64 has {}, not what the boot ROM of Rockchip looks for",
            shown(boot.start.at(32 * KIB))
        ));
    }
    let second = ROCKCHIP_UBOOT.into_iter().find(|place| boot.start.at(*place).starts_with(&FIT));
    if second.is_none() {
        wrong.push("U-Boot is neither at sector 16,384 nor at sector 512".to_owned());
    }
    Outcome::unless(wrong, format!("sector 64, and U-Boot at sector {}", second.unwrap_or_default() / 512))
}

fn sunxi(boot: &BootFacts, places: &[u64]) -> Outcome {
    let is_there = |place: &u64| {
        let bytes = boot.start.at(*place);
        bytes.get(4..12) == Some(b"eGON.BT0") || bytes.starts_with(b"TOC0.GLH")
    };
    match places.iter().find(|place| is_there(place)) {
        Some(place) => Outcome::yes(format!("`eGON.BT0` at {} KiB", place / KIB)),
        None => {
            let found = places.iter().map(|place| format!("{} KiB has {}", place / KIB, shown(boot.start.at(*place))));
            let found: Vec<String> = found.collect();
            Outcome::no(format!("{}; the boot ROM of Allwinner looks for `eGON.BT0`", found.join(", ")))
        }
    }
}

fn vector_table(boot: &BootFacts, place: u64) -> Outcome {
    let bytes = boot.start.at(place);
    // Tag, length of 32 bytes with the high byte first, version.
    match bytes {
        [0xd1, 0, 0x20, version, ..] if version & 0xf0 == 0x40 => {
            Outcome::yes(format!("an image vector table at {} KiB", place / KIB))
        }
        _ => Outcome::no(format!("{} KiB has {}, not the image vector table of an i.MX", place / KIB, shown(bytes))),
    }
}

fn am335x(boot: &BootFacts) -> Outcome {
    // The name of the first entry of the table of contents, behind five numbers.
    let is_raw = |place: &u64| boot.start.at(*place).get(20..30) == Some(b"CHSETTINGS");
    if let Some(place) = AM335X.iter().find(|place| is_raw(place)) {
        return Outcome::yes(format!("`MLO` at {} KiB", place / KIB));
    }
    let by_file = boot.firmware.iter().any(|name| name == "mlo");
    if by_file {
        return Outcome::yes("the file `MLO` in the first FAT partition");
    }
    Outcome::no("there is no `MLO` at a multiple of 128 KiB, nor as a file in the first FAT partition")
}

fn raspberry(boot: &BootFacts, reads_gpt: bool) -> Outcome {
    let filesystem = boot.partitions.first().and_then(|partition| partition.filesystem.as_deref());
    if filesystem != Some("vfat") {
        return Outcome::no(format!(
            "the first partition has {}, and a Raspberry Pi reads FAT",
            filesystem.unwrap_or("no file system")
        ));
    }
    if !boot.firmware.iter().any(|name| name == "config.txt") {
        return Outcome::no("the first partition has no `config.txt`");
    }
    if boot.table == TableKind::Gpt && !reads_gpt {
        return Outcome::almost(
            "the boot ROM of a Raspberry Pi up to 3 is documented to read an MBR, and this disk has a GPT",
        );
    }
    Outcome::yes("the first partition is FAT with the firmware's files")
}

/// The first bytes, for people.
fn shown(bytes: &[u8]) -> String {
    if bytes.iter().take(16).all(|&byte| byte == 0) {
        return "nothing".to_owned();
    }
    let bytes: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("`{}`", bytes.join(" "))
}
