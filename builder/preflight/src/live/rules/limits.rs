//! Memory, room, limits, settings, control groups.

use crate::Said;
use crate::facts::DATA_FOLDER;
use crate::live::answers::{Answers, Silent};
use crate::rules::Outcome;

/// CGROUP2_SUPER_MAGIC, as `stat` writes it.
const CGROUP2: &str = "63677270";
/// TMPFS_MAGIC: where version 1 has its folders.
const TMPFS: &str = "1021994";

pub(crate) fn at_run_time(answers: &Answers, what: &str, mebibytes: Option<u64>) -> Result<Outcome, Silent> {
    let Some(least) = mebibytes else { return Ok(Outcome::unknown(format!("{what} was not asked for"))) };
    let there = answers.number("memory.kib")?;
    let evidence = format!("the machine has {} MiB", there / 1024);
    Ok(if there >= least.saturating_mul(1024) { Outcome::yes(evidence) } else { Outcome::no(evidence) })
}

pub(crate) fn open_files(answers: &Answers, least: u64) -> Result<Outcome, Silent> {
    let limit = |key: &str| match answers.one(key)? {
        "unlimited" => Ok(u64::MAX),
        _ => answers.number(key),
    };
    let (soft, hard) = (limit("limits.soft")?, limit("limits.hard")?);
    let evidence = format!("a service gets soft {soft}, hard {hard}");
    Ok(if soft >= least || hard > least { Outcome::yes(evidence) } else { Outcome::no(evidence) })
}

pub(crate) fn disk_free(answers: &Answers, mebibytes: u64, percent: u64) -> Result<Outcome, Silent> {
    let key = format!("room:{DATA_FOLDER}");
    let silent = || Silent(key.clone());
    let (blocks, free) = answers.one(&key)?.split_once(' ').ok_or_else(silent)?;
    let blocks: u64 = blocks.parse().map_err(|_| silent())?;
    let free: u64 = free.parse().map_err(|_| silent())?;
    let near = answers.one(&format!("nearest:{DATA_FOLDER}"))?;
    let evidence = format!("the file system of `{near}` has {} of {} MiB available", free / 1024, blocks / 1024);
    // In 128 bits no product of two sizes overflows.
    let relative = u128::from(free) * 100 >= u128::from(blocks) * u128::from(percent);
    Ok(if free >= mebibytes.saturating_mul(1024) && relative { Outcome::yes(evidence) } else { Outcome::no(evidence) })
}

pub(crate) fn sysctl(
    answers: &Answers,
    keys: &[String],
    least: Option<i64>,
    most: Option<i64>,
) -> Result<Outcome, Silent> {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for key in keys {
        let value = answers.one(&format!("sysctl.{key}"))?;
        let number: Option<i64> = value.split(' ').next().and_then(|number| number.parse().ok());
        let enough =
            number.is_some_and(|it| least.is_none_or(|least| it >= least) && most.is_none_or(|most| it <= most));
        let shown = if value.is_empty() { format!("there is no `{key}`") } else { format!("`{key}` is {value}") };
        if enough { fine.push(shown) } else { wrong.push(shown) }
    }
    Ok(Outcome::all(wrong, fine))
}

/// What is mounted at `/sys/fs/cgroup`.
fn hierarchy(answers: &Answers) -> Result<&str, Silent> {
    let magic = answers.one("type.cgroup")?;
    if !magic.is_empty() {
        return Ok(magic);
    }
    // Without `stat` the table of mounts has to do.
    let mounts = super::mounts::Mount::all(answers)?;
    let mount = mounts.iter().rev().find(|mount| mount.point == "/sys/fs/cgroup");
    Ok(match mount.map(|mount| mount.filesystem.as_str()) {
        Some("cgroup2") => CGROUP2,
        Some("tmpfs") => TMPFS,
        _ => "",
    })
}

pub(crate) fn cgroup2(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(match hierarchy(answers)? {
        CGROUP2 => Outcome::yes("`statfs` of `/sys/fs/cgroup` says cgroup2"),
        TMPFS => Outcome::no("`/sys/fs/cgroup` is version 1"),
        magic => Outcome::no(format!("`/sys/fs/cgroup` is no cgroup file system (0x{magic})")),
    })
}

pub(crate) fn any_cgroup(answers: &Answers) -> Result<Outcome, Silent> {
    match hierarchy(answers)? {
        TMPFS => Ok(Outcome::yes("`/sys/fs/cgroup` is version 1")),
        _ => cgroup2(answers),
    }
}

pub(crate) fn controller(answers: &Answers, name: Option<&str>, symbols: &[String]) -> Result<Outcome, Silent> {
    let Some(name) = name else {
        // Version 2 has no such controllers: programs do what they did.
        return if symbols.iter().any(|symbol| symbol == "CGROUP_BPF") { devices(answers) } else { freezer(answers) };
    };
    let all = answers.one("cgroup.controllers")?;
    Ok(if all.split(' ').any(|there| there == name) {
        Outcome::yes("`cgroup.controllers` names it")
    } else {
        Outcome::no(format!("`cgroup.controllers` has `{all}`"))
    })
}

pub(crate) fn any_controller(
    answers: &Answers,
    name: Option<&str>,
    symbols: &[String],
    legacy: &str,
) -> Result<Outcome, Silent> {
    if hierarchy(answers)? != TMPFS {
        return controller(answers, name, symbols);
    }
    let all = answers.one("cgroup.v1")?;
    Ok(if all.split(' ').any(|there| there == legacy) {
        Outcome::yes("`/proc/cgroups` has it enabled")
    } else {
        Outcome::no(format!("`/proc/cgroups` has `{}`", all.trim()))
    })
}

/// A service that may open no devices could not, and this one could.
fn devices(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(match (answers.is_yes("device.open")?, answers.one("device.closed")?) {
        (true, "refused") => Outcome::yes("a service without devices was refused `/dev/kmsg`"),
        (true, "opened") => Outcome::no("a service without devices could open `/dev/kmsg`"),
        (false, _) => Outcome::unknown("nobody can open `/dev/kmsg`"),
        _ => Outcome::unknown("the service without devices could not be started"),
    })
}

fn freezer(answers: &Answers) -> Result<Outcome, Silent> {
    let own = answers.one("cgroup.own")?;
    Ok(if answers.is_yes("cgroup.freeze")? {
        Outcome::yes(format!("`{own}` has `cgroup.freeze`"))
    } else if own.is_empty() {
        Outcome::no("the service is in no group of version 2").said(Said::Error)
    } else {
        Outcome::no(format!("`{own}` has no `cgroup.freeze`"))
    })
}
