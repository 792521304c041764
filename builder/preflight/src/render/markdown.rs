//! The pages of the documentation that are written from the sets: `cargo xtask docs` writes them, a test compares them.

use std::collections::BTreeSet;

use super::explain::{Meaning, meanings, names, places, severity, short, union};
use super::words::sentence;
use crate::set::{Check, Set};

/// Where [`checks_page`] belongs.
pub const CHECKS_PAGE: &str = "checks.md";
/// Where [`sets_page`] belongs.
pub const SETS_PAGE: &str = "requirement-sets.md";

const BEGIN: &str = "<!-- what follows is written by `cargo xtask docs` -->\n";
const END: &str = "<!-- up to here -->\n";

/// Every set, every check, and which probe of which program is which check.
pub fn checks_page(sets: &[Set]) -> String {
    let mut page = "# Preflight checks\n\n".to_owned();
    page.push_str(
        "Written from `builder/preflight/sets` by `cargo xtask docs`; `rootsmith explain CHECK` shows the same. How to write a set \
         of your own: [requirement-sets.md](requirement-sets.md).\n",
    );
    page.push_str("\n## Sets\n\n| set | checks | what passing it means |\n|---|---|---|\n");
    for name in names(sets) {
        let versions = versions(sets, name);
        let Some(newest) = versions.last() else { continue };
        let link = format!("[`{name}`](#set-{})", anchor(name));
        let shown = short(&versions).replacen(name, &link, 1);
        page.push_str(&format!("| {shown} | {} | {} |\n", newest.checks.len(), cell(&newest.title)));
    }
    for name in names(sets) {
        set(&mut page, &versions(sets, name));
    }
    for program in sets.iter().filter_map(|set| set.program.as_deref()).collect::<BTreeSet<_>>() {
        probes(&mut page, program, sets);
    }
    page.push_str("\n## Checks\n");
    let ids: BTreeSet<&str> = sets.iter().flat_map(|set| set.checks.iter().map(|check| check.id.as_str())).collect();
    for id in ids {
        page.push_str(&format!("\n<a id=\"{}\"></a>\n\n### `{id}`\n", anchor(id)));
        meanings(id, sets).iter().for_each(|it| meaning(&mut page, it));
    }
    page
}

/// `page` with the table of rules written anew; `None` when the page has no place for it.
pub fn sets_page(page: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut table = "\n| rule | its keys | it is met when |\n|---|---|---|\n".to_owned();
    for rule in documented() {
        let keys = if rule.keys.is_empty() { "none".to_owned() } else { rule.keys.join("<br>") };
        table.push_str(&format!("| `{}` | {keys} | {} |\n", rule.name, cell(&rule.doc)));
    }
    Some(format!("{before}{BEGIN}{table}\n{END}{after}"))
}

fn versions<'a>(sets: &'a [Set], name: &str) -> Vec<&'a Set> {
    sets.iter().filter(|set| set.name == name).collect()
}

fn set(page: &mut String, versions: &[&Set]) {
    let Some(newest) = versions.last() else { return };
    page.push_str(&format!(
        "\n<a id=\"set-{}\"></a>\n\n### {}\n\n{}.",
        anchor(&newest.name),
        short(versions),
        sentence(&newest.title)
    ));
    if let Some(program) = &newest.program {
        page.push_str(&format!(" Its checks are those of `{program}`, and what they leave out."));
    }
    page.push_str("\n\n| check | severity | what must be true |\n|---|---|---|\n");
    for check in union(versions) {
        let there: Vec<&Set> =
            versions.iter().filter(|set| set.checks.iter().any(|other| other.id == check.id)).copied().collect();
        let limits = if there.len() < versions.len() { format!(" ({})", short(&there)) } else { String::new() };
        page.push_str(&format!(
            "| [`{}`](#{}) | {} | {}{limits} |\n",
            check.id,
            anchor(&check.id),
            severity(check.severity),
            cell(&check.title)
        ));
    }
}

/// The probes of the newest version of each set that follows `program`.
fn probes(page: &mut String, program: &str, sets: &[Set]) {
    let mut rows: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    let mut of: Vec<String> = Vec::new();
    for name in names(sets) {
        let versions = versions(sets, name);
        let Some(newest) = versions.last().filter(|set| set.program.as_deref() == Some(program)) else { continue };
        of.push(format!("`{}`", newest.id()));
        let probed = |check: &'_ Check| check.probe.is_some();
        for check in newest.checks.iter().filter(|check| probed(check)) {
            let probe = check.probe.as_deref().unwrap_or_default();
            rows.insert((probe, check.id.as_str(), check.rule.decided().word()));
        }
    }
    if rows.is_empty() {
        return;
    }
    let probes: BTreeSet<&str> = rows.iter().map(|(probe, ..)| *probe).collect();
    page.push_str(&format!(
        "\n## Probes of `{program}`\n\n{} have {} probes: how the name begins that it shows, and the check that says the same, decided in \
         the image (static), on the running machine (live), or both.\n\n| probe | check | decided |\n|---|---|---|\n",
        of.join(", "),
        probes.len()
    ));
    for (probe, id, decided) in rows {
        page.push_str(&format!("| `{}` | [`{id}`](#{}) | {decided} |\n", cell(probe), anchor(id)));
    }
}

fn meaning(page: &mut String, meaning: &Meaning<'_>) {
    let check = meaning.check;
    let sets: Vec<String> = places(meaning, &meaning.sets)
        .into_iter()
        .map(|(sets, grave)| format!("{sets}: {}", severity(grave)))
        .collect();
    page.push_str(&format!("\n{}. {}\n\n", sentence(&check.title), check.means));
    page.push_str(&format!(
        "- Met when {}. {}\n- Cure: {}.\n- Demanded by {}.\n",
        check.rule.describe(),
        check.rule.decided().sentence(),
        check.cure,
        sets.join("; ")
    ));
}

/// Nothing in it ends a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A name as the end of a link.
fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// One rule, as its own source documents it.
pub(super) struct Documented {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) keys: Vec<String>,
}

/// The rules out of the comments in `rule.rs`: what is written there is what a person who writes a set reads.
pub(super) fn documented() -> Vec<Documented> {
    let mut rules: Vec<Documented> = Vec::new();
    let mut doc = String::new();
    let body = include_str!("../rule.rs").split_once("pub enum Rule {\n").map_or("", |(_, body)| body);
    for line in body.lines().take_while(|line| *line != "}") {
        let line = line.trim();
        if let Some(words) = line.strip_prefix("/// ") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(words);
        } else if let Some((name, _)) =
            line.split_once(" {").filter(|_| line.ends_with(['{', '}']) || line.ends_with("},"))
        {
            rules.push(Documented { name: kebab(name), doc: std::mem::take(&mut doc), keys: Vec::new() });
        } else if let (Some((key, kind)), Some(rule)) = (line.trim_end_matches(',').split_once(": "), rules.last_mut())
        {
            let kind = match kind {
                "String" => "text",
                "Option<String>" => "text, may be left out",
                "Vec<String>" => "list of texts",
                "u64" => "number",
                "bool" => "true or false",
                other => other,
            };
            rule.keys.push(format!("`{}` ({kind}): {}", key.replace('_', "-"), cell(&std::mem::take(&mut doc))));
        }
    }
    rules
}

/// `RootDevice` as `root-device`, in serde's way.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}
