//! Small packages, made on the spot.

use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_types::Sha256Digest;

/// Bytes that do not repeat, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut data = Vec::with_capacity(len + 8);
    while data.len() < len {
        data.extend_from_slice(&next());
    }
    data.truncate(len);
    data
}

/// A package that installs `/usr/share/NAME/data` with this content.
pub(crate) fn deb(name: &str, content: &[u8]) -> Vec<u8> {
    let stanza =
        format!("Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: Nobody <nobody@mirror.invalid>\n");
    let mut control = tar::Builder::new(Vec::new());
    add(&mut control, "./control", stanza.as_bytes());
    let mut data = tar::Builder::new(Vec::new());
    for folder in ["./", "./usr/", "./usr/share/", &format!("./usr/share/{name}/")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        data.append_data(&mut header, folder, std::io::empty()).unwrap();
    }
    add(&mut data, &format!("./usr/share/{name}/data"), content);
    let mut archive = b"!<arch>\n".to_vec();
    member(&mut archive, "debian-binary", b"2.0\n");
    member(&mut archive, "control.tar", &control.into_inner().unwrap());
    member(&mut archive, "data.tar", &data.into_inner().unwrap());
    archive
}

fn add(tar: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).unwrap();
}

fn member(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len());
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    if content.len() % 2 == 1 {
        archive.push(b'\n');
    }
}

/// The lock's words about a file.
pub(crate) fn locked(name: &str, data: &[u8]) -> LockedPackage {
    LockedPackage {
        name: name.parse().unwrap(),
        role: Role::Root,
        version: "1".into(),
        architecture: "amd64".into(),
        archive: Archive::Main,
        filename: format!("pool/main/{name}_1%3a1_amd64.deb"),
        size: data.len() as u64,
        sha256: Sha256Digest::of(data),
        why: Why::Requested,
    }
}

/// Its path on the server. The `%` of the pool's name is a byte of it, so it is escaped in an address.
pub(crate) fn target(name: &str) -> String {
    format!("/pool/main/{name}_1%253a1_amd64.deb")
}
