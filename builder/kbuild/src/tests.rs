//! A host whose programs are ours: what is run, what is kept, and what is said when something is not there.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use rootsmith_fetch::{Cache, NoProgress};
use rootsmith_package::{ArchiveKind, PackedKind};
use rootsmith_tree::{Blob, Blobs, Content};
use rootsmith_types::{Arch, Blame, Explain, Origin, PackageName};

use crate::{Base, Configuration, Ended, Input, KbuildError, Patch, Processes, Run, Workshop};

/// Programs that do what the kernel's Makefile would, on a source of three files.
struct Host {
    programs: Mutex<BTreeSet<&'static str>>,
    /// What was run: program and arguments, without those that every run has.
    runs: Mutex<Vec<String>>,
    compiler: &'static str,
    /// The target that fails.
    broken: Option<&'static str>,
}

const ALL: [&str; 12] = [
    "make",
    "gcc",
    "flex",
    "bison",
    "bc",
    "perl",
    "patch",
    "xz",
    "x86_64-linux-gnu-gcc",
    "x86_64-linux-gnu-ld",
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-gnu-ld",
];

impl Host {
    fn new() -> Host {
        Host { programs: Mutex::new(ALL.into()), runs: Mutex::default(), compiler: "gcc 12", broken: None }
    }

    fn without(self, programs: &[&'static str]) -> Host {
        self.programs.lock().unwrap().retain(|there| !programs.contains(there));
        self
    }

    /// What was run of `program` since the last time.
    fn ran(&self, program: &str) -> Vec<String> {
        let runs = std::mem::take(&mut *self.runs.lock().unwrap());
        let of = |run: &String| run.strip_prefix(program).map(|rest| rest.trim().to_owned());
        runs.iter().filter_map(of).collect()
    }

    fn make(run: &Run<'_>, goals: &[&str], line: &mut dyn FnMut(&str)) -> io::Result<()> {
        let config = run.folder.join(".config");
        // Only what has a Kconfig can be configured.
        assert!(run.folder.join("Kconfig").is_file() && run.folder.join("scripts/config.sh").is_file());
        for goal in goals {
            match *goal {
                "tinyconfig" => fs::write(&config, "CONFIG_TINY=y\nCONFIG_EXT4_FS=n\n")?,
                // A symbol it does not know is dropped in silence.
                "olddefconfig" => {
                    let text = fs::read_to_string(&config)?;
                    let known = text.lines().filter(|line| !line.contains("NO_SUCH"));
                    let text: Vec<&str> = known.filter(|line| line.starts_with("CONFIG_")).collect();
                    fs::write(&config, text.join("\n") + "\n")?;
                }
                "bzImage" => {
                    // The whole source is there, patched.
                    line("  CC      kernel/fork.o");
                    fs::create_dir_all(run.folder.join("arch/x86/boot"))?;
                    fs::copy(run.folder.join("kernel/fork.c"), run.folder.join("arch/x86/boot/bzImage"))?;
                    fs::write(run.folder.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n")?;
                }
                "kernelrelease" => line("6.12.118"),
                "modules_install" => {
                    let path = goals.iter().find_map(|goal| goal.strip_prefix("INSTALL_MOD_PATH=")).unwrap();
                    let folder = Path::new(path).join("lib/modules/6.12.118");
                    fs::create_dir_all(folder.join("kernel"))?;
                    fs::write(folder.join("kernel/fuse.ko"), "module")?;
                    fs::write(folder.join("modules.order"), "kernel/fuse.ko\n")?;
                    std::os::unix::fs::symlink(run.folder, folder.join("build"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Processes for Host {
    fn has(&self, program: &str) -> bool {
        self.programs.lock().unwrap().contains(program)
    }

    fn run(&self, run: &Run<'_>, line: &mut dyn FnMut(&str)) -> io::Result<Ended> {
        assert!(self.has(run.program), "{} is not there", run.program);
        let common = |argument: &&str| {
            !["ARCH=", "CROSS_COMPILE=", "RUSTC=", "KCFLAGS=", "KAFLAGS=", "-j"]
                .iter()
                .any(|start| argument.starts_with(start))
        };
        let goals: Vec<&str> = run.arguments.iter().map(String::as_str).filter(common).collect();
        self.runs.lock().unwrap().push(format!("{} {}", run.program, goals.join(" ")));
        if goals == ["--version"] {
            line(self.compiler);
            line("Copyright");
        }
        if run.program == "make" {
            let variable =
                |name: &str| run.variables.iter().find(|(there, _)| *there == name).map(|(_, value)| value.as_str());
            assert_eq!(variable("KBUILD_BUILD_TIMESTAMP"), Some("2026-11-20T17:06:40Z"));
            assert_eq!(variable("KBUILD_BUILD_HOST"), Some("rootsmith"));
            Host::make(run, &goals, line)?;
        }
        if run.program == "patch" {
            fs::write(run.folder.join("kernel/fork.c"), fs::read(run.folder.join(".rootsmith.patch"))?)?;
        }
        let broken = self.broken.is_some_and(|broken| goals.contains(&broken) || run.program == broken);
        if broken {
            line("kernel/fork.c:1: error: no such thing");
        }
        Ok(Ended { success: !broken })
    }

    fn convert(&self, program: &str, _: &[String], _: &[u8]) -> io::Result<Vec<u8>> {
        panic!("a kernel is not built with {program}")
    }
}

/// A cache with a source in it.
struct Place {
    _folder: tempfile::TempDir,
    cache: Cache,
    source: Blob,
    package: PackageName,
}

impl Place {
    fn new() -> Place {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in [
            ("linux-source-6.12/Kconfig", "mainmenu"),
            ("linux-source-6.12/scripts/config.sh", "#!/bin/sh"),
            ("linux-source-6.12/kernel/fork.c", "int fork;"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let source = cache.insert(&mut &*tar.into_inner().unwrap()).unwrap();
        Place { _folder: folder, cache, source, package: "linux-source-6.12".parse().unwrap() }
    }

    fn input<'a>(&'a self, wanted: &'a [(&'a str, &'a str)]) -> Input<'a> {
        Input {
            arch: Arch::Amd64,
            package: &self.package,
            source: &self.source,
            date: 1_795_194_400,
            base: Base::Target("tinyconfig"),
            wanted,
            patches: &[],
            jobs: 2,
        }
    }

    fn workshop<'a>(&'a self, host: &'a Host) -> Workshop<'a> {
        Workshop { cache: &self.cache, processes: host, progress: &NoProgress }
    }

    /// Paths and contents of a kernel's files.
    fn files(&self, archive: &Blob) -> Vec<(String, String)> {
        let (entries, pack) = self.cache.unpacked_archive("kernel", ArchiveKind::Tar, archive).unwrap();
        let text = |entry: &rootsmith_package::PackedEntry| match entry.kind {
            PackedKind::File { offset, size, digest } if size > 0 => {
                let content = Content::Blob(Blob { digest: Some(digest), size, pack, offset });
                String::from_utf8(content.read(&self.cache, 1 << 20).unwrap().to_vec()).unwrap()
            }
            _ => String::new(),
        };
        let files = entries.iter().filter(|entry| !matches!(entry.kind, PackedKind::Directory));
        files.map(|entry| (String::from_utf8(entry.path.clone()).unwrap(), text(entry))).collect()
    }

    fn is_clean(&self) -> bool {
        fs::read_dir(self._folder.path().join("temporary")).unwrap().next().is_none()
    }
}

#[test]
fn a_configuration_is_the_base_with_what_is_asked_and_made_once() {
    let (place, host) = (Place::new(), Host::new());
    let wanted = [("EXT4_FS", "y"), ("NO_SUCH", "y"), ("TINY", "n")];
    let input = place.input(&wanted);
    let first = place.workshop(&host).configure(&input).unwrap();
    assert_eq!(first.text, "CONFIG_BUILD_SALT=\"\"\nCONFIG_EXT4_FS=y\n");
    assert_eq!(first.toolchain, "x86_64-linux-gnu-gcc: gcc 12\nx86_64-linux-gnu-ld: gcc 12\n");
    assert_eq!(host.ran("make"), ["tinyconfig", "olddefconfig"]);
    assert_eq!(place.workshop(&host).configure(&input).unwrap(), first);
    assert_eq!(host.ran("make"), [""; 0]);
    // Nor is a compiler needed any more.
    let bare = Host::new().without(&ALL);
    assert_eq!(place.workshop(&bare).configure(&input).unwrap(), first);
    // Another one may come to another result.
    let other = Host { compiler: "gcc 14", ..Host::new() };
    assert_ne!(place.workshop(&other).configure(&input).unwrap().toolchain, first.toolchain);
    assert_eq!(other.ran("make"), ["tinyconfig", "olddefconfig"]);
    assert!(place.is_clean());
}

#[test]
fn a_whole_configuration_loses_names_of_files_that_its_makers_alone_have() {
    let (place, host) = (Place::new(), Host::new());
    let text = "CONFIG_EXT4_FS=m\nCONFIG_SYSTEM_TRUSTED_KEYS=\"debian/certs.pem\"\nCONFIG_MODULE_SIG=y\n";
    let wanted = [("EXT4_FS", "y")];
    let input = Input { base: Base::Text(text), ..place.input(&wanted) };
    let made = place.workshop(&host).configure(&input).unwrap();
    let lines: BTreeSet<&str> = made.text.lines().collect();
    assert!(lines.contains("CONFIG_EXT4_FS=y") && lines.contains("CONFIG_SYSTEM_TRUSTED_KEYS=\"\""), "{lines:?}");
    assert!(!made.text.contains("MODULE_SIG"));
    assert_eq!(host.ran("make"), ["olddefconfig"]);
    // Who asks for signatures gets them.
    let wanted = [("MODULE_SIG", "y")];
    let input = Input { base: Base::Text(text), ..place.input(&wanted) };
    assert!(place.workshop(&host).configure(&input).unwrap().text.contains("CONFIG_MODULE_SIG=y"));
}

#[test]
fn a_kernel_is_built_once_for_the_same_inputs() {
    let (place, host) = (Place::new(), Host::new());
    let input = place.input(&[("EXT4_FS", "y")]);
    let workshop = place.workshop(&host);
    let configuration = workshop.configure(&input).unwrap();
    let archive = workshop.build(&input, &configuration).unwrap();
    let config = configuration.text.clone();
    assert_eq!(
        place.files(&archive),
        [
            ("/boot/config-6.12.118".to_owned(), config),
            ("/boot/vmlinuz-6.12.118".to_owned(), "int fork;".to_owned()),
            ("/usr/lib/modules/6.12.118/modules.builtin".to_owned(), "kernel/fs/ext4/ext4.ko\n".to_owned()),
            ("/usr/lib/modules/6.12.118/modules.builtin.modinfo".to_owned(), String::new()),
            ("/usr/lib/modules/6.12.118/modules.order".to_owned(), String::new()),
        ]
    );
    host.ran("make");
    let again = workshop.build(&input, &configuration).unwrap();
    assert_eq!(again.digest, archive.digest);
    assert_eq!(host.ran("make"), [""; 0]);
    let bare = Host::new().without(&ALL);
    assert_eq!(place.workshop(&bare).build(&input, &configuration).unwrap().digest, archive.digest);

    // Each of these is another kernel.
    let origin = Origin::new(Path::new("p.toml").into(), 0..1);
    let patches = [Patch { origin: &origin, name: "fork.patch", data: b"int spoon;" }];
    let patched = Input { patches: &patches, ..input };
    let built = workshop.build(&patched, &configuration).unwrap();
    assert!(place.files(&built).iter().any(|(_, text)| text == "int spoon;"));
    let other = Configuration { toolchain: "gcc 14".to_owned(), ..configuration.clone() };
    let built = [
        workshop.build(&input, &other),
        workshop.build(&input, &Configuration { text: configuration.text.clone() + "CONFIG_X=y\n", ..configuration }),
    ];
    assert!(built.iter().all(Result::is_ok));
    assert_eq!(host.ran("make").iter().filter(|goals| goals.starts_with("bzImage")).count(), 3);
    assert!(place.is_clean());
}

#[test]
fn modules_come_without_links_to_where_they_were_built() {
    let (place, host) = (Place::new(), Host::new());
    let input = place.input(&[("MODULES", "y")]);
    let workshop = place.workshop(&host);
    let configuration = workshop.configure(&input).unwrap();
    let archive = workshop.build(&input, &configuration).unwrap();
    let paths: Vec<String> = place.files(&archive).into_iter().map(|(path, _)| path).collect();
    assert!(paths.contains(&"/usr/lib/modules/6.12.118/kernel/fuse.ko".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.ends_with("/build")), "{paths:?}");
    let ran = host.ran("make").join("\n");
    assert!(ran.contains("bzImage modules\n") && ran.contains("INSTALL_MOD_STRIP=1 DEPMOD=true"), "{ran}");
}

#[test]
fn all_that_is_missing_is_said_at_once_with_what_it_is_for() {
    let place = Place::new();
    let host = Host::new().without(&["flex", "bc", "aarch64-linux-gnu-gcc"]);
    let input = Input { arch: Arch::Arm64, ..place.input(&[]) };
    let error = place.workshop(&host).configure(&input).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a kernel for arm64 from source needs `flex` to read its configuration, `bc` to compute its tables of time and \
         `aarch64-linux-gnu-gcc` to compile it, which are not there"
    );
    assert_eq!(error.help().unwrap(), "install them: `apt-get install flex bc gcc-aarch64-linux-gnu`");
    assert_eq!(error.blame(), Blame::Host);
    assert_eq!(host.ran("make"), [""; 0]);

    // The host's own compiler is one package, whatever names it has.
    let host = Host::new().without(&["gcc", "x86_64-linux-gnu-gcc"]);
    let error = place.workshop(&host).configure(&place.input(&[])).unwrap_err();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(error.help().unwrap(), "install it: `apt-get install gcc`");
    }

    // What only this configuration wants.
    let host = Host::new().without(&["xz"]);
    let input = place.input(&[("KERNEL_XZ", "y")]);
    let configuration = place.workshop(&host).configure(&input).unwrap();
    let error = place.workshop(&host).build(&input, &configuration).unwrap_err();
    assert_eq!(error.to_string(), "a kernel for amd64 from source needs `xz` to compress it, which is not there");
}

#[test]
fn a_failure_leaves_nothing_and_shows_the_last_lines() {
    let place = Place::new();
    let input = place.input(&[]);
    let host = Host { broken: Some("bzImage"), ..Host::new() };
    let configuration = place.workshop(&host).configure(&input).unwrap();
    let error = place.workshop(&host).build(&input, &configuration).unwrap_err();
    assert_eq!(error.to_string(), "the kernel's Makefile could not make `bzImage`");
    assert!(error.notes()[0].text.ends_with("kernel/fork.c:1: error: no such thing"), "{:?}", error.notes());
    assert!(place.is_clean());
    // The next one begins anew.
    let host = Host::new();
    place.workshop(&host).build(&input, &configuration).unwrap();
    assert!(host.ran("make").iter().any(|goals| goals.starts_with("bzImage")));

    let origin = Origin::new(Path::new("p.toml").into(), 4..9);
    let patches = [Patch { origin: &origin, name: "fork.patch", data: b"?" }];
    let host = Host { broken: Some("patch"), ..Host::new() };
    let error = place.workshop(&host).configure(&Input { patches: &patches, ..input }).unwrap_err();
    assert_eq!(error.to_string(), "the patch `fork.patch` does not fit the kernel's source");
    assert_eq!(error.subject(), rootsmith_types::Subject::Profile(origin.clone()));
    assert!(place.is_clean());
}

#[test]
fn what_is_no_source_is_refused() {
    let (mut place, host) = (Place::new(), Host::new());
    place.source = place.cache.insert(&mut &[0; 1024][..]).unwrap();
    let error = place.workshop(&host).configure(&place.input(&[])).unwrap_err();
    assert!(matches!(error, KbuildError::NotASource { .. }), "{error}");
    assert_eq!(error.to_string(), "package `linux-source-6.12` is not the source of a kernel: it has no `Kconfig`");
}

#[test]
fn the_files_that_configuring_reads_can_be_looked_at() {
    let (place, host) = (Place::new(), Host::new());
    let files = place.workshop(&host).files(&place.input(&[])).unwrap();
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["Kconfig", "scripts/config.sh"]);
    assert_eq!(files["Kconfig"], b"mainmenu");
}

#[test]
fn what_was_compiled_is_counted() {
    struct Watcher(Mutex<Cell<u64>>);
    impl rootsmith_fetch::Progress for Watcher {
        fn started(&self, _: &str, _: Option<u64>) {}
        fn advanced(&self, _: &str, _: u64) {}
        fn counted(&self, what: &str, count: u64, things: &str) {
            assert_eq!((what, things), ("compiling the kernel", "objects"));
            self.0.lock().unwrap().set(count);
        }
        fn finished(&self, _: &str) {}
    }
    let (place, host, watcher) = (Place::new(), Host::new(), Watcher(Mutex::default()));
    let workshop = Workshop { progress: &watcher, ..place.workshop(&host) };
    let input = place.input(&[]);
    let configuration = workshop.configure(&input).unwrap();
    workshop.build(&input, &configuration).unwrap();
    assert_eq!(watcher.0.lock().unwrap().get(), 1);
}
