//! `grep`, `egrep`, `fgrep`.

use super::bare;
use super::options::Options as ToolOptions;
use super::regex::{Matcher, Options, Syntax};
use crate::shell::{Go, Shell};

const LONG: [(&str, char); 24] = [
    ("after-context", 'A'),
    ("before-context", 'B'),
    ("context", 'C'),
    ("null-data", 'z'),
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
    let options = shell.tool_options(words, "qviEFGxwoclLse:hHnm:aA:B:C:z", &LONG, true)?;
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
    let context = Context::of(shell, &options)?;
    let end = if options.has('z') { 0 } else { b'\n' };
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
        if end == 0 && bytes.contains(&b'\n') {
            // There its anchors hold within a record, too.
            return Err(shell.stop(format!("`grep -z`: lines in `{path}`")));
        }
        if end != 0 && bytes.contains(&0) && !options.has('q') && !options.has('a') {
            return Err(shell.stop(format!("`grep`: `{path}` is no text")));
        }
        let label = if path == "-" { "(standard input)" } else { path };
        let prefix = |number: usize, sign: char| {
            let mut prefix = String::new();
            if named {
                prefix.push_str(&format!("{label}{sign}"));
            }
            if options.has('n') {
                prefix.push_str(&format!("{number}{sign}"));
            }
            prefix.into_bytes()
        };
        let mut count = 0;
        let lines: Vec<&[u8]> = split_records(&bytes, end).collect();
        // The line behind the last that was printed, and up to where lines follow a match.
        let (mut next, mut after): (usize, usize) = (0, 0);
        let print = |out: &mut Vec<u8>, at: usize, sign: char| {
            out.extend(prefix(at + 1, sign));
            out.extend_from_slice(lines[at]);
            out.push(end);
        };
        for (at, line) in lines.iter().copied().enumerate() {
            if count >= most {
                if at < after {
                    print(&mut out, at, '-');
                    continue;
                }
                break;
            }
            shell.meter.step(1 + line.len() / 1024, shell.line)?;
            if matcher.is_match(line) == options.has('v') {
                if at < after && !options.has('c') && !options.has('l') && !options.has('L') {
                    print(&mut out, at, '-');
                    next = at + 1;
                }
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
                let begin = at.saturating_sub(context.before).max(next);
                if context.given && !out.is_empty() && (next == 0 || begin > next) {
                    out.extend_from_slice(b"--\n");
                }
                (begin..at).for_each(|at| print(&mut out, at, '-'));
                print(&mut out, at, ':');
                next = at + 1;
                after = next.saturating_add(context.after);
                continue;
            }
            let mut from = 0;
            while !options.has('v') && from <= line.len() {
                shell.meter.step(1, shell.line)?;
                let found = matcher.find_at(line, from).map_err(|what| shell.stop(format!("`grep -o`: {what}")))?;
                let Some(Some((begin, stop))) = found.as_ref().and_then(|spans| spans.first().copied()) else { break };
                if begin < stop {
                    out.extend(prefix(at + 1, ':'));
                    out.extend_from_slice(&line[begin..stop]);
                    out.push(end);
                }
                from = if begin < stop { stop } else { stop + 1 };
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

/// `-A`, `-B` and `-C`: lines shown around those that match.
struct Context {
    /// Even where it is no line: groups of lines have a mark between them.
    given: bool,
    before: usize,
    after: usize,
}

impl Context {
    fn of(shell: &Shell<'_>, options: &ToolOptions) -> Go<Context> {
        let count = |letter: char| match options.value(letter).map(str::parse::<usize>) {
            None => Ok(None),
            Some(Ok(count)) => Ok(Some(count)),
            Some(Err(_)) => Err(shell.stop(format!("`grep -{letter}`: the count is not known"))),
        };
        let around = count('C')?;
        let [before, after] = ['B', 'A'].map(|letter| count(letter).map(|count| count.or(around)));
        let (before, after) = (before?, after?);
        if (before.is_some() || after.is_some()) && options.has('o') {
            return Err(shell.stop("`grep -o` with lines around is not followed"));
        }
        Ok(Context {
            given: before.is_some() || after.is_some(),
            before: before.unwrap_or(0),
            after: after.unwrap_or(0),
        })
    }
}

/// Lines, or what zero bytes end.
fn split_records(bytes: &[u8], end: u8) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(move |&byte| byte == end).map(move |line| line.strip_suffix(&[end]).unwrap_or(line))
}
