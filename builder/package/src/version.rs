//! Debian's version order (`deb-version(7)`), on borrowed text.

use std::cmp::Ordering;
use std::fmt;

/// A version, split into `epoch:upstream-revision` once. Every text has a place in the order, as for `dpkg
/// --compare-versions`; two spellings of one version (`1.0`, `0:1.00-0`) are equal.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    text: &'a str,
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    /// The version that `text` spells.
    pub fn new(text: &'a str) -> Version<'a> {
        let bytes = text.as_bytes();
        let (epoch, rest) = match memchr::memchr(b':', bytes) {
            Some(colon) => (&bytes[..colon], &bytes[colon + 1..]),
            None => (&bytes[..0], bytes),
        };
        let (upstream, revision) = match memchr::memrchr(b'-', rest) {
            Some(dash) => (&rest[..dash], &rest[dash + 1..]),
            None => (rest, &rest[..0]),
        };
        Version { text, epoch, upstream, revision }
    }

    /// As it was spelled.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_part(self.epoch, other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version<'_> {}

/// How a relation compares versions (Debian Policy 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Comparison {
    /// Whether `version` stands in this relation to `wanted`.
    pub fn holds(self, version: Version<'_>, wanted: Version<'_>) -> bool {
        let order = version.cmp(&wanted);
        match self {
            Comparison::Earlier => order.is_lt(),
            Comparison::EarlierOrEqual => order.is_le(),
            Comparison::Equal => order.is_eq(),
            Comparison::LaterOrEqual => order.is_ge(),
            Comparison::Later => order.is_gt(),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Earlier => "<<",
            Comparison::EarlierOrEqual => "<=",
            Comparison::Equal => "=",
            Comparison::LaterOrEqual => ">=",
            Comparison::Later => ">>",
        })
    }
}

/// Alternates between a run without digits, compared by [`weight`], and a run of digits, compared as a number of any length:
/// `1.2~rc10` is `1` `.` `2` `~rc` `10`. What is missing counts as nothing or zero.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (weight(a), weight(b));
            if x != y {
                return x.cmp(&y);
            }
            // Equal weights of 0 mean that both are at a digit or at their end.
            if x == 0 {
                break;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
        let (x, rest_a) = number(a);
        let (y, rest_b) = number(b);
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// `~` before the end (and before a digit), those before letters, letters before everything else.
fn weight(text: &[u8]) -> i32 {
    match text.first() {
        None | Some(b'0'..=b'9') => 0,
        Some(b'~') => -1,
        Some(&letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(&other) => i32::from(other) + 256,
    }
}

/// The digits at the front without leading zeros, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let zeros = text.iter().take_while(|&&byte| byte == b'0').count();
    let text = &text[zeros..];
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_policys_examples_are_in_order() {
        let sorted =
            ["~~", "~~a", "~", "", "0a", "1~rc1", "1", "1-0.1", "1+b1", "1.1", "1.10", "a", "a+", "2:0", "10:0"];
        for pair in sorted.windows(2) {
            let (a, b) = (Version::new(pair[0]), Version::new(pair[1]));
            assert!(a < b, "{a} < {b}");
            assert!(b > a, "{b} > {a}");
        }
        for (a, b) in [("1.0", "1.00"), ("0:1", "1"), ("1-0", "1"), ("1-00", "1-0"), ("1.a00", "1.a0")] {
            assert_eq!(Version::new(a), Version::new(b));
        }
    }

    #[test]
    fn numbers_of_any_length_are_compared() {
        assert!(Version::new("1.20250101000000000000000001") > Version::new("1.20250101000000000000000000"));
    }

    #[test]
    fn comparisons_hold_as_they_read() {
        use Comparison::*;
        let holds = |how: Comparison| {
            [("1", "2"), ("2", "2"), ("3", "2")].map(|(a, b)| how.holds(Version::new(a), Version::new(b)))
        };
        assert_eq!(holds(Earlier), [true, false, false]);
        assert_eq!(holds(EarlierOrEqual), [true, true, false]);
        assert_eq!(holds(Equal), [false, true, false]);
        assert_eq!(holds(LaterOrEqual), [false, true, true]);
        assert_eq!(holds(Later), [false, false, true]);
    }

    const VERSION: &str = "([0-9]:)?[0-9][0-9a-c.+~]{0,8}(-[0-9a-c.+~]{1,4})?";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_order_is_that_of_debversion(a in VERSION, b in VERSION) {
            let theirs = |text: &str| text.parse::<debversion::Version>().unwrap();
            prop_assert_eq!(Version::new(&a).cmp(&Version::new(&b)), theirs(&a).cmp(&theirs(&b)));
        }

        #[test]
        fn any_text_has_a_place_in_the_order(a: String, b: String, c: String) {
            let (a, b, c) = (Version::new(&a), Version::new(&b), Version::new(&c));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }
    }
}
