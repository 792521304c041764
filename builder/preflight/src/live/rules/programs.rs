//! Programs, and what is set up for them.

use crate::Said;
use crate::live::answers::{Answers, Silent};
use crate::rules::containerd::judge;
use crate::rules::{Met, Outcome};

/// Found as a service finds it, and run.
pub(crate) fn executable(answers: &Answers, name: &str) -> Result<Outcome, Silent> {
    let said = answers.one(&format!("program.{name}"))?;
    let Some((status, path)) = said.split_once(' ') else {
        return Ok(Outcome::no(format!("no executable file `{name}` in the PATH of a service")));
    };
    Ok(match status {
        // sh(1): it was found but could not be run, or its interpreter or a library was not found.
        "126" | "127" => Outcome::no(format!("`{path}` does not run: status {status}")).said(Said::Pass),
        _ => Outcome::yes(format!("`{path}` runs")),
    })
}

pub(crate) fn user_tools(answers: &Answers, tools: &[String], users: &[String]) -> Result<Outcome, Silent> {
    let mut known = !users.is_empty();
    for user in users {
        known &= answers.is_yes(&format!("user.{user}"))?;
    }
    if known {
        return Ok(Outcome::yes(format!("`/etc/passwd` has {} already", users.join(", "))));
    }
    let mut wrong = Vec::new();
    for tool in tools {
        let outcome = executable(answers, tool)?;
        if outcome.met == Met::Yes {
            return Ok(outcome);
        }
        wrong.extend(outcome.evidence);
    }
    Ok(Outcome::unless(wrong, "none is needed"))
}

pub(crate) fn snippets(answers: &Answers, folder: &str) -> Result<Outcome, Silent> {
    let files = answers.list(&format!("snippet:{folder}"))?;
    let mut wrong = Vec::new();
    let mut unreadable = false;
    for file in files {
        match answers.list(&format!("text:{file}")) {
            Ok(lines) => wrong.extend(judge(&lines.join("\n")).map(|reason| format!("`{file}` {reason}"))),
            Err(_) => {
                unreadable = true;
                wrong.push(format!("`{file}` cannot be read"));
            }
        }
    }
    let fine = if files.is_empty() { "there are none".to_owned() } else { format!("{} of version 3", files.len()) };
    let outcome = Outcome::unless(wrong, fine);
    Ok(if unreadable { outcome.said(Said::Error) } else { outcome })
}

/// As k0s shows it: whatever comes out, it passes.
pub(crate) fn apparmor(answers: &Answers) -> Result<Outcome, Silent> {
    let lsm = answers.one("lsm")?;
    Ok(Outcome::yes(match answers.one("apparmor")? {
        "active" => "active: `/sys/kernel/security/apparmor` is there".to_owned(),
        _ if lsm.split(',').any(|name| name == "apparmor") => "inactive".to_owned(),
        _ => format!("unavailable: the kernel has started `{lsm}`"),
    }))
}

pub(crate) fn apparmor_parser(answers: &Answers) -> Result<Outcome, Silent> {
    let lsm = answers.one("lsm")?;
    if !lsm.split(',').any(|name| name == "apparmor") {
        return Ok(Outcome::yes(format!("the kernel does not use AppArmor: `{lsm}`")));
    }
    let outcome = executable(answers, "apparmor_parser")?;
    Ok(Outcome { said: None, ..outcome })
}

pub(crate) fn selinux(answers: &Answers) -> Result<Outcome, Silent> {
    let lsm = answers.one("lsm")?;
    Ok(if lsm.split(',').any(|name| name == "selinux") {
        Outcome::unknown("the kernel uses SELinux; whether its policy fits, containers show")
    } else {
        Outcome::yes(format!("the kernel does not use SELinux: `{lsm}`"))
    })
}

pub(crate) fn time_sync(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(match answers.one("time.daemon")?.split(' ').find(|name| !name.is_empty()) {
        Some(name) => Outcome::yes(format!("`{name}` is there")),
        None => Outcome::no("nothing that sets the clock is there"),
    })
}

pub(crate) fn ca_bundle(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(match answers.one("ca-bundle")? {
        "" => Outcome::no("there is no bundle of certificates"),
        bundle => Outcome::yes(format!("`{bundle}`")),
    })
}

/// What the server itself makes of its configuration: `sshd -T`.
pub(crate) fn sshd_option(answers: &Answers, option: &str, values: &[String]) -> Result<Outcome, Silent> {
    Ok(match answers.one(&format!("sshd.{option}"))? {
        "none" => Outcome::yes("there is no SSH server"),
        "" => Outcome::unknown("`sshd -T` does not say"),
        value if values.iter().any(|good| good.eq_ignore_ascii_case(value)) => {
            Outcome::yes(format!("`sshd -T` says `{option} {value}`"))
        }
        value => Outcome::no(format!("`sshd -T` says `{option} {value}`")),
    })
}
