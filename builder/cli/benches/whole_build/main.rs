//! A whole build beside what a user would run instead, and beside what no build can be faster than, on the same packages, in one run.
//!
//! `cargo xtask bench` runs this and keeps its table; `cargo bench -p rootsmith-cli --bench whole_build` prints it. As root on a quiet machine
//! with dpkg and GNU time; a program of the other side that is missing (of mmdebstrap, e2fsprogs, dosfstools, mtools, fdisk, genimage, mkosi)
//! leaves a row that says so. The network is left out on both sides: ours reads a warm cache, the others a local repository made of the same
//! archives. Each row is a median; compare ratios, not seconds. With `--quick` everything runs once; of other words, a row has to contain one.
//!
//! mkosi needs set-up that a benchmark cannot do: a checkout of its v26, whose `bin/mkosi` the variable `MKOSI` names, and where the
//! host's systemd-repart, ukify and apt are older than trixie's, a tree with newer ones in `MKOSI_TOOLS`: `mmdebstrap --variant=apt` with
//! systemd-repart, systemd-ukify, systemd-boot-efi, systemd-boot-tools, libarchive-tools, dosfstools, mtools, e2fsprogs, python3, kmod, cpio and zstd.
//! Its image has a package manager and a second system as initrd besides, as its defaults are.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::disallowed_methods)]

mod archives;
mod limit;
mod measure;
mod peers;
mod repository;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use measure::{Measured, measure, run};

const RUNS: usize = 5;
const PROFILE: &str = "profiles/k0s-worker.toml";
/// The same without the tar.
const DISK: &str = "profiles/disk.toml";
/// What mkosi takes besides, for its repository.
const MKOSI: &str = "profiles/mkosi.toml";
const OVERLAY: &str = "overlays/k0s/etc/sysctl.d/90-k0s.conf";

const COPY: &str = "rm -f copy.img; cp --sparse=always outputs/disk-amd64/disk-amd64.img copy.img; sync copy.img";

/// Rows that others are compared with.
const HAND: &str = "by hand: mmdebstrap, `mke2fs -d`, mtools, sfdisk";
const TAR: &str = "mmdebstrap to a tar";
const MKOSI_COLD: &str = "mkosi: disk, nothing kept";
const DECOMPRESSED: &str = "limit: every archive and module decompressed, one process";
const COPIED: &str = "limit: `cp --sparse=always` and `sync` of the disk";

/// What a build of ours is to stay within.
#[derive(Clone, Copy)]
enum Goal {
    Times(&'static str, f64),
    /// And so many seconds.
    TimesAnd(&'static str, f64, f64),
    /// Beside a limit that it does not depend on.
    Seconds(Option<&'static str>, f64),
    /// None: with the limit that it is nearest to.
    None(Option<&'static str>),
}

struct Rows {
    runs: usize,
    chosen: Vec<String>,
    rows: Vec<(&'static str, Result<Measured, String>, Goal)>,
}

impl Rows {
    fn wants(&self, what: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|word| what.contains(word))
    }

    /// One of somebody else, by programs that may not be there.
    fn peer(&mut self, what: &'static str, needs: &[&str], command: &dyn Fn() -> Command, before: &dyn Fn()) {
        match peers::missing(needs) {
            Some(program) if self.wants(what) => {
                self.rows.push((what, Err(format!("not installed: {program}")), Goal::None(None)));
            }
            Some(_) => {}
            None => self.row(what, Goal::None(None), command, before),
        }
    }

    fn row(&mut self, what: &'static str, goal: Goal, command: &dyn Fn() -> Command, before: &dyn Fn()) {
        if self.wants(what) {
            self.rows.push((what, Ok(measure(self.runs, command, before)), goal));
        }
    }

    fn median(&self, row: &str) -> Option<f64> {
        let (_, measured, _) = self.rows.iter().find(|(what, ..)| *what == row)?;
        measured.as_ref().ok().map(Measured::median)
    }

    fn print(&self) {
        println!(
            "| whole build, k0s-worker, median of {} | wall s | from, to | peak MiB | times its limit | goal, s | faster than by hand | than to a tar | than mkosi |",
            self.runs
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for (what, measured, goal) in &self.rows {
            let measured = match measured {
                Ok(measured) => measured,
                Err(why) => {
                    println!("| {what} | {why} | | | | | | | |");
                    continue;
                }
            };
            let median = measured.median();
            let (limit, seconds) = match *goal {
                Goal::Times(limit, times) => (Some(limit), self.median(limit).map(|it| it * times)),
                Goal::TimesAnd(limit, times, more) => (Some(limit), self.median(limit).map(|it| it * times + more)),
                Goal::Seconds(limit, seconds) => (limit, Some(seconds)),
                Goal::None(limit) => (limit, None),
            };
            let shown = |value: Option<f64>, digits| value.map_or(String::new(), |value| format!("{value:.digits$}"));
            let times = shown(limit.and_then(|limit| self.median(limit)).map(|limit| median / limit), 2);
            let [hand, tar, mkosi] =
                [HAND, TAR, MKOSI_COLD].map(|peer| shown(self.median(peer).map(|peer| peer / median), 1));
            let cells = measured.cells();
            println!("| {what} | {cells} | {times} | {} | {hand} | {tar} | {mkosi} |", shown(seconds, 2));
        }
    }
}

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if measure::is_limit(limit::decompress) || !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (options, chosen): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|it| it.starts_with("--"));
    let runs = if options.iter().any(|option| option == "--quick") { 1 } else { RUNS };
    let mut rows = Rows { runs, chosen, rows: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    for part in ["profiles", "overlays"] {
        run(Command::new("cp").arg("-r").arg(workspace.join(part)).arg(folder.path()));
    }
    let profile = fs::read_to_string(at(PROFILE)).unwrap();
    let (disk, _) = profile.split_once("[[output]]\nkind = \"tar\"").expect("the tar comes last");
    fs::write(at(DISK), disk.replace("name = \"k0s-worker\"", "name = \"disk\"")).unwrap();
    let cache = at("cache");
    let rootsmith = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootsmith"));
        command.current_dir(folder.path()).args(arguments).env("ROOTSMITH_CACHE", &cache);
        command
    };
    let prepare = |profile: &str| {
        run(&mut rootsmith(&["lock", profile]));
        run(&mut rootsmith(&["build", "--locked", profile]));
    };
    let both = ["build", "--rebuild", "--locked", "--offline", PROFILE];
    let alone = ["build", "--rebuild", "--locked", "--offline", DISK];
    let unchanged = ["build", "--locked", "--offline", DISK];
    prepare(PROFILE);
    prepare(DISK);
    let repository = at("repository");
    let packages = repository::make(&at(PROFILE).with_extension("lock"), &cache, &repository);
    let shell = |parts: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &parts.join("; ")]).current_dir(folder.path());
        command.env("PACKAGES", &packages).env("REPOSITORY", &repository);
        command
    };
    // The first build of an image: there is none whose place it takes.
    let cold = || {
        for part in [cache.join("unpacked"), cache.join("derived"), at("outputs")] {
            let _ = fs::remove_dir_all(part);
        }
    };
    let line = Cell::new(0);
    let one_line_more = || {
        line.set(line.get() + 1);
        let text = fs::read_to_string(at(OVERLAY)).unwrap();
        fs::write(at(OVERLAY), format!("{text}# {}\n", line.get())).unwrap();
    };
    let nothing = || ();

    let ext4 = ["mmdebstrap", "mke2fs"];
    let hand = ["mmdebstrap", "mke2fs", "mkfs.fat", "mmd", "mcopy", "sfdisk"];
    rows.peer(HAND, &hand, &|| shell(&[peers::ROOT, peers::EXT4, peers::BY_HAND]), &nothing);
    let what = "mmdebstrap to a folder, `mke2fs -d`: ext4 alone";
    rows.peer(what, &ext4, &|| shell(&[peers::ROOT, peers::EXT4]), &nothing);
    rows.peer(TAR, &ext4[..1], &|| shell(&[peers::TAR]), &nothing);
    fs::write(at("genimage.cfg"), peers::GENIMAGE_CONFIGURATION).unwrap();
    let root = || {
        if !at("root").exists() {
            run(&mut shell(&[peers::ROOT]));
        }
    };
    let genimage = ["genimage", "mmdebstrap", "mke2fs", "mkfs.fat", "mcopy"];
    rows.peer("genimage: disk, of a folder that is there", &genimage, &|| shell(&[peers::GENIMAGE]), &root);
    let mkosi = peers::mkosi();
    let incremental = "mkosi: disk, everything kept";
    if rows.wants(MKOSI_COLD) || rows.wants(incremental) {
        match &mkosi {
            None => rows.peer(MKOSI_COLD, &["mkosi"], &|| shell(&[]), &nothing),
            Some(program) => {
                let (head, _) = disk.split_once("[preflight]").expect("a profile with requirement sets");
                let more: String = peers::MKOSI_PACKAGES.iter().map(|name| format!("  \"{name}\",\n")).collect();
                let head = head.replace("name = \"k0s-worker\"", "name = \"mkosi\"");
                let head = head.replacen("include = [\n", &format!("include = [\n{more}"), 1);
                fs::write(at(MKOSI), format!("{head}[preflight]\nsets = []\n\n[[output]]\nkind = \"tar\"\n")).unwrap();
                prepare(MKOSI);
                let repository = at("mkosi-repository");
                repository::make(&at(MKOSI).with_extension("lock"), &cache, &repository);
                peers::mkosi_configuration(folder.path(), &repository, &packages);
                let shell = |part: &str| {
                    let mut command = shell(&[part]);
                    command.env("MKOSI", program);
                    command
                };
                rows.row(MKOSI_COLD, Goal::None(None), &|| shell(peers::MKOSI_COLD), &nothing);
                rows.row(incremental, Goal::None(None), &|| shell(peers::MKOSI_INCREMENTAL), &nothing);
            }
        }
    }

    rows.row(DECOMPRESSED, Goal::None(None), &|| measure::limit(&repository), &nothing);
    rows.row(COPIED, Goal::None(None), &|| shell(&[COPY]), &nothing);
    let cold_goal = Goal::Times(DECOMPRESSED, 1.5);
    let what = "rootsmith, nothing unpacked: disk, tar.zst";
    rows.row(what, Goal::None(Some(DECOMPRESSED)), &|| rootsmith(&both), &cold);
    rows.row("rootsmith, nothing unpacked: disk", cold_goal, &|| rootsmith(&alone), &cold);
    let what = "rootsmith, all unpacked: disk, tar.zst";
    rows.row(what, Goal::None(Some(COPIED)), &|| rootsmith(&both), &nothing);
    let warm_goal = Goal::TimesAnd(COPIED, 2.0, 0.3);
    rows.row("rootsmith, all unpacked: disk", warm_goal, &|| rootsmith(&alone), &nothing);
    let what = "rootsmith, a line of an overlay changed: disk";
    rows.row(what, Goal::Seconds(Some(COPIED), 1.0), &|| rootsmith(&unchanged), &one_line_more);
    rows.row("rootsmith, unchanged", Goal::Seconds(None, 0.2), &|| rootsmith(&unchanged), &nothing);
    rows.print();
}
