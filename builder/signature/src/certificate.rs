//! Whether a key of a certificate may be trusted to sign, at a given time.
//!
//! Only what the certificate's primary key says about itself and its subkeys counts (RFC 9580, 5.2.3.10 and 10.1.5):
//! the newest statement of each sort that verifies and is not made in the future. A revocation that verifies counts
//! whatever its digest and date.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{Duration, Fingerprint, KeyDetails, Tag, Timestamp};
use rootsmith_types::UnixTime;

use crate::report::Verdict;

/// Clocks differ, and an index may be signed some minutes after the date it bears.
const SKEW: UnixTime = 86400;

/// The user id a certificate is shown with: its first.
pub(crate) fn user_id(certificate: &SignedPublicKey) -> Option<String> {
    certificate.details.users.first().map(|user| String::from_utf8_lossy(user.id.id()).into_owned())
}

/// The keys of a certificate that the signature names as its maker.
pub(crate) fn makers<'c>(certificate: &'c SignedPublicKey, signature: &Signature) -> Vec<Maker<'c>> {
    let primary = Maker { certificate, subkey: None };
    let subkeys = certificate.public_subkeys.iter().map(|subkey| Maker { certificate, subkey: Some(subkey) });
    std::iter::once(primary).chain(subkeys).filter(|maker| maker.is_named_by(signature)).collect()
}

/// A certificate's primary key or one of its subkeys.
pub(crate) struct Maker<'c> {
    certificate: &'c SignedPublicKey,
    subkey: Option<&'c SignedPublicSubKey>,
}

impl Maker<'_> {
    /// Fingerprints decide; only a signature that gives none is looked up by its key id.
    fn is_named_by(&self, signature: &Signature) -> bool {
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            let id = self.subkey.map_or_else(|| self.certificate.legacy_key_id(), KeyDetails::legacy_key_id);
            signature.issuer_key_id().contains(&&id)
        } else {
            fingerprints.contains(&&self.fingerprint())
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.subkey.map_or_else(|| self.certificate.fingerprint(), KeyDetails::fingerprint)
    }

    /// Whether this key may have made `signature` over `text`, and has.
    pub(crate) fn judge(&self, signature: &Signature, text: &[u8], now: UnixTime) -> Result<(), Verdict> {
        let made = statement_time(signature, now)?;
        let created = self.subkey.map_or_else(|| self.certificate.created_at(), KeyDetails::created_at);
        if signature.typ() != Some(SignatureType::Text) || made < seconds(created) {
            return Err(Verdict::Unsupported);
        }
        let primary = PrimaryState::at(self.certificate, now)?;
        let verified = match self.subkey {
            None if !primary.may_sign => return Err(Verdict::NotForSigning),
            None => signature.verify(&self.certificate.primary_key, text),
            Some(subkey) => {
                check_subkey(self.certificate, subkey, now)?;
                signature.verify(&subkey.key, text)
            }
        };
        verified.map_err(|_| Verdict::Mismatch)
    }
}

/// What a certificate says about its primary key.
struct PrimaryState {
    may_sign: bool,
}

impl PrimaryState {
    fn at(certificate: &SignedPublicKey, now: UnixTime) -> Result<PrimaryState, Verdict> {
        let key = &certificate.primary_key;
        if certificate.details.revocation_signatures.iter().any(|signature| signature.verify_key(key).is_ok()) {
            return Err(Verdict::KeyRevoked);
        }
        let users = certificate.details.users.iter().filter_map(|user| {
            newest(&user.signatures, now, |signature| {
                signature.verify_certification(key, Tag::UserId, &user.id).is_ok()
            })
            .filter(|signature| signature.typ() != Some(SignatureType::CertRevocation))
        });
        let user = users.max_by_key(|signature| signature.created());
        let direct = newest(&certificate.details.direct_signatures, now, |signature| signature.verify_key(key).is_ok());
        if user.is_none() && direct.is_none_or(|signature| key_flags(signature).is_none()) {
            return Err(Verdict::Unbound);
        }
        for signature in [user, direct].into_iter().flatten() {
            check_expiry(key.created_at(), signature.key_expiration_time(), now)?;
        }
        let may_sign = [user, direct].into_iter().flatten().find_map(key_flags).unwrap_or(false);
        Ok(PrimaryState { may_sign })
    }
}

/// A subkey signs only if the primary key says so, and the subkey agrees to belong to it (RFC 9580, 5.2.1.10).
fn check_subkey(certificate: &SignedPublicKey, subkey: &SignedPublicSubKey, now: UnixTime) -> Result<(), Verdict> {
    let primary = &certificate.primary_key;
    let is_revocation = |signature: &&Signature| signature.typ() == Some(SignatureType::SubkeyRevocation);
    if subkey
        .signatures
        .iter()
        .filter(is_revocation)
        .any(|signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok())
    {
        return Err(Verdict::KeyRevoked);
    }
    let binding = newest(&subkey.signatures, now, |signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding)
            && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    });
    let binding = binding.ok_or(Verdict::Unbound)?;
    check_expiry(subkey.key.created_at(), binding.key_expiration_time(), now)?;
    if key_flags(binding) != Some(true) {
        return Err(Verdict::NotForSigning);
    }
    let back = binding.embedded_signature().ok_or(Verdict::Unbound)?;
    statement_time(back, now)?;
    back.verify_primary_key_binding(&subkey.key, primary).map_err(|_| Verdict::Unbound)
}

/// The last statement that may be looked at and that `verifies`.
fn newest(signatures: &[Signature], now: UnixTime, verifies: impl Fn(&Signature) -> bool) -> Option<&Signature> {
    let usable = signatures.iter().filter(|signature| statement_time(signature, now).is_ok() && verifies(signature));
    usable.max_by_key(|signature| signature.created())
}

/// When a signature was made; an error where it must not be looked at now.
fn statement_time(signature: &Signature, now: UnixTime) -> Result<UnixTime, Verdict> {
    let config = signature.config().ok_or(Verdict::Unsupported)?;
    match config.hash_alg {
        HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => {}
        weak => return Err(Verdict::WeakDigest(weak.to_string())),
    }
    // A critical part says: do not accept me if you do not understand this (RFC 9580, 5.2.3.7).
    let unknown = |data: &SubpacketData| {
        matches!(data, SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_))
    };
    if config.hashed_subpackets().any(|part| part.is_critical && unknown(&part.data)) {
        return Err(Verdict::Unsupported);
    }
    let made = seconds(signature.created().ok_or(Verdict::Unsupported)?);
    if made > now.saturating_add(SKEW) {
        return Err(Verdict::FromTheFuture);
    }
    match signature.signature_expiration_time().map(Duration::as_secs) {
        Some(lifetime) if lifetime > 0 && made + i64::from(lifetime) <= now => {
            Err(Verdict::SignatureExpired(made + i64::from(lifetime)))
        }
        _ => Ok(made),
    }
}

/// A lifetime of zero is none (RFC 9580, 5.2.3.13).
fn check_expiry(created: Timestamp, lifetime: Option<Duration>, now: UnixTime) -> Result<(), Verdict> {
    match lifetime.map(Duration::as_secs) {
        Some(lifetime) if lifetime > 0 && seconds(created) + i64::from(lifetime) <= now => {
            Err(Verdict::KeyExpired(seconds(created) + i64::from(lifetime)))
        }
        _ => Ok(()),
    }
}

/// Whether the key may sign, if the statement speaks of that.
fn key_flags(signature: &Signature) -> Option<bool> {
    let speaks = |data: &SubpacketData| matches!(data, SubpacketData::KeyFlags(_));
    signature.config()?.hashed_subpackets().any(|part| speaks(&part.data)).then(|| signature.key_flags().sign())
}

fn seconds(time: Timestamp) -> UnixTime {
    i64::from(time.as_secs())
}
