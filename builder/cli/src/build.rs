//! `rootsmith build` and `rootsmith lock`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rootsmith_fetch::{Http, Mirrors, Proxies, mirrors};
use rootsmith_kbuild::Programs;
use rootsmith_lock::Lock;
use rootsmith_pipeline::{
    Failure, Host, Judged, KernelConfig, Options, Outcome, Places, Suggested, Watched, set_threads,
};
use rootsmith_preflight::Wanted;
use rootsmith_profile::Profile;
use rootsmith_types::{Arch, Located, Recorder, Sources, Trace};

use crate::args::{BuildArgs, InputArgs, LockArgs};
use crate::environment::{Environment, etc_apt};
use crate::progress::{Screen, Shown};
use crate::report;
use crate::sources::Disk;
use crate::timings;

/// So many profiles are built at a time: while one waits for the disk, another computes. What they share is still done once, because
/// whoever comes second to a package waits for the first.
const TOGETHER: usize = 2;

pub(crate) fn build(args: &BuildArgs, environment: &Environment) -> Result<(), ExitCode> {
    let screen = Screen::new(environment.terminal);
    if let Some(jobs) = args.inputs.jobs {
        set_threads(jobs.into());
    }
    // What is wrong with any profile is said before the first is built.
    let ready: Vec<Result<Build<'_>, u8>> =
        args.profiles.iter().map(|path| Build::start(path, args, environment, &screen)).collect();
    // A compiler would inherit it.
    if !ready.iter().flatten().any(|build| build.session.profile.kernel.iter().any(|kernel| kernel.source.is_some())) {
        use_small_pages();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut worst = None;
        while let Some(build) = ready.get(next.fetch_add(1, Ordering::Relaxed)) {
            worst = worst.max(build.as_ref().map_or_else(|code| Some(*code), |build| build.run(args.locked).err()));
        }
        worst
    };
    let together = if args.inputs.jobs == Some(1) { 1 } else { TOGETHER.min(ready.len()) };
    let worst = thread::scope(|scope| {
        let threads: Vec<_> = (0..together).map(|_| scope.spawn(work)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().filter_map(join).max()
    });
    worst.map_or(Ok(()), |code| Err(ExitCode::from(code)))
}

/// The allocator asks for huge pages. Of many a build touches little, and a page is cleared as a whole: 0.09 of 5.4 seconds of work and
/// 20 MiB of 164.
fn use_small_pages() {
    // Where it cannot be, nothing is lost but these.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

pub(crate) fn lock(args: &LockArgs, environment: &Environment) -> Result<(), ExitCode> {
    let mut worst = None;
    for path in &args.profiles {
        worst = worst.max(lock_one(path, &args.inputs, environment).err());
    }
    worst.map_or(Ok(()), |code| Err(ExitCode::from(code)))
}

/// Judges what the profile would become, without building its outputs.
pub(crate) fn judge(
    path: &Path,
    sets: Option<&[Wanted]>,
    inputs: &InputArgs,
    environment: &Environment,
) -> Result<Judged, u8> {
    let session = Session::start(path, inputs, environment, &Screen::new(environment.terminal))?;
    let lock = session.read_lock(false)?;
    let options = session.options(inputs, PathBuf::new(), environment)?;
    session.run(|host| rootsmith_pipeline::preflight(&session.profile, lock.as_ref(), sets, &options, host))
}

/// The configuration of the kernel that the profile builds.
pub(crate) fn kernel_config(path: &Path, inputs: &InputArgs, environment: &Environment) -> Result<KernelConfig, u8> {
    let session = Session::start(path, inputs, environment, &Screen::new(environment.terminal))?;
    let lock = session.read_lock(false)?;
    let options = session.options(inputs, PathBuf::new(), environment)?;
    session.run(|host| rootsmith_pipeline::kernel_config(&session.profile, lock.as_ref(), &options, host))
}

/// The kernels of the suite, the one that lacks least of what the profile's fragments ask for first.
pub(crate) fn suggest_kernels(
    path: &Path,
    inputs: &InputArgs,
    environment: &Environment,
) -> Result<Vec<Suggested>, u8> {
    let session = Session::start(path, inputs, environment, &Screen::new(environment.terminal))?;
    let options = session.options(inputs, PathBuf::new(), environment)?;
    session.run(|host| rootsmith_pipeline::suggest_kernels(&session.profile, &options, host))
}

/// A profile that can be built.
struct Build<'a> {
    session: Session<'a>,
    lock: Option<Lock>,
    options: Options,
    timings: bool,
}

impl<'a> Build<'a> {
    fn start(path: &'a Path, args: &BuildArgs, environment: &'a Environment, screen: &Screen) -> Result<Build<'a>, u8> {
        let session = Session::start(path, &args.inputs, environment, screen)?;
        let lock = session.read_lock(args.locked)?;
        let options = session.options(&args.inputs, args.output.clone(), environment)?;
        let options = Options { rebuild: args.rebuild, ..options };
        Ok(Build { session, lock, options, timings: args.timings })
    }

    fn run(&self, locked: bool) -> Result<(), u8> {
        let Build { session, lock, options, timings } = self;
        let clock = stopwatch();
        let recorder = timings.then(|| Recorder::new(&clock));
        let trace = recorder.as_ref().map_or(Trace::off(), Recorder::trace);
        let outcome = session.run_by(&clock, trace, |host| {
            rootsmith_pipeline::build(&session.profile, lock.as_ref(), locked, options, host)
        })?;
        let spans = recorder.map(Recorder::finish);
        session.progress.aside(|| {
            // What made the images that are there is not told by a run that made none.
            let folder = match &outcome {
                Outcome::Built(built) => {
                    report::print_summary(&built.summary, options.arch);
                    Some(built.summary.folder.as_path())
                }
                Outcome::Unchanged { folder, note } => {
                    report::print_unchanged(folder, note.as_deref());
                    None
                }
            };
            spans.map_or(Ok(()), |spans| timings::report(&spans, folder))
        })
    }
}

fn lock_one(path: &Path, inputs: &InputArgs, environment: &Environment) -> Result<(), u8> {
    let session = Session::start(path, inputs, environment, &Screen::new(environment.terminal))?;
    let previous = session.read_lock(false)?;
    let options = session.options(inputs, PathBuf::new(), environment)?;
    let lock = session.run(|host| rootsmith_pipeline::lock(&session.profile, previous.as_ref(), &options, host))?;
    let path = lock_path(path);
    let text = lock.render();
    report::write_atomically(&path, text.as_bytes()).map_err(|error| {
        report::print_host_error(&format!("cannot write `{}`: {error}", path.display()));
        report::HOST
    })?;
    report::print_locked(&path, previous.as_ref(), &lock);
    Ok(())
}

/// One profile that was loaded, with what it takes to work on it.
struct Session<'a> {
    path: &'a Path,
    profile: Profile,
    sources: Watched<'static>,
    transport: Http,
    progress: Shown,
    environment: &'a Environment,
}

impl<'a> Session<'a> {
    fn start(
        path: &'a Path,
        inputs: &InputArgs,
        environment: &'a Environment,
        screen: &Screen,
    ) -> Result<Session<'a>, u8> {
        let sources = Watched::new(&Disk);
        let profile = rootsmith_profile::load(&seen_from_outside(path), &sources)
            .map_err(|errors| report::print_problems(&errors.into(), &Places::default(), environment))?;
        if let Some(arch) = inputs.arch
            && !profile.image.arch.iter().any(|listed| listed.value == arch)
        {
            let listed: Vec<&str> = profile.image.arch.iter().map(|arch| arch.value.debian()).collect();
            report::print_host_error(&format!(
                "`{}` is not for {arch}: its `arch` lists {}",
                path.display(),
                listed.join(", ")
            ));
            return Err(report::INPUTS);
        }
        let variable = |name: &str| environment.proxies.get(name).cloned();
        let transport = Http::new(&Proxies::from_variables(variable))
            .map_err(|error| report::print_problems(&error.into(), &Places::default(), environment))?;
        let progress = Shown::on(screen);
        Ok(Session { path, profile, sources, transport, progress, environment })
    }

    fn read_lock(&self, required: bool) -> Result<Option<Lock>, u8> {
        let path = lock_path(self.path);
        match Disk.read(&path) {
            Ok(data) => {
                let text = String::from_utf8_lossy(&data);
                Lock::parse(&path, &text)
                    .map(Some)
                    .map_err(|error| report::print_problems(&error.into(), &Places::default(), self.environment))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                report::print_host_error(&format!(
                    "`--locked` needs `{}`, which does not exist\nhint: make it with `rootsmith lock {}`",
                    path.display(),
                    self.path.display()
                ));
                Err(report::INPUTS)
            }
            Err(error) => {
                report::print_host_error(&format!("cannot read `{}`: {error}", path.display()));
                Err(report::HOST)
            }
        }
    }

    fn options(&self, inputs: &InputArgs, outputs: PathBuf, environment: &Environment) -> Result<Options, u8> {
        let cache = inputs.cache.clone().or_else(|| environment.cache.clone()).ok_or_else(|| {
            report::print_host_error("no cache folder: set `ROOTSMITH_CACHE` or `HOME`, or use `--cache DIR`");
            report::HOST
        })?;
        let arch: Option<Arch> = inputs.arch.or_else(|| self.profile.image.arch.first().map(|arch| arch.value));
        let jobs = inputs.jobs.map(usize::from);
        let jobs = jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
        Ok(Options {
            arch,
            outputs,
            cache,
            mirrors: self.mirrors(inputs),
            offline: inputs.offline,
            jobs,
            now: environment.now,
            program: environment.program.clone(),
            rebuild: false,
        })
    }

    /// Profile, flag or variable, the host's apt, Debian's own: in this order, for each archive.
    fn mirrors(&self, inputs: &InputArgs) -> Mirrors {
        let distribution = &self.profile.distribution;
        let said = |value: &Option<Located<String>>| value.as_ref().map(|url| url.value.clone());
        let main =
            said(&distribution.mirror).or_else(|| inputs.mirror.clone()).or_else(|| self.environment.mirror.clone());
        let security = said(&distribution.security_mirror).or_else(|| inputs.security_mirror.clone());
        let fallback = mirrors::from_apt(etc_apt(), &Disk).unwrap_or_default();
        let trimmed = |url: String| url.trim_end_matches('/').to_owned();
        Mirrors { main: main.map_or(fallback.main, trimmed), security: security.map_or(fallback.security, trimmed) }
    }

    fn run<T>(&self, work: impl FnOnce(Host<'_>) -> Result<T, Failure>) -> Result<T, u8> {
        self.run_by(&stopwatch(), Trace::off(), work)
    }

    /// The same by a clock, with `trace` leading to a recorder that goes by the same one.
    fn run_by<T>(
        &self,
        clock: &(dyn Fn() -> Duration + Sync),
        trace: Trace<'_>,
        work: impl FnOnce(Host<'_>) -> Result<T, Failure>,
    ) -> Result<T, u8> {
        let processes = Programs::new(&self.environment.path);
        let Session { sources, transport, progress, .. } = self;
        let host = Host { sources, transport, processes: &processes, progress, clock, trace };
        let result = work(host);
        self.progress.clear();
        result.map_err(|Failure { problems, places }| {
            self.progress.aside(|| report::print_problems(&problems, &places, self.environment))
        })
    }
}

/// Time from now on.
fn stopwatch() -> impl Fn() -> Duration + Sync {
    let start = Instant::now();
    move || start.elapsed()
}

/// Overlays and payloads lie beside the folder called `profiles`: who runs us inside it means the same folder.
fn seen_from_outside(path: &Path) -> Cow<'_, Path> {
    let inside = |path: &Path| path.components().any(|component| component.as_os_str() == "profiles");
    match std::path::absolute(path) {
        Ok(absolute) if inside(&absolute) && !inside(path) => Cow::Owned(absolute),
        _ => Cow::Borrowed(path),
    }
}

/// `profiles/node.toml` is pinned in `profiles/node.lock`.
fn lock_path(profile: &Path) -> PathBuf {
    profile.with_extension("lock")
}
