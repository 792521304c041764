//! Where commands and folders are: `command`, `type`, `which`, `cd`, `pwd`.

use super::{REGULAR, is_bash_builtin, is_special};
use crate::shell::{Flow, Go, Shell};
use crate::stream::Stream;

const KEYWORDS: [&str; 16] =
    ["!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "{", "}"];

/// Those bash has besides.
const BASH_KEYWORDS: [&str; 6] = ["[[", "]]", "coproc", "function", "select", "time"];

/// Builtins of bash's that are there, and not followed.
const BASH_BUILTINS: [&str; 17] = [
    "bg", "bind", "caller", "complete", "compopt", "dirs", "disown", "enable", "fc", "fg", "help", "history", "jobs",
    "logout", "suspend", "times", "kill",
];

enum Found {
    Keyword,
    Alias(String),
    Special,
    Builtin,
    Function,
    File(String),
}

impl Shell<'_> {
    fn find(&mut self, name: &str) -> Go<Option<Found>> {
        let bash = self.is_bash();
        if KEYWORDS.contains(&name) || bash && BASH_KEYWORDS.contains(&name) {
            return Ok(Some(Found::Keyword));
        }
        if let Some(text) = self.env.aliases.get(name) {
            return Ok(Some(Found::Alias(text.clone())));
        }
        if is_special(name) && !bash {
            return Ok(Some(Found::Special));
        }
        if self.env.functions.contains_key(name) {
            return Ok(Some(Found::Function));
        }
        let other = matches!(name, "hash" | "kill" | "ulimit" | "wait");
        let bashes = || is_special(name) || is_bash_builtin(name) || BASH_BUILTINS.contains(&name);
        if (REGULAR.contains(&name) && !(bash && name == "chdir")) || other || bash && bashes() {
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
                if self.is_bash() {
                    return self.show_found(rest);
                }
                // dash looks at the first name alone.
                let Some(name) = rest.first() else { return Ok(0) };
                let text = match self.find(name)? {
                    Some(Found::File(path)) => path,
                    Some(Found::Alias(text)) => {
                        format!("alias {}", crate::alias::shown(name, &text).trim_end_matches('\n'))
                    }
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

    /// `command -v` in bash.
    fn show_found(&mut self, names: &[String]) -> Go<u8> {
        let mut status = 1;
        for name in names {
            let text = match self.find(name)? {
                Some(Found::File(path)) => path,
                Some(_) => name.clone(),
                None => continue,
            };
            status = 0;
            self.put(1, format!("{text}\n").as_bytes())?;
        }
        Ok(status)
    }

    /// `type` in bash.
    fn bash_type(&mut self, arguments: &[String]) -> Go<u8> {
        let mut kind = ' ';
        let mut names = arguments;
        while let Some((option, rest)) = names.split_first().filter(|(word, _)| word.starts_with('-')) {
            names = rest;
            match option.as_str() {
                "-t" | "-p" | "-P" => kind = if option == "-t" { 't' } else { option.chars().nth(1).unwrap_or('p') },
                "--" => break,
                _ => return Err(self.stop(format!("`type {option}`: the option `{option}` is not known"))),
            }
        }
        let mut status = 0;
        for name in names {
            let found = if kind == 'P' { self.find_file(name)?.map(Found::File) } else { self.find(name)? };
            let text = match (kind, found) {
                (_, None) => {
                    status = 1;
                    if kind == ' ' {
                        self.complain(&format!("type: {name}: not found"))?;
                    }
                    continue;
                }
                ('t', Some(Found::Keyword)) => "keyword".to_owned(),
                ('t', Some(Found::Special | Found::Builtin)) => "builtin".to_owned(),
                ('t', Some(Found::Function)) => "function".to_owned(),
                (_, Some(Found::Alias(_))) => continue,
                ('t', Some(Found::File(_))) => "file".to_owned(),
                ('p' | 'P', Some(Found::File(path))) => path,
                ('p' | 'P', Some(_)) => continue,
                (_, Some(Found::Keyword)) => format!("{name} is a shell keyword"),
                (_, Some(Found::Special | Found::Builtin)) => format!("{name} is a shell builtin"),
                (_, Some(Found::Function)) => {
                    self.put(1, format!("{name} is a function\n").as_bytes())?;
                    self.print_function(name)?;
                    continue;
                }
                (_, Some(Found::File(path))) => format!("{name} is {path}"),
            };
            self.put(1, format!("{text}\n").as_bytes())?;
        }
        Ok(status)
    }

    /// A function's text is not kept: all that can be told is that there is one, to nobody.
    pub(super) fn print_function(&mut self, name: &str) -> Go<()> {
        match self.env.streams[1] {
            Stream::Null | Stream::Closed => Ok(()),
            _ => Err(self.stop(format!("the text of the function `{name}` is not known"))),
        }
    }

    /// bash's `hash NAME`: whether there is such a command.
    pub(super) fn hash(&mut self, arguments: &[String]) -> Go<u8> {
        match arguments {
            [option] if option == "-r" => return Ok(0),
            [] => return Err(self.stop("`hash` alone is not followed")),
            [option, ..] if option.starts_with('-') => {
                return Err(self.stop(format!("`hash {option}`: the option `{option}` is not known")));
            }
            _ => {}
        }
        let mut status = 0;
        for name in arguments {
            if self.find(name)?.is_none() {
                self.complain(&format!("hash: {name}: not found"))?;
                status = 1;
            }
        }
        Ok(status)
    }

    /// bash's `builtin NAME …`.
    pub(super) fn builtin(&mut self, arguments: &[String], tested: bool) -> Go<u8> {
        let Some(name) = arguments.first() else { return Ok(0) };
        if !REGULAR.contains(&name.as_str()) && !is_special(name) && !is_bash_builtin(name) {
            return Err(self.stop(format!("`builtin {name}` is not followed")));
        }
        self.meter.enter(self.line)?;
        let status = self.invoke(arguments, false, tested);
        self.meter.leave();
        status
    }

    /// bash's `compgen -G PATTERN`: the files that match.
    pub(super) fn compgen(&mut self, arguments: &[String]) -> Go<u8> {
        let [option, pattern] = arguments else {
            return Err(self.stop("`compgen` is followed with `-G PATTERN` alone"));
        };
        if option != "-G" {
            return Err(self.stop(format!("`compgen {option}`: the option `{option}` is not known")));
        }
        let paths = self.matching(pattern)?;
        let text: String = paths.iter().map(|path| format!("{path}\n")).collect();
        self.put(1, text.as_bytes())?;
        Ok(u8::from(paths.is_empty()))
    }

    pub(super) fn type_builtin(&mut self, names: &[String]) -> Go<u8> {
        if self.is_bash() {
            return self.bash_type(names);
        }
        let mut status = 0;
        for name in names {
            let text = match self.find(name)? {
                Some(Found::Keyword) => format!("{name} is a shell keyword\n"),
                Some(Found::Alias(text)) => format!("{name} is an alias for {text}\n"),
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
            Some("-") if self.is_bash() && self.get("OLDPWD").is_none() => return self.fail("cd: OLDPWD not set"),
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
