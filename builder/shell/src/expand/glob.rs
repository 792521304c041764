//! File names that match a pattern (XCU 2.14.3).

use super::fields::Field;
use crate::pattern::Pattern;
use crate::shell::{Go, Shell};

/// Groups of bash's in one pattern.
const MAX_GROUPS: usize = 30;

impl Shell<'_> {
    /// A pattern, ready to be matched; `groups` where bash looks for its groups without being told to.
    pub(crate) fn compile(&mut self, pattern: &str, groups: bool) -> Go<Pattern> {
        if !self.is_bash() || !has_group(pattern) {
            return Ok(Pattern::new(pattern));
        }
        if !groups && !self.env.options.extglob {
            return Err(self.stop(format!("`{pattern}` without `shopt -s extglob`")));
        }
        self.meter.step(1 + pattern.len().saturating_mul(pattern.len()) / 4096, self.line)?;
        // Each group holds the one within it again.
        if pattern.matches('(').count() > MAX_GROUPS {
            return Err(self.stop("a pattern with too many groups"));
        }
        Ok(Pattern::extended(pattern))
    }

    /// Adds the paths that match, sorted, or the field as it is when none does.
    pub(super) fn glob(&mut self, field: &Field, fields: &mut Vec<String>) -> Go<()> {
        let (matched, mut paths) = self.find_matching(&field.pattern)?;
        if !paths.is_empty() {
            fields.append(&mut paths);
        } else if !(matched && self.env.options.nullglob) {
            fields.push(field.text.clone());
        }
        Ok(())
    }

    /// The paths that match, sorted.
    pub(crate) fn matching(&mut self, pattern: &str) -> Go<Vec<String>> {
        Ok(self.find_matching(pattern)?.1)
    }

    /// Whether anything in `pattern` can match, and the paths that do.
    fn find_matching(&mut self, pattern: &str) -> Go<(bool, Vec<String>)> {
        let mut found = vec![String::new()];
        let components: Vec<&str> = pattern.split('/').collect();
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
            let pattern = self.compile(component, false)?;
            let hidden = component.starts_with('.') || component.starts_with("\\.") || self.env.options.dotglob;
            let mut next = Vec::new();
            for path in found {
                let folder = self.absolute(&path);
                let folder = if folder.len() > 1 { folder.trim_end_matches('/').to_owned() } else { folder };
                let names = self.host.list(&folder).map_err(|refusal| self.refused(&folder, refusal))?;
                for name in names.unwrap_or_default() {
                    self.meter.step(pattern.cost(name.len(), component.len()), self.line)?;
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
        paths.sort();
        Ok((matched, paths))
    }
}

/// Whether a group of bash's begins in a pattern.
fn has_group(pattern: &str) -> bool {
    let mut before = ' ';
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        match (before, c) {
            ('?' | '*' | '+' | '@' | '!', '(') => return true,
            (_, '\\') => {
                letters.next();
                before = ' ';
            }
            _ => before = c,
        }
    }
    false
}

fn has_glob(component: &str) -> bool {
    let mut letters = component.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => {
                letters.next();
            }
            '*' | '?' | '[' => return true,
            '+' | '@' | '!' if letters.as_str().starts_with('(') => return true,
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
