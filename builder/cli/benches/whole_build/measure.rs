//! A command timed over and over.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the runs of one command took.
pub struct Measured {
    /// Ascending.
    times: Vec<Duration>,
    /// KiB of the largest process.
    peak: u64,
}

impl Measured {
    /// Seconds.
    pub fn median(&self) -> f64 {
        self.times[self.times.len() / 2].as_secs_f64()
    }

    /// The columns `wall s`, `from, to` and `peak MiB`.
    pub fn cells(&self) -> String {
        let [first, last] = [0, self.times.len() - 1].map(|at| self.times[at].as_secs_f64());
        format!("{:.2} | {first:.2}, {last:.2} | {}", self.median(), self.peak / 1024)
    }
}

/// Medians of `runs`; `before` each of them something is done that does not count.
pub fn measure(runs: usize, command: &dyn Fn() -> Command, before: &dyn Fn()) -> Measured {
    let (mut times, mut peak) = (Vec::new(), 0);
    for _ in 0..runs {
        before();
        let inner = command();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(inner.get_program()).args(inner.get_args());
        if let Some(folder) = inner.get_current_dir() {
            timed.current_dir(folder);
        }
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

/// This program once more, to do what its `main` does when asked for the limit: another process, measured as every command is.
pub fn limit(archives: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(LIMIT).arg(archives);
    command
}

/// Before the folder of archives.
pub const LIMIT: &str = "--limit";

/// Does it, where this process is to; otherwise nothing.
pub fn is_limit(decompress: fn(&Path)) -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [first, folder] if first == LIMIT => decompress(Path::new(folder)),
        _ => return false,
    }
    true
}

pub fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
