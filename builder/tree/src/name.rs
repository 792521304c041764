//! The names in a directory.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

/// Bytes that fit in place.
const SHORT: usize = 22;

/// One component of a path. Nearly all names of nearly all systems are short enough to need no memory of their own.
#[derive(Clone)]
pub(crate) enum Name {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Name {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Name::Short { len, bytes } => &bytes[..usize::from(*len)],
            Name::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Name {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name);
                Name::Short { len: name.len() as u8, bytes }
            }
            None => Name::Long(name.into()),
        }
    }
}

// Names are looked up by their bytes, so they compare as these do.
impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_as_their_bytes_wherever_these_are() {
        let long = [b'b'; 23];
        let names: [&[u8]; 6] = [b"", b"a", b"b\0", &long[..SHORT], &long, b"c"];
        for a in names {
            assert_eq!(Name::from(a).as_bytes(), a);
            for b in names {
                assert_eq!(Name::from(a).cmp(&Name::from(b)), a.cmp(b));
                assert_eq!(Name::from(a) == Name::from(b), a == b);
            }
        }
        assert!(matches!((Name::from(&long[..SHORT]), Name::from(&long[..])), (Name::Short { .. }, Name::Long(_))));
    }
}
