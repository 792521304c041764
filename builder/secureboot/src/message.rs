//! Signed data (RFC 5652, 5), as far as firmware reads it.

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Null, OctetString, SetOfVec};
use der::oid::ObjectIdentifier;
use der::{self, Any, Encode};
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::certificate::RSA_ENCRYPTION;
use crate::{Certificate, SecureBootError, Signer};

/// RFC 8017, appendix B.1.
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// RFC 5652: `id-data`, `id-signedData`, and the attributes `id-contentType` and `id-messageDigest`.
pub(crate) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// `SHA-256`, as every structure here names it.
pub(crate) fn sha256() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Null.into()) }
}

/// A message that says its type and digest, and these are what is signed.
pub(crate) fn attributes(content: ObjectIdentifier, digest: &[u8]) -> der::Result<Attributes> {
    let attribute =
        |oid, value: Any| -> der::Result<Attribute> { Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? }) };
    let digest = OctetString::new(digest)?;
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&content)?)?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&digest)?)?,
    ])
}

/// Signs `message`, which is the DER of `attributes` where there are some, and makes the signed data with `content` in it.
pub(crate) fn signed_data(
    content: EncapsulatedContentInfo,
    attributes: Option<Attributes>,
    message: &[u8],
    certificate: &Certificate,
    signer: &dyn Signer,
) -> Result<SignedData, SecureBootError> {
    let signature = signer.sign(message)?;
    certificate.verify(message, &signature)?;
    data(content, attributes, signature, certificate).map_err(internal)
}

fn data(
    content: EncapsulatedContentInfo,
    signed_attrs: Option<Attributes>,
    signature: Vec<u8>,
    certificate: &Certificate,
) -> der::Result<SignedData> {
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(certificate.identifier()),
        digest_alg: sha256(),
        signed_attrs,
        signature_algorithm: AlgorithmIdentifierOwned { oid: RSA_ENCRYPTION, parameters: Some(Null.into()) },
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    Ok(SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![sha256()])?,
        encap_content_info: content,
        certificates: Some(vec![CertificateChoices::Certificate(certificate.parsed.clone())].try_into()?),
        crls: None,
        signer_infos: vec![signer].try_into()?,
    })
}

/// The signed data as the content of a message of its own.
pub(crate) fn content_info(data: &SignedData) -> Result<Vec<u8>, SecureBootError> {
    let content = Any::encode_from(data).map_err(internal)?;
    ContentInfo { content_type: SIGNED_DATA, content }.to_der().map_err(internal)
}

/// What is put together here has no way to be too long or of a wrong type.
pub(crate) fn internal(error: der::Error) -> SecureBootError {
    SecureBootError::Signer(format!("internal error: {error}"))
}
