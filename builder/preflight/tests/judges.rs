//! Whether others can read our reports: a validator of JSON Schema, an XML parser.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::io::Write;
use std::process::{Command, Stdio};

use rootsmith_preflight::{
    Facts, Finding, Judged, Packages, Report, Said, Sizes, Upstream, Verdict, Wanted, check, sets,
};
use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::{Arch, Subject, TreePath};

/// What a stranger may have written into an image.
const HOSTILE: &str = "</failure>]]>&<!--\"' \u{0}\u{1b}[2J\u{b}\u{202e}\u{fffe}\u{ffff}\r\n\t\u{85}大\u{1f600}";

fn wanted() -> Vec<Wanted> {
    let wanted = |set: &rootsmith_preflight::Set| Wanted { name: set.id(), text: None, subject: Subject::Host };
    sets().iter().map(wanted).collect()
}

/// Every set on an image that has next to nothing: failures, warnings, and what cannot be told.
fn poor() -> Judged {
    let meta = Metadata::root(0o755, 0);
    let mut tree = Tree::new(meta.clone());
    for (path, text) in [("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"), ("/usr/bin/mount", "text")] {
        let path = TreePath::literal(path);
        tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
        tree.insert(&path, Node::file(Content::inline(text), meta.clone())).unwrap();
    }
    let facts = Facts { tree: &tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let report = check(&facts, None, &wanted()).unwrap();
    let mut judged = Judged::new("poor.tar", Some(Arch::Amd64), &wanted(), report);
    judged.sizes = Some(Sizes::of(&tree, &Packages::read(&tree, &NoBlobs)));
    judged.notes.push("nothing but two files".to_owned());
    judged
}

/// One finding of each kind, every text of them hostile.
fn hostile() -> Judged {
    let verdicts =
        [Verdict::Pass, Verdict::Warning, Verdict::Fail, Verdict::Accepted(HOSTILE.to_owned()), Verdict::NotApplicable];
    let said = [Some(Said::Pass), Some(Said::Warning), Some(Said::Rejected), Some(Said::Error), None];
    let findings = verdicts.into_iter().zip(said).enumerate().map(|(at, (verdict, said))| Finding {
        check: format!("{at}{HOSTILE}"),
        set: HOSTILE.to_owned(),
        verdict,
        title: HOSTILE.to_owned(),
        evidence: vec![HOSTILE.to_owned(); 2],
        upstream: Some(Upstream { probe: HOSTILE.to_owned(), said }),
        cure: Some(HOSTILE.to_owned()),
        subject: Subject::Host,
    });
    let report = Report { findings: findings.collect(), grades: Vec::new() };
    Judged { notes: vec![HOSTILE.to_owned()], ..Judged::new(HOSTILE, None, &[], report) }
}

/// What a Python program says of `input`; `None` where Python or a module of it is missing, which is a failure where judges are
/// demanded.
fn python(modules: &[&str], program: &str, input: &str) -> Option<Result<String, String>> {
    let imports: String = modules.iter().map(|module| format!("import {module}\n")).collect();
    let there = Command::new("python3").args(["-c", &imports]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3 with {} not found", modules.join(", "));
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "REQUIRE_ORACLES is set");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", &format!("import sys\n{imports}{program}"), concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
}

/// `None` where the judge is missing.
fn valid(json: &str) -> Option<bool> {
    let program = "schema = json.load(open(sys.argv[1] + '/preflight-report.schema.json'))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(json.loads(sys.stdin.buffer.read()))
";
    python(&["json", "jsonschema"], program, json).map(|said| match said {
        Ok(_) => true,
        Err(error) if error.contains("ValidationError") => false,
        Err(error) => panic!("{error}"),
    })
}

#[test]
fn reports_follow_the_published_schema_and_others_do_not() {
    let (poor, hostile) = (poor(), hostile());
    for json in [poor.json(), poor.report.to_json(), hostile.json(), hostile.report.to_json()] {
        let Some(valid) = valid(&json) else { return };
        assert!(valid, "{json}");
    }
    let json = poor.report.to_json();
    for (from, to) in [
        ("\"schema\": 1", "\"schema\": 2"),
        ("\"verdict\": \"fail\"", "\"verdict\": \"failed\""),
        ("\"grade\": \"rejected\"", "\"grade\": \"bad\""),
        ("\"cure\": ", "\"cures\": "),
        ("\"grades\": ", "\"grade\": "),
        ("\"evidence\": [", "\"found\": ["),
    ] {
        assert!(json.contains(from), "{from}");
        assert_eq!(valid(&json.replacen(from, to, 1)), Some(false), "{from}");
    }
}

#[test]
fn an_xml_parser_finds_the_same_cases_in_junit() {
    let program = "root = xml.etree.ElementTree.fromstring(sys.stdin.buffer.read())
assert root.tag == 'testsuites'
for suite in root:
    kinds = {'failure': 0, 'skipped': 0, 'system-out': 0}
    for case in suite:
        assert case.tag == 'testcase' and case.get('classname') == suite.get('name'), case.attrib
        for child in case:
            kinds[child.tag] += 1
    assert int(suite.get('tests')) == len(suite), suite.attrib
    assert int(suite.get('failures')) == kinds['failure'] and int(suite.get('skipped')) == kinds['skipped'], kinds
    print(len(suite), kinds['failure'], kinds['skipped'], kinds['system-out'])
for sum in 'tests', 'failures', 'skipped':
    assert int(root.get(sum)) == __builtins__.sum(int(suite.get(sum)) for suite in root), sum
";
    let poor = poor();
    let Some(said) = python(&["xml.etree.ElementTree"], program, &poor.junit()) else { return };
    let said = said.unwrap();
    assert_eq!(said.lines().count(), sets().len(), "{said}");
    for (line, set) in said.lines().zip(sets()) {
        let count = |wanted: fn(&Verdict) -> bool| {
            poor.report.findings.iter().filter(|it| it.set == set.id() && wanted(&it.verdict)).count()
        };
        let skipped = count(|verdict| matches!(verdict, Verdict::NotApplicable | Verdict::Accepted(_)));
        let failed = count(|verdict| *verdict == Verdict::Fail);
        assert!(line.starts_with(&format!("{} {failed} {skipped} ", set.checks.len())), "{}: {line}", set.id());
    }
    let said = python(&["xml.etree.ElementTree"], program, &hostile().junit()).unwrap().unwrap();
    assert_eq!(said, "5 1 2 3\n");
    // The judge can say no.
    assert!(
        python(&["xml.etree.ElementTree"], program, &poor.junit().replacen("failures=\"", "failures=\"1", 2))
            .unwrap()
            .is_err()
    );
}
