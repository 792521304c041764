//! Dates of the proleptic Gregorian calendar, between 1970 and 9999, in UTC.

use crate::UnixTime;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z.
const LAST: UnixTime = 253_402_300_799;

/// A moment as a calendar has it, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// 1970 to 9999.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
}

impl Utc {
    /// A time outside the calendar is moved to its nearer end.
    pub fn of(time: UnixTime) -> Utc {
        let time = time.clamp(0, LAST);
        let (year, month, day) = civil(time / DAY);
        let second = time % DAY;
        Utc { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
    }
}

/// RFC 3339: `2026-11-14T08:15:00Z`. A time outside the calendar is moved to its nearer end.
pub fn rfc3339(time: UnixTime) -> String {
    let Utc { year, month, day, hour, minute, second } = Utc::of(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days from 1970-01-01 to a date; `None` when there is no such date or it lies before.
pub fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let real = year >= 1970 && (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
    real.then(|| days_before(year) + (1..month).map(|month| month_length(year, month)).sum::<i64>() + day - 1)
}

/// Year, month and day of the day `days` after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_before(year);
    let mut month = 1;
    while rest >= month_length(year, month) {
        rest -= month_length(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

/// Days from 1970-01-01 to the first of January of `year`, which is 1970 or later.
fn days_before(year: i64) -> i64 {
    // Leap years up to the one before: 1969 / 4 - 1969 / 100 + 1969 / 400 = 477 of them lie before 1970.
    let last = year - 1;
    (year - 1970) * 365 + last / 4 - last / 100 + last / 400 - 477
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_334_400, "2026-11-22T08:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
            (-1, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(time), text);
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in 0..=LAST / DAY {
            let (year, month, date) = civil(day);
            assert_eq!(days_since_1970(year, month, date), Some(day));
        }
        assert_eq!(days_since_1970(2026, 2, 29), None);
    }
}
