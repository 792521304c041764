//! Variables of firmware that is in setup mode: with them it takes a certificate as its own.

use cms::signed_data::EncapsulatedContentInfo;
use der::Encode;
use rootsmith_types::{UnixTime, Utc};

use crate::message::{DATA, internal, signed_data};
use crate::{Certificate, SecureBootError, Signer};

/// A variable with certificates (UEFI 2.10, 32.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Who may change `KEK`; once it is set, firmware checks what it starts.
    PlatformKey,
    /// Who may change `db`.
    KeyExchangeKey,
    /// Who may sign what is started.
    SignatureDatabase,
}

impl Variable {
    /// All, in the order in which firmware in setup mode takes them.
    pub const ALL: [Variable; 3] = [Variable::SignatureDatabase, Variable::KeyExchangeKey, Variable::PlatformKey];

    /// The variable's name.
    pub const fn name(self) -> &'static str {
        match self {
            Variable::PlatformKey => "PK",
            Variable::KeyExchangeKey => "KEK",
            Variable::SignatureDatabase => "db",
        }
    }

    /// `EFI_GLOBAL_VARIABLE`, and for `db` `EFI_IMAGE_SECURITY_DATABASE_GUID`, as they are stored.
    const fn vendor(self) -> [u8; 16] {
        match self {
            Variable::PlatformKey | Variable::KeyExchangeKey => {
                [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c]
            }
            Variable::SignatureDatabase => {
                [0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f]
            }
        }
    }
}

/// Non-volatile, for boot and run time, written by who proves it with a time: what the three variables have to be.
const ATTRIBUTES: u32 = 0x27;
/// `EFI_CERT_X509_GUID` and `EFI_CERT_TYPE_PKCS7_GUID`, as they are stored.
const X509: [u8; 16] = [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
const PKCS7: [u8; 16] =
    [0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49, 0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7];
/// `WIN_CERTIFICATE_UEFI_GUID` up to its data: `dwLength`, `wRevision`, `wCertificateType`, `CertType`.
const GUID_HEADER: u32 = 24;
/// `WIN_CERT_TYPE_EFI_GUID`.
const TYPE_GUID: u16 = 0x0ef1;
/// `EFI_SIGNATURE_LIST` up to its first signature, and a signature's owner.
const LIST_HEADER: u32 = 28;
const OWNER: u32 = 16;

/// What sets `variable` to `certificate` alone: `NAME.auth`, signed by that certificate's key, with `date` as its time. `owner` names who put
/// the certificate there, as a GUID is stored.
pub fn authenticated(
    variable: Variable,
    date: UnixTime,
    owner: [u8; 16],
    certificate: &Certificate,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SecureBootError> {
    let list = signature_list(owner, certificate.der())?;
    let time = efi_time(date);
    let mut message: Vec<u8> = variable.name().encode_utf16().flat_map(u16::to_le_bytes).collect();
    message.extend_from_slice(&variable.vendor());
    message.extend_from_slice(&ATTRIBUTES.to_le_bytes());
    message.extend_from_slice(&time);
    message.extend_from_slice(&list);
    let content = EncapsulatedContentInfo { econtent_type: DATA, econtent: None };
    let data = signed_data(content, None, &message, certificate, signer)?.to_der().map_err(internal)?;
    let length = u32::try_from(data.len()).ok().and_then(|length| length.checked_add(GUID_HEADER));
    let length = length.ok_or_else(|| SecureBootError::Certificate("it is too large".to_owned()))?;
    let mut out = time.to_vec();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&0x0200u16.to_le_bytes());
    out.extend_from_slice(&TYPE_GUID.to_le_bytes());
    out.extend_from_slice(&PKCS7);
    out.extend_from_slice(&data);
    out.extend_from_slice(&list);
    Ok(out)
}

/// `EFI_SIGNATURE_LIST` of one certificate.
fn signature_list(owner: [u8; 16], certificate: &[u8]) -> Result<Vec<u8>, SecureBootError> {
    let too_large = || SecureBootError::Certificate("it is too large".to_owned());
    let size = u32::try_from(certificate.len()).ok().and_then(|size| size.checked_add(OWNER)).ok_or_else(too_large)?;
    let whole = size.checked_add(LIST_HEADER).ok_or_else(too_large)?;
    let mut list = X509.to_vec();
    list.extend_from_slice(&whole.to_le_bytes());
    list.extend_from_slice(&0u32.to_le_bytes());
    list.extend_from_slice(&size.to_le_bytes());
    list.extend_from_slice(&owner);
    list.extend_from_slice(certificate);
    Ok(list)
}

/// `EFI_TIME` (UEFI 2.10, 8.3) in UTC, of which an authenticated variable has everything below a second zero.
fn efi_time(date: UnixTime) -> [u8; 16] {
    let Utc { year, month, day, hour, minute, second } = Utc::of(date);
    let mut time = [0; 16];
    // A year of the calendar has four digits.
    time[..2].copy_from_slice(&u16::try_from(year).unwrap_or(u16::MAX).to_le_bytes());
    for (place, value) in time[2..].iter_mut().zip([month, day, hour, minute, second]) {
        *place = u8::try_from(value).unwrap_or(u8::MAX);
    }
    time
}
