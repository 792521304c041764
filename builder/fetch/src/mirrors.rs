//! Where the archives are: the host's own apt configuration, read as apt reads it (sources.list(5)).
//!
//! Only Debian's archives count: an entry is taken when it is signed by the archive's keyring, or, where nothing is said of a
//! key, when its address ends as Debian's mirrors do. Entries of the first sort win, whatever the order.

use std::path::Path;

use rootsmith_lock::Archive;
use rootsmith_types::{SourceKind, Sources};

/// The main archive, when nobody says otherwise.
pub const DEFAULT_MAIN: &str = "http://ftp.debian.org/debian";
/// The security archive, when nobody says otherwise.
pub const DEFAULT_SECURITY: &str = "http://security.debian.org/debian-security";

/// The addresses of the archives, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// Holds `dists/trixie` and `pool`.
    pub main: String,
    /// Holds `dists/trixie-security` and `pool`.
    pub security: String,
}

impl Default for Mirrors {
    fn default() -> Mirrors {
        Mirrors { main: DEFAULT_MAIN.into(), security: DEFAULT_SECURITY.into() }
    }
}

impl Mirrors {
    /// The address of one archive.
    pub fn of(&self, archive: Archive) -> &str {
        match archive {
            Archive::Main => &self.main,
            Archive::Security => &self.security,
        }
    }
}

/// What the apt configuration in `dir` (`/etc/apt`) uses; `None` when it names no Debian archive. A configuration that
/// names one archive alone gets the other's default. Files that cannot be read count as empty: this is a convenience.
pub fn from_apt(dir: &Path, sources: &dyn Sources) -> Option<Mirrors> {
    let mut entries = Vec::new();
    let mut read = |path: &Path, parse: fn(&str) -> Vec<Entry>| {
        if let Ok(bytes) = sources.read(path) {
            entries.extend(parse(&String::from_utf8_lossy(&bytes)));
        }
    };
    read(&dir.join("sources.list"), one_line_entries);
    let parts = dir.join("sources.list.d");
    for entry in sources.list(&parts).unwrap_or_default() {
        // apt looks at the folder itself, not at what is below it.
        let top = entry.path.components().count() == 1;
        let file = matches!(entry.kind, SourceKind::File { .. } | SourceKind::Symlink(_));
        match entry.path.extension().and_then(|extension| extension.to_str()) {
            Some("list") if top && file => read(&parts.join(&entry.path), one_line_entries),
            Some("sources") if top && file => read(&parts.join(&entry.path), deb822_entries),
            _ => (),
        }
    }

    let first = |archive: Archive| {
        let fits = |entry: &&Entry| entry.archive() == Some(archive);
        let signed = entries.iter().filter(|entry| entry.key == Key::Archive).find(fits);
        let found = signed.or_else(|| entries.iter().filter(|entry| entry.looks_like_debian()).find(fits));
        found.map(|entry| entry.uri.clone())
    };
    let (main, security) = (first(Archive::Main), first(Archive::Security));
    if main.is_none() && security.is_none() {
        return None;
    }
    let default = Mirrors::default();
    Some(Mirrors { main: main.unwrap_or(default.main), security: security.unwrap_or(default.security) })
}

/// One address with one suite.
struct Entry {
    uri: String,
    suite: String,
    key: Key,
}

/// What an entry says of the key that signs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Unsaid,
    Archive,
    Other,
}

impl Key {
    fn new(signed_by: Option<&str>) -> Key {
        match signed_by {
            None => Key::Unsaid,
            Some(path) if path.contains("debian-archive-") => Key::Archive,
            Some(_) => Key::Other,
        }
    }
}

impl Entry {
    fn new(uri: &str, suite: &str, key: Key) -> Option<Entry> {
        let known = ["http://", "https://", "file:/"].iter().any(|scheme| uri.starts_with(scheme));
        // A suite that ends in a slash is a path to a flat repository.
        (known && !suite.ends_with('/')).then(|| Entry {
            uri: uri.trim_end_matches('/').to_owned(),
            suite: suite.to_owned(),
            key,
        })
    }

    fn looks_like_debian(&self) -> bool {
        self.key == Key::Unsaid && (self.uri.ends_with("/debian") || self.uri.ends_with("/debian-security"))
    }

    /// Which archive it is; `None` for the pockets of the main one, which others may serve alone.
    fn archive(&self) -> Option<Archive> {
        if self.suite.ends_with("-security") || self.suite.ends_with("/updates") {
            return Some(Archive::Security);
        }
        let pocket = ["-updates", "-backports", "-backports-sloppy", "-proposed"];
        (!pocket.iter().any(|pocket| self.suite.contains(pocket))).then_some(Archive::Main)
    }
}

/// `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.invalid/debian trixie main`.
fn one_line_entries(text: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let line = line.split('#').next()?.trim();
        let mut rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let mut key = Key::Unsaid;
        if let Some(bracket) = rest.strip_prefix('[') {
            let (options, after) = bracket.split_once(']')?;
            let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
            (key, rest) = (Key::new(signed_by), after);
        }
        let mut words = rest.split_whitespace();
        Entry::new(words.next()?, words.next()?, key)
    };
    text.lines().filter_map(entry).collect()
}

/// Stanzas of fields, as in `debian.sources`.
fn deb822_entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    // The empty line after the last one ends the last stanza.
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.extend(stanza_entries(&fields));
            fields.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn stanza_entries(fields: &[(String, String)]) -> Vec<Entry> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let words = |name: &str| field(name).unwrap_or_default().split_whitespace();
    let disabled = ["no", "false", "without", "off", "disable", "0"];
    let enabled = !field("enabled").is_some_and(|value| disabled.contains(&value.to_ascii_lowercase().as_str()));
    if !enabled || !words("types").any(|word| word == "deb") {
        return Vec::new();
    }
    let key = Key::new(field("signed-by"));
    words("uris").flat_map(|uri| words("suites").filter_map(move |suite| Entry::new(uri, suite, key))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use rootsmith_types::SourceEntry;

    use super::*;

    struct Files(BTreeMap<&'static str, &'static str>);

    impl Sources for Files {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            let text = self.0.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
            Ok(text.as_bytes().to_vec())
        }

        fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
            let relative = |path: &&str| Path::new(path).strip_prefix(dir).ok().map(Path::to_owned);
            let file = |path| SourceEntry { path, kind: SourceKind::File { executable: false } };
            Ok(self.0.keys().filter_map(relative).map(file).collect())
        }
    }

    fn mirrors(files: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let files = Files(files.iter().copied().collect());
        from_apt(Path::new("/etc/apt"), &files).map(|mirrors| (mirrors.main, mirrors.security))
    }

    fn pair(main: &str, security: &str) -> Option<(String, String)> {
        Some((main.into(), security.into()))
    }

    #[test]
    fn one_line_style() {
        let list = "\
            # deb http://commented.invalid/debian trixie main\n\
            deb cdrom:[Debian GNU/Linux 13]/ trixie main\n\
            deb-src http://source.invalid/debian trixie main\n\
            deb http://updates.invalid/debian trixie-updates main\n\
            deb [arch=amd64 trusted=yes] http://mirror.invalid/debian/ trixie main contrib # near\n\
            deb http://second.invalid/debian trixie main\n\
            deb\thttps://mirror.invalid/debian-security trixie-security main\n";
        let found = mirrors(&[("/etc/apt/sources.list", list)]);
        assert_eq!(found, pair("http://mirror.invalid/debian", "https://mirror.invalid/debian-security"));
    }

    #[test]
    fn deb822_style() {
        let sources = "\
            # the mirror\n\
            Types: deb deb-src\n\
            URIs: http://mirror.invalid/any/path/\n\
            Suites: trixie trixie-updates\n\
            # a comment between fields\n\
            Components: main\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\
            \n\
            Enabled: no\n\
            Types: deb\n\
            URIs: http://disabled.invalid/debian-security\n\
            Suites: trixie-security\n\
            \n\
            types: deb\n\
            uris:\n\
            \x20 file:/srv/debian-security\n\
            suites: trixie-security\n";
        let found = mirrors(&[("/etc/apt/sources.list.d/debian.sources", sources)]);
        assert_eq!(found, pair("http://mirror.invalid/any/path", "file:/srv/debian-security"));
    }

    #[test]
    fn repositories_of_others_are_not_taken() {
        let docker = "deb [signed-by=/etc/apt/keyrings/docker.asc] https://docker.invalid/linux/debian trixie stable\n";
        let embedded =
            "Types: deb\nURIs: http://vendor.invalid/debian\nSuites: trixie\nSigned-By:\n -----BEGIN PGP\n .\n";
        let flat = "deb http://flat.invalid/debian ./\n";
        let ubuntu = "deb http://archive.invalid/ubuntu noble main\n";
        let others = [
            ("/etc/apt/sources.list.d/a.list", docker),
            ("/etc/apt/sources.list.d/b.sources", embedded),
            ("/etc/apt/sources.list.d/c.list", flat),
            ("/etc/apt/sources.list.d/d.list", ubuntu),
            ("/etc/apt/sources.list.d/e.list.save", "deb http://saved.invalid/debian trixie main\n"),
        ];
        assert_eq!(mirrors(&others), None);
        assert_eq!(mirrors(&[]), None);

        let debian = "deb http://mirror.invalid/debian trixie main\n";
        let all: Vec<_> = others.into_iter().chain([("/etc/apt/sources.list.d/z.list", debian)]).collect();
        assert_eq!(mirrors(&all), pair("http://mirror.invalid/debian", DEFAULT_SECURITY));
    }

    #[test]
    fn archive_keyring_wins_over_looks() {
        let looks = "deb http://vendor.invalid/debian stable main\n";
        let signed =
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.invalid/x trixie main\n";
        let files = [("/etc/apt/sources.list.d/a.list", looks), ("/etc/apt/sources.list.d/b.list", signed)];
        assert_eq!(mirrors(&files), pair("http://mirror.invalid/x", DEFAULT_SECURITY));
    }
}
