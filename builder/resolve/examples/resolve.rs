//! Resolves names against `Packages` files: `cargo run -p rootsmith-resolve --example resolve -- ARCH FILE… -- NAME…`.
//! Prints one `name version` a line, as `apt-get --simulate install` can be made to.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::time::Instant;

use rootsmith_lock::Scope;
use rootsmith_package::{Index, decompress};
use rootsmith_resolve::{Request, resolve};
use rootsmith_types::{Arch, Explain};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let arch: Arch =
        arguments.next().and_then(|arch| arch.parse().ok()).ok_or("the first argument is an architecture")?;
    let start = Instant::now();
    let mut index = Index::builder();
    for (repository, file) in arguments.by_ref().take_while(|argument| argument != "--").enumerate() {
        index.add(repository, decompress(&file, &std::fs::read(&file)?, 1 << 30)?)?;
    }
    let decompressed = start.elapsed();
    let index = index.finish()?;
    let indexed = start.elapsed();
    let requests: Vec<Request> =
        arguments.map(|name| name.parse().map(|name| Request { name, origin: None })).collect::<Result<_, _>>()?;
    let resolution = resolve(&requests, &index, arch, Scope::System);
    let resolved = start.elapsed();
    match resolution {
        Ok(resolution) => {
            for package in &resolution.packages {
                println!("{} {}", package.record.name(), package.record.version());
            }
            eprintln!(
                "{} records read in {decompressed:.0?} + {:.0?}, {} packages resolved in {:.1?}",
                index.len(),
                indexed - decompressed,
                resolution.packages.len(),
                resolved - indexed
            );
        }
        Err(conflicts) => {
            for conflict in conflicts {
                println!("error: {conflict}");
                for note in conflict.notes() {
                    println!("  note: {}", note.text);
                }
                if let Some(help) = conflict.help() {
                    println!("  hint: {help}");
                }
            }
        }
    }
    Ok(())
}
