//! `[[service]]` as a service script (openrc-run(8)).
//!
//! | declared                  | rendered                                                          |
//! |---------------------------|-------------------------------------------------------------------|
//! | `restart = "always"`      | `supervisor=supervise-daemon`, without an end                      |
//! | `restart = "never"`       | start-stop-daemon in the background                               |
//! | `oneshot`                 | a `start` that waits                                              |
//! | `limits.nofile`, others   | `rc_ulimit`; prlimit(1), whose units no shell changes             |
//! | `cgroup`                  | `rc_cgroup_settings`; `rc_cgroup_memory` … under version 1        |
//! | `kill-mode`               | what is left in the control group is ended, or left alone         |
//! | `delegate`                | the control group belongs to the service's user                   |

use std::fmt::Write;

use rootsmith_profile::{Hierarchy, InitSystem, KillMode, Limit, Profile, Resource, Restart, Service};
use rootsmith_types::Located;

use super::super::quote::{Words, is_plain, quote};
use super::super::refuse;
use crate::edit::Edit;

/// One period of `cpu.max`, in microseconds: the kernel's own.
const CPU_PERIOD: u64 = 100_000;

/// The script of a service, and its fault where OpenRC cannot do what is declared.
pub(super) fn script(edit: &mut Edit<'_>, profile: &Profile, service: &Service) -> String {
    let mut words = Words::default();
    let body = if service.oneshot.value { oneshot(edit, service) } else { daemon(edit, &mut words, service) };
    let mut text = String::from("#!/usr/sbin/openrc-run\n# Made from `[[service]]` of the image's profile.\n\n");
    let description = service.description.as_ref().unwrap_or(&service.name);
    let _ = writeln!(text, "description={}", quote(&description.value));
    text += &words.variables;
    text += &body.settings;
    for (resource, limit) in &service.limits {
        if resource.value == Resource::Nofile {
            let _ = writeln!(text, "rc_ulimit='-n {}'", shown(limit.value));
        }
    }
    text += &control_group(edit, profile, service);
    text += &depend(edit, service);
    text += &start_pre(edit, profile, service);
    text += &body.functions;
    if service.kill_mode.value == KillMode::ControlGroup && !service.oneshot.value {
        text += &end_the_rest(profile, service);
    }
    text
}

/// Variables, and functions that come after them.
#[derive(Default)]
struct Body {
    settings: String,
    functions: String,
}

fn daemon(edit: &mut Edit<'_>, words: &mut Words, service: &Service) -> Body {
    let mut body = Body::default();
    let name = &service.name.value;
    let mut set = |key: &str, value: &str| {
        let _ = writeln!(body.settings, "{key}={value}");
    };
    let supervised = match service.restart.value {
        Restart::Always => true,
        Restart::Never => false,
        Restart::OnFailure => {
            let what = "start a service again after a failure alone: supervise-daemon does so however it ended";
            refuse(edit, InitSystem::Openrc, &service.restart.origin, what, "write `\"always\"` or `\"never\"`");
            true
        }
    };
    if supervised {
        set("supervisor", "supervise-daemon");
    } else {
        set("command_background", "yes");
    }
    set("pidfile", &format!("/run/{name}.pid"));
    let exec: Vec<&str> = service.exec.iter().map(|word| word.value.as_str()).collect();
    let (program, arguments) = exec.split_first().unwrap_or((&"", &[]));
    set("command", &words.value([program]));
    if !arguments.is_empty() {
        set("command_args", &words.value(arguments));
    }
    if let Some(account) = account(service) {
        set("command_user", &account);
    }
    if let Some(folder) = &service.working_directory {
        set("directory", &words.value([folder.value.to_string()]));
    }
    // What it prints is for the system's log; nothing is lost on a terminal that nobody looks at.
    for key in ["output_logger", "error_logger"] {
        set(key, &format!("'logger --tag {name} --socket-errors=off'"));
    }
    if !service.environment.is_empty() {
        let pairs = service.environment.iter().map(|(key, value)| format!("{}={}", key.value, value.value));
        let options: Vec<String> = pairs.flat_map(|pair| ["--env".to_owned(), pair]).collect();
        let key = if supervised { "supervise_daemon_args" } else { "start_stop_daemon_args" };
        set(key, &words.value(&options));
    }
    if supervised {
        set("respawn_delay", &delay(edit, service).to_string());
        // Zero is no limit.
        set("respawn_max", "0");
    } else if !is_plain(program) {
        // Its own one reads the command once only.
        let stop = format!("start-stop-daemon --stop --pidfile /run/{name}.pid");
        body.functions += &format!("\nstop()\n{{\n\tebegin \"Stopping $RC_SVCNAME\"\n\t{stop}\n\teend $?\n}}\n");
    }
    body
}

/// Seconds before a service is started again. Without any, one that fails at once would keep a processor busy.
fn delay(edit: &mut Edit<'_>, service: &Service) -> u64 {
    let Some(delay) = &service.restart_delay else { return 1 };
    if delay.value.subsec_nanos() != 0 || delay.value.is_zero() {
        let what = "wait for a part of a second before it starts a service again";
        refuse(edit, InitSystem::Openrc, &delay.origin, what, "write whole seconds: `\"1s\"`");
    }
    delay.value.as_secs().max(1)
}

fn account(service: &Service) -> Option<String> {
    let user = service.user.as_ref().map(|user| user.value.as_str());
    match (&user, &service.group) {
        (None, None) => None,
        (Some(user), None) => Some((*user).to_owned()),
        (user, Some(group)) => Some(format!("{}:{}", user.unwrap_or("root"), group.value)),
    }
}

fn oneshot(edit: &mut Edit<'_>, service: &Service) -> Body {
    if service.restart.value != Restart::Never {
        let what = "start a service again that runs once";
        refuse(edit, InitSystem::Openrc, &service.restart.origin, what, "leave out `restart`, or `oneshot`");
    }
    let mut command = Vec::new();
    if service.user.is_some() || service.group.is_some() {
        let user = service.user.as_ref().map_or("root", |user| user.value.as_str());
        let group = service.group.as_ref().map_or_else(|| format!("\"$(id -g {user})\""), |group| group.value.clone());
        command.push(format!("setpriv --reuid={user} --regid={group} --init-groups --reset-env"));
    }
    if !service.environment.is_empty() {
        let pairs = service.environment.iter().map(|(key, value)| format!("{}={}", key.value, quote(&value.value)));
        command.push(format!("env {}", pairs.collect::<Vec<_>>().join(" ")));
    }
    command.extend(service.exec.iter().map(|word| quote(&word.value)));
    let folder = service.working_directory.as_ref().map_or_else(|| "/".to_owned(), |folder| folder.value.to_string());
    let functions = format!(
        "\nstart()\n{{\n\tebegin \"Running $RC_SVCNAME\"\n\t(\n\t\tcd {} &&\n\t\t\texec {}\n\t)\n\teend $?\n}}\n",
        quote(&folder),
        command.join(" ")
    );
    Body { settings: String::new(), functions }
}

fn depend(edit: &mut Edit<'_>, service: &Service) -> String {
    let mut lines = String::new();
    if service.network.value {
        lines += "\tneed net\n";
    }
    for (word, names) in [("need", &service.requires), ("after", &service.after), ("before", &service.before)] {
        let names: Vec<String> = names.iter().filter_map(|name| service_name(edit, name)).collect();
        if !names.is_empty() {
            let _ = writeln!(lines, "\t{word} {}", names.join(" "));
        }
    }
    if lines.is_empty() { lines } else { format!("\ndepend()\n{{\n{lines}}}\n") }
}

/// The name that OpenRC has for a service.
pub(super) fn service_name(edit: &mut Edit<'_>, name: &Located<String>) -> Option<String> {
    const OTHER_UNITS: [&str; 6] = [".target", ".socket", ".timer", ".mount", ".path", ".slice"];
    let text = name.value.strip_suffix(".service").unwrap_or(&name.value);
    if !OTHER_UNITS.iter().any(|suffix| text.ends_with(suffix)) {
        return Some(text.to_owned());
    }
    let instead = if text.starts_with("network") { "write `network = true`" } else { "name a service" };
    refuse(edit, InitSystem::Openrc, &name.origin, format!("order by `{text}`, which is a unit of systemd"), instead);
    None
}

/// What the service may use, in the words of the hierarchy in use.
fn control_group(edit: &mut Edit<'_>, profile: &Profile, service: &Service) -> String {
    let limits = &service.cgroup;
    let cpu = limits.cpu.as_ref().map(|cpu| u64::from(cpu.value) * CPU_PERIOD / 100);
    let memory = limits.memory.as_ref().map(|memory| memory.value.get());
    let pids = limits.pids.as_ref().map(|pids| match pids.value {
        Limit::Unlimited => "max".to_owned(),
        Limit::Number(number) => number.to_string(),
    });
    let asked = [
        limits.memory.as_ref().map(|it| ("memory", &it.origin)),
        limits.cpu.as_ref().map(|it| ("cpu", &it.origin)),
        limits.pids.as_ref().map(|it| ("pids", &it.origin)),
    ];
    for (controller, origin) in asked.into_iter().flatten() {
        if !profile.cgroups.controllers.iter().any(|known| known.value == controller) {
            let what = format!("limit `{controller}` without its controller");
            let instead = format!("add `\"{controller}\"` to `cgroups.controllers`");
            refuse(edit, InitSystem::Openrc, origin, what, instead);
        }
    }
    let mut text = String::new();
    if profile.cgroups.hierarchy.value == Hierarchy::Unified {
        let mut lines = String::new();
        lines.extend(memory.map(|memory| format!("memory.max {memory}\n")));
        lines.extend(cpu.map(|quota| format!("cpu.max {quota} {CPU_PERIOD}\n")));
        lines.extend(pids.map(|pids| format!("pids.max {pids}\n")));
        if !lines.is_empty() {
            let _ = write!(text, "rc_cgroup_settings='\n{lines}'\n");
        }
    } else {
        text.extend(memory.map(|memory| format!("rc_cgroup_memory='memory.limit_in_bytes {memory}'\n")));
        let cpu = cpu.map(|quota| format!("rc_cgroup_cpu='cpu.cfs_period_us {CPU_PERIOD} cpu.cfs_quota_us {quota}'\n"));
        text.extend(cpu);
        text.extend(pids.map(|pids| format!("rc_cgroup_pids='pids.max {pids}'\n")));
        if service.kill_mode.value == KillMode::ControlGroup && !service.oneshot.value {
            text += "rc_cgroup_cleanup=yes\n";
        }
    }
    text
}

/// Limits that `rc_ulimit` leaves to the shell's units, and the hand-over of the control group.
fn start_pre(edit: &mut Edit<'_>, profile: &Profile, service: &Service) -> String {
    let mut lines = String::new();
    let others = service.limits.iter().filter(|(resource, _)| resource.value != Resource::Nofile);
    let options: Vec<String> =
        others.map(|(resource, limit)| format!("--{}={}", option(resource.value), shown(limit.value))).collect();
    if !options.is_empty() {
        let _ = writeln!(lines, "\tprlimit --pid $$ {} || return 1", options.join(" "));
    }
    if service.delegate.value
        && let Some(user) = &service.user
        && user.value != "root"
    {
        if profile.cgroups.hierarchy.value == Hierarchy::Unified {
            let files = "cgroup.procs cgroup.subtree_control cgroup.threads";
            let _ = writeln!(lines, "\t# Version 2 is delegated by these files (cgroups(7), \"Delegation\").");
            let _ = writeln!(
                lines,
                "\tcd \"/sys/fs/cgroup/openrc.$RC_SVCNAME\" && chown {} . {files} || return 1\n\tcd /",
                user.value
            );
        } else {
            let what = "give a control group of version 1 to a user";
            let instead = "run the service as root, or write `hierarchy = \"unified\"`";
            refuse(edit, InitSystem::Openrc, &service.delegate.origin, what, instead);
        }
    }
    if lines.is_empty() { lines } else { format!("\nstart_pre()\n{{\n{lines}}}\n") }
}

/// What the main process leaves behind ends with it. `rc_cgroup_cleanup` is for that, but looks for a folder of another name.
fn end_the_rest(profile: &Profile, service: &Service) -> String {
    if profile.cgroups.hierarchy.value != Hierarchy::Unified {
        return String::new();
    }
    // What a service made below its own is its own to remove, and it is gone.
    let below = if service.delegate.value { "\tfind \"$group\" -mindepth 1 -depth -type d -delete\n" } else { "" };
    format!(
        "\n# What the main process left behind ends, too.\n\
         stop_post()\n{{\n\
         \tlocal group=/sys/fs/cgroup/openrc.$RC_SVCNAME pid tries=0\n\
         \t[ -e \"$group/cgroup.kill\" ] || return 0\n\
         \t# Should this script be among it, it leaves first.\n\
         \techo 0 >/sys/fs/cgroup/cgroup.procs\n\
         \twhile read -r pid; do\n\t\tkill -TERM \"$pid\" 2>/dev/null\n\tdone <\"$group/cgroup.procs\"\n\
         \twhile grep -q '^populated 1' \"$group/cgroup.events\" && [ $((tries += 1)) -le 50 ]; do\n\t\tsleep 0.1\n\tdone\n\
         \techo 1 >\"$group/cgroup.kill\"\n{below}\
         \treturn 0\n}}\n"
    )
}

fn shown(limit: Limit) -> String {
    match limit {
        Limit::Unlimited => "unlimited".to_owned(),
        Limit::Number(number) => number.to_string(),
    }
}

/// prlimit(1)'s name.
fn option(resource: Resource) -> &'static str {
    match resource {
        Resource::As => "as",
        Resource::Core => "core",
        Resource::Data => "data",
        Resource::Fsize => "fsize",
        Resource::Memlock => "memlock",
        Resource::Nofile => "nofile",
        Resource::Nproc => "nproc",
        Resource::Rtprio => "rtprio",
        Resource::Stack => "stack",
    }
}
