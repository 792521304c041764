//! `extlinux.conf`, which SYSLINUX and U-Boot read.

use super::{Files, Named};
use crate::{BootEntry, EntryKind};

const FILES: [&str; 3] = ["/extlinux/extlinux.conf", "/boot/extlinux/extlinux.conf", "/syslinux/syslinux.cfg"];

/// The labels, the default one first.
pub(super) fn entries(files: &Files<'_>, own: usize) -> Vec<BootEntry> {
    let mut found = Vec::new();
    for file in FILES {
        let Some(text) = files.text(own, file) else { continue };
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (default, labels) = parse(&text, folder);
        let (first, rest): (Vec<_>, Vec<_>) =
            labels.into_iter().partition(|(label, _)| Some(label) == default.as_ref());
        for (label, named) in first.into_iter().chain(rest).filter(|(_, named)| named.linux.is_some()).take(4) {
            found.push(files.entry(own, EntryKind::Extlinux, format!("{file}: {label}"), &named));
        }
    }
    found
}

/// Keywords are without case; names of files are relative to the file's own folder.
fn parse(text: &str, folder: &str) -> (Option<String>, Vec<(String, Named)>) {
    let mut default = None;
    let mut labels: Vec<(String, Named)> = Vec::new();
    let file = |path: &str| if path.starts_with('/') { path.to_owned() } else { join(folder, path) };
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(char::is_whitespace) else { continue };
        let value = value.trim();
        match (key.to_ascii_lowercase().as_str(), labels.last_mut()) {
            ("default", _) => default = Some(value.to_owned()),
            ("label", _) => labels.push((value.to_owned(), Named::default())),
            ("linux" | "kernel", Some((_, named))) => named.linux = Some(file(value)),
            ("initrd", Some((_, named))) => named.initrds.extend(value.split(',').map(file)),
            ("fdt" | "devicetree", Some((_, named))) => named.device_tree = Some(file(value)),
            ("fdtdir" | "devicetreedir", Some((_, named))) => named.device_trees = Some(file(value)),
            ("append", Some((_, named))) => named.cmdline = value.to_owned(),
            _ => {}
        }
    }
    (default, labels)
}

/// `folder` and a name below or beside it: `..` goes up, as U-Boot and SYSLINUX take it.
fn join(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_files_beside_the_configuration() {
        let text = "DEFAULT b\nlabel a\n linux /Image\nlabel b\n fdtdir dtb/\n\tKERNEL ../Image\n\tinitrd i1,/i2\n\tAPPEND root=LABEL=x ro\n";
        let (default, labels) = parse(text, "/boot/extlinux");
        assert_eq!(default.as_deref(), Some("b"));
        assert_eq!(labels[1].1.linux.as_deref(), Some("/boot/Image"));
        assert_eq!(labels[1].1.initrds, ["/boot/extlinux/i1", "/i2"]);
        assert_eq!(labels[1].1.device_trees.as_deref(), Some("/boot/extlinux/dtb"));
        assert_eq!(labels[1].1.cmdline, "root=LABEL=x ro");
    }
}
