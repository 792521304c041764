//! What the machine does once, and what Debian leaves to nobody where systemd is not the init. The scripts are read on the
//! machine by people, so they are files of their own, in `scripts/`.

use rootsmith_assemble::Owner;
use rootsmith_profile::Profile;
use rootsmith_types::{Located, Origin};

use super::super::quote::quote;
use super::super::{data_grows, grows, owned};
use crate::edit::Edit;
use crate::init_scripts;

const SYSINIT: &str = "sysinit";
const DEFAULT: &str = "default";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    let init = &profile.init.system.origin;
    let identity = &profile.identity;
    add(edit, init, "root-shared", include_str!("scripts/root-shared"), SYSINIT);

    // Empty is what every reader takes for a machine without an identity yet (machine-id(5)).
    owned(edit, &identity.machine_id.origin, "/etc/machine-id", String::new());
    add(edit, &identity.machine_id.origin, "machine-identity", include_str!("scripts/machine-identity"), SYSINIT);
    hostname(edit, profile.hostname());
    if edit.resolves("/usr/sbin/sshd") {
        add(edit, &identity.ssh_host_keys.origin, "ssh-host-keys", include_str!("scripts/ssh-host-keys"), DEFAULT);
    }
    if let Some(grows) = grows(profile) {
        add(edit, &grows, "grow-root", include_str!("scripts/grow-root"), SYSINIT);
    }
    if let Some((grows, mount)) = data_grows(profile) {
        let text = format!("# Where the partition is mounted.\npoint={}\n", quote(&mount.to_string()));
        owned(edit, &grows, "/etc/conf.d/grow-data", text);
        add(edit, &grows, "grow-data", include_str!("scripts/grow-data"), SYSINIT);
    }
    if edit.resolves("/usr/bin/systemd-tmpfiles") {
        add(edit, init, "tmpfiles", include_str!("scripts/tmpfiles"), SYSINIT);
    }
    edit.owner = Owner::Builder("first boot without questions");
    if edit.kind("/etc/localtime").is_none() {
        edit.symlink("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
    }
}

/// Packages that dpkg is to configure.
pub(super) fn package_setup(edit: &mut Edit<'_>) {
    edit.write("/etc/init.d/package-setup", include_str!("scripts/package-setup"), 0o755);
    init_scripts::add(edit, "package-setup", DEFAULT);
}

/// `hostname.sh` gives the kernel what `/etc/hostname` has, and where that is no name nothing else starts, not even the check of
/// the root: until the machine has made its name, it has the pattern's without the question marks.
fn hostname(edit: &mut Edit<'_>, pattern: &Located<String>) {
    if !pattern.value.contains('?') {
        return;
    }
    let labels = pattern.value.split('.').map(|label| label.replace('?', "").trim_matches('-').to_owned());
    let labels: Vec<String> = labels.filter(|label| !label.is_empty()).collect();
    let until_then = if labels.is_empty() { "unnamed".to_owned() } else { labels.join(".") };
    owned(edit, &pattern.origin, "/etc/hostname", format!("{until_then}\n"));
    let text = format!(
        "# Each question mark becomes a digit of the machine's own, while /etc/hostname still has the other.\n\
         pattern=\"{}\"\nuntil_then=\"{until_then}\"\n",
        pattern.value
    );
    owned(edit, &pattern.origin, "/etc/conf.d/machine-identity", text);
}

/// A service script, and its place in a runlevel.
fn add(edit: &mut Edit<'_>, origin: &Origin, name: &str, script: &str, runlevel: &str) {
    edit.owner = Owner::Profile(origin.clone());
    edit.write(&format!("/etc/init.d/{name}"), script, 0o755);
    init_scripts::add(edit, name, runlevel);
}
