//! Options and operands of a command line.

use rootsmith_shell::Refusal;

use super::because;

/// Options and operands of a command line (XBD 12.2): letters alone or together, words with two dashes, `--` before operands.
pub(super) struct Line<'a> {
    pub(super) flags: Vec<&'a str>,
    pub(super) values: Vec<(&'a str, &'a str)>,
    pub(super) operands: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// `flags` and `valued` list options as written: `-r`, `--recursive`.
    pub(super) fn parse(
        command: &str,
        arguments: &[&'a str],
        flags: &[&'a str],
        valued: &[&'a str],
    ) -> Result<Line<'a>, Refusal> {
        let mut line = Line { flags: Vec::new(), values: Vec::new(), operands: Vec::new() };
        let unknown = |option: &str| because(format!("the option `{option}` of `{command}`"));
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                line.operands.extend(arguments.by_ref());
            } else if let Some(long) = argument.strip_prefix("--") {
                match long.split_once('=') {
                    Some((name, value)) => match valued.iter().find(|known| known.strip_prefix("--") == Some(name)) {
                        Some(known) => line.values.push((known, value)),
                        None => return unknown(argument),
                    },
                    None => match (flags.iter().find(|known| **known == argument), valued.contains(&argument)) {
                        (Some(known), _) => line.flags.push(known),
                        (None, true) => match arguments.next() {
                            Some(value) => line.values.push((argument, value)),
                            None => return unknown(argument),
                        },
                        (None, false) => return unknown(argument),
                    },
                }
            } else if argument.len() > 1 && argument.starts_with('-') {
                for (at, letter) in argument[1..].char_indices() {
                    let is = |known: &&&'a str| known.len() == 2 && known.ends_with(letter);
                    if let Some(known) = flags.iter().find(is) {
                        line.flags.push(known);
                    } else if let Some(known) = valued.iter().find(is) {
                        let rest = &argument[1 + at + letter.len_utf8()..];
                        let value = if rest.is_empty() { arguments.next() } else { Some(rest) };
                        match value {
                            Some(value) => line.values.push((known, value)),
                            None => return unknown(argument),
                        }
                        break;
                    } else {
                        return unknown(argument);
                    }
                }
            } else {
                line.operands.push(argument);
            }
        }
        Ok(line)
    }

    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|flag| names.contains(flag))
    }

    pub(super) fn value(&self, names: &[&str]) -> Option<&'a str> {
        self.values.iter().rev().find(|(name, _)| names.contains(name)).map(|(_, value)| *value)
    }
}
