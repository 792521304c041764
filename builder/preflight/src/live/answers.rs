//! What the probe wrote, read back from a console on which others write, too.

use std::collections::BTreeMap;
use std::fmt;

use rootsmith_types::{Blame, Explain, Note, Subject};

/// More lines than the probe ever writes.
const MAX_LINES: usize = 10_000;
/// Longer than the probe ever writes one.
const MAX_LINE: usize = 4096;

/// What the running system said, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    values: BTreeMap<String, Vec<String>>,
}

/// Why there are no answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswersError {
    /// The probe wrote nothing.
    Nothing,
    /// Lines are missing, though each was written twice.
    Incomplete {
        /// Of how many.
        lines: usize,
        /// The first ones.
        missing: Vec<usize>,
    },
    /// One line was written in two ways.
    Contradiction {
        /// Which.
        line: usize,
    },
}

/// The machine did not answer this question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Silent(pub(crate) String);

impl Answers {
    /// Reads the lines of the probe with this `token` out of what a console showed.
    pub fn parse(console: &str, token: &str) -> Result<Answers, AnswersError> {
        let mark = format!("@rs {token} ");
        let mut lines: BTreeMap<usize, &str> = BTreeMap::new();
        let mut all = None;
        for line in console.lines() {
            // What was on the line before belongs to somebody else.
            let Some((_, rest)) = line.trim_end_matches('\r').rsplit_once(mark.as_str()) else { continue };
            if let Some(number) = rest.strip_prefix("all ") {
                all = all.or(number.parse().ok().filter(|number| (1..=MAX_LINES).contains(number)));
                continue;
            }
            let Some((number, payload)) = intact(rest) else { continue };
            match lines.insert(number, payload) {
                Some(before) if before != payload => return Err(AnswersError::Contradiction { line: number }),
                _ => {}
            }
        }
        let Some(all) = all else {
            return Err(match lines.last_key_value() {
                None => AnswersError::Nothing,
                Some((&last, _)) => AnswersError::Incomplete { lines: last.saturating_add(1), missing: Vec::new() },
            });
        };
        let missing: Vec<usize> = (1..=all).filter(|number| !lines.contains_key(number)).take(10).collect();
        if !missing.is_empty() {
            return Err(AnswersError::Incomplete { lines: all, missing });
        }
        let mut answers = Answers::default();
        for (_, payload) in lines.range(1..=all) {
            if let Some((key, value)) = payload.split_once('=') {
                answers.values.entry(key.to_owned()).or_default().push(value.trim_end().to_owned());
            }
        }
        Ok(answers)
    }

    /// All answers, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().flat_map(|(key, values)| values.iter().map(move |value| (key.as_str(), value.as_str())))
    }

    /// The one answer to a question.
    pub(crate) fn one(&self, key: &str) -> Result<&str, Silent> {
        self.values.get(key).and_then(|values| values.first()).map(String::as_str).ok_or_else(|| Silent(key.to_owned()))
    }

    /// The one answer as a number.
    pub(crate) fn number(&self, key: &str) -> Result<u64, Silent> {
        self.one(key)?.parse().map_err(|_| Silent(key.to_owned()))
    }

    /// Whether the one answer is `yes`.
    pub(crate) fn is_yes(&self, key: &str) -> Result<bool, Silent> {
        Ok(self.one(key)? == "yes")
    }

    /// The lines of a list that is complete.
    pub(crate) fn list(&self, key: &str) -> Result<&[String], Silent> {
        let length = self.number(&format!("{key}#"))?;
        let there = self.all(key);
        if there.len() as u64 == length { Ok(there) } else { Err(Silent(key.to_owned())) }
    }

    /// All answers with this key.
    pub(crate) fn all(&self, key: &str) -> &[String] {
        self.values.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// `NUMBER LENGTH KEY=VALUE`, if nothing fell into it.
fn intact(rest: &str) -> Option<(usize, &str)> {
    let (number, rest) = rest.split_once(' ')?;
    let (length, payload) = rest.split_once(' ')?;
    let number = number.parse().ok().filter(|number| (1..=MAX_LINES).contains(number))?;
    let length: usize = length.parse().ok().filter(|&length| length <= MAX_LINE)?;
    (payload.len() == length && payload.contains('=')).then_some((number, payload))
}

impl fmt::Display for AnswersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswersError::Nothing => f.write_str("the running system answered nothing"),
            AnswersError::Incomplete { lines, .. } => {
                write!(f, "of the {lines} lines that the running system answered with, some were lost")
            }
            AnswersError::Contradiction { line } => {
                write!(f, "the running system gave line {line} of its answers in two ways")
            }
        }
    }
}

impl std::error::Error for AnswersError {}

impl Explain for AnswersError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("see what else writes to the serial console: `rootsmith boot IMAGE`".to_owned())
    }

    fn notes(&self) -> Vec<Note> {
        let AnswersError::Incomplete { missing, .. } = self else { return Vec::new() };
        if missing.is_empty() {
            return Vec::new();
        }
        let missing: Vec<String> = missing.iter().map(usize::to_string).collect();
        vec![Note { text: format!("lost: {}", missing.join(", ")), subject: Subject::Host }]
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "BdsDxe: starting\n@rs t1 1 7 a=b c=d\n@rs t1 2 3 x=1\n@rs t1 3 4 x#=1\n@rs t1 all 3\n";

    #[test]
    fn noise_between_and_before_lines_does_not_hurt() {
        let answers = Answers::parse(TEXT, "t1").unwrap();
        assert_eq!(answers.one("a").unwrap(), "b c=d");
        assert_eq!(answers.list("x").unwrap(), ["1"]);
        let noisy = TEXT.replace('\n', "\r\n").replace("@rs t1 2", "node login: [ 7.1] eth0: up @rs t1 2");
        assert_eq!(Answers::parse(&noisy, "t1").unwrap(), answers);
        assert_eq!(Answers::parse(TEXT, "t2"), Err(AnswersError::Nothing));
    }

    #[test]
    fn a_broken_line_is_taken_from_the_second_time() {
        let broken = TEXT.replace("a=b c", "a=b [ 8.2] usb: x\nc");
        let error = AnswersError::Incomplete { lines: 3, missing: vec![1] };
        assert_eq!(Answers::parse(&broken, "t1"), Err(error.clone()));
        assert_eq!(error.notes()[0].text, "lost: 1");
        assert_eq!(Answers::parse(&format!("{broken}{TEXT}"), "t1"), Answers::parse(TEXT, "t1"));
    }

    #[test]
    fn lines_that_differ_or_have_no_end_are_no_answers() {
        let other = TEXT.replace("x=1\n", "x=2\n");
        assert_eq!(Answers::parse(&format!("{TEXT}{other}"), "t1"), Err(AnswersError::Contradiction { line: 2 }));
        let cut = TEXT.replace("@rs t1 all 3", "");
        assert!(matches!(Answers::parse(&cut, "t1"), Err(AnswersError::Incomplete { lines: 4, .. })));
        assert!(Answers::parse("@rs t1 all 99999999999\n@rs t1 all 0\n", "t1").is_err());
    }

    #[test]
    fn what_was_not_answered_is_not_there() {
        let answers = Answers::parse(TEXT, "t1").unwrap();
        assert_eq!(answers.one("y"), Err(Silent("y".to_owned())));
        assert_eq!(answers.list("a"), Err(Silent("a#".to_owned())));
        assert_eq!(answers.number("a"), Err(Silent("a".to_owned())));
    }
}
