//! `cargo xtask bench`: the benchmarks, and what `builder/docs/performance.md` says of them.
//!
//! Each prints a table in Markdown. It takes the place of the one between `<!-- bench NAME -->` and `<!-- end -->` on the page; of whole builds
//! there is a plot beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{command, run, say};

/// One with a place on the page, which has its name.
struct Bench {
    name: &'static str,
    package: &'static str,
    bench: &'static str,
    input: Input,
    words: &'static [&'static str],
}

/// What it is told to work on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// It makes that itself.
    Own,
    /// The disk of `k0s-worker`.
    Disk,
    /// The files of it.
    Folder,
}

const fn own(name: &'static str, package: &'static str, bench: &'static str) -> Bench {
    Bench { name, package, bench, input: Input::Own, words: &[] }
}

/// The one with the plot first.
const BENCHES: [Bench; 7] = [
    own(WHOLE, "rootsmith-cli", WHOLE),
    own("large", "rootsmith-cli", "large"),
    own("boards", "rootsmith-cli", "boards"),
    own("ext4", "rootsmith-ext4", "writer"),
    // The others take ten times as long, and few choose them.
    Bench {
        name: "squashfs",
        package: "rootsmith-squashfs",
        bench: "tree",
        input: Input::Folder,
        words: &["zstd", "lz4"],
    },
    Bench { name: "erofs", package: "rootsmith-erofs", bench: "tree", input: Input::Folder, words: &[] },
    // Those that qemu-img has as well.
    Bench {
        name: "disks",
        package: "rootsmith-virtual",
        bench: "formats",
        input: Input::Disk,
        words: &[
            "qcow2",
            "qcow2 with zlib",
            "qcow2 with zstd",
            "stream-optimized VMDK",
            "monolithic sparse VMDK",
            "fixed VHD",
            "dynamic VHD",
            "VHDX",
            "VDI",
        ],
    },
];
const WHOLE: &str = "whole_build";
const PAGE: &str = "builder/docs/performance.md";
const PLOT: &str = "performance.svg";

/// All of them, or those that are named, in an optimised build; the page is written anew. What fails leaves its table as it is, and the others
/// run.
pub(crate) fn all(root: &Path, names: &[&str]) -> Result<(), String> {
    if let Some(name) = names.iter().find(|name| !BENCHES.iter().any(|bench| bench.name == **name)) {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        return Err(format!("no benchmark is called {name}; there are: {}", known.join(", ")));
    }
    let chosen = |bench: &&Bench| names.is_empty() || names.contains(&bench.name);
    let material = Material { root, folder: root.join("target/bench") };
    let mut failed = Vec::new();
    for bench in BENCHES.iter().filter(chosen) {
        if let Err(error) = measured(root, bench, &material) {
            say(&error);
            failed.push(bench.name);
        }
    }
    material.remove();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Whole builds, and file systems of few files, once, in a development build: whether they run. Nothing is written.
pub(crate) fn quick(root: &Path) -> Result<(), String> {
    for (bench, arguments) in [(&BENCHES[0], &["--quick"][..]), (&BENCHES[3], &["--quick", "--small"])] {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        say(&table(root, bench, &["--profile", "dev"], &arguments)?);
    }
    say("nothing was written: these are no measurements");
    Ok(())
}

/// Its table onto the page.
fn measured(root: &Path, bench: &Bench, material: &Material<'_>) -> Result<(), String> {
    let page = root.join(PAGE);
    let input = material.of(bench.input)?;
    let input = input.iter().map(|path| path.display().to_string());
    let arguments: Vec<String> = input.chain(bench.words.iter().map(|&word| word.to_owned())).collect();
    let table = table(root, bench, &[], &arguments)?;
    let text = fs::read_to_string(&page).map_err(|error| format!("cannot read {PAGE}: {error}"))?;
    let plot = if bench.name == WHOLE { format!("\n![The same as bars]({PLOT})\n") } else { String::new() };
    let text = replaced(&text, bench.name, &format!("{table}{plot}"))
        .ok_or_else(|| format!("{PAGE} has no place for {}", bench.name))?;
    fs::write(&page, text).map_err(|error| format!("cannot write {PAGE}: {error}"))?;
    if bench.name == WHOLE {
        let svg = drawn(&times(&table));
        fs::write(page.with_file_name(PLOT), svg).map_err(|error| format!("cannot write {PLOT}: {error}"))?;
    }
    Ok(())
}

/// An image of ours and its files, made when somebody asks for them.
struct Material<'a> {
    root: &'a Path,
    folder: PathBuf,
}

impl Material<'_> {
    fn of(&self, input: Input) -> Result<Option<PathBuf>, String> {
        let image = self.folder.join("k0s-worker-amd64");
        let disk = image.join("k0s-worker-amd64.img");
        let files = self.folder.join("files");
        if input != Input::Own && !disk.exists() {
            let arguments =
                ["run", "--quiet", "--release", "--package", "rootsmith-cli", "--", "build", "--arch", "amd64"];
            let mut build = command(self.root, &arguments);
            build.arg("profiles/k0s-worker.toml").arg("--output").arg(&self.folder);
            build.env("ROOTSMITH_CACHE", self.root.join("target/test-cache"));
            run(build, "rootsmith build")?;
        }
        if input == Input::Folder && !files.exists() {
            fs::create_dir_all(&files).map_err(|error| format!("cannot make {}: {error}", files.display()))?;
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--zstd", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--directory"])
                .arg(&files);
            tar.arg("--file").arg(image.join("k0s-worker-amd64.rootfs.tar.zst"));
            run(tar, "tar")?;
        }
        Ok(match input {
            Input::Own => None,
            Input::Disk => Some(disk),
            Input::Folder => Some(files),
        })
    }

    fn remove(&self) {
        // Not there where nobody asked.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a benchmark prints.
fn table(root: &Path, bench: &Bench, options: &[&str], arguments: &[String]) -> Result<String, String> {
    let name = bench.name;
    let mut process = command(root, &["bench", "--package", bench.package, "--bench", bench.bench]);
    process.args(options).arg("--").args(arguments);
    say(&format!("==> {process:?}"));
    let output = process.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo bench: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let table: String = printed.lines().filter(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect();
    if !output.status.success() || table.is_empty() {
        return Err(format!("failed: the benchmark {name} ({})\n{printed}", output.status));
    }
    Ok(table)
}

/// The page with another `text` between the marks of `name`.
fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let mark = format!("<!-- bench {name} -->\n");
    let (before, rest) = page.split_once(&mark)?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}{mark}\n{text}\n<!-- end -->{after}"))
}

/// The first two columns of a table: what took how many seconds.
fn times(table: &str) -> Vec<(String, f64)> {
    let rows = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter_map(|cells| Some((cells.get(1)?.replace('`', ""), cells.get(2)?.parse().ok()?))).collect()
}

/// Bars on a logarithmic scale from a hundredth of a second on, which is a bar of no length.
fn drawn(rows: &[(String, f64)]) -> String {
    const LEFT: f64 = 400.0;
    const DECADE: f64 = 100.0;
    const LINE: usize = 24;
    let length = |seconds: f64| (seconds.max(0.01) * 100.0).log10() * DECADE;
    let height = LINE * rows.len() + 30;
    let width = LEFT + 4.0 * DECADE + 110.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, (what, seconds)) in rows.iter().enumerate() {
        let (top, bar) = (LINE * number + 4, length(*seconds));
        let colour = match what {
            what if what.starts_with("rootsmith") => "#2a6f4e",
            what if what.starts_with("limit") => "#b0b0b0",
            _ => "#c0793a",
        };
        let (text, end, what) = (top + 13, LEFT + bar + 6.0, escaped(what));
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{text}\" text-anchor=\"end\">{what}</text>\n\
             <rect x=\"{LEFT:.0}\" y=\"{top}\" width=\"{bar:.1}\" height=\"16\" fill=\"{colour}\"/>\n\
             <text x=\"{end:.1}\" y=\"{text}\">{seconds:.2} s</text>\n",
            LEFT - 6.0
        );
    }
    for (decade, label) in ["0.01 s", "0.1 s", "1 s", "10 s", "100 s"].into_iter().enumerate() {
        let at = LEFT + DECADE * decade as f64;
        let (foot, text) = (LINE * rows.len() + 6, LINE * rows.len() + 22);
        let _ = write!(
            svg,
            "<line x1=\"{at:.0}\" y1=\"0\" x2=\"{at:.0}\" y2=\"{foot}\" stroke=\"#00000030\"/>\n\
             <text x=\"{at:.0}\" y=\"{text}\" text-anchor=\"middle\">{label}</text>\n"
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| whole build | wall s | ratio |\n|---|---|---|\n| by hand: `mke2fs -d` & co | 36.80 | 1.0 |\n\
                         | rootsmith, unchanged | 0.02 | 1840.0 |\n";

    #[test]
    fn a_table_takes_the_place_of_the_one_before_and_nothing_else() {
        let page = "# Performance\n\n<!-- bench whole_build -->\nold\n<!-- end -->\n\nText.\n\n<!-- bench boards -->\n<!-- end -->\n";
        let new = replaced(page, "whole_build", TABLE).unwrap();
        assert_eq!(
            new,
            format!(
                "# Performance\n\n<!-- bench whole_build -->\n\n{TABLE}\n<!-- end -->\n\nText.\n\n<!-- bench boards -->\n<!-- end -->\n"
            )
        );
        assert_eq!(replaced(&new, "whole_build", TABLE).unwrap(), new);
        assert_eq!(replaced(page, "judge", TABLE), None);
    }

    #[test]
    fn the_page_has_a_place_for_every_benchmark() {
        let page = fs::read_to_string(crate::workspace().join(PAGE)).unwrap();
        for bench in BENCHES {
            assert!(replaced(&page, bench.name, "").is_some(), "{}", bench.name);
        }
    }

    #[test]
    fn a_plot_has_a_bar_for_every_row_ten_times_the_time_a_decade_longer() {
        let rows = times(TABLE);
        assert_eq!(rows, [("by hand: mke2fs -d & co".to_owned(), 36.8), ("rootsmith, unchanged".to_owned(), 0.02)]);
        let svg = drawn(&[rows[0].clone(), ("rootsmith".to_owned(), 3.68)]);
        assert!(svg.contains("mke2fs -d &amp; co"));
        let bars: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("height=\"16\""))
            .map(|line| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!((bars[0] - bars[1] - 100.0).abs() < 0.2, "{bars:?}");
    }
}
