//! Whether a lock still answers what the profile asks.

use std::collections::BTreeSet;
use std::fmt;

use rootsmith_types::{Explain, PackageName, Sha256Digest, Subject};

use crate::{Archive, Role, Scope, Target};

/// What a profile asks of a lock, in any order.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Every package asked for by name.
    pub requests: &'a [PackageName],
    /// What comes along with them.
    pub scope: Scope,
    /// The suites that are used.
    pub suites: &'a [(Archive, &'a str)],
    /// The payloads.
    pub payloads: &'a [WantedPayload<'a>],
    /// Packages that are only taken apart.
    pub boot: &'a [&'a str],
}

/// What a profile says of a payload.
#[derive(Debug, Clone, Copy)]
pub struct WantedPayload<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it comes from, when that is not a file.
    pub url: Option<&'a str>,
    /// The digest it must have.
    pub sha256: Option<Sha256Digest>,
}

/// How the profile has moved on since the lock was made. Every list is sorted; at least one is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stale {
    /// Asked for, but not in the lock: packages, `scope WORD`, `suite NAME`, `payload NAME`, `payload NAME from URL`,
    /// `NAME for booting`.
    pub missing: Vec<String>,
    /// In the lock, but no longer asked for.
    pub superfluous: Vec<String>,
}

impl Target {
    /// Whether this is what `wanted` would resolve to, as far as can be told without an index.
    pub fn satisfies(&self, wanted: &Wanted<'_>) -> Result<(), Stale> {
        let suite = |archive: Archive, suite: &str| match archive {
            Archive::Main => format!("suite {suite}"),
            Archive::Security => format!("security suite {suite}"),
        };
        let payload = |name: &str, url: Option<&str>| match url {
            Some(url) => format!("payload {name} from {url}"),
            None => format!("payload {name}"),
        };
        let scope = |scope: Scope| (scope != Scope::default()).then(|| format!("scope {scope}"));
        let have: BTreeSet<String> = (self.requests.iter().map(PackageName::to_string))
            .chain(self.repositories.iter().map(|repository| suite(repository.archive, &repository.suite)))
            .chain(self.payloads.iter().map(|locked| payload(&locked.name, locked.url.as_deref())))
            .chain(scope(self.scope))
            .collect();
        let want: BTreeSet<String> = (wanted.requests.iter().map(PackageName::to_string))
            .chain(wanted.suites.iter().map(|(archive, name)| suite(*archive, name)))
            .chain(wanted.payloads.iter().map(|one| payload(one.name, one.url)))
            .chain(wanted.payloads.iter().filter_map(|one| self.other_digest(one)))
            .chain(
                wanted
                    .boot
                    .iter()
                    .filter(|name| !self.has_boot_package(name))
                    .map(|name| format!("{name} for booting")),
            )
            .chain(scope(wanted.scope))
            .collect();
        if have == want {
            return Ok(());
        }
        let without = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Err(Stale { missing: without(&want, &have), superfluous: without(&have, &want) })
    }

    fn has_boot_package(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.role == Role::Boot && package.name == *name)
    }

    /// A digest that the profile has come to ask for since.
    fn other_digest(&self, wanted: &WantedPayload<'_>) -> Option<String> {
        let locked = self.payloads.iter().find(|locked| locked.name == wanted.name)?;
        let sha256 = wanted.sha256.filter(|sha256| *sha256 != locked.sha256)?;
        Some(format!("payload {} with sha256 {sha256}", wanted.name))
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        f.write_str("the lock does not match the profile: ")?;
        if !self.missing.is_empty() {
            write!(f, "{} not locked", list(&self.missing))?;
        }
        if !self.missing.is_empty() && !self.superfluous.is_empty() {
            f.write_str("; ")?;
        }
        if !self.superfluous.is_empty() {
            write!(f, "{} no longer asked for", list(&self.superfluous))?;
        }
        Ok(())
    }
}

impl std::error::Error for Stale {}

impl Explain for Stale {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("resolve again: `rootsmith lock PROFILE`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LockedPayload, LockedRepository};

    fn names(names: &[&str]) -> Vec<PackageName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn differences_are_named_all_at_once() {
        let target = Target {
            requests: names(&["chrony", "ssh"]),
            scope: Scope::System,
            repositories: vec![LockedRepository {
                suite: "trixie".into(),
                archive: Archive::Main,
                date: 0,
                sha256: Sha256Digest::of(b""),
            }],
            packages: Vec::new(),
            payloads: vec![LockedPayload { name: "k0s".into(), url: None, size: 0, sha256: Sha256Digest::of(b"") }],
        };
        let k0s = WantedPayload { name: "k0s", url: None, sha256: None };
        let requests = names(&["ssh", "chrony"]);
        let same_requests = requests.clone();
        let same = Wanted {
            requests: &same_requests,
            scope: Scope::System,
            suites: &[(Archive::Main, "trixie")],
            payloads: &[k0s],
            boot: &[],
        };
        assert_eq!(target.satisfies(&same), Ok(()));

        let requests = names(&["htop", "ssh"]);
        let suites = &[(Archive::Main, "forky")];
        let other = Wanted { requests: &requests, scope: Scope::Named, suites, ..same };
        let stale = target.satisfies(&other).unwrap_err();
        assert_eq!(
            stale.to_string(),
            "the lock does not match the profile: `htop`, `scope named`, `suite forky` not locked; \
             `chrony`, `suite trixie` no longer asked for"
        );

        let stale = target.satisfies(&Wanted { boot: &["u-boot-rockchip"], ..same }).unwrap_err();
        assert_eq!(stale.missing, ["u-boot-rockchip for booting"]);

        let wanted = WantedPayload { sha256: Some(Sha256Digest::of(b"")), ..k0s };
        assert_eq!(target.satisfies(&Wanted { payloads: &[wanted], ..same }), Ok(()));
        let wanted = WantedPayload { sha256: Some(Sha256Digest::of(b"new")), ..k0s };
        let stale = target.satisfies(&Wanted { payloads: &[wanted], ..same }).unwrap_err();
        assert_eq!(stale.missing, [format!("payload k0s with sha256 {}", Sha256Digest::of(b"new"))]);
        let wanted = WantedPayload { url: Some("https://mirror.invalid/k0s"), ..k0s };
        let stale = target.satisfies(&Wanted { payloads: &[wanted], ..same }).unwrap_err();
        assert_eq!(
            stale.to_string(),
            "the lock does not match the profile: `payload k0s from https://mirror.invalid/k0s` not locked; \
             `payload k0s` no longer asked for"
        );
    }
}
