//! Where commands and folders are: `command`, `type`, `which`, `cd`, `pwd`.

use super::{REGULAR, is_special};
use crate::shell::{Flow, Go, Shell};

const KEYWORDS: [&str; 16] =
    ["!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "{", "}"];

enum Found {
    Keyword,
    Special,
    Builtin,
    Function,
    File(String),
}

impl Shell<'_> {
    fn find(&mut self, name: &str) -> Go<Option<Found>> {
        if KEYWORDS.contains(&name) {
            return Ok(Some(Found::Keyword));
        }
        if is_special(name) {
            return Ok(Some(Found::Special));
        }
        if self.env.functions.contains_key(name) {
            return Ok(Some(Found::Function));
        }
        if REGULAR.contains(&name) || matches!(name, "alias" | "hash" | "kill" | "ulimit" | "wait") {
            return Ok(Some(Found::Builtin));
        }
        Ok(self.find_file(name)?.map(Found::File))
    }

    fn find_file(&mut self, name: &str) -> Go<Option<String>> {
        if name.contains('/') {
            return Ok(self.test_file('x', name)?.then(|| name.to_owned()));
        }
        Ok(if name.is_empty() { None } else { self.host.find_command(name) })
    }

    pub(super) fn command_builtin(&mut self, arguments: &[String], tested: bool) -> Go<u8> {
        let (option, rest) = match arguments.split_first() {
            Some((option, rest)) if matches!(option.as_str(), "-v" | "-V" | "-p" | "--") => (option.as_str(), rest),
            _ => ("", arguments),
        };
        match option {
            "-v" => {
                // dash looks at the first name alone.
                let Some(name) = rest.first() else { return Ok(0) };
                let text = match self.find(name)? {
                    Some(Found::File(path)) => path,
                    Some(_) => name.clone(),
                    None => return Ok(127),
                };
                self.put(1, format!("{text}\n").as_bytes())?;
                Ok(0)
            }
            "-V" => self.type_builtin(rest),
            _ => {
                self.meter.enter(self.line)?;
                let status = self.invoke(rest, false, tested);
                self.meter.leave();
                match status {
                    Err(Flow::Fail(status)) => Ok(status),
                    other => other,
                }
            }
        }
    }

    pub(super) fn type_builtin(&mut self, names: &[String]) -> Go<u8> {
        let mut status = 0;
        for name in names {
            let text = match self.find(name)? {
                Some(Found::Keyword) => format!("{name} is a shell keyword\n"),
                Some(Found::Special) => format!("{name} is a special shell builtin\n"),
                Some(Found::Builtin) => format!("{name} is a shell builtin\n"),
                Some(Found::Function) => format!("{name} is a shell function\n"),
                Some(Found::File(path)) => format!("{name} is {path}\n"),
                None => {
                    status = 127;
                    format!("{name}: not found\n")
                }
            };
            self.put(1, text.as_bytes())?;
        }
        Ok(status)
    }

    pub(super) fn which(&mut self, arguments: &[String]) -> Go<u8> {
        let names = match arguments.first().map(String::as_str) {
            Some("-a") => return Err(self.stop("`which -a`: the option `-a` is not known")),
            Some("-s") => return Err(self.stop("`which -s`: the option `-s` is not known")),
            Some("--") => arguments.get(1..).unwrap_or_default(),
            _ => arguments,
        };
        let mut status = u8::from(names.is_empty());
        for name in names {
            match self.find_file(name)? {
                Some(path) => {
                    self.put(1, format!("{path}\n").as_bytes())?;
                }
                None => status = 1,
            }
        }
        Ok(status)
    }

    pub(super) fn change_folder(&mut self, arguments: &[String]) -> Go<u8> {
        let mut arguments = arguments;
        while let Some(option) = arguments.first().filter(|option| matches!(option.as_str(), "-L" | "--" | "-P")) {
            if option == "-P" {
                return Err(self.stop("`cd -P` is not followed"));
            }
            arguments = arguments.get(1..).unwrap_or_default();
        }
        if self.get("CDPATH").is_some_and(|path| !path.is_empty()) {
            return Err(self.stop("`cd` with `CDPATH` is not followed"));
        }
        let target = match arguments.first().map(String::as_str) {
            None => match self.get("HOME") {
                Some(home) => home.to_owned(),
                None => return self.fail("cd: HOME not set"),
            },
            Some("-") => self.get("OLDPWD").unwrap_or(&self.env.cwd).to_owned(),
            Some(path) => path.to_owned(),
        };
        let path = tidy(&self.absolute(&target));
        if !self.test_file('d', &path)? {
            return self.fail(&format!("cd: can't cd to {target}"));
        }
        let old = std::mem::replace(&mut self.env.cwd, path.clone());
        self.set("OLDPWD", old)?;
        self.set("PWD", path.clone())?;
        if arguments.first().is_some_and(|argument| argument == "-") {
            self.put(1, format!("{path}\n").as_bytes())?;
        }
        Ok(0)
    }

    pub(super) fn print_folder(&mut self, arguments: &[String]) -> Go<u8> {
        if arguments.first().is_some_and(|option| option == "-P") {
            return Err(self.stop("`pwd -P` is not followed"));
        }
        let text = format!("{}\n", self.env.cwd);
        self.put(1, text.as_bytes())?;
        Ok(0)
    }
}

/// A path without `.` and `..`, as the shell walks it: by name.
fn tidy(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
