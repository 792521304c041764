//! `umask`, in octal and in letters.

use crate::shell::{Go, Shell};

impl Shell<'_> {
    pub(super) fn umask_builtin(&mut self, arguments: &[String]) -> Go<u8> {
        let umask = self.env.umask;
        match arguments.first().map(String::as_str) {
            None => {
                self.put(1, format!("{umask:04o}\n").as_bytes())?;
            }
            Some("-S") if arguments.len() == 1 => {
                let letters = |shift: u16| {
                    let allowed = (!umask >> shift) & 7;
                    let letter = |bit, letter| if allowed & bit != 0 { letter } else { "" };
                    format!("{}{}{}", letter(4, "r"), letter(2, "w"), letter(1, "x"))
                };
                let text = format!("u={},g={},o={}\n", letters(6), letters(3), letters(0));
                self.put(1, text.as_bytes())?;
            }
            Some(mode) => match u16::from_str_radix(mode, 8) {
                Ok(mask) if mask <= 0o777 => self.env.umask = mask,
                Err(_) => match symbolic(mode, umask) {
                    Some(mask) => self.env.umask = mask,
                    None => return self.fail(&format!("umask: illegal mode: {mode}")),
                },
                Ok(_) => return self.fail(&format!("umask: illegal number: {mode}")),
            },
        }
        Ok(0)
    }
}

/// `u=rwx,g=rx,o=`: what is allowed, the opposite of the mask.
fn symbolic(mode: &str, umask: u16) -> Option<u16> {
    let mut allowed = !umask & 0o777;
    for clause in mode.split(',') {
        let at = clause.find(['=', '+', '-'])?;
        let (who, action) = clause.split_at(at);
        let mut targets: u16 = 0;
        for letter in who.chars() {
            targets |= match letter {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            };
        }
        if who.is_empty() {
            targets = 0o777;
        }
        let mut bits: u16 = 0;
        for letter in action.chars().skip(1) {
            bits |= match letter {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                _ => return None,
            };
        }
        let bits = bits & targets;
        allowed = match action.as_bytes().first() {
            Some(b'=') => allowed & !targets | bits,
            Some(b'+') => allowed | bits,
            _ => allowed & !bits,
        };
    }
    Some(!allowed & 0o777)
}
