//! A system without commands, whose files are in memory.

use std::collections::BTreeMap;

use rootsmith_shell::{Call, Dialect, Done, Host, Refusal, Run, Script};

/// Far more than a seed takes, and so little that thousands end each second.
const STEPS: u64 = 3_000;
/// A sanitizer's frames are large.
const DEPTH: usize = 40;

#[derive(Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Host for Memory {
    fn call(&mut self, _call: &Call<'_>) -> Result<Done, Refusal> {
        Err(Refusal::Unknown)
    }

    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(self.0.get(path).cloned())
    }

    fn write(&mut self, path: &str, bytes: &[u8], _mode: u16) -> Result<bool, Refusal> {
        self.0.insert(path.to_owned(), bytes.to_vec());
        Ok(true)
    }

    fn append(&mut self, path: &str, bytes: &[u8], _mode: u16) -> Result<bool, Refusal> {
        self.0.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(true)
    }

    fn test(&mut self, operator: char, path: &str) -> Result<bool, Refusal> {
        Ok(match operator {
            'd' => path == "/",
            _ => self.0.contains_key(path),
        })
    }

    fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Refusal> {
        let names = self.0.keys().filter_map(|path| path.strip_prefix('/'));
        Ok((path == "/").then(|| names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()))
    }

    fn find_command(&mut self, name: &str) -> Option<String> {
        (name == "cat").then(|| "/usr/bin/cat".to_owned())
    }
}

/// Follows a script; how it ends is all the same.
pub fn follow(text: &str, dialect: Dialect, arguments: &[&str]) {
    let variables = [("PATH", "/usr/bin:/bin"), ("HOME", "/root")];
    let run = Run { name: "script", arguments, variables: &variables, steps: STEPS, depth: DEPTH };
    if let Ok(script) = Script::parse_as(text, dialect) {
        let _ = rootsmith_shell::run(&script, &run, &mut Memory::default());
    }
}
