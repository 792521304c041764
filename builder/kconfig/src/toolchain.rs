//! What the toolchain answered, told from the configuration that it led to.
//!
//! Macros such as `$(cc-option,-mfoo)` are taken as `y`. Where a symbol that hangs on one came out otherwise, the macro is what
//! the configuration says: `def_bool $(cc-option,-mfoo)` with `# CONFIG_CC_HAS_FOO is not set` is a compiler without `-mfoo`.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::expr::{Expr, MacroId, Term, Tristate};
use crate::symbols::{Symbol, SymbolType, Symbols};
use crate::values::{Asked, Values, Wishes, asked};

/// How often answers are looked at again in the light of others: hardly one hangs on another.
const ROUNDS: usize = 4;

/// An answer for each macro.
pub(crate) fn answers(symbols: &Symbols, config: &Config, wishes: &Wishes) -> Vec<String> {
    let mut answers = vec!["y".to_owned(); symbols.macros.len()];
    for symbol in symbols.symbols.iter().filter(|symbol| !symbol.has_prompt()) {
        texts(symbols, symbol, config, &mut answers);
    }
    let mut asking: Vec<(usize, Vec<MacroId>)> = (0..symbols.symbols.len())
        .map(|id| (id, switches(&symbols.symbols[id])))
        .filter(|(_, macros)| !macros.is_empty())
        .collect();
    // Who asks one thing alone knows best.
    asking.sort_by_key(|(_, macros)| macros.len());

    for _ in 0..ROUNDS {
        let values = Values::compute(symbols, wishes, &answers);
        let mut now: BTreeSet<MacroId> = BTreeSet::new();
        for (id, macros) in &asking {
            let symbol = &symbols.symbols[*id];
            let line = config.get(&symbol.name);
            let seen = values.visible(*id) != Tristate::N;
            let otherwise = match line {
                _ if !symbol.has_prompt() => values.switch(*id).as_str() != line.unwrap_or("n"),
                // What can be seen has a line, be it `is not set`; what is on may be so without being seen.
                Some("n") => !seen,
                Some(_) => false,
                None => seen,
            };
            if otherwise && !macros.iter().any(|id| now.contains(id)) {
                now.extend(macros);
            }
        }
        if now.is_empty() {
            break;
        }
        for id in now {
            let turned = if answers[id] == "n" { "y" } else { "n" };
            turned.clone_into(&mut answers[id]);
        }
    }
    answers
}

/// Numbers and texts that are a macro's answer and nothing else: the compiler's version.
fn texts(symbols: &Symbols, symbol: &Symbol, config: &Config, answers: &mut [String]) {
    let (Some(kind), Some(value)) = (symbol.kind, config.get(&symbol.name)) else { return };
    if kind.is_switch() {
        return;
    }
    let defaults = || symbol.entries.iter().flat_map(|entry| &entry.defaults);
    // `default 0` behind `default $(cc-version) if CC_IS_CLANG` says nothing of the compiler that is there.
    let otherwise = defaults().any(|default| match &default.value {
        Expr::Term(Term::Symbol(id)) => symbols.symbols[*id].name == value,
        Expr::Term(Term::Constant(text)) => text == value,
        _ => false,
    });
    if otherwise {
        return;
    }
    for default in defaults() {
        if let (Expr::Term(Term::Macro(id)), Some(Asked::Text(text))) = (&default.value, asked(kind, value)) {
            answers[*id] = text.to_string();
        }
    }
}

/// The macros that decide whether a switch is there.
fn switches(symbol: &Symbol) -> Vec<MacroId> {
    let mut found = Vec::new();
    if symbol.kind.is_none_or(|kind| !matches!(kind, SymbolType::Bool | SymbolType::Tristate)) {
        return found;
    }
    let mut note = |id| found.push(id);
    for entry in &symbol.entries {
        entry.depends.iter().for_each(|condition| condition.expr.macros(&mut note));
        entry.prompts.iter().filter_map(|prompt| prompt.condition.as_ref()).for_each(|e| e.macros(&mut note));
        if entry.prompts.is_empty() {
            for default in &entry.defaults {
                default.value.macros(&mut note);
                default.condition.iter().for_each(|e| e.macros(&mut note));
            }
        }
    }
    found
}
