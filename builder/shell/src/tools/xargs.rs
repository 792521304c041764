//! `xargs`, which calls back into the shell.

use crate::shell::{Go, Shell};

pub(super) fn xargs(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let long = [("no-run-if-empty", 'r'), ("null", '0'), ("max-args", 'n'), ("delimiter", 'd')];
    let options = shell.tool_options(words, "r0n:I:d:", &long, false)?;
    let delimiter = match options.value('d') {
        None => None,
        Some("\\n") => Some('\n'),
        Some("\\t") => Some('\t'),
        Some("\\0") => Some('\0'),
        Some(text) if text.chars().count() == 1 && text != "\\" => text.chars().next(),
        Some(text) => return Err(shell.stop(format!("`xargs -d {text}` is not followed"))),
    };
    if options.has('I') && delimiter.is_some() {
        return Err(shell.stop("`xargs -I` with `-d` is not followed"));
    }
    let Ok(text) = String::from_utf8(shell.take_stdin()?) else {
        return Err(shell.stop("`xargs`: its input is not UTF-8"));
    };
    let items = match (options.has('0'), options.value('I')) {
        _ if delimiter.is_some() => text.split_terminator(delimiter.unwrap_or('\n')).map(str::to_owned).collect(),
        (true, _) => text.split_terminator('\0').map(str::to_owned).collect(),
        (_, Some(_)) => {
            let lines = text.lines().map(|line| line.trim_start().to_owned());
            let items: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
            if items.iter().any(|item| item.contains(['\'', '"', '\\'])) {
                return Err(shell.stop("`xargs -I`: quotes in its input"));
            }
            items
        }
        _ => match quoted_words(&text) {
            Some(items) => items,
            None => return Err(shell.stop("`xargs`: unmatched quote")),
        },
    };
    let command = if options.operands.is_empty() { vec!["echo".to_owned()] } else { options.operands.clone() };
    let calls: Vec<Vec<String>> = if let Some(mark) = options.value('I') {
        items.iter().map(|item| command.iter().map(|word| word.replace(mark, item)).collect()).collect()
    } else if items.is_empty() {
        if options.has('r') { Vec::new() } else { vec![command] }
    } else {
        let size = match options.value('n').map(str::parse::<usize>) {
            None => items.len(),
            Some(Ok(size)) if size > 0 => size,
            Some(_) => return Err(shell.stop("`xargs -n`: the count is not known")),
        };
        items.chunks(size).map(|chunk| [command.as_slice(), chunk].concat()).collect()
    };
    shell.meter.enter(shell.line)?;
    let mut status = 0;
    for call in calls {
        shell.meter.step(1, shell.line)?;
        shell.meter.made(call.iter().map(String::len).sum(), shell.line)?;
        let found = shell.subshell(|shell| {
            shell.env.streams[0] = crate::stream::Stream::Null;
            shell.invoke_outside(&call)
        })?;
        status = match found {
            0 => status,
            126 | 127 => return Ok(found),
            255 => return Ok(124),
            _ => 123,
        };
    }
    shell.meter.leave();
    Ok(status)
}

/// Words between white space; quotes and backslashes protect.
fn quoted_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(letters.next()?),
            quote @ ('\'' | '"') => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\n' => return None,
                        c if c == quote => break,
                        c => word.push(c),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
