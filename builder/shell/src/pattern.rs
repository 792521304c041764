//! Patterns of `case`, `${x%…}` and file names (XCU 2.14), over bytes as dash has them.

mod group;

use group::Group;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Byte(u8),
    Any,
    Star,
    Set { negated: bool, ranges: Vec<(u8, u8)> },
    Group(Group),
}

/// A pattern, ready to be matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

impl Pattern {
    /// `text` has a backslash before each letter that is meant as it stands.
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern::read(text.as_bytes(), false)
    }

    /// The same, with bash's groups.
    pub(crate) fn extended(text: &str) -> Pattern {
        Pattern::read(text.as_bytes(), true)
    }

    fn read(bytes: &[u8], groups: bool) -> Pattern {
        let mut items = Vec::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if groups
                && matches!(byte, b'?' | b'*' | b'+' | b'@' | b'!')
                && bytes.get(at) == Some(&b'(')
                && let Some((group, end)) = Group::read(bytes, byte, at + 1)
            {
                items.push(Item::Group(group));
                at = end;
                continue;
            }
            let item = match byte {
                b'\\' => match bytes.get(at) {
                    Some(&next) => {
                        at += 1;
                        Item::Byte(next)
                    }
                    None => Item::Byte(b'\\'),
                },
                b'?' => Item::Any,
                b'*' if items.last() == Some(&Item::Star) => continue,
                b'*' => Item::Star,
                b'[' => match set(bytes, at) {
                    Some((item, end)) => {
                        at = end;
                        item
                    }
                    None => Item::Byte(b'['),
                },
                byte => Item::Byte(byte),
            };
            items.push(item);
        }
        Pattern { items }
    }

    /// How deep groups stand in it.
    pub(crate) fn depth(&self) -> usize {
        let depth = |item: &Item| if let Item::Group(group) = item { group.depth() } else { 0 };
        self.items.iter().map(depth).max().unwrap_or(0)
    }

    /// As many bytes match, where each item is one.
    pub(crate) fn fixed(&self) -> Option<usize> {
        let one = |item: &Item| !matches!(item, Item::Star | Item::Group(_));
        self.items.iter().all(one).then_some(self.items.len())
    }

    /// Steps it takes to match a text of `length` bytes with a pattern written with `written`.
    pub(crate) fn cost(&self, length: usize, written: usize) -> usize {
        let power = (0..self.depth()).fold(length.saturating_mul(written), |cost, _| cost.saturating_mul(length + 1));
        1 + power / 4096
    }

    /// Whether the whole of `text` matches; takes the pattern's length times the text's at most, where it has no groups.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if self.depth() > 0 {
            let from = (0..=text.len()).map(|place| place == 0).collect();
            return self.ends(text, &from).last() == Some(&true);
        }
        let (mut item, mut at) = (0, 0);
        // Where to go on when what follows the last star does not fit: the star takes one byte more.
        let mut star: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.items.get(item), text.get(at)) {
                (None, None) => return true,
                (Some(Item::Star), _) => {
                    star = Some((item, at));
                    item += 1;
                    continue;
                }
                (Some(one), Some(&byte)) => one.takes(byte),
                _ => false,
            };
            if fits {
                item += 1;
                at += 1;
                continue;
            }
            match star {
                Some((before, taken)) if taken < text.len() => {
                    star = Some((before, taken + 1));
                    item = before + 1;
                    at = taken + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Item {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Item::Byte(wanted) => *wanted == byte,
            Item::Any | Item::Star | Item::Group(_) => true,
            Item::Set { negated, ranges } => ranges.iter().any(|&(low, high)| (low..=high).contains(&byte)) != *negated,
        }
    }
}

/// What follows a `[`, and where it ends; nothing when no `]` closes it.
fn set(bytes: &[u8], begin: usize) -> Option<(Item, usize)> {
    let mut at = begin;
    let negated = matches!(bytes.get(at), Some(b'!' | b'^'));
    at += usize::from(negated);
    let first = at;
    let mut ranges = Vec::new();
    loop {
        let mut byte = *bytes.get(at)?;
        if byte == b']' && at > first {
            return Some((Item::Set { negated, ranges }, at + 1));
        }
        if byte == b'[' && bytes.get(at + 1) == Some(&b':') {
            let rest = bytes.get(at + 2..)?;
            let length = rest.windows(2).position(|pair| pair == b":]");
            if let Some(class) = length.and_then(|length| class(rest.get(..length)?)) {
                ranges.extend_from_slice(class);
                at += 4 + length?;
                continue;
            }
        }
        if byte == b'\\' && at + 1 < bytes.len() {
            at += 1;
            byte = bytes[at];
        }
        at += 1;
        let mut high = byte;
        if bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_some_and(|&next| next != b']') {
            at += 1;
            high = bytes[at];
            if high == b'\\' && at + 1 < bytes.len() {
                at += 1;
                high = bytes[at];
            }
            at += 1;
        }
        ranges.push((byte, high));
    }
}

/// The bytes of a class in the POSIX locale (XBD 7.3.1).
pub(crate) fn class(name: &[u8]) -> Option<&'static [(u8, u8)]> {
    Some(match name {
        b"alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        b"alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        b"blank" => &[(b' ', b' '), (b'\t', b'\t')],
        b"cntrl" => &[(0, 31), (127, 127)],
        b"digit" => &[(b'0', b'9')],
        b"graph" => &[(33, 126)],
        b"lower" => &[(b'a', b'z')],
        b"print" => &[(32, 126)],
        b"punct" => &[(33, 47), (58, 64), (91, 96), (123, 126)],
        b"space" => &[(9, 13), (b' ', b' ')],
        b"upper" => &[(b'A', b'Z')],
        b"xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    })
}
