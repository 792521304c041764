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

/// What a path must be.
#[derive(Debug)]
enum Test<'a> {
    All(Vec<Test<'a>>),
    Any(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    /// The test's name and its value.
    Is(&'a str, &'a str),
}

/// What is done with what was found.
#[derive(Debug, PartialEq, Eq)]
enum Action<'a> {
    /// For each, `%p`, `%P` and `%f` filled in.
    Print(&'a str),
    Delete,
    Exec(Vec<&'a str>),
}

/// An expression of find(1), read from the left.
struct Expression<'a> {
    words: &'a [&'a str],
    least: usize,
    most: usize,
    /// Whether links are followed wherever they are.
    follow: bool,
    action: Option<Action<'a>>,
    /// So many alternatives end with it.
    acted: usize,
    /// So many brackets are open.
    open: usize,
}

/// `-printf`, as far as it names paths.
fn printed(format: &str, path: &str, below: &str, name: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        match c {
            '%' => {
                out += match letters.next()? {
                    'p' => path,
                    'P' => below,
                    'f' => name,
                    '%' => "%",
                    _ => return None,
                }
            }
            '\\' => out.push(match letters.next()? {
                'n' => '\n',
                't' => '\t',
                '0' => '\0',
                '\\' => '\\',
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Deeper than anybody writes.
const MAX_BRACKETS: usize = 20;

impl<'a> Expression<'a> {
    /// Tests with `-o` between them, up to a closing bracket or the end.
    fn any(&mut self) -> Result<Test<'a>, Refusal> {
        let mut any = vec![self.all()?];
        while let [word, rest @ ..] = self.words
            && ["-o", "-or"].contains(word)
        {
            self.words = rest;
            any.push(self.all()?);
        }
        Ok(if any.len() > 1 { Test::Any(any) } else { any.remove(0) })
    }

    fn all(&mut self) -> Result<Test<'a>, Refusal> {
        let mut all = Vec::new();
        while let Some(word) = self.words.first()
            && !["-o", "-or", ")"].contains(word)
        {
            all.extend(self.one()?);
        }
        Ok(Test::All(all))
    }

    /// One test; nothing for options and actions, which hold for all of the expression.
    fn one(&mut self) -> Result<Option<Test<'a>>, Refusal> {
        let [word, rest @ ..] = self.words else { return because("`find` with half an expression") };
        self.words = rest;
        let action = match *word {
            "(" if self.open == MAX_BRACKETS => return because("`find` with too many brackets"),
            "(" => {
                self.open += 1;
                let inner = self.any()?;
                self.open -= 1;
                let [")", rest @ ..] = self.words else { return because("`find` with an open bracket") };
                self.words = rest;
                return Ok(Some(inner));
            }
            "!" | "-not" => {
                return match self.one()? {
                    Some(test) => Ok(Some(Test::Not(Box::new(test)))),
                    None => because("`find` with a negated action"),
                };
            }
            "-a" | "-and" | "-xdev" | "-mount" | "-depth" => return Ok(None),
            "-follow" => {
                self.follow = true;
                return Ok(None);
            }
            "-mindepth" | "-maxdepth" => {
                let Ok(depth) = self.value(word)?.parse() else {
                    return because(format!("`find {word}` without a number"));
                };
                *(if *word == "-mindepth" { &mut self.least } else { &mut self.most }) = depth;
                return Ok(None);
            }
            "-type" | "-name" | "-iname" | "-user" | "-group" | "-uid" | "-gid" | "-path" => {
                return Ok(Some(Test::Is(word, self.value(word)?)));
            }
            "-empty" => return Ok(Some(Test::Is(word, ""))),
            "-print" => Action::Print("%p\n"),
            "-print0" => Action::Print("%p\0"),
            "-printf" => Action::Print(self.value(word)?),
            "-delete" => Action::Delete,
            "-exec" => {
                let end = self.words.iter().position(|word| [";", "+"].contains(word));
                let Some(end) = end else { return because("`find -exec` without an end") };
                let (command, rest) = self.words.split_at(end);
                self.words = &rest[1..];
                Action::Exec(command.to_vec())
            }
            other => return because(format!("`find` with `{other}`")),
        };
        // An action in brackets, or before another test, would be for some of what is found; but at the end of each alternative the
        // same one is for all.
        let last = self.words.first().is_none_or(|word| ["-o", "-or"].contains(word));
        if self.open > 0 || !last || self.action.as_ref().is_some_and(|before| *before != action) {
            return because("`find` with an action that is not the last word");
        }
        self.action = Some(action);
        self.acted += 1;
        Ok(None)
    }

    fn value(&mut self, word: &str) -> Result<&'a str, Refusal> {
        let [value, rest @ ..] = self.words else { return because(format!("`find {word}` without a value")) };
        self.words = rest;
        Ok(value)
    }
}

impl Stage<'_, '_> {
    pub(super) fn find(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        // `-H`: links given as roots are followed.
        let (follow, arguments) = match arguments {
            ["-H", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let split = arguments.iter().position(|word| word.starts_with(['-', '(', '!'])).unwrap_or(arguments.len());
        let (roots, words) = arguments.split_at(split);
        let (least, most) = (0, usize::MAX);
        let mut expression = Expression { words, least, most, follow: false, action: None, acted: 0, open: 0 };
        let test = expression.any()?;
        if let Some(word) = expression.words.first() {
            return because(format!("`find` with `{word}`"));
        }
        // `find TEST -o TEST ACTION` acts on what the second finds alone.
        let alternatives = if let Test::Any(any) = &test { any.len() } else { 1 };
        if expression.action.is_some() && expression.acted != alternatives {
            return because("`find` with an action for one of several tests");
        }
        let action = expression.action.unwrap_or(Action::Print("%p\n"));
        let mut found: Vec<(String, String, TreePath)> = Vec::new();
        let mut status = 0;
        for root in if roots.is_empty() { &["."] } else { roots } {
            let at =
                if follow || expression.follow { self.target(call.cwd, root)? } else { self.place(call.cwd, root)? };
            if self.node(&at).is_none() {
                status = 1;
                continue;
            }
            let base = at.components().count();
            for path in self.reach(&at, true)? {
                if expression.follow && self.node(&path).is_some_and(|node| node.link_target().is_some()) {
                    return because(format!("`find -follow` past the link `{path}`"));
                }
                let depth = path.components().count() - base;
                if (expression.least..=expression.most).contains(&depth) && self.holds(&test, &path)? {
                    let below = path.to_string();
                    let below = below.strip_prefix(&at.to_string()).unwrap_or("").trim_start_matches('/');
                    let slash = if below.is_empty() || root.ends_with('/') { "" } else { "/" };
                    found.push((format!("{root}{slash}{below}"), below.to_owned(), path));
                }
            }
        }
        match action {
            Action::Delete => {
                for (_, _, path) in found.iter().rev() {
                    if self.edit.assembly.tree.children(path).next().is_some() {
                        status = 1;
                        continue;
                    }
                    self.edit.assembly.tree.remove(path);
                    self.record(Effect::Removed(path.clone()));
                }
                Ok(Done { status, ..Done::default() })
            }
            Action::Exec(words) => {
                for (shown, ..) in &found {
                    let words: Vec<String> = words.iter().map(|word| word.replace("{}", shown)).collect();
                    let inner = Call { words: &words, ..*call };
                    status = self.call(&inner)?.status.max(status);
                }
                Ok(Done { status, ..Done::default() })
            }
            Action::Print(format) => {
                let mut text = String::new();
                for (shown, below, path) in &found {
                    let name = path.name().map(String::from_utf8_lossy).unwrap_or_default();
                    match printed(format, shown, below, &name) {
                        Some(line) => text += &line,
                        None => return because(format!("`find -printf {format}`")),
                    }
                }
                Ok(Done { status, stdout: text.into_bytes(), ..Done::default() })
            }
        }
    }

    fn holds(&self, test: &Test<'_>, path: &TreePath) -> Result<bool, Refusal> {
        let Some(node) = self.node(path) else { return Ok(false) };
        let name = |pattern: &str, name: &[u8]| match matches(pattern.as_bytes(), name) {
            Some(is) => Ok(is),
            None => because(format!("the pattern `{pattern}`")),
        };
        Ok(match test {
            Test::All(all) => {
                for test in all {
                    if !self.holds(test, path)? {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Any(any) => {
                for test in any {
                    if self.holds(test, path)? {
                        return Ok(true);
                    }
                }
                false
            }
            Test::Not(test) => !self.holds(test, path)?,
            Test::Is("-type", "f") => node.content().is_some(),
            Test::Is("-type", "d") => node.is_directory(),
            Test::Is("-type", "l") => node.link_target().is_some(),
            Test::Is("-type", other) => return because(format!("`find -type {other}`")),
            Test::Is("-name", pattern) => name(pattern, path.name().unwrap_or_default())?,
            Test::Is("-iname", pattern) => {
                name(&pattern.to_ascii_lowercase(), &path.name().unwrap_or_default().to_ascii_lowercase())?
            }
            Test::Is("-path", pattern) => name(pattern, path.to_string().as_bytes())?,
            Test::Is("-user" | "-uid", who) => {
                self.owner(who, false).and_then(|(uid, _)| uid) == Some(node.metadata.uid)
            }
            Test::Is("-group" | "-gid", who) => {
                self.owner(who, true).and_then(|(_, gid)| gid) == Some(node.metadata.gid)
            }
            Test::Is(..) => match node.content() {
                Some(content) => content.size() == 0,
                None => self.edit.assembly.tree.children(path).next().is_none(),
            },
        })
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
        assert_eq!(printed("%P %f%%\\n", "/a/b/c", "b/c", "c").as_deref(), Some("b/c c%\n"));
        assert_eq!(printed("%s", "/a", "", "a"), None);
        let endless = "*a".repeat(2000) + "b";
        assert_eq!(matches(endless.as_bytes(), "a".repeat(255).as_bytes()), Some(false));
    }
}
