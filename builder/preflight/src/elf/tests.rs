//! Against the loaders and tools of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rootsmith_tree::{Blob, Blobs, Content, Metadata, Node, PackId, Tree};
use rootsmith_types::{Arch, TreePath, busybox};

use super::closure::Closure;
use super::read::Elf;
use super::*;
use crate::Remembered;
use crate::tests::elf_file::{ElfFile, PLAIN};

/// The files of this machine, as blobs of a tree: nothing is read before somebody asks.
#[derive(Default)]
struct Host {
    files: Vec<PathBuf>,
}

impl Blobs for Host {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        fs::File::open(&self.files[blob.pack.0 as usize])?.read_exact_at(buf, offset)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Host {
    /// Takes in `folder` and all that is below.
    fn take(&mut self, tree: &mut Tree, folder: &Path, wanted: &dyn Fn(&Path) -> bool) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let at = TreePath::new(folder.as_os_str().as_encoded_bytes()).unwrap();
            tree.create_directories(&at, &Metadata::root(0o755, 0)).unwrap();
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let (Ok(meta), Ok(at)) =
                    (fs::symlink_metadata(&path), TreePath::new(path.as_os_str().as_encoded_bytes()))
                else {
                    continue;
                };
                let mode = (meta.mode() & 0o7777) as u16;
                if meta.is_dir() {
                    folders.push(path);
                } else if meta.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    tree.insert(&at, Node::symlink(target.as_os_str().as_encoded_bytes(), 0)).unwrap();
                } else if meta.is_file() && wanted(&path) {
                    let pack = PackId(self.files.len() as u32);
                    self.files.push(path);
                    let blob = Blob { digest: None, size: meta.size(), pack, offset: 0 };
                    tree.insert(&at, Node::file(Content::Blob(blob), Metadata::root(mode, 0))).unwrap();
                }
            }
        }
    }
}

/// What is needed to run programs of this machine, and the first `count` of them.
fn host(count: usize) -> (Tree, Host, Vec<TreePath>) {
    let (mut tree, mut host) = (Tree::new(Metadata::root(0o755, 0)), Host::default());
    for link in ["/bin", "/sbin", "/lib", "/lib64"] {
        if let Ok(target) = fs::read_link(link) {
            let target = target.as_os_str().as_encoded_bytes().to_vec();
            tree.insert(&TreePath::new(link).unwrap(), Node::symlink(target, 0)).unwrap();
        }
    }
    let library = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"));
    for folder in ["/usr/lib", "/usr/lib64", "/etc/ld.so.conf.d"] {
        host.take(&mut tree, Path::new(folder), &|path| library(path) || folder.starts_with("/etc"));
    }
    for file in ["ld.so.cache", "ld.so.conf"] {
        host.take(&mut tree, Path::new("/etc"), &|path| path == Path::new("/etc").join(file));
    }
    let names: BTreeSet<_> = fs::read_dir("/usr/bin").unwrap().flatten().map(|entry| entry.path()).collect();
    let chosen: BTreeSet<_> = names.iter().filter(|path| path.is_file() && !path.is_symlink()).take(count).collect();
    host.take(&mut tree, Path::new("/usr/bin"), &|path| chosen.contains(&path.to_owned()));
    let programs = chosen.iter().filter_map(|path| TreePath::new(path.as_os_str().as_encoded_bytes()).ok()).collect();
    (tree, host, programs)
}

/// Whether a judge is missing; then the test is skipped, or fails where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
fn is_missing(judge: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = judge.starts_with('/') && Path::new(judge).exists();
    if there || std::env::split_paths(&paths).any(|folder| folder.join(judge).exists()) {
        return false;
    }
    assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{judge} not found");
    eprintln!("skipped: {judge} not found");
    true
}

fn output(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

const HOST_LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

#[test]
fn libraries_are_found_where_the_loader_of_this_machine_finds_them() {
    if is_missing(HOST_LOADER) {
        return;
    }
    let (tree, host, paths) = host(usize::MAX);
    let remembered = Remembered::default();
    let programs = Programs::new(&tree, &host, Arch::Amd64, SYSTEMD_PATH, &remembered);
    let mut compared = 0;
    for at in paths.iter().step_by(1 + paths.len() / 120) {
        let file = programs.file(at);
        let File::Elf(program) = &*file else { continue };
        if program.elf.interpreter.as_deref() != Some(HOST_LOADER) {
            continue;
        }
        let listed = output(Command::new(HOST_LOADER).arg("--list").arg(at.to_string()));
        let mut theirs = BTreeMap::new();
        for line in listed.lines() {
            // `	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`
            if let Some((name, rest)) = line.trim().split_once(" => ") {
                let place = rest.split(" (").next().unwrap();
                theirs.insert(name.to_owned(), fs::canonicalize(place).ok());
            }
        }
        let loader = programs.loader_of(HOST_LOADER, program.elf.machine).unwrap();
        let closure = Closure::load(&programs, &loader, at, program);
        let mut ours = BTreeMap::new();
        for (name, place) in closure.by_name() {
            if theirs.contains_key(name) {
                ours.insert(name.to_owned(), fs::canonicalize(place.to_string()).ok());
            }
        }
        for missing in &closure.missing {
            ours.insert(missing.name.clone(), None);
        }
        assert_eq!(ours, theirs, "{at}");
        // What the loader says when it resolves every symbol at once, as `ldd -r` asks it to.
        let mut command = Command::new(HOST_LOADER);
        command.arg(at.to_string()).envs([
            ("LD_TRACE_LOADED_OBJECTS", "1"),
            ("LD_WARN", "yes"),
            ("LD_BIND_NOW", "yes"),
        ]);
        let said = command.output().unwrap();
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        let fine = !said.contains("not found") && !said.contains("undefined symbol");
        let troubles = programs.troubles(at, Depth::Symbols);
        assert_eq!(troubles.is_empty(), fine, "{at}: {troubles:?}, {said}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn versions_are_read_as_readelf_reads_them() {
    if is_missing("readelf") {
        return;
    }
    let (tree, host, paths) = host(40);
    let remembered = Remembered::default();
    let programs = Programs::new(&tree, &host, Arch::Amd64, SYSTEMD_PATH, &remembered);
    let libraries = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"];
    let libraries = libraries.iter().filter_map(|path| locate(&tree, path));
    let mut compared = 0;
    for at in paths.into_iter().chain(libraries) {
        let file = programs.file(&at);
        let File::Elf(program) = &*file else { continue };
        let shown = output(Command::new("readelf").args(["-V", "-W"]).arg(at.to_string()));
        assert_eq!(versions(&program.elf), theirs(&shown), "{at}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

/// `FILE VERSION` of what is needed, ` VERSION` of what is there.
fn versions(elf: &Elf) -> BTreeSet<String> {
    let needs = elf.requires.iter().map(|needed| format!("{} {} {}", needed.file, needed.version, needed.weak));
    needs.chain(elf.provides.iter().map(|version| format!(" {version}"))).collect()
}

fn theirs(shown: &str) -> BTreeSet<String> {
    let (mut found, mut file) = (BTreeSet::new(), "");
    for line in shown.lines() {
        let after =
            |key: &str| line.split_once(key).map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
        if let Some(name) = after("File: ") {
            file = name;
        } else if let Some(name) = after("  Name: ").filter(|_| line.contains("Flags: ") && !line.contains("Rev: ")) {
            found.insert(format!("{file} {name} {}", line.contains("WEAK")));
        } else if let Some(name) = after("  Name: ").filter(|_| line.contains("Rev: ")) {
            found.insert(format!(" {name}"));
        }
    }
    found
}

#[test]
fn a_program_of_musl_is_judged_by_musls_rules() {
    if is_missing("musl-gcc") || is_missing("/lib/ld-musl-x86_64.so.1") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("own.c"), "int own(void) { return 3; }").unwrap();
    fs::write(path.join("main.c"), "int own(void); int main(void) { return own(); }").unwrap();
    let compile =
        |args: &[&str]| assert!(Command::new("musl-gcc").current_dir(path).args(args).status().unwrap().success());
    compile(&["-shared", "-o", "libown.so.1", "own.c"]);
    compile(&["-o", "main", "main.c", "libown.so.1", "-Wl,-rpath,$ORIGIN/../lib/own"]);

    let meta = |mode| Metadata::root(mode, 0);
    let mut tree = Tree::new(meta(0o755));
    let mut put = |at: &str, from: &Path| {
        let at = TreePath::new(at).unwrap();
        tree.create_directories(&at.parent().unwrap(), &meta(0o755)).unwrap();
        tree.insert(&at, Node::file(Content::inline(fs::read(from).unwrap()), meta(0o755))).unwrap();
    };
    put("/lib/ld-musl-x86_64.so.1", Path::new("/lib/ld-musl-x86_64.so.1"));
    put("/usr/bin/main", &path.join("main"));
    let main = TreePath::literal("/usr/bin/main");
    // One memory for all of them: what was found with one library says nothing of another in its place.
    let remembered = Remembered::default();
    let troubles = |tree: &Tree| {
        let programs = Programs::new(tree, &rootsmith_tree::NoBlobs, Arch::Amd64, SYSTEMD_PATH, &remembered);
        programs.troubles(&main, Depth::Symbols).into_iter().map(|trouble| trouble.text).collect::<Vec<_>>()
    };
    put("/usr/lib/own/libown.so.1", &path.join("libown.so.1"));
    let whole = tree.clone();
    assert_eq!(troubles(&whole), Vec::<String>::new());
    tree.remove(&TreePath::literal("/usr/lib/own/libown.so.1"));
    assert_eq!(troubles(&tree), ["`/usr/bin/main` needs the library `libown.so.1`, which is not there"]);
    // Run in its place, it says the same: with its library beside it it starts, without it does not.
    let place = |at: &str| path.join("root").join(at);
    for at in ["bin", "lib/own"] {
        fs::create_dir_all(place(at)).unwrap();
    }
    fs::copy(path.join("main"), place("bin/main")).unwrap();
    fs::copy(path.join("libown.so.1"), place("lib/own/libown.so.1")).unwrap();
    assert_eq!(Command::new(place("bin/main")).status().unwrap().code(), Some(3));
    fs::remove_file(place("lib/own/libown.so.1")).unwrap();
    assert_eq!(Command::new(place("bin/main")).status().unwrap().code(), Some(127));

    // An older library without the symbol.
    fs::write(path.join("own.c"), "int other(void) { return 3; }").unwrap();
    compile(&["-shared", "-o", "libold.so", "own.c"]);
    let mut old = whole;
    let node = Node::file(Content::inline(fs::read(path.join("libold.so")).unwrap()), meta(0o755));
    old.insert(&TreePath::literal("/usr/lib/own/libown.so.1"), node).unwrap();
    let expected = "`/usr/bin/main` needs `own`, which none of its libraries has (`libown.so.1`, `libc.so`)";
    assert_eq!(troubles(&old), [expected]);
}

/// The story: a container runtime linked against a newer `libseccomp` starts nowhere else.
#[test]
fn an_older_library_is_refused_as_the_loader_refuses_it() {
    if is_missing("gcc") || is_missing(HOST_LOADER) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    let compile = |args: &[&str]| assert!(Command::new("gcc").current_dir(path).args(args).status().unwrap().success());
    let library = |script: &str, source: &str| {
        write("own.map", script);
        write("own.c", source);
        let versions = if script.is_empty() { "-Wl,--build-id=none" } else { "-Wl,--version-script=own.map" };
        compile(&["-shared", "-fPIC", "-o", "libown.so.1", "own.c", versions, "-Wl,-soname,libown.so.1"]);
    };
    write("main.c", "int own(void); int main(void) { return own(); }");
    library("OWN_1 { other; }; OWN_2 { own; } OWN_1;", "int other(void) { return 1; } int own(void) { return 3; }");
    compile(&["-o", "main", "main.c", "libown.so.1", "-Wl,-rpath,$ORIGIN", "-Wl,-z,now"]);

    let (mut tree, mut host, _) = host(0);
    let at = TreePath::new(path.join("main").as_os_str().as_encoded_bytes()).unwrap();
    let mut judged = || {
        host.take(&mut tree, path, &|_| true);
        let remembered = Remembered::default();
        let programs = Programs::new(&tree, &host, Arch::Amd64, SYSTEMD_PATH, &remembered);
        let texts: Vec<String> = programs.troubles(&at, Depth::Symbols).into_iter().map(|it| it.text).collect();
        let ran = Command::new(path.join("main")).output().unwrap();
        (texts.join("; "), ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (ours, code, theirs) = judged();
    assert_eq!((ours.as_str(), code), ("", Some(3)), "{theirs}");

    library("OWN_1 { other; };", "int other(void) { return 1; }");
    let (ours, _, theirs) = judged();
    assert!(theirs.contains("version `OWN_2' not found"), "{theirs}");
    assert!(ours.contains("needs `OWN_2` of `libown.so.1`, this image has up to `OWN_1` ("), "{ours}");

    // Without versions of its own the loader takes the library, and misses the symbol.
    library("", "int puts(const char *); int other(void) { return puts(\"\"); }");
    let (ours, _, theirs) = judged();
    assert!(theirs.contains("undefined symbol: own"), "{theirs}");
    assert!(ours.contains("needs `own`, which none of its libraries has (`libown.so.1`, `libc.so.6`)"), "{ours}");

    library("", "int own(void) { return 4; }");
    let (ours, code, theirs) = judged();
    assert!(code != Some(4) && theirs.contains("no version information available"), "{theirs}");
    assert!(ours.contains("needs `OWN_2` of `libown.so.1`, this image has none of that name"), "{ours}");

    library("", "int puts(const char *); int own(void) { return puts(\"\") ? 4 : 4; }");
    let (ours, code, theirs) = judged();
    assert_eq!((ours.as_str(), code), ("", Some(4)), "{theirs}");
}

#[test]
fn the_c_library_says_its_release() {
    for (loader, family) in [(HOST_LOADER, "glibc 2."), ("/lib/ld-musl-x86_64.so.1", "musl 1.")] {
        if is_missing(loader) {
            continue;
        }
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let at = TreePath::new(loader).unwrap();
        tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        let node = Node::file(Content::inline(fs::read(loader).unwrap()), Metadata::root(0o755, 0));
        tree.insert(&at, node).unwrap();
        let remembered = Remembered::default();
        let programs = Programs::new(&tree, &rootsmith_tree::NoBlobs, Arch::Amd64, SYSTEMD_PATH, &remembered);
        let loaders = libc::loaders(&programs, libc::machine_of(Arch::Amd64));
        let told = libc::of_image(&programs, &loaders).unwrap();
        assert!(told.starts_with(family) && told.ends_with(&format!("(`{loader}`)")), "{told}");
    }
}

#[test]
fn the_applets_of_busybox_are_those_it_lists_itself() {
    if is_missing("/usr/bin/busybox") {
        return;
    }
    let listed = output(Command::new("/usr/bin/busybox").arg("--list"));
    let data = fs::read("/usr/bin/busybox").unwrap();
    assert_eq!(busybox::applets(&data), listed.lines().collect::<Vec<_>>());
}

#[test]
fn each_init_gives_its_services_a_path() {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let mut put = |at: &'static str, node: Node| {
        let at = TreePath::literal(at);
        tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        tree.insert(&at, node).unwrap();
        (service_path(&tree, "/sbin/init"), tree.clone())
    };
    let file = |mode| Node::file(Content::inline(PLAIN.bytes()), Metadata::root(mode, 0));
    assert_eq!(put("/bin/busybox", file(0o755)).0, SYSTEMD_PATH);
    assert_eq!(put("/sbin/init", Node::symlink("/bin/busybox", 0)).0, BUSYBOX_PATH);
    put("/usr/local/bin/agent", file(0o755));
    put("/sbin/agent", file(0o644));
    let (path, tree) = put("/sbin/openrc-run", file(0o755));
    assert_eq!(path, OPENRC_PATH);
    let remembered = Remembered::default();
    let find = |path| {
        let programs = Programs::new(&tree, &rootsmith_tree::NoBlobs, Arch::Amd64, path, &remembered);
        programs.find_in_path("agent")
    };
    assert_eq!(find(BUSYBOX_PATH), None);
    assert_eq!(find(OPENRC_PATH), Some(TreePath::literal("/usr/local/bin/agent")));
}

#[test]
fn paths_of_loaders_go_up_from_where_links_lead() {
    let meta = Metadata::root(0o755, 0);
    let mut tree = Tree::new(meta.clone());
    for folder in ["/opt/agent/bin", "/opt/agent/lib", "/usr/lib"] {
        tree.create_directories(&TreePath::literal(folder), &meta).unwrap();
    }
    tree.insert(&TreePath::literal("/bin"), Node::symlink("opt/agent/bin", 0)).unwrap();
    let found = |text| locate(&tree, text).map(|at| at.to_string());
    assert_eq!(found("/bin/../lib").as_deref(), Some("/opt/agent/lib"));
    assert_eq!(found("/usr/lib/../../../opt/agent/..").as_deref(), Some("/opt"));
    assert_eq!(found("/usr/lib/..agent"), None);
    assert_eq!(found("lib"), None);
}

/// A broken file is broken, whichever byte it is: never a panic, never more than it should take.
#[test]
fn damaged_files_are_refused_or_read() {
    let whole = ElfFile {
        interpreter: "/lib64/ld-linux-x86-64.so.2",
        needed: &["libz.so.1", "libc.so.6"],
        soname: "libx.so",
        runpath: "$ORIGIN",
        requires: &[("libc.so.6", "GLIBC_2.2.5"), ("libz.so.1", "ZLIB_1")],
        provides: &["libx.so", "X_1"],
        defined: &["x"],
        undefined: &["y"],
        ..PLAIN
    };
    let whole = whole.bytes();
    let judge = |data: &[u8]| {
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let at = TreePath::literal("/x");
        tree.insert(&at, Node::file(Content::inline(data), Metadata::root(0o755, 0))).unwrap();
        let remembered = Remembered::default();
        let programs = Programs::new(&tree, &rootsmith_tree::NoBlobs, Arch::Amd64, SYSTEMD_PATH, &remembered);
        let file = programs.file(&at);
        if let File::Elf(program) = &*file {
            program.symbols(&programs, &at);
        }
        programs.troubles(&at, Depth::Symbols).len()
    };
    assert_eq!(judge(&whole), 1);
    for end in 0..whole.len() {
        judge(&whole[..end]);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            judge(&damaged);
            damaged[at..].iter_mut().take(8).for_each(|b| *b = value);
            judge(&damaged);
        }
    }
}

#[test]
fn a_program_takes_along_what_it_is_loaded_with() {
    let (mut host, mut tree) = (Host::default(), Tree::new(Metadata::root(0o755, 0)));
    for folder in ["/bin", "/lib", "/lib64"] {
        let path = Path::new(folder);
        if path.is_symlink() {
            let target = fs::read_link(path).unwrap();
            let at = TreePath::literal(folder);
            tree.insert(&at, Node::symlink(target.as_os_str().as_encoded_bytes(), 0)).unwrap();
        }
    }
    host.take(&mut tree, Path::new("/usr/bin"), &|path| path.ends_with("ls"));
    host.take(&mut tree, Path::new("/usr/lib"), &|path| path.to_string_lossy().contains(".so"));
    host.take(&mut tree, Path::new("/usr/lib64"), &|_| true);
    let placed = portable(&tree, &host, Arch::Amd64, "/usr/bin/ls").unwrap();
    // In an empty folder, with nothing but these files, it runs.
    let folder = tempfile::tempdir().unwrap();
    for (place, at) in &placed {
        let place = folder.path().join(place.to_string().trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(at.to_string(), place).unwrap();
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "chroot"]).arg(folder.path()).args(["/usr/bin/ls", "/usr/bin"]);
    let ran = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "ls\n", "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(portable(&tree, &host, Arch::Amd64, "/usr/bin/no").unwrap_err(), "`/usr/bin/no` does not exist");
}
