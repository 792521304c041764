//! `cat`, `head`, `tail`, `tac`, `rev`, `tee`.

use super::split_lines;
use crate::shell::{Go, Shell};

pub(super) fn cat(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "un", &[], true)?;
    let (all, missing) = shell.tool_inputs("cat", &options.operands)?;
    let mut out = all;
    if options.has('n') {
        let lines = out.split_inclusive(|&byte| byte == b'\n').enumerate();
        out = lines.flat_map(|(at, line)| [format!("{:6}\t", at + 1).as_bytes(), line].concat()).collect();
    }
    shell.tool_output(&out, u8::from(missing))
}

pub(super) fn head(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    part(shell, words, false)
}

pub(super) fn tail(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    part(shell, words, true)
}

fn part(shell: &mut Shell<'_>, words: &[String], tail: bool) -> Go<u8> {
    let tool = if tail { "tail" } else { "head" };
    let words = old_count(words);
    let options = shell.tool_options(&words, "n:c:q", &[("lines", 'n'), ("bytes", 'c'), ("quiet", 'q')], true)?;
    if options.operands.len() > 1 && !options.has('q') {
        return Err(shell.stop(format!("`{tool}` over several files is not followed")));
    }
    let (letter, text) = options.given().filter(|(letter, _)| *letter != 'q').last().unwrap_or(('n', "10"));
    let sign = text.bytes().next().filter(|sign| b"+-".contains(sign));
    let Ok(count) = text.trim_start_matches(['+', '-']).parse::<usize>() else {
        return Err(shell.stop(format!("`{tool} -{letter} {text}`: the count is not known")));
    };
    let inputs = if options.operands.is_empty() { vec!["-".to_owned()] } else { options.operands.clone() };
    let mut status = 0;
    for path in inputs {
        let Some(bytes) = shell.tool_input(tool, &path)? else {
            status = 1;
            continue;
        };
        let units: Vec<&[u8]> = match letter {
            'c' => bytes.chunks(1).collect(),
            _ => bytes.split_inclusive(|&byte| byte == b'\n').collect(),
        };
        let length = units.len();
        let range = match (tail, sign) {
            (false, Some(b'-')) => 0..length.saturating_sub(count),
            (false, _) => 0..count.min(length),
            (true, Some(b'+')) => count.saturating_sub(1).min(length)..length,
            (true, _) => length.saturating_sub(count)..length,
        };
        let out = units.get(range).unwrap_or_default().concat();
        status = shell.tool_output(&out, status)?;
    }
    Ok(status)
}

/// `-5` and `tail +5` stand for `-n 5` and `-n +5`.
fn old_count(words: &[String]) -> Vec<String> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = words.to_vec();
    if let Some(first) = words.get_mut(1)
        && let Some(count) = first.strip_prefix('-')
        && number(count)
    {
        *first = format!("-n{count}");
    }
    words
}

pub(super) fn tac(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "", &[], true)?;
    let (all, missing) = shell.tool_inputs("tac", &options.operands)?;
    let lines: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').rev().collect();
    shell.tool_output(&lines.concat(), u8::from(missing))
}

pub(super) fn rev(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "", &[], true)?;
    let (all, missing) = shell.tool_inputs("rev", &options.operands)?;
    let mut out = Vec::new();
    for line in split_lines(&all) {
        out.extend(line.iter().rev());
        out.push(b'\n');
    }
    if !all.ends_with(b"\n") {
        out.pop();
    }
    shell.tool_output(&out, u8::from(missing))
}

pub(super) fn tee(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "a", &[("append", 'a')], true)?;
    let bytes = shell.take_stdin()?;
    let mut status = 0;
    for path in &options.operands {
        let absolute = shell.absolute(path);
        let mode = 0o666 & !shell.env.umask;
        let done = match path.as_str() {
            "/dev/null" => Ok(true),
            "/dev/stderr" => {
                shell.put(2, &bytes)?;
                Ok(true)
            }
            _ if options.has('a') => shell.host.append(&absolute, &bytes, mode),
            _ => shell.host.write(&absolute, &bytes, mode),
        };
        if !done.map_err(|refusal| shell.refused(&format!("tee {path}"), refusal))? {
            status = 1;
        }
    }
    shell.tool_output(&bytes, status)
}
