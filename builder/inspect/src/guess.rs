//! What some bytes are, by what they begin with.

use rootsmith_tree::{Blobs, Node, Tree};
use rootsmith_types::{Arch, TreePath};

use crate::{OpenError, Source, Volume, erofs, ext4, fat, squashfs};

/// A file system, readable or only known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    Ext4,
    Fat,
    Squashfs,
    Erofs,
    /// Its name, as `blkid` prints it.
    Other(&'static str),
}

impl Guess {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Guess::Ext4 => "ext4",
            Guess::Fat => "vfat",
            Guess::Squashfs => "squashfs",
            Guess::Erofs => "erofs",
            Guess::Other(name) => name,
        }
    }
}

/// Magic numbers of what we do not read: offset, bytes, name.
const OTHERS: [(u64, &[u8], &str); 7] = [
    (0, b"XFSB", "xfs"),
    (0x1_0040, b"_BHRfS_M", "btrfs"),
    (0, b"LUKS\xba\xbe", "crypto_LUKS"),
    (0x218, b"LVM2 001", "LVM2_member"),
    (0xff6, b"SWAPSPACE2", "swap"),
    (0x400, &[0x10, 0x20, 0xf5, 0xf2], "f2fs"),
    (0x8001, b"CD001", "iso9660"),
];

/// Which file system it is; `None` when none that has a name here.
pub(crate) fn guess(source: &Source) -> Option<Guess> {
    if ext4::is(source) {
        return Some(Guess::Ext4);
    }
    if squashfs::is(source) {
        return Some(Guess::Squashfs);
    }
    if erofs::is(source) {
        return Some(Guess::Erofs);
    }
    let other = OTHERS.iter().find(|(offset, magic, _)| {
        let mut found = vec![0; magic.len()];
        source.read_at(*offset, &mut found).is_ok() && found == *magic
    });
    other.map(|(_, _, name)| Guess::Other(name)).or_else(|| fat::is(source).then_some(Guess::Fat))
}

/// Opens the file system; `None` when it is none that can be read.
pub(crate) fn open(source: &Source) -> Result<Option<Volume>, OpenError> {
    match guess(source) {
        Some(Guess::Ext4) => ext4::open(source).map(Some),
        Some(Guess::Squashfs) => squashfs::open(source).map(Some),
        Some(Guess::Erofs) => erofs::open(source).map(Some),
        Some(Guess::Fat) => fat::open(source).map(Some),
        Some(Guess::Other(_)) | None => Ok(None),
    }
}

/// What bytes are that are no image: for a message.
pub(crate) fn describe(source: &Source) -> String {
    /// So much is shown.
    const HEAD: usize = 16;
    if source.size() == 0 {
        return "an empty file".to_owned();
    }
    if let Some(guess) = guess(source) {
        return format!("a file system `{}`, which cannot be read yet", guess.name());
    }
    let mut head = vec![0; HEAD.min(usize::try_from(source.size()).unwrap_or(HEAD))];
    if source.read_at(0, &mut head).is_err() {
        return "unreadable".to_owned();
    }
    let known: [(&[u8], &str); 5] = [
        (b"\x7fELF", "an ELF program"),
        (b"MZ", "a program for UEFI or Windows"),
        (b"PK\x03\x04", "a zip archive"),
        (b"conectix", "the beginning of a VHD disk, whose end is missing"),
        (b"!<arch>\n", "an ar archive, as a `.deb` is"),
    ];
    match known.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, name)) => (*name).to_owned(),
        None if head.iter().all(|&byte| byte == 0) => format!("{} bytes that begin with zeros", source.size()),
        None => format!("{} bytes that begin with `{}`", source.size(), head.escape_ascii()),
    }
}

/// The architecture of the first of the usual programs that is there.
pub(crate) fn arch(tree: &Tree, blobs: &dyn Blobs) -> Option<Arch> {
    const PROGRAMS: [&str; 6] =
        ["/sbin/init", "/usr/lib/systemd/systemd", "/bin/sh", "/usr/bin/env", "/bin/busybox", "/usr/sbin/init"];
    PROGRAMS.into_iter().find_map(|program| {
        let content = tree.lookup(&TreePath::literal(program)).and_then(Node::content)?;
        let mut head = [0; 20];
        content.read_at(blobs, 0, &mut head).ok()?;
        // ELF: class at 4, byte order at 5, machine at 18 (gABI, "ELF Header").
        let is_64_bit = head[4] == 2;
        let machine = u16::from_le_bytes([head[18], head[19]]);
        let fits = |arch: &Arch| arch.elf_machine() == machine && arch.is_64_bit() == is_64_bit;
        (head.starts_with(b"\x7fELF") && head[5] == 1).then(|| Arch::ALL.into_iter().find(fits))?
    })
}
