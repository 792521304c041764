//! `grep`, `egrep`, `fgrep`.

use super::regex::{Matcher, Options, Syntax};
use super::{bare, split_lines};
use crate::shell::{Go, Shell};

const LONG: [(&str, char); 20] = [
    ("quiet", 'q'),
    ("silent", 'q'),
    ("invert-match", 'v'),
    ("ignore-case", 'i'),
    ("extended-regexp", 'E'),
    ("fixed-strings", 'F'),
    ("basic-regexp", 'G'),
    ("line-regexp", 'x'),
    ("word-regexp", 'w'),
    ("only-matching", 'o'),
    ("count", 'c'),
    ("files-with-matches", 'l'),
    ("files-without-match", 'L'),
    ("no-messages", 's'),
    ("regexp", 'e'),
    ("no-filename", 'h'),
    ("with-filename", 'H'),
    ("line-number", 'n'),
    ("max-count", 'm'),
    ("text", 'a'),
];

pub(super) fn grep(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let name = bare(words.first().map_or("", String::as_str)).to_owned();
    let options = shell.tool_options(words, "qviEFGxwoclLse:hHnm:a", &LONG, true)?;
    let mut operands = options.operands.as_slice();
    let mut patterns: Vec<String> = options.values('e').map(str::to_owned).collect();
    if patterns.is_empty() {
        let Some((pattern, rest)) = operands.split_first() else {
            shell.complain("grep: no pattern")?;
            return Ok(2);
        };
        patterns.push(pattern.clone());
        operands = rest;
    }
    let syntax = match (options.given().filter(|(letter, _)| "EFG".contains(*letter)).last(), name.as_str()) {
        (Some(('E', _)), _) | (None, "egrep") => Syntax::Extended,
        (Some(('F', _)), _) | (None, "fgrep") => Syntax::Fixed,
        _ => Syntax::Basic,
    };
    if options.has('o') && options.has('w') {
        return Err(shell.stop("`grep -o -w` is not followed"));
    }
    let how =
        Options { ignore_case: options.has('i'), word: options.has('w'), line: options.has('x'), ..Options::default() };
    let lines: Vec<&str> = patterns.iter().flat_map(|pattern| pattern.split('\n')).collect();
    shell.meter.step(100, shell.line)?;
    let matcher = Matcher::new(&lines, syntax, how).map_err(|what| shell.stop(format!("`{name}`: {what}")))?;
    let most = match options.value('m').map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(most)) => most,
        Some(Err(_)) => return Err(shell.stop("`grep -m`: the count is not known")),
    };
    let paths = if operands.is_empty() { vec!["-".to_owned()] } else { operands.to_vec() };
    let named = options.has('H') || paths.len() > 1 && !options.has('h');
    let (mut any, mut trouble) = (false, false);
    let mut out = Vec::new();
    for path in &paths {
        let absolute = shell.absolute(path);
        if path != "-" && shell.test_file('d', &absolute)? {
            shell.complain(&format!("grep: {path}: Is a directory"))?;
            continue;
        }
        let Some(bytes) = shell.tool_input("grep", path)? else {
            trouble = true;
            continue;
        };
        if bytes.contains(&0) && !options.has('q') && !options.has('a') {
            return Err(shell.stop(format!("`grep`: `{path}` is no text")));
        }
        let label = if path == "-" { "(standard input)" } else { path };
        let prefix = |number: usize| {
            let mut prefix = String::new();
            if named {
                prefix.push_str(&format!("{label}:"));
            }
            if options.has('n') {
                prefix.push_str(&format!("{number}:"));
            }
            prefix.into_bytes()
        };
        let mut count = 0;
        for (at, line) in split_lines(&bytes).enumerate() {
            if count >= most {
                break;
            }
            shell.meter.step(1 + line.len() / 1024, shell.line)?;
            if matcher.is_match(line) == options.has('v') {
                continue;
            }
            count += 1;
            if options.has('q') {
                return Ok(0);
            }
            if options.has('c') || options.has('l') || options.has('L') {
                continue;
            }
            if !options.has('o') {
                out.extend(prefix(at + 1));
                out.extend_from_slice(line);
                out.push(b'\n');
                continue;
            }
            let mut from = 0;
            while !options.has('v') && from <= line.len() {
                shell.meter.step(1, shell.line)?;
                let found = matcher.find_at(line, from).map_err(|what| shell.stop(format!("`grep -o`: {what}")))?;
                let Some(Some((begin, end))) = found.as_ref().and_then(|spans| spans.first().copied()) else { break };
                if begin < end {
                    out.extend(prefix(at + 1));
                    out.extend_from_slice(&line[begin..end]);
                    out.push(b'\n');
                }
                from = if begin < end { end } else { end + 1 };
            }
        }
        any |= if options.has('L') { count == 0 } else { count > 0 };
        if options.has('l') || options.has('L') {
            if (count > 0) == options.has('l') {
                out.extend(format!("{label}\n").into_bytes());
            }
        } else if options.has('c') {
            let text = if named { format!("{label}:{count}\n") } else { format!("{count}\n") };
            out.extend(text.into_bytes());
        }
    }
    let status = if trouble { 2 } else { u8::from(!any) };
    shell.tool_output(&out, status)
}
