//! The rules of laying out, on packages made by hand.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_package::{Control, PackedEntry, PackedKind, Unpacked};
use rootsmith_profile::Profile;
use rootsmith_tree::{Blob, Blobs, Content, NoBlobs, PackId};
use rootsmith_types::{Arch, ContentDigest, Sha256Digest, SourceEntry, SourceKind, Sources, TreePath};

use crate::{AssembleError, Assembly, Owner, Package, Taken, drop_paths, embed, overlay, unpack};

const PROFILE: &str = r#"
schema = 1
[image]
name = "test"
arch = ["amd64"]
[distribution]
id = "debian"
suite = "trixie"
[init]
system = "systemd"
[[output]]
kind = "tar"
[packages]
include = ["base-files"]
"#;

/// Files by path; folders are what lies before a slash.
struct Map(BTreeMap<PathBuf, Vec<u8>>);

impl Sources for Map {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        self.read(path).map(|data| Box::new(io::Cursor::new(data)) as Box<dyn io::Read>)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        let below: Vec<SourceEntry> = (self.0.keys().filter_map(|path| path.strip_prefix(dir).ok()))
            .map(|path| SourceEntry { path: path.to_owned(), kind: SourceKind::File { executable: false } })
            .collect();
        if below.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(below) }
    }
}

fn profile(extra: &str, files: &[(&str, &str)]) -> (Profile, Map) {
    let mut map = BTreeMap::from([(PathBuf::from("test.toml"), format!("{PROFILE}{extra}").into_bytes())]);
    map.extend(files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())));
    let map = Map(map);
    (rootsmith_profile::load(Path::new("test.toml"), &map).unwrap(), map)
}

fn package(name: &str, stanza: &str, entries: Vec<PackedEntry>) -> Package {
    let locked = LockedPackage {
        name: name.parse().unwrap(),
        role: Role::Root,
        version: "1.0".to_owned(),
        architecture: "amd64".to_owned(),
        archive: Archive::Main,
        filename: String::new(),
        size: 0,
        sha256: Sha256Digest::of(name.as_bytes()),
        why: Why::Requested,
    };
    let control = Control { stanza: stanza.to_owned(), members: BTreeMap::new() };
    Package { locked, unpacked: Arc::new(Unpacked { control, entries }), pack: PackId(0) }
}

fn entry(path: &str, mode: u16, kind: PackedKind) -> PackedEntry {
    PackedEntry { path: path.into(), kind, mode, uid: 0, gid: 0, mtime: 0, xattrs: Vec::new() }
}

fn file(path: &str) -> PackedEntry {
    entry(path, 0o644, PackedKind::File { offset: 0, size: 1, digest: ContentDigest::of(path.as_bytes()) })
}

fn dir(path: &str) -> PackedEntry {
    entry(path, 0o755, PackedKind::Directory)
}

fn base() -> Package {
    let link = entry("/bin", 0o777, PackedKind::Symlink(b"usr/bin".to_vec()));
    package("base-files", "", vec![dir("/"), dir("/usr"), dir("/usr/bin"), link])
}

fn path(text: &'static str) -> TreePath {
    TreePath::literal(text)
}

#[test]
fn files_follow_the_links_of_merged_usr() {
    let sh = package("dash", "", vec![dir("/"), dir("/bin"), file("/bin/sh")]);
    // `base-files` comes first whatever the order it is given in.
    let assembly = unpack(&profile("", &[]).0, &[sh, base()], &[], Arch::Amd64, 0).unwrap();
    assert_eq!(assembly.tree.get(&path("/bin")).unwrap().link_target(), Some(&b"usr/bin"[..]));
    assert!(assembly.tree.get(&path("/usr/bin/sh")).is_some());
    assert_eq!(assembly.owners.exactly(&path("/usr/bin/sh")), Some(&Owner::Package("dash".parse().unwrap())));
}

#[test]
fn without_base_files_its_folders_links_and_release_are_there() {
    let busybox = package("busybox-static", "", vec![dir("/"), dir("/bin"), file("/bin/busybox")]);
    let release = entry("/etc/os-release", 0o777, PackedKind::Symlink(b"../usr/lib/os-release".to_vec()));
    let files = vec![dir("/"), file("/usr/lib/os-release"), release, file("/etc/issue")];
    let taken_apart = [package("base-files", "", files)];
    let made = |arch| unpack(&profile("", &[]).0, std::slice::from_ref(&busybox), &taken_apart, arch, 0).unwrap();
    let assembly = made(Arch::Amd64);
    let target = |at| assembly.tree.get(&path(at)).and_then(rootsmith_tree::Node::link_target);
    assert_eq!(target("/lib64"), Some(&b"usr/lib64"[..]));
    assert_eq!(target("/var/run"), Some(&b"/run"[..]));
    assert!(assembly.tree.get(&path("/usr/bin/busybox")).is_some());
    assert!(assembly.tree.lookup(&path("/etc/os-release")).is_some());
    assert_eq!(assembly.tree.get(&path("/tmp")).unwrap().metadata.mode, 0o1777);
    // Of a package that is only taken apart nothing else is in the image.
    assert!(assembly.tree.get(&path("/etc/issue")).is_none());
    assert!(made(Arch::Arm64).tree.get(&path("/lib64")).is_none());
}

#[test]
fn two_packages_with_one_file_are_named() {
    let mawk = package("mawk", "", vec![file("/usr/bin/awk")]);
    let gawk = package("gawk", "", vec![file("/bin/awk")]);
    let errors = unpack(&profile("", &[]).0, &[base(), mawk, gawk], &[], Arch::Amd64, 0).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "two packages install `/usr/bin/awk`: `gawk` and `mawk`");
}

#[test]
fn replaces_and_prefer_settle_who_wins() {
    let owner = |extra, first: &Package, second: &Package| {
        let packages = [base(), first.clone(), second.clone()];
        let assembly = unpack(&profile(extra, &[]).0, &packages, &[], Arch::Amd64, 0).unwrap();
        assembly.owners.exactly(&path("/usr/bin/awk")).cloned()
    };
    let mawk = package("mawk", "Package: mawk\n", vec![file("/usr/bin/awk")]);
    let gawk = package("gawk", "Package: gawk\nReplaces: mawk (<< 2)\n", vec![file("/usr/bin/awk")]);
    let of = |name: &str| Some(Owner::Package(name.parse().unwrap()));
    assert_eq!(owner("", &mawk, &gawk), of("gawk"));
    let prefer = "[packages.prefer]\n\"/usr/bin/awk\" = \"mawk\"\n";
    assert_eq!(owner(prefer, &mawk, &gawk), of("mawk"));
    let newer = package("gawk", "Package: gawk\nReplaces: mawk (<< 1)\n", vec![file("/usr/bin/awk")]);
    assert!(unpack(&profile("", &[]).0, &[base(), mawk, newer], &[], Arch::Amd64, 0).is_err());
}

#[test]
fn entries_that_cannot_be_placed_are_named_with_their_package() {
    let evil = package("evil", "", vec![file("/usr/bin"), entry("/x", 0o644, PackedKind::HardLink(b"/none".to_vec()))]);
    let errors = unpack(&profile("", &[]).0, &[base(), evil], &[], Arch::Amd64, 0).unwrap_err();
    let texts: Vec<String> = errors.iter().map(AssembleError::to_string).collect();
    assert_eq!(
        texts,
        [
            "package `evil` brings `/usr/bin`, which cannot be unpacked: another package has a directory there",
            "package `evil` brings `/x`, which cannot be unpacked: `/none` does not exist",
        ]
    );
}

#[test]
fn dropped_folders_keep_their_licences() {
    let docs = package(
        "mawk",
        "",
        vec![
            dir("/usr/share"),
            dir("/usr/share/doc"),
            dir("/usr/share/doc/mawk"),
            file("/usr/share/doc/mawk/copyright"),
            file("/usr/share/doc/mawk/README"),
            dir("/usr/share/doc/mawk/examples"),
            file("/usr/share/doc/mawk/examples/copyright.awk"),
            dir("/usr/share/man"),
            file("/usr/share/man/copyright"),
        ],
    );
    let (profile, _) = profile("drop = [\"/usr/share/doc\", \"/usr/share/man\"]\n", &[]);
    let mut assembly = unpack(&profile, &[base(), docs], &[], Arch::Amd64, 0).unwrap();
    drop_paths(&mut assembly, &profile);
    let left: Vec<String> = assembly.tree.walk_from(&path("/usr/share")).map(|entry| entry.path.to_string()).collect();
    assert_eq!(left, ["/usr/share", "/usr/share/doc", "/usr/share/doc/mawk", "/usr/share/doc/mawk/copyright"]);
    assert!(assembly.owners.exactly(&path("/usr/share/man")).is_none());
}

#[test]
fn overlays_lie_over_everything_and_follow_links() {
    let (profile, files) = profile(
        "[[overlay]]\nsource = \"overlay\"\n",
        &[("overlay/bin/tool", "#!/bin/sh\n"), ("overlay/etc/motd", "hello")],
    );
    let mut assembly =
        unpack(&profile, &[base(), package("motd", "", vec![dir("/etc"), file("/etc/motd")])], &[], Arch::Amd64, 7)
            .unwrap();
    overlay(&mut assembly, &profile, &files, &NoBlobs, 7).unwrap();
    assert!(assembly.tree.get(&path("/usr/bin/tool")).is_some());
    let motd = assembly.tree.get(&path("/etc/motd")).unwrap();
    assert_eq!((motd.content().unwrap().size(), motd.metadata.mode, motd.metadata.mtime.seconds), (5, 0o644, 7));
    assert!(matches!(assembly.owners.exactly(&path("/etc/motd")), Some(Owner::Profile(_))));
}

/// Takes contents in, each as a container of its own.
#[derive(Default)]
struct Store(Mutex<Vec<Vec<u8>>>);

impl Blobs for Store {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let packs = self.0.lock().unwrap();
        buf.copy_from_slice(&packs[blob.pack.0 as usize][offset as usize..][..buf.len()]);
        Ok(())
    }

    fn insert(&self, from: &mut dyn io::Read) -> io::Result<Blob> {
        let mut data = Vec::new();
        from.read_to_end(&mut data)?;
        let mut packs = self.0.lock().unwrap();
        let pack = PackId(packs.len() as u32);
        let blob = Blob { digest: Some(ContentDigest::of(&data)), size: data.len() as u64, pack, offset: 0 };
        packs.push(data);
        Ok(blob)
    }
}

#[test]
fn large_overlays_do_not_stay_in_memory() {
    let large = "x".repeat(20 << 20);
    let texts = [("overlay/a", large.as_str()), ("overlay/b", &large), ("overlay/c", "small")];
    let (profile, files) = profile("[[overlay]]\nsource = \"overlay\"\n", &texts);
    let mut assembly = unpack(&profile, &[base()], &[], Arch::Amd64, 7).unwrap();
    let store = Store::default();
    overlay(&mut assembly, &profile, &files, &store, 7).unwrap();
    let content = |at| assembly.tree.get(&path(at)).unwrap().content().unwrap();
    assert!(matches!((content("/a"), content("/c")), (Content::Inline(_), Content::Inline(_))));
    assert!(matches!(content("/b"), Content::Blob(_)));
    assert_eq!(content("/b").hash(&store).unwrap(), ContentDigest::of(large.as_bytes()));
}

/// A payload that was taken in: a container with the file alone, or with the contents of an archive.
fn taken(members: Option<Vec<PackedEntry>>) -> Taken {
    let blob = Blob { digest: Some(ContentDigest::of(b"payload")), size: 7, pack: PackId(1), offset: 0 };
    Taken { blob, members: members.map(|members| (members.into(), PackId(2))) }
}

/// The tree with one payload in it, or what is wrong with that.
fn embedded(keys: &str, members: Option<Vec<PackedEntry>>) -> Result<Assembly, Vec<String>> {
    let text = format!("[[payload]]\nname = \"tools\"\nsource = {{ path = \"p\" }}\n{keys}\n");
    let (profile, _) = profile(&text, &[("p", "payload")]);
    let mut assembly = unpack(&profile, &[base()], &[], Arch::Amd64, 0).unwrap();
    let embedded = embed(&mut assembly, &profile, &[taken(members)], Arch::Amd64, &Zeros, 9);
    embedded.map(|()| assembly).map_err(|errors| errors.iter().map(AssembleError::to_string).collect())
}

/// Contents of zeros.
struct Zeros;

impl Blobs for Zeros {
    fn read_at(&self, _: &Blob, _: u64, buf: &mut [u8]) -> io::Result<()> {
        buf.fill(0);
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What is below a folder: path, mode, and what a hard link or symbolic link leads to.
fn below(assembly: &Assembly, folder: &'static str) -> Vec<String> {
    let entries = assembly.tree.walk_from(&path(folder)).skip(1);
    let shown = entries.map(|entry| {
        let links = entry.leaf.map_or(0, |leaf| assembly.tree.links(leaf));
        let target = entry.node.link_target().map(|target| format!(" -> {}", String::from_utf8_lossy(target)));
        let (mode, target) = (entry.node.metadata.mode, target.unwrap_or_default());
        format!("{} {mode:o} {links}{target}", entry.path)
    });
    shown.collect()
}

fn archive() -> Vec<PackedEntry> {
    vec![
        entry("/tools-1", 0o777, PackedKind::Directory),
        entry("/tools-1/bin", 0o775, PackedKind::Directory),
        entry("/tools-1/bin/tool", 0o6775, file("/tools-1/bin/tool").kind),
        entry("/tools-1/bin/alias", 0o755, PackedKind::HardLink(b"/tools-1/bin/tool".to_vec())),
        entry("/tools-1/bin/other", 0o755, PackedKind::HardLink(b"/tools-1/bin/alias".to_vec())),
        entry("/tools-1/link", 0o777, PackedKind::Symlink(b"bin/tool".to_vec())),
        file("/tools-1/README"),
    ]
}

#[test]
fn an_archive_is_unpacked_as_a_person_would() {
    let all = embedded("kind = \"tar\"\ninstall = \"/opt\"\nstrip = 1", Some(archive())).unwrap();
    assert_eq!(
        below(&all, "/opt"),
        [
            "/opt/README 644 1",
            "/opt/bin 755 0",
            "/opt/bin/alias 755 3",
            "/opt/bin/other 755 3",
            "/opt/bin/tool 755 3",
            "/opt/link 777 1 -> bin/tool"
        ]
    );
    let Some(Owner::Profile(_)) = all.owners.of(&path("/opt/bin/alias")) else { panic!("a payload's own") };
    // Through the image's own link, with another name; the first name of a hard link was not chosen.
    let keys = "kind = \"tar\"\ninstall = \"/bin\"\nmembers = { \"tools-1/bin/other\" = \"tool\" }\nmode = \"0700\"";
    let chosen = embedded(keys, Some(archive())).unwrap();
    assert_eq!(below(&chosen, "/usr/bin"), ["/usr/bin/tool 700 1"]);
    let node = chosen.tree.get(&path("/usr/bin/tool")).unwrap();
    assert_eq!(node.content().unwrap().size(), 1);
}

#[test]
fn what_cannot_be_unpacked_names_the_member() {
    let refused = |keys: &str, members| embedded(&format!("kind = \"tar\"\n{keys}"), Some(members)).unwrap_err();
    assert_eq!(
        refused("install = \"/opt\"\nmembers = [\"tools-1/bin\", \"tool\", \"none\"]", archive()),
        ["payload `tools` has no member `tool`", "payload `tools` has no member `none`"]
    );
    assert_eq!(
        refused("install = \"/opt\"\nstrip = 3", archive()),
        ["payload `tools` cannot be installed: `strip = 3` leaves nothing of it"]
    );
    let two = "install = \"/opt\"\nmembers = { \"tools-1/bin/tool\" = \"x\", \"tools-1/README\" = \"x\" }";
    assert_eq!(
        refused(two, archive()),
        ["`tools-1/README` of payload `tools` cannot be unpacked: another member of it goes to `/opt/x`, too"]
    );
    let device = vec![entry("/null", 0o666, PackedKind::CharDevice(1, 3))];
    assert_eq!(refused("install = \"/dev\"", device), ["`null` of payload `tools` cannot be unpacked: it is a device"]);
    // `/usr/bin` is a folder of the image.
    let over = vec![file("/bin")];
    assert_eq!(
        refused("install = \"/usr\"", over),
        ["`bin` of payload `tools` cannot be unpacked: `/usr/bin` is a directory"]
    );
}

#[test]
fn a_payload_belongs_to_whom_the_image_knows() {
    let keys = "install = \"/srv/a\"\nowner = \"etcd\"\ngroup = \"adm\"";
    assert_eq!(
        embedded(keys, None).unwrap_err(),
        [
            "payload `tools` belongs to the user `etcd`, which the image does not have",
            "payload `tools` belongs to the group `adm`, which the image does not have"
        ]
    );
    let numbers = embedded("install = \"/srv/a\"\nowner = 7\nmode = \"0600\"", None).unwrap();
    let metadata = &numbers.tree.get(&path("/srv/a")).unwrap().metadata;
    assert_eq!((metadata.uid, metadata.gid, metadata.mode, metadata.mtime.seconds), (7, 0, 0o600, 9));
}
