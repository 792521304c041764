//! POSIX access control lists (acl(5)) as tmpfiles.d(5) asks for them, in the form of their extended attributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rootsmith_tree::Node;

const ACCESS: &[u8] = b"system.posix_acl_access";
const DEFAULT: &[u8] = b"system.posix_acl_default";
/// `include/uapi/linux/posix_acl_xattr.h`.
const VERSION: u32 = 2;
const NOBODY: u32 = u32::MAX;
/// `include/uapi/linux/posix_acl.h`; entries are sorted by these, and by number.
const USER_OBJ: u16 = 1;
const USER: u16 = 2;
const GROUP_OBJ: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;

/// Permissions by tag and number.
type Entries = BTreeMap<(u16, u32), u16>;

/// The entries of one line: those for the node itself, and those that what is made in it inherits.
#[derive(Debug, Default)]
pub(crate) struct Acl {
    access: Entries,
    default: Entries,
}

impl Acl {
    /// Reads `d:group::r-x,group:adm:r-x`; names become numbers by `id` (`true` for users). Nothing where it is not understood, or a
    /// name is nobody's. `executable` decides what `X` is.
    pub(crate) fn parse(text: &str, executable: bool, mut id: impl FnMut(bool, &str) -> Option<u32>) -> Option<Acl> {
        let mut acl = Acl::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let mut fields: Vec<&str> = entry.split(':').collect();
            let default = ["d", "default"].contains(fields.first()?);
            if default {
                fields.remove(0);
            }
            let [kind, name, permissions] = fields[..] else { return None };
            let key = match (kind, name) {
                ("u" | "user", "") => (USER_OBJ, NOBODY),
                ("u" | "user", name) => (USER, id(true, name)?),
                ("g" | "group", "") => (GROUP_OBJ, NOBODY),
                ("g" | "group", name) => (GROUP, id(false, name)?),
                ("m" | "mask", "") => (MASK, NOBODY),
                ("o" | "other", "") => (OTHER, NOBODY),
                _ => return None,
            };
            let entries = if default { &mut acl.default } else { &mut acl.access };
            entries.insert(key, bits(permissions, executable)?);
        }
        Some(acl)
    }

    /// Gives them to a node, beside those it has or (`replace`) in their place.
    pub(crate) fn apply(&self, node: &mut Node, replace: bool) {
        let mut xattrs = node.metadata.xattrs.as_deref().cloned().unwrap_or_default();
        for (name, entries) in [(ACCESS, &self.access), (DEFAULT, &self.default)] {
            // Only folders hand anything on.
            if entries.is_empty() || (name == DEFAULT && !node.is_directory()) {
                continue;
            }
            let before = if replace { None } else { xattrs.get(name).and_then(|value| decode(value)) };
            let mut all = before.unwrap_or_default();
            all.extend(entries);
            let mode = node.metadata.mode;
            for (tag, shift) in [(USER_OBJ, 6), (GROUP_OBJ, 3), (OTHER, 0)] {
                all.entry((tag, NOBODY)).or_insert(mode >> shift & 7);
            }
            let class = |all: &Entries| {
                let bits = all.iter().filter(|((tag, _), _)| [USER, GROUP_OBJ, GROUP].contains(tag));
                bits.fold(0, |sum, (_, bits)| sum | bits)
            };
            let named = all.keys().any(|(tag, _)| [USER, GROUP].contains(tag));
            if named && !entries.contains_key(&(MASK, NOBODY)) {
                let mask = class(&all);
                all.insert((MASK, NOBODY), mask);
            }
            if name == ACCESS {
                // The group's bits of the mode are the mask's (acl(5), "Correspondence between ACL entries and file permission bits").
                let bits = |tag| all.get(&(tag, NOBODY)).copied();
                let group = bits(MASK).or_else(|| bits(GROUP_OBJ)).unwrap_or(0);
                let permissions = bits(USER_OBJ).unwrap_or(0) << 6 | group << 3 | bits(OTHER).unwrap_or(0);
                node.metadata.mode = mode & !0o777 | permissions;
                if !named && !all.contains_key(&(MASK, NOBODY)) {
                    xattrs.remove(ACCESS);
                    continue;
                }
            }
            xattrs.insert(name.to_vec(), encode(&all));
        }
        node.metadata.xattrs = (!xattrs.is_empty()).then(|| Arc::new(xattrs));
    }
}

/// `rwx`; `X` is for folders and what somebody may execute already.
fn bits(text: &str, executable: bool) -> Option<u16> {
    text.chars().try_fold(0, |bits, letter| {
        Some(
            bits | match letter {
                'r' => 4,
                'w' => 2,
                'x' => 1,
                'X' => u16::from(executable),
                '-' => 0,
                digit => digit.to_digit(8).and_then(|digit| u16::try_from(digit).ok())?,
            },
        )
    })
}

fn encode(entries: &Entries) -> Vec<u8> {
    let mut value = VERSION.to_le_bytes().to_vec();
    for ((tag, id), bits) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(bits.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

fn decode(value: &[u8]) -> Option<Entries> {
    let entries = value.strip_prefix(&VERSION.to_le_bytes())?.chunks_exact(8);
    entries
        .map(|entry| {
            let (tag, bits) = (u16::from_le_bytes([entry[0], entry[1]]), u16::from_le_bytes([entry[2], entry[3]]));
            Some(((tag, u32::from_le_bytes(entry.get(4..8)?.try_into().ok()?)), bits))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::Metadata;

    use super::*;

    fn folder(mode: u16) -> Node {
        Node::directory(Metadata::root(mode, 0))
    }

    fn names(is_user: bool, name: &str) -> Option<u32> {
        (!is_user && name == "adm").then_some(4)
    }

    fn shown(node: &Node, name: &[u8]) -> Vec<(u16, u32, u16)> {
        let value = node.metadata.xattrs().find(|(found, _)| *found == name).and_then(|(_, value)| decode(value));
        value.unwrap_or_default().into_iter().map(|((tag, id), bits)| (tag, id, bits)).collect()
    }

    #[test]
    fn the_journal_is_for_the_administrators_too() {
        let mut journal = folder(0o2755);
        let inherited = Acl::parse("d:group::r-x,d:group:adm:r-x", true, names).unwrap();
        inherited.apply(&mut journal, false);
        let own = Acl::parse("group::r-x,group:adm:r-X", true, names).unwrap();
        own.apply(&mut journal, false);
        let wanted = [(1, NOBODY, 7), (4, NOBODY, 5), (8, 4, 5), (16, NOBODY, 5), (32, NOBODY, 5)];
        assert_eq!(shown(&journal, DEFAULT), wanted);
        assert_eq!((shown(&journal, ACCESS), journal.metadata.mode), (wanted.to_vec(), 0o2755));
    }

    #[test]
    fn the_mask_shows_in_the_mode_and_plain_lists_are_the_mode() {
        let mut node = folder(0o750);
        Acl::parse("g:adm:rwx", true, names).unwrap().apply(&mut node, false);
        assert_eq!(node.metadata.mode, 0o770);
        Acl::parse("g::---,o::r", true, names).unwrap().apply(&mut node, true);
        assert_eq!((node.metadata.mode, node.metadata.xattrs.is_none()), (0o704, true));
        for text in ["g:nobody:r", "g:adm", "x:adm:r", "g:adm:q"] {
            assert!(Acl::parse(text, false, names).is_none(), "{text}");
        }
    }
}
