//! Files from outside the distribution.

use std::io;
use std::sync::Arc;

use rootsmith_package::PackedEntry;
use rootsmith_profile::{Account, Payload, PayloadKind, Profile};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, Node, PackId};
use rootsmith_types::{Arch, Located, Origin, TreePath, UnixTime};

use crate::accounts::Accounts;
use crate::{AssembleError, Assembly, Owner};

/// How much of a file tells what it is.
const HEAD: usize = 20;

/// A payload's file in the store, and what is in it when it is to be unpacked.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The file as it is.
    pub blob: Blob,
    /// Its members, and the container that their contents lie in.
    pub members: Option<(Arc<[PackedEntry]>, PackId)>,
}

/// Puts the profile's payloads into the tree. `taken` has their files, in the same order. Packages are none of this: they are
/// unpacked with those of the distribution.
pub fn embed(
    assembly: &mut Assembly,
    profile: &Profile,
    taken: &[Taken],
    arch: Arch,
    blobs: &dyn Blobs,
    date: UnixTime,
) -> Result<(), Vec<AssembleError>> {
    let accounts = Accounts::read(&assembly.tree, blobs).map_err(|error| vec![AssembleError::Store(error)])?;
    let mut embedding = Embedding { assembly, accounts, arch, blobs, date, errors: Vec::new() };
    for (payload, Taken { blob, members }) in profile.payloads.iter().zip(taken) {
        match &payload.kind {
            PayloadKind::File => embedding.file(payload, Content::Blob(*blob), 0o755),
            PayloadKind::Oci => embedding.file(payload, Content::Blob(*blob), 0o644),
            PayloadKind::Tar(unpacking) | PayloadKind::Zip(unpacking) => {
                if let Some((members, pack)) = members {
                    embedding.archive(payload, unpacking, members, *pack);
                }
            }
            PayloadKind::Deb => {}
        }
    }
    if embedding.errors.is_empty() { Ok(()) } else { Err(embedding.errors) }
}

/// Payloads on their way into the tree.
pub(crate) struct Embedding<'a> {
    pub(crate) assembly: &'a mut Assembly,
    accounts: Accounts,
    pub(crate) arch: Arch,
    blobs: &'a dyn Blobs,
    pub(crate) date: UnixTime,
    pub(crate) errors: Vec<AssembleError>,
}

impl Embedding<'_> {
    /// Puts one file in its place.
    fn file(&mut self, payload: &Payload, content: Content, mode: u16) {
        match self.foreign(&content) {
            Ok(Some(found)) => {
                let origin = payload.source_for(self.arch).map_or(&payload.origin, |source| source.origin()).clone();
                let (name, wanted) = (payload.name.value.clone(), self.arch);
                self.errors.push(AssembleError::PayloadArchitecture { name, origin, wanted, found });
            }
            Ok(None) => {}
            Err(error) => self.errors.push(AssembleError::Store(error)),
        }
        let Some((uid, gid)) = self.owner(payload) else { return };
        let metadata = Metadata { uid, gid, ..Metadata::root(payload.mode.unwrap_or(mode), self.date) };
        if let Err(reason) = self.put(&payload.install.value, Node::file(content, metadata), &payload.origin) {
            self.errors.push(AssembleError::PayloadPlace {
                name: payload.name.value.clone(),
                origin: payload.install.origin.clone(),
                reason,
            });
        }
    }

    /// What machine a program is for, when it is another.
    fn foreign(&self, content: &Content) -> io::Result<Option<String>> {
        let mut head = [0; HEAD];
        if content.size() >= HEAD as u64 {
            content.read_at(self.blobs, 0, &mut head)?;
        }
        Ok(foreign_machine(&head, self.arch))
    }

    /// User and group; who is not known is noted.
    pub(crate) fn owner(&mut self, payload: &Payload) -> Option<(u32, u32)> {
        let unknown = |kind, account: &Located<Account>| AssembleError::UnknownAccount {
            name: payload.name.value.clone(),
            origin: account.origin.clone(),
            kind,
            account: shown(&account.value),
        };
        let user = match &payload.owner {
            Some(owner) => self.accounts.user(&owner.value).ok_or_else(|| unknown("user", owner)),
            None => Ok((0, 0)),
        };
        let group = payload.group.as_ref();
        let group = group.map(|group| self.accounts.group(&group.value).ok_or_else(|| unknown("group", group)));
        match (user, group.transpose()) {
            (Ok((uid, own)), Ok(gid)) => Some((uid, gid.unwrap_or(own))),
            (user, group) => {
                self.errors.extend(user.err().into_iter().chain(group.err()));
                None
            }
        }
    }

    /// Another name for the file at `existing`.
    pub(crate) fn link(&mut self, path: &TreePath, existing: &TreePath, payload: &Payload) -> Result<(), String> {
        let path = self.place(path, &payload.origin)?;
        self.assembly.tree.hard_link(&path, existing).map_err(|e| e.to_string())?;
        self.own(path, &payload.origin);
        Ok(())
    }

    /// Puts a node where `path` leads.
    pub(crate) fn put(&mut self, path: &TreePath, node: Node, origin: &Origin) -> Result<(), String> {
        let path = self.place(path, origin)?;
        let is_directory = node.is_directory();
        self.assembly.tree.insert(&path, node).map_err(|e| e.to_string())?;
        match is_directory {
            true => self.assembly.owners.set(path, Owner::Profile(origin.clone())),
            false => self.own(path, origin),
        }
        Ok(())
    }

    /// Notes whose a file is. One in a folder of the same payload belongs to it like the folder: an archive may have a million.
    fn own(&mut self, path: TreePath, origin: &Origin) {
        let owners = &mut self.assembly.owners;
        let is_own = |folder: TreePath| matches!(owners.exactly(&folder), Some(Owner::Profile(own)) if own == origin);
        if owners.exactly(&path).is_some() || !path.parent().is_some_and(is_own) {
            owners.set(path, Owner::Profile(origin.clone()));
        }
    }

    /// Where `path` leads, its folders made where they are missing.
    fn place(&mut self, path: &TreePath, origin: &Origin) -> Result<TreePath, String> {
        let Assembly { tree, owners } = &mut *self.assembly;
        let Some((parent, name)) = path.parent().zip(path.name()) else { return Ok(path.clone()) };
        // Folders on the way that lead through a link are followed; missing ones are made below where it leads.
        let (mut there, mut missing) = (parent, Vec::new());
        let mut folder = loop {
            match (tree.resolve(&there), there.parent().zip(there.name())) {
                (Ok(folder), _) => break folder,
                (Err(_), Some((parent, name))) => {
                    missing.push(name.to_vec());
                    there = parent;
                }
                (Err(error), None) => return Err(error.to_string()),
            }
        };
        for name in missing.iter().rev() {
            folder = folder.join(name).map_err(|e| e.to_string())?;
            tree.create_directories(&folder, &Metadata::root(0o755, self.date)).map_err(|e| e.to_string())?;
            owners.set(folder.clone(), Owner::Profile(origin.clone()));
        }
        folder.join(name).map_err(|e| e.to_string())
    }
}

fn shown(account: &Account) -> String {
    match account {
        Account::Name(name) => name.clone(),
        Account::Number(number) => number.to_string(),
    }
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
