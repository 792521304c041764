//! What must fit together: values that are right each on its own.

use rootsmith_types::{Located, Origin};

use crate::error::ProfileError;
use crate::fields::Findings;
use crate::model::{
    BootMethod, Disk, Group, Image, Kernel, Mount, Output, OutputKind, Partition, PartitionKind, Payload, PayloadKind,
    Restart, Service, User,
};

/// A kernel for every architecture. `table` is where `[kernel]` is written.
pub(crate) fn kernel(image: &Image, kernel: &Kernel, table: Option<&Origin>, findings: &Findings) {
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

/// One mount at each place.
pub(crate) fn mounts(mounts: &[Mount], findings: &Findings) {
    no_duplicates(mounts.iter().map(|it| (&it.target.origin, format!("mount at `{}`", it.target.value))), findings);
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
        };
        (&output.origin, format!("output of kind `{kind}`: their files would have the same name"))
    });
    no_duplicates(kinds, findings);
    for output in outputs {
        if let OutputKind::Disk(disk) = &output.kind {
            self::disk(disk, &output.origin, kernel, findings);
        }
    }
}

fn disk(disk: &Disk, origin: &Origin, kernel: bool, findings: &Findings) {
    one(
        disk,
        PartitionKind::Root,
        "root",
        "{ type = \"root\", filesystem = \"ext4\", size = \"minimal\" }",
        origin,
        findings,
    );
    match disk.boot.value {
        BootMethod::Uki => {
            one(disk, PartitionKind::Esp, "esp", "{ type = \"esp\", size = \"64MiB\" }", origin, findings);
            if !kernel {
                findings.push_missing(ProfileError::NoKernel { origin: disk.boot.origin.clone() });
            }
        }
    }
    for pair in disk.partitions.windows(2) {
        if let [Partition { grow: true, origin, .. }, behind] = pair {
            let (origin, behind) = (origin.clone(), behind.origin.clone());
            findings.push(ProfileError::GrowNotLast { origin, behind });
        }
    }
}

fn one(
    disk: &Disk,
    kind: PartitionKind,
    name: &'static str,
    example: &'static str,
    origin: &Origin,
    findings: &Findings,
) {
    let found: Vec<&Located<_>> =
        disk.partitions.iter().map(|partition| &partition.kind).filter(|found| found.value == kind).collect();
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
