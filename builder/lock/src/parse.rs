//! A lock from text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rootsmith_types::{Arch, Origin, PackageName, Sha256Digest};
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::{Archive, Lock, LockError, LockedPackage, LockedPayload, LockedRepository, Role, Scope, Target, Why, time};

impl Lock {
    /// Reads what [`Lock::render`] wrote. `file` is only for messages.
    pub fn parse(file: &Path, text: &str) -> Result<Lock, LockError> {
        let reader = Reader { file: file.into() };
        let read: File = toml::from_str(text).map_err(|error| LockError::Syntax {
            origin: reader.at(error.span().unwrap_or(0..0)),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        if *read.schema.get_ref() != 1 {
            let (origin, found) = (reader.at(read.schema.span()), *read.schema.get_ref());
            return Err(LockError::Schema { origin, found });
        }
        let mut lock = Lock::default();
        let sections = [
            (Arch::Amd64, read.amd64),
            (Arch::Arm64, read.arm64),
            (Arch::Armhf, read.armhf),
            (Arch::Riscv64, read.riscv64),
        ];
        for (arch, section) in sections {
            if let Some(section) = section {
                lock.targets.insert(arch, reader.target(section)?);
            }
        }
        Ok(lock)
    }
}

/// The whole file. One field for each architecture: a flattened map would lose the places of errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Spanned<i64>,
    amd64: Option<Section>,
    arm64: Option<Section>,
    armhf: Option<Section>,
    riscv64: Option<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    requests: Vec<PackageName>,
    #[serde(default)]
    scope: ScopeWord,
    #[serde(default)]
    repository: Vec<Repository>,
    #[serde(default)]
    package: Vec<Package>,
    #[serde(default)]
    payload: Vec<Payload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repository {
    suite: String,
    archive: ArchiveWord,
    date: Spanned<Datetime>,
    sha256: Sha256Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    name: Spanned<PackageName>,
    role: RoleWord,
    version: String,
    architecture: String,
    archive: ArchiveWord,
    filename: Spanned<String>,
    size: u64,
    sha256: Sha256Digest,
    why: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    name: String,
    url: Option<String>,
    size: u64,
    sha256: Sha256Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ArchiveWord {
    Main,
    Security,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    #[default]
    System,
    Dependencies,
    Named,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    Root,
    Boot,
}

impl From<ArchiveWord> for Archive {
    fn from(word: ArchiveWord) -> Archive {
        match word {
            ArchiveWord::Main => Archive::Main,
            ArchiveWord::Security => Archive::Security,
        }
    }
}

impl From<ScopeWord> for Scope {
    fn from(word: ScopeWord) -> Scope {
        match word {
            ScopeWord::System => Scope::System,
            ScopeWord::Dependencies => Scope::Dependencies,
            ScopeWord::Named => Scope::Named,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Root => Role::Root,
            RoleWord::Boot => Role::Boot,
        }
    }
}

/// Knows the file's name, for messages.
struct Reader {
    file: Arc<Path>,
}

impl Reader {
    fn at(&self, span: Range<usize>) -> Origin {
        Origin::new(Arc::clone(&self.file), span)
    }

    /// A merge of two branches may have left tables out of order: they are put in order here.
    fn target(&self, section: Section) -> Result<Target, LockError> {
        let mut requests = section.requests;
        requests.sort();
        requests.dedup();
        let repositories =
            section.repository.into_iter().map(|read| self.repository(read)).collect::<Result<_, _>>()?;
        let mut packages = Vec::with_capacity(section.package.len());
        let mut seen = BTreeSet::new();
        for read in section.package {
            let span = read.name.span();
            let package = self.package(read)?;
            if !seen.insert((package.role, package.name.clone())) {
                return Err(LockError::Duplicate { origin: self.at(span), name: package.name });
            }
            packages.push(package);
        }
        packages.sort_by(|a, b| (a.role, &a.name).cmp(&(b.role, &b.name)));
        let payload = |Payload { name, url, size, sha256 }| LockedPayload { name, url, size, sha256 };
        let mut payloads: Vec<_> = section.payload.into_iter().map(payload).collect();
        payloads.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Target { requests, scope: section.scope.into(), repositories, packages, payloads })
    }

    fn repository(&self, read: Repository) -> Result<LockedRepository, LockError> {
        let Repository { suite, archive, date, sha256 } = read;
        let time = time::read(date.get_ref()).ok_or_else(|| LockError::Date { origin: self.at(date.span()) })?;
        Ok(LockedRepository { suite, archive: archive.into(), date: time, sha256 })
    }

    fn package(&self, read: Package) -> Result<LockedPackage, LockError> {
        let filename = read.filename.get_ref();
        if !stays_below_the_mirror(filename) {
            let filename = filename.clone();
            return Err(LockError::Filename { origin: self.at(read.filename.span()), filename });
        }
        let why = why(read.why.get_ref()).ok_or_else(|| LockError::Syntax {
            origin: self.at(read.why.span()),
            message: "expected `requested`, `essential`, `builder` or `needed by PACKAGE`".into(),
        })?;
        Ok(LockedPackage {
            name: read.name.into_inner(),
            role: read.role.into(),
            version: read.version,
            architecture: read.architecture,
            archive: read.archive.into(),
            filename: read.filename.into_inner(),
            size: read.size,
            sha256: read.sha256,
            why,
        })
    }
}

fn why(text: &str) -> Option<Why> {
    match text {
        "requested" => Some(Why::Requested),
        "essential" => Some(Why::Essential),
        "builder" => Some(Why::Builder),
        _ => text.strip_prefix("needed by ")?.parse().ok().map(Why::NeededBy),
    }
}

/// A relative path of ordinary names: it is appended to a mirror's address.
fn stays_below_the_mirror(filename: &str) -> bool {
    let ordinary = |name: &str| !matches!(name, "" | "." | "..");
    filename.split('/').all(ordinary) && !filename.chars().any(|c| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;
    use proptest::prelude::*;
    use rootsmith_types::{Explain, Subject};

    use super::*;

    fn small() -> Lock {
        let name = |text: &str| text.parse::<PackageName>().unwrap();
        let package = |role, package: &str, why| LockedPackage {
            name: name(package),
            role,
            version: "1:4.6.1-3+b1".into(),
            architecture: "amd64".into(),
            archive: Archive::Main,
            filename: format!("pool/main/c/{package}/{package}_4.6.1-3+b1_amd64.deb"),
            size: 305_176,
            sha256: Sha256Digest::of(package.as_bytes()),
            why,
        };
        let target = Target {
            requests: vec![name("chrony")],
            scope: Scope::System,
            repositories: vec![LockedRepository {
                suite: "trixie".into(),
                archive: Archive::Main,
                date: 1_795_334_400,
                sha256: Sha256Digest::of(b"release"),
            }],
            packages: vec![
                package(Role::Root, "adduser", Why::NeededBy(name("chrony"))),
                package(Role::Root, "chrony", Why::Requested),
                package(Role::Boot, "busybox-static", Why::Builder),
            ],
            payloads: vec![
                LockedPayload {
                    name: "helm".into(),
                    url: Some("https://mirror.invalid/helm".into()),
                    size: 8,
                    sha256: Sha256Digest::of(b"helm"),
                },
                LockedPayload { name: "k0s \"worker\"".into(), url: None, size: 7, sha256: Sha256Digest::of(b"k0s") },
            ],
        };
        Lock { targets: BTreeMap::from([(Arch::Amd64, target)]) }
    }

    fn parse(text: &str) -> Result<Lock, LockError> {
        Lock::parse(Path::new("a.lock"), text)
    }

    /// The error's phrase, and the text it points at.
    fn refused(text: &str) -> (String, String) {
        let error = parse(text).unwrap_err();
        let Subject::Profile(origin) = error.subject() else { panic!("no place in {error}") };
        (error.to_string(), text[origin.span()].to_owned())
    }

    #[test]
    fn lockfile_looks_like_this() {
        assert_snapshot!(small().render(), @r#"
        # Made by `rootsmith lock`; do not edit. Every file that can reach the image, each with its digest.
        # Belongs into version control: the same profile and lock give the same image, bit for bit.
        schema = 1

        [amd64]
        requests = [
            "chrony",
        ]

        [[amd64.repository]]
        suite = "trixie"
        archive = "main"
        date = 2026-11-22T08:00:00Z
        sha256 = "a4d451ec23463726f72c43d64c710968f6b602cd653b4de8adee1b556240a829"

        [[amd64.package]]
        name = "adduser"
        role = "root"
        version = "1:4.6.1-3+b1"
        architecture = "amd64"
        archive = "main"
        filename = "pool/main/c/adduser/adduser_4.6.1-3+b1_amd64.deb"
        size = 305176
        sha256 = "3f43c80ed9b4bbc5106d1c0498e6fdbfc475fde4bdee86ef8f1fc4ea7c3c0f21"
        why = "needed by chrony"

        [[amd64.package]]
        name = "chrony"
        role = "root"
        version = "1:4.6.1-3+b1"
        architecture = "amd64"
        archive = "main"
        filename = "pool/main/c/chrony/chrony_4.6.1-3+b1_amd64.deb"
        size = 305176
        sha256 = "5fdc7e383dc7e1b390e40c3012a2aa03978901c45f3597c1c239c51134d03dbe"
        why = "requested"

        [[amd64.package]]
        name = "busybox-static"
        role = "boot"
        version = "1:4.6.1-3+b1"
        architecture = "amd64"
        archive = "main"
        filename = "pool/main/c/busybox-static/busybox-static_4.6.1-3+b1_amd64.deb"
        size = 305176
        sha256 = "924dda0664b9d312cbb2c78053f23ee39e35efbc9bb4a4bfd2310c4455bcfe30"
        why = "builder"

        [[amd64.payload]]
        name = "helm"
        url = "https://mirror.invalid/helm"
        size = 8
        sha256 = "ab14d3faa25e917efe6e7135d4ecca197866738885a88b9b95d1a16d2bb5b323"

        [[amd64.payload]]
        name = "k0s \"worker\""
        size = 7
        sha256 = "2b7bb4d64d416013eb5b4015dabe1d7cad590fd3ce7ce411f3a4489ae32f49b2"
        "#);
    }

    #[test]
    fn unknown_keys_are_refused_where_they_stand() {
        let text = small().render().replacen("role =", "roel =", 1);
        let (message, place) = refused(&text);
        assert!(message.contains("unknown field `roel`"), "{message}");
        assert_eq!(place, "roel");
        let (message, _) = refused("schema = 1\n[mips]\n");
        assert!(message.contains("unknown field `mips`"), "{message}");
    }

    #[test]
    fn values_out_of_shape_are_refused_where_they_stand() {
        let text = small().render();
        let cases = [
            ("schema = 1", "schema = 2", "2"),
            ("\"pool/main/c/adduser", "\"pool/../../c/adduser", "pool/../../c/adduser"),
            ("\"pool/main/c/adduser", "\"/pool/main/c/adduser", "/pool/main/c/adduser"),
            ("\"needed by chrony\"", "\"somehow\"", "\"somehow\""),
            ("08:00:00Z", "08:00:00+02:00", "+02:00"),
            ("name = \"chrony\"", "name = \"adduser\"", "\"adduser\""),
            ("size = 305176", "size = -1", "-1"),
            ("role = \"root\"", "role = \"toor\"", "\"toor\""),
        ];
        for (from, to, place) in cases {
            let (message, at) = refused(&text.replacen(from, to, 1));
            assert!(at.contains(place), "{to}: {message}, at {at}");
        }
    }

    #[test]
    fn digest_follows_contents_and_not_the_order_they_were_found_in() {
        let target = |lock: Lock| lock.targets[&Arch::Amd64].clone();
        let first = target(small());
        let mut other = target(small());
        other.packages.reverse();
        assert_eq!(first.digest(), other.digest());
        other.packages[0].size += 1;
        assert_ne!(first.digest(), other.digest());
    }

    fn any_name() -> impl Strategy<Value = PackageName> {
        "[a-z0-9][a-z0-9+.-]{1,12}".prop_map(|text| text.parse().unwrap())
    }

    fn any_digest() -> impl Strategy<Value = Sha256Digest> {
        any::<[u8; 32]>().prop_map(Sha256Digest::new)
    }

    fn any_archive() -> impl Strategy<Value = Archive> {
        prop_oneof![Just(Archive::Main), Just(Archive::Security)]
    }

    fn any_repository() -> impl Strategy<Value = LockedRepository> {
        (".{0,12}", any_archive(), 0..=253_402_300_799i64, any_digest())
            .prop_map(|(suite, archive, date, sha256)| LockedRepository { suite, archive, date, sha256 })
    }

    fn any_package() -> impl Strategy<Value = LockedPackage> {
        let role = prop_oneof![Just(Role::Root), Just(Role::Boot)];
        let why = prop_oneof![
            Just(Why::Requested),
            Just(Why::Essential),
            Just(Why::Builder),
            any_name().prop_map(Why::NeededBy)
        ];
        let strings = ("\\PC{0,12}", ".{0,8}", "[a-z0-9%+~\"' é]{1,5}(/[a-z]{1,5}){0,3}");
        (any_name(), role, strings, any_archive(), 0..=i64::MAX as u64, any_digest(), why).prop_map(
            |(name, role, (version, architecture, filename), archive, size, sha256, why)| LockedPackage {
                name,
                role,
                version,
                architecture,
                archive,
                filename,
                size,
                sha256,
                why,
            },
        )
    }

    fn any_target() -> impl Strategy<Value = Target> {
        let packages = prop::collection::vec(any_package(), 0..5).prop_map(|packages| {
            let by_key: BTreeMap<_, _> = packages.into_iter().map(|p| ((p.role, p.name.clone()), p)).collect();
            by_key.into_values().collect()
        });
        let payloads = prop::collection::btree_map(
            ".{0,12}",
            (prop::option::of(".{0,9}"), 0..=i64::MAX as u64, any_digest()),
            0..3,
        )
        .prop_map(|map| {
            let locked = |(name, (url, size, sha256))| LockedPayload { name, url, size, sha256 };
            map.into_iter().map(locked).collect()
        });
        let scope = prop_oneof![Just(Scope::System), Just(Scope::Dependencies), Just(Scope::Named)];
        (
            (prop::collection::btree_set(any_name(), 0..5), scope),
            prop::collection::vec(any_repository(), 0..3),
            packages,
            payloads,
        )
            .prop_map(|((requests, scope), repositories, packages, payloads)| Target {
                requests: requests.into_iter().collect(),
                scope,
                repositories,
                packages,
                payloads,
            })
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(
            targets in prop::collection::btree_map(prop::sample::select(&Arch::ALL[..]), any_target(), 0..3)
        ) {
            let lock = Lock { targets };
            let text = lock.render();
            prop_assert_eq!(parse(&text), Ok(lock));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}|(schema|=|1|\\[|\\]|amd64|\\.|package|\"|\n){0,30}") {
            let _ = parse(&text);
        }
    }
}
