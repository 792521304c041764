//! Comparing a tree of ours with one that the distribution's own tools made of the same packages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

use rootsmith_tree::{Blobs, NodeKind, Tree};
use rootsmith_types::{ContentDigest, TreePath};
use serde::Deserialize;

/// Files up to this size are compared line by line too.
const SMALL: u64 = 1 << 20;
/// Where names of accounts have numbers.
const ACCOUNTS: [&str; 4] = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];

/// One entry, as far as both sides can see it: no times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `d f l c b p s`.
    pub letter: char,
    /// With setuid, setgid and sticky; 0 for symbolic links.
    pub mode: u32,
    /// User and group, by name where the tree has one for the number.
    pub owner: (String, String),
    /// Of a regular file.
    pub content: Option<ContentDigest>,
    /// Of the sorted lines of a small one.
    pub lines: Option<ContentDigest>,
    /// Of the same with every number made neutral, for the files that give accounts their numbers.
    pub names: Option<ContentDigest>,
    /// Of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A tree as a map from paths to what is there.
pub type Entries = BTreeMap<String, Seen>;

/// What is in a tree.
pub fn of_tree(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Entries> {
    let mut entries = Entries::new();
    let users = names(tree, blobs, "/etc/passwd")?;
    let groups = names(tree, blobs, "/etc/group")?;
    let name = |names: &BTreeMap<u32, String>, id: u32| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
    for entry in tree.walk() {
        let metadata = &entry.node.metadata;
        let path = entry.path.to_string();
        let link = entry.node.link_target();
        let mut seen = Seen {
            letter: entry.node.letter(),
            mode: if link.is_some() { 0 } else { metadata.mode.into() },
            owner: (name(&users, metadata.uid), name(&groups, metadata.gid)),
            content: None,
            lines: None,
            names: None,
            target: link.map(<[u8]>::to_vec),
            xattrs: metadata.xattrs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        };
        if let NodeKind::File(content) = &entry.node.kind {
            if content.size() <= SMALL {
                let data = content.read(blobs, SMALL)?;
                seen.content = Some(ContentDigest::of(&data));
                seen.lines = Some(sorted_lines(&data));
                seen.names = ACCOUNTS.contains(&path.as_str()).then(|| sorted_lines(&without_numbers(&data)));
            } else {
                seen.content = Some(content.digest(blobs)?);
            }
        }
        entries.insert(path, seen);
    }
    Ok(entries)
}

/// The names of accounts by their numbers: the first one of each, as getpwuid(3) has it.
fn names(tree: &Tree, blobs: &dyn Blobs, path: &str) -> io::Result<BTreeMap<u32, String>> {
    let path = TreePath::new(path).map_err(io::Error::other)?;
    let mut names = BTreeMap::new();
    let Some(content) = tree.get(&path).and_then(|node| node.content()) else { return Ok(names) };
    for line in String::from_utf8_lossy(&content.read(blobs, SMALL)?).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse)) {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    Ok(names)
}

/// Fields of a line of `passwd` or `group` that are numbers, made neutral; names in the group of others, sorted.
fn without_numbers(data: &[u8]) -> Vec<u8> {
    let neutral = |line: &str| {
        let field = |field: &str| match field.parse::<u32>() {
            Ok(_) => "N".to_owned(),
            Err(_) if field.contains('/') => field.to_owned(),
            Err(_) => {
                let mut names: Vec<&str> = field.split(',').collect();
                names.sort_unstable();
                names.join(",")
            }
        };
        line.split(':').map(field).collect::<Vec<_>>().join(":")
    };
    String::from_utf8_lossy(data).lines().map(neutral).collect::<Vec<_>>().join("\n").into_bytes()
}

/// What differs at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// `missing`, `extra`, `type`, `mode`, `owner`, `target`, `xattrs`, `content`, `order` (the same lines) or `numbers` (the same
    /// accounts).
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
                    let same = |a: Option<ContentDigest>, b| a.is_some() && a == b;
                    let kind = match () {
                        () if same(theirs.lines, ours.lines) => "order",
                        () if same(theirs.names, ours.names) => "numbers",
                        () => "content",
                    };
                    differ(kind, String::new());
                }
                if theirs.xattrs != ours.xattrs {
                    let names = |seen: &Seen| {
                        seen.xattrs.keys().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
                    };
                    differ("xattrs", format!("({}) ({})", names(theirs), names(ours)));
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
    /// The sets of packages it is for; all, where none is named.
    #[serde(default)]
    sets: Vec<String>,
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

    /// What none of the rules accepts, and the numbers of those that accept something.
    pub fn judge<'a>(&self, set: &str, found: &'a [Difference]) -> (Vec<&'a Difference>, BTreeSet<usize>) {
        let mut used = BTreeSet::new();
        let mut left = Vec::new();
        for difference in found {
            let accepts = |rule: &Rule| {
                (rule.sets.is_empty() || rule.sets.iter().any(|name| name == set))
                    && rule.kinds.iter().any(|kind| kind == difference.kind)
                    && matches(&rule.path, &difference.path)
            };
            match self.difference.iter().position(accepts) {
                Some(rule) => drop(used.insert(rule)),
                None => left.push(difference),
            }
        }
        (left, used)
    }

    /// The paths of the rules that are not among `used`.
    pub fn beyond(&self, used: &BTreeSet<usize>) -> Vec<&str> {
        let rules = self.difference.iter().enumerate();
        rules.filter(|(number, _)| !used.contains(number)).map(|(_, rule)| rule.path.as_str()).collect()
    }
}

fn sorted_lines(data: &[u8]) -> ContentDigest {
    let mut lines: Vec<&[u8]> = data.split(|&b| b == b'\n').collect();
    lines.sort_unstable();
    ContentDigest::of(&lines.join(&b'\n'))
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
        let owner = ("root".to_owned(), "root".to_owned());
        Seen { letter, mode, owner, content: None, lines: None, names: None, target: None, xattrs: BTreeMap::new() }
    }

    #[test]
    fn every_kind_of_difference_is_seen_and_judged() {
        let mut theirs: Entries = [("/a", 'd', 0o755), ("/b", 'f', 0o644), ("/c", 'l', 0), ("/d", 'f', 0o600)]
            .map(|(path, letter, mode)| (path.to_owned(), entry(letter, mode)))
            .into();
        let mut ours = theirs.clone();
        assert_eq!(compare(&ours, &theirs), []);
        ours.remove("/a");
        ours.insert("/b".to_owned(), Seen { owner: ("root".into(), "adm".into()), mode: 0o600, ..entry('f', 0) });
        ours.insert("/c".to_owned(), Seen { content: None, ..entry('f', 0o777) });
        ours.insert("/e".to_owned(), entry('f', 0o644));
        let text = |text: &[u8]| Seen {
            content: Some(ContentDigest::of(text)),
            lines: Some(sorted_lines(text)),
            ..entry('f', 0o600)
        };
        theirs.insert("/d".to_owned(), text(b"a\nb\n"));
        ours.insert("/d".to_owned(), text(b"b\na\n"));
        let found = compare(&ours, &theirs);
        let kinds: Vec<_> = found.iter().map(|difference| difference.kind).collect();
        assert_eq!(kinds, ["missing", "mode", "owner", "type", "order", "extra"]);
        let rules = "[[difference]]\npath = \"/*\"\nkinds = [\"mode\", \"owner\"]\nreason = \"r\"\n\
                     [[difference]]\npath = \"/*\"\nkinds = [\"type\"]\nsets = [\"other\"]\nreason = \"r\"\n\
                     [[difference]]\npath = \"/none\"\nkinds = [\"extra\"]\nreason = \"r\"\n";
        let accepted = Accepted::parse(rules).unwrap();
        let (left, used) = accepted.judge("any", &found);
        assert_eq!((left.len(), accepted.beyond(&used)), (4, vec!["/*", "/none"]));
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
