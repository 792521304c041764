//! What our writers make, seen by readers that know nothing of them.

use rootsmith_ondisk::Sink;
use rootsmith_types::Uuid;
use rootsmith_virtual::{Format, Options, create};

use super::*;

const GIB: u64 = 1 << 30;

/// A disk with text, bytes that do not compress, and holes.
fn disk(format: Format) -> (u64, Vec<(u64, Vec<u8>)>) {
    let size = format.rounded(NumBytes::mib(20)).unwrap().get();
    let text: Vec<u8> = (0..).flat_map(|n| format!("line {n} of a file\n").into_bytes()).take(700_000).collect();
    let mut state = 7_u64;
    let dense = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    (size, vec![(512, text), (9 << 20, dense.take(3 << 20).collect()), (size - 512, vec![7; 512])])
}

/// A file without a name, for reading and writing.
fn file() -> File {
    tempfile::tempfile().unwrap()
}

/// The disk as it is, its layout, and the disk as `format`.
fn written(format: Format) -> (File, DiskLayout, File) {
    let (size, writes) = disk(format);
    let (raw, out) = (file(), file());
    raw.set_len(size).unwrap();
    let mut writer = create(format, NumBytes::new(size), &Options::new(Uuid::new([1; 16]), 0, "disk"), &out).unwrap();
    for (at, data) in &writes {
        raw.write_all_at(data, *at).unwrap();
        writer.write_at(*at, data).unwrap();
    }
    writer.finish().unwrap();
    let written = writes.iter().map(|(at, data)| *at..at + data.len() as u64).collect();
    let layout = DiskLayout { size: NumBytes::new(size), written, rooms: Vec::new() };
    (raw, layout, out)
}

/// The difference, or why there is no saying.
fn found(out: &File, raw: &File, layout: &DiskLayout) -> Option<String> {
    match opened(out, raw, layout) {
        Ok(difference) => difference,
        Err(Refusal::Open(error)) => Some(error.to_string()),
        Err(Refusal::Found(error)) => Some(error.to_string()),
        Err(Refusal::Read(error)) => panic!("our own disk cannot be read: {error}"),
    }
}

#[test]
fn every_format_is_read_back_and_a_flipped_bit_is_noticed() {
    for format in Format::ALL {
        let (raw, layout, out) = written(format);
        assert_eq!(found(&out, &raw, &layout), None, "{format}");
        // In the middle of what does not compress, which is there nearly as it is.
        let (_, writes) = disk(format);
        let needle = &writes[1].1[1_500_000..1_500_008];
        let length = out.metadata().unwrap().len().min(GIB);
        let mut bytes = vec![0; length as usize];
        out.read_exact_at(&mut bytes, 0).unwrap();
        let at = match bytes.windows(needle.len()).position(|window| window == needle) {
            Some(at) => at,
            None => bytes.len() * 2 / 3,
        };
        out.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        assert!(found(&out, &raw, &layout).is_some(), "{format}: byte {at}");
        out.write_all_at(&[bytes[at]], at as u64).unwrap();
        // The file is right, and the disk has something that it has not, where it has nothing.
        let mut layout = layout;
        raw.write_all_at(&[1], 15 << 20).unwrap();
        layout.written.insert(2, 15 << 20..(15 << 20) + 1);
        let difference = found(&out, &raw, &layout);
        assert_eq!(difference, Some(format!("byte {} of its disk is another", 15 << 20)), "{format}");
    }
}

#[test]
fn a_disk_that_ends_early_or_late_is_noticed() {
    for format in [Format::Qcow2, Format::RawZstd, Format::VhdFixed] {
        let (raw, mut layout, out) = written(format);
        for other in [layout.size.get() - (1 << 20), layout.size.get() + (1 << 20)] {
            layout.size = NumBytes::new(other);
            raw.set_len(other.max(21 << 20)).unwrap();
            assert!(found(&out, &raw, &layout).is_some(), "{format}");
        }
    }
}

#[test]
fn a_manifest_that_does_not_fit_is_noticed() {
    let (_, _, out) = written(Format::Ova);
    let length = out.metadata().unwrap().len();
    let judge = || {
        let archive = read_archive(Kind::Tar, Slice::new(&out, 0, length)).unwrap();
        manifest(&archive.tree, &archive).unwrap()
    };
    assert_eq!(judge(), None);
    // A letter of the descriptor, behind its header.
    out.write_all_at(b"X", 512 + 300).unwrap();
    assert_eq!(judge().as_deref(), Some("its manifest has other digests than its members"));
}
