//! The database of dpkg, as if it had installed every package (dpkg(1), deb-triggers(5), Debian Policy 5).
//!
//! | path below `/var/lib/dpkg` | what is in it                                                          |
//! |----------------------------|------------------------------------------------------------------------|
//! | `status`                   | one stanza a package, fields in dpkg's order, with `Status`, `Conffiles` |
//! | `info/format`              | `1`                                                                    |
//! | `info/NAME[:ARCH].list`    | every path of the archive, in its order                                |
//! | `info/NAME[:ARCH].*`       | the control members                                                    |
//! | `triggers/File`, `NAME`    | who is interested in paths and in named triggers                       |
//! | `diversions`, `statoverride`, `arch-native` | what scripts recorded                                 |
//!
//! A package that only the machine itself can set up is `half-configured`: `dpkg --configure --pending` finishes it there.
//!
//! Where the profile says `database = "status.d"`, there is only what distroless images have: `status.d/NAME`, the control file,
//! and `status.d/NAME.md5sums`.
//!
//! Locks, backups (`*-old`) and the empty `available` are left out: dpkg makes them when it needs them.

use std::collections::BTreeMap;
use std::fmt::Write;

use md5::{Digest, Md5};
use rayon::prelude::*;
use rootsmith_assemble::{Owner, Package};
use rootsmith_package::Stanza;
use rootsmith_types::{PackageName, TreePath};

use crate::ConfigureError;
use crate::edit::{Edit, MAX_FILE};

const DPKG: &str = "/var/lib/dpkg";
/// The order of lib/dpkg/parse.c; everything else follows after `Description` in the order of the stanza.
const FIRST: [&str; 20] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
];
const SECOND: [&str; 5] = ["Breaks", "Conflicts", "Enhances", "Conffiles", "Description"];
/// Members that dpkg does not keep: the stanza is in `status`, conffile digests too.
const NOT_KEPT: [&str; 1] = ["control"];
const SCRIPTS: [&str; 5] = ["preinst", "postinst", "prerm", "postrm", "config"];

/// What scripts had recorded.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Path to where it is diverted and for whom (nobody: a local one).
    pub(crate) diversions: BTreeMap<String, (String, Option<String>)>,
    /// Path to user, group and mode.
    pub(crate) overrides: BTreeMap<TreePath, (String, String, u16)>,
}

/// Writes all of it.
pub(crate) fn write(
    edit: &mut Edit<'_>,
    packages: &[&Package],
    native: &str,
    records: &Records,
    on_the_machine: &[&PackageName],
) {
    edit.owner = Owner::Builder("dpkg database");
    edit.write(&format!("{DPKG}/info/format"), "1\n", 0o644);
    edit.write(&format!("{DPKG}/arch-native"), format!("{native}\n"), 0o644);
    for folder in ["updates", "parts"] {
        let metadata = edit.metadata(0o755);
        edit.directory(&format!("{DPKG}/{folder}"), metadata);
    }
    let mut status = String::new();
    for package in packages {
        edit.owner = Owner::Package(package.locked.name.clone());
        let conffiles = conffiles(edit, package);
        let half = on_the_machine.contains(&&package.locked.name);
        match stanza(package, &conffiles, if half { "half-configured" } else { "installed" }) {
            Ok(text) => status += &text,
            Err(reason) => {
                let path = TreePath::literal("/var/lib/dpkg/status");
                edit.errors.push(ConfigureError::Unreadable { path, reason });
            }
        }
        info(edit, package);
    }
    edit.owner = Owner::Builder("dpkg database");
    edit.write(&format!("{DPKG}/status"), status, 0o644);
    triggers(edit, packages);
    let mut diversions = String::new();
    for (from, (to, package)) in &records.diversions {
        let _ = write!(diversions, "{from}\n{to}\n{}\n", package.as_deref().unwrap_or(":"));
    }
    edit.write(&format!("{DPKG}/diversions"), diversions, 0o644);
    let mut overrides = String::new();
    for (path, (user, group, mode)) in &records.overrides {
        let _ = writeln!(overrides, "{user} {group} {mode:o} {path}");
    }
    // dpkg-statoverride(1) makes the file; dpkg goes without.
    if !overrides.is_empty() {
        edit.write(&format!("{DPKG}/statoverride"), overrides, 0o644);
    }
}

/// `status.d` alone: each package's control file as it is, and the digests that came with it. There is no state in it, for
/// nothing will change it.
pub(crate) fn write_folder(edit: &mut Edit<'_>, packages: &[&Package]) {
    for package in packages {
        edit.owner = Owner::Package(package.locked.name.clone());
        let path = format!("{DPKG}/status.d/{}", package.locked.name);
        let control = package.unpacked.control.stanza.trim_end();
        edit.write(&path, format!("{control}\n"), 0o644);
        if let Some((_, digests)) = package.unpacked.control.members.get("md5sums") {
            edit.write(&format!("{path}.md5sums"), digests, 0o644);
        }
    }
}

/// The hexadecimal MD5 digest that dpkg and ucf compare conffiles by.
pub(crate) fn md5(data: &[u8]) -> String {
    Md5::digest(data).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn field<'a>(package: &'a Package, name: &str) -> Option<&'a str> {
    Stanza::new(&package.unpacked.control.stanza).get(name)
}

/// The name of a package's files in `info`, and in the trigger files.
pub(crate) fn info_name(package: &Package) -> String {
    let name = &package.locked.name;
    match field(package, "Multi-Arch") {
        Some("same") => format!("{name}:{}", package.locked.architecture),
        _ => name.to_string(),
    }
}

fn stanza(package: &Package, conffiles: &str, state: &str) -> Result<String, String> {
    let conffiles = (!conffiles.is_empty()).then(|| format!("\n{}", conffiles.trim_end()));
    let given = Stanza::new(&package.unpacked.control.stanza).fields();
    let mut values: Vec<(&str, &str)> = given.collect::<Result<_, _>>().map_err(|line| format!("`{}`", line.0))?;
    let status = format!("install ok {state}");
    values.push(("Status", &status));
    values.extend(conffiles.as_deref().map(|text| ("Conffiles", text)));
    let known = FIRST.iter().chain(&SECOND).copied();
    let position = |name: &str| known.clone().position(|known| known.eq_ignore_ascii_case(name)).unwrap_or(usize::MAX);
    values.sort_by_key(|(name, _)| position(name));
    if !values.iter().any(|(name, _)| *name == "Package") || !values.iter().any(|(name, _)| *name == "Version") {
        return Err(format!("the control file of `{}` lacks its name or version", package.locked.name));
    }
    let mut text = String::new();
    for (name, value) in values {
        let space = if value.is_empty() || value.starts_with('\n') { "" } else { " " };
        let _ = writeln!(text, "{name}:{space}{value}");
    }
    text.push('\n');
    Ok(text)
}

/// The lines of a `Conffiles` field: a space, the path, the digest of what the package brought.
fn conffiles(edit: &mut Edit<'_>, package: &Package) -> String {
    let Some((_, list)) = package.unpacked.control.members.get("conffiles") else { return String::new() };
    let list = String::from_utf8_lossy(list).into_owned();
    let blobs = edit.blobs;
    let names: Vec<&str> = list.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lines: Vec<Result<String, ConfigureError>> = names
        .par_iter()
        .map(|name| {
            // deb-conffiles(5): a flag may stand before the path. This one names a file that is no longer there.
            if let Some(path) = name.strip_prefix("remove-on-upgrade ") {
                return Ok(format!(" {} newconffile remove-on-upgrade\n", path.trim()));
            }
            // The archive knows best: what lies in the tree may be another package's by now.
            let (Ok(path), Some(content)) = (TreePath::new(name), package.content(name.as_bytes())) else {
                return Ok(String::new());
            };
            match content.read(blobs, MAX_FILE) {
                Ok(bytes) => Ok(format!(" {name} {}\n", md5(&bytes))),
                Err(error) => Err(ConfigureError::Unreadable { path, reason: error.to_string() }),
            }
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        match line {
            Ok(line) => text += &line,
            Err(error) => edit.errors.push(error),
        }
    }
    text
}

fn info(edit: &mut Edit<'_>, package: &Package) {
    let name = info_name(package);
    let mut list = Vec::new();
    for entry in &package.unpacked.entries {
        list.extend_from_slice(if entry.path == b"/" { b"/." } else { &entry.path });
        list.push(b'\n');
    }
    edit.write(&format!("{DPKG}/info/{name}.list"), list, 0o644);
    for (member, (_, bytes)) in &package.unpacked.control.members {
        let harmless = member.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if harmless && !NOT_KEPT.contains(&member.as_str()) {
            let mode = if SCRIPTS.contains(&member.as_str()) { 0o755 } else { 0o644 };
            edit.write(&format!("{DPKG}/info/{name}.{member}"), bytes, mode);
        }
    }
}

fn triggers(edit: &mut Edit<'_>, packages: &[&Package]) {
    let mut files = String::new();
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for package in packages {
        let Some((_, text)) = package.unpacked.control.members.get("triggers") else { continue };
        for line in String::from_utf8_lossy(text).lines() {
            let mut words = line.split_whitespace();
            let (Some(directive), Some(name)) = (words.next(), words.next()) else { continue };
            let Some(kind) = directive.strip_prefix("interest") else { continue };
            let by = info_name(package) + if kind == "-noawait" { "/noawait" } else { "" };
            if name.starts_with('/') {
                let _ = writeln!(files, "{name} {by}");
            } else if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b)) && !name.starts_with('.')
            {
                let _ = writeln!(named.entry(name.to_owned()).or_default(), "{by}");
            }
        }
    }
    edit.write(&format!("{DPKG}/triggers/File"), files, 0o644);
    edit.write(&format!("{DPKG}/triggers/Unincorp"), "", 0o644);
    for (name, text) in named {
        edit.write(&format!("{DPKG}/triggers/{name}"), text, 0o644);
    }
}
