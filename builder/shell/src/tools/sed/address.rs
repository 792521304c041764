//! Which lines a command of `sed` is for.

use super::script::{Address, Command};
use super::{Editor, File};
use crate::shell::Go;
use crate::tools::regex::Matcher;

impl Editor<'_, '_> {
    fn address(&mut self, address: &Address, file: &File<'_>) -> Go<bool> {
        Ok(match address {
            Address::Line(line) => self.number == *line,
            Address::Last => file.lines.is_empty(),
            Address::Step(first, step) => match *step {
                0 => self.number == *first,
                step => self.number >= *first && (self.number - first).is_multiple_of(step),
            },
            Address::Regex(matcher) => self.matcher(matcher.as_ref())?.is_match(&file.space),
            Address::Zero | Address::Plus(_) | Address::Multiple(_) => false,
        })
    }

    /// The expression meant: an empty one is the one used last.
    pub(super) fn matcher(&mut self, matcher: Option<&Matcher>) -> Go<Matcher> {
        if let Some(matcher) = matcher {
            self.last = Some(matcher.clone());
        }
        self.last.clone().ok_or_else(|| self.wrong("no previous regular expression"))
    }

    pub(super) fn selected(&mut self, at: usize, command: &Command, file: &File<'_>) -> Go<bool> {
        let (first, second) = match (&command.first, &command.second) {
            (None, _) => return Ok(true),
            (Some(first), None) => return self.address(first, file),
            (Some(first), Some(second)) => (first, second),
        };
        let number = self.number;
        let open = match self.active.get(at).copied().flatten() {
            // `0,/x/` is open before the first line.
            None if matches!(first, Address::Zero) && number == 1 => Some(None),
            open => open,
        };
        if let Some(end) = open {
            let (inside, closes) = match (second, end) {
                (_, Some(end)) => (number <= end, number >= end),
                (Address::Line(end), None) => (number <= *end, number >= *end),
                (second, None) => (true, self.address(second, file)?),
            };
            self.active[at] = if closes { None } else { Some(end) };
            // A range whose end lies behind is one line long, and that one is over; the first address counts again.
            if inside {
                return Ok(true);
            }
        }
        if !self.address(first, file)? {
            return Ok(false);
        }
        self.active[at] = match second {
            Address::Line(end) if *end <= number => None,
            Address::Line(end) => Some(Some(*end)),
            Address::Plus(0) => None,
            Address::Plus(count) => Some(Some(number.saturating_add(*count))),
            Address::Multiple(0) => None,
            Address::Multiple(of) => Some(Some((number / of + 1).saturating_mul(*of))),
            Address::Last if file.lines.is_empty() => None,
            _ => Some(None),
        };
        Ok(true)
    }
}
