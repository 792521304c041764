//! Finding the reason for a lost line, and the lines that would help.

use std::collections::BTreeSet;

use crate::config::{Config, Value, spelled};
use crate::expr::{Expr, MacroId, Names, Shown, SymbolId, Term, Tristate};
use crate::search::{Line, Search};
use crate::symbols::{Entry, Place, Property, SymbolType, Symbols};
use crate::toolchain;
use crate::values::{Values, Wishes, asked};
use crate::why::{Link, MOST_NAMES, Reason, Suggestion, Why};

/// Links of a chain that are told.
const MOST_LINKS: usize = 12;

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
        alike.into_iter().take(MOST_NAMES).map(|(_, other)| other.to_owned()).collect()
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
