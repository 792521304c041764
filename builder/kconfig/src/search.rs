//! The smallest set of further lines that makes a symbol come out as asked.
//!
//! A plan is a set of goals: symbols and what they must be at least and at most. The plan of least cost is tried on a computed
//! configuration ([`Values`]). Where a goal is not met, each way to meet it makes a plan with more goals:
//!
//! | goal not met                 | ways                                                                          |
//! |------------------------------|-------------------------------------------------------------------------------|
//! | too low, with a prompt       | its conditions hold: those around it, `depends on`, `if`                      |
//! | too low, without             | somebody who selects or implies it, a default whose condition holds           |
//! | too high, selected           | everybody who selects it is turned down                                       |
//! | too high, member of a choice | another member is taken                                                       |
//!
//! In the end lines that turn out not to be needed are dropped, each checked by computing once more.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Expr, Relation, SymbolId, Term, Tristate};
use crate::symbols::{Entry, Node, Reverse, SymbolType, Symbols};
use crate::values::{Values, Wishes, number};

/// Plans that are tried at most.
const MOST_TRIES: usize = 500;
/// Ways to meet one goal that are followed.
const MOST_WAYS: usize = 32;
/// Goals of a way: a symbol that needs more is not explained by naming them.
const MOST_GOALS: usize = 48;

/// What a symbol must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Goal {
    /// At least and at most.
    Switch(Tristate, Tristate),
    /// As a configuration writes it.
    Text(String),
}

/// Goals with their symbols, those that others need behind them.
type Plan = Vec<(SymbolId, Goal)>;
type Way = (usize, Plan);

/// What a search works on.
pub(crate) struct Search<'a> {
    pub(crate) symbols: &'a Symbols,
    pub(crate) toolchain: &'a [String],
    /// What the configuration has.
    pub(crate) wishes: &'a Wishes,
    pub(crate) values: &'a Values<'a>,
    /// What else is asked for: turned over only where nothing else helps.
    pub(crate) asked: &'a BTreeSet<SymbolId>,
}

/// A line of a fragment: the symbol and its value.
pub(crate) type Line = (SymbolId, String);

impl<'a> Search<'a> {
    /// The lines beside `symbol = wanted` that make it come out so; `None` when none were found.
    pub(crate) fn lines(&self, symbol: SymbolId, wanted: &str) -> Option<Vec<Line>> {
        let goal = match Tristate::parse(wanted) {
            Some(value) if self.symbols.symbols[symbol].kind.is_some_and(SymbolType::is_switch) => {
                Goal::Switch(value, value)
            }
            _ => Goal::Text(wanted.to_owned()),
        };
        let mut first = vec![(symbol, goal)];
        if wanted == "m" {
            first.extend(self.symbols.modules.map(|modules| (modules, Goal::Switch(Tristate::Y, Tristate::Y))));
        }
        let mut waiting: BTreeSet<(usize, usize, Plan)> = BTreeSet::from([(0, 0, first)]);
        let mut seen: BTreeSet<Plan> = BTreeSet::new();
        for tried in 1..=MOST_TRIES {
            let (cost, _, plan) = waiting.pop_first()?;
            let values = Values::compute(self.symbols, &self.wishes_of(&plan), self.toolchain);
            if plan.iter().all(|(id, goal)| met(&values, *id, goal)) {
                let lines = self.needed(symbol, wanted, &plan);
                if lines.is_some() {
                    return lines;
                }
                continue;
            }
            for (i, (more, next)) in self.next(&values, &plan).into_iter().enumerate() {
                let mut key = next.clone();
                key.sort();
                if next.len() <= MOST_GOALS && seen.insert(key) {
                    waiting.insert((cost + more, tried * MOST_WAYS + i, next));
                }
            }
        }
        None
    }

    /// The plans that meet one more goal: the last that does not only wait for others.
    fn next(&self, values: &Values<'_>, plan: &Plan) -> Vec<Way> {
        let mut otherwise = Vec::new();
        for (id, goal) in plan.iter().rev().filter(|(id, goal)| !met(values, *id, goal)) {
            let ways = self.ways(values, *id, goal);
            let plans = ways.iter().filter_map(|(more, way)| Some((*more, joined(plan, way)?)));
            let (waiting, plans): (Vec<Way>, Vec<Way>) = plans.partition(|(_, next)| next == plan);
            if waiting.is_empty() {
                return plans;
            }
            otherwise.extend(plans);
        }
        cheapest(otherwise)
    }

    /// What is on already, and the plan's goals as far as a configuration can name them.
    fn wishes_of(&self, plan: &Plan) -> Wishes {
        let mut wishes = self.wishes.clone();
        for (id, value) in plan.iter().filter_map(|(id, goal)| self.line(*id, goal)) {
            wishes.ask(self.symbols, id, &value);
        }
        wishes
    }

    fn line(&self, id: SymbolId, goal: &Goal) -> Option<Line> {
        let symbol = &self.symbols.symbols[id];
        if !symbol.has_prompt() {
            return None;
        }
        let value = match goal {
            Goal::Text(text) => text.clone(),
            Goal::Switch(least, most) => {
                let has = self.values.switch(id);
                let bool = symbol.kind == Some(SymbolType::Bool);
                let value = match has {
                    has if has < *least && bool => Tristate::Y,
                    has if has < *least => *least,
                    has if has > *most && bool => Tristate::N,
                    has if has > *most => *most,
                    has => has,
                };
                value.to_string()
            }
        };
        Some((id, value))
    }

    /// The lines of a plan that are needed, those first that others need.
    fn needed(&self, symbol: SymbolId, wanted: &str, plan: &Plan) -> Option<Vec<Line>> {
        let all = plan.iter().filter(|(id, _)| *id != symbol).filter_map(|(id, goal)| self.line(*id, goal));
        let mut lines: Vec<Line> = all.filter(|(id, value)| !self.values.is(*id, value)).collect();
        lines.sort_by_cached_key(|(id, _)| self.symbols.order.iter().position(|node| *node == Node::Symbol(*id)));
        let comes_out = |lines: &[Line]| {
            let mut wishes = self.wishes.clone();
            for (id, value) in lines {
                wishes.ask(self.symbols, *id, value);
            }
            wishes.ask(self.symbols, symbol, wanted);
            let values = Values::compute(self.symbols, &wishes, self.toolchain);
            values.is(symbol, wanted)
        };
        if !comes_out(&lines) {
            return None;
        }
        let mut at = 0;
        while at < lines.len() {
            let line = lines.remove(at);
            if !comes_out(&lines) {
                lines.insert(at, line);
                at += 1;
            }
        }
        Some(lines)
    }

    /// How to meet a goal, the cheapest first.
    fn ways(&self, values: &Values<'_>, id: SymbolId, goal: &Goal) -> Vec<Way> {
        let symbol = &self.symbols.symbols[id];
        let mut ways = Vec::new();
        match goal {
            Goal::Text(_) if values.visible(id) == Tristate::N => ways.extend(self.seen(values, id, Tristate::M)),
            Goal::Text(text) => {
                for (entry, range) in
                    symbol.entries.iter().flat_map(|entry| entry.ranges.iter().map(move |r| (entry, r)))
                {
                    let (least, most) = values.ends(range);
                    let number = |text: &str| number(text, symbol.kind);
                    if number(&least) <= number(text) && number(text) <= number(&most) {
                        let mut parts = self.around(values, entry, Tristate::M);
                        parts.extend(range.condition.iter().map(|e| self.at_least(values, e, Tristate::M)));
                        ways.extend(every(parts));
                    }
                }
            }
            Goal::Switch(least, _) if values.switch(id) < *least => {
                if values.visible(id) < *least {
                    ways.extend(self.seen(values, id, *least));
                }
                // To be selected is nobody's first choice where the symbol itself can be asked for.
                let detour = if symbol.has_prompt() { 20 } else { 0 };
                let lenders = self.symbols.selected_by[id].iter().chain(&self.symbols.implied_by[id]);
                for reverse in lenders {
                    // `VIRTIO_PCI` is what `VIRTIO` is there for; who else selects it has other things in mind.
                    let kin = self.symbols.symbols[reverse.by].name.starts_with(&symbol.name);
                    let detour = if kin { detour } else { detour + 35 };
                    ways.extend(dearer(self.lending(values, reverse, *least), detour));
                }
                for entry in &symbol.entries {
                    for default in &entry.defaults {
                        let mut parts = vec![self.at_least(values, &default.value, *least)];
                        parts.extend(self.around(values, entry, *least));
                        parts.extend(default.condition.iter().map(|e| self.at_least(values, e, *least)));
                        ways.extend(dearer(every(parts), detour));
                    }
                }
            }
            Goal::Switch(_, most) => {
                if values.selected(id) > *most {
                    let lending = self.symbols.selected_by[id].iter().filter(|by| values.lent(by) > *most);
                    ways.extend(every(lending.map(|by| self.not_lending(values, by, *most)).collect()));
                } else if let Some(choice) = symbol.choice {
                    let members = &self.symbols.choices[choice].members;
                    for &other in members.iter().filter(|other| **other != id) {
                        ways.extend(self.one(values, other, Goal::Switch(Tristate::Y, Tristate::Y)));
                    }
                } else {
                    ways.extend(self.seen(values, id, Tristate::Y));
                    if let Some((value, _)) = values.default(symbol) {
                        ways.extend(self.at_most(values, value, *most));
                    }
                    for (entry, default) in
                        symbol.entries.iter().flat_map(|entry| entry.defaults.iter().map(move |d| (entry, d)))
                    {
                        if values.holds(entry, default.condition.as_ref()) > *most {
                            for condition in entry.depends.iter().map(|c| &c.expr).chain(&default.condition) {
                                ways.extend(self.at_most(values, condition, *most));
                            }
                        }
                    }
                }
            }
        }
        cheapest(ways)
    }

    /// That a configuration can set it, to `least` at least.
    fn seen(&self, values: &Values<'_>, id: SymbolId, least: Tristate) -> Vec<Way> {
        let mut ways = Vec::new();
        for entry in &self.symbols.symbols[id].entries {
            for prompt in &entry.prompts {
                let mut parts = self.around(values, entry, least);
                parts.extend(prompt.condition.iter().map(|e| self.at_least(values, e, least)));
                let mut scope = Some(entry.scope);
                while let Some(at) = scope {
                    let visible = self.symbols.scopes[at].visible.iter();
                    parts.extend(visible.map(|condition| self.at_least(values, &condition.expr, least)));
                    scope = self.symbols.scopes[at].parent;
                }
                ways.extend(every(parts));
            }
        }
        ways
    }

    /// That everything around `entry` holds.
    fn around(&self, values: &Values<'_>, entry: &Entry, least: Tristate) -> Vec<Vec<Way>> {
        let mut parts = Vec::new();
        let mut scope = Some(entry.scope);
        while let Some(at) = scope {
            let depends = self.symbols.scopes[at].depends.iter();
            parts.extend(depends.map(|condition| self.at_least(values, &condition.expr, least)));
            scope = self.symbols.scopes[at].parent;
        }
        parts.extend(entry.depends.iter().map(|condition| self.at_least(values, &condition.expr, least)));
        parts
    }

    fn lending(&self, values: &Values<'_>, reverse: &Reverse, least: Tristate) -> Vec<Way> {
        let entry = &self.symbols.symbols[reverse.by].entries[reverse.entry];
        let mut parts = self.around(values, entry, least);
        parts.extend(reverse.condition.iter().map(|e| self.at_least(values, e, least)));
        parts.push(self.at_least(values, &Expr::Term(Term::Symbol(reverse.by)), least));
        every(parts)
    }

    fn not_lending(&self, values: &Values<'_>, reverse: &Reverse, most: Tristate) -> Vec<Way> {
        let mut ways = self.at_most(values, &Expr::Term(Term::Symbol(reverse.by)), most);
        if let Some(condition) = &reverse.condition {
            ways.extend(self.at_most(values, condition, most));
        }
        ways
    }

    /// That `expr` is `least` or more.
    fn at_least(&self, values: &Values<'_>, expr: &Expr, least: Tristate) -> Vec<Way> {
        if values.expr(expr) >= least {
            return vec![(0, Vec::new())];
        }
        match expr {
            Expr::Term(Term::Symbol(id)) => match self.symbols.symbols[*id].kind {
                Some(kind) if kind.is_switch() => {
                    let whole = kind == SymbolType::Bool || !values.modules();
                    let least = if whole { Tristate::Y } else { least };
                    self.one(values, *id, Goal::Switch(least, Tristate::Y))
                }
                _ => Vec::new(),
            },
            Expr::Term(Term::Constant(text)) if text == "m" && least == Tristate::M => {
                let modules = self.symbols.modules.map(|id| Expr::Term(Term::Symbol(id)));
                modules.map_or_else(Vec::new, |modules| self.at_least(values, &modules, Tristate::Y))
            }
            Expr::Term(_) => Vec::new(),
            Expr::Compare(left, relation, right) => self.compared(values, left, *relation, right),
            Expr::Not(inner) => self.at_most(values, inner, !least),
            Expr::All(parts) => every(parts.iter().map(|part| self.at_least(values, part, least)).collect()),
            Expr::Any(parts) => cheapest(parts.iter().flat_map(|part| self.at_least(values, part, least)).collect()),
        }
    }

    /// That `expr` is `most` or less.
    fn at_most(&self, values: &Values<'_>, expr: &Expr, most: Tristate) -> Vec<Way> {
        if values.expr(expr) <= most {
            return vec![(0, Vec::new())];
        }
        match expr {
            Expr::Term(Term::Symbol(id)) => {
                // Without modules there is nothing between.
                let most = if values.modules() { most } else { Tristate::N };
                self.one(values, *id, Goal::Switch(Tristate::N, most))
            }
            Expr::Term(_) => Vec::new(),
            Expr::Compare(left, relation, right) => {
                let other = match relation {
                    Relation::Equal => Relation::Unequal,
                    Relation::Unequal => Relation::Equal,
                    Relation::Less => Relation::GreaterEqual,
                    Relation::LessEqual => Relation::Greater,
                    Relation::Greater => Relation::LessEqual,
                    Relation::GreaterEqual => Relation::Less,
                };
                self.compared(values, left, other, right)
            }
            Expr::Not(inner) => self.at_least(values, inner, !most),
            Expr::All(parts) => cheapest(parts.iter().flat_map(|part| self.at_most(values, part, most)).collect()),
            Expr::Any(parts) => every(parts.iter().map(|part| self.at_most(values, part, most)).collect()),
        }
    }

    /// That a comparison holds: a symbol with a constant, the others are left alone.
    fn compared(&self, values: &Values<'_>, left: &Term, relation: Relation, right: &Term) -> Vec<Way> {
        let (id, text) = match (left, right) {
            (Term::Symbol(id), Term::Constant(text)) | (Term::Constant(text), Term::Symbol(id)) => (*id, text.as_str()),
            // `X > 5`: the number is a symbol that nobody defines.
            (Term::Symbol(id), Term::Symbol(other)) if self.symbols.symbols[*other].kind.is_none() => {
                (*id, self.symbols.symbols[*other].name.as_str())
            }
            _ => return Vec::new(),
        };
        let goal = match (self.symbols.symbols[id].kind, relation, Tristate::parse(text)) {
            (Some(kind), Relation::Equal, Some(value)) if kind.is_switch() => Goal::Switch(value, value),
            (Some(kind), Relation::Unequal, Some(Tristate::N)) if kind.is_switch() => {
                Goal::Switch(if kind == SymbolType::Bool { Tristate::Y } else { Tristate::M }, Tristate::Y)
            }
            (Some(kind), Relation::Unequal, Some(Tristate::Y)) if kind.is_switch() => {
                Goal::Switch(Tristate::N, if values.modules() { Tristate::M } else { Tristate::N })
            }
            (Some(SymbolType::String), Relation::Equal, _) => Goal::Text(format!("\"{text}\"")),
            (
                Some(SymbolType::Int | SymbolType::Hex),
                Relation::Equal | Relation::LessEqual | Relation::GreaterEqual,
                _,
            ) => Goal::Text(text.to_owned()),
            _ => return Vec::new(),
        };
        self.one(values, id, goal)
    }

    /// The way of one goal, and what it costs: ten for a line, more where it is a detour.
    fn one(&self, values: &Values<'_>, id: SymbolId, goal: Goal) -> Vec<Way> {
        let symbol = &self.symbols.symbols[id];
        let turned_on = matches!(goal, Goal::Switch(Tristate::M | Tristate::Y, _));
        if !symbol.is_defined() || (turned_on && NEVER.contains(&symbol.name.as_str())) {
            return Vec::new();
        }
        let mut cost = match &goal {
            Goal::Switch(least, _) if values.switch(id) < *least && !symbol.has_prompt() => 15,
            Goal::Switch(least, _) if values.switch(id) < *least && values.visible(id) < *least => 25,
            Goal::Switch(least, _) if values.switch(id) < *least => 10,
            // Something that is on was wanted by somebody.
            _ => 18,
        };
        if turned_on && DETOURS.contains(&symbol.name.as_str()) {
            cost += 60;
        }
        if self.asked.contains(&id) && !met(self.values, id, &goal) {
            cost += 200;
        }
        vec![(cost, vec![(id, goal)])]
    }
}

/// What opens many doors and is meant for few.
const DETOURS: [&str; 4] = ["EXPERT", "STAGING", "DEBUG_KERNEL", "EMBEDDED"];
/// What no suggestion may turn on: with them, symbols come out that make no kernel that works.
const NEVER: [&str; 2] = ["COMPILE_TEST", "BROKEN"];

fn met(values: &Values<'_>, id: SymbolId, goal: &Goal) -> bool {
    match goal {
        Goal::Switch(least, most) => (*least..=*most).contains(&values.switch(id)),
        Goal::Text(text) => values.is(id, text),
    }
}

/// A plan with more goals; `None` where they contradict each other.
fn joined(plan: &Plan, more: &Plan) -> Option<Plan> {
    let mut all: BTreeMap<SymbolId, Goal> = plan.iter().cloned().collect();
    let mut order: Vec<SymbolId> = plan.iter().map(|(id, _)| *id).collect();
    for (id, goal) in more {
        let goal = match (all.get(id), goal) {
            (None, goal) => goal.clone(),
            (Some(Goal::Switch(a, b)), Goal::Switch(c, d)) => Goal::Switch(*a.max(c), *b.min(d)),
            (Some(before), goal) if before == goal => goal.clone(),
            _ => return None,
        };
        if matches!(&goal, Goal::Switch(least, most) if least > most) {
            return None;
        }
        if all.insert(*id, goal).is_none() {
            order.push(*id);
        }
    }
    Some(order.into_iter().filter_map(|id| all.remove(&id).map(|goal| (id, goal))).collect())
}

/// One way of each of `parts`.
fn every(parts: Vec<Vec<Way>>) -> Vec<Way> {
    let mut ways: Vec<Way> = vec![(0, Vec::new())];
    for part in parts {
        if part.is_empty() {
            return Vec::new();
        }
        if part.iter().any(|(_, plan)| plan.is_empty()) {
            continue;
        }
        let mut next = Vec::new();
        for (cost, plan) in &ways {
            for (more, way) in &part {
                if let Some(plan) = joined(plan, way) {
                    next.push((cost + more, plan));
                }
            }
        }
        ways = cheapest(next);
    }
    ways
}

fn dearer(ways: Vec<Way>, by: usize) -> impl Iterator<Item = Way> {
    ways.into_iter().map(move |(cost, plan)| (cost + by, plan))
}

fn cheapest(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_key(|(cost, _)| *cost);
    ways.dedup_by(|a, b| a.1 == b.1);
    ways.truncate(MOST_WAYS);
    ways
}
