//! The mechanisms: each rule of a set, decided.

mod apparmor;
mod board;
mod boot;
mod cgroup;
mod cgroup_any;
mod cmdline;
pub(crate) mod containerd;
mod dhcp;
mod disk;
mod fstab;
mod hardening;
mod identity;
mod kernel;
pub(crate) mod localhost;
mod machine_id;
mod modules;
pub(crate) mod mounts;
pub(crate) mod netfilter;
mod network;
mod payload;
mod privileged;
mod startup;
mod sysctl;
mod system;
mod users;

pub use fstab::fstab_field;
pub(crate) use payload::Survey;
pub use payload::may_be_run;
pub(crate) use payload::payload_line;

use crate::elf::{self, Kind};
use crate::view::View;
use crate::{Rule, Said};

/// Whether what a check demands is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Yes,
    /// Good enough for whoever demands it, not good: a warning, whatever the check's severity.
    Almost,
    No,
    /// Cannot be told from here.
    Unknown,
}

/// How a rule was decided, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) met: Met,
    /// Lower-case phrases, the gravest first.
    pub(crate) evidence: Vec<String>,
    /// What the program says that the check is taken from, where that does not follow from whether it is met: the inner
    /// `None` when it says nothing, or nobody knows.
    pub(crate) said: Option<Option<Said>>,
}

impl Outcome {
    pub(crate) fn yes(evidence: impl Into<String>) -> Outcome {
        Outcome { met: Met::Yes, evidence: vec![evidence.into()], said: None }
    }

    pub(crate) fn no(evidence: impl Into<String>) -> Outcome {
        Outcome { met: Met::No, evidence: vec![evidence.into()], said: None }
    }

    pub(crate) fn almost(evidence: impl Into<String>) -> Outcome {
        Outcome { met: Met::Almost, evidence: vec![evidence.into()], said: None }
    }

    pub(crate) fn unknown(evidence: impl Into<String>) -> Outcome {
        Outcome { met: Met::Unknown, evidence: vec![evidence.into()], said: None }
    }

    /// What the program says that the check is taken from.
    pub(crate) fn said(self, said: Said) -> Outcome {
        Outcome { said: Some(Some(said)), ..self }
    }

    /// The program says nothing of it here, or only the machine tells what.
    pub(crate) fn unsaid(self) -> Outcome {
        Outcome { said: Some(None), ..self }
    }

    /// `no` with all of `wrong`, or `yes` when nothing is.
    pub(crate) fn unless(wrong: Vec<String>, fine: impl Into<String>) -> Outcome {
        Outcome::all(wrong, vec![fine.into()])
    }

    /// `no` with all of `wrong`, or `yes` with all of `fine` when nothing is.
    pub(crate) fn all(wrong: Vec<String>, fine: Vec<String>) -> Outcome {
        let (met, evidence) = if wrong.is_empty() { (Met::Yes, fine) } else { (Met::No, wrong) };
        Outcome { met, evidence, said: None }
    }
}

pub(crate) fn decide(view: &View<'_>, rule: &Rule) -> Outcome {
    match rule {
        // The way from the firmware to the init.
        Rule::Init {} => boot::init(view),
        Rule::Kernel {} => kernel::belongs(view),
        Rule::BootEntry {} => boot::entry(view),
        Rule::RootDevice {} => boot::root_device(view),
        Rule::RootDriver { disks } => boot::root_driver(view, disks),
        Rule::Fstab {} => fstab::sane(view),
        Rule::RootWritable {} => fstab::root_writable(view),

        // What a board needs of its card.
        Rule::DeviceTree {} => board::device_tree(view),
        Rule::ConfigTxt {} => board::config_txt(view),
        Rule::SerialConsole {} => board::console(view),
        Rule::Bootargs {} => board::bootargs(view),
        Rule::BoardDrivers {} => board::drivers(view),
        Rule::BootRom {} => board::boot_rom(view),

        // The kernel.
        Rule::Kconfig { symbol, module } => kernel::symbol(view, symbol, module.as_deref()),
        Rule::KernelConfig {} => kernel::config(view),
        Rule::KernelRelease { least } => kernel::release(view, least),
        Rule::Linux {} => kernel::linux(view),
        Rule::ExtinctKconfig { symbol, module, gone } => kernel::extinct(view, symbol, module.as_deref(), gone),
        Rule::AnyKconfig { symbols } => kernel::any_symbol(view, symbols),
        Rule::EmbeddedConfig {} => kernel::embedded(view),
        Rule::ModuleCompression {} => modules::compression(view),
        Rule::IptablesBackend {} => netfilter::backend(view),
        Rule::RealTimeGroups {} => kernel::real_time_groups(view),

        // What the running system offers.
        Rule::AtRunTime { what, .. } => Outcome::unknown(format!("only the running machine tells {what}")),
        Rule::Localhost {} => localhost::resolves(view),
        Rule::ContainerdSnippets { folder } => containerd::snippets(view, folder),
        Rule::Procfs {} => system::procfs(view),
        Rule::OpenFiles { least } => system::open_files(view, *least),
        Rule::DataFolder { path, filesystems } => disk::data_folder(view, path, filesystems),
        Rule::DiskFree { mebibytes, percent } => disk::free(view, *mebibytes, *percent),
        Rule::AppArmor {} => apparmor::state(view),
        Rule::MachineIdSource {} => machine_id::source(view),
        Rule::Mounted { points } => mounts::mounted(view, points),
        Rule::MountOptions { paths, without } => mounts::options(view, paths, without),
        Rule::Writable { paths, persistent } => mounts::writable(view, paths, *persistent),
        Rule::SharedRoot {} => mounts::shared_root(view),
        Rule::NoSwap {} => mounts::no_swap(view),
        Rule::ResolvConf {} => network::resolv_conf(view),
        Rule::HostSources { sources } => network::host_sources(view, sources),
        Rule::Hostname {} => network::hostname(view),
        Rule::NetProvider {} => network::provider(view),
        Rule::Sysctl { keys, least, most, unset } => sysctl::holds(view, keys, *least, *most, *unset),
        Rule::ModulesLoaded { modules } => startup::modules_loaded(view, modules),
        Rule::TimeSync {} => startup::time_sync(view),
        Rule::CaBundle {} => startup::ca_bundle(view),
        Rule::ApparmorParser {} => startup::apparmor_parser(view),
        Rule::SelinuxPolicy {} => startup::selinux_policy(view),
        Rule::PluginFolder { path } => mounts::plugin_folder(view, path),

        // Programs.
        Rule::Executable { name } => executable(view, name),
        Rule::UserTools { tools, users } => users::tools(view, tools, users),
        Rule::ProgramMachine {} => payload::judge(view, Kind::Machine),
        Rule::ProgramInterpreter {} => payload::judge(view, Kind::Interpreter),
        Rule::ProgramLibraries {} => payload::judge(view, Kind::Library),
        Rule::ProgramVersions {} => payload::judge(view, Kind::Version),
        Rule::Scripts {} => payload::judge(view, Kind::Script),
        Rule::Privileged {} => privileged::listed(view),

        // Control groups.
        Rule::Cgroup2 {} => cgroup::mounted(view),
        Rule::Controller { controller, symbols, least } => {
            cgroup::controller(view, controller.as_deref(), symbols, least.as_deref())
        }
        Rule::AnyCgroup {} => cgroup_any::mounted(view),
        Rule::AnyController { controller, symbols, least, legacy, legacy_symbols } => {
            let unified = (controller.as_deref(), symbols.as_slice(), least.as_deref());
            cgroup_any::controller(view, unified, (legacy, legacy_symbols))
        }

        // Less to attack.

        // What makes each machine its own.
        Rule::MachineId {} => identity::machine_id(view),
        Rule::HostKeys {} => identity::host_keys(view),
        Rule::DhcpClientId {} => dhcp::client_id(view),
        Rule::NoFiles { paths, lines } => identity::no_files(view, paths, lines),
        Rule::EmptyPasswords {} => identity::empty_passwords(view),
        Rule::BakedPasswords {} => identity::baked_passwords(view),

        // Less to attack.
        Rule::KconfigOff { symbol } => hardening::kconfig_off(view, symbol),
        Rule::FileMode { path, most } => hardening::file_mode(view, path, most),
        Rule::WorldWritable {} => hardening::world_writable(view),
        Rule::Unowned {} => hardening::unowned(view),
        Rule::Sticky { paths } => hardening::sticky(view, paths),
        Rule::SshdOption { option, values, unset } => hardening::sshd_option(view, option, values, unset),
        Rule::Umask {} => hardening::umask(view),
    }
}

pub(crate) fn executable(view: &View<'_>, name: &str) -> Outcome {
    match elf::find_in_path(view, name) {
        None => Outcome::no(format!("no executable file `{name}` in the PATH of a service")),
        Some(place) => match elf::runnable(view, &place) {
            Ok(file) if file == place => Outcome::yes(format!("`{place}`")),
            Ok(file) => Outcome::yes(format!("`{place}` is `{file}`")),
            // Whoever only looks for a file with an x bit has found one.
            Err(reason) => Outcome::no(reason).said(Said::Pass),
        },
    }
}
