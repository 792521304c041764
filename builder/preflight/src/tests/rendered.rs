//! Reports as they are shown: words, JSON, JUnit, one page; and the pages of the documentation.

use std::path::Path;

use super::*;

const PLAIN: TextStyle = TextStyle { width: 100, verbose: false, colours: Colours::plain() };

/// An image with something of everything: failures, warnings, what k0s would not notice, and what cannot be told.
fn mixed() -> Judged {
    let mut image = good();
    image.config("CONFIG_MEMCG=y", "# CONFIG_MEMCG is not set");
    image.cmdline("cgroup_disable=memory");
    image.put("/etc/hosts", 0o644, "127.0.0.1 localhost\n");
    image.boot.root.available = NumBytes::mib(10);
    let wanted = names(&["k0s-worker@1.36", "boot"]);
    let mut judged = Judged::new("a.img", Some(Arch::Amd64), &wanted, image.report());
    for finding in &mut judged.report.findings {
        if finding.check == "host.disk-free" {
            finding.verdict = Verdict::Accepted("the data lies on a disk of its own".to_owned());
        }
        if finding.check == "cgroup.memory" {
            finding.upstream =
                Some(Upstream { probe: "cgroup controller \"memory\"".to_owned(), said: Some(Said::Pass) });
        }
    }
    judged.sizes = Some(Sizes::of(&image.tree, &Packages::read(&image.tree, &NoBlobs)));
    judged.notes.push("the disk has two squashfs images; the larger was read".to_owned());
    judged
}

#[test]
fn the_text_shows_what_is_wrong_and_counts_the_rest() {
    let text = mixed().text(&PLAIN);
    let title = &Set::find(&names(&["k0s-worker@1.36"])[0]).unwrap().title;
    let begin = format!("a.img (amd64)\n\nk0s-worker@1.36: {title}\n  fails      cgroup.memory: ");
    assert!(text.starts_with(&begin), "{text}");
    let memory = "  fails      cgroup.memory: the cgroup controller `memory` can be used
             the kernel command line has `cgroup_disable=memory`
             `CONFIG_MEMCG=y` is not in `/boot/config-6.12.107+deb13-cloud-amd64`
             k0s would not notice
             cure: choose a kernel with CONFIG_MEMCG=y, without `cgroup_disable=memory`
";
    assert!(text.contains(memory), "{text}");
    // It warns of what is but a warning to us, too: nothing to be said.
    assert_eq!(text.matches("k0s only warns").count(), 0, "{text}");
    assert!(text.contains("             accepted: the data lies on a disk of its own\n"), "{text}");
    assert!(text.contains("\nk0s-worker@1.36: rejected ("), "{text}");
    assert!(text.contains(" undecided)\n\nboot: the machine starts\n"), "{text}");
    assert!(text.ends_with("\nnote: the disk has two squashfs images; the larger was read\n"), "{text}");
    assert!(!text.contains("exec.mount"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn more_text_when_asked_for_and_colours_change_nothing_else() {
    let judged = mixed();
    let verbose = judged.text(&TextStyle { verbose: true, ..PLAIN });
    for finding in &judged.report.findings {
        assert!(verbose.contains(&format!("  {}: ", finding.check)), "{}", finding.check);
    }
    let coloured = judged.text(&TextStyle { colours: Colours::terminal(), ..PLAIN });
    assert!(coloured.contains("\u{1b}["));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(plain + rest, judged.text(&PLAIN));
}

#[test]
fn a_clean_image_says_so_in_one_line_for_each_set() {
    let boot = sets().iter().find(|set| set.id() == "boot").unwrap();
    let judged = Judged::new("a.img", None, &names(&["boot"]), good().judged_by(boot));
    let expected = "a.img\n\nboot: the machine starts\n  7 pass\nboot: clean (7 of 7)\n";
    assert_eq!(judged.text(&PLAIN), expected);
}

#[test]
fn what_an_image_calls_itself_moves_no_cursor() {
    let mut judged = mixed();
    judged.target = "a\u{1b}]0;b\u{7}\n.img".to_owned();
    judged.report.findings[0].verdict = Verdict::Fail;
    judged.report.findings[0].evidence = vec!["\u{202e}\u{1b}[2J".to_owned()];
    let text = judged.text(&PLAIN);
    assert!(text.starts_with("a\\u{1b}]0;b\\u{7}\\u{a}.img (amd64)\n"), "{text}");
    assert!(text.contains("\\u{202e}\\u{1b}[2J"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[test]
fn every_form_is_the_same_bytes_each_time() {
    let (a, b) = (mixed(), mixed());
    assert_eq!(a.html(), b.html());
    assert_eq!(a.junit(), b.junit());
    assert_eq!(a.json(), b.json());
}

#[test]
fn one_format_of_json_with_more_or_less_in_it() {
    let judged = mixed();
    let whole: serde_json::Value = serde_json::from_str(&judged.json()).unwrap();
    let least: serde_json::Value = serde_json::from_str(&judged.report.to_json()).unwrap();
    assert_eq!(whole["findings"], least["findings"]);
    assert_eq!(whole["grades"][0], serde_json::json!({ "set": "boot", "grade": "clean" }));
    assert_eq!(whole["target"], "a.img");
    assert!(least.get("target").is_none() && least["schema"] == 1);
}

#[test]
fn each_check_can_be_explained() {
    for check in sets().iter().flat_map(|set| &set.checks) {
        let text = explain(&check.id, sets(), 80).unwrap();
        for part in ["how it is decided\n  It is met when ", "what to do\n", "where it is demanded\n"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(list_checks(sets()).contains(&format!("\n  {} ", check.id)), "{}", check.id);
    }
    let memory = explain("cgroup.memory", sets(), 80).unwrap();
    assert!(memory.starts_with("cgroup.memory: the cgroup controller `memory` can be used\n"), "{memory}");
    assert!(memory.contains("`cgroup_disable=memory`"), "{memory}");
    let error = explain("cgroup.memroy", sets(), 80).unwrap_err();
    assert_eq!(error.to_string(), "there is no preflight check `cgroup.memroy`");
    assert_eq!(rootsmith_types::Explain::help(&error).as_deref(), Some("did you mean `cgroup.memory`?"));
}

#[test]
fn the_documentation_is_what_the_sets_say() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |name: &str| std::fs::read_to_string(docs.join(name)).unwrap();
    let stale = |name: &str| format!("builder/docs/{name} is stale: run `cargo xtask docs`");
    assert!(read(CHECKS_PAGE) == checks_page(sets()), "{}", stale(CHECKS_PAGE));
    let page = read(SETS_PAGE);
    assert!(sets_page(&page).as_ref() == Some(&page), "{}", stale(SETS_PAGE));
}

/// `k0s sysinfo` 1.36 prints 83 lines with a worker's role; the page shows the check of each.
#[test]
fn every_probe_of_k0s_is_in_the_documentation() {
    let page = checks_page(sets());
    let (_, table) = page.split_once("\n## Probes of `k0s sysinfo`\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    assert_eq!(table.lines().filter(|line| line.starts_with("| `")).count(), 83, "{table}");
    assert!(table.contains("have 83 probes"), "{table}");
}

/// The table is read out of the source's comments: it must have found them all.
#[test]
fn every_rule_that_a_set_names_is_documented() {
    let page = sets_page("<!-- what follows is written by `cargo xtask docs` -->\n<!-- up to here -->\n").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sets");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // Keys of an inline table inside are symbols, not parameters.
        for line in text.lines().filter_map(|line| line.strip_prefix("rule.")) {
            let (name, keys) = line.split_once(" = ").unwrap();
            let row = page.lines().find(|row| row.starts_with(&format!("| `{name}` | ")));
            let row = row.unwrap_or_else(|| panic!("`{name}` is not documented"));
            assert!(!row.ends_with("|  |"), "{row}");
            let keys = keys.strip_prefix('{').unwrap_or(keys);
            let keys: String = keys.split('{').take(1).collect();
            for key in keys.split(',').filter_map(|part| Some(part.split_once(" =")?.0.trim())) {
                assert!(row.contains(&format!("`{key}` (")), "{key}: {row}");
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
    // A variant that no line of the set files spells out.
    assert!(
        page.contains("| `kconfig` | `symbol` (text): Without `CONFIG_`.<br>`module` (text, may be left out): "),
        "{page}"
    );
}
