use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, SubpacketData};
use pgp::types::Duration;

use super::*;
use crate::testing::{BEGIN, DAY, STYLE, Style, TestKey, config, sign_with, signed};

const TEXT: &str = "Origin: Test\nSuite: stable\n- a line with a dash\nSHA256:\n aa 1 main/Packages\n";
const NOW: i64 = BEGIN + 10 * DAY;

fn plain(key: &TestKey) -> SignatureConfig {
    config(&key.primary, SignatureType::Text, HashAlgorithm::Sha256, NOW, Vec::new())
}

fn by_primary(key: &TestKey, config: SignatureConfig) -> String {
    signed(TEXT, &[(&sign_with(&key.primary), config)])
}

fn by_subkey(key: &TestKey) -> String {
    let config = config(&key.subkey, SignatureType::Text, HashAlgorithm::Sha512, NOW, Vec::new());
    signed(TEXT, &[(&sign_with(&key.subkey), config)])
}

fn verdict(message: &str, keyring: &Keyring, now: UnixTime) -> Verdict {
    match verify_inline(message.as_bytes(), keyring, now) {
        Ok(verified) => verified.signatures[0].verdict.clone(),
        Err(SignatureError::NoGoodSignature(reports)) => reports[0].verdict.clone(),
        Err(error) => panic!("{error}"),
    }
}

/// How a certificate of this style fares with a signature by its primary key and one by its subkey.
fn fares(style: Style) -> [Verdict; 2] {
    fares_with(&TestKey::new(1), style)
}

fn fares_with(key: &TestKey, style: Style) -> [Verdict; 2] {
    [by_primary(key, plain(key)), by_subkey(key)].map(|message| verdict(&message, &key.keyring(style), NOW))
}

#[test]
fn a_good_signature_gives_the_text_that_was_signed() {
    let key = TestKey::new(1);
    for message in [by_primary(&key, plain(&key)), by_subkey(&key)] {
        assert!(message.contains("\n- - a line with a dash"));
        let verified = verify_inline(message.as_bytes(), &key.keyring(STYLE), NOW).unwrap();
        assert_eq!(verified.text, TEXT);
        assert_eq!(verified.signatures[0].user_id.as_deref(), Some("Test Archive <archive@example.org>"));
        // What stands around the signed text does not reach anybody.
        let framed = format!("{message}trailing\n");
        assert!(matches!(
            verify_inline(framed.as_bytes(), &key.keyring(STYLE), NOW),
            Err(SignatureError::Malformed(_))
        ));
        let framed = format!("leading\n{message}");
        assert_eq!(verify_inline(framed.as_bytes(), &key.keyring(STYLE), NOW), Err(SignatureError::NotSigned));
    }
}

#[test]
fn a_changed_text_does_not_pass() {
    let key = TestKey::new(1);
    let message = by_subkey(&key);
    for (from, to) in [("stable", "stabIe"), ("aa 1", "aa 2"), ("SHA256:\n", "SHA256:\n bb 1 main/Evil\n")] {
        assert_eq!(verdict(&message.replace(from, to), &key.keyring(STYLE), NOW), Verdict::Mismatch);
    }
}

#[test]
fn an_unknown_key_does_not_count() {
    let (key, other) = (TestKey::new(1), TestKey::new(2));
    assert_eq!(verdict(&by_primary(&key, plain(&key)), &other.keyring(STYLE), NOW), Verdict::UnknownKey);
    assert_eq!(verdict(&by_subkey(&key), &Keyring::debian(), NOW), Verdict::UnknownKey);
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let (key, other) = (TestKey::new(1), TestKey::new(2));
    let message = signed(TEXT, &[(&sign_with(&other.primary), plain(&other)), (&sign_with(&key.primary), plain(&key))]);
    let verified = verify_inline(message.as_bytes(), &key.keyring(STYLE), NOW).unwrap();
    let verdicts: Vec<_> = verified.signatures.iter().map(|report| report.verdict.clone()).collect();
    assert_eq!(verdicts, [Verdict::UnknownKey, Verdict::Good]);
    assert_eq!(verified.signatures[1].issuer.len(), 40);
}

#[test]
fn weak_digests_do_not_count() {
    let key = TestKey::lenient(1);
    let weak = config(&key.primary, SignatureType::Text, HashAlgorithm::Sha1, NOW, Vec::new());
    assert_eq!(verdict(&by_primary(&key, weak), &key.keyring(STYLE), NOW), Verdict::WeakDigest("SHA1".to_owned()));
    // Nor do they bind a key to its certificate.
    let weak = Style { digest: HashAlgorithm::Sha1, ..STYLE };
    assert_eq!(fares_with(&key, weak), [Verdict::Unbound, Verdict::Unbound]);
    // A revocation counts whatever its digest.
    assert_eq!(fares_with(&key, Style { revoked: true, ..weak }), [Verdict::KeyRevoked, Verdict::KeyRevoked]);
}

#[test]
fn a_key_counts_until_it_expires() {
    let expired = Style { lifetime: Some(5 * DAY), ..STYLE };
    let at = Verdict::KeyExpired(BEGIN + 5 * DAY);
    assert_eq!(fares(expired), [at.clone(), at.clone()]);
    assert_eq!(fares(Style { subkey_lifetime: Some(5 * DAY), ..STYLE }), [Verdict::Good, at]);
    assert_eq!(
        fares(Style { lifetime: Some(20 * DAY), subkey_lifetime: Some(0), ..STYLE }),
        [Verdict::Good, Verdict::Good]
    );
}

#[test]
fn a_revoked_key_does_not_count() {
    assert_eq!(fares(Style { revoked: true, ..STYLE }), [Verdict::KeyRevoked, Verdict::KeyRevoked]);
    assert_eq!(fares(Style { subkey_revoked: true, ..STYLE }), [Verdict::Good, Verdict::KeyRevoked]);
}

#[test]
fn a_key_must_be_allowed_to_sign_and_bound_both_ways() {
    assert_eq!(fares(STYLE), [Verdict::Good, Verdict::Good]);
    assert_eq!(fares(Style { may_sign: false, ..STYLE }), [Verdict::NotForSigning, Verdict::NotForSigning]);
    assert_eq!(fares(Style { back_signature: false, ..STYLE }), [Verdict::Good, Verdict::Unbound]);
    assert_eq!(fares(Style { made: NOW + 5 * DAY, ..STYLE }), [Verdict::Unbound, Verdict::Unbound]);
}

#[test]
fn a_subkey_of_somebody_else_does_not_count() {
    let (key, other) = (TestKey::new(1), TestKey::new(2));
    let mut stolen = other.certificate(STYLE);
    stolen.public_subkeys = key.certificate(STYLE).public_subkeys;
    let keyring = Keyring { certificates: vec![stolen] };
    assert_eq!(verdict(&by_subkey(&key), &keyring, NOW), Verdict::Unbound);
}

#[test]
fn times_of_the_signature_itself_are_checked() {
    let key = TestKey::new(1);
    let made = |made, parts| config(&key.primary, SignatureType::Text, HashAlgorithm::Sha256, made, parts);
    let fares = |config| verdict(&by_primary(&key, config), &key.keyring(STYLE), NOW);
    assert_eq!(fares(made(NOW + DAY / 2, Vec::new())), Verdict::Good);
    assert_eq!(fares(made(NOW + 2 * DAY, Vec::new())), Verdict::FromTheFuture);
    assert_eq!(fares(made(BEGIN - 1, Vec::new())), Verdict::Unsupported);
    let for_a_day = || vec![SubpacketData::SignatureExpirationTime(Duration::from_secs(86400))];
    assert_eq!(fares(made(NOW, for_a_day())), Verdict::Good);
    assert_eq!(fares(made(NOW - 2 * DAY, for_a_day())), Verdict::SignatureExpired(NOW - DAY));
}

#[test]
fn other_sorts_of_signatures_say_nothing_about_a_text() {
    let key = TestKey::new(1);
    let standalone = config(&key.primary, SignatureType::Binary, HashAlgorithm::Sha256, NOW, Vec::new());
    assert_eq!(verdict(&by_primary(&key, standalone), &key.keyring(STYLE), NOW), Verdict::Unsupported);
}

#[test]
fn what_is_not_signed_or_not_readable_is_refused() {
    let keyring = TestKey::new(1).keyring(STYLE);
    for text in ["", TEXT, "<html></html>"] {
        assert_eq!(verify_inline(text.as_bytes(), &keyring, NOW), Err(SignatureError::NotSigned));
    }
    let message = by_subkey(&TestKey::new(1));
    let cut = &message[..message.len() - 60];
    let huge = format!("{}{}", &message[..40], "x\n".repeat(1 << 20));
    for text in [cut, &huge, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\ntext\n"] {
        assert!(
            matches!(verify_inline(text.as_bytes(), &keyring, NOW), Err(SignatureError::Malformed(_))),
            "{}",
            text.len()
        );
    }
}
