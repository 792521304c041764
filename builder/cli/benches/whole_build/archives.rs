//! What a lock names, out of the cache.

use std::fs;
use std::path::Path;

pub struct Archive {
    pub package: String,
    pub sha256: String,
    pub size: u64,
}

impl Archive {
    /// In the folder.
    pub fn file(&self) -> String {
        format!("{}.deb", self.package)
    }
}

/// The archives of the image, into a folder beside the cache.
pub fn link(lock: &Path, cache: &Path, to: &Path) -> Vec<Archive> {
    fs::create_dir_all(to).unwrap();
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    let mut archives = Vec::new();
    for package in lock["amd64"]["package"].as_array().unwrap() {
        let field = |name: &str| package[name].as_str().unwrap().to_owned();
        if field("role") != "root" {
            continue;
        }
        let size = package["size"].as_integer().unwrap() as u64;
        let archive = Archive { package: field("name"), sha256: field("sha256"), size };
        let blob = cache.join("blobs/sha256").join(&archive.sha256[..2]).join(&archive.sha256);
        fs::hard_link(blob, to.join(archive.file())).unwrap();
        archives.push(archive);
    }
    archives
}
