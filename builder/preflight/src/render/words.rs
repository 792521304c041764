//! Text that can be shown: lines of a width, nothing in them that moves a cursor or turns the direction of writing.

use std::fmt::Write;

/// `text` with every character that is not seen, or changes how others are seen, as `\u{202e}`.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, marks of direction, joiners, line separators, tags, and what is no character at all.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Lines of at most `width` characters, broken between words; a longer word stands alone.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

/// A phrase as a sentence's beginning: its first letter large, unless the first word is a name (`k0s`) or a literal.
pub(super) fn sentence(phrase: &str) -> String {
    let word = phrase.split(' ').next().unwrap_or_default();
    let mut chars = phrase.chars();
    match chars.next() {
        Some(first) if word.trim_end_matches([',', ':']).chars().all(|c| c.is_lowercase() || c == '-') => {
            first.to_uppercase().chain(chars).collect()
        }
        _ => phrase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_or_turn_the_text_is_spelled_out() {
        assert_eq!(visible("a\u{1b}[31m\n\u{202e}txt.exe\u{7f}"), "a\\u{1b}[31m\\u{a}\\u{202e}txt.exe\\u{7f}");
        assert_eq!(
            visible("\u{2066}\u{200b}\u{feff}\u{ffff}\u{1fffe}"),
            "\\u{2066}\\u{200b}\\u{feff}\\u{ffff}\\u{1fffe}"
        );
        assert_eq!(visible("`/usr/bin/größe` — 大"), "`/usr/bin/größe` — 大");
    }

    #[test]
    fn names_keep_their_spelling_at_the_beginning_of_a_sentence() {
        let sentences = ["add the package", "k0s starts", "`x` is", "PATH is", "read-only, it is", ""].map(sentence);
        assert_eq!(sentences, ["Add the package", "k0s starts", "`x` is", "PATH is", "Read-only, it is", ""]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a veryverylongword b", 5), ["a", "veryverylongword", "b"]);
        assert!(wrap("", 5).is_empty());
    }
}
