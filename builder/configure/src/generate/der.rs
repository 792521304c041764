//! As much of DER and X.509 as naming a certificate takes: ITU-T X.690, RFC 5280 section 4.1.

/// Types of DER values.
const VERSION: u8 = 0xa0;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// A value: its type, its content, and both with the length as they were encoded.
#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// The name by which OpenSSL finds a certificate (`X509_NAME_hash`): SHA-1 over the canonical form of the subject, its
/// first four bytes as a little-endian number. `None` when `certificate` is none.
pub(super) fn subject_hash(certificate: &[u8]) -> Option<u32> {
    use sha1::{Digest, Sha1};
    let canonical = canonical_name(subject(certificate)?)?;
    let digest = Sha1::digest(&canonical);
    Some(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]))
}

/// The content of a certificate's subject: a list of relative distinguished names.
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = take(certificate, SEQUENCE)?;
    let (mut rest, _) = take(certificate.content, SEQUENCE).map(|(tbs, rest)| (tbs.content, rest))?;
    if rest.first() == Some(&VERSION) {
        rest = take_any(rest)?.1;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        rest = take_any(rest)?.1;
    }
    Some(take(rest, SEQUENCE)?.0.content)
}

/// The canonical form of a name (OpenSSL `crypto/x509/x_name.c`): texts as UTF-8 in lower case, without blanks at the ends
/// and with single ones inside; without the outermost header.
fn canonical_name(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for relative in values(name) {
        let relative = relative.filter(|value| value.tag == SET)?;
        let mut attributes = Vec::new();
        for attribute in values(relative.content) {
            let attribute = attribute.filter(|value| value.tag == SEQUENCE)?;
            let (oid, rest) = take(attribute.content, OID)?;
            let (text, _) = take_any(rest)?;
            let value = match canonical_text(text)? {
                Some(text) => encode(UTF8_STRING, &text),
                None => text.whole.to_vec(),
            };
            attributes.push(encode(SEQUENCE, &[oid.whole, &value].concat()));
        }
        // A SET OF is sorted by its members' encodings.
        attributes.sort();
        out.extend(encode(SET, &attributes.concat()));
    }
    Some(out)
}

/// The canonical text; `Some(None)` for a value that is no text, `None` for a broken one.
fn canonical_text(value: Value<'_>) -> Option<Option<Vec<u8>>> {
    let text: String = match value.tag {
        UTF8_STRING => std::str::from_utf8(value.content).ok()?.to_owned(),
        // T61 is taken for Latin-1, as everybody does.
        PRINTABLE_STRING | T61_STRING | IA5_STRING | VISIBLE_STRING => {
            value.content.iter().map(|&b| char::from(b)).collect()
        }
        BMP_STRING => characters::<2>(value.content)?,
        UNIVERSAL_STRING => characters::<4>(value.content)?,
        _ => return Some(None),
    };
    let is_blank = |c: char| matches!(c, ' ' | '\t'..='\r');
    let words: Vec<&str> = text.split(is_blank).filter(|word| !word.is_empty()).collect();
    Some(Some(words.join(" ").to_ascii_lowercase().into_bytes()))
}

/// Big-endian characters of `N` bytes.
fn characters<const N: usize>(content: &[u8]) -> Option<String> {
    let chunks = content.chunks_exact(N);
    if !chunks.remainder().is_empty() {
        return None;
    }
    chunks.map(|chunk| char::from_u32(chunk.iter().fold(0, |c, &b| c << 8 | u32::from(b)))).collect()
}

/// The values one after the other; a broken one ends the list as `None`.
fn values(mut rest: &[u8]) -> impl Iterator<Item = Option<Value<'_>>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = take_any(rest);
        rest = next.map_or(&[], |(_, rest)| rest);
        Some(next.map(|(value, _)| value))
    })
}

fn take(input: &[u8], tag: u8) -> Option<(Value<'_>, &[u8])> {
    take_any(input).filter(|(value, _)| value.tag == tag)
}

/// The first value and what follows it. Types above 30 and lengths of more than four bytes do not occur here.
fn take_any(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, &b| length << 8 | usize::from(b)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Value { tag, content, whole: &input[..input.len() - rest.len()] }, rest))
}

fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[length.leading_zeros() as usize / 8..];
        out.push(0x80 | significant.len() as u8);
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(content);
    out
}
