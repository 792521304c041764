//! What is mounted where: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use crate::live::answers::{Answers, Silent};
use crate::rules::mounts::expected;
use crate::rules::{Outcome, fstab_field};

/// File systems that are gone with the power.
const VOLATILE: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) point: String,
    pub(crate) filesystem: String,
    pub(crate) source: String,
    /// Of the mount, then of the file system.
    options: Vec<String>,
    shared: bool,
}

impl Mount {
    /// All of them, in the order in which they were mounted.
    pub(crate) fn all(answers: &Answers) -> Result<Vec<Mount>, Silent> {
        Ok(answers.list("mount")?.iter().filter_map(|line| Mount::parse(line)).collect())
    }

    /// `27 1 254:2 / / rw,relatime shared:1 - ext4 /dev/vda2 rw,errors=remount-ro`.
    fn parse(line: &str) -> Option<Mount> {
        let (before, after) = line.split_once(" - ")?;
        let before: Vec<&str> = before.split(' ').collect();
        let mut after = after.split(' ');
        let (filesystem, source) = (after.next()?.to_owned(), after.next()?.to_owned());
        let options = before.get(5)?.split(',').chain(after.next().unwrap_or_default().split(','));
        Some(Mount {
            point: fstab_field(before.get(4)?),
            filesystem,
            source,
            options: options.map(str::to_owned).collect(),
            shared: before.iter().skip(6).any(|field| field.starts_with("shared:")),
        })
    }

    /// What `folder` is on: the last of the longest.
    fn holding<'a>(mounts: &'a [Mount], folder: &str) -> Option<&'a Mount> {
        let holds = |mount: &&Mount| {
            let rest = folder.strip_prefix(mount.point.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        mounts.iter().filter(holds).max_by_key(|mount| mount.point.trim_end_matches('/').len())
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|there| there == option)
    }
}

/// The last mount at a point counts.
fn at<'a>(mounts: &'a [Mount], point: &str) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == point)
}

pub(crate) fn procfs(answers: &Answers) -> Result<Outcome, Silent> {
    // PROC_SUPER_MAGIC, as `stat` writes it. Without that program the table of mounts has to do.
    let magic = answers.one("type.proc")?;
    let mounts = Mount::all(answers)?;
    let kind = at(&mounts, "/proc").map_or("nothing", |mount| mount.filesystem.as_str());
    Ok(match magic {
        "9fa0" => Outcome::yes("`statfs` of `/proc` says 0x9fa0"),
        "" if kind == "proc" => Outcome::yes("`/proc` is mounted"),
        _ => Outcome::no(format!("`/proc` is {kind} (0x{magic})")),
    })
}

pub(crate) fn fstab(answers: &Answers) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    let lines = answers.list("fstab")?;
    let mut wrong = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(' ').filter(|field| !field.is_empty()).collect();
        let (Some(point), Some(filesystem)) = (fields.get(1), fields.get(2)) else {
            wrong.push(format!("`{line}` is no line of `/etc/fstab`"));
            continue;
        };
        let options = fields.get(3).copied().unwrap_or_default();
        let point = fstab_field(point);
        let skipped = options.split(',').any(|option| option == "noauto") || !point.starts_with('/');
        if skipped || *filesystem == "swap" {
            continue;
        }
        match at(&mounts, &point) {
            None => wrong.push(format!("nothing is mounted at `{point}`, though `/etc/fstab` names it")),
            Some(mount) if ["auto", &mount.filesystem].contains(filesystem) || mount.filesystem == "autofs" => {}
            Some(mount) => wrong.push(format!("`{point}` is {}, `/etc/fstab` says {filesystem}", mount.filesystem)),
        }
    }
    let failed = answers.list("failed")?.iter().filter(|unit| unit.ends_with(".mount"));
    wrong.extend(failed.map(|unit| format!("the unit `{unit}` failed")));
    Ok(Outcome::unless(wrong, format!("all {} lines are mounted", lines.len())))
}

pub(crate) fn root_writable(answers: &Answers) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    // What a partition of state lies over, see `kept` of the other side.
    let laid = |point| at(&mounts, point).is_some_and(|mount| mount.filesystem == "overlay" && !mount.has("ro"));
    Ok(match at(&mounts, "/") {
        Some(mount) if mount.has("ro") && laid("/etc") && laid("/var") => {
            Outcome::yes("`/` is mounted with `ro`, and overlays lie over `/etc` and `/var`")
        }
        Some(mount) if mount.has("ro") => Outcome::no("`/` is mounted with `ro`"),
        Some(_) => Outcome::yes("`/` is mounted with `rw`"),
        None => Outcome::no("nothing is mounted at `/`"),
    })
}

pub(crate) fn data_folder(answers: &Answers, folder: &str, known: &[String]) -> Result<Outcome, Silent> {
    let near = answers.one(&format!("nearest:{folder}"))?;
    let mounts = Mount::all(answers)?;
    Ok(match Mount::holding(&mounts, near) {
        Some(mount) => {
            let evidence = format!("`{near}` is on {}, mounted at `{}`", mount.filesystem, mount.point);
            if known.contains(&mount.filesystem) { Outcome::yes(evidence) } else { Outcome::no(evidence) }
        }
        None => Outcome::no("nothing is mounted at `/`"),
    })
}

pub(crate) fn mounted(answers: &Answers, points: &[String]) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for point in points {
        let expected = expected(point);
        match at(&mounts, point) {
            Some(mount) if expected.is_empty() || expected.contains(&mount.filesystem.as_str()) => {
                fine.push(format!("`{point}` is {}", mount.filesystem));
            }
            Some(mount) => wrong.push(format!("`{point}` is {}, not {}", mount.filesystem, expected.join(" or "))),
            None => wrong.push(format!("nothing is mounted at `{point}`")),
        }
    }
    Ok(Outcome::all(wrong, fine))
}

pub(crate) fn options(answers: &Answers, paths: &[String], without: &[String]) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for folder in paths {
        let Some(mount) = Mount::holding(&mounts, folder) else { continue };
        let bad: Vec<String> = without.iter().filter(|it| mount.has(it)).map(|it| format!("`{it}`")).collect();
        if bad.is_empty() {
            fine.push(format!("`{folder}` is on `{}`", mount.point));
        } else {
            wrong.push(format!("`{folder}` is on `{}`, mounted with {}", mount.point, bad.join(", ")));
        }
    }
    Ok(Outcome::all(wrong, fine))
}

pub(crate) fn writable(answers: &Answers, paths: &[String], persistent: bool) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for folder in paths {
        let near = answers.one(&format!("nearest:{folder}"))?;
        let mount = Mount::holding(&mounts, near);
        if !answers.is_yes(&format!("writable:{folder}"))? {
            wrong.push(format!("`{near}` cannot be written"));
        } else if let Some(mount) = mount.filter(|it| persistent && VOLATILE.contains(&it.filesystem.as_str())) {
            wrong.push(format!(
                "`{near}` is on {}, mounted at `{}`: gone with the power",
                mount.filesystem, mount.point
            ));
        } else {
            fine.push(format!("`{near}` can be written"));
        }
    }
    Ok(Outcome::all(wrong, fine))
}

pub(crate) fn shared_root(answers: &Answers) -> Result<Outcome, Silent> {
    let mounts = Mount::all(answers)?;
    Ok(match at(&mounts, "/") {
        Some(mount) if mount.shared => Outcome::yes("`/` is shared"),
        _ => Outcome::no("`/` is private"),
    })
}

pub(crate) fn no_swap(answers: &Answers) -> Result<Outcome, Silent> {
    let lines = answers.list("swap")?.iter();
    let used: Vec<String> = lines.map(|line| format!("`{}` is used", line.split(' ').next().unwrap_or(line))).collect();
    Ok(Outcome::unless(used, "`/proc/swaps` is empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_are_read() {
        let mount =
            Mount::parse("27 1 254:2 / /a\\040b rw,relatime shared:1 master:2 - ext4 /dev/vda2 rw,errors=x").unwrap();
        assert_eq!((mount.point.as_str(), mount.filesystem.as_str(), mount.shared), ("/a b", "ext4", true));
        assert!(mount.has("relatime") && mount.has("errors=x"));
        assert_eq!(Mount::parse("27 1 254:2 / / rw - ext4"), None);
        let mounts: Vec<Mount> = ["/", "/var", "/variant"]
            .iter()
            .filter_map(|point| Mount::parse(&format!("1 1 0:1 / {point} rw - ext4 none rw")))
            .collect();
        assert_eq!(Mount::holding(&mounts, "/var/lib").unwrap().point, "/var");
        assert_eq!(Mount::holding(&mounts, "/varying").unwrap().point, "/");
    }
}
