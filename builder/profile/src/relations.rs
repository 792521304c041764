//! What must fit together: values that are right each on its own.

use rootsmith_types::{Located, Origin};

use crate::error::{ProfileError, Stateless, Uncounted};
use crate::fields::Findings;
use crate::model::{
    Board, BootMethod, CloudInit, CloudNetwork, Disk, Group, Image, Init, InitSystem, Kernel, Mount, Network, Output,
    OutputKind, Partition, PartitionKind, PartitionTable, Payload, PayloadKind, Restart, SecureBoot, Service, User,
    Writable,
};

/// A kernel for every architecture. `table` is where `[kernel]` is written.
pub(crate) fn kernel(image: &Image, kernel: &Kernel, table: Option<&Origin>, findings: &Findings) {
    if let Some(source) = &kernel.source {
        for arch in image.arch.iter().filter(|arch| source.base_for(arch.value).is_none()) {
            findings.push_missing(ProfileError::NoBaseFor {
                origin: source.package.origin.clone(),
                arch: arch.value,
                asked: arch.origin.clone(),
            });
        }
        return;
    }
    let of_package = kernel.package.by_arch.values().next().map(|package| &package.origin);
    let Some(origin) = of_package.or(table) else { return };
    for arch in image.arch.iter().filter(|arch| kernel.package_for(arch.value).is_none()) {
        findings.push_missing(ProfileError::NoKernelFor {
            origin: origin.clone(),
            arch: arch.value,
            asked: arch.origin.clone(),
        });
    }
}

/// One account of each name and number.
pub(crate) fn accounts(users: &[User], groups: &[Group], findings: &Findings) {
    no_duplicates(users.iter().map(|it| (&it.name.origin, format!("user called `{}`", it.name.value))), findings);
    no_duplicates(groups.iter().map(|it| (&it.name.origin, format!("group called `{}`", it.name.value))), findings);
    let uids = users.iter().filter_map(|it| it.uid.as_ref());
    no_duplicates(uids.map(|uid| (&uid.origin, format!("user with the number {}", uid.value))), findings);
    let gids = groups.iter().filter_map(|it| it.gid.as_ref());
    no_duplicates(gids.map(|gid| (&gid.origin, format!("group with the number {}", gid.value))), findings);
}

/// One mount at each place, a partition's among them.
pub(crate) fn mounts(mounts: &[Mount], outputs: &[Output], findings: &Findings) {
    let partitions = outputs.iter().flat_map(|output| match &output.kind {
        OutputKind::Disk(disk) => disk.partitions.as_slice(),
        _ => &[],
    });
    let targets = partitions.filter_map(|it| it.mount.as_ref()).chain(mounts.iter().map(|it| &it.target));
    no_duplicates(targets.map(|it| (&it.origin, format!("mount at `{}`", it.value))), findings);
}

/// One who configures the interfaces: what cloud-init writes for an interface is read before what the profile says of it.
pub(crate) fn networks(network: &Network, cloud_init: Option<&CloudInit>, findings: &Findings) {
    let Some(cloud_init) = cloud_init.filter(|it| it.network.value == CloudNetwork::CloudInit) else { return };
    for interface in &network.interfaces {
        let (origin, cloud_init) = (interface.origin.clone(), cloud_init.origin.clone());
        findings.push(ProfileError::NetworkOfCloudInit { origin, cloud_init });
    }
}

/// One service of each name, and nothing that contradicts itself.
pub(crate) fn services(services: &[Service], findings: &Findings) {
    no_duplicates(services.iter().map(|it| (&it.name.origin, format!("service called `{}`", it.name.value))), findings);
    for service in services.iter().filter(|service| service.oneshot.value && service.restart.value == Restart::Always) {
        let (origin, oneshot) = (service.restart.origin.clone(), service.oneshot.origin.clone());
        findings.push(ProfileError::OneshotRestarts { origin, oneshot });
    }
}

/// One payload of each name, one for each path, and a source for every architecture.
pub(crate) fn payloads(payloads: &[Payload], image: Option<&Image>, findings: &Findings) {
    let names = payloads.iter().map(|one| (&one.name.origin, format!("payload called `{}`", one.name.value)));
    no_duplicates(names, findings);
    // Several archives may be unpacked in one folder.
    let files = payloads.iter().filter(|one| matches!(one.kind, PayloadKind::File | PayloadKind::Oci));
    let paths = files.map(|one| (&one.install.origin, format!("payload at `{}`", one.install.value)));
    no_duplicates(paths, findings);
    for arch in image.iter().flat_map(|image| &image.arch) {
        for payload in payloads.iter().filter(|one| one.source_for(arch.value).is_none()) {
            findings.push_missing(ProfileError::NoSourceFor {
                origin: payload.origin.clone(),
                name: payload.name.value.clone(),
                arch: arch.value,
                asked: arch.origin.clone(),
            });
        }
    }
}

/// One output of each kind, and disks that can boot. `kernel` tells whether the profile has `[kernel]`.
pub(crate) fn outputs(outputs: &[Output], kernel: bool, findings: &Findings) {
    let kinds = outputs.iter().map(|output| {
        let kind = match output.kind {
            OutputKind::Disk(_) => "disk",
            OutputKind::Tar => "tar",
            OutputKind::Oci(_) => "oci",
            OutputKind::Squashfs(_) => "squashfs",
            OutputKind::Erofs(_) => "erofs",
            OutputKind::Cpio(_) => "cpio",
        };
        (&output.origin, format!("output of kind `{kind}`: their files would have the same name"))
    });
    no_duplicates(kinds, findings);
    for output in outputs {
        match &output.kind {
            OutputKind::Disk(disk) => self::disk(disk, &output.origin, kernel, findings),
            OutputKind::Cpio(_) => cpio(&output.origin, outputs, kernel, findings),
            OutputKind::Tar | OutputKind::Oci(_) | OutputKind::Squashfs(_) | OutputKind::Erofs(_) => {}
        }
    }
}

/// A system that is an initramfs has a kernel beside it, and no partitions.
fn cpio(origin: &Origin, outputs: &[Output], kernel: bool, findings: &Findings) {
    if !kernel {
        findings.push_missing(ProfileError::NoKernel { origin: origin.clone(), what: "initramfs" });
    }
    if let Some(disk) = outputs.iter().find(|output| matches!(output.kind, OutputKind::Disk(_))) {
        findings.push(ProfileError::CpioBesideDisk { origin: origin.clone(), disk: disk.origin.clone() });
    }
}

fn disk(disk: &Disk, origin: &Origin, kernel: bool, findings: &Findings) {
    let names = disk.format.iter().map(|format| {
        let extension = format.value.extension();
        (&format.origin, format!("format whose file ends with `.{extension}`: both files would have the same name"))
    });
    no_duplicates(names, findings);
    let root = "{ type = \"root\", filesystem = \"ext4\", size = \"minimal\" }";
    one(disk, |kind| kind == PartitionKind::Root, "root", root, origin, findings);
    let uefi = disk.boot.iter().any(|method| method.value.is_uefi());
    let (kind, example) = match uefi {
        true => ("esp", "{ type = \"esp\", size = \"64MiB\" }"),
        false => ("firmware", "{ type = \"firmware\", size = \"256MiB\" }"),
    };
    let read_by_firmware = |kind| kind == PartitionKind::Esp || (kind == PartitionKind::Firmware && !uefi);
    one(disk, read_by_firmware, kind, example, origin, findings);
    let second = disk.partitions.iter().find(|it| it.kind.value == PartitionKind::Firmware && uefi);
    if let (Some(second), Some(first)) = (second, disk.partitions.iter().find(|it| it.kind.value == PartitionKind::Esp))
    {
        let (origin, first) = (second.kind.origin.clone(), first.kind.origin.clone());
        findings.push(ProfileError::Duplicate { origin, what: "partition for firmware to read".to_owned(), first });
    }
    let named = disk
        .partitions
        .iter()
        .filter(|it| matches!(it.kind.value, PartitionKind::Data | PartitionKind::State | PartitionKind::Swap));
    let names = named.map(|it| {
        let origin = it.label.as_ref().map_or(&it.origin, |label| &label.origin);
        (origin, format!("partition called `{}`: `label` gives each a name of its own", it.name()))
    });
    no_duplicates(names, findings);
    state(disk, findings);
    if let (false, Some(boot)) = (kernel, disk.boot.first()) {
        findings.push_missing(ProfileError::NoKernel { origin: boot.origin.clone(), what: "disk" });
    }
    for pair in disk.partitions.windows(2) {
        if let [Partition { grow: true, origin, .. }, behind] = pair {
            let (origin, behind) = (origin.clone(), behind.origin.clone());
            findings.push(ProfileError::GrowNotLast { origin, behind });
        }
    }
}

/// A partition for what is written where the root asks for one, in a table that has names: a later kernel command line finds it by that.
fn state(disk: &Disk, findings: &Findings) {
    let asked =
        disk.root().and_then(|root| root.writable.as_ref()).filter(|writable| writable.value == Writable::State);
    let kinds = || disk.partitions.iter().map(|it| &it.kind).filter(|kind| kind.value == PartitionKind::State);
    no_duplicates(kinds().map(|kind| (&kind.origin, "`state` partition on the disk".to_owned())), findings);
    let refuse = |origin: &Origin, why| findings.push(ProfileError::State { origin: origin.clone(), why });
    match (asked, kinds().next()) {
        (Some(asked), None) => refuse(&asked.origin, Stateless::NoPartition),
        (None, Some(kind)) => refuse(&kind.origin, Stateless::NobodyWrites),
        (Some(asked), Some(_)) if disk.table.value == PartitionTable::Mbr => refuse(&asked.origin, Stateless::NoNames),
        _ => {}
    }
}

/// Firmware that checks signatures is UEFI.
pub(crate) fn secure_boot(secure_boot: Option<&SecureBoot>, outputs: &[Output], findings: &Findings) {
    let uefi = |disk: &Disk| disk.boot.iter().any(|method| method.value.is_uefi());
    if let Some(secure_boot) = secure_boot
        && !outputs.iter().filter_map(|output| output.kind.disk()).any(uefi)
    {
        findings.push_missing(ProfileError::NothingToSign { origin: secure_boot.origin.clone() });
    }
}

/// Tries are counted by systemd-boot, and systemd tells it when one was good.
pub(crate) fn tries(outputs: &[Output], init: Option<&Init>, findings: &Findings) {
    for output in outputs {
        let OutputKind::Disk(disk) = &output.kind else { continue };
        // Those of a disk with two slots are its own affair.
        let asked = disk.boot_tries.as_ref().filter(|tries| Some(&tries.origin) != disk.slots());
        let Some(tries) = asked else { continue };
        let refuse = |why| findings.push(ProfileError::NotCounted { origin: tries.origin.clone(), why });
        if !disk.boots_by(BootMethod::SystemdBoot) {
            refuse(Uncounted::NoLoader);
        }
        if init.is_some_and(|init| init.system.value != InitSystem::Systemd) {
            refuse(Uncounted::Init);
        }
    }
}

/// What a board cannot do is not asked of it.
pub(crate) fn board(board: &Board, image: Option<&Image>, outputs: &[Output], findings: &Findings) {
    let refuse = |origin: &Origin, what: String, known: Vec<&'static str>| {
        let (origin, title, asked) = (origin.clone(), board.title.value.clone(), board.name.origin.clone());
        findings.push(ProfileError::NotOfBoard { origin, what, title, known, asked });
    };
    for arch in image.iter().flat_map(|image| &image.arch).filter(|arch| arch.value != board.arch.value) {
        refuse(&arch.origin, format!("architecture `{}`", arch.value), vec![board.arch.value.debian()]);
    }
    for disk in outputs.iter().filter_map(|output| output.kind.disk()) {
        if board.tables.iter().all(|table| table.value != disk.table.value) {
            let known = board.tables.iter().map(|table| table.value.name()).collect();
            refuse(&disk.table.origin, format!("partition table `{}`", disk.table.value.name()), known);
        }
        for method in disk.boot.iter().filter(|method| board.boot.iter().all(|known| known.value != method.value)) {
            let known = board.boot.iter().map(|known| known.value.name()).collect();
            refuse(&method.origin, format!("boot method `{}`", method.value.name()), known);
        }
    }
}

fn one(
    disk: &Disk,
    is_one: impl Fn(PartitionKind) -> bool,
    name: &'static str,
    example: &'static str,
    origin: &Origin,
    findings: &Findings,
) {
    let kinds = disk.partitions.iter().map(|partition| &partition.kind);
    let found: Vec<&Located<_>> = kinds.filter(|found| is_one(found.value)).collect();
    match found.as_slice() {
        [] => findings.push(ProfileError::NoPartition { origin: origin.clone(), kind: name, example }),
        found => {
            let found = found.iter().map(|found| (&found.origin, format!("`{name}` partition on the disk")));
            no_duplicates(found, findings);
        }
    }
}

/// Notes each of `what` that was there before.
fn no_duplicates<'a>(what: impl Iterator<Item = (&'a Origin, String)>, findings: &Findings) {
    let mut seen: Vec<(&Origin, String)> = Vec::new();
    for (origin, what) in what {
        match seen.iter().find(|(_, earlier)| *earlier == what) {
            Some((first, _)) => {
                let (origin, first) = (origin.clone(), (*first).clone());
                findings.push(ProfileError::Duplicate { origin, what, first });
            }
            None => seen.push((origin, what)),
        }
    }
}
