//! Whether others agree: `fsck.erofs` on consistency, the kernel on what it reads.
//!
//! Only root can mount; anybody else has `fsck.erofs` alone, and says so.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rootsmith_erofs::{Compression, Options, PlanError, plan};
use rootsmith_tree::testing::{Folder, any_tree, differences};
use rootsmith_tree::{Blobs, Content, Metadata, Mtime, NoBlobs, Node, NodeKind, Run, Sparse, Tree};
use rootsmith_types::{Explain, Sha256Digest, Subject, TreePath, Uuid};
use tempfile::{NamedTempFile, TempDir};

const UUID: Uuid = Uuid::new(*b"0123456789abcdef");
const TIME: i64 = 1_700_000_000;

fn options(compression: Compression) -> Options {
    Options { label: "fifteen bytes !".to_owned(), ..Options::new(compression, UUID, TIME) }
}

fn path(text: &'static str) -> TreePath {
    TreePath::literal(text)
}

fn meta(mode: u16) -> Metadata {
    Metadata::root(mode, TIME)
}

fn empty() -> Tree {
    Tree::new(meta(0o755))
}

fn image(tree: &Tree, blobs: &dyn Blobs, options: &Options) -> NamedTempFile {
    let plan = plan(tree, blobs, options).unwrap_or_else(|error| panic!("{error}"));
    let file = NamedTempFile::new().unwrap();
    let size = plan.write(file.as_file()).unwrap();
    assert_eq!(file.as_file().metadata().unwrap().len(), size.get());
    assert!(size.get().is_multiple_of(4096));
    file
}

/// Whether a judge can be asked; where not, that is an error when `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn can(able: bool, what: &str) -> bool {
    if !able {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{what}");
        println!("skipped: {what}");
    }
    able
}

#[allow(clippy::disallowed_methods)]
fn run(tool: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(tool).args(arguments).output();
    if !can(output.is_ok(), &format!("{tool} not found")) {
        return None;
    }
    let output = output.unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

/// What `fsck.erofs` says, extracting every content on the way; that of Debian 12 does not know Zstandard.
fn check(image: &NamedTempFile) -> Option<(bool, String)> {
    run("fsck.erofs", &["--extract", image.path().to_str().unwrap()])
}

/// Checks an image, mounts it where that is allowed, and compares what the kernel sees.
fn assert_good(tree: &Tree, blobs: &dyn Blobs, image: &NamedTempFile, compression: Compression) {
    if !matches!(compression, Compression::Zstd { .. })
        && let Some((fine, text)) = check(image)
    {
        assert!(fine && !text.contains("<E>"), "{text}");
    }
    let dir = TempDir::new().unwrap();
    let (at, target) = (image.path().to_str().unwrap(), dir.path().to_str().unwrap());
    let Some((fine, text)) = run("mount", &["-t", "erofs", "-o", "loop,ro", at, target]) else { return };
    let refused = ["permission denied", "must be superuser", "failed to setup loop", "unknown filesystem"];
    if !fine && refused.iter().any(|reason| text.contains(reason)) {
        can(false, &format!("cannot mount: {text}"));
        return;
    }
    assert!(fine, "{text}");
    let different = Folder::read(dir.path()).and_then(|found| Ok(differences((tree, blobs), (&found.tree, &found))?));
    run("umount", &[target]);
    let different = different.unwrap_or_else(|error| panic!("{error}"));
    assert!(different.is_empty(), "{different:#?}");
}

/// The tree without what Linux lists and does not show: `user.` attributes of what is neither a file nor a directory.
fn readable(mut tree: Tree) -> Tree {
    let paths: Vec<TreePath> = tree.walk().map(|entry| entry.path).collect();
    for path in paths {
        let node = tree.get_mut(&path).unwrap();
        if !node.is_directory() && node.content().is_none() {
            let kept = node.metadata.xattrs().filter(|(name, _)| !name.starts_with(b"user."));
            let kept: BTreeMap<_, _> = kept.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            node.metadata.xattrs = (!kept.is_empty()).then(|| Arc::new(kept));
        }
    }
    tree
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_tree_is_written_soundly(tree in any_tree(), which in 0usize..3) {
        let tree = readable(tree);
        let image = image(&tree, &NoBlobs, &options(Compression::ALL[which]));
        assert_good(&tree, &NoBlobs, &image, Compression::ALL[which]);
    }

    #[test]
    fn any_number_of_threads_writes_the_same(tree in any_tree(), threads in 1usize..6) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let [one, other] = [
            image(&tree, &NoBlobs, &options(Compression::Lz4)),
            pool.install(|| image(&tree, &NoBlobs, &options(Compression::Lz4))),
        ];
        prop_assert!(fs::read(one.path()).unwrap() == fs::read(other.path()).unwrap());
    }
}

#[test]
fn large_directories_and_empty_ones() {
    let mut tree = empty();
    let mut fill = |directory: &'static str, count: u32, len: usize| {
        tree.insert(&path(directory), Node::directory(meta(0o755))).unwrap();
        for i in 0..count {
            let name = format!("{i:0len$}");
            let file = Node::file(Content::inline([]), meta(0o644));
            tree.insert(&path(directory).join(name).unwrap(), file).unwrap();
        }
    };
    fill("/empty", 0, 0);
    fill("/wide", 2000, 255);
    fill("/short", 4000, 5);
    // Sorted before `.` and between the two.
    tree.insert(&path("/!"), Node::symlink("x", TIME)).unwrap();
    tree.insert(&path("/.-"), Node::symlink("x", TIME)).unwrap();
    for compression in Compression::ALL {
        assert_good(&empty(), &NoBlobs, &image(&empty(), &NoBlobs, &options(compression)), compression);
        assert_good(&tree, &NoBlobs, &image(&tree, &NoBlobs, &options(compression)), compression);
    }
}

/// Lengths at both sides of what a block, a part and a file's last index hold; contents that shrink, that do not, and that do in part.
#[test]
fn contents_of_every_length_come_back() {
    let mut tree = empty();
    let noise = |length: usize| -> Vec<u8> {
        (0..length as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (i.wrapping_mul(40_503) >> 7) as u8)
            .collect()
    };
    let text = |length: usize| -> Vec<u8> { (0..length).map(|i| b"a line of text\n"[i % 15]).collect() };
    for length in [
        1, 4000, 4032, 4033, 4095, 4096, 4097, 5000, 8191, 8192, 8193, 12_288, 65_535, 65_536, 65_537, 69_632, 70_000,
        131_072, 200_001,
    ] {
        let half = [noise(length / 2), text(length - length / 2)].concat();
        for (name, data) in [("noise", noise(length)), ("text", text(length)), ("half", half)] {
            let at = TreePath::root().join(format!("{name}{length}")).unwrap();
            tree.insert(&at, Node::file(Content::inline(data), meta(0o644))).unwrap();
        }
    }
    // The same content where an inode has no room for its end.
    let metadata = Metadata { xattrs: xattrs(&[("user.a", &[7; 3000])]), ..meta(0o644) };
    tree.insert(&path("/again"), Node::file(Content::inline(text(12_288 + 2000)), metadata)).unwrap();
    tree.insert(&path("/before"), Node::file(Content::inline(text(12_288 + 2000)), meta(0o644))).unwrap();
    for compression in Compression::ALL {
        assert_good(&tree, &NoBlobs, &image(&tree, &NoBlobs, &options(compression)), compression);
    }
}

#[test]
fn holes_are_not_stored() {
    let run = |offset, len| Run { offset, data: vec![0x5A; len].into() };
    let sparse = |size, runs| Content::Sparse(Arc::new(Sparse::new(size, runs).unwrap()));
    let mut tree = empty();
    for (name, content) in [
        ("/hole", sparse(1 << 20, vec![])),
        ("/end", sparse(500_000, vec![run(499_999, 1)])),
        ("/start", sparse(500_000, vec![run(0, 70_000)])),
        ("/middle", sparse(500_001, vec![run(9000, 10), run(12_000, 4096), run(100_000, 200_000)])),
        // Chunks of two blocks.
        ("/chunks", sparse(20 << 20, vec![run(4096, 1), run(1 << 20, 100_000), run((20 << 20) - 5, 5)])),
    ] {
        tree.insert(&path(name), Node::file(content, meta(0o644))).unwrap();
    }
    for compression in Compression::ALL {
        let image = image(&tree, &NoBlobs, &options(compression));
        assert!(image.as_file().metadata().unwrap().len() < 600_000);
        assert_good(&tree, &NoBlobs, &image, compression);
    }
}

fn xattrs(list: &[(&str, &[u8])]) -> Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>> {
    Some(Arc::new(list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()))
}

#[test]
fn devices_links_owners_and_attributes_come_back() {
    let mut tree = empty();
    for (name, major, minor) in [("/small", 8, 1), ("/large", 259, 70_000)] {
        tree.insert(&path(name), Node { kind: NodeKind::BlockDevice { major, minor }, metadata: meta(0o660) }).unwrap();
    }
    let null = NodeKind::CharDevice { major: 1, minor: 3 };
    tree.insert(&path("/null"), Node { kind: null, metadata: meta(0o666) }).unwrap();
    tree.insert(&path("/pipe"), Node { kind: NodeKind::Fifo, metadata: meta(0o600) }).unwrap();
    tree.hard_link(&path("/pipe2"), &path("/pipe")).unwrap();
    tree.insert(&path("/link"), Node::symlink(vec![b'x'; 4095], TIME)).unwrap();
    tree.hard_link(&path("/link2"), &path("/link")).unwrap();
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let acl =
        [2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255];
    let list: &[(&str, &[u8])] = &[
        ("security.capability", &capability),
        ("system.posix_acl_access", &acl),
        ("trusted.a", b""),
        ("user.b", &[3; 20_000]),
    ];
    let mtime = Mtime { seconds: 1 << 33, nanoseconds: 123_456_789 };
    let metadata = Metadata { mtime, uid: 70_000, gid: u32::MAX - 1, xattrs: xattrs(list), ..meta(0o640) };
    tree.insert(&path("/late"), Node::file(Content::inline("late"), metadata)).unwrap();
    for i in 0..300 {
        tree.hard_link(&TreePath::root().join(format!("late{i}")).unwrap(), &path("/late")).unwrap();
    }
    let image = image(&tree, &NoBlobs, &options(Compression::None));
    assert_good(&tree, &NoBlobs, &image, Compression::None);
    let Some((_, text)) = run("dump.erofs", &["-s", image.path().to_str().unwrap()]) else { return };
    assert!(text.contains(&UUID.to_string()), "{text}");
}

#[test]
fn equal_contents_are_stored_once() {
    let of = |copies: u32| {
        let mut tree = empty();
        for i in 0..copies {
            let file = Node::file(Content::inline([i == u32::MAX, true].map(u8::from).repeat(98_304)), meta(0o644));
            tree.insert(&TreePath::root().join(format!("f{i}")).unwrap(), file).unwrap();
        }
        image(&tree, &NoBlobs, &options(Compression::None)).as_file().metadata().unwrap().len()
    };
    assert!(of(50) < of(1) + 8192, "{} {}", of(50), of(1));
}

#[test]
fn what_erofs_cannot_hold_is_refused_with_its_path() {
    let refused = |node: Node| {
        let mut tree = empty();
        tree.insert(&path("/x"), node).unwrap();
        let error = plan(&tree, &NoBlobs, &options(Compression::Lz4)).err().unwrap();
        assert_eq!(error.subject(), Subject::Path(path("/x")));
        assert!(error.help().is_some());
        error
    };
    let at = || path("/x");
    let device = NodeKind::CharDevice { major: 4096, minor: 0 };
    assert_eq!(refused(Node { kind: device, metadata: meta(0) }), PlanError::BadDevice(at()));
    assert_eq!(refused(Node::symlink("", 0)), PlanError::BadTarget(at()));
    assert_eq!(refused(Node::symlink(vec![b'x'; 4096], 0)), PlanError::BadTarget(at()));
    let with = |name: &str, len| Metadata { xattrs: xattrs(&[(name, &vec![0; len])]), ..meta(0) };
    for name in ["system.other", "user.", "other"] {
        let unknown = PlanError::UnknownXattr { path: at(), name: name.to_owned() };
        assert_eq!(refused(Node::directory(with(name, 5))), unknown);
    }
    let too_long = PlanError::XattrTooLong { path: at(), name: "user.a".to_owned() };
    assert_eq!(refused(Node::directory(with("user.a", 65_536))), too_long);
    let long = Options { label: "sixteen letters!".to_owned(), ..options(Compression::None) };
    assert_eq!(plan(&empty(), &NoBlobs, &long).err(), Some(PlanError::LabelTooLong(long.label.clone())));
    let level = options(Compression::Zstd { level: 23 });
    assert_eq!(plan(&empty(), &NoBlobs, &level).err(), Some(PlanError::Level(23)));
}

/// The same tree gives the same bytes, today and in another release: a commit that changes one of these says why.
#[test]
fn the_bytes_of_a_sample_are_known() {
    let mut tree = empty();
    tree.insert(&path("/etc"), Node::directory(meta(0o700))).unwrap();
    tree.insert(&path("/etc/text"), Node::file(Content::inline("a line\n".repeat(3000)), meta(0o644))).unwrap();
    tree.hard_link(&path("/link"), &path("/etc/text")).unwrap();
    tree.insert(&path("/sh"), Node::symlink("dash", TIME)).unwrap();
    let digests = Compression::ALL.map(|compression| {
        let image = image(&tree, &NoBlobs, &options(compression));
        let mut text = Sha256Digest::of(&fs::read(image.path()).unwrap()).to_string();
        text.truncate(16);
        text
    });
    assert_eq!(digests, ["5a0365d4f6cde54b", "73e4e8a571135a8c", "59c7a0a0cd6688ba"]);
}

/// The judges must notice. Of contents EROFS keeps no checksum: a root that must not change has dm-verity below.
#[test]
fn a_changed_byte_is_noticed() {
    let mut tree = empty();
    tree.insert(&path("/text"), Node::file(Content::inline("a line\n".repeat(3000)), meta(0o644))).unwrap();
    let good = image(&tree, &NoBlobs, &options(Compression::Lz4));
    let Some((fine, text)) = check(&good) else { return };
    assert!(fine, "{text}");
    let bytes = fs::read(good.path()).unwrap();
    let inodes = u64::from(u32::from_le_bytes(bytes[1064..1068].try_into().unwrap())) * 4096;
    for (what, at) in [("superblock", 1024 + 50), ("root", inodes + 64 + 5)] {
        let bad = NamedTempFile::new().unwrap();
        fs::write(bad.path(), &bytes).unwrap();
        bad.as_file().write_all_at(&[bytes[at as usize] ^ 0x40], at).unwrap();
        let (fine, text) = check(&bad).unwrap();
        assert!(!fine || text.contains("<E>"), "{what}: {text}");
    }
}
