//! `read`.

use crate::shell::{Go, Shell};
use crate::stream::Stream;
use crate::word::is_name;

impl Shell<'_> {
    pub(super) fn read(&mut self, arguments: &[String]) -> Go<u8> {
        let mut raw = false;
        let mut names = arguments;
        while let Some((word, rest)) = names.split_first() {
            match word.as_str() {
                "-r" => raw = true,
                "--" => {
                    names = rest;
                    break;
                }
                // The prompt goes to a terminal alone.
                "-p" => {
                    names = rest.get(1..).unwrap_or_default();
                    continue;
                }
                option if option.starts_with('-') => {
                    return Err(self.stop(format!("`read {option}`: the option `{option}` is not known")));
                }
                _ => break,
            }
            names = rest;
        }
        if names.is_empty() {
            return self.fail("read: arg count");
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return self.fail(&format!("read: {name}: bad variable name"));
        }
        let (line, whole) = self.read_line(raw)?;
        let ifs = self.get("IFS").unwrap_or(" \t\n").to_owned();
        let values = divide(&line, &ifs, names.len());
        for (name, value) in names.iter().zip(values) {
            match String::from_utf8(value) {
                Ok(value) => self.set(name, value)?,
                Err(_) => return Err(self.stop("`read`: what it reads is not UTF-8")),
            }
        }
        Ok(u8::from(!whole))
    }

    /// Bytes, each with whether a backslash stood before it, and whether the line had an end.
    fn read_line(&mut self, raw: bool) -> Go<(Vec<(u8, bool)>, bool)> {
        let mut line = Vec::new();
        let Stream::Input(input) = self.env.streams[0].clone() else { return Ok((line, false)) };
        let mut input = input.borrow_mut();
        let whole = loop {
            match input.take_byte() {
                None => break false,
                Some(b'\n') => break true,
                Some(b'\\') if !raw => match input.take_byte() {
                    None => break false,
                    Some(b'\n') => {}
                    Some(byte) => line.push((byte, true)),
                },
                Some(0) => {}
                Some(byte) => line.push((byte, false)),
            }
        };
        self.meter.made(line.len(), self.line)?;
        Ok((line, whole))
    }
}

/// The line's fields; the last one is all that is left.
fn divide(line: &[(u8, bool)], ifs: &str, count: usize) -> Vec<Vec<u8>> {
    let space = |&(byte, quoted): &(u8, bool)| !quoted && b" \t\n".contains(&byte) && ifs.as_bytes().contains(&byte);
    let delimiter = |&(byte, quoted): &(u8, bool)| !quoted && ifs.as_bytes().contains(&byte);
    let bytes = |part: &[(u8, bool)]| part.iter().map(|&(byte, _)| byte).collect::<Vec<u8>>();
    // One field's end, and where the next begins: white space, one other delimiter, white space.
    let end = |begin: usize| {
        let end = line.iter().skip(begin).position(delimiter).map_or(line.len(), |length| begin + length);
        let mut next = end + line.iter().skip(end).take_while(|byte| space(byte)).count();
        if line.get(next).is_some_and(delimiter) {
            next += 1;
            next += line.iter().skip(next).take_while(|byte| space(byte)).count();
        }
        (end, next)
    };
    let mut values = Vec::new();
    let mut at = line.iter().take_while(|byte| space(byte)).count();
    while values.len() + 1 < count {
        let (stop, next) = end(at);
        values.push(bytes(&line[at..stop]));
        at = next;
    }
    let (stop, next) = end(at);
    let rest = if next >= line.len() {
        // One field is left: its delimiter goes, too.
        &line[at..stop]
    } else {
        let trailing = line.iter().rev().take_while(|byte| space(byte)).count();
        &line[at..(line.len() - trailing).max(at)]
    };
    values.push(bytes(rest));
    values
}
