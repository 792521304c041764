//! A Debian archive of our own: small, real, signed with a key that nobody else has, and as faulty as a test wants it.
//!
//! | below the folder                                  | made by                       |
//! |---------------------------------------------------|-------------------------------|
//! | `pool/main/NAME_VERSION_ARCH.deb`                 | [`Deb`]                       |
//! | `dists/trixie/main/binary-amd64/Packages[.xz]`    | their stanzas, and xz(1)      |
//! | `dists/trixie/main/binary-amd64/by-hash/SHA256/…` | the same files                |
//! | `dists/trixie/InRelease`                          | gpg(1)                        |
//!
//! The format: <https://wiki.debian.org/DebianRepository/Format>. Everything but the key is the same on every host, so that
//! messages can be compared word for word.

mod deb;
mod packages;
mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rootsmith_types::{Sha256Digest, UnixTime};

pub use deb::Deb;
pub use packages::{KERNEL, packages};
pub use server::Server;

/// What it takes to make one.
pub const TOOLS: [&str; 3] = ["date", "gpg", "xz"];
/// The suite, in its only component and for the only architecture.
pub const SUITE: &str = "trixie";
/// 2025-01-01: when an archive was made of which nothing else is said.
pub const DATE: UnixTime = 1_735_689_600;
/// Keys are older than anything they sign.
const KEY_DATE: UnixTime = 1_577_836_800;
const INDEX: &str = "main/binary-amd64/Packages";

/// An archive, and the key that signs it.
pub struct Archive {
    folder: PathBuf,
    key: Key,
}

/// What `Release` says of time.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// `Date`; the signature is of the same second.
    pub date: UnixTime,
    /// `Valid-Until`.
    pub until: Option<UnixTime>,
}

impl Default for Validity {
    fn default() -> Validity {
        Validity { date: DATE, until: None }
    }
}

impl Archive {
    /// An archive in `folder`, empty until something is published. `folder` also holds the key's secrets.
    pub fn new(folder: &Path) -> Archive {
        let key = Key::new(&folder.join("key"));
        Archive { folder: folder.join("debian"), key }
    }

    /// What a mirror would serve.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key that signs it.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Puts `packages` into the archive, in place of what was there, and signs that.
    pub fn publish(&self, packages: &[Deb], validity: Validity) {
        let mut index = String::new();
        for package in packages {
            let data = package.bytes();
            put(&self.folder.join(package.filename()), &data);
            let (stanza, name, digest) = (package.stanza(), package.filename(), Sha256Digest::of(&data));
            index += &format!("{stanza}Filename: {name}\nSize: {}\nSHA256: {digest}\n\n", data.len());
        }
        let packed = filter(Command::new("xz").args(["--stdout", "-1"]), index.as_bytes());
        let release = self.release(&[(INDEX, index.as_bytes()), (&format!("{INDEX}.xz"), &packed)], validity);
        put(&self.in_release(), self.key.sign(&release, validity.date).as_bytes());
    }

    /// Where `InRelease` lies.
    pub fn in_release(&self) -> PathBuf {
        self.dists().join("InRelease")
    }

    /// Where the archive of `package` lies.
    pub fn pool(&self, package: &Deb) -> PathBuf {
        self.folder.join(package.filename())
    }

    fn dists(&self) -> PathBuf {
        self.folder.join("dists").join(SUITE)
    }

    /// Puts the indexes where they belong and gives the text of `Release`.
    fn release(&self, indexes: &[(&str, &[u8])], validity: Validity) -> String {
        let mut text = format!("Origin: rootsmith's tests\nSuite: stable\nCodename: {SUITE}\n");
        text += &format!("Date: {}\n", rfc_822(validity.date));
        if let Some(until) = validity.until {
            text += &format!("Valid-Until: {}\n", rfc_822(until));
        }
        text += "Acquire-By-Hash: yes\nArchitectures: amd64\nComponents: main\nSHA256:\n";
        for (path, data) in indexes {
            let digest = Sha256Digest::of(data);
            let path_by_hash = self.dists().join(path).with_file_name("by-hash/SHA256").join(digest.to_string());
            put(&self.dists().join(path), data);
            put(&path_by_hash, data);
            text += &format!(" {digest} {} {path}\n", data.len());
        }
        text
    }
}

/// A key that can sign, in a keyring of its own.
pub struct Key {
    home: PathBuf,
    fingerprint: String,
}

impl Key {
    /// Makes a key whose secrets lie in `home`.
    pub fn new(home: &Path) -> Key {
        use std::os::unix::fs::PermissionsExt;

        fs::create_dir_all(home).unwrap();
        // gpg(1) warns of a folder that others can read.
        fs::set_permissions(home, fs::Permissions::from_mode(0o700)).unwrap();
        let mut key = Key { home: home.to_owned(), fingerprint: String::new() };
        let user = "rootsmith's tests <nobody@mirror.invalid>";
        filter(key.gpg(KEY_DATE).args(["--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", "never"]), b"");
        let listed = filter(key.gpg(KEY_DATE).args(["--with-colons", "--list-keys"]), b"");
        let listed = String::from_utf8(listed).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        key.fingerprint = line.split(':').nth(9).unwrap().to_owned();
        key
    }

    /// The public half, armoured: what `signed-by` names.
    pub fn public(&self) -> Vec<u8> {
        filter(self.gpg(KEY_DATE).args(["--armor", "--export"]), b"")
    }

    /// In upper-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Signs `text` as `InRelease` is signed: in the clear, at `date`.
    pub fn sign(&self, text: &str, date: UnixTime) -> String {
        let signed = filter(self.gpg(date).args(["--digest-algo", "SHA512", "--clear-sign"]), text.as_bytes());
        String::from_utf8(signed).unwrap()
    }

    fn gpg(&self, date: UnixTime) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", &self.home).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        gpg.arg("--faked-system-time").arg(format!("{}!", shown(date, "+%Y%m%dT%H%M%S")));
        gpg
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // The agent that gpg started would outlive the test.
        let mut gpgconf = Command::new("gpgconf");
        let _ = gpgconf.env("GNUPGHOME", &self.home).args(["--kill", "gpg-agent"]).status();
    }
}

fn put(path: &Path, data: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, data).unwrap();
}

/// `Wed, 01 Jan 2025 00:00:00 UTC`.
fn rfc_822(time: UnixTime) -> String {
    shown(time, "+%a, %d %b %Y %H:%M:%S UTC")
}

fn shown(time: UnixTime, format: &str) -> String {
    let mut date = Command::new("date");
    date.env("LC_ALL", "C").arg("--utc").arg(format!("--date=@{time}")).arg(format);
    String::from_utf8(filter(&mut date, b"")).unwrap().trim().to_owned()
}

/// What `command` makes of `input`.
fn filter(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that does not read its input may be gone by now.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", crate::said(&output));
    output.stdout
}
