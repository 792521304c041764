//! From a base and what is asked for to a whole configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::process::Processes;
use crate::recipe::{Base, Input, Target};
use crate::tools::Toolchain;
use crate::{KbuildError, Run};

/// What we ask for ourselves, where the fragments say nothing else: no names of the host's, and no keys that are made anew each
/// time, which would make other bytes of the same inputs.
const OURS: [(&str, &str); 3] = [("LOCALVERSION_AUTO", "n"), ("BUILD_SALT", "\"\""), ("MODULE_SIG", "n")];
/// The same on top of a distribution's: its certificates are not in its source.
const OURS_OVER_TEXT: [(&str, &str); 2] = [("SYSTEM_TRUSTED_KEYS", "\"\""), ("SYSTEM_REVOCATION_KEYS", "\"\"")];

/// How many lines of a failure are shown.
const LAST: usize = 20;

/// Makes the configuration in `folder`, which has the source or the part that configuring needs.
pub(crate) fn configure(
    input: &Input<'_>,
    toolchain: &Toolchain,
    folder: &Path,
    temporary: &Path,
    processes: &dyn Processes,
) -> Result<String, KbuildError> {
    let make = Make { input, toolchain, folder, temporary, processes };
    let file = folder.join(".config");
    let base = match input.base {
        Base::Text(text) => text.to_owned(),
        Base::Target(target) => {
            make.run(&[target.to_owned()], &mut |_| ())?;
            fs::read_to_string(&file).map_err(KbuildError::disk("read", &file))?
        }
    };
    fs::write(&file, merged(&base, input)).map_err(KbuildError::disk("write", &file))?;
    make.run(&["olddefconfig".to_owned()], &mut |_| ())?;
    fs::read_to_string(&file).map_err(KbuildError::disk("read", &file))
}

/// The base without the symbols that are asked for, and these behind it: so the kernel's `merge_config.sh` does it.
pub(crate) fn merged(base: &str, input: &Input<'_>) -> String {
    let mut asked: BTreeMap<&str, &str> = OURS.into_iter().collect();
    if let Base::Text(_) = input.base {
        asked.extend(OURS_OVER_TEXT);
    }
    let wanted: BTreeMap<&str, &str> = input.wanted.iter().copied().collect();
    asked.retain(|symbol, _| !wanted.contains_key(symbol));
    let mut text = String::new();
    for line in base.lines() {
        let symbol = symbol_of(line);
        if !symbol.is_some_and(|symbol| asked.contains_key(symbol) || wanted.contains_key(symbol)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (symbol, value) in asked.iter().map(|(symbol, value)| (*symbol, *value)).chain(input.wanted.iter().copied()) {
        text.push_str(&match value {
            "n" => format!("# CONFIG_{symbol} is not set\n"),
            value => format!("CONFIG_{symbol}={value}\n"),
        });
    }
    text
}

fn symbol_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    line.strip_prefix("CONFIG_")?.split(['=', ' ']).next()
}

/// The kernel's Makefile, for one kernel in one folder.
pub(crate) struct Make<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) folder: &'a Path,
    /// Where compilers put their own temporary files.
    pub(crate) temporary: &'a Path,
    pub(crate) processes: &'a dyn Processes,
}

impl Make<'_> {
    /// Makes targets; `line` hears what is said.
    pub(crate) fn run(&self, targets: &[String], line: &mut dyn FnMut(&str)) -> Result<(), KbuildError> {
        let Make { input, toolchain, folder, temporary, processes } = *self;
        let mut arguments = vec![
            format!("ARCH={}", Target::of(input.arch).arch),
            format!("CROSS_COMPILE={}", toolchain.prefix),
            // A Rust compiler that happens to be there would only leave its version in the configuration.
            "RUSTC=no-rustc".to_owned(),
            // Debug information names the folder as the place of the source; ours is another each time.
            format!("KCFLAGS=-ffile-prefix-map={}=.", folder.display()),
            format!("KAFLAGS=-ffile-prefix-map={}=.", folder.display()),
        ];
        arguments.extend_from_slice(targets);
        let mut variables = vec![("TMPDIR", temporary.display().to_string())];
        variables.extend(input.signature());
        let mut last = Vec::new();
        let run = Run { program: "make", arguments, folder, variables };
        let ended = processes.run(&run, &mut |said| {
            line(said);
            if last.len() == LAST {
                last.remove(0);
            }
            last.push(said.to_owned());
        });
        let ended = ended.map_err(|error| KbuildError::Start { program: "make".to_owned(), error })?;
        let target = targets.iter().find(|target| !target.starts_with('-')).cloned().unwrap_or_default();
        if ended.success { Ok(()) } else { Err(KbuildError::Make { target, last }) }
    }
}
