//! tar archives come from another hand's writer; zip archives are written record by record, so that each can be wrong.

use std::io::Read;

use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use rootsmith_types::ContentDigest;

use super::*;
use crate::unpacked::PackedKind;

/// Takes `bytes` apart; the container and what is in it.
fn unpack(kind: ArchiveKind, bytes: &[u8], limits: &Limits) -> Result<(Vec<PackedEntry>, Vec<u8>), Defect> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut out = Vec::new();
    unpack_archive(kind, &mut file, &mut out, limits).map(|entries| (entries, out))
}

/// The message of what is refused.
fn refused(kind: ArchiveKind, bytes: &[u8]) -> String {
    unpack(kind, bytes, &Limits::default()).unwrap_err().to_string()
}

/// Path, mode and content of each member.
fn listed((entries, out): (Vec<PackedEntry>, Vec<u8>)) -> Vec<String> {
    let one = |entry: &PackedEntry| {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let what = match &entry.kind {
            PackedKind::Directory => "folder".to_owned(),
            PackedKind::File { offset, size, digest } => {
                let content = &out[*offset as usize..(*offset + *size) as usize];
                assert_eq!(*digest, ContentDigest::of(content), "{path}");
                String::from_utf8_lossy(content).into_owned()
            }
            PackedKind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            other => format!("{other:?}"),
        };
        format!("{path} {:o} {}: {what}", entry.mode, entry.mtime)
    };
    entries.iter().map(one).collect()
}

fn tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |kind, path: &str, mode, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1001);
        header.set_gid(1001);
        header.set_mtime(7);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    };
    add(tar::EntryType::Directory, "linux-amd64/", 0o775, b"");
    add(tar::EntryType::Regular, "linux-amd64/helm", 0o755, b"program");
    tar.into_inner().unwrap()
}

#[test]
fn every_compression_of_a_tar_is_known_by_its_first_bytes() {
    let plain = tar();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    for bytes in [plain, gzip.finish().unwrap(), xz.finish().unwrap(), zstd] {
        let unpacked = unpack(ArchiveKind::Tar, &bytes, &Limits::default()).unwrap();
        assert_eq!(listed(unpacked), ["/linux-amd64 775 7: folder", "/linux-amd64/helm 755 7: program"]);
        for cut in [bytes.len() / 2, 3, 0] {
            assert!(unpack(ArchiveKind::Tar, &bytes[..cut], &Limits::default()).is_err(), "cut at {cut}");
        }
    }
    assert_eq!(refused(ArchiveKind::Tar, b"BZh91AY&SY"), "uses bzip2, which is not supported");
    assert_eq!(refused(ArchiveKind::Tar, &zip(&[file("a", b"1")])), "is no tar archive");
    assert_eq!(refused(ArchiveKind::Zip, &tar()), "is no zip archive");
}

/// A member of a zip archive, as it is written.
#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    /// In its own header.
    local_name: Vec<u8>,
    data: Vec<u8>,
    size: u32,
    crc: u32,
    method: u16,
    flags: u16,
    made_by: u8,
    mode: u32,
    /// Added to where its own header is.
    shift: u32,
}

fn file(name: &str, content: &[u8]) -> Member {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    Member {
        name: name.into(),
        local_name: name.into(),
        data: content.to_vec(),
        size: content.len() as u32,
        crc: crc.sum(),
        method: 0,
        flags: 0,
        made_by: 3,
        mode: 0o10_0755,
        shift: 0,
    }
}

fn deflated(name: &str, content: &[u8]) -> Member {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    Member { data: encoder.finish().unwrap(), method: 8, ..file(name, content) }
}

fn zip(members: &[Member]) -> Vec<u8> {
    // 2025-11-15 10:22:42.
    let (time, date) = (10_u16 << 11 | 22 << 5 | 21, 45_u16 << 9 | 11 << 5 | 15);
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        let local = (bytes.len() as u32).wrapping_add(member.shift);
        let common = |name: &[u8]| {
            let mut common = Vec::new();
            for field in [20, member.flags, member.method, time, date] {
                common.extend(field.to_le_bytes());
            }
            for field in [member.crc, member.data.len() as u32, member.size] {
                common.extend(field.to_le_bytes());
            }
            common.extend((name.len() as u16).to_le_bytes());
            common
        };
        bytes.extend(b"PK\x03\x04");
        bytes.extend(common(&member.local_name));
        bytes.extend(3_u16.to_le_bytes());
        bytes.extend(&member.local_name);
        bytes.extend(b"ext");
        bytes.extend(&member.data);
        directory.extend(b"PK\x01\x02");
        directory.extend([30, member.made_by]);
        directory.extend(common(&member.name));
        // Extra field, comment, disk, internal attributes.
        directory.extend([2_u16, 1, 0, 0].map(u16::to_le_bytes).concat());
        directory.extend((member.mode << 16).to_le_bytes());
        directory.extend(local.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(b"xxc");
    }
    let (start, count) = (bytes.len() as u32, members.len() as u16);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0, 0, count, count].map(u16::to_le_bytes).concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend(7_u16.to_le_bytes());
    bytes.extend(b"comment");
    bytes
}

#[test]
fn zip_members_are_stored_or_deflated_files_folders_and_links() {
    let members = [
        Member { mode: 0o04_0755, ..file("bin/", b"") },
        deflated("bin/tool", &b"a program ".repeat(1000)),
        Member { mode: 0o12_0777, ..file("bin/link", b"tool") },
        Member { made_by: 0, ..file("dos.txt", b"text") },
    ];
    let mut lines = listed(unpack(ArchiveKind::Zip, &zip(&members), &Limits::default()).unwrap());
    assert!(lines[1].starts_with("/bin/tool 755 1763202162: a program a program "), "{}", lines[1]);
    lines.remove(1);
    assert_eq!(
        lines,
        ["/bin 755 1763202162: folder", "/bin/link 777 1763202162: -> tool", "/dos.txt 644 1763202162: text"]
    );
}

#[test]
fn zip_that_contradicts_itself_or_leads_out_is_refused() {
    let one = || file("a", b"content");
    let long = |path: &str| Member { name: path.into(), local_name: path.into(), ..one() };
    for (member, message) in [
        (Member { crc: 7, ..one() }, "is damaged at `a`: its checksum is wrong"),
        (Member { size: 9, ..one() }, "is damaged at `a`: it is shorter than the directory says"),
        (Member { size: 3, ..one() }, "is damaged at `a`: it is longer than the directory says"),
        (Member { size: 9, ..deflated("a", b"content") }, "is damaged at `a`: it is shorter than the directory says"),
        (
            Member { data: vec![0xff; 9], ..deflated("a", b"content") },
            "is damaged at `a`: its compressed data are damaged",
        ),
        (Member { local_name: b"b".to_vec(), ..one() }, "is damaged at `a`: its own header has another name"),
        (Member { shift: 1, ..one() }, "is damaged at `a`: it has no header where the directory says"),
        (Member { shift: 1 << 20, ..one() }, "is damaged at `a`: its data leave the archive"),
        (Member { flags: 1, ..one() }, "uses encryption, which is not supported"),
        (Member { method: 12, ..one() }, "uses compression method 12, which is not supported"),
        (Member { size: u32::MAX, ..one() }, "uses ZIP64, which is not supported"),
        (Member { mode: 0o02_0644, ..one() }, "uses a device or a socket (`/a`), which is not supported"),
        (Member { mode: 0o12_0777, ..file("a", b"to\0nowhere") }, "has a symbolic link `/a` with an impossible target"),
        (long("../a"), "would leave the tree: path `../a` has a `..` component"),
        (long("/a"), "has an absolute path `/a`"),
        (long("a\\b"), "is damaged at `a\\\\b`: it is named with backslashes"),
        (long("a/"), "has content for `/a`, which is no file"),
    ] {
        assert_eq!(refused(ArchiveKind::Zip, &zip(&[member])), message);
    }
    assert_eq!(refused(ArchiveKind::Zip, &zip(&[one(), one()])), "has `/a` twice");
    let link = Member { mode: 0o12_0777, ..file("a", b"/etc") };
    assert_eq!(
        refused(ArchiveKind::Zip, &zip(&[link, file("a/passwd", b"")])),
        "has `/a/passwd`, but `/a` in it is no folder"
    );
}

#[test]
fn zip_that_unfolds_to_too_much_is_refused_before_it_is_unpacked() {
    let zeros = deflated("zeros", &vec![0; 70 << 20]);
    let bytes = zip(std::slice::from_ref(&zeros));
    let limits = Limits { ratio: 10, ..Limits::default() };
    let error = unpack(ArchiveKind::Zip, &bytes, &limits).unwrap_err();
    assert_eq!(error.to_string(), "has a `zip` that unpacks to more than 10 times its size");
    let limits = Limits { data: 1 << 20, ..Limits::default() };
    assert!(matches!(unpack(ArchiveKind::Zip, &bytes, &limits), Err(Defect::TooLarge { .. })));
    let limits = Limits { entries: 1, ..Limits::default() };
    let two = zip(&[file("a", b""), file("b", b"")]);
    assert!(matches!(unpack(ArchiveKind::Zip, &two, &limits), Err(Defect::TooManyEntries(1))));
    // Two entries with one member's data: what makes a small archive unfold without end.
    let size = zip(&[file("a", b"content")]).len();
    let back = (4 + 26 + 1 + 3 + 7) as u32;
    let twice = Member { shift: back.wrapping_neg(), local_name: b"a".to_vec(), ..file("a", b"content") };
    let overlapping = zip(&[file("a", b"content"), twice]);
    assert!(size < overlapping.len());
    assert_eq!(refused(ArchiveKind::Zip, &overlapping), "is damaged at `a`: its data lie over those of another member");
}

#[test]
fn zip_cut_short_is_refused() {
    let bytes = zip(&[file("a", b"content"), deflated("b", b"more content")]);
    for cut in 0..bytes.len() {
        assert!(unpack(ArchiveKind::Zip, &bytes[..cut], &Limits::default()).is_err(), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn no_changed_byte_makes_it_panic_or_write_outside(at in 0_usize..300, value: u8, kind in 0..2) {
        let kind = [ArchiveKind::Tar, ArchiveKind::Zip][kind as usize];
        let mut bytes = match kind {
            ArchiveKind::Tar => tar(),
            ArchiveKind::Zip => zip(&[file("d/a", b"content"), deflated("b", b"more content")]),
        };
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok((entries, out)) = unpack(kind, &bytes, &Limits::default()) {
            for entry in entries {
                if let PackedKind::File { offset, size, .. } = entry.kind {
                    let mut content = Vec::new();
                    (&out[offset as usize..]).take(size).read_to_end(&mut content).unwrap();
                    prop_assert_eq!(content.len() as u64, size);
                }
            }
        }
    }
}
