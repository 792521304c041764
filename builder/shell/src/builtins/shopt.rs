//! bash's `shopt`.

use crate::shell::{Go, Options, Shell};

/// Those that change nothing here, and whether they are on in a script.
const OTHERS: [(&str, bool); 12] = [
    ("checkhash", false),
    ("checkjobs", false),
    ("checkwinsize", true),
    ("cmdhist", true),
    ("expand_aliases", false),
    ("histappend", false),
    ("hostcomplete", true),
    ("huponexit", false),
    ("lithist", false),
    ("patsub_replacement", true),
    ("progcomp", true),
    ("sourcepath", true),
];

/// Those that must stay off.
const OFF: [&str; 11] = [
    "autocd",
    "cdspell",
    "execfail",
    "failglob",
    "globstar",
    "inherit_errexit",
    "lastpipe",
    "localvar_inherit",
    "nocaseglob",
    "nocasematch",
    "xpg_echo",
];

impl Shell<'_> {
    pub(super) fn shopt(&mut self, arguments: &[String]) -> Go<u8> {
        let (mut set, mut quiet) = (None, false);
        let mut names = arguments;
        while let Some((option, rest)) = names.split_first().filter(|(word, _)| word.starts_with('-')) {
            for letter in option.chars().skip(1) {
                match letter {
                    's' => set = Some(true),
                    'u' => set = Some(false),
                    'q' => quiet = true,
                    _ => return Err(self.stop(format!("`shopt {option}`: the option `{option}` is not known"))),
                }
            }
            names = rest;
        }
        if names.is_empty() {
            return Err(self.stop("`shopt` without names is not followed"));
        }
        let mut status = 0;
        for name in names {
            let state = match (switch(&mut self.env.options, name), set) {
                (Some(switch), None) => *switch,
                (Some(switch), Some(on)) => {
                    *switch = on;
                    continue;
                }
                (None, set) => {
                    let known = OTHERS.iter().find(|(known, _)| known == name).map(|(_, on)| *on);
                    let known = known.or(OFF.contains(&name.as_str()).then_some(false));
                    match (known, set) {
                        (Some(state), None) => state,
                        (Some(state), Some(on)) if state == on => continue,
                        _ => return Err(self.stop(format!("`shopt {}` is not followed", arguments.join(" ")))),
                    }
                }
            };
            status |= u8::from(!state);
            if !quiet {
                self.put(1, format!("{name:<15}\t{}\n", if state { "on" } else { "off" }).as_bytes())?;
            }
        }
        Ok(status)
    }
}

fn switch<'o>(options: &'o mut Options, name: &str) -> Option<&'o mut bool> {
    Some(match name {
        "dotglob" => &mut options.dotglob,
        "extglob" => &mut options.extglob,
        "nullglob" => &mut options.nullglob,
        _ => return None,
    })
}
