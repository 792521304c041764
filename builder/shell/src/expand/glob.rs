//! File names that match a pattern (XCU 2.14.3).

use super::fields::Field;
use crate::pattern::Pattern;
use crate::shell::{Go, Shell};

impl Shell<'_> {
    /// Adds the paths that match, sorted, or the field as it is when none does.
    pub(super) fn glob(&mut self, field: &Field, fields: &mut Vec<String>) -> Go<()> {
        let mut found = vec![String::new()];
        let components: Vec<&str> = field.pattern.split('/').collect();
        let mut matched = false;
        for (at, component) in components.iter().enumerate() {
            let last = at + 1 == components.len();
            let slash = if last { "" } else { "/" };
            if !has_glob(component) {
                let plain = unescape(component);
                for path in &mut found {
                    path.push_str(&plain);
                    path.push_str(slash);
                }
                continue;
            }
            matched = true;
            let pattern = Pattern::new(component);
            let hidden = component.starts_with('.') || component.starts_with("\\.");
            let mut next = Vec::new();
            for path in found {
                let folder = self.absolute(&path);
                let folder = if folder.len() > 1 { folder.trim_end_matches('/').to_owned() } else { folder };
                let names = self.host.list(&folder).map_err(|refusal| self.refused(&folder, refusal))?;
                for name in names.unwrap_or_default() {
                    self.meter.step(1 + name.len().saturating_mul(component.len()) / 4096, self.line)?;
                    if (hidden || !name.starts_with('.')) && pattern.matches(name.as_bytes()) {
                        self.meter.made(path.len() + name.len(), self.line)?;
                        next.push(format!("{path}{name}{slash}"));
                    }
                }
            }
            found = next;
        }
        let mut paths = Vec::new();
        for path in found {
            if matched && (self.test_file('e', &path)? || self.test_file('L', &path)?) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            fields.push(field.text.clone());
        } else {
            paths.sort();
            fields.append(&mut paths);
        }
        Ok(())
    }
}

fn has_glob(component: &str) -> bool {
    let mut letters = component.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => {
                letters.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

fn unescape(component: &str) -> String {
    let mut text = String::new();
    let mut letters = component.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => text.extend(letters.next()),
            c => text.push(c),
        }
    }
    text
}
