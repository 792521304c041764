//! `[[service]]`: one declaration, rendered for the init in use.

use std::time::Duration;

use rootsmith_types::{Located, NumBytes, Origin, TreePath};

/// One `[[service]]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it is called under every init.
    pub name: Located<String>,
    /// A line for people; the name unless told otherwise.
    pub description: Option<Located<String>>,
    /// The program, by its full path, and its arguments. Never empty, and never read by a shell.
    pub exec: Vec<Located<String>>,
    /// Who it runs as; root unless told otherwise.
    pub user: Option<Located<String>>,
    /// Its group; the user's primary one unless told otherwise.
    pub group: Option<Located<String>>,
    /// `environment = { HTTP_PROXY = "…" }`, in the order written.
    pub environment: Vec<(Located<String>, Located<String>)>,
    /// The folder it starts in; `/` unless told otherwise.
    pub working_directory: Option<Located<TreePath>>,
    /// Runs once at boot and ends, and what comes after it waits for that.
    pub oneshot: Located<bool>,
    /// When it is started again.
    pub restart: Located<Restart>,
    /// How long to wait before that; what the init does by itself unless told otherwise.
    pub restart_delay: Option<Located<Duration>>,
    /// Services that are started before this one, if they are started at all.
    pub after: Vec<Located<String>>,
    /// Services that are started after this one.
    pub before: Vec<Located<String>>,
    /// Services without which this one does not start.
    pub requires: Vec<Located<String>>,
    /// Whether it waits for the network to be configured.
    pub network: Located<bool>,
    /// Resource limits (setrlimit(2)), in the order written.
    pub limits: Vec<(Located<Resource>, Located<Limit>)>,
    /// Whether it manages the cgroups below its own.
    pub delegate: Located<bool>,
    /// Who is told to end when it is stopped.
    pub kill_mode: Located<KillMode>,
    /// What all its processes together may use.
    pub cgroup: CgroupLimits,
    /// Whether it is started at boot.
    pub enable: Located<bool>,
    /// The whole table.
    pub origin: Origin,
}

/// When a service is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// However it ended.
    Always,
    /// When it ended with a failure.
    OnFailure,
    /// Never.
    Never,
}

/// Who is told to end when a service is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMode {
    /// Every process of its cgroup.
    ControlGroup,
    /// Its main process alone: what that started goes on.
    Process,
}

/// A resource of setrlimit(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `as`: address space, in bytes.
    As,
    /// `core`: core files, in bytes.
    Core,
    /// `data`: data segment, in bytes.
    Data,
    /// `fsize`: size of files it writes, in bytes.
    Fsize,
    /// `memlock`: locked memory, in bytes.
    Memlock,
    /// `nofile`: open files.
    Nofile,
    /// `nproc`: processes of its user.
    Nproc,
    /// `rtprio`: real-time priority.
    Rtprio,
    /// `stack`: stack, in bytes.
    Stack,
}

/// How much of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `"unlimited"`.
    Unlimited,
    /// A number, in the unit of what it limits.
    Number(u64),
}

/// `cgroup = { memory = "256MiB", cpu = "50%", pids = 100 }`.
#[derive(Debug, Clone, Default)]
pub struct CgroupLimits {
    /// `memory.max`.
    pub memory: Option<Located<NumBytes>>,
    /// `cpu.max`, in percent of one processor: `150` is one and a half.
    pub cpu: Option<Located<u32>>,
    /// `pids.max`.
    pub pids: Option<Located<Limit>>,
}
