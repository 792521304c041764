//! The kernel that runs.

use std::collections::BTreeMap;

use crate::Said;
use crate::live::answers::{Answers, Silent};
use crate::rules::{Met, Outcome};
use crate::view::at_least;

/// The values of the configuration that k0s would find: the first file of its list, the last line of a symbol.
fn values(answers: &Answers, number: u32) -> BTreeMap<&str, &str> {
    let lines = answers.all(&format!("config.{number}.values")).iter();
    lines.flat_map(|line| line.split(' ')).filter_map(|word| word.split_once('=')).collect()
}

/// The file, or why there is none.
fn file(answers: &Answers) -> Result<Result<&str, Outcome>, Silent> {
    if answers.number("config.files")? == 0 {
        return Ok(Err(Outcome::no("there is no kernel configuration").said(Said::Warning)));
    }
    Ok(Ok(answers.one("config.1.file")?))
}

pub(crate) fn belongs(answers: &Answers) -> Result<Outcome, Silent> {
    let release = answers.one("uname.release")?;
    let loaded = answers.one("modules.loaded")?;
    Ok(if answers.is_yes("modules.folder")? {
        Outcome::yes(format!(
            "Linux {release} has loaded {} modules of its own",
            if loaded.is_empty() { "0" } else { loaded }
        ))
    } else {
        Outcome::no(format!("`/lib/modules/{release}` has no index of modules for the kernel that runs"))
    })
}

pub(crate) fn linux(answers: &Answers) -> Result<Outcome, Silent> {
    let (system, release) = (answers.one("uname.system")?, answers.one("uname.release")?);
    Ok(if system == "Linux" {
        Outcome::yes(format!("{system} {release}"))
    } else {
        Outcome::no(format!("`uname` says {system}"))
    })
}

pub(crate) fn release(answers: &Answers, least: &str) -> Result<Outcome, Silent> {
    let release = answers.one("uname.release")?;
    let evidence = format!("the kernel is {release}");
    Ok(if at_least(release, least) { Outcome::yes(evidence) } else { Outcome::no(evidence) })
}

pub(crate) fn config(answers: &Answers) -> Result<Outcome, Silent> {
    let file = match file(answers)? {
        Ok(file) => file,
        Err(_) => return Ok(Outcome::no("none of the files is there")),
    };
    let release = answers.one("uname.release")?;
    let version = answers.one("config.1.version")?;
    Ok(if values(answers, 1).is_empty() {
        Outcome::no(format!("`{file}` has none of the symbols"))
    } else if version.is_empty() {
        Outcome::almost(format!("`{file}` does not say of which kernel it is"))
    } else if release.strip_prefix(version).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        // A release may stand for a whole series.
        || version.strip_prefix(release.split(['+', '-']).next().unwrap_or(release)).is_some_and(|rest| rest.starts_with('.'))
    {
        Outcome::yes(format!("`{file}` is of Linux {version}"))
    } else {
        Outcome::no(format!("`{file}` is of Linux {version}, the kernel is {release}"))
    })
}

pub(crate) fn symbol(answers: &Answers, symbol: &str, module: Option<&str>) -> Result<Outcome, Silent> {
    let file = match file(answers)? {
        Ok(file) => file,
        Err(outcome) => return Ok(outcome),
    };
    Ok(match values(answers, 1).get(symbol) {
        Some(&"y") => Outcome::yes(format!("`CONFIG_{symbol}=y` in `{file}`")),
        Some(&"m") => match module {
            Some(name) => {
                let outcome = self::module(answers, name)?;
                // Whoever only reads the file does not notice.
                if outcome.met == Met::No { outcome.said(Said::Pass) } else { outcome }
            }
            None => {
                Outcome::no(format!("`CONFIG_{symbol}=m` in `{file}`, though it cannot be a module")).said(Said::Pass)
            }
        },
        Some(value) => Outcome::no(format!("`CONFIG_{symbol}={value}` in `{file}`")),
        None => Outcome::no(format!("`{file}` does not have `CONFIG_{symbol}`")),
    })
}

pub(crate) fn symbol_off(answers: &Answers, symbol: &str) -> Result<Outcome, Silent> {
    let file = match file(answers)? {
        Ok(file) => file,
        Err(outcome) => return Ok(outcome),
    };
    Ok(match values(answers, 1).get(symbol) {
        Some(value @ (&"y" | &"m")) => Outcome::no(format!("`CONFIG_{symbol}={value}` in `{file}`")),
        _ => Outcome::yes(format!("`CONFIG_{symbol}` is off in `{file}`")),
    })
}

pub(crate) fn extinct(answers: &Answers, name: &str, module: Option<&str>, gone: &str) -> Result<Outcome, Silent> {
    if at_least(answers.one("uname.release")?, gone) {
        return Ok(Outcome::unknown(format!("no kernel has it since Linux {gone}")).unsaid());
    }
    symbol(answers, name, module)
}

pub(crate) fn any_symbol(answers: &Answers, symbols: &BTreeMap<String, String>) -> Result<Outcome, Silent> {
    let mut wrong = Vec::new();
    for (name, module) in symbols {
        let outcome = symbol(answers, name, Some(module.as_str()).filter(|module| !module.is_empty()))?;
        if outcome.met == Met::Yes {
            return Ok(outcome);
        }
        wrong.extend(outcome.evidence);
    }
    Ok(Outcome { met: Met::No, evidence: wrong, said: None })
}

/// What `modprobe` would do.
pub(crate) fn module(answers: &Answers, name: &str) -> Result<Outcome, Silent> {
    let name = name.replace('-', "_");
    let state = answers.one(&format!("module.{name}"))?;
    Ok(match state {
        "ready" => Outcome::yes(format!("`modprobe` finds the files of `{name}`")),
        "builtin" => Outcome::yes(format!("`{name}` is part of the kernel image")),
        "loaded" => Outcome::yes(format!("`{name}` is loaded")),
        _ if state.starts_with("instead ") => Outcome::no(format!("`modprobe {name}` does something else: `{state}`")),
        _ if state.starts_with("unreadable ") => {
            Outcome::no(format!("a file of module `{name}` is not there: `{state}`"))
        }
        _ => Outcome::no(format!("`modprobe` does not find module `{name}`")),
    })
}

pub(crate) fn modules_loaded(answers: &Answers, modules: &[String]) -> Result<Outcome, Silent> {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for module in modules {
        let name = module.replace('-', "_");
        let there =
            answers.is_yes(&format!("module.{name}.loaded"))? || answers.one(&format!("module.{name}"))? == "builtin";
        if there { fine.push(format!("`{module}`")) } else { wrong.push(format!("`{module}` is not loaded")) }
    }
    Ok(Outcome::all(wrong, fine))
}

pub(crate) fn compression(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(match answers.one("modules.loaded")? {
        "" | "0" => Outcome::unknown("no module was loaded"),
        loaded => Outcome::yes(format!("{loaded} modules were loaded")),
    })
}

pub(crate) fn embedded(answers: &Answers) -> Result<Outcome, Silent> {
    if answers.number("config.files")? == 0 || answers.one("config.1.file")? != "/proc/config.gz" {
        return Ok(Outcome::unknown("the kernel shows none: there is no `/proc/config.gz`"));
    }
    let [kernel, other] = [values(answers, 1), values(answers, 2)];
    if other.is_empty() {
        return Ok(Outcome::yes("`/proc/config.gz`; no file says otherwise"));
    }
    let names: std::collections::BTreeSet<&str> = kernel.keys().chain(other.keys()).copied().collect();
    let value =
        |values: &BTreeMap<&str, &str>, name| values.get(name).map_or("n".to_owned(), |value| (*value).to_owned());
    let differences = names.into_iter().filter_map(|name| {
        let (inside, outside) = (value(&kernel, name), value(&other, name));
        (inside != outside).then(|| format!("`CONFIG_{name}` is {inside} in the kernel, {outside} in the file"))
    });
    Ok(Outcome::unless(differences.take(5).collect(), "`/proc/config.gz` and the file agree"))
}

pub(crate) fn real_time_groups(answers: &Answers) -> Result<Outcome, Silent> {
    if answers.number("config.files")? == 0 {
        return Ok(Outcome::unknown("there is no kernel configuration"));
    }
    let values = values(answers, 1);
    let word = answers.one("cmdline")?.split(' ').rev().find_map(|word| word.strip_prefix("rt_group_sched="));
    let off_by_default = values.get("RT_GROUP_SCHED_DEFAULT_DISABLED") == Some(&"y");
    Ok(match (values.get("RT_GROUP_SCHED"), word) {
        (Some(&"y"), Some("0")) => Outcome::yes("the kernel command line has `rt_group_sched=0`"),
        (Some(&"y"), word) if word == Some("1") || !off_by_default => Outcome::no("`CONFIG_RT_GROUP_SCHED=y`"),
        _ => Outcome::yes("`CONFIG_RT_GROUP_SCHED` is off"),
    })
}
