//! Boot loader entries (UAPI.1): `/loader/entries/*.conf`, which systemd-boot and GRUB's `blscfg` offer.

use super::{Files, Named};
use crate::{BootEntry, EntryKind};

const FOLDERS: [&str; 2] = ["/loader/entries", "/boot/loader/entries"];

pub(super) fn entries(files: &Files<'_>, own: usize) -> Vec<BootEntry> {
    let wanted = files.text(own, "/loader/loader.conf").unwrap_or_default();
    let wanted = wanted.lines().filter_map(|line| line.trim().strip_prefix("default")).map(str::trim).next_back();
    let mut found = Vec::new();
    for folder in FOLDERS {
        let names = files.names(own, folder);
        for name in names.iter().filter(|name| name.ends_with(".conf")) {
            let path = format!("{folder}/{name}");
            let Some(text) = files.text(own, &path) else { continue };
            let entry = files.entry(own, EntryKind::LoaderEntry, path, &parse(&text));
            // UAPI.1: entries with a count of tries carry it behind a `+`.
            let id = name.trim_end_matches(".conf").split('+').next().unwrap_or_default().to_owned();
            found.push((!wanted.is_some_and(|pattern| matches(pattern.trim_end_matches(".conf"), &id)), id, entry));
        }
    }
    // The default first, then the newest name.
    found.sort_by(|a, b| (a.0, &b.1).cmp(&(b.0, &a.1)));
    found.into_iter().map(|(_, _, entry)| entry).collect()
}

/// A pattern with `*` at its end, as `loader.conf` mostly has them.
fn matches(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => id.starts_with(start),
        None => pattern == id,
    }
}

fn parse(text: &str) -> Named {
    let mut named = Named::default();
    let mut options: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(char::is_whitespace) else { continue };
        let value = value.trim();
        match key {
            "linux" | "efi" => named.linux = Some(value.to_owned()),
            "initrd" => named.initrds.extend(value.split_ascii_whitespace().map(str::to_owned)),
            "devicetree" => named.device_tree = Some(value.to_owned()),
            // What GRUB would put in for a variable nobody here knows.
            "options" => options.extend(value.split_ascii_whitespace().filter(|word| !word.starts_with('$'))),
            _ => {}
        }
    }
    // Fedora names GRUB's variables for what it may add.
    named.initrds.retain(|path| !path.starts_with('$'));
    named.cmdline = options.join(" ");
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_its_files() {
        let named = parse(
            "title x\n# linux /no\nlinux\t/v/linux\ninitrd /v/i1 /v/i2\ninitrd $tuned\noptions a=b $opts\noptions c\n",
        );
        assert_eq!(named.linux.as_deref(), Some("/v/linux"));
        assert_eq!(named.initrds, ["/v/i1", "/v/i2"]);
        assert_eq!(named.cmdline, "a=b c");
        assert!(matches("debian-*", "debian-6.12") && !matches("debian", "debian-6.12"));
    }
}
