//! Which drivers must be loaded before a disk of a board can be read.
//!
//! From every storage controller that is switched on we go to what it waits for ([`links`]), from there to what that waits
//! for, and from each node up to the buses it is on: a regulator in a PMIC needs the PMIC's driver, and that the I2C
//! controller's. A node's driver is found as udev finds it, by its `compatible` in `modules.alias`. Where no module claims
//! it, the driver is part of the kernel image, or there is none.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use super::{DeviceTree, Node, links};
use crate::{Drivers, KernelError};

/// What a board needs of its kernel to read its disks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageDrivers {
    /// The modules, each once, with the shortest way to it; in the order in which they are come upon. What they need in turn
    /// (`modules.dep`) is not among them.
    pub needed: Vec<NeededDriver>,
    /// Controllers that nothing drives: no module claims them, and the kernel image has no driver of their kind.
    pub undriven: Vec<Undriven>,
}

/// A storage controller without a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undriven {
    /// `/soc/mmc@7e300000`.
    pub node: String,
    /// What it is.
    pub compatible: Vec<String>,
    /// What cannot be read.
    pub storage: Storage,
}

/// A module that a board needs to reach its disks, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededDriver {
    /// `sdhci_iproc`.
    pub module: String,
    /// What cannot be read without it.
    pub storage: Storage,
    /// From the storage controller to the device that the module drives.
    pub chain: Vec<Step>,
}

/// One node on the way from a storage controller to what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How the node before leads here: a property of it; `None` for the bus it is on, and for the first node.
    pub property: Option<String>,
    /// `/soc/mmc@7e300000`.
    pub node: String,
}

/// What a storage controller is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storage {
    /// SD cards and eMMC.
    Mmc,
    /// Serial ATA.
    Sata,
    /// Universal flash storage.
    Ufs,
}

/// `` `/soc/mmc@7e300000` waits for `/regulator-sd` (`vmmc-supply`): `fixed` ``
impl fmt::Display for NeededDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.chain.iter().enumerate() {
            match (at, &step.property) {
                (0, _) => write!(f, "`{}`", step.node)?,
                (_, Some(property)) if at == 1 => write!(f, " waits for `{}` (`{property}`)", step.node)?,
                (_, Some(property)) => write!(f, ", which waits for `{}` (`{property}`)", step.node)?,
                (1, None) => write!(f, " is on `{}`", step.node)?,
                (_, None) => write!(f, ", which is on `{}`", step.node)?,
            }
        }
        write!(f, ": `{}`", self.module)
    }
}

/// Where the kernel keeps the drivers of each kind.
const FOLDERS: [(Storage, &str); 3] =
    [(Storage::Mmc, "/drivers/mmc/host/"), (Storage::Sata, "/drivers/ata/"), (Storage::Ufs, "/drivers/ufs/host/")];

/// What nodes of MMC hosts are called.
const MMC_NAMES: [&str; 6] = ["mmc", "mmcnr", "sdhci", "sdmmc", "emmc", "dwmmc"];

/// Of ARM's own peripherals the kernel reads a number out of the device; what it will be says the name.
const PRIMECELLS: [(&str, &str); 2] = [("arm,pl180", "mmci"), ("arm,pl18x", "mmci")];

/// Drivers of several functions make devices of their own that no node stands for (the kernel's `mfd_cell`). What another
/// node may wait for behind them: the beginning of the node's `compatible`, the property by which it is waited for, and the
/// device that the kernel makes.
const CELLS: [(&str, &str, &str); 25] = [
    ("x-powers,axp", "-supply", "axp20x-regulator"),
    ("rockchip,rk80", "-supply", "rk808-regulator"),
    ("rockchip,rk81", "-supply", "rk808-regulator"),
    ("rockchip,rk80", "clocks", "rk808-clkout"),
    ("rockchip,rk81", "clocks", "rk808-clkout"),
    ("rohm,bd71837", "-supply", "bd71837-pmic"),
    ("rohm,bd71847", "-supply", "bd71847-pmic"),
    ("rohm,bd71850", "-supply", "bd71847-pmic"),
    ("hisilicon,hi655x", "-supply", "hi655x-regulator"),
    ("maxim,max77620", "-supply", "max77620-pmic"),
    ("maxim,max20024", "-supply", "max20024-pmic"),
    ("maxim,max77663", "-supply", "max77663-pmic"),
    ("maxim,max77686", "-supply", "max77686-pmic"),
    ("mediatek,mt6357", "-supply", "mt6357-regulator"),
    ("mediatek,mt6358", "-supply", "mt6358-regulator"),
    ("mediatek,mt6359", "-supply", "mt6359-regulator"),
    ("mediatek,mt6360", "-supply", "mt6360-regulator"),
    ("mediatek,mt6397", "-supply", "mt6397-regulator"),
    ("dlg,da9063", "-supply", "da9063-regulators"),
    ("dlg,da9052", "-supply", "da9052-regulator"),
    ("fsl,mc13783", "-supply", "mc13783-regulator"),
    ("fsl,mc13892", "-supply", "mc13892-regulator"),
    ("ricoh,rn5t", "-supply", "rn5t618-regulator"),
    ("samsung,s2mps11", "-supply", "s2mps11-regulator"),
    ("ti,tps65086", "-supply", "tps65086-regulator"),
];

/// What the board of this device tree needs before its SD cards, eMMC, SATA disks or UFS can be read.
pub fn storage_drivers(dtb: &[u8], drivers: &Drivers) -> Result<StorageDrivers, KernelError> {
    let tree = DeviceTree::read(dtb)?;
    let mut search = Search { drivers, found: Vec::new(), ways: Vec::new() };
    let mut undriven = Vec::new();
    for (kind, folder) in FOLDERS {
        let own = tree.nodes().filter(|node| storage(*node, drivers) == Some(kind) && node.is_enabled());
        let own: Vec<Node<'_>> = own.collect();
        if !drivers.has_builtin(folder) {
            let without = own.iter().filter(|node| modules(**node, drivers).is_empty());
            undriven.extend(without.map(|node| Undriven {
                node: node.path(),
                compatible: node.compatible().map(str::to_owned).collect(),
                storage: kind,
            }));
        }
        search.from(own, kind);
    }
    Ok(StorageDrivers { needed: search.found, undriven })
}

/// What kind of disks the node has, by its driver, or by the name that bindings give such nodes (`mmc-controller.yaml`:
/// `mmc`; 2.2.2: `sata`): of drivers in the kernel image nothing else is known.
fn storage(node: Node<'_>, drivers: &Drivers) -> Option<Storage> {
    node.property("compatible")?;
    let drives = |folder: &str| modules(node, drivers).iter().any(|module| drivers.file(module).contains(folder));
    let by_driver = || FOLDERS.into_iter().find(|(_, folder)| drives(folder)).map(|(kind, _)| kind);
    // What is below a host is its card.
    if node.parent().is_some_and(|parent| MMC_NAMES.contains(&parent.base_name())) {
        return None;
    }
    let kind = match node.base_name() {
        name if MMC_NAMES.contains(&name) => Storage::Mmc,
        "sata" | "ahci" => Storage::Sata,
        "ufs" | "ufshc" => Storage::Ufs,
        _ => by_driver()?,
    };
    (kind != Storage::Mmc || !is_sdio(node)).then_some(kind)
}

/// Whether only an SDIO function, mostly WiFi, hangs at the MMC host: it says that neither cards nor eMMC are there, or has
/// a soldered device with interrupts, or a node for that device (`mmc-controller.yaml`: children are its functions).
fn is_sdio(node: Node<'_>) -> bool {
    let has = |name| node.property(name).is_some();
    let function = |child: Node<'_>| child.property("reg").is_some() && !child.compatible().any(|it| it == "mmc-card");
    (has("no-sd") && has("no-mmc"))
        || (has("non-removable") && !has("no-sdio") && (has("cap-sdio-irq") || node.children().any(function)))
}

/// A breadth-first walk along what waits for what.
struct Search<'d> {
    drivers: &'d Drivers,
    found: Vec<NeededDriver>,
    /// Every node that was come upon: its number, from which entry of this list, by which property.
    ways: Vec<(usize, Option<usize>, Option<String>)>,
}

impl Search<'_> {
    fn from(&mut self, starts: Vec<Node<'_>>, kind: Storage) {
        self.ways.clear();
        let mut seen: BTreeSet<usize> = starts.iter().map(|node| node.index()).collect();
        let mut queue: VecDeque<(Node<'_>, usize)> = VecDeque::new();
        for node in starts {
            queue.push_back((node, self.ways.len()));
            self.ways.push((node.index(), None, None));
        }
        while let Some((node, way)) = queue.pop_front() {
            for module in modules(node, self.drivers) {
                self.add(node, module, kind, way);
            }
            let ahead = links(node).into_iter().map(|link| (link.target, Some(link.property)));
            let ahead = ahead.chain(node.parent().map(|bus| (bus, None)));
            for (target, property) in ahead {
                if let Some(property) = property {
                    self.add_cells(target, property, kind, way);
                }
                // What is switched off the kernel does not wait for.
                if target.is_enabled() && seen.insert(target.index()) {
                    queue.push_back((target, self.ways.len()));
                    self.ways.push((target.index(), Some(way), property.map(str::to_owned)));
                }
            }
        }
    }

    /// The drivers of what the device at or above `target` makes for those that wait for it by `property`.
    fn add_cells(&mut self, target: Node<'_>, property: &str, kind: Storage, way: usize) {
        let device = [target].into_iter().chain(target.ancestors()).find(|node| node.property("compatible").is_some());
        let Some(device) = device.filter(|device| device.is_enabled()) else { return };
        for (_, _, cell) in CELLS.iter().filter(|(compatible, by, _)| {
            property.ends_with(by) && device.compatible().any(|own| own.starts_with(compatible))
        }) {
            for module in self.drivers.platform(cell) {
                // Its way is one step longer than what leads here.
                self.ways.push((target.index(), Some(way), Some(property.to_owned())));
                self.add(target, module, kind, self.ways.len() - 1);
            }
        }
    }

    fn add(&mut self, node: Node<'_>, module: &str, storage: Storage, way: usize) {
        if self.found.iter().any(|there| there.module == module) {
            return;
        }
        let mut chain = Vec::new();
        let mut at = Some(way);
        while let Some((index, from, property)) = at.and_then(|at| self.ways.get(at)) {
            // A folder of nodes (`regulators`) is no device that anything could be on.
            let step = node.at(*index);
            if let Some(step) =
                step.filter(|it| property.is_some() || from.is_none() || it.property("compatible").is_some())
            {
                chain.push(Step { property: property.clone(), node: step.path() });
            }
            at = *from;
        }
        chain.reverse();
        self.found.push(NeededDriver { module: module.to_owned(), storage, chain });
    }
}

/// The modules that drive the node: those for the most exact of its names that any module claims.
fn modules<'d>(node: Node<'_>, drivers: &'d Drivers) -> Vec<&'d str> {
    let bus = node.parent().map_or("", Node::base_name);
    for name in node.compatible() {
        let mut found = drivers.of(name, node.base_name());
        if found.is_empty() {
            // Devices on these buses are matched by the name behind the vendor's, too.
            let name = name.split_once(',').map_or(name, |(_, name)| name);
            found = match bus {
                "i2c" => drivers.exact(&format!("i2c:{name}")),
                "spi" => drivers.exact(&format!("spi:{name}")),
                _ => found,
            };
        }
        if let Some((_, module)) =
            PRIMECELLS.iter().find(|(known, module)| *known == name && !drivers.file(module).is_empty())
        {
            found.push(module);
        }
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::tests::dtc;
    use super::*;

    const ALIASES: &str = "alias of:N*T*Cx,sd sd_host\nalias of:N*T*Cx,old-sd old_host\nalias of:N*T*Cregulator-fixed fixed\n\
        alias of:N*T*Cx,gpio gpio_x\nalias of:N*T*Cx,i2c i2c_x\nalias i2c:axp999 axp_i2c\nalias of:N*T*Cx,odd odd_host\n\
        alias platform:axp20x-regulator axp20x_regulator\nalias of:N*T*Cx,phy phy_x\nalias of:N*T*Cx,ahci ahci_x\n\
        alias of:N*T*Cx,clock clk_x\nalias of:N*T*Cx,wifi wifi_x\n";
    const FILES: &str = "kernel/drivers/mmc/host/odd-host.ko.xz:\nkernel/drivers/mmc/host/sd-host.ko:\n\
        kernel/drivers/mmc/host/mmci.ko:\n";

    const BUILTIN: &str = "kernel/drivers/mmc/host/builtin.ko\n";

    fn needed(source: &str) -> Option<Vec<String>> {
        let dtb = dtc(&format!("/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>;\n{source}\n}};"))?;
        let found = storage_drivers(&dtb, &Drivers::read(ALIASES, FILES, BUILTIN)).unwrap();
        assert!(found.undriven.is_empty());
        Some(found.needed.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_card_waits_for_its_regulators_and_their_buses() {
        let board = r#"
    interrupt-parent = <&gic>;
    gic: interrupt-controller { compatible = "arm,gic"; interrupt-controller; #interrupt-cells = <3>; };
    soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;
        mmc@1000 { compatible = "x,sd", "x,old-sd"; reg = <0x1000 1>; vmmc-supply = <&dcdc1>; vqmmc-supply = <&io>;
            cd-gpios = <&pio 5 6 1>; clocks = <&osc>, <&ccu 7>; interrupts = <0 1 4>; resets = <0>, <&ccu 3>; };
        i2c@2000 { compatible = "x,i2c"; reg = <0x2000 1>; #address-cells = <1>; #size-cells = <0>;
            pmic@34 { compatible = "x-powers,axp999"; reg = <0x34>;
                regulators { dcdc1: dcdc1 { regulator-name = "vcc-3v3"; }; };
            };
        };
        pio: pinctrl@3000 { compatible = "x,gpio"; reg = <0x3000 1>; gpio-controller; #gpio-cells = <3>; };
        ccu: clock@4000 { compatible = "x,clock"; reg = <0x4000 1>; #clock-cells = <1>; #reset-cells = <1>; };
    };
    osc: osc { compatible = "fixed-clock"; #clock-cells = <0>; };
    io: regulator-io { compatible = "regulator-fixed"; gpio = <&pio 0 1 0>; };"#;
        let Some(found) = needed(board) else { return };
        let sd = "`/soc/mmc@1000`";
        let dcdc1 = format!("{sd} waits for `/soc/i2c@2000/pmic@34/regulators/dcdc1` (`vmmc-supply`)");
        let pmic = format!("{dcdc1}, which is on `/soc/i2c@2000/pmic@34`");
        assert_eq!(
            found,
            [
                format!("{sd}: `sd_host`"),
                format!("{dcdc1}: `axp20x_regulator`"),
                format!("{sd} waits for `/regulator-io` (`vqmmc-supply`): `fixed`"),
                format!("{sd} waits for `/soc/pinctrl@3000` (`cd-gpios`): `gpio_x`"),
                format!("{sd} waits for `/soc/clock@4000` (`clocks`): `clk_x`"),
                format!("{pmic}: `axp_i2c`"),
                format!("{pmic}, which is on `/soc/i2c@2000`: `i2c_x`"),
            ]
        );
    }

    #[test]
    fn only_what_is_on_and_takes_disks_counts() {
        let board = r#"
    off { status = "disabled"; mmc@1 { compatible = "x,sd"; }; };
    mmc@2 { compatible = "x,sd"; status = "disabled"; };
    mmc@3 { compatible = "x,sd"; non-removable; wifi@1 { compatible = "x,wifi"; reg = <1>; }; };
    mmc@4 { compatible = "x,sd"; no-sd; no-mmc; };
    mmc@5 { compatible = "x,sd"; non-removable; cap-sdio-irq; mmc@0 { compatible = "x,sd"; }; };
    sata@6 { compatible = "x,ahci"; phys = <&phy 1>; phy-names = "sata"; };
    phy: phy@7 { compatible = "x,phy"; status = "disabled"; #phy-cells = <1>; };"#;
        let Some(found) = needed(board) else { return };
        assert_eq!(found, ["`/sata@6`: `ahci_x`"]);
        // A host by its driver's folder, its second name, and eMMC that says what it is.
        let board = r#"
    card@1 { compatible = "x,odd"; };
    mmci@1 { compatible = "arm,primecell"; };
    mmc@4 { compatible = "arm,pl180", "arm,primecell"; };
    mmc@2 { compatible = "x,newest", "x,old-sd"; status = "okay"; };
    mmc@3 { compatible = "x,sd"; non-removable; card@0 { compatible = "mmc-card"; reg = <0>; }; };"#;
        assert_eq!(
            needed(board).unwrap(),
            ["`/card@1`: `odd_host`", "`/mmc@4`: `mmci`", "`/mmc@2`: `old_host`", "`/mmc@3`: `sd_host`"]
        );
    }

    #[test]
    fn a_host_that_nothing_drives_is_told() {
        let source = "/dts-v1/; / { soc { mmc@1 { compatible = \"x,new\", \"x,newer\"; }; mmc@2 { compatible = \"x,sd\"; }; }; };";
        let Some(dtb) = dtc(source) else { return };
        let found = storage_drivers(&dtb, &Drivers::read(ALIASES, FILES, "kernel/drivers/ata/libata.ko\n")).unwrap();
        let nobody = Undriven {
            node: "/soc/mmc@1".to_owned(),
            compatible: vec!["x,new".to_owned(), "x,newer".to_owned()],
            storage: Storage::Mmc,
        };
        assert_eq!((found.undriven, found.needed.len()), (vec![nobody], 1));
    }

    #[test]
    fn a_bus_can_be_what_is_missing_and_circles_end() {
        let board = r#"
    i2c@1 { compatible = "x,i2c"; pinctrl-0 = <&pins &gone>; mmc@1 { compatible = "builtin"; }; };
    gone: gone { };
    gpio { compatible = "x,gpio"; clocks = <&clock 1>, <0xffff 1>; pins: pins { }; };
    clock: clock { compatible = "x,clock"; #clock-cells = <1>; pinctrl-0 = <&pins>; };"#;
        let Some(found) = needed(board) else { return };
        let bus = "`/i2c@1/mmc@1` is on `/i2c@1`";
        assert_eq!(
            found,
            [
                format!("{bus}: `i2c_x`"),
                format!("{bus}, which waits for `/gpio/pins` (`pinctrl-0`), which is on `/gpio`: `gpio_x`"),
                format!(
                    "{bus}, which waits for `/gpio/pins` (`pinctrl-0`), which is on `/gpio`, which waits for `/clock` (`clocks`): `clk_x`"
                ),
            ]
        );
    }

    #[test]
    fn a_damaged_tree_ends_the_walk() {
        let source = r#"/dts-v1/;
/ { mmc@1 { compatible = "x,sd"; clocks = <&clock 1>; vmmc-supply = <&clock>; interrupts = <1>; };
    clock: clock { compatible = "x,clock"; #clock-cells = <1>; #interrupt-cells = <1>; }; };"#;
        let Some(good) = dtc(source) else { return };
        let drivers = Drivers::read(ALIASES, FILES, "");
        assert_eq!(storage_drivers(&good, &drivers).unwrap().needed.len(), 2);
        for at in 0..good.len() {
            for value in [0, 1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = storage_drivers(&bad, &drivers);
            }
        }
    }
}
