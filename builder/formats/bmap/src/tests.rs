use std::io::Write;

use super::*;

/// Map and digest of an image that was written in these pieces.
fn mapped(image: &File, size: u64, written: &[Range<u64>]) -> io::Result<(BlockMap, Sha256Digest)> {
    let mut mapper = Mapper::new(image);
    written.iter().try_for_each(|bytes| mapper.push(bytes.clone()))?;
    mapper.finish(size)
}

/// Five blocks and a half, of which the second and the last two are written.
fn image() -> (tempfile::NamedTempFile, u64, Vec<Range<u64>>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0; 5 * 4096 + 100];
    bytes[4100..4200].fill(1);
    bytes[4 * 4096 + 5..].fill(2);
    file.write_all(&bytes).unwrap();
    (file, bytes.len() as u64, vec![4100..4150, 4150..4200, 4 * 4096 + 5..5 * 4096, 5 * 4096..5 * 4096 + 100])
}

#[test]
fn a_map_has_the_blocks_that_were_written_and_their_digests() {
    let (file, size, written) = image();
    let (map, whole) = mapped(file.as_file(), size, &written).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    assert_eq!(whole, Sha256Digest::of(&bytes));
    let blocks: Vec<_> = map.ranges.iter().map(|range| range.blocks.clone()).collect();
    assert_eq!(blocks, [1..2, 4..6]);
    assert_eq!(map.ranges[0].sha256, Sha256Digest::of(&bytes[4096..8192]));
    assert_eq!(map.ranges[1].sha256, Sha256Digest::of(&bytes[4 * 4096..]));
    assert_eq!((map.bytes(&map.ranges[1]), map.mapped()), (4 * 4096..size, 4096 + 4096 + 100));
    assert_eq!(BlockMap::parse(&map.to_xml()), Ok(map));
}

/// What lies between the ranges counts for the image's digest, whether it is a hole or not, and wherever it lies.
#[test]
fn bytes_in_a_gap_are_not_taken_for_a_hole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let size = (16 << 20) + 100;
    file.as_file().set_len(size).unwrap();
    let written = [0..4096, 8 << 20..(8 << 20) + 4096];
    for at in [0, 5 << 20, 8 << 20, (9 << 20) + 5, size - 1] {
        file.as_file().write_all_at(b"x", at).unwrap();
        let (map, whole) = mapped(file.as_file(), size, &written).unwrap();
        assert_eq!(whole, Sha256Digest::of(&std::fs::read(file.path()).unwrap()), "{at}");
        assert_eq!(map.mapped(), 8192);
    }
}

#[test]
fn damage_and_nonsense_are_told_apart() {
    let (file, size, written) = image();
    let text = mapped(file.as_file(), size, &written).unwrap().0.to_xml();
    let error = |text: &str| BlockMap::parse(text).unwrap_err();
    assert_eq!(error(&text.replacen("> 1 <", "> 2 <", 1)), BmapError::Damaged);
    assert!(matches!(error("no XML"), BmapError::Xml(_)));
    assert!(matches!(error("<!DOCTYPE x [<!ENTITY a \"aa\">]><bmap/>"), BmapError::Xml(_)));
    // With a digest of its own that is right.
    let sealed = |text: &str| {
        let start = text.find("<BmapFileChecksum>").unwrap() + 19;
        let mut text = text.to_owned();
        text.replace_range(start..start + 64, &"0".repeat(64));
        let digest = Sha256Digest::of(text.as_bytes()).to_string();
        text.replace_range(start..start + 64, &digest);
        text
    };
    for (from, to, what) in [
        ("> 4-5 <", "> 4-6 <", "the range `4-6` is not between 2 and the last of 6 blocks"),
        ("> 4-5 <", "> 1-5 <", "the range `1-5` is not between 2"),
        ("> 4-5 <", "> 5-4 <", "`5-4` is no range"),
        ("> 4-5 <", "> 4-18446744073709551615 <", "is no range"),
        ("> 4096 <", "> 0 <", "blocks of 0 bytes"),
        ("> sha256 <", "> md5 <", "digests of the kind `md5`"),
        ("version=\"2.0\"", "version=\"1.2\"", "is not `bmap` of version 2"),
        ("<ImageSize> 2", "<ImageSize> x", "not a number"),
        ("BlockMap>", "Blocks>", "`BlockMap` is missing"),
    ] {
        let error = error(&sealed(&text.replace(from, to))).to_string();
        assert!(error.contains(what), "{to}: {error}");
    }
}

/// Followed while it is written, in pieces that end anywhere, an image has the map and the digest it has when it is whole.
#[test]
fn an_image_that_is_followed_has_the_same_map_and_digest() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let size = (9 << 20) + 100;
    file.as_file().set_len(size).unwrap();
    let pieces = [
        (0, 10),
        (4000, 200),
        (8192, 5 << 20),
        ((5 << 20) + 8192, 7),
        ((5 << 20) + 8192 + 4096, 100),
        ((8 << 20) + 1, 3 << 10),
        (size - 5, 5),
    ];
    let mut mapper = Mapper::new(file.as_file());
    for (number, (at, len)) in (1..).zip(pieces) {
        file.as_file().write_all_at(&vec![number; len], at).unwrap();
        mapper.push(at..at + len as u64).unwrap();
    }
    let (map, whole) = mapper.finish(size).unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    assert_eq!(whole, Sha256Digest::of(&bytes));
    let blocks: Vec<_> = map.ranges.iter().map(|range| range.blocks.clone()).collect();
    assert_eq!(blocks, [0..1284, 2048..2049, 2304..2305]);
    for range in &map.ranges {
        let at = map.bytes(range);
        assert_eq!(range.sha256, Sha256Digest::of(&bytes[at.start as usize..at.end as usize]), "{at:?}");
    }
}
