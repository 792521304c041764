//! Command lines of tools, as GNU's `getopt_long` reads them: options may follow operands.

use crate::shell::{Go, Shell};

/// A command line, read.
#[derive(Debug, Default)]
pub(super) struct Options {
    given: Vec<(char, String)>,
    pub(super) operands: Vec<String>,
}

impl Options {
    pub(super) fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The last argument given for an option.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.values(letter).last()
    }

    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }

    /// All options in the order given.
    pub(super) fn given(&self) -> impl Iterator<Item = (char, &str)> {
        self.given.iter().map(|(letter, value)| (*letter, value.as_str()))
    }
}

impl Shell<'_> {
    /// Reads the options in `words`. `letters` has a colon after each that takes an argument, and two after one whose
    /// argument is joined to it if it is there at all; `long` says which letters long names stand for.
    pub(super) fn tool_options(
        &mut self,
        words: &[String],
        letters: &str,
        long: &[(&str, char)],
        permute: bool,
    ) -> Go<Options> {
        let tool = words.first().map_or("", String::as_str);
        let mut options = Options::default();
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            if word == "--" {
                options.operands.extend(rest.cloned());
                break;
            }
            if let Some(text) = word.strip_prefix("--") {
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (text, None),
                };
                let Some((_, letter)) = long.iter().find(|(known, _)| *known == name) else {
                    return Err(self.unknown_option(tool, &format!("--{name}")));
                };
                let value = match (value, wants(letters, *letter)) {
                    (Some(value), Some(_)) => value,
                    (None, Some(1)) => match rest.next() {
                        Some(value) => value.clone(),
                        None => return Err(self.unknown_option(tool, word)),
                    },
                    (None, Some(_)) => String::new(),
                    _ => return Err(self.unknown_option(tool, word)),
                };
                options.given.push((*letter, value));
                continue;
            }
            let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else {
                options.operands.push(word.clone());
                if !permute {
                    options.operands.extend(rest.cloned());
                    break;
                }
                continue;
            };
            let mut at = 0;
            while let Some(letter) = cluster.get(at..).and_then(|rest| rest.chars().next()) {
                at += letter.len_utf8();
                let joined = cluster.get(at..).unwrap_or_default().to_owned();
                let value = match wants(letters, letter) {
                    None => return Err(self.unknown_option(tool, &format!("-{letter}"))),
                    Some(0) => {
                        options.given.push((letter, String::new()));
                        continue;
                    }
                    Some(1) if joined.is_empty() => match rest.next() {
                        Some(value) => value.clone(),
                        None => return Err(self.unknown_option(tool, word)),
                    },
                    Some(_) => joined,
                };
                options.given.push((letter, value));
                break;
            }
        }
        Ok(options)
    }

    pub(super) fn unknown_option(&self, tool: &str, option: &str) -> crate::shell::Flow {
        self.stop(format!("`{tool} {option}`: the option `{option}` is not known"))
    }
}

/// How many colons stand behind a letter; nothing for a letter that is not known.
fn wants(letters: &str, letter: char) -> Option<usize> {
    if letter == ':' {
        return None;
    }
    let at = letters.find(letter)?;
    let after = letters.get(at + letter.len_utf8()..)?;
    Some(after.len() - after.trim_start_matches(':').len())
}
