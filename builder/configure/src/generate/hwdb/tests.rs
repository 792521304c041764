use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::generate::oracle::{Folder, tool, tree};

const SOURCES: [&str; 2] = [
    "# a comment\n\
     usb:v1D6B*\n ID_VENDOR=Linux Foundation\n\n\
     usb:v1D6Bp0001*\nusb:v1D6Bp0002* # two matches\n ID_MODEL=root hub\n\tNOT=indented by a blank\n ID_LATE=dropped\n\n\
     \x20ORPHAN=1\n\
     no properties\n\n\
     usb:v1D6B*\n \t  DEEP=1\n EMPTY=\n=nokey\n\n\
     x\r\n  A=1\r\n =2\n nothing\n\n\
     usb:*\n ID_MODEL=hub\n",
    "usb:v1D6B*\n ID_VENDOR=Other\n AAA=first\n\nusb\n K=v\n\nlast\n",
];

fn made(tree: &Tree) -> Bytes {
    hwdb_bin(tree, &rootsmith_tree::NoBlobs).unwrap().unwrap().read(&rootsmith_tree::NoBlobs, u64::MAX).unwrap()
}

/// The layout, byte for byte: made by systemd 257 from the same two lines in the same place.
#[test]
fn one_property() {
    let tree =
        tree(&[("/usr/lib/udev/hwdb.d/1.hwdb", "a*\n K=v\n"), ("/usr/lib/systemd/libsystemd-shared-257.so", "")]);
    let made = made(&tree);
    let header: Vec<u64> = made[8..80].chunks(8).map(|field| u64::from_le_bytes(field.try_into().unwrap())).collect();
    assert_eq!(header, [257, 212, 80, 24, 16, 32, 136, 96, 36]);
    assert_eq!(&made[176..], b"\0*\0 K\0v\0/usr/lib/udev/hwdb.d/1.hwdb\0");
    let value: Vec<u8> =
        [179u64, 182, 184].iter().flat_map(|at| at.to_le_bytes()).chain([2, 0, 0, 0, 1, 0, 0, 0]).collect();
    assert_eq!(made[104..136], value);
}

#[test]
fn a_file_in_etc_stands_for_the_vendors() {
    let tree = tree(&[
        ("/usr/lib/udev/hwdb.d/1.hwdb", "a\n K=vendor\n"),
        ("/etc/udev/hwdb.d/1.hwdb", "a\n K=own\n"),
        ("/etc/udev/hwdb.d/readme", "b\n K=none\n"),
    ]);
    let made = made(&tree);
    let has = |text: &str| memchr::memmem::find(&made, text.as_bytes()).is_some();
    assert!(has("own") && !has("vendor") && !has("none"));
    assert!(hwdb_bin(&crate::generate::oracle::tree(&[]), &rootsmith_tree::NoBlobs).unwrap().is_none());
}

#[test]
fn too_many_properties_are_refused() {
    let matches: String = (0..3000).map(|i| format!("m{i}\n")).collect();
    let properties: String = (0..3000).map(|i| format!(" k{i}=v\n")).collect();
    let source = (TreePath::literal("/x.hwdb"), Bytes::from(matches + &properties));
    assert_eq!(compile(&[source], 0).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

/// What the tool makes of the sources. It stores where it found them, so the names are those of the host.
fn judge(sources: &[&[u8]]) -> Option<()> {
    let tool = tool("systemd-hwdb")?;
    let folder = Folder::new();
    let mut files = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        let path = folder.write(&format!("etc/udev/hwdb.d/{i}.hwdb"), source);
        files.push((TreePath::new(path.as_os_str().as_encoded_bytes()).unwrap(), Bytes::copy_from_slice(source)));
    }
    let root = format!("--root={}", folder.path().display());
    let status = Command::new(tool).args([&root, "update"]).stderr(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    let theirs = std::fs::read(folder.path().join("etc/udev/hwdb.bin")).unwrap();
    let version = u64::from_le_bytes(theirs[8..16].try_into().unwrap());
    assert_eq!(compile(&files, version).unwrap().escape_ascii().to_string(), theirs.escape_ascii().to_string());
    Some(())
}

#[test]
fn systemd_hwdb_makes_the_same_of_odd_sources() {
    judge(&SOURCES.map(str::as_bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn systemd_hwdb_makes_the_same(sources in prop::collection::vec("([abc*]{1,6}\n( ?[abc=]{0,5}\n){0,3}\n?){0,20}", 1..3)) {
        judge(&sources.iter().map(String::as_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_some_database(source in prop::collection::vec(any::<u8>(), 0..300)) {
        let made = compile(&[(TreePath::literal("/x.hwdb"), source.into())], 0).unwrap();
        prop_assert_eq!(made[16..24].to_vec(), (made.len() as u64).to_le_bytes());
    }
}
