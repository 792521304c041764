//! What a serial console showed, as text.

/// What is kept: a machine in a loop must not fill our memory.
const MAX_TEXT: usize = 8 << 20;
const PANIC: &str = "Kernel panic - not syncing";
const LAST_LINES: usize = 20;

/// The text so far, without escape sequences, carriage returns and other control characters, and what is looked for in it.
#[derive(Debug)]
pub(crate) struct Console {
    until: Vec<u8>,
    text: Vec<u8>,
    state: State,
    panic: Option<usize>,
}

/// Where in an escape sequence (ECMA-48, 5.4) the last byte was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Escape,
    /// `ESC [ parameters… final`.
    Control,
    /// `ESC ] text`, ended by BEL or `ESC \`.
    Command,
    /// `ESC ( x` and its like: one byte follows.
    Charset,
}

impl Console {
    /// An empty console on which `until` is expected.
    pub(crate) fn new(until: &str) -> Console {
        Console { until: until.as_bytes().to_vec(), text: Vec::new(), state: State::Text, panic: None }
    }

    /// Takes more output. Whether the expected text has appeared in it.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        if self.text.len() > MAX_TEXT {
            let half = self.text.len() / 2;
            self.text.drain(..half);
            self.panic = self.panic.and_then(|at| at.checked_sub(half));
        }
        let before = self.text.len();
        for &byte in bytes {
            self.push(byte);
        }
        if self.panic.is_none() {
            self.panic = self.find(PANIC.as_bytes(), before);
        }
        self.until.is_empty() || self.find(&self.until, before).is_some()
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The line in which the kernel gave up.
    pub(crate) fn panic(&self) -> Option<String> {
        let rest = &self.text[self.panic?..];
        let line = rest.split(|&b| b == b'\n').next().unwrap_or(rest);
        Some(String::from_utf8_lossy(line).into_owned())
    }

    /// The last lines that are not empty.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let lines = self.text.rsplit(|&b| b == b'\n').map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let mut last: Vec<String> = lines.filter(|line| !line.is_empty()).take(LAST_LINES).collect();
        last.reverse();
        last
    }

    /// Where `text` is, if it ends after the first `before` bytes.
    fn find(&self, text: &[u8], before: usize) -> Option<usize> {
        let from = before.saturating_sub(text.len());
        self.text[from..].windows(text.len()).position(|window| window == text).map(|at| from + at)
    }

    fn push(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Text | State::Command, 0x1b) => State::Escape,
            (State::Text, b'\n' | b'\t' | 0x20..=0x7e | 0x80..) => {
                self.text.push(byte);
                State::Text
            }
            (State::Text, _) => State::Text,
            (State::Escape, b'[') => State::Control,
            (State::Escape, b']' | b'P' | b'^' | b'_') => State::Command,
            (State::Escape, b' '..=b'/') => State::Charset,
            (State::Escape | State::Charset, _) => State::Text,
            (State::Control, 0x40..=0x7e) => State::Text,
            // A control character ends a sequence that was cut short; else a lost byte would swallow all that follows.
            (State::Control | State::Command, b'\n' | 0x07) => {
                if byte == b'\n' {
                    self.text.push(byte);
                }
                State::Text
            }
            (state, _) => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_two_pieces_and_colours_is_found() {
        let mut console = Console::new("Reached target multi-user.target");
        assert!(!console.take(b"[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1"));
        assert!(!console.take(b";39mmulti-user"));
        assert!(console.take(b".target\x1b[0m - x\r\n"));
        assert_eq!(console.text(), "[  OK  ] Reached target multi-user.target - x\n");
        assert!(!console.take(b"more"), "an old find is no new one");
    }

    #[test]
    fn escape_sequences_of_every_kind_are_dropped() {
        let mut console = Console::new("none");
        console.take(b"a\x1b(Bb\x1b]0;title\x07c\x1b]3008;x\x1b\\d\x1b=e\x1b[2Jf\x1b]lost\ng\0h\x07\xc3\xa4");
        assert_eq!(console.text(), "abcdef\nghä");
    }

    #[test]
    fn a_panic_is_seen_with_its_reason() {
        let mut console = Console::new("login:");
        console.take(b"[ 1.0] Kernel panic - not sync");
        assert_eq!(console.panic(), None);
        console.take(b"ing: VFS: Unable to mount root fs\r\n[ 1.1] CPU: 0\r\n\r\n");
        assert_eq!(console.panic().unwrap(), "Kernel panic - not syncing: VFS: Unable to mount root fs");
        assert_eq!(console.last_lines()[1], "[ 1.1] CPU: 0");
    }

    #[test]
    fn endless_output_is_forgotten_from_its_beginning() {
        let mut console = Console::new("login:");
        for _ in 0..300 {
            console.take(&[b'x'; 1 << 16]);
        }
        assert!(console.text.len() <= MAX_TEXT + (1 << 16));
        assert!(console.take(b"login:"));
    }
}
