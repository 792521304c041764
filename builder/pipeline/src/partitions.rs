//! Partitions beside the root: what of the tree is on each, what mounts them, what makes one grow.

use std::fmt::Write;

use rootsmith_assemble::{Assembly, Owner};
use rootsmith_output::{DiskIds, partuuid};
use rootsmith_profile::{Disk, InitSystem, PartitionKind};
use rootsmith_tree::{Metadata, SplitError, Tree};
use rootsmith_types::{Origin, Problems, TreePath, UnixTime};

use crate::bootable::{grown_by_initramfs, must_be_there};
use crate::inputs::InputError;
use crate::mounts::{escaped, pass};

/// How the initramfs and `fstab` find the state partition. A root that comes as an update brings a kernel command line that was made for
/// another disk, so it is no identifier.
pub(crate) const STATE: &str = "PARTLABEL=state";

/// What of a tree lies on which partition, where the root has not all of it.
#[derive(Default)]
pub(crate) struct Parts {
    /// In the order of the partitions; empty when the root has it all.
    on: Vec<Option<Tree>>,
}

impl Parts {
    /// Takes `tree` apart as `disk` has it.
    pub(crate) fn of(tree: &Tree, disk: &Disk) -> Result<Parts, Problems> {
        let data = disk.data();
        if data.is_empty() {
            return Ok(Parts::default());
        }
        let mut on: Vec<Option<Tree>> = disk.partitions.iter().map(|_| None).collect();
        let mut rest = tree.clone();
        // What is mounted below another takes its part first.
        for (at, partition, mount) in data.into_iter().rev() {
            on[at] = Some(rest.split_off(mount).map_err(|error| {
                let origin = partition.mount.as_ref().map_or(&partition.origin, |mount| &mount.origin);
                InputError::Part { origin: origin.clone(), error }
            })?);
        }
        if let Some(root) = disk.position(PartitionKind::Root) {
            on[root] = Some(rest);
        }
        Ok(Parts { on })
    }

    /// What is on the root: all of `tree`, where it was not taken apart.
    pub(crate) fn root<'a>(&'a self, disk: &Disk, tree: &'a Tree) -> &'a Tree {
        disk.position(PartitionKind::Root).and_then(|at| self.on(at)).unwrap_or(tree)
    }

    /// What is on the partition at `at`, where the tree was taken apart.
    pub(crate) fn on(&self, at: usize) -> Option<&Tree> {
        self.on.get(at)?.as_ref()
    }
}

/// The folders to mount on, and the lines for `fstab`, in the order in which they can be mounted.
pub(crate) fn prepare(
    assembly: &mut Assembly,
    init: InitSystem,
    disk: &Disk,
    ids: &DiskIds,
    date: UnixTime,
    fstab: &mut String,
) -> Result<(), Problems> {
    for (at, partition, mount) in disk.data() {
        if assembly.tree.get(mount).is_none() {
            let origin = partition.mount.as_ref().map_or(&partition.origin, |mount| &mount.origin);
            mount_point(assembly, mount, origin, date)?;
        }
        let by_systemd = partition.grow && init == InitSystem::Systemd;
        let grow = if by_systemd { ",x-systemd.growfs" } else { "" };
        let state = partition.kind.value == PartitionKind::State;
        let device = match (state, init) {
            // The initramfs has mounted it, and BusyBox knows no name that an update leaves as it is.
            (true, InitSystem::Busybox) => None,
            (true, InitSystem::Systemd | InitSystem::Openrc) => Some(STATE.to_owned()),
            (false, _) => Some(device(init, disk, ids, at)),
        };
        if let Some(device) = device {
            // What is mounted already is not to be checked.
            let pass = if state { 0 } else { pass("ext4", assembly) };
            let mount = escaped(&mount.to_string());
            let _ = writeln!(fstab, "{device} {mount} ext4 defaults{grow} 0 {pass}");
        }
        if partition.grow {
            let (tool, instead) = growing_tool(init);
            must_be_there(assembly, &[tool], instead, partition)?;
        }
    }
    for (at, _) in disk.partitions.iter().enumerate().filter(|(_, it)| it.kind.value == PartitionKind::Swap) {
        let _ = writeln!(fstab, "{} none swap sw 0 0", device(init, disk, ids, at));
    }
    Ok(())
}

fn mount_point(assembly: &mut Assembly, mount: &TreePath, origin: &Origin, date: UnixTime) -> Result<(), Problems> {
    let refused = |error| InputError::Part { origin: origin.clone(), error: SplitError::Path(error) };
    assembly.tree.create_directories(mount, &Metadata::root(0o755, date)).map_err(refused)?;
    assembly.owners.set(mount.clone(), Owner::Profile(origin.clone()));
    Ok(())
}

/// How `/etc/fstab` names the partition at `at`: BusyBox's mount knows file systems by their own identifiers alone.
fn device(init: InitSystem, disk: &Disk, ids: &DiskIds, at: usize) -> String {
    match init {
        InitSystem::Busybox => format!("UUID={}", ids.partition(disk, at).filesystem),
        InitSystem::Systemd | InitSystem::Openrc => format!("PARTUUID={}", partuuid(disk, ids, at)),
    }
}

/// What grows a file system that is mounted, and what to do where that is not there.
fn growing_tool(init: InitSystem) -> (&'static str, &'static str) {
    match init {
        InitSystem::Systemd => {
            ("/usr/lib/systemd/systemd-growfs", "add `systemd` to `packages.include`, or take `grow` away")
        }
        InitSystem::Openrc | InitSystem::Busybox => (
            "/usr/sbin/resize2fs",
            "add `e2fsprogs`, and the libraries it needs, to `packages.include`, or take `grow` away",
        ),
    }
}

/// The partition that the initramfs makes grow, as it is told: nothing for the root's. A partition beside the root grows there under
/// every init: nothing of the disk is mounted yet, and no image needs a tool for it.
pub(crate) fn to_grow(init: InitSystem, disk: &Disk, ids: &DiskIds) -> Option<String> {
    let data = disk.data().into_iter().find(|(_, partition, _)| partition.grow);
    let data = data.map(|(at, partition, _)| match partition.kind.value {
        PartitionKind::State => format!("{STATE}\n"),
        _ => format!("PARTUUID={}\n", partuuid(disk, ids, at)),
    });
    data.or_else(|| grown_by_initramfs(init, disk).then(String::new))
}
