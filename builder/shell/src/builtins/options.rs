//! `set` and `shift`.

use crate::shell::{Go, Shell};

impl Shell<'_> {
    pub(super) fn set_builtin(&mut self, arguments: &[String]) -> Go<u8> {
        if arguments.is_empty() {
            return Err(self.stop("`set` alone is not followed"));
        }
        let mut rest = arguments;
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                self.env.positional = after.to_vec();
                return Ok(0);
            }
            if word == "-" {
                self.env.options.xtrace = false;
                if !after.is_empty() {
                    self.env.positional = after.to_vec();
                }
                return Ok(0);
            }
            let on = match word.as_bytes().first() {
                Some(b'-') => true,
                Some(b'+') if word.len() > 1 => false,
                _ => break,
            };
            rest = after;
            for letter in word.chars().skip(1) {
                if letter == 'o' {
                    let Some((name, after)) = rest.split_first() else {
                        return Err(self.stop("`set -o` alone is not followed"));
                    };
                    rest = after;
                    if name == "pipefail" && self.is_bash() {
                        self.env.options.pipefail = on;
                        continue;
                    }
                    self.option(option_letter(name), name, on)?;
                } else {
                    self.option(Some(letter), &letter.to_string(), on)?;
                }
            }
        }
        if !rest.is_empty() {
            self.env.positional = rest.to_vec();
        }
        Ok(0)
    }

    fn option(&mut self, letter: Option<char>, name: &str, on: bool) -> Go<()> {
        let bash = self.is_bash();
        let options = &mut self.env.options;
        match letter {
            Some('e') => options.errexit = on,
            Some('u') => options.nounset = on,
            Some('f') => options.noglob = on,
            Some('x') => options.xtrace = on,
            Some('a') => options.allexport = on,
            // Job control, notification, hashing, echoing of the input: nothing here has them.
            Some('m' | 'b' | 'h' | 'v') => {}
            Some('C' | 'n') if on => return Err(self.stop(format!("`set -{name}` is not followed"))),
            Some('C' | 'n') => {}
            // What these inherit is not followed either; braces are always taken apart.
            Some('E' | 'T') if bash => {}
            Some('B') if bash && on => {}
            Some('H') if bash && !on => {}
            _ if bash => return Err(self.stop(format!("`set {}{name}` is not followed", if on { '-' } else { '+' }))),
            _ => return self.fail(&format!("set: illegal option -{name}")),
        }
        Ok(())
    }

    pub(super) fn shift(&mut self, arguments: &[String]) -> Go<u8> {
        let count = match arguments.first() {
            None => 1,
            Some(text) => match text.parse::<usize>() {
                Ok(count) => count,
                Err(_) => return self.fail(&format!("shift: illegal number: {text}")),
            },
        };
        if count > self.env.positional.len() {
            if self.is_bash() {
                return Ok(1);
            }
            return self.fail("shift: can't shift that many");
        }
        self.env.positional.drain(..count);
        Ok(0)
    }
}

fn option_letter(name: &str) -> Option<char> {
    Some(match name {
        "errexit" => 'e',
        "nounset" => 'u',
        "noglob" => 'f',
        "xtrace" => 'x',
        "allexport" => 'a',
        "noclobber" => 'C',
        "noexec" => 'n',
        "monitor" => 'm',
        "notify" => 'b',
        "verbose" => 'v',
        "braceexpand" => 'B',
        "errtrace" => 'E',
        "functrace" => 'T',
        "hashall" => 'h',
        "histexpand" => 'H',
        _ => return None,
    })
}
