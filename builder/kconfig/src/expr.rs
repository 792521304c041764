//! Expressions of Kconfig: what stands behind `depends on`, `if`, `default`.
//!
//! Their values are `n` < `m` < `y`: `&&` is the smaller, `||` the greater, `!` turns `n` and `y` around and leaves `m` as it is.

use std::fmt;

/// A value of a `bool` or `tristate` symbol, and of every expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Tristate {
    /// Off.
    #[default]
    N,
    /// A module.
    M,
    /// Built in.
    Y,
}

impl Tristate {
    /// `n`, `m` or `y`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Tristate> {
        match text {
            "n" => Some(Tristate::N),
            "m" => Some(Tristate::M),
            "y" => Some(Tristate::Y),
            _ => None,
        }
    }

    /// As it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Tristate::N => "n",
            Tristate::M => "m",
            Tristate::Y => "y",
        }
    }
}

impl std::ops::Not for Tristate {
    type Output = Tristate;

    fn not(self) -> Tristate {
        match self {
            Tristate::N => Tristate::Y,
            Tristate::M => Tristate::M,
            Tristate::Y => Tristate::N,
        }
    }
}

impl fmt::Display for Tristate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A symbol's place in the table of all.
pub(crate) type SymbolId = usize;
/// A macro's place in the table of all.
pub(crate) type MacroId = usize;

/// What can stand on a side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// A symbol, defined or not.
    Symbol(SymbolId),
    /// Something in quotes, or one of `y`, `m`, `n`.
    Constant(String),
    /// A macro whose answer only the toolchain knows.
    Macro(MacroId),
}

/// How two terms are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Relation {
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Unequal => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterEqual => order.is_ge(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Relation::Equal => "=",
            Relation::Unequal => "!=",
            Relation::Less => "<",
            Relation::LessEqual => "<=",
            Relation::Greater => ">",
            Relation::GreaterEqual => ">=",
        }
    }
}

/// An expression. `All` and `Any` are flat, so that a long chain is no deep tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    Term(Term),
    Compare(Term, Relation, Term),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
}

impl Expr {
    /// Every symbol in it, with repetitions.
    pub(crate) fn symbols(&self, each: &mut impl FnMut(SymbolId)) {
        let mut term = |term: &Term| {
            if let Term::Symbol(id) = term {
                each(*id);
            }
        };
        match self {
            Expr::Term(one) => term(one),
            Expr::Compare(left, _, right) => {
                term(left);
                term(right);
            }
            Expr::Not(inner) => inner.symbols(each),
            Expr::All(parts) | Expr::Any(parts) => {
                for part in parts {
                    part.symbols(each);
                }
            }
        }
    }

    /// Every macro in it, with repetitions.
    pub(crate) fn macros(&self, each: &mut impl FnMut(MacroId)) {
        match self {
            Expr::Term(Term::Macro(id)) => each(*id),
            Expr::Compare(left, _, right) => {
                for term in [left, right] {
                    if let Term::Macro(id) = term {
                        each(*id);
                    }
                }
            }
            Expr::Term(_) => {}
            Expr::Not(inner) => inner.macros(each),
            Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|part| part.macros(each)),
        }
    }
}

/// An expression as it would be written, with names for the numbers.
pub(crate) struct Shown<'a, N: Names> {
    pub(crate) expr: &'a Expr,
    pub(crate) names: &'a N,
}

/// Who knows the names.
pub(crate) trait Names {
    fn symbol(&self, id: SymbolId) -> &str;
    fn toolchain(&self, id: MacroId) -> &str;
}

impl<N: Names> fmt::Display for Shown<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.expr, self.names, 0, f)
    }
}

/// `binding`: 0 at the outside, 1 within `||`, 2 within `&&`, 3 behind `!`.
fn show(expr: &Expr, names: &impl Names, binding: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let term = |term: &Term, f: &mut fmt::Formatter<'_>| match term {
        Term::Symbol(id) => f.write_str(names.symbol(*id)),
        Term::Constant(text) if Tristate::parse(text).is_some() => f.write_str(text),
        Term::Constant(text) => write!(f, "\"{text}\""),
        Term::Macro(id) => f.write_str(names.toolchain(*id)),
    };
    let (parts, between, own) = match expr {
        Expr::Term(one) => return term(one, f),
        Expr::Compare(left, relation, right) => {
            term(left, f)?;
            write!(f, "{}", relation.as_str())?;
            return term(right, f);
        }
        Expr::Not(inner) => {
            f.write_str("!")?;
            return show(inner, names, 3, f);
        }
        Expr::Any(parts) => (parts, " || ", 1),
        Expr::All(parts) => (parts, " && ", 2),
    };
    let brackets = binding > own || binding == 3;
    if brackets {
        f.write_str("(")?;
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        show(part, names, own, f)?;
    }
    if brackets {
        f.write_str(")")?;
    }
    Ok(())
}
