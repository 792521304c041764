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
