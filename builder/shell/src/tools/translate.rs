//! `tr`.

use crate::pattern;
use crate::shell::{Go, Shell};

pub(super) fn tr(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let long = [("delete", 'd'), ("squeeze-repeats", 's'), ("complement", 'c'), ("truncate-set1", 't')];
    let options = shell.tool_options(words, "dscC", &long, false)?;
    let (delete, squeeze) = (options.has('d'), options.has('s'));
    let complement = options.has('c') || options.has('C');
    let wanted = match (delete, squeeze) {
        (true, false) => 1..=1,
        (true, true) => 2..=2,
        (false, true) => 1..=2,
        (false, false) => 2..=2,
    };
    if !wanted.contains(&options.operands.len()) {
        shell.complain("tr: wrong operands")?;
        return Ok(1);
    }
    let mut sets = Vec::new();
    for text in &options.operands {
        match set(text.as_bytes()) {
            Ok(set) => sets.push(set),
            Err(what) => return Err(shell.stop(format!("`tr {text}`: {what}"))),
        }
    }
    let mut first = sets.first().cloned().unwrap_or_default();
    if complement {
        first = (0..=255u8).filter(|byte| !first.contains(byte)).collect();
    }
    let second = sets.get(1);
    let mut map: [Option<u8>; 256] = std::array::from_fn(|byte| u8::try_from(byte).ok());
    if delete {
        for &byte in &first {
            map[usize::from(byte)] = None;
        }
    } else if let Some(second) = second {
        let Some(&last) = second.last() else {
            return Err(shell.stop("`tr`: an empty second set"));
        };
        for (at, &byte) in first.iter().enumerate() {
            map[usize::from(byte)] = Some(second.get(at).copied().unwrap_or(last));
        }
    }
    let squeezed: &[u8] = if squeeze { second.unwrap_or(&first) } else { &[] };
    let mut out: Vec<u8> = Vec::new();
    for byte in shell.take_stdin()? {
        match map[usize::from(byte)] {
            Some(byte) if squeezed.contains(&byte) && out.last() == Some(&byte) => {}
            Some(byte) => out.push(byte),
            None => {}
        }
    }
    shell.tool_output(&out, 0)
}

/// The bytes a set stands for, in order.
fn set(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(b"[:") {
            let rest = &text[at + 2..];
            if let Some(length) = rest.windows(2).position(|pair| pair == b":]") {
                let ranges = pattern::class(&rest[..length]).ok_or("an unknown class")?;
                bytes.extend(ranges.iter().flat_map(|&(low, high)| low..=high));
                at += length + 4;
                continue;
            }
        }
        if text[at] == b'['
            && (text.get(at + 2) == Some(&b'*') || text.get(at + 1) == Some(&b'='))
            && text[at..].contains(&b']')
        {
            return Err("repeats and equivalences are not followed");
        }
        let (low, length) = letter(&text[at..]);
        at += length;
        if text.get(at) == Some(&b'-') && at + 1 < text.len() {
            let (high, length) = letter(&text[at + 1..]);
            at += 1 + length;
            if high < low {
                return Err("a range that ends before it begins");
            }
            bytes.extend(low..=high);
        } else {
            bytes.push(low);
        }
    }
    Ok(bytes)
}

/// One byte as written, and how long that was.
fn letter(text: &[u8]) -> (u8, usize) {
    match text {
        [b'\\', b'n', ..] => (b'\n', 2),
        [b'\\', b't', ..] => (b'\t', 2),
        [b'\\', b'r', ..] => (b'\r', 2),
        [b'\\', b'a', ..] => (7, 2),
        [b'\\', b'b', ..] => (8, 2),
        [b'\\', b'f', ..] => (12, 2),
        [b'\\', b'v', ..] => (11, 2),
        [b'\\', b'0'..=b'7', ..] => {
            let digits = text.iter().skip(1).take(3).take_while(|byte| (b'0'..=b'7').contains(byte));
            let (value, length) =
                digits.fold((0u32, 1), |(value, length), digit| (value * 8 + u32::from(digit - b'0'), length + 1));
            ((value & 0xff) as u8, length)
        }
        [b'\\', other, ..] => (*other, 2),
        [byte, ..] => (*byte, 1),
        [] => (0, 1),
    }
}
