//! Commands that run another command as somebody else: setpriv(1), su(1), runuser(1).

use rootsmith_shell::{Call, Done, Host, Outcome, Refusal, Run, Script};

use super::{Stage, because, failed};

impl Stage<'_, '_> {
    /// The command in the command; `None` where it is none of these, or not understood.
    pub(super) fn wrapped(&mut self, name: &str, arguments: &[&str], call: &Call<'_>) -> Option<Result<Done, Refusal>> {
        match name {
            "setpriv" => {
                // Its options have their values in words of their own.
                let at = arguments.iter().position(|word| *word == "--")?;
                self.again(&arguments[at + 1..], call)
            }
            "su" | "runuser" => self.as_user(arguments, call),
            _ => None,
        }
    }

    /// The command of a command.
    fn again(&mut self, words: &[&str], call: &Call<'_>) -> Option<Result<Done, Refusal>> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        (!words.is_empty()).then(|| self.call(&Call { words: &words, ..*call }))
    }

    /// `su [-] [-s SHELL] USER -c TEXT`: for what asks `test -O` and `-G`.
    fn as_user(&mut self, arguments: &[&str], call: &Call<'_>) -> Option<Result<Done, Refusal>> {
        let (mut text, mut user) = (None, None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match *word {
                "-c" | "--command" => text = Some(*words.next()?),
                "-s" | "--shell" => {
                    if !["/bin/sh", "/usr/bin/sh", "/bin/dash"].contains(words.next()?) {
                        return None;
                    }
                }
                "-" | "-l" | "--login" => {}
                "-u" => user = Some(*words.next()?),
                word if !word.starts_with('-') && user.is_none() => user = Some(word),
                _ => return None,
            }
        }
        let (text, user) = (text?, user?);
        let accounts = &self.edit.accounts;
        let (Some(uid), Some(gid)) = (accounts.uid(user), accounts.primary_gid(user)) else { return Some(failed()) };
        if let Err(refusal) = self.nest() {
            return Some(Err(refusal));
        }
        let variables: Vec<(&str, &str)> =
            call.exported.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let run = Run { name: "sh", arguments: &[], variables: &variables, steps: super::STEPS, depth: call.depth };
        let before = std::mem::replace(&mut self.who, (uid, gid));
        let outcome = Script::parse(text).and_then(|script| rootsmith_shell::run(&script, &run, self));
        self.who = before;
        Some(match outcome {
            Ok(Outcome { status, stdout, stderr }) => Ok(Done { status, stdout, stderr }),
            Err(stop) => because(format!("`su`, {stop}")),
        })
    }
}
