//! What a command of `sed` does.

use super::script::{Command, Piece, Substitution, Verb};
use super::{Editor, File, MAX_SPACE, Next};
use crate::shell::Go;

impl Editor<'_, '_> {
    pub(super) fn command(
        &mut self,
        at: usize,
        command: &Command,
        file: &mut File<'_>,
        substituted: &mut bool,
    ) -> Go<Next> {
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
                    Piece::Text(text) => out.extend_from_slice(text),
                    Piece::Group(group) => {
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
