//! Long names, and the short one each must have beside it (`fatgen103`, "Name Limits and Character Sets" and "The
//! Basis-Name and Numeric-Tail Generation Algorithms").

use std::collections::{BTreeMap, BTreeSet};

use crate::NameFault;

/// What a directory stores of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Eight and three characters, filled up with spaces.
    pub(crate) short: [u8; 11],
    /// UTF-16; empty when the short name says it all.
    pub(crate) long: Vec<u16>,
}

impl Name {
    /// How many directory entries it takes: one, and one for each thirteen units of a long name.
    pub(crate) fn entries(&self) -> u64 {
        1 + self.long.len().div_ceil(13) as u64
    }

    /// What each entry of the long name repeats (`fatgen103`, `ChkSum`).
    pub(crate) fn checksum(&self) -> u8 {
        self.short.iter().fold(0, |sum: u8, &byte| sum.rotate_right(1).wrapping_add(byte))
    }
}

/// The name as text, when FAT can hold it.
pub(crate) fn check(name: &[u8]) -> Result<&str, NameFault> {
    let name = std::str::from_utf8(name).map_err(|_| NameFault::NotUnicode)?;
    if let Some(c) = name.chars().find(|&c| c.is_control() || "\"*/:<>?\\|".contains(c)) {
        return Err(NameFault::Character(c));
    }
    // Windows drops these without a word.
    if name.ends_with(['.', ' ']) {
        return Err(NameFault::End);
    }
    if name.encode_utf16().count() > 255 {
        return Err(NameFault::TooLong);
    }
    Ok(name)
}

/// What names are compared by: upper case, letter by letter. `ß` stays, as its upper case is two letters.
pub(crate) fn fold(name: &str) -> String {
    let upper = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(single), None) => single,
            _ => c,
        }
    };
    name.chars().map(upper).collect()
}

/// What a directory stores of its names, in their order. No two of them fold to the same.
pub(crate) fn assign(names: &[&str]) -> Vec<Name> {
    let bases: Vec<Basis> = names.iter().map(|name| Basis::of(name)).collect();
    // Whoever has a short name by right comes first: `FOO~1` may not lose it to another's numeric tail.
    let mut taken: BTreeSet<[u8; 11]> =
        bases.iter().filter(|basis| basis.fits).map(|basis| basis.join(&basis.base)).collect();
    let mut last_tails = BTreeMap::new();
    let short = |basis: &Basis| {
        if basis.fits {
            return basis.join(&basis.base);
        }
        let start: Vec<u8> = basis.base.iter().copied().take(6).collect();
        let tail = last_tails.entry((start, basis.extension.clone())).or_insert(0u32);
        loop {
            // A directory holds 65 536 entries, so a number with six digits is always free.
            *tail += 1;
            let text = format!("~{tail}");
            let mut base: Vec<u8> = basis.base.iter().copied().take(8 - text.len()).collect();
            base.extend_from_slice(text.as_bytes());
            let short = basis.join(&base);
            if taken.insert(short) {
                return short;
            }
        }
    };
    let shorts: Vec<[u8; 11]> = bases.iter().map(short).collect();
    let entry = |((name, basis), short): ((&&str, &Basis), [u8; 11])| {
        let long = if basis.exact { Vec::new() } else { name.encode_utf16().collect() };
        Name { short, long }
    };
    names.iter().zip(&bases).zip(shorts).map(entry).collect()
}

/// What becomes of a name in the character set of short names.
struct Basis {
    base: Vec<u8>,
    extension: Vec<u8>,
    /// No character was lost and both parts have room.
    fits: bool,
    /// The short name is the name itself.
    exact: bool,
}

impl Basis {
    fn of(name: &str) -> Basis {
        let start = name.trim_start_matches(['.', ' ']);
        let mut lossy = start.len() < name.len();
        let (base, extension) = start.rsplit_once('.').unwrap_or((start, ""));
        let mut convert = |text: &str| {
            let mut converted = Vec::new();
            for c in text.chars() {
                let upper = c.to_ascii_uppercase();
                match upper {
                    ' ' | '.' => lossy = true,
                    'A'..='Z' | '0'..='9' => converted.push(upper as u8),
                    _ if "$%'-_@~`!(){}^#&".contains(upper) => converted.push(upper as u8),
                    _ => {
                        lossy = true;
                        converted.push(b'_');
                    }
                }
            }
            converted
        };
        let mut base = convert(base);
        let mut extension = convert(extension);
        let fits = !lossy && (1..=8).contains(&base.len()) && extension.len() <= 3;
        let exact = fits && !name.contains(|c: char| c.is_ascii_lowercase());
        if base.is_empty() {
            base.push(b'_');
        }
        extension.truncate(3);
        Basis { base, extension, fits, exact }
    }

    fn join(&self, base: &[u8]) -> [u8; 11] {
        let mut short = [b' '; 11];
        short[..base.len()].copy_from_slice(base);
        short[8..8 + self.extension.len()].copy_from_slice(&self.extension);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(names: &[&str]) -> Vec<String> {
        assign(names).iter().map(|name| String::from_utf8_lossy(&name.short).into_owned()).collect()
    }

    #[test]
    fn short_names_stand_alone_only_when_exact() {
        let names = assign(&["BOOTX64.EFI", "EFI", "efi.b", "vmlinuz"]);
        let long: Vec<usize> = names.iter().map(|name| name.long.len()).collect();
        assert_eq!(long, [0, 0, 5, 7]);
        assert_eq!(names[0].short, *b"BOOTX64 EFI");
        assert_eq!(names[2].short, *b"EFI     B  ");
    }

    #[test]
    fn names_that_do_not_fit_get_a_number() {
        assert_eq!(
            shorts(&["loader.conf", "loader.config", "a.tar.gz", ".hidden", "with space", "vmlinuz-6.12", "é", "a+b"]),
            [
                "LOADER~1CON",
                "LOADER~2CON",
                "ATAR~1  GZ ",
                "HIDDEN~1   ",
                "WITHSP~1   ",
                "VMLINU~112 ",
                "_~1        ",
                "A_B~1      "
            ]
        );
    }

    #[test]
    fn a_number_never_takes_a_name_that_is_there() {
        assert_eq!(shorts(&["longname one", "LONGNA~1", "longna~2"]), ["LONGNA~3   ", "LONGNA~1   ", "LONGNA~2   "]);
        let many: Vec<String> = (0..1200).map(|n| format!("longname{n}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let unique: BTreeSet<String> = shorts(&names).into_iter().collect();
        assert_eq!(unique.len(), 1200);
        assert!(unique.contains("LONGN~10   ") && unique.contains("LON~1200   "));
    }

    #[test]
    fn what_fat_cannot_hold_is_refused() {
        assert_eq!(check(b"a:b"), Err(NameFault::Character(':')));
        assert_eq!(check(b"a\x01"), Err(NameFault::Character('\u{1}')));
        assert_eq!(check(b"a."), Err(NameFault::End));
        assert_eq!(check(b"\xff"), Err(NameFault::NotUnicode));
        assert_eq!(check("😀".repeat(60).as_bytes()), Ok("😀".repeat(60).as_str()));
        assert_eq!(check("x".repeat(256).as_bytes()), Err(NameFault::TooLong));
        assert_eq!(fold("Straße"), fold("sTRAßE"));
        assert_ne!(fold("ß"), fold("ss"));
    }

    #[test]
    fn checksum_is_that_of_the_specification() {
        // The example other implementations use: `FILENAMETXT`.
        let name = Name { short: *b"FILENAMETXT", long: Vec::new() };
        let mut sum = 0u32;
        for byte in b"FILENAMETXT" {
            sum = (((sum & 1) << 7) + (sum >> 1) + u32::from(*byte)) & 0xff;
        }
        assert_eq!(u32::from(name.checksum()), sum);
    }
}
