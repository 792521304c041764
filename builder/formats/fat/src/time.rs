//! Dates and times as directory entries have them: UTC, even seconds, 1980 to 2107 (`fatgen103`, "Date and Time Formats").

use rootsmith_tree::Mtime;

/// 1980-01-01T00:00:00Z.
const FIRST: i64 = 315_532_800;
/// 2107-12-31T23:59:58Z.
const LAST: i64 = 4_354_819_198;

/// A date and a time of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) date: u16,
    pub(crate) time: u16,
}

impl Timestamp {
    /// The last even second at or before `mtime`, or the nearest that can be written.
    pub(crate) fn new(mtime: Mtime) -> Timestamp {
        let seconds = mtime.seconds.clamp(FIRST, LAST);
        let (year, month, day) = civil(seconds / 86_400);
        let second = seconds % 86_400;
        let date = ((year - 1980) << 9) | (month << 5) | day;
        let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | (second % 60 / 2);
        // Each part is within its bits: 127 years, 12 months, 31 days; 23 hours, 59 minutes, 29 pairs of seconds.
        Timestamp { date: date as u16, time: time as u16 }
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    // 719 468 days from 0000-03-01 to 1970-01-01; 146 097 days are 400 years.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: i64) -> String {
        let Timestamp { date, time } = Timestamp::new(Mtime { seconds, nanoseconds: 0 });
        let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
        format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", time >> 11, time >> 5 & 63, (time & 31) * 2)
    }

    #[test]
    fn times_are_utc_and_even() {
        assert_eq!(shown(1_700_000_001), "2023-11-14 22:13:20");
        assert_eq!(shown(951_782_399), "2000-02-28 23:59:58");
        assert_eq!(shown(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(shown(951_868_800), "2000-03-01 00:00:00");
        assert_eq!(shown(4_107_542_400), "2100-03-01 00:00:00");
        assert_eq!(shown(4_107_542_399), "2100-02-28 23:59:58");
    }

    #[test]
    fn times_outside_are_clamped() {
        assert_eq!(shown(0), "1980-01-01 00:00:00");
        assert_eq!(shown(i64::MIN), "1980-01-01 00:00:00");
        assert_eq!(shown(i64::MAX), "2107-12-31 23:59:58");
    }
}
