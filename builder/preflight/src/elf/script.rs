//! Scripts: what their first line asks for.

/// How much of a file the kernel reads for it (`BINPRM_BUF_SIZE`).
pub(super) const HEAD: usize = 256;

/// A script's first line, as the kernel takes it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shebang {
    pub(super) interpreter: String,
    /// All the rest, as one argument.
    argument: String,
}

impl Shebang {
    /// Reads the first bytes of a file; `None` when it is no script.
    pub(super) fn read(head: &[u8]) -> Option<Shebang> {
        let line = head.strip_prefix(b"#!")?;
        let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line = line.trim_matches([' ', '\t', '\0']);
        let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        Some(Shebang { interpreter: interpreter.to_owned(), argument: argument.trim().to_owned() })
    }

    /// The program that `env` looks for; `None` when the interpreter is not `env`, or is told more than we can follow.
    pub(super) fn wanted_of_env(&self) -> Option<&str> {
        if self.interpreter.rsplit('/').next() != Some("env") || self.argument.is_empty() {
            return None;
        }
        let split =
            ["-S", "--split-string=", "-vS", "-iS"].iter().find_map(|option| self.argument.strip_prefix(option));
        match split {
            // The kernel gives `python3 -u` as one word, and `env` takes it as one name.
            None if self.argument.starts_with('-') => None,
            None => Some(&self.argument),
            Some(words) => {
                let mut words = words.split_ascii_whitespace();
                let wanted = words.find(|word| !word.contains('=') && !matches!(*word, "-i" | "-v" | "--"));
                wanted.filter(|word| !word.starts_with('-'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_taken_apart_as_the_kernel_does() {
        let read = |line: &str| Shebang::read(line.as_bytes()).unwrap();
        assert_eq!(read("#! /bin/sh -e \nrest").interpreter, "/bin/sh");
        assert_eq!(read("#! /bin/sh -e \nrest").argument, "-e");
        assert_eq!(read("#!/bin/sh\r\n").interpreter, "/bin/sh\r");
        assert_eq!(read("#!").interpreter, "");
        assert_eq!(Shebang::read(b"# !/bin/sh"), None);
    }

    #[test]
    fn env_looks_for_a_program() {
        let wanted = |line: &str| Shebang::read(line.as_bytes()).unwrap().wanted_of_env().map(str::to_owned);
        assert_eq!(wanted("#!/usr/bin/env python3\n").as_deref(), Some("python3"));
        assert_eq!(wanted("#!/usr/bin/env python3 -u\n").as_deref(), Some("python3 -u"));
        assert_eq!(wanted("#!/usr/bin/env -S A=b python3 -u\n").as_deref(), Some("python3"));
        assert_eq!(wanted("#!/usr/bin/env -u X\n"), None);
        assert_eq!(wanted("#!/bin/sh\n"), None);
    }
}
