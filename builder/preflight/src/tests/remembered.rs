//! A second look at files: what it may take over from the first, and what not.

use std::io;
use std::sync::Mutex;

use rootsmith_kernel::{index_modules, module_info};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, NoBlobs, Node, PackId, Tree};
use rootsmith_types::{Arch, TreePath};

use super::elf_file::{ElfFile, PLAIN};
use super::fixture::module_file;
use crate::elf::{Depth, Programs};
use crate::*;

const LOADER: &str = "/lib/ld-musl-x86_64.so.1";
const AGENT: &str = "/usr/bin/agent";
const LIBRARY: &str = "/usr/lib/libown.so";

/// Contents of which each read is noted, and some refused.
struct Store {
    contents: Vec<Vec<u8>>,
    reads: Mutex<Vec<(u32, u64)>>,
    gives: fn(offset: u64) -> bool,
}

impl Blobs for Store {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.lock().unwrap().push((blob.pack.0, offset));
        let at = offset as usize;
        let bytes = self.contents[blob.pack.0 as usize].get(at..at + buf.len()).filter(|_| (self.gives)(offset));
        buf.copy_from_slice(bytes.ok_or_else(|| io::Error::other("bad sector"))?);
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Store {
    /// A tree of `files`, whose contents have digests where they are `digested`.
    fn of(files: &[(&'static str, Vec<u8>)], digested: bool, gives: fn(u64) -> bool) -> (Tree, Store) {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        for (at, (path, bytes)) in files.iter().enumerate() {
            let digest = digested.then(|| Content::inline(bytes.clone()).digest(&NoBlobs).unwrap());
            let blob = Blob { digest, size: bytes.len() as u64, pack: PackId(at as u32), offset: 0 };
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
            tree.insert(&path, Node::file(Content::Blob(blob), meta.clone())).unwrap();
        }
        let contents = files.iter().map(|(_, bytes)| bytes.clone()).collect();
        (tree, Store { contents, reads: Mutex::default(), gives })
    }

    /// The places that were read since the last question.
    fn reads(&self) -> Vec<(u32, u64)> {
        std::mem::take(&mut *self.reads.lock().unwrap())
    }
}

/// A program, its loader and a library that has the symbol `defined`; the program needs `own`.
fn files(defined: &str) -> Vec<(&'static str, Vec<u8>)> {
    let agent = ElfFile { interpreter: LOADER, needed: &["libown.so"], undefined: &["own"], ..PLAIN };
    let library = ElfFile { soname: "libown.so", defined: &[defined], ..PLAIN };
    vec![(AGENT, agent.bytes()), (LIBRARY, library.bytes()), (LOADER, PLAIN.bytes())]
}

fn troubles(tree: &Tree, store: &Store, remembered: &Remembered) -> Vec<String> {
    let programs = Programs::new(tree, store, Arch::Amd64, &["/usr/bin"], remembered);
    let troubles = programs.troubles(&TreePath::literal(AGENT), Depth::Symbols);
    troubles.into_iter().map(|trouble| trouble.text).collect()
}

const ALL: fn(u64) -> bool = |_| true;
const NOTHING: fn(u64) -> bool = |_| false;

#[test]
fn the_same_bytes_are_read_once() {
    let remembered = Remembered::default();
    let (tree, store) = Store::of(&files("own"), true, ALL);
    assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);
    assert!(store.reads().len() >= 6, "three heads, three tables");
    let taken = remembered.taken();

    // The same files in another order elsewhere, where nobody can read them.
    let mut moved = files("own");
    moved.rotate_left(1);
    let (tree, store) = Store::of(&moved, true, NOTHING);
    assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);
    assert_eq!((store.reads(), remembered.taken()), (Vec::new(), taken));
    let stranger = troubles(&tree, &store, &Remembered::default());
    assert!(stranger[0].contains("bad sector"), "{stranger:?}");
}

#[test]
fn bytes_that_nobody_digested_are_read_again() {
    let remembered = Remembered::default();
    for _ in 0..2 {
        let (tree, store) = Store::of(&files("own"), false, ALL);
        assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);
        assert!(store.reads().len() >= 6);
    }
}

#[test]
fn other_bytes_at_the_same_place_are_judged_anew() {
    let remembered = Remembered::default();
    let (tree, store) = Store::of(&files("own"), true, ALL);
    assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);
    let (tree, store) = Store::of(&files("other"), true, ALL);
    let found = troubles(&tree, &store, &remembered);
    assert_eq!(found, ["`/usr/bin/agent` needs `own`, which none of its libraries has (`libown.so`)"]);
    let (tree, store) = Store::of(&files("own"), true, ALL);
    assert_eq!((troubles(&tree, &store, &remembered), store.reads()), (Vec::new(), Vec::new()));
}

#[test]
fn that_a_file_could_not_be_read_is_forgotten() {
    let remembered = Remembered::default();
    let (tree, store) = Store::of(&files("own"), true, NOTHING);
    let unread = troubles(&tree, &store, &remembered);
    assert_eq!(unread, ["`/usr/bin/agent` is no program: it cannot be read: bad sector"]);
    let (tree, store) = Store::of(&files("own"), true, ALL);
    assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);

    // Heads, but no tables of symbols: that one is missing is not noticed.
    let remembered = Remembered::default();
    let (tree, store) = Store::of(&files("other"), true, |offset| offset == 0);
    assert_eq!(troubles(&tree, &store, &remembered), [""; 0]);
    let (tree, store) = Store::of(&files("other"), true, ALL);
    assert_eq!(troubles(&tree, &store, &remembered).len(), 1);
}

#[test]
fn there_is_an_end_to_what_is_remembered() {
    let remembered = Remembered::default();
    assert!(remembered.has_room(128 << 20) && !remembered.has_room(1));
    let (tree, store) = Store::of(&files("own"), true, ALL);
    let full = troubles(&tree, &store, &remembered);
    assert_eq!(full, ["`/usr/bin/agent` is no program: the image has too many names"]);
}

#[test]
fn what_is_started_is_looked_at_once() {
    let files = [
        ("/EFI/BOOT/BOOTX64.EFI", b"MZ, and little else".to_vec()),
        ("/vmlinuz", b"a kernel".to_vec()),
        ("/loader/entries/x.conf", b"title x\nlinux /vmlinuz\n".to_vec()),
    ];
    let find = |gives: fn(u64) -> bool, remembered: &Remembered| {
        let (tree, store) = Store::of(&files, true, gives);
        let entries = find_entries(&[BootVolume { tree: &tree, blobs: &store, is_fat: true }], 0, remembered);
        let images = store.reads().into_iter().filter(|(pack, _)| *pack < 2).count();
        (entries, images)
    };
    let remembered = Remembered::default();
    // What cannot be read is an entry, too.
    let (unread, images) = find(NOTHING, &remembered);
    assert_eq!((unread.len(), images), (1, 1));
    let (entries, images) = find(ALL, &remembered);
    assert_eq!((entries.len(), entries[1].linux, images), (2, true, 2));
    assert_eq!(find(ALL, &remembered), (entries, 0));
}

#[test]
fn a_kernel_is_looked_into_once() {
    let remembered = Remembered::default();
    let (tree, _) = Store::of(&[("/vmlinuz", b"a kernel".to_vec()), ("/other", b"another".to_vec())], true, ALL);
    let content = |at: &'static str| tree.get(&TreePath::literal(at)).and_then(Node::content).unwrap();
    let look =
        |at, found: Result<Option<&str>, ()>| remembered.config(content(at), || found.map(|it| it.map(Into::into)));
    assert_eq!(look("/vmlinuz", Err(())), Err(()));
    assert_eq!(look("/vmlinuz", Ok(Some("CONFIG_A=y"))), Ok(Some("CONFIG_A=y".into())));
    assert_eq!(look("/vmlinuz", Err(())), Ok(Some("CONFIG_A=y".into())));
    assert_eq!(look("/other", Ok(None)), Ok(None));
}

#[test]
fn what_an_index_or_a_package_says_is_not_found_out_again() {
    let module = module_file(62, "6.12");
    let (file, image) = ("/usr/lib/modules/6.12/a.ko.xz", "/boot/vmlinuz-6.12");
    let (tree, store) = Store::of(&[(file, module.clone()), (image, b"a kernel".to_vec())], true, ALL);
    let content = |at: &'static str| tree.get(&TreePath::literal(at)).and_then(Node::content).unwrap();
    let folder = TreePath::literal("/usr/lib/modules/6.12");
    let index = index_modules(&tree, &store, &folder).unwrap();
    let remembered = Remembered::default();
    let info = |name: &str| remembered.module(name, content(file), || Err(()));
    assert_eq!(info("a.ko.xz"), Err(()));
    remembered.know_modules(&index);
    assert_eq!(info("a.ko.xz"), Ok(module_info(b"a.ko.xz", &module).unwrap()));
    // An overlay may have put another file there since.
    let other = Content::from(module_file(62, "6.13"));
    assert_eq!(remembered.module("a.ko.xz", &other, || Err(())), Err(()));
    // Bytes that would be no module under another name.
    assert_eq!(info("a.ko"), Err(()));

    let config = || remembered.config(content(image), || Err(()));
    assert_eq!(config(), Err(()));
    remembered.know_no_config(content(image));
    assert_eq!(config(), Ok(None));
}
