//! A whole build, step by step.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_assemble::{Assembly, Package, drop_paths, embed, overlay, unpack};
use rootsmith_configure::{configure, enable_services};
use rootsmith_fetch::{Cache, Download};
use rootsmith_lock::{Lock, Role, Target};
use rootsmith_output::{DiskIds, DiskInput, OutputError, Staging, write_disk, write_tar};
use rootsmith_preflight::{Facts, Report, Verdict};
use rootsmith_profile::{Disk, OutputKind, Profile};
use rootsmith_tree::Tree;
use rootsmith_types::{Arch, NumBytes, Problems, Sha256Digest, UnixTime};

use crate::bootable;
use crate::check::{self, Wanted};
use crate::places::{Failure, Places};
use crate::report::{self, MANIFEST, MadeFile, Summary};
use crate::target::{arch_of, check_lock, resolve_target};
use crate::timer::Timer;
use crate::{Host, Options};

/// A build that succeeded.
#[derive(Debug)]
pub struct Built {
    /// What was made.
    pub summary: Summary,
    /// What it was made of.
    pub target: Target,
}

/// Builds every output of the profile for one architecture into `outputs/NAME-ARCH/`.
///
/// `lock` is used when it is there and answers what the profile asks; a stale one is an error when `locked`, and resolved
/// anew in memory otherwise.
pub fn build(
    profile: &Profile,
    lock: Option<&Lock>,
    locked: bool,
    options: &Options,
    host: Host<'_>,
) -> Result<Built, Failure> {
    let mut places = Places::of(profile);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    let result = match pool {
        Ok(pool) => pool.install(|| run(profile, lock, locked, options, host, &mut places)),
        Err(error) => Err(threads(error)),
    };
    result.map_err(|problems| Failure { problems, places })
}

fn run(
    profile: &Profile,
    lock: Option<&Lock>,
    locked: bool,
    options: &Options,
    host: Host<'_>,
    places: &mut Places,
) -> Result<Built, Problems> {
    let mut timer = Timer::new(host.clock);
    let arch = arch_of(profile, options)?;
    let name = format!("{}-{arch}", profile.image.name.value);
    let cache = Cache::open(&options.cache)?;

    let mut notes = Vec::new();
    let target = match lock.map(|lock| check_lock(profile, arch, lock)) {
        Some(Ok(target)) => target,
        Some(Err(stale)) if locked => return Err(stale),
        Some(Err(stale)) => {
            notes.push(format!("packages were resolved anew: {stale}; `rootsmith lock` pins them again"));
            resolve_target(profile, arch, &cache, options, host)?
        }
        None => resolve_target(profile, arch, &cache, options, host)?,
    };
    places.learn(&target);
    timer.lap("lock");

    let packages = fetch(&target, &cache, options, host, &mut timer)?;
    let (boot_packages, packages): (Vec<Package>, Vec<Package>) =
        packages.into_iter().partition(|package| package.locked.role == Role::Boot);
    let date = target.repositories.iter().map(|repository| repository.date).max().unwrap_or(0);

    let mut assembly = unpack(profile, &packages, date)?;
    places.owners = assembly.owners.clone();
    timer.lap("assemble");

    let input = rootsmith_configure::Input { profile, packages: &packages, arch, date };
    let scripts = configure(&mut assembly, &input, &cache)?;
    timer.lap("configure");

    let kernel = bootable::prepare_kernel(&mut assembly, profile, &cache, date)?;
    timer.lap("kernel");

    let ids = DiskIds::derive(&seed(&target, &name));
    // The loader of profiles lets one disk through.
    let disk = profile.outputs.iter().find_map(|output| match &output.kind {
        OutputKind::Disk(disk) => Some(disk),
        OutputKind::Tar => None,
    });
    if let Some(disk) = disk {
        bootable::prepare_disk(&mut assembly, disk, &ids, date)?;
    }
    drop_paths(&mut assembly, profile);
    overlay(&mut assembly, profile, host.sources, date)?;
    embed(&mut assembly, profile, &target.payloads, arch, host.sources, &cache, date)?;
    enable_services(&mut assembly, &input, &cache)?;
    places.owners = assembly.owners.clone();
    timer.lap("overlay");

    let esp = match (disk, &kernel) {
        (Some(disk), Some(kernel)) => {
            let (tree, packages, ids) = (&assembly.tree, boot_packages.as_slice(), &ids);
            let files = bootable::BootFiles { profile, disk, tree, kernel, packages, ids, arch, date };
            Some(bootable::esp_tree(&files, &cache)?)
        }
        _ => None,
    };
    timer.lap("boot files");

    let sets = rootsmith_preflight::Wanted::of_profile(profile);
    let facts = Facts { tree: &assembly.tree, blobs: &cache, arch, boot: None };
    judge(&rootsmith_preflight::check(&facts, Some(profile), &sets)?)?;
    timer.lap("preflight");

    let staging = Staging::open(&options.outputs, &name)?;
    let work = Work { profile, arch, name: &name, assembly: &assembly, esp: esp.as_ref(), ids, date, cache: &cache };
    let (files, checked) = work.write_all(&staging, options.jobs, host)?;
    timer.lap("write and verify");
    // A profile without a disk has nothing to read partitions from: the tree is what was judged.
    let preflight = match checked {
        Some(report) => report,
        None => rootsmith_preflight::check(&facts, Some(profile), &sets)?,
    };
    judge(&preflight)?;

    let manifest = report::manifest(&profile.image.name.value, arch, &files, &target, &scripts);
    write_text(&staging, "preflight.json", &preflight.to_json())?;
    write_text(&staging, MANIFEST, &manifest)?;
    let stale =
        std::fs::read(staging.target().join(MANIFEST)).map(|text| report::outputs_of(&text)).unwrap_or_default();
    timer.lap("report");
    write_text(&staging, "timings.json", &report::timings(timer.steps(), timer.total()))?;
    let folder = staging.target().to_owned();
    staging.publish(MANIFEST, &stale)?;

    let mut summary = summarise(folder, files, &assembly, &packages, &scripts, &preflight);
    (summary.notes, summary.time) = (notes, timer.total());
    Ok(Built { summary, target })
}

/// Downloads what is missing and opens the unpacked form of every package.
fn fetch(
    target: &Target,
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
    timer: &mut Timer<'_>,
) -> Result<Vec<Package>, Problems> {
    let downloads: Vec<Download<'_>> = target.packages.iter().map(|package| Download { package }).collect();
    cache.ensure(&downloads, &options.mirrors, host.transport, options.offline, host.progress)?;
    timer.lap("fetch");
    let unpacked = cache.unpack_all(&target.packages, host.progress)?;
    timer.lap("unpack");
    let packages = target.packages.iter().zip(unpacked);
    Ok(packages.map(|(locked, (unpacked, pack))| Package { locked: locked.clone(), unpacked, pack }).collect())
}

/// Everything the outputs are made from.
struct Work<'a> {
    profile: &'a Profile,
    arch: Arch,
    name: &'a str,
    assembly: &'a Assembly,
    esp: Option<&'a Tree>,
    ids: DiskIds,
    date: UnixTime,
    cache: &'a Cache,
}

impl Work<'_> {
    /// Writes and verifies every output; outputs run beside each other.
    fn write_all(
        &self,
        staging: &Staging,
        jobs: usize,
        host: Host<'_>,
    ) -> Result<(Vec<MadeFile>, Option<Report>), Problems> {
        let results: Vec<Result<(MadeFile, Option<Report>), Problems>> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .profile
                .outputs
                .iter()
                .map(|output| {
                    scope.spawn(move || match &output.kind {
                        OutputKind::Disk(disk) => {
                            self.disk(disk, staging, host).map(|(file, report)| (file, Some(report)))
                        }
                        OutputKind::Tar => self.tar(staging, jobs, host).map(|file| (file, None)),
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut problems = Problems(Vec::new());
        let mut files = Vec::new();
        let mut report = None;
        for result in results {
            match result {
                Ok((file, checked)) => {
                    files.push(file);
                    report = report.or(checked);
                }
                Err(mut error) => problems.0.append(&mut error.0),
            }
        }
        problems.into_result()?;
        Ok((files, report))
    }

    fn disk(&self, disk: &Disk, staging: &Staging, host: Host<'_>) -> Result<(MadeFile, Report), Problems> {
        let name = format!("{}.img", self.name);
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let empty = Tree::new(rootsmith_tree::Metadata::root(0o755, self.date));
        let esp = self.esp.unwrap_or(&empty);
        let root = &self.assembly.tree;
        let input = DiskInput { disk, arch: self.arch, root, esp, blobs: self.cache, ids: self.ids, date: self.date };
        let layout = write_disk(&input, &file, &path)?;
        host.progress.finished(&shown);

        let shown = format!("verifying {name}");
        host.progress.started(&shown, None);
        let wanted = Wanted {
            file: &name,
            profile: self.profile,
            disk,
            ids: self.ids,
            root,
            esp,
            cache: self.cache,
            arch: self.arch,
            root_available: layout.root_available,
        };
        let (report, digest) = rayon::join(|| check::check_disk(&wanted, &file), || digest_of(&path));
        host.progress.finished(&shown);
        let sha256 = digest?;
        Ok((MadeFile { name, size: layout.size, written: layout.written, sha256 }, report?))
    }

    fn tar(&self, staging: &Staging, jobs: usize, host: Host<'_>) -> Result<MadeFile, Problems> {
        let name = format!("{}.rootfs.tar.zst", self.name);
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let workers = u32::try_from(jobs).unwrap_or(1);
        let (size, sha256) = write_tar(&self.assembly.tree, self.cache, workers, &file, &path)?;
        check::check_tar(&name, &file, size.get(), &self.assembly.tree, self.cache)?;
        host.progress.finished(&shown);
        Ok(MadeFile { name, size, written: size, sha256 })
    }
}

/// All identifiers follow from what the image is made of and what it is called.
fn seed(target: &Target, name: &str) -> Sha256Digest {
    let mut input = target.digest().as_bytes().to_vec();
    input.extend_from_slice(name.as_bytes());
    Sha256Digest::of(&input)
}

fn judge(report: &Report) -> Result<(), Problems> {
    report.failures().into_result()
}

fn digest_of(path: &Path) -> Result<Sha256Digest, Problems> {
    let read = || File::open(path).and_then(|file| check::digest(&file));
    read().map_err(|source| OutputError::Io { path: path.to_owned(), doing: "read back", source }.into())
}

fn write_text(staging: &Staging, name: &str, text: &str) -> Result<(), Problems> {
    let (mut file, path) = staging.create(name)?;
    file.write_all(text.as_bytes()).map_err(|source| OutputError::write(path, source).into())
}

fn threads(error: rayon::ThreadPoolBuildError) -> Problems {
    OutputError::Io { path: PathBuf::from("threads"), doing: "start", source: std::io::Error::other(error) }.into()
}

fn summarise(
    folder: PathBuf,
    files: Vec<MadeFile>,
    assembly: &Assembly,
    packages: &[Package],
    scripts: &rootsmith_configure::Report,
    preflight: &Report,
) -> Summary {
    let [nothing, snippets, modelled, _] = scripts.counts();
    let verdicts =
        |verdict: &dyn Fn(&Verdict) -> bool| preflight.findings.iter().filter(|f| verdict(&f.verdict)).count();
    let contents = assembly.tree.walk().filter_map(|entry| entry.node.content().map(rootsmith_tree::Content::size));
    Summary {
        folder,
        files,
        packages: packages.len(),
        entries: assembly.tree.walk().count(),
        content: NumBytes::new(contents.sum()),
        scripts: [nothing, snippets, modelled],
        ignored_scripts: scripts.ignored().map(|(name, reason)| (name.to_string(), reason.to_owned())).collect(),
        preflight: [
            verdicts(&|verdict| matches!(verdict, Verdict::Pass)),
            verdicts(&|verdict| matches!(verdict, Verdict::Warning)),
            verdicts(&|verdict| matches!(verdict, Verdict::Accepted(_))),
        ],
        warnings: preflight
            .warnings()
            .map(|finding| format!("{}: {}", finding.check, finding.evidence.first().unwrap_or(&finding.title)))
            .collect(),
        notes: Vec::new(),
        time: Duration::ZERO,
    }
}
