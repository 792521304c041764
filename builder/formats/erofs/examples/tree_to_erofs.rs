//! Makes an EROFS of a folder of this machine: `tree_to_erofs FOLDER IMAGE [none | lz4 | zstd]`.
//!
//! For developers: to look at an image with `fsck.erofs`, to mount it, to measure. Owners, times and extended attributes are
//! the folder's, so run it as root for a tree of a distribution.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use rootsmith_erofs::{Compression, Options, plan};
use rootsmith_tree::testing::Folder;
use rootsmith_types::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, image, compression @ ..] = arguments.as_slice() else {
        return Err("usage: tree_to_erofs FOLDER IMAGE [none | lz4 | zstd]".into());
    };
    let compression = match compression.first().map(String::as_str) {
        Some("none") => Compression::None,
        None | Some("lz4") => Compression::Lz4,
        Some("zstd") => Compression::ZSTD,
        Some(other) => return Err(format!("unknown compression `{other}`").into()),
    };
    let start = Instant::now();
    let folder = Folder::read(Path::new(folder))?;
    println!("read the folder in {:.2?}", start.elapsed());
    let start = Instant::now();
    let plan = plan(&folder.tree, &folder, &Options::new(compression, Uuid::new([1; 16]), 0))?;
    println!("planned in {:.2?}", start.elapsed());
    let start = Instant::now();
    let size = plan.write(&File::create(image)?)?;
    println!("written in {:.2?}: {size}", start.elapsed());
    Ok(())
}
