//! A `sed` script to a list of commands.

mod replace;

use std::collections::BTreeMap;

use super::script::{Address, Command, Parsed, Verb};
use crate::tools::regex::{Matcher, Options, Syntax};

/// Blocks within blocks.
const MAX_DEPTH: usize = 50;

pub(super) fn parse(text: &str, extended: bool) -> Result<Parsed, String> {
    let mut parser = Parser {
        text: text.chars().collect(),
        at: 0,
        extended,
        commands: Vec::new(),
        blocks: Vec::new(),
        labels: BTreeMap::new(),
        jumps: Vec::new(),
    };
    let quiet = text.starts_with("#n\n") || text == "#n";
    parser.run()?;
    let Parser { mut commands, blocks, labels, jumps, .. } = parser;
    if !blocks.is_empty() {
        return Err("`{` without an end".to_owned());
    }
    for (at, label) in jumps {
        let target = match label.as_str() {
            "" => commands.len(),
            label => *labels.get(label).ok_or_else(|| format!("no label `{label}`"))?,
        };
        match commands.get_mut(at).map(|command| &mut command.verb) {
            Some(Verb::Branch(to) | Verb::BranchIf(to, _)) => *to = target,
            _ => return Err("a branch that is none".to_owned()),
        }
    }
    Ok(Parsed { commands, quiet })
}

struct Parser {
    text: Vec<char>,
    at: usize,
    extended: bool,
    commands: Vec<Command>,
    blocks: Vec<usize>,
    labels: BTreeMap<String, usize>,
    jumps: Vec<(usize, String)>,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn skip(&mut self, letters: &[char]) {
        while self.peek().is_some_and(|c| letters.contains(&c)) {
            self.at += 1;
        }
    }

    fn run(&mut self) -> Result<(), String> {
        loop {
            self.skip(&[' ', '\t', '\n', ';']);
            match self.peek() {
                None => return Ok(()),
                Some('#') => self.line_rest(),
                Some(_) => {
                    let command = self.command()?;
                    self.commands.push(command);
                    continue;
                }
            };
        }
    }

    fn line_rest(&mut self) -> String {
        let mut rest = String::new();
        while let Some(c) = self.peek().filter(|&c| c != '\n') {
            self.at += 1;
            rest.push(c);
        }
        rest
    }

    fn number(&mut self) -> Result<Option<usize>, String> {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            self.at += 1;
            digits.push(c);
        }
        match digits.as_str() {
            "" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| format!("`{digits}` is too large")),
        }
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        Ok(Some(match self.peek() {
            Some('$') => {
                self.at += 1;
                Address::Last
            }
            Some('/') => {
                self.at += 1;
                self.regex_address('/')?
            }
            Some('\\') => {
                self.at += 1;
                let delimiter = self.next().ok_or("a delimiter is missing")?;
                self.regex_address(delimiter)?
            }
            Some('0'..='9') => {
                let number = self.number()?.unwrap_or(0);
                if self.peek() == Some('~') {
                    self.at += 1;
                    return Ok(Some(Address::Step(number, self.number()?.unwrap_or(0))));
                }
                if number == 0 { Address::Zero } else { Address::Line(number) }
            }
            _ => return Ok(None),
        }))
    }

    fn regex_address(&mut self, delimiter: char) -> Result<Address, String> {
        let text = self.until(delimiter, true)?;
        let mut ignore_case = false;
        while let Some(flag @ ('I' | 'M')) = self.peek() {
            self.at += 1;
            if flag == 'M' {
                return Err("the flag `M` is not followed".to_owned());
            }
            ignore_case = true;
        }
        Ok(Address::Regex(self.matcher(&text, ignore_case)?))
    }

    fn matcher(&self, text: &str, ignore_case: bool) -> Result<Option<Matcher>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let syntax = if self.extended { Syntax::Extended } else { Syntax::Basic };
        Matcher::new(&[text], syntax, Options { ignore_case, escapes: true, ..Options::default() }).map(Some)
    }

    /// Text up to a delimiter. A delimiter behind a backslash is itself; one in brackets does not count in an expression.
    fn until(&mut self, delimiter: char, regex: bool) -> Result<String, String> {
        let mut text = String::new();
        let mut bracket = false;
        loop {
            let c = self.next().ok_or_else(|| format!("`{delimiter}` is missing"))?;
            match c {
                '\\' if !bracket => {
                    let next = self.next().ok_or_else(|| format!("`{delimiter}` is missing"))?;
                    if next != delimiter || !regex && next == '&' {
                        text.push('\\');
                    } else if regex && "*.[^$+?(){}|".contains(next) {
                        // It would mean something without its backslash; GNU disagrees with itself over the years.
                        return Err(format!("`\\{next}` between `{delimiter}` is not followed"));
                    }
                    text.push(next);
                }
                c if c == delimiter && !bracket => return Ok(text),
                '\n' if regex => return Err(format!("`{delimiter}` is missing")),
                '[' if regex && !bracket => {
                    bracket = true;
                    text.push(c);
                    if self.peek() == Some('^') {
                        text.extend(self.next());
                    }
                    if self.peek() == Some(']') {
                        text.extend(self.next());
                    }
                }
                '[' if bracket && matches!(self.peek(), Some(':' | '.' | '=')) => {
                    let kind = self.next().unwrap_or(':');
                    text.push(c);
                    text.push(kind);
                    // Up to `:]`.
                    while let Some(c) = self.next() {
                        text.push(c);
                        if c == kind && self.peek() == Some(']') {
                            text.extend(self.next());
                            break;
                        }
                    }
                }
                ']' if bracket => {
                    bracket = false;
                    text.push(c);
                }
                c => text.push(c),
            }
        }
    }

    fn command(&mut self) -> Result<Command, String> {
        let first = self.address()?;
        let mut second = None;
        self.skip(&[' ', '\t']);
        if first.is_some() && self.peek() == Some(',') {
            self.at += 1;
            self.skip(&[' ', '\t']);
            second = match self.peek() {
                Some(sign @ ('+' | '~')) => {
                    self.at += 1;
                    let count = self.number()?.ok_or("a count is missing")?;
                    Some(if sign == '+' { Address::Plus(count) } else { Address::Multiple(count) })
                }
                _ => self.address()?,
            };
            match second {
                None => return Err("an address is missing".to_owned()),
                Some(Address::Zero | Address::Step(..)) => return Err("an address that cannot end a range".to_owned()),
                _ => {}
            }
        }
        if matches!(first, Some(Address::Zero)) && !matches!(second, Some(Address::Regex(_))) {
            return Err("`0` begins a range that ends at an expression, nothing else".to_owned());
        }
        self.skip(&[' ', '\t']);
        let mut negated = false;
        while self.peek() == Some('!') {
            self.at += 1;
            negated = true;
            self.skip(&[' ', '\t']);
        }
        let letter = self.next().ok_or("a command is missing")?;
        let verb = self.verb(letter, first.is_some())?;
        Ok(Command { first, second, negated, verb })
    }

    fn verb(&mut self, letter: char, addressed: bool) -> Result<Verb, String> {
        let here = self.commands.len();
        let verb = match letter {
            '{' => {
                if self.blocks.len() >= MAX_DEPTH {
                    return Err("nested too deep".to_owned());
                }
                self.blocks.push(here);
                return Ok(Verb::Block(0));
            }
            '}' if !addressed => {
                let begin = self.blocks.pop().ok_or("`}` without a beginning")?;
                if let Some(command) = self.commands.get_mut(begin) {
                    command.verb = Verb::Block(here);
                }
                Verb::Nothing
            }
            ':' if !addressed => {
                self.skip(&[' ', '\t']);
                let label = self.label(false);
                self.labels.insert(label, here);
                return Ok(Verb::Nothing);
            }
            'b' | 't' | 'T' => {
                self.skip(&[' ', '\t']);
                let label = self.label(true);
                self.jumps.push((here, label));
                match letter {
                    'b' => Verb::Branch(0),
                    letter => Verb::BranchIf(0, letter == 't'),
                }
            }
            's' => self.substitute()?,
            'y' => self.translate()?,
            'a' => return Ok(Verb::Append(self.text()?)),
            'i' => return Ok(Verb::Insert(self.text()?)),
            'c' => return Ok(Verb::Change(self.text()?)),
            'r' => {
                self.skip(&[' ', '\t']);
                return Ok(Verb::Read(self.line_rest()));
            }
            'q' | 'Q' => {
                self.skip(&[' ', '\t']);
                let code = self.number()?.unwrap_or(0);
                Verb::Quit { code: (code & 0xff) as u8, print: letter == 'q' }
            }
            'p' => Verb::Print,
            'P' => Verb::PrintFirst,
            '=' => Verb::Number,
            'd' => Verb::Delete,
            'D' => Verb::DeleteFirst,
            'n' => Verb::Next,
            'N' => Verb::NextAppend,
            'h' => Verb::Hold,
            'H' => Verb::HoldAppend,
            'g' => Verb::Get,
            'G' => Verb::GetAppend,
            'x' => Verb::Exchange,
            letter => return Err(format!("the command `{letter}` is not followed")),
        };
        self.skip(&[' ', '\t']);
        match self.peek() {
            None | Some('\n' | ';' | '}' | '#') => Ok(verb),
            Some(c) => Err(format!("`{c}` behind the command `{letter}`")),
        }
    }

    /// White space and semicolons end a label.
    fn label(&mut self, brace: bool) -> String {
        let mut label = String::new();
        while let Some(c) = self.peek().filter(|&c| !(" \t\n;".contains(c) || brace && c == '}')) {
            self.at += 1;
            label.push(c);
        }
        label
    }

    /// The text of `a`, `i` and `c`: on the same line, or behind a backslash and a line's end.
    fn text(&mut self) -> Result<Vec<u8>, String> {
        self.skip(&[' ', '\t']);
        if self.peek() == Some('\\') {
            self.at += 1;
            // White space right behind it is kept, unless nothing else stands on the line.
            let begin = self.at;
            self.skip(&[' ', '\t']);
            if self.peek() == Some('\n') {
                self.at += 1;
            } else {
                self.at = begin;
            }
        }
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => break,
                Some('\\') => match self.next() {
                    Some('t') => text.push('\t'),
                    Some(c) => text.push(c),
                    None => break,
                },
                Some(c) => text.push(c),
            }
        }
        if text.is_empty() {
            return Err("`a`, `i` and `c` want a text".to_owned());
        }
        text.push('\n');
        Ok(text.into_bytes())
    }
}
