//! `cut` and `wc`.

use super::split_lines;
use crate::shell::{Go, Shell};

pub(super) fn cut(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let long = [
        ("delimiter", 'd'),
        ("fields", 'f'),
        ("characters", 'c'),
        ("bytes", 'b'),
        ("only-delimited", 's'),
        ("output-delimiter", 'O'),
        ("complement", 'C'),
    ];
    let options = shell.tool_options(words, "d:f:c:b:sO:C", &long, true)?;
    let list = ['f', 'c', 'b'].into_iter().find_map(|letter| Some((letter, options.value(letter)?)));
    let Some((kind, list)) = list else {
        shell.complain("cut: you must specify a list")?;
        return Ok(1);
    };
    let Some(ranges) = ranges(list) else {
        shell.complain("cut: invalid list")?;
        return Ok(1);
    };
    let delimiter = match options.value('d').map(str::as_bytes) {
        None => b'\t',
        Some([one]) => *one,
        Some(_) => return Err(shell.stop("`cut -d` takes one byte")),
    };
    let between = options.value('O').map_or(vec![delimiter], |text| text.as_bytes().to_vec());
    let wanted = |at: usize| ranges.iter().any(|&(low, high)| (low..=high).contains(&at)) != options.has('C');
    let (all, missing) = shell.tool_inputs("cut", &options.operands)?;
    let mut out = Vec::new();
    for line in split_lines(&all) {
        shell.meter.step(1 + line.len().saturating_mul(ranges.len()) / 4096, shell.line)?;
        if kind != 'f' {
            out.extend(line.iter().enumerate().filter(|(at, _)| wanted(at + 1)).map(|(_, byte)| *byte));
        } else if line.contains(&delimiter) {
            let fields = line.split(|&byte| byte == delimiter).enumerate();
            let fields: Vec<&[u8]> = fields.filter(|(at, _)| wanted(at + 1)).map(|(_, field)| field).collect();
            out.extend(fields.join(between.as_slice()));
        } else if options.has('s') {
            continue;
        } else {
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }
    shell.tool_output(&out, u8::from(missing))
}

/// `1,3-5,7-`.
fn ranges(list: &str) -> Option<Vec<(usize, usize)>> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&number| number > 0);
    list.split([',', ' '])
        .map(|range| match range.split_once('-') {
            None => number(range).map(|one| (one, one)),
            Some(("", "")) => None,
            Some(("", high)) => Some((1, number(high)?)),
            Some((low, "")) => Some((number(low)?, usize::MAX)),
            Some((low, high)) => Some((number(low)?, number(high)?)).filter(|(low, high)| low <= high),
        })
        .collect()
}

pub(super) fn wc(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options =
        shell.tool_options(words, "lwcm", &[("lines", 'l'), ("words", 'w'), ("bytes", 'c'), ("chars", 'm')], true)?;
    if options.operands.len() > 1 {
        return Err(shell.stop("`wc` over several files is not followed"));
    }
    let path = options.operands.first().cloned();
    let Some(bytes) = shell.tool_input("wc", path.as_deref().unwrap_or("-"))? else { return Ok(1) };
    let none = !"lwcm".chars().any(|letter| options.has(letter));
    let mut counts = Vec::new();
    if none || options.has('l') {
        counts.push(bytes.iter().filter(|&&byte| byte == b'\n').count());
    }
    if none || options.has('w') {
        let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 11;
        counts.push(bytes.split(space).filter(|word| !word.is_empty()).count());
    }
    if none || options.has('c') || options.has('m') {
        counts.push(bytes.len());
    }
    let width = match (counts.len(), &path) {
        (1, _) => 1,
        (_, Some(_)) => bytes.len().to_string().len(),
        _ => 7,
    };
    let mut text = counts.iter().map(|count| format!("{count:width$}")).collect::<Vec<_>>().join(" ");
    if let Some(path) = path {
        text.push_str(&format!(" {path}"));
    }
    text.push('\n');
    shell.tool_output(text.as_bytes(), 0)
}
