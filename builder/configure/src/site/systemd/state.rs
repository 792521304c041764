//! A factory reset where what is written is kept on a partition of its own: the initramfs does it, at the next start.

use rootsmith_profile::{PartitionKind, Profile};

use super::super::{disks, owned};
use crate::edit::Edit;
use crate::units::{self, Manager};

/// `systemctl start factory-reset.target` (systemd.special(7)) leaves the flag that our initramfs looks for.
const UNIT: &str = "\
[Unit]
Description=Factory reset at the next start: what the state partition keeps is taken away
Documentation=man:systemd.special(7)
DefaultDependencies=no
RequiresMountsFor=/state
Before=factory-reset.target

[Service]
Type=oneshot
ExecStart=/usr/bin/touch /state/factory-reset
ExecStart=/usr/bin/sync --file-system /state/factory-reset
ExecStart=/usr/bin/systemctl --no-block reboot

[Install]
WantedBy=factory-reset.target
";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    let mut partitions = disks(profile).flat_map(|disk| &disk.partitions);
    let Some(state) = partitions.find(|partition| partition.kind.value == PartitionKind::State) else { return };
    owned(edit, &state.origin, "/etc/systemd/system/factory-reset-state.service", UNIT.to_owned());
    units::enable(edit, Manager::System, "factory-reset-state.service");
}
