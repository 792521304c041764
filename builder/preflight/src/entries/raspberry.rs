//! The firmware partition of a Raspberry Pi: `config.txt` names a kernel and an initramfs, `cmdline.txt` holds the words.

use super::{Files, Named};
use crate::{BootEntry, EntryKind};

/// What the firmware takes when `config.txt` names none, by preference.
const KERNELS: [&str; 5] = ["kernel_2712.img", "kernel8.img", "kernel7l.img", "kernel7.img", "kernel.img"];

pub(super) fn entries(files: &Files<'_>, own: usize) -> Vec<BootEntry> {
    if !files.volumes[own].is_fat {
        return Vec::new();
    }
    let Some(config) = files.text(own, "/config.txt") else { return Vec::new() };
    let names = files.names(own, "/");
    let mut named = parse(&config);
    if named.linux.is_none() {
        named.linux =
            KERNELS.iter().find(|name| names.iter().any(|there| there == *name)).map(|name| (*name).to_owned());
    }
    let cmdline = files.text(own, "/cmdline.txt").unwrap_or_default();
    named.cmdline = cmdline.lines().next().unwrap_or_default().trim().to_owned();
    vec![files.entry(own, EntryKind::RaspberryPi, "/config.txt".to_owned(), &named)]
}

/// Sections (`[pi4]`) hold for some boards only; what they name is taken when nothing else is.
fn parse(config: &str) -> Named {
    let mut named = Named::default();
    for line in config.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(kernel) = line.strip_prefix("kernel=") {
            named.linux = Some(kernel.to_owned());
        } else if let Some(rest) = line.strip_prefix("initramfs ") {
            // The one directive without a `=`: names, then where they go.
            let files = rest.split_ascii_whitespace().next().unwrap_or_default();
            named.initrds = files.split(',').map(str::to_owned).collect();
        } else if let Some(tree) = line.strip_prefix("device_tree=").filter(|tree| !tree.is_empty()) {
            named.device_tree = Some(tree.to_owned());
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_kernel_and_initramfs() {
        let named = parse("# x\narm_64bit=1\nkernel=vmlinuz # ours\ninitramfs a.img,b.img followkernel\n");
        assert_eq!(named.linux.as_deref(), Some("vmlinuz"));
        assert_eq!(named.initrds, ["a.img", "b.img"]);
    }
}
