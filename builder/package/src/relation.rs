//! Relations between packages (Debian Policy 7.1): `libc6 (>= 2.38), default-mta | mail-transport-agent`.

use std::fmt;

use rootsmith_types::Arch;

use crate::version::{Comparison, Version};

/// Alternatives, any one of which will do, in order of preference. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause<'a> {
    /// As separated by `|`.
    pub alternatives: Vec<Relation<'a>>,
}

/// One package, perhaps in certain versions: `python3:any (>= 3.11) [amd64 arm64] <!nocheck>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The package's name, or that of something packages provide.
    pub name: &'a str,
    /// What follows the name's colon: `any`, `native`, an architecture.
    pub qualifier: Option<&'a str>,
    /// Which versions will do.
    pub version: Option<(Comparison, Version<'a>)>,
    /// What stands in `[…]`, empty for every architecture.
    architectures: &'a str,
    /// What stands in `<…>`, each group for itself.
    profiles: Vec<&'a str>,
}

/// A relation that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRelation {
    /// The part between commas and bars.
    pub text: String,
}

impl fmt::Display for BadRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no relation", self.text)
    }
}

impl std::error::Error for BadRelation {}

impl<'a> Relation<'a> {
    /// Whether a version satisfies it.
    pub fn accepts(&self, version: Version<'_>) -> bool {
        self.version.is_none_or(|(comparison, wanted)| comparison.holds(version, wanted))
    }

    /// Whether it counts on `arch`, outside of any build profile (Policy 7.1, `deb-src-control(5)`).
    pub fn applies(&self, arch: Arch) -> bool {
        self.names_architecture(arch)
            && (self.profiles.is_empty() || self.profiles.iter().any(|group| no_profile(group)))
    }

    /// `[amd64 linux-any]` names some, `[!armhf]` all but some.
    fn names_architecture(&self, arch: Arch) -> bool {
        let is_it = |name: &str| {
            matches!(name, "any" | "linux-any") || name.strip_prefix("any-").unwrap_or(name) == arch.debian()
        };
        let mut words = self.architectures.split_ascii_whitespace().peekable();
        match words.peek() {
            None => true,
            Some(first) if first.starts_with('!') => !words.any(|word| is_it(word.trim_start_matches('!'))),
            Some(_) => words.any(is_it),
        }
    }
}

/// A group of profiles holds when every word does; without profiles those are the negated ones.
fn no_profile(group: &str) -> bool {
    group.split_ascii_whitespace().all(|word| word.starts_with('!'))
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((comparison, version)) = self.version {
            write!(f, " ({comparison} {version})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Clause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, relation) in self.alternatives.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{relation}")?;
        }
        Ok(())
    }
}

/// Reads the value of a relation field. Empty parts (a comma at the end) are passed over.
pub fn parse_relations(text: &str) -> Result<Vec<Clause<'_>>, BadRelation> {
    let clauses = text.split(',').filter(|clause| !clause.trim().is_empty());
    clauses
        .map(|clause| {
            clause.split('|').map(parse_relation).collect::<Result<_, _>>().map(|alternatives| Clause { alternatives })
        })
        .collect()
}

fn parse_relation(text: &str) -> Result<Relation<'_>, BadRelation> {
    let bad = || BadRelation { text: text.trim().chars().take(200).collect() };
    let trimmed = text.trim();
    let at = trimmed.find(|c: char| c.is_ascii_whitespace() || "([<".contains(c)).unwrap_or(trimmed.len());
    let (full_name, mut rest) = trimmed.split_at(at);
    let (name, qualifier) = match full_name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (full_name, None),
    };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b));
    if !is_word(name) || !qualifier.is_none_or(is_word) {
        return Err(bad());
    }
    let mut relation = Relation { name, qualifier, version: None, architectures: "", profiles: Vec::new() };
    loop {
        rest = rest.trim_start();
        let Some(open) = rest.bytes().next() else { return Ok(relation) };
        let close = match open {
            b'(' => ')',
            b'[' => ']',
            b'<' => '>',
            _ => return Err(bad()),
        };
        let (inside, after) = rest[1..].split_once(close).ok_or_else(bad)?;
        match open {
            b'(' if relation.version.is_none() => relation.version = Some(parse_version(inside).ok_or_else(bad)?),
            b'[' if relation.architectures.is_empty() && !inside.trim().is_empty() => relation.architectures = inside,
            b'<' => relation.profiles.push(inside),
            _ => return Err(bad()),
        }
        rest = after;
    }
}

/// `>= 2.38`; `<` and `>` are old spellings of `<=` and `>=` (Policy 7.1).
fn parse_version(text: &str) -> Option<(Comparison, Version<'_>)> {
    let text = text.trim();
    let at = text.find(|c: char| !"<>=".contains(c))?;
    let (operator, version) = text.split_at(at);
    let comparison = match operator {
        "<<" => Comparison::Earlier,
        "<=" | "<" => Comparison::EarlierOrEqual,
        "=" => Comparison::Equal,
        ">=" | ">" => Comparison::LaterOrEqual,
        ">>" => Comparison::Later,
        _ => return None,
    };
    let version = version.trim_start();
    let one_word = !version.is_empty() && !version.contains(|c: char| c.is_ascii_whitespace() || "()".contains(c));
    one_word.then(|| (comparison, Version::new(version)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        parse_relations(text).unwrap().iter().map(Clause::to_string).collect()
    }

    #[test]
    fn clauses_and_alternatives_are_split() {
        assert_eq!(
            shown("libc6 (>= 2.38),a|b:any(<<1:2~),\n c (= 1-1) , "),
            ["libc6 (>= 2.38)", "a | b:any (<< 1:2~)", "c (= 1-1)"]
        );
        assert_eq!(shown("a (> 1), b (< 2)"), ["a (>= 1)", "b (<= 2)"]);
        assert!(parse_relations(" ").unwrap().is_empty());
    }

    #[test]
    fn restrictions_say_where_a_relation_counts() {
        let applies = |text: &str, arch| parse_relations(text).unwrap()[0].alternatives[0].applies(arch);
        assert!(applies("a [amd64 arm64]", Arch::Amd64));
        assert!(!applies("a [amd64 arm64]", Arch::Armhf));
        assert!(applies("a [!armhf]", Arch::Amd64));
        assert!(!applies("a [!armhf !amd64] <!nocheck>", Arch::Amd64));
        assert!(applies("a [linux-any]", Arch::Riscv64));
        assert!(applies("a [any-arm64]", Arch::Arm64));
        assert!(!applies("a [any-arm64]", Arch::Amd64));
        assert!(applies("a <!nocheck>", Arch::Amd64));
        assert!(!applies("a (>= 1) <stage1>", Arch::Amd64));
        assert!(applies("a <stage1> <!cross !nocheck>", Arch::Amd64));
    }

    #[test]
    fn what_is_no_relation_is_refused() {
        for bad in
            ["a b", "a (>= )", "a (2)", "a (>= 1", "a (=> 1)", "a [", "a |", "| a", "a (= 1) (= 2)", "a:", "(= 1)"]
        {
            let refused = parse_relations(bad);
            assert!(refused.is_err(), "{bad}: {refused:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c:|, ()<>=\\[\\]!0-9é~-]{0,40}") {
            if let Ok(clauses) = parse_relations(&text) {
                let again: Vec<String> = clauses.iter().map(Clause::to_string).collect();
                prop_assert_eq!(shown(&again.join(", ")), again);
            }
        }
    }
}
