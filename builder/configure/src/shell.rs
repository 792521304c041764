//! A reader of the part of the shell language (POSIX.1-2024, XCU 2) that maintainer scripts are mostly written in.
//!
//! Nothing is executed. A script is parsed whole, then followed as `dpkg` would call it on a first installation, and what
//! comes out is the list of commands that would have run. Whatever is met on that way and not understood ends the reading
//! with its line, so that nothing is skipped in silence; branches not taken may hold anything that parses.
//!
//! ```sh
//! if [ "$1" = "configure" ]; then
//!     if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi   # not taken: no init runs
//!     deb-systemd-helper enable 'ssh.service' >/dev/null || true        # comes out
//! fi
//! ```

mod follow;
mod lex;
mod parse;

pub(crate) use follow::{Command, World, follow};

/// What the reader could not follow, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUnderstood {
    /// From one.
    pub(crate) line: usize,
    /// A few words.
    pub(crate) what: String,
}

impl NotUnderstood {
    fn new(line: usize, what: impl Into<String>) -> NotUnderstood {
        NotUnderstood { line, what: what.into() }
    }
}
