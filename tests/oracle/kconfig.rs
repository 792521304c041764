//! Explanations of lost lines against the kernel's own `conf`, on the source that Debian 13 has.
//!
//! The judge is `make olddefconfig` in the real tree of `linux-source-6.12`, of which only Makefiles, scripts and Kconfig files are
//! unpacked (`target/test-cache/kernel`). First it must agree with our computed values on every symbol; then, for symbols drawn
//! from the fragments in `profiles/kernel` and from Debian's own configuration, `tinyconfig` with the suggested lines must give
//! the symbol as asked. 20 symbols are drawn, 200 with `ROOTSMITH_LONG=1`.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use rootsmith_kconfig::{Config, Explainer, KconfigFiles, Reason, Symbols, parse_line, spelled};
use rootsmith_tests::apt::Apt;
use rootsmith_tests::{cache, judges, workspace};

const TOOLS: [&str; 9] = ["apt-get", "bison", "dpkg-deb", "flex", "gcc", "ld", "make", "tar", "xz"];

/// What `make olddefconfig` reads, and nothing else of 1.5 GiB.
const MEMBERS: [&str; 6] =
    ["*/Makefile", "*/Kconfig*", "*/scripts/*", "*/arch/*/configs/*", "*/kernel/configs/*", "*/arch/*/Makefile*"];

#[test]
fn what_is_suggested_makes_a_symbol_come_out_as_asked() {
    if !judges(&TOOLS) {
        return;
    }
    let (source, debian) = debian_kernel();
    let symbols = Symbols::read(&Folder(source.clone()), &[("SRCARCH", "x86"), ("ARCH", "x86_64")]).unwrap();
    let work = tempfile::tempdir().unwrap();
    let kernels: Vec<Kernel> =
        (0..2).map(|number| Kernel { source: &source, build: work.path().join(format!("build-{number}")) }).collect();
    let tiny_text = kernels[0].tiny();
    copy(&kernels[0].build, &kernels[1].build);
    let tiny = Config::parse(&tiny_text);

    let explainer = Explainer::new(&symbols, &tiny);
    assert_eq!(explainer.differences(), [""; 0], "our values of tinyconfig");

    let long = std::env::var_os("ROOTSMITH_LONG").is_some();
    let drawn = drawn(&shipped(), &debian, if long { 100 } else { 10 });
    let queue = Mutex::new(drawn.into_iter());
    let told = Mutex::new(Told::default());
    thread::scope(|scope| {
        for kernel in &kernels {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((symbol, wanted)) = next else { break };
                    let verdict = verdict(&explainer, kernel, &tiny_text, &symbol, &wanted);
                    told.lock().unwrap().add(&symbol, &wanted, verdict);
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    eprintln!("{}", told.summary());
    assert!(told.wrong.is_empty(), "{}", told.wrong.join("\n"));
    // Hardly a reason is left: Debian's own kernel for this architecture has nearly all of these.
    assert!(told.given_up.len() * 50 <= told.count(), "{}", told.given_up.join("\n"));
}

#[test]
fn lost_lines_of_a_tiny_kernel_are_explained() {
    if !judges(&TOOLS) {
        return;
    }
    let (source, _) = debian_kernel();
    let symbols = Symbols::read(&Folder(source.clone()), &[("SRCARCH", "x86"), ("ARCH", "x86_64")]).unwrap();
    let work = tempfile::tempdir().unwrap();
    let kernel = Kernel { source: &source, build: work.path().join("build") };
    let tiny = kernel.tiny();
    let lost = "CONFIG_NO_SUCH=y\nCONFIG_NF_CONNTRACK=y\nCONFIG_EXT4_FS=m\n";
    let config = Config::parse(&kernel.olddefconfig(&(tiny + lost)));
    let explainer = Explainer::new(&symbols, &config);
    assert!(matches!(explainer.why("NO_SUCH", "y").unwrap().reason, Reason::NoSuchSymbol { .. }));
    let why = explainer.why("NF_CONNTRACK", "y").unwrap();
    assert!(matches!(why.reason, Reason::DependencyOff { .. }), "{why:?}");
    assert!(why.help().contains("`CONFIG_NETFILTER=y`"), "{why:?}");
    let why = explainer.why("EXT4_FS", "m").unwrap();
    assert!(matches!(why.reason, Reason::ModulesOff { .. }), "{why:?}");
    assert!(why.help().contains("`CONFIG_MODULES=y`"), "{why:?}");

    // The small tree that the tests of the crate explain: what `conf` makes of it is what they start from.
    let small = work.path().join("small");
    copy(&workspace().join("builder/kconfig/tests/small"), &small);
    let made = work.path().join("small.config");
    let mut conf = Command::new(kernel.build.join("scripts/kconfig/conf"));
    conf.current_dir(&small).args(["--olddefconfig", "Kconfig"]).env("KCONFIG_CONFIG", &made).env_remove("srctree");
    conf.env("ARCH", "small").env("SRCARCH", "small").env("CC", "knows() { test \"$2\" = -fnew; }; knows");
    let output = conf.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = fs::read_to_string(small.join("tiny.config")).unwrap();
    assert_eq!(Config::parse(&fs::read_to_string(made).unwrap()), Config::parse(&expected));
}

/// All fragments for a virtual machine's kernel from source at once: each line as it is written.
#[test]
fn our_fragments_come_out_of_tinyconfig() {
    if !judges(&TOOLS) {
        return;
    }
    let (source, _) = debian_kernel();
    let work = tempfile::tempdir().unwrap();
    let kernel = Kernel { source: &source, build: work.path().join("build") };
    let names = [
        "tiny",
        "uefi",
        "kvm-guest",
        "virtio-amd64",
        "containers",
        "k0s-builtin",
        "k0s-huge-pages",
        "squashfs-verity",
        "hardening",
    ];
    let text = |name: &&str| fs::read_to_string(workspace().join(format!("profiles/kernel/{name}.config"))).unwrap();
    let asked: String = names.iter().map(text).collect();
    let config = Config::parse(&kernel.olddefconfig(&(kernel.tiny() + &asked)));
    let lost: Vec<String> = lines(&asked)
        .into_iter()
        .filter(|(symbol, wanted)| config.get(symbol).unwrap_or("n") != wanted)
        .map(|(symbol, wanted)| spelled(&symbol, &wanted))
        .collect();
    assert_eq!(lost, [""; 0]);
}

/// What became of one symbol.
enum Verdict {
    /// `tinyconfig` has it so.
    Already,
    /// It came out, with so many lines beside its own.
    CameOut(usize),
    /// Nothing was suggested, for this reason.
    GivenUp(String),
    /// It did not come out.
    Wrong(String),
}

fn verdict(explainer: &Explainer<'_>, kernel: &Kernel<'_>, tiny: &str, symbol: &str, wanted: &str) -> Verdict {
    let Some(why) = explainer.why(symbol, wanted) else { return Verdict::Already };
    let Some(suggest) = &why.suggest else { return Verdict::GivenUp(format!("{why}\n  {}", why.notes().join("\n  "))) };
    let more: String = suggest.iter().map(|line| format!("{line}\n")).collect();
    let text = format!("{tiny}{more}{}\n", spelled(symbol, wanted));
    let config = Config::parse(&kernel.olddefconfig(&text));
    match config.get(symbol).unwrap_or("n") {
        found if found == wanted => Verdict::CameOut(suggest.len()),
        found => Verdict::Wrong(format!("came out as {found} with {suggest:?}")),
    }
}

#[derive(Default)]
struct Told {
    already: usize,
    came_out: Vec<usize>,
    given_up: Vec<String>,
    wrong: Vec<String>,
}

impl Told {
    fn add(&mut self, symbol: &str, wanted: &str, verdict: Verdict) {
        let line = spelled(symbol, wanted);
        match verdict {
            Verdict::Already => self.already += 1,
            Verdict::CameOut(lines) => self.came_out.push(lines),
            Verdict::GivenUp(why) => self.given_up.push(format!("{line}: {why}")),
            Verdict::Wrong(how) => self.wrong.push(format!("{line}: {how}")),
        }
    }

    fn count(&self) -> usize {
        self.already + self.came_out.len() + self.given_up.len() + self.wrong.len()
    }

    fn summary(&self) -> String {
        format!(
            "{} symbols: {} were so, {} came out with {} lines more at most and {} in all, {} given up, {} wrong",
            self.count(),
            self.already,
            self.came_out.len(),
            self.came_out.iter().max().unwrap_or(&0),
            self.came_out.iter().sum::<usize>(),
            self.given_up.len(),
            self.wrong.len()
        )
    }
}

/// Half from the fragments, half from Debian's configuration, always the same ones.
fn drawn(shipped: &[(String, String)], debian: &[(String, String)], each: usize) -> Vec<(String, String)> {
    let mut drawn = BTreeMap::new();
    for (lines, count) in [(shipped, each), (debian, 2 * each)] {
        let mut at = 0;
        while drawn.len() < count {
            // A step that shares no factor with a list's length comes by everywhere.
            at += 7919;
            let (symbol, value) = &lines[at % lines.len()];
            drawn.entry(symbol.clone()).or_insert_with(|| value.clone());
        }
    }
    drawn.into_iter().collect()
}

/// The lines of our fragments that are for this architecture's kernels from source, and those for Debian's.
fn shipped() -> Vec<(String, String)> {
    let others = ["-arm64", "raspberry-pi", "rockchip", "allwinner"];
    let folder = fs::read_dir(workspace().join("profiles/kernel")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| !others.iter().any(|other| file.to_string_lossy().contains(other)));
    files.sort();
    files.iter().flat_map(|file| lines(&fs::read_to_string(file).unwrap())).collect()
}

fn lines(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| parse_line(line).ok().flatten());
    lines.map(|(symbol, value)| (symbol.to_owned(), value.to_owned())).collect()
}

/// The kernel's source as far as it is needed, and what Debian's kernel is asked to be: all that is on.
fn debian_kernel() -> (PathBuf, Vec<(String, String)>) {
    let folder = cache().join("kernel");
    let apt = Apt::updated();
    let source = apt.download("linux-source-6.12", &folder);
    let config = apt.download("linux-config-6.12", &folder);
    // Held on: the tests of this file unpack one after the other.
    let unpacked = folder.join(source.file_stem().unwrap());
    if !unpacked.is_dir() {
        let partial = tempfile::tempdir_in(&folder).unwrap();
        let members = MEMBERS.join("' '");
        let script = format!(
            "dpkg-deb --fsys-tarfile '{}' | tar --extract --to-stdout --wildcards '*.tar.xz' | xz --decompress \
             | tar --extract --directory '{}' --strip-components 1 --wildcards '{members}'",
            source.display(),
            partial.path().display()
        );
        let status = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(status.success(), "the kernel's source cannot be unpacked");
        fs::rename(partial.keep(), &unpacked).unwrap();
    }
    let script = format!(
        "dpkg-deb --fsys-tarfile '{}' | tar --extract --to-stdout --wildcards '*/config.amd64_none_amd64.xz' | xz --decompress",
        config.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let mut debian = lines(&String::from_utf8(output.stdout).unwrap());
    debian.retain(|(_, value)| value == "y" || value == "m");
    assert!(debian.len() > 5000, "Debian's configuration has {} lines", debian.len());
    (unpacked, debian)
}

/// A kernel that is configured.
struct Kernel<'a> {
    source: &'a Path,
    build: PathBuf,
}

impl Kernel<'_> {
    fn tiny(&self) -> String {
        self.make("tinyconfig")
    }

    fn olddefconfig(&self, config: &str) -> String {
        fs::create_dir_all(&self.build).unwrap();
        fs::write(self.build.join(".config"), config).unwrap();
        self.make("olddefconfig")
    }

    fn make(&self, target: &str) -> String {
        fs::create_dir_all(&self.build).unwrap();
        let log = self.build.with_extension("log");
        let mut make = Command::new("make");
        make.arg("--directory").arg(self.source).arg(format!("O={}", self.build.display()));
        make.args(["ARCH=x86_64", target])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let status = make.status().unwrap();
        assert!(status.success(), "make {target}: {}", fs::read_to_string(log).unwrap());
        fs::read_to_string(self.build.join(".config")).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--archive").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

struct Folder(PathBuf);

impl KconfigFiles for Folder {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(path)).ok()
    }
}
