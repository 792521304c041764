//! Texts that carry their signature (RFC 9580, 7): `InRelease`.

use pgp::composed::CleartextSignedMessage;
use pgp::packet::Signature;
use rootsmith_types::UnixTime;

use crate::certificate::{makers, user_id};
use crate::error::SignatureError;
use crate::keyring::Keyring;
use crate::report::{SignatureReport, Verdict};

const HEADER: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
/// Debian's largest have 200 KiB. Reading takes time quadratic in the size.
const MAX_SIZE: usize = 1 << 20;
const MAX_SIGNATURES: usize = 32;

/// A text that at least one signature of the keyring vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Exactly what was signed, with `\n` as line ends; nothing that stood around it.
    pub text: String,
    /// All signatures, in their order, those included that do not count.
    pub signatures: Vec<SignatureReport>,
}

/// Reads a signed text and checks its signatures as of `now`. One good one is enough.
pub fn verify_inline(message: &[u8], keyring: &Keyring, now: UnixTime) -> Result<Verified, SignatureError> {
    let malformed = |reason: &str| SignatureError::Malformed(reason.to_owned());
    if !message.starts_with(HEADER) {
        return Err(SignatureError::NotSigned);
    }
    if message.len() > MAX_SIZE {
        return Err(malformed("it is larger than 1 MiB"));
    }
    let message = std::str::from_utf8(message).map_err(|_| malformed("it is not UTF-8"))?;
    let (message, _) =
        CleartextSignedMessage::from_string(message).map_err(|error| SignatureError::Malformed(error.to_string()))?;
    if message.signatures().len() > MAX_SIGNATURES {
        return Err(malformed("it has too many signatures"));
    }
    let signed = message.signed_text();
    let signatures: Vec<SignatureReport> =
        message.signatures().iter().map(|signature| report(signature, signed.as_bytes(), keyring, now)).collect();
    if signatures.iter().any(|report| report.verdict == Verdict::Good) {
        Ok(Verified { text: signed.replace("\r\n", "\n"), signatures })
    } else {
        Err(SignatureError::NoGoodSignature(signatures))
    }
}

fn report(signature: &Signature, text: &[u8], keyring: &Keyring, now: UnixTime) -> SignatureReport {
    let mut result = SignatureReport { issuer: issuer(signature), user_id: None, verdict: Verdict::UnknownKey };
    for certificate in &keyring.certificates {
        for maker in makers(certificate, signature) {
            result.user_id = user_id(certificate);
            match maker.judge(signature, text, now) {
                Ok(()) => {
                    result.verdict = Verdict::Good;
                    return result;
                }
                Err(verdict) => result.verdict = verdict,
            }
        }
    }
    result
}

fn issuer(signature: &Signature) -> String {
    match (signature.issuer_fingerprint().first(), signature.issuer_key_id().first()) {
        (Some(fingerprint), _) => format!("{fingerprint:X}"),
        (None, Some(id)) => id.as_ref().iter().map(|byte| format!("{byte:02X}")).collect(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests;
