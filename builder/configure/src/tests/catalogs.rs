//! Catalogs of XML and SGML, beside what the real programs leave of the same calls.

use std::collections::BTreeMap;
use std::path::Path as HostPath;
use std::process::Command;

use super::*;
use crate::generate::oracle::{Folder, tool};

const FOLDERS: [&str; 4] = ["/etc/xml", "/var/lib/xml-core", "/etc/sgml", "/var/lib/sgml-base"];

/// What xml-core, sgml-base and some package with catalogs bring.
const FILES: [(&str, &str); 14] = [
    ("/usr/share/xml-core/catalog.header", "<?xml version=\"1.0\"?>\n<catalog xmlns=\"urn:x\">\n"),
    ("/usr/share/xml-core/catalog.footer", "</catalog>\n"),
    ("/usr/share/sgml-base/catalog.centralized", "-- \n## CATALOG : centralized catalog\n--\n"),
    ("/usr/share/thing/catalog.xml", "<catalog/>\n"),
    ("/usr/share/thing/other.xml", "<catalog/>\n"),
    ("/usr/share/thing/dtd", "dtd"),
    ("/usr/share/thing/catalog", "CATALOG\n"),
    ("/etc/sgml/plain.cat", "CATALOG /usr/share/thing/catalog\n"),
    ("/etc/sgml/gone.cat", "CATALOG \"/usr/share/gone/catalog\"\n"),
    (
        "/etc/sgml/quiet.cat",
        "-- CATALOG /usr/share/gone -- BASE '/usr/share/thing' PUBLIC x y\ncatalog -- a\nb -- \"dtd\"\n",
    ),
    ("/etc/sgml/relative.cat", "CATALOG plain.cat\nCATALOG nothing.cat\n"),
    ("/etc/sgml/.hidden.cat", "x\n"),
    ("/etc/sgml/other.txt", "x\n"),
    ("/etc/sgml/odd.cat", "it's -- not closed\nCATALOG plain.cat\n"),
];

/// Calls, one a line: of the program, its words, and how it ends.
const CALLS: &str = r#"
update-xmlcatalog --sort --add --type public --id "-//x//DTD B 1.0//EN" --package thing --local @/usr/share/thing/catalog.xml : 0
update-xmlcatalog --sort --add --type system --id "http://x/a.dtd" --package thing --local @/usr/share/thing/catalog.xml : 0
update-xmlcatalog --sort --add --type uri --id "http://x/" --package thing --local @/usr/share/thing/other.xml : 0
update-xmlcatalog --sort --add --type uri --id "http://x/" --package thing --local @/usr/share/thing/other.xml : 0
update-xmlcatalog --sort --add --type uri --id "http://x/" --package thing --local @/usr/share/thing/catalog.xml : 1
update-xmlcatalog --sort --add --root --type public --id "-//x//DTD B 1.0//EN" --package thing : 0
update-xmlcatalog --sort --add --root --type uri --id=a>b --package=thing : 0
update-xmlcatalog --sort --add --root --type system --id "http://x/a.dtd" --package thing : 0
update-xmlcatalog --sort --add --root --type system --id "http://x/a.dtd" --package nothing : 1
update-xmlcatalog --sort --del --root --type public --id "-//x//DTD B 1.0//EN" : 0
update-xmlcatalog --sort --del --root --type public --id "-//x//DTD B 1.0//EN" : 1
update-xmlcatalog --sort --add --type system --id "http://x/" --local @/usr/share/thing/other.xml --file @/usr/share/thing/dtd : 0
update-xmlcatalog --sort --add --type uri --id "http://x/" --local @/usr/share/thing/other.xml --file @/usr/share/thing/dtd : 0
update-xmlcatalog --sort --del --type uri --id "http://x/" --package thing : 0
update-xmlcatalog --sort --add --type public --id "p" --package brief --local @/usr/share/thing/catalog.xml : 0
update-xmlcatalog --sort --del --type public --id "p" --package brief : 0
update-xmlcatalog --sort --del --type public --id "p" --package brief : 1
update-xmlcatalog --add --del --type public --id "p" --package brief : 1
update-xmlcatalog --add --type pubic --id "p" --package brief --local @/usr/share/thing/catalog.xml : 1
update-xmlcatalog --add --type public --package brief --local @/usr/share/thing/catalog.xml : 1
update-xmlcatalog --add --type public --id "p" --package brief --local @/usr/share/thing/none.xml : 1
update-xmlcatalog --add --type public --id "p" --package brief : 1
update-xmlcatalog --add --root --type public --id "p" : 1
update-catalog --quiet --add @/etc/sgml/new.cat @/usr/share/thing/catalog : 0
update-catalog --quiet --add @/etc/sgml/new.cat @/usr/share/thing/dtd : 0
update-catalog --quiet --add @/etc/sgml/new.cat @/usr/share/thing/catalog : 0
update-catalog --quiet --remove @/etc/sgml/plain.cat @/usr/share.thing/cat : 0
update-catalog --quiet --remove : 1
update-catalog --quiet --add --update-super : 1
"#;

/// The words of a call, its paths below `root`, and its status.
fn calls(root: &str) -> Vec<(Vec<String>, i32)> {
    let word = |word: &str| match word.strip_prefix('@') {
        Some(path) => format!("{root}{path}"),
        None => word.to_owned(),
    };
    let call = |line: &str| {
        let (line, status) = line.rsplit_once(" : ").unwrap();
        // What is quoted may have spaces.
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().map(word).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        });
        (words.collect(), status.parse().unwrap())
    };
    CALLS.lines().filter(|line| !line.is_empty()).map(call).collect()
}

/// What our commands leave in the four folders.
fn ours() -> BTreeMap<String, String> {
    let mut pack = Pack::default();
    let quoted = |words: &[String]| words.iter().map(|word| format!("'{word}' ")).collect::<String>();
    let mut script = format!("#!/bin/sh\nset -e\nmkdir -p {}\n", FOLDERS.join(" "));
    for (words, status) in calls("") {
        script += &format!("s=0; {} || s=$?; [ $s = {status} ]\n", quoted(&words));
    }
    script += "update-catalog --update-super\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", &script)], &FILES)];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    let mut found = BTreeMap::new();
    for folder in FOLDERS.map(TreePath::literal).iter().chain(&[TreePath::literal("/usr/share/thing")]) {
        for name in assembly.tree.children(folder) {
            let content = assembly.tree.get(&folder.join(name).unwrap()).unwrap().content().unwrap();
            let text = String::from_utf8(content.read(&pack, 1 << 20).unwrap().to_vec()).unwrap();
            found.insert(folder.join(name).unwrap().to_string(), text);
        }
    }
    found
}

/// The same of the real programs, made to work below a folder.
fn theirs(root: &HostPath, programs: [&HostPath; 2]) -> BTreeMap<String, String> {
    let at = root.to_str().unwrap();
    let scripts = programs.map(|program| {
        let text = std::fs::read_to_string(program).unwrap();
        let inside = ["'/etc/xml'", "'/var/lib/", "'/usr/share/", "\"/usr/share/", "\"/etc/sgml\"", "\"/var/lib/"];
        let text = inside.iter().fold(text, |text, path| {
            let (quote, rest) = path.split_at(1);
            text.replace(path, &format!("{quote}{at}{rest}"))
        });
        let script = root.join(program.file_name().unwrap());
        std::fs::write(&script, text).unwrap();
        script
    });
    let run = |words: &[String], status: i32| {
        let script = scripts.iter().find(|script| script.ends_with(&words[0])).unwrap();
        let output = Command::new("perl").arg(script).args(&words[1..]).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (words, status) in calls(at) {
        run(&words, status);
    }
    run(&["update-catalog".to_owned(), "--update-super".to_owned()], 0);
    let mut found = BTreeMap::new();
    for folder in FOLDERS.iter().chain(&["/usr/share/thing"]) {
        for entry in std::fs::read_dir(format!("{at}{folder}")).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap().replace(&at.replace('/', "_"), "");
            let text = std::fs::read_to_string(entry.path()).unwrap().replace(at, "");
            found.insert(format!("{folder}/{name}"), text);
        }
    }
    found
}

#[test]
fn the_real_programs_leave_the_same() {
    let (Some(xml), Some(sgml), Some(_)) = (tool("update-xmlcatalog"), tool("update-catalog"), tool("perl")) else {
        return;
    };
    let folder = Folder::new();
    for (path, text) in FILES {
        // What refers to files below the root has to find them.
        let text = text.replace("/usr/share/", &format!("{}/usr/share/", folder.path().display()));
        folder.write(&path[1..], text.as_bytes());
    }
    for path in FOLDERS {
        std::fs::create_dir_all(folder.path().join(&path[1..])).unwrap();
    }
    let theirs = theirs(folder.path(), [&xml, &sgml]);
    let mut ours = ours();
    // Of the run before any catalog was there, which the calls above have not.
    assert!(ours.remove("/var/lib/sgml-base/supercatalog.old").is_some());
    assert_eq!(ours, theirs);
}

#[test]
fn catalogs_and_their_backups_are_left() {
    let found = ours();
    assert_eq!(
        found["/etc/xml/catalog"],
        "<?xml version=\"1.0\"?>\n<catalog xmlns=\"urn:x\">\n\
         <delegateSystem systemIdStartString=\"http://x/a.dtd\" catalog=\"file:///etc/xml/thing.xml\"/>\n\
         <delegateURI uriStartString=\"a b\"/>\n</catalog>\n"
    );
    assert!(!found.contains_key("/etc/xml/brief.xml") && found.contains_key("/etc/xml/brief.xml.old"));
    assert!(!found.contains_key("/var/lib/xml-core/brief"));
    let list = &found["/var/lib/sgml-base/supercatalog"];
    let names: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("CATALOG /etc/sgml/")).collect();
    assert_eq!(names, ["new.cat", "odd.cat", "plain.cat", "quiet.cat"]);
    assert!(
        found["/etc/sgml/new.cat"].ends_with("--\nCATALOG /usr/share/thing/dtd\nCATALOG /usr/share/thing/catalog\n")
    );
}

#[test]
fn what_update_catalog_might_take_for_a_pattern_is_refused() {
    let mut pack = Pack::default();
    let script = "#!/bin/sh\nupdate-catalog --quiet --add /etc/sgml/x.cat '/usr/share/lib++/catalog'\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &FILES)];
    let error = run(&profile(""), &packages, &pack).unwrap_err()[0].to_string();
    assert!(error.contains("whose name Perl takes for a pattern"), "{error}");
}
