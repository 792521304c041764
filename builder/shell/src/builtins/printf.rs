//! `printf`.

use super::print::{escape, unescape_echo};
use crate::escape::{Escaped, Escapes, escaped, unescape};
use crate::shell::{Go, Shell};
use crate::stream::Stream;
use crate::word::is_name;

impl Shell<'_> {
    pub(super) fn printf(&mut self, arguments: &[String]) -> Go<u8> {
        if self.is_bash()
            && let [option, name, rest @ ..] = arguments
            && option == "-v"
        {
            return self.printf_into(name, rest);
        }
        self.print_formatted(arguments)
    }

    /// `printf -v NAME`.
    fn printf_into(&mut self, name: &str, arguments: &[String]) -> Go<u8> {
        if !is_name(name) {
            return Err(self.stop(format!("`printf -v {name}` is not followed")));
        }
        let (stream, buffer) = Stream::buffer();
        let stdout = std::mem::replace(&mut self.env.streams[1], stream);
        let status = self.print_formatted(arguments);
        self.env.streams[1] = stdout;
        let Ok(text) = String::from_utf8(buffer.take()) else {
            return Err(self.stop("`printf -v`: not UTF-8"));
        };
        self.set(name, text)?;
        status
    }

    fn print_formatted(&mut self, arguments: &[String]) -> Go<u8> {
        let arguments = match arguments.first().map(String::as_str) {
            Some("--") => arguments.get(1..).unwrap_or_default(),
            _ => arguments,
        };
        let Some((format, values)) = arguments.split_first() else {
            return self.fail("printf: usage: printf format [arg ...]");
        };
        let bash = self.is_bash();
        let mut printer = Printer { out: Vec::new(), values, at: 0, status: 0, ended: false, bash, refused: None };
        loop {
            let before = printer.at;
            self.meter.step(1, self.line)?;
            let known = printer.out.len();
            let result = printer.round(format);
            if printer.out.len() > MAX_OUTPUT {
                return Err(self.stop("`printf` makes too much text"));
            }
            self.meter.made(printer.out.len() - known, self.line)?;
            if let Some(what) = printer.refused {
                return Err(self.stop(format!("`printf`: {what}")));
            }
            if let Err(what) = result {
                self.put(1, &printer.out)?;
                return self.fail(&format!("printf: {what}"));
            }
            if printer.ended || printer.at >= values.len() || printer.at == before {
                break;
            }
        }
        let written = self.put(1, &printer.out)?;
        Ok(if written { printer.status } else { 1 })
    }
}

/// Output beyond this is no message.
const MAX_OUTPUT: usize = 16 << 20;
/// Widths beyond this are no formatting.
const MAX_WIDTH: usize = 4096;

struct Printer<'a> {
    out: Vec<u8>,
    values: &'a [String],
    at: usize,
    status: u8,
    /// A `\c` was met.
    ended: bool,
    bash: bool,
    /// What bash would do, and is not done.
    refused: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Form {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printer<'_> {
    fn value(&mut self) -> Option<String> {
        let value = self.values.get(self.at).cloned();
        self.at += usize::from(value.is_some());
        value
    }

    fn round(&mut self, format: &str) -> Result<(), String> {
        let bytes = format.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.out.len() > MAX_OUTPUT {
                return Ok(());
            }
            match byte {
                b'\\' if self.bash => {
                    let (found, length) = escaped(bytes.get(at..).unwrap_or_default(), Escapes::Format)?;
                    at += length;
                    self.out.push(match found {
                        Escaped::Byte(byte) => byte,
                        _ => b'\\',
                    });
                }
                b'\\' => {
                    let (found, length) = escape(bytes.get(at..).unwrap_or_default(), false);
                    at += length;
                    match found {
                        Some(found) => self.out.push(found),
                        None => {
                            self.ended = true;
                            return Ok(());
                        }
                    }
                }
                b'%' if bytes.get(at) == Some(&b'%') => {
                    at += 1;
                    self.out.push(b'%');
                }
                b'%' => {
                    at += self.conversion(bytes.get(at..).unwrap_or_default())?;
                    if self.ended {
                        return Ok(());
                    }
                }
                byte => self.out.push(byte),
            }
        }
        Ok(())
    }

    /// One conversion; how long it was written.
    fn conversion(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let mut form = Form::default();
        let mut at = 0;
        while let Some(&flag) = bytes.get(at) {
            match flag {
                b'-' => form.left = true,
                b'0' => form.zero = true,
                b'+' => form.plus = true,
                b' ' => form.space = true,
                b'#' => form.alternate = true,
                _ => break,
            }
            at += 1;
        }
        let width = self.size(bytes, &mut at)?;
        form.left |= width < 0;
        form.width = width.unsigned_abs() as usize;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            form.precision = usize::try_from(self.size(bytes, &mut at)?).ok();
        }
        let letter = *bytes.get(at).ok_or("missing format character")?;
        at += 1;
        match letter {
            b's' => {
                let value = self.value().unwrap_or_default();
                let text = value.into_bytes();
                self.pad(cut(&text, form.precision), form);
            }
            b'b' => {
                let value = self.value().unwrap_or_default();
                let (text, ended) = if self.bash { unescape(&value, Escapes::Percent)? } else { unescape_echo(&value) };
                self.pad(cut(&text, form.precision), form);
                self.ended = ended;
            }
            b'c' => {
                let value = self.value().unwrap_or_default();
                self.pad(cut(value.as_bytes(), Some(1)), form);
            }
            b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
                let value = self.number();
                let text = format_number(value, letter, form.plus, form.space, form.alternate, form.precision);
                if form.zero && !form.left && form.precision.is_none() {
                    let sign = text.len() - text.trim_start_matches(['+', '-', ' ']).len();
                    let zeros = form.width.saturating_sub(text.len());
                    let text = format!("{}{}{}", &text[..sign], "0".repeat(zeros), &text[sign..]);
                    self.out.extend_from_slice(text.as_bytes());
                } else {
                    self.pad(text.as_bytes(), form);
                }
            }
            b'q' if self.bash => {
                let value = self.value().unwrap_or_default();
                match quoted(&value) {
                    Some(text) => self.pad(text.as_bytes(), form),
                    None => self.refused = Some("`%q` of letters that need `$'`".to_owned()),
                }
            }
            letter if self.bash && (letter.is_ascii_alphabetic() || letter == b'(') => {
                self.refused.get_or_insert(format!("`%{}` is not followed", char::from(letter)));
            }
            letter => return Err(format!("%{}: invalid directive", char::from(letter))),
        }
        Ok(at)
    }

    fn size(&mut self, bytes: &[u8], at: &mut usize) -> Result<i64, String> {
        if bytes.get(*at) == Some(&b'*') {
            *at += 1;
            let size = self.number();
            return if size.unsigned_abs() as usize > MAX_WIDTH { Err("too wide".to_owned()) } else { Ok(size) };
        }
        let mut size = 0;
        while let Some(digit @ b'0'..=b'9') = bytes.get(*at) {
            size = size * 10 + usize::from(digit - b'0');
            if size > MAX_WIDTH {
                return Err("too wide".to_owned());
            }
            *at += 1;
        }
        Ok(size as i64)
    }

    fn number(&mut self) -> i64 {
        let Some(text) = self.value() else { return 0 };
        if let Some(quoted) = text.strip_prefix(['"', '\'']) {
            return quoted.bytes().next().map_or(0, i64::from);
        }
        let (value, whole) = read_number(&text);
        if !whole {
            self.status = 1;
        }
        value
    }

    fn pad(&mut self, text: &[u8], form: Form) {
        let padding = form.width.saturating_sub(text.len());
        if !form.left {
            self.out.resize(self.out.len() + padding, b' ');
        }
        self.out.extend_from_slice(text);
        if form.left {
            self.out.resize(self.out.len() + padding, b' ');
        }
    }
}

/// `text` as bash's `%q` quotes it; nothing where it would need `$'…'`.
fn quoted(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("''".to_owned());
    }
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        if c.is_control() || !c.is_ascii() {
            return None;
        }
        if " '\"\\|&;()<>!{}*[]?^$`,".contains(c) || at == 0 && matches!(c, '#' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    Some(out)
}

fn cut(text: &[u8], precision: Option<usize>) -> &[u8] {
    text.get(..precision.unwrap_or(text.len())).unwrap_or(text)
}

/// A number as C's `strtoimax` reads it, and whether that was all.
fn read_number(text: &str) -> (i64, bool) {
    let rest = text.trim_start();
    let (negative, rest) = match rest.as_bytes().first() {
        Some(b'-') => (true, &rest[1..]),
        Some(b'+') => (false, &rest[1..]),
        _ => (false, rest),
    };
    let (radix, digits) = match rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if rest.starts_with('0') => (8, rest),
        None => (10, rest),
    };
    let length = digits.chars().take_while(|c| c.is_digit(radix)).count();
    let value = match (i128::from_str_radix(&digits[..length], radix), length) {
        (_, 0) => 0,
        (Ok(value), _) if negative => i64::try_from(-value).unwrap_or(i64::MIN),
        (Ok(value), _) => i64::try_from(value).unwrap_or(i64::MAX),
        (Err(_), _) => i64::MAX,
    };
    (value, length == digits.len() && !digits.is_empty())
}

/// A number as C's `printf` writes it, without its width.
fn format_number(value: i64, letter: u8, plus: bool, space: bool, alternate: bool, precision: Option<usize>) -> String {
    let (sign, digits) = match letter {
        b'd' | b'i' => {
            let sign = match value {
                ..0 => "-",
                _ if plus => "+",
                _ if space => " ",
                _ => "",
            };
            (sign, value.unsigned_abs().to_string())
        }
        b'u' => ("", (value as u64).to_string()),
        b'o' => ("", format!("{}{value:o}", if alternate && value != 0 { "0" } else { "" })),
        b'x' => (if alternate && value != 0 { "0x" } else { "" }, format!("{value:x}")),
        _ => (if alternate && value != 0 { "0X" } else { "" }, format!("{value:X}")),
    };
    match precision {
        Some(0) if value == 0 => sign.to_owned(),
        Some(precision) => format!("{sign}{digits:0>precision$}"),
        None => format!("{sign}{digits}"),
    }
}
