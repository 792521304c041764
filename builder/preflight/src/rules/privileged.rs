//! Programs that run with more rights than whoever starts them: setuid, setgid, file capabilities.

use rootsmith_tree::{Metadata, Node};
use rootsmith_types::{CAPABILITIES, TreePath};

use super::payload::SHOWN;
use super::{Met, Outcome};
use crate::elf::File;
use crate::view::View;

const SETUID: u16 = 0o4000;
const SETGID: u16 = 0o2000;
const WORLD_WRITABLE: u16 = 0o002;

/// Lists them all; none may be changed by everybody, and none may be a script, whose rights the kernel does not raise.
pub(super) fn listed(view: &View<'_>) -> Outcome {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for entry in view.facts.tree.walk() {
        let Some(rights) = rights(view, entry.node) else { continue };
        let mut text = format!("`{}` runs with {rights}", entry.path);
        if let Some(package) = view.programs.owner_of(&entry.path) {
            text.push_str(&format!(" (from package {package})"));
        }
        match trouble(view, &entry.path, &entry.node.metadata) {
            Some(trouble) => wrong.push(format!("{text}, and {trouble}")),
            None => fine.push(text),
        }
    }
    let met = if wrong.is_empty() { Met::Yes } else { Met::No };
    let all: Vec<String> = wrong.into_iter().chain(fine).collect();
    let count = all.len();
    let mut evidence: Vec<String> = all.into_iter().take(SHOWN).collect();
    match count {
        0 => evidence.push("no program is setuid or setgid, or has capabilities".to_owned()),
        _ if count > SHOWN => evidence.push(format!("and {} more", count - SHOWN)),
        _ => {}
    }
    Outcome { met, evidence, said: None }
}

fn trouble(view: &View<'_>, at: &TreePath, metadata: &Metadata) -> Option<&'static str> {
    if metadata.mode & WORLD_WRITABLE != 0 {
        return Some("everybody may change it");
    }
    let is_script = matches!(&*view.programs.file(at), File::Script(_));
    is_script.then_some("is a script, for which the kernel ignores that")
}

/// What a regular file gives to whoever starts it; `None` when nothing.
fn rights(view: &View<'_>, node: &Node) -> Option<String> {
    node.content()?;
    let metadata = &node.metadata;
    let mut rights = Vec::new();
    if metadata.mode & SETUID != 0 {
        rights.push(match metadata.uid {
            0 => "the rights of root (setuid)".to_owned(),
            uid => format!("the rights of user {} (setuid)", named(view, "/etc/passwd", uid)),
        });
    }
    // Without the group's x bit it asks for mandatory locks, not for rights.
    if metadata.mode & SETGID != 0 && metadata.mode & 0o010 != 0 {
        rights.push(format!("the rights of group {} (setgid)", named(view, "/etc/group", metadata.gid)));
    }
    let capability = metadata.xattrs().find(|(name, _)| *name == b"security.capability");
    rights.extend(capability.map(|(_, value)| capabilities(value)));
    (!rights.is_empty()).then(|| rights.join(" and "))
}

/// The name that a line `NAME:…:ID:…` gives to an id, else the id.
fn named(view: &View<'_>, file: &str, id: u32) -> String {
    let text = view.text_or_empty(file);
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2).is_some_and(|there| there.parse() == Ok(id)));
    line.map_or_else(|| id.to_string(), |fields| fields[0].to_owned())
}

/// `struct vfs_cap_data`: revision and flags, then permitted and inheritable, in words of 32 bits, little-endian.
fn capabilities(value: &[u8]) -> String {
    let word = |index: usize| {
        let bytes = value.get(index * 4..index * 4 + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    // Revision 1 had one word of each.
    let permitted = match word(0) >> 24 {
        1 => u64::from(word(1)),
        _ => u64::from(word(1)) | u64::from(word(3)) << 32,
    };
    let known = CAPABILITIES.iter().enumerate().filter(|(bit, _)| permitted >> bit & 1 == 1);
    let mut names: Vec<String> = known.map(|(_, name)| format!("cap_{name}")).collect();
    if permitted >> CAPABILITIES.len() != 0 {
        names.push("unknown ones".to_owned());
    }
    match names.len() {
        0 => "capabilities it inherits".to_owned(),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named() {
        // As `setcap cap_net_raw,cap_bpf+ep` stores them.
        let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(capabilities(&value), "cap_net_raw, cap_bpf");
        assert_eq!(capabilities(&[0xff; 20]).split(", ").last(), Some("unknown ones"));
        assert_eq!(capabilities(&[1]), "capabilities it inherits");
    }
}
