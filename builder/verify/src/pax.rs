//! PAX records, taken by their length: a value may hold newlines, and readers that split at those lose capabilities.

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

/// An attribute's name as it was: GNU tar writes `=` as `%3D` and `%` as `%25`.
pub(crate) fn xattr_name(keyword: &[u8]) -> Option<Vec<u8>> {
    let mut rest = keyword.strip_prefix(b"SCHILY.xattr.")?;
    let mut name = Vec::new();
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"%3D") {
            name.push(b'=');
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"%25") {
            name.push(b'%');
            rest = after;
        } else {
            name.push(first);
            rest = after;
        }
    }
    Some(name)
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
        assert_eq!(xattr_name(b"SCHILY.xattr.user.a%3Db%25"), Some(b"user.a=b%".to_vec()));
    }
}
