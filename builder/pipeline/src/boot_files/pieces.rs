//! Files that are taken out of packages without installing them, and files of the user's own.

use std::io::Read;

use rootsmith_assemble::Package;
use rootsmith_output::RawPiece;
use rootsmith_profile::{BootMethod, Disk, Piece, Profile, RawBlob};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::{Located, PackageName, Problems, Sha256Writer, Sources};

use super::grub;
use crate::inputs::InputError;

/// Packages that are taken apart for booting, never installed: busybox for the initramfs, what UEFI starts, and what the
/// board's boot ROM and firmware start. Each with the place that asks for it, when that is the profile's.
pub(crate) fn boot_packages<'a>(
    profile: &'a Profile,
    disk: &'a Disk,
) -> Vec<(&'a str, Option<&'a Located<PackageName>>)> {
    let mut names: Vec<(&str, Option<&Located<PackageName>>)> = vec![("busybox-static", None)];
    if disk.boot.iter().any(|method| method.value.is_uefi()) {
        names.push(("systemd-boot-efi", None));
    }
    if disk.boots_by(BootMethod::Grub) {
        names.push((grub::PACKAGE, None));
    }
    let blobs = profile.blobs.iter().map(|blob| &blob.content);
    for package in blobs.chain(profile.firmware.iter().map(|file| &file.content)).filter_map(Piece::package) {
        if names.iter().all(|(name, _)| *name != package.value.as_str()) {
            names.push((package.value.as_str(), Some(package)));
        }
    }
    names
}

/// The blobs of the profile, with their bytes.
pub(crate) fn blobs(
    profile: &Profile,
    packages: &[Package],
    sources: &dyn Sources,
    store: &dyn Blobs,
) -> Result<Vec<RawPiece>, Problems> {
    let place = |blob: &RawBlob| {
        let content = content(&blob.content, packages, sources, store)?;
        Ok(RawPiece { name: blob.content.label(), offset: blob.offset(), content, origin: blob.origin.clone() })
    };
    profile.blobs.iter().map(place).collect()
}

pub(super) fn content(
    piece: &Piece,
    packages: &[Package],
    sources: &dyn Sources,
    store: &dyn Blobs,
) -> Result<Content, Problems> {
    match piece {
        Piece::Package { package, file } => {
            let found = packages.iter().find(|one| one.locked.name == package.value);
            let found = found.and_then(|one| one.content(file.value.as_bytes()));
            found.ok_or_else(|| {
                let (origin, package, path) = (file.origin.clone(), package.value.clone(), file.value.to_string());
                InputError::NotInPackage { origin, package, path }.into()
            })
        }
        Piece::File { path, sha256 } => {
            let unreadable = |error: std::io::Error| InputError::OwnFile {
                origin: path.origin.clone(),
                path: path.value.clone(),
                reason: error.to_string(),
            };
            let mut file = sources.open(&path.value).map_err(unreadable)?;
            let mut bytes = Sha256Writer::new(Vec::new());
            std::io::copy(&mut file.by_ref().take(MAX_OWN + 1), &mut bytes).map_err(unreadable)?;
            let (bytes, found, _) = bytes.finish();
            if bytes.len() as u64 > MAX_OWN {
                return Err(unreadable(std::io::Error::other("larger than 64 MiB")).into());
            }
            if found != sha256.value {
                let (origin, path) = (sha256.origin.clone(), path.value.clone());
                return Err(InputError::OwnFileDigest { origin, path, wanted: sha256.value, found }.into());
            }
            super::stored(bytes, store)
        }
    }
}

/// No boot loader is larger.
const MAX_OWN: u64 = 64 << 20;

/// A file that every disk of its kind needs.
pub(super) fn boot_file(packages: &[Package], name: &'static str, path: &str) -> Result<Content, Problems> {
    let package = packages.iter().find(|package| package.locked.name == *name);
    let content = package.and_then(|package| package.content(path.as_bytes()));
    let missing = || InputError::NoBootFile {
        // Names in our own source.
        name: name.parse().expect("a literal package name is valid"),
        path: path.to_owned(),
    };
    content.ok_or_else(|| missing().into())
}
