use std::process::{Command, Stdio};

use proptest::prelude::*;
use rootsmith_tree::NoBlobs;

use super::*;
use crate::generate::oracle::{Folder, tool, tree};

const ID: &str = "0027229ca0644181a76c4e92458afa2e";
const OTHER: &str = "f77379a8490b408bbe5f6940505a777b";

#[test]
fn the_layout() {
    let text = format!("-- {ID}\nSubject: a\n\nBody.\n\n-- {OTHER} de\nSubject: b\n");
    let tree = tree(&[("/usr/lib/systemd/catalog/x.catalog", &text)]);
    let made = journal_catalog(&tree, &NoBlobs).unwrap().unwrap();
    assert_eq!(&made[..16], b"RHHHKSLP\0\0\0\0\0\0\0\0");
    assert_eq!(made[16..40], [40u64, 2, 56].map(u64::to_le_bytes).concat());
    assert_eq!(made[40..44], [0x00, 0x27, 0x22, 0x9c]);
    assert_eq!(&made[112..116], b"de\0\0");
    assert_eq!(made[144..152], 20u64.to_le_bytes());
    assert_eq!(&made[152..], b"\0Subject: a\n\nBody.\n\0Subject: b\n\0");
}

#[test]
fn a_broken_catalog_is_refused_with_its_place() {
    for (text, why) in [
        ("text\n".to_owned(), "line 1: text before the first message id"),
        (format!("-- {ID}\n\n-- {OTHER}\nx\n"), "has a message id without a text"),
        (format!("-- {ID} d\nx\n"), "line 1: language too short"),
    ] {
        let tree = tree(&[("/usr/lib/systemd/catalog/x.catalog", &text)]);
        let error = journal_catalog(&tree, &NoBlobs).unwrap_err();
        assert!(error.to_string().ends_with(why), "{error}");
        assert!(error.to_string().contains("/usr/lib/systemd/catalog/x.catalog"), "{error}");
    }
    assert_eq!(journal_catalog(&tree(&[]), &NoBlobs).unwrap(), None);
}

fn judge(files: &[(&str, &str)]) {
    let Some(tool) = tool("journalctl") else { return };
    let folder = Folder::new();
    let mut tree = tree(&[]);
    for (name, text) in files {
        let path = format!("usr/lib/systemd/catalog/{name}");
        folder.write(&path, text.as_bytes());
        crate::generate::oracle::add(&mut tree, &path, text);
    }
    let root = format!("--root={}", folder.path().display());
    let status = Command::new(tool).args(["--update-catalog", &root]).stderr(Stdio::null()).status().unwrap();
    let theirs = std::fs::read(folder.path().join("var/lib/systemd/catalog/database")).ok();
    match journal_catalog(&tree, &NoBlobs) {
        Ok(ours) => {
            let show = |bytes: Option<Vec<u8>>| bytes.map(|bytes| bytes.escape_ascii().to_string());
            assert_eq!(show(ours), show(theirs));
        }
        Err(error) => assert!(!status.success() && theirs.is_none(), "{error}"),
    }
}

#[test]
fn journalctl_makes_the_same_of_odd_sources() {
    judge(&[
        (
            "a.catalog",
            &format!("# c\n-- {ID}\nSubject: a\nDefined-By: x\n\nBody\n\n\n  two\n; no\n-- {OTHER}\nnot an id\n"),
        ),
        ("b.be@latin.catalog", &format!("-- {ID}\nSubject: be\n\nBody\n\n-- {OTHER} pt_BR\nSubject: pt\n")),
        (
            "c.catalog",
            &format!("-- {ID}\nSubject: later\nExtra: y\n\n-- zz27229ca0644181a76c4e92458afa2e cut here\nmore\n"),
        ),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn journalctl_makes_the_same(texts in prop::collection::vec("(-- [01]{2}27229ca0644181a76c4e92458afa2e( d[e ])?\n([Sab: ]{0,4}\n){0,4}){0,5}", 1..3)) {
        let names = ["a.catalog", "b.de.catalog"];
        judge(&names.into_iter().zip(texts.iter().map(String::as_str)).collect::<Vec<_>>());
    }
}
