//! Characters of an `awk` program to tokens.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    Name(String),
    Op(&'static str),
    Newline,
}

const OPERATORS: [&str; 38] = [
    "**", "&&", "||", "==", "<=", ">=", "!=", "!~", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "{", "}", "(", ")",
    "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$",
];

pub(super) fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == ' ' || c == '\t' || c == '\r' {
            rest = &rest[1..];
        } else if c == '\n' {
            rest = &rest[1..];
            tokens.push(Token::Newline);
        } else if let Some(after) = rest.strip_prefix("\\\n") {
            rest = after;
        } else if c == '#' {
            rest = rest.get(rest.find('\n').unwrap_or(rest.len())..).unwrap_or_default();
        } else if c == '"' {
            let (body, after) = until(&rest[1..], '"').ok_or("a text without an end")?;
            tokens.push(Token::Text(unescape(body)));
            rest = after;
        } else if c == '/' && regex_follows(tokens.last()) {
            let (body, after) = until(&rest[1..], '/').ok_or("an expression without an end")?;
            tokens.push(Token::Regex(body.to_owned()));
            rest = after;
        } else if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let mut length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
            if rest[length..].starts_with(['e', 'E']) {
                let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
                let digits = rest[length + 1 + sign..].bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 {
                    length += 1 + sign + digits;
                }
            }
            let number = rest[..length].parse().map_err(|_| format!("`{}` is no number", &rest[..length]))?;
            tokens.push(Token::Number(number));
            rest = &rest[length..];
        } else if crate::word::is_name_start(c) {
            let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            tokens.push(Token::Name(rest[..length].to_owned()));
            rest = &rest[length..];
        } else if c == '=' && !rest.starts_with("==") {
            tokens.push(Token::Op("="));
            rest = &rest[1..];
        } else if let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
            tokens.push(Token::Op(if op == "**" { "^" } else { op }));
            rest = &rest[op.len()..];
        } else {
            return Err(format!("`{c}` is not known"));
        }
    }
    Ok(tokens)
}

/// A slash divides behind a value and begins an expression elsewhere.
fn regex_follows(last: Option<&Token>) -> bool {
    !matches!(
        last,
        Some(Token::Number(_) | Token::Text(_) | Token::Regex(_) | Token::Op(")" | "]" | "$" | "++" | "--"))
    ) && !matches!(last, Some(Token::Name(name)) if !matches!(name.as_str(), "print" | "return" | "in"))
}

/// The text up to a letter that no backslash stands before, and what follows it.
fn until(text: &str, close: char) -> Option<(&str, &str)> {
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => {
                letters.next();
            }
            c if c == close => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A text's backslashes.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(next @ ('\\' | '"' | '/')) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
