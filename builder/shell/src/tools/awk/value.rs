//! Values that are numbers and texts at once, and `printf`.

use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Unset,
    Number(f64),
    Text(String),
    /// From the input: a number where it looks like one.
    Given(String),
}

impl Value {
    pub(super) fn of(truth: bool) -> Value {
        Value::Number(f64::from(u8::from(truth)))
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Value::Text(text) | Value::Given(text) => text.len(),
            _ => 8,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Value::Unset => String::new(),
            Value::Number(number) if *number == number.trunc() && number.abs() < 1e15 => format!("{}", *number as i64),
            Value::Number(number) => general(*number, 6),
            Value::Text(text) | Value::Given(text) => text.clone(),
        }
    }

    pub(super) fn number(&self) -> f64 {
        match self {
            Value::Unset => 0.0,
            Value::Number(number) => *number,
            Value::Text(text) | Value::Given(text) => prefix(text).0,
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Unset => false,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Given(text) => match prefix(text) {
                (number, true) => number != 0.0,
                _ => !text.is_empty(),
            },
        }
    }

    pub(super) fn compare(&self, other: &Value) -> Ordering {
        let numeric = |value: &Value| match value {
            Value::Unset | Value::Number(_) => true,
            Value::Text(_) => false,
            Value::Given(text) => prefix(text).1,
        };
        if numeric(self) && numeric(other) {
            return self.number().partial_cmp(&other.number()).unwrap_or(Ordering::Equal);
        }
        self.text().cmp(&other.text())
    }
}

/// The number a text begins with, and whether it is all of it.
fn prefix(text: &str) -> (f64, bool) {
    let trimmed = text.trim();
    let bytes = trimmed.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return (0.0, false);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    (trimmed.get(..end).and_then(|text| text.parse().ok()).unwrap_or(0.0), end == bytes.len())
}

/// `%.{precision}g`.
fn general(number: f64, precision: usize) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "nan".to_owned()
        } else if number > 0.0 {
            "inf".to_owned()
        } else {
            "-inf".to_owned()
        };
    }
    let precision = precision.max(1);
    let scientific = format!("{number:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(digits), exponent.unsigned_abs());
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{number:.decimals$}"))
}

/// `sprintf`.
pub(super) fn format(text: &str, values: &[Value]) -> Result<String, String> {
    const MAX_WIDTH: usize = 4096;
    let mut out = String::new();
    let mut values = values.iter();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if letters.peek() == Some(&'%') {
            letters.next();
            out.push('%');
            continue;
        }
        let (mut left, mut zero, mut plus) = (false, false, false);
        while let Some(flag) = letters.next_if(|c| "-0+".contains(*c)) {
            match flag {
                '-' => left = true,
                '0' => zero = true,
                _ => plus = true,
            }
        }
        let mut size = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>, String> {
            if letters.next_if_eq(&'*').is_some() {
                let size = values.next().map_or(0.0, Value::number);
                return if (0.0..=MAX_WIDTH as f64).contains(&size) {
                    Ok(Some(size as usize))
                } else {
                    Err("a width".to_owned())
                };
            }
            let mut size = None;
            while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                size = Some(size.unwrap_or(0) * 10 + digit.to_digit(10).unwrap_or(0) as usize);
                if size > Some(MAX_WIDTH) {
                    return Err("too wide".to_owned());
                }
            }
            Ok(size)
        };
        let width = size(&mut letters)?.unwrap_or(0);
        let precision = match letters.next_if_eq(&'.') {
            Some(_) => Some(size(&mut letters)?.unwrap_or(0)),
            None => None,
        };
        let letter = letters.next().ok_or("`printf` with a format that ends in `%`")?;
        let value = values.next().cloned().unwrap_or(Value::Unset);
        let signed = |text: String| if plus && !text.starts_with('-') { format!("+{text}") } else { text };
        let (piece, numeric) = match letter {
            'd' | 'i' => (signed((value.number() as i64).to_string()), true),
            'x' => (format!("{:x}", value.number() as i64), true),
            'X' => (format!("{:X}", value.number() as i64), true),
            'o' => (format!("{:o}", value.number() as i64), true),
            'u' => (format!("{}", value.number() as u64), true),
            'f' => (signed(format!("{:.*}", precision.unwrap_or(6), value.number())), true),
            'g' => (signed(general(value.number(), precision.unwrap_or(6))), true),
            's' => {
                let text = value.text();
                (text.chars().take(precision.unwrap_or(usize::MAX)).collect(), false)
            }
            'c' => match value {
                Value::Number(code) => {
                    let letter = u8::try_from(code as i64).ok().filter(u8::is_ascii).ok_or("`%c` beyond ASCII")?;
                    (char::from(letter).to_string(), false)
                }
                value => (value.text().chars().take(1).collect(), false),
            },
            letter => return Err(format!("`%{letter}` is not followed")),
        };
        let padding = width.saturating_sub(piece.chars().count());
        match (left, zero && numeric) {
            (true, _) => out.extend(piece.chars().chain(std::iter::repeat_n(' ', padding))),
            (false, true) => {
                let sign = piece.len() - piece.trim_start_matches(['+', '-']).len();
                let (sign, digits) = piece.split_at(sign);
                out.push_str(&format!("{sign}{}{digits}", "0".repeat(padding)));
            }
            (false, false) => out.extend(std::iter::repeat_n(' ', padding).chain(piece.chars())),
        }
    }
    Ok(out)
}
