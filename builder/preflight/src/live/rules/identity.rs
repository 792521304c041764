//! What each machine makes for itself on its first boot, who may log in, and whose files are whose.

use crate::live::answers::{Answers, Silent};
use crate::rules::Outcome;

/// The image must have none; the question here is whether one was made now.
pub(crate) fn machine_id(answers: &Answers) -> Result<Outcome, Silent> {
    let made = answers.is_yes("machine-id.made")?;
    Ok(match answers.one("machine-id")? {
        "set" if made => Outcome::yes("`/etc/machine-id` was made on this boot"),
        "set" => Outcome::no("`/etc/machine-id` is older than this boot: it was in the image"),
        "none" => Outcome::unknown("this system makes no `/etc/machine-id`"),
        state => Outcome::no(format!("`/etc/machine-id` is still {state}")),
    })
}

pub(crate) fn machine_id_source(answers: &Answers) -> Result<Outcome, Silent> {
    Ok(if answers.is_yes("machine-id.source")? {
        Outcome::yes("there is an id of the machine")
    } else {
        Outcome::no("there is no id of the machine")
    })
}

pub(crate) fn host_keys(answers: &Answers) -> Result<Outcome, Silent> {
    let keys = answers.list("host-key")?;
    let old = keys.iter().filter_map(|key| key.strip_prefix("no "));
    let mut wrong: Vec<String> =
        old.map(|key| format!("`{key}` is older than this boot: it was in the image")).collect();
    if keys.is_empty() && answers.is_yes("sshd.runs")? {
        wrong.push("an SSH server runs without a host key".to_owned());
    }
    let fine = if keys.is_empty() {
        "no host key, and no SSH server runs".to_owned()
    } else {
        format!("{} made on this boot", keys.len())
    };
    Ok(Outcome::unless(wrong, fine))
}

pub(crate) fn passwords(answers: &Answers, key: &str, what: &str) -> Result<Outcome, Silent> {
    let accounts = answers.list(key)?;
    Ok(Outcome::unless(accounts.iter().map(|name| format!("`{name}` {what}")).collect(), "no account"))
}

/// Mode and owner; none for a file that is not there.
fn mode(answers: &Answers, path: &str) -> Result<Option<(u32, String)>, Silent> {
    let key = format!("mode:{path}");
    let said = answers.one(&key)?;
    if said == "none" {
        return Ok(None);
    }
    let mut words = said.split(' ');
    let mode = words.next().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    match (mode, words.next()) {
        (Some(mode), Some(owner)) => Ok(Some((mode, owner.to_owned()))),
        _ => Err(Silent(key)),
    }
}

pub(crate) fn file_mode(answers: &Answers, path: &str, most: &str) -> Result<Outcome, Silent> {
    let Some((mode, owner)) = mode(answers, path)? else { return Ok(Outcome::yes(format!("there is no `{path}`"))) };
    let Ok(most) = u32::from_str_radix(most, 8) else {
        return Ok(Outcome::no(format!("the check itself is wrong: `{most}` is no mode")));
    };
    let mut wrong = Vec::new();
    if mode & !most != 0 {
        wrong.push(format!("`{path}` has mode {mode:04o}, more than {most:04o}"));
    }
    if owner != "0" {
        wrong.push(format!("`{path}` belongs to user {owner}, not to root"));
    }
    Ok(Outcome::unless(wrong, format!("`{path}` has mode {mode:04o}")))
}

pub(crate) fn sticky(answers: &Answers, paths: &[String]) -> Result<Outcome, Silent> {
    let mut wrong = Vec::new();
    for path in paths {
        if let Some((mode, _)) = mode(answers, path)?
            && mode & 0o002 != 0
            && mode & 0o1000 == 0
        {
            wrong.push(format!("`{path}` has mode {mode:04o}, without the sticky bit"));
        }
    }
    Ok(Outcome::unless(wrong, format!("`{}`", paths.join("`, `"))))
}
