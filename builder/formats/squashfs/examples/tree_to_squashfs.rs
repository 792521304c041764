//! Makes a squashfs of a folder of this machine: `tree_to_squashfs FOLDER IMAGE [zstd | xz | gzip | lz4]`.
//!
//! For developers: to look at an image with `unsquashfs`, to mount it, to measure. Owners, times and extended attributes are
//! the folder's, so run it as root for a tree of a distribution.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use rootsmith_squashfs::{Compression, Options, plan};
use rootsmith_tree::testing::Folder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, image, compression @ ..] = arguments.as_slice() else {
        return Err("usage: tree_to_squashfs FOLDER IMAGE [zstd | xz | gzip | lz4]".into());
    };
    let compression = match compression.first().map(String::as_str) {
        None | Some("zstd") => Compression::ZSTD,
        Some("xz") => Compression::Xz,
        Some("gzip") => Compression::GZIP,
        Some("lz4") => Compression::Lz4,
        Some(other) => return Err(format!("unknown compression `{other}`").into()),
    };
    let start = Instant::now();
    let folder = Folder::read(Path::new(folder))?;
    println!("read the folder in {:.2?}", start.elapsed());
    let start = Instant::now();
    let plan = plan(&folder.tree, &folder, &Options::new(compression, 0))?;
    println!("planned in {:.2?}", start.elapsed());
    let start = Instant::now();
    let size = plan.write(&File::create(image)?)?;
    println!("written in {:.2?}: {size}", start.elapsed());
    Ok(())
}
