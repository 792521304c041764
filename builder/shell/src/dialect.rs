//! Which shell a script is written for.

/// The shells whose scripts are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// POSIX's language as dash has it.
    #[default]
    Dash,
    /// bash 5.2's, as it runs scripts: neither interactive nor in POSIX mode.
    Bash,
}

impl Dialect {
    /// The dialect that a script's first line asks for. Nothing where it names an interpreter of another kind, or none.
    #[must_use]
    pub fn of(text: &str) -> Option<Dialect> {
        let first = text.lines().next()?.strip_prefix("#!")?;
        let mut words = first.split_whitespace();
        let program = words.next()?;
        let program = if program.ends_with("/env") { words.next()? } else { program };
        match program.rsplit('/').next()? {
            "sh" | "dash" => Some(Dialect::Dash),
            "bash" => Some(Dialect::Bash),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_dialect() {
        for (text, dialect) in [
            ("#!/bin/sh -e\n", Some(Dialect::Dash)),
            ("#! /bin/dash\n", Some(Dialect::Dash)),
            ("#! /bin/bash\n", Some(Dialect::Bash)),
            ("#!/usr/bin/env bash\n", Some(Dialect::Bash)),
            ("#!/usr/bin/perl\n", None),
            ("echo\n#!/bin/bash\n", None),
            ("", None),
        ] {
            assert_eq!(Dialect::of(text), dialect, "{text}");
        }
    }
}
