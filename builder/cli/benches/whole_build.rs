//! A whole build beside what a user would run instead, and beside what no build can be faster than, on the same packages, in one run.
//!
//! `cargo xtask bench` runs this and keeps its table; `cargo bench -p rootsmith-cli --bench whole_build` prints it. As root on a quiet machine
//! with mmdebstrap, e2fsprogs, dosfstools, mtools, fdisk, dpkg and GNU time. The network is left out on both sides: ours reads a warm cache,
//! mmdebstrap a local repository made of the same archives. Each row is a median; compare ratios, not seconds. With `--quick` everything
//! runs once.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 5;
const PROFILE: &str = "profiles/k0s-worker.toml";
/// The same without the tar.
const DISK: &str = "profiles/disk.toml";
const OVERLAY: &str = "overlays/k0s/etc/sysctl.d/90-k0s.conf";

/// What mmdebstrap makes, a file system of it, and a disk that UEFI starts.
const ROOT: &str = "rm -rf root root.img; \
    mmdebstrap --mode=root --variant=essential --include=$PACKAGES --aptopt='APT::Install-Recommends \"false\"' \
    trixie root \"deb [trusted=yes] copy://$REPOSITORY trixie main\"";
const EXT4: &str = "mke2fs -q -t ext4 -b 4096 -d root root.img 900M";
const BY_HAND: &str = "rm -f esp.img disk.img; truncate -s 64M esp.img; mkfs.fat -F 32 esp.img; mmd -i esp.img ::/EFI ::/EFI/BOOT; \
    for file in root/boot/vmlinuz-* root/boot/initrd.img-*; do [ ! -e $file ] || mcopy -i esp.img $file ::/EFI/BOOT/; done; \
    truncate -s 966M disk.img; printf 'label: gpt\\nsize=64M, type=U\\nsize=900M, type=L\\n' | sfdisk -q disk.img; \
    dd if=esp.img of=disk.img bs=1M seek=1 conv=notrunc,sparse status=none; \
    dd if=root.img of=disk.img bs=1M seek=65 conv=notrunc,sparse status=none; sync disk.img";
/// Every archive, the largest first, as many at a time as there are cores.
const DECOMPRESS: &str =
    "ls -S $REPOSITORY/*.deb | xargs -P $(nproc) -n 1 sh -c 'dpkg-deb --fsys-tarfile $0 > /dev/null'";
const COPY: &str = "rm -f copy.img; cp --sparse=always outputs/disk-amd64/disk-amd64.img copy.img; sync copy.img";

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runs = if std::env::args().any(|argument| argument == "--quick") { 1 } else { RUNS };
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
    let both = ["build", "--rebuild", "--locked", "--offline", PROFILE];
    let alone = ["build", "--rebuild", "--locked", "--offline", DISK];
    let unchanged = ["build", "--locked", "--offline", DISK];
    for profile in [PROFILE, DISK] {
        run(&mut rootsmith(&["lock", profile]));
        run(&mut rootsmith(&["build", "--locked", profile]));
    }
    let repository = at("repository");
    let packages = make_repository(&at(PROFILE).with_extension("lock"), &cache, &repository);
    let shell = |parts: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &parts.join("; ")]).current_dir(folder.path());
        command.env("PACKAGES", &packages).env("REPOSITORY", &repository);
        command
    };
    let cold = || {
        for part in ["unpacked", "derived"] {
            let _ = fs::remove_dir_all(cache.join(part));
        }
    };
    let line = Cell::new(0);
    let one_line_more = || {
        line.set(line.get() + 1);
        let text = fs::read_to_string(at(OVERLAY)).unwrap();
        fs::write(at(OVERLAY), format!("{text}# {}\n", line.get())).unwrap();
    };

    let measure = |command: &dyn Fn() -> Command, before: &dyn Fn()| measure(runs, command, before);
    let decompressed = measure(&|| shell(&[DECOMPRESS]), &|| ());
    let copied = measure(&|| shell(&[COPY]), &|| ());
    let by_hand = measure(&|| shell(&[ROOT, EXT4, BY_HAND]), &|| ());
    let rows = [
        ("by hand: mmdebstrap, `mke2fs -d`, mtools, sfdisk", &by_hand, None),
        ("mmdebstrap to a folder, `mke2fs -d`: ext4 alone", &measure(&|| shell(&[ROOT, EXT4]), &|| ()), None),
        ("limit: every archive through `dpkg-deb`, one a core", &decompressed, None),
        ("limit: `cp --sparse=always` and `sync` of the disk", &copied, None),
        ("rootsmith, nothing unpacked: disk, tar.zst", &measure(&|| rootsmith(&both), &cold), Some(&decompressed)),
        ("rootsmith, nothing unpacked: disk", &measure(&|| rootsmith(&alone), &cold), Some(&decompressed)),
        ("rootsmith, all unpacked: disk, tar.zst", &measure(&|| rootsmith(&both), &|| ()), Some(&copied)),
        ("rootsmith, all unpacked: disk", &measure(&|| rootsmith(&alone), &|| ()), Some(&copied)),
        (
            "rootsmith, a line of an overlay changed: disk",
            &measure(&|| rootsmith(&unchanged), &one_line_more),
            Some(&copied),
        ),
        ("rootsmith, unchanged", &measure(&|| rootsmith(&unchanged), &|| ()), None),
    ];
    println!(
        "| whole build, k0s-worker, median of {runs} | wall s | from, to | peak MiB | faster than by hand | times its limit |"
    );
    println!("|---|---|---|---|---|---|");
    for (what, Measured { times, peak }, limit) in rows {
        let [first, median, last] =
            [times[0], times[times.len() / 2], times[times.len() - 1]].map(|it| it.as_secs_f64());
        let faster = by_hand.median() / median;
        let limit = limit.map_or(String::new(), |limit| format!("{:.1}", median / limit.median()));
        println!("| {what} | {median:.2} | {first:.2}, {last:.2} | {} | {faster:.1} | {limit} |", peak / 1024);
    }
}

struct Measured {
    /// Ascending.
    times: Vec<Duration>,
    /// KiB of the largest process.
    peak: u64,
}

impl Measured {
    fn median(&self) -> f64 {
        self.times[self.times.len() / 2].as_secs_f64()
    }
}

fn measure(runs: usize, command: &dyn Fn() -> Command, before: &dyn Fn()) -> Measured {
    let (mut times, mut peak) = (Vec::new(), 0);
    for _ in 0..runs {
        before();
        let inner = command();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(inner.get_program()).args(inner.get_args());
        timed.current_dir(inner.get_current_dir().unwrap());
        timed.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let start = Instant::now();
        let output = timed.stdout(Stdio::null()).output().expect("GNU time is installed");
        times.push(start.elapsed());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        peak = peak.max(said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0));
    }
    times.sort();
    Measured { times, peak }
}

/// A repository of the lock's archives, and their names for `--include`.
fn make_repository(lock: &Path, cache: &Path, to: &Path) -> String {
    let lists = to.join("dists/trixie/main/binary-amd64");
    fs::create_dir_all(&lists).unwrap();
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    let mut index = String::new();
    let mut names = Vec::new();
    for package in lock["amd64"]["package"].as_array().unwrap() {
        let field = |name: &str| package[name].as_str().unwrap();
        if field("role") != "root" {
            continue;
        }
        let sha256 = field("sha256");
        let blob: PathBuf = cache.join("blobs/sha256").join(&sha256[..2]).join(sha256);
        let file = format!("{}.deb", field("name"));
        fs::copy(&blob, to.join(&file)).unwrap();
        let control = Command::new("dpkg-deb").args(["-f"]).arg(&blob).output().unwrap();
        index.push_str(String::from_utf8_lossy(&control.stdout).trim_end());
        let size = package["size"].as_integer().unwrap();
        index.push_str(&format!("\nFilename: {file}\nSize: {size}\nSHA256: {sha256}\n\n"));
        names.push(field("name").to_owned());
    }
    fs::write(lists.join("Packages"), &index).unwrap();
    // mmdebstrap finds the essential packages by the suite that the Release file names.
    let sum = Command::new("sha256sum").arg(lists.join("Packages")).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum).split_whitespace().next().unwrap().to_owned();
    let release = format!(
        "Suite: trixie\nCodename: trixie\nArchitectures: amd64\nComponents: main\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n\
         SHA256:\n {sum} {} main/binary-amd64/Packages\n",
        index.len()
    );
    fs::write(to.join("dists/trixie/Release"), release).unwrap();
    names.join(",")
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
