//! Moments as TOML writes them.

use rootsmith_types::{UnixTime, days_since_1970};

/// The time of a TOML date-time that is in UTC, has no fraction and lies within the calendar.
pub(crate) fn read(value: &toml::value::Datetime) -> Option<UnixTime> {
    let (date, time) = (value.date?, value.time?);
    let utc = matches!(value.offset?, toml::value::Offset::Z | toml::value::Offset::Custom { minutes: 0 });
    let days = days_since_1970(date.year.into(), date.month.into(), date.day.into())?;
    let second = i64::from(time.second.unwrap_or(0));
    // A leap second has no Unix time of its own.
    if !utc || time.nanosecond.unwrap_or(0) != 0 || second > 59 {
        return None;
    }
    Some(days * 86_400 + i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use rootsmith_types::rfc3339;

    use super::*;

    fn parse(text: &str) -> Option<UnixTime> {
        read(&text.parse().ok()?)
    }

    #[test]
    fn what_is_written_is_read() {
        for time in [0, 951_782_399, 951_782_400, 4_107_542_400] {
            assert_eq!(parse(&rfc3339(time)), Some(time));
        }
    }

    #[test]
    fn what_is_no_moment_in_utc_is_refused() {
        for text in ["2026-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-22T08:00:00+01:00", "2026-11-22"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
