//! `sort` and `uniq`.

use std::cmp::Ordering;

use super::split_lines;
use crate::shell::{Go, Shell};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct How {
    numeric: bool,
    reverse: bool,
    fold: bool,
    blanks: bool,
}

/// Fields from one.
#[derive(Debug, Clone, Copy)]
struct Key {
    first: usize,
    first_byte: usize,
    /// Zero for the end of the line.
    last: usize,
    last_byte: usize,
    how: How,
}

pub(super) fn sort(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let long = [
        ("unique", 'u'),
        ("numeric-sort", 'n'),
        ("reverse", 'r'),
        ("key", 'k'),
        ("field-separator", 't'),
        ("stable", 's'),
        ("ignore-case", 'f'),
    ];
    let options = shell.tool_options(words, "unrk:t:sfb", &long, true)?;
    let how =
        How { numeric: options.has('n'), reverse: options.has('r'), fold: options.has('f'), blanks: options.has('b') };
    let separator = match options.value('t').map(str::as_bytes) {
        None => None,
        Some([one]) => Some(*one),
        Some(_) => return Err(shell.stop("`sort -t` takes one byte")),
    };
    let mut keys = Vec::new();
    for text in options.values('k') {
        match key(text, how) {
            Some(key) => keys.push(key),
            None => return Err(shell.stop(format!("`sort -k {text}` is not followed"))),
        }
    }
    let (all, missing) = shell.tool_inputs("sort", &options.operands)?;
    if missing {
        return Ok(2);
    }
    let mut lines: Vec<&[u8]> = split_lines(&all).collect();
    shell.meter.step(lines.len().saturating_mul(1 + keys.len()) + all.len() / 64, shell.line)?;
    let by_keys = |left: &&[u8], right: &&[u8]| {
        if keys.is_empty() {
            return compare(left, right, how);
        }
        let orders = keys.iter().map(|key| compare(key.of(left, separator), key.of(right, separator), key.how));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let bytewise = !options.has('s') && !options.has('u');
    lines.sort_by(|left, right| {
        let order = by_keys(left, right);
        match order {
            Ordering::Equal if bytewise && how.reverse => right.cmp(left),
            Ordering::Equal if bytewise => left.cmp(right),
            order => order,
        }
    });
    if options.has('u') {
        lines.dedup_by(|right, left| by_keys(left, right) == Ordering::Equal);
    }
    let mut out = Vec::with_capacity(all.len());
    for line in lines {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    shell.tool_output(&out, 0)
}

fn compare(left: &[u8], right: &[u8], how: How) -> Ordering {
    let order = if how.numeric {
        compare_numbers(left, right)
    } else {
        let trim = |text: &[u8]| -> Vec<u8> {
            let text = if how.blanks { skip_blanks(text) } else { text };
            if how.fold { text.to_ascii_uppercase() } else { text.to_vec() }
        };
        if how.blanks || how.fold { trim(left).cmp(&trim(right)) } else { left.cmp(right) }
    };
    if how.reverse { order.reverse() } else { order }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text.get(blanks..).unwrap_or_default()
}

/// Numbers of any length: sign, digits, fraction.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (number(left), number(right));
    match (left.0, right.0) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (negative, _) => {
            let order = left.1.len().cmp(&right.1.len()).then(left.1.cmp(right.1)).then(left.2.cmp(right.2));
            if negative { order.reverse() } else { order }
        }
    }
}

/// Whether it is below zero, the digits before the point without leading zeros, those after it without trailing ones.
fn number(text: &[u8]) -> (bool, &[u8], &[u8]) {
    let text = skip_blanks(text);
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(digits(text));
    let zeros = whole.iter().take_while(|&&byte| byte == b'0').count();
    let whole = &whole[zeros..];
    let fraction = match rest.split_first() {
        Some((b'.', rest)) => &rest[..digits(rest)],
        _ => &[],
    };
    let zeros = fraction.iter().rev().take_while(|&&byte| byte == b'0').count();
    let fraction = &fraction[..fraction.len() - zeros];
    (negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
}

/// `F[.C][OPTS][,F[.C][OPTS]]`.
fn key(text: &str, global: How) -> Option<Key> {
    let (begin, end) = match text.split_once(',') {
        Some((begin, end)) => (begin, Some(end)),
        None => (text, None),
    };
    let mut how = How::default();
    let mut position = |text: &str| -> Option<(usize, usize)> {
        let numbers = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        for letter in text[numbers.len()..].chars() {
            match letter {
                'n' => how.numeric = true,
                'r' => how.reverse = true,
                'f' => how.fold = true,
                'b' => how.blanks = true,
                _ => return None,
            }
        }
        match numbers.split_once('.') {
            Some((field, byte)) => Some((field.parse().ok()?, byte.parse().ok()?)),
            None => Some((numbers.parse().ok()?, 0)),
        }
    };
    let (first, first_byte) = position(begin)?;
    let (last, last_byte) = match end {
        Some(end) => position(end)?,
        None => (0, 0),
    };
    if first == 0 || end.is_some() && last == 0 {
        return None;
    }
    let how = if how == How::default() { global } else { how };
    Some(Key { first, first_byte: first_byte.max(1), last, last_byte, how })
}

impl Key {
    fn of<'l>(&self, line: &'l [u8], separator: Option<u8>) -> &'l [u8] {
        let begin = field(line, self.first, separator).0;
        let blanks = |from: usize| if self.how.blanks { line.len() - skip_blanks(&line[from..]).len() } else { from };
        let begin = (blanks(begin) + self.first_byte - 1).min(line.len());
        let end = match (self.last, self.last_byte) {
            (0, _) => line.len(),
            (last, 0) => field(line, last, separator).1,
            (last, byte) => blanks(field(line, last, separator).0).saturating_add(byte).min(line.len()),
        };
        &line[begin..end.max(begin)]
    }
}

/// Where a field begins and ends. Without a separator the blanks before a field belong to it.
fn field(line: &[u8], wanted: usize, separator: Option<u8>) -> (usize, usize) {
    let mut begin = 0;
    for number in 1.. {
        let rest = &line[begin..];
        let length = match separator {
            Some(separator) => rest.iter().position(|&byte| byte == separator).unwrap_or(rest.len()),
            None => {
                let blanks = rest.len() - skip_blanks(rest).len();
                let word = rest[blanks..].iter().position(|byte| matches!(byte, b' ' | b'\t'));
                word.map_or(rest.len(), |word| blanks + word)
            }
        };
        let end = begin + length;
        if number == wanted {
            return (begin, end);
        }
        if end >= line.len() {
            break;
        }
        begin = end + usize::from(separator.is_some());
    }
    (line.len(), line.len())
}

pub(super) fn uniq(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "cdui", &[("count", 'c'), ("repeated", 'd'), ("unique", 'u')], true)?;
    if options.operands.len() > 1 {
        return Err(shell.stop("`uniq` with an output file is not followed"));
    }
    let (all, missing) = shell.tool_inputs("uniq", &options.operands)?;
    let same =
        |left: &[u8], right: &[u8]| if options.has('i') { left.eq_ignore_ascii_case(right) } else { left == right };
    let mut groups: Vec<(usize, &[u8])> = Vec::new();
    for line in split_lines(&all) {
        match groups.last_mut() {
            Some((count, first)) if same(first, line) => *count += 1,
            _ => groups.push((1, line)),
        }
    }
    let mut out = Vec::new();
    for (count, line) in groups {
        if options.has('d') && count == 1 || options.has('u') && count > 1 {
            continue;
        }
        if options.has('c') {
            out.extend(format!("{count:7} ").into_bytes());
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    shell.tool_output(&out, u8::from(missing))
}
