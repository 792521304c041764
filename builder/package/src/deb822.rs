//! Stanzas of `Field: value` lines (`deb822(5)`), borrowed from the text they are read from.
//!
//! ```text
//! Package: mawk
//! Depends: libc6 (>= 2.38), libm
//! Description: a text
//!  that goes on
//!                      <- an empty line ends the stanza
//! ```

use memchr::{memchr, memmem};

/// One stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stanza<'a>(&'a str);

/// A line that is neither `Field: value` nor the continuation of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine<'a>(pub &'a str);

impl<'a> Stanza<'a> {
    /// The stanza written in `text`, which holds no empty line.
    pub fn new(text: &'a str) -> Stanza<'a> {
        Stanza(text)
    }

    /// As it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The fields in their order. A value that goes on over several lines keeps its line ends and indentation.
    pub fn fields(self) -> Fields<'a> {
        Fields { rest: self.0 }
    }

    /// The value of the first field with this name; case does not matter.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.fields().filter_map(Result::ok).find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The stanzas of a text.
#[derive(Debug, Clone)]
pub struct Stanzas<'a> {
    rest: &'a str,
}

impl<'a> Stanzas<'a> {
    /// Reads `text`.
    pub fn new(text: &'a str) -> Stanzas<'a> {
        Stanzas { rest: text }
    }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Stanza<'a>;

    fn next(&mut self) -> Option<Stanza<'a>> {
        let text = self.rest.trim_start_matches('\n');
        if text.is_empty() {
            return None;
        }
        let end = memmem::find(text.as_bytes(), b"\n\n").unwrap_or(text.len());
        self.rest = &text[end..];
        Some(Stanza(&text[..end]))
    }
}

/// The fields of a stanza, as name and value.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a str, &'a str), BadLine<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest;
        if text.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let line_end = |from: usize| memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at);
        let first_end = line_end(0);
        let mut end = first_end;
        while matches!(bytes.get(end + 1), Some(b' ' | b'\t')) {
            end = line_end(end + 1);
        }
        // Both ends lie at a `\n` or at the end of the text, so they are character boundaries.
        self.rest = text.get(end + 1..).unwrap_or("");
        Some(match memchr(b':', &bytes[..first_end]) {
            Some(colon) if colon > 0 && !text[..colon].contains([' ', '\t']) => {
                Ok((&text[..colon], text[colon + 1..end].trim()))
            }
            _ => Err(BadLine(&text[..first_end])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_end_at_empty_lines() {
        let text = "\n\nPackage: a\nVersion: 1\n\n\n\nPackage: b\n";
        let names: Vec<_> = Stanzas::new(text).map(|stanza| stanza.get("package")).collect();
        assert_eq!(names, [Some("a"), Some("b")]);
        assert_eq!(Stanzas::new("\n").count(), 0);
    }

    #[test]
    fn values_go_on_over_indented_lines() {
        let stanza = Stanza::new("Conffiles:\n /etc/a 00\n /etc/b 11\nSize:  7 \nEmpty:\n");
        let fields: Vec<_> = stanza.fields().collect();
        assert_eq!(fields, [Ok(("Conffiles", "/etc/a 00\n /etc/b 11")), Ok(("Size", "7")), Ok(("Empty", ""))]);
    }

    #[test]
    fn a_line_without_a_field_is_reported() {
        let fields: Vec<_> = Stanza::new("Package: a\nnonsense\n: x\na b: c\nSize: 1").fields().collect();
        assert_eq!(
            fields,
            [
                Ok(("Package", "a")),
                Err(BadLine("nonsense")),
                Err(BadLine(": x")),
                Err(BadLine("a b: c")),
                Ok(("Size", "1"))
            ]
        );
        assert_eq!(Stanza::new(" indented: x").fields().collect::<Vec<_>>(), [Err(BadLine(" indented: x"))]);
    }
}
