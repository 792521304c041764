//! How the machine came up.

use super::mounts::Mount;
use crate::facts::found_by_hash;
use crate::live::answers::{Answers, Silent};
use crate::rules::Outcome;

/// Whoever answers was started by the first program.
pub(crate) fn init(answers: &Answers) -> Result<Outcome, Silent> {
    let (comm, exe) = (answers.one("init.comm")?, answers.one("init.exe")?);
    Ok(match comm {
        "" => Outcome::no("`/proc` does not show the first program"),
        _ => Outcome::yes(format!("process 1 is `{comm}` (`{exe}`)")),
    })
}

pub(crate) fn entry(answers: &Answers) -> Result<Outcome, Silent> {
    if answers.is_yes("efi")? {
        return Ok(Outcome::yes("the firmware started it: `/sys/firmware/efi` is there"));
    }
    // What GRUB puts in front of the words of its entry.
    let by_grub = answers.one("cmdline")?.split(' ').find(|word| word.starts_with("BOOT_IMAGE="));
    Ok(match by_grub {
        Some(word) => Outcome::yes(format!("GRUB started it from a BIOS: `{word}`, and no `/sys/firmware/efi`")),
        None => Outcome::no("UEFI did not start it: there is no `/sys/firmware/efi`"),
    })
}

pub(crate) fn root_device(answers: &Answers) -> Result<Outcome, Silent> {
    let cmdline = answers.one("cmdline")?;
    let hash = cmdline.split(' ').rev().find_map(|word| word.strip_prefix("roothash="));
    if let Some(hash) = hash {
        return by_hash(answers, hash);
    }
    let Some(root) = cmdline.split(' ').rev().find_map(|word| word.strip_prefix("root=")) else {
        return Ok(Outcome::no("`/proc/cmdline` has no `root=`"));
    };
    let device = answers.one("root.device")?;
    if device.is_empty() {
        return Ok(Outcome::unknown("the root file system is on no block device of its own"));
    }
    if root.starts_with("/dev/") {
        return Ok(if root == format!("/dev/{device}") {
            Outcome::almost(format!("`root={root}`: the name depends on the machine"))
        } else {
            Outcome::no(format!("`root={root}`, but `/` is on `/dev/{device}`"))
        });
    }
    let names = answers.one("root.names")?;
    let wanted = root.replace('"', "");
    Ok(if names.split(' ').any(|name| name.eq_ignore_ascii_case(&wanted)) {
        Outcome::yes(format!("`root={root}` is `/dev/{device}`"))
    } else {
        Outcome::no(format!("`root={root}`, but `/` is on `/dev/{device}`, which is {}", names.trim()))
    })
}

/// A root with hashes is on a device that maps two partitions.
fn by_hash(answers: &Answers, hash: &str) -> Result<Outcome, Silent> {
    let device = answers.one("root.device")?;
    let Some(halves) = found_by_hash(hash) else {
        return Ok(Outcome::no(format!("`roothash={hash}` is no SHA-256 in hexadecimal digits")));
    };
    if device.is_empty() {
        return Ok(Outcome::unknown("the root file system is on no block device of its own"));
    }
    let names = answers.one("root.names")?;
    let missing = halves.iter().find(|half| !names.split(' ').any(|name| name == format!("partuuid={half}")));
    Ok(match missing {
        None => Outcome::yes(format!("`/dev/{device}` maps the partitions that `roothash=` leads to")),
        Some(half) => Outcome::no(format!("`/` is on `/dev/{device}`, which has nothing of the partition {half}")),
    })
}

pub(crate) fn root_driver(answers: &Answers) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    Ok(match mounts.iter().rev().find(|mount| mount.point == "/") {
        Some(mount) => Outcome::yes(format!("`/` is {} on `{}`", mount.filesystem, mount.source)),
        None => Outcome::no("nothing is mounted at `/`"),
    })
}
