//! Signed programs.
//!
//! | bytes                       | what becomes of them                                                               |
//! |-----------------------------|------------------------------------------------------------------------------------|
//! | program                     | kept, filled up with zeros to a multiple of 8; an older certificate table is cut off |
//! | data directory 4            | place and size of the certificate table                                            |
//! | certificate table (new)     | one `WIN_CERTIFICATE`: size, revision 2.0, type 2, signed data, filled up to 8      |

use authenticode::{AttributeCertificateIterator, AuthenticodeSignature, authenticode_digest};
use cms::signed_data::EncapsulatedContentInfo;
use der::asn1::{Any, OctetString};
use der::oid::ObjectIdentifier;
use der::{self, Decode, Encode, Sequence};
use digest::Update;
use object::read::pe::PeFile64;
use sha2::{Digest, Sha256};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::message::{self, content_info, internal, sha256, signed_data};
use crate::{Certificate, SecureBootError, Signer};

/// `SPC_INDIRECT_DATA_OBJID`.
const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
/// `SpcAttributeTypeAndOptionalValue` of `SPC_PE_IMAGE_DATA_OBJID`: no flags, and an empty file name, for want of which some firmware
/// refuses the signature.
const IMAGE_DATA: [u8; 25] = [
    0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, 0x30, 0x09, 0x03, 0x01, 0x00,
    0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00,
];
/// `WIN_CERTIFICATE`: `dwLength`, `wRevision` 2.0, `wCertificateType` `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const CERTIFICATE_HEADER: usize = 8;
/// A certificate table and what it lies behind begin at multiples of this.
const ALIGN: usize = 8;

/// `SpcIndirectDataContent`.
#[derive(Sequence)]
struct IndirectData {
    data: Any,
    message_digest: DigestInfo,
}

#[derive(Sequence)]
struct DigestInfo {
    algorithm: AlgorithmIdentifierOwned,
    digest: OctetString,
}

/// `program` (PE32+) with a signature that firmware accepts when it has `certificate` in its list `db`.
pub fn sign(program: &[u8], certificate: &Certificate, signer: &dyn Signer) -> Result<Vec<u8>, SecureBootError> {
    let mut signed = program.to_vec();
    let directory = unsigned(&mut signed)?;
    let digest = digest_of(&signed)?;
    let content = indirect_data(&digest).map_err(internal)?;
    // What is signed is the value without its tag and length.
    let attributes = message::attributes(INDIRECT_DATA, &Sha256::digest(content.value())).map_err(internal)?;
    let message = attributes.to_der().map_err(internal)?;
    let content = EncapsulatedContentInfo { econtent_type: INDIRECT_DATA, econtent: Some(content) };
    let data = signed_data(content, Some(attributes), &message, certificate, signer)?;
    append(&mut signed, directory, &content_info(&data)?)?;
    verify(&signed, certificate)?;
    Ok(signed)
}

/// Whether `program` is signed by `certificate`'s key, and is still what was signed.
pub fn verify(program: &[u8], certificate: &Certificate) -> Result<(), SecureBootError> {
    let bad = |reason: String| SecureBootError::Program(reason);
    let file = PeFile64::parse(program).map_err(|error| bad(error.to_string()))?;
    let table = AttributeCertificateIterator::new(&file).map_err(|error| bad(error.to_string()))?;
    let digest = digest_of(program)?;
    let mut outcome = Err(SecureBootError::Unsigned);
    for entry in table.into_iter().flatten() {
        let signature = entry.map_err(|error| bad(error.to_string()))?.get_authenticode_signature();
        outcome = verify_one(&signature.map_err(|error| bad(error.to_string()))?, &digest, certificate);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn verify_one(
    signature: &AuthenticodeSignature,
    digest: &[u8],
    certificate: &Certificate,
) -> Result<(), SecureBootError> {
    let content = signature.encapsulated_content().unwrap_or_default();
    let attributes = signature.signer_info().signed_attrs.as_ref();
    let message = attributes.and_then(|attributes| attributes.to_der().ok()).unwrap_or_default();
    certificate.verify(&message, signature.signature())?;
    let wanted = message::attributes(INDIRECT_DATA, &Sha256::digest(content)).map_err(internal)?;
    let says = |wanted: &x509_cert::attr::Attribute| attributes.is_some_and(|all| all.iter().any(|it| it == wanted));
    if signature.digest() != digest || !wanted.iter().all(says) {
        return Err(SecureBootError::Changed);
    }
    Ok(())
}

/// The digest of what a signature protects.
fn digest_of(program: &[u8]) -> Result<[u8; 32], SecureBootError> {
    struct Hasher(Sha256);
    impl Update for Hasher {
        fn update(&mut self, bytes: &[u8]) {
            Digest::update(&mut self.0, bytes);
        }
    }
    let file = PeFile64::parse(program).map_err(|error| SecureBootError::Program(error.to_string()))?;
    let mut hasher = Hasher(Sha256::new());
    authenticode_digest(&file, &mut hasher).map_err(|error| SecureBootError::Program(error.to_string()))?;
    Ok(hasher.0.finalize().into())
}

fn indirect_data(digest: &[u8]) -> der::Result<Any> {
    let message_digest = DigestInfo { algorithm: sha256(), digest: OctetString::new(digest)? };
    Any::encode_from(&IndirectData { data: Any::from_der(&IMAGE_DATA)?, message_digest })
}

/// Cuts an older certificate table off and fills up. Where the data directory's entry for the table is.
fn unsigned(program: &mut Vec<u8>) -> Result<usize, SecureBootError> {
    use authenticode::PeTrait;
    let bad = |reason: &str| SecureBootError::Program(reason.to_owned());
    let file = PeFile64::parse(&**program).map_err(|error| bad(&error.to_string()))?;
    let directory = file.offsets().map_err(|_| bad("it has no place for a signature"))?.security_data_dir;
    let table = file.certificate_table_range().map_err(|_| bad("its certificate table is not in the file"))?;
    if let Some(table) = table {
        if table.end != program.len() {
            return Err(bad("something follows its certificate table"));
        }
        program.truncate(table.start);
    }
    program.resize(program.len().next_multiple_of(ALIGN), 0);
    let entry = program.get_mut(directory..directory + 8).ok_or_else(|| bad("it has no place for a signature"))?;
    entry.fill(0);
    Ok(directory)
}

fn append(program: &mut Vec<u8>, directory: usize, message: &[u8]) -> Result<(), SecureBootError> {
    let too_large = |_| SecureBootError::Program("it is larger than 4 GiB".to_owned());
    let length = CERTIFICATE_HEADER + message.len();
    let place = u32::try_from(program.len()).map_err(too_large)?;
    let size = u32::try_from(length.next_multiple_of(ALIGN)).map_err(too_large)?;
    program[directory..directory + 4].copy_from_slice(&place.to_le_bytes());
    program[directory + 4..directory + 8].copy_from_slice(&size.to_le_bytes());
    program.extend_from_slice(&size.to_le_bytes());
    program.extend_from_slice(&[0, 2, 2, 0]);
    program.extend_from_slice(message);
    program.resize(program.len().next_multiple_of(ALIGN), 0);
    Ok(())
}
