//! bash's `{a,b}` and `{1..3}`, taken apart before anything else is done with a word.

use crate::Stop;
use crate::parse::Parser;
use crate::syntax::{Part, Word};

/// No list of words is longer.
const MAX_WORDS: usize = 10_000;
/// Braces within braces.
const MAX_DEPTH: usize = 20;

/// A letter as written, or a part that braces do not look into.
#[derive(Debug, Clone)]
enum Item {
    Letter(char),
    Part(Part),
}

impl Parser {
    /// Adds the words that `word` stands for.
    pub(crate) fn braced(&mut self, word: Word, words: &mut Vec<Word>) -> Result<(), Stop> {
        if self.bash {
            words.extend(expand(word, self.line)?);
        } else {
            words.push(word);
        }
        Ok(())
    }
}

/// The words that `word` stands for.
pub(crate) fn expand(word: Word, line: usize) -> Result<Vec<Word>, Stop> {
    if !word.iter().any(|part| matches!(part, Part::Text(text) if text.contains('{'))) {
        return Ok(vec![word]);
    }
    let mut items = Vec::new();
    for part in word {
        match part {
            Part::Text(text) => items.extend(text.chars().map(Item::Letter)),
            part => items.push(Item::Part(part)),
        }
    }
    let words = alternatives(&items, 0).map_err(|what| Stop::new(line, what))?;
    Ok(words.into_iter().map(assemble).collect())
}

fn alternatives(items: &[Item], depth: usize) -> Result<Vec<Vec<Item>>, String> {
    if depth > MAX_DEPTH {
        return Err("braces are nested too deep".to_owned());
    }
    for (open, _) in items.iter().enumerate().filter(|(_, item)| letter(item) == Some('{')) {
        let Some((commas, close)) = matching(items, open) else { continue };
        let found = if commas.is_empty() {
            match sequence(&items[open + 1..close])? {
                Some(found) => found,
                None => continue,
            }
        } else {
            let mut found = Vec::new();
            let mut begin = open + 1;
            for end in commas.into_iter().chain([close]) {
                found.extend(alternatives(&items[begin..end], depth + 1)?);
                begin = end + 1;
            }
            found
        };
        let after = alternatives(&items[close + 1..], depth + 1)?;
        let total: usize = found.len().saturating_mul(after.len());
        if total > MAX_WORDS || total.saturating_mul(items.len()) > MAX_WORDS * 100 {
            return Err("braces that stand for too many words".to_owned());
        }
        let mut words = Vec::new();
        for middle in &found {
            for after in &after {
                words.push([&items[..open], middle, after].concat());
            }
        }
        return Ok(words);
    }
    Ok(vec![items.to_vec()])
}

/// The commas and the end of what the brace at `open` begins.
fn matching(items: &[Item], open: usize) -> Option<(Vec<usize>, usize)> {
    let mut depth = 0usize;
    let mut commas = Vec::new();
    for (at, item) in items.iter().enumerate().skip(open + 1) {
        match letter(item) {
            Some('{') => depth += 1,
            Some('}') if depth == 0 => return Some((commas, at)),
            Some('}') => depth -= 1,
            Some(',') if depth == 0 => commas.push(at),
            _ => {}
        }
    }
    None
}

/// `1..3`, `a..c`, and either with a step.
fn sequence(items: &[Item]) -> Result<Option<Vec<Vec<Item>>>, String> {
    let Some(text) = items.iter().map(letter).collect::<Option<String>>() else { return Ok(None) };
    let pieces: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match pieces.as_slice() {
        [first, last] => (*first, *last, Some(1)),
        [first, last, step] => (*first, *last, step.parse::<i64>().ok()),
        _ => return Ok(None),
    };
    let Some(step) = step else { return Ok(None) };
    let step = step.unsigned_abs().max(1);
    if let (Ok(from), Ok(to)) = (first.parse::<i64>(), last.parse::<i64>()) {
        if from.abs_diff(to) / step >= MAX_WORDS as u64 {
            return Err("braces that stand for too many words".to_owned());
        }
        let padded = |text: &str| {
            let digits = text.trim_start_matches(['-', '+']);
            digits.len() > 1 && digits.starts_with('0')
        };
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        let numbers = (0..=from.abs_diff(to) / step).map(|index| {
            let away = (index * step) as i64;
            let number = if from <= to { from.wrapping_add(away) } else { from.wrapping_sub(away) };
            format!("{number:0width$}").chars().map(Item::Letter).collect()
        });
        return Ok(Some(numbers.collect()));
    }
    let ends = [first, last].map(|text| {
        let mut letters = text.chars();
        letters.next().filter(|c| c.is_ascii_alphabetic() && letters.next().is_none())
    });
    let [Some(from), Some(to)] = ends else { return Ok(None) };
    if from.is_ascii_lowercase() != to.is_ascii_lowercase() {
        return Err(format!("`{{{text}}}` is not followed"));
    }
    let (from, to) = (u32::from(from), u32::from(to));
    let step = u32::try_from(step).unwrap_or(u32::MAX);
    let letters = (0..=from.abs_diff(to) / step).map(|index| {
        let code = if from <= to { from + index * step } else { from - index * step };
        char::from_u32(code).map(Item::Letter).into_iter().collect()
    });
    Ok(Some(letters.collect()))
}

fn letter(item: &Item) -> Option<char> {
    match item {
        Item::Letter(c) => Some(*c),
        Item::Part(_) => None,
    }
}

fn assemble(items: Vec<Item>) -> Word {
    let mut word = Vec::new();
    for item in items {
        match (item, word.last_mut()) {
            (Item::Letter(c), Some(Part::Text(text))) => text.push(c),
            (Item::Letter(c), _) => word.push(Part::Text(c.to_string())),
            (Item::Part(part), _) => word.push(part),
        }
    }
    word
}
