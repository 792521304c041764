//! A whole build, step by step.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use rootsmith_assemble::{AssembleError, Assembly, Package};
use rootsmith_configure::identity_plan;
use rootsmith_fetch::Cache;
use rootsmith_lock::{Lock, Target};
use rootsmith_output::{
    DiskFile, DiskLayout, OciInput, OutputError, Staging, for_root, for_squashfs, release, write_cpio, write_disk,
    write_erofs, write_oci, write_squashfs, write_tar,
};
use rootsmith_preflight::{Report, Wanted};
use rootsmith_profile::{Cpio, Disk, DiskFormat, Erofs, Oci, OutputKind, Profile, RootFilesystem, Squashfs};
use rootsmith_tree::{Node, Tree, TreeError};
use rootsmith_types::{Arch, NumBytes, Problems, STEP, Sha256Digest};

use crate::boot_files::MAX_IMAGE;
use crate::bootable::{IndexedKernel, tree_error};
use crate::check;
use crate::container;
use crate::follow::{Step, follow};
use crate::formats::{self, Formatted};
use crate::inputs::InputError;
use crate::layers::layers;
use crate::netboot;
use crate::places::{Failure, Places};
use crate::prepare::{Prepared, name, pinned, prepare, resolve};
use crate::report::{self, GENERATOR, MANIFEST, MadeFile, Summary};
use crate::scripts::Scripts;
use crate::slots;
use crate::target::arch_of;
use crate::timer::Timer;
use crate::trace::TRACE_FILE;
use crate::unchanged::{Programs, Question};
use crate::verdict::{Judge, Verdict};
use crate::{Host, Options};

/// A build that succeeded.
#[derive(Debug)]
pub struct Built {
    /// What was made.
    pub summary: Summary,
    /// What it was made of.
    pub target: Target,
}

/// How a build ended well.
#[derive(Debug)]
pub enum Outcome {
    /// The outputs were made.
    Built(Box<Built>),
    /// They would come out as they are: they are what an earlier build made of the same inputs.
    Unchanged {
        /// `outputs/NAME-ARCH`.
        folder: PathBuf,
        /// What the person who ran it should know besides.
        note: Option<String>,
    },
}

/// Builds every output of the profile for one architecture into `outputs/NAME-ARCH/`, unless that is what is there.
///
/// `lock` is used when it is there and answers what the profile asks; a stale one is an error when `locked`, and resolved
/// anew in memory otherwise.
pub fn build(
    profile: &Profile,
    lock: Option<&Lock>,
    locked: bool,
    options: &Options,
    host: Host<'_>,
) -> Result<Outcome, Failure> {
    let mut places = Places::of(profile);
    run(profile, lock, locked, options, host, &mut places).map_err(|problems| Failure { problems, places })
}

/// A profile that was judged without building its outputs.
pub struct Judged {
    /// What came out.
    pub report: Report,
    /// The architecture it was judged for.
    pub arch: Arch,
    /// The sets it was judged by.
    pub sets: Vec<Wanted>,
    /// The root file system as it would be.
    pub tree: Tree,
    /// Its contents.
    pub cache: Cache,
    /// How the packages' maintainer scripts were dealt with.
    pub scripts: Scripts,
}

/// Judges what [`build`] would make, by `sets` or by those that the profile names. Nothing is written but the cache.
pub fn preflight(
    profile: &Profile,
    lock: Option<&Lock>,
    sets: Option<&[Wanted]>,
    options: &Options,
    host: Host<'_>,
) -> Result<Judged, Failure> {
    let mut places = Places::of(profile);
    let judge = |places: &mut Places| {
        let cache = Cache::open(&options.cache)?;
        let mut timer = Timer::new(host);
        let arch = arch_of(profile, options)?;
        let (pinned, stale) = pinned(profile, arch, lock, false)?;
        let resolved = resolve(profile, arch, pinned, options, host, &cache, places, &mut timer)?;
        let prepared = prepare(profile, resolved, stale, options, host, &cache, places, &mut timer)?;
        let sets = sets.map_or_else(|| Wanted::of_profile(profile), <[Wanted]>::to_vec);
        let report = prepared.preflight(profile, &sets, &cache)?;
        let scripts = Scripts::of(&prepared.scripts);
        Ok(Judged { report, arch: prepared.arch, sets, tree: prepared.assembly.tree, cache, scripts })
    };
    judge(&mut places).map_err(|problems| Failure { problems, places })
}

fn run(
    profile: &Profile,
    lock: Option<&Lock>,
    locked: bool,
    options: &Options,
    host: Host<'_>,
    places: &mut Places,
) -> Result<Outcome, Problems> {
    let mut timer = Timer::new(host);
    let cache = Cache::open(&options.cache)?;
    let programs = Programs::new(host.processes);
    let host = Host { processes: &programs, ..host };
    let arch = arch_of(profile, options)?;
    let question = Question::new(&name(profile, arch), &cache, options, host);
    let (pinned, stale) = pinned(profile, arch, lock, locked)?;
    if pinned.as_ref().is_some_and(|target| question.is_answered(target)) {
        timer.lap("unchanged");
        return Ok(Outcome::Unchanged { folder: question.folder, note: stale });
    }
    let is_pinned = pinned.is_some();
    let resolved = resolve(profile, arch, pinned, options, host, &cache, places, &mut timer)?;
    if !is_pinned && question.is_answered(&resolved.target) {
        timer.lap("unchanged");
        return Ok(Outcome::Unchanged { folder: question.folder, note: stale });
    }
    let prepared = thread::scope(|scope| {
        scope.spawn(|| release(&options.outputs, &name(profile, arch)));
        prepare(profile, resolved, stale, options, host, &cache, places, &mut timer)
    })?;
    let sets = Wanted::of_profile(profile);
    let staging = Staging::open(&options.outputs, &prepared.name)?;
    let verdict = Verdict::default();
    let work = Work { profile, prepared: &prepared, cache: &cache, verdict: &verdict };
    let (judged, written) = thread::scope(|scope| {
        let written = scope.spawn(|| work.write_all(&staging, options.jobs, host));
        let judge = Judge(&verdict);
        let judged = prepared.preflight(profile, &sets, &cache).and_then(|report| failures(&report));
        verdict.say(judged.is_ok());
        drop(judge);
        timer.lap("preflight");
        (judged, joined(written))
    });
    // What it says is why writing ended, if it did.
    judged?;
    let (files, checked) = written?;
    timer.lap("write and verify");
    // A profile without a disk has nothing to read partitions from: the tree is what was judged.
    let preflight = match checked {
        Some(report) => report,
        None => prepared.preflight(profile, &sets, &cache)?,
    };
    failures(&preflight)?;

    let Prepared { arch, target, assembly, packages, scripts, notes, .. } = prepared;
    let identity = identity_plan(&assembly.tree, profile);
    let manifest = report::manifest(&profile.image.name.value, arch, &files, &target, &identity, &scripts);
    let texts = [("preflight.json", preflight.to_json()), (MANIFEST, manifest)];
    let texts = texts.map(|(name, text)| write_file(&staging, name.to_owned(), text.as_bytes()));
    let mut published = files.clone();
    for text in texts {
        published.push(text?);
    }
    let mut stale =
        std::fs::read(staging.target().join(MANIFEST)).map(|text| report::outputs_of(&text)).unwrap_or_default();
    // It is written when all is over, and only where it was asked for.
    stale.push(TRACE_FILE.to_owned());
    timer.lap("report");
    let timings = report::timings(timer.steps(), timer.total());
    write_file(&staging, "timings.json".to_owned(), timings.as_bytes())?;
    let folder = staging.target().to_owned();
    // Where a file gives its blocks back, its new name waits for the disk: there is time to read the program.
    let program = thread::scope(|scope| {
        let program = scope.spawn(|| question.program());
        let _span = host.trace.span(STEP, "publish");
        staging.publish(&[slots::SUMS, MANIFEST], &stale)?;
        Ok::<_, Problems>(joined(program))
    })?;
    if !programs.were_asked() {
        question.keep(&target, &published, program);
    }
    // Until here nobody else writes there.
    drop(staging);

    let mut notes = notes;
    notes.extend(left_out_of_squashfs(profile, &assembly.tree));
    notes.extend(netboot::left_out(profile, &assembly.tree));
    let mut summary = summarise(folder, files, &assembly, &packages, &scripts, &preflight);
    (summary.notes, summary.time) = (notes, timer.total());
    Ok(Outcome::Built(Box::new(Built { summary, target })))
}

/// The files of one output, and what preflight found on it where it is a disk.
type Output = (Vec<MadeFile>, Option<Report>);

/// Everything the outputs are made from.
struct Work<'a> {
    profile: &'a Profile,
    prepared: &'a Prepared,
    cache: &'a Cache,
    verdict: &'a Verdict,
}

impl Work<'_> {
    /// Writes and verifies every output; outputs run beside each other. All but the disk wait for the verdict.
    fn write_all(
        &self,
        staging: &Staging,
        jobs: usize,
        host: Host<'_>,
    ) -> Result<(Vec<MadeFile>, Option<Report>), Problems> {
        let results: Vec<Result<Output, Problems>> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .profile
                .outputs
                .iter()
                .map(|output| {
                    scope.spawn(move || match &output.kind {
                        OutputKind::Disk(disk) => {
                            self.disk(disk, staging, host).map(|(files, report)| (files, Some(report)))
                        }
                        _ if !self.verdict.wait() => Err(Problems(Vec::new())),
                        OutputKind::Tar => self.tar(staging, jobs, host).map(|file| (vec![file], None)),
                        OutputKind::Oci(oci) => self.oci(oci, staging, jobs, host).map(|file| (vec![file], None)),
                        OutputKind::Squashfs(squashfs) => {
                            self.squashfs(squashfs, staging, host).map(|file| (vec![file], None))
                        }
                        OutputKind::Erofs(erofs) => self.erofs(erofs, staging, host).map(|file| (vec![file], None)),
                        OutputKind::Cpio(cpio) => self.cpio(cpio, staging, jobs, host).map(|files| (files, None)),
                    })
                })
                .collect();
            threads.into_iter().map(joined).collect()
        });
        let mut problems = Problems(Vec::new());
        let mut files = Vec::new();
        let mut report = None;
        for result in results {
            match result {
                Ok((made, checked)) => {
                    files.extend(made);
                    report = report.or(checked);
                }
                Err(mut error) => problems.0.append(&mut error.0),
            }
        }
        problems.into_result()?;
        Ok((files, report))
    }

    /// The disk in each of its formats and, for whoever writes it to a card, its block map. The raw disk is written in any case: it is
    /// what is read back as a disk, and what the other files are compared with.
    fn disk(&self, disk: &Disk, staging: &Staging, host: Host<'_>) -> Result<(Vec<MadeFile>, Report), Problems> {
        let name = &self.prepared.name;
        let shown = format!("writing {}", formats::shown(name, disk));
        host.progress.started(&shown, None);
        let raw_name = format!("{name}.img");
        let keeps_raw = disk.format.iter().any(|format| format.value == DiskFormat::Raw);
        let (file, path) = match keeps_raw {
            true => staging.create(&raw_name)?,
            false => (staging.scratch()?, staging.target().join(&raw_name)),
        };
        let others = formats::create(name, disk, staging)?;
        let files: Vec<DiskFile<'_>> =
            others.iter().map(|other| DiskFile { format: other.format, file: &other.file }).collect();
        let input = self.prepared.disk_input(disk, self.cache, host.trace);
        // Only whoever gets the bytes as they are asks for their digest and their map.
        let is_mapped = disk.format.iter().any(|format| format.value.is_raw());
        let (layout, mapped, synced, (report, read)) = thread::scope(|scope| {
            let (steps, follower) = mpsc::channel();
            let mapped = is_mapped.then(|| {
                scope.spawn(|| {
                    let _span = host.trace.span("hash", &raw_name);
                    follow(&file, follower)
                })
            });
            // Where nobody follows, nobody listens.
            let tell = |step| drop(steps.send(step));
            let mut tell_and_ask = |bytes: Range<u64>| {
                tell(Step::Wrote(bytes));
                if self.verdict.is_against() { Err(io::Error::other("preflight failed")) } else { Ok(()) }
            };
            let span = host.trace.span("make", &raw_name);
            let layout = write_disk(&input, &file, &path, &files, &mut tell_and_ask)?;
            tell(Step::Done(layout.size.get()));
            drop(span);
            host.progress.finished(&shown);
            // It has to be on the medium before it gets its name: the way there is the longest.
            let synced = scope.spawn(|| {
                let _span = host.trace.span("sync", &raw_name);
                file.sync_all()
            });
            // One of the pool's threads waits for the digest, which is the longest of all: that leaves a core to it.
            let check = || self.check_disk(disk, &raw_name, (&file, &layout), &others, host);
            let (checked, mapped) = rayon::join(check, || mapped.map(joined));
            let mapped = mapped.transpose().map(Option::flatten);
            Ok::<_, Problems>((layout, mapped, joined(synced), checked))
        })?;
        synced.map_err(|source| OutputError::write(path.clone(), source))?;
        let mapped = mapped.map_err(|source| OutputError::Io { path, doing: "read back", source })?;
        let mut made = Vec::new();
        if let Some((map, sha256)) = mapped {
            if keeps_raw {
                let written = NumBytes::new(map.mapped());
                made.push(MadeFile { name: raw_name.clone(), size: layout.size, written, sha256 });
            }
            made.push(write_file(staging, format!("{raw_name}.bmap"), map.to_xml().as_bytes())?);
        }
        let report = report?;
        made.extend(read?);
        made.extend(slots::write(self.profile, self.prepared, disk, staging, self.cache)?);
        Ok((made, report))
    }

    /// Reads a disk back that was written as `layout` says, and its other formats beside it.
    fn check_disk(
        &self,
        disk: &Disk,
        raw_name: &str,
        (file, layout): (&File, &DiskLayout),
        others: &[Formatted],
        host: Host<'_>,
    ) -> (Result<Report, Problems>, Result<Vec<MadeFile>, Problems>) {
        let Prepared { arch, ids, ref name, .. } = *self.prepared;
        let shown = format!("verifying {}", formats::shown(name, disk));
        host.progress.started(&shown, None);
        let wanted = check::Wanted {
            file: raw_name,
            profile: self.profile,
            disk,
            ids,
            trees: self.prepared.trees(disk),
            made: self.prepared.made.as_ref(),
            raw: &self.prepared.raw,
            bios: self.prepared.bios.as_ref(),
            cache: self.cache,
            arch,
            rooms: &layout.rooms,
            brought: &self.prepared.brought,
            remembered: &self.prepared.remembered,
            trace: host.trace,
        };
        let checked =
            rayon::join(|| check::check_disk(&wanted, file), || formats::read_back(others, file, layout, host.trace));
        host.progress.finished(&shown);
        checked
    }

    fn tar(&self, staging: &Staging, jobs: usize, host: Host<'_>) -> Result<MadeFile, Problems> {
        let tree = &self.prepared.assembly.tree;
        let name = format!("{}.rootfs.tar.zst", self.prepared.name);
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let workers = u32::try_from(jobs).unwrap_or(1);
        let span = host.trace.span("make", &name);
        let (size, sha256) = write_tar(tree, self.cache, workers, &file, &path)?;
        drop(span);
        check::check_tar(&name, &file, size.get(), tree, self.cache, host.trace)?;
        host.progress.finished(&shown);
        Ok(MadeFile { name, size, written: size, sha256 })
    }

    fn oci(&self, oci: &Oci, staging: &Staging, jobs: usize, host: Host<'_>) -> Result<MadeFile, Problems> {
        let Prepared { arch, date, ref assembly, .. } = *self.prepared;
        let tree = &assembly.tree;
        let name = format!("{}.oci.tar", self.prepared.name);
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let workers = u32::try_from(jobs).unwrap_or(1);
        let split = match oci.layers {
            1 => Vec::new(),
            count => layers(tree, &assembly.owners, count).map_err(tree_error)?,
        };
        let layers = if split.is_empty() { std::slice::from_ref(tree) } else { &split };
        let input = OciInput { oci, arch, layers, blobs: self.cache, date, generator: GENERATOR };
        let span = host.trace.span("make", &name);
        let size = write_oci(&input, workers, &file, &path)?;
        drop(span);
        host.progress.finished(&shown);

        let shown = format!("verifying {name}");
        host.progress.started(&shown, None);
        let wanted = container::Wanted { file: &name, oci, arch, date, tree };
        let check = || {
            let _span = host.trace.span("verify", &name);
            container::check_image(&wanted, &file, size.get(), self.cache)
        };
        let (checked, digest) = rayon::join(check, || hashed(&name, &path, host));
        host.progress.finished(&shown);
        checked?;
        let sha256 = digest?;
        Ok(MadeFile { name, size, written: size, sha256 })
    }

    /// A file system that is never written to, on its own.
    fn read_only(
        &self,
        filesystem: RootFilesystem,
        write: impl Fn(&Tree, &File, &Path) -> Result<NumBytes, Problems>,
        staging: &Staging,
        host: Host<'_>,
    ) -> Result<MadeFile, Problems> {
        let tree = &self.prepared.assembly.tree;
        let name = format!("{}.{}", self.prepared.name, filesystem.name());
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let span = host.trace.span("make", &name);
        let size = write(&for_root(filesystem, tree), &file, &path)?;
        drop(span);
        host.progress.finished(&shown);

        let shown = format!("verifying {name}");
        host.progress.started(&shown, None);
        let check = || {
            let _span = host.trace.span("verify", &name);
            check::check_read_only(&name, &file, filesystem, tree, self.cache)
        };
        let (checked, digest) = rayon::join(check, || hashed(&name, &path, host));
        host.progress.finished(&shown);
        checked?;
        let sha256 = digest?;
        Ok(MadeFile { name, size, written: size, sha256 })
    }

    fn squashfs(&self, squashfs: &Squashfs, staging: &Staging, host: Host<'_>) -> Result<MadeFile, Problems> {
        let date = self.prepared.date;
        let write = |tree: &Tree, file: &File, path: &Path| {
            write_squashfs(squashfs, tree, self.cache, date, host.trace, file, path)
        };
        self.read_only(RootFilesystem::Squashfs, write, staging, host)
    }

    fn erofs(&self, erofs: &Erofs, staging: &Staging, host: Host<'_>) -> Result<MadeFile, Problems> {
        let Prepared { ref ids, date, .. } = *self.prepared;
        let uuid = ids.root_filesystem();
        let compression = erofs.compression.value;
        let write =
            |tree: &Tree, file: &File, path: &Path| write_erofs(compression, tree, self.cache, uuid, date, file, path);
        self.read_only(RootFilesystem::Erofs, write, staging, host)
    }

    /// What a machine is started from over the network: the kernel, the initramfs that is the whole system, and the words of the
    /// kernel's command line.
    fn cpio(&self, cpio: &Cpio, staging: &Staging, jobs: usize, host: Host<'_>) -> Result<Vec<MadeFile>, Problems> {
        let Prepared { arch, date, ref assembly, ref kernel, .. } = *self.prepared;
        let tree = netboot::for_cpio(&assembly.tree, date)?;
        let name = format!("{}.initrd.{}", self.prepared.name, cpio.compression.value.extension());
        let shown = format!("writing {name}");
        host.progress.started(&shown, None);
        let (file, path) = staging.create(&name)?;
        let workers = u32::try_from(jobs).unwrap_or(1);
        let span = host.trace.span("make", &name);
        let (size, sha256) = write_cpio(cpio, &tree, self.cache, workers, &file, &path)?;
        drop(span);
        host.progress.finished(&shown);

        let shown = format!("verifying {name}");
        host.progress.started(&shown, None);
        let span = host.trace.span("verify", &name);
        check::check_cpio(&name, &file, staging.folder(), &tree, self.cache)?;
        drop(span);
        host.progress.finished(&shown);
        let mut made = vec![MadeFile { name, size, written: size, sha256 }];

        // The loader of profiles lets no cpio through without a kernel.
        if let Some(IndexedKernel { kernel, .. }) = kernel {
            let missing = || tree_error(TreeError::NotFound(kernel.image.clone()));
            let image = tree.lookup(&kernel.image).and_then(Node::content).ok_or_else(missing)?;
            let data = image.read(self.cache, MAX_IMAGE).map_err(AssembleError::Store)?;
            made.push(write_file(staging, format!("{}.vmlinuz", self.prepared.name), &data)?);
        }
        let words = format!("{}\n", netboot::cmdline(self.profile, arch));
        made.push(write_file(staging, format!("{}.cmdline", self.prepared.name), words.as_bytes())?);
        Ok(made)
    }
}

/// What a squashfs among the outputs, or in one, has not, although the tree has.
fn left_out_of_squashfs(profile: &Profile, tree: &Tree) -> Option<String> {
    let squashfs = |output: &rootsmith_profile::Output| match &output.kind {
        OutputKind::Squashfs(_) => true,
        other => other.disk().is_some_and(|disk| disk.root_filesystem() == RootFilesystem::Squashfs),
    };
    profile.outputs.iter().find(|output| squashfs(output))?;
    let (_, lists) = for_squashfs(tree);
    let first = lists.first()?;
    let more = if lists.len() > 1 { format!(" and {} more", lists.len() - 1) } else { String::new() };
    Some(format!("squashfs has no access control lists: those of `{first}`{more} are left out of it"))
}

fn failures(report: &Report) -> Result<(), Problems> {
    report.failures().into_result()
}

/// The digest of the output `name`, which lies at `path` for now.
fn hashed(name: &str, path: &Path, host: Host<'_>) -> Result<Sha256Digest, Problems> {
    let _span = host.trace.span("hash", name);
    digest_of(path)
}

fn digest_of(path: &Path) -> Result<Sha256Digest, Problems> {
    let read = || File::open(path).and_then(|file| check::digest(&file));
    read().map_err(|source| OutputError::Io { path: path.to_owned(), doing: "read back", source }.into())
}

fn write_file(staging: &Staging, name: String, data: &[u8]) -> Result<MadeFile, Problems> {
    let (mut file, path) = staging.create(&name)?;
    file.write_all(data).map_err(|source| OutputError::write(path.clone(), source))?;
    let sha256 = digest_of(&path)?;
    if sha256 != Sha256Digest::of(data) {
        let difference = "its bytes are not those that were written".to_owned();
        return Err(InputError::ReadBack { file: name, difference }.into());
    }
    let size = NumBytes::new(data.len() as u64);
    Ok(MadeFile { name, size, written: size, sha256 })
}

/// What a thread came to; if it panicked, so does this one.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn summarise(
    folder: PathBuf,
    files: Vec<MadeFile>,
    assembly: &Assembly,
    packages: &[Package],
    scripts: &rootsmith_configure::Report,
    preflight: &Report,
) -> Summary {
    let verdicts = |verdict: &dyn Fn(&rootsmith_preflight::Verdict) -> bool| {
        preflight.findings.iter().filter(|f| verdict(&f.verdict)).count()
    };
    let contents = assembly.tree.walk().filter_map(|entry| entry.node.content().map(rootsmith_tree::Content::size));
    Summary {
        folder,
        files,
        packages: packages.len(),
        entries: assembly.tree.walk().count(),
        content: NumBytes::new(contents.sum()),
        scripts: scripts.counts(),
        answered_scripts: scripts.answered().map(|(name, reason)| (name.to_string(), reason.to_owned())).collect(),
        preflight: [
            verdicts(&|verdict| matches!(verdict, rootsmith_preflight::Verdict::Pass)),
            verdicts(&|verdict| matches!(verdict, rootsmith_preflight::Verdict::Warning)),
            verdicts(&|verdict| matches!(verdict, rootsmith_preflight::Verdict::Accepted(_))),
        ],
        warnings: preflight
            .warnings()
            .map(|finding| format!("{}: {}", finding.check, finding.evidence.first().unwrap_or(&finding.title)))
            .collect(),
        notes: Vec::new(),
        time: Duration::ZERO,
    }
}
