//! `extlinux.conf` for U-Boot (doc/README.pxe in its source; UAPI.1 calls it a predecessor).
//!
//! With one device tree its label names it (`fdt`); with several it names their folder (`fdtdir`), in which U-Boot looks for
//! the one of the board it found itself on. With none the kernel gets U-Boot's own.

use rootsmith_tree::Content;
use rootsmith_types::Problems;

use super::{BootFiles, INITRD, KERNEL, Partition, device_trees};

const TREES: &str = "/dtbs";

pub(super) fn write(files: &BootFiles<'_>, boot: &mut Partition) -> Result<(), Problems> {
    let trees = device_trees(files)?;
    let device_tree = match trees.as_slice() {
        [] => String::new(),
        [(name, _)] => format!("  fdt {TREES}/{}\n", name.value),
        _ => format!("  fdtdir {TREES}\n"),
    };
    for (name, content) in trees {
        boot.put(&format!("{TREES}/{}", name.value), content)?;
    }
    let initrd = if boot.initrd.is_some() { format!("  initrd {INITRD}\n") } else { String::new() };
    let text = format!(
        "default linux\ntimeout 10\n\nlabel linux\n  menu label {} {}\n  linux {KERNEL}\n{initrd}{device_tree}  append {}\n",
        files.profile.image.name.value, files.kernel.kernel.release, boot.cmdline
    );
    boot.put("/extlinux/extlinux.conf", Content::inline(text))
}
