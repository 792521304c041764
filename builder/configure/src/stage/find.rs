//! find(1), as far as scripts go with it.

use rootsmith_shell::{Call, Done, Host, Refusal};
use rootsmith_types::TreePath;

use super::{Stage, because};
use crate::effect::Effect;

/// Whether `name` is one that the shell pattern `pattern` describes; `None` for brackets. In time that grows with both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> Option<bool> {
    if pattern.contains(&b'[') || pattern.contains(&b'\\') {
        return None;
    }
    let (mut at, mut of) = (0, 0);
    // Behind the last star, and where what it stands for ends so far.
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, of));
            }
            Some(c) if *c == b'?' || *c == name[of] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((behind, end)) = star else { return Some(false) };
                star = Some((behind, end + 1));
                (at, of) = (behind, end + 1);
            }
        }
    }
    Some(pattern[at..].iter().all(|c| *c == b'*'))
}

impl Stage<'_, '_> {
    pub(super) fn find(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let split = arguments.iter().position(|word| word.starts_with(['-', '(', '!'])).unwrap_or(arguments.len());
        let (roots, expression) = arguments.split_at(split);
        let (mut least, mut most) = (0, usize::MAX);
        let mut tests: Vec<(bool, &str, &str)> = Vec::new();
        let (mut negated, mut delete, mut print, mut zero) = (false, false, false, false);
        let mut exec: Option<Vec<&str>> = None;
        let mut rest = expression.iter().copied();
        while let Some(word) = rest.next() {
            match word {
                "!" | "-not" => negated = true,
                "-print" => print = true,
                "-a" | "-and" | "-xdev" | "-mount" | "-depth" => {}
                "-print0" => zero = true,
                "-delete" => delete = true,
                "-exec" => {
                    let words: Vec<&str> = rest.by_ref().take_while(|word| *word != ";" && *word != "+").collect();
                    exec = Some(words);
                }
                "-mindepth" | "-maxdepth" => {
                    let Some(depth) = rest.next().and_then(|depth| depth.parse().ok()) else {
                        return because(format!("`find {word}` without a number"));
                    };
                    *(if word == "-mindepth" { &mut least } else { &mut most }) = depth;
                }
                "-type" | "-name" | "-user" | "-group" | "-path" => {
                    let Some(value) = rest.next() else { return because(format!("`find {word}` without a value")) };
                    tests.push((std::mem::take(&mut negated), word, value));
                }
                "-empty" => tests.push((std::mem::take(&mut negated), word, "")),
                other => return because(format!("`find` with `{other}`")),
            }
        }
        if negated || [exec.is_some(), delete, print || zero].into_iter().filter(|action| *action).count() > 1 {
            return because(format!("`find {}`", expression.join(" ")));
        }
        let mut found: Vec<(String, TreePath)> = Vec::new();
        let mut status = 0;
        for root in if roots.is_empty() { &["."] } else { roots } {
            let at = self.place(call.cwd, root)?;
            if self.node(&at).is_none() {
                status = 1;
                continue;
            }
            let base = at.components().count();
            for path in self.reach(&at, true)? {
                let depth = path.components().count() - base;
                if (least..=most).contains(&depth) && self.found_by(&tests, &path)? {
                    let below = path.to_string();
                    let below = below.strip_prefix(&at.to_string()).unwrap_or("").trim_start_matches('/');
                    let slash = if below.is_empty() || root.ends_with('/') { "" } else { "/" };
                    found.push((format!("{root}{slash}{below}"), path));
                }
            }
        }
        if delete {
            for (_, path) in found.iter().rev() {
                if self.edit.assembly.tree.children(path).next().is_some() {
                    status = 1;
                    continue;
                }
                self.edit.assembly.tree.remove(path);
                self.record(Effect::Removed(path.clone()));
            }
            return Ok(Done { status, ..Done::default() });
        }
        if let Some(words) = exec {
            for (shown, _) in &found {
                let words: Vec<String> = words.iter().map(|word| word.replace("{}", shown)).collect();
                let inner = Call { words: &words, ..*call };
                status = self.call(&inner)?.status.max(status);
            }
            return Ok(Done { status, ..Done::default() });
        }
        let end = if zero { '\0' } else { '\n' };
        let text: String = found.into_iter().flat_map(|(shown, _)| [shown, end.to_string()]).collect();
        Ok(Done { status, stdout: text.into_bytes(), ..Done::default() })
    }

    fn found_by(&self, tests: &[(bool, &str, &str)], path: &TreePath) -> Result<bool, Refusal> {
        let Some(node) = self.node(path) else { return Ok(false) };
        for (negated, test, value) in tests {
            let holds = match *test {
                "-type" => match *value {
                    "f" => node.content().is_some(),
                    "d" => node.is_directory(),
                    "l" => node.link_target().is_some(),
                    other => return because(format!("`find -type {other}`")),
                },
                "-name" => match matches(value.as_bytes(), path.name().unwrap_or_default()) {
                    Some(is) => is,
                    None => return because(format!("the pattern `{value}`")),
                },
                "-path" => match matches(value.as_bytes(), path.to_string().as_bytes()) {
                    Some(is) => is,
                    None => return because(format!("the pattern `{value}`")),
                },
                "-user" => self.owner(value, false).and_then(|(uid, _)| uid) == Some(node.metadata.uid),
                "-group" => self.owner(value, true).and_then(|(_, gid)| gid) == Some(node.metadata.gid),
                _ => match node.content() {
                    Some(content) => content.size() == 0,
                    None => self.edit.assembly.tree.children(path).next().is_none(),
                },
            };
            if holds == *negated {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_find() {
        for (pattern, name, is) in [
            ("*", "", true),
            ("*.d", "a.d", true),
            ("*.d", "a.dd", false),
            ("a?c*", "abcd", true),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), Some(is), "{pattern} {name}");
        }
        assert_eq!(matches(b"[ab]", b"a"), None);
        let endless = "*a".repeat(2000) + "b";
        assert_eq!(matches(endless.as_bytes(), "a".repeat(255).as_bytes()), Some(false));
    }
}
