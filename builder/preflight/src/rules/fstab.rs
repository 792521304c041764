//! `/etc/fstab` (fstab(5)).

use std::collections::BTreeSet;

use super::mounts::{kept, overlaid, read_only_root};
use super::{Met, Outcome};
use crate::facts::path;
use crate::view::View;
use crate::{BootFacts, PartitionFacts, PartitionRole};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) point: String,
    pub(super) filesystem: String,
    pub(super) options: String,
    pass: String,
}

/// A field with what is written in octal undone, as getmntent(3) does.
pub fn fstab_field(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let known = [("011", '\t'), ("012", '\n'), ("040", ' '), ("043", '#'), ("134", '\\')];
        let code = known.iter().find_map(|(code, letter)| Some((behind.strip_prefix(code)?, letter)));
        let (next, letter) = code.unwrap_or((behind, &'\\'));
        out.push(*letter);
        rest = next;
    }
    out + rest
}

/// The lines of the file, and those that are none.
pub(super) fn mounts(text: &str) -> (Vec<Mount>, Vec<String>) {
    let mut mounts = Vec::new();
    let mut wrong = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let field = |index: usize, default: &str| (*fields.get(index).unwrap_or(&default)).to_owned();
        if !(3..=6).contains(&fields.len()) {
            wrong.push(format!("`{line}` has {} fields where 3 to 6 are needed", fields.len()));
            continue;
        }
        mounts.push(Mount {
            device: field(0, ""),
            point: fstab_field(fields.get(1).copied().unwrap_or_default()),
            filesystem: field(2, ""),
            options: field(3, "defaults"),
            pass: field(5, "0"),
        });
    }
    (mounts, wrong)
}

pub(super) fn sane(view: &View<'_>) -> Outcome {
    let text = match view.text("/etc/fstab") {
        Ok(Some(text)) => text,
        Ok(None) => return Outcome::yes("there is none: only the root is mounted"),
        Err(reason) => return Outcome::no(reason),
    };
    let (mounts, mut wrong) = mounts(&text);
    let mut almost = Vec::new();
    let mut seen = BTreeSet::new();
    for mount in &mounts {
        let Mount { device, point, filesystem, .. } = mount;
        if !matches!(point.as_str(), "none" | "swap") {
            if !point.starts_with('/') || path(point).is_none() {
                wrong.push(format!("the mount point `{point}` is no absolute path"));
            } else if !view.node(point).is_some_and(|node| node.is_directory()) {
                wrong.push(format!("the mount point `{point}` is no folder in the tree"));
            }
            if !seen.insert(point) {
                wrong.push(format!("the mount point `{point}` comes twice"));
            }
        }
        if let Some(boot) = view.facts.boot {
            wrong.extend(device_of(boot, mount).err());
        }
        // systemd passes over a missing helper with a message; older inits stop in a maintenance shell.
        let helper = ["/usr/sbin", "/sbin", "/usr/bin"]
            .iter()
            .any(|folder| view.node(&format!("{folder}/fsck.{filesystem}")).is_some());
        if mount.pass != "0" && !helper {
            almost.push(format!("`{device}` is to be checked, but there is no `fsck.{filesystem}`"));
        }
    }
    match (wrong.is_empty(), almost.is_empty()) {
        (true, true) => Outcome::yes(format!("{} lines", mounts.len())),
        (true, false) => Outcome { met: Met::Almost, evidence: almost, said: None },
        (false, _) => Outcome { met: Met::No, evidence: wrong.into_iter().chain(almost).collect(), said: None },
    }
}

fn device_of(boot: &BootFacts, mount: &Mount) -> Result<(), String> {
    let Mount { device, point, filesystem, .. } = mount;
    // Values may stand in quotes (fstab(5)).
    let Some((key, value)) = device.split_once('=').map(|(key, value)| (key, value.trim_matches('"'))) else {
        return Ok(());
    };
    let Some(found) = find(boot, key, value) else {
        return if matches!(key, "PARTUUID" | "PARTLABEL" | "UUID" | "LABEL") {
            Err(format!("no partition has `{device}`, which `{point}` is mounted from"))
        } else {
            Ok(())
        };
    };
    let known = found.filesystem.as_deref();
    if point == "/" && found.role != PartitionRole::Root {
        return Err(format!("`{device}`, mounted at `/`, is not the root partition"));
    }
    match known {
        Some(known) if filesystem != "auto" && filesystem != known => {
            Err(format!("`{device}` is {known}, not {filesystem}"))
        }
        _ => Ok(()),
    }
}

/// The partition that `PARTUUID=…`, `PARTLABEL=…`, `UUID=…` or `LABEL=…` names.
pub(super) fn find<'a>(boot: &'a BootFacts, key: &str, value: &str) -> Option<&'a PartitionFacts> {
    boot.partitions.iter().find(|partition| match key {
        "PARTUUID" => partition.partuuid.eq_ignore_ascii_case(value),
        "PARTLABEL" => partition.partlabel == value,
        "UUID" => partition.uuid.as_deref().is_some_and(|uuid| uuid.eq_ignore_ascii_case(value)),
        "LABEL" => partition.label.as_deref() == Some(value),
        _ => false,
    })
}

pub(super) fn root_writable(view: &View<'_>) -> Outcome {
    if let Some(overlay) = overlaid(view) {
        return Outcome::yes(overlay);
    }
    if let Some(kept) = kept(view, "/var") {
        return Outcome::yes(kept);
    }
    let (mounts, _) = mounts(&view.text_or_empty("/etc/fstab"));
    let root = mounts.iter().find(|mount| mount.point == "/");
    if let Some(kind) = read_only_root(view).filter(|_| root.is_none_or(|root| root.filesystem != "overlay")) {
        return Outcome::no(format!(
            "the root file system is {kind}, which cannot be written, and nothing lies over it"
        ));
    }
    if let Some(root) = root {
        return if root.options.split(',').any(|option| option == "ro") {
            Outcome::no("`/etc/fstab` mounts `/` with `ro`")
        } else {
            Outcome::yes("`/etc/fstab` mounts `/`")
        };
    }
    if view.facts.boot.is_none() {
        return Outcome::unknown("nothing is known of the kernel command line");
    }
    if view.has_word("rw") {
        return Outcome::yes("the kernel command line has `rw`");
    }
    Outcome::no("neither has the kernel command line `rw`, nor `/etc/fstab` a line for `/`")
}

#[cfg(test)]
mod tests {
    use super::fstab_field;

    #[test]
    fn octal_is_undone_once() {
        assert_eq!(fstab_field("/srv/my\\040data\\043\\134040\\x"), "/srv/my data#\\040\\x");
    }
}
