//! `sed` (XCU sed, and GNU's `-i`, `-s`, `-E`, one-line `a`/`i`/`c`, `I` and `0,/x/`).

mod address;
mod command;
mod parse;
mod script;

use std::collections::VecDeque;

use self::script::{Parsed, Verb};
use super::regex::Matcher;
use crate::shell::{Flow, Go, Shell};

const LONG: [(&str, char); 8] = [
    ("quiet", 'n'),
    ("silent", 'n'),
    ("expression", 'e'),
    ("file", 'f'),
    ("regexp-extended", 'E'),
    ("in-place", 'i'),
    ("separate", 's'),
    ("posix", 'p'),
];
/// A pattern space longer than this is no text.
const MAX_SPACE: usize = 1 << 24;

pub(super) fn sed(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "ne:f:Eri::su", &LONG, true)?;
    let mut operands = options.operands.as_slice();
    let mut script = Vec::new();
    for (letter, value) in options.given() {
        match letter {
            'e' => script.push(value.to_owned()),
            'f' => {
                let Some(bytes) = shell.tool_input("sed", value)? else { return Ok(1) };
                let Ok(text) = String::from_utf8(bytes) else { return Err(shell.stop("`sed -f`: not UTF-8")) };
                script.push(text.strip_suffix('\n').unwrap_or(&text).to_owned());
            }
            _ => {}
        }
    }
    if script.is_empty() {
        let Some((first, rest)) = operands.split_first() else {
            shell.complain("sed: no script")?;
            return Ok(1);
        };
        script.push(first.clone());
        operands = rest;
    }
    let script = script.join("\n");
    shell.meter.step(100 + script.len() / 16, shell.line)?;
    let extended = options.has('E') || options.has('r');
    let parsed = parse::parse(&script, extended).map_err(|what| shell.stop(format!("`sed`: {what}")))?;
    let quiet = options.has('n') || parsed.quiet;
    let separate = options.has('i') || options.has('s');
    let mut status = 0;
    let paths = if operands.is_empty() { vec!["-".to_owned()] } else { operands.to_vec() };
    if options.has('i') && operands.is_empty() {
        shell.complain("sed: no input files")?;
        return Ok(1);
    }
    let mut inputs = Vec::new();
    for path in &paths {
        match shell.tool_input("sed", path)? {
            Some(bytes) => inputs.push((path.clone(), bytes)),
            None => status = if options.has('i') { 4 } else { 2 },
        }
    }
    if !separate {
        let mut all = Vec::new();
        for (_, bytes) in inputs.drain(..) {
            // A file that does not end its last line has it ended where another follows.
            if !all.is_empty() && !all.ends_with(b"\n") && !bytes.is_empty() {
                all.push(b'\n');
            }
            all.extend(bytes);
        }
        inputs.push(("-".to_owned(), all));
    }
    let mut run = Editor { shell, parsed: &parsed, quiet, hold: Vec::new(), number: 0, active: Vec::new(), last: None };
    for (path, bytes) in &inputs {
        let done = run.file(bytes)?;
        if options.has('i') {
            let absolute = run.shell.absolute(path);
            let suffix = options.value('i').unwrap_or_default();
            if suffix.contains('*') {
                return Err(run.shell.stop("`sed -i` with a `*` in its suffix is not followed"));
            }
            if !suffix.is_empty() {
                run.write(&format!("{absolute}{suffix}"), bytes)?;
            }
            run.write(&absolute, &done.out)?;
        } else {
            status = run.shell.tool_output(&done.out, status)?;
        }
        run.number = 0;
        run.active.clear();
        if let Some(code) = done.quit {
            return Ok(code);
        }
    }
    Ok(status)
}

struct Editor<'e, 'a> {
    shell: &'e mut Shell<'a>,
    parsed: &'e Parsed,
    quiet: bool,
    hold: Vec<u8>,
    number: usize,
    /// For each command whether its range is open, and the line it ends at where that is known.
    active: Vec<Option<Option<usize>>>,
    /// The expression used last, which an empty one repeats.
    last: Option<Matcher>,
}

struct Finished {
    out: Vec<u8>,
    quit: Option<u8>,
}

/// One file being edited.
struct File<'f> {
    lines: VecDeque<&'f [u8]>,
    /// The last line has an end.
    ended: bool,
    out: Vec<u8>,
    /// What `a` and `r` want written once the cycle ends.
    after: Vec<u8>,
    space: Vec<u8>,
}

enum Next {
    Go,
    /// Ends the cycle; `print` the pattern space first.
    End {
        print: bool,
    },
    /// Begins anew without reading a line.
    Again,
    Jump(usize),
    Quit {
        code: u8,
        print: bool,
    },
}

impl Editor<'_, '_> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> Go<()> {
        let mode = 0o666 & !self.shell.env.umask;
        match self.shell.host.write(path, bytes, mode) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.shell.stop(format!("`sed -i`: `{path}` cannot be written"))),
            Err(refusal) => Err(self.shell.refused(&format!("sed -i {path}"), refusal)),
        }
    }

    fn wrong(&self, what: &str) -> Flow {
        self.shell.stop(format!("`sed`: {what}"))
    }

    fn file(&mut self, bytes: &[u8]) -> Go<Finished> {
        let ended = bytes.is_empty() || bytes.ends_with(b"\n");
        let lines = super::split_lines(bytes).collect();
        let mut file = File { lines, ended, out: Vec::new(), after: Vec::new(), space: Vec::new() };
        self.active.resize(self.parsed.commands.len(), None);
        let mut again = false;
        loop {
            if !again {
                let Some(line) = file.lines.pop_front() else { return Ok(Finished { out: file.out, quit: None }) };
                self.number += 1;
                file.space = line.to_vec();
            }
            again = false;
            let (print, quit) = match self.cycle(&mut file)? {
                Next::Quit { code, print } => (print, Some(code)),
                Next::End { print } => (print, None),
                Next::Again => {
                    again = true;
                    (false, None)
                }
                Next::Go | Next::Jump(_) => (true, None),
            };
            if print && !self.quiet {
                file.print_space();
            }
            self.flush(&mut file)?;
            if quit.is_some() {
                return Ok(Finished { out: file.out, quit });
            }
        }
    }

    fn flush(&mut self, file: &mut File<'_>) -> Go<()> {
        if !file.after.is_empty() {
            if !file.out.is_empty() && !file.out.ends_with(b"\n") {
                file.out.push(b'\n');
            }
            file.out.append(&mut file.after);
        }
        if file.out.len() > MAX_SPACE || file.space.len() > MAX_SPACE || self.hold.len() > MAX_SPACE {
            return Err(self.wrong("too much text"));
        }
        Ok(())
    }

    /// Runs the script once over the pattern space.
    fn cycle(&mut self, file: &mut File<'_>) -> Go<Next> {
        let parsed = self.parsed;
        let mut at = 0;
        let mut substituted = false;
        while let Some(command) = parsed.commands.get(at) {
            self.shell.meter.step(1 + file.space.len() / 1024, self.shell.line)?;
            if self.selected(at, command, file)? == command.negated {
                // What is not selected is skipped whole.
                at = match &command.verb {
                    Verb::Block(end) => *end,
                    _ => at + 1,
                };
                continue;
            }
            match self.command(at, command, file, &mut substituted)? {
                Next::Go => at += 1,
                Next::Jump(to) => at = to,
                next => return Ok(next),
            }
            if file.space.len() > MAX_SPACE || self.hold.len() > MAX_SPACE || file.out.len() > MAX_SPACE {
                return Err(self.wrong("too much text"));
            }
        }
        Ok(Next::End { print: true })
    }
}

impl File<'_> {
    fn print_space(&mut self) {
        let space = self.space.clone();
        if !self.out.is_empty() && !self.out.ends_with(b"\n") {
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(&space);
        if !self.lines.is_empty() || self.ended {
            self.out.push(b'\n');
        }
    }

    fn print(&mut self, line: &[u8]) {
        if !self.out.is_empty() && !self.out.ends_with(b"\n") {
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(line);
        self.out.push(b'\n');
    }
}
