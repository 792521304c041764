//! PEM texts: RFC 7468.

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// The bytes of the certificate in `text`, if it holds exactly one and no revocation list.
pub(crate) fn only_certificate(text: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    let mut rest = text;
    while let Some(begin) = memchr::memmem::find(rest, BEGIN) {
        let after = &rest[begin + BEGIN.len()..];
        let label = &after[..memchr::memmem::find(after, DASHES)?];
        let body = &after[label.len() + DASHES.len()..];
        let end = memchr::memmem::find(body, END)?;
        rest = &body[end + END.len()..];
        match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE" if found.is_none() => {
                found = Some(base64(&body[..end])?);
            }
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE" | b"X509 CRL" => return None,
            _ => {}
        }
    }
    found
}

/// Base64 with white space in it: RFC 4648, section 4.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0u32;
    let mut digits = 0;
    let mut padding = 0;
    for &b in text {
        let digit = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ if b.is_ascii_whitespace() => continue,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(digit);
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, digits) = (0, 0);
        }
    }
    match (digits, padding) {
        (0, 0) => {}
        (2, 2) => out.push((bits >> 4) as u8),
        (3, 1) => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\nYmE=\n", "fooba")] {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for broken in ["Z", "Zg", "Zg=", "Zg==Zg==", "Zm9*"] {
            assert_eq!(base64(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_file_of_two_certificates_has_no_name_of_its_own() {
        let one = "text before\n-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
        assert_eq!(only_certificate(one.as_bytes()), Some(b"foo".to_vec()));
        assert_eq!(only_certificate(one.repeat(2).as_bytes()), None);
        assert_eq!(only_certificate(b"-----BEGIN CERTIFICATE-----\nZm9v"), None);
        assert_eq!(only_certificate(b"nothing"), None);
    }
}
