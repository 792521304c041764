use std::process::Command;

use rootsmith_tree::{Metadata, NoBlobs, Node};

use super::*;
use crate::generate::oracle::{Folder, add, tool, tree};

/// A self-signed certificate of `/C=AQ/O=Example  Trust /CN=Wurzel ÄÖ`, whose name `openssl x509 -hash` gives as below.
const PEM: &str = include_str!("tests/example.pem");
const HASH: &str = "02107f11";

fn link(made: &Certificates, name: &str) -> Option<String> {
    let path = TreePath::new(format!("{CERTS}/{name}")).unwrap();
    made.links.iter().find(|(link, _)| *link == path).map(|(_, target)| String::from_utf8(target.clone()).unwrap())
}

#[test]
fn a_fresh_list_trusts_every_certificate() {
    let tree = tree(&[
        ("/usr/share/ca-certificates/mozilla/B, Root (1).crt", PEM.trim_end()),
        ("/usr/share/ca-certificates/mozilla/A.crt", PEM),
        ("/usr/share/ca-certificates/mozilla/README", "none"),
        ("/usr/local/share/ca-certificates/own.crt", "broken\n"),
    ]);
    let made = ca_certificates(&tree, &NoBlobs).unwrap();
    let conf = String::from_utf8(made.conf.clone()).unwrap();
    assert_eq!(conf.strip_prefix(CONF_HEAD), Some("mozilla/A.crt\nmozilla/B, Root (1).crt\n"));
    assert_eq!(String::from_utf8(made.bundle.clone()).unwrap(), format!("{PEM}{PEM}broken\n"));
    assert_eq!(link(&made, "A.pem").unwrap(), "/usr/share/ca-certificates/mozilla/A.crt");
    assert_eq!(link(&made, "B__Root_=1=.pem").unwrap(), "/usr/share/ca-certificates/mozilla/B, Root (1).crt");
    assert_eq!(link(&made, "own.pem").unwrap(), "/usr/local/share/ca-certificates/own.crt");
    // The second one is the same certificate.
    assert_eq!(link(&made, &format!("{HASH}.0")).unwrap(), "A.pem");
    assert_eq!(made.links.len(), 4);
}

#[test]
fn a_list_that_is_there_is_kept() {
    let conf = "# mine\n!mozilla/A.crt\nmozilla/B.crt\nmozilla/gone.crt\n";
    let tree = tree(&[
        (CONF, conf),
        ("/usr/share/ca-certificates/mozilla/A.crt", PEM),
        ("/usr/share/ca-certificates/mozilla/B.crt", PEM),
        ("/usr/share/ca-certificates/mozilla/C.crt", PEM),
    ]);
    let made = ca_certificates(&tree, &NoBlobs).unwrap();
    assert_eq!(made.conf, conf.as_bytes());
    assert_eq!(made.bundle, PEM.as_bytes());
    assert_eq!(link(&made, "B.pem").unwrap(), "/usr/share/ca-certificates/mozilla/B.crt");
    assert_eq!(made.links.len(), 2);
}

#[test]
fn damaged_certificates_have_no_hash() {
    let whole = pem::only_certificate(PEM.as_bytes()).unwrap();
    assert_eq!(format!("{:08x}", der::subject_hash(&whole).unwrap()), HASH);
    for length in 0..whole.len() {
        assert_eq!(der::subject_hash(&whole[..length]), None);
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        der::subject_hash(&damaged);
    }
}

#[test]
fn openssl_gives_the_same_names() {
    let Some(tool) = tool("openssl") else { return };
    let folder = Folder::new();
    let key = folder.path().join("key.pem");
    let run = |arguments: &[&str]| {
        let output = Command::new(&tool).args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key.to_str().unwrap()]);
    // One subject twice, so that a hash occurs twice; many values in one name; blanks and capitals.
    let subjects = [
        "/C=AQ/O=Example Trust/CN=Root 1",
        "/C=AQ/O=example   TRUST /CN=root 1",
        "/C=AQ/O=B+OU=A+L=C/CN=multi",
        "/CN=  \u{c4}\u{d6}\u{fc}  \u{65e5}\u{672c}  /emailAddress=A@EXAMPLE.invalid/DC=Example",
        &format!("/O={}/CN=long", "x".repeat(60)),
        "/UID=0/serialNumber=12 34/2.5.4.97=NTR",
    ];
    std::fs::create_dir(folder.path().join("certs")).unwrap();
    let mut tree = tree(&[]);
    for (i, subject) in subjects.iter().enumerate() {
        let name = format!("c{i}.pem");
        let (serial, out) = (format!("{}", i + 1), format!("certs/{name}"));
        let mut arguments =
            vec!["req", "-x509", "-new", "-utf8", "-multivalue-rdn", "-key", "key.pem", "-subj", subject];
        // Every other one in another kind of string.
        if i % 2 == 1 && subject.is_ascii() {
            arguments.extend(["-config", "conf"]);
            folder.write("conf", b"[req]\nstring_mask=default\ndistinguished_name=dn\n[dn]\n");
        }
        arguments.extend(["-set_serial", &serial, "-days", "7000", "-out", &out]);
        run(&arguments);
        let text = std::fs::read_to_string(folder.path().join(&out)).unwrap();
        add(&mut tree, &format!("usr/share/ca-certificates/c{i}.crt"), &text);
        let hash = run(&["x509", "-noout", "-hash", "-in", &out]);
        let ours = der::subject_hash(&pem::only_certificate(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(format!("{ours:08x}"), hash.trim(), "{subject}");
    }
    run(&["rehash", "certs"]);
    let made = ca_certificates(&tree, &NoBlobs).unwrap();
    let mut hashes: Vec<_> =
        made.links.iter().map(|(link, _)| String::from_utf8_lossy(link.name().unwrap()).into_owned()).collect();
    hashes.retain(|name| !name.ends_with(".pem"));
    let theirs = std::fs::read_dir(folder.path().join("certs")).unwrap().map(|entry| entry.unwrap());
    let mut theirs: Vec<_> = theirs.map(|entry| entry.file_name().into_string().unwrap()).collect();
    theirs.retain(|name| !name.ends_with(".pem"));
    theirs.sort();
    assert_eq!(hashes, theirs);
    assert!(hashes.iter().any(|name| name.ends_with(".1")));
}

#[test]
fn a_circle_of_folders_ends() {
    let mut tree = tree(&[("/usr/local/share/ca-certificates/a/x.crt", PEM)]);
    let circle = TreePath::literal("/usr/local/share/ca-certificates/a/again");
    tree.insert(&circle, Node::symlink("..", 0)).unwrap();
    tree.get_mut(&TreePath::root()).unwrap().metadata = Metadata::root(0o755, 0);
    let made = ca_certificates(&tree, &NoBlobs).unwrap();
    assert_eq!(link(&made, &format!("{HASH}.0")).unwrap(), "x.pem");
}
