//! The writer alone, beside `mke2fs -d` and the crate mkext4, on a tree of many files.
//!
//! `cargo xtask bench` runs this and keeps its table; `cargo bench -p rootsmith-ext4 --bench writer` prints it. On a quiet machine with
//! e2fsprogs and GNU time, 10 GiB of disk in the folder for temporary files and as much memory. With `--quick` everything runs once, with
//! `--small` trees have a hundredth of their files, to see that the benchmark works; the words `large` and `tiny` are for files of that kind alone.
//!
//! Contents lie in one container, one behind another as in a tar, which is how the cache keeps them; the same files are a folder and a tar for
//! mke2fs. All of it is in the page cache. Nobody syncs the image, as mke2fs does not. Both crates begin with the tree in memory, which is
//! not counted; each writes in a process of its own. `e2fsck` judges every image. `mke2fs` reads a tar from 1.47.1 on; the variable
//! `MKE2FS` is what to run for that where the host's is older, words with spaces between: `LOADER --library-path FOLDER MKE2FS` of a newer system's
//! folder will do.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use mkext4::sink::FileSink;
use rootsmith_ext4::{Options, Size, plan};
use rootsmith_ondisk::{Image, Sink};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, Node, PackId, Tree};
use rootsmith_types::{NumBytes, TreePath, Uuid};

const RUNS: usize = 5;
const TIME: i64 = 1_700_000_000;
/// A writer whose image is thrown away.
const NOWHERE: &str = "nowhere";
/// Files of a directory.
const SIBLINGS: u64 = 50;

/// 16 KiB on average, 1.5 GiB in all.
const MANY: Set = Set { files: 100_000, largest: 64 << 10, image: NumBytes::mib(3 << 10) };
/// Contents are to fit the disk where there are a million: 1 KiB on average.
const TINY: Set = Set { files: 100_000, largest: 4 << 10, image: NumBytes::mib(1 << 10) };
const MILLION: Set = Set { files: 1_000_000, largest: 4 << 10, image: NumBytes::mib(8 << 10) };

/// Files that are the same at every run.
#[derive(Clone, Copy)]
struct Set {
    files: u64,
    /// A quarter of it is the average.
    largest: u64,
    image: NumBytes,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [writer, files, largest, image, container, out] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        let set = Set {
            files: files.parse().unwrap(),
            largest: largest.parse().unwrap(),
            image: NumBytes::new(image.parse().unwrap()),
        };
        let seconds = match writer {
            "rootsmith" => ours(set, Path::new(container), Some(Path::new(out))),
            NOWHERE => ours(set, Path::new(container), None),
            "mkext4" => theirs(set, Path::new(container), Path::new(out)),
            _ => panic!("no such writer: {writer}"),
        };
        println!("{seconds}");
        return;
    }
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let runs = if arguments.iter().any(|argument| argument == "--quick") { 1 } else { RUNS };
    let small = arguments.iter().any(|argument| argument == "--small");
    let [many, tiny, million] =
        [MANY, TINY, MILLION].map(|set| if small { Set { files: set.files / 100, ..set } } else { set });
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |kind: &str| words.is_empty() || words.iter().any(|word| *word == kind);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let container = at("container");
    let image = at("image");
    let size = |set: Set| format!("{}k", set.image.get() >> 10);
    let measure = |command: &dyn Fn() -> Command| measure(runs, command, Some(&image));
    let crates = |writer: &str, set: Set| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([writer, &set.files.to_string(), &set.largest.to_string(), &set.image.get().to_string()]);
        command.arg(&container).arg(&image);
        command
    };
    let mke2fs = |words: &str, source: &Path| {
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["-q", "-t", "ext4", "-b", "4096", "-d"]);
        command.arg(source).arg(&image).arg(size(many));
        command
    };

    println!(
        "| ext4 alone, median of {runs} | wall s | from, to | peak MiB | faster than `mke2fs -d` | files a second |"
    );
    println!("|---|---|---|---|---|---|");
    let row = |what: &str, set: Set, measured: &Measured, beside: Option<f64>| {
        let Measured { times, peak } = measured;
        let (first, median, last) = (times[0], measured.median(), times[times.len() - 1]);
        let what = format!("{what}, {} files of {} KiB on average", set.files, set.largest >> 12);
        let faster = beside.map_or(String::new(), |beside| format!("{:.1}", beside / median));
        let files = set.files as f64 / median;
        println!("| {what} | {median:.2} | {first:.2}, {last:.2} | {} | {faster} | {files:.0} |", peak / 1024);
    };
    if wanted("large") {
        many.lay_out(&container);
        many.unpack(&container, &at("folder"));
        let mut tar = Command::new("tar");
        run(tar.args(["--sort=name", "-C"]).arg(at("folder")).arg("-cf").arg(at("tar")).arg("."));
        let by_folder = measure(&|| mke2fs("mke2fs", &at("folder")));
        let beside = Some(by_folder.median());
        row("`mke2fs -d` of a folder", many, &by_folder, beside);
        match tar_reader() {
            Some(words) => row("`mke2fs -d` of a tar", many, &measure(&|| mke2fs(&words, &at("tar"))), beside),
            None => println!("| `mke2fs -d` of a tar | not installed: mke2fs 1.47.1 or newer | | | | |"),
        }
        row("mkext4 0.0.3", many, &measure(&|| crates("mkext4", many)), beside);
        row("rootsmith", many, &measure(&|| crates("rootsmith", many)), beside);
        fs::remove_dir_all(at("folder")).unwrap();
        fs::remove_file(at("tar")).unwrap();
    }
    for set in [tiny, million].into_iter().filter(|_| wanted("tiny")) {
        set.lay_out(&container);
        row("rootsmith", set, &measure(&|| crates("rootsmith", set)), None);
        let thrown_away = self::measure(runs, &|| crates(NOWHERE, set), None);
        row("rootsmith, image thrown away", set, &thrown_away, None);
    }
}

/// What to run for an mke2fs that reads a tar.
fn tar_reader() -> Option<String> {
    let words = std::env::var("MKE2FS").unwrap_or_else(|_| "mke2fs".to_owned());
    let mut command = words.split(' ');
    let output = Command::new(command.next()?).args(command).arg("-V").output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = said.split_whitespace().nth(1)?.split('.').map(|number| number.parse().ok());
    let version: Option<Vec<u32>> = numbers.collect();
    (version? >= vec![1, 47, 1]).then_some(words)
}

struct Measured {
    /// Seconds, ascending.
    times: Vec<f64>,
    /// KiB of the largest process.
    peak: u64,
}

impl Measured {
    fn median(&self) -> f64 {
        self.times[self.times.len() / 2]
    }
}

/// A command may say itself what counts; otherwise all of it does. The image it makes is judged.
fn measure(runs: usize, command: &dyn Fn() -> Command, image: Option<&Path>) -> Measured {
    let mut measured = Measured { times: Vec::new(), peak: 0 };
    for _ in 0..runs {
        if let Some(image) = image {
            let _ = fs::remove_file(image);
        }
        run(&mut Command::new("sync"));
        let inner = command();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(inner.get_program()).args(inner.get_args());
        let start = Instant::now();
        let output = timed.output().expect("GNU time is installed");
        let elapsed = start.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let own = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
        measured.times.push(own.unwrap_or(elapsed));
        let peak = said.lines().last().and_then(|line| line.trim().parse().ok());
        measured.peak = measured.peak.max(peak.unwrap_or(0));
        if let Some(image) = image {
            run(Command::new("e2fsck").arg("-fn").arg(image).stderr(Stdio::null()));
        }
    }
    measured.times.sort_by(f64::total_cmp);
    measured
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// Seconds from the tree to the image.
fn ours(set: Set, container: &Path, image: Option<&Path>) -> f64 {
    let metadata = || Metadata::root(0o644, TIME);
    let directory = || Node::directory(Metadata::root(0o755, TIME));
    let mut tree = Tree::new(Metadata::root(0o755, TIME));
    for file in set.contents() {
        let parent = TreePath::new(format!("/{}", file.directory)).unwrap();
        if file.is_first() {
            tree.insert(&parent, directory()).unwrap();
        }
        let blob = Blob { digest: None, size: file.size, pack: PackId(0), offset: file.offset };
        tree.insert(&parent.join(&file.name).unwrap(), Node::file(Content::Blob(blob), metadata())).unwrap();
    }
    let container = Container(File::open(container).unwrap());
    let options = Options::new(Uuid::new([1; 16]), Uuid::new([2; 16]), Size::Fixed(set.image));

    let start = Instant::now();
    let plan = plan(&tree, &container, &options).unwrap();
    match image {
        Some(image) => {
            let out = File::create(image).unwrap();
            out.set_len(plan.size().get()).unwrap();
            Image::write(&plan, &mut Out(out)).unwrap();
        }
        None => Image::write(&plan, &mut Nowhere).unwrap(),
    }
    start.elapsed().as_secs_f64()
}

/// The same by mkext4.
fn theirs(set: Set, container: &Path, image: &Path) -> f64 {
    let options = mkext4::Options::new(set.image.get(), [1; 16], TIME);
    let mut builder = mkext4::FsBuilder::new(options).unwrap();
    let metadata = |mode| mkext4::Meta::new(mode, 0, 0, (TIME, 0));
    let mut files = Vec::new();
    let mut parent = mkext4::ROOT;
    for file in set.contents() {
        if file.is_first() {
            parent = builder.mkdir(mkext4::ROOT, &file.directory, metadata(0o755)).unwrap();
        }
        let handle = builder.file(parent, &file.name, metadata(0o644), file.size).unwrap();
        if file.size > 0 {
            files.push((handle, file));
        }
    }
    let container = File::open(container).unwrap();

    let start = Instant::now();
    let layout = builder.seal().unwrap();
    let mut out = FileSink::create(image, layout.image_len()).unwrap();
    let mut writer = layout.writer(&mut out).unwrap();
    for (handle, file) in files {
        writer.fill(handle, &mut Slice { container: &container, at: file.offset, left: file.size }).unwrap();
    }
    writer.finish().unwrap();
    start.elapsed().as_secs_f64()
}

struct Container(File);

impl Blobs for Container {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, blob.offset + offset)
    }

    fn insert(&self, _: &mut dyn Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct Slice<'a> {
    container: &'a File,
    at: u64,
    left: u64,
}

impl Read for Slice<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.container.read_at(&mut buf[..wanted], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

struct Out(File);

impl Sink for Out {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

struct Numbered {
    number: u64,
    directory: String,
    name: String,
    size: u64,
    /// In the container.
    offset: u64,
}

impl Numbered {
    /// Of its directory.
    fn is_first(&self) -> bool {
        self.number.is_multiple_of(SIBLINGS)
    }
}

impl Set {
    /// In the order of a tree.
    fn contents(self) -> impl Iterator<Item = Numbered> {
        let mut end = 0;
        (0..self.files).map(move |number| {
            let mut chance = Chance(number + 1);
            // The product of two even chances is a quarter on average: many small files, few large ones.
            let share = ((chance.next() >> 32) * (chance.next() >> 32)) >> 32;
            let size = (share * (self.largest + 1)) >> 32;
            let offset = end + 512;
            end = (offset + size).next_multiple_of(512);
            let directory = format!("directory-{:05}", number / SIBLINGS);
            Numbered { number, directory, name: format!("file-{number:07}"), size, offset }
        })
    }

    /// A tar's blocks; nobody reads what would be headers.
    fn lay_out(self, container: &Path) {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(container).unwrap());
        let mut end = 0;
        let mut data = Vec::new();
        for file in self.contents() {
            let mut chance = Chance(file.number + 1);
            data.clear();
            data.resize((file.offset - end) as usize, 0);
            while (data.len() as u64) < file.offset - end + file.size {
                data.extend(chance.next().to_le_bytes());
            }
            data.truncate((file.offset - end + file.size) as usize);
            out.write_all(&data).unwrap();
            end = file.offset + file.size;
        }
        out.flush().unwrap();
    }

    fn unpack(self, container: &Path, folder: &Path) {
        let container = File::open(container).unwrap();
        let mut data = Vec::new();
        for file in self.contents() {
            let parent = folder.join(&file.directory);
            if file.is_first() {
                fs::create_dir_all(&parent).unwrap();
            }
            data.resize(file.size as usize, 0);
            container.read_exact_at(&mut data, file.offset).unwrap();
            fs::write(parent.join(&file.name), &data).unwrap();
        }
    }
}

/// Numbers that look like chance and are the same at every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}
