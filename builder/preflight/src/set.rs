//! Requirement sets: data, embedded, addressed as `name` or `name@version`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use rootsmith_types::{Blame, Explain, Located, Origin, Subject};
use serde::Deserialize;

const TEXTS: [&str; 2] = [include_str!("../sets/boot.toml"), include_str!("../sets/k0s-worker.toml")];

/// Every set there is, by name, then version.
static SETS: LazyLock<Vec<Set>> = LazyLock::new(|| {
    // The texts are part of the program; a test reads them.
    let mut sets: Vec<Set> = TEXTS.iter().map(|text| Set::parse(text).expect("the sets are valid")).collect();
    sets.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    sets
});

/// Every set there is, by name, then version.
pub fn sets() -> &'static [Set] {
    &SETS
}

/// A requirement set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// `k0s-worker`.
    pub name: String,
    /// `1.36`; none for a set that does not follow somebody's releases.
    pub version: Option<String>,
    /// What passing it means: a phrase.
    pub title: String,
    /// Its checks, sorted by id.
    pub checks: Vec<Check>,
    /// Symbols whose absence is no finding, because no current kernel can have them.
    pub extinct: Vec<String>,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// `cgroup.memory`.
    pub id: String,
    /// What must be true: a lower-case phrase.
    pub title: String,
    /// Why, and how it is decided: sentences.
    pub means: String,
    /// What to do when it is not true: a lower-case phrase.
    pub cure: String,
    /// How bad that is.
    pub severity: Severity,
    /// How it is decided.
    pub rule: Rule,
}

/// How bad it is when a check is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// No image.
    Fail,
    /// The image is made, and says so.
    Warning,
}

/// The mechanisms.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// The init is there and can run.
    Init {},
    /// Kernel image and modules belong together.
    Kernel {},
    /// Firmware finds a kernel for its architecture.
    BootEntry {},
    /// `root=` names the root partition.
    RootDevice {},
    /// File system and disk driver of the root are there before it is mounted.
    RootDriver {
        /// Modules, one of which must be there.
        disks: Vec<String>,
    },
    /// `/etc/fstab` names what is there.
    Fstab {},
    /// The root is mounted for writing.
    RootWritable {},
    /// A kernel symbol is `y`, or `m` with its module.
    Kconfig {
        /// Without `CONFIG_`.
        symbol: String,
        /// The module's name, when it can be one.
        module: Option<String>,
    },
    /// The configuration of the kernel can be found by a program.
    KernelConfig {},
    /// The kernel's release is not older.
    KernelRelease {
        /// `5.2`.
        least: String,
    },
    /// There is a Linux kernel for the architecture.
    Linux {},
    /// Only a running machine tells.
    AtRunTime {
        /// What: a phrase.
        what: String,
    },
    /// `localhost` resolves.
    Localhost {},
    /// Snippets of the containerd configuration are valid.
    ContainerdSnippets {
        /// Where they are.
        folder: String,
    },
    /// `/proc` is mounted.
    Procfs {},
    /// How many files a service may open.
    OpenFiles {
        /// The least soft limit.
        least: u64,
    },
    /// A folder is on a known file system.
    DataFolder {
        /// The folder.
        path: String,
        /// The types.
        filesystems: Vec<String>,
    },
    /// The root file system has room.
    DiskFree {
        /// In MiB.
        mebibytes: u64,
        /// Of the size.
        percent: u64,
    },
    /// A program can be run by a service.
    Executable {
        /// Its name in the PATH.
        name: String,
    },
    /// Control groups version 2 are mounted.
    Cgroup2 {},
    /// A cgroup controller of version 2 can be used.
    Controller {
        /// The word in `cgroup.controllers`, where it has one.
        controller: Option<String>,
        /// Symbols that must be `y`.
        symbols: Vec<String>,
        /// The oldest release that has it.
        least: Option<String>,
    },
}

impl Set {
    /// `k0s-worker@1.36`.
    pub fn id(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }

    /// Reads a set's text.
    pub(crate) fn parse(text: &str) -> Result<Set, toml::de::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            name: String,
            version: Option<String>,
            title: String,
            #[serde(default)]
            extinct: Vec<String>,
            #[serde(default)]
            check: Vec<Check>,
            #[serde(default)]
            kconfig: Vec<Symbols>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Symbols {
            means: String,
            cure: String,
            severity: Severity,
            symbols: BTreeMap<String, String>,
        }
        let file: File = toml::from_str(text)?;
        let mut checks = file.check;
        for group in file.kconfig {
            checks.extend(group.symbols.into_iter().map(|(symbol, module)| Check {
                id: format!("kconfig.{symbol}"),
                title: format!("the kernel has `CONFIG_{symbol}`"),
                means: group.means.clone(),
                cure: group.cure.clone(),
                severity: group.severity,
                rule: Rule::Kconfig { symbol, module: Some(module).filter(|module| !module.is_empty()) },
            }));
        }
        checks.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Set { name: file.name, version: file.version, title: file.title, checks, extinct: file.extinct })
    }

    /// The set that `wanted` (`name` or `name@version`) names; without a version the newest.
    pub(crate) fn find(wanted: &Located<String>) -> Result<&'static Set, SetError> {
        let (name, version) = match wanted.value.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted.value.as_str(), None),
        };
        let mut named = sets().iter().filter(|set| set.name == name);
        let found = match version {
            Some(version) => named.find(|set| set.version.as_deref() == Some(version)),
            None => named.next_back(),
        };
        found.ok_or_else(|| SetError {
            nearest: nearest(&wanted.value, sets().iter().map(Set::id)),
            wanted: wanted.value.clone(),
            what: "preflight set",
            origin: wanted.origin.clone(),
        })
    }
}

/// The known name that differs in the fewest letters.
pub(crate) fn nearest(wanted: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known.map(|name| (distance(wanted, &name), name)).min().map(|(_, name)| name)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// A set or check that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetError {
    /// What was written.
    pub wanted: String,
    /// What it should have been a name of.
    pub(crate) what: &'static str,
    /// The most similar name.
    pub nearest: Option<String>,
    /// Where it was written.
    pub(crate) origin: Origin,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`", self.what, self.wanted)
    }
}

impl std::error::Error for SetError {}

impl Explain for SetError {
    fn subject(&self) -> Subject {
        Subject::Profile(self.origin.clone())
    }

    fn help(&self) -> Option<String> {
        self.nearest.as_ref().map(|name| format!("did you mean `{name}`?"))
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn find(text: &str) -> Result<&'static Set, SetError> {
        Set::find(&Located::new(text.to_owned(), Origin::new(Path::new("p.toml").into(), 0..1)))
    }

    #[test]
    fn every_set_can_be_read_and_its_checks_have_names_of_their_own() {
        for set in TEXTS.iter().map(|text| Set::parse(text).unwrap()) {
            assert!(set.checks.windows(2).all(|pair| pair[0].id < pair[1].id), "{}", set.name);
            for check in &set.checks {
                assert!(check.id.contains('.') && !check.means.is_empty(), "{}", check.id);
                assert!(!check.cure.ends_with('.') && !check.title.ends_with('.'), "{}", check.id);
            }
        }
        let required = |severity| {
            let set = find("k0s-worker").unwrap();
            set.checks.iter().filter(|check| check.id.starts_with("kconfig.") && check.severity == severity).count()
        };
        // k0s names 59 symbols; four of its 42 optional ones are extinct.
        assert_eq!((required(Severity::Fail), required(Severity::Warning)), (17, 38));
    }

    #[test]
    fn sets_are_found_with_and_without_a_version() {
        assert_eq!(find("k0s-worker@1.36").unwrap().id(), "k0s-worker@1.36");
        assert_eq!(find("k0s-worker").unwrap().id(), "k0s-worker@1.36");
        let error = find("k0s-worker@1.63").unwrap_err();
        assert_eq!(error.to_string(), "there is no preflight set `k0s-worker@1.63`");
        assert_eq!(error.help().as_deref(), Some("did you mean `k0s-worker@1.36`?"));
        assert_eq!(find("bot").unwrap_err().nearest.as_deref(), Some("boot"));
    }
}
