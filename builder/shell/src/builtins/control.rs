//! Builtins that change which command comes next.

use crate::shell::{Flow, Go, Shell};
use crate::{Dialect, Script};

impl Shell<'_> {
    pub(super) fn leave_loops(&mut self, name: &str, arguments: &[String]) -> Go<u8> {
        let levels = match arguments.first() {
            None => 1,
            Some(text) => match text.parse::<usize>() {
                Ok(levels) if levels > 0 => levels,
                // bash leaves every loop, or the script.
                _ if self.is_bash() => return Err(self.stop(format!("`{name} {text}` is not followed"))),
                _ => return self.fail(&format!("{name}: illegal number: {text}")),
            },
        };
        let levels = levels.min(self.env.loops_deep);
        match (levels, name) {
            (0, _) => Ok(0),
            (_, "break") => Err(Flow::Break(levels)),
            _ => Err(Flow::Continue(levels)),
        }
    }

    /// `exit` and `return`.
    pub(super) fn leave_with(&mut self, name: &str, arguments: &[String]) -> Go<u8> {
        if name == "return" && self.is_bash() && self.env.functions_deep == 0 && self.env.sourced_deep == 0 {
            self.complain("return: can only `return' from a function or sourced script")?;
            return Ok(2);
        }
        let status = match arguments.first() {
            None => self.env.status,
            Some(text) => match text.parse::<u32>() {
                Ok(number) => (number & 0xff) as u8,
                Err(_) if self.is_bash() => match text.parse::<i64>() {
                    Ok(number) => (number & 0xff) as u8,
                    Err(_) => {
                        self.complain(&format!("{name}: {text}: numeric argument required"))?;
                        2
                    }
                },
                Err(_) => return self.fail(&format!("{name}: illegal number: {text}")),
            },
        };
        Err(if name == "exit" { Flow::Exit(status) } else { Flow::Return(status) })
    }

    pub(super) fn eval(&mut self, arguments: &[String], tested: bool) -> Go<u8> {
        self.evaluate(&arguments.join(" "), tested)
    }

    pub(super) fn exec(&mut self, arguments: &[String]) -> Go<u8> {
        let arguments = match arguments.first().map(String::as_str) {
            Some("--") => arguments.get(1..).unwrap_or_default(),
            _ => arguments,
        };
        if arguments.is_empty() {
            return Ok(0);
        }
        if self.is_bash() && arguments[0].starts_with('-') {
            return Err(self.stop(format!("`exec {}`: the option `{0}` is not known", arguments[0])));
        }
        // What takes the shell's place runs no handler of it.
        self.env.trap = None;
        self.meter.enter(self.line)?;
        let status = self.invoke(arguments, false, true);
        self.meter.leave();
        let status = status?;
        Err(Flow::Exit(status))
    }

    /// `. FILE`; in bash its arguments follow.
    pub(super) fn dot(&mut self, arguments: &[String]) -> Go<u8> {
        let arguments = match arguments.first().map(String::as_str) {
            Some("--") => arguments.get(1..).unwrap_or_default(),
            _ => arguments,
        };
        let Some(name) = arguments.first() else { return if self.is_bash() { Ok(2) } else { Ok(0) } };
        let candidates: Vec<String> = if name.contains('/') {
            vec![self.absolute(name)]
        } else {
            let path = self.get("PATH").unwrap_or_default().to_owned();
            let found = path.split(':').map(|folder| self.absolute(&format!("{folder}/{name}")));
            // bash looks where it is, last.
            found.chain(self.is_bash().then(|| self.absolute(name))).collect()
        };
        for path in candidates {
            let text = self.host.source(&path).map_err(|refusal| self.refused(&format!(". {path}"), refusal))?;
            let Some(text) = text else { continue };
            self.meter.made(text.len(), self.line)?;
            let Ok(text) = String::from_utf8(text) else {
                return Err(self.stop(format!("`. {path}`: not UTF-8")));
            };
            return self.sourced(&path, &text, arguments.get(1..).unwrap_or_default());
        }
        self.fail(&format!(".: cannot open {name}: no such file"))
    }

    fn sourced(&mut self, path: &str, text: &str, arguments: &[String]) -> Go<u8> {
        let line = self.line;
        let script = Script::parse_as(text, self.env.dialect).map_err(|stop| in_file(path, stop))?;
        self.meter.enter(line)?;
        self.env.sourced_deep += 1;
        let outer = if self.is_bash() && !arguments.is_empty() {
            Some(std::mem::replace(&mut self.env.positional, arguments.to_vec()))
        } else {
            None
        };
        let ended = match self.follow(&script) {
            Err(Flow::Return(status)) => Ok(status),
            Err(Flow::Stop(stop)) => Err(Flow::Stop(in_file(path, stop))),
            other => other,
        };
        // What the file set with `set` stays.
        if let Some(outer) = outer.filter(|_| self.env.positional == arguments) {
            self.env.positional = outer;
        }
        self.env.sourced_deep -= 1;
        self.meter.leave();
        self.line = line;
        ended
    }

    pub(super) fn trap(&mut self, arguments: &[String]) -> Go<u8> {
        let arguments = match arguments.first().map(String::as_str) {
            Some("--") => arguments.get(1..).unwrap_or_default(),
            _ => arguments,
        };
        let Some((action, signals)) = arguments.split_first() else {
            return Err(self.stop("`trap` alone is not followed"));
        };
        if self.is_bash() && action.len() > 1 && action.starts_with('-') {
            return Err(self.stop(format!("`trap {action}`: the option `{action}` is not known")));
        }
        // A number in the action's place resets that signal, and so does `-`.
        let (action, signals) = match action.parse::<u8>() {
            Ok(_) => (None, arguments),
            Err(_) if signals.is_empty() => (None, arguments),
            Err(_) => (Some(action).filter(|action| *action != "-"), signals),
        };
        for signal in signals {
            let name = signal.to_ascii_uppercase();
            let bash = self.is_bash();
            match if bash { name.strip_prefix("SIG").unwrap_or(&name) } else { &name } {
                "ERR" | "DEBUG" | "RETURN" if bash && action.is_none() => {}
                "ERR" | "DEBUG" | "RETURN" if bash => {
                    return Err(self.stop(format!("`trap` for `{name}` is not followed")));
                }
                "EXIT" | "0" => self.env.trap = action.filter(|action| !action.is_empty()).cloned(),
                // No signal comes while nothing runs.
                "HUP" | "INT" | "QUIT" | "ABRT" | "KILL" | "ALRM" | "TERM" | "PIPE" | "USR1" | "USR2" | "CHLD"
                | "CONT" | "TSTP" | "TTIN" | "TTOU" | "STOP" | "WINCH" | "ILL" | "TRAP" | "BUS" | "FPE" | "SEGV"
                | "XCPU" | "XFSZ" | "URG" | "IO" | "SYS" => {}
                number if number.parse::<u8>().is_ok_and(|number| number <= 64) => {}
                _ => return self.fail(&format!("trap: {signal}: bad trap")),
            }
        }
        Ok(0)
    }

    /// `sh -c TEXT`, `sh FILE`, and a text on the standard input: a shell that shares nothing but what is exported.
    pub(super) fn child(&mut self, words: &[String]) -> Go<u8> {
        let mut rest = words.get(1..).unwrap_or_default();
        let mut options = Vec::new();
        let bash = words[0].ends_with("bash");
        let (mut command, mut stdin) = (false, false);
        while let Some(word) = rest.first().filter(|word| word.len() > 1 && word.starts_with(['-', '+'])) {
            rest = rest.get(1..).unwrap_or_default();
            if word == "--" {
                break;
            }
            if bash && word.starts_with("--") {
                return Err(self.stop(format!("`bash {word}`: the option `{word}` is not known")));
            }
            if bash && word == "-o" {
                options.push(word.clone());
                options.extend(rest.first().cloned());
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            command |= word.starts_with('-') && word.contains('c');
            stdin |= word.starts_with('-') && word.contains('s');
            let letters: String = word.chars().filter(|&c| c != 'c' && c != 's').collect();
            if letters.len() > 1 {
                options.push(letters);
            }
        }
        let (text, name, arguments) = if command {
            let Some((text, rest)) = rest.split_first() else { return self.fail("-c requires an argument") };
            let name = rest.first().unwrap_or(&words[0]).clone();
            (text.clone().into_bytes(), name, rest.get(1..).unwrap_or_default())
        } else if let Some((path, rest)) = rest.split_first().filter(|_| !stdin) {
            let absolute = self.absolute(path);
            match self.read_file(&absolute)? {
                Some(text) => (text, path.clone(), rest),
                None => {
                    self.complain(&format!("cannot open {path}: no such file"))?;
                    return Ok(2);
                }
            }
        } else {
            (self.take_stdin()?, words[0].clone(), rest)
        };
        let Ok(text) = String::from_utf8(text) else { return Err(self.stop(format!("`{}`: not UTF-8", words[0]))) };
        let dialect = if bash { Dialect::Bash } else { Dialect::Dash };
        let script = Script::parse_as(&text, dialect).map_err(|stop| in_file(&name, stop))?;
        let line = self.line;
        let status = self.subshell(|shell| {
            shell.env.variables.retain(|_, variable| variable.exported);
            for variable in shell.env.variables.values_mut() {
                variable.readonly = false;
                variable.integer = false;
            }
            shell.env.dialect = dialect;
            shell.env.called.clear();
            shell.env.sourced_deep = 0;
            shell.env.folders.clear();
            shell.env.processes.clear();
            shell.env.pipe_statuses = vec![0];
            shell.env.functions.clear();
            shell.env.aliases = Default::default();
            shell.env.read_whole = false;
            shell.env.options = Default::default();
            shell.env.scopes.clear();
            shell.env.loops_deep = 0;
            shell.env.functions_deep = 0;
            shell.env.status = 0;
            shell.env.getopts = (1, 0);
            shell.env.name = name.clone();
            shell.env.positional = arguments.to_vec();
            shell.set("IFS", " \t\n")?;
            shell.set("OPTIND", "1")?;
            if !options.is_empty() {
                shell.set_builtin(&options)?;
            }
            match shell.follow(&script) {
                Err(Flow::Stop(stop)) => Err(Flow::Stop(in_file(&name, stop))),
                other => other,
            }
        });
        self.line = line;
        status
    }

    /// `env [-i] [-u NAME] [NAME=VALUE] COMMAND`.
    pub(super) fn env_builtin(&mut self, arguments: &[String]) -> Go<u8> {
        self.subshell(|shell| {
            let mut rest = arguments;
            while let Some((word, after)) = rest.split_first() {
                match (word.as_str(), word.split_once('=')) {
                    ("-i" | "-", _) => shell.env.variables.values_mut().for_each(|variable| variable.exported = false),
                    ("-u", _) => {
                        let Some((name, after)) = after.split_first() else { return Ok(125) };
                        shell.env.variables.remove(name);
                        rest = after;
                        continue;
                    }
                    (option, _) if option.starts_with('-') => {
                        return Err(shell.stop(format!("`env {option}`: the option `{option}` is not known")));
                    }
                    (_, Some((name, value))) => {
                        shell.set(name, value)?;
                        if let Some(variable) = shell.env.variables.get_mut(name) {
                            variable.exported = true;
                        }
                    }
                    _ => break,
                }
                rest = after;
            }
            if !rest.is_empty() {
                return shell.invoke_outside(rest);
            }
            let text: String = shell.exported().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            shell.put(1, text.as_bytes())?;
            Ok(0)
        })
    }

    /// Runs a command as another program runs one: functions and the shell's own words are not seen.
    pub(crate) fn invoke_outside(&mut self, words: &[String]) -> Go<u8> {
        let name = words.first().cloned().unwrap_or_default();
        if super::is_special(&name)
            || matches!(name.as_str(), "cd" | "chdir" | "local" | "read" | "getopts" | "umask" | "command" | "type")
            || self.is_bash() && super::is_bash_builtin(&name)
        {
            return Err(self.stop(format!("`{name}` is no program")));
        }
        self.invoke(words, false, true)
    }
}

fn in_file(path: &str, stop: crate::Stop) -> crate::Stop {
    if stop.what.contains(" (in `") {
        return stop;
    }
    crate::Stop { what: format!("{} (in `{path}`)", stop.what), ..stop }
}
