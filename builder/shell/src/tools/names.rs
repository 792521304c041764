//! `basename`, `dirname`, `seq`.

use crate::shell::{Go, Shell};

pub(super) fn basename(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "as:", &[("multiple", 'a'), ("suffix", 's')], false)?;
    let many = options.has('a') || options.has('s');
    let (names, suffix) = match options.operands.as_slice() {
        [] => return usage(shell, "basename"),
        names if many => (names.to_vec(), options.value('s').unwrap_or_default().to_owned()),
        [name] => (vec![name.clone()], String::new()),
        [name, suffix] => (vec![name.clone()], suffix.clone()),
        _ => return usage(shell, "basename"),
    };
    let mut out = String::new();
    for name in names {
        let trimmed = name.trim_end_matches('/');
        let base = match trimmed.rsplit_once('/') {
            Some((_, base)) => base,
            None if trimmed.is_empty() && !name.is_empty() => "/",
            None => trimmed,
        };
        out.push_str(base.strip_suffix(&suffix).filter(|rest| !rest.is_empty()).unwrap_or(base));
        out.push('\n');
    }
    shell.tool_output(out.as_bytes(), 0)
}

pub(super) fn dirname(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "", &[], false)?;
    if options.operands.is_empty() {
        return usage(shell, "dirname");
    }
    let mut out = String::new();
    for name in &options.operands {
        let trimmed = name.trim_end_matches('/');
        let folder = match trimmed.rsplit_once('/') {
            Some((folder, _)) => match folder.trim_end_matches('/') {
                "" => "/",
                folder => folder,
            },
            None if trimmed.is_empty() && !name.is_empty() => "/",
            None => ".",
        };
        out.push_str(folder);
        out.push('\n');
    }
    shell.tool_output(out.as_bytes(), 0)
}

pub(super) fn seq(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let mut separator = "\n".to_owned();
    let mut rest = words.get(1..).unwrap_or_default();
    match rest {
        [option, value, after @ ..] if option == "-s" => {
            separator = value.clone();
            rest = after;
        }
        [option, after @ ..] if option.len() > 2 && option.starts_with("-s") => {
            separator = option.get(2..).unwrap_or_default().to_owned();
            rest = after;
        }
        _ => {}
    }
    let mut numbers = Vec::new();
    for word in rest {
        match word.parse::<i64>() {
            Ok(number) => numbers.push(number),
            Err(_) => return Err(shell.stop(format!("`seq {word}`: not a whole number"))),
        }
    }
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] if *step != 0 => (*first, *step, *last),
        _ => return usage(shell, "seq"),
    };
    let mut out = String::new();
    let mut at = Some(first);
    while let Some(number) = at.filter(|&number| if step > 0 { number <= last } else { number >= last }) {
        shell.meter.step(1, shell.line)?;
        shell.meter.made(separator.len(), shell.line)?;
        if !out.is_empty() {
            out.push_str(&separator);
        }
        out.push_str(&number.to_string());
        at = number.checked_add(step);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    shell.tool_output(out.as_bytes(), 0)
}

fn usage(shell: &mut Shell<'_>, tool: &str) -> Go<u8> {
    shell.complain(&format!("{tool}: wrong operands"))?;
    Ok(1)
}
