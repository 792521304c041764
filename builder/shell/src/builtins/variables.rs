//! `export`, `readonly` and `local` as dash has them, and `unset`.

use crate::shell::{Go, Shell};
use crate::variable::Value;
use crate::word::is_name;

impl Shell<'_> {
    /// `export` and `readonly`.
    pub(super) fn declare(&mut self, what: &str, arguments: &[String]) -> Go<u8> {
        let export = what == "export";
        let arguments = match arguments.first().map(String::as_str) {
            None | Some("-p") => return self.print_declared(export),
            Some("--") => arguments.get(1..).unwrap_or_default(),
            Some(option) if option.starts_with('-') => {
                return Err(self.stop(format!("`{what} {option}`: the option `{option}` is not known")));
            }
            _ => arguments,
        };
        for argument in arguments {
            let (name, value) = split(argument);
            if !is_name(name) {
                return self.fail(&format!("{what}: {name}: bad variable name"));
            }
            if let Some(value) = value {
                self.set(name, value)?;
            }
            let variable = self.env.variables.entry(name.to_owned()).or_default();
            if export {
                variable.exported = true;
            } else {
                variable.readonly = true;
            }
        }
        Ok(0)
    }

    fn print_declared(&mut self, export: bool) -> Go<u8> {
        let what = if export { "export" } else { "readonly" };
        let mut text = String::new();
        for (name, variable) in &self.env.variables {
            if if export { variable.exported } else { variable.readonly } {
                text.push_str(&match variable.as_text() {
                    Some(value) => format!("{what} {name}='{}'\n", value.replace('\'', "'\"'\"'")),
                    None => format!("{what} {name}\n"),
                });
            }
        }
        self.put(1, text.as_bytes())?;
        Ok(0)
    }

    pub(super) fn local(&mut self, arguments: &[String]) -> Go<u8> {
        if self.env.functions_deep == 0 {
            return self.fail("local: not in a function");
        }
        for argument in arguments {
            let (name, value) = split(argument);
            // bash's; what it would mean there is not for us to drop.
            if name.starts_with('-') {
                return Err(self.stop(format!("`local {name}`: the option `{name}` is not known")));
            }
            if !is_name(name) {
                return self.fail(&format!("local: {name}: bad variable name"));
            }
            self.meter.made(name.len(), self.line)?;
            self.make_local(name);
            if let Some(value) = value {
                self.set(name, value)?;
            }
        }
        Ok(0)
    }

    pub(super) fn unset(&mut self, arguments: &[String]) -> Go<u8> {
        let (functions, names) = match arguments.first().map(String::as_str) {
            Some("-f") => (true, arguments.get(1..).unwrap_or_default()),
            Some("-v" | "--") => (false, arguments.get(1..).unwrap_or_default()),
            _ => (false, arguments),
        };
        for name in names {
            if functions {
                self.env.functions.remove(name);
                continue;
            }
            if self.is_bash() && !self.unset_in_bash(name, arguments.len() == names.len())? {
                continue;
            }
            if !is_name(name) {
                return self.fail(&format!("unset: {name}: bad variable name"));
            }
            if self.env.variables.get(name).is_some_and(|variable| variable.readonly) {
                return self.fail(&format!("unset: {name}: is read only"));
            }
            self.env.variables.remove(name);
        }
        Ok(0)
    }
}

/// What `unset` does in bash beside removing a variable.
impl Shell<'_> {
    /// Whether `name` is a variable that is still to be removed; `either` where a function may be meant.
    fn unset_in_bash(&mut self, name: &str, either: bool) -> Go<bool> {
        if let Some((name, subscript)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            if matches!(subscript, "@" | "*") || !is_name(name) {
                return Err(self.stop(format!("`unset {name}[{subscript}]` is not followed")));
            }
            let index = self.arithmetic(subscript)?;
            let index = self.index_in(name, index)?;
            let mut list = self.list_of(name);
            if list.remove(&index).is_some() {
                match self.env.variables.get(name).map(|variable| &variable.value) {
                    Some(Some(Value::List(_))) => self.set_list(name, list)?,
                    _ => return Err(self.stop(format!("`unset {name}[{subscript}]`: not an array"))),
                }
            }
            return Ok(false);
        }
        if !self.env.variables.contains_key(name) {
            if either {
                self.env.functions.remove(name);
            }
            return Ok(false);
        }
        // bash would show what the caller's variable hides; what is local here stays so.
        let mut scopes = self.env.scopes.iter().rev().map(|scope| scope.iter().any(|(known, _)| known == name));
        if scopes.next() == Some(false) && scopes.any(|known| known) {
            return Err(self.stop(format!("`unset {name}`: a local variable of a caller's")));
        }
        Ok(true)
    }
}

fn split(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    }
}
