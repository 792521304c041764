use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::process::Command;
use std::sync::Arc;

use hadris_fat::{FatDir, FatVolume, FatVolumeReadExt};
use proptest::prelude::*;
use rootsmith_ondisk::{Image, Memory, Sink};
use rootsmith_tree::{Content, Metadata, NoBlobs, Node, NodeKind, Run, Sparse, Tree};
use rootsmith_types::{Explain, NumBytes, Subject, TreePath};

use crate::{FatType, NameFault, Options, PlanError, Size, plan};

const DATE: i64 = 1_700_000_000;

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn options(size: Size) -> Options {
    Options { size, volume_id: 0x1234_abcd, label: "ESP".to_owned() }
}

fn minimal(free: u64) -> Options {
    options(Size::Minimal { free: NumBytes::new(free) })
}

fn put(tree: &mut Tree, at: &str, content: impl AsRef<[u8]>) {
    let at = path(at);
    tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, DATE)).unwrap();
    tree.insert(&at, Node::file(Content::inline(content), Metadata::root(0o644, DATE))).unwrap();
}

/// What an ESP holds, and the names and sizes at which something changes.
fn esp() -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755, DATE));
    put(&mut tree, "/EFI/BOOT/BOOTX64.EFI", vec![0x5a; 100_000]);
    put(&mut tree, "/EFI/Linux/k0s-worker_6.12.48+deb13.efi", (0..=255).cycle().take(70_001).collect::<Vec<u8>>());
    put(&mut tree, "/loader/loader.conf", "timeout 0\n");
    put(&mut tree, "/loader/entries/thirteen-char", "13");
    put(&mut tree, "/loader/entries/empty.conf", "");
    put(&mut tree, "/loader/entries/ünïcödé 😀.conf", "u");
    put(&mut tree, "/exact.512", vec![1; 512]);
    put(&mut tree, "/EXACT.513", vec![2; 513]);
    for n in 0..100 {
        put(&mut tree, &format!("/many/a long name with number {n}.conf"), format!("{n}"));
    }
    tree.remove(&path("/EXACT.513"));
    let hole = Sparse::new(300_000, vec![Run { offset: 299_999, data: b"x"[..].into() }]).unwrap();
    let hole = Node::file(Content::Sparse(Arc::new(hole)), Metadata::root(0o644, DATE));
    tree.insert(&path("/hole"), hole).unwrap();
    tree
}

fn image(tree: &Tree, options: &Options) -> Vec<u8> {
    Memory::of(&plan(tree, &NoBlobs, options).unwrap()).unwrap()
}

/// What `tool` says of `image`; `None` when it is not there.
#[allow(clippy::disallowed_methods, clippy::print_stderr)] // the judge's own switch, and its word when it is missing
fn judge(tool: &str, arguments: &[&str], image: &[u8]) -> Option<(bool, Vec<u8>)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(image).unwrap();
    let name = file.path().to_str().unwrap();
    let arguments = arguments.iter().map(|argument| argument.replace("IMAGE", name));
    let mut command = Command::new(tool);
    command.args(arguments).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("MTOOLS_SKIP_CHECK", "0");
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool} not found");
        eprintln!("skipped: {tool} not found");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), said))
}

fn assert_clean(image: &[u8]) {
    if let Some((clean, said)) = judge("fsck.fat", &["-n", "-v", "IMAGE"], image) {
        let said = String::from_utf8_lossy(&said);
        let warned = ["differ", "wrong", "Bad", "Dirty", "corrupt", "Unused", "Duplicate", "must be", "should be"];
        assert!(clean && warned.iter().all(|word| !said.contains(word)), "{said}");
    }
}

/// A card that was used before: what is not written is not zero.
struct Used(Vec<u8>);

impl Sink for Used {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let at = offset as usize;
        self.0[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}

#[test]
fn on_a_used_card_only_free_clusters_hold_what_was_there() {
    for size in [minimal(0), options(Size::Fixed(NumBytes::mib(40))), options(Size::Fixed(NumBytes::mib(8)))] {
        let tree = esp();
        let plan = plan(&tree, &NoBlobs, &size).unwrap();
        let clean = Memory::of(&plan).unwrap();
        let mut used = Used(vec![0xa5; clean.len()]);
        plan.write(&mut used).unwrap();
        let written = used.0.iter().zip(&clean).take_while(|(used, clean)| used == clean).count();
        assert!(used.0[written..].iter().all(|byte| *byte == 0xa5), "what is written is without a gap");
        assert!(clean[written..].iter().all(|byte| *byte == 0));
        assert_clean(&used.0);
    }
}

/// Everything below `dir` with its content, as another implementation reads it; `None` for directories.
type Listing = BTreeMap<String, Option<Vec<u8>>>;

fn read(image: &[u8]) -> Listing {
    fn descend(volume: &FatVolume<Cursor<&[u8]>>, dir: &FatDir<'_, Cursor<&[u8]>>, at: &str, found: &mut Listing) {
        for entry in dir.entries() {
            let entry = entry.unwrap();
            let entry = entry.as_entry().unwrap();
            let name = entry.name().into_owned();
            if name == "." || name == ".." || !entry.is_directory() && name == "ESP" {
                continue;
            }
            let path = format!("{at}/{name}");
            assert_eq!(
                (entry.modified().date, entry.modified().time),
                (43 << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10)
            );
            if entry.is_directory() {
                descend(volume, &dir.open_entry(entry).unwrap(), &path, found);
                found.insert(path, None);
            } else {
                found.insert(path, Some(volume.read_file(entry).unwrap().read_to_vec().unwrap()));
            }
        }
    }
    let volume = FatVolume::open(Cursor::new(image)).unwrap();
    let mut found = Listing::new();
    descend(&volume, &volume.root_dir(), "", &mut found);
    found
}

fn wanted(tree: &Tree) -> Listing {
    let content = |node: &Node| node.content().map(|content| content.read(&NoBlobs, 1 << 30).unwrap().to_vec());
    let entries = tree.walk().filter(|entry| !entry.path.is_root());
    entries.map(|entry| (String::from_utf8(entry.path.as_bytes().to_vec()).unwrap(), content(entry.node))).collect()
}

#[test]
fn both_types_pass_fsck_and_are_read_back() {
    let tree = esp();
    for (size, fat_type) in [
        (Size::Minimal { free: NumBytes::new(0) }, FatType::Fat16),
        (Size::Fixed(NumBytes::mib(16)), FatType::Fat16),
        (Size::Fixed(NumBytes::new((33 << 20) - 512)), FatType::Fat32),
        (Size::Fixed(NumBytes::mib(64)), FatType::Fat32),
        (Size::Fixed(NumBytes::mib(140)), FatType::Fat32),
    ] {
        let plan = plan(&tree, &NoBlobs, &options(size)).unwrap();
        assert_eq!(plan.fat_type(), fat_type, "{size:?}");
        let image = Memory::of(&plan).unwrap();
        assert_clean(&image);
        assert!(read(&image) == wanted(&tree), "{size:?}");
    }
}

#[test]
fn mtools_lists_and_reads() {
    for size in [3 << 20, 34 << 20] {
        let image = image(&esp(), &options(Size::Fixed(NumBytes::new(size))));
        if let Some((clean, said)) = judge("mdir", &["-i", "IMAGE", "::/loader/entries"], &image) {
            let said = String::from_utf8_lossy(&said);
            assert!(clean && said.contains("Volume in drive : is ESP"), "{said}");
            assert!(said.contains("Volume Serial Number is 1234-ABCD"), "{said}");
            assert!(said.contains("EMPTY~1  CON         0 2023-11-14  22:13  empty.conf"), "{said}");
            assert!(said.contains("ünïcödé "), "{said}");
        }
        let uki = ["-i", "IMAGE", "::/EFI/Linux/k0s-worker_6.12.48+deb13.efi"];
        if let Some((clean, said)) = judge("mtype", &uki, &image) {
            assert!(clean && said == (0..=255).cycle().take(70_001).collect::<Vec<u8>>());
        }
        if let Some((clean, said)) = judge("mtype", &["-i", "IMAGE", "::/EFI/BOOT/BOOTX64.EFI"], &image) {
            assert!(clean && said == vec![0x5a; 100_000]);
        }
    }
}

#[test]
fn a_flipped_byte_is_noticed() {
    let tree = esp();
    let clean = image(&tree, &minimal(0));
    // A table entry in one of the two copies, and the first cluster of `EFI`, which follows the label.
    let root = clean.windows(11).position(|name| name == b"ESP        ").unwrap();
    let root = root + clean[root + 11..].windows(11).position(|name| name == b"ESP        ").unwrap() + 11;
    for at in [512 + 4 * 2, root + 32 + 26] {
        let mut flipped = clean.clone();
        flipped[at] ^= 1;
        if let Some((ok, said)) = judge("fsck.fat", &["-n", "IMAGE"], &flipped) {
            assert!(!ok, "byte {at}: {}", String::from_utf8_lossy(&said));
        }
    }
    let mut flipped = clean.clone();
    let content = clean.windows(2).rposition(|bytes| bytes == [0x5a, 0x5a]).unwrap();
    flipped[content] ^= 1;
    assert!(read(&flipped) != wanted(&tree));
}

#[test]
fn two_runs_give_the_same_bytes() {
    assert!(image(&esp(), &minimal(5)) == image(&esp(), &minimal(5)));
}

#[test]
fn minimal_leaves_what_was_asked_for_and_no_less_is_enough() {
    let tree = esp();
    for free in [0, 1 << 20, 31 << 20, 33 << 20, 300 << 20] {
        let image = plan(&tree, &NoBlobs, &minimal(free)).unwrap();
        let left = (image.geometry.clusters - image.used) * image.geometry.cluster_size();
        assert!(left >= free, "{left} of {free}");
        assert!(image.size().get() < (free + (3 << 20)) * 102 / 100, "{:?}", image.size());
    }
    // FAT32 has a largest size too.
    assert!(matches!(plan(&tree, &NoBlobs, &minimal(1 << 41)).err(), Some(PlanError::TooLarge(_))));
    assert!(matches!(plan(&tree, &NoBlobs, &minimal(u64::MAX)).err(), Some(PlanError::TooLarge(_))));
}

#[test]
fn too_small_says_what_is_needed() {
    let mut tree = esp();
    put(&mut tree, "/big", vec![1; 3 << 20]);
    let fixed = |bytes| options(Size::Fixed(NumBytes::new(bytes)));
    let Some(PlanError::TooSmall { needed, .. }) = plan(&tree, &NoBlobs, &fixed(3 << 20)).err() else {
        panic!("3 MiB must not do");
    };
    assert!(needed.get() > 3 << 20);
    assert!(plan(&tree, &NoBlobs, &fixed(needed.get())).is_ok());
    assert!(plan(&tree, &NoBlobs, &fixed(needed.get() - 512)).is_err());
    assert!(plan(&tree, &NoBlobs, &fixed(0)).is_err());
}

#[test]
fn everything_fat_cannot_hold_is_named_at_once() {
    let mut tree = Tree::new(Metadata::root(0o755, DATE));
    put(&mut tree, "/a:b", "");
    put(&mut tree, "/Case", "");
    put(&mut tree, "/case", "");
    put(&mut tree, "/dot.", "");
    tree.insert(&path("/link"), Node::symlink("a", 0)).unwrap();
    let null = NodeKind::CharDevice { major: 1, minor: 3 };
    tree.insert(&path("/null"), Node { kind: null, metadata: Metadata::root(0o666, 0) }).unwrap();
    let huge = Content::Sparse(Arc::new(Sparse::new(1 << 32, Vec::new()).unwrap()));
    tree.insert(&path("/huge"), Node::file(huge, Metadata::root(0o644, 0))).unwrap();
    let error = plan(&tree, &NoBlobs, &minimal(0)).err().unwrap();
    assert_eq!(error.subject(), Subject::Path(path("/huge")));
    assert_eq!(error.notes().len(), 5);
    let PlanError::Entries(faults) = error else { panic!("{error}") };
    let mut faults: Vec<(String, NameFault)> = faults.into_iter().map(|(path, it)| (path.to_string(), it)).collect();
    faults.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        faults,
        [
            ("/a:b".to_owned(), NameFault::Character(':')),
            ("/case".to_owned(), NameFault::SameAs(path("/Case"))),
            ("/dot.".to_owned(), NameFault::End),
            ("/huge".to_owned(), NameFault::FileSize(NumBytes::new(1 << 32))),
            ("/link".to_owned(), NameFault::Kind('l')),
            ("/null".to_owned(), NameFault::Kind('c')),
        ]
    );
}

#[test]
fn labels_are_as_the_specification_has_them() {
    let tree = Tree::new(Metadata::root(0o755, 0));
    let labelled = |label: &str| plan(&tree, &NoBlobs, &Options { label: label.to_owned(), ..minimal(0) }).map(|_| ());
    assert_eq!(labelled("RASPI BOOT1"), Ok(()));
    assert_eq!(labelled(""), Ok(()));
    for bad in ["TWELVE CHARS", "esp", "É", "A.B", " A"] {
        assert_eq!(labelled(bad), Err(PlanError::Label(bad.to_owned())));
    }
    let unlabelled = image(&tree, &Options { label: String::new(), ..minimal(0) });
    assert_clean(&unlabelled);
    assert_eq!(&unlabelled[43..54], b"NO NAME    ");
}

#[test]
fn a_root_directory_of_fat16_grows_with_its_contents() {
    let mut tree = Tree::new(Metadata::root(0o755, DATE));
    for n in 0..700 {
        put(&mut tree, &format!("/file number {n}"), "x");
    }
    let image = image(&tree, &minimal(0));
    assert_clean(&image);
    assert!(read(&image) == wanted(&tree));
}

#[test]
fn a_directory_with_too_many_entries_is_refused() {
    let mut tree = Tree::new(Metadata::root(0o755, DATE));
    // Eight letters in capitals take one entry each; with `.` and `..` this is one too many.
    for n in 0..65_535 {
        put(&mut tree, &format!("/D/{n:08}"), "");
    }
    let faults = PlanError::Entries(vec![(path("/D"), NameFault::TooManyEntries)]);
    assert_eq!(plan(&tree, &NoBlobs, &minimal(0)).err(), Some(faults));
    tree.remove(&path("/D/00000000"));
    assert!(plan(&tree, &NoBlobs, &minimal(0)).is_ok());
}

/// Small trees with names FAT can hold.
fn trees() -> impl Strategy<Value = Tree> {
    let name = prop_oneof![
        "[A-C]{1,2}",
        "[A-Z0-9]{1,8}\\.[A-Z]{1,3}",
        "[a-c .]{0,12}x",
        "[!#-).-9;=@-\\[\\]-{}~ +]{1,30}x".prop_map(|name| name.replace('/', "_")),
        "[àéîõü日本😀]{1,27}",
        "[a-z]{200,255}",
    ];
    let names = prop::collection::vec(name, 1..4);
    let content = prop::option::of(prop::collection::vec(any::<u8>(), 0..2000));
    prop::collection::vec((names, content), 0..25).prop_map(|entries| {
        let mut tree = Tree::new(Metadata::root(0o755, DATE));
        let meta = Metadata::root(0o755, DATE);
        let mut folded: BTreeMap<String, String> = BTreeMap::new();
        for (names, content) in entries {
            let Ok(at) = TreePath::new(names.join("/")) else { continue };
            let text = at.to_string();
            // Two names that differ in case alone, somewhere on the way, are another test's.
            let known = folded.entry(text.to_uppercase()).or_insert_with(|| text.clone()).clone();
            let parents = std::iter::successors(at.parent(), TreePath::parent);
            let spelt = |path: &TreePath| {
                folded.get(&path.to_string().to_uppercase()).is_none_or(|known| *known == path.to_string())
            };
            if known != text || !parents.clone().all(|parent| spelt(&parent)) {
                continue;
            }
            for parent in parents {
                folded.insert(parent.to_string().to_uppercase(), parent.to_string());
            }
            if tree.create_directories(&at.parent().unwrap(), &meta).is_ok() {
                let _ = match content {
                    Some(data) => tree.insert(&at, Node::file(Content::inline(data), meta.clone())),
                    None => tree.insert(&at, Node::directory(meta.clone())),
                };
            }
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_back(tree in trees()) {
        let image = image(&tree, &minimal(0));
        assert_clean(&image);
        prop_assert_eq!(read(&image), wanted(&tree));
    }
}
