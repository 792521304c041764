//! A lock's archives as a mirror that needs no network.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::archives;

/// Makes one and says what is in it: names of packages for `--include`.
pub fn make(lock: &Path, cache: &Path, to: &Path) -> String {
    let lists = to.join("dists/trixie/main/binary-amd64");
    fs::create_dir_all(&lists).unwrap();
    let mut index = String::new();
    let archives = archives::link(lock, cache, to);
    for archive in &archives {
        let file = archive.file();
        let control = Command::new("dpkg-deb").args(["-f"]).arg(to.join(&file)).output().unwrap();
        index.push_str(String::from_utf8_lossy(&control.stdout).trim_end());
        index.push_str(&format!("\nFilename: {file}\nSize: {}\nSHA256: {}\n\n", archive.size, archive.sha256));
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
    let names: Vec<&str> = archives.iter().map(|archive| archive.package.as_str()).collect();
    names.join(",")
}
