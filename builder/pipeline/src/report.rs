//! What a build says about itself: `manifest.json`, `timings.json`, and the summary for the person who ran it.

use std::path::PathBuf;
use std::time::Duration;

use rootsmith_configure::{Counts, Identity, Report};
use rootsmith_lock::{LockedPayload, Role, Target};
use rootsmith_types::{Arch, NumBytes, Sha256Digest};
use serde::Serialize;

use crate::scripts::Scripts;
use crate::timer::{Step, milliseconds};

/// The file that says the set is whole.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Of the manifest: the second says of every package which scripts were read.
pub(crate) const SCHEMA: u32 = 2;

/// Who makes an image.
pub(crate) const GENERATOR: &str = concat!("rootsmith ", env!("CARGO_PKG_VERSION"));

/// One file that a build made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// Its name in `outputs/NAME-ARCH/`.
    pub name: String,
    /// Its size, holes included.
    pub size: NumBytes,
    /// What it costs on disk, about.
    pub written: NumBytes,
    /// Of its bytes.
    pub sha256: Sha256Digest,
}

/// What was made, for a person.
#[derive(Debug, Clone)]
pub struct Summary {
    /// `outputs/NAME-ARCH`.
    pub folder: PathBuf,
    /// The images.
    pub files: Vec<MadeFile>,
    /// How many packages are in the root file system.
    pub packages: usize,
    /// How many files, directories and links.
    pub entries: usize,
    /// Sum of the files' contents.
    pub content: NumBytes,
    /// How the packages' maintainer scripts were dealt with.
    pub scripts: Counts,
    /// Packages whose scripts the profile answered for, with its reason.
    pub answered_scripts: Vec<(String, String)>,
    /// Preflight: passed, warnings, accepted.
    pub preflight: [usize; 3],
    /// Titles of the warnings.
    pub warnings: Vec<String>,
    /// What the person who ran it should know besides.
    pub notes: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

#[derive(Serialize)]
struct Manifest<'a> {
    schema: u32,
    name: &'a str,
    arch: &'a str,
    generator: &'static str,
    outputs: Vec<ManifestOutput<'a>>,
    packages: Vec<ManifestPackage<'a>>,
    payloads: Vec<ManifestPayload<'a>>,
    identity: Vec<ManifestIdentity>,
    scripts: Scripts,
}

#[derive(Serialize)]
struct ManifestOutput<'a> {
    file: &'a str,
    size: u64,
    sha256: Sha256Digest,
}

#[derive(Serialize)]
struct ManifestPackage<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    role: &'static str,
    sha256: Sha256Digest,
}

#[derive(Serialize)]
struct ManifestIdentity {
    what: &'static str,
    made: &'static str,
    by: &'static str,
    order: &'static str,
    kept: &'static str,
}

#[derive(Serialize)]
struct ManifestPayload<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    size: u64,
    sha256: Sha256Digest,
}

/// `manifest.json`: as reproducible as the images.
pub(crate) fn manifest(
    name: &str,
    arch: Arch,
    files: &[MadeFile],
    target: &Target,
    identity: &[Identity],
    scripts: &Report,
) -> String {
    let manifest = Manifest {
        schema: SCHEMA,
        name,
        arch: arch.debian(),
        generator: GENERATOR,
        outputs: files
            .iter()
            .map(|file| ManifestOutput { file: &file.name, size: file.size.get(), sha256: file.sha256 })
            .collect(),
        packages: target
            .packages
            .iter()
            .map(|package| ManifestPackage {
                name: package.name.as_str(),
                version: &package.version,
                architecture: &package.architecture,
                role: match package.role {
                    Role::Root => "root",
                    Role::Boot => "boot",
                },
                sha256: package.sha256,
            })
            .collect(),
        payloads: target
            .payloads
            .iter()
            .map(|LockedPayload { name, url, size, sha256 }| ManifestPayload {
                name,
                url: url.as_deref(),
                size: *size,
                sha256: *sha256,
            })
            .collect(),
        identity: identity
            .iter()
            .map(|&Identity { what, made, by, order, kept }| ManifestIdentity { what, made, by, order, kept })
            .collect(),
        scripts: Scripts::of(scripts),
    };
    json(&manifest)
}

/// `timings.json`: the only file that differs from run to run.
pub(crate) fn timings(steps: &[Step], total: Duration) -> String {
    #[derive(Serialize)]
    struct Timings<'a> {
        schema: u32,
        total_milliseconds: u64,
        steps: &'a [Step],
    }
    json(&Timings { schema: 1, total_milliseconds: milliseconds(total), steps })
}

fn json(value: &impl Serialize) -> String {
    // Plain structs of strings and numbers: nothing in them can fail to serialise.
    let mut text = serde_json::to_string_pretty(value).expect("plain data serialises");
    text.push('\n');
    text
}

/// Names of the images in an earlier build's manifest; none when there is no readable one.
pub(crate) fn outputs_of(manifest: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(manifest) else { return Vec::new() };
    let outputs = value["outputs"].as_array().into_iter().flatten();
    outputs.filter_map(|output| output["file"].as_str()).map(str::to_owned).collect()
}
