//! From a profile to everything its image is made of.

use rayon::prelude::*;
use rootsmith_fetch::Cache;
use rootsmith_fetch::repository::{Repository, refresh};
use rootsmith_lock::{Archive, Lock, Role, Scope, Target, Wanted, WantedPayload, Why};
use rootsmith_package::{Index, Record};
use rootsmith_profile::{Disk, Pocket, Profile};
use rootsmith_resolve::{Request, Resolved, resolve};
use rootsmith_signature::Keyring;
use rootsmith_types::{Arch, PackageName, Problems, Sources};

use crate::boot_files::boot_packages;
use crate::inputs::InputError;
use crate::kernel_source;
use crate::payloads::{self, Payloads};
use crate::places::{Failure, Places};
use crate::prepare::disk;
use crate::repository::placed;
use crate::{Host, Options};

/// Where it is not installed, it is taken apart for the distribution's name.
const SKELETON_PACKAGE: &str = "base-files";

/// Resolves the profile for one architecture and pins the result; other architectures of `previous` stay as they are.
pub fn lock(profile: &Profile, previous: Option<&Lock>, options: &Options, host: Host<'_>) -> Result<Lock, Failure> {
    let places = Places::of(profile);
    let work = || {
        let arch = arch_of(profile, options)?;
        let cache = Cache::open(&options.cache)?;
        let payloads = payloads::prepare(profile, arch, &[], &cache, options, host)?;
        let target = resolve_target(profile, arch, &payloads, &cache, options, host)?;
        let mut lock = previous.cloned().unwrap_or_default();
        lock.targets.insert(arch, target);
        Ok(lock)
    };
    work().map_err(|problems| Failure { problems, places })
}

pub(crate) fn arch_of(profile: &Profile, options: &Options) -> Result<Arch, Problems> {
    let first = profile.image.arch.first().map(|arch| arch.value);
    options.arch.or(first).ok_or_else(|| InputError::NoArchitecture.into())
}

/// What the profile asks of a lock.
pub(crate) fn check_lock(profile: &Profile, arch: Arch, lock: &Lock) -> Result<Target, Problems> {
    let target = lock.targets.get(&arch).ok_or(InputError::NotLocked { arch })?;
    let requests: Vec<PackageName> = requests(profile, arch).into_iter().map(|request| request.name).collect();
    let repositories = repositories(profile);
    let suites: Vec<(Archive, &str)> =
        repositories.iter().map(|repository| (repository.archive, repository.suite.as_str())).collect();
    let payloads: Vec<WantedPayload<'_>> = profile
        .payloads
        .iter()
        .filter_map(|payload| {
            let source = payload.source_for(arch)?;
            let sha256 = source.sha256().map(|sha256| sha256.value);
            Some(WantedPayload { name: &payload.name.value, url: source.url(), sha256 })
        })
        .collect();
    let built_of = kernel_source::requests(profile, arch);
    let boot = disk(profile).into_iter().flat_map(|disk| boot_packages(profile, disk)).map(|(name, _)| name);
    let boot: Vec<&str> = boot.chain(built_of.iter().map(|request| request.name.as_str())).collect();
    let (requests, suites, payloads, boot) = (&requests, &suites, &payloads, &boot);
    target.satisfies(&Wanted { requests, scope: scope(profile), suites, payloads, boot })?;
    Ok(target.clone())
}

/// Reads the repositories as they are now and resolves. What packages among the payloads need comes along.
pub(crate) fn resolve_target(
    profile: &Profile,
    arch: Arch,
    taken: &Payloads,
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
) -> Result<Target, Problems> {
    let keyring = keyring(profile, host)?;
    let repositories = repositories(profile);
    let results: Vec<_> = repositories
        .par_iter()
        .map(|repository| {
            let (mirrors, via, progress) = (&options.mirrors, host.transport, host.progress);
            refresh(cache, repository, arch, mirrors, via, &keyring, options.now, options.offline, progress)
        })
        .collect();
    let mut problems = Problems(Vec::new());
    let mut refreshed = Vec::new();
    for (repository, result) in repositories.iter().zip(results) {
        match result {
            Ok(fresh) => refreshed.push(fresh),
            Err(error) => problems.0.push(placed(error, &profile.distribution, repository)),
        }
    }
    problems.into_result()?;

    let mut builder = Index::builder();
    let mut locked_repositories = Vec::new();
    for (number, fresh) in refreshed.into_iter().enumerate() {
        locked_repositories.push(fresh.locked);
        for (_, text) in fresh.packages {
            builder.add(number, text.into_bytes())?;
        }
    }
    // Packages among the payloads are one repository more, whose packages count alone.
    let own = repositories.len();
    if !taken.index().is_empty() {
        builder.add(own, taken.index().as_bytes().to_vec())?;
        builder.prefer(own);
    }
    let index = builder.finish()?;
    let requests = requests(profile, arch);
    let mut wanted = requests.clone();
    let own_requests = taken.packages.iter();
    wanted.extend(own_requests.map(|it| Request { name: it.locked.name.clone(), origin: Some(it.origin.clone()) }));
    let resolution = resolve(&wanted, &index, arch, scope(profile))?;
    let archive = |record: Record<'_>| repositories[record.repository()].archive;
    let mut packages = Vec::new();
    for resolved in resolution.packages.iter().filter(|resolved| resolved.record.repository() != own) {
        packages.push(resolved.locked(Role::Root, archive(resolved.record))?);
    }
    let mut boot = disk(profile).map_or_else(Vec::new, |disk| boot_packages(profile, disk));
    if packages.iter().all(|package| package.name != *SKELETON_PACKAGE) {
        boot.push((SKELETON_PACKAGE, None));
    }
    for (name, asked) in boot {
        // One that comes as a payload is for the root file system.
        let fits = |record: &Record<'_>| record.is_for(arch) && record.repository() != own;
        let newest = index.candidates(name).filter(fits).max_by_key(|record| record.version());
        let record = newest.ok_or_else(|| match asked {
            Some(asked) => InputError::NoBoardPackage { origin: asked.origin.clone(), package: asked.value.clone() },
            None => InputError::NoBootPackage { name: name.to_owned() },
        })?;
        packages.push(Resolved { record, why: Why::Builder }.locked(Role::Boot, archive(record))?);
    }
    let built_of = kernel_source::requests(profile, arch);
    if !built_of.is_empty() {
        for resolved in resolve(&built_of, &index, arch, Scope::Named)?.packages {
            let package = resolved.locked(Role::Boot, archive(resolved.record))?;
            if !packages.iter().any(|there| (there.role, &there.name) == (package.role, &package.name)) {
                packages.push(package);
            }
        }
    }
    packages.sort_by(|a, b| (a.role, &a.name).cmp(&(b.role, &b.name)));
    let mut names: Vec<PackageName> = requests.into_iter().map(|request| request.name).collect();
    names.sort();
    names.dedup();
    Ok(Target {
        requests: names,
        scope: scope(profile),
        repositories: locked_repositories,
        packages,
        payloads: payloads::locked(profile, arch, taken, cache),
    })
}

fn requests(profile: &Profile, arch: Arch) -> Vec<Request> {
    let kernel = profile.kernel.as_ref().and_then(|kernel| kernel.package_for(arch));
    let included = profile.packages.include.iter();
    let named =
        included.chain(kernel).map(|name| Request { name: name.value.clone(), origin: Some(name.origin.clone()) });
    // The initramfs takes it out of the image.
    let verity = disk(profile).and_then(Disk::verity);
    // systemd-sysupdate with what downloads for it, and what says that a boot was good.
    let slots = disk(profile).and_then(Disk::slots);
    let brought = verity.map(|asked| ("dmsetup", asked)).into_iter();
    let brought =
        brought.chain(slots.into_iter().flat_map(|asked| [("systemd-container", asked), ("systemd-boot", asked)]));
    let brought =
        brought.filter_map(|(name, asked)| Some(Request { name: name.parse().ok()?, origin: Some(asked.clone()) }));
    named.chain(brought).collect()
}

fn scope(profile: &Profile) -> Scope {
    match (profile.packages.essential, profile.packages.dependencies) {
        (true, _) => Scope::System,
        (false, true) => Scope::Dependencies,
        (false, false) => Scope::Named,
    }
}

fn repositories(profile: &Profile) -> Vec<Repository> {
    let suite = &profile.distribution.suite.value;
    let components: Vec<String> =
        profile.distribution.components.iter().map(|component| component.value.clone()).collect();
    let repository = |archive, suite: String| Repository { archive, suite, components: components.clone() };
    let mut repositories = vec![repository(Archive::Main, suite.clone())];
    for pocket in &profile.distribution.pockets {
        repositories.push(match pocket.value {
            Pocket::Updates => repository(Archive::Main, format!("{suite}-updates")),
            Pocket::Security => repository(Archive::Security, format!("{suite}-security")),
        });
    }
    repositories
}

fn keyring(profile: &Profile, host: Host<'_>) -> Result<Keyring, Problems> {
    let Some(path) = &profile.distribution.signed_by else { return Ok(Keyring::debian()) };
    let unusable =
        |reason: String| InputError::Keyring { origin: path.origin.clone(), path: path.value.clone(), reason };
    let data = host.sources.read(&path.value).map_err(|error| unusable(error.to_string()))?;
    Ok(Keyring::parse(&data).map_err(|error| unusable(error.to_string()))?)
}
