//! Lines of a Kconfig file and the tokens in them.
//!
//! A backslash at the end joins lines; `#` begins a comment; a text stands between `"` or `'`; `$(...)` is a macro, which is
//! replaced where a variable's value is known and otherwise kept as it is written.

use std::collections::BTreeMap;

/// A text that may hang on the toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// Known.
    Known(String),
    /// A macro nobody ran, as written.
    Macro(String),
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Letters, digits, `_`, `-` and what macros gave.
    Word(Text),
    /// In quotes.
    Quoted(Text),
    /// `&&`, `||`, `!`, `(`, `)`, `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Sign(&'static str),
}

/// What is known of variables: the environment of the kernel's `make`, then what the files themselves assign.
pub(crate) type Variables = BTreeMap<String, String>;

const SIGNS: [&str; 11] = ["||", "&&", "!=", "<=", ">=", "=", "<", ">", "!", "(", ")"];

/// The tokens of a line. Characters that mean nothing are passed over, as `conf` does.
pub(crate) fn tokens(line: &str, variables: &Variables) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        if first == '"' || first == '\'' {
            let (text, behind) = quoted(&rest[1..], first, variables);
            found.push(Token::Quoted(text));
            rest = behind;
        } else if is_word(first) || first == '$' {
            let (text, behind) = word(rest, variables);
            if text != Text::Known(String::new()) {
                found.push(Token::Word(text));
            }
            rest = behind;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// The value of a variable's assignment; `None` when it hangs on the toolchain, or on arguments.
pub(crate) fn expanded(value: &str, variables: &Variables) -> Option<String> {
    let mut known = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        known += &rest[..at];
        let (name, behind) = reference(&rest[at..])?;
        known += variables.get(name)?;
        rest = behind;
    }
    Some(known + rest)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A word at the beginning of `rest`, and what is behind it.
fn word<'a>(rest: &'a str, variables: &Variables) -> (Text, &'a str) {
    let mut known = String::new();
    let mut unknown = false;
    let mut at = rest;
    while let Some(first) = at.chars().next() {
        if is_word(first) {
            known.push(first);
            at = &at[1..];
        } else if first == '$' {
            let behind = append(at, variables, &mut known, &mut unknown);
            at = behind;
        } else {
            break;
        }
    }
    let raw = &rest[..rest.len() - at.len()];
    (if unknown { Text::Macro(raw.to_owned()) } else { Text::Known(known) }, at)
}

/// A text up to its closing quote, and what is behind that. An unclosed one ends with the line.
fn quoted<'a>(rest: &'a str, quote: char, variables: &Variables) -> (Text, &'a str) {
    let mut known = String::new();
    let mut unknown = false;
    let mut at = rest;
    while let Some(first) = at.chars().next() {
        let behind = &at[first.len_utf8()..];
        if first == quote {
            let raw = &rest[..rest.len() - at.len()];
            return (if unknown { Text::Macro(raw.to_owned()) } else { Text::Known(known) }, behind);
        }
        at = match first {
            '\\' => {
                let escaped = behind.chars().next();
                known.extend(escaped);
                &behind[escaped.map_or(0, char::len_utf8)..]
            }
            '$' => append(at, variables, &mut known, &mut unknown),
            other => {
                known.push(other);
                behind
            }
        };
    }
    (if unknown { Text::Macro(rest.to_owned()) } else { Text::Known(known) }, at)
}

/// Appends what the macro at the beginning of `at` stands for; gives what is behind it.
fn append<'a>(at: &'a str, variables: &Variables, known: &mut String, unknown: &mut bool) -> &'a str {
    match reference(at) {
        Some((name, behind)) => {
            match variables.get(name) {
                Some(value) => known.push_str(value),
                None => *unknown = true,
            }
            behind
        }
        None => {
            known.push('$');
            &at[1..]
        }
    }
}

/// `$(name)` or, as before Linux 4.18, `$NAME`: what is named, and what is behind it. Brackets within are matched.
fn reference(at: &str) -> Option<(&str, &str)> {
    let inner = at.strip_prefix('$')?;
    if let Some(inner) = inner.strip_prefix('(') {
        let mut depth = 0_usize;
        for (i, c) in inner.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => return Some((&inner[..i], &inner[i + 1..])),
                ')' => depth -= 1,
                _ => {}
            }
        }
        return None;
    }
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    (end > 0).then(|| inner.split_at(end))
}

/// `NAME = value`, `NAME := value`, `NAME += value`.
pub(crate) fn assignment(line: &str) -> Option<(&str, &str, &str)> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let sign = [":=", "+=", "="].into_iter().find(|sign| rest.starts_with(sign))?;
    (!name.is_empty()).then(|| (name, sign, rest[sign.len()..].trim_start()))
}

/// The statements of a file with their lines' numbers: joined where a backslash says so, without comments and help texts.
pub(crate) fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut joined = false;
    // The indentation of the help text's first line, once it is known.
    let mut help: Option<Option<usize>> = None;
    for (i, line) in text.lines().enumerate() {
        if let Some(indentation) = help {
            if line.trim().is_empty() {
                continue;
            }
            let own = indent(line);
            if own > 0 && own >= indentation.unwrap_or(own) {
                help = Some(Some(indentation.unwrap_or(own)));
                continue;
            }
            help = None;
        }
        let (content, goes_on) = match line.strip_suffix('\\') {
            Some(content) => (content, true),
            None => (line, false),
        };
        let trimmed = content.trim();
        if joined {
            if let Some((_, last)) = found.last_mut() {
                last.push(' ');
                last.push_str(trimmed);
            }
        } else if matches!(trimmed, "help" | "---help---") {
            help = Some(None);
            continue;
        } else if !trimmed.is_empty() && !trimmed.starts_with('#') {
            found.push((i + 1, trimmed.to_owned()));
        } else {
            continue;
        }
        joined = goes_on;
    }
    found
}

/// Columns before the text; a tab goes to the next multiple of eight.
fn indent(line: &str) -> usize {
    let blanks = line.bytes().take_while(|b| matches!(b, b' ' | b'\t'));
    blanks.fold(0, |column, b| if b == b'\t' { (column / 8 + 1) * 8 } else { column + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let variables = Variables::from([("SRCARCH".to_owned(), "x86".to_owned())]);
        let text = |text: &Text| match text {
            Text::Known(known) => known.clone(),
            Text::Macro(raw) => format!("<{raw}>"),
        };
        let shown = tokens(line, &variables)
            .iter()
            .map(|token| match token {
                Token::Word(word) => text(word),
                Token::Quoted(quoted) => format!("'{}'", text(quoted)),
                Token::Sign(sign) => (*sign).to_owned(),
            })
            .collect::<Vec<_>>();
        shown.join(" ")
    }

    #[test]
    fn lines_fall_into_words_texts_and_signs() {
        insta::assert_snapshot!(shown("depends on (A||!B_2) && C!=\"a # b\" # why"), @"depends on ( A || ! B_2 ) && C != 'a # b'");
        insta::assert_snapshot!(shown("source \"arch/$(SRCARCH)/Kconfig\""), @"source 'arch/x86/Kconfig'");
        insta::assert_snapshot!(shown("source \"arch/$SRCARCH/Kconfig\""), @"source 'arch/x86/Kconfig'");
        insta::assert_snapshot!(shown("def_bool $(cc-option,-mfoo $(m64)) && X"), @"def_bool <$(cc-option,-mfoo $(m64))> && X");
        insta::assert_snapshot!(shown("default \"\\\"quoted\\\"\" 'it'"), @r#"default '"quoted"' 'it'"#);
        insta::assert_snapshot!(shown("a \"unclosed $( é"), @"a 'unclosed $( é'");
    }
}
