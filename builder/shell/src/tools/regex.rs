//! POSIX regular expressions (XBD 9), basic and extended with GNU's additions, by way of the `regex` crate.
//!
//! What that crate does not have (back references, equivalence classes) is refused. POSIX wants the longest of the
//! leftmost matches, the crate the first alternative that fits; where that can differ, longer ends are tried.

use regex::bytes::{Regex, RegexBuilder};

/// Lines longer than this are not searched for a longer match.
const MAX_AMBIGUOUS: usize = 1 << 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Basic,
    Extended,
    Fixed,
}

/// Begin and end of the match and of each group.
pub(crate) type Spans = Vec<Option<(usize, usize)>>;

#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    regex: Regex,
    /// The same, ending where the text ends; for expressions whose first match need not be the longest.
    whole: Option<Regex>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub(super) ignore_case: bool,
    /// `grep -w`.
    pub(super) word: bool,
    /// `grep -x`.
    pub(super) line: bool,
    /// The match begins where the text does.
    pub(super) begin: bool,
    /// `\n` and `\t` mean what they do in `sed` and `awk`.
    pub(super) escapes: bool,
}

impl Matcher {
    /// Any of `patterns`.
    pub(crate) fn new(patterns: &[&str], syntax: Syntax, options: Options) -> Result<Matcher, String> {
        let mut texts = Vec::new();
        let mut ambiguous = patterns.len() > 1;
        for pattern in patterns {
            let mut translator = Translator::new(pattern, syntax == Syntax::Extended, options.escapes);
            let text = if syntax == Syntax::Fixed { regex::escape(pattern) } else { translator.run()? };
            ambiguous |= translator.ambiguous;
            texts.push(if patterns.len() > 1 { format!("(?:{text})") } else { text });
        }
        let mut text = texts.join("|");
        if options.word {
            text = format!("(?:^|[^0-9A-Za-z_])(?:{text})(?:[^0-9A-Za-z_]|$)");
        }
        if options.begin {
            text = format!("^(?:{text})");
        }
        if options.line {
            text = format!("^(?:{text})$");
        }
        let whole = if ambiguous { Some(build(&format!("^(?:{text})$"), options)?) } else { None };
        Ok(Matcher { regex: build(&text, options)?, whole })
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// How many groups there are, the whole match counted.
    pub(super) fn groups(&self) -> usize {
        self.regex.captures_len()
    }

    /// The leftmost longest match that begins at `from` or later.
    pub(crate) fn find_at(&self, text: &[u8], from: usize) -> Result<Option<Spans>, String> {
        let spans = |captures: &regex::bytes::Captures<'_>, offset: usize| -> Spans {
            captures.iter().map(|group| group.map(|group| (group.start() + offset, group.end() + offset))).collect()
        };
        let Some(found) = self.regex.captures_at(text, from) else { return Ok(None) };
        let found = spans(&found, 0);
        let (Some(whole), Some(Some((begin, end)))) = (&self.whole, found.first().copied()) else {
            return Ok(Some(found));
        };
        if text.len() - begin > MAX_AMBIGUOUS {
            return Err("a line too long for this expression".to_owned());
        }
        for longer in (end + 1..=text.len()).rev() {
            if let Some(captures) = whole.captures(&text[begin..longer]) {
                let longest = spans(&captures, begin);
                // An anchor may have held only because the text was cut there: what is found must be there uncut, too.
                if self.regex.find_at(text, begin).is_some_and(|found| found.start() == begin) {
                    return Ok(Some(longest));
                }
            }
        }
        Ok(Some(found))
    }
}

fn build(text: &str, options: Options) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .dot_matches_new_line(true)
        .case_insensitive(options.ignore_case)
        .size_limit(1 << 20)
        .nest_limit(60)
        .build()
        .map_err(|_| "an expression that cannot be compiled".to_owned())
}

struct Translator<'a> {
    letters: Vec<char>,
    at: usize,
    extended: bool,
    escapes: bool,
    out: String,
    /// Where the last atom begins in `out`, if one can be repeated.
    atom: Option<usize>,
    repeated: bool,
    groups: Vec<usize>,
    ambiguous: bool,
    text: &'a str,
}

impl<'a> Translator<'a> {
    fn new(text: &'a str, extended: bool, escapes: bool) -> Translator<'a> {
        Translator {
            letters: text.chars().collect(),
            at: 0,
            extended,
            escapes,
            out: String::new(),
            atom: None,
            repeated: false,
            groups: Vec::new(),
            ambiguous: false,
            text,
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn run(&mut self) -> Result<String, String> {
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\\' => self.backslash()?,
                '[' => self.bracket()?,
                '.' => self.push_atom("."),
                '*' => self.repeat("*"),
                '^' if self.extended || self.at_start() => {
                    self.out.push('^');
                    self.atom = None;
                }
                '$' if self.extended || self.at_end() => {
                    self.out.push('$');
                    self.atom = None;
                }
                '(' if self.extended => self.open(),
                ')' if self.extended && !self.groups.is_empty() => self.close()?,
                '|' if self.extended => self.alternative(),
                '+' if self.extended => self.repeat("+"),
                '?' if self.extended => self.repeat("?"),
                '{' if self.extended && self.atom.is_some() => self.interval()?,
                c => self.push_atom(&regex::escape(&c.to_string())),
            }
        }
        if !self.groups.is_empty() {
            return Err(format!("`{}`: a group without an end", self.text));
        }
        Ok(std::mem::take(&mut self.out))
    }

    /// A basic `^` anchors only where an expression begins.
    fn at_start(&self) -> bool {
        self.out.is_empty()
            || self.out.ends_with('(') && !self.out.ends_with("\\(")
            || self.out.ends_with('|') && !self.out.ends_with("\\|")
    }

    fn at_end(&self) -> bool {
        self.peek(0).is_none() || self.peek(0) == Some('\\') && matches!(self.peek(1), Some(')' | '|'))
    }

    fn push_atom(&mut self, text: &str) {
        self.atom = Some(self.out.len());
        self.repeated = false;
        self.out.push_str(text);
    }

    fn repeat(&mut self, how: &str) {
        let Some(atom) = self.atom else {
            // Nothing to repeat: the letter itself.
            self.push_atom(&regex::escape(how));
            return;
        };
        if self.repeated {
            // `a*?` would be lazy in the crate; in POSIX it repeats the repetition.
            self.out.insert_str(atom, "(?:");
            self.out.push(')');
        }
        self.ambiguous |= how == "?" || how.starts_with('{') || self.out.ends_with(')');
        self.out.push_str(how);
        self.repeated = true;
    }

    fn open(&mut self) {
        self.groups.push(self.out.len());
        self.out.push('(');
        self.atom = None;
    }

    fn close(&mut self) -> Result<(), String> {
        let begin = self.groups.pop().ok_or_else(|| format!("`{}`: a group that was not begun", self.text))?;
        self.out.push(')');
        self.atom = Some(begin);
        self.repeated = false;
        Ok(())
    }

    fn alternative(&mut self) {
        self.out.push('|');
        self.atom = None;
        self.ambiguous = true;
    }

    fn interval(&mut self) -> Result<(), String> {
        let begin = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_ascii_digit() || *c == ',') {
            self.at += 1;
            text.push(c);
        }
        let closed = if self.extended {
            self.peek(0) == Some('}')
        } else {
            self.peek(0) == Some('\\') && self.peek(1) == Some('}')
        };
        if !closed || text.is_empty() {
            if self.extended {
                self.at = begin;
                self.push_atom("\\{");
                return Ok(());
            }
            return Err(format!("`{}`: an interval that is none", self.text));
        }
        self.at += if self.extended { 1 } else { 2 };
        let text = if text.starts_with(',') { format!("0{text}") } else { text };
        self.repeat(&format!("{{{text}}}"));
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), String> {
        let Some(c) = self.peek(0) else { return Err(format!("`{}`: a backslash at the end", self.text)) };
        self.at += 1;
        match c {
            '(' if !self.extended => self.open(),
            ')' if !self.extended => self.close()?,
            '|' if !self.extended => self.alternative(),
            '{' if !self.extended => self.interval()?,
            '+' if !self.extended => self.repeat("+"),
            '?' if !self.extended => self.repeat("?"),
            '1'..='9' => return Err(format!("`{}`: back references are not followed", self.text)),
            '<' => self.out.push_str(r"\b{start}"),
            '>' => self.out.push_str(r"\b{end}"),
            'b' => self.out.push_str(r"\b"),
            'B' => self.out.push_str(r"\B"),
            'w' => self.push_atom("[0-9A-Za-z_]"),
            'W' => self.push_atom("[^0-9A-Za-z_]"),
            's' => self.push_atom(r"[\t-\r ]"),
            'S' => self.push_atom(r"[^\t-\r ]"),
            '`' => self.out.push_str(r"\A"),
            '\'' => self.out.push_str(r"\z"),
            'n' if self.escapes => self.push_atom("\\n"),
            't' if self.escapes => self.push_atom("\\t"),
            'r' if self.escapes => self.push_atom("\\r"),
            'f' if self.escapes => self.push_atom("\\f"),
            'v' if self.escapes => self.push_atom("\\v"),
            '\n' => self.push_atom("\\n"),
            c if c.is_ascii_alphanumeric() => return Err(format!("`{}`: `\\{c}` is not known", self.text)),
            c => self.push_atom(&regex::escape(&c.to_string())),
        }
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), String> {
        let text = self.text;
        let unclosed = || format!("`{text}`: a `[` without an end");
        let mut out = "[".to_owned();
        if self.peek(0) == Some('^') {
            self.at += 1;
            out.push('^');
        }
        let first = self.at;
        loop {
            let c = self.peek(0).ok_or_else(unclosed)?;
            if c == ']' && self.at > first {
                self.at += 1;
                break;
            }
            if c == '[' && self.peek(1) == Some(':') {
                let name: String =
                    self.letters.iter().skip(self.at + 2).take_while(|c| c.is_ascii_alphabetic()).collect();
                let length = name.len();
                if self.peek(length + 2) == Some(':') && self.peek(length + 3) == Some(']') {
                    if crate::pattern::class(name.as_bytes()).is_none() {
                        return Err(format!("`{}`: an unknown class", self.text));
                    }
                    out.push_str(&format!("[:{name}:]"));
                    self.at += length + 4;
                    continue;
                }
            }
            if c == '[' && matches!(self.peek(1), Some('.' | '=')) {
                return Err(format!("`{}`: collating elements are not followed", self.text));
            }
            let low = self.bracket_letter()?;
            if self.peek(0) == Some('-') && self.peek(1).is_some_and(|next| next != ']') {
                self.at += 1;
                let high = self.bracket_letter()?;
                if high < low {
                    return Err(format!("`{}`: a range that ends before it begins", self.text));
                }
                out.push_str(&format!("\\x{:02x}-\\x{:02x}", u32::from(low), u32::from(high)));
            } else {
                out.push_str(&format!("\\x{:02x}", u32::from(low)));
            }
        }
        out.push(']');
        self.push_atom(&out);
        Ok(())
    }

    fn bracket_letter(&mut self) -> Result<char, String> {
        let c = self.peek(0).ok_or_else(|| format!("`{}`: a `[` without an end", self.text))?;
        self.at += 1;
        if c == '\\' && self.escapes {
            let special = match self.peek(0) {
                Some('n') => Some('\n'),
                Some('t') => Some('\t'),
                Some('r') => Some('\r'),
                Some('f') => Some('\x0c'),
                Some('v') => Some('\x0b'),
                Some(']' | '[') | None => None,
                _ => None,
            };
            if let Some(special) = special {
                self.at += 1;
                return Ok(special);
            }
        }
        if c.is_ascii() { Ok(c) } else { Err(format!("`{}`: `{c}` in brackets", self.text)) }
    }
}
