//! Files from outside the distribution.

use rootsmith_lock::LockedPayload;
use rootsmith_profile::{Payload, Profile};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, Mtime, Node};
use rootsmith_types::{Arch, Sources, UnixTime};

use crate::{AssembleError, Assembly, Owner};

/// How much of a file tells what it is.
const HEAD: usize = 20;

/// Takes a payload's file into the store.
pub fn payload_digest(payload: &Payload, files: &dyn Sources, blobs: &dyn Blobs) -> Result<Blob, AssembleError> {
    let mut file = files.open(&payload.path.value).map_err(|source| AssembleError::Unreadable {
        origin: payload.path.origin.clone(),
        path: payload.path.value.clone(),
        source,
    })?;
    blobs.insert(&mut *file).map_err(AssembleError::Store)
}

/// Puts the profile's payloads into the tree: digest as the profile and the lock say, and for this machine.
pub fn embed(
    assembly: &mut Assembly,
    profile: &Profile,
    locked: &[LockedPayload],
    arch: Arch,
    files: &dyn Sources,
    blobs: &dyn Blobs,
    date: UnixTime,
) -> Result<(), Vec<AssembleError>> {
    let mut errors = Vec::new();
    for payload in &profile.payloads {
        let locked = locked.iter().find(|locked| locked.name == payload.name.value);
        if let Err(error) = embed_one(assembly, payload, locked, arch, files, blobs, date) {
            errors.push(error);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn embed_one(
    assembly: &mut Assembly,
    payload: &Payload,
    locked: Option<&LockedPayload>,
    arch: Arch,
    files: &dyn Sources,
    blobs: &dyn Blobs,
    date: UnixTime,
) -> Result<(), AssembleError> {
    let name = || payload.name.value.clone();
    let content = Content::Blob(payload_digest(payload, files, blobs)?);
    let found = content.digest(blobs).map_err(AssembleError::Store)?;
    let expectations = [
        payload.sha256.as_ref().map(|wanted| (wanted.value, &wanted.origin, false)),
        locked.map(|locked| (locked.sha256, &payload.name.origin, true)),
    ];
    for (wanted, origin, from_lock) in expectations.into_iter().flatten() {
        if wanted != found {
            let origin = origin.clone();
            return Err(AssembleError::PayloadDigest { name: name(), origin, wanted, found, from_lock });
        }
    }
    let mut head = [0; HEAD];
    if content.size() >= HEAD as u64 {
        content.read_at(blobs, 0, &mut head).map_err(AssembleError::Store)?;
    }
    if let Some(found) = foreign_machine(&head, arch) {
        let origin = payload.path.origin.clone();
        return Err(AssembleError::PayloadArchitecture { name: name(), origin, wanted: arch, found });
    }
    let place =
        |reason: String| AssembleError::PayloadPlace { name: name(), origin: payload.install.origin.clone(), reason };
    let Assembly { tree, owners } = assembly;
    if let Some(parent) = payload.install.value.parent() {
        // Folders on the way that lead through a link are followed; missing ones are made below where it leads.
        if tree.resolve(&parent).is_err() {
            tree.create_directories(&parent, &Metadata::root(0o755, date)).map_err(|e| place(e.to_string()))?;
        }
    }
    let path = tree.resolve_parent(&payload.install.value).map_err(|e| place(e.to_string()))?;
    let metadata = Metadata { mtime: Mtime { seconds: date, nanoseconds: 0 }, ..Metadata::root(payload.mode, date) };
    tree.insert(&path, Node::file(content, metadata)).map_err(|e| place(e.to_string()))?;
    owners.set(path, Owner::Profile(payload.origin.clone()));
    Ok(())
}

/// What machine an ELF file is for, when it is not `arch` (ELF specification, "ELF Header"). Anything else is nobody's.
fn foreign_machine(head: &[u8; HEAD], arch: Arch) -> Option<String> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let (class, big_endian) = (head[4], head[5] == 2);
    let machine =
        if big_endian { u16::from_be_bytes([head[18], head[19]]) } else { u16::from_le_bytes([head[18], head[19]]) };
    let is_64_bit = class == 2;
    if machine == arch.elf_machine() && is_64_bit == arch.is_64_bit() && !big_endian {
        return None;
    }
    let known = Arch::ALL.into_iter().find(|other| other.elf_machine() == machine && other.is_64_bit() == is_64_bit);
    Some(match (known, machine) {
        (Some(other), _) => other.to_string(),
        (None, 3) => "i386".to_owned(),
        (None, _) => format!("ELF machine {machine}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(class: u8, machine: u8) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(b"\x7fELF");
        (head[4], head[5], head[18]) = (class, 1, machine);
        head
    }

    #[test]
    fn programs_for_another_machine_are_told_apart() {
        assert_eq!(foreign_machine(&head(2, 62), Arch::Amd64), None);
        assert_eq!(foreign_machine(&head(2, 183), Arch::Amd64), Some("arm64".to_owned()));
        assert_eq!(foreign_machine(&head(1, 3), Arch::Amd64), Some("i386".to_owned()));
        // x32: the machine of amd64, but 32-bit.
        assert_eq!(foreign_machine(&head(1, 62), Arch::Amd64), Some("ELF machine 62".to_owned()));
        assert_eq!(foreign_machine(b"#!/bin/sh\necho hello", Arch::Amd64), None);
    }
}
