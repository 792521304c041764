//! Redirections (XCU 2.7).

use crate::shell::{Go, Shell, shorten};
use crate::stream::{DESCRIPTORS, Stream};
use crate::syntax::{Redirect, Target, Word};

impl Shell<'_> {
    /// Opens what is to be opened, in order; `false` after a complaint.
    pub(crate) fn redirect(&mut self, redirects: &[Redirect]) -> Go<bool> {
        for redirect in redirects {
            let stream = match &redirect.to {
                Target::From(word) => {
                    let path = self.target(word)?;
                    self.open(&path)?
                }
                Target::Over(word) => {
                    let path = self.target(word)?;
                    self.create(&path, true)?
                }
                Target::After(word) => {
                    let path = self.target(word)?;
                    self.create(&path, false)?
                }
                Target::Duplicate(word) => {
                    let from = self.text(word)?;
                    match from.as_str() {
                        "-" => Some(Stream::Closed),
                        digit => match digit.parse().ok().filter(|&from: &usize| from < DESCRIPTORS) {
                            Some(from) => self.duplicate(from)?,
                            None if self.is_bash()
                                && redirect.descriptor == 1
                                && !digit.starts_with(|c: char| c.is_ascii_digit()) =>
                            {
                                if !self.both(word, false)? {
                                    return Ok(false);
                                }
                                continue;
                            }
                            None => return Err(self.stop(format!("`>&{}` is not followed", shorten(digit)))),
                        },
                    }
                }
                Target::Both { word, append } => {
                    if !self.both(word, *append)? {
                        return Ok(false);
                    }
                    continue;
                }
                Target::Text(word) => Some(Stream::input(format!("{}\n", self.text(word)?).into_bytes())),
                Target::ReadWrite => return Err(self.stop("`<>` is not followed")),
                Target::Document(slot) => match slot.get() {
                    Some(word) => Some(Stream::input(self.text(word)?.into_bytes())),
                    None => return Err(self.stop("a here-document without its text")),
                },
            };
            match stream {
                Some(stream) => self.env.streams[usize::from(redirect.descriptor)] = stream,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The file a redirection names; in bash it must be one field.
    fn target(&mut self, word: &Word) -> Go<String> {
        if !self.is_bash() {
            return self.text(word);
        }
        match <[String; 1]>::try_from(self.fields(std::slice::from_ref(word))?) {
            Ok([path]) => Ok(path),
            Err(fields) => Err(self.stop(format!("`{}`: an ambiguous redirection", shorten(&fields.join(" "))))),
        }
    }

    /// `&>`.
    fn both(&mut self, word: &Word, append: bool) -> Go<bool> {
        let path = self.target(word)?;
        let Some(stream) = self.create(&path, !append)? else { return Ok(false) };
        self.env.streams[1] = stream.clone();
        self.env.streams[2] = stream;
        Ok(true)
    }

    /// The status of a command whose redirections failed.
    pub(crate) fn not_opened(&self) -> u8 {
        if self.is_bash() { 1 } else { 2 }
    }

    fn duplicate(&mut self, from: usize) -> Go<Option<Stream>> {
        match self.env.streams[from].clone() {
            Stream::Closed => {
                self.complain(&format!("{from}: bad file descriptor"))?;
                Ok(None)
            }
            stream => Ok(Some(stream)),
        }
    }

    fn open(&mut self, path: &str) -> Go<Option<Stream>> {
        match path {
            "/dev/null" => return Ok(Some(Stream::Null)),
            "/dev/stdin" | "/dev/fd/0" => return self.duplicate(0),
            _ => {}
        }
        let absolute = self.absolute(path);
        match self.read_file(&absolute)? {
            Some(bytes) if !path.is_empty() => Ok(Some(Stream::input(bytes))),
            _ => {
                self.complain(&format!("cannot open {path}: no such file"))?;
                Ok(None)
            }
        }
    }

    fn create(&mut self, path: &str, empty: bool) -> Go<Option<Stream>> {
        match path {
            "/dev/null" => return Ok(Some(Stream::Null)),
            "/dev/stdout" | "/dev/fd/1" => return self.duplicate(1),
            "/dev/stderr" | "/dev/fd/2" => return self.duplicate(2),
            _ => {}
        }
        let absolute = self.absolute(path);
        let mode = 0o666 & !self.env.umask;
        let opened = match path {
            "" => Ok(false),
            _ if empty => self.host.write(&absolute, b"", mode),
            _ => self.host.append(&absolute, b"", mode),
        };
        if opened.map_err(|refusal| self.refused(&format!("> {absolute}"), refusal))? {
            return Ok(Some(Stream::File(absolute.into())));
        }
        self.complain(&format!("cannot create {path}"))?;
        Ok(None)
    }
}
