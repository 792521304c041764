//! `export`, `readonly`, `local`, `unset`.

use crate::shell::{Go, Shell};
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
                text.push_str(&match &variable.value {
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

fn split(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    }
}
