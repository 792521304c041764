//! Certificates and signatures made for a test: from a seed, at a fixed time.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType,
    Subpacket, SubpacketData, UserId,
};
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, SignedUser, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::Keyring;

/// When the keys are made.
pub(crate) const BEGIN: i64 = 1_700_000_000;
pub(crate) const DAY: i64 = 86400;

/// A certificate with its secrets: a primary key that may sign, and one subkey that may.
pub(crate) struct TestKey {
    pub(crate) primary: SecretKey,
    pub(crate) subkey: SecretSubkey,
}

/// How a certificate speaks of itself.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) digest: HashAlgorithm,
    pub(crate) lifetime: Option<i64>,
    pub(crate) subkey_lifetime: Option<i64>,
    pub(crate) may_sign: bool,
    pub(crate) back_signature: bool,
    pub(crate) revoked: bool,
    pub(crate) subkey_revoked: bool,
    pub(crate) made: i64,
}

pub(crate) const STYLE: Style = Style {
    digest: HashAlgorithm::Sha512,
    lifetime: None,
    subkey_lifetime: None,
    may_sign: true,
    back_signature: true,
    revoked: false,
    subkey_revoked: false,
    made: BEGIN,
};

impl TestKey {
    pub(crate) fn new(seed: u64) -> TestKey {
        TestKey::of(KeyType::Ed25519Legacy, seed)
    }

    /// A key of an algorithm with which one can still sign weak digests.
    pub(crate) fn lenient(seed: u64) -> TestKey {
        TestKey::of(KeyType::Rsa(2048), seed)
    }

    fn of(sort: KeyType, seed: u64) -> TestKey {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut inner = || {
            let (public, secret) = sort.generate(&mut rng).unwrap();
            (PubKeyInner::new(KeyVersion::V4, sort.to_alg(), time(BEGIN), None, public).unwrap(), secret)
        };
        let (public, secret) = inner();
        let primary = SecretKey::new(PublicKey::from_inner(public).unwrap(), secret).unwrap();
        let (public, secret) = inner();
        let subkey = SecretSubkey::new(PublicSubkey::from_inner(public).unwrap(), secret).unwrap();
        TestKey { primary, subkey }
    }

    pub(crate) fn certificate(&self, style: Style) -> SignedPublicKey {
        let (primary, subkey) = (self.primary.public_key().clone(), self.subkey.public_key().clone());
        let statement = |typ, parts| config(&self.primary, typ, style.digest, style.made, parts);
        let nothing = Password::empty;

        let id = UserId::from_str(Default::default(), "Test Archive <archive@example.org>").unwrap();
        let about = statement(SignatureType::CertPositive, properties(style.may_sign, style.lifetime))
            .sign_certification(&self.primary, &primary, &nothing(), Tag::UserId, &id)
            .unwrap();
        let revocation = statement(SignatureType::KeyRevocation, Vec::new());
        let revocations = style
            .revoked
            .then(|| revocation.sign_key(&self.primary, &nothing(), &primary).unwrap())
            .into_iter()
            .collect();

        let mut parts = properties(style.may_sign, style.subkey_lifetime);
        if style.back_signature {
            let back = config(&self.subkey, SignatureType::KeyBinding, style.digest, style.made, Vec::new())
                .sign_primary_key_binding(&self.subkey, &subkey, &nothing(), &primary)
                .unwrap();
            parts.push(SubpacketData::EmbeddedSignature(Box::new(back)));
        }
        let bind =
            |config: SignatureConfig| config.sign_subkey_binding(&self.primary, &primary, &nothing(), &subkey).unwrap();
        let mut bindings = vec![bind(statement(SignatureType::SubkeyBinding, parts))];
        if style.subkey_revoked {
            bindings.push(bind(statement(SignatureType::SubkeyRevocation, Vec::new())));
        }
        SignedPublicKey::new(
            primary.clone(),
            SignedKeyDetails::new(revocations, Vec::new(), vec![SignedUser::new(id, vec![about])], Vec::new()),
            vec![SignedPublicSubKey::new(subkey.clone(), bindings)],
        )
    }

    /// A keyring of this certificate alone, having gone through its armoured form.
    pub(crate) fn keyring(&self, style: Style) -> Keyring {
        Keyring::parse(&self.certificate(style).to_armored_bytes(ArmorOptions::default()).unwrap()).unwrap()
    }
}

/// A key that signs, as [`sign_with`] gives it.
pub(crate) type Signer<'a> = &'a dyn Fn(SignatureConfig, &str) -> Signature;

/// Signs `text` with each of these keys.
pub(crate) fn signed(text: &str, signers: &[(Signer<'_>, SignatureConfig)]) -> String {
    let message = CleartextSignedMessage::new_many(text, |text| {
        Ok(signers.iter().map(|(sign, config)| sign(config.clone(), text)).collect())
    });
    message.unwrap().to_armored_string(ArmorOptions::default()).unwrap()
}

/// What a signature by `key` says.
pub(crate) fn config(
    key: &impl KeyDetails,
    typ: SignatureType,
    digest: HashAlgorithm,
    made: i64,
    parts: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(typ, key.algorithm(), digest);
    let always =
        [SubpacketData::SignatureCreationTime(time(made)), SubpacketData::IssuerFingerprint(key.fingerprint())];
    config.hashed_subpackets = always.into_iter().chain(parts).map(|part| Subpacket::regular(part).unwrap()).collect();
    config
}

pub(crate) fn sign_with(key: &impl SigningKey) -> impl Fn(SignatureConfig, &str) -> Signature {
    move |config, text| config.sign(key, &Password::empty(), text.as_bytes()).unwrap()
}

fn properties(may_sign: bool, lifetime: Option<i64>) -> Vec<SubpacketData> {
    let mut flags = KeyFlags::default();
    flags.set_sign(may_sign);
    flags.set_certify(true);
    let lifetime = lifetime.map(|seconds| SubpacketData::KeyExpirationTime(Duration::from_secs(seconds as u32)));
    [Some(SubpacketData::KeyFlags(flags)), lifetime].into_iter().flatten().collect()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds as u32)
}
