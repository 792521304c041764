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
                let (name, inline) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                let all = || flags.iter().chain(valued).filter_map(|known| Some((known, known.strip_prefix("--")?)));
                // A beginning is enough, where it is the beginning of one option alone (getopt_long(3)).
                let mut begun = all().filter(|(_, known)| known.starts_with(name));
                let known = all().find(|(_, known)| *known == name).or(match (begun.next(), begun.next()) {
                    (Some(only), None) => Some(only),
                    _ => None,
                });
                match known {
                    Some((known, _)) if !valued.contains(known) && inline.is_none() => line.flags.push(known),
                    Some((known, _)) if valued.contains(known) => match inline.or_else(|| arguments.next()) {
                        Some(value) => line.values.push((known, value)),
                        None => return unknown(argument),
                    },
                    _ => return unknown(argument),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_getopt_does() {
        let parse = |arguments: &[&'static str]| {
            Line::parse("x", arguments, &["-p", "--parents", "--preserve"], &["-m", "--mode"])
        };
        let line = parse(&["-pm", "0755", "--par", "--mo=1", "--mode", "2", "a", "--", "-b"]).unwrap();
        assert_eq!((line.flags, line.operands), (vec!["-p", "--parents"], vec!["a", "-b"]));
        assert_eq!(line.values, [("-m", "0755"), ("--mode", "1"), ("--mode", "2")]);
        for wrong in [&["--p"][..], &["--parents=x"], &["-q"], &["--mode"], &["-m"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
