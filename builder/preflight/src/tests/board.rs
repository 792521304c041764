//! Boards: the good image as the card of one, and what the set `board` must notice of it.

use super::fixture::*;
use crate::*;

/// A flattened device tree (Devicetree Specification 0.4, chapter 5) out of node and property tokens.
#[derive(Default)]
struct Dtb {
    tokens: Vec<u8>,
    strings: Vec<u8>,
}

impl Dtb {
    fn word(&mut self, word: u32) {
        self.tokens.extend_from_slice(&word.to_be_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.tokens.extend_from_slice(bytes);
        self.tokens.resize(self.tokens.len().next_multiple_of(4), 0);
    }

    fn node(&mut self, name: &str, inside: impl FnOnce(&mut Dtb)) {
        self.word(1);
        self.padded(&[name.as_bytes(), b"\0"].concat());
        inside(self);
        self.word(2);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(&[name.as_bytes(), b"\0"].concat());
        self.word(3);
        self.word(value.len() as u32);
        self.word(at);
        self.padded(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.property(name, &[value.as_bytes(), b"\0"].concat());
    }

    fn finish(mut self) -> Vec<u8> {
        self.word(9);
        let (structure, strings) = (56u32, 56 + self.tokens.len() as u32);
        let total = strings + self.strings.len() as u32;
        let header = [0xd00d_feed, total, structure, strings, 40, 17, 16, 0, self.strings.len() as u32];
        let mut out: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        out.extend_from_slice(&(self.tokens.len() as u32).to_be_bytes());
        // No memory is reserved.
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&self.tokens);
        out.extend_from_slice(&self.strings);
        out
    }
}

/// The tree of a board whose root is `compatible`: a serial port, and an SD host that waits for a regulator.
fn tree(compatible: &str, bootargs: &str, host: &str) -> Vec<u8> {
    let mut dtb = Dtb::default();
    dtb.node("", |root| {
        root.text("compatible", compatible);
        root.node("aliases", |aliases| aliases.text("serial2", "/serial@1"));
        root.node("chosen", |chosen| {
            if !bootargs.is_empty() {
                chosen.text("bootargs", bootargs);
            }
        });
        root.node("serial@1", |serial| serial.text("compatible", "snps,dw-apb-uart"));
        root.node("mmc@2", |mmc| {
            mmc.text("compatible", host);
            mmc.property("vmmc-supply", &7u32.to_be_bytes());
        });
        root.node("regulator-sd", |regulator| {
            regulator.text("compatible", "test,regulator");
            regulator.property("phandle", &7u32.to_be_bytes());
        });
    });
    dtb.finish()
}

/// Makes the image a card that U-Boot starts on a board with this device tree.
fn card(image: &mut Image, data: Vec<u8>) {
    let folder = format!("/usr/lib/modules/{RELEASE}");
    let modules = "kernel/test_mmc.ko.xz:\nkernel/test_regulator.ko.xz: kernel/below.ko.xz\n";
    image.put(&format!("{folder}/modules.dep"), 0o644, modules);
    let aliases = "alias of:N*T*Ctest,mmc test_mmc\nalias of:N*T*Ctest,regulator test_regulator\n";
    image.put(&format!("{folder}/modules.alias"), 0o644, aliases);
    image.put(&format!("/usr/lib/linux-image-{RELEASE}/vendor/x.dtb"), 0o644, &data);
    let entry = &mut image.boot.entries[0];
    (entry.kind, entry.path) = (EntryKind::Extlinux, "/extlinux/extlinux.conf: linux".to_owned());
    entry.cmdline = Some(format!("root=PARTUUID={ROOT} rw console=tty0 console=ttyS2,1500000"));
    entry.device_tree = TreeSource::File("/dtbs/vendor/x.dtb".to_owned());
    entry.device_trees = vec![HandedTree { path: "/dtbs/vendor/x.dtb".to_owned(), data: data.into() }];
    let loaded = ["test_mmc", "test_regulator", "below"].map(|name| format!("modules/{name}.ko"));
    entry.initramfs = Some(loaded.to_vec());
}

/// Bytes at places of the disk.
fn at(image: &mut Image, places: &[(u64, &[u8])]) {
    image.boot.start = DiskStart::read(|offset, buf| {
        let (_, bytes) = places.iter().find(|(place, _)| *place == offset).ok_or(std::io::ErrorKind::NotFound)?;
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
}

const SECTOR_64: (u64, &[u8]) = (32 << 10, b"\x3b\x8c\xdc\xfc");
const SECTOR_16384: (u64, &[u8]) = (8 << 20, b"\xd0\x0d\xfe\xed");

fn rockchip(image: &mut Image) {
    card(image, tree("rockchip,rk3399", "", "test,mmc"));
    at(image, &[SECTOR_64, SECTOR_16384]);
}

/// The same as the card of a Raspberry Pi, whose firmware picks the device tree by the model.
fn raspberry_pi(image: &mut Image, model: &str, bootargs: &str) {
    let data = tree(&format!("brcm,{model}"), bootargs, "test,mmc");
    card(image, data.clone());
    let file = format!("{model}-rpi.dtb");
    image.put(&format!("/usr/lib/linux-image-{RELEASE}/broadcom/{file}"), 0o644, &data);
    let entry = &mut image.boot.entries[0];
    (entry.kind, entry.path) = (EntryKind::RaspberryPi, "/config.txt".to_owned());
    entry.device_tree = TreeSource::Model;
    entry.device_trees = vec![HandedTree { path: format!("/{file}"), data: data.into() }];
    let named = vec![("kernel".to_owned(), "vmlinuz".to_owned(), true)];
    entry.config = Some(ConfigTxt { named, upstream: true, overlays: false });
    let firmware = ["config.txt", "bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"];
    image.boot.firmware = firmware.map(str::to_owned).to_vec();
    image.boot.table = TableKind::Mbr;
}

fn verdicts(image: &Image) -> Vec<(String, Verdict)> {
    let set = sets().iter().find(|set| set.id() == "board").unwrap();
    image.judged_by(set).findings.into_iter().map(|finding| (finding.check, finding.verdict)).collect()
}

#[test]
fn good_cards_pass() {
    let cards: [fn(&mut Image); 6] = [
        rockchip,
        |image| raspberry_pi(image, "bcm2837", ""),
        |image| raspberry_pi(image, "bcm2711", ""),
        |image| {
            card(image, tree("allwinner,sun8i-h3", "", "test,mmc"));
            at(image, &[(8 << 10, b"\0\0\0\0eGON.BT0")]);
        },
        |image| {
            card(image, tree("fsl,imx6q", "", "test,mmc"));
            at(image, &[(1 << 10, &[0xd1, 0, 0x20, 0x40])]);
        },
        |image| {
            card(image, tree("ti,am335x-bone-black", "", "test,mmc"));
            at(image, &[(128 << 10, b"\x40\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0CHSETTINGS")]);
        },
    ];
    for (number, change) in cards.into_iter().enumerate() {
        let mut image = good();
        change(&mut image);
        for (check, verdict) in verdicts(&image) {
            assert_eq!(verdict, Verdict::Pass, "card {number}: {check}");
        }
    }
}

#[test]
fn one_of_several_models_that_lacks_something_is_a_warning() {
    let mut image = good();
    rockchip(&mut image);
    let other = HandedTree { path: "/dtbs/y.dtb".to_owned(), data: tree("rockchip,rk3399", "", "nobody,mmc").into() };
    image.boot.entries[0].device_trees.push(other);
    let finding = image.finding_of("board", "board.root-driver");
    assert_eq!(finding.verdict, Verdict::Warning);
    assert!(finding.evidence[0].contains("no driver for `/mmc@2` (nobody,mmc)"), "{:?}", finding.evidence);
}

/// What the set says of a card for a Rockchip board that was changed.
fn evidence(check: &str, change: impl FnOnce(&mut Image)) -> (Verdict, String) {
    let mut image = good();
    rockchip(&mut image);
    change(&mut image);
    let finding = image.finding_of("board", check);
    (finding.verdict, finding.evidence.join("; "))
}

#[test]
fn a_serial_port_is_known_by_driver_and_alias() {
    let ports = |image: &mut Image, words: &str| {
        let mut dtb = Dtb::default();
        dtb.node("", |root| {
            root.node("aliases", |aliases| {
                aliases.text("serial0", "/serial@0");
                aliases.text("serial1", "/serial@1");
            });
            root.node("chosen", |chosen| chosen.text("stdout-path", "serial0:115200n8"));
            root.node("serial@0", |serial| serial.text("compatible", "snps,dw-apb-uart"));
            root.node("serial@1", |serial| {
                serial.text("compatible", "arm,pl011");
                serial.text("status", "disabled");
            });
        });
        image.boot.entries[0].device_trees[0].data = dtb.finish().into();
        image.boot.entries[0].cmdline = Some(words.to_owned());
    };
    for (words, verdict, text) in [
        ("console=tty0 console=ttyS0", Verdict::Pass, "`ttyS0` is `/serial@0`"),
        // The same port twice.
        ("console=ttyS0 console=ttyS0,115200", Verdict::Pass, "`ttyS0` is `/serial@0`"),
        ("quiet", Verdict::Pass, "`stdout-path` is `/serial@0`"),
        ("console=tty0", Verdict::Fail, "the kernel command line has `console=tty0` only"),
        ("console=ttyS1", Verdict::Fail, "`serial1` is `/serial@1` (arm,pl011), which is no `ttyS1`"),
        ("console=ttyAMA1", Verdict::Fail, "`ttyAMA1` is `/serial@1`, which is switched off"),
        ("console=ttyAMA7", Verdict::Fail, "no port that could be `ttyAMA7` is switched on"),
        (
            "console=ttyS7",
            Verdict::NotApplicable,
            "no alias says which port is `ttyS7`; `/serial@0` is one that it could be",
        ),
        ("console=ttyXY0", Verdict::NotApplicable, "which ports are called `ttyXY` is not known"),
    ] {
        let found = evidence("board.console", |image| ports(image, words));
        assert_eq!(found, (verdict, text.to_owned()), "{words}");
    }
    // What an overlay switches on is not in the tree it is laid over.
    let found = evidence("board.console", |image| {
        ports(image, "console=ttyAMA1");
        image.boot.entries[0].config = Some(ConfigTxt { overlays: true, ..ConfigTxt::default() });
    });
    assert_eq!(found.0, Verdict::NotApplicable);
}

#[test]
fn what_nobody_can_tell_is_not_judged() {
    let found = evidence("board.device-tree", |image| image.remove(&format!("/usr/lib/linux-image-{RELEASE}")));
    let text = format!("kernel {RELEASE} left no device trees to compare with");
    assert_eq!(found, (Verdict::NotApplicable, text));
    let own = |image: &mut Image| image.boot.entries[0].device_trees[0].path = "/own.dtb".to_owned();
    assert_eq!(evidence("board.device-tree", own).0, Verdict::Warning);
    let unindexed = |image: &mut Image| image.remove(&format!("/usr/lib/modules/{RELEASE}/modules.alias"));
    assert_eq!(evidence("board.root-driver", unindexed).0, Verdict::NotApplicable);
    let many = |image: &mut Image| {
        image.boot.entries[0].device_trees.clear();
        image.boot.entries[0].device_tree = TreeSource::Folder("/dtbs".to_owned(), 1023);
    };
    let text = "which of the 1023 device trees in `/dtbs` is the board's knows its U-Boot only";
    assert_eq!(evidence("board.root-driver", many), (Verdict::NotApplicable, text.to_owned()));
    let strange = |image: &mut Image| {
        image.boot.entries[0].device_trees[0].data = tree("sifive,fu740", "", "test,mmc").into();
    };
    let text = "what starts `sifive,fu740` is not known";
    assert_eq!(evidence("board.boot-rom", strange), (Verdict::NotApplicable, text.to_owned()));
    // A boot loader with words of its own does not use those of the device tree.
    let replaced = |image: &mut Image| {
        image.boot.entries[0].device_trees[0].data = tree("rockchip,rk3399", "root=/dev/mmcblk9", "test,mmc").into();
    };
    assert_eq!(evidence("board.bootargs", replaced).0, Verdict::Pass);
}

#[test]
fn boot_roms_have_their_ways() {
    // One file for both stages of U-Boot, as the board `puma` has it.
    let puma = |image: &mut Image| at(image, &[SECTOR_64, (256 << 10, SECTOR_16384.1)]);
    let text = "sector 64, and U-Boot at sector 512";
    assert_eq!(evidence("board.boot-rom", puma), (Verdict::Pass, text.to_owned()));
    let newer = |image: &mut Image| at(image, &[(32 << 10, b"RKNS"), SECTOR_16384]);
    assert_eq!(evidence("board.boot-rom", newer).0, Verdict::Pass);
    for (root, place) in [("fsl,imx8mm", 33 << 10), ("fsl,imx8mp", 32 << 10)] {
        let flash = |image: &mut Image| {
            card(image, tree(root, "", "test,mmc"));
            at(image, &[(place, &[0xd1, 0, 0x20, 0x41])]);
        };
        assert_eq!(evidence("board.boot-rom", flash).0, Verdict::Pass, "{root}");
    }
    let file = |image: &mut Image| {
        card(image, tree("ti,am33xx", "", "test,mmc"));
        image.boot.firmware = vec!["mlo".to_owned()];
    };
    let text = "the file `MLO` in the first FAT partition";
    assert_eq!(evidence("board.boot-rom", file), (Verdict::Pass, text.to_owned()));
    let virt = |image: &mut Image| card(image, tree("linux,dummy-virt", "", "test,mmc"));
    assert_eq!(evidence("board.boot-rom", virt).0, Verdict::Pass);
    // Up to Raspberry Pi 3 the boot ROM is documented for an MBR.
    for (model, verdict) in [("bcm2837", Verdict::Warning), ("bcm2711", Verdict::Pass)] {
        let gpt = |image: &mut Image| {
            raspberry_pi(image, model, "");
            image.boot.table = TableKind::Gpt;
        };
        assert_eq!(evidence("board.boot-rom", gpt).0, verdict, "{model}");
    }
}

/// Changes that make each check of the set fail.
pub(super) fn breaks(rule: &Rule) -> Vec<fn(&mut Image, &Check)> {
    match rule {
        Rule::DeviceTree {} => vec![
            |image, _| {
                rockchip(image);
                image.boot.entries[0].missing.push("/dtbs/vendor/x.dtb".to_owned());
            },
            |image, _| {
                rockchip(image);
                image.put(&format!("/usr/lib/linux-image-{RELEASE}/vendor/x.dtb"), 0o644, "of another release");
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].device_trees[0].data = b"no tree".as_slice().into();
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].device_tree = TreeSource::Folder("/dtbs".to_owned(), 0);
            },
            |image, _| {
                raspberry_pi(image, "bcm2711", "");
                image.boot.entries[0].device_trees.clear();
            },
        ],
        Rule::ConfigTxt {} => vec![
            |image, _| {
                raspberry_pi(image, "bcm2711", "");
                image.boot.entries[0].config.as_mut().unwrap().named[0].2 = false;
            },
            |image, _| {
                raspberry_pi(image, "bcm2711", "");
                image.boot.firmware.retain(|name| name != "start4.elf");
            },
            |image, _| {
                raspberry_pi(image, "bcm2837", "");
                image.boot.firmware.retain(|name| name != "bootcode.bin");
            },
            |image, _| {
                raspberry_pi(image, "bcm2837", "");
                image.boot.entries[0].config.as_mut().unwrap().upstream = false;
            },
        ],
        Rule::SerialConsole {} => vec![
            |image, _| {
                rockchip(image);
                image.cmdline("console=ttyAMA0");
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].cmdline = Some("console=tty0".to_owned());
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].cmdline = Some("console=ttymxc0".to_owned());
            },
        ],
        Rule::Bootargs {} => vec![
            |image, _| raspberry_pi(image, "bcm2711", "quiet root=/dev/mmcblk0p7"),
            |image, _| raspberry_pi(image, "bcm2711", "cgroup_disable=memory"),
            |image, _| raspberry_pi(image, "bcm2711", "console=ttyS0"),
        ],
        Rule::BoardDrivers {} => vec![
            |image, _| {
                rockchip(image);
                image.boot.entries[0].initramfs.as_mut().unwrap().remove(0);
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].initramfs.as_mut().unwrap().remove(1);
            },
            |image, _| {
                rockchip(image);
                image.boot.entries[0].initramfs.as_mut().unwrap().remove(2);
            },
            |image, _| card(image, tree("rockchip,rk3399", "", "nobody,mmc")),
        ],
        Rule::BootRom {} => vec![
            |image, _| card(image, tree("rockchip,rk3399", "", "test,mmc")),
            |image, _| {
                rockchip(image);
                at(image, &[SECTOR_64]);
            },
            |image, _| {
                rockchip(image);
                at(image, &[SECTOR_16384]);
            },
            |image, _| {
                card(image, tree("allwinner,sun8i-h3", "", "test,mmc"));
                at(image, &[(8 << 10, b"eGON.BT0")]);
            },
            // What came before the H3 does not look at 128 KiB.
            |image, _| {
                card(image, tree("allwinner,sun7i-a20", "", "test,mmc"));
                at(image, &[(128 << 10, b"\0\0\0\0eGON.BT0")]);
            },
            |image, _| {
                card(image, tree("fsl,imx6q", "", "test,mmc"));
                at(image, &[(1 << 10, &[0xd1, 0, 0x20, 0x20])]);
            },
            |image, _| card(image, tree("ti,am335x-bone-black", "", "test,mmc")),
            |image, _| {
                raspberry_pi(image, "bcm2711", "");
                image.boot.partitions[0].filesystem = Some("ext4".to_owned());
            },
            |image, _| {
                raspberry_pi(image, "bcm2711", "");
                image.boot.firmware.clear();
            },
        ],
        _ => Vec::new(),
    }
}
