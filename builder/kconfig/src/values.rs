//! What all symbols come out as: the rules of `conf` (`scripts/kconfig/symbol.c`), in one pass over [`Symbols::order`].
//!
//! | symbol            | its value                                                                              |
//! |-------------------|----------------------------------------------------------------------------------------|
//! | with a prompt     | what was asked for, as far as dependencies allow; at least what selects it             |
//! | without           | the first default whose condition holds, at least what selects it                      |
//! | member of a choice| `y` for the one asked for last, else the default, else the first                       |
//! | number, text      | what was asked for, else the first default, within the range                           |
//!
//! The kernel's own `make olddefconfig` stays the authority; here it is only about what to try.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::config::Config;
use crate::expr::{Expr, SymbolId, Term, Tristate};
use crate::symbols::{Choice, Entry, Node, Property, Reverse, Symbol, SymbolType, Symbols};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Switch(Tristate),
    Text(Arc<str>),
}

/// What was asked for, by symbol; the number says in which order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    asked: Vec<Option<(Asked, usize)>>,
    last: usize,
}

impl Wishes {
    /// The symbols of a configuration.
    pub(crate) fn of(symbols: &Symbols, config: &Config) -> Wishes {
        let mut wishes = Wishes { asked: vec![None; symbols.symbols.len()], last: 0 };
        for (name, value) in config.iter() {
            if let Some(id) = symbols.defined(name) {
                wishes.ask(symbols, id, value);
            }
        }
        wishes
    }

    /// One more, which overrules an earlier one. A value that the symbol's type does not have is passed over.
    pub(crate) fn ask(&mut self, symbols: &Symbols, id: SymbolId, value: &str) {
        let Some(kind) = symbols.symbols[id].kind else { return };
        if let Some(asked) = asked(kind, value) {
            self.last += 1;
            self.asked[id] = Some((asked, self.last));
        }
    }

    fn get(&self, id: SymbolId) -> Option<&Asked> {
        self.asked[id].as_ref().map(|(asked, _)| asked)
    }
}

/// `value` as it is written in a configuration, if the type has it.
pub(crate) fn asked(kind: SymbolType, value: &str) -> Option<Asked> {
    match kind {
        SymbolType::Bool => Tristate::parse(value).filter(|value| *value != Tristate::M).map(Asked::Switch),
        SymbolType::Tristate => Tristate::parse(value).map(Asked::Switch),
        SymbolType::String => {
            let inner = value.strip_prefix('"')?.strip_suffix('"')?;
            let mut text = String::new();
            let mut escaped = false;
            for c in inner.chars() {
                if c == '\\' && !escaped {
                    escaped = true;
                } else {
                    escaped = false;
                    text.push(c);
                }
            }
            Some(Asked::Text(text.into()))
        }
        SymbolType::Int => value.parse::<i64>().ok().map(|_| Asked::Text(value.into())),
        SymbolType::Hex => hexadecimal(value).map(|_| Asked::Text(value.into())),
    }
}

/// What all symbols come out as.
#[derive(Debug, Clone)]
pub(crate) struct Values<'a> {
    symbols: &'a Symbols,
    toolchain: &'a [String],
    switches: Vec<Tristate>,
    texts: Vec<Arc<str>>,
    visible: Vec<Tristate>,
    selected: Vec<Tristate>,
    scopes: Vec<(Tristate, Tristate)>,
}

impl<'a> Values<'a> {
    /// `toolchain` has an answer for each macro.
    pub(crate) fn compute(symbols: &'a Symbols, wishes: &Wishes, toolchain: &'a [String]) -> Values<'a> {
        let count = symbols.symbols.len();
        let empty: Arc<str> = "".into();
        let mut values = Values {
            symbols,
            toolchain,
            switches: vec![Tristate::N; count],
            texts: vec![empty; count],
            visible: vec![Tristate::N; count],
            selected: vec![Tristate::N; count],
            scopes: vec![(Tristate::Y, Tristate::Y); symbols.scopes.len()],
        };
        for node in &symbols.order {
            match *node {
                Node::Scope(id) => {
                    let scope = &symbols.scopes[id];
                    let (depends, visible) = scope.parent.map_or((Tristate::Y, Tristate::Y), |up| values.scopes[up]);
                    let both = |from: Tristate, conditions: &[crate::symbols::Condition], values: &Values<'_>| {
                        conditions.iter().fold(from, |all, condition| all.min(values.expr(&condition.expr)))
                    };
                    values.scopes[id] =
                        (both(depends, &scope.depends, &values), both(visible, &scope.visible, &values));
                }
                Node::Choice(id) => values.choice(&symbols.choices[id], wishes),
                Node::Symbol(id) => values.symbol(id, wishes),
            }
        }
        values
    }

    /// The value of a `bool` or `tristate` symbol; `n` for others.
    pub(crate) fn switch(&self, id: SymbolId) -> Tristate {
        self.switches[id]
    }

    /// How far its prompts can be seen: what a configuration may set it to at most.
    pub(crate) fn visible(&self, id: SymbolId) -> Tristate {
        self.visible[id]
    }

    /// What it is at least, for others select it.
    pub(crate) fn selected(&self, id: SymbolId) -> Tristate {
        self.selected[id]
    }

    /// Whether modules can be made.
    pub(crate) fn modules(&self) -> bool {
        self.symbols.modules.is_some_and(|id| self.switches[id] != Tristate::N)
    }

    /// As it would stand in a configuration.
    pub(crate) fn written(&self, id: SymbolId) -> String {
        match self.symbols.symbols[id].kind {
            Some(SymbolType::String) => {
                format!("\"{}\"", self.texts[id].replace('\\', "\\\\").replace('"', "\\\""))
            }
            _ => self.text(id).to_owned(),
        }
    }

    /// Whether a symbol has `value`, as a configuration would write it.
    pub(crate) fn is(&self, id: SymbolId, value: &str) -> bool {
        match self.symbols.symbols[id].kind {
            Some(kind) => match asked(kind, value) {
                Some(Asked::Switch(switch)) => self.switches[id] == switch,
                Some(Asked::Text(text)) => self.texts[id] == text,
                None => false,
            },
            None => value == "n",
        }
    }

    /// The value of an expression where it is a condition.
    pub(crate) fn expr(&self, expr: &Expr) -> Tristate {
        match expr {
            Expr::Term(term) => self.term(term, true),
            Expr::Compare(left, relation, right) => {
                if relation.holds(self.compare(left, right)) {
                    Tristate::Y
                } else {
                    Tristate::N
                }
            }
            Expr::Not(inner) => !self.expr(inner),
            Expr::All(parts) => parts.iter().fold(Tristate::Y, |all, part| all.min(self.expr(part))),
            Expr::Any(parts) => parts.iter().fold(Tristate::N, |any, part| any.max(self.expr(part))),
        }
    }

    /// What is around an entry and its own `depends on`.
    pub(crate) fn depends(&self, entry: &Entry) -> Tristate {
        let conditions = entry.depends.iter();
        conditions.fold(self.scopes[entry.scope].0, |all, condition| all.min(self.expr(&condition.expr)))
    }

    /// What a `select` or `imply` lends to its target.
    pub(crate) fn lent(&self, reverse: &Reverse) -> Tristate {
        let entry = &self.symbols.symbols[reverse.by].entries[reverse.entry];
        let condition = reverse.condition.as_ref().map_or(Tristate::Y, |condition| self.expr(condition));
        self.switches[reverse.by].min(condition).min(self.depends(entry))
    }

    /// Whether a default of `entry` is to be taken, and how far.
    pub(crate) fn holds(&self, entry: &Entry, condition: Option<&Expr>) -> Tristate {
        self.depends(entry).min(condition.map_or(Tristate::Y, |condition| self.expr(condition)))
    }

    /// The value of an expression where it is a value: there, `m` is not turned into `n` without modules.
    fn value(&self, expr: &Expr) -> Tristate {
        match expr {
            Expr::Term(term) => self.term(term, false),
            _ => self.expr(expr),
        }
    }

    fn term(&self, term: &Term, condition: bool) -> Tristate {
        match term {
            Term::Symbol(id) => self.switches[*id],
            Term::Constant(text) => match Tristate::parse(text) {
                Some(Tristate::M) if condition && !self.modules() => Tristate::N,
                value => value.unwrap_or_default(),
            },
            Term::Macro(id) => Tristate::parse(&self.toolchain[*id]).unwrap_or_default(),
        }
    }

    /// The text of a symbol: `y`, `m`, `n`, a number, a text, or its name where it is not defined.
    fn text(&self, id: SymbolId) -> &str {
        let symbol = &self.symbols.symbols[id];
        match symbol.kind {
            None => &symbol.name,
            Some(kind) if kind.is_switch() => self.switches[id].as_str(),
            Some(_) => &self.texts[id],
        }
    }

    /// A term as text, and what type that text has where it is compared.
    fn operand<'t>(&'t self, term: &'t Term) -> (&'t str, Option<SymbolType>) {
        match term {
            Term::Symbol(id) => (self.text(*id), self.symbols.symbols[*id].kind),
            Term::Constant(text) => (text, Tristate::parse(text).map(|_| SymbolType::Tristate)),
            Term::Macro(id) => (&self.toolchain[*id], None),
        }
    }

    fn compare(&self, left: &Term, right: &Term) -> Ordering {
        let ((left, left_kind), (right, right_kind)) = (self.operand(left), self.operand(right));
        let texts = left_kind == Some(SymbolType::String) && right_kind == Some(SymbolType::String);
        match (number(left, left_kind), number(right, right_kind)) {
            (Some(left), Some(right)) if !texts => left.cmp(&right),
            _ => left.cmp(right),
        }
    }

    fn see(&mut self, id: SymbolId) {
        let symbol = &self.symbols.symbols[id];
        let mut visible = Tristate::N;
        for entry in &symbol.entries {
            for prompt in &entry.prompts {
                let holds = self.holds(entry, prompt.condition.as_ref());
                visible = visible.max(holds.min(self.scopes[entry.scope].1));
            }
        }
        if visible == Tristate::M && (symbol.kind != Some(SymbolType::Tristate) || !self.modules()) {
            visible = Tristate::Y;
        }
        self.visible[id] = visible;
    }

    fn choice(&mut self, choice: &Choice, wishes: &Wishes) {
        for &member in &choice.members {
            self.see(member);
        }
        let seen = || choice.members.iter().copied().filter(|member| self.visible[*member] != Tristate::N);
        let wish = |member: SymbolId| match wishes.asked[member] {
            Some((Asked::Switch(switch), at)) => Some((switch, at)),
            _ => None,
        };
        let on = seen().filter_map(|member| wish(member).map(|wish| (wish, member)));
        let asked = on.filter(|((switch, _), _)| *switch == Tristate::Y).max_by_key(|((_, at), _)| *at);
        let asked = asked.map(|(_, member)| member);
        let default = || {
            let defaults = choice.defaults.iter().filter(|default| {
                let condition = default.condition.as_ref().map_or(Tristate::Y, |condition| self.expr(condition));
                condition.min(self.scopes[choice.scope].0) != Tristate::N
            });
            let named = defaults.map(|default| default.value).find(|member| self.visible[*member] != Tristate::N);
            named.or_else(|| seen().next()).filter(|member| !matches!(wish(*member), Some((Tristate::N, _))))
        };
        let taken = asked
            .or_else(default)
            .or_else(|| seen().find(|member| wish(*member).is_none()))
            // All are asked to be off, which cannot be: the one that was first.
            .or_else(|| seen().min_by_key(|member| wish(*member).map(|(_, at)| at)));
        for &member in &choice.members {
            self.switches[member] = if taken == Some(member) { Tristate::Y } else { Tristate::N };
        }
    }

    fn symbol(&mut self, id: SymbolId, wishes: &Wishes) {
        let symbols = self.symbols;
        let symbol = &symbols.symbols[id];
        let Some(kind) = symbol.kind else { return };
        if symbol.choice.is_some() {
            return;
        }
        self.see(id);
        if kind.is_switch() {
            self.switches[id] = self.computed(id, symbol, kind, wishes);
        } else {
            self.texts[id] = self.computed_text(id, symbol, kind, wishes);
        }
    }

    fn computed(&mut self, id: SymbolId, symbol: &Symbol, kind: SymbolType, wishes: &Wishes) -> Tristate {
        let bool = kind == SymbolType::Bool || !self.modules() && Some(id) != self.symbols.modules;
        let whole = |value: Tristate| if bool && value == Tristate::M { Tristate::Y } else { value };
        let lent = |all: &[Reverse]| all.iter().fold(Tristate::N, |most, reverse| most.max(self.lent(reverse)));
        let selected = whole(lent(&self.symbols.selected_by[id]));
        let implied = whole(lent(&self.symbols.implied_by[id]));
        let value = match wishes.get(id) {
            Some(Asked::Switch(asked)) if self.visible[id] != Tristate::N => (*asked).min(self.visible[id]),
            _ => {
                let mut value = self.default(symbol).map_or(Tristate::N, |(expr, holds)| self.value(expr).min(holds));
                if implied != Tristate::N {
                    value = value.max(implied).min(whole(self.direct(symbol)));
                }
                value
            }
        };
        self.selected[id] = selected;
        whole(value.max(selected))
    }

    /// What the symbol's own dependencies allow. A block without any says nothing, where another has some.
    fn direct(&self, symbol: &Symbol) -> Tristate {
        let bare = |entry: &&Entry| !(entry.depends.is_empty() && entry.scope == 0);
        let most = symbol.entries.iter().filter(bare).map(|entry| self.depends(entry)).max();
        most.unwrap_or(Tristate::Y)
    }

    /// The first default that holds, and how far.
    pub(crate) fn default<'s>(&self, symbol: &'s Symbol) -> Option<(&'s Expr, Tristate)> {
        let all = symbol.entries.iter().flat_map(|entry| entry.defaults.iter().map(move |default| (entry, default)));
        let mut holding = all.map(|(entry, default)| (&default.value, self.holds(entry, default.condition.as_ref())));
        holding.find(|(_, holds)| *holds != Tristate::N)
    }

    fn computed_text(&self, id: SymbolId, symbol: &Symbol, kind: SymbolType, wishes: &Wishes) -> Arc<str> {
        let value: Arc<str> = match wishes.get(id) {
            Some(Asked::Text(text)) if self.visible[id] != Tristate::N => text.clone(),
            _ => match self.default(symbol) {
                Some((Expr::Term(term), _)) => self.operand(term).0.into(),
                _ => match kind {
                    SymbolType::Int => "0".into(),
                    SymbolType::Hex => "0x0".into(),
                    _ => "".into(),
                },
            },
        };
        let Some((least, most)) = self.range(id) else { return value };
        let number = |text: &str| number(text, Some(kind)).unwrap_or_default();
        if number(&value) < number(&least) {
            least.into()
        } else if number(&value) > number(&most) {
            most.into()
        } else {
            value
        }
    }

    /// The range that holds for a number.
    pub(crate) fn range(&self, id: SymbolId) -> Option<(String, String)> {
        let symbol = &self.symbols.symbols[id];
        if !matches!(symbol.kind, Some(SymbolType::Int | SymbolType::Hex)) {
            return None;
        }
        let all = symbol.entries.iter().flat_map(|entry| entry.ranges.iter().map(move |range| (entry, range)));
        let mut holding = all.filter(|(entry, range)| self.holds(entry, range.condition.as_ref()) != Tristate::N);
        holding.next().map(|(_, range)| self.ends(range))
    }

    /// The ends of a range.
    pub(crate) fn ends(&self, range: &Property<(Expr, Expr)>) -> (String, String) {
        let end = |expr: &Expr| match expr {
            Expr::Term(term) => self.operand(term).0.to_owned(),
            _ => String::new(),
        };
        (end(&range.value.0), end(&range.value.1))
    }
}

/// A number, as a side of a comparison is read.
pub(crate) fn number(text: &str, kind: Option<SymbolType>) -> Option<i128> {
    match kind {
        Some(SymbolType::Bool | SymbolType::Tristate) => Some(Tristate::parse(text).map_or(-1, |value| value as i128)),
        Some(SymbolType::Int) => text.parse::<i64>().ok().map(i128::from),
        Some(SymbolType::Hex) => hexadecimal(text),
        Some(SymbolType::String) | None => {
            let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
            if digits.starts_with("0x") || digits.starts_with("0X") {
                hexadecimal(digits).map(|value| sign * value)
            } else if digits.len() > 1 && digits.starts_with('0') {
                i64::from_str_radix(digits, 8).ok().map(|value| sign * i128::from(value))
            } else {
                digits.parse::<u64>().ok().map(|value| sign * i128::from(value))
            }
        }
    }
}

fn hexadecimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(i128::from)
}
