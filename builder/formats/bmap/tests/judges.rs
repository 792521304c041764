//! Whether `bmaptool` agrees.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::io::Write;
use std::process::Command;

use rootsmith_bmap::{BLOCK, BlockMap};

#[test]
fn bmaptool_reads_it_and_finds_the_same_blocks() {
    if Command::new("bmaptool").arg("--version").output().is_err() {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "bmaptool is not installed");
        eprintln!("skipped: bmaptool is not installed");
        return;
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0; 5 * 4096 + 100];
    bytes[4100..4200].fill(1);
    bytes[4 * 4096 + 5..].fill(2);
    file.write_all(&bytes).unwrap();
    let (size, written) = (bytes.len() as u64, [4100..4200, 4 * 4096 + 5..5 * 4096 + 100]);
    let map = BlockMap::of(file.as_file(), size, &written).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (map_file, copy) = (folder.path().join("image.bmap"), folder.path().join("copy"));
    std::fs::write(&map_file, map.to_xml()).unwrap();
    let copied =
        Command::new("bmaptool").arg("copy").arg("--bmap").arg(&map_file).arg(file.path()).arg(&copy).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(file.path()).unwrap());
    // It refuses what is not as the map says.
    bytes[4100] ^= 1;
    std::fs::write(file.path(), &bytes).unwrap();
    let copied =
        Command::new("bmaptool").arg("copy").arg("--bmap").arg(&map_file).arg(file.path()).arg(&copy).output().unwrap();
    assert!(!copied.status.success());
    // And one that it makes itself, we read.
    let theirs = Command::new("bmaptool").arg("create").arg(file.path()).output().unwrap();
    let theirs = BlockMap::parse(&String::from_utf8(theirs.stdout).unwrap()).unwrap();
    assert_eq!((theirs.image_size, theirs.block_size), (size, BLOCK));
}
