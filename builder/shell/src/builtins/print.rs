//! `echo`.

use std::convert::Infallible;

use crate::escape::{Escaped, Escapes, replaced, unescape};
use crate::shell::{Go, Shell};

impl Shell<'_> {
    pub(super) fn echo(&mut self, arguments: &[String]) -> Go<u8> {
        let (newline, arguments) = match arguments.split_first() {
            Some((first, rest)) if first == "-n" => (false, rest),
            _ => (true, arguments),
        };
        let (mut bytes, ended) = unescape_echo(&arguments.join(" "));
        if newline && !ended {
            bytes.push(b'\n');
        }
        Ok(u8::from(!self.put(1, &bytes)?))
    }

    /// bash's `echo [-neE]`.
    pub(super) fn bash_echo(&mut self, arguments: &[String]) -> Go<u8> {
        let (mut newline, mut escapes) = (true, false);
        let is_option = |word: &&String| {
            word.len() > 1 && word.starts_with('-') && word[1..].bytes().all(|byte| b"neE".contains(&byte))
        };
        let count = arguments.iter().take_while(is_option).count();
        for letter in arguments.iter().take(count).flat_map(|word| word.chars().skip(1)) {
            match letter {
                'n' => newline = false,
                letter => escapes = letter == 'e',
            }
        }
        let text = arguments.get(count..).unwrap_or_default().join(" ");
        let (mut bytes, ended) = match escapes {
            true => unescape(&text, Escapes::Echo).map_err(|what| self.stop(format!("`echo -e`: {what}")))?,
            false => (text.into_bytes(), false),
        };
        if newline && !ended {
            bytes.push(b'\n');
        }
        Ok(u8::from(!self.put(1, &bytes)?))
    }
}

/// What dash's `echo` and `%b` make of backslashes, and whether `\c` ended it.
pub(super) fn unescape_echo(text: &str) -> (Vec<u8>, bool) {
    let read = |bytes: &[u8]| {
        let (found, length) = escape(bytes, true);
        Ok::<_, Infallible>((found.map_or(Escaped::Stop, Escaped::Byte), length))
    };
    let Ok(replaced) = replaced(text, read);
    replaced
}

/// What follows a backslash: its byte (none for `\c`) and how long it was. In `echo` octal numbers begin with a zero.
pub(super) fn escape(bytes: &[u8], echo: bool) -> (Option<u8>, usize) {
    let octal = |from: usize, most: usize| {
        let digits = bytes.iter().skip(from).take(most).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        let value = bytes.iter().skip(from).take(digits).fold(0u32, |value, byte| value * 8 + u32::from(byte - b'0'));
        (Some((value & 0xff) as u8), from + digits)
    };
    match bytes.first() {
        Some(b'a') => (Some(7), 1),
        Some(b'b') => (Some(8), 1),
        Some(b'f') => (Some(12), 1),
        Some(b'n') => (Some(b'\n'), 1),
        Some(b'r') => (Some(b'\r'), 1),
        Some(b't') => (Some(b'\t'), 1),
        Some(b'v') => (Some(11), 1),
        Some(b'\\') => (Some(b'\\'), 1),
        Some(b'c') if echo => (None, 1),
        Some(b'0') if echo => octal(1, 3),
        Some(b'0'..=b'7') if !echo => octal(0, 3),
        // Anything else stays as it is; what follows comes by itself.
        _ => (Some(b'\\'), 0),
    }
}
