//! Makes an ext4 image of a folder of this machine: `tree_to_ext4 FOLDER IMAGE [SIZE | minimal+FREE]`, sizes like `512MiB`.
//!
//! For developers: to look at an image with `e2fsck`, `dumpe2fs` and `debugfs`, to boot it, to measure. Owners, times and
//! extended attributes are the folder's, so run it as root for a tree of a distribution.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use rootsmith_ext4::{Options, Size, plan};
use rootsmith_ondisk::{Image, Sink};
use rootsmith_tree::testing::Folder;
use rootsmith_types::{NumBytes, Uuid};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, image, size @ ..] = arguments.as_slice() else {
        return Err("usage: tree_to_ext4 FOLDER IMAGE [SIZE | minimal+FREE]".into());
    };
    let size = match size.first().map(String::as_str) {
        None => Size::Minimal { free: NumBytes::mib(64) },
        Some(text) => match text.strip_prefix("minimal+") {
            Some(free) => Size::Minimal { free: free.parse()? },
            None => Size::Fixed(text.parse()?),
        },
    };

    let start = Instant::now();
    let folder = Folder::read(Path::new(folder))?;
    println!("read the folder: {} entries in {:.2?}", folder.tree.walk().count(), start.elapsed());

    let start = Instant::now();
    let mut options = Options::new(Uuid::new(*b"rootsmith-ext4-0"), Uuid::new(*b"rootsmith-ext4-1"), size);
    options.label = "rootsmith".to_owned();
    let plan = plan(&folder.tree, &folder, &options)?;
    println!("planned in {:.2?}: {}, {} available", start.elapsed(), plan.size(), plan.available());
    println!(
        "{} blocks, {} free; {} inodes, {} free",
        plan.block_count(),
        plan.free_blocks(),
        plan.inode_count(),
        plan.free_inodes()
    );

    let start = Instant::now();
    let file = File::create(image)?;
    file.set_len(plan.size().get())?;
    let mut out = FileSink { file, writes: 0, bytes: 0 };
    Image::write(&plan, &mut out)?;
    println!("written in {:.2?}: {} in {} writes", start.elapsed(), NumBytes::new(out.bytes), out.writes);
    Ok(())
}

struct FileSink {
    file: File,
    writes: u64,
    bytes: u64,
}

impl Sink for FileSink {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.writes += 1;
        self.bytes += data.len() as u64;
        self.file.write_all_at(data, offset)
    }
}
