//! `getopts`.

use crate::shell::{Go, Shell};

impl Shell<'_> {
    pub(super) fn getopts(&mut self, arguments: &[String]) -> Go<u8> {
        let [letters, name, rest @ ..] = arguments else { return self.fail("getopts: usage") };
        if !crate::word::is_name(name) {
            return self.fail(&format!("getopts: {name}: bad variable name"));
        }
        let words = if rest.is_empty() { self.env.positional.clone() } else { rest.to_vec() };
        let (silent, letters) = match letters.strip_prefix(':') {
            Some(letters) => (true, letters),
            None => (false, letters.as_str()),
        };
        let next: usize = self.get("OPTIND").and_then(|text| text.parse().ok()).filter(|&index| index > 0).unwrap_or(1);
        // A script that sets `OPTIND` begins anew.
        let mut offset = if next == self.env.getopts.0 { self.env.getopts.1 } else { 0 };
        // dash counts an argument as soon as it begins it.
        let bash = self.is_bash();
        let mut index = if offset > 0 && !bash { next.saturating_sub(1).max(1) } else { next };
        if offset == 0 {
            let word = words.get(index - 1).map(String::as_str);
            if word == Some("--") {
                return self.no_more(name, index + 1);
            }
            match word {
                Some(word) if word.len() > 1 && word.starts_with('-') => offset = 1,
                _ => return self.no_more(name, index),
            }
        }
        let word = words.get(index - 1).cloned().unwrap_or_default();
        let Some(letter) = word.get(offset..).and_then(|rest| rest.chars().next()) else {
            return self.no_more(name, index);
        };
        offset += letter.len_utf8();
        let known = letters.find(letter).filter(|_| letter != ':');
        let wants =
            known.is_some_and(|at| letters.get(at + letter.len_utf8()..).is_some_and(|rest| rest.starts_with(':')));
        let mut found = letter.to_string();
        let mut argument = None;
        if known.is_none() {
            found = "?".to_owned();
            if silent {
                argument = Some(letter.to_string());
            } else {
                self.complain(&format!("Illegal option -{letter}"))?;
            }
        } else if wants {
            let rest = word.get(offset..).unwrap_or_default();
            offset = word.len();
            if !rest.is_empty() {
                argument = Some(rest.to_owned());
            } else if let Some(next) = words.get(index) {
                argument = Some(next.clone());
                index += 1;
            } else if silent {
                found = ":".to_owned();
                argument = Some(letter.to_string());
            } else {
                found = "?".to_owned();
                self.complain(&format!("No arg for -{letter} option"))?;
            }
        }
        // bash counts it once it is done with it.
        index += usize::from(!bash || offset >= word.len());
        if offset >= word.len() {
            offset = 0;
        }
        self.env.getopts = (index, offset);
        self.set("OPTIND", index.to_string())?;
        match argument {
            Some(argument) => self.set("OPTARG", argument)?,
            None => {
                self.env.variables.remove("OPTARG");
            }
        }
        self.set(name, found)?;
        Ok(0)
    }

    fn no_more(&mut self, name: &str, index: usize) -> Go<u8> {
        self.env.getopts = (index, 0);
        self.set("OPTIND", index.to_string())?;
        self.env.variables.remove("OPTARG");
        self.set(name, "?")?;
        Ok(1)
    }
}
