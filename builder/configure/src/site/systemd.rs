//! systemd.

use rootsmith_assemble::Owner;
use rootsmith_profile::Profile;

use super::owned;
use crate::edit::Edit;

/// systemd makes an identity on first boot when it finds this (machine-id(5), "Initialization").
const UNINITIALIZED: &str = "uninitialized\n";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    owned(edit, &profile.identity.machine_id.origin, "/etc/machine-id", UNINITIALIZED.to_owned());
    if let Some(modules) = profile.kernel.as_ref().map(|kernel| &kernel.modules)
        && let Some(first) = modules.first()
    {
        let text = modules.iter().fold(String::new(), |text, module| text + &module.value + "\n");
        owned(edit, &first.origin, "/etc/modules-load.d/profile.conf", text);
    }
    quiet_first_boot(edit);
}

/// Nothing may wait for a person on the console: everything systemd-firstboot(1) would ask for is answered, and it does not
/// run. With a machine-id to make, the first boot of a headless machine would hang there.
fn quiet_first_boot(edit: &mut Edit<'_>) {
    edit.owner = Owner::Builder("first boot without questions");
    if edit.kind("/etc/locale.conf").is_none() {
        edit.write("/etc/locale.conf", "LANG=C.UTF-8\n", 0o644);
    }
    if edit.kind("/etc/localtime").is_none() {
        edit.symlink("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
    }
    if edit.resolves("/usr/lib/systemd/system/systemd-firstboot.service") {
        edit.symlink("/etc/systemd/system/systemd-firstboot.service", "/dev/null");
    }
}
