//! `[[output]]`.

use rootsmith_types::{Located, NumBytes, Origin, TreePath};

use crate::choices::{
    BOOT_METHODS, CPIO_COMPRESSIONS, DATA_FILESYSTEMS, DISK_SIZES, EROFS_COMPRESSIONS, FIRMWARE_FILESYSTEMS, FORMATS,
    Kind, OUTPUT_KINDS, PARTITIONS, ROOT_FILESYSTEMS, SQUASHFS_COMPRESSIONS, TABLES, WRITABLE,
};
use crate::error::ProfileError;
use crate::fields::{Fields, Refusal};
use crate::keys::{NO_LUKS, OF_COMPRESSED, OF_DISK, OF_OCI, PARTITION};
use crate::model::{
    Board, BootMethod, Cpio, CpioCompression, Disk, DiskFormat, Erofs, ErofsCompression, Oci, Output, OutputKind,
    Partition, PartitionKind, PartitionSize, RootFilesystem, Squashfs, SquashfsCompression,
};
use crate::value::{self, Value};
use crate::words;

/// Twice as much as a BIOS can load of a core image.
const BIOS_BOOT: NumBytes = NumBytes::mib(1);
/// `boot-tries` of a disk with two slots.
const TRIES: u32 = 3;

/// One output of the image called `name`; `None` when something in it is wrong, which is noted.
pub(crate) fn output(table: &Fields<'_>, name: Option<&str>, board: Option<&Board>) -> Option<Output> {
    let kind = table.required("kind", "kind = \"disk\"", |text| OUTPUT_KINDS.read(text))?;
    let kind = match kind.value {
        Kind::Disk => {
            refuse_all_but(table, "an output of kind `disk`", OF_DISK);
            OutputKind::Disk(disk(table, board)?)
        }
        Kind::Tar => {
            refuse_all_but(table, "an output of kind `tar`", &[]);
            OutputKind::Tar
        }
        Kind::Oci => {
            refuse_all_but(table, "an output of kind `oci`", OF_OCI);
            OutputKind::Oci(oci(table, name)?)
        }
        Kind::Squashfs => {
            refuse_all_but(table, "an output of kind `squashfs`", OF_COMPRESSED);
            OutputKind::Squashfs(squashfs(table)?)
        }
        Kind::Erofs => {
            refuse_all_but(table, "an output of kind `erofs`", OF_COMPRESSED);
            OutputKind::Erofs(erofs(table)?)
        }
        Kind::Cpio => {
            refuse_all_but(table, "an output of kind `cpio`", OF_COMPRESSED);
            OutputKind::Cpio(cpio(table)?)
        }
    };
    Some(Output { origin: table.origin.clone(), kind })
}

/// Notes the keys that mean something in outputs of another kind only.
fn refuse_all_but(table: &Fields<'_>, what: &str, known: &[&'static str]) {
    let shown: Vec<&'static str> = ["kind"].into_iter().chain(known.iter().copied()).collect();
    for key in OF_DISK.iter().chain(OF_OCI).chain(OF_COMPRESSED).filter(|key| !known.contains(key)) {
        table.refuse(key, what, &shown);
    }
}

/// What a disk does not say of its table and its start, its board says.
fn disk(table: &Fields<'_>, board: Option<&Board>) -> Option<Disk> {
    let partition_table = match board {
        Some(board) if table.get("table").is_none() => board.tables.first().cloned(),
        _ => table.required("table", "table = \"gpt\"", |text| TABLES.read(text)),
    };
    let boot = match board {
        Some(board) if table.get("boot").is_none() => board.boot.clone(),
        _ => boot_methods(table),
    };
    let boot_tries = table.number("boot-tries", words::tries);
    let power_of_two = table.text("size", |text| DISK_SIZES.read(text)).is_some();
    let format = match table.get("format") {
        Some(_) => {
            table.require_some("format", "format = [\"raw\"]");
            table.set("format", |text| FORMATS.read(text))
        }
        None => vec![table.default(DiskFormat::Raw)],
    };
    table.require_some("partitions", "partitions = [{ type = \"root\", size = \"minimal\" }]");
    let uefi = boot.iter().any(|method| method.value.is_uefi());
    let firmware = if uefi { PartitionKind::Esp } else { PartitionKind::Firmware };
    let partitions = table.tables("partitions", PARTITION);
    let partitions: Vec<_> = partitions.iter().map(|one| partition(one, firmware)).collect();
    // A partition that could not be read must not be missed a second time.
    let partitions: Vec<Partition> = partitions.into_iter().collect::<Option<_>>()?;
    // A version that does not come up must not be tried for ever.
    let slots = partitions.iter().find_map(|partition| partition.slots.clone());
    let boot_tries = boot_tries.or_else(|| slots.map(|asked| Located::new(TRIES, asked)));
    Some(Disk {
        table: partition_table?,
        boot: if boot.is_empty() { None? } else { boot },
        boot_tries,
        format,
        power_of_two,
        partitions: partitions.into_iter().flat_map(with_others).collect(),
    })
}

/// One way to boot, or several.
fn boot_methods(table: &Fields<'_>) -> Vec<Located<BootMethod>> {
    table.require("boot", "boot = \"uki\"");
    match table.get("boot") {
        Some(Value { kind: value::Kind::Array(_), .. }) => {
            table.require_some("boot", "boot = [\"extlinux\", \"systemd-boot\"]");
            table.set("boot", |text| BOOT_METHODS.read(text))
        }
        _ => table.text("boot", |text| BOOT_METHODS.read(text)).into_iter().collect(),
    }
}

fn oci(table: &Fields<'_>, name: Option<&str>) -> Option<Oci> {
    let reference = match table.get("ref") {
        Some(_) => table.text("ref", words::oci_reference),
        // Without a name the image is wrong already.
        None => name.map(|name| table.default(format!("localhost/{name}:latest"))),
    };
    let layers = table.number("layers", words::oci_layers).map_or(1, |layers| layers.value);
    let user = table.text("user", words::oci_user);
    let working_dir = table.text("working-dir", words::working_dir);
    let (entrypoint, cmd) = (table.list("entrypoint", words::argument), table.list("cmd", words::argument));
    let (env, labels) = (pairs(table, "env", words::variable), pairs(table, "labels", words::line));
    Some(Oci { reference: reference?, layers, entrypoint, cmd, env, user, working_dir, labels })
}

fn squashfs(table: &Fields<'_>) -> Option<Squashfs> {
    let compression = match table.get("compression") {
        Some(_) => table.text("compression", |text| SQUASHFS_COMPRESSIONS.read(text))?,
        None => table.default(SquashfsCompression::Zstd),
    };
    Some(Squashfs { compression })
}

/// What every Linux of today reads, and a small machine with the least work, unless told otherwise.
fn erofs(table: &Fields<'_>) -> Option<Erofs> {
    let compression = match table.get("compression") {
        Some(_) => table.text("compression", |text| EROFS_COMPRESSIONS.read(text))?,
        None => table.default(ErofsCompression::Lz4),
    };
    Some(Erofs { compression })
}

fn cpio(table: &Fields<'_>) -> Option<Cpio> {
    let compression = match table.get("compression") {
        Some(_) => table.text("compression", |text| CPIO_COMPRESSIONS.read(text))?,
        None => table.default(CpioCompression::Zstd),
    };
    Some(Cpio { compression })
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

/// `firmware` is what a partition of type `boot` is.
fn partition(table: &Fields<'_>, firmware: PartitionKind) -> Option<Partition> {
    let kind = table.required("type", "type = \"root\"", |text| PARTITIONS.read(text));
    let kind = kind.map(|kind| Located::new(kind.value.unwrap_or(firmware), kind.origin));
    let mut filesystem = RootFilesystem::Ext4;
    let (mut mount, mut label) = (None, None);
    match kind.as_ref().map(|kind| kind.value) {
        Some(PartitionKind::Root) => {
            let read = table.text("filesystem", unencrypted(|text| ROOT_FILESYSTEMS.read(text)));
            filesystem = read.map_or(filesystem, |read| read.value);
            match filesystem {
                RootFilesystem::Ext4 => only(table, "a root that is ext4", &["filesystem", "size", "free", "grow"]),
                // It is as large as its content and, once written, never changes.
                RootFilesystem::Squashfs | RootFilesystem::Erofs => {
                    let known = ["filesystem", "size", "writable", "verity", "slots"];
                    only(table, &format!("a root that is {}", filesystem.name()), &known);
                }
            }
        }
        Some(PartitionKind::Esp | PartitionKind::Firmware) => {
            table.text("filesystem", |text| FIRMWARE_FILESYSTEMS.read(text));
            only(table, "a partition that firmware reads", &["filesystem", "size", "free", "grow"]);
        }
        Some(PartitionKind::BiosBoot) => only(table, "a `bios-boot` partition", &["size"]),
        Some(PartitionKind::Data) => {
            table.text("filesystem", unencrypted(|text| DATA_FILESYSTEMS.read(text)));
            mount = table.required("mount", "mount = \"/var\"", words::data_mount);
            label = table.text("label", words::label);
            let known = ["filesystem", "mount", "label", "size", "free", "grow"];
            only(table, "a `data` partition", &known);
            mount.as_ref()?;
        }
        Some(PartitionKind::Swap) => {
            label = table.text("label", words::label);
            only(table, "a `swap` partition", &["label", "size"]);
        }
        Some(PartitionKind::State) => {
            table.text("filesystem", unencrypted(|text| DATA_FILESYSTEMS.read(text)));
            mount = Some(table.default(TreePath::literal("/state")));
            only(table, "a `state` partition", &["filesystem", "size", "free", "grow"]);
        }
        // No word of a profile's.
        Some(PartitionKind::RootVerity | PartitionKind::SpareRoot | PartitionKind::SpareVerity) | None => {}
    }
    let size = match kind.as_ref().map(|kind| kind.value) {
        Some(PartitionKind::BiosBoot) if table.get("size").is_none() => {
            Some(table.default(PartitionSize::Fixed(BIOS_BOOT)))
        }
        Some(PartitionKind::Swap) => table.required("size", "size = \"512MiB\"", words::swap_size),
        _ => table.required("size", "size = \"64MiB\"", words::partition_size),
    };
    let free = table.text("free", words::size);
    let grow = table.boolean("grow").is_some_and(|grow| grow.value);
    let writable = table.text("writable", |text| WRITABLE.read(text));
    if let (Some(free), Some(PartitionSize::Fixed(size))) = (&free, size.as_ref().map(|size| size.value)) {
        table.note(ProfileError::FreeWithoutMinimal { origin: free.origin.clone(), size });
    }
    let free = free.map_or(NumBytes::default(), |free| free.value);
    let verity = table.boolean("verity").filter(|asked| asked.value).map(|asked| asked.origin);
    let slots = table.number("slots", words::slots).map(|asked| asked.origin);
    let origin = table.origin.clone();
    Some(Partition { kind: kind?, size: size?, free, grow, filesystem, mount, label, writable, verity, slots, origin })
}

/// A partition as it is asked for, the one with the hashes over it, and both once more where it has a second slot.
fn with_others(partition: Partition) -> Vec<Partition> {
    let another = |kind, asked: &Origin, size: &Located<PartitionSize>| Partition {
        kind: Located::new(kind, asked.clone()),
        size: size.clone(),
        verity: None,
        slots: None,
        writable: None,
        ..partition.clone()
    };
    let hashes_size = match partition.size.value {
        PartitionSize::Fixed(size) if partition.slots.is_some() => hashes_over(size),
        _ => PartitionSize::Minimal,
    };
    let hashes =
        |kind| partition.verity.as_ref().map(|asked| another(kind, asked, &Located::new(hashes_size, asked.clone())));
    let mut all = vec![partition.clone()];
    all.extend(hashes(PartitionKind::RootVerity));
    if let Some(asked) = &partition.slots {
        all.push(another(PartitionKind::SpareRoot, asked, &partition.size));
        all.extend(hashes(PartitionKind::SpareVerity));
    }
    all
}

/// Room for the hashes over any version that fits in a slot of `size`: 1 in 128, of those as well, and a superblock.
fn hashes_over(size: NumBytes) -> PartitionSize {
    PartitionSize::Fixed(NumBytes::mib(size.get().div_ceil(127 << 20) + 1))
}

/// Notes the keys of a partition that mean nothing in `what`; `type` is always known.
fn only(table: &Fields<'_>, what: &str, known: &[&'static str]) {
    let shown: Vec<&'static str> = ["type"].into_iter().chain(known.iter().copied()).collect();
    for key in PARTITION.iter().filter(|key| key.instead.is_none() && !shown.contains(&key.name)) {
        table.refuse(key.name, what, &shown);
    }
}

/// What reads the name of a file system, with a word for those who want it encrypted.
fn unencrypted<T>(read: impl Fn(&str) -> Result<T, Refusal>) -> impl Fn(&str) -> Result<T, Refusal> {
    move |text| match text {
        "luks" | "luks2" | "crypto_LUKS" => {
            let what = format!("the file system `{text}`");
            Err(Refusal::Because(Box::new(move |origin| ProfileError::Unsupported {
                origin,
                what: what.clone(),
                instead: NO_LUKS.to_owned(),
            })))
        }
        _ => read(text),
    }
}
