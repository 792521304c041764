//! What bash makes of backslashes: in `$'…'`, `echo -e`, `%b` and the format of `printf`.

/// Where a backslash stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// `$'…'`.
    Quoted,
    /// `echo -e`, and `%b` where octal numbers need no zero.
    Echo,
    Percent,
    /// The format of `printf`.
    Format,
}

/// What stands behind a backslash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Escaped {
    Byte(u8),
    /// `\c`: nothing more is printed.
    Stop,
    /// No escape: the backslash stays.
    Backslash,
}

/// What `bytes`, behind a backslash, begin with, and how long that is.
pub(crate) fn escaped(bytes: &[u8], within: Escapes) -> Result<(Escaped, usize), String> {
    let number = |from: usize, most: usize, radix: u32| {
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        let digits = bytes.iter().skip(from).take(most).take_while(is_digit).count();
        let digit = |value: u32, byte: &u8| value * radix + char::from(*byte).to_digit(radix).unwrap_or(0);
        (bytes.iter().skip(from).take(digits).fold(0u32, digit), digits)
    };
    let octal = |from: usize, most: usize| {
        let (value, digits) = number(from, most, 8);
        (Escaped::Byte((value & 0xff) as u8), from + digits)
    };
    let Some(&first) = bytes.first() else { return Ok((Escaped::Backslash, 0)) };
    let byte = match first {
        b'a' => 7,
        b'b' => 8,
        b'e' | b'E' => 27,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' | b'?' if matches!(within, Escapes::Quoted | Escapes::Format) => first,
        b'\'' | b'"' | b'?' if within == Escapes::Percent => first,
        b'c' if within == Escapes::Quoted => return Err("`\\c` is not followed".to_owned()),
        b'c' if matches!(within, Escapes::Echo | Escapes::Percent) => return Ok((Escaped::Stop, 1)),
        b'0' if matches!(within, Escapes::Echo | Escapes::Percent) => return Ok(octal(1, 3)),
        b'0'..=b'7' if within != Escapes::Echo => return Ok(octal(0, 3)),
        b'x' => {
            let (value, digits) = number(1, 2, 16);
            if digits == 0 {
                return Ok((Escaped::Backslash, 0));
            }
            return Ok((Escaped::Byte((value & 0xff) as u8), 1 + digits));
        }
        b'u' | b'U' => {
            let (value, digits) = number(1, if first == b'u' { 4 } else { 8 }, 16);
            return match (value, digits) {
                (_, 0) => Ok((Escaped::Backslash, 0)),
                // What it is beyond depends on the locale.
                (0..=127, _) => Ok((Escaped::Byte(value as u8), 1 + digits)),
                _ => Err("`\\u` beyond ASCII is not followed".to_owned()),
            };
        }
        _ => return Ok((Escaped::Backslash, 0)),
    };
    Ok((Escaped::Byte(byte), 1))
}

/// What stands for `text` between `$'` and `'`.
pub(crate) fn c_quoted(text: &str) -> Result<Vec<u8>, String> {
    let (out, _) = unescape(text, Escapes::Quoted)?;
    if out.contains(&0) { Err("`$'`: a zero byte".to_owned()) } else { Ok(out) }
}

/// `text` without its escapes, as bash has them, and whether `\c` ended it.
pub(crate) fn unescape(text: &str, within: Escapes) -> Result<(Vec<u8>, bool), String> {
    replaced(text, |bytes| escaped(bytes, within))
}

/// `text` without its escapes, each as `read` has it from what is behind the backslash, and whether `\c` ended it.
pub(crate) fn replaced<E>(
    text: &str,
    read: impl Fn(&[u8]) -> Result<(Escaped, usize), E>,
) -> Result<(Vec<u8>, bool), E> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (found, length) = read(bytes.get(at..).unwrap_or_default())?;
        at += length;
        match found {
            Escaped::Byte(byte) => out.push(byte),
            Escaped::Stop => return Ok((out, true)),
            Escaped::Backslash => out.push(b'\\'),
        }
    }
    Ok((out, false))
}
