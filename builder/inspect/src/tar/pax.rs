//! Extended headers: records taken by their length, for a value may hold newlines, and readers that split at those lose
//! capabilities.

use std::collections::BTreeMap;

/// Keywords and values; the last of a keyword counts.
pub(crate) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The records in the content of an extended header; `None` when they are not well formed.
pub(crate) fn parse(mut data: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    while !data.is_empty() {
        let space = data.iter().take(20).position(|&b| b == b' ')?;
        let length: usize = std::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
        let record = data.get(space + 1..length)?;
        let (b'\n', record) = record.split_last().map(|(last, record)| (*last, record))? else { return None };
        let equals = record.iter().position(|&b| b == b'=')?;
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        data = &data[length..];
    }
    Some(records)
}

/// A decimal time, `-1.5`, as whole seconds downwards and nanoseconds forwards: -2 and 500 000 000.
pub(crate) fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds));
    }
    Some((seconds, nanoseconds))
}

/// The extended attribute in a record, if there is one. libarchive writes each twice, once in its own way; where both are there,
/// the other counts.
pub(crate) fn xattrs(records: &Records) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut xattrs = BTreeMap::new();
    for (keyword, value) in records {
        if let Some(name) = keyword.strip_prefix(b"LIBARCHIVE.xattr.") {
            xattrs.insert(unescape(name, |_| true), base64(value)?);
        }
    }
    for (keyword, value) in records {
        if let Some(name) = keyword.strip_prefix(b"SCHILY.xattr.") {
            // GNU tar writes `=` as `%3D` and `%` as `%25`; others write them as they are.
            xattrs.insert(unescape(name, |byte| matches!(byte, b'=' | b'%')), value.clone());
        }
    }
    Some(xattrs)
}

fn unescape(name: &[u8], escaped: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|&b| char::from(b).to_digit(16));
        // Two hexadecimal digits fit a byte.
        let byte = digit(0).zip(digit(1)).map(|(high, low)| (high << 4 | low) as u8);
        match byte.filter(|&byte| first == b'%' && escaped(byte)) {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// RFC 4648, section 4, padded or not.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for &digit in text.trim_ascii_end().iter().filter(|&&digit| digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // At most six bits are held, so twelve are in use.
        bits = (bits << 6 | u32::from(value)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_newlines() {
        let records = parse(b"13 a=b\nc=d\ne\n9 path=x\n").unwrap();
        assert_eq!(records[&b"a"[..]], b"b\nc=d\ne");
        assert_eq!(records[&b"path"[..]], b"x");
    }

    #[test]
    fn damaged_records_are_refused() {
        for bad in [&b"8 path=x\n"[..], b"9 path=x ", b"99 path=x\n", b"x path=x\n", b"5 abc\n", b"0 a=b\n", b"path"] {
            assert_eq!(parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn times_round_down() {
        assert_eq!(time(b"12"), Some((12, 0)));
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time(b"-0.000000001"), Some((-1, 999_999_999)));
        assert_eq!(time(b"1e3"), None);
    }

    #[test]
    fn attributes_are_read_in_both_spellings() {
        let records = Records::from([
            (b"SCHILY.xattr.user.a%3Db%25%41".to_vec(), b"\0x".to_vec()),
            (b"LIBARCHIVE.xattr.user.%61".to_vec(), b"AP9/aGk".to_vec()),
            (b"mtime".to_vec(), b"1".to_vec()),
        ]);
        let wanted = BTreeMap::from([
            (b"user.a=b%%41".to_vec(), b"\0x".to_vec()),
            (b"user.a".to_vec(), b"\0\xff\x7fhi".to_vec()),
        ]);
        assert_eq!(xattrs(&records), Some(wanted));
        assert_eq!(xattrs(&Records::from([(b"LIBARCHIVE.xattr.a".to_vec(), b"?".to_vec())])), None);
    }
}
