//! The keys of each table, and those of the design that are still to come.

use crate::fields::{Key, key, later};

/// The top of a file.
pub(crate) const TOP: &[Key] = &[
    key("schema"),
    key("extends"),
    key("image"),
    key("distribution"),
    key("packages"),
    key("kernel"),
    key("init"),
    key("cgroups"),
    key("hosts"),
    key("identity"),
    key("payload"),
    key("overlay"),
    key("scripts"),
    key("preflight"),
    key("output"),
    key("user"),
    key("group"),
    key("mount"),
    key("sysctl"),
    key("network"),
    key("cloud-init"),
    key("service"),
    key("board"),
    key("blob"),
    key("firmware"),
    key("secure-boot"),
    key("update"),
];

/// `[update]`.
pub(crate) const UPDATE: &[Key] = &[key("source")];

/// `[secure-boot]`.
pub(crate) const SECURE_BOOT: &[Key] = &[key("certificate"), key("key"), key("signer"), key("enroll")];

/// `[board]` of a file in `boards/`.
pub(crate) const BOARD: &[Key] = &[
    key("title"),
    key("arch"),
    key("boot"),
    key("table"),
    key("first-sector"),
    key("device-trees"),
    key("config-txt"),
    key("qemu"),
    key("notes"),
];

/// `[[blob]]`.
pub(crate) const BLOB: &[Key] = &[key("package"), key("file"), key("path"), key("sha256"), key("from"), key("sector")];

/// `[[firmware]]`.
pub(crate) const FIRMWARE: &[Key] =
    &[key("package"), key("files"), key("path"), key("sha256"), key("from"), key("folder")];

/// `[image]`.
pub(crate) const IMAGE: &[Key] = &[key("name"), key("version"), key("arch")];

/// `[distribution]`.
pub(crate) const DISTRIBUTION: &[Key] = &[
    key("id"),
    key("suite"),
    key("mirror"),
    key("security-mirror"),
    key("pockets"),
    key("components"),
    key("signed-by"),
    later("unsigned", "every repository is verified; `signed-by` names other certificates"),
];

/// `[packages]`.
pub(crate) const PACKAGES: &[Key] = &[
    key("include"),
    key("essential"),
    key("dependencies"),
    key("recommends"),
    key("drop"),
    key("prefer"),
    key("database"),
    key("caches"),
];

/// `[kernel]`.
pub(crate) const KERNEL: &[Key] = &[
    key("package"),
    key("fragments"),
    key("cmdline"),
    key("modules"),
    key("initramfs"),
    key("source"),
    key("base"),
    key("patches"),
];

/// The keys of `[kernel]` beside `source` that only a kernel from source has.
pub(crate) const OF_SOURCE: &[&str] = &["base", "patches"];

/// `kernel.initramfs`.
pub(crate) const INITRAMFS: &[Key] = &[key("modules")];

/// `[init]`.
pub(crate) const INIT: &[Key] = &[key("system"), key("enable"), key("disable")];

/// `[cgroups]`.
pub(crate) const CGROUPS: &[Key] = &[key("hierarchy"), key("controllers")];

/// `[identity]`.
pub(crate) const IDENTITY: &[Key] = &[key("machine-id"), key("ssh-host-keys"), key("random-seed"), key("hostname")];

/// `[[user]]`.
pub(crate) const USER: &[Key] = &[
    key("name"),
    key("uid"),
    key("group"),
    key("groups"),
    key("home"),
    key("create-home"),
    key("shell"),
    key("comment"),
    key("system"),
    key("password"),
    key("ssh-authorized-keys"),
];

/// `[[group]]`.
pub(crate) const GROUP: &[Key] = &[key("name"), key("gid")];

/// `[[mount]]`.
pub(crate) const MOUNT: &[Key] = &[key("source"), key("target"), key("type"), key("options")];

/// `[network]`.
pub(crate) const NETWORK: &[Key] = &[key("manager"), key("interface")];

/// `[[network.interface]]`.
pub(crate) const INTERFACE: &[Key] = &[key("match"), key("dhcp"), key("address"), key("gateway"), key("dns")];

/// `[cloud-init]`.
pub(crate) const CLOUD_INIT: &[Key] = &[key("datasources"), key("network")];

/// `[[service]]`.
pub(crate) const SERVICE: &[Key] = &[
    key("name"),
    key("description"),
    key("exec"),
    key("user"),
    key("group"),
    key("environment"),
    key("working-directory"),
    key("oneshot"),
    key("restart"),
    key("restart-delay"),
    key("after"),
    key("before"),
    key("requires"),
    key("network"),
    key("limits"),
    key("delegate"),
    key("kill-mode"),
    key("cgroup"),
    key("enable"),
];

/// `cgroup` of a service.
pub(crate) const SERVICE_CGROUP: &[Key] = &[key("memory"), key("cpu"), key("pids")];

/// `[[payload]]`, whatever its kind.
pub(crate) const PAYLOAD: &[Key] = &[
    key("name"),
    key("source"),
    key("kind"),
    key("install"),
    key("members"),
    key("strip"),
    key("owner"),
    key("group"),
    key("mode"),
];

/// `source` of a payload: one for all architectures, or one for each.
pub(crate) const SOURCES: &[Key] =
    &[key("path"), key("url"), key("sha256"), key("from"), key("amd64"), key("arm64"), key("armhf"), key("riscv64")];

/// `source` of a payload for one architecture.
pub(crate) const SOURCE: &[Key] = &[key("path"), key("url"), key("sha256"), key("from")];

/// `[[overlay]]`.
pub(crate) const OVERLAY: &[Key] = &[key("source")];

/// A package in `[scripts]`.
pub(crate) const ANSWER: &[Key] = &[key("ignore"), key("first-boot")];

/// `[preflight]`.
pub(crate) const PREFLIGHT: &[Key] = &[key("sets"), key("accept")];

/// `preflight.accept`.
pub(crate) const ACCEPT: &[Key] = &[key("check"), key("reason")];

/// Tables by name, for keys that stand in the wrong one: TOML counts every key to the last `[table]` above it.
const TABLES: [(&str, &[Key]); 13] = [
    ("", TOP),
    ("image", IMAGE),
    ("distribution", DISTRIBUTION),
    ("packages", PACKAGES),
    ("kernel", KERNEL),
    ("init", INIT),
    ("cgroups", CGROUPS),
    ("identity", IDENTITY),
    ("network", NETWORK),
    ("cloud-init", CLOUD_INIT),
    ("preflight", PREFLIGHT),
    ("secure-boot", SECURE_BOOT),
    ("update", UPDATE),
];

/// `[[output]]`, whatever its kind.
pub(crate) const OUTPUT: &[Key] = &[
    key("kind"),
    key("table"),
    key("boot"),
    key("boot-tries"),
    key("format"),
    key("partitions"),
    key("size"),
    key("ref"),
    key("layers"),
    key("entrypoint"),
    key("cmd"),
    key("env"),
    key("user"),
    key("working-dir"),
    key("labels"),
    key("compression"),
    later(
        "compress",
        "a `tar` and the layer of an `oci` are always compressed with zstd; a disk's `format` says it: `raw.zst`, `qcow2-zstd`",
    ),
];

/// The keys of `[[output]]` beside `kind` that mean something for a disk.
pub(crate) const OF_DISK: &[&str] = &["table", "boot", "boot-tries", "format", "partitions", "size"];

/// The same for a container image.
pub(crate) const OF_OCI: &[&str] = &["ref", "layers", "entrypoint", "cmd", "env", "user", "working-dir", "labels"];

/// The same for what only says how it is compressed: a squashfs, an EROFS, a cpio.
pub(crate) const OF_COMPRESSED: &[&str] = &["compression"];

/// A partition of a disk.
pub(crate) const PARTITION: &[Key] = &[
    key("type"),
    key("filesystem"),
    key("size"),
    key("free"),
    key("grow"),
    key("writable"),
    key("verity"),
    key("slots"),
    key("mount"),
    key("label"),
    later("encrypt", NO_LUKS),
    later("luks", NO_LUKS),
];

/// Why no partition is encrypted.
pub(crate) const NO_LUKS: &str = "LUKS waits for a plan of where the passphrase comes from: encrypt on the running machine, or keep secrets out of the image";

/// The table in which `key` is known, with the key: `packages.include`.
pub(crate) fn elsewhere(key: &str) -> Option<String> {
    let (table, _) = TABLES.iter().find(|(_, keys)| keys.iter().any(|known| known.name == key))?;
    Some(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") })
}
