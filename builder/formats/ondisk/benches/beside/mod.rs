//! Ours and somebody else's on the same input, as rows of a table: what benchmarks of formats share.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 5;

/// What is measured, and how often.
pub struct Bench {
    pub input: PathBuf,
    /// Words after the input: which rows; all of them where there are none.
    chosen: Vec<String>,
    runs: usize,
}

impl Bench {
    /// By the program's arguments; none where there is nothing to measure: `cargo test --benches` runs this without `--bench`.
    pub fn asked() -> Option<Bench> {
        let (options, mut words): (Vec<String>, Vec<String>) =
            std::env::args().skip(1).partition(|it| it.starts_with("--"));
        if !options.iter().any(|option| option == "--bench") {
            return None;
        }
        assert!(!words.is_empty(), "the input is missing: `-- INPUT [WORD]…`");
        let input = PathBuf::from(words.remove(0));
        let runs = if options.iter().any(|option| option == "--quick") { 1 } else { RUNS };
        Some(Bench { input, chosen: words, runs })
    }

    pub fn wants(&self, row: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|word| word == row)
    }

    pub fn head(&self, what: &str, theirs: &str) {
        println!("| {what}, median of {} | s | MiB | `{theirs}`, s | MiB | times as fast |", self.runs);
        println!("|---|---|---|---|---|---|");
    }

    /// Each makes a file beside the input. Without `theirs`, nothing of theirs does the same.
    pub fn row(
        &self,
        name: &str,
        ours: impl FnMut(&Path) -> Result<(), Box<dyn Error>>,
        theirs: Option<&dyn Fn(&Path) -> Command>,
    ) -> Result<(), Box<dyn Error>> {
        if !self.wants(name) {
            return Ok(());
        }
        let (seconds, size) = self.median("ours", ours)?;
        let Some(theirs) = theirs else {
            println!("| {name} | {seconds:.2} | {size} | | | |");
            return Ok(());
        };
        let program = theirs(Path::new("")).get_program().to_owned();
        if !is_there(&program) {
            println!("| {name} | {seconds:.2} | {size} | not installed: {} | | |", program.display());
            return Ok(());
        }
        let (other, other_size) = self.median("theirs", |path| {
            let mut command = theirs(path);
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            if status.success() { Ok(()) } else { Err(format!("failed: {command:?}").into()) }
        })?;
        println!("| {name} | {seconds:.2} | {size} | {other:.2} | {other_size} | {:.1} |", other / seconds);
        Ok(())
    }

    /// Seconds, and MiB of the file without its holes.
    pub fn median(
        &self,
        extension: &str,
        mut work: impl FnMut(&Path) -> Result<(), Box<dyn Error>>,
    ) -> Result<(f64, u64), Box<dyn Error>> {
        let path = self.input.with_extension(extension);
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..self.runs {
            let start = Instant::now();
            work(&path)?;
            times.push(start.elapsed().as_secs_f64());
            size = (fs::metadata(&path)?.blocks() * 512) >> 20;
            fs::remove_file(&path)?;
        }
        times.sort_by(f64::total_cmp);
        Ok((times[times.len() / 2], size))
    }
}

fn is_there(program: &OsStr) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A path of its own stays what it is when a folder is put before it.
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
