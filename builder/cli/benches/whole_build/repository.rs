//! A lock's archives out of the cache, as a mirror that needs no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes one and says what is in it: names of packages for `--include`.
pub fn make(lock: &Path, cache: &Path, to: &Path) -> String {
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
        fs::hard_link(&blob, to.join(&file)).unwrap();
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
