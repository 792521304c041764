//! A repository's `Release` file (<https://wiki.debian.org/DebianRepository/Format>), after its signature was checked.

use std::collections::BTreeMap;

use rootsmith_types::{Sha256Digest, UnixTime};

use crate::date::parse_date;
use crate::deb822::Stanza;
use crate::index_error::{IndexError, cut};

/// What a repository says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `stable`, `stable-security`.
    pub suite: String,
    /// `trixie`, `trixie-security`.
    pub codename: String,
    /// When it was made.
    pub date: UnixTime,
    /// After which it must not be used any more.
    pub valid_until: Option<UnixTime>,
    /// `main`, `contrib`.
    pub components: Vec<String>,
    /// `all`, `amd64`.
    pub architectures: Vec<String>,
    /// Whether files can also be fetched by their digest: `by-hash/SHA256/…`.
    pub acquire_by_hash: bool,
    /// The `SHA256` section alone: size and digest by path, `main/binary-amd64/Packages.xz`. The weaker sections are never
    /// looked at.
    pub files: BTreeMap<String, (u64, Sha256Digest)>,
}

impl Release {
    /// Reads the text that the signature was verified for.
    pub fn parse(text: &str) -> Result<Release, IndexError> {
        let mut fields = BTreeMap::new();
        for field in Stanza::new(text.trim_matches('\n')).fields() {
            let (name, value) = field.map_err(|bad| IndexError::BadLine { line: cut(bad.0) })?;
            fields.entry(name.to_ascii_lowercase()).or_insert(value);
        }
        let get = |field: &'static str| fields.get(&field.to_ascii_lowercase()).copied();
        let required = |field| get(field).ok_or_else(|| missing(field));
        let words = |field| get(field).unwrap_or("").split_ascii_whitespace().map(str::to_owned).collect();
        let date = |field| match get(field) {
            None => Ok(None),
            Some(value) => parse_date(value).map(Some).ok_or_else(|| unreadable(field, value)),
        };
        Ok(Release {
            suite: get("Suite").or(get("Codename")).ok_or_else(|| missing("Suite"))?.to_owned(),
            codename: get("Codename").or(get("Suite")).ok_or_else(|| missing("Codename"))?.to_owned(),
            date: date("Date")?.ok_or_else(|| missing("Date"))?,
            valid_until: date("Valid-Until")?,
            components: words("Components"),
            architectures: words("Architectures"),
            acquire_by_hash: get("Acquire-By-Hash").is_some_and(|value| value.eq_ignore_ascii_case("yes")),
            files: files(required("SHA256")?)?,
        })
    }
}

/// One file a line: digest, size, path.
fn files(section: &str) -> Result<BTreeMap<String, (u64, Sha256Digest)>, IndexError> {
    let mut files = BTreeMap::new();
    for line in section.lines().filter(|line| !line.trim().is_empty()) {
        let bad = || unreadable("SHA256", line);
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad());
        };
        let value = (size.parse().map_err(|_| bad())?, digest.parse().map_err(|_| bad())?);
        // Two lines for one path that do not agree would let a mirror choose.
        if files.insert(path.to_owned(), value).is_some_and(|before| before != value) {
            return Err(bad());
        }
    }
    Ok(files)
}

fn missing(field: &'static str) -> IndexError {
    IndexError::MissingField { field, stanza: "Release".to_owned() }
}

fn unreadable(field: &'static str, value: &str) -> IndexError {
    IndexError::BadField { field, stanza: "Release".to_owned(), value: cut(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn text(extra: &str) -> String {
        format!(
            "Origin: Debian\nSuite: stable-security\nCodename: trixie-security\nDate: Sat, 15 Nov 2025 10:22:43 UTC\n\
             Acquire-By-Hash: yes\nArchitectures: all amd64 arm64\nComponents: main contrib\n{extra}MD5Sum:\n \
             d41d8cd98f00b204e9800998ecf8427e 0 only/md5\nSHA256:\n {DIGEST} 0 main/binary-amd64/Packages\n \
             {DIGEST}       32 main/binary-amd64/Packages.xz\n"
        )
    }

    #[test]
    fn a_release_is_read_and_weak_digests_are_not() {
        let release = Release::parse(&text("Valid-Until: Sat, 22 Nov 2025 10:22:43 UTC\n")).unwrap();
        assert_eq!((release.suite.as_str(), release.codename.as_str()), ("stable-security", "trixie-security"));
        assert_eq!(release.date, 1_763_202_163);
        assert_eq!(release.valid_until, Some(1_763_202_163 + 7 * 86400));
        assert_eq!(release.components, ["main", "contrib"]);
        assert_eq!(release.architectures, ["all", "amd64", "arm64"]);
        assert!(release.acquire_by_hash);
        let files: Vec<_> = release.files.iter().map(|(path, (size, _))| (path.as_str(), *size)).collect();
        assert_eq!(files, [("main/binary-amd64/Packages", 0), ("main/binary-amd64/Packages.xz", 32)]);
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let refused = |text: &str| Release::parse(text).unwrap_err().to_string();
        assert_eq!(
            refused("Suite: a\nDate: Sat, 15 Nov 2025 10:22:43 UTC\n"),
            "the index entry `Release` has no field `SHA256`"
        );
        assert!(refused(&text("Valid-Until: soon\n")).contains("`Valid-Until` that cannot be read: `soon`"));
        assert!(refused(&text("what is this\n")).contains("no field: `what is this`"));
        let twice = format!("{} {DIGEST} 1 main/binary-amd64/Packages\n", text(""));
        assert!(refused(&twice).contains("`SHA256` that cannot be read"));
    }
}
