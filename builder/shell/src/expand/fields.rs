//! Field splitting (XCU 2.6.5), while the text comes in.

/// Letters that mean something in a pattern, bash's `@(a|b)` among them.
fn is_special(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | ']' | '\\' | '-' | '!' | '^' | '(' | ')' | '|' | '@' | '+')
}

/// No text holds it.
pub(super) const BARE: char = '\0';

/// One field.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) text: String,
    /// The same as a pattern: quoted letters that mean something have a backslash before them.
    pub(super) pattern: String,
    /// Whether the pattern may match anything but itself.
    pub(super) glob: bool,
}

/// Fields being made.
#[derive(Debug)]
pub(super) struct Builder {
    done: Vec<Field>,
    current: Option<Field>,
    space: String,
    other: String,
    /// The last field ended at white space, so one more delimiter belongs to that end.
    after_space: bool,
    growth: usize,
    marking: bool,
    touched: usize,
}

impl Builder {
    /// `ifs` is the variable's value; without one the default counts.
    pub(super) fn new(ifs: Option<&str>) -> Builder {
        let (space, other) = ifs.unwrap_or(" \t\n").chars().partition(|c| matches!(c, ' ' | '\t' | '\n'));
        Builder {
            done: Vec::new(),
            current: None,
            space,
            other,
            after_space: false,
            growth: 0,
            marking: false,
            touched: 0,
        }
    }

    /// Of one text, in whose pattern every letter that was quoted has a backslash before it, and every backslash that was
    /// not has [`BARE`] behind it.
    pub(super) fn marking() -> Builder {
        Builder { marking: true, ..Builder::new(None) }
    }

    /// Adds to the current field.
    pub(super) fn add(&mut self, text: &str, quoted: bool) {
        if text.is_empty() {
            return;
        }
        for c in text.chars() {
            self.letter(c, quoted);
        }
    }

    /// The current field is one even if nothing is added.
    pub(super) fn keep(&mut self) {
        self.current.get_or_insert_default();
        self.after_space = false;
        self.touched += 1;
    }

    /// Ends the current field, if there is one.
    pub(super) fn end(&mut self) {
        self.done.extend(self.current.take());
        self.after_space = false;
        self.touched += 1;
    }

    /// Adds the result of an expansion outside of quotes.
    pub(super) fn split(&mut self, text: &str) {
        for c in text.chars() {
            if self.space.contains(c) {
                if let Some(field) = self.current.take() {
                    self.done.push(field);
                    self.after_space = true;
                    self.growth += 24;
                }
            } else if self.other.contains(c) {
                match self.current.take() {
                    Some(field) => self.done.push(field),
                    None if self.after_space => {}
                    None => self.done.push(Field::default()),
                }
                self.after_space = false;
                self.growth += 24;
            } else {
                self.letter(c, false);
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Field> {
        self.end();
        self.done
    }

    /// How often something was added: letters, fields, ends of fields.
    pub(super) fn count(&self) -> usize {
        self.touched
    }

    /// Bytes added since this was asked last.
    pub(super) fn take_growth(&mut self) -> usize {
        std::mem::take(&mut self.growth)
    }

    fn letter(&mut self, c: char, quoted: bool) {
        self.after_space = false;
        self.growth += 2;
        self.touched += 1;
        let field = self.current.get_or_insert_default();
        field.text.push(c);
        if quoted && (self.marking || is_special(c)) {
            field.pattern.push('\\');
        }
        field.glob |= !quoted && matches!(c, '*' | '?' | '[' | '(');
        field.pattern.push(c);
        if self.marking && !quoted && c == '\\' {
            field.pattern.push(BARE);
        }
    }
}
