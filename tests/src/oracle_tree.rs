//! Comparing a tree of ours with one that the distribution's own tools made of the same packages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rootsmith_tree::{Blobs, NodeKind, Tree};
use rootsmith_types::{Sha256Digest, Sha256Writer};
use serde::Deserialize;

/// Files up to this size are compared line by line too.
const SMALL: u64 = 64 << 10;

/// One entry, as far as both sides can see it: no times, no extended attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `d f l c b p s`.
    pub letter: char,
    /// With setuid, setgid and sticky; 0 for symbolic links.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Of a regular file.
    pub content: Option<Sha256Digest>,
    /// Of the sorted lines of a small one.
    pub lines: Option<Sha256Digest>,
    /// Of a symbolic link.
    pub target: Option<Vec<u8>>,
}

/// A tree as a map from paths to what is there.
pub type Entries = BTreeMap<String, Seen>;

/// Ours.
pub fn of_tree(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Entries> {
    let mut entries = Entries::new();
    for entry in tree.walk() {
        let metadata = &entry.node.metadata;
        let (content, lines, target) = match &entry.node.kind {
            NodeKind::File(content) if content.size() <= SMALL => {
                let data = content.read(blobs, SMALL)?;
                (Some(Sha256Digest::of(&data)), Some(sorted_lines(&data)), None)
            }
            NodeKind::File(content) => (Some(content.digest(blobs)?), None, None),
            NodeKind::Symlink(target) => (None, None, Some(target.to_vec())),
            _ => (None, None, None),
        };
        let seen = Seen {
            letter: entry.node.letter(),
            mode: if target.is_some() { 0 } else { metadata.mode.into() },
            owner: (metadata.uid, metadata.gid),
            content,
            lines,
            target,
        };
        entries.insert(entry.path.to_string(), seen);
    }
    Ok(entries)
}

/// A folder that somebody with the right to set owners unpacked or installed into.
pub fn of_folder(root: &Path) -> io::Result<Entries> {
    let mut entries = Entries::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = path.symlink_metadata()?;
        let kind = metadata.file_type();
        let mode = metadata.mode();
        let letter = match mode & 0o170_000 {
            0o040_000 => 'd',
            0o100_000 => 'f',
            0o120_000 => 'l',
            0o020_000 => 'c',
            0o060_000 => 'b',
            0o010_000 => 'p',
            _ => 's',
        };
        let (content, lines) = if !kind.is_file() {
            (None, None)
        } else if metadata.len() <= SMALL {
            let data = std::fs::read(&path)?;
            (Some(Sha256Digest::of(&data)), Some(sorted_lines(&data)))
        } else {
            let mut writer = Sha256Writer::new(io::sink());
            io::copy(&mut std::fs::File::open(&path)?, &mut writer)?;
            (Some(writer.finish().1), None)
        };
        let target = if kind.is_symlink() { Some(path.read_link()?.as_os_str().as_bytes().to_vec()) } else { None };
        if kind.is_dir() {
            for child in path.read_dir()? {
                todo.push(child?.path());
            }
        }
        // Every path met begins with the root it was found under.
        let below = path.strip_prefix(root).map_err(io::Error::other)?;
        let name = rootsmith_types::TreePath::new(below.as_os_str().as_bytes()).map_err(io::Error::other)?;
        let mode = if target.is_some() { 0 } else { mode & 0o7777 };
        let owner = (metadata.uid(), metadata.gid());
        entries.insert(name.to_string(), Seen { letter, mode, owner, content, lines, target });
    }
    Ok(entries)
}

/// What differs at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// `missing`, `extra`, `type`, `mode`, `owner`, `target`, `content` or `order` (the same lines).
    pub kind: &'static str,
    /// Both sides, theirs first.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} {} {}", self.kind, self.path, self.detail)
    }
}

/// All differences, sorted by path: what they have and we lack is `missing`.
pub fn compare(ours: &Entries, theirs: &Entries) -> Vec<Difference> {
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let mut differ = |kind, detail| found.push(Difference { path: path.clone(), kind, detail });
        match (theirs.get(path), ours.get(path)) {
            (Some(theirs), None) => differ("missing", format!("({})", theirs.letter)),
            (None, Some(ours)) => differ("extra", format!("({})", ours.letter)),
            (Some(theirs), Some(ours)) if theirs.letter != ours.letter => {
                differ("type", format!("{} {}", theirs.letter, ours.letter));
            }
            (Some(theirs), Some(ours)) => {
                if theirs.mode != ours.mode {
                    differ("mode", format!("{:04o} {:04o}", theirs.mode, ours.mode));
                }
                if theirs.owner != ours.owner {
                    differ("owner", format!("{:?} {:?}", theirs.owner, ours.owner));
                }
                if theirs.content != ours.content {
                    let same_lines = theirs.lines.is_some() && theirs.lines == ours.lines;
                    differ(if same_lines { "order" } else { "content" }, String::new());
                }
                if let (Some(a), Some(b)) = (&theirs.target, &ours.target)
                    && a != b
                {
                    differ("target", format!("{} {}", a.escape_ascii(), b.escape_ascii()));
                }
            }
            (None, None) => {}
        }
    }
    found
}

/// Differences that are as they should be, each with its reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    difference: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// A path; `*` stands for any number of any characters.
    path: String,
    /// The kinds of difference.
    kinds: Vec<String>,
    reason: String,
}

impl Accepted {
    /// Reads the golden file.
    pub fn parse(text: &str) -> Result<Accepted, String> {
        let accepted: Accepted = toml::from_str(text).map_err(|error| error.to_string())?;
        match accepted.difference.iter().find(|rule| rule.reason.trim().is_empty()) {
            Some(rule) => Err(format!("`{}` is accepted without a reason", rule.path)),
            None => Ok(accepted),
        }
    }

    /// What none of the rules accepts, and the rules that accept nothing.
    pub fn judge<'a>(&'a self, found: &'a [Difference]) -> (Vec<&'a Difference>, Vec<&'a str>) {
        let mut used = vec![false; self.difference.len()];
        let mut left = Vec::new();
        for difference in found {
            let accepts = |rule: &Rule| {
                rule.kinds.iter().any(|kind| kind == difference.kind) && matches(&rule.path, &difference.path)
            };
            match self.difference.iter().position(accepts) {
                Some(rule) => used[rule] = true,
                None => left.push(difference),
            }
        }
        let unused = self.difference.iter().zip(used).filter(|(_, used)| !used).map(|(rule, _)| rule.path.as_str());
        (left, unused.collect())
    }
}

fn sorted_lines(data: &[u8]) -> Sha256Digest {
    let mut lines: Vec<&[u8]> = data.split(|&b| b == b'\n').collect();
    lines.sort_unstable();
    Sha256Digest::of(&lines.join(&b'\n'))
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    // `split` gives at least one part.
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(last) => last.is_empty() || path.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(letter: char, mode: u32) -> Seen {
        Seen { letter, mode, owner: (0, 0), content: None, lines: None, target: None }
    }

    #[test]
    fn every_kind_of_difference_is_seen_and_judged() {
        let mut theirs: Entries = [("/a", 'd', 0o755), ("/b", 'f', 0o644), ("/c", 'l', 0), ("/d", 'f', 0o600)]
            .map(|(path, letter, mode)| (path.to_owned(), entry(letter, mode)))
            .into();
        let mut ours = theirs.clone();
        assert_eq!(compare(&ours, &theirs), []);
        ours.remove("/a");
        ours.insert("/b".to_owned(), Seen { owner: (0, 4), mode: 0o600, ..entry('f', 0) });
        ours.insert("/c".to_owned(), Seen { content: None, ..entry('f', 0o777) });
        ours.insert("/e".to_owned(), entry('f', 0o644));
        let text = |text: &[u8]| Seen {
            content: Some(Sha256Digest::of(text)),
            lines: Some(sorted_lines(text)),
            ..entry('f', 0o600)
        };
        theirs.insert("/d".to_owned(), text(b"a\nb\n"));
        ours.insert("/d".to_owned(), text(b"b\na\n"));
        let found = compare(&ours, &theirs);
        let kinds: Vec<_> = found.iter().map(|difference| difference.kind).collect();
        assert_eq!(kinds, ["missing", "mode", "owner", "type", "order", "extra"]);
        let rules = "[[difference]]\npath = \"/*\"\nkinds = [\"mode\", \"owner\"]\nreason = \"r\"\n\
                     [[difference]]\npath = \"/none\"\nkinds = [\"extra\"]\nreason = \"r\"\n";
        let accepted = Accepted::parse(rules).unwrap();
        let (left, unused) = accepted.judge(&found);
        assert_eq!((left.len(), unused), (4, vec!["/none"]));
        assert!(Accepted::parse("[[difference]]\npath = \"/\"\nkinds = []\nreason = \" \"\n").is_err());
    }

    #[test]
    fn patterns_match_whole_paths() {
        assert!(matches("/a/*.list", "/a/b.list"));
        assert!(matches("/a/*", "/a/b/c"));
        assert!(!matches("/a/*.list", "/a/b.list.x"));
        assert!(!matches("/a", "/a/b"));
    }
}
