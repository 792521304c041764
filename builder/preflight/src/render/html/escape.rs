//! Text in HTML. Whatever is shown goes through here.

use crate::render::words::visible;

/// For a text or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same, literals in backticks set as code.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, (literal, after))) =
        rest.split_once('`').and_then(|(before, after)| Some((before, after.split_once('`')?)))
    {
        html.push_str(&format!("{}<code>{}</code>", escape(before), escape(literal)));
        rest = after;
    }
    html + &escape(rest)
}

/// The name of an element: letters, digits, `.`, `-` and `_` of `text`, other bytes as numbers.
pub(super) fn name(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(byte)),
            byte => name.push_str(&format!("_{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_opens_a_tag_or_ends_an_attribute() {
        assert_eq!(escape("<b a='\"'>&amp;\0"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;amp;\\u{0}");
        assert_eq!(prose("`<i>` and `x"), "<code>&lt;i&gt;</code> and `x");
        assert_eq!(name("k0s@1.36/\"<"), "k0s_401.36_2f_22_3c");
    }
}
