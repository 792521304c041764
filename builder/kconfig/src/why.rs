//! Why a symbol does not come out as asked, and what would make it.

use std::fmt;

use crate::config::spelled;
use crate::expr::Tristate;
use crate::symbols::{Place, SymbolType};

/// Names that are told in one sentence.
pub(crate) const MOST_NAMES: usize = 3;

/// Why a line of a fragment is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The symbol, without `CONFIG_`.
    pub symbol: String,
    /// What was asked for, as a configuration writes it.
    pub wanted: String,
    /// What it comes out as.
    pub has: String,
    /// The cause.
    pub reason: Reason,
    /// The smallest set of further lines found that makes it come out as asked, those first that others need; `None` where
    /// nothing was found that does.
    pub suggest: Option<Vec<Suggestion>>,
}

/// A line for a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The symbol, without `CONFIG_`.
    pub symbol: String,
    /// Its value, as a configuration writes it.
    pub value: String,
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(&self.symbol, &self.value))
    }
}

/// The cause: one variant per thing that a user would mend differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No Kconfig file of this kernel defines it, for this architecture.
    NoSuchSymbol {
        /// Names that are alike, the nearest first.
        nearest: Vec<String>,
        /// Other architectures that have it, of those that were given.
        elsewhere: Vec<String>,
    },
    /// The type does not have such a value.
    BadValue {
        /// The type.
        kind: SymbolType,
        /// Where it is defined.
        place: Place,
    },
    /// `m` was asked for where the kernel makes no modules.
    ModulesOff {
        /// Where `MODULES` is defined.
        place: Option<Place>,
    },
    /// It has no prompt: a configuration cannot set it. Others select it, or its defaults decide.
    NoPrompt {
        /// Where it is defined.
        place: Place,
        /// Who would select it, and where.
        selected_by: Vec<(String, Place)>,
    },
    /// Something that it depends on is off.
    DependencyOff {
        /// From the symbol down to what could be asked for.
        chain: Vec<Link>,
    },
    /// `y` was asked for, and something that it depends on is a module: it can be no more.
    OnlyAModule {
        /// From the symbol down.
        chain: Vec<Link>,
    },
    /// Others that are on select it: it cannot be less.
    Selected {
        /// Who, with what they lend to it, and where.
        by: Vec<(String, Tristate, Place)>,
    },
    /// Another member of the same choice is taken.
    ChoiceTaken {
        /// Which.
        by: String,
        /// Where the choice is.
        place: Place,
    },
    /// Nothing stands against it: another line overrules this one, or it was not asked for.
    Overruled,
    /// A number outside its range.
    OutOfRange {
        /// The smallest.
        least: String,
        /// The greatest.
        most: String,
        /// Where it is defined.
        place: Place,
    },
    /// The compiler, the assembler or the linker cannot do what it needs.
    Toolchain {
        /// What they were asked, as it is written.
        question: String,
        /// From the symbol down.
        chain: Vec<Link>,
    },
    /// It hangs on a symbol that this architecture does not have.
    OtherArchitecture {
        /// The symbol that is missing.
        missing: String,
        /// Architectures that have it, of those that were given.
        elsewhere: Vec<String>,
        /// From the symbol down.
        chain: Vec<Link>,
    },
}

/// A condition that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whose condition.
    pub symbol: String,
    /// What it says.
    pub needs: String,
    /// What that comes out as.
    pub has: Tristate,
    /// The line of `depends on`, `if`, `select` or `config`.
    pub place: Place,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = match self.has {
            Tristate::N => "off",
            Tristate::M => "a module",
            Tristate::Y => "on",
        };
        write!(f, "`{}` needs `{}`, which is {has} ({})", self.symbol, self.needs, self.place)
    }
}

impl Why {
    /// Further facts, each a lower-case phrase without full stop: the chain of what is off, who selects, where it is said.
    pub fn notes(&self) -> Vec<String> {
        let at = |place: &Place| format!("it is defined at {place}");
        match &self.reason {
            Reason::NoSuchSymbol { .. } | Reason::Overruled => Vec::new(),
            Reason::BadValue { place, .. } | Reason::OutOfRange { place, .. } => vec![at(place)],
            Reason::ModulesOff { place } => {
                place.iter().map(|place| format!("`MODULES` is defined at {place}")).collect()
            }
            Reason::NoPrompt { place, selected_by } => {
                let mut notes = vec![at(place)];
                notes.extend(selected_by.iter().map(|(by, place)| format!("`{by}` selects it ({place})")));
                notes
            }
            Reason::Selected { by } => {
                by.iter().map(|(by, lent, place)| format!("`{by}` selects it as `{lent}` ({place})")).collect()
            }
            Reason::ChoiceTaken { place, .. } => vec![format!("the choice is at {place}")],
            Reason::DependencyOff { chain }
            | Reason::OnlyAModule { chain }
            | Reason::Toolchain { chain, .. }
            | Reason::OtherArchitecture { chain, .. } => chain.iter().map(ToString::to_string).collect(),
        }
    }

    /// What to do next.
    pub fn help(&self) -> String {
        let lines = |lines: &[Suggestion]| {
            let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
            lines.join(", ")
        };
        match (&self.reason, &self.suggest) {
            (Reason::NoSuchSymbol { elsewhere, .. }, _) if !elsewhere.is_empty() => {
                "take the line out of the fragment, or use it for these architectures alone".to_owned()
            }
            (Reason::NoSuchSymbol { nearest, .. }, _) => match nearest.as_slice() {
                [] => "take the line out of the fragment".to_owned(),
                [first, ..] => {
                    format!("write `{}`, or take the line out of the fragment", spelled(first, &self.wanted))
                }
            },
            (Reason::BadValue { kind, .. }, _) => match kind {
                SymbolType::Bool => "write `y`, or `# CONFIG_… is not set`".to_owned(),
                SymbolType::Tristate => "write `y`, `m`, or `# CONFIG_… is not set`".to_owned(),
                SymbolType::Int => "write a whole number".to_owned(),
                SymbolType::Hex => "write a hexadecimal number: `0x…`".to_owned(),
                SymbolType::String => "write a text in quotes".to_owned(),
            },
            (Reason::OutOfRange { least, most, .. }, None) => format!("write a number from {least} to {most}"),
            (Reason::OutOfRange { least, most, .. }, Some(more)) => {
                format!("write a number from {least} to {most}, or add {}", lines(more))
            }
            (Reason::ChoiceTaken { by, .. }, Some(more)) if more.is_empty() => {
                format!("take out the line that asks for `CONFIG_{by}=y`, or this one: there can be one")
            }
            (_, Some(more)) if more.is_empty() => "keep one of the lines".to_owned(),
            (Reason::NoPrompt { .. }, Some(more)) => {
                format!("write {} in place of the line", lines(more))
            }
            (_, Some(more)) => format!("add {}", lines(more)),
            (_, None) => "take the line out of the fragment: no line was found that would allow it".to_owned(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Why { symbol, wanted, .. } = self;
        write!(f, "`{}` is lost: ", spelled(symbol, wanted))?;
        match &self.reason {
            Reason::NoSuchSymbol { elsewhere, .. } if !elsewhere.is_empty() => {
                write!(f, "this architecture has no such symbol, only {}", elsewhere.join(", "))
            }
            Reason::NoSuchSymbol { nearest, .. } => {
                f.write_str("this kernel has no such symbol")?;
                for (i, name) in nearest.iter().enumerate() {
                    write!(f, "{} `{name}`", if i == 0 { "; alike are" } else { "," })?;
                }
                Ok(())
            }
            Reason::BadValue { kind: SymbolType::Bool, .. } if wanted == "m" => {
                write!(f, "`{symbol}` is bool, it cannot be a module")
            }
            Reason::BadValue { kind, .. } => write!(f, "`{symbol}` is {kind}, which has no such value"),
            Reason::ModulesOff { .. } => f.write_str("the kernel makes no modules, for `MODULES` is off"),
            Reason::NoPrompt { .. } => write!(f, "`{symbol}` has no prompt, only other symbols can set it"),
            Reason::DependencyOff { chain } => match chain.first() {
                Some(link) if wanted == "n" => write!(f, "it can be set only with `{}`, which is off", link.needs),
                Some(link) => write!(f, "it depends on `{}`, which is off", link.needs),
                None => f.write_str("something that it depends on is off"),
            },
            Reason::OnlyAModule { chain } => match chain.first() {
                Some(link) => write!(f, "it depends on `{}`, which is a module", link.needs),
                None => f.write_str("something that it depends on is a module"),
            },
            Reason::Selected { by } => {
                f.write_str("it is selected by")?;
                for (i, (name, ..)) in by.iter().take(MOST_NAMES).enumerate() {
                    write!(f, "{} `{name}`", if i == 0 { "" } else { "," })?;
                }
                match by.len().checked_sub(MOST_NAMES) {
                    Some(more) if more > 0 => write!(f, " and {more} more"),
                    _ => Ok(()),
                }
            }
            Reason::ChoiceTaken { by, .. } => write!(f, "of its choice, `{by}` is taken"),
            Reason::Overruled => f.write_str("another line overrules it"),
            Reason::OutOfRange { least, most, .. } => write!(f, "its range is {least} to {most}"),
            Reason::Toolchain { question, .. } => write!(f, "the toolchain does not have `{question}`"),
            Reason::OtherArchitecture { missing, elsewhere, .. } => {
                write!(f, "it depends on `{missing}`, which this architecture does not have")?;
                if elsewhere.is_empty() { Ok(()) } else { write!(f, ", only {}", elsewhere.join(", ")) }
            }
        }
    }
}
