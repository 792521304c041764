//! Signatures on what UEFI starts, and what enrols their certificate.
//!
//! | file                                 | for                                                                         |
//! |--------------------------------------|-----------------------------------------------------------------------------|
//! | `/loader/keys/auto/{db,KEK,PK}.auth` | systemd-boot, which enrols them from its menu or by itself (loader.conf(5)) |
//! | `/loader/keys/auto/db.cer`           | the menus of firmware, which take a certificate for `db`                    |
//!
//! One certificate is all three, as `bootctl --secure-boot-auto-enroll` does it: who may start something on the machine is who owns it.

use std::path::PathBuf;

use rootsmith_kbuild::Processes;
use rootsmith_profile::{BootSigner, Enroll, SecureBoot};
use rootsmith_secureboot::{Certificate, KeyFile, SecureBootError, Signer, Variable, authenticated};
use rootsmith_tree::{Blobs, Content, NodeKind};
use rootsmith_types::{Located, Origin, Problems, Sources, TreePath};

use super::{BootFiles, MAX_IMAGE, Partition, stored};
use crate::bootable::{MAX_TEXT, read};
use crate::inputs::InputError;

/// 52d27a2b-7ee1-47a4-9a17-0d9b0ef0d1f5: who put the certificate into the variables, as a GUID is stored.
const OWNER: [u8; 16] =
    [0x2b, 0x7a, 0xd2, 0x52, 0xe1, 0x7e, 0xa4, 0x47, 0x9a, 0x17, 0x0d, 0x9b, 0x0e, 0xf0, 0xd1, 0xf5];
const KEYS: &str = "/loader/keys/auto";
const LOADER: &str = "/loader/loader.conf";

/// Signs every program on the partition, and puts the certificate beside them.
pub(super) fn sign(
    files: &BootFiles<'_>,
    secure_boot: &SecureBoot,
    boot: &mut Partition,
    blobs: &dyn Blobs,
) -> Result<(), Problems> {
    let certificate = own(&secure_boot.certificate, files.sources)?;
    let readable = "name an X.509 certificate of an RSA key, as PEM or DER";
    let certificate = Certificate::read(&certificate).map_err(at(&secure_boot.certificate.origin, readable))?;
    let (signer, origin, help) = signer(files, secure_boot)?;

    let paths: Vec<TreePath> = boot
        .tree
        .walk()
        .filter(|entry| matches!(entry.node.kind, NodeKind::File { .. }))
        .map(|entry| entry.path)
        .collect();
    for path in paths {
        let program = read(&boot.tree, blobs, &path, MAX_IMAGE)?;
        // Every program for UEFI begins as one for DOS (PE Format, "MS-DOS Stub").
        if program.starts_with(b"MZ") {
            let signed = rootsmith_secureboot::sign(&program, &certificate, &*signer).map_err(|error| match error {
                SecureBootError::Program(reason) => {
                    let help =
                        "only programs for 64-bit UEFI can be signed: take the way to boot away that has another";
                    at(&secure_boot.origin, help)(SecureBootError::Program(format!("`{path}`: {reason}")))
                }
                error => at(origin, help)(error),
            })?;
            let content = stored(signed, blobs)?;
            boot.put(&path.to_string(), content)?;
        }
    }

    if secure_boot.enroll.value == Enroll::Off {
        return Ok(());
    }
    for variable in Variable::ALL {
        let update = authenticated(variable, files.date, OWNER, &certificate, &*signer).map_err(at(origin, help))?;
        boot.put(&format!("{KEYS}/{}.auth", variable.name()), Content::inline(update))?;
    }
    boot.put(&format!("{KEYS}/db.cer"), Content::inline(certificate.der()))?;
    let loader = TreePath::literal(LOADER);
    if boot.tree.get(&loader).is_some() {
        let mut text = read(&boot.tree, blobs, &loader, MAX_TEXT)?.to_vec();
        // It may be the user's own.
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend_from_slice(format!("secure-boot-enroll {}\n", secure_boot.enroll.value.name()).as_bytes());
        boot.put(LOADER, Content::inline(text))?;
    }
    Ok(())
}

type WithKey<'a> = (Box<dyn Signer + 'a>, &'a Origin, &'static str);

/// Who signs, where the profile says so, and what to do when that fails.
fn signer<'a>(files: &BootFiles<'a>, secure_boot: &'a SecureBoot) -> Result<WithKey<'a>, Problems> {
    match &secure_boot.signer {
        BootSigner::Key(path) => {
            let help = "name the unencrypted RSA key of the certificate, as PEM or DER, or a `signer` that has it";
            let key = KeyFile::read(&own(path, files.sources)?).map_err(at(&path.origin, help))?;
            Ok((Box::new(key), &path.origin, help))
        }
        BootSigner::Program(words) => {
            let help = "the signer is given the bytes to sign, and prints their RSA signature (PKCS #1 v1.5, SHA-256) with the \
                        certificate's key: `openssl dgst -sha256 -sign KEY` is one";
            // The profile has at least one word.
            let origin = words.first().map_or(&secure_boot.origin, |word| &word.origin);
            Ok((Box::new(Program { words, processes: files.processes }), origin, help))
        }
    }
}

/// A program of the host that has the key.
struct Program<'a> {
    words: &'a [Located<String>],
    processes: &'a dyn Processes,
}

impl Signer for Program<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SecureBootError> {
        let [program, arguments @ ..] = self.words else {
            return Err(SecureBootError::Signer("there is none".to_owned()));
        };
        let arguments: Vec<String> = arguments.iter().map(|word| word.value.clone()).collect();
        let signature = self.processes.convert(&program.value, &arguments, message);
        signature.map_err(|error| SecureBootError::Signer(format!("`{}`: {error}", program.value)))
    }
}

fn own(path: &Located<PathBuf>, sources: &dyn Sources) -> Result<Vec<u8>, Problems> {
    sources.read(&path.value).map_err(|error| {
        let (origin, path) = (path.origin.clone(), path.value.clone());
        InputError::OwnFile { origin, path, reason: error.to_string() }.into()
    })
}

fn at(origin: &Origin, help: &'static str) -> impl Fn(SecureBootError) -> Problems {
    let origin = origin.clone();
    move |error| InputError::SecureBoot { origin: origin.clone(), error, help }.into()
}
