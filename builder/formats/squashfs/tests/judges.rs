//! Whether others agree: `unsquashfs` and the kernel on what they read.
//!
//! Owners, devices and attributes come back only for root; anybody else compares nothing, and says so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rootsmith_squashfs::{Compression, Options, PlanError, plan};
use rootsmith_tree::testing::{Folder, any_tree, differences};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, Mtime, NoBlobs, Node, NodeKind, PackId, Run, Sparse, Tree};
use rootsmith_types::{Explain, Sha256Digest, Subject, TreePath};
use tempfile::{NamedTempFile, TempDir};

const TIME: i64 = 1_700_000_000;

fn options(compression: Compression) -> Options {
    Options::new(compression, TIME)
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

/// The tree without what Linux does not let anybody set: `user.` attributes of what is neither a file nor a directory.
fn settable(mut tree: Tree) -> Tree {
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

/// What is left of a tree in an image: whole seconds; and of one that was extracted: no modes of symbolic links.
fn as_stored(tree: &Tree, extracted: bool) -> Tree {
    let mut stored = tree.clone();
    for path in tree.walk().map(|entry| entry.path) {
        let node = stored.get_mut(&path).unwrap();
        node.metadata.mtime.nanoseconds = 0;
        if extracted && node.link_target().is_some() {
            node.metadata.mode = 0o777;
        }
    }
    stored
}

/// What `unsquashfs` makes of an image; `None` when it is not there, or not for this user.
fn extracted(image: &NamedTempFile, dir: &TempDir) -> Option<Result<Folder, String>> {
    if !can(rustix::process::geteuid().is_root(), "extracting owners and devices needs root") {
        return None;
    }
    let folder = dir.path().join("root");
    let arguments = ["-quiet", "-no-progress", "-dest", folder.to_str().unwrap(), image.path().to_str().unwrap()];
    let (fine, text) = run("unsquashfs", &arguments)?;
    Some(if fine { Ok(Folder::read(&folder).unwrap()) } else { Err(text) })
}

fn assert_same(tree: &Tree, blobs: &dyn Blobs, image: &NamedTempFile) {
    let dir = TempDir::new().unwrap();
    let Some(found) = extracted(image, &dir) else { return };
    let found = found.unwrap_or_else(|text| panic!("{text}"));
    let wanted = as_stored(tree, true);
    let different = differences((&wanted, blobs), (&found.tree, &found)).unwrap();
    assert!(different.is_empty(), "{different:#?}");
}

/// Mounts an image, where that is allowed, and compares what the kernel sees.
fn assert_mounts(tree: &Tree, blobs: &dyn Blobs, image: &NamedTempFile) {
    let dir = TempDir::new().unwrap();
    let (at, target) = (image.path().to_str().unwrap(), dir.path().to_str().unwrap());
    let Some((fine, text)) = run("mount", &["-t", "squashfs", "-o", "loop,ro", at, target]) else { return };
    let refused = ["permission denied", "must be superuser", "failed to setup loop", "unknown filesystem"];
    if !fine && refused.iter().any(|reason| text.contains(reason)) {
        can(false, &format!("cannot mount: {text}"));
        return;
    }
    assert!(fine, "{text}");
    let found = Folder::read(dir.path()).and_then(|found| {
        let wanted = as_stored(tree, false);
        Ok(differences((&wanted, blobs), (&found.tree, &found))?)
    });
    run("umount", &[target]);
    let different = found.unwrap_or_else(|error| panic!("{error}"));
    assert!(different.is_empty(), "{different:#?}");
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_tree_is_written_soundly(tree in any_tree(), which in 0usize..4, block_log in 12u32..=20) {
        let tree = settable(tree);
        let options = Options { block_size: 1 << block_log, ..options(Compression::ALL[which]) };
        let image = image(&tree, &NoBlobs, &options);
        assert_same(&tree, &NoBlobs, &image);
        assert_mounts(&tree, &NoBlobs, &image);
    }

    #[test]
    fn any_number_of_threads_writes_the_same(tree in any_tree(), threads in 1usize..6) {
        let options = Options { block_size: 4096, ..options(Compression::Lz4) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let [one, other] = [
            image(&tree, &NoBlobs, &options),
            pool.install(|| image(&tree, &NoBlobs, &options)),
        ];
        prop_assert!(fs::read(one.path()).unwrap() == fs::read(other.path()).unwrap());
    }
}

#[test]
fn an_empty_tree_is_a_filesystem() {
    for compression in Compression::ALL {
        let image = image(&empty(), &NoBlobs, &options(compression));
        assert_same(&empty(), &NoBlobs, &image);
        assert_mounts(&empty(), &NoBlobs, &image);
    }
}

/// Directories whose names fill no block, a little more than one, and many, each name looked up by the kernel through the index.
#[test]
fn large_directories_have_an_index() {
    let mut tree = empty();
    let mut fill = |directory: &'static str, count: u32, len: usize| {
        tree.insert(&path(directory), Node::directory(meta(0o755))).unwrap();
        for i in 0..count {
            let name = format!("{i:0len$}");
            let file = Node::file(Content::inline([]), meta(0o644));
            tree.insert(&path(directory).join(name).unwrap(), file).unwrap();
        }
    };
    fill("/wide", 2000, 255);
    fill("/short", 4000, 5);
    fill("/run", 256, 1);
    fill("/runs", 257, 1);
    fill("/just-over-a-block", 600, 8);
    // Hard links from afar: numbers that do not fit a run.
    for i in 0..300 {
        let target = path("/wide").join(format!("{:0255}", i * 6)).unwrap();
        tree.hard_link(&path("/run").join(format!("link{i}")).unwrap(), &target).unwrap();
    }
    for compression in [Compression::ZSTD, Compression::Lz4] {
        let image = image(&tree, &NoBlobs, &options(compression));
        assert_same(&tree, &NoBlobs, &image);
        assert_mounts(&tree, &NoBlobs, &image);
    }
}

/// Contents without end, so that a test need not hold them.
struct Sevens;

impl Blobs for Sevens {
    fn read_at(&self, _: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        for (at, byte) in (offset..).zip(buf) {
            *byte = (at >> 12) as u8 | 1;
        }
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn large_files_and_large_holes() {
    let mut tree = empty();
    let blob = Blob { digest: None, size: (30 << 20) + 1, pack: PackId(0), offset: 0 };
    tree.insert(&path("/large"), Node::file(Content::Blob(blob), meta(0o644))).unwrap();
    let run = |offset, len| Run { offset, data: vec![0x5A; len].into() };
    let sparse = |size, runs| Content::Sparse(Arc::new(Sparse::new(size, runs).unwrap()));
    tree.insert(&path("/hole"), Node::file(sparse(1 << 20, vec![]), meta(0o644))).unwrap();
    let end = sparse(500_000, vec![run(499_999, 1)]);
    tree.insert(&path("/end"), Node::file(end, meta(0o644))).unwrap();
    let zeros = Content::inline(vec![0; 1 << 20]);
    tree.insert(&path("/zeros"), Node::file(zeros, meta(0o644))).unwrap();
    let some = image(&tree, &Sevens, &options(Compression::Lz4));
    assert_same(&tree, &Sevens, &some);
    assert_mounts(&tree, &Sevens, &some);

    // A size of more than 32 bits.
    let holes = sparse((4 << 30) + 7, vec![run(1 << 20, 5), run((4 << 30) - 200_000, 200_000)]);
    let mut tree = empty();
    tree.insert(&path("/holes"), Node::file(holes, meta(0o644))).unwrap();
    let image = image(&tree, &NoBlobs, &options(Compression::ZSTD));
    assert!(image.as_file().metadata().unwrap().len() < 8192);
    assert_same(&tree, &NoBlobs, &image);
}

fn xattrs(list: &[(&str, &[u8])]) -> Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>> {
    Some(Arc::new(list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()))
}

#[test]
fn equal_contents_and_attributes_are_stored_once() {
    let noise: Vec<u8> = (0u32..200_000).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let long = vec![7; 600];
    let of = |copies: u32| {
        let mut tree = empty();
        for i in 0..copies {
            let list: &[(&str, &[u8])] = match i % 2 {
                0 => &[("security.capability", &capability), ("user.long", &long)],
                _ => &[("trusted.long", &long), ("user.empty", b"")],
            };
            let metadata = Metadata { xattrs: xattrs(list), uid: i, ..meta(0o755) };
            let file = Node::file(Content::inline(&noise), metadata);
            tree.insert(&TreePath::root().join(format!("f{i}")).unwrap(), file).unwrap();
        }
        tree
    };
    let (one, many) = (of(1), of(500));
    let size = |tree: &Tree| image(tree, &NoBlobs, &options(Compression::ZSTD)).as_file().metadata().unwrap().len();
    assert!(size(&many) < size(&one) + 32_768, "{} {}", size(&many), size(&one));
    let image = image(&many, &NoBlobs, &options(Compression::ZSTD));
    assert_same(&many, &NoBlobs, &image);
    assert_mounts(&many, &NoBlobs, &image);
    let Some((_, text)) = run("unsquashfs", &["-stat", image.path().to_str().unwrap()]) else { return };
    assert!(text.contains("Number of xattr ids 2") && text.contains("Number of ids 500"), "{text}");
}

#[test]
fn devices_links_and_owners_come_back() {
    let mut tree = empty();
    for (name, major, minor) in [("/small", 8, 1), ("/large", 259, 70_000)] {
        tree.insert(&path(name), Node { kind: NodeKind::BlockDevice { major, minor }, metadata: meta(0o660) }).unwrap();
    }
    let null = NodeKind::CharDevice { major: 1, minor: 3 };
    tree.insert(&path("/null"), Node { kind: null, metadata: meta(0o666) }).unwrap();
    tree.insert(&path("/pipe"), Node { kind: NodeKind::Fifo, metadata: meta(0o600) }).unwrap();
    tree.insert(&path("/socket"), Node { kind: NodeKind::Socket, metadata: meta(0o600) }).unwrap();
    tree.hard_link(&path("/pipe2"), &path("/pipe")).unwrap();
    tree.insert(&path("/link"), Node::symlink("nowhere", TIME)).unwrap();
    tree.hard_link(&path("/link2"), &path("/link")).unwrap();
    // The last second there is.
    let mtime = Mtime { seconds: u32::MAX.into(), nanoseconds: 0 };
    let metadata = Metadata { mtime, uid: 70_000, gid: u32::MAX - 1, ..meta(0o6711) };
    tree.insert(&path("/late"), Node::file(Content::inline("late"), metadata)).unwrap();
    for i in 0..300 {
        tree.hard_link(&TreePath::root().join(format!("late{i}")).unwrap(), &path("/late")).unwrap();
    }
    let image = image(&tree, &NoBlobs, &options(Compression::GZIP));
    assert_same(&tree, &NoBlobs, &image);
    assert_mounts(&tree, &NoBlobs, &image);
}

#[test]
fn levels_are_told_to_the_reader() {
    let mut tree = empty();
    tree.insert(&path("/f"), Node::file(Content::inline(vec![3; 100_000]), meta(0o644))).unwrap();
    for (compression, expected) in [
        (Compression::Zstd { level: 3 }, "compression-level 3"),
        (Compression::Gzip { level: 2 }, "compression-level 2"),
        (Compression::Lz4, "Compression lz4"),
    ] {
        let image = image(&tree, &NoBlobs, &options(compression));
        assert_same(&tree, &NoBlobs, &image);
        assert_mounts(&tree, &NoBlobs, &image);
        let Some((_, text)) = run("unsquashfs", &["-stat", image.path().to_str().unwrap()]) else { return };
        assert!(text.contains(expected) && text.contains("Nov 14"), "{text}");
    }
}

#[test]
fn what_squashfs_cannot_hold_is_refused_with_its_path() {
    let refused = |node: Node| {
        let mut tree = empty();
        tree.insert(&path("/x"), node).unwrap();
        let error = plan(&tree, &NoBlobs, &options(Compression::ZSTD)).err().unwrap();
        assert_eq!(error.subject(), Subject::Path(path("/x")));
        assert!(error.help().is_some());
        error
    };
    let at = || path("/x");
    let device = NodeKind::CharDevice { major: 4096, minor: 0 };
    assert_eq!(refused(Node { kind: device, metadata: meta(0) }), PlanError::BadDevice(at()));
    assert_eq!(refused(Node::symlink("", 0)), PlanError::BadTarget(at()));
    assert_eq!(refused(Node::symlink(vec![b'x'; 4096], 0)), PlanError::BadTarget(at()));
    assert_eq!(refused(Node::symlink("x", -1)), PlanError::BadTime(at()));
    assert_eq!(refused(Node::symlink("x", 1 << 32)), PlanError::BadTime(at()));
    let huge = Content::Sparse(Arc::new(Sparse::new(1 << 42, Vec::new()).unwrap()));
    assert_eq!(refused(Node::file(huge, meta(0))), PlanError::TooLarge(at()));
    let with = |name: &str, len| Metadata { xattrs: xattrs(&[(name, &vec![0; len])]), ..meta(0) };
    let unknown = |name: &str| PlanError::UnknownXattr { path: at(), name: name.to_owned() };
    for name in ["system.posix_acl_access", "user.", "other"] {
        assert_eq!(refused(Node::directory(with(name, 5))), unknown(name));
    }
    let too_long = PlanError::XattrTooLong { path: at(), name: "user.a".to_owned() };
    assert_eq!(refused(Node::directory(with("user.a", 65_537))), too_long);

    let mut tree = empty();
    for uid in 0..65_536 {
        let file = Node::file(Content::inline([]), Metadata { uid, ..meta(0) });
        tree.insert(&TreePath::root().join(format!("{uid:05}")).unwrap(), file).unwrap();
    }
    let zstd = options(Compression::ZSTD);
    assert_eq!(plan(&tree, &NoBlobs, &zstd).err(), Some(PlanError::TooManyIds(path("/65535"))));
    assert!(tree.remove(&path("/65535")));
    assert_mounts(&tree, &NoBlobs, &image(&tree, &NoBlobs, &options(Compression::Lz4)));

    for block_size in [0, 2048, 5000, 2 << 20] {
        let options = Options { block_size, ..zstd.clone() };
        assert_eq!(plan(&tree, &NoBlobs, &options).err(), Some(PlanError::BlockSize(block_size)));
    }
    for (compression, most) in [(Compression::Zstd { level: 23 }, 22), (Compression::Gzip { level: 10 }, 9)] {
        let error = PlanError::Level { level: most + 1, most };
        assert_eq!(plan(&tree, &NoBlobs, &options(compression)).err(), Some(error));
    }
}

#[test]
fn a_failed_read_is_an_error() {
    let mut tree = empty();
    let blob = Blob { digest: None, size: 5, pack: PackId(0), offset: 0 };
    tree.insert(&path("/lost"), Node::file(Content::Blob(blob), meta(0o644))).unwrap();
    let plan = plan(&tree, &NoBlobs, &options(Compression::ZSTD)).unwrap();
    assert!(plan.write(&tempfile::tempfile().unwrap()).is_err());
}

/// Something of everything.
fn sample() -> Tree {
    let mut tree = empty();
    tree.insert(&path("/etc"), Node::directory(meta(0o700))).unwrap();
    let text = Content::inline("a line\n".repeat(3000));
    tree.insert(&path("/etc/text"), Node::file(text, Metadata { xattrs: xattrs(&[("user.a", b"b")]), ..meta(0o644) }))
        .unwrap();
    tree.insert(&path("/etc/copy"), Node::file(Content::inline("a line\n".repeat(3000)), meta(0o644))).unwrap();
    tree.hard_link(&path("/link"), &path("/etc/text")).unwrap();
    tree.insert(&path("/sh"), Node::symlink("dash", TIME)).unwrap();
    tree
}

/// The same tree gives the same bytes, today and in another release: a commit that changes one of these says why.
#[test]
fn the_bytes_of_a_sample_are_known() {
    let digest = |compression| {
        let image = image(&sample(), &NoBlobs, &Options { block_size: 4096, ..options(compression) });
        let mut text = Sha256Digest::of(&fs::read(image.path()).unwrap()).to_string();
        text.truncate(16);
        text
    };
    let digests = Compression::ALL.map(digest);
    assert_eq!(digests, ["8403e6a70f413d03", "057c97e6fa157ba9", "e952d8991ab451e0", "d1ea9c8dc3937442"]);
}

/// The judges must notice.
#[test]
fn a_changed_byte_is_noticed() {
    let tree = sample();
    let good = image(&tree, &NoBlobs, &options(Compression::Lz4));
    let bytes = fs::read(good.path()).unwrap();
    let place = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (inodes, names) = (place(64), place(72));
    for (what, at) in [
        ("superblock", 2),
        ("content", 96 + 8 + 20),
        ("inode table", inodes + 2 + 10),
        ("directory table", names + 2 + 20),
    ] {
        let bad = NamedTempFile::new().unwrap();
        fs::write(bad.path(), &bytes).unwrap();
        File::options().write(true).open(bad.path()).unwrap().write_all_at(&[bytes[at as usize] ^ 0x10], at).unwrap();
        let dir = TempDir::new().unwrap();
        let Some(found) = extracted(&bad, &dir) else { return };
        let Ok(found) = found else { continue };
        let wanted = as_stored(&tree, true);
        let different = differences((&wanted, &NoBlobs), (&found.tree, &found)).unwrap();
        assert!(!different.is_empty(), "{what}");
    }
}
