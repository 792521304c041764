//! date(1): the day of every script is that of the image.

use rootsmith_shell::{Done, Refusal};
use rootsmith_types::{UnixTime, rfc3339};

use super::{because, said};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `date [-u] [-R | +FORMAT]`, in UTC.
pub(super) fn date(arguments: &[&str], time: UnixTime) -> Result<Done, Refusal> {
    let (mut format, mut words) = ("%a %b %d %H:%M:%S UTC %Y", arguments.iter());
    for word in words.by_ref() {
        match *word {
            "-u" | "--utc" => {}
            "-R" | "--rfc-email" | "--rfc-2822" => format = "%a, %d %b %Y %H:%M:%S +0000",
            word if word.starts_with('+') => format = &word[1..],
            word => return because(format!("`date` with `{word}`")),
        }
    }
    match formatted(format, time) {
        Some(text) => said(text + "\n"),
        None => because(format!("`date` with `+{format}`")),
    }
}

fn formatted(format: &str, time: UnixTime) -> Option<String> {
    let text = rfc3339(time);
    let (date, clock) = text.trim_end_matches('Z').split_once('T')?;
    let seconds = time.to_string();
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        out += match letters.next()? {
            'a' => DAYS.get(usize::try_from(time.div_euclid(86_400) % 7).ok()?)?,
            'b' => MONTHS.get(date.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?)?,
            'Y' => date.get(..4)?,
            'm' => date.get(5..7)?,
            'd' => date.get(8..)?,
            'F' => date,
            'H' => clock.get(..2)?,
            'M' => clock.get(3..5)?,
            'S' => clock.get(6..)?,
            'T' => clock,
            's' => &seconds,
            '%' => "%",
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let said =
            |arguments: &[&str]| date(arguments, 1_795_658_086).map(|done| String::from_utf8(done.stdout).unwrap());
        assert_eq!(said(&["-R"]), Ok("Thu, 26 Nov 2026 01:54:46 +0000\n".to_owned()));
        assert_eq!(said(&["-u", "+%F %T%%%s"]), Ok("2026-11-26 01:54:46%1795658086\n".to_owned()));
        assert!(said(&["+%N"]).is_err() && said(&["-d", "yesterday"]).is_err());
    }
}
