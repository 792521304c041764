//! Reads an image back and says what is in it and how long that took: `read_back ext4|fat|tar|oci|gpt IMAGE`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use rootsmith_tree::Blobs;
use rootsmith_verify::{Kind, Slice, compare, partitions, read_back};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, image] = arguments.as_slice() else { return Err("usage: read_back ext4|fat|tar|oci|gpt IMAGE".into()) };
    let file = File::open(image)?;
    let kind = match kind.as_str() {
        "ext4" => Kind::Ext4,
        "fat" => Kind::Fat,
        "tar" => Kind::Tar,
        "oci" => Kind::Oci,
        _ => {
            for partition in partitions(&file)? {
                println!("{partition:?}");
            }
            return Ok(());
        }
    };
    let start = Instant::now();
    let found = read_back(kind, Slice::new(&file, 0, file.metadata()?.len()))?;
    let read = start.elapsed();
    let bytes: u64 = found.tree.walk().filter_map(|entry| entry.node.content().map(|content| content.size())).sum();
    println!("{} entries, {bytes} bytes, label {:?}, UUID {:?}", found.tree.walk().count(), found.label, found.uuid);

    // The same contents once more, as a check of what was read would ask for them.
    let start = Instant::now();
    let mut head = [0; 64];
    let mut files = 0;
    for content in found.tree.walk().filter_map(|entry| entry.node.content().cloned()) {
        let n = content.size().min(64) as usize;
        content.read_at(&found as &dyn Blobs, 0, &mut head[..n])?;
        files += 1;
    }
    let heads = start.elapsed();
    let start = Instant::now();
    let differences = compare(&found.tree, &found, &found)?.len();
    println!(
        "read {read:.3?}; heads of {files} files {heads:.3?}; compared with itself {:.3?}, {differences} differences",
        start.elapsed()
    );
    Ok(())
}
