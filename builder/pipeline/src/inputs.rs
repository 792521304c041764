//! What can be wrong between the steps.

use std::fmt;
use std::path::PathBuf;

use rootsmith_secureboot::SecureBootError;
use rootsmith_tree::{SplitError, TreeError};
use rootsmith_types::{Arch, Blame, Explain, InvalidPath, Origin, PackageName, Sha256Digest, Subject, TreePath};

/// What takes the number of tries off the name of an entry that came up.
pub(crate) const BLESS: &str = "/usr/lib/systemd/systemd-bless-boot";

/// An input that no single step can judge.
#[derive(Debug, Clone)]
pub(crate) enum InputError {
    /// The profile names no architecture.
    NoArchitecture,
    /// The kernel of the profile comes as a package.
    NoKernelSource,
    /// The lock has no section for this architecture.
    NotLocked {
        /// The architecture.
        arch: Arch,
    },
    /// A package that booting needs is not in the distribution.
    NoBootPackage {
        /// The package.
        name: String,
    },
    /// A file of the package that booting needs is not in it.
    NoBootFile {
        /// The package.
        name: PackageName,
        /// The file.
        path: String,
    },
    /// A package that the board's firmware or boot ROM needs something of is not in the distribution.
    NoBoardPackage {
        /// Where it is asked for.
        origin: Origin,
        /// The package.
        package: PackageName,
    },
    /// A file of such a package is not in it.
    NotInPackage {
        /// Where it is asked for.
        origin: Origin,
        /// The package.
        package: PackageName,
        /// The file.
        path: String,
    },
    /// The kernel's package has no such device tree.
    NoDeviceTree {
        /// Where it is named.
        origin: Origin,
        /// As it is named.
        name: String,
        /// Where it was looked for.
        folder: TreePath,
        /// What is there instead.
        near: Vec<String>,
    },
    /// A file of the user's own cannot be used.
    OwnFile {
        /// Where it is named.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A certificate, a key or what they sign.
    SecureBoot {
        /// Where it is named.
        origin: Origin,
        /// What is wrong.
        error: SecureBootError,
        /// What to do.
        help: &'static str,
    },
    /// A file of the user's own has other bytes than the profile says.
    OwnFileDigest {
        /// Where the digest is written.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// As written.
        wanted: Sha256Digest,
        /// As found.
        found: Sha256Digest,
    },
    /// `signed-by` does not name usable certificates.
    Keyring {
        /// Where it is written.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A partition grows, but nothing in the image would do it.
    NothingGrows {
        /// What would do.
        instead: &'static str,
        /// The partition.
        origin: Origin,
    },
    /// A part of the tree cannot lie on a partition of its own.
    Part {
        /// `mount` of the partition.
        origin: Origin,
        /// Why not.
        error: SplitError,
    },
    /// The kernel cannot read the initramfs that is asked for.
    NoInitramfs {
        /// Where it is asked for.
        origin: Origin,
        /// The kernel.
        release: String,
        /// What its configuration does not have.
        option: &'static str,
        /// A compression that it does read.
        instead: Option<&'static str>,
    },
    /// A system that is an initramfs has no init.
    NothingToStart {
        /// The output.
        origin: Origin,
    },
    /// A system that is an initramfs looks like one that leads to another.
    TakenForInitrd {
        /// The output.
        origin: Origin,
        /// What makes it look so.
        path: &'static str,
    },
    /// Tries of a boot are counted, but nothing in the image would say that one was good.
    NothingBlesses {
        /// `boot-tries`.
        origin: Origin,
    },
    /// Nothing in the image tells its version.
    NoRelease {
        /// `image.version`.
        origin: Origin,
        /// Why not.
        reason: String,
    },
    /// Where kernel images are, another one has no room.
    NoRoomForNext {
        /// The size.
        origin: Origin,
    },
    /// What lays dm-verity over the root is not in the image, or does not run.
    NoDmsetup {
        /// `verity`.
        origin: Origin,
        /// What is missing.
        reason: String,
    },
    /// A container of the image would start a program that it cannot start.
    ContainerProgram {
        /// Where it is named.
        origin: Origin,
        /// The program.
        program: String,
        /// Why not.
        reason: &'static str,
    },
    /// A container of the image would run as somebody the image does not know.
    ContainerAccount {
        /// Where it is named.
        origin: Origin,
        /// `user`, `group`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The list that does not have it.
        list: &'static str,
    },
    /// A container of the image would start in what is no folder.
    ContainerFolder {
        /// Where it is named.
        origin: Origin,
        /// The path.
        path: TreePath,
    },
    /// A name the builder makes is too long for a path.
    Path(InvalidPath),
    /// A file the builder adds cannot be put where it belongs, or one it needs is missing.
    Tree(TreeError),
    /// The cache has lost bytes; the file was removed.
    CacheDamaged {
        /// The file.
        path: PathBuf,
    },
    /// An image that was read back is not what was to be written: our fault.
    ReadBack {
        /// The output's file.
        file: String,
        /// What differs.
        difference: String,
    },
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::NoArchitecture => f.write_str("the profile names no architecture"),
            InputError::NoKernelSource => f.write_str("the profile has no kernel that is built from source"),
            InputError::NotLocked { arch } => write!(f, "the lock has no section for {arch}"),
            InputError::NoBootPackage { name } => {
                write!(f, "the distribution has no package `{name}`, which booting needs")
            }
            InputError::NoBootFile { name, path } => {
                write!(f, "package `{name}` has no `{path}`, which booting needs")
            }
            InputError::NoBoardPackage { package, .. } => {
                write!(f, "the distribution has no package `{package}`, which the board boots from")
            }
            InputError::NotInPackage { package, path, .. } => write!(f, "package `{package}` has no `{path}`"),
            InputError::NoDeviceTree { name, folder, .. } => {
                write!(f, "the kernel's package has no device tree `{name}` in `{folder}`")
            }
            InputError::OwnFile { path, reason, .. } => write!(f, "`{}` cannot be used: {reason}", path.display()),
            InputError::SecureBoot { error, .. } => write!(f, "{error}"),
            InputError::OwnFileDigest { path, found, .. } => {
                write!(f, "`{}` has SHA-256 {found}", path.display())
            }
            InputError::Keyring { path, reason, .. } => {
                write!(f, "`{}` holds no usable certificates: {reason}", path.display())
            }
            InputError::NothingGrows { .. } => {
                f.write_str("the partition is to grow on first boot, but nothing in the image would do it")
            }
            InputError::Part { error: SplitError::Path(error), .. } => {
                write!(f, "no partition can be mounted there: {error}")
            }
            InputError::Part { error, .. } => {
                write!(f, "{error}, which no two partitions can share")
            }
            InputError::NoInitramfs { release, option, .. } => {
                write!(f, "kernel {release} would not read the initramfs: it was built without `CONFIG_{option}`")
            }
            InputError::NothingToStart { .. } => {
                f.write_str("the initramfs has neither `/init` nor `/sbin/init` for the kernel to start")
            }
            InputError::TakenForInitrd { path, .. } => {
                write!(f, "the initramfs is the whole system, but `{path}` says that another one follows")
            }
            InputError::NothingBlesses { .. } => {
                write!(f, "tries of a boot are counted, but the image has no `{BLESS}` to say that one was good")
            }
            InputError::NoRelease { reason, .. } => {
                write!(f, "the image has no `/etc/os-release` to have its version in: {reason}")
            }
            InputError::NoRoomForNext { .. } => {
                f.write_str("the partition has no room for the kernel image of the next version beside this one")
            }
            InputError::NoDmsetup { reason, .. } => {
                write!(f, "the initramfs cannot take `dmsetup` out of the image: {reason}")
            }
            InputError::ContainerProgram { program, reason, .. } => {
                write!(f, "a container of the image cannot start `{program}`: {reason}")
            }
            InputError::ContainerAccount { what, name, list, .. } => {
                write!(f, "a container of the image cannot run as {what} `{name}`: it is not in `{list}`")
            }
            InputError::ContainerFolder { path, .. } => {
                write!(f, "a container of the image cannot start in `{path}`: it is no folder")
            }
            InputError::Path(error) => write!(f, "the image cannot be made bootable: {error}"),
            InputError::Tree(error) => write!(f, "the image cannot be made bootable: {error}"),
            InputError::CacheDamaged { path } => {
                write!(
                    f,
                    "`{}` in the cache is damaged: it no longer holds the bytes that were put there",
                    path.display()
                )
            }
            InputError::ReadBack { file, difference } => {
                write!(f, "internal error: `{file}` reads back differently: {difference}")
            }
        }
    }
}

impl std::error::Error for InputError {}

impl Explain for InputError {
    fn subject(&self) -> Subject {
        match self {
            InputError::NoBootFile { name, .. } => Subject::Package(name.clone()),
            InputError::Keyring { origin, .. }
            | InputError::NoBoardPackage { origin, .. }
            | InputError::NotInPackage { origin, .. }
            | InputError::NoDeviceTree { origin, .. }
            | InputError::OwnFile { origin, .. }
            | InputError::SecureBoot { origin, .. }
            | InputError::OwnFileDigest { origin, .. }
            | InputError::NothingGrows { origin, .. }
            | InputError::Part { origin, .. }
            | InputError::NoInitramfs { origin, .. }
            | InputError::NothingToStart { origin }
            | InputError::TakenForInitrd { origin, .. }
            | InputError::NothingBlesses { origin }
            | InputError::NoRelease { origin, .. }
            | InputError::NoRoomForNext { origin }
            | InputError::NoDmsetup { origin, .. }
            | InputError::ContainerProgram { origin, .. }
            | InputError::ContainerAccount { origin, .. }
            | InputError::ContainerFolder { origin, .. } => Subject::Profile(origin.clone()),
            InputError::Tree(
                TreeError::NotFound(path)
                | TreeError::NotADirectory(path)
                | TreeError::IsADirectory(path)
                | TreeError::TooManyLinks(path),
            ) => Subject::Path(path.clone()),
            _ => Subject::Host,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            InputError::NoKernelSource => {
                Some("add `source` and `base` to `[kernel]`, or read `/boot/config-*` of its package".to_owned())
            }
            InputError::NotLocked { arch } => Some(format!("run `rootsmith lock --arch {arch}` on the profile")),
            InputError::NoBoardPackage { .. } => {
                Some("check its name, and whether `distribution.components` has its component".to_owned())
            }
            InputError::NotInPackage { package, .. } => {
                Some(format!("`dpkg-deb --contents` on the archive of `{package}` lists what it has"))
            }
            InputError::NoDeviceTree { near, .. } if near.is_empty() => {
                Some("check its name and its vendor's folder, and that `packages.drop` leaves it in".to_owned())
            }
            InputError::NoDeviceTree { near, .. } => Some(format!("there are {}", near.join(", "))),
            InputError::OwnFileDigest { wanted, .. } => {
                Some(format!("the profile wants {wanted}: take that file, or write the digest of this one"))
            }
            InputError::NothingGrows { instead, .. } => Some((*instead).to_owned()),
            InputError::Part { error: SplitError::Path(_), .. } => {
                Some("name a folder by its own path, without links on the way".to_owned())
            }
            InputError::Part { error: SplitError::Shared { .. }, .. } => Some(
                "mount it where both are below, or let an overlay bring one of them as a file of its own".to_owned(),
            ),
            InputError::NoInitramfs { instead: Some(instead), .. } => {
                Some(format!("write `compression = \"{instead}\"`"))
            }
            InputError::NoInitramfs { .. } => Some("name another kernel package, or make a `disk`".to_owned()),
            InputError::NothingToStart { .. } => {
                Some("add the package of an init, `systemd-sysv` or `busybox-static`, to `packages.include`".to_owned())
            }
            InputError::TakenForInitrd { .. } => Some("leave it out of the overlay that brings it".to_owned()),
            InputError::SecureBoot { help, .. } => Some((*help).to_owned()),
            InputError::NothingBlesses { .. } => {
                Some("add `systemd-boot` to `packages.include`, or leave `boot-tries` out".to_owned())
            }
            InputError::NoRelease { .. } => Some("add `base-files` to `packages.include`".to_owned()),
            InputError::NoRoomForNext { .. } => Some("make it larger: `size = \"256MiB\"`".to_owned()),
            InputError::NoDmsetup { .. } => Some(
                "`verity` brings the package; where `dependencies` are left out, add those with its libraries"
                    .to_owned(),
            ),
            InputError::ContainerProgram { .. } => {
                Some("name a program by its path in the image, or add the package that has it".to_owned())
            }
            InputError::ContainerAccount { .. } => {
                Some("name an account that the image has, or write its number: `user = \"65534:65534\"`".to_owned())
            }
            InputError::ContainerFolder { .. } => {
                Some("name a folder; one that does not exist is made when the container starts".to_owned())
            }
            InputError::CacheDamaged { .. } => Some(
                "it was removed: run the build again; if this comes back, check the host's disk and memory".to_owned(),
            ),
            InputError::ReadBack { .. } => Some("please report this, with the profile and its lock".to_owned()),
            _ => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            InputError::CacheDamaged { .. } => Blame::Host,
            InputError::ReadBack { .. } => Blame::Ours,
            _ => Blame::Inputs,
        }
    }
}
