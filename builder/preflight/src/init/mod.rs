//! Which init an image has, and what it will start and run.
//!
//! | init      | known by                                      | what it starts                                      |
//! |-----------|-----------------------------------------------|-----------------------------------------------------|
//! | systemd   | `/sbin/init` leads to a file `systemd`        | what `default.target` pulls in                      |
//! | OpenRC    | `openrc-init`, or an inittab that runs openrc | `/etc/runlevels/{sysinit,boot,default}` and needs   |
//! | sysvinit  | an inittab with runlevels                     | `/etc/rcS.d/S*` and those of the default runlevel   |
//! | BusyBox   | `/sbin/init` leads to a file `busybox`        | the lines of the inittab, else `/etc/init.d/rcS`    |
//! | a script  | `/sbin/init` is one                           | its lines                                           |
//!
//! Of runit and s6 only the name is known, of anything else nothing.

mod openrc;
mod shell;
mod systemd;

use std::collections::BTreeMap;

use rootsmith_tree::Node;

use crate::facts::path;
use crate::view::View;

pub(crate) use shell::{Command, Mounting};
pub(crate) use systemd::unit_texts;

/// The families of inits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InitKind {
    Systemd {
        /// Out of the name of its library, when that tells.
        release: Option<u32>,
    },
    OpenRc,
    Sysvinit,
    Busybox,
    Script,
    Runit,
    S6,
    Unknown,
}

/// The init of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitSystem {
    pub(crate) kind: InitKind,
    /// For evidence: `systemd 257`, `OpenRC`.
    pub(crate) name: String,
    /// What it starts, with a phrase that says by what: units of systemd with their suffix.
    services: BTreeMap<String, String>,
    /// OpenRC: what started services provide (`net`), by which.
    provided: BTreeMap<String, String>,
    /// OpenRC: `rc.conf`, with the file that has the last word.
    settings: BTreeMap<String, (String, String)>,
    /// The commands in the scripts it runs itself, in their order.
    commands: Vec<Command>,
}

impl InitSystem {
    pub(crate) fn of(view: &View<'_>) -> InitSystem {
        let kind = kind(view);
        let mut init = InitSystem {
            kind,
            name: name(kind, view.init()),
            services: BTreeMap::new(),
            provided: BTreeMap::new(),
            settings: BTreeMap::new(),
            commands: Vec::new(),
        };
        match kind {
            InitKind::Systemd { .. } => init.services = systemd::started(view),
            InitKind::OpenRc => {
                let found = openrc::read(view);
                (init.services, init.provided, init.settings) = (found.services, found.provided, found.settings);
                init.commands = found.commands;
            }
            InitKind::Sysvinit => {
                let (services, scripts) = sysvinit_services(view);
                init.services = services;
                let mut reader = shell::Reader::new(view);
                scripts.iter().for_each(|script| reader.file(script));
                init.commands = reader.commands;
            }
            InitKind::Busybox => {
                let mut reader = shell::Reader::new(view);
                for process in inittab(view).iter().filter(|entry| entry.runs_at_boot()).map(|entry| &entry.process) {
                    reader.line(process, "/etc/inittab");
                }
                if view.node("/etc/inittab").is_none() {
                    reader.file("/etc/init.d/rcS");
                }
                init.commands = reader.commands;
            }
            InitKind::Script => {
                let mut reader = shell::Reader::new(view);
                reader.file(view.init());
                init.commands = reader.commands;
            }
            InitKind::Runit | InitKind::S6 | InitKind::Unknown => {}
        }
        init
    }

    /// By what a service is started: `chrony`, or a unit with its suffix. Of a name without one the socket counts, too.
    pub(crate) fn starts(&self, name: &str) -> Option<String> {
        let names = [name.to_owned(), format!("{name}.service"), format!("{name}.socket")];
        names.iter().find_map(|name| Some(format!("`{name}`: {}", self.services.get(name)?)))
    }

    /// By what the first of several that is started is started.
    pub(crate) fn starts_any(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.starts(name))
    }

    /// The names of all that is started.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// OpenRC: the started service that provides `what`.
    pub(crate) fn provider(&self, what: &str) -> Option<&str> {
        self.provided.get(what).map(String::as_str)
    }

    /// OpenRC: the value of a setting in `rc.conf`, and the file.
    pub(crate) fn setting(&self, name: &str) -> Option<(&str, &str)> {
        self.settings.get(name).map(|(value, file)| (value.as_str(), file.as_str()))
    }

    /// The commands in its own scripts.
    pub(crate) fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The mounts in its own scripts, each with the line as evidence.
    pub(crate) fn mountings(&self) -> impl Iterator<Item = (Mounting, String)> {
        self.commands.iter().filter_map(|command| Some((command.mounting()?, command.shown())))
    }

    /// Why nothing is known of what it does.
    pub(crate) fn unknown(&self) -> Option<String> {
        let opaque = matches!(self.kind, InitKind::Runit | InitKind::S6 | InitKind::Unknown);
        opaque.then(|| format!("the init is {}, and nothing is known of what it does", self.name))
    }
}

fn name(kind: InitKind, path: &str) -> String {
    match kind {
        InitKind::Systemd { release: Some(release) } => format!("systemd {release}"),
        InitKind::Systemd { release: None } => "systemd".to_owned(),
        InitKind::OpenRc => "OpenRC".to_owned(),
        InitKind::Sysvinit => "sysvinit".to_owned(),
        InitKind::Busybox => "BusyBox".to_owned(),
        InitKind::Script => format!("the script `{path}`"),
        InitKind::Runit => "runit".to_owned(),
        InitKind::S6 => "s6".to_owned(),
        InitKind::Unknown => format!("`{path}`"),
    }
}

fn kind(view: &View<'_>) -> InitKind {
    if let Some(release) = view.systemd() {
        return InitKind::Systemd { release };
    }
    let resolved = path(view.init()).and_then(|at| view.facts.tree.resolve(&at).ok());
    let Some(at) = resolved.filter(|at| view.facts.tree.get(at).and_then(Node::content).is_some()) else {
        return InitKind::Unknown;
    };
    let name = String::from_utf8_lossy(at.name().unwrap_or_default()).into_owned();
    let inittab = inittab(view);
    let is_openrc = |program: &str| program.rsplit('/').next() == Some("openrc");
    let runs_openrc = inittab.iter().any(|entry| {
        let program = entry.process.split_ascii_whitespace().next().unwrap_or_default();
        // Before 0.52 it could be called `rc`; sysvinit has an `/etc/init.d/rc` of its own.
        let old = matches!(program, "/sbin/rc" | "/usr/sbin/rc");
        // Debian keeps the names of sysvinit's scripts for scripts that run OpenRC.
        let by_script = || {
            let text = view.script(program)?;
            let mut commands =
                text.lines().filter_map(|line| line.trim().trim_start_matches("exec ").split(' ').next());
            commands.any(is_openrc).then_some(())
        };
        entry.runs_at_boot() && (old || is_openrc(program) || by_script().is_some())
    });
    match name.as_str() {
        "openrc-init" => return InitKind::OpenRc,
        "runit-init" | "runit" => return InitKind::Runit,
        name if name.starts_with("s6-") => return InitKind::S6,
        name if name == "busybox" || name.starts_with("busybox.") => {
            return if runs_openrc { InitKind::OpenRc } else { InitKind::Busybox };
        }
        _ => {}
    }
    if let Some(text) = view.script(view.init()) {
        let s6 = text.contains("s6-linux-init") || text.contains("s6-svscan");
        return if s6 { InitKind::S6 } else { InitKind::Script };
    }
    if runs_openrc {
        return InitKind::OpenRc;
    }
    // What BusyBox ignores, sysvinit cannot do without: runlevels.
    if inittab.iter().any(|entry| !entry.runlevels.is_empty()) { InitKind::Sysvinit } else { InitKind::Unknown }
}

/// A line of `/etc/inittab` (inittab(5)): `id:runlevels:action:process`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InittabEntry {
    runlevels: String,
    action: String,
    process: String,
}

impl InittabEntry {
    fn runs_at_boot(&self) -> bool {
        matches!(self.action.as_str(), "sysinit" | "boot" | "bootwait" | "wait" | "once" | "respawn")
    }
}

fn inittab(view: &View<'_>) -> Vec<InittabEntry> {
    let text = view.text_or_empty("/etc/inittab");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = lines.filter_map(|line| {
        let mut fields = line.splitn(4, ':').skip(1).map(|field| field.trim().to_owned());
        Some(InittabEntry { runlevels: fields.next()?, action: fields.next()?, process: fields.next()? })
    });
    entries.collect()
}

/// The services of sysvinit: names without `S` and number, and the links in their order.
fn sysvinit_services(view: &View<'_>) -> (BTreeMap<String, String>, Vec<String>) {
    let inittab = inittab(view);
    let default = inittab.iter().find(|entry| entry.action == "initdefault");
    // Debian's own; an inittab without the line asks on the console.
    let level = default.and_then(|entry| entry.runlevels.chars().next()).unwrap_or('2');
    let mut services = BTreeMap::new();
    let mut scripts = Vec::new();
    for folder in ["/etc/rcS.d".to_owned(), format!("/etc/rc{level}.d"), format!("/etc/rc.d/rc{level}.d")] {
        for link in view.list(&folder) {
            let Some(name) = link.strip_prefix('S').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()))
            else {
                continue;
            };
            let at = format!("{folder}/{link}");
            // A link that leads nowhere starts nothing.
            if view.node(&at).is_some() {
                services.entry(name.to_owned()).or_insert_with(|| format!("`{at}`"));
                scripts.push(at);
            }
        }
    }
    (services, scripts)
}
