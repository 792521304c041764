//! `[[output]]`.

use rootsmith_types::NumBytes;

use crate::choices::{
    BOOT_METHODS, ESP_FILESYSTEMS, FORMATS, Kind, OUTPUT_KINDS, PARTITIONS, ROOT_FILESYSTEMS, TABLES,
};
use crate::error::ProfileError;
use crate::fields::Fields;
use crate::keys::PARTITION;
use crate::model::{Disk, DiskFormat, Output, OutputKind, Partition, PartitionKind, PartitionSize};
use crate::words;

/// One output; `None` when something in it is wrong, which is noted.
pub(crate) fn output(table: &Fields<'_>) -> Option<Output> {
    let kind = table.required("kind", "kind = \"disk\"", |text| OUTPUT_KINDS.read(text))?;
    let kind = match kind.value {
        Kind::Disk => OutputKind::Disk(disk(table)?),
        Kind::Tar => {
            for key in ["table", "boot", "format", "partitions"] {
                table.refuse(key, "an output of kind `tar`", &["kind"]);
            }
            OutputKind::Tar
        }
    };
    Some(Output { origin: table.origin.clone(), kind })
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
