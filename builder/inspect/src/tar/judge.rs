//! What the tests of archives, layouts and folders share: other people's tools, a folder of everything, trees as text.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rootsmith_tree::{NodeKind, Tree};
use rootsmith_types::TreePath;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat};
use tempfile::TempDir;

use crate::{FileSource, Source, Volume};

/// Runs a tool in a folder and gives what it prints; `None` when it is not installed, which is an error where
/// `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, tool: &str, arguments: &[S]) -> Option<Vec<u8>> {
    match Command::new(tool).args(arguments).current_dir(folder).output() {
        Ok(output) => {
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) => {
            assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool}: {error}");
            println!("skipped: {tool} not found");
            None
        }
    }
}

pub(crate) fn source(path: &Path) -> Source {
    Arc::new(FileSource::new(File::open(path).unwrap()).unwrap())
}

/// What [`shown`] tells.
#[derive(Clone, Copy, Default)]
pub(crate) struct Show {
    /// Times below a second.
    pub(crate) nanoseconds: bool,
    pub(crate) xattrs: bool,
    /// Without any time of directories: unpacking changes it.
    pub(crate) no_directory_times: bool,
    /// Without owners: who is not root cannot give files away.
    pub(crate) no_owners: bool,
}

pub(crate) const ALL: Show = Show { nanoseconds: true, xattrs: true, no_directory_times: false, no_owners: false };

/// One line an entry, with the digest of what its content really is.
pub(crate) fn shown(volume: &Volume, show: Show) -> String {
    let mut first: Vec<Option<TreePath>> = vec![None; volume.tree.leaf_slots()];
    let mut out = String::new();
    for entry in volume.tree.walk() {
        let (node, meta) = (entry.node, &entry.node.metadata);
        let (uid, gid) = if show.no_owners { (0, 0) } else { (meta.uid, meta.gid) };
        write!(out, "{} {:04o} {uid}:{gid} {} ", node.letter(), meta.mode, entry.path).unwrap();
        if let Some(leaf) = entry.leaf {
            if let Some(first) = &first[leaf.index()] {
                writeln!(out, "== {first}").unwrap();
                continue;
            }
            first[leaf.index()] = Some(entry.path.clone());
        }
        match &node.kind {
            NodeKind::File(content) => {
                // Too large to be read for a test.
                let digest = if content.size() > 1 << 30 {
                    "large".to_owned()
                } else {
                    content.hash(volume).unwrap().to_string()
                };
                write!(out, "{} {digest:.16}", content.size()).unwrap();
            }
            NodeKind::Symlink(target) => write!(out, "-> {}", target.escape_ascii()).unwrap(),
            NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
                write!(out, "{major}:{minor}").unwrap();
            }
            _ => {}
        }
        if !(node.is_directory() && show.no_directory_times) {
            write!(out, " @{}", meta.mtime.seconds).unwrap();
            if show.nanoseconds {
                write!(out, ".{:09}", meta.mtime.nanoseconds).unwrap();
            }
        }
        for (name, value) in meta.xattrs().filter(|_| show.xattrs) {
            write!(out, " {}={}", name.escape_ascii(), value.escape_ascii()).unwrap();
        }
        out.push('\n');
    }
    out
}

/// The content at a path, as text.
pub(crate) fn text(volume: &Volume, path: &'static str) -> String {
    let node = volume.tree.lookup(&TreePath::literal(path)).unwrap_or_else(|| panic!("no {path} in {:?}", volume.tree));
    String::from_utf8(node.content().unwrap().read(volume, 1 << 20).unwrap().to_vec()).unwrap()
}

/// The paths of a tree, one a line.
pub(crate) fn paths(tree: &Tree) -> String {
    tree.walk().map(|entry| format!("{}\n", entry.path)).collect()
}

/// A folder `root` of everything that archives hold, without holes; devices where we may make them.
pub(crate) fn everything() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let deep = root.join("usr/share").join("d".repeat(60)).join("e".repeat(60));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(deep.join("f".repeat(90)), "a long name").unwrap();
    symlink("x/".repeat(49), deep.join("target")).unwrap();
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
    fs::write(root.join("etc/empty"), "").unwrap();
    fs::hard_link(root.join("etc/hosts"), root.join("etc/hosts.linked")).unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    fs::write(root.join("usr/large"), (0..3_000_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect::<Vec<_>>())
        .unwrap();
    fs::write(root.join("usr/setuid"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("usr/setuid"), fs::Permissions::from_mode(0o4751)).unwrap();
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    // Not everybody may, and not every folder can have attributes: then both sides of a comparison have none.
    let _ = mknodat(CWD, root.join("null"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3));
    let _ = mknodat(CWD, root.join("disk"), FileType::BlockDevice, Mode::from_raw_mode(0o600), makedev(259, 1));
    let _ = lsetxattr(root.join("usr/setuid"), "user.note", b"two\nlines\0", XattrFlags::empty());
    let _ = lsetxattr(root.join("usr/setuid"), "user.a=b%", b"c", XattrFlags::empty());
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let _ = lsetxattr(root.join("usr/large"), "security.capability", capability, XattrFlags::empty());
    let time = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    File::open(root.join("etc/hosts")).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    folder
}

/// A folder `root` with files of many and of few pieces between holes.
pub(crate) fn holes() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let file = |name: &str, size: u64, pieces: &mut dyn Iterator<Item = u64>| {
        let file = File::create(root.join(name)).unwrap();
        file.set_len(size).unwrap();
        pieces.for_each(|at| file.write_all_at(format!("piece at {at}").as_bytes(), at).unwrap());
    };
    file("few", 1 << 20, &mut [65_536, 400_000].into_iter());
    file("many", 8 << 20, &mut (0..60).map(|n| n * 131_072 + 77));
    file("nothing", 100_000, &mut std::iter::empty());
    folder
}
