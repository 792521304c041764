//! How single values are written: names, sizes, paths, modes, addresses.

use std::net::IpAddr;
use std::time::Duration;

use rootsmith_types::{Arch, NumBytes, PackageName, Sha256Digest, TreePath};

use crate::error::ProfileError;
use crate::fields::Refusal;
use crate::model::{Account, Limit, PartitionSize};

/// An architecture.
pub(crate) fn arch(text: &str) -> Result<Arch, Refusal> {
    text.parse().map_err(|()| Refusal::Unknown {
        expected: "an architecture",
        known: Arch::ALL.iter().map(|arch| arch.debian()).collect(),
    })
}

/// Any text that is not empty and of one line.
pub(crate) fn line(text: &str) -> Result<String, Refusal> {
    let ok = !text.trim().is_empty() && !text.chars().any(char::is_control);
    checked(text, ok, "a line of text", "write some words")
}

/// A machine of QEMU's, without properties.
pub(crate) fn qemu_machine(text: &str) -> Result<String, Refusal> {
    let ok = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    checked(text, ok, "a machine of QEMU's", "write its name as `qemu-system-… -machine help` does: `raspi3b`, `virt`")
}

/// The name of an image or a payload: also part of file names.
pub(crate) fn image_name(text: &str) -> Result<String, Refusal> {
    let expected = "a name";
    check_image_name(text).map(|()| text.to_owned()).map_err(|hint| Refusal::Invalid { expected, hint })
}

/// Whether an image may be called so (`image.name`); else what to do.
pub fn check_image_name(text: &str) -> Result<(), &'static str> {
    let ok = (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if ok { Ok(()) } else { Err("use at most 63 lower-case letters, digits and `-` between them") }
}

/// `IMAGE_VERSION` of os-release(5): what versions are compared by, and part of the names of files and partitions.
pub(crate) fn image_version(text: &str) -> Result<String, Refusal> {
    let ok = (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    checked(text, ok, "a version", "use at most 32 letters, digits, `.` and `-`, a letter or digit first: `1.2`")
}

/// Where updates come from: a web server's folder, or one of the machine.
pub(crate) fn update_source(text: &str) -> Result<String, Refusal> {
    const HINT: &str = "write a folder's address or path: `https://example.org/updates`, `/var/lib/update`";
    let ok = match text.strip_prefix('/') {
        Some(_) => target_path(text).is_ok(),
        None => mirror(text).is_ok(),
    };
    // It is a value in a file of systemd's.
    checked(text, ok && !text.contains(['%', '\\', '"', '\'']), "a source of updates", HINT)
}

/// `slots` of a root.
pub(crate) fn slots(text: &str) -> Result<(), Refusal> {
    if text == "2" { Ok(()) } else { Err(Refusal::Invalid { expected: "a number of slots", hint: "write `2`" }) }
}

/// A package name.
pub(crate) fn package(text: &str) -> Result<PackageName, Refusal> {
    text.parse().map_err(|_| Refusal::Invalid {
        expected: "a package name",
        hint: "use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`",
    })
}

/// A suite or a component: `trixie`, `non-free-firmware`.
pub(crate) fn suite(text: &str) -> Result<String, Refusal> {
    let ok = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    checked(text, ok, "the name of a suite or component", "write it as in the archive: `trixie`, `main`")
}

/// The address of a mirror.
pub(crate) fn mirror(text: &str) -> Result<String, Refusal> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let ok = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    checked(text, ok, "the address of a mirror", "write it as `http://ftp.debian.org/debian`")
}

/// A service or unit.
pub(crate) fn unit(text: &str) -> Result<String, Refusal> {
    let ok = (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b))
        && !text.starts_with('.');
    checked(text, ok, "the name of a service", "write it as `ssh` or `ssh.service`")
}

/// A kernel module.
pub(crate) fn module(text: &str) -> Result<String, Refusal> {
    let ok = (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    checked(text, ok, "the name of a kernel module", "write it without path and suffix: `br_netfilter`")
}

/// What a kernel's configuration begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// A configuration that the kernel's source has.
    Target(&'static str),
    /// That of a package.
    Package(PackageName),
    /// A file.
    File(String),
}

/// `tinyconfig`, `defconfig`, `package:NAME`, or a file.
pub(crate) fn kernel_base(text: &str) -> Result<Base, Refusal> {
    if let Some(target) = ["tinyconfig", "defconfig"].into_iter().find(|target| *target == text) {
        return Ok(Base::Target(target));
    }
    match text.strip_prefix("package:") {
        Some(name) => package(name).map(Base::Package),
        None => host_path(text).map(Base::File),
    }
}

/// One word of the kernel command line.
pub(crate) fn cmdline_word(text: &str) -> Result<String, Refusal> {
    if text.starts_with("root=") {
        let word = text.to_owned();
        return Err(Refusal::Because(Box::new(move |origin| ProfileError::RootInCmdline {
            origin,
            word: word.clone(),
        })));
    }
    // The kernel splits at blanks outside double quotes (lib/cmdline.c, next_arg).
    let mut in_quotes = false;
    let mut ok = !text.is_empty();
    for c in text.chars() {
        in_quotes ^= c == '"';
        ok &= c.is_ascii() && !c.is_ascii_control() && (in_quotes || c != ' ');
    }
    checked(
        text,
        ok && !in_quotes,
        "one word of a command line",
        "write each word on its own: `[\"quiet\", \"panic=10\"]`",
    )
}

/// A cgroup controller.
pub(crate) fn controller(text: &str) -> Result<String, Refusal> {
    const KNOWN: [&str; 11] =
        ["cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "pids", "devices", "freezer", "hugetlb", "rdma"];
    if KNOWN.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Refusal::Unknown { expected: "a cgroup controller", known: KNOWN.to_vec() })
}

/// A path in the target: absolute, and below `/`.
pub(crate) fn target_path(text: &str) -> Result<TreePath, Refusal> {
    let refused = || Refusal::Invalid {
        expected: "a path in the image",
        hint: "write it in full, from `/`, without `..`: `/usr/share/doc`",
    };
    let path = TreePath::new(text).map_err(|_| refused())?;
    if text.starts_with('/') && !path.is_root() { Ok(path) } else { Err(refused()) }
}

/// Where a partition beside the root is mounted. What the kernel, the initramfs and the init read before they mount anything has to
/// be on the root; below the last ones something else is mounted.
pub(crate) fn data_mount(text: &str) -> Result<TreePath, Refusal> {
    const OF_ROOT: [&str; 12] =
        ["usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "boot", "dev", "proc", "sys", "run"];
    let path = target_path(text)?;
    let first = path.components().next();
    if OF_ROOT.iter().any(|name| Some(name.as_bytes()) == first) {
        return Err(Refusal::Invalid {
            expected: "a folder that can be on a partition of its own",
            hint: "what starts the system stays on the root; take `/var`, `/home`, `/srv`, `/opt` or a folder of your own",
        });
    }
    // It comes to stand in tables and scripts.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.+@:".contains(&b);
    if !path.as_bytes().iter().copied().all(plain) {
        let hint = "use letters, digits and `-_.+@:` in its name: `/srv/data`";
        return Err(Refusal::Invalid { expected: "a folder to mount a partition on", hint });
    }
    Ok(path)
}

/// The name of a partition, and the label of its file system: an ext4 has 16 bytes for it, a swap area as many.
pub(crate) fn label(text: &str) -> Result<String, Refusal> {
    let ok = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    checked(text, ok, "the label of a partition", "use up to 16 letters, digits, `-`, `_` and `.`: `data`")
}

/// A folder in the target: absolute, and `/` too.
pub(crate) fn target_folder(text: &str) -> Result<TreePath, Refusal> {
    if text == "/" { Ok(TreePath::root()) } else { target_path(text) }
}

/// A path in an archive, or below a folder of the image: relative, and of one component at least.
pub(crate) fn member(text: &str) -> Result<TreePath, Refusal> {
    let refused = || Refusal::Invalid {
        expected: "a path in an archive",
        hint: "write it as the archive has it, without `/` at its start and without `..`: `linux-amd64/helm`",
    };
    let path = TreePath::new(text).map_err(|_| refused())?;
    if text.starts_with('/') || path.is_root() { Err(refused()) } else { Ok(path) }
}

/// The address of a file.
pub(crate) fn url(text: &str) -> Result<String, Refusal> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let ok = rest
        .is_some_and(|rest| rest.split_once('/').is_some_and(|(host, path)| !host.is_empty() && !path.is_empty()))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    checked(text, ok, "the address of a file", "write it in full: `https://example.org/releases/k0s-amd64`")
}

/// A user or a group, by name or number.
pub(crate) fn owner(text: &str) -> Result<Account, Refusal> {
    let hint = "write its name or its number: `etcd`, `1000`";
    let number = id(text).map(Account::Number);
    number
        .or_else(|_| account(text).map(Account::Name))
        .map_err(|_| Refusal::Invalid { expected: "a user or group", hint })
}

/// How many components of a path are left out.
pub(crate) fn strip(text: &str) -> Result<usize, Refusal> {
    // A path has at most 4095 bytes.
    let count = text.parse().ok().filter(|count| *count < 2048);
    count
        .ok_or(Refusal::Invalid { expected: "a number of components", hint: "write a small whole number: `strip = 1`" })
}

/// How many layers a container image may have: Docker's storage takes no more than 127.
pub(crate) fn oci_layers(text: &str) -> Result<usize, Refusal> {
    let count = text.parse().ok().filter(|count| (1..=127).contains(count));
    count
        .ok_or(Refusal::Invalid { expected: "a number of layers", hint: "write a number from 1 to 127: `layers = 10`" })
}

/// Where a file of the host is: relative or absolute.
pub(crate) fn host_path(text: &str) -> Result<String, Refusal> {
    checked(text, !text.is_empty() && !text.contains('\0'), "a path", "name a file")
}

/// Permissions in octal: `0755`.
pub(crate) fn mode(text: &str) -> Result<u16, Refusal> {
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = octal.then(|| u16::from_str_radix(text, 8).ok()).flatten();
    mode.ok_or(Refusal::Invalid { expected: "a mode", hint: "write three or four octal digits: `\"0755\"`" })
}

/// A SHA-256 digest.
pub(crate) fn digest(text: &str) -> Result<Sha256Digest, Refusal> {
    let hint = "write the 64 hexadecimal digits that `sha256sum` prints";
    text.parse().map_err(|_| Refusal::Invalid { expected: "a SHA-256 digest", hint })
}

/// Where something begins on a disk, in sectors of 512 bytes.
pub(crate) fn sector(text: &str) -> Result<u64, Refusal> {
    let hint = "write a whole number of 512-byte sectors: `64` is 32 KiB";
    let sector = text.parse().ok().filter(|sector| *sector <= u64::from(u32::MAX));
    sector.ok_or(Refusal::Invalid { expected: "a sector", hint })
}

/// A device tree, below the kernel package's folder for them.
pub(crate) fn device_tree(text: &str) -> Result<String, Refusal> {
    let ok = text.ends_with(".dtb") && !text.starts_with('/') && TreePath::new(text).is_ok();
    checked(text, ok, "a device tree", "write it as the kernel's package has it: `broadcom/bcm2711-rpi-4-b.dtb`")
}

/// A board: a word, or a file that ends in `.toml`.
pub(crate) fn board(text: &str) -> Result<String, Refusal> {
    let word = image_name(text).is_ok();
    let file = text.ends_with(".toml") && host_path(text).is_ok();
    checked(
        text,
        word || file,
        "a board",
        "write the name of a file in `profiles/boards`, or a file that ends in `.toml`",
    )
}

/// A size in bytes.
pub(crate) fn size(text: &str) -> Result<NumBytes, Refusal> {
    let hint = "write a whole number and a unit out of B, KiB, MiB, GiB, TiB: `64MiB`";
    text.parse().map_err(|_| Refusal::Invalid { expected: "a size", hint })
}

/// The size of a partition.
pub(crate) fn partition_size(text: &str) -> Result<PartitionSize, Refusal> {
    let hint = "write `minimal`, or a whole number and a unit out of KiB, MiB, GiB, TiB: `64MiB`";
    match text {
        "minimal" => Ok(PartitionSize::Minimal),
        text => match text.parse::<NumBytes>() {
            Ok(size) if size.get() > 0 => Ok(PartitionSize::Fixed(size)),
            _ => Err(Refusal::Invalid { expected: "the size of a partition", hint }),
        },
    }
}

/// The size of a swap area, which has no content that would say what is minimal.
pub(crate) fn swap_size(text: &str) -> Result<PartitionSize, Refusal> {
    let hint = "write a whole number and a unit out of KiB, MiB, GiB, TiB, from `1MiB` to `8TiB`: `512MiB`";
    match text.parse::<NumBytes>() {
        Ok(size) if (NumBytes::mib(1)..=NumBytes::mib(8 << 20)).contains(&size) => Ok(PartitionSize::Fixed(size)),
        _ => Err(Refusal::Invalid { expected: "the size of a swap area", hint }),
    }
}

/// An IP address.
pub(crate) fn address(text: &str) -> Result<IpAddr, Refusal> {
    let hint = "write it as `127.0.0.1` or `\"::1\"`";
    text.parse().map_err(|_| Refusal::Invalid { expected: "an IP address", hint })
}

/// A host name (RFC 1123, 2.1): labels of letters, digits and `-`, at most 63 bytes each and 253 in all.
pub(crate) fn host_name(text: &str) -> Result<String, Refusal> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ok = text.len() <= 253 && text.split('.').all(label);
    checked(text, ok, "a host name", "use letters, digits and `-`, in parts of at most 63 with `.` between them")
}

/// A host name, or the pattern of one: each `?` stands for a hexadecimal digit.
pub(crate) fn host_pattern(text: &str) -> Result<String, Refusal> {
    host_name(&text.replace('?', "0")).map(|_| text.to_owned())
}

/// A user or a group (shadow's own rule, and useradd(8)'s limit).
pub(crate) fn account(text: &str) -> Result<String, Refusal> {
    let ok = (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    checked(text, ok, "the name of an account", "use at most 32 lower-case letters, digits, `_` and `-`")
}

/// The number of a user or group. The last one stands for nobody (chown(2)).
pub(crate) fn id(text: &str) -> Result<u32, Refusal> {
    let id = text.parse().ok().filter(|id| *id != u32::MAX);
    id.ok_or(Refusal::Invalid { expected: "the number of an account", hint: "write a whole number from 0 on" })
}

/// How often something is tried; systemd-boot takes any number, and nobody waits for more.
pub(crate) fn tries(text: &str) -> Result<u32, Refusal> {
    let tries = text.parse().ok().filter(|tries| (1..=99).contains(tries));
    tries.ok_or(Refusal::Invalid { expected: "a number of tries", hint: "write a whole number from 1 to 99: `3`" })
}

/// A field of `/etc/passwd`: one line without `:`.
pub(crate) fn account_field(text: &str) -> Result<String, Refusal> {
    let ok = !text.contains(':') && !text.chars().any(char::is_control);
    checked(text, ok, "a field of `/etc/passwd`", "leave out `:` and line breaks")
}

/// A field of fstab(5): blanks are written as `\040` there, so they are let through.
pub(crate) fn mount_field(text: &str) -> Result<String, Refusal> {
    let ok = !text.is_empty() && !text.chars().any(char::is_control);
    checked(text, ok, "a field of `/etc/fstab`", "write it as fstab(5) has it: `tmpfs`, `LABEL=data`, `noexec`")
}

/// One mount option.
pub(crate) fn mount_option(text: &str) -> Result<String, Refusal> {
    let ok = !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',');
    checked(text, ok, "a mount option", "write each on its own: `[\"nodev\", \"size=64m\"]`")
}

/// A setting of the kernel, as sysctl.d(5) names it.
pub(crate) fn sysctl_key(text: &str) -> Result<String, Refusal> {
    let ok = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/*:".contains(&b))
        && !text.split(['.', '/']).any(str::is_empty);
    checked(text, ok, "a setting of the kernel", "write it as sysctl(8) has it: `\"net.ipv4.ip_forward\"`")
}

/// The name of an interface, `*` standing for anything.
pub(crate) fn interface(text: &str) -> Result<String, Refusal> {
    let ok = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.*".contains(&b));
    checked(text, ok, "the name of a network interface", "write it as `eth0` or `en*`")
}

/// An address with the length of its prefix.
pub(crate) fn address_with_prefix(text: &str) -> Result<(IpAddr, u8), Refusal> {
    let read = || {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
    };
    read().ok_or(Refusal::Invalid { expected: "an address with its prefix", hint: "write it as `192.168.1.2/24`" })
}

/// A datasource of cloud-init. Which there are, the package in the image says.
pub(crate) fn datasource(text: &str) -> Result<String, Refusal> {
    let ok = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    checked(text, ok, "a datasource of cloud-init", "write it as cloud-init does: `NoCloud`, `Ec2`, `Azure`")
}

/// The name of a service of ours: also a file name under every init.
pub(crate) fn service(text: &str) -> Result<String, Refusal> {
    let ok = (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !text.ends_with(".service");
    checked(text, ok, "the name of a service", "use letters, digits, `-`, `_` and `.`, without `.service`: `k0sworker`")
}

/// The name of an environment variable (POSIX.1-2024, 8.1).
pub(crate) fn variable(text: &str) -> Result<String, Refusal> {
    let ok = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    checked(text, ok, "the name of an environment variable", "use letters, digits and `_`: `HTTP_PROXY`")
}

/// A value that may be empty, of one line.
pub(crate) fn value(text: &str) -> Result<String, Refusal> {
    checked(text, !text.chars().any(char::is_control), "a value", "write it on one line")
}

/// A limit: a number, or none.
pub(crate) fn limit(text: &str) -> Result<Limit, Refusal> {
    let hint = "write a whole number, or `\"unlimited\"`";
    match text {
        "unlimited" => Ok(Limit::Unlimited),
        // Beyond that it is RLIM_INFINITY to somebody.
        text => match text.parse() {
            Ok(number) if number <= i64::MAX.unsigned_abs() => Ok(Limit::Number(number)),
            _ => Err(Refusal::Invalid { expected: "a limit", hint }),
        },
    }
}

/// A share of the processors: `50%`, `150%`.
pub(crate) fn percent(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_suffix('%').and_then(|text| text.parse().ok()).filter(|n| (1..=100_000).contains(n));
    number.ok_or(Refusal::Invalid { expected: "a share of processors", hint: "write percents of one: `50%`, `150%`" })
}

/// A time: `500ms`, `5s`, `2min`.
pub(crate) fn duration(text: &str) -> Result<Duration, Refusal> {
    let units = [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)];
    let read = |&(unit, factor): &(&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(factor).filter(|ms| *ms <= 24 * 3_600_000).map(Duration::from_millis)
    };
    let hint = "write a whole number and a unit out of ms, s, min, h: `5s`";
    units.iter().find_map(read).ok_or(Refusal::Invalid { expected: "a time of at most a day", hint })
}

/// A requirement set: `boot`, `k0s-worker@1.36`.
pub(crate) fn set(text: &str) -> Result<String, Refusal> {
    if text.ends_with(".toml") {
        return host_path(text);
    }
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    let ok = match text.split_once('@') {
        Some((name, version)) => word(name) && word(version),
        None => word(text),
    };
    checked(
        text,
        ok,
        "the name of a requirement set",
        "write it as `boot` or `k0s-worker@1.36`, or name a file that ends in `.toml`",
    )
}

/// What a container engine calls an image: host, path and tag (distribution-spec, "Pulling manifests").
pub(crate) fn oci_reference(text: &str) -> Result<String, Refusal> {
    let part = |part: &str| {
        // Letters and digits, with one `.`, one `_` or two, or any number of `-` between them.
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends(part.chars().next())
            && ends(part.chars().next_back())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            && ["..", "._", "_.", "-.", ".-", "___", "-_", "_-"].iter().all(|wrong| !part.contains(wrong))
    };
    let host = |host: &str| {
        let (name, port) = host.split_once(':').unwrap_or((host, "1"));
        // A first part without `.`, port or `localhost` would be taken for a path at docker.io.
        let is_host = name == "localhost" || name.contains('.') || host.contains(':');
        is_host && host_name(name).is_ok() && port.parse::<u16>().is_ok()
    };
    let tag = |tag: &str| {
        (1..=128).contains(&tag.len())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && !tag.starts_with(['.', '-'])
    };
    let ok = text.len() <= 255
        && text.split_once('/').is_some_and(|(first, rest)| {
            let path_and_tag = rest.rsplit_once(':');
            host(first) && path_and_tag.is_some_and(|(path, last)| path.split('/').all(part) && tag(last))
        });
    checked(text, ok, "the name of a container image", "write it in full, host and tag too: `localhost/hello:1`")
}

/// A program or an argument: any text, an empty one too.
pub(crate) fn argument(text: &str) -> Result<String, Refusal> {
    checked(text, !text.contains('\0'), "an argument", "leave the NUL character out")
}

/// Who a container runs as: `nobody`, `65534`, `www-data:adm`, `0:0`.
pub(crate) fn oci_user(text: &str) -> Result<String, Refusal> {
    let name = |text: &str| {
        let numeric = text.bytes().all(|b| b.is_ascii_digit());
        !text.is_empty()
            && (!numeric || text.parse::<u32>().is_ok_and(|id| id < u32::MAX))
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !text.starts_with('-')
    };
    let ok = match text.split_once(':') {
        Some((user, group)) => name(user) && name(group),
        None => name(text),
    };
    checked(text, ok, "a user", "write it as `nobody`, `65534` or `www-data:www-data`")
}

/// A folder in the target that a program starts in; the root is one.
pub(crate) fn working_dir(text: &str) -> Result<TreePath, Refusal> {
    if text == "/" { Ok(TreePath::root()) } else { target_path(text) }
}

fn checked(text: &str, ok: bool, expected: &'static str, hint: &'static str) -> Result<String, Refusal> {
    if ok { Ok(text.to_owned()) } else { Err(Refusal::Invalid { expected, hint }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_three_or_four_octal_digits() {
        assert!(matches!(mode("0755"), Ok(0o755)));
        assert!(matches!(mode("4755"), Ok(0o4755)));
        for bad in ["", "75", "0o755", "0785", "07555", "+755", "rwxr-xr-x"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_in_the_image_starts_at_its_root_and_stays_there() {
        assert!(target_path("/usr/share/doc/").is_ok());
        for bad in ["", "/", "usr", "/usr/../etc", "/a\0b"] {
            assert!(target_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_starts_the_system_is_on_the_root() {
        for good in ["/var", "/var/lib/k0s", "/home/", "/data", "/usrlocal"] {
            assert!(data_mount(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "var", "/usr", "/usr/local", "/etc/k0s", "/boot", "/lib64", "/run/x", "/a b", "/a\nb"] {
            assert!(data_mount(bad).is_err(), "{bad:?}");
        }
        assert!(label("k0s-data_1.x").is_ok());
        for bad in ["", "a b", "seventeen-letters", "ä", "a/b"] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_word_of_the_command_line_has_blanks_only_in_quotes() {
        assert!(cmdline_word("console=ttyS0,115200n8").is_ok());
        assert!(cmdline_word("dyndbg=\"file a.c +p\"").is_ok());
        for bad in ["", "quiet splash", "a=\"b", "a\nb", "root=/dev/sda1"] {
            assert!(cmdline_word(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_name_is_made_of_labels() {
        for good in ["localhost", "node-1.example.org", "1and1"] {
            assert!(host_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", ".", "a.", "-a", "a-", "under_score", "sp ace", &long] {
            assert!(host_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_name_of_a_container_image_is_whole() {
        for good in ["localhost/hello:1", "registry.example.org:5000/a/b__c/d--e.f:v1.2_3-rc", "a:1/b:x"] {
            assert!(oci_reference(good).is_ok(), "{good}");
        }
        let long = format!("localhost/a:{}", "x".repeat(129));
        for bad in [
            "",
            "hello",
            "hello:1",
            "library/hello:1",
            "localhost/hello",
            "localhost/Hello:1",
            "localhost/a..b:1",
            "localhost/:1",
        ] {
            assert!(oci_reference(bad).is_err(), "{bad:?}");
        }
        for bad in
            ["localhost/a:", "localhost/a:-x", "localhost/a:b c", "localhost:port/a:1", "localhost/a_-b:1", &long]
        {
            assert!(oci_reference(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_container_runs_as_a_name_or_a_number() {
        for good in ["nobody", "65534", "0:0", "www-data:adm", "1000:users"] {
            assert!(oci_user(good).is_ok(), "{good}");
        }
        for bad in ["", ":", "a:", ":b", "a:b:c", "4294967295", "99999999999", "a b", "-a"] {
            assert!(oci_user(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_other_things() {
        assert!(mirror("https://mirror.invalid/debian").is_ok());
        assert!(mirror("ftp://mirror.invalid").is_err() && mirror("http://").is_err());
        assert!(set("k0s-worker@1.36").is_ok() && set("boot").is_ok());
        assert!(set("boot@").is_err() && set("").is_err() && set("a b").is_err());
        assert!(module("br_netfilter").is_ok() && module("kernel/fs/overlay.ko").is_err());
        assert!(unit("getty@ttyS0.service").is_ok() && unit("a/b").is_err());
        assert!(matches!(partition_size("minimal"), Ok(PartitionSize::Minimal)));
        assert!(partition_size("0MiB").is_err() && partition_size("64M").is_err());
    }
}
