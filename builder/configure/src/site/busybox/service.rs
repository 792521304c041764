//! `[[service]]`: a script each, which a line of the inittab or, for what runs once, `rcS` starts.

use std::fmt::Write;

use rootsmith_profile::{Hierarchy, InitSystem, KillMode, Limit, Profile, Resource, Restart, Service};
use rootsmith_types::{Located, Origin};

use super::super::quote::quote;
use super::super::refuse;
use super::cgroups;
use crate::edit::Edit;

/// Where the scripts are.
const FOLDER: &str = "/etc/init.d/services";

/// The script that starts a service.
pub(super) fn script(service: &Service) -> String {
    format!("{FOLDER}/{}", service.name.value)
}

/// What the inittab does with a daemon.
pub(super) fn action(service: &Service) -> &'static str {
    if service.restart.value == Restart::Always { "respawn" } else { "once" }
}

/// Writes the scripts of all services; gives back those that are started at boot, in an order in which each comes behind
/// what it is to come after. What this init cannot do is noted.
pub(super) fn write<'p>(edit: &mut Edit<'_>, profile: &'p Profile) -> Vec<&'p Service> {
    for service in &profile.services {
        check(edit, profile, service);
        let text = text(profile, service);
        edit.owner = rootsmith_assemble::Owner::Profile(service.origin.clone());
        edit.write(&script(service), text, 0o755);
    }
    order(edit, profile)
}

/// Notes what BusyBox cannot do.
fn check(edit: &mut Edit<'_>, profile: &Profile, service: &Service) {
    let mut cannot =
        |origin: &Origin, what: &str, instead: &str| refuse(edit, InitSystem::Busybox, origin, what, instead);
    if service.restart.value == Restart::OnFailure {
        cannot(
            &service.restart.origin,
            "start a service again only after a failure",
            "write `restart = \"always\"` or `\"never\"`: BusyBox's init does not look at how a process ended",
        );
    }
    if service.restart_delay.is_some() && service.restart.value != Restart::Always {
        let origin = service.restart_delay.as_ref().map_or(&service.origin, |delay| &delay.origin);
        cannot(
            origin,
            "wait before it starts a service again that is never started again",
            "leave `restart-delay` out",
        );
    }
    if service.network.value && profile.network.interfaces.is_empty() {
        cannot(
            &service.network.origin,
            "wait for a network that nothing configures",
            "add `[[network.interface]]`, with `match` and `dhcp = true` or `address`",
        );
    }
    for (resource, limit) in &service.limits {
        if let Limit::Number(number) = limit.value
            && unit(resource.value).is_none_or(|unit| number % unit != 0)
        {
            let unit = unit(resource.value).unwrap_or(1);
            let what = format!("limit this to {number} bytes: its shell counts in units of {unit}");
            cannot(&limit.origin, &what, "write a multiple of that");
        }
    }
    let limits = &service.cgroup;
    let asked: [(&str, Option<&Origin>); 3] = [
        ("memory", limits.memory.as_ref().map(|it| &it.origin)),
        ("cpu", limits.cpu.as_ref().map(|it| &it.origin)),
        ("pids", limits.pids.as_ref().map(|it| &it.origin)),
    ];
    for (controller, origin) in asked {
        if let Some(origin) = origin
            && !profile.cgroups.controllers.iter().any(|declared| declared.value == controller)
        {
            let what =
                format!("limit a service by the cgroup controller `{controller}`, which `[cgroups]` does not declare");
            cannot(origin, &what, &format!("add \"{controller}\" to `cgroups.controllers`"));
        }
    }
}

/// The services that start at boot: what runs once before what stays, each behind what it comes after.
fn order<'p>(edit: &mut Edit<'_>, profile: &'p Profile) -> Vec<&'p Service> {
    let named = |name: &str| {
        profile.services.iter().position(|service| service.name.value == name.trim_end_matches(".service"))
    };
    // For each service, those that start before it, and where that is said.
    let mut earlier: Vec<Vec<(usize, &Located<String>)>> = vec![Vec::new(); profile.services.len()];
    for (at, service) in profile.services.iter().enumerate() {
        for name in service.after.iter().chain(&service.requires) {
            if let Some(other) = named(&name.value) {
                earlier[at].push((other, name));
            }
        }
        for name in &service.before {
            if let Some(other) = named(&name.value) {
                earlier[other].push((at, name));
            }
        }
        for name in &service.requires {
            let there = named(&name.value).map(|other| &profile.services[other]);
            if !there.is_some_and(|other| other.enable.value) {
                let what = format!("start `{}`, which `{}` requires", name.value, service.name.value);
                let instead = "declare it as a `[[service]]` that is enabled";
                refuse(edit, InitSystem::Busybox, &name.origin, what, instead);
            }
        }
    }
    for (at, service) in profile.services.iter().enumerate().filter(|(_, service)| service.oneshot.value) {
        for (other, name) in &earlier[at] {
            let other = &profile.services[*other];
            if !other.oneshot.value {
                let (first, then) = (&other.name.value, &service.name.value);
                let what = format!("run `{then}` once after `{first}` was started");
                let instead = "let what runs once come first: BusyBox's init starts what stays when the boot is over";
                refuse(edit, InitSystem::Busybox, &name.origin, what, instead);
            }
        }
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < profile.services.len() {
        let ready = |at: &usize| !order.contains(at) && earlier[*at].iter().all(|(other, _)| order.contains(other));
        let left = |at: &usize| !order.contains(at);
        let Some(next) = (0..profile.services.len()).find(ready) else {
            // Each of these waits for another of them.
            let at = (0..profile.services.len()).find(left);
            if let Some((_, name)) = at.and_then(|at| earlier[at].first()) {
                let what = "start services of which each is to come after the others".to_owned();
                refuse(edit, InitSystem::Busybox, &name.origin, what, "leave one `after` or `before` out");
            }
            break;
        };
        order.push(next);
    }
    order.into_iter().map(|at| &profile.services[at]).filter(|service| service.enable.value).collect()
}

/// The script.
fn text(profile: &Profile, service: &Service) -> String {
    let name = &service.name.value;
    let about = service.description.as_ref().map_or(name, |line| &line.value);
    let by = if service.oneshot.value { "/etc/init.d/rcS, once at each boot" } else { "/etc/inittab" };
    let mut text = format!("#!/bin/sh\n# {about}: started by {by}.\n\n");
    text.push_str("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\nexport PATH\n");
    if let Some(delay) = &service.restart_delay {
        let _ = write!(
            text,
            "\n# When it ended, it waits before it starts again.\n\
             [ ! -e /run/services/{name}.started ] || sleep {}\n: >/run/services/{name}.started\n",
            delay.value.as_secs_f64()
        );
    }
    for required in required_once(profile, service) {
        let _ = write!(
            text,
            "\n# Nothing starts without this one.\n\
             until [ -e /run/services/{required}.done ]; do\n\tsleep 5\ndone\n"
        );
    }
    if service.network.value {
        text.push_str(NETWORK);
    }
    if !service.oneshot.value {
        let _ = write!(
            text,
            "\n# What it says goes to the system log.\n\
             log=/run/services/{name}.log\n[ -p \"$log\" ] || mkfifo -m 0600 \"$log\"\n\
             (logger -t {name} <\"$log\" &)\nexec >\"$log\" 2>&1\n"
        );
    }
    text.push_str(&cgroup(profile, service));
    text.push_str(&limits(service));
    for (n, (key, value)) in service.environment.iter().enumerate() {
        let lead = if n == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{lead}export {}={}", key.value, quote(&value.value));
    }
    if let Some(folder) = &service.working_directory {
        let _ = writeln!(text, "\ncd {} || exit 1", quote(&folder.value.to_string()));
    } else {
        text.push_str("\ncd /\n");
    }
    text.push_str(&exec(service));
    text
}

const NETWORK: &str = "
# The network comes first, if it comes within two minutes.
tries=120
until [ -e /run/network/online ] || [ \"$tries\" = 0 ]; do
\tsleep 1
\ttries=$((tries - 1))
done
";

/// What it requires that runs once: it did not fail where its mark is.
fn required_once<'p>(profile: &'p Profile, service: &'p Service) -> impl Iterator<Item = &'p str> {
    let names = service.requires.iter().map(|name| name.value.trim_end_matches(".service"));
    names.filter(|name| profile.services.iter().any(|other| other.name.value == *name && other.oneshot.value))
}

/// A cgroup of its own, without what an earlier run left in it, and with its limits.
fn cgroup(profile: &Profile, service: &Service) -> String {
    let name = &service.name.value;
    let folders = cgroups::of_service(profile, name);
    let mut text = String::from("\n# Its control group, with nothing left in it of an earlier run.\n");
    for folder in &folders {
        let _ = writeln!(text, "mkdir -p {folder}");
    }
    let hierarchy = profile.cgroups.hierarchy.value;
    if service.kill_mode.value == KillMode::ControlGroup
        && let Some(first) = folders.first()
    {
        let _ = match hierarchy {
            Hierarchy::Unified | Hierarchy::Hybrid => writeln!(text, "echo 1 >{first}/cgroup.kill"),
            Hierarchy::Legacy => {
                writeln!(text, "find {first} -name cgroup.procs -exec cat {{}} + | xargs -r kill -KILL 2>/dev/null")
            }
        };
    }
    let unified = hierarchy == Hierarchy::Unified;
    let mut set = |controller: &str, file: &str, value: &str| {
        let folder = if unified { &folders[0] } else { &cgroups::folder_of(profile, controller, name) };
        let _ = writeln!(text, "echo {value} >{folder}/{file}");
    };
    if let Some(memory) = &service.cgroup.memory {
        let bytes = memory.value.get().to_string();
        set("memory", if unified { "memory.max" } else { "memory.limit_in_bytes" }, &bytes);
    }
    if let Some(percent) = &service.cgroup.cpu {
        // Of each tenth of a second.
        let quota = u64::from(percent.value) * 1000;
        if unified {
            set("cpu", "cpu.max", &format!("\"{quota} 100000\""));
        } else {
            set("cpu", "cpu.cfs_period_us", "100000");
            set("cpu", "cpu.cfs_quota_us", &quota.to_string());
        }
    }
    if let Some(pids) = &service.cgroup.pids {
        let most = match pids.value {
            Limit::Unlimited => "max".to_owned(),
            Limit::Number(number) => number.to_string(),
        };
        set("pids", "pids.max", &most);
    }
    if service.delegate.value
        && let Some(owner) = owner(service)
    {
        text.push_str("# It manages the groups below its own.\n");
        for folder in &folders {
            let _ = writeln!(text, "chown -R {} {folder}", quote(&owner));
        }
    }
    for folder in &folders {
        let _ = writeln!(text, "echo $$ >{folder}/cgroup.procs");
    }
    text
}

/// In how many bytes `ulimit` of BusyBox's shell counts; 1 where it counts something else.
fn unit(resource: Resource) -> Option<u64> {
    Some(match resource {
        Resource::As | Resource::Data | Resource::Memlock | Resource::Stack => 1024,
        Resource::Core | Resource::Fsize => 512,
        Resource::Nofile | Resource::Nproc | Resource::Rtprio => 1,
    })
}

fn limits(service: &Service) -> String {
    let mut text = String::new();
    for (n, (resource, limit)) in service.limits.iter().enumerate() {
        let flag = match resource.value {
            Resource::As => 'v',
            Resource::Core => 'c',
            Resource::Data => 'd',
            Resource::Fsize => 'f',
            Resource::Memlock => 'l',
            Resource::Nofile => 'n',
            Resource::Nproc => 'u',
            Resource::Rtprio => 'r',
            Resource::Stack => 's',
        };
        let value = match limit.value {
            Limit::Unlimited => "unlimited".to_owned(),
            Limit::Number(number) => (number / unit(resource.value).unwrap_or(1)).to_string(),
        };
        let lead = if n == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{lead}ulimit -{flag} {value}");
    }
    text
}

/// `user`, `user:group` or `:group`; nothing for root.
fn owner(service: &Service) -> Option<String> {
    let user = service.user.as_ref().map(|user| user.value.as_str());
    let group = service.group.as_ref().map(|group| group.value.as_str());
    match (user, group) {
        (None | Some("root"), None) => None,
        (user, Some(group)) => Some(format!("{}:{group}", user.unwrap_or_default())),
        (Some(user), None) => Some(user.to_owned()),
    }
}

fn exec(service: &Service) -> String {
    let words: Vec<String> = service.exec.iter().map(|word| quote(&word.value)).collect();
    match (owner(service), words.split_first()) {
        (Some(owner), Some((program, arguments))) => {
            let (name, owner) = (&service.name.value, quote(&owner));
            let mut line = format!(
                "# Nobody writes this file, so nothing that runs counts as this service.\n\
                 exec start-stop-daemon -S -c {owner} -p /run/services/{name}.pid -x {program} --"
            );
            arguments.iter().for_each(|word| line.push_str(&format!(" {word}")));
            line + "\n"
        }
        _ => format!("exec {}\n", words.join(" ")),
    }
}
