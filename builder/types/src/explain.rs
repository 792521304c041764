//! What every error can say: what happened, where in the profile, what to do next.

use std::error::Error;
use std::fmt;

use crate::Subject;

/// Whose turn it is. Exit codes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// The profile, or what it names: its author mends it. Exit code 1.
    Inputs,
    /// The machine that builds: disk full, no network, no permission, a tool missing. Exit code 3.
    Host,
    /// Us. Exit code 4.
    Ours,
}

/// A second place worth looking at, with what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A lower-case phrase without full stop.
    pub text: String,
    /// The place; `Subject::Host` when there is none.
    pub subject: Subject,
}

/// An error that knows what it is about and what to do. `Display` is a short lower-case phrase without full stop, with
/// literals in backticks.
pub trait Explain: Error + Send + Sync + 'static {
    /// What the error is about; `cli` turns it into file, line and column.
    fn subject(&self) -> Subject;

    /// What to do next: a lower-case phrase without full stop.
    fn help(&self) -> Option<String> {
        None
    }

    /// Two or three words for the place in the profile: `asked for here`.
    fn label(&self) -> Option<String> {
        None
    }

    /// Further places and facts.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    /// Whose turn it is.
    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}

/// One thing that is wrong, of whatever step.
pub type Problem = Box<dyn Explain>;

/// All that a step found wrong: never empty when it is an error.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Ok` when nothing was found.
    pub fn into_result(self) -> Result<(), Problems> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Adds one more.
    pub fn push(&mut self, problem: impl Explain) {
        self.0.push(Box::new(problem));
    }

    /// The gravest blame among them, for the exit code.
    pub fn blame(&self) -> Blame {
        self.0.iter().map(|problem| problem.blame()).max().unwrap_or(Blame::Ours)
    }
}

impl<E: Explain> From<E> for Problems {
    fn from(error: E) -> Problems {
        Problems(vec![Box::new(error)])
    }
}

impl<E: Explain> From<Vec<E>> for Problems {
    fn from(errors: Vec<E>) -> Problems {
        Problems(errors.into_iter().map(|error| Box::new(error) as Problem).collect())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
