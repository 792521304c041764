//! Expansions that bash has besides, and those it reads otherwise than dash.

use std::sync::Arc;

use super::Mode;
use super::fields::{BARE, Builder};
use crate::shell::{FIRST_PROCESS, Flow, Go, PROCESS_FILES, Shell};
use crate::syntax::{Kind, List, Operation, Parameter, Part, Subscript, Target, Word};
use crate::word::is_name;

/// As many `<(…)` may be open at one time.
const MAX_PROCESSES: usize = 40;

/// What a parameter stands for.
enum Found {
    One(Option<String>),
    /// `@`, `*`, and arrays with one of them for a subscript.
    Many {
        values: Vec<String>,
        at: bool,
    },
}

impl Shell<'_> {
    /// `"…"`.
    pub(super) fn double_quotes(&mut self, inner: &[Part], to: &mut Builder, mode: Mode) -> Go<()> {
        // `"$@"` without values is no field at all.
        let before = to.count();
        self.parts(inner, to, true, false, mode)?;
        let lists = !inner.is_empty() && inner.iter().all(is_each);
        if to.count() == before && !lists {
            to.keep();
        }
        Ok(())
    }

    /// `<(…)`: the commands run at once, and what they print waits under the path that stands for them.
    pub(super) fn process(&mut self, list: &Arc<List>) -> Go<String> {
        let line = self.line;
        let number = self.env.processes.len();
        if number >= MAX_PROCESSES {
            return Err(self.stop("too many `<(`"));
        }
        let (_, bytes) = self.capture(|shell| shell.list(list, false))?;
        self.line = line;
        self.env.processes.push(bytes.into());
        Ok(format!("{PROCESS_FILES}{}", FIRST_PROCESS - number))
    }

    /// What `$(<FILE)` gives.
    pub(super) fn file_of(&mut self, list: &List) -> Go<Option<(u8, Vec<u8>)>> {
        let [and_or] = list.as_slice() else { return Ok(None) };
        let [command] = and_or.first.commands.as_slice() else { return Ok(None) };
        let Kind::Simple { assignments, words } = &command.kind else { return Ok(None) };
        let bare = and_or.rest.is_empty() && !and_or.first.negated && assignments.is_empty() && words.is_empty();
        match command.redirects.as_slice() {
            [redirect] if self.is_bash() && bare && redirect.descriptor == 0 => {
                let Target::From(word) = &redirect.to else { return Ok(None) };
                let path = self.text(word)?;
                let path = self.absolute(&path);
                let bytes = self.read_file(&path)?;
                if bytes.is_none() {
                    self.complain(&format!("{path}: no such file"))?;
                }
                Ok(Some((u8::from(bytes.is_none()), bytes.unwrap_or_default())))
            }
            _ => Ok(None),
        }
    }

    /// The value of a variable that bash makes up; nothing for any other.
    pub(super) fn bash_variable(&mut self, name: &str) -> Go<Option<Option<String>>> {
        Ok(match name {
            "-" => {
                let options = self.env.options;
                let letters = [
                    (options.allexport, 'a'),
                    (options.errexit, 'e'),
                    (options.noglob, 'f'),
                    (true, 'h'),
                    (options.nounset, 'u'),
                    (options.xtrace, 'x'),
                    (true, 'B'),
                ];
                Some(Some(letters.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect()))
            }
            // Maintainer scripts are root's.
            "UID" | "EUID" => Some(Some("0".to_owned())),
            "PIPESTATUS" | "FUNCNAME" => Some(self.made_up(name).and_then(|values| values.into_iter().next())),
            "RANDOM" | "SRANDOM" | "SECONDS" | "EPOCHSECONDS" | "EPOCHREALTIME" | "LINENO" | "BASHPID" | "PPID"
            | "_" | "BASH" | "BASHOPTS" | "BASH_ARGC" | "BASH_ARGV" | "BASH_ARGV0" | "BASH_CMDS" | "BASH_COMMAND"
            | "BASH_LINENO" | "BASH_SOURCE" | "BASH_SUBSHELL" | "BASH_VERSINFO" | "BASH_VERSION" | "SHELLOPTS"
            | "DIRSTACK" | "GROUPS" | "COPROC" => return Err(self.stop(format!("`${name}` is not followed"))),
            "HOSTNAME" | "HOSTTYPE" | "MACHTYPE" | "OSTYPE" | "SHLVL" | "COLUMNS" | "LINES"
                if self.get(name).is_none() =>
            {
                return Err(self.stop(format!("`${name}` is not followed")));
            }
            _ => None,
        })
    }

    /// The values of an array that bash makes up.
    fn made_up(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "PIPESTATUS" => Some(self.env.pipe_statuses.iter().map(u8::to_string).collect()),
            "FUNCNAME" if self.env.called.is_empty() => Some(Vec::new()),
            "FUNCNAME" => Some(self.env.called.iter().rev().cloned().chain(["main".to_owned()]).collect()),
            _ => None,
        }
    }

    /// The values of an array by their index.
    pub(super) fn values(&mut self, name: &str) -> Go<Vec<(u64, String)>> {
        if let Some(values) = self.made_up(name) {
            return Ok((0..).zip(values).collect());
        }
        // What cannot be known has no values either.
        self.bash_variable(name)?;
        let size = self.env.variables.get(name).map_or(0, |variable| variable.size());
        self.meter.made(size, self.line)?;
        Ok(self.list_of(name).into_iter().collect())
    }

    fn find_parameter(&mut self, name: &str, subscript: Option<&Subscript>) -> Go<Found> {
        Ok(match subscript {
            None if matches!(name, "@" | "*") => Found::Many { values: self.env.positional.clone(), at: name == "@" },
            None => Found::One(self.value(name)?),
            Some(Subscript::Index(word)) => {
                let text = self.text(word)?;
                Found::One(self.at_index(name, &text)?)
            }
            Some(all) => {
                let values = self.values(name)?.into_iter().map(|(_, value)| value).collect();
                Found::Many { values, at: matches!(all, Subscript::Each) }
            }
        })
    }

    fn at_index(&mut self, name: &str, subscript: &str) -> Go<Option<String>> {
        let index = self.arithmetic(subscript)?;
        if let Some(values) = self.made_up(name) {
            return Ok(usize::try_from(index).ok().and_then(|index| values.get(index).cloned()));
        }
        self.bash_variable(name)?;
        let index = self.index_in(name, index)?;
        Ok(self.list_of(name).remove(&index))
    }

    /// What `${!NAME}` stands for.
    fn find_indirect(&mut self, name: &str) -> Go<(String, Option<Subscript>)> {
        let Some(target) = self.value(name)? else {
            return Err(self.stop(format!("`${{!{name}}}`: `{name}` is not set")));
        };
        let wrong = |shell: &Self| shell.stop(format!("`${{!{name}}}`: `{target}` is no name"));
        let (name, subscript) = match target.split_once('[') {
            None => (target.as_str(), None),
            Some((name, rest)) => match rest.strip_suffix(']') {
                Some("@") => (name, Some(Subscript::Each)),
                Some("*") => (name, Some(Subscript::Joined)),
                // The text is looked at once more, so nothing but a number or a name is safe.
                Some(index) if index.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                    (name, Some(Subscript::Index(vec![Part::Text(index.to_owned())])))
                }
                _ => return Err(wrong(self)),
            },
        };
        let special = matches!(name, "@" | "*" | "#" | "?" | "-")
            || !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if is_name(name) || special && subscript.is_none() {
            Ok((name.to_owned(), subscript))
        } else {
            Err(wrong(self))
        }
    }

    pub(super) fn bash_parameter(
        &mut self,
        parameter: &Parameter,
        to: &mut Builder,
        quoted: bool,
        mode: Mode,
    ) -> Go<()> {
        if parameter.operation == Operation::Bad {
            return Err(self.stop(format!("`${{{}`: an expansion that is not followed", parameter.name)));
        }
        let (name, subscript) = if parameter.indirect {
            self.find_indirect(&parameter.name)?
        } else {
            (parameter.name.clone(), parameter.subscript.clone())
        };
        if parameter.operation == Operation::Keys {
            let keys = self.values(&name)?.into_iter().map(|(index, _)| index.to_string()).collect();
            self.many(keys, matches!(subscript, Some(Subscript::Each)), to, quoted, mode);
            return Ok(());
        }
        let found = self.find_parameter(&name, subscript.as_ref())?;
        let (is_set, is_null) = match &found {
            Found::One(value) => (value.is_some(), value.as_ref().is_none_or(String::is_empty)),
            Found::Many { values, .. } => (!values.is_empty(), values.iter().all(String::is_empty) && values.len() < 2),
        };
        let lacks = |empty: bool| !is_set || empty && is_null;
        match parameter.operation {
            Operation::Default { empty } if lacks(empty) => return self.parts(&parameter.word, to, quoted, true, mode),
            Operation::Alternative { empty } => {
                return if lacks(empty) { Ok(()) } else { self.parts(&parameter.word, to, quoted, true, mode) };
            }
            Operation::Assign { empty } if lacks(empty) => {
                if !is_name(&name) || subscript.is_some() {
                    return Err(self.stop(format!("`${{{name}=`: not a variable")));
                }
                let text = self.word_of(&parameter.word, quoted)?.text;
                self.set(&name, text)?;
                let text = self.get(&name).unwrap_or_default().to_owned();
                self.put_text(&text, to, quoted, mode);
                return Ok(());
            }
            Operation::Error { empty } if lacks(empty) => {
                let text = self.word_of(&parameter.word, quoted)?.text;
                let text = if text.is_empty() { "parameter null or not set" } else { &text };
                return self.abandon(&format!("{name}: {text}"));
            }
            _ => {}
        }
        if let Found::One(None) = found
            && self.env.options.nounset
        {
            return self.abandon(&format!("{name}: unbound variable"));
        }
        match (parameter.operation, found) {
            (Operation::Length, Found::One(value)) => {
                self.put_text(&value.map_or(0, |value| value.len()).to_string(), to, quoted, mode);
            }
            (Operation::Length, Found::Many { values, .. }) => {
                self.put_text(&values.len().to_string(), to, quoted, mode);
            }
            (Operation::Slice, Found::One(value)) => {
                let text = self.slice(&value.unwrap_or_default(), parameter)?;
                self.put_text(&text, to, quoted, mode);
            }
            (Operation::Slice, Found::Many { at, .. }) => {
                let values = self.slice_values(&name, parameter)?;
                self.many(values, at, to, quoted, mode);
            }
            (_, Found::One(value)) => {
                let text = self.changed(value.unwrap_or_default(), parameter)?;
                self.put_text(&text, to, quoted, mode);
            }
            (_, Found::Many { values, at }) => {
                let values = values.into_iter().map(|value| self.changed(value, parameter)).collect::<Go<Vec<_>>>()?;
                self.many(values, at, to, quoted, mode);
            }
        }
        Ok(())
    }

    /// Complains and ends the script, as an expansion that cannot be made does.
    fn abandon<T>(&mut self, what: &str) -> Go<T> {
        self.complain(what)?;
        Err(Flow::Exit(1))
    }

    /// Adds many values: fields where they can be, else one text.
    fn many(&mut self, values: Vec<String>, at: bool, to: &mut Builder, quoted: bool, mode: Mode) {
        let join = if at { " ".to_owned() } else { self.joiner() };
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                match (quoted, mode) {
                    (false, Mode::Fields) => to.end(),
                    (true, Mode::Fields) if at => to.end(),
                    _ => to.add(&join, quoted),
                }
            }
            if quoted && mode == Mode::Fields && at {
                to.keep();
            }
            self.put_text(value, to, quoted, mode);
        }
    }

    /// What `parameter`'s operation makes of one value.
    fn changed(&mut self, value: String, parameter: &Parameter) -> Go<String> {
        match parameter.operation {
            Operation::Remove { suffix, longest } => {
                let pattern = self.word_of(&parameter.word, false)?.pattern;
                self.remove(&value, &pattern, suffix, longest)
            }
            Operation::Replace(place) => self.replace(&value, place, parameter),
            Operation::Case { upper, all } => self.in_case(&value, upper, all, &parameter.word),
            _ => Ok(value),
        }
    }

    /// The value of a word that is an arithmetic expression.
    pub(crate) fn number(&mut self, word: &Word) -> Go<i64> {
        let text = self.word_of(word, true)?.text;
        self.arithmetic(&text)
    }

    /// What stands behind `=~` as an extended regular expression: what was quoted means itself.
    pub(crate) fn expression(&mut self, word: &Word) -> Go<String> {
        let mut builder = Builder::marking();
        let word = self.tilde(word, false)?;
        self.parts(&word, &mut builder, false, false, Mode::Text)?;
        let text = builder.finish().into_iter().next().unwrap_or_default().pattern;
        let mut out = String::new();
        let mut brackets = false;
        let mut letters = text.chars();
        while let Some(c) = letters.next() {
            match c {
                '\\' => match letters.next() {
                    Some(BARE) | None => out.push('\\'),
                    Some(c) if brackets && "[]^-\\".contains(c) => {
                        return Err(self.stop(format!("a quoted `{c}` in the brackets of an expression")));
                    }
                    Some(c) => {
                        if !brackets && ".[]*+?{}()|^$\\".contains(c) {
                            out.push('\\');
                        }
                        out.push(c);
                    }
                },
                c => {
                    brackets =
                        if brackets { c != ']' || out.ends_with(['[', '^']) } else { c == '[' && !out.ends_with('\\') };
                    out.push(c);
                }
            }
        }
        Ok(out)
    }
}

/// Whether a part is `$@` or the like, which may be no field at all.
fn is_each(part: &Part) -> bool {
    match part {
        Part::Parameter(parameter) => {
            let lists =
                !matches!(parameter.operation, Operation::Length | Operation::Default { .. } | Operation::Error { .. });
            let each = parameter.name == "@" || matches!(parameter.subscript, Some(Subscript::Each));
            lists && (each && !parameter.indirect)
        }
        _ => false,
    }
}
