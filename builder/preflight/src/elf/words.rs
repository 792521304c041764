//! What is missing, as a person understands it: what was asked for, and what is there instead.

use rootsmith_types::TreePath;

use super::closure::{Missing, WrongVersions};
use super::loader::{Loader, Rules};
use super::programs::{File, Programs};
use super::read::Machine;
use super::{libc, locate};

/// Names shown in one sentence.
const SHOWN: usize = 3;

impl Programs<'_> {
    pub(super) fn without_interpreter(&self, at: &TreePath, name: &str, machine: Machine) -> String {
        let family = libc::family(name);
        let of_image = || libc::of_image(self, &self.loaders(machine));
        match (family, self.described.get(&machine, of_image)) {
            (Some(family), Some(there)) if !there.contains(&format!("{family} ")) => {
                format!("`{at}` needs {family} (`{name}`), this image has {there}")
            }
            (Some(family), None) => format!("`{at}` needs {family} (`{name}`), which is not there"),
            _ => match locate(self.tree, name) {
                Some(_) => format!("`{at}` needs the interpreter `{name}`, which cannot be executed"),
                None => format!("`{at}` needs the interpreter `{name}`, which is not there"),
            },
        }
    }

    pub(super) fn without_library(&self, loader: &Loader, missing: &Missing) -> String {
        let Missing { user, name } = missing;
        let text = format!("`{user}` needs the library `{name}`, which is not there");
        let Some(place) = self.libraries().get(name.as_bytes()) else { return text };
        let Ok(file) = self.tree.resolve(place) else { return format!("{text}: `{place}` leads nowhere") };
        match &*self.file(&file) {
            File::Elf(program) if program.elf.machine != loader.machine => {
                format!("{text}: `{place}` is for {}", libc::machine_name(program.elf.machine))
            }
            File::Elf(_) => {
                let text = format!("`{user}` needs the library `{name}`, which its loader does not find in `{place}`");
                let folder = place.parent().and_then(|folder| self.tree.resolve(&folder).ok());
                match folder.is_some_and(|folder| self.configured().contains(&folder)) {
                    true if loader.rules == Rules::Glibc && loader.has_cache() => {
                        format!("{text}: `/etc/ld.so.cache` is older than `/etc/ld.so.conf`")
                    }
                    true if loader.rules == Rules::Glibc => {
                        format!("{text}: there is no `/etc/ld.so.cache`, and it does not read `/etc/ld.so.conf` itself")
                    }
                    _ => text,
                }
            }
            _ => format!("{text}: `{place}` is no library"),
        }
    }

    pub(super) fn without_versions(&self, wrong: &WrongVersions<'_>) -> String {
        let library = self.with_owner(&wrong.library.at.to_string(), &wrong.library.at);
        let family = wrong.versions[0].rsplit_once('_').map_or(wrong.versions[0], |(family, _)| family);
        let provides = wrong.library.program.elf.provides.iter();
        let known = provides.filter(|version| version.rsplit_once('_').is_some_and(|(there, _)| there == family));
        let newest = known.max_by_key(|version| numbers(version));
        let has = newest.map_or("none of that name".to_owned(), |newest| format!("up to `{newest}`"));
        let versions = listed(wrong.versions.iter().copied());
        format!("`{}` needs {versions} of `{}`, this image has {has} ({library})", wrong.user.at, wrong.name)
    }
}

/// `` `a`, `b`, `c` and 4 more ``.
pub(super) fn listed<'t>(names: impl Iterator<Item = &'t str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The numbers of `GLIBC_2.38`, to compare with others.
fn numbers(version: &str) -> Vec<u64> {
    let (_, numbers) = version.rsplit_once('_').unwrap_or(("", version));
    numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}
