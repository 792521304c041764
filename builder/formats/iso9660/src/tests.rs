//! Files in, a CD out; other people's tools say what is on it.

use std::fs;
use std::process::Command;

use rootsmith_ondisk::Memory;

use super::*;

/// 2026-11-30T14:55:12Z.
const DATE: i64 = 1_796_050_512;

fn image(files: &[File<'_>]) -> Vec<u8> {
    Memory::of(&plan(files, &Options { label: "CIDATA", date: DATE }).unwrap()).unwrap()
}

/// What a judge prints, or `None` when it is not there.
#[allow(clippy::disallowed_methods, clippy::print_stderr)]
fn judge(program: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        eprintln!("skipped: {program} not found");
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "REQUIRE_ORACLES is set");
        return None;
    };
    assert!(output.status.success(), "{program}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn others_read_what_is_on_it() {
    let long = "x".repeat(5000);
    let files = [("user-data", &*long), ("meta-data", "instance-id: a\n"), ("vendor-data", "")];
    let files = files.map(|(name, content)| File { name, content: content.as_bytes() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cd.iso");
    fs::write(&path, image(&files)).unwrap();
    let path = path.to_str().unwrap();
    for file in &files {
        // Of both hierarchies.
        let primary = format!("/{}.;1", file.name.to_uppercase());
        for arguments in [&["-i", path, "-x", &primary][..], &["-J", "-i", path, "-x", &format!("/{}", file.name)]] {
            let Some(read) = judge("isoinfo", arguments) else { return };
            assert!(read.as_bytes() == file.content, "{arguments:?}: {} bytes", read.len());
        }
    }
    let said = judge("isoinfo", &["-d", "-i", path]).unwrap();
    for line in ["Volume id: CIDATA\n", "Volume size is: 29\n", "Joliet with UCS level 3 found\n"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let listed = judge("isoinfo", &["-l", "-J", "-i", path]).unwrap();
    assert!(listed.contains("5000 Nov 30 2026") && listed.contains("user-data"), "{listed}");
    let Some(tags) = judge("blkid", &["--probe", "--output", "export", path]) else { return };
    for tag in ["TYPE=iso9660\n", "LABEL=CIDATA\n", "UUID=2026-11-30-14-55-12-00\n"] {
        assert!(tags.contains(tag), "{tag}: {tags}");
    }
}

#[test]
fn an_empty_cd_is_one() {
    let bytes = image(&[]);
    assert_eq!(bytes.len(), 25 * 2048);
    assert_eq!(bytes[16 * 2048..][..7], *b"\x01CD001\x01");
    // Judges read one half of a number that stands there twice.
    assert_eq!((both16(0x102), both32(0x102_0304)), ([2, 1, 1, 2], [4, 3, 2, 1, 1, 2, 3, 4]));
}

#[test]
fn what_a_cd_cannot_hold_is_refused() {
    let options = Options { label: "CIDATA", date: DATE };
    let refused = |names: &[&str]| {
        let files: Vec<_> = names.iter().map(|name| File { name, content: b"" }).collect();
        plan(&files, &options).unwrap_err()
    };
    for name in ["", "User", "a/b", "a;1", "a.b", &"n".repeat(29)] {
        assert_eq!(refused(&[name]), PlanError::Name(name.to_owned()));
    }
    assert_eq!(refused(&["a", "b", "a"]), PlanError::Twice("a".to_owned()));
    let many: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused(&many), PlanError::TooMany(100));
    for label in ["", "cidata", "SEVENTEEN_LETTERS"] {
        assert_eq!(plan(&[], &Options { label, date: DATE }).unwrap_err(), PlanError::Label(label.to_owned()));
    }
}
