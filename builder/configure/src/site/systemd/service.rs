//! `[[service]]` as a unit (systemd.service(5), systemd.exec(5), systemd.resource-control(5)).

use std::fmt::Write;

use rootsmith_profile::{KillMode, Limit, Resource, Restart, Service};

use crate::units::with_suffix;

/// The text of the unit.
pub(super) fn unit(service: &Service) -> String {
    let mut text = String::from("# Made from `[[service]]` of the image's profile.\n[Unit]\n");
    let description = service.description.as_ref().unwrap_or(&service.name);
    line(&mut text, "Description", &percents(&description.value));
    let units = |names: &[rootsmith_types::Located<String>]| -> Vec<String> {
        names.iter().map(|name| with_suffix(&name.value)).collect()
    };
    let (mut after, requires) = (units(&service.after), units(&service.requires));
    if service.network.value {
        line(&mut text, "Wants", "network-online.target");
        after.insert(0, "network-online.target".to_owned());
    }
    list(&mut text, "Requires", &requires);
    after.extend(requires);
    list(&mut text, "After", &after);
    list(&mut text, "Before", &units(&service.before));
    let restarts = service.restart.value != Restart::Never;
    if restarts {
        // "Always" is meant so: not until it has failed five times in ten seconds.
        line(&mut text, "StartLimitIntervalSec", "0");
    }

    text.push_str("\n[Service]\n");
    if service.oneshot.value {
        line(&mut text, "Type", "oneshot");
        line(&mut text, "RemainAfterExit", "yes");
    } else {
        line(&mut text, "Type", "exec");
    }
    let words: Vec<String> = service.exec.iter().map(|word| quoted(&word.value, true)).collect();
    line(&mut text, "ExecStart", &words.join(" "));
    if let Some(user) = &service.user {
        line(&mut text, "User", &user.value);
    }
    if let Some(group) = &service.group {
        line(&mut text, "Group", &group.value);
    }
    for (name, value) in &service.environment {
        line(&mut text, "Environment", &quoted(&format!("{}={}", name.value, value.value), false));
    }
    if let Some(folder) = &service.working_directory {
        line(&mut text, "WorkingDirectory", &percents(&folder.value.to_string()));
    }
    let restart = match service.restart.value {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::Never => "no",
    };
    line(&mut text, "Restart", restart);
    if restarts {
        let delay = service.restart_delay.as_ref().map_or(1000, |delay| delay.value.as_millis());
        line(&mut text, "RestartSec", &format!("{delay}ms"));
    }
    if service.kill_mode.value == KillMode::Process {
        line(&mut text, "KillMode", "process");
    }
    if service.delegate.value {
        line(&mut text, "Delegate", "yes");
    }
    for (resource, limit) in &service.limits {
        line(&mut text, limit_key(resource.value), &number(limit.value));
    }
    if let Some(memory) = &service.cgroup.memory {
        line(&mut text, "MemoryMax", &memory.value.get().to_string());
    }
    if let Some(cpu) = &service.cgroup.cpu {
        line(&mut text, "CPUQuota", &format!("{}%", cpu.value));
    }
    if let Some(pids) = &service.cgroup.pids {
        line(&mut text, "TasksMax", &number(pids.value));
    }
    text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key}={value}");
}

fn list(text: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        line(text, key, &values.join(" "));
    }
}

fn number(limit: Limit) -> String {
    match limit {
        Limit::Unlimited => "infinity".to_owned(),
        Limit::Number(number) => number.to_string(),
    }
}

fn limit_key(resource: Resource) -> &'static str {
    match resource {
        Resource::As => "LimitAS",
        Resource::Core => "LimitCORE",
        Resource::Data => "LimitDATA",
        Resource::Fsize => "LimitFSIZE",
        Resource::Memlock => "LimitMEMLOCK",
        Resource::Nofile => "LimitNOFILE",
        Resource::Nproc => "LimitNPROC",
        Resource::Rtprio => "LimitRTPRIO",
        Resource::Stack => "LimitSTACK",
    }
}

/// `%` starts a specifier everywhere (systemd.unit(5), "Specifiers").
fn percents(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word as it is: `"` and `\` escaped (systemd.syntax(7), "Quoting"), and in a command line `$` doubled
/// (systemd.service(5), "Command lines").
fn quoted(word: &str, command: bool) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.,:=+@".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    let mut text = percents(&word.replace('\\', "\\\\").replace('"', "\\\""));
    if command {
        text = text.replace('$', "$$");
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_come_through_as_they_are() {
        for (word, command, environment) in [
            ("/usr/bin/k0s", "/usr/bin/k0s", "/usr/bin/k0s"),
            ("", "\"\"", "\"\""),
            ("a b", "\"a b\"", "\"a b\""),
            ("$HOME 100%", "\"$$HOME 100%%\"", "\"$HOME 100%%\""),
            ("say \"\\n\"", "\"say \\\"\\\\n\\\"\"", "\"say \\\"\\\\n\\\"\""),
            (";", "\";\"", "\";\""),
        ] {
            assert_eq!((quoted(word, true).as_str(), quoted(word, false).as_str()), (command, environment));
        }
    }
}
