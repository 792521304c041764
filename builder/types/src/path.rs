//! Absolute paths in the target's tree. They are bytes, as Linux has them, and always normal.

use std::fmt;

/// An absolute, normal path: `/`, `/usr/bin/awk`. No empty, `.` or `..` component, no NUL, no component over 255 bytes,
/// at most 4095 bytes in all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<[u8]>);

/// Why some bytes are no path inside a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidPath {
    /// It has a `..` component.
    Escapes(String),
    /// It has a NUL byte.
    Nul(String),
    /// A component is longer than 255 bytes, or the whole than 4095.
    TooLong(String),
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidPath::Escapes(path) => write!(f, "path `{path}` has a `..` component"),
            InvalidPath::Nul(path) => write!(f, "path `{path}` has a NUL byte"),
            InvalidPath::TooLong(path) => write!(f, "path `{path}` is too long"),
        }
    }
}

impl std::error::Error for InvalidPath {}

impl TreePath {
    /// `/`.
    pub fn root() -> TreePath {
        TreePath(Box::from(*b"/"))
    }

    /// Reads a path as tar archives and profiles write it: `usr/bin`, `./usr/bin/`, `/usr//bin` are all `/usr/bin`.
    /// Leading slashes do not matter; what points upwards is refused, never resolved.
    pub fn new(path: impl AsRef<[u8]>) -> Result<TreePath, InvalidPath> {
        let path = path.as_ref();
        let shown = || {
            let cut = path.get(..200).unwrap_or(path);
            String::from_utf8_lossy(cut).into_owned()
        };
        if path.contains(&0) {
            return Err(InvalidPath::Nul(shown()));
        }
        let mut normal = Vec::with_capacity(path.len() + 1);
        for component in path.split(|&b| b == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return Err(InvalidPath::Escapes(shown())),
                _ if component.len() > 255 => return Err(InvalidPath::TooLong(shown())),
                _ => {
                    normal.push(b'/');
                    normal.extend_from_slice(component);
                }
            }
        }
        if normal.is_empty() {
            normal.push(b'/');
        }
        if normal.len() > 4095 {
            return Err(InvalidPath::TooLong(shown()));
        }
        Ok(TreePath(normal.into()))
    }

    /// A path written in our own source. Panics on one that is not valid: never call it with input.
    pub fn literal(path: &'static str) -> TreePath {
        TreePath::new(path).expect("a literal path is valid")
    }

    /// The bytes, with the leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the leading slash: empty for the root.
    pub fn relative(&self) -> &[u8] {
        &self.0[1..]
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The components, in order; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|component| !component.is_empty())
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The directory it is in; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        if self.is_root() {
            return None;
        }
        let at = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Some(if at == 0 { TreePath::root() } else { TreePath(self.0[..at].into()) })
    }

    /// This path and `rest` (one component or several, under the rules of [`TreePath::new`]) below it.
    pub fn join(&self, rest: impl AsRef<[u8]>) -> Result<TreePath, InvalidPath> {
        let rest = rest.as_ref();
        let above = if self.is_root() { &[] } else { &*self.0 };
        let joined = [above, b"/", rest].concat();
        // Every step of every walk comes by here, nearly always with one name.
        let is_name = (1..=255).contains(&rest.len()) && rest != b"." && rest != b"..";
        if is_name && joined.len() <= 4095 && !rest.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Ok(TreePath(joined.into()));
        }
        TreePath::new(joined)
    }

    /// Whether it is `other` or lies below it.
    pub fn starts_with(&self, other: &TreePath) -> bool {
        other.is_root() || self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl fmt::Display for TreePath {
    /// Printable ASCII and UTF-8 as it is, control characters and other bytes as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || c == '\\' {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                } else {
                    write!(f, "{c}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one_path() {
        for spelling in ["usr/bin", "./usr/bin/", "/usr//bin", "/usr/./bin"] {
            assert_eq!(TreePath::new(spelling), Ok(TreePath::literal("/usr/bin")), "{spelling}");
        }
        assert_eq!(TreePath::new("./"), Ok(TreePath::root()));
        assert_eq!(TreePath::new(""), Ok(TreePath::root()));
    }

    #[test]
    fn what_leaves_the_tree_is_refused() {
        assert!(matches!(TreePath::new("../etc/shadow"), Err(InvalidPath::Escapes(_))));
        assert!(matches!(TreePath::new("a/../../b"), Err(InvalidPath::Escapes(_))));
        assert!(matches!(TreePath::new(b"a\0b"), Err(InvalidPath::Nul(_))));
        assert!(matches!(TreePath::new("x".repeat(256)), Err(InvalidPath::TooLong(_))));
        assert!(matches!(TreePath::new("x/".repeat(2048)), Err(InvalidPath::TooLong(_))));
        assert!(TreePath::new("..a/b..").is_ok());
    }

    #[test]
    fn parents_and_names() {
        let path = TreePath::literal("/usr/bin/awk");
        assert_eq!(path.name(), Some(&b"awk"[..]));
        assert_eq!(path.parent(), Some(TreePath::literal("/usr/bin")));
        assert_eq!(TreePath::literal("/usr").parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().parent(), None);
        assert_eq!(TreePath::root().name(), None);
        assert_eq!(TreePath::root().join("etc").unwrap(), TreePath::literal("/etc"));
        assert_eq!(path.join("x/../y"), Err(InvalidPath::Escapes("/usr/bin/awk/x/../y".to_owned())));
        for (rest, joined) in
            [("", "/usr/bin/awk"), (".", "/usr/bin/awk"), ("./a/", "/usr/bin/awk/a"), ("a//b", "/usr/bin/awk/a/b")]
        {
            assert_eq!(path.join(rest), Ok(TreePath::literal(joined)), "{rest}");
        }
        for rest in [&b".."[..], b"\0", &[b'x'; 256]] {
            assert!(path.join(rest).is_err() && TreePath::root().join(rest).is_err(), "{rest:?}");
        }
        let longest = TreePath::new("/x".repeat(2046)).unwrap();
        assert!(longest.join("ab").is_ok() && longest.join("abc").is_err());
        assert!(path.starts_with(&TreePath::literal("/usr")));
        assert!(!TreePath::literal("/usrx").starts_with(&TreePath::literal("/usr")));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_hexadecimal() {
        assert_eq!(TreePath::new(b"caf\xe9\n\\").unwrap().to_string(), r"/caf\xe9\x0a\x5c");
    }
}
