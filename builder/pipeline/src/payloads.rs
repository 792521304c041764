//! Payloads on their way into the cache: from the host or from the network, each with the digest it must have.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rootsmith_assemble::{AssembleError, Assembly, Owner, Taken};
use rootsmith_fetch::{Cache, FetchError, RemoteFile};
use rootsmith_inspect::{Bundle, BundledImage, FileSource, OpenError};
use rootsmith_lock::{Archive, LockedPackage, LockedPayload, Role, Why};
use rootsmith_package::{ArchiveKind, Defect, Stanza};
use rootsmith_preflight::{Brought, may_be_run};
use rootsmith_profile::{Payload, PayloadKind, Profile, Source};
use rootsmith_tree::{Blob, Blobs};
use rootsmith_types::{Arch, Blame, Explain, Note, Origin, PackageName, Problems, Sha256Digest, Sources, Subject};

use crate::watched::digest;
use crate::{Host, Options};

/// How many images of a bundle a message shows.
const SHOWN: usize = 10;

/// Why a payload is not in the cache.
#[derive(Debug)]
enum PayloadError {
    /// A file of the host that is not there, or cannot be read.
    Unreadable { named: Origin, path: PathBuf, from: Option<String>, source: io::Error },
    /// A file of the host that is not the one that is wanted.
    Digest { name: String, place: Origin, wanted: Sha256Digest, found: Sha256Digest, from_lock: bool },
    /// A file of the network that did not come, or one that is not what it should be.
    Fetch { named: Origin, sha256: Origin, error: FetchError },
    /// An archive of images that cannot be read.
    Bundle { name: String, named: Origin, error: OpenError },
    /// An archive of images that lacks some for the image's architecture.
    BundleArchitecture { name: String, named: Origin, arch: Arch, images: Vec<BundledImage> },
}

/// What the payloads of a profile are, each in the cache.
#[derive(Default)]
pub(crate) struct Payloads {
    /// For each payload, in the profile's order, what [`rootsmith_assemble::embed`] wants of it.
    pub(crate) taken: Vec<Taken>,
    /// The packages among them.
    pub(crate) packages: Vec<PayloadPackage>,
    /// What each package says of itself, as an index has it.
    stanzas: String,
}

/// A package among the payloads.
pub(crate) struct PayloadPackage {
    /// As a lock would have it.
    pub(crate) locked: LockedPackage,
    /// The number of its payload in the profile.
    payload: usize,
    /// Where the profile names it.
    pub(crate) origin: Origin,
}

impl Payloads {
    /// The texts of an index that has the packages; empty when there are none.
    pub(crate) fn index(&self) -> &str {
        &self.stanzas
    }

    /// Which file of the tree is from which payload of the profile, of those that may be run.
    pub(crate) fn brought(&self, profile: &Profile, assembly: &Assembly) -> Brought {
        let named = profile.payloads.iter().enumerate();
        let by_origin: BTreeMap<_, usize> = named.map(|(index, payload)| (&payload.origin, index)).collect();
        let by_package: BTreeMap<_, usize> =
            self.packages.iter().map(|package| (&package.locked.name, package.payload)).collect();
        let from = |owner: &Owner| match owner {
            Owner::Profile(origin) => by_origin.get(origin).copied(),
            Owner::Package(name) => by_package.get(name).copied(),
            Owner::Script(_) | Owner::Builder(_) => None,
        };
        if profile.payloads.is_empty() {
            return Brought::new();
        }
        let run = assembly.tree.walk().filter(|entry| may_be_run(&entry.path, entry.node));
        let owned = run.filter_map(|entry| Some((from(assembly.owners.of(&entry.path)?)?, entry.path)));
        owned.map(|(payload, path)| (path, payload)).collect()
    }
}

/// The payloads of the profile for `arch`. `locked` is what the lock says of them, where it has something to say; all are
/// opened and looked through. All that is wrong comes at once.
pub(crate) fn prepare(
    profile: &Profile,
    arch: Arch,
    locked: &[LockedPayload],
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
) -> Result<Payloads, Problems> {
    let blobs = take_in(profile, arch, locked, cache, options, host)?;
    let mut payloads = Payloads { taken: Vec::new(), packages: Vec::new(), stanzas: String::new() };
    let mut problems = Problems(Vec::new());
    for (index, (payload, blob)) in profile.payloads.iter().zip(blobs).enumerate() {
        let name = payload.name.value.as_str();
        let origin = payload.source_for(arch).map_or(&payload.origin, Source::origin);
        let members = match payload.kind {
            PayloadKind::Tar(_) => cache.unpacked_archive(name, ArchiveKind::Tar, &blob).map(Some),
            PayloadKind::Zip(_) => cache.unpacked_archive(name, ArchiveKind::Zip, &blob).map(Some),
            PayloadKind::Deb => match package(payload, arch, origin, &blob, cache) {
                Ok((locked, stanza)) => {
                    payloads.stanzas.push_str(&stanza);
                    payloads.packages.push(PayloadPackage { locked, payload: index, origin: origin.clone() });
                    Ok(None)
                }
                Err(mut error) => {
                    problems.0.append(&mut error.0);
                    continue;
                }
            },
            PayloadKind::Oci => match bundle(payload, arch, origin, &blob, cache, options) {
                Ok(()) => Ok(None),
                Err(mut error) => {
                    problems.0.append(&mut error.0);
                    continue;
                }
            },
            PayloadKind::File => Ok(None),
        };
        match members {
            Ok(members) => payloads.taken.push(Taken { blob, members }),
            Err(error) => {
                let (named, sha256) = (origin.clone(), origin.clone());
                problems.push(PayloadError::Fetch { named, sha256, error });
            }
        }
    }
    problems.into_result()?;
    Ok(payloads)
}

/// An archive of images, looked through to its last layer.
fn bundle(
    payload: &Payload,
    arch: Arch,
    origin: &Origin,
    blob: &Blob,
    cache: &Cache,
    options: &Options,
) -> Result<(), Problems> {
    let name = payload.name.value.clone();
    let (file, _) = cache.open_file(&name, blob)?;
    let source = FileSource::new(file).map_err(AssembleError::Store)?;
    let bundle = Bundle::read(&(Arc::new(source) as rootsmith_inspect::Source), &options.cache)
        .map_err(|error| PayloadError::Bundle { name: name.clone(), named: origin.clone(), error })?;
    let others: Vec<BundledImage> = bundle.images.iter().filter(|image| !image.is_for(arch)).cloned().collect();
    if !others.is_empty() {
        return Err(PayloadError::BundleArchitecture { name, named: origin.clone(), arch, images: others }.into());
    }
    Ok(())
}

/// A package among the payloads, as a lock would have it, and its stanza in an index.
fn package(
    payload: &Payload,
    arch: Arch,
    origin: &Origin,
    blob: &Blob,
    cache: &Cache,
) -> Result<(LockedPackage, String), Problems> {
    let payload_name = payload.name.value.as_str();
    let placed = |error| PayloadError::Fetch { named: origin.clone(), sha256: origin.clone(), error };
    let damaged = |defect| placed(FetchError::Payload { name: payload_name.to_owned(), defect });
    let control = cache.control_of(payload_name, blob).map_err(placed)?;
    let text = control.stanza.trim_matches('\n');
    let stanza = Stanza::new(text);
    let field = |name| stanza.get(name).ok_or_else(|| Problems::from(damaged(Defect::ControlFile)));
    let (name, version, architecture) = (field("Package")?, field("Version")?, field("Architecture")?);
    if stanza.fields().any(|field| field.is_err()) {
        return Err(damaged(Defect::ControlFile).into());
    }
    let name: PackageName = name.parse().map_err(|_| damaged(Defect::ControlFile))?;
    if ![arch.debian(), "all"].contains(&architecture) {
        let (wanted, found) = (arch, architecture.chars().take(40).collect());
        let (name, origin) = (payload_name.to_owned(), origin.clone());
        return Err(AssembleError::PayloadArchitecture { name, origin, wanted, found }.into());
    }
    let sha256 = cache.sha256_of(blob).ok_or_else(|| AssembleError::Store(io::ErrorKind::NotFound.into()))?;
    let filename = format!("payload/{payload_name}");
    let index = format!("{text}\nFilename: {filename}\nSize: {}\nSHA256: {sha256}\n\n", blob.size);
    let package = LockedPackage {
        name,
        role: Role::Root,
        version: version.to_owned(),
        architecture: architecture.to_owned(),
        archive: Archive::Main,
        filename,
        size: blob.size,
        sha256,
        why: Why::Requested,
    };
    Ok((package, index))
}

/// Their files, in the profile's order.
fn take_in(
    profile: &Profile,
    arch: Arch,
    locked: &[LockedPayload],
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
) -> Result<Vec<Blob>, Problems> {
    let mut problems = Problems(Vec::new());
    let mut blobs = Vec::new();
    for payload in &profile.payloads {
        // The loader of profiles lets no payload through without one.
        let Some(source) = payload.source_for(arch) else { continue };
        let locked = locked.iter().find(|locked| locked.name == payload.name.value);
        match take_in_one(payload, source, locked, cache, options, host) {
            Ok(blob) => blobs.push(blob),
            Err(mut error) => problems.0.append(&mut error.0),
        }
    }
    problems.into_result()?;
    Ok(blobs)
}

/// What the lock is to say of them.
pub(crate) fn locked(profile: &Profile, arch: Arch, payloads: &Payloads, cache: &Cache) -> Vec<LockedPayload> {
    let lock = |(payload, Taken { blob, .. }): (&Payload, &Taken)| {
        let url = payload.source_for(arch)?.url().map(str::to_owned);
        // What was taken in lies under its digest.
        let sha256 = cache.sha256_of(blob)?;
        Some(LockedPayload { name: payload.name.value.clone(), url, size: blob.size, sha256 })
    };
    let mut payloads: Vec<LockedPayload> = profile.payloads.iter().zip(&payloads.taken).filter_map(lock).collect();
    payloads.sort_by(|a, b| a.name.cmp(&b.name));
    payloads
}

fn take_in_one(
    payload: &Payload,
    source: &Source,
    locked: Option<&LockedPayload>,
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
) -> Result<Blob, Problems> {
    let named = source.origin();
    let (path, sha256, from) = match source {
        Source::Url { url, sha256 } => {
            let (name, size) = (payload.name.value.as_str(), locked.map(|locked| locked.size));
            let file = RemoteFile { name, url: &url.value, size, sha256: sha256.value };
            let fetched = cache.ensure_file(&file, host.transport, options.offline, host.progress);
            let placed = |error| PayloadError::Fetch { named: named.clone(), sha256: sha256.origin.clone(), error };
            return fetched.map_err(|error| placed(error).into());
        }
        Source::File { path, sha256, from } => (&path.value, sha256, from),
    };
    let unreadable = |error: io::Error| PayloadError::Unreadable {
        named: named.clone(),
        path: path.clone(),
        from: from.as_ref().map(|from| from.value.clone()),
        source: error,
    };
    let found = host.sources.open(path).and_then(|mut file| digest(&mut *file)).map_err(unreadable)?;
    let expectations = [
        sha256.as_ref().map(|wanted| (wanted.value, &wanted.origin, false)),
        locked.map(|locked| (locked.sha256, &payload.name.origin, true)),
    ];
    for (wanted, place, from_lock) in expectations.into_iter().flatten() {
        if wanted != found {
            let (name, place) = (payload.name.value.clone(), place.clone());
            return Err(PayloadError::Digest { name, place, wanted, found, from_lock }.into());
        }
    }
    // A large file that was taken in before is not copied once more.
    match cache.file(&found)? {
        Some(blob) => Ok(blob),
        None => {
            let mut file = host.sources.open(path).map_err(unreadable)?;
            let blob = cache.insert(&mut *file).map_err(AssembleError::Store)?;
            // Somebody may be writing it meanwhile.
            match cache.sha256_of(&blob) {
                Some(taken) if taken == found => Ok(blob),
                _ => Err(unreadable(io::Error::other("it changes while it is read")).into()),
            }
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::Unreadable { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "payload `{}` was not found", path.display())
            }
            PayloadError::Unreadable { path, source, .. } => {
                write!(f, "payload `{}` cannot be read: {source}", path.display())
            }
            PayloadError::Digest { name, wanted, found, from_lock, .. } => {
                let who = if *from_lock { "the lock" } else { "the profile" };
                write!(f, "payload `{name}` has sha256 `{found}`, {who} says `{wanted}`")
            }
            PayloadError::Fetch { error, .. } => error.fmt(f),
            PayloadError::Bundle { name, error, .. } => write!(f, "payload `{name}`: {error}"),
            PayloadError::BundleArchitecture { name, arch, images, .. } => match images.as_slice() {
                [image] => write!(f, "payload `{name}` has image `{}`, but not for {arch}", image.name),
                images => write!(f, "payload `{name}` has {} images that are not for {arch}", images.len()),
            },
        }
    }
}

impl std::error::Error for PayloadError {}

impl Explain for PayloadError {
    fn subject(&self) -> Subject {
        Subject::Profile(match self {
            PayloadError::Unreadable { named, .. } => named.clone(),
            PayloadError::Digest { place, .. } => place.clone(),
            PayloadError::Fetch { sha256, error: FetchError::Digest { .. }, .. } => sha256.clone(),
            PayloadError::Fetch { error: FetchError::Disk { .. }, .. } => return Subject::Host,
            PayloadError::Bundle { error: OpenError::Host { .. }, .. } => return Subject::Host,
            PayloadError::Fetch { named, .. }
            | PayloadError::Bundle { named, .. }
            | PayloadError::BundleArchitecture { named, .. } => named.clone(),
        })
    }

    fn label(&self) -> Option<String> {
        Some(
            match self {
                PayloadError::Unreadable { .. } => "named here",
                PayloadError::Digest { from_lock: true, .. } => "this payload",
                PayloadError::Digest { .. } | PayloadError::Fetch { error: FetchError::Digest { .. }, .. } => {
                    "expected here"
                }
                PayloadError::Fetch { error: FetchError::Payload { .. }, .. }
                | PayloadError::Bundle { .. }
                | PayloadError::BundleArchitecture { .. } => "this file",
                PayloadError::Fetch { .. } => "this address",
            }
            .to_owned(),
        )
    }

    fn notes(&self) -> Vec<Note> {
        match self {
            PayloadError::Fetch { error, .. } => error.notes(),
            PayloadError::BundleArchitecture { images, .. } => {
                let text = |image: &BundledImage| match image.platforms.as_slice() {
                    [] => format!("image `{}` is for no platform", image.name),
                    platforms => format!("image `{}` is for {}", image.name, platforms.join(", ")),
                };
                let shown = images.iter().take(SHOWN).map(text);
                shown.map(|text| Note { text, subject: Subject::Host }).collect()
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            PayloadError::Unreadable { path, from, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                let path = path.display();
                match from {
                    Some(from) => format!("get it from {from} and put it at `{path}`"),
                    None => format!("put it at `{path}`, or correct the path"),
                }
            }
            PayloadError::Unreadable { .. } => "it must be a file that you may read".to_owned(),
            PayloadError::Digest { from_lock: true, .. } => {
                "if the new file is the one you want, run `rootsmith lock` again".to_owned()
            }
            PayloadError::Digest { .. } => "put the file with that digest in place, or correct `sha256`".to_owned(),
            PayloadError::Bundle { error: OpenError::Unsupported { .. } | OpenError::Host { .. }, .. } => return None,
            PayloadError::Bundle { .. } => {
                "get it again: it must be an OCI archive, as `k0s airgap bundle-artifacts`, `ctr image export` and \
                 `skopeo copy … oci-archive:` write it"
                    .to_owned()
            }
            PayloadError::BundleArchitecture { arch, .. } => format!(
                "take the bundle for {arch}, or build the image for another architecture: `image.arch`, `--arch`"
            ),
            PayloadError::Fetch { error, .. } => match error {
                FetchError::Unreachable { .. } => {
                    "check the network and the proxy variables; or download it, and name the file with `path`".to_owned()
                }
                FetchError::NotFound { .. } => "correct the address".to_owned(),
                FetchError::Refused { .. } => {
                    "try later, or download it and name the file with `path`".to_owned()
                }
                FetchError::Digest { .. } | FetchError::Size { .. } => {
                    "the server or a proxy hands out another file than the profile or the lock names: compare it with what \
                     its makers publish; if it was rightly replaced, correct `sha256` and run `rootsmith lock`"
                        .to_owned()
                }
                error => return error.help(),
            },
        };
        Some(text)
    }

    fn blame(&self) -> Blame {
        match self {
            PayloadError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Blame::Host,
            PayloadError::Unreadable { .. } | PayloadError::Digest { .. } => Blame::Inputs,
            PayloadError::Fetch { error, .. } => error.blame(),
            PayloadError::Bundle { error, .. } => error.blame(),
            PayloadError::BundleArchitecture { .. } => Blame::Inputs,
        }
    }
}
