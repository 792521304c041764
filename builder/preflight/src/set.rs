//! Requirement sets: data, embedded or the user's own, addressed as `name`, `name@version` or a file.
//!
//! One file may hold a set for several releases of what it is about: `versions` names them, and a check with `since` or
//! `until` is only in some. `includes` takes in all checks of other sets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use rootsmith_profile::Profile;
use rootsmith_types::{Blame, Explain, Subject};
use serde::{Deserialize, Serialize};

use crate::Rule;

/// A set that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `name` or `name@version`; for a user's own set, its file as it was written.
    pub name: String,
    /// The text of a user's own set.
    pub text: Option<String>,
    /// Who asks for it.
    pub subject: Subject,
}

impl Wanted {
    /// The sets that a profile names.
    pub fn of_profile(profile: &Profile) -> Vec<Wanted> {
        let named = profile.preflight.sets.iter();
        let wanted = named.map(|set| Wanted {
            name: set.value.clone(),
            text: profile.preflight.set_files.get(&set.value).cloned(),
            subject: Subject::Profile(set.origin.clone()),
        });
        wanted.collect()
    }
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
    /// The program whose own checks these are (`k0s sysinfo`); none when they are ours alone.
    pub program: Option<String>,
    /// Its checks, sorted by id.
    pub checks: Vec<Check>,
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
    /// How the name begins that the set's program shows for its own probe: `CONFIG_NET`, `Name resolution: localhost`.
    pub probe: Option<String>,
    /// What that program says when the check is not met, where it does not follow from the severity.
    pub unmet: Option<Said>,
    /// The first version of the set that has it.
    pub since: Option<String>,
    /// The last version of the set that has it.
    pub until: Option<String>,
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

/// What the program whose checks these are says itself, on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Nothing is wrong.
    Pass,
    /// It goes on.
    Warning,
    /// It does not start.
    Rejected,
    /// The probe itself could not run; it does not start.
    Error,
}

/// Every set there is, by name, then version.
pub fn sets() -> &'static [Set] {
    static SETS: LazyLock<Vec<Set>> = LazyLock::new(|| {
        // The texts are part of the program; a test reads them.
        let files: Vec<SetFile> = TEXTS.iter().map(|text| SetFile::parse(text).expect("the sets are valid")).collect();
        let mut sets: Vec<Set> = files.iter().flat_map(|file| file.sets(&files).expect("the sets are valid")).collect();
        sets.sort_by(|a, b| (&a.name, numbers(&a.version)).cmp(&(&b.name, numbers(&b.version))));
        sets
    });
    &SETS
}

const TEXTS: &[&str] = &[
    include_str!("../sets/board.toml"),
    include_str!("../sets/boot.toml"),
    include_str!("../sets/containers.toml"),
    include_str!("../sets/k0s-common.toml"),
    include_str!("../sets/k0s-controller.toml"),
    include_str!("../sets/k0s-worker.toml"),
    include_str!("../sets/kubernetes-node.toml"),
    include_str!("../sets/node-kernel.toml"),
    include_str!("../sets/node.toml"),
    include_str!("../sets/golden-image.toml"),
    include_str!("../sets/hardening.toml"),
    include_str!("../sets/payload.toml"),
];

impl Set {
    /// `k0s-worker@1.36`.
    pub fn id(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The set that is wanted; of a name without a version the newest.
    pub(crate) fn find(wanted: &Wanted) -> Result<Set, SetError> {
        if let Some(text) = &wanted.text {
            return Set::of_user(wanted, text);
        }
        let (name, version) = match wanted.name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted.name.as_str(), None),
        };
        let mut named = sets().iter().filter(|set| set.name == name);
        let found = match version {
            Some(version) => named.find(|set| set.version.as_deref() == Some(version)),
            None => named.next_back(),
        };
        found.cloned().ok_or_else(|| SetError {
            what: Wrong::Unknown {
                kind: "preflight set",
                wanted: wanted.name.clone(),
                nearest: nearest(&wanted.name, sets().iter().map(Set::id)),
            },
            subject: wanted.subject.clone(),
        })
    }

    /// A user's own set: its newest version, when it has several.
    fn of_user(wanted: &Wanted, text: &str) -> Result<Set, SetError> {
        let invalid = |reason: String| SetError {
            what: Wrong::Invalid { file: wanted.name.clone(), reason },
            subject: wanted.subject.clone(),
        };
        let file = SetFile::parse(text).map_err(|error| invalid(error.to_string().trim_end().to_owned()))?;
        let files: Vec<SetFile> = TEXTS.iter().filter_map(|text| SetFile::parse(text).ok()).collect();
        let mut sets = file.sets(&files).map_err(invalid)?;
        sets.sort_by_key(|set| numbers(&set.version));
        sets.pop().ok_or_else(|| invalid("`versions` is empty".to_owned()))
    }
}

/// A set's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFile {
    name: String,
    versions: Option<Vec<String>>,
    title: String,
    program: Option<String>,
    #[serde(default)]
    includes: Vec<String>,
    #[serde(default)]
    check: Vec<Check>,
    #[serde(default)]
    kconfig: Vec<Symbols>,
}

/// Many checks of one kind: kernel symbols, each with the name of its module or `""`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Symbols {
    means: String,
    cure: String,
    severity: Severity,
    unmet: Option<Said>,
    since: Option<String>,
    until: Option<String>,
    symbols: BTreeMap<String, String>,
}

impl SetFile {
    fn parse(text: &str) -> Result<SetFile, toml::de::Error> {
        toml::from_str(text)
    }

    /// One set for each version. `files` are those that may be included.
    fn sets(&self, files: &[SetFile]) -> Result<Vec<Set>, String> {
        let versions = match &self.versions {
            Some(versions) => versions.iter().cloned().map(Some).collect(),
            None => vec![None],
        };
        versions.into_iter().map(|version| self.set(version, files)).collect()
    }

    fn set(&self, version: Option<String>, files: &[SetFile]) -> Result<Set, String> {
        let mut checks = BTreeMap::new();
        self.collect(version.as_deref(), files, &mut BTreeSet::new(), &mut checks)?;
        Ok(Set {
            name: self.name.clone(),
            version,
            title: self.title.clone(),
            program: self.program.clone(),
            checks: checks.into_values().collect(),
        })
    }

    /// The checks of what is included, then its own, which win.
    fn collect<'a>(
        &'a self,
        version: Option<&str>,
        files: &'a [SetFile],
        seen: &mut BTreeSet<&'a str>,
        checks: &mut BTreeMap<String, Check>,
    ) -> Result<(), String> {
        if !seen.insert(&self.name) {
            return Err(format!("`includes` of `{}` go in a circle", self.name));
        }
        for name in &self.includes {
            let (name, pinned) = name.split_once('@').map_or((name.as_str(), None), |(name, it)| (name, Some(it)));
            let file = files.iter().find(|file| file.name == name);
            let file = file.ok_or_else(|| format!("there is no preflight set `{name}` to include"))?;
            let newest = || file.versions.iter().flatten().max_by_key(|version| number_list(version));
            let there = |version: &&str| file.versions.iter().flatten().any(|known| known == version);
            let wanted = match pinned {
                Some(pinned) if !there(&pinned) => return Err(format!("there is no preflight set `{name}@{pinned}`")),
                Some(pinned) => Some(pinned),
                None => version.filter(there).or_else(|| newest().map(String::as_str)),
            };
            file.collect(wanted, files, seen, checks)?;
        }
        seen.remove(self.name.as_str());
        let mut own = BTreeSet::new();
        for check in self
            .check
            .iter()
            .cloned()
            .chain(self.kconfig.iter().flat_map(|symbols| symbols.checks(self.program.is_some())))
        {
            if !within(version, check.since.as_deref(), check.until.as_deref()) {
                continue;
            }
            if !own.insert(check.id.clone()) {
                return Err(format!("the check `{}` comes twice", check.id));
            }
            checks.insert(check.id.clone(), check);
        }
        Ok(())
    }
}

impl Symbols {
    /// `probed`: they stand for probes of the set's program, which shows them as `CONFIG_X`.
    fn checks(&self, probed: bool) -> impl Iterator<Item = Check> {
        self.symbols.iter().map(move |(symbol, module)| Check {
            id: format!("kconfig.{symbol}"),
            title: format!("the kernel has `CONFIG_{symbol}`"),
            means: self.means.clone(),
            cure: self.cure.clone(),
            severity: self.severity,
            rule: Rule::Kconfig { symbol: symbol.clone(), module: Some(module.clone()).filter(|it| !it.is_empty()) },
            probe: probed.then(|| format!("CONFIG_{symbol}")),
            unmet: self.unmet,
            since: self.since.clone(),
            until: self.until.clone(),
        })
    }
}

/// Whether `version` lies between the two, both included.
fn within(version: Option<&str>, since: Option<&str>, until: Option<&str>) -> bool {
    let Some(version) = version.map(number_list) else { return true };
    since.is_none_or(|since| number_list(since) <= version) && until.is_none_or(|until| version <= number_list(until))
}

fn numbers(version: &Option<String>) -> Vec<u64> {
    version.as_deref().map(number_list).unwrap_or_default()
}

fn number_list(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
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

/// A set or check that nobody knows, or a set that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetError {
    pub(crate) what: Wrong,
    pub(crate) subject: Subject,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    Unknown { kind: &'static str, wanted: String, nearest: Option<String> },
    Invalid { file: String, reason: String },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Wrong::Unknown { kind, wanted, .. } => write!(f, "there is no {kind} `{wanted}`"),
            Wrong::Invalid { file, .. } => write!(f, "`{file}` is no requirement set"),
        }
    }
}

impl std::error::Error for SetError {}

impl Explain for SetError {
    fn subject(&self) -> Subject {
        self.subject.clone()
    }

    fn help(&self) -> Option<String> {
        match &self.what {
            Wrong::Unknown { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Wrong::Invalid { .. } => None,
        }
    }

    fn notes(&self) -> Vec<rootsmith_types::Note> {
        match &self.what {
            Wrong::Unknown { .. } => Vec::new(),
            Wrong::Invalid { reason, .. } => {
                vec![rootsmith_types::Note { text: reason.clone(), subject: Subject::Host }]
            }
        }
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str, text: Option<&str>) -> Result<Set, SetError> {
        Set::find(&Wanted { name: name.to_owned(), text: text.map(str::to_owned), subject: Subject::Host })
    }

    #[test]
    fn every_set_can_be_read_and_its_checks_have_names_of_their_own() {
        for set in sets() {
            assert!(set.checks.windows(2).all(|pair| pair[0].id < pair[1].id), "{}", set.name);
            for check in &set.checks {
                assert!(check.id.contains('.') && !check.means.is_empty(), "{}", check.id);
                assert!(!check.cure.ends_with('.') && !check.title.ends_with('.'), "{}", check.id);
            }
        }
    }

    #[test]
    fn sets_are_found_with_and_without_a_version() {
        assert_eq!(find("k0s-worker@1.36", None).unwrap().id(), "k0s-worker@1.36");
        assert_eq!(find("k0s-worker", None).unwrap().id(), "k0s-worker@1.36");
        let error = find("k0s-worker@1.63", None).unwrap_err();
        assert_eq!(error.to_string(), "there is no preflight set `k0s-worker@1.63`");
        assert_eq!(error.help().as_deref(), Some("did you mean `k0s-worker@1.33`?"));
        assert_eq!(find("bot", None).unwrap_err().help().as_deref(), Some("did you mean `boot`?"));
    }

    #[test]
    fn a_set_of_the_user_takes_in_others() {
        let text = "name = 'mine'\ntitle = 'ours'\nincludes = ['boot', 'k0s-worker@1.36']\n\
                    [[check]]\nid = 'boot.init'\ntitle = 't'\nmeans = 'm'\ncure = 'c'\nseverity = 'warning'\nrule.init = {}\n";
        let set = find("sets/mine.toml", Some(text)).unwrap();
        assert_eq!(set.id(), "mine");
        assert!(set.checks.iter().any(|check| check.id == "cgroup.memory"));
        assert!(set.checks.iter().any(|check| check.id == "boot.init" && check.severity == Severity::Warning));

        let error = find("mine.toml", Some("name = 'mine'\ntitle = 't'\nincludes = ['nobody']")).unwrap_err();
        assert_eq!(error.to_string(), "`mine.toml` is no requirement set");
        assert_eq!(error.notes()[0].text, "there is no preflight set `nobody` to include");
        assert!(find("mine.toml", Some("name = 3")).unwrap_err().notes()[0].text.contains("line 1"));
    }

    #[test]
    fn a_check_is_in_the_versions_it_says() {
        let file = SetFile::parse(
            "name = 'x'\ntitle = 't'\nversions = ['1.9', '1.10', '1.11']\n\
             [[kconfig]]\nmeans = 'm'\ncure = 'c'\nseverity = 'fail'\nsince = '1.10'\nuntil = '1.10'\nsymbols = { NET = '' }\n",
        );
        let sets = file.unwrap().sets(&[]).unwrap();
        let counts: Vec<(String, usize)> = sets.iter().map(|set| (set.id(), set.checks.len())).collect();
        assert_eq!(counts, [("x@1.9".to_owned(), 0), ("x@1.10".to_owned(), 1), ("x@1.11".to_owned(), 0)]);
    }
}
