//! One header block.
//!
//! | offset | bytes | ustar, pax      | GNU                    |
//! |-------:|------:|-----------------|------------------------|
//! |      0 |   100 | name            | name                   |
//! |    100 |     8 | mode            | mode                   |
//! |    108 |     8 | uid             | uid                    |
//! |    116 |     8 | gid             | gid                    |
//! |    124 |    12 | size            | size                   |
//! |    136 |    12 | mtime           | mtime                  |
//! |    148 |     8 | checksum        | checksum               |
//! |    156 |     1 | type            | type                   |
//! |    157 |   100 | link name       | link name              |
//! |    257 |     8 | `ustar` NUL `00`| `ustar  ` NUL          |
//! |    329 |     8 | device major    | device major           |
//! |    337 |     8 | device minor    | device minor           |
//! |    345 |   155 | prefix          |                        |
//! |    386 |    96 |                 | four pieces of data    |
//! |    482 |     1 |                 | more pieces follow     |
//! |    483 |    12 |                 | size with its holes    |

use std::ops::Range;

/// One block.
pub(crate) type Block = [u8; 512];

/// A block that was found to be a header.
pub(crate) struct Header<'a>(&'a Block);

/// Whether a block looks like a header: the magic of one, or the checksum of one.
pub(crate) fn is(block: &Block) -> bool {
    block[257..262] == *b"ustar" || Header::new(block).is_some_and(|header| !header.name().is_empty())
}

impl<'a> Header<'a> {
    /// `None` when its checksum is wrong.
    pub(crate) fn new(block: &'a Block) -> Option<Header<'a>> {
        let wanted = number(&block[148..156])?;
        // The checksum counts as spaces. Old implementations add signed bytes.
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (at, &byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        (wanted == i128::from(unsigned) || wanted == i128::from(signed)).then_some(Header(block))
    }

    /// What the entry is.
    pub(crate) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// The name, with its prefix.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = match () {
            // Schilling's tar keeps times behind a shorter prefix.
            () if self.0[257..263] == *b"ustar\0" && self.0[508..] == *b"tar\0" => text(&self.0[345..476]),
            () if self.0[257..263] == *b"ustar\0" => text(&self.0[345..500]),
            () => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// What a link leads to.
    pub(crate) fn link_name(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    /// One of the numbers below; `None` when it is none.
    pub(crate) fn number(&self, field: Field) -> Option<i128> {
        number(&self.0[field.range()])
    }

    /// Whether it is GNU tar's own format.
    pub(crate) fn is_gnu(&self) -> bool {
        self.0[257..265] == *b"ustar  \0"
    }
}

/// The numbers in a header.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Mode,
    Uid,
    Gid,
    Size,
    Mtime,
    DeviceMajor,
    DeviceMinor,
    RealSize,
}

impl Field {
    fn range(self) -> Range<usize> {
        match self {
            Field::Mode => 100..108,
            Field::Uid => 108..116,
            Field::Gid => 116..124,
            Field::Size => 124..136,
            Field::Mtime => 136..148,
            Field::DeviceMajor => 329..337,
            Field::DeviceMinor => 337..345,
            Field::RealSize => 483..495,
        }
    }

    /// As pax spells it, where pax has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::Mode => "mode",
            Field::Uid => "uid",
            Field::Gid => "gid",
            Field::Size => "size",
            Field::Mtime => "mtime",
            Field::DeviceMajor => "devmajor",
            Field::DeviceMinor => "devminor",
            Field::RealSize => "realsize",
        }
    }
}

/// A number: octal digits between spaces, up to a NUL; or, when its first bit is set, a big-endian one. An empty one is 0.
pub(crate) fn number(field: &[u8]) -> Option<i128> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Two's complement, its sign below the mark. Twelve bytes at most, so nothing is shifted out.
        let top = i128::from(first & 0x7f) - if first & 0x40 != 0 { 0x80 } else { 0 };
        return Some(rest.iter().fold(top, |value, &byte| value << 8 | i128::from(byte)));
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0_i128, |value, &digit| match digit {
        b'0'..=b'7' => Some(value << 3 | i128::from(digit - b'0')),
        _ => None,
    })
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_big_endian() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"   755 \0"), Some(0o755));
        assert_eq!(number(b"77777777"), Some(0o7777_7777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"00a\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b""), None);
    }
}
