//! Dates as `Release` files write them (RFC 5322, 3.3): `Sat, 15 Nov 2025 10:22:43 UTC`.

use rootsmith_types::UnixTime;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date in universal time; the name of the day is not needed and not checked.
pub(crate) fn parse_date(text: &str) -> Option<UnixTime> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_ascii_whitespace();
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let universal = matches!(words.next()?, "UTC" | "GMT" | "Z" | "+0000");
    let in_range = (1..=31).contains(&day)
        && (1970..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    (universal && in_range && words.next().is_none())
        .then(|| days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)
}

/// Counts years from March, so that the day that may be missing is the last one.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 UTC"), Some(0));
        assert_eq!(parse_date("Thu, 29 Feb 2024 23:59:59 +0000"), Some(1_709_251_199));
        assert_eq!(parse_date("1 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
        assert_eq!(parse_date("Sat,  9 Aug 2025  8:46:09 UTC"), Some(1_754_729_169));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "Sat, 15 Nov 2025",
            "Sat, 15 Nov 2025 10:22 UTC",
            "Sat, 15 Nov 2025 10:22:43 CET",
            "Sat, 15 Nov 2025 10:22:43",
            "Sat, 15 Foo 2025 10:22:43 UTC",
            "Sat, 40 Nov 2025 10:22:43 UTC",
            "Sat, 15 Nov 99999999999999999999 10:22:43 UTC",
            "Sat, 15 Nov 2025 10:22:43:11 UTC",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
