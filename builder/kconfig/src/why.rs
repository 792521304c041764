//! Why a symbol does not come out as asked, and what would make it.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::{Config, Value, spelled};
use crate::expr::{Expr, MacroId, Names, Shown, SymbolId, Term, Tristate};
use crate::search::{Line, Search};
use crate::symbols::{Entry, Place, Property, SymbolType, Symbols};
use crate::toolchain;
use crate::values::{Values, Wishes, asked};

/// Links of a chain that are told.
const MOST_LINKS: usize = 12;
/// Names that are alike.
const MOST_NEAREST: usize = 3;

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
                for (i, (name, ..)) in by.iter().take(MOST_NEAREST).enumerate() {
                    write!(f, "{} `{name}`", if i == 0 { "" } else { "," })?;
                }
                match by.len().checked_sub(MOST_NEAREST) {
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

/// Explains lines that a configuration lost.
pub struct Explainer<'a> {
    symbols: &'a Symbols,
    config: &'a Config,
    wishes: Wishes,
    toolchain: Vec<String>,
    asked: BTreeSet<SymbolId>,
    others: Vec<(&'a str, &'a Symbols)>,
}

impl<'a> Explainer<'a> {
    /// `config` is what `make olddefconfig` left. What the toolchain answered is told from it.
    pub fn new(symbols: &'a Symbols, config: &'a Config) -> Explainer<'a> {
        let wishes = Wishes::of(symbols, config);
        let toolchain = toolchain::answers(symbols, config, &wishes);
        Explainer { symbols, config, wishes, toolchain, asked: BTreeSet::new(), others: Vec::new() }
    }

    /// Says what the same kernel has for another architecture, so that a symbol of that one is called so.
    pub fn other(mut self, architecture: &'a str, symbols: &'a Symbols) -> Explainer<'a> {
        self.others.push((architecture, symbols));
        self
    }

    /// Says what else the fragments ask for, met or not: suggestions turn it over only where nothing else helps.
    pub fn beside<'l>(mut self, lines: impl IntoIterator<Item = (&'l str, &'l Value)>) -> Explainer<'a> {
        for (name, value) in lines {
            if let Some(id) = self.symbols.defined(name) {
                self.asked.insert(id);
                self.wishes.ask(self.symbols, id, value);
            }
        }
        self
    }

    /// Where our values of the configuration differ from its own: empty, unless it is another kernel's, or was edited since.
    pub fn differences(&self) -> Vec<String> {
        let values = Values::compute(self.symbols, &self.wishes, &self.toolchain);
        let mut found = Vec::new();
        for (id, symbol) in self.symbols.symbols.iter().enumerate() {
            let theirs = self.config.get(&symbol.name);
            let ours = values.written(id);
            let unknown = theirs.is_none() && !symbol.kind.is_some_and(SymbolType::is_switch);
            if symbol.is_defined() && !unknown && ours != theirs.unwrap_or("n") {
                let theirs = spelled(&symbol.name, theirs.unwrap_or("n"));
                found.push(format!("`{}` here, `{theirs}` there", spelled(&symbol.name, &ours)));
            }
        }
        found
    }

    /// Why `symbol` is not `wanted`; `None` where the configuration has it so.
    pub fn why(&self, symbol: &str, wanted: &Value) -> Option<Why> {
        if self.config.get(symbol).unwrap_or("n") == wanted {
            return None;
        }
        let symbols = self.symbols;
        let has = self.config.get(symbol).unwrap_or("n").to_owned();
        let why = |reason, suggest| {
            Some(Why { symbol: symbol.to_owned(), wanted: wanted.to_owned(), has: has.clone(), reason, suggest })
        };
        let Some(id) = symbols.defined(symbol) else {
            return why(Reason::NoSuchSymbol { nearest: self.nearest(symbol), elsewhere: self.having(symbol) }, None);
        };
        let definition = &symbols.symbols[id];
        let place = definition.entries[0].place.clone();
        let kind = definition.kind?;
        if asked(kind, wanted).is_none() {
            return why(Reason::BadValue { kind, place }, None);
        }
        let mut wishes = self.wishes.clone();
        wishes.ask(symbols, id, wanted);
        let values = Values::compute(symbols, &wishes, &self.toolchain);
        let base = Values::compute(symbols, &self.wishes, &self.toolchain);
        let search =
            Search { symbols, toolchain: &self.toolchain, wishes: &self.wishes, values: &base, asked: &self.asked };
        let lines = search.lines(id, wanted);
        let reason = self.reason(&base, &values, id, wanted, lines.as_deref());
        let suggest = lines.map(|lines| {
            let name = |(id, value): Line| Suggestion { symbol: symbols.symbols[id].name.clone(), value };
            lines.into_iter().map(name).collect()
        });
        why(reason, suggest)
    }

    fn reason(
        &self,
        base: &Values<'_>,
        values: &Values<'_>,
        id: SymbolId,
        wanted: &str,
        lines: Option<&[Line]>,
    ) -> Reason {
        let symbols = self.symbols;
        let symbol = &symbols.symbols[id];
        let place = symbol.entries[0].place.clone();
        let want = Tristate::parse(wanted).unwrap_or(Tristate::M);
        if want == Tristate::M && symbol.kind == Some(SymbolType::Tristate) && !values.modules() {
            let place = symbols.modules.map(|modules| symbols.symbols[modules].entries[0].place.clone());
            return Reason::ModulesOff { place };
        }
        let taken = symbol.choice.and_then(|choice| {
            let choice = &symbols.choices[choice];
            let other = |values: &Values<'_>| {
                choice.members.iter().copied().find(|member| *member != id && values.switch(*member) == Tristate::Y)
            };
            let by = symbols.symbols[other(base).or_else(|| other(values))?].name.clone();
            Some(Reason::ChoiceTaken { by, place: choice.place.clone() })
        });
        if lines.is_some_and(<[Line]>::is_empty) {
            return taken.filter(|_| want == Tristate::Y).unwrap_or(Reason::Overruled);
        }
        let selecting: Vec<_> = symbols.selected_by[id].iter().filter(|by| values.lent(by) > want).collect();
        if !selecting.is_empty() && symbol.kind.is_some_and(SymbolType::is_switch) {
            let by =
                selecting.iter().map(|by| (symbols.symbols[by.by].name.clone(), values.lent(by), by.place.clone()));
            return Reason::Selected { by: by.collect() };
        }
        let visible = values.visible(id);
        if visible >= want.max(Tristate::M) || (want == Tristate::N && visible != Tristate::N) {
            if let Some(taken) = taken {
                return taken;
            }
            if let Some((least, most)) = values.range(id) {
                return Reason::OutOfRange { least, most, place };
            }
        }
        // Even to be off, it has to be seen.
        let chain = self.chain(values, id, want.max(Tristate::M), lines);
        if lines.is_none() {
            if let Some(question) = chain.question.map(|id| symbols.toolchain(id).to_owned()) {
                return Reason::Toolchain { question, chain: chain.links };
            }
            if let Some(missing) = chain.missing.map(|id| symbols.symbols[id].name.clone()) {
                let elsewhere = self.having(&missing);
                return Reason::OtherArchitecture { missing, elsewhere, chain: chain.links };
            }
        }
        if !symbol.has_prompt() {
            let by = symbols.selected_by[id].iter().take(MOST_LINKS);
            let selected_by = by.map(|by| (symbols.symbols[by.by].name.clone(), by.place.clone())).collect();
            return Reason::NoPrompt { place, selected_by };
        }
        if visible == Tristate::M {
            Reason::OnlyAModule { chain: chain.links }
        } else {
            Reason::DependencyOff { chain: chain.links }
        }
    }

    /// What is not met, from `id` down to what could be asked for: along the suggested lines where there are some.
    fn chain(&self, values: &Values<'_>, id: SymbolId, want: Tristate, lines: Option<&[Line]>) -> Chain {
        let symbols = self.symbols;
        let mut chain = Chain::default();
        let mut waiting = vec![(id, want)];
        let mut seen = BTreeSet::from([id]);
        while !waiting.is_empty() && chain.links.len() < MOST_LINKS {
            let (id, want) = waiting.remove(0);
            let symbol = &symbols.symbols[id];
            // Of several prompts, the one of which least is missing.
            let unmet = |(entry, prompt): (&'a Entry, Option<&'a Property<()>>)| -> Vec<(&'a Expr, &'a Place)> {
                let all = self.conditions(entry, prompt);
                all.into_iter().filter(|(expr, _)| values.expr(expr) < want).collect()
            };
            let entries = symbol.entries.iter().flat_map(|entry| {
                let prompts = entry.prompts.iter().map(move |prompt| (entry, Some(prompt)));
                prompts.chain(entry.prompts.is_empty().then_some((entry, None)))
            });
            let best = entries
                .filter(|(_, prompt)| prompt.is_some() || !symbol.has_prompt())
                .map(unmet)
                .min_by_key(Vec::len)
                .unwrap_or_default();
            let mut next = Vec::new();
            for (expr, place) in best {
                self.off(values, expr, want, &mut next, &mut chain);
                chain.link(symbols, values, id, expr, place, want);
            }
            if !symbol.has_prompt() {
                // What its first default hangs on: an architecture, or the toolchain.
                if let Some(default) = symbol.entries.iter().flat_map(|entry| &entry.defaults).next() {
                    self.off(values, &default.value, want, &mut next, &mut chain);
                    chain.link(symbols, values, id, &default.value, &default.place, want);
                }
                // Whoever of the lines leads here.
                let leads = |by: SymbolId| lines.is_some_and(|lines| lines.iter().any(|(line, _)| *line == by));
                if let Some(by) = symbols.selected_by[id].iter().find(|by| leads(by.by)) {
                    next.push((by.by, want));
                }
            }
            // Of alternatives, those that the lines turn on.
            let on_the_way = |id: SymbolId| match lines {
                Some(lines) => {
                    !symbols.symbols[id].has_prompt() || lines.iter().any(|(line, value)| *line == id && value != "n")
                }
                None => true,
            };
            next.retain(|(id, _)| on_the_way(*id) && seen.insert(*id));
            waiting.extend(next);
        }
        chain
    }

    /// Everything that has to hold for a prompt, from the outside in.
    fn conditions(&self, entry: &'a Entry, prompt: Option<&'a Property<()>>) -> Vec<(&'a Expr, &'a Place)> {
        let mut scopes = Vec::new();
        let mut scope = Some(entry.scope);
        while let Some(at) = scope {
            scopes.push(&self.symbols.scopes[at]);
            scope = self.symbols.scopes[at].parent;
        }
        let around = scopes.iter().rev().flat_map(|scope| {
            let visible = scope.visible.iter().filter(|_| prompt.is_some());
            scope.depends.iter().chain(visible)
        });
        let conditions = around.chain(&entry.depends).map(|condition| (&condition.expr, &condition.place));
        let own = prompt.and_then(|prompt| prompt.condition.as_ref().map(|expr| (expr, &prompt.place)));
        conditions.chain(own).collect()
    }

    /// The symbols that keep `expr` below `want`.
    fn off(
        &self,
        values: &Values<'_>,
        expr: &Expr,
        want: Tristate,
        next: &mut Vec<(SymbolId, Tristate)>,
        chain: &mut Chain,
    ) {
        if values.expr(expr) >= want {
            return;
        }
        match expr {
            Expr::Term(Term::Symbol(id)) if !self.symbols.symbols[*id].is_defined() => {
                chain.missing.get_or_insert(*id);
            }
            Expr::Term(Term::Symbol(id)) => next.push((*id, want)),
            Expr::Term(Term::Macro(id)) => {
                chain.question.get_or_insert(*id);
            }
            Expr::All(parts) | Expr::Any(parts) => {
                parts.iter().for_each(|part| self.off(values, part, want, next, chain));
            }
            // What is on where it should not be has no chain of its own.
            Expr::Not(_) | Expr::Compare(..) | Expr::Term(Term::Constant(_)) => {}
        }
    }

    fn having(&self, name: &str) -> Vec<String> {
        let having = self.others.iter().filter(|(_, symbols)| symbols.defines(name));
        having.map(|(architecture, _)| (*architecture).to_owned()).collect()
    }

    /// Names that are alike: letters swapped, missing, in another order.
    fn nearest(&self, name: &str) -> Vec<String> {
        let all = self.symbols.names();
        let mut alike: Vec<(usize, &str)> = all
            .filter(|other| other.len().abs_diff(name.len()) <= name.len() / 3 + 1)
            .map(|other| (strsim::damerau_levenshtein(name, other), other))
            .filter(|(distance, _)| *distance <= name.len() / 4 + 1)
            .collect();
        alike.sort_unstable();
        alike.into_iter().take(MOST_NEAREST).map(|(_, other)| other.to_owned()).collect()
    }
}

#[derive(Default)]
struct Chain {
    links: Vec<Link>,
    /// A symbol that is nowhere defined.
    missing: Option<SymbolId>,
    /// A macro that was answered with `n`.
    question: Option<MacroId>,
}

impl Chain {
    /// What is around several symbols is told once.
    fn link(
        &mut self,
        symbols: &Symbols,
        values: &Values<'_>,
        id: SymbolId,
        expr: &Expr,
        place: &Place,
        want: Tristate,
    ) {
        let has = values.expr(expr);
        if has >= want || self.links.iter().any(|link| link.place == *place) {
            return;
        }
        let needs = Shown { expr, names: symbols }.to_string();
        self.links.push(Link { symbol: symbols.symbols[id].name.clone(), needs, has, place: place.clone() });
    }
}

/// Why `symbol` does not come out as `wanted` in `config`; `None` where it does.
pub fn explain(symbols: &Symbols, config: &Config, symbol: &str, wanted: &Value) -> Option<Why> {
    Explainer::new(symbols, config).why(symbol, wanted)
}
