//! `read`.

use crate::shell::{Go, Shell};
use crate::stream::Stream;
use crate::variable::List;
use crate::word::is_name;

impl Shell<'_> {
    pub(super) fn read(&mut self, arguments: &[String]) -> Go<u8> {
        let bash = self.is_bash();
        let (mut raw, mut end, mut array) = (false, b'\n', None);
        let mut names = arguments;
        while let Some((word, rest)) = names.split_first() {
            match word.as_str() {
                "-r" => raw = true,
                // Nothing is shown anyway.
                "-s" if bash => {}
                "-rs" | "-sr" if bash => raw = true,
                "-a" | "-ra" if bash => {
                    raw |= word == "-ra";
                    let Some((name, after)) = rest.split_first() else {
                        return self.fail("read: -a: option requires an argument");
                    };
                    array = Some(name.clone());
                    names = after;
                    continue;
                }
                "-d" | "-rd" if bash => {
                    raw |= word == "-rd";
                    let Some((text, after)) = rest.split_first() else {
                        return self.fail("read: -d: option requires an argument");
                    };
                    end = text.bytes().next().unwrap_or(0);
                    names = after;
                    continue;
                }
                "-rp" if bash => {
                    raw = true;
                    names = rest.get(1..).unwrap_or_default();
                    continue;
                }
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
        if let Some(name) = array {
            return self.read_array(&name, raw, end);
        }
        if names.is_empty() && bash {
            let (line, whole) = self.read_line(raw, end)?;
            let Ok(text) = String::from_utf8(line.iter().map(|&(byte, _)| byte).collect()) else {
                return Err(self.stop("`read`: what it reads is not UTF-8"));
            };
            self.set("REPLY", text)?;
            return Ok(u8::from(!whole));
        }
        if names.is_empty() {
            return self.fail("read: arg count");
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return self.fail(&format!("read: {name}: bad variable name"));
        }
        let (line, whole) = self.read_line(raw, end)?;
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

    /// `read -a`: every field is a value of the array.
    fn read_array(&mut self, name: &str, raw: bool, end: u8) -> Go<u8> {
        if !is_name(name) {
            return self.fail(&format!("read: `{name}': not a valid identifier"));
        }
        let (line, whole) = self.read_line(raw, end)?;
        let ifs = self.get("IFS").unwrap_or(" \t\n").to_owned();
        let mut list = List::new();
        let values = divide(&line, &ifs, line.len() + 1);
        // What `divide` gives beyond the line is empty; so may be a field between two delimiters.
        let count = fields(&line, &ifs);
        for (index, value) in (0..).zip(values.into_iter().take(count)) {
            let Ok(value) = String::from_utf8(value) else {
                return Err(self.stop("`read`: what it reads is not UTF-8"));
            };
            list.insert(index, value);
        }
        self.set_list(name, list)?;
        Ok(u8::from(!whole))
    }

    /// Bytes, each with whether a backslash stood before it, and whether the line had an end.
    fn read_line(&mut self, raw: bool, end: u8) -> Go<(Vec<(u8, bool)>, bool)> {
        let mut line = Vec::new();
        let Stream::Input(input) = self.env.streams[0].clone() else { return Ok((line, false)) };
        let mut input = input.borrow_mut();
        let whole = loop {
            match input.take_byte() {
                None => break false,
                Some(byte) if byte == end => break true,
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

/// How many fields a line has.
fn fields(line: &[(u8, bool)], ifs: &str) -> usize {
    let space = |&(byte, quoted): &(u8, bool)| !quoted && b" \t\n".contains(&byte) && ifs.as_bytes().contains(&byte);
    let other = |&(byte, quoted): &(u8, bool)| !quoted && !b" \t\n".contains(&byte) && ifs.as_bytes().contains(&byte);
    let mut count = 0;
    let mut inside = false;
    let mut after_space = false;
    for byte in line {
        if space(byte) {
            after_space |= inside;
            inside = false;
        } else if other(byte) {
            count += usize::from(!inside && !after_space);
            (inside, after_space) = (false, false);
        } else {
            count += usize::from(!inside);
            (inside, after_space) = (true, false);
        }
    }
    count
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
