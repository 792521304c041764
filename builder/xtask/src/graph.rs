//! Who may know whom: a crate names only crates above it in the workspace's `members`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

pub(crate) fn check(root: &Path) -> Result<(), String> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let members = workspace["workspace"]["members"].as_array().ok_or("the workspace has no members")?;
    let mut manifests = Vec::new();
    for member in members.iter().filter_map(Value::as_str) {
        manifests.push((member.to_owned(), read(&root.join(member).join("Cargo.toml"))?));
    }
    let wrong = upward(&manifests);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Every dependency (those of tests included) on a crate that stands further down the list.
fn upward(manifests: &[(String, Table)]) -> Vec<String> {
    let name = |manifest: &Table| manifest["package"]["name"].as_str().unwrap_or_default().to_owned();
    let place: BTreeMap<String, usize> =
        manifests.iter().enumerate().map(|(place, (_, manifest))| (name(manifest), place)).collect();
    let mut wrong = Vec::new();
    for (at, (member, manifest)) in manifests.iter().enumerate() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for dependency in manifest.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys) {
                if place.get(dependency).is_some_and(|&place| place >= at) {
                    wrong.push(format!("{member}: `{dependency}` stands below it in the workspace's members"));
                }
            }
        }
    }
    wrong
}

fn read(path: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> (String, Table) {
        let table: Table = text.parse().unwrap();
        (table["package"]["name"].as_str().unwrap().to_owned(), table)
    }

    #[test]
    fn only_crates_above_may_be_named() {
        let types = manifest("[package]\nname = 'types'\n[dev-dependencies]\ntree = {}\nserde = {}");
        let tree = manifest("[package]\nname = 'tree'\n[dependencies]\ntypes.workspace = true");
        assert_eq!(upward(&[types, tree]), ["types: `tree` stands below it in the workspace's members"]);
    }
}
