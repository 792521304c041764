//! Which answers decide which rule.

use super::answers::{Answers, Silent};
use super::rules::{identity, kernel, limits, mounts, network, programs, start};
use crate::rules::Outcome;
use crate::{Check, Rule};

/// What became of a question.
pub(crate) enum Asked {
    Decided(Outcome),
    /// Only the image tells, for this reason.
    OnlyImage(&'static str),
}

const WALK: &str = "it takes a walk over all files";
const CARD: &str = "a system that runs was started already, and what starts it is on the card";
const FILES: &str = "what is in the image shows before it runs: a system makes such files itself";

pub(crate) fn decide(answers: &Answers, check: &Check) -> Result<Asked, Silent> {
    let outcome = match &check.rule {
        // The way from the firmware to the init.
        Rule::Init {} => start::init(answers)?,
        Rule::Kernel {} => kernel::belongs(answers)?,
        Rule::BootEntry {} => start::entry(answers)?,
        Rule::RootDevice {} => start::root_device(answers)?,
        Rule::RootDriver { .. } => start::root_driver(answers)?,
        Rule::Fstab {} => mounts::fstab(answers)?,
        Rule::RootWritable {} => mounts::root_writable(answers)?,

        // What a board needs of its card.
        Rule::DeviceTree {}
        | Rule::ConfigTxt {}
        | Rule::SerialConsole {}
        | Rule::Bootargs {}
        | Rule::BoardDrivers {}
        | Rule::BootRom {} => return Ok(Asked::OnlyImage(CARD)),

        // The kernel.
        Rule::Kconfig { symbol, module } => kernel::symbol(answers, symbol, module.as_deref())?,
        Rule::KernelConfig {} => kernel::config(answers)?,
        Rule::KernelRelease { least } => kernel::release(answers, least)?,
        Rule::Linux {} => kernel::linux(answers)?,
        Rule::ExtinctKconfig { symbol, module, gone } => kernel::extinct(answers, symbol, module.as_deref(), gone)?,
        Rule::AnyKconfig { symbols } => kernel::any_symbol(answers, symbols)?,
        Rule::EmbeddedConfig {} => kernel::embedded(answers)?,
        Rule::ModuleCompression {} => kernel::compression(answers)?,
        Rule::IptablesBackend {} => network::iptables(answers)?,
        Rule::RealTimeGroups {} => kernel::real_time_groups(answers)?,
        Rule::KconfigOff { symbol } => kernel::symbol_off(answers, symbol)?,

        // What the running system offers.
        Rule::AtRunTime { what, mebibytes } => limits::at_run_time(answers, what, *mebibytes)?,
        Rule::Localhost {} => network::localhost(answers)?,
        Rule::ContainerdSnippets { folder } => programs::snippets(answers, folder)?,
        Rule::Procfs {} => mounts::procfs(answers)?,
        Rule::OpenFiles { least } => limits::open_files(answers, *least)?,
        Rule::DataFolder { path, filesystems } => mounts::data_folder(answers, path, filesystems)?,
        Rule::DiskFree { mebibytes, percent } => limits::disk_free(answers, *mebibytes, *percent)?,
        Rule::AppArmor {} => programs::apparmor(answers)?,
        Rule::MachineIdSource {} => identity::machine_id_source(answers)?,
        Rule::Mounted { points } => mounts::mounted(answers, points)?,
        Rule::MountOptions { paths, without } => mounts::options(answers, paths, without)?,
        Rule::Writable { paths, persistent } => mounts::writable(answers, paths, *persistent)?,
        Rule::SharedRoot {} => mounts::shared_root(answers)?,
        Rule::NoSwap {} => mounts::no_swap(answers)?,
        Rule::ResolvConf {} => network::resolv_conf(answers)?,
        Rule::HostSources { sources } => network::host_sources(answers, sources)?,
        Rule::Hostname {} => network::hostname(answers)?,
        Rule::NetProvider {} => network::provider(answers)?,
        Rule::Sysctl { keys, least, most, .. } => limits::sysctl(answers, keys, *least, *most)?,
        Rule::ModulesLoaded { modules } => kernel::modules_loaded(answers, modules)?,
        Rule::TimeSync {} => programs::time_sync(answers)?,
        Rule::CaBundle {} => programs::ca_bundle(answers)?,
        Rule::ApparmorParser {} => programs::apparmor_parser(answers)?,
        Rule::SelinuxPolicy {} => programs::selinux(answers)?,
        Rule::PluginFolder { path } => mounts::writable(answers, std::slice::from_ref(path), false)?,

        // Programs.
        Rule::Executable { name } => programs::executable(answers, name)?,
        Rule::UserTools { tools, users } => programs::user_tools(answers, tools, users)?,

        Rule::ProgramMachine {}
        | Rule::ProgramInterpreter {}
        | Rule::ProgramLibraries {}
        | Rule::ProgramVersions {}
        | Rule::Scripts {} => return Ok(Asked::OnlyImage("it would take running every program")),
        Rule::Privileged {} => return Ok(Asked::OnlyImage(WALK)),

        // Control groups.
        Rule::Cgroup2 {} => limits::cgroup2(answers)?,
        Rule::AnyCgroup {} => limits::any_cgroup(answers)?,
        Rule::Controller { controller, symbols, .. } => limits::controller(answers, controller.as_deref(), symbols)?,
        Rule::AnyController { controller, symbols, legacy, .. } => {
            limits::any_controller(answers, controller.as_deref(), symbols, legacy)?
        }

        // What makes each machine its own.
        Rule::MachineId {} => identity::machine_id(answers)?,
        Rule::HostKeys {} => identity::host_keys(answers)?,
        Rule::EmptyPasswords {} => identity::passwords(answers, "password.empty", "has no password")?,
        Rule::BakedPasswords {} => identity::passwords(answers, "password.set", "has a password")?,
        Rule::DhcpClientId {} | Rule::NoFiles { .. } => return Ok(Asked::OnlyImage(FILES)),

        // Less to attack.
        Rule::FileMode { path, most } => identity::file_mode(answers, path, most)?,
        Rule::Sticky { paths } => identity::sticky(answers, paths)?,
        Rule::SshdOption { option, values, .. } => programs::sshd_option(answers, option, values)?,
        Rule::WorldWritable {} | Rule::Unowned {} => return Ok(Asked::OnlyImage(WALK)),
        Rule::Umask {} => return Ok(Asked::OnlyImage("it shows when a user logs in")),
    };
    Ok(Asked::Decided(outcome))
}
