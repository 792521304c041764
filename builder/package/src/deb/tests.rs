//! Archives are made with another hand's tar writer, or header by header where that refuses to write them.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// A `.deb` of these members.
fn deb(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", data.len()).unwrap();
        bytes.extend(data);
        if data.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn control() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, content) in
        [("./control", 0o644, "Package: mawk\nVersion: 1\nArchitecture: amd64\n"), ("./postinst", 0o755, "#!/bin/sh\n")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_mtime(7);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A package with this `data.tar`, uncompressed.
fn package(data: Vec<u8>) -> Vec<u8> {
    deb(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control()), ("data.tar", data)])
}

/// A member written header by header.
fn member(kind: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while len != rest + len.to_string().len() {
            len += 1;
        }
        write!(content, "{len} {key}=").unwrap();
        content.extend(*value);
        content.push(b'\n');
    }
    member(b'x', "PaxHeaders/x", "", &content)
}

fn unpacked(deb: &[u8], limits: &Limits) -> Result<(Unpacked, Vec<u8>), ArchiveError> {
    let mut out = Vec::new();
    let unpacked = unpack(&"mawk".parse().unwrap(), &mut &deb[..], &mut out, limits, 1)?;
    Ok((unpacked, out))
}

fn entries(members: &[Vec<u8>]) -> Vec<PackedEntry> {
    unpacked(&package(archive(members)), &Limits::default()).unwrap().0.entries
}

fn refused(members: &[Vec<u8>]) -> String {
    unpacked(&package(archive(members)), &Limits::default()).unwrap_err().defect.to_string()
}

fn compressed(extension: &str, data: &[u8]) -> Vec<u8> {
    match extension {
        ".gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        ".xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        ".zst" => zstd::encode_all(data, 1).unwrap(),
        _ => data.to_vec(),
    }
}

#[test]
fn every_compression_gives_the_same_unpacked_form() {
    let data = archive(&[
        member(b'5', "./", "", b""),
        member(b'5', "./usr/bin/", "", b""),
        member(b'0', "./usr/bin/mawk", "", b"#!mawk"),
        member(b'1', "./usr/bin/hard", "./usr/bin/mawk", b""),
        member(b'2', "./usr/bin/awk", "mawk", b""),
    ]);
    for extension in ["", ".gz", ".xz", ".zst"] {
        let bytes = deb(&[
            ("debian-binary", b"2.0\n".to_vec()),
            ("_gpgorigin", b"x".to_vec()),
            (&format!("control.tar{extension}"), compressed(extension, &control())),
            (&format!("data.tar{extension}"), compressed(extension, &data)),
        ]);
        let (unpacked, out) = unpacked(&bytes, &Limits::default()).unwrap();
        assert_eq!(out, data, "{extension}");
        assert!(unpacked.control.stanza.starts_with("Package: mawk\n"));
        assert_eq!(unpacked.control.members["postinst"], (0o755, b"#!/bin/sh\n".to_vec()));
        let paths: Vec<_> = unpacked.entries.iter().map(|e| String::from_utf8_lossy(&e.path).into_owned()).collect();
        assert_eq!(paths, ["/", "/usr/bin", "/usr/bin/mawk", "/usr/bin/hard", "/usr/bin/awk"]);
        let PackedKind::File { offset, size, digest } = unpacked.entries[2].kind.clone() else { panic!("a file") };
        assert_eq!(&out[offset as usize..][..size as usize], b"#!mawk");
        assert_eq!(digest, ContentDigest::of(b"#!mawk"));
        assert_eq!(unpacked.entries[3].kind, PackedKind::HardLink(b"/usr/bin/mawk".to_vec()));
        assert_eq!(unpacked.entries[4].kind, PackedKind::Symlink(b"mawk".to_vec()));
        assert_eq!(Unpacked::from_bytes(&unpacked.to_bytes()), Ok(unpacked));
    }
}

#[test]
fn an_index_of_another_version_is_refused() {
    let bytes = unpacked(&package(archive(&[member(b'0', "./a", "", b"x")])), &Limits::default()).unwrap().0.to_bytes();
    let mut other = bytes.clone();
    other[7] += 1;
    let mut longer = bytes.clone();
    longer.push(0);
    for bad in [&other[..], &longer, &bytes[..bytes.len() - 1], b""] {
        assert!(Unpacked::from_bytes(bad).is_err());
    }
}

/// A capability whose value holds a line end once vanished where records were split at line ends, and a value with a line
/// that looks like a record could name another link target.
#[test]
fn pax_records_are_told_apart_by_their_length() {
    let capability = b"\x01\x00\x00\x02\x00\x0a\x00\x00\n17 linkpath=/etc\n";
    let entries = entries(&[
        pax(&[
            ("path", "./usr/bin/täst".as_bytes()),
            ("SCHILY.xattr.security.capability", capability),
            ("SCHILY.xattr.user.a", b""),
            ("uid", b"70000"),
            ("mtime", b"-1.5"),
            ("atime", b"1"),
        ]),
        member(b'0', "./short", "", b"x"),
        member(b'0', "./next", "", b"y"),
    ]);
    assert_eq!(entries[0].path, "/usr/bin/täst".as_bytes());
    assert_eq!(
        entries[0].xattrs,
        [(b"security.capability".to_vec(), capability.to_vec()), (b"user.a".to_vec(), Vec::new())]
    );
    assert_eq!((entries[0].uid, entries[0].mtime), (70000, -2));
    assert!(matches!(entries[0].kind, PackedKind::File { size: 1, .. }));
    assert_eq!((entries[1].path.as_slice(), entries[1].xattrs.len()), (&b"/next"[..], 0));
}

#[test]
fn long_names_of_both_traditions_are_read() {
    let long = format!("./{}/{}", "d".repeat(120), "f".repeat(120));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_data(&mut header, &long, &b"x"[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_link(&mut header, "./link", "t".repeat(200)).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("{}/{}", "p".repeat(90), "n".repeat(90))).unwrap();
    header.set_size(0);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    let (unpacked, _) = unpacked(&package(builder.into_inner().unwrap()), &Limits::default()).unwrap();
    assert_eq!(unpacked.entries[0].path, &long.as_bytes()[1..]);
    assert_eq!(unpacked.entries[1].kind, PackedKind::Symlink(vec![b't'; 200]));
    assert_eq!(unpacked.entries[2].path, format!("/{}/{}", "p".repeat(90), "n".repeat(90)).as_bytes());
}

#[test]
fn devices_and_large_numbers_are_read() {
    let mut bytes = member(b'3', "./dev/null", "", b"");
    let header = tar::Header::from_byte_slice(&bytes[..512]).clone();
    let mut header = header;
    header.set_device_major(1).unwrap();
    header.set_device_minor(3).unwrap();
    header.set_uid(1 << 24);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    let entries = entries(&[bytes, member(b'6', "./run/pipe", "", b"")]);
    assert_eq!((&entries[0].kind, entries[0].uid), (&PackedKind::CharDevice(1, 3), 1 << 24));
    assert_eq!(entries[1].kind, PackedKind::Fifo);
}

#[test]
fn paths_that_leave_the_tree_are_refused() {
    assert_eq!(refused(&[member(b'0', "/etc/passwd", "", b"")]), "has an absolute path `/etc/passwd`");
    assert_eq!(
        refused(&[member(b'0', "./../etc/passwd", "", b"")]),
        "would leave the tree: path `./../etc/passwd` has a `..` component"
    );
    assert!(refused(&[member(b'0', "./a", "", b""), member(b'1', "./b", "../../etc/passwd", b"")]).contains("`..`"));
    assert!(refused(&[member(b'0', "./a", "", b""), member(b'1', "./b", "/etc/passwd", b"")]).contains("absolute"));
    assert!(refused(&[pax(&[("path", b"../x")]), member(b'0', "./a", "", b"")]).contains("`..`"));
    assert!(refused(&[member(b'L', "././@LongLink", "", b"/abs\0"), member(b'0', "./a", "", b"")]).contains("`/abs`"));
}

#[test]
fn nothing_lies_below_a_link() {
    let link = || member(b'2', "./usr/lib", "/etc", b"");
    let below = "has `/usr/lib/passwd`, but `/usr/lib` in it is no folder";
    assert_eq!(refused(&[link(), member(b'0', "./usr/lib/passwd", "", b"x")]), below);
    // The link may come later, or lie further above.
    assert_eq!(refused(&[member(b'0', "./usr/lib/passwd", "", b"x"), link()]), "has `/usr/lib` twice");
    assert!(refused(&[link(), member(b'5', "./usr/lib/a/b/c/", "", b"")]).contains("is no folder"));
    assert!(refused(&[member(b'0', "./usr", "", b""), link()]).contains("`/usr` in it is no folder"));
    assert_eq!(refused(&[link(), member(b'5', "./usr/lib/", "", b"")]), "has `/usr/lib` twice");
    assert_eq!(refused(&[link(), link()]), "has `/usr/lib` twice");
    assert_eq!(entries(&[member(b'5', "./usr/", "", b""), member(b'5', "./usr/", "", b"")]).len(), 2);
}

#[test]
fn a_hard_link_needs_a_file_that_came_before() {
    let link = |target| member(b'1', "./b", target, b"");
    assert!(refused(&[link("./a"), member(b'0', "./a", "", b"")]).contains("which is no file that came before"));
    assert!(refused(&[member(b'2', "./a", "/etc/shadow", b""), link("./a")]).contains("`/b` to `/a`"));
    assert!(refused(&[member(b'5', "./a/", "", b""), link("./a")]).contains("`/b` to `/a`"));
    assert!(refused(&[link("./b")]).contains("`/b` to `/b`"));
}

#[test]
fn what_we_would_get_wrong_is_refused() {
    assert_eq!(refused(&[member(b'S', "./a", "", b"")]), "has a sparse file, which is not supported");
    assert!(refused(&[pax(&[("GNU.sparse.major", b"1")]), member(b'0', "./a", "", b"")]).contains("sparse"));
    assert_eq!(refused(&[member(b'M', "./a", "", b"")]), "has a member `./a` of unknown kind `M`");
    assert!(
        refused(&[pax(&[("SCHILY.acl.access", b"u::rwx")]), member(b'0', "./a", "", b"")]).contains("not supported")
    );
    assert!(refused(&[member(b'2', "./a", "", b"")]).contains("impossible target"));
    assert!(refused(&[member(b'5', "./a", "", b"x")]).contains("has content for `/a`"));
    assert!(refused(&[member(b'0', "./", "", b"x")]).contains("has `/` twice"));
    let global = member(b'g', "pax_global_header", "", b"15 path=./evil\n");
    assert!(refused(&[global, member(b'0', "./a", "", b"")]).contains("`path`"));
}

#[test]
fn damaged_headers_are_refused() {
    let broken = |at: usize, byte: u8, sum: bool| {
        let mut bytes = member(b'0', "./a", "", b"x");
        bytes[at] = byte;
        if sum {
            let mut header = tar::Header::from_byte_slice(&bytes[..512]).clone();
            header.set_cksum();
            bytes[..512].copy_from_slice(header.as_bytes());
        }
        refused(&[bytes])
    };
    assert_eq!(broken(0, b'x', false), "has a damaged header in `data.tar`, at byte 0: checksum");
    assert_eq!(broken(130, b'9', true), "has a damaged header in `data.tar`, at byte 0: size");
    // A size of -1, and one that does not fit.
    assert_eq!(broken(124, 0xff, true), "has a damaged header in `data.tar`, at byte 0: size");
    assert_eq!(broken(125, 0x80, true), "has a damaged header in `data.tar`, at byte 0: size");
    for bad in ["9 a=b\n", "6 a=b", "99 a=b\n", " a=b\n", "6 abc\n", "x a=b\n", "-6 a=b\n"] {
        let message = refused(&[member(b'x', "x", "", bad.as_bytes()), member(b'0', "./a", "", b"")]);
        assert_eq!(message, "has a damaged PAX record at byte 0", "{bad:?}");
    }
}

#[test]
fn archives_cut_short_are_refused_wherever_they_end() {
    let data = archive(&[member(b'0', "./a", "", &[1; 700]), member(b'0', "./b", "", b"x")]);
    for extension in ["", ".gz", ".xz", ".zst"] {
        let bytes = deb(&[
            ("debian-binary", b"2.0\n".to_vec()),
            (&format!("control.tar{extension}"), compressed(extension, &control())),
            (&format!("data.tar{extension}"), compressed(extension, &data)),
        ]);
        // The last byte may be the padding of the last member.
        for end in (0..bytes.len() - 1).step_by(7) {
            assert!(unpacked(&bytes[..end], &Limits::default()).is_err(), "{extension} cut at {end}");
        }
    }
    let unended = [member(b'0', "./a", "", b"x")].concat();
    assert_eq!(
        unpacked(&package(unended), &Limits::default()).unwrap_err().to_string(),
        "the archive of `mawk` is cut short in `data.tar`"
    );
}

#[test]
fn the_outer_archive_is_checked() {
    let refused =
        |members: &[(&str, Vec<u8>)]| unpacked(&deb(members), &Limits::default()).unwrap_err().defect.to_string();
    let version = || ("debian-binary", b"2.0\n".to_vec());
    let data = || ("data.tar", archive(&[]));
    assert_eq!(unpacked(b"PK\x03\x04", &Limits::default()).unwrap_err().defect.to_string(), "is no Debian package");
    assert_eq!(refused(&[("debian-binary", b"3.0\n".to_vec())]), "has the unknown format version `3.0\\n`");
    assert_eq!(refused(&[version(), data()]), "has no member `control.tar` where it must be");
    assert_eq!(refused(&[version(), ("control.tar.lzma", vec![])]), "has no member `control.tar` where it must be");
    assert_eq!(refused(&[version(), ("evil", vec![])]), "has an unknown member `evil`");
    assert_eq!(
        refused(&[version(), ("control.tar", control()), data(), ("evil", vec![])]),
        "has an unknown member `evil`"
    );
    assert_eq!(refused(&[version(), ("control.tar", archive(&[]))]), "has no member `control` where it must be");
    let other = archive(&[member(b'0', "./control", "", b"Package: gawk\n")]);
    assert_eq!(refused(&[version(), ("control.tar", other)]), "holds the package `gawk`");
    let nested = archive(&[member(b'0', "./a/control", "", b"Package: mawk\n")]);
    assert_eq!(refused(&[version(), ("control.tar", nested)]), "has an unknown member `control.tar:/a/control`");
    let garbled = archive(&[member(b'0', "./control", "", b"Package: mawk\n\xff")]);
    assert_eq!(refused(&[version(), ("control.tar", garbled)]), "has a `control` file that is no stanza");
}

#[test]
fn absurd_sizes_are_refused() {
    let members = [member(b'0', "./a", "", &[0; 5000]), member(b'0', "./b", "", b"")];
    let check = |limits: Limits| unpacked(&package(archive(&members)), &limits).unwrap_err().defect.to_string();
    let default = Limits::default();
    assert_eq!(check(Limits { data: 4096, ..default }), "has more than 4.00 KiB of data.tar");
    assert_eq!(check(Limits { control: 512, ..default }), "has more than 512 B of control.tar");
    assert_eq!(check(Limits { entries: 1, ..default }), "has more than 1 members");
    assert_eq!(check(Limits { metadata: 3, ..default }), "has more than 3 B of paths");
    // One deep path stands for many folders, all of which are kept.
    let deep = archive(&[member(b'0', &"d/".repeat(40), "", b"")]);
    assert!(unpacked(&package(deep), &Limits { metadata: 1000, ..default }).is_err());
    // A header that claims more than there is does not reserve it.
    let mut claim = member(b'0', "./a", "", b"");
    let mut header = tar::Header::from_byte_slice(&claim[..512]).clone();
    header.set_size(u64::MAX >> 2);
    header.set_cksum();
    claim[..512].copy_from_slice(header.as_bytes());
    assert!(unpacked(&package(archive(&[claim])), &default).is_err());
    let long = member(b'L', "././@LongLink", "", &vec![b'a'; 2 << 20]);
    assert_eq!(refused(&[long, member(b'0', "./a", "", b"")]), "has more than 1.00 MiB of paths");
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let zeros = archive(&[member(b'0', "./zeros", "", &vec![0; 80 << 20])]);
    let bytes = deb(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", control()),
        ("data.tar.zst", compressed(".zst", &zeros)),
    ]);
    let mut out = Vec::new();
    let error = unpack(&"mawk".parse().unwrap(), &mut &bytes[..], &mut out, &Limits::default(), 1).unwrap_err();
    assert!(matches!(error.defect, Defect::Bomb { member: "data.tar", ratio: 500 }), "{error}");
    assert!(out.len() <= 64 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_flipped_byte_is_a_panic(at in 0usize..6000, byte: u8) {
        let data = archive(&[
            pax(&[("path", b"./long"), ("SCHILY.xattr.user.a", b"b")]),
            member(b'0', "./a", "", b"x"),
            member(b'1', "./b", "./long", b""),
            member(b'2', "./c", "a", b""),
        ]);
        let mut bytes = package(data);
        let at = at % bytes.len();
        bytes[at] = byte;
        // Whatever is still accepted has normal paths.
        if let Ok((unpacked, out)) = unpacked(&bytes, &Limits::default()) {
            for entry in unpacked.entries {
                let path = TreePath::new(&entry.path).unwrap();
                prop_assert_eq!(path.as_bytes(), &entry.path[..]);
                if let PackedKind::File { offset, size, digest } = entry.kind {
                    prop_assert_eq!(ContentDigest::of(&out[offset as usize..][..size as usize]), digest);
                }
            }
        }
    }
}
