//! bash's `mapfile` and `let`.

use crate::shell::{Go, Shell};
use crate::variable::List;
use crate::word::is_name;

impl Shell<'_> {
    /// `mapfile [-t] [NAME]`.
    pub(super) fn mapfile(&mut self, arguments: &[String]) -> Go<u8> {
        let mut cut = false;
        let mut rest = arguments;
        while let Some((option, after)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
            rest = after;
            match option.as_str() {
                "-t" => cut = true,
                "--" => break,
                _ => return Err(self.stop(format!("`mapfile {option}`: the option `{option}` is not known"))),
            }
        }
        let name = rest.first().map_or("MAPFILE", String::as_str);
        if !is_name(name) {
            return self.fail(&format!("mapfile: `{name}': not a valid identifier"));
        }
        let bytes = self.take_stdin()?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(self.stop("`mapfile`: what it reads is not UTF-8"));
        };
        let lines =
            text.split_inclusive('\n').map(|line| if cut { line.strip_suffix('\n').unwrap_or(line) } else { line });
        let list: List = (0..).zip(lines.map(|line| line.replace('\0', ""))).collect();
        self.set_list(name, list)?;
        Ok(0)
    }

    pub(super) fn let_builtin(&mut self, arguments: &[String]) -> Go<u8> {
        if arguments.is_empty() {
            return self.fail("let: expression expected");
        }
        let mut value = 0;
        for argument in arguments {
            value = self.arithmetic(argument)?;
        }
        Ok(u8::from(value == 0))
    }
}
