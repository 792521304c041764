//! What was found out about one signature.

use std::fmt;

use rootsmith_types::UnixTime;

/// One signature of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureReport {
    /// The fingerprint of the key that made it (or only its key id, where the signature says no more), in upper-case
    /// hexadecimal digits; empty where the signature does not say.
    pub issuer: String,
    /// The user id of the certificate, where the keyring has it.
    pub user_id: Option<String>,
    /// Whether it counts.
    pub verdict: Verdict,
}

/// Whether a signature counts, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Good,
    /// Its key is not in the keyring.
    UnknownKey,
    /// It does not fit the text.
    Mismatch,
    /// It, or what binds its key, uses a digest that is not good enough any more.
    WeakDigest(String),
    /// It is of a kind that says nothing about a text, or has a part that must be understood and is not.
    Unsupported,
    /// It was made later than now.
    FromTheFuture,
    /// It was made for a limited time, which is over.
    SignatureExpired(UnixTime),
    /// Its key, or the certificate the key belongs to, has expired.
    KeyExpired(UnixTime),
    /// Its key, or the certificate the key belongs to, was revoked.
    KeyRevoked,
    /// Its key may not be used to sign.
    NotForSigning,
    /// Nothing valid binds its key to the certificate.
    Unbound,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Good => f.write_str("good"),
            Verdict::UnknownKey => f.write_str("the key is not in the keyring"),
            Verdict::Mismatch => f.write_str("it does not fit the text"),
            Verdict::WeakDigest(digest) => write!(f, "the digest {digest} is too weak"),
            Verdict::Unsupported => f.write_str("it is of an unsupported kind"),
            Verdict::FromTheFuture => f.write_str("it was made later than now"),
            Verdict::SignatureExpired(at) => write!(f, "the signature expired on {}", Day(*at)),
            Verdict::KeyExpired(at) => write!(f, "the key expired on {}", Day(*at)),
            Verdict::KeyRevoked => f.write_str("the key was revoked"),
            Verdict::NotForSigning => f.write_str("the key may not sign"),
            Verdict::Unbound => f.write_str("nothing binds the key to its certificate"),
        }
    }
}

/// Shows the day of a time: `2035-03-28`.
struct Day(UnixTime);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counted from 0000-03-01, in eras of 400 years: the day that may be missing is the last of a year.
        let days = self.0.div_euclid(86400) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        write!(f, "{:04}-{month:02}-{day:02}", era * 400 + year + next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_shown() {
        for (time, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (2_058_652_800, "2035-03-28"),
        ] {
            assert_eq!(Day(time).to_string(), day);
        }
    }
}
