//! How the packages' maintainer scripts were dealt with, as `manifest.json` has it under `scripts`; written and read here.

use std::fmt;

use rootsmith_configure::{By, Class, Counts, PackageReport, Report};
use rootsmith_types::Sha256Digest;
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scripts {
    counts: ManifestCounts,
    /// Every package, sorted by name.
    pub packages: Vec<PackageScripts>,
}

/// The scripts of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageScripts {
    /// Its name.
    pub package: String,
    /// `nothing to do`, `generated snippets`, `followed`, `modelled`, `left to the first boot`, `answered by the profile`.
    pub class: String,
    /// The profile's, where it answers; what only the machine can make, where it is left to the first boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Those that were read, in this order.
    pub read: Vec<ReadScript>,
    /// What they did, a phrase each.
    pub applied: Vec<String>,
}

/// One script, as it lies in the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadScript {
    /// `postinst` …
    pub script: String,
    /// So many lines.
    pub lines: usize,
    /// Of its text.
    pub sha256: Sha256Digest,
    /// Whose word it was: `snippets`, `itself`, `model`, `profile`.
    pub by: String,
    /// Why the model says what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ManifestCounts {
    packages: usize,
    nothing_to_do: usize,
    generated_snippets: usize,
    followed: usize,
    modelled: usize,
    left_to_the_first_boot: usize,
    answered_by_the_profile: usize,
}

/// A manifest that does not tell of scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestError {
    /// It is none.
    Unreadable(String),
    /// It was written by another version of this program.
    Schema(u64),
    /// It is not about this image.
    OtherImage(Vec<String>),
}

impl Scripts {
    pub(crate) fn of(report: &Report) -> Scripts {
        let Counts { packages, nothing_to_do, snippets, followed, modelled, first_boot, answered } = report.counts();
        let counts = ManifestCounts {
            packages,
            nothing_to_do,
            generated_snippets: snippets,
            followed,
            modelled,
            left_to_the_first_boot: first_boot,
            answered_by_the_profile: answered,
        };
        Scripts { counts, packages: report.packages.iter().map(PackageScripts::of).collect() }
    }

    /// From the text of a `manifest.json`. With `image`, a file's name, the manifest has to be about that one.
    pub fn of_manifest(text: &[u8], image: Option<&str>) -> Result<Scripts, ManifestError> {
        let unreadable = |error: serde_json::Error| ManifestError::Unreadable(error.to_string());
        let mut manifest: serde_json::Value = serde_json::from_slice(text).map_err(unreadable)?;
        match manifest["schema"].as_u64() {
            Some(schema) if schema == u64::from(crate::report::SCHEMA) => {}
            Some(schema) => return Err(ManifestError::Schema(schema)),
            None => return Err(ManifestError::Unreadable("it has no `schema`".to_owned())),
        }
        if let Some(image) = image {
            let outputs = crate::report::outputs_of(text);
            if !outputs.iter().any(|output| output == image) {
                return Err(ManifestError::OtherImage(outputs));
            }
        }
        serde_json::from_value(manifest["scripts"].take()).map_err(unreadable)
    }

    /// How many packages each class has.
    pub fn counts(&self) -> Counts {
        let ManifestCounts { packages, nothing_to_do, followed, modelled, .. } = self.counts;
        let ManifestCounts { generated_snippets, left_to_the_first_boot, answered_by_the_profile, .. } = self.counts;
        Counts {
            packages,
            nothing_to_do,
            snippets: generated_snippets,
            followed,
            modelled,
            first_boot: left_to_the_first_boot,
            answered: answered_by_the_profile,
        }
    }
}

impl PackageScripts {
    fn of(package: &PackageReport) -> PackageScripts {
        let read = package.read.iter().map(|script| {
            let (by, why) = match &script.by {
                By::Snippets => ("snippets", None),
                By::Itself => ("itself", None),
                By::Model(why) => ("model", Some(why.clone())),
                By::Profile => ("profile", None),
            };
            let (by, script, lines, sha256) = (by.to_owned(), script.name.clone(), script.lines, script.sha256);
            ReadScript { script, lines, sha256, by, why }
        });
        PackageScripts {
            package: package.name.to_string(),
            class: package.class.name().to_owned(),
            reason: match &package.class {
                Class::Answered(reason) | Class::FirstBoot(reason) => Some(reason.clone()),
                _ => None,
            },
            read: read.collect(),
            applied: package.effects.clone(),
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::Unreadable(reason) => write!(f, "it is no manifest: {reason}"),
            ManifestError::Schema(schema) => {
                write!(f, "its schema is {schema}, and this program reads {}", crate::report::SCHEMA)
            }
            ManifestError::OtherImage(images) => write!(f, "it is about {} and nothing else", listed(images)),
        }
    }
}

impl std::error::Error for ManifestError {}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no image".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let read = |name: &str, by| rootsmith_configure::ReadScript {
            name: name.to_owned(),
            lines: 3,
            sha256: Sha256Digest::of(b"text"),
            by,
        };
        let package = |name: &str, class, read| PackageReport {
            name: name.parse().unwrap(),
            class,
            read,
            effects: vec!["user x".to_owned()],
        };
        let model = By::Model("a program".to_owned());
        Report {
            packages: vec![
                package("aa", Class::Followed, vec![read("config", By::Snippets), read("postinst", By::Itself)]),
                package("bb", Class::Modelled, vec![read("postinst", model)]),
                package("cc", Class::Answered("why".to_owned()), vec![read("postinst", By::Profile)]),
            ],
        }
    }

    fn manifest(schema: u32) -> Vec<u8> {
        let scripts = Scripts::of(&report());
        let outputs = serde_json::json!([{ "file": "a.img" }]);
        serde_json::to_vec(&serde_json::json!({ "schema": schema, "outputs": outputs, "scripts": scripts })).unwrap()
    }

    #[test]
    fn what_a_manifest_says_is_read_back() {
        let found = Scripts::of_manifest(&manifest(crate::report::SCHEMA), Some("a.img")).unwrap();
        assert_eq!(found, Scripts::of(&report()));
        assert_eq!(found.counts(), report().counts());
        let classes: Vec<&str> = found.packages.iter().map(|package| package.class.as_str()).collect();
        assert_eq!(classes, ["followed", "modelled", "answered by the profile"]);
        assert_eq!(found.packages[1].read[0].why.as_deref(), Some("a program"));
        assert_eq!(found.packages[2].reason.as_deref(), Some("why"));
    }

    #[test]
    fn another_images_or_another_versions_manifest_is_refused() {
        let wrong = |text: &[u8], image| Scripts::of_manifest(text, image).unwrap_err().to_string();
        assert_eq!(wrong(&manifest(2), Some("b.img")), "it is about `a.img` and nothing else");
        assert_eq!(wrong(&manifest(1), None), "its schema is 1, and this program reads 2");
        assert_eq!(wrong(b"{}", None), "it is no manifest: it has no `schema`");
        assert!(wrong(b"\x1f\x8b", None).starts_with("it is no manifest: "));
        assert!(wrong(b"{\"schema\": 2}", None).starts_with("it is no manifest: "));
    }
}
