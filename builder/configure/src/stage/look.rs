//! Commands that tell something of files: readlink(1), realpath(1), stat(1), dd(1), ls(1).

use rootsmith_shell::{Call, Done, Host, Refusal};
use rootsmith_tree::{Node, NodeKind};

use super::line::Line;
use super::{Stage, because, failed, said};

/// The pieces of a name as `ls -v` compares them: numbers by their value.
fn by_number(name: &str) -> Vec<(&str, u64)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        pieces.push((text, digits.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    pieces
}

impl Stage<'_, '_> {
    pub(super) fn readlink(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-f", "-e", "-m", "-n", "-q", "-s", "--canonicalize", "--canonicalize-existing", "--no-newline"];
        let line = Line::parse("readlink", arguments, &flags, &[])?;
        let [path] = line.operands[..] else { return because("`readlink` of several paths") };
        if line.has(&["-f", "-e", "-m", "--canonicalize", "--canonicalize-existing"]) {
            return self.canonical(path, &line, call);
        }
        let at = self.place(call.cwd, path)?;
        match self.node(&at).and_then(Node::link_target) {
            Some(target) => said([target, if line.has(&["-n"]) { b"" } else { b"\n" }].concat()),
            None => failed(),
        }
    }

    pub(super) fn realpath(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let line = Line::parse("realpath", arguments, &["-e", "-m", "-q", "--canonicalize-missing"], &[])?;
        let [path] = line.operands[..] else { return because("`realpath` of several paths") };
        self.canonical(path, &line, call)
    }

    fn canonical(&self, path: &str, line: &Line<'_>, call: &Call<'_>) -> Result<Done, Refusal> {
        let at = self.target(call.cwd, path)?;
        let exists = self.node(&at).is_some();
        let lenient = line.has(&["-m", "--canonicalize-missing"]);
        let strict = line.has(&["-e", "--canonicalize-existing"]);
        if !exists && !lenient && (strict || !self.has_parent(&at)) {
            return failed();
        }
        said(format!("{at}{}", if line.has(&["-n", "--no-newline"]) { "" } else { "\n" }))
    }

    pub(super) fn stat(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let line = Line::parse("stat", arguments, &["-L", "--dereference"], &["-c", "--format", "--printf"])?;
        let Some(format) = line.value(&["-c", "--format"]) else { return because("`stat` without `-c`") };
        let mut out = String::new();
        let mut status = 0;
        for path in &line.operands {
            let follow = line.has(&["-L", "--dereference"]);
            let at = if follow { self.target(call.cwd, path)? } else { self.place(call.cwd, path)? };
            let Some(node) = self.node(&at) else {
                status = 1;
                continue;
            };
            let mut letters = format.chars();
            while let Some(c) = letters.next() {
                if c != '%' {
                    out.push(c);
                    continue;
                }
                let metadata = &node.metadata;
                match letters.next() {
                    Some('a') => out += &format!("{:o}", metadata.mode),
                    Some('u') => out += &metadata.uid.to_string(),
                    Some('g') => out += &metadata.gid.to_string(),
                    Some('U') => out += self.edit.accounts.user_name(metadata.uid).unwrap_or("UNKNOWN"),
                    Some('G') => out += self.edit.accounts.group_name(metadata.gid).unwrap_or("UNKNOWN"),
                    Some('n') => out += path,
                    Some('s') => match node.content() {
                        Some(content) => out += &content.size().to_string(),
                        None => return because("the size of what is no file"),
                    },
                    Some('F') => {
                        out += match &node.kind {
                            NodeKind::Directory => "directory",
                            NodeKind::Symlink(_) => "symbolic link",
                            NodeKind::File(content) if content.size() == 0 => "regular empty file",
                            NodeKind::File(_) => "regular file",
                            _ => return because("the kind of a special file"),
                        }
                    }
                    other => return because(format!("`stat -c` with `%{}`", other.unwrap_or(' '))),
                }
            }
            out.push('\n');
        }
        Ok(Done { status, stdout: out.into_bytes(), ..Done::default() })
    }

    /// dd(1) from a file to the standard output.
    pub(super) fn dd(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let (mut from, mut size, mut count, mut skip) = (None, 512, usize::MAX, 0);
        for argument in arguments {
            match (argument.split_once('='), argument.rsplit('=').next().and_then(|text| text.parse().ok())) {
                (Some(("if", path)), _) => from = Some(path),
                (Some(("bs", _)), Some(number)) => size = number,
                (Some(("count", _)), Some(number)) => count = number,
                (Some(("skip", _)), Some(number)) => skip = number,
                (Some(("status", _)), _) => {}
                _ => return because(format!("`dd` with `{argument}`")),
            }
        }
        let Some(from) = from else { return because("`dd` without a file to read") };
        let at = self.target(call.cwd, from)?;
        let Some(bytes) = self.content(&at)? else { return failed() };
        let part = bytes.get(size.saturating_mul(skip)..).unwrap_or_default();
        said(&part[..part.len().min(size.saturating_mul(count))])
    }

    pub(super) fn ls(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let line = Line::parse("ls", arguments, &["-1", "-d", "-A", "-L", "-v", "--directory"], &[])?;
        let mut out = String::new();
        let mut status = 0;
        for path in if line.operands.is_empty() { &["."] } else { &line.operands[..] } {
            let at = self.target(call.cwd, path)?;
            match self.list(&at.to_string())? {
                Some(names) if !line.has(&["-d", "--directory"]) => {
                    if line.operands.len() > 1 {
                        return because("`ls` of several folders");
                    }
                    let shown = names.iter().filter(|name| line.has(&["-A"]) || !name.starts_with('.'));
                    let mut shown: Vec<&String> = shown.collect();
                    if line.has(&["-v"]) {
                        shown.sort_by(|a, b| by_number(a).cmp(&by_number(b)));
                    }
                    out.extend(shown.into_iter().flat_map(|name| [name, "\n"]));
                }
                None if self.node(&at).is_none() => status = 2,
                _ => out.extend([path, "\n"]),
            }
        }
        Ok(Done { status, stdout: out.into_bytes(), ..Done::default() })
    }
}
