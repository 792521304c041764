//! The system a script would run on, as far as the interpreter must ask it.

use std::collections::BTreeMap;

/// A command that is neither function nor builtin nor a tool of ours.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Expanded; the first is the command's name, as written.
    pub words: &'a [String],
    /// What the command could read. It counts as not read: a loop's `read` finds it again.
    pub stdin: &'a [u8],
    /// The environment it gets.
    pub exported: &'a BTreeMap<String, String>,
    /// Where the script has it, from one.
    pub line: usize,
    /// In force at that time.
    pub umask: u16,
    /// Absolute.
    pub cwd: &'a str,
    /// So much deeper may commands nest: what [`crate::Run::depth`] is for a script that the host follows in turn.
    pub depth: usize,
}

/// What came of a [`Call`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Exit status.
    pub status: u8,
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it complained about; goes where the script sends descriptor 2.
    pub stderr: Vec<u8>,
}

/// Why a host does not answer. The interpreter makes a [`crate::Stop`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The command or file is not known.
    Unknown,
    /// A lower-case phrase.
    Because(String),
}

/// The system a script would run on. Paths are absolute; following symbolic links is the host's business.
pub trait Host {
    /// Does what the command would do.
    fn call(&mut self, call: &Call<'_>) -> Result<Done, Refusal>;

    /// A file's contents, or nothing when there is no such file.
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal>;

    /// The text that `. PATH` reads. A host may hand out another one than the file holds.
    fn source(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        self.read(path)
    }

    /// Creates a file with `mode` or replaces an existing one's contents. `false` when it cannot be opened, which the
    /// script sees as a failure.
    fn write(&mut self, path: &str, bytes: &[u8], mode: u16) -> Result<bool, Refusal>;

    /// Adds to a file, or creates it with `mode`. `false` when it cannot be opened.
    fn append(&mut self, path: &str, bytes: &[u8], mode: u16) -> Result<bool, Refusal>;

    /// `[ -OPERATOR PATH ]` for one of `e f d x r w s S L h p b c g u k O G`.
    fn test(&mut self, operator: char, path: &str) -> Result<bool, Refusal>;

    /// A folder's names, sorted, without `.` and `..`; nothing when it is no folder.
    fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Refusal>;

    /// Where `command -v NAME` finds a command.
    fn find_command(&mut self, name: &str) -> Option<String>;
}
