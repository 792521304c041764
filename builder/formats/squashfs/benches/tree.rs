//! A folder to a squashfs, beside `mksquashfs` at the same level and block size.
//!
//! `cargo bench -p rootsmith-squashfs --bench tree -- FOLDER [COMPRESSION]…`, as root on a quiet machine. The folder is read before anything is
//! timed, and images lie beside it. `mksquashfs` looks for equal contents itself; here their digests are known beforehand, as in a build.
//! Neither stores access control lists: a squashfs cannot.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../ondisk/benches/beside/mod.rs"]
mod beside;

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use beside::Bench;
use rootsmith_squashfs::{Compression, Options, plan};
use rootsmith_tree::Tree;
use rootsmith_tree::testing::Folder;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::asked() else { return Ok(()) };
    let mut folder = Folder::read(&bench.input)?;
    forget_access_lists(&mut folder.tree);
    bench.head("squashfs", "mksquashfs");
    for (name, compression) in
        [("zstd", Compression::ZSTD), ("lz4", Compression::Lz4), ("gzip", Compression::GZIP), ("xz", Compression::Xz)]
    {
        let ours = |image: &Path| {
            plan(&folder.tree, &folder, &Options::new(compression, 0))?.write(&File::create(image)?)?;
            Ok(())
        };
        let theirs = |image: &Path| {
            let mut command = Command::new("mksquashfs");
            command.arg(&bench.input).arg(image).args(["-noappend", "-quiet", "-no-progress", "-comp", name]);
            command
        };
        bench.row(name, ours, Some(&theirs))?;
    }
    Ok(())
}

/// As `mksquashfs` does, which says so at each.
fn forget_access_lists(tree: &mut Tree) {
    let with: Vec<_> =
        tree.walk().filter(|entry| entry.node.metadata.xattrs.is_some()).map(|entry| entry.path).collect();
    for path in with {
        let xattrs = &mut tree.get_mut(&path).expect("a path of this tree").metadata.xattrs;
        if let Some(map) = xattrs {
            Arc::make_mut(map).retain(|name, _| !name.starts_with(b"system."));
        }
        xattrs.take_if(|map| map.is_empty());
    }
}
