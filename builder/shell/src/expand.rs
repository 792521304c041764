//! Words to the texts they stand for (XCU 2.6).

use std::sync::Arc;

use crate::arithmetic::{self, Names};
use crate::shell::{Flow, Go, Shell};
use crate::syntax::{List, Operation, Parameter, Part, Word};

mod bash;
mod fields;
mod glob;
mod replace;
mod slice;

use fields::{Builder, Field};

/// `$$`, the same each time: a name that a script makes of it is its own all the same.
const PROCESS: &str = "2";

/// What a word becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Any number of fields: split and matched against file names.
    Fields,
    /// One text.
    Text,
}

impl Shell<'_> {
    /// The fields of a command's words. What follows `export` and the like is not split where it is an assignment.
    pub(crate) fn command_words(&mut self, words: &[Word]) -> Go<Vec<String>> {
        let mut fields = Vec::new();
        let mut declares = None;
        for word in words {
            if declares == Some(true) && is_assignment(word) {
                fields.push(self.assigned(word)?);
                continue;
            }
            self.expand_fields(word, &mut fields)?;
            if declares.is_none()
                && let Some(name) = fields.first()
                && (name != "command" || fields.len() > 1)
            {
                let name = if name == "command" { &fields[1] } else { name };
                declares = Some(matches!(name.as_str(), "export" | "readonly" | "local"));
            }
        }
        Ok(fields)
    }

    /// The fields of `words`.
    pub(crate) fn fields(&mut self, words: &[Word]) -> Go<Vec<String>> {
        let mut fields = Vec::new();
        for word in words {
            self.expand_fields(word, &mut fields)?;
        }
        Ok(fields)
    }

    fn expand_fields(&mut self, word: &Word, fields: &mut Vec<String>) -> Go<()> {
        let mut builder = Builder::new(self.get("IFS"));
        let word = self.tilde(word, false)?;
        self.parts(&word, &mut builder, false, false, Mode::Fields)?;
        if self.is_bash() && word.first().is_some_and(|part| matches!(part, Part::Text(text) if is_tilde_value(text))) {
            return Err(self.stop("`=~` behind a command's name is not followed"));
        }
        for field in builder.finish() {
            self.meter.made(field.text.len(), self.line)?;
            if field.glob && !self.env.options.noglob {
                self.glob(&field, fields)?;
            } else {
                fields.push(field.text);
            }
        }
        Ok(())
    }

    /// A word as one text, neither split nor matched.
    pub(crate) fn text(&mut self, word: &Word) -> Go<String> {
        Ok(self.one(word, false)?.text)
    }

    /// The value of an assignment.
    pub(crate) fn assigned(&mut self, word: &Word) -> Go<String> {
        Ok(self.one(word, true)?.text)
    }

    /// A word as a pattern: letters that were quoted have a backslash before them.
    pub(crate) fn pattern(&mut self, word: &Word) -> Go<String> {
        Ok(self.one(word, false)?.pattern)
    }

    fn one(&mut self, word: &Word, assigned: bool) -> Go<Field> {
        let mut builder = Builder::new(None);
        let word = self.tilde(word, assigned)?;
        self.parts(&word, &mut builder, false, false, Mode::Text)?;
        let field = builder.finish().into_iter().next().unwrap_or_default();
        self.meter.made(field.text.len(), self.line)?;
        Ok(field)
    }

    /// Replaces a leading `~` by `HOME`; in an assignment the one behind a colon, too.
    fn tilde<'w>(&mut self, word: &'w Word, assigned: bool) -> Go<std::borrow::Cow<'w, [Part]>> {
        use std::borrow::Cow;
        // dash takes a second `=` for another beginning.
        let ends: &[char] = if self.is_bash() { &[':'] } else { &[':', '='] };
        let begins = |text: &str| text.starts_with('~') || assigned && (text.contains(":~") || text.contains("=~"));
        if !word.iter().any(|part| matches!(part, Part::Text(text) if begins(text))) {
            return Ok(Cow::Borrowed(word));
        }
        let mut parts = Vec::new();
        for (at, part) in word.iter().enumerate() {
            let Part::Text(text) = part else {
                parts.push(part.clone());
                continue;
            };
            let pieces: Vec<&str> = if assigned { text.split_inclusive(ends).collect() } else { vec![text] };
            for (piece_at, piece) in pieces.iter().enumerate() {
                let first = piece_at > 0 || at == 0;
                let last = piece_at + 1 == pieces.len() && at + 1 < word.len();
                let rest = piece.strip_prefix('~').filter(|_| first);
                let end = rest.map(|rest| rest.find(['/', ':']).unwrap_or(rest.len()));
                match (rest, end) {
                    (Some(rest), Some(0)) if !(last && rest.is_empty()) => {
                        match self.get("HOME") {
                            Some(home) => parts.push(Part::Quoted(home.to_owned())),
                            None => parts.push(Part::Text("~".to_owned())),
                        }
                        parts.push(Part::Text(rest.to_owned()));
                    }
                    (Some(rest), Some(end))
                        if end > 0
                            && !(last && end == rest.len())
                            && rest
                                .bytes()
                                .take(end)
                                .all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte)) =>
                    {
                        return Err(self.stop(format!("`~{rest}` needs the accounts")));
                    }
                    _ => parts.push(Part::Text((*piece).to_owned())),
                }
            }
        }
        Ok(Cow::Owned(parts))
    }

    /// Adds what `parts` stand for. `quoted`: within double quotes; `split`: text as written is split, too, because
    /// it stands in the place of an expansion.
    fn parts(&mut self, parts: &[Part], to: &mut Builder, quoted: bool, split: bool, mode: Mode) -> Go<()> {
        for part in parts {
            match part {
                Part::Text(text) if quoted => to.add(text, true),
                Part::Text(text) if split && mode == Mode::Fields => to.split(text),
                Part::Text(text) => to.add(text, false),
                Part::Quoted(text) => {
                    to.keep();
                    to.add(text, true);
                }
                Part::Double(inner) if self.is_bash() => self.double_quotes(inner, to, mode)?,
                Part::Double(inner) => {
                    // `"$@"` without parameters is no field at all.
                    let nothing = self.env.positional.is_empty()
                        && matches!(inner.as_slice(), [Part::Parameter(parameter)] if parameter.name == "@");
                    if !nothing {
                        to.keep();
                    }
                    self.parts(inner, to, true, false, mode)?;
                }
                Part::Parameter(parameter) if self.is_bash() => self.bash_parameter(parameter, to, quoted, mode)?,
                Part::Parameter(parameter) => self.parameter(parameter, to, quoted, mode)?,
                Part::Command(list) => {
                    let text = self.substitute(list)?;
                    self.put_text(&text, to, quoted, mode);
                }
                Part::Arithmetic(inner) => {
                    let mut builder = Builder::new(None);
                    self.parts(inner, &mut builder, true, false, Mode::Text)?;
                    let text = builder.finish().into_iter().next().unwrap_or_default().text;
                    let value = self.arithmetic(&text)?;
                    self.put_text(&value.to_string(), to, quoted, mode);
                }
                Part::Process(list) => {
                    let path = self.process(list)?;
                    to.add(&path, true);
                }
                Part::List(_) => return Err(self.stop("`=(` where no array can stand")),
            }
            self.meter.made(to.take_growth(), self.line)?;
        }
        Ok(())
    }

    fn put_text(&mut self, text: &str, to: &mut Builder, quoted: bool, mode: Mode) {
        if quoted || mode == Mode::Text { to.add(text, quoted) } else { to.split(text) }
    }

    pub(crate) fn arithmetic(&mut self, text: &str) -> Go<i64> {
        self.meter.step(1 + text.len() / 64, self.line)?;
        match arithmetic::evaluate(text, self) {
            Ok(value) => Ok(value),
            // bash goes on with the next line then, which has no equal here.
            Err(what) if self.is_bash() => Err(self.stop(what)),
            Err(what) => self.fail(&what),
        }
    }

    /// `$(…)`.
    fn substitute(&mut self, list: &Arc<List>) -> Go<String> {
        let line = self.line;
        let (status, mut bytes) = match self.file_of(list)? {
            Some(found) => found,
            None => self.capture(|shell| {
                shell.env.options.errexit &= !shell.is_bash();
                shell.list(list, false)
            })?,
        };
        self.line = line;
        self.substituted = Some(status);
        self.env.status = status;
        bytes.retain(|&byte| byte != 0);
        while bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        String::from_utf8(bytes).map_err(|_| self.stop("`$(`: what it prints is not UTF-8"))
    }

    fn parameter(&mut self, parameter: &Parameter, to: &mut Builder, quoted: bool, mode: Mode) -> Go<()> {
        let name = parameter.name.as_str();
        let value = self.value(name)?;
        let is_null = match name {
            "@" | "*" => self.env.positional.iter().all(String::is_empty) && self.env.positional.len() < 2,
            _ => value.as_ref().is_none_or(String::is_empty),
        };
        let lacks = |empty: bool| value.is_none() || empty && is_null;
        match parameter.operation {
            Operation::Bad => return Err(self.stop(format!("`${{{name}`: an expansion dash does not have"))),
            Operation::Default { empty } if lacks(empty) => {
                return self.parts(&parameter.word, to, quoted, true, mode);
            }
            Operation::Alternative { empty } => {
                return if lacks(empty) { Ok(()) } else { self.parts(&parameter.word, to, quoted, true, mode) };
            }
            Operation::Assign { empty } if lacks(empty) => {
                if !crate::word::is_name(name) {
                    return self.fail(&format!("{name}: bad variable name"));
                }
                let text = self.word_of(&parameter.word, quoted)?.text;
                self.set(name, text.clone())?;
                self.put_text(&text, to, quoted, mode);
                return Ok(());
            }
            Operation::Error { empty } if lacks(empty) => {
                let text = self.word_of(&parameter.word, quoted)?.text;
                return match text.as_str() {
                    "" => self.fail(&format!("{name}: parameter not set")),
                    text => self.fail(&format!("{name}: {text}")),
                };
            }
            _ => {}
        }
        if value.is_none() && self.env.options.nounset && !matches!(name, "@" | "*") {
            return self.fail(&format!("{name}: parameter not set"));
        }
        match parameter.operation {
            Operation::Length if matches!(name, "@" | "*") => {
                return Err(self.stop(format!("`${{#{name}}}` has no meaning")));
            }
            Operation::Length => {
                let length = value.map_or(0, |value| value.len());
                self.put_text(&length.to_string(), to, quoted, mode);
            }
            Operation::Remove { .. } if matches!(name, "@" | "*") => {
                return Err(self.stop(format!("`${{{name}%}}` has no meaning")));
            }
            Operation::Remove { suffix, longest } => {
                let pattern = self.word_of(&parameter.word, false)?.pattern;
                let text = self.remove(&value.unwrap_or_default(), &pattern, suffix, longest)?;
                self.put_text(&text, to, quoted, mode);
            }
            _ if matches!(name, "@" | "*") => self.positional(name == "@", to, quoted, mode),
            _ => self.put_text(&value.unwrap_or_default(), to, quoted, mode),
        }
        Ok(())
    }

    fn word_of(&mut self, word: &Word, quoted: bool) -> Go<Field> {
        let mut builder = Builder::new(None);
        self.parts(word, &mut builder, quoted, false, Mode::Text)?;
        Ok(builder.finish().into_iter().next().unwrap_or_default())
    }

    /// What `$*` has between two values (XCU 2.5.2): the first letter of `IFS`.
    fn joiner(&mut self) -> String {
        self.get("IFS").map_or_else(|| " ".to_owned(), |ifs| ifs.chars().take(1).collect())
    }

    fn positional(&mut self, at: bool, to: &mut Builder, quoted: bool, mode: Mode) {
        let values = self.env.positional.clone();
        // dash joins `$@` like `$*` where there is but one text.
        let join = self.joiner();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                match (quoted, mode) {
                    (false, Mode::Fields) => to.end(),
                    (true, Mode::Fields) if at => {
                        to.end();
                        to.keep();
                    }
                    _ => to.add(&join, quoted),
                }
            }
            if quoted {
                to.keep();
            }
            self.put_text(value, to, quoted, mode);
        }
    }

    fn remove(&mut self, value: &str, pattern: &str, suffix: bool, longest: bool) -> Go<String> {
        let bytes = value.as_bytes();
        let written = pattern.len();
        let pattern = self.compile(pattern, false)?;
        let cost = match pattern.depth() {
            0 => bytes.len().saturating_mul(bytes.len().saturating_add(written)) / 4096,
            _ => pattern.cost(bytes.len(), written).saturating_mul(bytes.len()),
        };
        self.meter.step(1 + cost, self.line)?;
        let matches = |cut: &usize| pattern.matches(if suffix { &bytes[*cut..] } else { &bytes[..*cut] });
        // The shortest suffix begins last, the shortest prefix ends first.
        let cut =
            if suffix == longest { (0..=bytes.len()).find(matches) } else { (0..=bytes.len()).rev().find(matches) };
        let Some(cut) = cut else { return Ok(value.to_owned()) };
        let left = if suffix { value.get(..cut) } else { value.get(cut..) };
        left.map(str::to_owned).ok_or_else(|| self.stop("a pattern cuts a letter in two"))
    }

    /// A parameter's value, or nothing when it is not set.
    pub(crate) fn value(&mut self, name: &str) -> Go<Option<String>> {
        if self.is_bash()
            && let Some(found) = self.bash_variable(name)?
        {
            return Ok(found);
        }
        Ok(match name {
            "#" => Some(self.env.positional.len().to_string()),
            "?" => Some(self.env.status.to_string()),
            "-" => {
                let options = self.env.options;
                let letters = [
                    (options.nounset, 'u'),
                    (options.allexport, 'a'),
                    (options.xtrace, 'x'),
                    (options.noglob, 'f'),
                    (options.errexit, 'e'),
                ];
                Some(letters.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect())
            }
            "@" | "*" => (!self.env.positional.is_empty()).then(|| self.env.positional.join(" ")),
            "$" => Some(PROCESS.to_owned()),
            "!" => return Err(self.stop("`$!`: there is no process")),
            "0" => Some(self.env.name.clone()),
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                let index = digits.parse().unwrap_or(usize::MAX);
                if index == 0 {
                    return Ok(Some(self.env.name.clone()));
                }
                self.env.positional.get(index - 1).cloned()
            }
            name => self.get(name).map(str::to_owned),
        })
    }
}

impl Names for Shell<'_> {
    fn is_bash(&self) -> bool {
        Shell::is_bash(self)
    }

    fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        // Digits are no names, so all that can go wrong is a variable that is not known.
        Shell::value(self, name).map_err(|flow| what(name, flow))
    }

    fn assign(&mut self, name: &str, value: i64) -> Result<(), String> {
        self.set(name, value.to_string()).map_err(|flow| what(name, flow))
    }

    fn element(&mut self, name: &str, index: i64) -> Result<Option<String>, String> {
        let index = self.index_in(name, index).map_err(|flow| what(name, flow))?;
        Ok(self.list_of(name).remove(&index))
    }

    fn assign_element(&mut self, name: &str, index: i64, value: i64) -> Result<(), String> {
        let set = self.index_in(name, index).and_then(|index| self.set_element(name, index, value.to_string()));
        set.map_err(|flow| what(name, flow))
    }
}

fn what(name: &str, flow: Flow) -> String {
    match flow {
        Flow::Stop(stop) => stop.what,
        _ => format!("{name}: is read only"),
    }
}

/// Whether a word that is no assignment looks like one whose value begins with `~`.
fn is_tilde_value(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| crate::word::is_name(name) && value.starts_with('~'))
}

fn is_assignment(word: &Word) -> bool {
    match word.first() {
        Some(Part::Text(text)) => text.split_once('=').is_some_and(|(name, _)| crate::word::is_name(name)),
        _ => false,
    }
}
