//! What the firmware of a Raspberry Pi reads: `config.txt`, `cmdline.txt`, and device trees beside them.
//!
//! Specification: Raspberry Pi documentation, "The config.txt file". `upstream_kernel` makes the firmware look for device trees
//! by their names in the kernel's source (`bcm2837-…`), which are those that Debian has.

use rootsmith_tree::Content;
use rootsmith_types::Problems;

use super::{BootFiles, INITRD, KERNEL, Partition, device_trees};

pub(super) fn write(files: &BootFiles<'_>, boot: &mut Partition) -> Result<(), Problems> {
    for (name, content) in device_trees(files)? {
        let file = name.value.rsplit('/').next().unwrap_or(&name.value);
        boot.put(&format!("/{file}"), content)?;
    }
    let (kernel, initrd) = (&KERNEL[1..], &INITRD[1..]);
    let mut config = format!("kernel={kernel}\nupstream_kernel=1\n");
    if boot.initrd.is_some() {
        config = format!("kernel={kernel}\ninitramfs {initrd} followkernel\nupstream_kernel=1\n");
    }
    if files.arch.is_64_bit() {
        config.insert_str(0, "arm_64bit=1\n");
    }
    for line in files.profile.board.iter().flat_map(|board| &board.config_txt) {
        config.push_str(&line.value);
        config.push('\n');
    }
    boot.put("/config.txt", Content::inline(config))?;
    boot.put("/cmdline.txt", Content::inline(format!("{}\n", boot.cmdline)))
}
