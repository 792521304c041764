//! What ca-certificates-java asks of Java: `/etc/ssl/certs/java/cacerts`, the authorities that Java programs trust.

use rootsmith_shell::{Call, Done, Refusal};
use rootsmith_types::UnixTime;
use sha1::{Digest, Sha1};

use super::{Stage, because, done};
use crate::generate::only_certificate;

const PROGRAM: &str = "/usr/share/ca-certificates-java/ca-certificates-java.jar";
const KEYSTORE: &str = "/etc/ssl/certs/java/cacerts";

/// Of a Java keystore, of its second version, and of an entry that is a trusted certificate.
const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
const TRUSTED: u32 = 2;

/// A Java keystore ("JKS", `sun.security.provider.JavaKeyStore`) of trusted certificates by their names, all entered at one time. Integers
/// are big-endian, texts have their length before them; at the end is a digest of the password, of a phrase, and of all of it.
fn keystore(certificates: &[(String, Vec<u8>)], time: UnixTime, password: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for number in [MAGIC, VERSION, u32::try_from(certificates.len()).ok()?] {
        out.extend(number.to_be_bytes());
    }
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
        out.extend(text.as_bytes());
        Some(())
    };
    for (name, certificate) in certificates {
        out.extend(TRUSTED.to_be_bytes());
        text(&mut out, name)?;
        out.extend((time * 1000).to_be_bytes());
        text(&mut out, "X.509")?;
        out.extend(u32::try_from(certificate.len()).ok()?.to_be_bytes());
        out.extend(certificate);
    }
    let mut digest = Sha1::new();
    for unit in password.encode_utf16() {
        digest.update(unit.to_be_bytes());
    }
    digest.update("Mighty Aphrodite");
    digest.update(&out);
    out.extend(digest.finalize());
    Some(out)
}

impl Stage<'_, '_> {
    /// `None` where Java is asked for something else.
    pub(super) fn java(&mut self, name: &str, arguments: &[&str], call: &Call<'_>) -> Option<Result<Done, Refusal>> {
        match (name, arguments) {
            ("java", ["-version"]) => Some(done()),
            ("java", [_, "-jar", PROGRAM, "-storepass", password]) => Some(self.trust(call.stdin, password)),
            _ => None,
        }
    }

    /// Makes the keystore of the certificates that `wanted` names, a line each: `+/etc/ssl/certs/NAME.pem`.
    fn trust(&mut self, wanted: &[u8], password: &str) -> Result<Done, Refusal> {
        let mut certificates = Vec::new();
        for line in String::from_utf8_lossy(wanted).lines() {
            let Some(path) = line.strip_prefix('+') else {
                return because(format!("a change of the keystore: `{line}`"));
            };
            let Some(text) = self.content(&self.target("/", path)?)? else { continue };
            // One that it cannot read it passes over, with a warning.
            let Some(certificate) = only_certificate(&text) else { continue };
            let name = path.rsplit('/').next().unwrap_or(path);
            certificates.push((format!("debian:{name}").to_lowercase(), certificate));
        }
        certificates.sort();
        certificates.dedup_by(|a, b| a.0 == b.0);
        let Some(bytes) = keystore(&certificates, self.edit.date, password) else {
            return because("certificates that no keystore holds");
        };
        self.fill(&self.target("/", KEYSTORE)?, &bytes, 0o644)?;
        done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keystore_is_as_keytool_writes_it() {
        let made = keystore(&[("debian:a.pem".to_owned(), b"certificate".to_vec())], 1, "changeit").unwrap();
        let (body, digest) = made.split_at(made.len() - 20);
        let expected: [&[u8]; 7] = [
            b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01",
            b"\0\0\0\x02",
            b"\0\x0cdebian:a.pem",
            b"\0\0\0\0\0\0\x03\xe8",
            b"\0\x05X.509",
            b"\0\0\0\x0b",
            b"certificate",
        ];
        assert_eq!(body, expected.concat());
        let text: Vec<u8> = "changeit".bytes().flat_map(|byte| [0, byte]).collect();
        assert_eq!(digest, Sha1::digest([&text, &b"Mighty Aphrodite"[..], body].concat()).as_slice());
    }
}
