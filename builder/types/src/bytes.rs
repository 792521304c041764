//! Sizes in bytes: printed and parsed with binary units.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NumBytes(u64);

impl NumBytes {
    /// `n` bytes.
    pub const fn new(n: u64) -> NumBytes {
        NumBytes(n)
    }

    /// `n` MiB; saturates at the largest number of bytes there is.
    pub const fn mib(n: u64) -> NumBytes {
        NumBytes(n.saturating_mul(1 << 20))
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next multiple of `unit` (which is not zero), or `None` when that does not fit.
    pub const fn checked_round_up(self, unit: u64) -> Option<NumBytes> {
        match self.0.checked_next_multiple_of(unit) {
            Some(n) => Some(NumBytes(n)),
            None => None,
        }
    }
}

impl fmt::Display for NumBytes {
    /// Three significant digits in the largest binary unit that keeps the number at or above one: `361 MiB`, `1.75 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let power = (self.0.ilog2() / 10) as usize;
        let value = self.0 as f64 / 1024f64.powi(power as i32);
        let unit = UNITS[power - 1];
        let digits = if value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        write!(f, "{value:.digits$} {unit}")
    }
}

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSizeError;

impl fmt::Display for ParseSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a whole number and a unit: B, KiB, MiB, GiB or TiB")
    }
}

impl std::error::Error for ParseSizeError {}

impl FromStr for NumBytes {
    type Err = ParseSizeError;

    /// `64MiB`, `64 MiB`, `1GiB`, `512B`. Decimal units are refused: nobody agrees what `64M` means.
    fn from_str(text: &str) -> Result<NumBytes, ParseSizeError> {
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or(ParseSizeError)?;
        let (number, unit) = text.split_at(at);
        let shift = match unit.trim() {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => return Err(ParseSizeError),
        };
        let number: u64 = number.parse().map_err(|_| ParseSizeError)?;
        number.checked_mul(1 << shift).map(NumBytes).ok_or(ParseSizeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_with_binary_units_only() {
        assert_eq!("64MiB".parse(), Ok(NumBytes::mib(64)));
        assert_eq!("1 GiB".parse(), Ok(NumBytes::mib(1024)));
        assert_eq!("7B".parse(), Ok(NumBytes::new(7)));
        for bad in ["", "64", "64M", "MiB", "-1MiB", "1.5GiB", "99999999999TiB"] {
            assert_eq!(bad.parse::<NumBytes>(), Err(ParseSizeError), "{bad}");
        }
    }

    #[test]
    fn sizes_are_printed_with_three_digits() {
        let shown = |n| NumBytes::new(n).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(1024), "1.00 KiB");
        assert_eq!(shown(361 << 20), "361 MiB");
        assert_eq!(shown(u64::MAX), "16.0 EiB");
    }
}
