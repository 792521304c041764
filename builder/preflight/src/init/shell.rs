//! A simple reading of the scripts that an init runs: the commands in them, in their order, whether or not a condition stands
//! before them. Files that are run or read in (`.`, `sh`, `run-parts`, `for i in /etc/init.d/S??*`) are followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::view::{View, matches_glob};

/// Bounds of what is followed.
const MAX_FILES: usize = 512;
const MAX_COMMANDS: usize = 50_000;
const MAX_DEPTH: usize = 8;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its words without quotes; redirections are words of their own: `>`.
    pub(crate) words: Vec<String>,
    /// The file it is in.
    pub(crate) file: String,
}

/// A `mount` command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mounting {
    pub(crate) filesystem: Option<String>,
    /// `None` when it names none: `mount -a`.
    pub(crate) point: Option<String>,
    pub(crate) options: Vec<String>,
    /// `-a`: everything in `/etc/fstab`.
    pub(crate) all: bool,
    /// `--make-rshared` or `-o rshared`.
    pub(crate) shared: bool,
}

impl Command {
    /// For evidence.
    pub(crate) fn shown(&self) -> String {
        format!("`{}` in `{}`", self.words.join(" "), self.file)
    }

    /// The program's name without folders.
    pub(crate) fn program(&self) -> &str {
        self.words.first().map(|word| word.rsplit('/').next().unwrap_or(word)).unwrap_or_default()
    }

    /// What it mounts, when it is `mount`.
    pub(crate) fn mounting(&self) -> Option<Mounting> {
        if self.program() != "mount" {
            return None;
        }
        let mut mounting = Mounting::default();
        let mut named = Vec::new();
        let mut words = self.words.iter().skip(1).map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "-t" | "--types" => mounting.filesystem = words.next().map(str::to_owned),
                "-o" | "--options" => mounting.options.extend(words.next().into_iter().flat_map(split_options)),
                "-a" | "--all" => mounting.all = true,
                "--make-rshared" | "--make-shared" => mounting.shared = true,
                ">" | ">>" | "<" => drop(words.next()),
                _ => match (word.strip_prefix("-t"), word.strip_prefix("-o")) {
                    (Some(kind), _) if !kind.is_empty() => mounting.filesystem = Some(kind.to_owned()),
                    (_, Some(options)) if !options.is_empty() => mounting.options.extend(split_options(options)),
                    _ if word.starts_with("--") => {}
                    // `-an`: flags in one word.
                    _ if word.starts_with('-') => mounting.all |= word.contains('a'),
                    _ => named.push(word),
                },
            }
        }
        mounting.shared |= mounting.options.iter().any(|option| option == "rshared" || option == "shared");
        mounting.point = named.last().map(|point| match point.trim_end_matches('/') {
            "" => "/".to_owned(),
            point => point.to_owned(),
        });
        Some(mounting)
    }
}

fn split_options(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::to_owned)
}

/// Reads scripts, each once.
pub(super) struct Reader<'v, 'a> {
    view: &'v View<'a>,
    seen: BTreeSet<String>,
    depth: usize,
    pub(super) commands: Vec<Command>,
}

impl<'v, 'a> Reader<'v, 'a> {
    pub(super) fn new(view: &'v View<'a>) -> Reader<'v, 'a> {
        Reader { view, seen: BTreeSet::new(), depth: 0, commands: Vec::new() }
    }

    /// The commands of a script; nothing when there is none.
    pub(super) fn file(&mut self, at: &str) {
        if self.depth >= MAX_DEPTH || self.seen.len() >= MAX_FILES || !self.seen.insert(at.to_owned()) {
            return;
        }
        let Some(text) = self.view.script(at) else { return };
        self.depth += 1;
        for line in text.replace("\\\n", " ").lines() {
            self.line(line, at);
        }
        self.depth -= 1;
    }

    /// The commands of a line in `file`.
    pub(super) fn line(&mut self, line: &str, file: &str) {
        for words in split_commands(line) {
            if self.commands.len() >= MAX_COMMANDS {
                return;
            }
            let follow: Vec<String> = match words[0].as_str() {
                "." | "source" | "sh" | "/bin/sh" | "bash" | "/bin/bash" => {
                    words[1..].iter().find(|word| word.starts_with('/')).cloned().into_iter().collect()
                }
                "run-parts" | "/bin/run-parts" => {
                    words.last().map(|folder| self.expand(&format!("{folder}/*"))).unwrap_or_default()
                }
                "for" => words[1..].iter().flat_map(|word| self.expand(word)).collect(),
                program if program.starts_with('/') => vec![program.to_owned()],
                _ => Vec::new(),
            };
            self.commands.push(Command { words, file: file.to_owned() });
            follow.iter().for_each(|at| self.file(at));
        }
    }

    /// The files that a pattern in the last component names.
    fn expand(&self, pattern: &str) -> Vec<String> {
        let Some((folder, pattern)) = pattern.rsplit_once('/').filter(|(folder, _)| folder.starts_with('/')) else {
            return Vec::new();
        };
        let names = self.view.list(folder).into_iter().filter(|name| matches_glob(pattern, name));
        names.map(|name| format!("{folder}/{name}")).collect()
    }
}

/// The assignments of a shell fragment, the last one of each name: `rc_ulimit="-n 1048576"`.
pub(super) fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.replace("\\\n", " ").lines() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, rest)) = line.split_once('=') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let value = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next().unwrap_or_default(),
            _ => rest.split(|c: char| c.is_ascii_whitespace() || c == ';').next().unwrap_or_default(),
        };
        found.insert(name.to_owned(), value.to_owned());
    }
    found
}

/// The commands of one line, without what leads up to them: `[ -d /x ] && mount x` is two.
fn split_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, '#') if word.is_none() => break,
            (None, _) => {
                if !letter.is_whitespace() && !";&|(){}<>".contains(letter) {
                    word.get_or_insert_default().push(letter);
                    continue;
                }
                // `${name}` is part of a word.
                if "{}".contains(letter) && word.as_ref().is_some_and(|word| word.contains('$')) {
                    word.get_or_insert_default().push(letter);
                    continue;
                }
                // The number before a redirection belongs to it.
                let word = word.take().filter(|word| !("<>".contains(letter) && word.parse::<u8>().is_ok()));
                // The last one is always there: it starts with one, and none is taken away.
                let last = commands.last_mut().expect("there is a command");
                last.extend(word);
                if "<>".contains(letter) {
                    last.push(letter.to_string());
                    // `2>&1`, `>>`.
                    while letters.next_if(|next| "&>".contains(*next)).is_some() {}
                } else if ";&|(){}".contains(letter) {
                    commands.push(Vec::new());
                }
            }
        }
    }
    commands.last_mut().expect("there is a command").extend(word);
    commands.iter().filter_map(|words| own_words(words)).collect()
}

/// The command without the shell's own words and assignments before it.
fn own_words(words: &[String]) -> Option<Vec<String>> {
    let lead = |word: &&String| {
        let keyword = ["if", "then", "else", "elif", "do", "while", "until", "!", "exec", "command", "time", "nice"];
        let applet = word.rsplit('/').next() == Some("busybox");
        let assigned = word
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        keyword.contains(&word.as_str()) || applet || assigned
    };
    let own: Vec<String> = words.iter().skip_while(lead).cloned().collect();
    (!own.is_empty()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounting(line: &str) -> Mounting {
        let commands = split_commands(line).into_iter().map(|words| Command { words, file: String::new() });
        commands.filter_map(|command| command.mounting()).next_back().unwrap()
    }

    #[test]
    fn commands_are_found_behind_conditions() {
        let line = "if ! mountpoint -q \"/proc\"; then A=1 busybox mount -t proc proc /proc 2>/dev/null; fi # mount x";
        let words: Vec<String> = split_commands(line).iter().map(|words| words.join(" ")).collect();
        assert_eq!(words, ["mountpoint -q /proc", "mount -t proc proc /proc > /dev/null", "fi"]);
    }

    #[test]
    fn mount_is_understood() {
        let found =
            mounting("[ -d /sys/fs/cgroup ] && /bin/mount -n -t cgroup2 -o rw,nosuid none /sys/fs/cgroup/ || true");
        assert_eq!(found.filesystem.as_deref(), Some("cgroup2"));
        assert_eq!(found.point.as_deref(), Some("/sys/fs/cgroup"));
        assert_eq!(found.options, ["rw", "nosuid"]);
        assert!(mounting("mount -an").all && mounting("mount -a").point.is_none());
        assert!(mounting("mount --make-rshared /").shared && mounting("mount -o rshared none /").shared);
        assert!(!mounting("mount -o bind,ro /a /b").shared);
    }

    #[test]
    fn assignments_are_read_with_and_without_quotes() {
        let found =
            assignments("#rc_a=1\nrc_a=\"-n 5\" # x\nexport rc_b='y z'\nrc_c=no;rc_d=1\nif x=1\nrc_a=\"-n 6\"\n");
        let shown: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(shown, [("rc_a", "-n 6"), ("rc_b", "y z"), ("rc_c", "no")]);
    }
}
