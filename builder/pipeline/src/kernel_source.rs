//! A kernel that is built from source: what is locked for it, its configuration, its files in the tree.

use std::collections::BTreeMap;
use std::fmt;

use rootsmith_assemble::{AssembleError, Assembly, Owner, Package};
use rootsmith_fetch::Cache;
use rootsmith_kbuild::{Base, Configuration, Input, Patch, Workshop, variables};
use rootsmith_kconfig::{Explainer, Symbols, Why, spelled};
use rootsmith_kernel::check_cgroups;
use rootsmith_kernel::config::{Config, FragmentLine, read_fragments, redefinitions};
use rootsmith_lock::{Lock, Role, Why as Wanted};
use rootsmith_package::{ArchiveKind, PackedEntry, PackedKind};
use rootsmith_profile::{KernelBase, KernelPatch, KernelSource, Profile};
use rootsmith_resolve::Request;
use rootsmith_tree::{Blob, Content, Metadata, Mtime, Node, NodeKind, PackId};
use rootsmith_types::{Arch, Explain, Located, Note, PackageName, Problems, Subject, TreePath, UnixTime};

use crate::bootable::{MAX_TEXT, tree_error};
use crate::inputs::InputError;
use crate::places::{Failure, Places};
use crate::prepare::{fetch, pinned};
use crate::target::{arch_of, resolve_target};
use crate::timer::Timer;
use crate::{Host, Options, payloads};

/// The packages that the kernel is built of: its source, and the kernel whose configuration it begins with. They are taken apart,
/// never installed.
pub(crate) fn requests(profile: &Profile, arch: Arch) -> Vec<Request> {
    let Some(source) = profile.kernel.as_ref().and_then(|kernel| kernel.source.as_ref()) else { return Vec::new() };
    let base = source.base_for(arch).and_then(|base| match &base.value {
        KernelBase::Package(name) => Some(Located::new(name.clone(), base.origin.clone())),
        KernelBase::Target(_) | KernelBase::File { .. } => None,
    });
    let names = [source.package.clone()].into_iter().chain(base);
    names.map(|name| Request { name: name.value, origin: Some(name.origin) }).collect()
}

/// A kernel's configuration, made without building it.
#[derive(Debug)]
pub struct KernelConfig {
    /// `.config`, as the kernel's own tools complete what the base and the fragments say.
    pub text: String,
    /// Lines that a later one overrules, with both places.
    pub redefinitions: Vec<String>,
    /// What is asked for and not there: lines that did not come out as asked, controllers of `[cgroups]`.
    pub unmet: Problems,
    /// Where things come from.
    pub places: Places,
}

/// The configuration that the kernel of a profile would be built with.
pub fn kernel_config(
    profile: &Profile,
    lock: Option<&Lock>,
    options: &Options,
    host: Host<'_>,
) -> Result<KernelConfig, Failure> {
    let mut places = Places::of(profile);
    let work = |places: &mut Places| {
        let arch = arch_of(profile, options)?;
        let cache = Cache::open(&options.cache)?;
        let Some(source) = profile.kernel.as_ref().and_then(|kernel| kernel.source.as_ref()) else {
            return Err(InputError::NoKernelSource.into());
        };
        let (pinned, _) = pinned(profile, arch, lock, false)?;
        let mut target = match pinned {
            Some(target) => target,
            None => {
                let payloads = payloads::prepare(profile, arch, &[], &cache, options, host)?;
                resolve_target(profile, arch, &payloads, &cache, options, host)?
            }
        };
        places.learn(&target);
        let wanted = |name: &PackageName, why: &Wanted| {
            let asked = requests(profile, arch);
            let is = |name: &PackageName| asked.iter().any(|request| request.name == *name);
            is(name) || matches!(why, Wanted::NeededBy(by) if is(by))
        };
        target.packages.retain(|package| package.role == Role::Boot && wanted(&package.name, &package.why));
        let packages = fetch(&target, &cache, options, host, &mut Timer::new(host))?;
        let work = Work::new(profile, source, arch, &packages, &cache, options, host)?;
        let configuration = work.configure()?;
        Ok((configuration.text.clone(), redefinitions(&work.lines), work.unmet(profile, &configuration)?))
    };
    match work(&mut places) {
        Ok((text, redefinitions, unmet)) => Ok(KernelConfig { text, redefinitions, unmet, places }),
        Err(problems) => Err(Failure { problems, places }),
    }
}

/// A kernel that was built, as an archive that was taken apart.
pub(crate) struct BuiltKernel {
    files: Vec<PackedEntry>,
    pack: PackId,
    owner: Owner,
    /// What a person should know of it.
    pub(crate) note: Option<String>,
}

/// Configures and builds the kernel of the profile, when it has one to build. `packages` are those that are taken apart.
pub(crate) fn build(
    profile: &Profile,
    arch: Arch,
    packages: &[Package],
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
) -> Result<Option<BuiltKernel>, Problems> {
    let Some(source) = profile.kernel.as_ref().and_then(|kernel| kernel.source.as_ref()) else { return Ok(None) };
    let work = Work::new(profile, source, arch, packages, cache, options, host)?;
    let configuration = work.configure()?;
    // Before minutes are spent on it.
    work.unmet(profile, &configuration)?.into_result()?;
    let archive = work.build(&configuration)?;
    let (files, pack) = cache.unpacked_archive("kernel", ArchiveKind::Tar, &archive)?;
    let compiler = configuration.toolchain.lines().next().and_then(|line| line.split_once(": "));
    let note = compiler.map(|(_, version)| {
        format!(
            "the kernel was built from `{}` with {version}: another compiler makes other bytes",
            source.package.value
        )
    });
    Ok(Some(BuiltKernel { files: files.to_vec(), pack, owner: Owner::Profile(source.package.origin.clone()), note }))
}

impl BuiltKernel {
    /// Puts the kernel's files into the tree.
    pub(crate) fn install(&self, assembly: &mut Assembly, date: UnixTime) -> Result<(), Problems> {
        for entry in &self.files {
            let path = TreePath::new(&entry.path).map_err(InputError::Path)?;
            let time = Mtime { seconds: entry.mtime, nanoseconds: 0 };
            let metadata = Metadata { mtime: time, ..Metadata::root(entry.mode, date) };
            if let Some(parent) = path.parent() {
                assembly.tree.create_directories(&parent, &Metadata::root(0o755, date)).map_err(tree_error)?;
            }
            match entry.kind {
                PackedKind::Directory => {
                    assembly.tree.create_directories(&path, &metadata).map_err(tree_error)?;
                    continue;
                }
                PackedKind::File { .. } => {
                    let kind = NodeKind::File(content(entry, self.pack));
                    assembly.tree.insert(&path, Node { kind, metadata }).map_err(tree_error)?;
                }
                // Nothing else was put into the archive.
                _ => continue,
            }
            assembly.owners.set(path, self.owner.clone());
        }
        Ok(())
    }
}

/// Everything one kernel is made from.
struct Work<'a> {
    workshop: Workshop<'a>,
    arch: Arch,
    source: &'a KernelSource,
    archive: Blob,
    /// Of the archive.
    date: UnixTime,
    base: OwnedBase<'a>,
    lines: Vec<FragmentLine>,
    patches: Vec<(String, &'a KernelPatch)>,
    jobs: usize,
}

enum OwnedBase<'a> {
    Target(&'a str),
    Text(String),
}

impl<'a> Work<'a> {
    fn new(
        profile: &'a Profile,
        source: &'a KernelSource,
        arch: Arch,
        packages: &[Package],
        cache: &'a Cache,
        options: &Options,
        host: Host<'a>,
    ) -> Result<Work<'a>, Problems> {
        let fragments = profile.kernel.iter().flat_map(|kernel| kernel.fragments_for(arch));
        let (lines, errors) = read_fragments(fragments);
        if !errors.is_empty() {
            return Err(errors.into());
        }
        let (archive, date) = archive(source, packages)?;
        let base = match source.base_for(arch).map(|base| (&base.value, &base.origin)) {
            Some((KernelBase::Target(target), _)) => OwnedBase::Target(target),
            Some((KernelBase::File { text, .. }, _)) => OwnedBase::Text(text.to_string()),
            Some((KernelBase::Package(name), origin)) => {
                let text = shipped(name, packages).ok_or_else(|| InputError::NotInPackage {
                    origin: origin.clone(),
                    package: name.clone(),
                    path: "/boot/config-*".to_owned(),
                })?;
                let text = text.read(cache, MAX_TEXT).map_err(AssembleError::Store)?;
                OwnedBase::Text(String::from_utf8_lossy(&text).into_owned())
            }
            None => return Err(InputError::NoArchitecture.into()),
        };
        let patches = source.patches.iter().map(|patch| (patch.file.display().to_string(), patch)).collect();
        let workshop = Workshop { cache, processes: host.processes, progress: host.progress };
        Ok(Work { workshop, arch, source, archive, date, base, lines, patches, jobs: options.jobs })
    }

    fn configure(&self) -> Result<Configuration, Problems> {
        self.with_input(|workshop, input| Ok(workshop.configure(input)?))
    }

    fn build(&self, configuration: &Configuration) -> Result<Blob, Problems> {
        self.with_input(|workshop, input| Ok(workshop.build(input, configuration)?))
    }

    fn with_input<T>(
        &self,
        work: impl FnOnce(&Workshop<'_>, &Input<'_>) -> Result<T, Problems>,
    ) -> Result<T, Problems> {
        let last = self.last();
        let wanted: Vec<(&str, &str)> = (self.lines.iter().enumerate())
            .filter(|(at, line)| last.get(line.symbol.as_str()) == Some(at))
            .map(|(_, line)| (line.symbol.as_str(), line.wanted.as_str()))
            .collect();
        let patches: Vec<Patch<'_>> = (self.patches.iter())
            .map(|(name, patch)| Patch { origin: &patch.origin, name, data: &patch.data })
            .collect();
        let input = Input {
            arch: self.arch,
            package: &self.source.package.value,
            source: &self.archive,
            date: self.date,
            base: match &self.base {
                OwnedBase::Target(target) => Base::Target(target),
                OwnedBase::Text(text) => Base::Text(text),
            },
            wanted: &wanted,
            patches: &patches,
            jobs: self.jobs,
        };
        work(&self.workshop, &input)
    }

    /// The line that counts of each symbol.
    fn last(&self) -> BTreeMap<&str, usize> {
        self.lines.iter().enumerate().map(|(at, line)| (line.symbol.as_str(), at)).collect()
    }

    /// What the profile asks of its kernel and this configuration has not: lines of the fragments, controllers of `[cgroups]`.
    fn unmet(&self, profile: &Profile, configuration: &Configuration) -> Result<Problems, Problems> {
        let mut problems = self.lost(configuration)?;
        let release = release(&configuration.text);
        let path = TreePath::new(format!("/boot/config-{release}").as_bytes()).map_err(InputError::Path)?;
        let config = Config::parse(&configuration.text);
        for missing in check_cgroups(&profile.cgroups, &config, &path, release) {
            problems.push(missing);
        }
        Ok(problems)
    }

    /// The lines that did not come out as asked, each with the reason that the source's Kconfig files tell.
    fn lost(&self, configuration: &Configuration) -> Result<Problems, Problems> {
        let config = Config::parse(&configuration.text);
        let last = self.last();
        let is_lost = |(at, line): &(usize, &FragmentLine)| {
            last.get(line.symbol.as_str()) == Some(at) && config.get(&line.symbol).unwrap_or("n") != line.wanted
        };
        let lost: Vec<&FragmentLine> = self.lines.iter().enumerate().filter(is_lost).map(|(_, line)| line).collect();
        if lost.is_empty() {
            return Ok(Problems(Vec::new()));
        }
        let files = self.with_input(|workshop, input| Ok(workshop.files(input)?))?;
        // Without them a line is still lost; only nobody can say why.
        let symbols = Symbols::read(&files, &variables(self.arch)).ok();
        let asked = self.lines.iter().map(|line| (line.symbol.as_str(), line.wanted.as_str()));
        let explainer = symbols.as_ref().map(|symbols| Explainer::new(symbols, &config).beside(asked));
        let mut problems = Problems(Vec::new());
        for line in lost {
            let why = explainer.as_ref().and_then(|explainer| explainer.why(&line.symbol, &line.wanted));
            let found = config.get(&line.symbol).map(str::to_owned);
            problems.push(LostLine { line: line.clone(), found, why, source: self.source.package.value.clone() });
        }
        Ok(problems)
    }
}

/// What the kernel will call itself, as its configuration begins: `# Linux/x86_64 6.12.118 Kernel Configuration`.
fn release(configuration: &str) -> &str {
    let line = configuration.lines().find(|line| line.ends_with(" Kernel Configuration"));
    line.and_then(|line| line.split(' ').nth(2)).unwrap_or_default()
}

/// The archive in the source's package, and its time.
fn archive(source: &KernelSource, packages: &[Package]) -> Result<(Blob, UnixTime), Problems> {
    let package = packages.iter().find(|package| package.locked.name == source.package.value);
    let is_archive = |entry: &&PackedEntry| entry.path.starts_with(b"/usr/src/") && has_archive_name(&entry.path);
    let found = package.and_then(|package| {
        let entry = package.unpacked.entries.iter().find(is_archive)?;
        match content(entry, package.pack) {
            Content::Blob(blob) => Some((blob, entry.mtime)),
            _ => None,
        }
    });
    found.ok_or_else(|| {
        let (origin, package) = (source.package.origin.clone(), source.package.value.clone());
        InputError::NotInPackage { origin, package, path: "/usr/src/*.tar.xz".to_owned() }.into()
    })
}

fn has_archive_name(path: &[u8]) -> bool {
    [".tar", ".tar.xz", ".tar.gz", ".tar.zst"].iter().any(|end| path.ends_with(end.as_bytes()))
}

/// The configuration of a kernel of the distribution: in the package itself, or in the one that it stands for.
fn shipped(name: &PackageName, packages: &[Package]) -> Option<Content> {
    let is_its = |package: &&Package| {
        package.locked.name == *name || matches!(&package.locked.why, Wanted::NeededBy(by) if by == name)
    };
    packages.iter().filter(is_its).find_map(|package| {
        let entry = package.unpacked.entries.iter().find(|entry| entry.path.starts_with(b"/boot/config-"))?;
        Some(content(entry, package.pack))
    })
}

fn content(entry: &PackedEntry, pack: PackId) -> Content {
    match entry.kind {
        PackedKind::File { offset, size, digest } if size > 0 => {
            Content::Blob(Blob { digest: Some(digest), size, pack, offset })
        }
        _ => Content::inline([]),
    }
}

/// A line of a fragment that did not come out as asked.
#[derive(Debug)]
struct LostLine {
    line: FragmentLine,
    found: Option<String>,
    why: Option<Why>,
    source: PackageName,
}

impl fmt::Display for LostLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LostLine { line, found, why, .. } = self;
        if let Some(why) = why {
            return why.fmt(f);
        }
        write!(f, "the kernel would not get `{}`: ", spelled(&line.symbol, &line.wanted))?;
        match found {
            Some(found) => write!(f, "its configuration comes out with `{}`", spelled(&line.symbol, found)),
            None => write!(f, "its configuration comes out without the symbol"),
        }
    }
}

impl std::error::Error for LostLine {}

impl Explain for LostLine {
    fn subject(&self) -> Subject {
        Subject::Profile(self.line.origin.clone())
    }

    fn label(&self) -> Option<String> {
        Some("asked for here".to_owned())
    }

    fn notes(&self) -> Vec<Note> {
        let facts = self.why.iter().flat_map(Why::notes);
        let source = format!("the source is `{}`", self.source);
        facts.chain([source]).map(|text| Note { text, subject: Subject::Host }).collect()
    }

    fn help(&self) -> Option<String> {
        let anyhow = || "the source has no such symbol, or one that it depends on is off".to_owned();
        Some(self.why.as_ref().map_or_else(anyhow, Why::help))
    }
}
