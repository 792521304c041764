//! `[[output]]`.

use rootsmith_types::{Located, NumBytes};

use crate::choices::{
    BOOT_METHODS, ESP_FILESYSTEMS, FORMATS, Kind, OUTPUT_KINDS, PARTITIONS, ROOT_FILESYSTEMS, TABLES,
};
use crate::error::ProfileError;
use crate::fields::{Fields, Refusal};
use crate::keys::{OF_DISK, OF_OCI, PARTITION};
use crate::model::{Disk, DiskFormat, Oci, Output, OutputKind, Partition, PartitionKind, PartitionSize};
use crate::words;

/// One output of the image called `name`; `None` when something in it is wrong, which is noted.
pub(crate) fn output(table: &Fields<'_>, name: Option<&str>) -> Option<Output> {
    let kind = table.required("kind", "kind = \"disk\"", |text| OUTPUT_KINDS.read(text))?;
    let kind = match kind.value {
        Kind::Disk => {
            refuse_all_but(table, "an output of kind `disk`", OF_DISK);
            OutputKind::Disk(disk(table)?)
        }
        Kind::Tar => {
            refuse_all_but(table, "an output of kind `tar`", &[]);
            OutputKind::Tar
        }
        Kind::Oci => {
            refuse_all_but(table, "an output of kind `oci`", OF_OCI);
            OutputKind::Oci(oci(table, name)?)
        }
    };
    Some(Output { origin: table.origin.clone(), kind })
}

/// Notes the keys that mean something in outputs of another kind only.
fn refuse_all_but(table: &Fields<'_>, what: &str, known: &[&'static str]) {
    let shown: Vec<&'static str> = ["kind"].into_iter().chain(known.iter().copied()).collect();
    for key in OF_DISK.iter().chain(OF_OCI).filter(|key| !known.contains(key)) {
        table.refuse(key, what, &shown);
    }
}

fn disk(table: &Fields<'_>) -> Option<Disk> {
    let partition_table = table.required("table", "table = \"gpt\"", |text| TABLES.read(text));
    let boot = table.required("boot", "boot = \"uki\"", |text| BOOT_METHODS.read(text));
    let format = match table.get("format") {
        Some(_) => {
            table.require_some("format", "format = [\"raw\"]");
            table.set("format", |text| FORMATS.read(text))
        }
        None => vec![table.default(DiskFormat::Raw)],
    };
    table.require_some("partitions", "partitions = [{ type = \"root\", size = \"minimal\" }]");
    let partitions: Vec<_> = table.tables("partitions", PARTITION).iter().map(partition).collect();
    Some(Disk {
        table: partition_table?,
        boot: boot?,
        format,
        // A partition that could not be read must not be missed a second time.
        partitions: partitions.into_iter().collect::<Option<_>>()?,
    })
}

fn oci(table: &Fields<'_>, name: Option<&str>) -> Option<Oci> {
    let reference = match table.get("ref") {
        Some(_) => table.text("ref", words::oci_reference),
        // Without a name the image is wrong already.
        None => name.map(|name| table.default(format!("localhost/{name}:latest"))),
    };
    let user = table.text("user", words::oci_user);
    let working_dir = table.text("working-dir", words::working_dir);
    let (entrypoint, cmd) = (table.list("entrypoint", words::argument), table.list("cmd", words::argument));
    let (env, labels) = (pairs(table, "env", words::variable), pairs(table, "labels", words::line));
    Some(Oci { reference: reference?, entrypoint, cmd, env, user, working_dir, labels })
}

/// The texts of a table whose keys are the user's own, in the order written.
fn pairs(
    table: &Fields<'_>,
    key: &str,
    name: fn(&str) -> Result<String, Refusal>,
) -> Vec<(Located<String>, Located<String>)> {
    let table = table.map(key);
    let entries = table.entries().filter_map(|(key, value)| {
        let name = table.accept(&key.value, &key.origin, name);
        let value = table.text_of(&key.value, value, words::argument);
        name.zip(value)
    });
    entries.collect()
}

fn partition(table: &Fields<'_>) -> Option<Partition> {
    let kind = table.required("type", "type = \"root\"", |text| PARTITIONS.read(text));
    match kind.as_ref().map(|kind| kind.value) {
        Some(PartitionKind::Root) => table.text("filesystem", |text| ROOT_FILESYSTEMS.read(text)),
        Some(PartitionKind::Esp) => table.text("filesystem", |text| ESP_FILESYSTEMS.read(text)),
        None => None,
    };
    let size = table.required("size", "size = \"64MiB\"", words::partition_size);
    let free = table.text("free", words::size);
    let grow = table.boolean("grow").is_some_and(|grow| grow.value);
    if let (Some(free), Some(PartitionSize::Fixed(size))) = (&free, size.as_ref().map(|size| size.value)) {
        table.note(ProfileError::FreeWithoutMinimal { origin: free.origin.clone(), size });
    }
    let free = free.map_or(NumBytes::default(), |free| free.value);
    Some(Partition { kind: kind?, size: size?, free, grow, origin: table.origin.clone() })
}
