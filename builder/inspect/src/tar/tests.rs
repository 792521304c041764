//! Archives by GNU tar, its compressors and others; archives that are wrong.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use insta::assert_snapshot;
use rootsmith_types::TreePath;
use rustix::fs::lgetxattr;

use super::judge::{ALL, Show, everything, holes, paths, run, shown, source, text};
use super::*;
use crate::{ReadAt, folder};

pub(super) fn memory(data: impl Into<Vec<u8>>) -> Source {
    Arc::new(data.into())
}

/// Within the usual bounds.
fn open(source: &Source, scratch: &Path) -> Result<Volume, OpenError> {
    super::open(source, scratch, &Budget::default())
}

pub(super) fn open_bytes(data: impl Into<Vec<u8>>) -> Result<Volume, OpenError> {
    let scratch = tempfile::tempdir().unwrap();
    open(&memory(data), scratch.path())
}

fn refusal(data: impl Into<Vec<u8>>) -> String {
    open_bytes(data).err().expect("it is refused").to_string()
}

/// A member with a header of our own making, its data behind it.
pub(super) fn member(kind: u8, name: &str, target: &str, data: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..136].copy_from_slice(b"0000644\x000000000\x000000000\x0000000000000\0");
    header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    header[136..147].copy_from_slice(b"14524607400");
    header[156] = kind;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut header);
    let mut out = [&header[..], data].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// Makes the checksum of a header right.
pub(super) fn sum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn record(keyword: &str, value: &str) -> String {
    let rest = format!(" {keyword}={value}\n");
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}")
}

pub(super) fn extended(records: &[(&str, &str)]) -> Vec<u8> {
    let data: String = records.iter().map(|(keyword, value)| record(keyword, value)).collect();
    member(b'x', "PaxHeaders/x", "", data.as_bytes())
}

pub(super) fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [&members.concat()[..], &[0; 1024]].concat()
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_format_of_gnu_tar_is_read() {
    let folder = everything();
    let wanted = folder::open(&folder.path().join("root")).unwrap();
    let attributes = lgetxattr(folder.path().join("root/usr/setuid"), "user.note", &mut [0; 64][..]).is_ok();
    assert_eq!(shown(&wanted, ALL).contains(r"user.a=b%=c user.note=two\nlines\x00"), attributes);
    for (format, show) in [
        ("--format=pax", ALL),
        ("--format=gnu", Show::default()),
        // Its own long names are too long for this one.
        ("--format=ustar", Show::default()),
    ] {
        let mut arguments = vec![format, "-C", "root", "-cf", "a.tar"];
        arguments.extend((show.xattrs).then_some(["--xattrs", "--xattrs-include=*"]).into_iter().flatten());
        arguments.push(".");
        let Some(_) = run(folder.path(), "tar", &arguments) else { return };
        let archive = source(&folder.path().join("a.tar"));
        assert!(is(&archive), "{format}");
        let found = open(&archive, folder.path()).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!((found.filesystem, found.size.get()), ("tar", archive.size()));
        assert_eq!(shown(&found, show), shown(&wanted, show), "{format}");
    }
}

#[test]
fn v7_archives_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root/etc")).unwrap();
    fs::write(folder.path().join("root/etc/hosts"), "here").unwrap();
    let Some(_) = run(folder.path(), "tar", &["--format=v7", "-C", "root", "-cf", "a.tar", "."]) else { return };
    let archive = source(&folder.path().join("a.tar"));
    assert!(is(&archive));
    let wanted = folder::open(&folder.path().join("root")).unwrap();
    assert_eq!(shown(&open(&archive, folder.path()).unwrap(), Show::default()), shown(&wanted, Show::default()));
}

#[test]
fn every_compression_is_read_in_parts_too() {
    let folder = everything();
    let at = folder.path();
    let Some(_) = run(at, "tar", &["-C", "root", "-cf", "a.tar", "."]) else { return };
    let plain = shown(&open(&source(&at.join("a.tar")), at).unwrap(), ALL);
    let size = fs::metadata(at.join("a.tar")).unwrap().len();
    // Halves, compressed one by one, make one archive again.
    for shell in [
        "gzip -c a.tar",
        "(head -c 1000000 a.tar | gzip -c; tail -c +1000001 a.tar | gzip -c)",
        "gzip -c a.tar; head -c 5000 /dev/zero",
        "xz -1 -c a.tar",
        "xz -1 -T2 --block-size=500000 -c a.tar",
        "(head -c 1000000 a.tar | xz -1 -c; head -c 8 /dev/zero; tail -c +1000001 a.tar | xz -1 -c)",
        "zstd -q -1 -c a.tar",
        "(head -c 1000000 a.tar | zstd -q -c; tail -c +1000001 a.tar | zstd -q -c)",
        // A frame to skip first.
        r"(printf '\120\052\115\030\004\0\0\0skip'; zstd -q -19 -c a.tar)",
    ] {
        let Some(data) = run(at, "sh", &["-ec", shell]) else { return };
        let archive = memory(data);
        assert!(is(&archive), "{shell}");
        let found = open(&archive, at).unwrap_or_else(|error| panic!("{shell}: {error}"));
        assert_eq!(found.size.get(), size, "{shell}");
        assert!(shown(&found, ALL) == plain, "{shell}");
    }
}

#[test]
fn files_with_holes_are_read() {
    let folder = holes();
    let at = folder.path();
    let wanted = shown(&folder::open(&at.join("root")).unwrap(), Show::default());
    for format in
        [&["--format=gnu"][..], &["--format=pax", "--sparse-version=1.0"], &["--format=pax", "--sparse-version=0.1"]]
    {
        let arguments = [format, &["--sparse", "--hole-detection=raw", "-C", "root", "-cf", "a.tar", "."]].concat();
        let Some(_) = run(at, "tar", &arguments) else { return };
        let found = open(&source(&at.join("a.tar")), at).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert!(found.size.get() < 2 << 20, "{format:?}: it has no holes");
        assert_eq!(shown(&found, Show::default()), wanted, "{format:?}");
        // Pieces that begin and end anywhere.
        let file = found.tree.get(&TreePath::literal("/many")).unwrap().content().unwrap();
        let whole = fs::read(at.join("root/many")).unwrap();
        for offset in (0..1_000_000).step_by(65_521) {
            let mut buf = vec![9; 65_521];
            file.read_at(&found, offset as u64, &mut buf).unwrap();
            assert!(buf == whole[offset..offset + buf.len()], "{format:?} {offset}");
        }
    }
    let arguments = ["--format=pax", "--sparse-version=0.0", "--sparse", "-C", "root", "-cf", "a.tar", "."];
    run(at, "tar", &arguments);
    let error = open(&source(&at.join("a.tar")), at).err().unwrap();
    assert_snapshot!(error, @"the tar uses a map of holes of another version (`/few`), which cannot be read");
}

/// A header at the start, and nothing but zeros behind it.
struct Stretched(Vec<u8>, u64);

impl ReadAt for Stretched {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let (at, end) = (offset as usize, offset.checked_add(buf.len() as u64));
        end.filter(|end| *end <= self.1).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.fill(0);
        if let Some(part) = self.0.get(at..) {
            let n = part.len().min(buf.len());
            buf[..n].copy_from_slice(&part[..n]);
        }
        Ok(())
    }
}

#[test]
fn files_of_8_gib_and_more_are_read() {
    let size: u64 = 9 << 30;
    let in_record = [extended(&[("size", &size.to_string())]), member(b'0', "disk", "", b"")].concat();
    let mut in_header = member(b'0', "disk", "", b"");
    in_header[124..136].copy_from_slice(&[&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat());
    sum(&mut in_header);
    for start in [in_record, in_header] {
        let length = start.len() as u64;
        let stretched: Source = Arc::new(Stretched(start.clone(), length + size + 1024));
        let volume = open(&stretched, Path::new("/nowhere")).unwrap();
        assert_eq!(volume.tree.get(&TreePath::literal("/disk")).unwrap().content().unwrap().size(), size);
        let short: Source = Arc::new(Stretched(start, length + size - 512));
        assert!(open(&short, Path::new("/nowhere")).is_err());
    }
}

#[test]
fn later_members_win_and_missing_folders_are_made() {
    let volume = open_bytes(archive(&[
        member(b'0', "./etc/hosts", "", b"first"),
        member(b'0', "/etc/hosts", "", b"second"),
        member(b'2', "lib", "usr/lib", b""),
        member(b'0', "lib/libc.so", "", b"through a link"),
        member(b'2', "var/run", "/run", b""),
        member(b'0', "var/run/pid", "", b"1"),
        member(b'0', "turns", "", b"a file first"),
        member(b'5', "turns/", "", b""),
        member(b'0', "turns/in", "", b""),
        member(b'0', "back/in", "", b""),
        member(b'0', "back", "", b"a folder first"),
        member(b'1', "hard", "./lib/libc.so", b""),
        member(b'0', "old/", "", b""),
    ]))
    .unwrap();
    assert_snapshot!(paths(&volume.tree), @"
    /
    /back
    /etc
    /etc/hosts
    /hard
    /lib
    /old
    /run
    /run/pid
    /turns
    /turns/in
    /usr
    /usr/lib
    /usr/lib/libc.so
    /var
    /var/run
    ");
    assert_eq!(text(&volume, "/etc/hosts"), "second");
    assert_eq!(text(&volume, "/hard"), "through a link");
    assert_eq!(text(&volume, "/back"), "a folder first");
    assert!(volume.tree.get(&TreePath::literal("/old")).unwrap().is_directory());
}

#[test]
fn extended_headers_count_more_than_headers() {
    let global = record("mtime", "5") + &record("comment", "0123");
    let volume = open_bytes(archive(&[
        member(b'g', "pax_global_header", "", global.as_bytes()),
        member(b'0', "plain", "", b""),
        extended(&[("path", "usr/näme"), ("uid", "4000000000"), ("mtime", "-1.5"), ("LIBARCHIVE.xattr.user.a", "Yg")]),
        member(b'0', "short", "", b""),
        extended(&[("linkpath", "usr/näme")]),
        member(b'1', "other", "?", b""),
    ]))
    .unwrap();
    assert_snapshot!(shown(&volume, ALL), @"
    d 0755 0:0 /  @0.000000000
    f 0644 4000000000:0 /other 0 af1349b9f5f9a1a6 @-2.500000000 user.a=b
    f 0644 0:0 /plain 0 af1349b9f5f9a1a6 @5.000000000
    d 0755 0:0 /usr  @0.000000000
    f 0644 4000000000:0 /usr/näme == /other
    ");
}

#[test]
fn what_is_wrong_is_named() {
    let hosts = || member(b'0', "etc/hosts", "", b"127.0.0.1 localhost\n");
    let mut texts = String::new();
    for (name, data) in [
        ("upwards", archive(&[member(b'0', "../../etc/passwd", "", b"")])),
        ("hard link upwards", archive(&[member(b'1', "x", "../etc/passwd", b"")])),
        ("hard link to nothing", archive(&[member(b'1', "x", "etc/passwd", b"")])),
        ("hard link to a folder", archive(&[hosts(), member(b'1', "x", "etc", b"")])),
        ("hard link over its own folder", archive(&[hosts(), member(b'1', "etc", "etc/hosts", b"")])),
        ("below a file", archive(&[hosts(), member(b'0', "etc/hosts/x", "", b"")])),
        (
            "below a circle",
            archive(&[member(b'2', "a", "b", b""), member(b'2', "b", "a", b""), member(b'0', "a/x", "", b"")]),
        ),
        ("root as a file", archive(&[member(b'0', ".", "", b"x")])),
        ("symbolic link to nothing", archive(&[member(b'2', "a", "", b"")])),
        ("unknown type", archive(&[member(b'Z', "a", "", b"")])),
        ("several volumes", archive(&[member(b'M', "a", "", b"")])),
        ("too deep", archive(&[extended(&[("path", &"a/".repeat(1000))]), member(b'0', "a", "", b"")])),
        ("too long", archive(&[extended(&[("path", &"a".repeat(300))]), member(b'0', "a", "", b"")])),
        ("records", archive(&[member(b'x', "x", "", b"99 path=a\n"), member(b'0', "a", "", b"")])),
        ("time", archive(&[extended(&[("mtime", "soon")]), member(b'0', "a", "", b"")])),
        ("owner", archive(&[extended(&[("uid", "5000000000")]), member(b'0', "a", "", b"")])),
        ("one name for all", archive(&[member(b'g', "g", "", record("path", "a").as_bytes()), hosts()])),
        ("no end", hosts()),
        ("ends in data", hosts()[..600].to_vec()),
        ("ends in a header", archive(&[hosts(), hosts()])[..1300].to_vec()),
        ("ends after an extended header", extended(&[("path", "a")])),
        ("noise inside", [&hosts()[..], &[7; 512]].concat()),
    ] {
        texts.push_str(&format!("{name}: {}\n", refusal(data)));
    }
    let mut flipped = archive(&[hosts(), hosts()]);
    flipped[1030] ^= 4;
    texts.push_str(&format!("flipped: {}\n", refusal(flipped)));
    assert_snapshot!(texts, @"
    upwards: the tar is damaged: path `../../etc/passwd` has a `..` component
    hard link upwards: the tar is damaged at `/x`: hard link: path `../etc/passwd` has a `..` component
    hard link to nothing: the tar is damaged at `/x`: hard link to `/etc/passwd`: `/etc` does not exist
    hard link to a folder: the tar is damaged at `/x`: hard link to `/etc`: `/etc` is a directory
    hard link over its own folder: the tar is damaged at `/etc`: hard link to `/etc/hosts`: `/etc` is a directory
    below a file: the tar is damaged at `/etc/hosts/x`: `/etc/hosts` is not a directory
    below a circle: the tar is damaged at `/a/x`: `/a` leads through too many symbolic links
    root as a file: the tar is damaged at `/`: the root is no directory
    symbolic link to nothing: the tar is damaged at `/a`: a symbolic link whose target is no path
    unknown type: the tar uses an entry of type `Z` (`/a`), which cannot be read
    several volumes: the tar uses several volumes, which cannot be read
    too deep: the tar uses folders more than 256 deep, which cannot be read
    too long: the tar is damaged: path `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is too long
    records: the tar is damaged at byte 512: an extended header is not well formed
    time: the tar is damaged at `/a`: its `mtime` is no time
    owner: the tar is damaged at `/a`: its `uid` is too large
    one name for all: the tar uses one `path` for many entries, which cannot be read
    no end: the tar is damaged at byte 1024: it ends early, without its two blocks of zeros
    ends in data: the tar is damaged at `/etc/hosts`: it ends early, right behind this file
    ends in a header: the tar is damaged at byte 1024: it ends in the middle of a block
    ends after an extended header: the tar is damaged at byte 1024: it ends early, without its two blocks of zeros
    noise inside: the tar is damaged at byte 1024: a header should be here, and its checksum is wrong
    flipped: the tar is damaged at byte 1024: a header should be here, and its checksum is wrong
    ");
}

#[test]
fn compressed_archives_that_are_wrong_are_named() {
    let noise: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let data = archive(&[member(b'0', "noise", "", &noise)]);
    let mut texts = String::new();
    for (name, whole) in [("gzip", gzip(&data)), ("xz", xz(&data)), ("zstd", zstd(&data))] {
        assert_eq!(paths(&open_bytes(&whole[..]).unwrap().tree), "/\n/noise\n");
        let half = refusal(&whole[..whole.len() / 2]);
        let cut = refusal(&whole[..whole.len() - 3]);
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        texts.push_str(&format!("{name}: half: {half}\n{name}: cut: {cut}\n{name}: flipped: {}\n", refusal(flipped)));
    }
    // Where a decoder notices depends on how much it takes at once.
    let texts: Vec<_> = texts.split(' ').map(|word| if word.parse::<u64>().is_ok() { "N" } else { word }).collect();
    assert_snapshot!(texts.join(" "), @"
    gzip: half: the gzip stream is damaged at byte N of what it holds: it ends early
    gzip: cut: the gzip stream is damaged at byte N of what it holds: it ends early
    gzip: flipped: the gzip stream is damaged at byte N of what it holds: corrupt gzip stream does not have a matching checksum
    xz: half: the xz stream is damaged at byte N of what it holds: it ends early
    xz: cut: the xz stream is damaged at byte N of what it holds: it ends early
    xz: flipped: the xz stream is damaged at byte N of what it holds: lzma data error
    zstd: half: the Zstandard stream is damaged at byte N of what it holds: it ends early
    zstd: cut: the Zstandard stream is damaged at byte N of what it holds: it ends early
    zstd: flipped: the Zstandard stream is damaged at byte N of what it holds: Data corruption detected
    ");
}

#[test]
fn bombs_are_stopped() {
    let scratch = tempfile::tempdir().unwrap();
    let data = archive(&[member(b'0', "zeros", "", &vec![0; 8 << 20]), member(b'0', "more", "", b"")]);
    let within = |data: Vec<u8>, bytes, entries| {
        super::open(&memory(data), scratch.path(), &Budget::new(bytes, entries)).err().map(|error| error.to_string())
    };
    let mut texts = String::new();
    for packed in [gzip(&data), xz(&data), zstd(&data)] {
        assert!(packed.len() < 100_000);
        assert_eq!(within(packed.clone(), data.len() as u64, 2), None);
        texts.push_str(&format!("{}\n", within(packed, 4 << 20, 2).unwrap()));
    }
    // What comes after the end counts, too.
    let behind = gzip(&[&archive(&[])[..], &vec![0; 8 << 20]].concat());
    texts.push_str(&format!("{}\n", within([&member(b'0', "a", "", b"")[..], &[0; 1024]].concat(), 0, 0).unwrap()));
    texts.push_str(&format!("{}\n", within(behind, 4 << 20, 2).unwrap()));
    // Folders that are made for a member are entries as well.
    let deep = archive(&[member(b'0', "a/b/c/d/e", "", b"")]);
    texts.push_str(&format!("{}\n", within(deep, 0, 4).unwrap()));
    assert_snapshot!(texts, @"
    the gzip stream uses more than 4 MiB of decompressed data, which cannot be read
    the xz stream uses more than 4 MiB of decompressed data, which cannot be read
    the Zstandard stream uses more than 4 MiB of decompressed data, which cannot be read
    the tar uses more than 0 entries, which cannot be read
    the gzip stream uses more than 4 MiB of decompressed data, which cannot be read
    the tar uses more than 4 entries, which cannot be read
    ");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_the_hosts() {
    let error =
        open(&memory(gzip(&archive(&[member(b'0', "a", "", b"")]))), Path::new("/nowhere/scratch")).err().unwrap();
    assert!(matches!(error, OpenError::Host { ref path, .. } if path == Path::new("/nowhere/scratch")), "{error}");
}

#[test]
fn noise_is_no_archive() {
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    for data in [noise.clone(), gzip(&noise), zstd(&noise), vec![0; 4096], Vec::new(), b"\x1f\x8b\x08".to_vec()] {
        assert!(!is(&memory(data)));
    }
    assert!(is(&memory(archive(&[member(b'0', "a", "", b"")]))));
    // Magic, and a checksum that is wrong: an archive that is damaged.
    let mut damaged = archive(&[member(b'0', "a", "", b"")]);
    damaged[0] = b'b';
    assert!(is(&memory(damaged)));
}
