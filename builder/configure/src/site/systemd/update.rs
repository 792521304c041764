//! A root in two slots: what systemd-sysupdate(8) puts where, and what ends a boot of a version that does not come up.
//!
//! | what comes            | from, below `source`/ARCH           | to                                                                 |
//! |-----------------------|-------------------------------------|--------------------------------------------------------------------|
//! | the hashes            | `NAME-ARCH_VERSION_PARTUUID.verity` | the partition that is called `_empty`, then `NAME_VERSION`         |
//! | the root              | `NAME-ARCH_VERSION_PARTUUID.root`   | likewise                                                           |
//! | the kernel image, last | `NAME-ARCH_VERSION.efi`            | `/EFI/Linux/NAME_VERSION+3.efi`                                    |
//!
//! The partition's identifier (`@u`) is in the name of the file, because the command line inside the kernel image names it.

use rootsmith_profile::Profile;
use rootsmith_types::Arch;

use super::super::{disks, owned};
use crate::edit::Edit;
use crate::units::{self, Manager};

/// A boot is good when all is started that is to be, not as soon as file systems are mounted.
const GOOD: &str = "[Unit]\nAfter=multi-user.target\n";

/// Ends a boot that comes to nothing: one whose tries are counted, which systemd-boot says in this variable, and which nothing has called
/// good in ten minutes. It needs nothing that may be what fails, and goes on where systemd gives up and waits for a person.
const TRY_ENDS: &str = "\
[Unit]
Description=Start again when this try to boot comes to nothing
DefaultDependencies=no
ConditionPathExists=/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f

[Service]
ExecStart=/bin/sh -c 'sleep 600; systemctl --quiet is-active boot-complete.target || systemctl reboot --force --force'

[Install]
WantedBy=sysinit.target
";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    let Some(disk) = disks(profile).find(|disk| disk.slots().is_some()) else { return };
    let Some(update) = &profile.update else { return };
    let (image, source) = (&profile.image.name.value, update.source.value.trim_end_matches('/'));
    let kind = if source.starts_with('/') { "regular-file" } else { "url-file" };
    let name = format!("{image}-{arch}");
    let mut transfer = |file: &str, pattern: &str, target: &str| {
        // What runs is not overwritten. Nothing is signed on the way: the kernel image is, where there is Secure Boot, and
        // vouches for the rest.
        let text = format!(
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType={kind}\nPath={source}/{arch}\nMatchPattern={pattern}\n\n\
             [Target]\n{target}"
        );
        owned(edit, &update.origin, &format!("/usr/lib/sysupdate.d/{file}.transfer"), text);
    };
    let partition = |of: &str| {
        format!("Type=partition\nPath=auto\nMatchPattern={image}_@v\nMatchPartitionType={of}\nReadOnly=yes\n")
    };
    if disk.verity().is_some() {
        transfer("50-verity", &format!("{name}_@v_@u.verity"), &partition("root-verity"));
    }
    transfer("60-root", &format!("{name}_@v_@u.root"), &partition("root"));
    let tries = disk.boot_tries.as_ref().map_or(0, |tries| tries.value);
    let kernel = format!(
        "Type=regular-file\nPath=/EFI/Linux\nPathRelativeTo=esp\n\
         MatchPattern={image}_@v+@l-@d.efi {image}_@v+@l.efi {image}_@v.efi\nMode=0444\n\
         TriesLeft={tries}\nTriesDone=0\nInstancesMax=2\n"
    );
    transfer("70-kernel", &format!("{name}_@v.efi"), &kernel);

    let folder = "/usr/lib/systemd/system";
    owned(edit, &update.origin, &format!("{folder}/boot-complete.target.d/50-all.conf"), GOOD.to_owned());
    owned(edit, &update.origin, &format!("{folder}/try-ends.service"), TRY_ENDS.to_owned());
    units::enable(edit, Manager::System, "try-ends.service");
}
