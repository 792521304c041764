//! Why a tree cannot be configured.

use std::fmt;

use rootsmith_types::{Blame, Explain, Note, Origin, PackageName, Sha256Digest, Subject, TreePath};

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigureError {
    /// A maintainer script does something that is neither understood nor described by a model.
    NotModelled {
        /// Whose script.
        package: PackageName,
        /// `preinst` or `postinst`.
        script: String,
        /// What was met first that is not understood.
        what: String,
        /// The script's lines from there on, with their numbers: `12: update-thing --now`.
        lines: Vec<String>,
        /// Of its own code, by which a model would know it.
        digest: Sha256Digest,
        /// There is a model, but for another text of this script.
        changed: bool,
    },
    /// A model or a script names a user or group that nothing makes.
    UnknownAccount {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Whose script names it.
        package: Option<PackageName>,
    },
    /// The profile names a user or group that nothing makes.
    UndeclaredAccount {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where the profile names it.
        origin: Origin,
    },
    /// `init.enable` or `init.disable` names a unit that is not in the tree.
    UnknownUnit {
        /// With its suffix.
        unit: String,
        /// The unit in the tree whose name is nearest.
        nearest: Option<String>,
        /// Where the profile names it.
        origin: Origin,
    },
    /// The init in use cannot do what the profile asks for.
    InitCannot {
        /// `openrc`.
        init: &'static str,
        /// `limit what a service may use of the processors`.
        what: String,
        /// Where the profile asks for it.
        origin: Origin,
        /// What can be done.
        instead: String,
    },
    /// The profile names a datasource that cloud-init in the image does not have.
    UnknownDatasource {
        /// As written.
        name: String,
        /// The one whose name is nearest.
        nearest: Option<String>,
        /// All there are.
        known: Vec<String>,
        /// Where the profile names it.
        origin: Origin,
    },
    /// The profile leaves a package to dpkg on the first boot, and there is none.
    NoDpkg {
        /// The package.
        package: PackageName,
        /// Where the profile says so.
        origin: Origin,
    },
    /// The profile wants caches made by dpkg on the first boot, and there is none.
    NoDpkgForCaches {
        /// Where the profile says so.
        origin: Origin,
    },
    /// The tree has no place for what a script makes.
    Tree {
        /// Where.
        path: TreePath,
        /// Why not.
        reason: String,
    },
    /// A file could not be read, or not understood.
    Unreadable {
        /// The file.
        path: TreePath,
        /// Why.
        reason: String,
    },
    /// A model is not well-formed.
    Model {
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for ConfigureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigureError::NotModelled { package, script, what, changed, .. } => {
                let state = if *changed { "differs from the one that was modelled" } else { "is not modelled" };
                write!(f, "the `{script}` script of `{package}` {state}: {what}")
            }
            ConfigureError::UnknownAccount { kind, name, .. }
            | ConfigureError::UndeclaredAccount { kind, name, .. } => write!(f, "there is no {kind} `{name}`"),
            ConfigureError::UnknownUnit { unit, .. } => write!(f, "there is no unit `{unit}`"),
            ConfigureError::InitCannot { init, what, .. } => write!(f, "`{init}` cannot {what}"),
            ConfigureError::UnknownDatasource { name, .. } => write!(f, "cloud-init has no datasource `{name}`"),
            ConfigureError::NoDpkg { package, .. } => {
                write!(
                    f,
                    "nothing configures `{package}` on the first boot: the image has no dpkg, or not its database"
                )
            }
            ConfigureError::NoDpkgForCaches { .. } => {
                f.write_str("nothing makes caches on the first boot: the image has no dpkg, or not its database")
            }
            ConfigureError::Tree { path, reason } => write!(f, "cannot change `{path}`: {reason}"),
            ConfigureError::Unreadable { path, reason } => write!(f, "cannot read `{path}`: {reason}"),
            ConfigureError::Model { reason } => write!(f, "internal error: {reason}"),
        }
    }
}

impl std::error::Error for ConfigureError {}

impl Explain for ConfigureError {
    fn subject(&self) -> Subject {
        match self {
            ConfigureError::NotModelled { package, .. } => Subject::Package(package.clone()),
            ConfigureError::UnknownAccount { package: Some(package), .. } => Subject::Package(package.clone()),
            ConfigureError::UnknownUnit { origin, .. }
            | ConfigureError::InitCannot { origin, .. }
            | ConfigureError::UnknownDatasource { origin, .. }
            | ConfigureError::NoDpkg { origin, .. }
            | ConfigureError::NoDpkgForCaches { origin }
            | ConfigureError::UndeclaredAccount { origin, .. } => Subject::Profile(origin.clone()),
            ConfigureError::Tree { path, .. } | ConfigureError::Unreadable { path, .. } => Subject::Path(path.clone()),
            ConfigureError::UnknownAccount { package: None, .. } | ConfigureError::Model { .. } => Subject::Host,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            ConfigureError::NotModelled { package, script, .. } => {
                let ignore = format!(
                    "leave the package out, or answer for it in `[scripts]`: `{package} = {{ ignore = \"why it need not run\" }}`, \
                     with an overlay for what the script would have made"
                );
                match script.as_str() {
                    "postinst" => {
                        format!("{ignore}, or `{package} = {{ first-boot = \"why dpkg may run it there\" }}`")
                    }
                    _ => ignore,
                }
            }
            ConfigureError::NoDpkg { .. } => {
                "add `dpkg` to `packages.include`, with `database = \"dpkg\"`, or give `ignore` a reason".to_owned()
            }
            ConfigureError::NoDpkgForCaches { .. } => {
                "add `dpkg` to `packages.include`, with `database = \"dpkg\"`, or say `caches = \"left-out\"`"
                    .to_owned()
            }
            ConfigureError::UnknownAccount { kind, name, .. } => {
                format!("add a package whose `sysusers.d` file makes the {kind} `{name}`")
            }
            ConfigureError::UndeclaredAccount { kind, name, .. } => {
                format!("declare it: `[[{kind}]]` with `name = \"{name}\"`, or add the package that makes it")
            }
            ConfigureError::UnknownUnit { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            ConfigureError::UnknownUnit { .. } => "add the package or the overlay that brings it".to_owned(),
            ConfigureError::InitCannot { instead, .. } => instead.clone(),
            ConfigureError::UnknownDatasource { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            ConfigureError::UnknownDatasource { known, .. } => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("this version has {}", names.join(", "))
            }
            ConfigureError::Tree { .. } | ConfigureError::Unreadable { .. } | ConfigureError::Model { .. } => {
                return None;
            }
        })
    }

    fn label(&self) -> Option<String> {
        matches!(self, ConfigureError::UnknownUnit { .. }).then(|| "no package brings it".to_owned())
    }

    fn notes(&self) -> Vec<Note> {
        let ConfigureError::NotModelled { lines, .. } = self else { return Vec::new() };
        lines.iter().map(|line| Note { text: format!("line {line}"), subject: Subject::Host }).collect()
    }

    fn blame(&self) -> Blame {
        match self {
            ConfigureError::Model { .. } => Blame::Ours,
            _ => Blame::Inputs,
        }
    }
}
