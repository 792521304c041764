//! Modes and owners: chmod(1), chown(1), chgrp(1).

use rootsmith_shell::{Call, Done, Refusal};
use rootsmith_types::TreePath;

use super::line::Line;
use super::{MAX_PATHS, Stage, because, done, failed};
use crate::effect::Effect;

/// The mode that `text` makes of `mode` (chmod(1)).
pub(super) fn changed_mode(text: &str, mode: u16, is_directory: bool, umask: u16) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        let wanted = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)?;
        // Of a directory, four digits and less leave setuid and setgid as they are.
        return Some(if is_directory && text.len() < 5 { wanted | mode & 0o6000 } else { wanted });
    }
    let mut mode = mode;
    for clause in text.split(',') {
        let who_end = clause.find(|c| !"ugoa".contains(c))?;
        let (who, mut actions) = clause.split_at(who_end);
        let mut mask = 0;
        for (letter, bits) in [('u', 0o4700), ('g', 0o2070), ('o', 0o1007), ('a', 0o7777)] {
            mask |= if who.contains(letter) { bits } else { 0 };
        }
        // Without letters everybody is meant, within the mask.
        let limit = if who.is_empty() { 0o7777 & !umask } else { 0o7777 };
        mask = if who.is_empty() { 0o7777 } else { mask };
        while let Some(operator) = actions.chars().next().filter(|c| "+-=".contains(*c)) {
            let end = actions[1..].find(['+', '-', '=']).map_or(actions.len(), |end| end + 1);
            let mut bits: u16 = 0;
            for letter in actions[1..end].chars() {
                bits |= match letter {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if is_directory || mode & 0o111 != 0 => 0o111,
                    'X' => 0,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => (mode >> 6 & 7) * 0o111,
                    'g' => (mode >> 3 & 7) * 0o111,
                    'o' => (mode & 7) * 0o111,
                    _ => return None,
                };
            }
            bits &= mask & limit;
            mode = match operator {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => mode & !mask | bits | if is_directory { mode & 0o6000 } else { 0 },
            };
            actions = &actions[end..];
        }
        if !actions.is_empty() {
            return None;
        }
    }
    Some(mode)
}

/// A command that names an account that nothing made.
pub(super) fn nobody(command: &str, owner: &str) -> Result<Done, Refusal> {
    Ok(Done {
        status: 1,
        stderr: format!("{command}: there is no account `{owner}`\n").into_bytes(),
        ..Done::default()
    })
}

impl Stage<'_, '_> {
    /// A path and all below it, when that is asked for.
    pub(super) fn reach(&self, at: &TreePath, recursive: bool) -> Result<Vec<TreePath>, Refusal> {
        if !recursive {
            return Ok(vec![at.clone()]);
        }
        let paths: Vec<TreePath> =
            self.edit.assembly.tree.walk_from(at).map(|entry| entry.path).take(MAX_PATHS + 1).collect();
        if paths.len() > MAX_PATHS { because("too many files at once") } else { Ok(paths) }
    }

    pub(super) fn chmod(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-R", "--recursive", "-f", "--silent", "--quiet", "-v", "--verbose", "-c", "--changes"];
        // A mode may look like options: `-x`, `-w`.
        let is_mode =
            |word: &&&str| word.starts_with('-') && word.len() > 1 && word[1..].chars().all(|c| "rwxXst".contains(c));
        let dashed: Vec<&str> = arguments.iter().filter(is_mode).copied().collect();
        let rest: Vec<&str> = arguments.iter().filter(|word| !is_mode(word)).copied().collect();
        let line = Line::parse("chmod", &rest, &flags, &["--reference"])?;
        let (mode, paths) = match (&dashed[..], &line.operands[..]) {
            ([mode], paths) => (*mode, paths),
            ([], [mode, paths @ ..]) if line.values.is_empty() => (*mode, paths),
            _ => return because("`chmod` without a plain mode"),
        };
        let mut status = done();
        for path in paths {
            let at = self.target(call.cwd, path)?;
            if self.node(&at).is_none() {
                status = failed();
                continue;
            }
            for at in self.reach(&at, line.has(&["-R", "--recursive"]))? {
                let Some(node) = self.node(&at) else { continue };
                if node.link_target().is_some() {
                    continue;
                }
                let Some(new) = changed_mode(mode, node.metadata.mode, node.is_directory(), call.umask) else {
                    return because(format!("the mode `{mode}`"));
                };
                self.edit.change(&at, Some(new), None, None);
            }
            self.record(Effect::Mode { path: at, mode: mode.to_owned() });
        }
        status
    }

    /// The numbers of `user:group`, `user.group`, `user`, `:group`; `None` for an account that nothing made.
    pub(super) fn owner(&self, text: &str, group_alone: bool) -> Option<(Option<u32>, Option<u32>)> {
        let accounts = &self.edit.accounts;
        let number = |name: &str| if name == "root" { Some(0) } else { name.parse().ok() };
        let uid = |name: &str| number(name).or_else(|| accounts.uid(name));
        let gid = |name: &str| number(name).or_else(|| accounts.gid(name));
        if group_alone {
            return Some((None, Some(gid(text)?)));
        }
        let split = text.split_once(':').or_else(|| text.split_once('.').filter(|_| uid(text).is_none()));
        let (user, group) = split.map_or((text, None), |(user, group)| (user, Some(group)));
        let user_number = if user.is_empty() { None } else { Some(uid(user)?) };
        let group = match group {
            // `user:` means the user's own group.
            Some("") => Some(accounts.primary_gid(user).or((user == "root").then_some(0))?),
            Some(group) => Some(gid(group)?),
            None => None,
        };
        Some((user_number, group))
    }

    pub(super) fn chown(&mut self, command: &str, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = [
            "-R",
            "--recursive",
            "-f",
            "--silent",
            "--quiet",
            "-h",
            "--no-dereference",
            "-v",
            "--verbose",
            "-c",
            "--changes",
            "-P",
        ];
        let line = Line::parse(command, arguments, &flags, &["--reference", "--from"])?;
        if !line.values.is_empty() {
            return because(format!("the option `{}` of `{command}`", line.values[0].0));
        }
        let [owner, paths @ ..] = &line.operands[..] else { return because(format!("`{command}` without a path")) };
        let Some((uid, gid)) = self.owner(owner, command == "chgrp") else { return nobody(command, owner) };
        let recursive = line.has(&["-R", "--recursive"]);
        let mut status = done();
        for path in paths {
            let link = line.has(&["-h", "--no-dereference"]);
            let at = if link { self.place(call.cwd, path)? } else { self.target(call.cwd, path)? };
            if self.node(&at).is_none() {
                status = failed();
                continue;
            }
            for at in self.reach(&at, recursive)? {
                if let Some(node) = self.edit.assembly.tree.get_mut(&at) {
                    // A change of owner takes setuid and setgid away from what can be run (chown(2)).
                    if node.content().is_some() && node.metadata.mode & 0o111 != 0 {
                        node.metadata.mode &= !0o6000;
                    }
                    node.metadata.uid = uid.unwrap_or(node.metadata.uid);
                    node.metadata.gid = gid.unwrap_or(node.metadata.gid);
                }
            }
            self.record(Effect::Own(at));
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_chmod() {
        let mode = |text: &str, mode: u16| changed_mode(text, mode, false, 0o022);
        assert_eq!(mode("0640", 0o4755), Some(0o640));
        assert_eq!(mode("u+s,go-w", 0o777), Some(0o4755));
        assert_eq!(mode("+x", 0o644), Some(0o755));
        assert_eq!(mode("a=rX", 0o755), Some(0o555));
        assert_eq!(mode("u=rwX,g=rX,o=", 0o600), Some(0o640));
        assert_eq!(mode("g=u", 0o640), Some(0o660));
        assert_eq!(mode("+t", 0o755), Some(0o1755));
        assert_eq!(mode("99", 0), None);
        assert_eq!(mode("u+q", 0), None);
        assert_eq!(changed_mode("0755", 0o2770, true, 0), Some(0o2755));
        assert_eq!(changed_mode("00755", 0o2770, true, 0), Some(0o755));
    }
}
