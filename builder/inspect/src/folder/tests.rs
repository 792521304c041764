//! Folders as `find` sees them, and folders that change.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use insta::assert_snapshot;
use rootsmith_tree::{Content, NodeKind};

use super::*;
use crate::tar::judge::{everything, holes, paths, run, text};

/// As `find -printf` with the same words.
fn like_find(volume: &Volume) -> String {
    let mut lines: Vec<_> = volume
        .tree
        .walk()
        .map(|entry| {
            let meta = &entry.node.metadata;
            let target = entry.node.link_target().map(|target| target.escape_ascii().to_string()).unwrap_or_default();
            let size = entry.node.content().map_or(0, Content::size);
            let links = entry.leaf.map_or(0, |leaf| volume.tree.links(leaf));
            let path = String::from_utf8_lossy(entry.path.relative()).into_owned();
            let Mtime { seconds, nanoseconds } = meta.mtime;
            let (letter, mode, uid, gid) = (entry.node.letter(), meta.mode, meta.uid, meta.gid);
            format!("{letter} {mode:o} {uid}:{gid} {size} {links} {seconds}.{nanoseconds:09}0 [{target}] {path}")
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn a_folder_is_what_find_sees() {
    let folder = everything();
    let root = folder.path().join("root");
    UnixListener::bind(root.join("socket")).unwrap();
    let print = "%y %m %U:%G %s %n %T@ [%l] %P\n";
    let Some(found) = run(&root, "find", &[".", "-printf", print]) else { return };
    let found = String::from_utf8(found).unwrap();
    let mut lines: Vec<_> = found
        .lines()
        .map(|line| {
            let mut words: Vec<_> = line.splitn(6, ' ').map(str::to_owned).collect();
            // A tree has sizes of files alone, and no count of names of directories.
            if words[0] != "f" {
                words[3] = "0".to_owned();
            }
            if words[0] == "d" {
                words[4] = "0".to_owned();
            }
            words.join(" ")
        })
        .collect();
    lines.sort();
    let volume = open(&root).unwrap();
    assert_eq!(like_find(&volume), lines.join("\n"));
    assert_eq!(text(&volume, "/etc/hosts.linked"), "127.0.0.1 localhost\n");
    let device = volume.tree.get(&TreePath::literal("/disk"));
    assert!(device.is_none_or(|node| node.kind == NodeKind::BlockDevice { major: 259, minor: 1 }));
    assert!(volume.available.is_some_and(|available| available <= volume.size));
}

#[test]
fn holes_read_as_zeros() {
    let folder = holes();
    let volume = open(&folder.path().join("root")).unwrap();
    let many = volume.tree.get(&TreePath::literal("/many")).unwrap().content().unwrap();
    assert!(many.read(&volume, 8 << 20).unwrap()[..] == fs::read(folder.path().join("root/many")).unwrap()[..]);
}

#[test]
fn files_that_change_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["grown", "replaced", "linked", "gone", "piped"] {
        fs::write(at(name), "what was seen").unwrap();
    }
    fs::create_dir(at("etc")).unwrap();
    fs::write(at("etc/hosts"), "what was seen").unwrap();
    let volume = open(folder.path()).unwrap();

    fs::write(at("grown"), "what was seen, and more").unwrap();
    fs::write(at("new"), "what was SEEN").unwrap();
    fs::rename(at("new"), at("replaced")).unwrap();
    fs::write(at("secret"), "what no one s").unwrap();
    fs::remove_file(at("linked")).unwrap();
    symlink("secret", at("linked")).unwrap();
    fs::remove_file(at("gone")).unwrap();
    fs::remove_file(at("piped")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("piped"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    fs::rename(at("etc"), at("etc.real")).unwrap();
    symlink("etc.real", at("etc")).unwrap();

    let mut texts = String::new();
    for name in ["/grown", "/replaced", "/linked", "/gone", "/piped", "/etc/hosts"] {
        let content = volume.tree.get(&TreePath::new(name).unwrap()).unwrap().content().unwrap();
        texts.push_str(&format!("{name}: {}\n", content.read(&volume, 100).unwrap_err()));
    }
    assert_snapshot!(texts, @"
    /grown: `grown` has changed since it was seen
    /replaced: `replaced` has changed since it was seen
    /linked: Too many levels of symbolic links (os error 40)
    /gone: No such file or directory (os error 2)
    /piped: it is no regular file
    /etc/hosts: Too many levels of symbolic links (os error 40)
    ");
}

#[test]
fn links_out_of_it_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("outside/inner")).unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    symlink("../outside", folder.path().join("root/away")).unwrap();
    symlink("root", folder.path().join("link")).unwrap();
    assert_eq!(paths(&open(&folder.path().join("link")).unwrap().tree), "/\n/away\n");
    assert_eq!(paths(&open(&folder.path().join("root/")).unwrap().tree), "/\n/away\n");
}

/// Whoever is root may read it all the same; then the contents are there.
#[test]
fn what_may_not_be_read_is_seen() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("private")).unwrap();
    for name in ["shadow", "private/key"] {
        fs::write(at(name), "secret").unwrap();
    }
    for name in ["shadow", "private"] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let volume = open(folder.path()).unwrap();
    let root = rustix::process::geteuid().is_root();
    let below = if root { "/private/key\n" } else { "" };
    assert_eq!(paths(&volume.tree), format!("/\n/private\n{below}/shadow\n"));
    let shadow = volume.tree.get(&TreePath::literal("/shadow")).unwrap().content().unwrap();
    let read = shadow.read(&volume, 100).map_err(|error| error.kind());
    let wanted = if root { Ok(b"secret"[..].into()) } else { Err(io::ErrorKind::PermissionDenied) };
    assert_eq!(read, wanted);
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o700)).unwrap();
}

/// `/dev/pts`, `/dev/shm` and others are other file systems on every Linux.
#[test]
fn other_file_systems_stay_out() {
    let volume = open(Path::new("/dev")).unwrap();
    let pts = TreePath::literal("/pts");
    let mounted = fs::metadata("/dev/pts").is_ok_and(|pts| pts.dev() != fs::metadata("/dev").unwrap().dev());
    assert!(
        !mounted || volume.tree.get(&pts).is_some_and(Node::is_directory) && volume.tree.children(&pts).count() == 0
    );
}

#[test]
fn no_folder_is_the_hosts() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [Path::new("/nowhere"), file.path()] {
        assert!(
            matches!(open(path), Err(OpenError::Host { path: ref named, .. }) if named == path),
            "{}",
            path.display()
        );
    }
}
