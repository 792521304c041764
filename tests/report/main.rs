//! The page of a report in a real browser: it loads without a complaint, its script works, and nothing that a stranger
//! wrote into an image becomes a part of it.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::process::Command;

use rootsmith_preflight::{
    Facts, Finding, Grade, Grading, Judged, Part, PartKind, Report, Said, Set, Sizes, Upstream, Verdict, Wanted, check,
    sets,
};
use rootsmith_tests::{judges, said};
use rootsmith_tree::{Metadata, NoBlobs, Tree};
use rootsmith_types::{Arch, NumBytes, Subject};

/// Each begins differently and ends in something that would show: a title, an image, a style, a script, a request.
const HOSTILE: [&str; 8] = [
    "<script>document.title = 'injected'</script>",
    "</title></style></script><script>document.title = 'injected'</script>",
    "\"><img src=x onerror=\"document.title='injected'\">",
    "'><svg onload='document.title=\"injected\"'></svg>",
    "`<b>`</code></details></section></main><i>bold</i>",
    "--><iframe src='https://mirror.invalid/'></iframe><!--",
    "\u{202e}gpj.exe\u{0}\u{1b}[31m\u{2028}\u{feff}\r\n\u{85}",
    "&lt;script&gt; &amp;amp; javascript:alert(1) {{x}} ${x} %3Cscript%3E",
];

/// What Chromium made of a page.
struct Loaded {
    /// The document after its scripts have run.
    dom: String,
    /// What the console said.
    console: Vec<String>,
}

/// `None` where there is no Chromium. The profile is new, and nothing of it talks to a network.
fn load(html: &str, fragment: &str) -> Option<Loaded> {
    if !judges(&["chromium", "timeout"]) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    fs::write(&page, html).unwrap();
    let output = Command::new("timeout")
        .args(["120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--window-size=1280,900"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}#{fragment}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let console = String::from_utf8_lossy(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    Some(Loaded { dom: String::from_utf8(output.stdout).unwrap(), console })
}

/// What stands between the first `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("`{begin}` is not in {text}"));
    rest.split_once(end).unwrap_or_else(|| panic!("`{end}` is not in {rest}")).0
}

/// An image with nothing in it, judged by every set, `boot` first.
fn empty() -> Judged {
    let tree = Tree::new(Metadata::root(0o755, 0));
    let facts = Facts { tree: &tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let (boot, others): (Vec<_>, Vec<_>) = sets().iter().partition(|set| set.id() == "boot");
    let named = |set: &&Set| Wanted { name: set.id(), text: None, subject: Subject::Host };
    let wanted: Vec<Wanted> = boot.iter().chain(&others).map(named).collect();
    let report = check(&facts, None, &wanted).unwrap();
    Judged::new("empty.tar", Some(Arch::Amd64), &wanted, report)
}

/// Hostile in every place that a stranger can write to.
fn hostile() -> Judged {
    let finding = |(at, text): (usize, &&str)| Finding {
        check: format!("{at}.{text}"),
        set: HOSTILE[0].to_owned(),
        verdict: match at % 5 {
            0 => Verdict::Fail,
            1 => Verdict::Warning,
            2 => Verdict::Accepted((*text).to_owned()),
            3 => Verdict::Pass,
            _ => Verdict::NotApplicable,
        },
        title: (*text).to_owned(),
        evidence: HOSTILE.map(str::to_owned).to_vec(),
        upstream: Some(Upstream { probe: (*text).to_owned(), said: Some(Said::Pass) }),
        cure: Some((*text).to_owned()),
        subject: Subject::Host,
    };
    let findings: Vec<Finding> = HOSTILE.iter().enumerate().map(finding).collect();
    let grades = vec![Grade { set: HOSTILE[0].to_owned(), grade: Grading::Rejected }];
    let part = |(at, text): (usize, &&str)| Part {
        name: (*text).to_owned(),
        kind: if at % 2 == 0 { PartKind::Package } else { PartKind::Folder },
        size: NumBytes::mib(1 << at),
        files: 1,
    };
    Judged {
        target: HOSTILE.concat(),
        arch: None,
        sets: Vec::new(),
        report: Report { findings, grades },
        sizes: Some(Sizes::from_parts(HOSTILE.iter().enumerate().map(part))),
        notes: HOSTILE.map(str::to_owned).to_vec(),
    }
}

#[test]
fn the_script_runs_and_the_console_stays_empty() {
    let judged = empty();
    let html = judged.html();
    for way in
        [" src=", "srcset=", "url(", "@import", "<link", "<img", "<iframe", "<object", "fetch(", "XMLHttpRequest"]
    {
        assert!(!html.contains(way), "{way}");
    }
    assert_eq!(html.matches(" href=").count(), html.matches(" href=\"#").count(), "links stay on the page");
    assert!(html.contains("<form class=\"toolbar\" role=\"search\" hidden>"), "useless without the script");
    let Some(page) = load(&html, "check-0-boot.root") else { return };
    assert_eq!(page.console, Vec::<String>::new());
    let shown = between(&page.dom, "<p id=\"shown\" role=\"status\">", "</p>");
    assert_eq!(shown, format!("All {} checks", judged.report.findings.len()));
    assert!(page.dom.contains("<form class=\"toolbar\" role=\"search\">"), "{}", page.dom);
    // The link's target is open, another check of its kind is not.
    let tag = |id: &str| between(&page.dom, &format!("id=\"check-0-{id}\""), ">").to_owned();
    assert!(tag("boot.root").contains("data-kind=\"undecided\" open"), "{}", tag("boot.root"));
    assert!(!tag("boot.entry").contains("open"), "{}", tag("boot.entry"));
}

#[test]
fn the_page_is_filtered_by_verdict_set_and_words() {
    let html = empty().html();
    // Only here: a second script that acts as a reader would. It needs another policy.
    let policy =
        format!("<meta http-equiv=\"Content-Security-Policy\"{}>", between(&html, "Content-Security-Policy\"", ">"));
    let act = "<script>
const visible = () => [...document.querySelectorAll('details.check')].filter((it) => it.checkVisibility());
const say = (name) => document.body.setAttribute('data-' + name, visible().length + '; ' + document.getElementById('shown').textContent);
const type = (text) => { search.value = text; search.dispatchEvent(new Event('input')); };
const search = document.getElementById('search'), set = document.getElementById('set');
type('CGROUP memory'); say('words');
type('no such words'); say('nothing');
type(''); set.value = '0'; set.dispatchEvent(new Event('change')); say('set');
document.querySelector('button.fail').click(); say('verdict');
document.body.setAttribute('data-fails', visible().filter((it) => it.matches('.fail')).length);
document.getElementById('unfold').click();
document.body.setAttribute('data-closed', visible().filter((it) => !it.open).length);
</script></body>";
    let html = html.replace(&policy, "").replace("</body>", act);
    let Some(page) = load(&html, "") else { return };
    assert_eq!(page.console, Vec::<String>::new());
    let judged = empty();
    let all = judged.report.findings.len();
    let said = |name: &str| between(&page.dom, &format!("data-{name}=\""), "\"").to_owned();
    let count = |wanted: &dyn Fn(&Finding) -> bool| judged.report.findings.iter().filter(|it| wanted(it)).count();
    let words: usize = said("words").split(';').next().unwrap().parse().unwrap();
    assert!(words >= 1 && words < all, "{words}");
    assert_eq!(said("nothing"), format!("0; 0 of {all} checks"));
    let first = "boot";
    let of_set = count(&|it| it.set == first);
    assert_eq!(said("set"), format!("{of_set}; {of_set} of {all} checks"));
    let left = count(&|it| it.set == first && it.verdict != Verdict::Fail);
    assert!(left < of_set);
    assert_eq!(said("verdict"), format!("{left}; {left} of {all} checks"));
    assert_eq!(said("fails"), "0");
    assert_eq!(said("closed"), "0");
}

#[test]
fn nothing_that_an_image_says_becomes_a_part_of_the_page() {
    let html = hostile().html();
    assert!(!html.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}' || c == '\u{feff}'));
    let Some(page) = load(&html, "") else { return };
    assert_eq!(page.console, Vec::<String>::new());
    assert_eq!(between(&page.dom, "<p id=\"shown\" role=\"status\">", "</p>"), "All 8 checks");
    let count = |tag: &str| page.dom.matches(tag).count();
    assert_eq!((count("<script"), count("<style"), count("<title>Preflight: ")), (1, 1, 1));
    for tag in ["<img", "<iframe", "<i>", "<b>gpj", "<svg onload", "<title>injected"] {
        assert_eq!(count(tag), 0, "{tag}");
    }
    // All of it can be read, as text.
    assert!(page.dom.contains("&lt;script&gt;document.title = 'injected'&lt;/script&gt;"));
    assert!(page.dom.contains("\\u{202e}gpj.exe\\u{0}\\u{1b}[31m\\u{2028}\\u{feff}\\u{d}\\u{a}\\u{85}"));
    assert!(page.dom.contains("&amp;lt;script&amp;gt; &amp;amp;amp; javascript:alert(1)"));
    assert_eq!(count("<details class=\"check"), HOSTILE.len());
}

/// Should something ever get through, the policy stops it; and the judge notices.
#[test]
fn what_got_into_the_page_would_not_run() {
    let slipped = format!("<main>{}<style>h1 {{ color: red }}</style>", HOSTILE[..3].concat());
    let html = empty().html().replacen("<main>", &slipped, 1);
    let Some(page) = load(&html, "") else { return };
    assert!(!page.dom.contains("<title>injected"), "{}", page.dom);
    assert!(page.dom.contains("<title>Preflight: empty.tar</title>"));
    let blocked = page.console.iter().filter(|line| line.contains("Content Security Policy")).count();
    assert!(blocked >= 3, "{:?}", page.console);
    // Ours still does.
    assert!(between(&page.dom, "<p id=\"shown\" role=\"status\">", "</p>").starts_with("All "));
}
