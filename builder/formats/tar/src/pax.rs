//! PAX records: `LENGTH KEYWORD=VALUE\n`, the length counting itself.

use rootsmith_tree::Mtime;

/// The records before one entry.
#[derive(Debug, Default)]
pub(crate) struct Records(Vec<u8>);

impl Records {
    /// The bytes of all records; empty when there are none.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds one. The value may hold any byte, a newline too: readers go by the length.
    pub(crate) fn push(&mut self, keyword: &[u8], value: &[u8]) {
        // Space, equals sign, newline.
        let rest = keyword.len() + value.len() + 3;
        let mut length = rest + digits(rest);
        // The length's own digits may carry it over a power of ten: 98 + 2 is 100, so it takes 101.
        if rest + digits(length) != length {
            length = rest + digits(length);
        }
        self.0.extend_from_slice(length.to_string().as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(keyword);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// A number in decimal.
    pub(crate) fn push_number(&mut self, keyword: &str, number: u64) {
        self.push(keyword.as_bytes(), number.to_string().as_bytes());
    }

    /// A time as seconds and, where there are any, nanoseconds: `1700000000`, `-1.500000000`.
    pub(crate) fn push_time(&mut self, keyword: &str, time: Mtime) {
        self.push(keyword.as_bytes(), decimal(time).as_bytes());
    }

    /// An extended attribute. `=` ends a keyword, so GNU tar writes it in names as `%3D`, and `%` as `%25`.
    pub(crate) fn push_xattr(&mut self, name: &[u8], value: &[u8]) {
        let mut keyword = b"SCHILY.xattr.".to_vec();
        for &byte in name {
            match byte {
                b'=' => keyword.extend_from_slice(b"%3D"),
                b'%' => keyword.extend_from_slice(b"%25"),
                _ => keyword.push(byte),
            }
        }
        self.push(&keyword, value);
    }
}

/// Seconds count towards the past below zero, nanoseconds always forward: -2 s and 500 000 000 ns are -1.5.
fn decimal(time: Mtime) -> String {
    let Mtime { seconds, nanoseconds } = time;
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    if seconds >= 0 {
        return format!("{seconds}.{nanoseconds:09}");
    }
    let whole = (seconds + 1).unsigned_abs();
    format!("-{whole}.{:09}", 1_000_000_000u32.saturating_sub(nanoseconds))
}

fn digits(n: usize) -> usize {
    n.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_itself() {
        for size in 0..1100 {
            let mut records = Records::default();
            records.push(b"key", &vec![b'\n'; size]);
            let length = String::from_utf8_lossy(records.bytes()).split(' ').next().unwrap().parse::<usize>().unwrap();
            assert_eq!(length, records.bytes().len(), "value of {size} bytes");
        }
    }

    #[test]
    fn times_are_decimal() {
        let shown = |seconds, nanoseconds| decimal(Mtime { seconds, nanoseconds });
        assert_eq!(shown(12, 0), "12");
        assert_eq!(shown(12, 5), "12.000000005");
        assert_eq!(shown(-2, 0), "-2");
        assert_eq!(shown(-2, 500_000_000), "-1.500000000");
        assert_eq!(shown(-1, 999_999_999), "-0.000000001");
    }

    #[test]
    fn attribute_names_are_escaped() {
        let mut records = Records::default();
        records.push_xattr(b"user.a=b%c", b"1");
        assert_eq!(records.bytes(), b"33 SCHILY.xattr.user.a%3Db%25c=1\n");
    }
}
