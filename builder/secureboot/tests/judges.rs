//! Whether `sbverify` accepts what we sign, and efitools make the same variables.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::Command;

use rootsmith_secureboot::{Certificate, KeyFile, SecureBootError, Signer, Variable, authenticated, sign, verify};
use tempfile::TempDir;

/// A program for UEFI that comes with efitools, not signed.
const PROGRAM: &str = "/usr/lib/efitools/x86_64-linux-gnu/HelloWorld.efi";

/// Whether the judges are here; a missing one is a failure where judges are demanded.
fn judges() -> bool {
    let here = |tool: &str| Path::new("/usr/bin").join(tool).exists() || Path::new(tool).exists();
    let missing: Vec<&str> = ["openssl", "sbsign", "sbverify", "sign-efi-sig-list", "cert-to-efi-sig-list", PROGRAM]
        .into_iter()
        .filter(|it| !here(it))
        .collect();
    if !missing.is_empty() {
        eprintln!("skipped: there is no {}", missing.join(", "));
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "judges are missing: {missing:?}");
    }
    missing.is_empty()
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(folder).env("TZ", "UTC").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// A folder with `NAME.key` and `NAME.pem`.
fn keys(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}/"));
        let arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", &subject, "-keyout", &key,
            "-out", &pem,
        ];
        run(folder.path(), "openssl", &arguments).unwrap();
    }
    folder
}

fn identity(folder: &Path, name: &str) -> (Certificate, KeyFile) {
    let read = |ending| fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
    (Certificate::read(&read("pem")).unwrap(), KeyFile::read(&read("key")).unwrap())
}

#[test]
fn sbverify_accepts_a_signed_program_and_refuses_a_changed_one() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine", "other"]);
    let (certificate, key) = identity(folder.path(), "mine");
    let (other, other_key) = identity(folder.path(), "other");
    let program = fs::read(PROGRAM).unwrap();
    let signed = sign(&program, &certificate, &key).unwrap();
    assert_eq!(sign(&program, &certificate, &key).unwrap(), signed, "twice, differently");
    fs::write(folder.path().join("signed.efi"), &signed).unwrap();
    let judge = |certificate: &str, file: &str| run(folder.path(), "sbverify", &["--cert", certificate, file]);
    judge("mine.pem", "signed.efi").unwrap();
    judge("other.pem", "signed.efi").unwrap_err();
    assert_eq!(verify(&signed, &certificate), Ok(()));
    assert_eq!(verify(&signed, &other), Err(SecureBootError::OtherKey));
    assert_eq!(verify(&program, &certificate), Err(SecureBootError::Unsigned));

    let mut changed = signed.clone();
    let middle = program.len() / 2;
    changed[middle] ^= 1;
    fs::write(folder.path().join("changed.efi"), &changed).unwrap();
    judge("mine.pem", "changed.efi").unwrap_err();
    assert_eq!(verify(&changed, &certificate), Err(SecureBootError::Changed));

    // Signed again, by another: the first signature is gone.
    let again = sign(&signed, &other, &other_key).unwrap();
    fs::write(folder.path().join("again.efi"), &again).unwrap();
    judge("other.pem", "again.efi").unwrap();
    judge("mine.pem", "again.efi").unwrap_err();
    assert_eq!(again, sign(&program, &other, &other_key).unwrap());
    assert_eq!(sign(&program, &certificate, &other_key), Err(SecureBootError::OtherKey));
}

#[test]
fn we_accept_what_sbsign_signs() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine", "other"]);
    let (certificate, _) = identity(folder.path(), "mine");
    run(folder.path(), "sbsign", &["--key", "mine.key", "--cert", "mine.pem", "--output", "theirs.efi", PROGRAM])
        .unwrap();
    let theirs = fs::read(folder.path().join("theirs.efi")).unwrap();
    assert_eq!(verify(&theirs, &certificate), Ok(()));
    assert_eq!(verify(&theirs, &identity(folder.path(), "other").0), Err(SecureBootError::OtherKey));
}

#[test]
fn efitools_make_the_same_variables() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine"]);
    let (certificate, key) = identity(folder.path(), "mine");
    let owner = "11223344-5566-7788-99aa-bbccddeeff00";
    let stored = [0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00];
    run(folder.path(), "cert-to-efi-sig-list", &["-g", owner, "mine.pem", "mine.esl"]).unwrap();
    for variable in Variable::ALL {
        let name = variable.name();
        // 2026-11-30T10:20:30Z.
        let ours = authenticated(variable, 1_796_034_030, stored, &certificate, &key).unwrap();
        let arguments =
            ["-t", "2026-11-30 10:20:30", "-k", "mine.key", "-c", "mine.pem", name, "mine.esl", "theirs.auth"];
        run(folder.path(), "sign-efi-sig-list", &arguments).unwrap();
        assert!(ours == fs::read(folder.path().join("theirs.auth")).unwrap(), "{name}.auth differs");
    }
}

/// What a user would name as `signer`: it never shows the key to us.
struct Openssl<'a>(&'a Path);

impl Signer for Openssl<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SecureBootError> {
        fs::write(self.0.join("message"), message).unwrap();
        run(self.0, "openssl", &["dgst", "-sha256", "-sign", "mine.key", "-out", "signature", "message"]).unwrap();
        Ok(fs::read(self.0.join("signature")).unwrap())
    }
}

#[test]
fn a_program_that_has_the_key_signs_alike() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine"]);
    let (certificate, key) = identity(folder.path(), "mine");
    let program = fs::read(PROGRAM).unwrap();
    assert!(sign(&program, &certificate, &Openssl(folder.path())) == sign(&program, &certificate, &key));
}

#[test]
fn keys_are_read_in_each_usual_form_and_else_say_why_not() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine"]);
    let at = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let openssl = |arguments: &[&str]| run(folder.path(), "openssl", arguments).unwrap();
    openssl(&["rsa", "-in", "mine.key", "-traditional", "-out", "pkcs1.key"]);
    openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", "mine.key", "-outform", "DER", "-out", "pkcs8.der"]);
    openssl(&["pkcs8", "-topk8", "-in", "mine.key", "-passout", "pass:secret", "-out", "secret.key"]);
    openssl(&["genrsa", "-out", "short.key", "1024"]);
    openssl(&["x509", "-in", "mine.pem", "-outform", "DER", "-out", "mine.der"]);
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=ec/",
        "-keyout",
        "ec.key",
        "-out",
        "ec.pem",
    ]);
    let signature = KeyFile::read(&at("mine.key")).unwrap().sign(b"message").unwrap();
    for form in ["pkcs1.key", "pkcs8.der"] {
        assert_eq!(KeyFile::read(&at(form)).unwrap().sign(b"message").unwrap(), signature, "{form}");
    }
    let why = |name: &str| KeyFile::read(&at(name)).unwrap_err().to_string();
    assert!(why("secret.key").contains("encrypted"), "{}", why("secret.key"));
    assert!(why("short.key").contains("2048 to 4096"), "{}", why("short.key"));
    assert!(why("mine.pem").contains("`CERTIFICATE`"), "{}", why("mine.pem"));
    assert!(why("ec.key").contains("no RSA key"), "{}", why("ec.key"));
    assert_eq!(Certificate::read(&at("mine.der")).unwrap().der(), Certificate::read(&at("mine.pem")).unwrap().der());
    let why = |bytes: &[u8]| Certificate::read(bytes).unwrap_err().to_string();
    assert!(why(&at("mine.key")).contains("`PRIVATE KEY`"));
    assert!(why(&at("ec.pem")).contains("not RSA"));
    assert!(why(b"nothing").contains("no DER"));
}

#[test]
fn what_is_no_program_is_refused() {
    if !judges() {
        return;
    }
    let folder = keys(&["mine"]);
    let (certificate, key) = identity(folder.path(), "mine");
    let program = fs::read(PROGRAM).unwrap();
    let mut signed = sign(&program, &certificate, &key).unwrap();
    signed.extend_from_slice(b"more");
    for bad in [&b""[..], b"MZ", &program[..0x100], &signed] {
        assert!(matches!(sign(bad, &certificate, &key), Err(SecureBootError::Program(_))), "{} bytes", bad.len());
    }
    // However it is cut or spoilt, there is an answer.
    for at in (0..program.len().min(0x400)).step_by(3) {
        let mut spoilt = program.clone();
        spoilt[at] ^= 0xff;
        let _ = sign(&spoilt, &certificate, &key);
        let _ = verify(&signed[..at], &certificate);
    }
}
