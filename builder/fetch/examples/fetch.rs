//! Fetches packages into a cache, takes them apart, and reads every file's content once: `cargo run --release -p
//! rootsmith-fetch --example fetch -- CACHE FOLDER-OF-DEBS [MIRROR]`
//!
//! The folder tells which packages; they are fetched from the mirror, which has them all in one folder; by default from the
//! folder itself.

#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use rootsmith_fetch::{Cache, Download, Http, Mirrors, NoProgress, Proxies};
use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_package::PackedKind;
use rootsmith_tree::{Blob, Blobs};
use rootsmith_types::{ContentDigest, Sha256Digest, Trace};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (cache, debs) = (arguments.next().ok_or("CACHE?")?, PathBuf::from(arguments.next().ok_or("FOLDER?")?));
    let mirror = arguments.next().unwrap_or_else(|| format!("file://{}", debs.display()));
    let packages = locked(&debs)?;
    let size: u64 = packages.iter().map(|package| package.size).sum();
    println!("{} packages, {} MB", packages.len(), size / 1_000_000);

    let http = Http::new(&Proxies::from_variables(|name| std::env::var(name).ok()))?;
    let mirrors = Mirrors { security: mirror.clone(), main: mirror };
    let start = Instant::now();
    let cache = Cache::open(cache.as_ref())?;
    let items: Vec<Download<'_>> = packages.iter().map(|package| Download { package }).collect();
    let fetched = cache.ensure(&items, &mirrors, &http, false, &NoProgress, Trace::off()).map_err(all)?;
    println!("ensure     {:8.3} s, {} files fetched", start.elapsed().as_secs_f64(), fetched.files);

    let start = Instant::now();
    let unpacked = cache.unpack_all(&packages, &NoProgress, Trace::off()).map_err(all)?;
    println!("unpack_all {:8.3} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let (mut files, mut bytes, mut buf) = (0, 0, Vec::new());
    for (unpacked, pack) in &unpacked {
        for entry in &unpacked.entries {
            if let PackedKind::File { offset, size, digest } = entry.kind {
                buf.resize(size as usize, 0);
                cache.read_at(&Blob { digest: Some(digest), size, pack: *pack, offset }, 0, &mut buf)?;
                if ContentDigest::of(&buf) != digest {
                    return Err(format!("wrong content: {}", entry.path.escape_ascii()).into());
                }
                (files, bytes) = (files + 1, bytes + size);
            }
        }
    }
    println!(
        "read       {:8.3} s, {files} files, {} MB, all digests right",
        start.elapsed().as_secs_f64(),
        bytes / 1_000_000
    );
    let status = fs::read_to_string("/proc/self/status")?;
    println!("peak {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("unknown"));
    Ok(())
}

fn locked(debs: &PathBuf) -> Result<Vec<LockedPackage>, Box<dyn Error>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(debs)? {
        let (filename, data) = (entry.as_ref().map_err(|e| e.to_string())?.file_name(), fs::read(entry?.path())?);
        let filename = filename.into_string().map_err(|name| format!("{name:?}"))?;
        packages.push(LockedPackage {
            name: filename.split('_').next().unwrap_or_default().parse()?,
            role: Role::Root,
            version: String::new(),
            architecture: String::new(),
            archive: Archive::Main,
            filename,
            size: data.len() as u64,
            sha256: Sha256Digest::of(&data),
            why: Why::Requested,
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn all(errors: Vec<rootsmith_fetch::FetchError>) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
