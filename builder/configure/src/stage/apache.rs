//! a2enmod(8), a2enconf(8), a2ensite(8): links below `/etc/apache2`, and whose word each of them is.

use rootsmith_shell::{Done, Host, Refusal};
use rootsmith_types::TreePath;

use super::{Stage, because, done, failed};
use crate::effect::Effect;

/// Deeper than modules depend on each other.
const MAX_DEPTH: usize = 20;

/// What is enabled: its name among states, its folder, the end of its files.
#[derive(Clone, Copy)]
struct Kind(&'static str, &'static str, &'static str);

/// The words after `# Depends:` or `# Conflicts:`, which stand before everything else in a file.
fn listed<'a>(text: &'a str, field: &str) -> Vec<&'a str> {
    let comments = text.lines().take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let found = comments.filter_map(|line| line.strip_prefix("# ")?.strip_prefix(field)?.strip_prefix(':')).next();
    found.map(|words| words.split_whitespace().collect()).unwrap_or_default()
}

impl Stage<'_, '_> {
    /// `None` where it is not one of the three programs.
    pub(super) fn apache(&mut self, name: &str, arguments: &[&str]) -> Option<Result<Done, Refusal>> {
        let kind = match name {
            "a2enmod" => Kind("module", "mods", ".load"),
            "a2enconf" => Kind("conf", "conf", ".conf"),
            "a2ensite" => Kind("site", "sites", ".conf"),
            _ => return None,
        };
        let (options, names): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| word.starts_with('-'));
        if let Some(option) = options.iter().find(|option| !["-m", "-q", "-mq", "-qm"].contains(option)) {
            return Some(because(format!("`{name}` with `{option}`")));
        }
        let by = if options.iter().any(|option| option.contains('m')) { "maint" } else { "admin" };
        for wanted in names {
            match self.enable(kind, by, wanted, 0) {
                Ok(true) => {}
                Ok(false) => return Some(failed()),
                Err(refusal) => return Some(Err(refusal)),
            }
        }
        Some(done())
    }

    /// Whether it is enabled, with what it depends on.
    fn enable(&mut self, kind: Kind, by: &str, wanted: &str, depth: usize) -> Result<bool, Refusal> {
        let Kind(object, folder, end) = kind;
        if wanted.contains(['*', '?', '[', '/']) || depth > MAX_DEPTH {
            return because(format!("enabling `{wanted}`"));
        }
        let wanted = wanted.trim_end_matches(end);
        let at = |place: &str, file: &str| format!("/etc/apache2/{folder}-{place}/{file}");
        let main = format!("{wanted}{end}");
        let Some(text) = self.read(&at("available", &main))? else { return Ok(false) };
        let text = String::from_utf8_lossy(&text).into_owned();
        for other in listed(&text, "Depends") {
            let there = match object {
                "module" => self.enable(kind, by, other, depth + 1)?,
                _ => self.test('e', &format!("/etc/apache2/mods-enabled/{other}.load"))?,
            };
            if !there {
                return Ok(false);
            }
        }
        for other in listed(&text, "Conflicts") {
            if object == "module" && self.test('e', &at("enabled", &format!("{other}{end}")))? {
                return Ok(false);
            }
        }
        let new = !self.test('e', &at("enabled", &main))?;
        let conf = (object == "module").then(|| format!("{wanted}.conf"));
        for file in conf.into_iter().chain([main]) {
            if !self.test('e', &at("available", &file))? || self.test('e', &at("enabled", &file))? {
                continue;
            }
            let (path, target) = (at("enabled", &file), format!("../{folder}-available/{file}"));
            self.edit.symlink(&path, &target);
            if let Ok(path) = TreePath::new(&path) {
                self.record(Effect::Link { path, target });
            }
        }
        if new {
            let state = format!("/var/lib/apache2/{object}/enabled_by_{by}");
            let metadata = self.edit.metadata(0o755);
            self.edit.directory(&state, metadata);
            self.write(&format!("{state}/{wanted}"), b"", 0o644)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_first_directive_counts() {
        let text = "# Depends: mime  deflate\n\n# Conflicts: php7\nLoadModule x y\n# Depends: none\n";
        assert_eq!((listed(text, "Depends"), listed(text, "Conflicts")), (vec!["mime", "deflate"], vec!["php7"]));
        assert_eq!(listed("LoadModule\n# Depends: x\n", "Depends"), [""; 0]);
    }
}
