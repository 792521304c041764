//! What the tests of all readers need: a folder with a bit of everything, other people's tools, and trees as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use rootsmith_tree::{Content, NodeKind};
use rootsmith_types::{Sha256Digest, TreePath};

use crate::{FileSource, OpenError, ReadAt, Source, Volume};

/// Runs a judge; `None` when it is not installed, which is an error where `REQUIRE_ORACLES` is set.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(tool).args(arguments).output() {
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{tool} {arguments:?}: {text}");
            Some(text)
        }
        Err(error) => {
            skip(&format!("{tool}: {error}"));
            None
        }
    }
}

/// Says what the host does not have, which is an error where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{what}");
    println!("skipped: {what}");
}

/// A path as a tool's argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An image file as a source.
pub(crate) fn source(path: &Path) -> Source {
    Arc::new(FileSource::new(File::open(path).unwrap()).unwrap())
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..length).map(step).collect()
}

/// Files every format can hold: long names, directories in directories, many names in one, empty and large contents.
pub(crate) fn plain_folder(dir: &Path) {
    for sub in ["etc", "usr/share/doc/a", "many"] {
        fs::create_dir_all(dir.join(sub)).unwrap();
    }
    fs::write(dir.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
    fs::write(dir.join("etc/empty"), "").unwrap();
    fs::write(dir.join("etc/a rather long name with spaces, dots and ümläuts.conf.d"), noise(100, 3)).unwrap();
    fs::write(dir.join("usr/share/doc/a/one-block"), noise(4096, 4)).unwrap();
    fs::write(dir.join("usr/share/noise"), noise(700_001, 5)).unwrap();
    fs::write(dir.join("usr/share/text"), "the same line over and over\n".repeat(20_000)).unwrap();
    for number in 0..600 {
        fs::write(dir.join(format!("many/a file of a large directory, number {number:04}")), number.to_string())
            .unwrap();
    }
}

/// The same, and what a Linux file system can hold beside.
pub(crate) fn unix_folder(dir: &Path) {
    plain_folder(dir);
    fs::set_permissions(dir.join("etc/hosts"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(dir.join("etc/empty"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(dir.join("many"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("usr/share", dir.join("share")).unwrap();
    symlink(format!("usr/{}", "long/".repeat(40)), dir.join("long")).unwrap();
    symlink("x".repeat(59), dir.join("fifty-nine")).unwrap();
    symlink("x".repeat(60), dir.join("sixty")).unwrap();
    fs::hard_link(dir.join("usr/share/noise"), dir.join("etc/noise")).unwrap();
    let mut sparse = File::create(dir.join("usr/holes")).unwrap();
    for offset in [40_000, 300_000, 2_000_000] {
        sparse.seek(SeekFrom::Start(offset)).unwrap();
        sparse.write_all(&noise(9000, offset as u32)).unwrap();
    }
    sparse.set_len(3_000_000).unwrap();
}

/// What is compared: everything, or what FAT knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Unix,
    Fat,
}

/// One line for each entry below the root.
pub(crate) fn describe(volume: &Volume, seen: Seen) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for entry in volume.tree.walk().filter(|entry| !entry.path.is_root()) {
        let metadata = &entry.node.metadata;
        let mut line = match &entry.node.kind {
            NodeKind::Symlink(target) => format!("l {}", String::from_utf8_lossy(target)),
            NodeKind::File(content) => {
                let bytes = read(volume, content, 50_000).unwrap();
                format!("f {} {}", bytes.len(), Sha256Digest::of(&bytes))
            }
            _ => entry.node.letter().to_string(),
        };
        if seen == Seen::Unix {
            let links = entry.leaf.map_or(1, |leaf| volume.tree.links(leaf));
            let (mode, uid, gid) = (metadata.mode, metadata.uid, metadata.gid);
            line += &format!(" {mode:o} {uid}:{gid} {links} {}", metadata.mtime.seconds);
        }
        lines.insert(String::from_utf8_lossy(entry.path.relative()).into_owned(), line);
    }
    lines
}

/// The same of a folder of the host.
pub(crate) fn describe_folder(folder: &Path, seen: Seen) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mut line = if metadata.is_symlink() {
                format!("l {}", text(&fs::read_link(&path).unwrap()))
            } else if metadata.is_dir() {
                folders.push(path.clone());
                "d".to_owned()
            } else {
                let bytes = fs::read(&path).unwrap();
                format!("f {} {}", bytes.len(), Sha256Digest::of(&bytes))
            };
            if seen == Seen::Unix {
                let links = if metadata.is_dir() { 1 } else { metadata.nlink() };
                let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
                line += &format!(" {mode:o} {uid}:{gid} {links} {}", metadata.mtime());
            }
            lines.insert(text(path.strip_prefix(folder).unwrap()).to_owned(), line);
        }
    }
    lines
}

/// Fails with the lines that differ, and no others.
pub(crate) fn assert_same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, what: &str) {
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differ = |name: &&&String| found.get(**name) != expected.get(**name);
    let line = |name: &&String| format!("{name}: {:?} instead of {:?}", found.get(*name), expected.get(*name));
    let differences: Vec<String> = names.iter().filter(differ).take(10).map(line).collect();
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

/// A content, piece by piece.
pub(crate) fn read(volume: &Volume, content: &Content, piece: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; content.size() as usize];
    for (index, piece_bytes) in bytes.chunks_mut(piece).enumerate() {
        content.read_at(volume, (index * piece) as u64, piece_bytes)?;
    }
    Ok(bytes)
}

/// The content at `path`.
pub(crate) fn cat(volume: &Volume, path: &'static str) -> Vec<u8> {
    let node = volume.tree.get(&TreePath::literal(path)).unwrap_or_else(|| panic!("{path} is not there"));
    read(volume, node.content().unwrap(), 1 << 20).unwrap()
}

/// What opening an image says, when it goes wrong.
pub(crate) fn complaint(result: Result<Volume, OpenError>) -> String {
    result.err().map_or_else(|| "nothing is wrong".to_owned(), |error| error.to_string())
}

type Open = fn(&Source) -> Result<Volume, OpenError>;

/// Whatever is done to an image, it is opened or refused, and contents are read or refused: never a panic, never for ever.
pub(crate) fn survives(image: &[u8], cases: u32, open: Open) {
    let word = prop_oneof![
        any::<u32>(),
        Just(0),
        Just(1),
        Just(u32::MAX),
        Just(u32::MAX >> 1),
        Just(0x8000_0000),
        (0u32..64).prop_map(|n| n * 1024),
    ];
    // Most of an image is empty: what is written is where changes matter.
    let written: Vec<usize> = (0..image.len()).filter(|&at| image[at] != 0).collect();
    let place = prop_oneof![1 => 0..image.len(), 4 => (0..written.len()).prop_map(move |index| written[index])];
    let change = (place, word, 1usize..=4, any::<bool>());
    let strategy = proptest::collection::vec(change, 1..5);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let original = Arc::new(image.to_vec());
    proptest!(config, |(changes in strategy)| {
        let mut patched = Patched::new(&original);
        for (at, word, width, flip) in changes {
            for (at, new) in (at..original.len()).zip(&word.to_le_bytes()[..width]) {
                patched.set(at, if flip { original[at] ^ (1 << (word % 8)) } else { *new });
            }
        }
        try_all(patched, open);
    });
}

/// Opens an image, and reads what can be read.
pub(crate) fn try_all(image: Patched, open: Open) {
    if let Ok(volume) = open(&(Arc::new(image) as Source)) {
        for entry in volume.tree.walk() {
            if let Some(content) = entry.node.content() {
                let mut buf = vec![0; content.size().min(64 << 10) as usize];
                let _ = content.read_at(&volume, 0, &mut buf);
                let _ = content.read_at(&volume, content.size() - buf.len() as u64, &mut buf);
            }
        }
    }
}

/// An image with some bytes changed: images are too long to be copied thousands of times.
pub(crate) struct Patched {
    image: Arc<Vec<u8>>,
    changes: BTreeMap<usize, u8>,
}

impl Patched {
    /// With nothing changed.
    pub(crate) fn new(image: &Arc<Vec<u8>>) -> Patched {
        Patched { image: Arc::clone(image), changes: BTreeMap::new() }
    }

    /// With one byte changed more.
    pub(crate) fn set(&mut self, at: usize, byte: u8) {
        self.changes.insert(at, byte);
    }
}

impl ReadAt for Patched {
    fn size(&self) -> u64 {
        self.image.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.image.read_at(offset, buf)?;
        let start = offset as usize;
        for (at, byte) in self.changes.range(start..start + buf.len()) {
            buf[at - start] = *byte;
        }
        Ok(())
    }
}
