//! A package's maintainer scripts, followed: as they are, with a model in place of their own code, or as the profile answers.

use std::collections::BTreeMap;

use rootsmith_assemble::{Owner, Package};
use rootsmith_profile::{Answer, Caches, ScriptAnswer};
use rootsmith_shell::{Dialect, Outcome, Run, Script, Stop};
use rootsmith_types::{Arch, PackageName, Sha256Digest, TreePath};

use crate::ConfigureError;
use crate::edit::Edit;
use crate::effect::Effect;
use crate::models::{Models, Numbers};
use crate::report::{By, ReadScript};
use crate::stage::{Shared, Stage, debconf};

/// debhelper puts what it generates between these (debhelper(7), "Automatic generation of maintainer scripts").
const SNIPPET_BEGIN: &str = "# Automatically added by ";
const SNIPPET_END: &str = "# End automatically added section";
/// As many lines of a script as a message shows.
const SHOWN_LINES: usize = 8;

/// What a package's scripts come down to.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// In the order the scripts have them.
    pub(crate) effects: Vec<Effect>,
    /// What was read for them.
    pub(crate) read: Vec<ReadScript>,
    /// What in it only the machine itself can make, when it is left to the first boot for that.
    pub(crate) first_boot: Option<String>,
    /// The profile's reason, when its own code was left out for that.
    pub(crate) ignored: Option<String>,
}

/// What dpkg gives a script beside its own words (dpkg(1), "Internal environment variables").
const ENVIRONMENT: [(&str, &str); 7] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C"),
    ("DPKG_ROOT", ""),
    ("DPKG_ADMINDIR", "/var/lib/dpkg"),
    ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];

/// What scripts are followed with.
pub(crate) struct Follower<'a> {
    pub(crate) models: &'a Models,
    pub(crate) numbers: &'a Numbers,
    pub(crate) arch: Arch,
    /// All of them, sorted by name.
    pub(crate) packages: &'a [&'a Package],
    /// Whether dpkg can configure a package on the machine: it is there, and its database says what is left to do.
    pub(crate) first_boot: bool,
    /// What the profile says of caches.
    pub(crate) caches: Option<Caches>,
    /// What the profile says of scripts, by package.
    pub(crate) answers: BTreeMap<&'a str, &'a ScriptAnswer>,
}

impl Follower<'_> {
    /// Follows one script of a package as it is called on a first installation, and notes what it does in `followed`.
    pub(crate) fn script(
        &self,
        edit: &mut Edit<'_>,
        shared: &mut Shared,
        package: &Package,
        script: &str,
        followed: &mut Followed,
    ) {
        let Some((_, bytes)) = package.unpacked.control.members.get(script) else { return };
        let text = String::from_utf8_lossy(bytes);
        let mut stage = self.stage(edit, shared, package);
        stage.unpacked = script != "preinst";
        if let Err(error) = self.follow(&mut stage, script, &text, followed) {
            stage.edit.errors.push(error);
        }
        stage.shared.debconf.finish();
        leave_cache(&mut stage, followed);
        followed.effects.append(&mut stage.effects);
    }

    /// Follows a package's `postinst triggered`: dpkg calls it when all packages are configured.
    pub(crate) fn triggered(
        &self,
        edit: &mut Edit<'_>,
        shared: &mut Shared,
        package: &Package,
        followed: &mut Followed,
    ) {
        let members = &package.unpacked.control.members;
        let (Some((_, bytes)), Some((_, triggers))) = (members.get("postinst"), members.get("triggers")) else {
            return;
        };
        let names = interests(triggers);
        // Whatever stands for its own code at configuration does for this, too.
        let itself =
            followed.read.iter().any(|read| read.name == "postinst" && matches!(read.by, By::Itself | By::Snippets));
        if names.is_empty() || followed.first_boot.is_some() || !itself {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let mut stage = self.stage(edit, shared, package);
        stage.before.clone_from(&names);
        let done = succeed(&mut stage, "postinst", &text, &["triggered", &names]);
        stage.shared.debconf.finish();
        if let Err(error) = questions(&mut stage, followed) {
            stage.edit.errors.push(error);
        } else if let Err(stop) = done {
            match stage.machine.take() {
                Some(what) if self.first_boot => followed.first_boot = Some(what),
                _ => {
                    let digest = own_digests(&split(&text).own, self.arch, "")[0];
                    let name = &package.locked.name;
                    stage.edit.errors.push(not_modelled(name, "postinst", &text, stop, digest, false));
                }
            }
        }
        leave_cache(&mut stage, followed);
        followed.effects.append(&mut stage.effects);
    }

    fn stage<'s, 'e>(&'s self, edit: &'s mut Edit<'e>, shared: &'s mut Shared, package: &'s Package) -> Stage<'s, 'e> {
        edit.owner = Owner::Script(package.locked.name.clone());
        let (numbers, arch, packages) = (self.numbers, self.arch, self.packages);
        let (effects, machine, who) = (Vec::new(), None, (0, 0));
        let (before, config, caches, cache) = (String::new(), None, self.caches, None);
        Stage {
            edit,
            numbers,
            arch,
            package,
            packages,
            shared,
            effects,
            unpacked: true,
            before,
            config,
            caches,
            cache,
            machine,
            who,
        }
    }

    fn follow(
        &self,
        stage: &mut Stage<'_, '_>,
        script: &str,
        text: &str,
        followed: &mut Followed,
    ) -> Result<(), ConfigureError> {
        let name = &stage.package.locked.name;
        let call: &[&str] = if script == "preinst" { &["install"] } else { &["configure", ""] };
        let parts = split(text);
        let release = name.as_str().strip_prefix("linux-image-").unwrap_or("");
        let digests = own_digests(&parts.own, self.arch, release);
        let mut models = self.models.of(name.as_str(), script).peekable();
        let changed = models.peek().is_some();
        let wrong = |stop: Stop| not_modelled(name, script, text, stop, digests[0], changed);
        if let Some(model) = models.find(|model| digests.iter().any(|digest| model.sha256.contains(digest))) {
            for (path, text) in &model.files {
                stage.edit.write(path, text, 0o644);
                stage.effects.extend(TreePath::new(path).map(Effect::File));
            }
            let does = model.commands(&[("@RELEASE@", release), ("@MULTIARCH@", self.arch.multiarch())]);
            // Its questions are asked all the same.
            if parts.own.contains(debconf::CONFMODULE) {
                let started = stage.start_debconf();
                questions(stage, followed)?;
                started.map_err(|what| wrong(Stop { line: 1, what }))?;
            }
            // A later version may lack what a model copies: how it ends says nothing.
            play(stage, script, &does, &[]).map_err(|Stop { line, what }| ConfigureError::Model {
                reason: format!("the model of `{script}` of `{name}`: line {line}: {what}"),
            })?;
            followed.read.push(read(stage.package, script, By::Model(model.why.clone())));
            // The model speaks for the own code alone.
            return play(stage, script, &parts.snippets, call).map(drop).map_err(wrong);
        }
        // What comes before the unpacking cannot be left to dpkg.
        let answer =
            self.answers.get(name.as_str()).filter(|answer| answer.answer == Answer::Ignore || script == "postinst");
        if let Some(ScriptAnswer { answer, reason, .. }) = answer {
            let kept = match answer {
                Answer::Ignore => &mut followed.ignored,
                Answer::FirstBoot if self.first_boot => &mut followed.first_boot,
                Answer::FirstBoot => {
                    return Err(ConfigureError::NoDpkg { package: name.clone(), origin: reason.origin.clone() });
                }
            };
            *kept = Some(reason.value.clone());
            // On the first boot dpkg takes in the questions; here they are there with their defaults.
            if *answer == Answer::Ignore && parts.own.contains(debconf::CONFMODULE) {
                stage.load_questions().map_err(|what| wrong(Stop { line: 1, what }))?;
            }
            followed.read.push(read(stage.package, script, By::Profile));
            // Even so what debhelper generated is done.
            return play(stage, script, &parts.snippets, call).map(drop).map_err(wrong);
        }
        let done = succeed(stage, script, text, call);
        questions(stage, followed)?;
        followed.read.push(read(stage.package, script, by(&parts.own)));
        match stage.machine.take() {
            // What cannot be the same everywhere is made where it belongs: dpkg configures the package there, as it would here.
            Some(what) if done.is_err() && script == "postinst" && self.first_boot => {
                followed.first_boot = Some(what);
                play(stage, script, &parts.snippets, call).map(drop).map_err(wrong)
            }
            _ => done.map_err(wrong),
        }
    }
}

/// A package whose script asked for a cache that the machine is to make is finished by dpkg there, unless the profile has its code
/// left out for good. A `preinst` has been run by then.
fn leave_cache(stage: &mut Stage<'_, '_>, followed: &mut Followed) {
    let cache = stage.cache.take().filter(|_| stage.unpacked && followed.ignored.is_none());
    followed.first_boot = followed.first_boot.take().or(cache);
}

/// Notes that the script that was followed had the package's `config` followed before it, and how that ended.
fn questions(stage: &mut Stage<'_, '_>, followed: &mut Followed) -> Result<(), ConfigureError> {
    let members = &stage.package.unpacked.control.members;
    let (Some(ended), Some((_, config))) = (stage.config.take(), members.get("config")) else { return Ok(()) };
    let config = String::from_utf8_lossy(config);
    let own = split(&config).own;
    if !followed.read.iter().any(|read| read.name == "config") {
        followed.read.push(read(stage.package, "config", by(&own)));
    }
    let digest = own_digests(&own, stage.arch, "")[0];
    ended.map_err(|stop| not_modelled(&stage.package.locked.name, "config", &config, stop, digest, false))
}

/// Follows a text on the stage, and demands that it ends well: dpkg goes on with nothing else.
pub(crate) fn succeed(stage: &mut Stage<'_, '_>, script: &str, text: &str, call: &[&str]) -> Result<(), Stop> {
    let Outcome { status, stderr, .. } = play(stage, script, text, call)?;
    if status == 0 {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    let said = stderr.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
    let what = format!("`{script} {}` ends with status {status}{said}", call.join(" ").trim_end());
    Err(Stop { line: 1, what })
}

/// Follows a text on the stage.
fn play(stage: &mut Stage<'_, '_>, script: &str, text: &str, call: &[&str]) -> Result<Outcome, Stop> {
    let first = text.lines().next().unwrap_or_default().strip_prefix("#!");
    // What debhelper generated has lost its first line; it is for any shell.
    let dialect = if first.is_some() { Dialect::of(text) } else { Some(Dialect::Dash) };
    let Some(dialect) = dialect else {
        let program = first.and_then(|first| first.split_whitespace().next()).unwrap_or_default();
        return Err(Stop { line: 1, what: format!("a script for `{program}`") });
    };
    // `#!/bin/sh -e`.
    let mut options = first.unwrap_or_default().split_whitespace().skip(1);
    let strict = options.any(|word| word.starts_with('-') && word.contains('e'));
    let parsed = Script::parse_as(&if strict { format!("set -e; {text}") } else { text.to_owned() }, dialect)?;
    let package = stage.package.locked.name.to_string();
    let mut variables = ENVIRONMENT.to_vec();
    let arch = stage.arch.debian();
    variables.push(("DPKG_MAINTSCRIPT_PACKAGE", &package));
    variables.push(("DPKG_MAINTSCRIPT_NAME", script));
    variables.push(("DPKG_MAINTSCRIPT_ARCH", arch));
    let name = format!("/var/lib/dpkg/info/{package}.{script}");
    let run = Run { name: &name, arguments: call, variables: &variables, steps: Run::STEPS, depth: Run::DEPTH };
    rootsmith_shell::run(&parsed, &run, stage)
}

/// A script's own code, by which a model knows it: everything but the generated snippets, with the architecture's tuple and
/// the kernel's release made neutral, so that one model serves every architecture and kernel. A tuple may as well be written
/// for every architecture (a comment, a case), so what the tuple is left in counts, too.
pub(crate) fn own_digests(own: &str, arch: Arch, release: &str) -> [Sha256Digest; 2] {
    let neutral = own.replace(arch.multiarch(), "@MULTIARCH@");
    [neutral.as_str(), own].map(|text| match release {
        "" => Sha256Digest::of(text.as_bytes()),
        _ => Sha256Digest::of(text.replace(release, "@RELEASE@").as_bytes()),
    })
}

/// A script apart.
pub(crate) struct Parts {
    /// Without the snippets.
    pub(crate) own: String,
    /// The snippets in their own lines, the rest empty.
    snippets: String,
}

pub(crate) fn split(text: &str) -> Parts {
    let mut parts = Parts { own: String::new(), snippets: String::new() };
    let mut inside = false;
    for line in text.lines() {
        if !inside && line.starts_with(SNIPPET_BEGIN) {
            inside = true;
        }
        if inside {
            parts.snippets.push_str(line);
        } else {
            parts.own.push_str(line.trim_end());
            parts.own.push('\n');
        }
        parts.snippets.push('\n');
        if line.starts_with(SNIPPET_END) {
            inside = false;
        }
    }
    parts
}

/// For the report.
fn read(package: &Package, name: &str, by: By) -> ReadScript {
    let bytes = package.unpacked.control.members.get(name).map_or(&b""[..], |(_, bytes)| bytes);
    let text = String::from_utf8_lossy(bytes);
    ReadScript { name: name.to_owned(), lines: text.lines().count(), sha256: Sha256Digest::of(bytes), by }
}

/// Whose word a script is that is followed as it lies in its package.
fn by(own: &str) -> By {
    // All that dh_installdeb(1) puts around the snippets of a package without a script of its own.
    let frame = ["", "set -e", "exit 0", ":"];
    let code = |line: &str| !line.starts_with('#') && !frame.contains(&line);
    if own.lines().map(str::trim).any(code) { By::Itself } else { By::Snippets }
}

/// The names of a `triggers` file's interests (deb-triggers(5)), as one word list.
fn interests(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let names =
        text.lines().filter(|line| line.starts_with("interest")).filter_map(|line| line.split_whitespace().nth(1));
    names.collect::<Vec<_>>().join(" ")
}

fn not_modelled(
    package: &PackageName,
    script: &str,
    text: &str,
    not: Stop,
    digest: Sha256Digest,
    changed: bool,
) -> ConfigureError {
    let numbered = text.lines().enumerate().skip(not.line.saturating_sub(1));
    let lines = numbered.filter(|(_, line)| !line.trim().is_empty());
    let lines = lines.map(|(n, line)| format!("{}: {}", n + 1, shorten(line.trim_end()))).take(SHOWN_LINES).collect();
    let script = script.to_owned();
    ConfigureError::NotModelled { package: package.clone(), script, what: not.what, lines, digest, changed }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
