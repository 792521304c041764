//! Lines as systemd's `read_line` sees them.

/// An iterator over the lines of a text, without their ends. A line ends with `\n`, `\r` or NUL, or with several
/// different ones of them in a row (`\r\n`, `\n\r`), NUL last: two equal ones are two ends, so an empty line.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

/// The lines of `text`.
pub(super) fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let is_end = |b: u8| matches!(b, b'\n' | b'\r' | 0);
        let length = memchr::memchr3(b'\n', b'\r', 0, self.rest).unwrap_or(self.rest.len());
        let (line, ends) = self.rest.split_at(length);
        let mut taken = 0;
        while let Some(&b) = ends.get(taken) {
            let seen = &ends[..taken];
            if !is_end(b) || seen.contains(&b) || seen.contains(&0) {
                break;
            }
            taken += 1;
        }
        self.rest = &ends[taken..];
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_end_counts_once() {
        let found: Vec<_> =
            lines(b"a\nb\r\nc\n\rd\0e\n\nf\r\rg\n\0\nh").map(|line| line.escape_ascii().to_string()).collect();
        assert_eq!(found, ["a", "b", "c", "d", "e", "", "f", "", "g", "", "h"]);
        assert_eq!(lines(b"\n").count(), 1);
        assert_eq!(lines(b"").count(), 0);
    }
}
