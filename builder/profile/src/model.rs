//! A profile after merging: what every later step reads.
//!
//! A value that nobody wrote is a default; its origin is the table it would stand in, or the start of the entry profile.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_types::{Arch, Located, Origin, PackageName, TreePath};

mod board;
mod by_arch;
mod cpio;
mod disk;
mod disk_format;
mod erofs;
mod kernel;
mod machine;
mod oci;
mod partition;
mod payload;
mod secure_boot;
mod service;
mod squashfs;

pub use board::{Board, Firmware, Piece, RawBlob, SECTOR};
pub use by_arch::ByArch;
pub use cpio::{Cpio, CpioCompression};
pub use disk::{BootMethod, Disk, PartitionTable};
pub use disk_format::DiskFormat;
pub use erofs::{Erofs, ErofsCompression};
pub use kernel::{KernelBase, KernelPatch, KernelSource};
pub use machine::{CloudInit, CloudNetwork, Group, Interface, Mount, Network, NetworkManager, User};
pub use oci::Oci;
pub use partition::{Partition, PartitionKind, PartitionSize, RootFilesystem, Writable};
pub use payload::{Account, Member, Payload, PayloadKind, Source, Unpacking};
pub use secure_boot::{BootSigner, Enroll, SecureBoot};
pub use service::{CgroupLimits, KillMode, Limit, Resource, Restart, Service};
pub use squashfs::{Squashfs, SquashfsCompression};

/// A merged profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// `board`: the machine the image is for, out of the file that describes it.
    pub board: Option<Board>,
    /// `[image]`.
    pub image: Image,
    /// `[distribution]`.
    pub distribution: Distribution,
    /// `[packages]`.
    pub packages: Packages,
    /// `[kernel]`; a tree without one cannot be a bootable disk.
    pub kernel: Option<Kernel>,
    /// `[init]`.
    pub init: Init,
    /// `[cgroups]`.
    pub cgroups: Cgroups,
    /// `[hosts]`, in the order written.
    pub hosts: Vec<Host>,
    /// `[identity]`.
    pub identity: Identity,
    /// `[[user]]`.
    pub users: Vec<User>,
    /// `[[group]]`.
    pub groups: Vec<Group>,
    /// `[[mount]]`.
    pub mounts: Vec<Mount>,
    /// `[sysctl]`, in the order written: the key as sysctl.d(5) has it, and its value.
    pub sysctl: Vec<(Located<String>, Located<String>)>,
    /// `[network]`.
    pub network: Network,
    /// `[cloud-init]`.
    pub cloud_init: Option<CloudInit>,
    /// `[[service]]`.
    pub services: Vec<Service>,
    /// `[[payload]]`.
    pub payloads: Vec<Payload>,
    /// `[[overlay]]`.
    pub overlays: Vec<Overlay>,
    /// `[scripts]`: maintainer scripts whose effect the profile answers for.
    pub scripts: Vec<ScriptAnswer>,
    /// `[preflight]`.
    pub preflight: Preflight,
    /// `[[blob]]`: what lies on a disk outside its partitions.
    pub blobs: Vec<RawBlob>,
    /// `[[firmware]]`: files for the partition that firmware reads.
    pub firmware: Vec<Firmware>,
    /// `[secure-boot]`.
    pub secure_boot: Option<SecureBoot>,
    /// `[update]`.
    pub update: Option<Update>,
    /// `[[output]]`.
    pub outputs: Vec<Output>,
    /// Every file that was read to make this profile (profiles and fragments), the entry first, with its text: for messages.
    pub files: Vec<Text>,
}

/// A file's name and its text.
pub type Text = (Arc<Path>, Arc<str>);

/// `[image]`.
#[derive(Debug, Clone)]
pub struct Image {
    /// Lower-case letters, digits and `-`; the outputs are named after it.
    pub name: Located<String>,
    /// `version`: `IMAGE_VERSION` of os-release(5).
    pub version: Option<Located<String>>,
    /// Not empty; the first is the default.
    pub arch: Vec<Located<Arch>>,
}

impl Image {
    /// `NAME_VERSION`: what partitions and files of one of two slots are called.
    pub fn slot_name(&self) -> String {
        let version = self.version.as_ref().map_or("", |version| version.value.as_str());
        format!("{}_{version}", self.name.value)
    }
}

/// `[update]`: where a machine with two slots looks for another version of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// `source`: a web server's folder, or one of the machine.
    pub source: Located<String>,
    /// The table.
    pub origin: Origin,
}

/// `[distribution]`.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// `debian`.
    pub id: Located<DistributionId>,
    /// `trixie`.
    pub suite: Located<String>,
    /// `mirror = "http://…"`: the main archive; overrides flags and the host's configuration.
    pub mirror: Option<Located<String>>,
    /// `security-mirror = "http://…"`: the security archive.
    pub security_mirror: Option<Located<String>>,
    /// `pockets`: which of `updates` and `security` are used beside the suite itself; both by default.
    pub pockets: Vec<Located<Pocket>>,
    /// `components`, `["main"]` by default.
    pub components: Vec<Located<String>>,
    /// `signed-by`: OpenPGP certificates (armoured or binary) that replace the built-in ones; resolved against the profile's
    /// folder.
    pub signed_by: Option<Located<PathBuf>>,
}

/// Which distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistributionId {
    /// Debian.
    Debian,
}

/// A suite that stands beside the main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pocket {
    /// `SUITE-updates`, in the main archive.
    Updates,
    /// `SUITE-security`, in the security archive.
    Security,
}

/// `[packages]`.
#[derive(Debug, Clone)]
pub struct Packages {
    /// Asked for by name.
    pub include: Vec<Located<PackageName>>,
    /// Whether the packages that the distribution marks as essential come by themselves, as they do by default.
    pub essential: bool,
    /// Whether what packages depend on comes with them, as it does by default. Without it the image has exactly what is
    /// named, and of the kernel's package the image it stands for.
    pub dependencies: bool,
    /// Whether `Recommends` are followed; only `false` is supported today.
    pub recommends: bool,
    /// Paths left out of the image with all that is below them; licences (`/usr/share/doc/*/copyright`) are kept.
    pub drop: Vec<Located<TreePath>>,
    /// `prefer = { "/usr/bin/awk" = "gawk" }`: who wins when two packages bring one path.
    pub prefer: Vec<(Located<TreePath>, Located<PackageName>)>,
    /// `database`: what the image says of its packages. By default dpkg's own database where dpkg is among them, and none
    /// where it is not.
    pub database: Option<Located<Database>>,
    /// `caches`: who makes the caches and indexes that scripts would have a program make. By default those that nothing works
    /// without are made on the first boot, and the others are left out.
    pub caches: Option<Located<Caches>>,
}

/// What becomes of byte code, and of the indexes of manual and info pages, fonts, icons, MIME types, schemas and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// None is made: whoever misses one makes it, or does without.
    LeftOut,
    /// dpkg has all of them made when the machine boots for the first time.
    FirstBoot,
}

/// What an image says of the packages it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// `/var/lib/dpkg` as dpkg would have left it.
    Dpkg,
    /// `/var/lib/dpkg/status.d`, a file for each package: for scanners alone, as distroless images have it.
    StatusD,
    /// Nothing.
    None,
}

/// `[kernel]`.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The package (or a meta package that depends on it); see [`Kernel::package_for`]. None where there is a `source`.
    pub package: ByArch<PackageName>,
    /// What to build a kernel of, instead of taking a package's.
    pub source: Option<KernelSource>,
    /// Configuration fragments that must come out as asked; see [`Kernel::fragments_for`].
    pub fragments: Vec<Fragment>,
    /// Words of the kernel command line; `root=` is ours to add. See [`Kernel::cmdline_for`].
    pub cmdline: Vec<ByArch<String>>,
    /// Modules loaded at boot (`/etc/modules-load.d`).
    pub modules: Vec<Located<String>>,
    /// `initramfs = { modules = […] }`: modules the initramfs needs beyond those the root file system and disk drivers
    /// imply.
    pub initramfs_modules: Vec<Located<String>>,
}

impl Kernel {
    /// The package for `arch`; there is one for every architecture in [`Image::arch`].
    pub fn package_for(&self, arch: Arch) -> Option<&Located<PackageName>> {
        self.package.get(arch)
    }

    /// The fragments that a kernel for `arch` must satisfy.
    pub fn fragments_for(&self, arch: Arch) -> impl Iterator<Item = &Fragment> {
        self.fragments.iter().filter(move |fragment| fragment.arch.is_none_or(|only| only == arch))
    }

    /// The words of the command line for `arch`.
    pub fn cmdline_for(&self, arch: Arch) -> impl Iterator<Item = &Located<String>> {
        self.cmdline.iter().filter_map(move |word| word.get(arch))
    }

    /// The terminal that `/dev/console` is on `arch`: `ttyS0` for a last word `console=ttyS0,115200`.
    pub fn console_for(&self, arch: Arch) -> Option<&str> {
        let words = self.cmdline_for(arch).filter_map(|word| word.value.strip_prefix("console="));
        words.last().map(|device| device.split(',').next().unwrap_or(device))
    }
}

/// One configuration fragment, in the kernel's own syntax.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The only architecture it is for, if there is one.
    pub arch: Option<Arch>,
    /// Where the profile names it.
    pub origin: Origin,
    /// The file, as named to the user.
    pub file: Arc<Path>,
    /// Its text.
    pub text: Arc<str>,
}

/// `[init]`.
#[derive(Debug, Clone)]
pub struct Init {
    /// Which init is PID 1.
    pub system: Located<InitSystem>,
    /// Services to enable beyond what the packages enable: `ssh` or `ssh.service`.
    pub enable: Vec<Located<String>>,
    /// Services to disable although a package enables them.
    pub disable: Vec<Located<String>>,
}

/// An init system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitSystem {
    /// systemd.
    Systemd,
    /// sysvinit as PID 1, OpenRC as what starts services.
    Openrc,
    /// BusyBox's init and nothing else.
    Busybox,
}

impl InitSystem {
    /// As the profile spells it.
    pub const fn name(self) -> &'static str {
        match self {
            InitSystem::Systemd => "systemd",
            InitSystem::Openrc => "openrc",
            InitSystem::Busybox => "busybox",
        }
    }
}

/// `[cgroups]`.
#[derive(Debug, Clone)]
pub struct Cgroups {
    /// Which hierarchy is mounted.
    pub hierarchy: Located<Hierarchy>,
    /// Controllers that must be usable.
    pub controllers: Vec<Located<String>>,
}

/// A cgroup hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hierarchy {
    /// Version 2 alone, at `/sys/fs/cgroup`.
    Unified,
    /// Version 1 with the declared controllers, and version 2 without any at `/sys/fs/cgroup/unified`.
    Hybrid,
    /// Version 1 alone, each declared controller below `/sys/fs/cgroup`.
    Legacy,
}

impl Hierarchy {
    /// As the profile spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Hierarchy::Unified => "unified",
            Hierarchy::Hybrid => "hybrid",
            Hierarchy::Legacy => "legacy",
        }
    }
}

/// One line of `/etc/hosts`.
#[derive(Debug, Clone)]
pub struct Host {
    /// The address.
    pub address: Located<IpAddr>,
    /// Its names, the first one canonical.
    pub names: Vec<Located<String>>,
}

/// `[identity]`: what must differ per machine is made on first boot.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `machine-id = "first-boot"`.
    pub machine_id: Located<FirstBoot>,
    /// `ssh-host-keys = "first-boot"`.
    pub ssh_host_keys: Located<FirstBoot>,
    /// `random-seed = "first-boot"`.
    pub random_seed: Located<FirstBoot>,
    /// `hostname = "node"`; the image's name by default. Each `?` becomes a hexadecimal digit of the machine's own on first
    /// boot: `"node-????"`.
    pub hostname: Option<Located<String>>,
}

impl Profile {
    /// The hostname, or the pattern of one.
    pub fn hostname(&self) -> &Located<String> {
        self.identity.hostname.as_ref().unwrap_or(&self.image.name)
    }
}

/// When an identity comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBoot {
    /// On the machine's first boot.
    FirstBoot,
}

/// One `[[overlay]]`: a folder laid over the packages' files.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// The folder, resolved as a payload's path is.
    pub source: Located<PathBuf>,
}

/// `scripts = { "pkg" = { ignore = "reason" } }`, or `first-boot` in place of `ignore`.
#[derive(Debug, Clone)]
pub struct ScriptAnswer {
    /// The package.
    pub package: Located<PackageName>,
    /// What becomes of its own code.
    pub answer: Answer,
    /// Why.
    pub reason: Located<String>,
}

/// What becomes of scripts that are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They need not run.
    Ignore,
    /// dpkg runs them on the machine's first boot.
    FirstBoot,
}

/// `[preflight]`.
#[derive(Debug, Clone)]
pub struct Preflight {
    /// Requirement sets, `name`, `name@version`, or the name of a file that ends in `.toml`.
    pub sets: Vec<Located<String>>,
    /// The texts of those files, each under the name in `sets`.
    pub set_files: BTreeMap<String, String>,
    /// Findings the profile accepts.
    pub accept: Vec<Accept>,
}

/// One accepted finding.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The check's identifier.
    pub check: Located<String>,
    /// Why.
    pub reason: Located<String>,
}

/// One `[[output]]`.
#[derive(Debug, Clone)]
pub struct Output {
    /// The whole table.
    pub origin: Origin,
    /// What it is.
    pub kind: OutputKind,
}

/// What an output is.
#[derive(Debug, Clone)]
pub enum OutputKind {
    /// `kind = "disk"`.
    Disk(Disk),
    /// `kind = "tar"`: `NAME-ARCH.rootfs.tar.zst`.
    Tar,
    /// `kind = "oci"`: `NAME-ARCH.oci.tar`.
    Oci(Oci),
    /// `kind = "squashfs"`: `NAME-ARCH.squashfs`.
    Squashfs(Squashfs),
    /// `kind = "erofs"`: `NAME-ARCH.erofs`.
    Erofs(Erofs),
    /// `kind = "cpio"`: `NAME-ARCH.vmlinuz` and `NAME-ARCH.initrd.zst`.
    Cpio(Cpio),
}

impl OutputKind {
    /// The disk, where it is one.
    pub fn disk(&self) -> Option<&Disk> {
        match self {
            OutputKind::Disk(disk) => Some(disk),
            _ => None,
        }
    }
}
