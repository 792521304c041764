//! All symbols of a kernel version, as its Kconfig files define them for one architecture.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::expr::{Expr, MacroId, Names, SymbolId};

/// A line of a Kconfig file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its path, from the top of the kernel's source.
    pub file: Arc<str>,
    /// Its number, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What values a symbol has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolType {
    /// `y` or `n`.
    Bool,
    /// `y`, `m` or `n`.
    Tristate,
    /// A whole number.
    Int,
    /// A hexadecimal number.
    Hex,
    /// A text in quotes.
    String,
}

impl SymbolType {
    /// Whether its values are `y`, `m`, `n`.
    pub fn is_switch(self) -> bool {
        matches!(self, SymbolType::Bool | SymbolType::Tristate)
    }
}

impl fmt::Display for SymbolType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SymbolType::Bool => "bool",
            SymbolType::Tristate => "tristate",
            SymbolType::Int => "int",
            SymbolType::Hex => "hex",
            SymbolType::String => "string",
        })
    }
}

/// All symbols of a kernel version, for one architecture.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) names: BTreeMap<String, SymbolId>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) choices: Vec<Choice>,
    /// As they are written.
    pub(crate) macros: Vec<String>,
    /// The symbol that `m` hangs on: `MODULES`.
    pub(crate) modules: Option<SymbolId>,
    /// Who selects a symbol, by its id.
    pub(crate) selected_by: Vec<Vec<Reverse>>,
    /// Who implies it.
    pub(crate) implied_by: Vec<Vec<Reverse>>,
    /// Everything that has a value, each behind what it is computed from.
    pub(crate) order: Vec<Node>,
}

impl Symbols {
    /// Whether some Kconfig file defines the symbol (named without `CONFIG_`).
    pub fn defines(&self, name: &str) -> bool {
        self.defined(name).is_some()
    }

    /// What values the symbol has; `None` for one that is not defined.
    pub fn symbol_type(&self, name: &str) -> Option<SymbolType> {
        self.symbols[self.defined(name)?].kind
    }

    /// Where it is defined.
    pub fn places(&self, name: &str) -> Vec<Place> {
        let entries = self.defined(name).map(|id| self.symbols[id].entries.as_slice()).unwrap_or_default();
        entries.iter().map(|entry| entry.place.clone()).collect()
    }

    /// Whether a configuration may set it: it has a prompt.
    pub fn has_prompt(&self, name: &str) -> bool {
        self.defined(name).is_some_and(|id| self.symbols[id].has_prompt())
    }

    /// The names of all that are defined, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter(|(_, id)| self.symbols[**id].is_defined()).map(|(name, _)| name.as_str())
    }

    pub(crate) fn defined(&self, name: &str) -> Option<SymbolId> {
        self.names.get(name).copied().filter(|id| self.symbols[*id].is_defined())
    }
}

impl Names for Symbols {
    fn symbol(&self, id: SymbolId) -> &str {
        &self.symbols[id].name
    }

    fn toolchain(&self, id: MacroId) -> &str {
        &self.macros[id]
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) kind: Option<SymbolType>,
    pub(crate) entries: Vec<Entry>,
    /// The choice whose member it is.
    pub(crate) choice: Option<usize>,
}

impl Symbol {
    pub(crate) fn is_defined(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(crate) fn has_prompt(&self) -> bool {
        self.entries.iter().any(|entry| !entry.prompts.is_empty())
    }
}

/// One `config NAME` block. A symbol may have several.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    /// What is around it.
    pub(crate) scope: usize,
    pub(crate) depends: Vec<Condition>,
    /// The conditions of its prompts, each empty or one.
    pub(crate) prompts: Vec<Property<()>>,
    pub(crate) defaults: Vec<Property<Expr>>,
    pub(crate) ranges: Vec<Property<(Expr, Expr)>>,
}

/// A line with an `if` behind it.
#[derive(Debug, Clone)]
pub(crate) struct Property<T> {
    pub(crate) value: T,
    pub(crate) condition: Option<Expr>,
    pub(crate) place: Place,
}

/// `depends on EXPR`, `if EXPR`, `visible if EXPR`.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) expr: Expr,
    pub(crate) place: Place,
}

/// `if`, `menu` or `choice`: what holds for everything within. The first is the top, without conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) parent: Option<usize>,
    pub(crate) depends: Vec<Condition>,
    /// For prompts alone.
    pub(crate) visible: Vec<Condition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// What is around it, and its own `depends on`.
    pub(crate) scope: usize,
    pub(crate) defaults: Vec<Property<SymbolId>>,
    pub(crate) members: Vec<SymbolId>,
    pub(crate) place: Place,
}

/// A `select` or `imply`, seen from what is selected.
#[derive(Debug, Clone)]
pub(crate) struct Reverse {
    pub(crate) by: SymbolId,
    /// The `config` block it stands in.
    pub(crate) entry: usize,
    pub(crate) condition: Option<Expr>,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Symbol(SymbolId),
    Scope(usize),
    Choice(usize),
}

impl Symbols {
    /// Fills `order`. A cycle is cut where it is met.
    pub(crate) fn arrange(&mut self) {
        let (symbols, scopes) = (self.symbols.len(), self.scopes.len());
        let number = |node: Node| match node {
            Node::Symbol(id) => id,
            Node::Scope(id) => symbols + id,
            Node::Choice(id) => symbols + scopes + id,
        };
        let mut seen = vec![false; symbols + scopes + self.choices.len()];
        let mut order = Vec::with_capacity(seen.len());
        // `m` hangs on it everywhere, so it comes first.
        let all = self.modules.into_iter().chain(0..symbols).map(Node::Symbol);
        for root in all.chain((0..scopes).map(Node::Scope)) {
            let mut waiting = vec![(root, false)];
            while let Some((node, needs_are_done)) = waiting.pop() {
                if needs_are_done {
                    order.push(node);
                    continue;
                }
                if std::mem::replace(&mut seen[number(node)], true) {
                    continue;
                }
                waiting.push((node, true));
                self.needs(node, &mut |need| {
                    if !seen[number(need)] {
                        waiting.push((need, false));
                    }
                });
            }
        }
        self.order = order;
    }

    /// What the value of `node` is computed from.
    fn needs(&self, node: Node, each: &mut impl FnMut(Node)) {
        let visit = |expr: &Expr, each: &mut dyn FnMut(Node)| expr.symbols(&mut |id| each(Node::Symbol(id)));
        match node {
            Node::Scope(id) => {
                let scope = &self.scopes[id];
                scope.parent.into_iter().for_each(|parent| each(Node::Scope(parent)));
                for condition in scope.depends.iter().chain(&scope.visible) {
                    visit(&condition.expr, each);
                }
            }
            Node::Choice(id) => {
                let choice = &self.choices[id];
                each(Node::Scope(choice.scope));
                choice.defaults.iter().filter_map(|default| default.condition.as_ref()).for_each(|e| visit(e, each));
                for &member in &choice.members {
                    self.prompts_need(member, each);
                }
            }
            Node::Symbol(id) => {
                let symbol = &self.symbols[id];
                self.prompts_need(id, each);
                symbol.choice.into_iter().for_each(|choice| each(Node::Choice(choice)));
                for entry in &symbol.entries {
                    for default in &entry.defaults {
                        visit(&default.value, each);
                        default.condition.iter().for_each(|e| visit(e, each));
                    }
                    for range in &entry.ranges {
                        visit(&range.value.0, each);
                        visit(&range.value.1, each);
                        range.condition.iter().for_each(|e| visit(e, each));
                    }
                }
                for reverse in self.selected_by[id].iter().chain(&self.implied_by[id]) {
                    each(Node::Symbol(reverse.by));
                    reverse.condition.iter().for_each(|e| visit(e, each));
                    let entry = &self.symbols[reverse.by].entries[reverse.entry];
                    each(Node::Scope(entry.scope));
                    entry.depends.iter().for_each(|condition| visit(&condition.expr, each));
                }
            }
        }
    }

    fn prompts_need(&self, id: SymbolId, each: &mut impl FnMut(Node)) {
        for entry in &self.symbols[id].entries {
            each(Node::Scope(entry.scope));
            let conditions = entry.depends.iter().map(|condition| &condition.expr);
            let prompts = entry.prompts.iter().filter_map(|prompt| prompt.condition.as_ref());
            conditions.chain(prompts).for_each(|expr| expr.symbols(&mut |id| each(Node::Symbol(id))));
        }
    }
}
