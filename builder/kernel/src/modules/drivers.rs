//! Which module drives a device: `modules.alias`, read for buses whose devices are known before the machine runs.

use std::collections::BTreeMap;

use rootsmith_tree::{Blobs, Node, Tree};
use rootsmith_types::TreePath;

use super::module_name;
use crate::KernelError;

/// `modules.alias` has some 3 MB.
const MAX_LIST: u64 = 32 << 20;

/// Modules by what they say they drive.
#[derive(Debug, Clone, Default)]
pub struct Drivers {
    /// By `compatible`: the name that a node must have (`*` for any), and the module.
    compatible: BTreeMap<String, Vec<(String, String)>>,
    /// By the whole alias, of `platform:`, `i2c:` and `spi:`.
    exact: BTreeMap<String, Vec<String>>,
    /// Each module's file, relative to the modules folder.
    files: BTreeMap<String, String>,
    /// What is part of the kernel image: `kernel/drivers/mmc/host/sdhci.ko`.
    builtin: Vec<String>,
}

impl Drivers {
    /// Reads the index in `folder` (`/usr/lib/modules/R`); a file that is not there reads as an empty one.
    pub fn of_folder(tree: &Tree, blobs: &dyn Blobs, folder: &TreePath) -> Result<Drivers, KernelError> {
        let text = |name: &str| {
            let Ok(path) = folder.join(name) else { return Ok(String::new()) };
            let Some(content) = tree.lookup(&path).and_then(Node::content) else { return Ok(String::new()) };
            let data = content.read(blobs, MAX_LIST);
            let data = data.map_err(|e| KernelError::Unreadable { path, reason: e.to_string() })?;
            Ok(String::from_utf8_lossy(&data).into_owned())
        };
        Ok(Drivers::read(&text("modules.alias")?, &text("modules.dep")?, &text("modules.builtin")?))
    }

    /// Reads the texts of `modules.alias`, `modules.dep` and `modules.builtin`. Lines that are not as `depmod` writes them
    /// are left out.
    pub fn read(aliases: &str, dependencies: &str, builtin: &str) -> Drivers {
        let mut drivers = Drivers { builtin: builtin.lines().map(str::to_owned).collect(), ..Drivers::default() };
        for line in aliases.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some("alias"), Some(alias), Some(module)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if let Some(rest) = alias.strip_prefix("of:N") {
                // `of:N*T*Cbrcm,bcm2835-sdhost`; a second alias ends with `C*`, for nodes that have more names.
                let Some((name, rest)) = rest.split_once('T') else { continue };
                let Some((_, compatible)) = rest.split_once('C') else { continue };
                if !compatible.is_empty() && !compatible.ends_with("C*") {
                    let entry = (name.to_owned(), module.to_owned());
                    drivers.compatible.entry(compatible.to_owned()).or_default().push(entry);
                }
            } else if ["platform:", "i2c:", "spi:"].iter().any(|bus| alias.starts_with(bus)) {
                drivers.exact.entry(alias.to_owned()).or_default().push(module.to_owned());
            }
        }
        for line in dependencies.lines() {
            let Some((file, _)) = line.split_once(':') else { continue };
            drivers.files.extend(module_name(file.as_bytes()).map(|name| (name, file.to_owned())));
        }
        drivers
    }

    /// The modules for a `compatible` of a node with this name.
    pub fn of(&self, compatible: &str, node: &str) -> Vec<&str> {
        let all = self.compatible.get(compatible).into_iter().flatten();
        all.filter(|(name, _)| name == "*" || name == node).map(|(_, module)| module.as_str()).collect()
    }

    /// The modules for a device that a driver makes, by its name.
    pub fn platform(&self, name: &str) -> Vec<&str> {
        self.exact(&format!("platform:{name}"))
    }

    /// The modules with this very alias.
    pub fn exact(&self, alias: &str) -> Vec<&str> {
        self.exact.get(alias).into_iter().flatten().map(String::as_str).collect()
    }

    /// The module's file, relative to the modules folder; empty for one that is no file.
    pub fn file(&self, module: &str) -> &str {
        self.files.get(module).map_or("", String::as_str)
    }

    /// Whether a module of this folder (`/drivers/mmc/host/`) is part of the kernel image. What it drives, its index does
    /// not say.
    pub fn has_builtin(&self, folder: &str) -> bool {
        self.builtin.iter().any(|file| file.contains(folder))
    }

    /// Whether nothing is known of any module.
    pub fn is_empty(&self) -> bool {
        self.compatible.is_empty() && self.exact.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_name_what_a_module_drives() {
        let drivers = Drivers::read(
            "# Aliases\nalias of:N*T*Cregulator-fixedC* fixed\nalias of:N*T*Cregulator-fixed fixed\n\
             alias of:NcpuT*Cx,y odd\nalias platform:axp20x-regulator axp20x_regulator\nalias fs-ext4 ext4\n\
             alias i2c:sy8106a sy8106a_regulator\nalias of:N*\nalias of:N*T*C x\nalias\n",
            "kernel/drivers/regulator/fixed.ko.xz:\nno colon\n",
            "kernel/drivers/mmc/core/mmc_core.ko\n",
        );
        assert_eq!(drivers.of("regulator-fixed", "regulator"), ["fixed"]);
        assert!(drivers.of("x,y", "gpu").is_empty() && drivers.of("x,y", "cpu") == ["odd"]);
        assert_eq!(drivers.platform("axp20x-regulator"), ["axp20x_regulator"]);
        assert_eq!(drivers.exact("i2c:sy8106a"), ["sy8106a_regulator"]);
        assert!(drivers.has_builtin("/drivers/mmc/core/") && !drivers.has_builtin("/drivers/mmc/host/"));
        assert_eq!(drivers.file("fixed"), "kernel/drivers/regulator/fixed.ko.xz");
        assert!(drivers.file("ext4").is_empty() && !drivers.is_empty() && Drivers::read("", "", "").is_empty());
    }
}
