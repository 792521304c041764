//! Values in shell scripts.

/// One word of sh(1) that means `text`.
pub(super) fn quote(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether a shell takes `text` for one word as it is written, however often it reads it.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b))
}

/// Words that scripts of OpenRC keep in variables and read a second time (`eval`): what is not plain goes into a variable of
/// its own, which the second reading puts in.
#[derive(Default)]
pub(super) struct Words {
    /// Assignments, to stand before the words are used.
    pub(super) variables: String,
    count: usize,
}

impl Words {
    /// How the second reading gets `text` as one word.
    pub(super) fn word(&mut self, text: &str) -> String {
        if is_plain(text) {
            return text.to_owned();
        }
        self.count += 1;
        self.variables.push_str(&format!("word_{}={}\n", self.count, quote(text)));
        format!("\"$word_{}\"", self.count)
    }

    /// Several, as the value of a variable.
    pub(super) fn value<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) -> String {
        let words: Vec<String> = texts.into_iter().map(|text| self.word(text.as_ref())).collect();
        // Plain words and references: no single quote among them.
        format!("'{}'", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn run(script: &str) -> Vec<u8> {
        Command::new("sh").args(["-c", script]).output().unwrap().stdout
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\\x00]{0,20}") {
            prop_assert_eq!(run(&format!("printf %s {}", quote(&text))), text.as_bytes());
        }

        #[test]
        fn a_second_reading_gets_the_same_words(texts in proptest::collection::vec("[ -~\\t]{0,9}", 1..4)) {
            let mut words = Words::default();
            let value = words.value(&texts);
            let script = format!("{}args={value}\neval printf '%s.' $args", words.variables);
            let expected: String = texts.iter().map(|text| format!("{text}.")).collect();
            prop_assert_eq!(String::from_utf8(run(&script)).unwrap(), expected);
        }
    }
}
