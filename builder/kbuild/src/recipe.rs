//! What a kernel is built of, and how the kernel calls the architectures.

use rootsmith_tree::Blob;
use rootsmith_types::{Arch, Origin, PackageName, Sha256Digest, UnixTime, rfc3339};

/// Counts what we do with the same inputs: a change of it makes everything anew.
const VERSION: &str = "rootsmith kernel 1";

/// What a kernel is built of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The architecture it is for.
    pub arch: Arch,
    /// The package of the source, for messages.
    pub package: &'a PackageName,
    /// The archive in it, `linux-source-6.12.tar.xz`, whose digest is known.
    pub source: &'a Blob,
    /// The time of the source: the kernel says it was built then.
    pub date: UnixTime,
    /// What the configuration begins with.
    pub base: Base<'a>,
    /// What the fragments ask for, by symbol and value, the last word on each.
    pub wanted: &'a [(&'a str, &'a str)],
    /// Applied to the source in their order.
    pub patches: &'a [Patch<'a>],
    /// How many compilers run at a time.
    pub jobs: usize,
}

/// What a configuration begins with.
#[derive(Debug, Clone, Copy)]
pub enum Base<'a> {
    /// One of the kernel's own: `tinyconfig`, `defconfig`.
    Target(&'a str),
    /// A whole configuration.
    Text(&'a str),
}

/// A change of the source, as `diff -u` writes it.
#[derive(Debug, Clone, Copy)]
pub struct Patch<'a> {
    /// Where the profile names it.
    pub origin: &'a Origin,
    /// The file.
    pub name: &'a str,
    /// Its content.
    pub data: &'a [u8],
}

/// How the kernel's Makefile calls an architecture, and where it leaves things.
pub(crate) struct Target {
    /// `ARCH=`.
    pub(crate) arch: &'static str,
    /// Its folder below `arch/`.
    pub(crate) folder: &'static str,
    /// What is made, and the file it becomes.
    pub(crate) image: (&'static str, &'static str),
    /// How Debian calls that file in `/boot`, before the release.
    pub(crate) name: &'static str,
    /// Whether its boards are described by device trees.
    pub(crate) device_trees: bool,
}

impl Target {
    pub(crate) fn of(arch: Arch) -> Target {
        match arch {
            Arch::Amd64 => Target {
                arch: "x86_64",
                folder: "x86",
                image: ("bzImage", "arch/x86/boot/bzImage"),
                name: "vmlinuz",
                device_trees: false,
            },
            Arch::Arm64 => Target {
                arch: "arm64",
                folder: "arm64",
                image: ("Image", "arch/arm64/boot/Image"),
                name: "vmlinuz",
                device_trees: true,
            },
            Arch::Armhf => Target {
                arch: "arm",
                folder: "arm",
                image: ("zImage", "arch/arm/boot/zImage"),
                name: "vmlinuz",
                device_trees: true,
            },
            Arch::Riscv64 => Target {
                arch: "riscv",
                folder: "riscv",
                image: ("Image", "arch/riscv/boot/Image"),
                name: "vmlinux",
                device_trees: true,
            },
        }
    }
}

/// What the kernel's Kconfig files find in their environment for an architecture.
pub fn variables(arch: Arch) -> [(&'static str, &'static str); 2] {
    let target = Target::of(arch);
    [("ARCH", target.arch), ("SRCARCH", target.folder)]
}

impl Input<'_> {
    /// What the kernel says of its making, instead of who made it, where and when.
    pub(crate) fn signature(&self) -> [(&'static str, String); 4] {
        [
            ("KBUILD_BUILD_TIMESTAMP", rfc3339(self.date)),
            ("KBUILD_BUILD_USER", "rootsmith".to_owned()),
            ("KBUILD_BUILD_HOST", "rootsmith".to_owned()),
            ("KBUILD_BUILD_VERSION", "1".to_owned()),
        ]
    }

    /// The digest of what goes into the configuration, but for the toolchain.
    pub(crate) fn configuration_key(&self) -> Sha256Digest {
        let mut key = self.key("configuration");
        match self.base {
            Base::Target(target) => key.add(b"target", target.as_bytes()),
            Base::Text(text) => key.add(b"text", text.as_bytes()),
        }
        for (symbol, value) in self.wanted {
            key.add(symbol.as_bytes(), value.as_bytes());
        }
        key.digest()
    }

    /// The digest of what goes into the kernel.
    pub(crate) fn kernel_key(&self, configuration: &str, toolchain: &str) -> Sha256Digest {
        let mut key = self.key("kernel");
        key.add(b"date", &self.date.to_le_bytes());
        key.add(b"configuration", configuration.as_bytes());
        key.add(b"toolchain", toolchain.as_bytes());
        key.digest()
    }

    fn key(&self, what: &str) -> Key {
        let mut key = Key(VERSION.as_bytes().to_vec());
        key.add(b"what", what.as_bytes());
        key.add(b"arch", self.arch.debian().as_bytes());
        key.add(b"source", &source_digest(self.source));
        for patch in self.patches {
            key.add(b"patch", patch.data);
        }
        key
    }
}

/// The bytes that name the source in a key.
pub(crate) fn source_digest(source: &Blob) -> Vec<u8> {
    // A file of a package always has one; without it nothing would be found again.
    source.digest.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec())
}

/// A digest of named parts, each with its length: no two lists of parts look alike.
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(what: &str) -> Key {
        Key(format!("{VERSION} {what}").into_bytes())
    }

    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        for part in [name, value] {
            self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.0.extend_from_slice(part);
        }
    }

    pub(crate) fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.0)
    }
}
