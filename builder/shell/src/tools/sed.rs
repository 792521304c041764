//! `sed` (XCU sed, and GNU's `-i`, `-s`, `-E`, one-line `a`/`i`/`c`, `I` and `0,/x/`).

mod parse;

use std::collections::VecDeque;

use self::parse::{Address, Command, Parsed, Substitution, Verb};
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

    fn address(&mut self, address: &Address, file: &File<'_>) -> Go<bool> {
        Ok(match address {
            Address::Line(line) => self.number == *line,
            Address::Last => file.lines.is_empty(),
            Address::Step(first, step) => match *step {
                0 => self.number == *first,
                step => self.number >= *first && (self.number - first).is_multiple_of(step),
            },
            Address::Regex(matcher) => self.matcher(matcher.as_ref())?.is_match(&file.space),
            Address::Zero | Address::Plus(_) | Address::Multiple(_) => false,
        })
    }

    /// The expression meant: an empty one is the one used last.
    fn matcher(&mut self, matcher: Option<&Matcher>) -> Go<Matcher> {
        if let Some(matcher) = matcher {
            self.last = Some(matcher.clone());
        }
        self.last.clone().ok_or_else(|| self.wrong("no previous regular expression"))
    }

    fn selected(&mut self, at: usize, command: &Command, file: &File<'_>) -> Go<bool> {
        let (first, second) = match (&command.first, &command.second) {
            (None, _) => return Ok(true),
            (Some(first), None) => return self.address(first, file),
            (Some(first), Some(second)) => (first, second),
        };
        let number = self.number;
        let open = match self.active.get(at).copied().flatten() {
            // `0,/x/` is open before the first line.
            None if matches!(first, Address::Zero) && number == 1 => Some(None),
            open => open,
        };
        if let Some(end) = open {
            let (inside, closes) = match (second, end) {
                (_, Some(end)) => (number <= end, number >= end),
                (Address::Line(end), None) => (number <= *end, number >= *end),
                (second, None) => (true, self.address(second, file)?),
            };
            self.active[at] = if closes { None } else { Some(end) };
            // A range whose end lies behind is one line long, and that one is over; the first address counts again.
            if inside {
                return Ok(true);
            }
        }
        if !self.address(first, file)? {
            return Ok(false);
        }
        self.active[at] = match second {
            Address::Line(end) if *end <= number => None,
            Address::Line(end) => Some(Some(*end)),
            Address::Plus(0) => None,
            Address::Plus(count) => Some(Some(number.saturating_add(*count))),
            Address::Multiple(0) => None,
            Address::Multiple(of) => Some(Some((number / of + 1).saturating_mul(*of))),
            Address::Last if file.lines.is_empty() => None,
            _ => Some(None),
        };
        Ok(true)
    }

    fn command(&mut self, at: usize, command: &Command, file: &mut File<'_>, substituted: &mut bool) -> Go<Next> {
        match &command.verb {
            Verb::Block(_) | Verb::Nothing => {}
            Verb::Substitute(substitution) => *substituted |= self.substitute(substitution, file)?,
            Verb::Translate(pairs) => {
                for byte in &mut file.space {
                    if let Some((_, to)) = pairs.iter().find(|(from, _)| from == byte) {
                        *byte = *to;
                    }
                }
            }
            Verb::Print => file.print_space(),
            Verb::PrintFirst => {
                let first = file.space.split(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
                file.print(&first);
            }
            Verb::Number => {
                let text = self.number.to_string();
                file.print(text.as_bytes());
            }
            Verb::Delete => return Ok(Next::End { print: false }),
            Verb::DeleteFirst => match file.space.iter().position(|&byte| byte == b'\n') {
                None => return Ok(Next::End { print: false }),
                Some(end) => {
                    file.space.drain(..=end);
                    return Ok(Next::Again);
                }
            },
            Verb::Append(text) => {
                self.shell.meter.made(text.len(), self.shell.line)?;
                file.after.extend_from_slice(text);
            }
            Verb::Insert(text) => file.out.extend_from_slice(text),
            Verb::Change(text) => {
                // A range is replaced as a whole, at its end.
                let inside =
                    command.second.is_some() && !command.negated && self.active.get(at).copied().flatten().is_some();
                if !inside || file.lines.is_empty() {
                    file.out.extend_from_slice(text);
                }
                return Ok(Next::End { print: false });
            }
            Verb::Read(path) => {
                let path = self.shell.absolute(path);
                if let Some(bytes) = self.shell.read_file(&path)? {
                    file.after.extend(bytes);
                }
            }
            Verb::Next => {
                if file.lines.is_empty() {
                    // GNU prints what there is when there is no next line.
                    return Ok(Next::End { print: true });
                }
                if !self.quiet {
                    file.print_space();
                }
                self.flush(file)?;
                self.number += 1;
                file.space = file.lines.pop_front().unwrap_or_default().to_vec();
            }
            Verb::NextAppend => {
                let Some(line) = file.lines.pop_front() else { return Ok(Next::End { print: true }) };
                self.flush(file)?;
                self.number += 1;
                file.space.push(b'\n');
                file.space.extend_from_slice(line);
            }
            Verb::Hold => self.hold.clone_from(&file.space),
            Verb::HoldAppend => {
                self.hold.push(b'\n');
                self.hold.extend_from_slice(&file.space);
            }
            Verb::Get => file.space.clone_from(&self.hold),
            Verb::GetAppend => {
                file.space.push(b'\n');
                file.space.extend_from_slice(&self.hold);
            }
            Verb::Exchange => std::mem::swap(&mut file.space, &mut self.hold),
            Verb::Branch(to) => return Ok(Next::Jump(*to)),
            Verb::BranchIf(to, wanted) => {
                if std::mem::take(substituted) == *wanted {
                    return Ok(Next::Jump(*to));
                }
            }
            Verb::Quit { code, print } => return Ok(Next::Quit { code: *code, print: *print }),
        }
        Ok(Next::Go)
    }

    fn substitute(&mut self, substitution: &Substitution, file: &mut File<'_>) -> Go<bool> {
        let matcher = self.matcher(substitution.matcher.as_ref())?;
        let mut out = Vec::new();
        let (mut from, mut copied, mut count) = (0, 0, 0);
        let mut done = false;
        let mut behind = None;
        while from <= file.space.len() {
            self.shell.meter.step(1, self.shell.line)?;
            let found = matcher.find_at(&file.space, from).map_err(|what| self.wrong(&what))?;
            let Some(spans) = found else { break };
            let Some(Some((begin, end))) = spans.first().copied() else { break };
            // Right behind a match an empty one does not count: `s/b*/x/g` makes `xaxc` of `abc`.
            if begin == end && behind == Some(begin) {
                from += 1;
                behind = None;
                continue;
            }
            count += 1;
            from = if begin == end { end + 1 } else { end };
            behind = Some(end);
            if count < substitution.nth {
                continue;
            }
            out.extend_from_slice(&file.space[copied..begin]);
            for piece in &substitution.replacement {
                match piece {
                    parse::Piece::Text(text) => out.extend_from_slice(text),
                    parse::Piece::Group(group) => {
                        if let Some(Some((begin, end))) = spans.get(*group).copied() {
                            out.extend_from_slice(&file.space[begin..end]);
                        }
                    }
                }
            }
            if out.len() > MAX_SPACE {
                return Err(self.wrong("too much text"));
            }
            copied = end;
            done = true;
            if !substitution.global {
                break;
            }
        }
        if !done {
            return Ok(false);
        }
        out.extend_from_slice(&file.space[copied..]);
        self.shell.meter.made(out.len(), self.shell.line)?;
        file.space = out;
        if substitution.print {
            file.print_space();
        }
        Ok(true)
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
