//! The PAM stacks that all services share: what `pam-auth-update --package` makes of the packages' profiles.
//!
//! A template (`/usr/share/pam/common-auth`) has two places to be filled. A profile (`/usr/share/pam-configs/unix`) is a list
//! of fields:
//!
//! ```text
//! Name: Unix authentication
//! Default: yes
//! Priority: 256
//! Auth-Type: Primary
//! Auth:
//!         [success=end default=ignore]    pam_unix.so nullok try_first_pass
//! ```
//!
//! In a Primary block `end` becomes the number of modules left, which jumps behind the block.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use super::{invalid, read_text};

const PROFILES: &str = "/usr/share/pam-configs";
const STACKS: [&str; 5] = ["auth", "account", "password", "session", "session-noninteractive"];
const PRIMARY_MARK: &str = "# here are the per-package modules (the \"Primary\" block)";
const FALLBACK_MARK: &str = "# here's the fallback if no module succeeds";
const ADDITIONAL_MARK: &str = "# and here are more per-package modules (the \"Additional\" block)";
const END_MARK: &str = "# end of pam-auth-update config";
/// What stands in a stack that no profile has a module for.
const PERMIT: &str = "[default=1]\t\t\tpam_permit.so";
/// Modules that are gone; a profile that asks for one is left out.
const GONE: &str = "pam_tally";

/// `/etc/pam.d/common-*` and `/var/lib/pam/*` of a fresh installation, with every profile that is enabled by default; nothing
/// in a tree without libpam-runtime.
pub(crate) fn pam_common(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Vec<(TreePath, Vec<u8>)>> {
    let mut templates = Vec::new();
    for stack in STACKS {
        let path = format!("/usr/share/pam/common-{stack}");
        let Some(text) = read_utf8(tree, blobs, &path)? else { return Ok(Vec::new()) };
        templates.push((path, text));
    }
    let profiles = profiles(tree, blobs)?;
    let enabled = enabled(&profiles);
    let mut files = Vec::new();
    for (stack, (path, template)) in STACKS.into_iter().zip(templates) {
        let Some(config) = render(stack, &template, &enabled) else {
            return Err(invalid(format!("`{path}` lacks the marks of pam-auth-update")));
        };
        files.push((file(&format!("/etc/pam.d/common-{stack}"))?, config.into_bytes()));
        files.push((file(&format!("/var/lib/pam/{stack}"))?, saved(stack, &enabled).into_bytes()));
    }
    let seen: String = profiles.iter().map(|profile| format!("{}\n", profile.name)).collect();
    files.push((file("/var/lib/pam/seen")?, seen.into_bytes()));
    Ok(files)
}

/// What its question lists: all profiles by name and by title, and those that are enabled, most important first.
pub(crate) fn pam_choices(tree: &Tree, blobs: &dyn Blobs) -> io::Result<[String; 3]> {
    let profiles = profiles(tree, blobs)?;
    let names = |profiles: &mut dyn Iterator<Item = &Profile>| {
        profiles.map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let titles: Vec<&str> = profiles.iter().map(|profile| profile.field("Name").unwrap_or_default()).collect();
    let on = enabled(&profiles);
    Ok([names(&mut profiles.iter()), titles.join(", "), names(&mut on.into_iter())])
}

fn file(path: &str) -> io::Result<TreePath> {
    TreePath::new(path).map_err(|error| invalid(error.to_string()))
}

fn read_utf8(tree: &Tree, blobs: &dyn Blobs, path: &str) -> io::Result<Option<String>> {
    let Some(text) = read_text(tree, blobs, &file(path)?)? else { return Ok(None) };
    match std::str::from_utf8(&text) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(invalid(format!("`{path}` is not UTF-8"))),
    }
}

/// What a package wants in the stacks.
struct Profile {
    /// The name of its file.
    name: String,
    fields: BTreeMap<String, String>,
    conflicts: BTreeSet<String>,
}

impl Profile {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn priority(&self) -> i64 {
        // Perl reads the digits at the beginning of a text as its number.
        let text = self.field("Priority").unwrap_or_default().trim_start();
        let end = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'-').count();
        text[..end].parse().unwrap_or(0)
    }

    /// Which block of a stack it has modules for.
    fn block(&self, stack: &str) -> Option<&str> {
        self.field(&format!("{}-Type", capital(stack)))
    }

    /// Its module lines; the first profile of a block may have others.
    fn modules(&self, stack: &str, is_first: bool) -> &str {
        let name = capital(stack);
        let initial = self.field(&format!("{name}-Initial")).filter(|text| is_first && !text.is_empty());
        initial.or(self.field(&name)).unwrap_or_default()
    }
}

fn capital(stack: &str) -> String {
    let (first, rest) = stack.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// All profiles, the most important first.
fn profiles(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Vec<Profile>> {
    let folder = TreePath::literal(PROFILES);
    let mut found = Vec::new();
    for name in tree.children(&folder) {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let is_backup = name.ends_with('~') || (name.len() > 2 && name.starts_with('#') && name.ends_with('#'));
        if !is_backup && let Some(text) = read_utf8(tree, blobs, &format!("{PROFILES}/{name}"))? {
            found.extend(parse(name, &text));
        }
    }
    found.sort_by(|a, b| b.priority().cmp(&a.priority()).then_with(|| b.name.cmp(&a.name)));
    Ok(found)
}

/// A profile from its text; `None` when it needs a module that is gone.
fn parse(name: &str, text: &str) -> Option<Profile> {
    let mut profile = Profile { name: name.to_owned(), fields: BTreeMap::new(), conflicts: BTreeSet::new() };
    let mut field = String::new();
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = field_line(line) {
            // An old spelling.
            field = name.strip_suffix("-Final").unwrap_or(name).to_owned();
            if field == "Conflicts" {
                profile.conflicts.extend(value.split(", ").map(str::to_owned));
            } else {
                profile.fields.insert(field.clone(), value.to_owned());
            }
            continue;
        }
        let line = line.trim();
        let value = profile.fields.entry(field.clone()).or_default();
        // Perl takes a lone zero for nothing as well.
        if !line.is_empty() && line != "0" {
            value.push('\n');
            value.push_str(line);
        }
        if value.contains(GONE) {
            return None;
        }
        *value = value.trim_start().to_owned();
    }
    if profile.field("Session-Interactive-Only") != Some("yes") {
        for part in ["", "-Type", "-Initial"] {
            if let Some(value) = profile.fields.get(&format!("Session{part}")).cloned() {
                profile.fields.insert(format!("Session-noninteractive{part}"), value);
            }
        }
    }
    Some(profile)
}

/// `Name: value`, with a blank after the last colon of the first word. The value keeps blanks at its end.
fn field_line(line: &str) -> Option<(&str, &str)> {
    let word = line.split(char::is_whitespace).next()?;
    let name = word.strip_suffix(':').filter(|name| !name.is_empty())?;
    let value = &line[word.len()..];
    value.starts_with(char::is_whitespace).then(|| (name, value.trim_start().trim_end_matches('\n')))
}

/// The profiles that are on by default, without those that a more important one cannot stand.
fn enabled(profiles: &[Profile]) -> Vec<&Profile> {
    let mut enabled: Vec<&Profile> =
        profiles.iter().filter(|profile| profile.field("Default") == Some("yes")).collect();
    let mut at = 0;
    while at < enabled.len() {
        let current = enabled[at];
        enabled.retain(|other| !current.conflicts.contains(&other.name));
        at += 1;
    }
    enabled
}

/// A template with its two places filled; `None` when a mark is missing.
fn render(stack: &str, template: &str, enabled: &[&Profile]) -> Option<String> {
    let kind = stack.strip_suffix("-noninteractive").unwrap_or(stack);
    // Each mark is looked for only after the one before it. What stands between the marks of a place is dropped.
    let marks = [PRIMARY_MARK, FALLBACK_MARK, ADDITIONAL_MARK, END_MARK];
    let mut out = String::new();
    let mut state = 0;
    for line in template.split_inclusive('\n') {
        let is_mark = marks.get(state).is_some_and(|mark| line.starts_with(mark));
        let in_place = state == 1 || state == 3;
        if in_place && !is_mark {
            continue;
        }
        out.push_str(line);
        if is_mark {
            match state {
                0 => fill(&mut out, stack, kind, "Primary", enabled),
                2 => fill(&mut out, stack, kind, "Additional", enabled),
                _ => {}
            }
            state += 1;
        }
    }
    (state == marks.len()).then_some(out)
}

fn fill(out: &mut String, stack: &str, kind: &str, block: &str, enabled: &[&Profile]) {
    let profiles = enabled.iter().filter(|profile| profile.block(stack) == Some(block));
    let lines: Vec<&str> = profiles
        .enumerate()
        .flat_map(|(i, profile)| profile.modules(stack, i == 0).split('\n').filter(|line| !line.is_empty()))
        .collect();
    if block == "Primary" && lines.is_empty() {
        out.push_str(&format!("{kind}\t{PERMIT}\n"));
    }
    // A jump to the end of the Additional block must not leave the stack: there it leads to the last module.
    let after_block = if block == "Additional" { 1 } else { 0 };
    for (i, line) in lines.iter().enumerate() {
        let left = (lines.len() - i).saturating_sub(after_block);
        out.push_str(&format!("{kind}\t{}\n", module_line(line, left)));
    }
}

/// A module line with its jump worked out: control and module as written, options one blank apart.
fn module_line(line: &str, left: usize) -> String {
    let control_end = match line.strip_prefix('[') {
        Some(rest) => rest.find(']').map_or(0, |at| at + 2),
        None => line.find(char::is_whitespace).unwrap_or(0),
    };
    let gap = line[control_end..].len() - line[control_end..].trim_start().len();
    let module_end =
        line[control_end + gap..].find(char::is_whitespace).map_or(line.len(), |at| control_end + gap + at);
    if control_end == 0 || gap == 0 {
        return line.to_owned();
    }
    let (module, options) = line.split_at(module_end);
    let options: Vec<&str> = options.split_whitespace().collect();
    // With no option the blank stays.
    format!("{} {}", module.replace("end", &left.to_string()), options.join(" "))
}

/// What `/var/lib/pam` keeps of a stack, to find local changes by: the module lines as the profiles have them.
fn saved(stack: &str, enabled: &[&Profile]) -> String {
    let mut out = String::new();
    let mut write = |block: &str, other: &str| {
        let profiles =
            enabled.iter().filter(|profile| profile.block(stack).is_some_and(|b| !b.is_empty() && b != other));
        let mut count = 0;
        for profile in profiles {
            let modules = profile.modules(stack, count == 0);
            count += 1;
            if !modules.is_empty() {
                out.push_str(&format!("Module: {}\n{modules}\n", profile.name));
            }
        }
        if count == 0 && block == "Primary" {
            out.push_str(&format!("Module: null\n{PERMIT}\n"));
        }
    };
    write("Primary", "Additional");
    write("Additional", "Primary");
    out
}

#[cfg(test)]
mod tests;
