//! bash's assignments: `NAME+=VALUE`, `NAME[SUBSCRIPT]=VALUE`, `NAME=(…)`.

use crate::parse::rest;
use crate::syntax::{Assignment, Part, Word};
use crate::word::{is_name, is_name_start};

/// `NAME=…`, `NAME+=…` or one of them with a subscript, taken apart.
pub(crate) fn assignment(word: &Word) -> Option<Assignment> {
    let Some(Part::Text(text)) = word.first() else { return None };
    let length = text.chars().take_while(|&c| is_name_start(c) || c.is_ascii_digit()).count();
    let (name, after) = text.split_at(length);
    if !is_name(name) {
        return None;
    }
    let (subscript, at, after) = match after.strip_prefix('[') {
        None => (None, 0, after),
        Some(after) => {
            let (subscript, at, after) = subscript(word, after)?;
            (Some(subscript), at, after)
        }
    };
    let append = after.starts_with("+=");
    let value = if append { after.get(2..)? } else { after.strip_prefix('=')? };
    Some(Assignment { name: name.to_owned(), subscript, append, value: rest(word, at, value) })
}

/// Whether `text` is all that stands before the value of an assignment to a whole variable.
pub(crate) fn is_assigned(text: &str) -> bool {
    text.strip_suffix('=').map(|text| text.strip_suffix('+').unwrap_or(text)).is_some_and(is_name)
}

/// `[SUBSCRIPT]=VALUE` among the values of an array; nothing for a plain value.
pub(crate) fn element(word: &Word) -> Result<Option<(Word, Word)>, String> {
    let Some(Part::Text(text)) = word.first() else { return Ok(None) };
    let Some(after) = text.strip_prefix('[') else { return Ok(None) };
    let Some((subscript, at, after)) = subscript(word, after) else { return Ok(None) };
    if after.starts_with("+=") {
        return Err("`+=` among the values of an array is not followed".to_owned());
    }
    Ok(after.strip_prefix('=').map(|value| (subscript, rest(word, at, value))))
}

/// What stands before the `]` of a word whose first part is left with `text`; that `]`'s part, and what is left of it.
fn subscript<'w>(word: &'w Word, text: &'w str) -> Option<(Word, usize, &'w str)> {
    let mut found = Vec::new();
    for (at, part) in word.iter().enumerate() {
        let text = match (at, part) {
            (0, _) => text,
            (_, Part::Text(text)) => text,
            _ => {
                found.push(part.clone());
                continue;
            }
        };
        if let Some((inside, after)) = text.split_once(']') {
            found.push(Part::Text(inside.to_owned()));
            return Some((found, at, after));
        }
        found.push(Part::Text(text.to_owned()));
    }
    None
}
