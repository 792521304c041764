//! Configures the packages in one folder and shows how the tree differs from one that dpkg made of them.
//!
//! `cargo run -p rootsmith-configure --example compare -- DEBS ROOT [ACCEPTED.toml [WRITE-TO]]`

#[path = "../../../tests/src/oracle_tree.rs"]
#[allow(dead_code, unreachable_pub)]
mod oracle_tree;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_assemble::{Package, unpack};
use rootsmith_configure::{ConfigureError, Input, configure, enable_services};
use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_package::{Limits, Stanza};
use rootsmith_tree::{Blob, Blobs, NodeKind, PackId};
use rootsmith_types::{Arch, Explain, Sha256Digest, SourceEntry, Sources};

const PROFILE: &str = r#"
schema = 1
[image]
name = "judge"
arch = ["amd64"]
[distribution]
id = "debian"
suite = "trixie"
[packages]
include = ["systemd"]
[init]
system = "systemd"
[hosts]
"127.0.0.1" = ["localhost"]
"::1" = ["localhost", "ip6-localhost", "ip6-loopback"]
"ff02::1" = ["ip6-allnodes"]
"ff02::2" = ["ip6-allrouters"]
[[output]]
kind = "tar"
"#;
/// Only taken apart, never installed.
const BOOT: [&str; 2] = ["busybox-static", "systemd-boot-efi"];

struct Packs(Vec<Vec<u8>>);

impl Blobs for Packs {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(blob.offset + offset).map_err(io::Error::other)?;
        let pack = self.0.get(blob.pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        buf.copy_from_slice(pack.get(from..from + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct OneFile;

impl Sources for OneFile {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("judge.toml") { Ok(PROFILE.into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [debs, root, rest @ ..] = arguments.as_slice() else {
        return Err("usage: compare DEBS ROOT [ACCEPTED.toml [WRITE-TO]]".into());
    };
    let profile = rootsmith_profile::load(Path::new("judge.toml"), &OneFile).map_err(|error| format!("{error:?}"))?;
    let (packages, packs) = read_packages(debs)?;
    let date = 1_795_305_600;
    let mut assembly = unpack(&profile, &packages, &[], Arch::Amd64, date).map_err(|errors| format!("{errors:?}"))?;
    let input = Input { profile: &profile, packages: &packages, arch: Arch::Amd64, date };
    let start = std::time::Instant::now();
    let report = match configure(&mut assembly, &input, &packs) {
        Ok(report) => report,
        Err(errors) => {
            for error in &errors {
                println!("error: {error}");
                if let ConfigureError::NotModelled { digest, .. } = error {
                    println!("    own code: {digest}");
                }
                error.notes().iter().for_each(|note| println!("    {}", note.text));
            }
            return Err(format!("{} errors", errors.len()).into());
        }
    };
    println!("configured in {:?}: {:?} nothing, snippets, modelled, ignored", start.elapsed(), report.counts());
    for package in report.packages.iter().filter(|package| !package.effects.is_empty()) {
        println!("{} {:?}: {}", package.name, package.class, package.effects.join(", "));
    }
    enable_services(&mut assembly, &input, &packs).map_err(|errors| format!("{errors:?}"))?;
    let ours = oracle_tree::of_tree(&assembly.tree, &packs)?;
    let found = oracle_tree::compare(&ours, &oracle_tree::of_folder(root)?);
    let accepted = match rest.first() {
        Some(path) => oracle_tree::Accepted::parse(&std::fs::read_to_string(path)?)?,
        None => oracle_tree::Accepted::parse("difference = []")?,
    };
    let (left, unused) = accepted.judge(&found);
    left.iter().for_each(|difference| println!("{difference}"));
    unused.iter().for_each(|rule| println!("unused   {rule}"));
    println!("{} entries, {} differences, {} without a reason", ours.len(), found.len(), left.len());
    if let Some(out) = rest.get(1) {
        write_out(&assembly.tree, &packs, out)?;
    }
    Ok(())
}

fn read_packages(folder: &Path) -> Result<(Vec<Package>, Packs), Box<dyn Error>> {
    let paths: BTreeMap<_, _> = folder
        .read_dir()?
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.path())))
        .collect::<Result<_, _>>()?;
    let (mut packages, mut packs) = (Vec::new(), Vec::new());
    for (file, path) in paths {
        let file = file.to_string_lossy().into_owned();
        let name = file.split('_').next().unwrap_or_default();
        if BOOT.contains(&name) || !file.ends_with(".deb") {
            continue;
        }
        let name: rootsmith_types::PackageName = name.parse()?;
        let mut tar = Vec::new();
        let unpacked =
            rootsmith_package::unpack(&name, &mut std::fs::File::open(&path)?, &mut tar, &Limits::default())?;
        let stanza = Stanza::new(&unpacked.control.stanza);
        let locked = LockedPackage {
            role: Role::Root,
            version: stanza.get("Version").unwrap_or_default().to_owned(),
            architecture: stanza.get("Architecture").unwrap_or_default().to_owned(),
            archive: Archive::Main,
            filename: file.clone(),
            size: 0,
            sha256: Sha256Digest::of(b""),
            why: Why::Requested,
            name,
        };
        let pack = PackId(u32::try_from(packs.len())?);
        packages.push(Package { locked, unpacked: Arc::new(unpacked), pack });
        packs.push(tar);
    }
    Ok((packages, Packs(packs)))
}

/// The whole tree as a folder, for other judges; owners only where that is allowed.
fn write_out(tree: &rootsmith_tree::Tree, blobs: &dyn Blobs, out: &Path) -> io::Result<()> {
    for entry in tree.walk() {
        let path = out.join(OsStr::from_bytes(entry.path.relative()));
        let metadata = &entry.node.metadata;
        match &entry.node.kind {
            NodeKind::Directory => std::fs::create_dir_all(&path)?,
            NodeKind::File(content) => content.copy_to(blobs, &mut std::fs::File::create(&path)?)?,
            NodeKind::Symlink(target) => symlink(OsStr::from_bytes(target), &path)?,
            _ => continue,
        }
        // An ordinary user sees everything as their own.
        let _ = lchown(&path, Some(metadata.uid), Some(metadata.gid));
        if entry.node.link_target().is_none() {
            std::fs::set_permissions(&path, Permissions::from_mode(metadata.mode.into()))?;
        }
    }
    Ok(())
}
