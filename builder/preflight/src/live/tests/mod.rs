//! The answers of a machine that was really asked, and what each check makes of a changed one.

mod changes;
mod script;

use std::collections::BTreeSet;

use super::*;
use crate::tests::good;
use crate::{Rule, Set, Verdict, Wanted, sets};
use changes::{Change, changes};
use rootsmith_tree::NoBlobs;
use rootsmith_types::{Arch, Subject};

/// What `profiles/k0s-worker.toml` answered under QEMU, asked all sets.
const MACHINE: &str = include_str!("k0s-worker.answers");

/// `KEY=VALUE` lines as they come over a console.
fn framed(lines: &[String], token: &str) -> String {
    let mut text = format!("[  OK  ] Reached target multi-user.target\r\nnode login: \r\n@rs {token} 1 9 torn");
    for _ in 0..2 {
        for (at, line) in lines.iter().enumerate() {
            text.push_str(&format!("\r\n@rs {token} {} {} {line}", at + 1, line.len()));
        }
        text.push_str(&format!("\r\n@rs {token} all {}\r\n[   77.1] random: crng init done\r\n", lines.len()));
    }
    text
}

/// The machine's answers with some changed: all lines of a key for one, or for none.
fn answers(changed: &[Change]) -> Answers {
    let mut lines: Vec<String> = MACHINE.lines().map(str::to_owned).collect();
    for (key, values) in changed {
        lines.retain(|line| line.split_once('=').is_none_or(|(there, _)| there != key));
        lines.extend(values.iter().map(|value| format!("{key}={value}")));
    }
    Answers::parse(&framed(&lines, "t0"), "t0").unwrap()
}

fn every_set() -> Vec<Wanted> {
    sets().iter().map(|set| wanted(&set.id())).collect()
}

fn wanted(name: &str) -> Wanted {
    Wanted { name: name.to_owned(), text: None, subject: Subject::Host }
}

#[test]
fn the_real_machine_is_a_worker() {
    let report = check(&answers(&[]), &[wanted("boot"), wanted("k0s-worker"), wanted("golden-image")]).unwrap();
    let mut undecided = BTreeSet::new();
    for finding in &report.findings {
        match finding.answer {
            Answer::Yes => {}
            Answer::OnlyImage | Answer::Unknown => {
                undecided.insert(finding.check.as_str());
            }
            answer => panic!("{}: {answer:?}, {:?}", finding.check, finding.evidence),
        }
    }
    // Only what a running system cannot know is left to the image.
    let other = |id: &&&str| !id.starts_with("identity.") && !id.starts_with("payload.");
    let left: Vec<&str> = undecided.iter().filter(other).copied().collect();
    assert_eq!(
        left,
        [
            "kconfig.NF_CONNTRACK_IPV4",
            "kconfig.NF_CONNTRACK_IPV6",
            "kconfig.NF_NAT_IPV4",
            "kconfig.NF_NAT_IPV6",
            "kernel.config-embedded",
        ]
    );
}

#[test]
fn every_check_that_is_asked_notices_what_it_is_for() {
    for set in sets() {
        for check in &set.checks {
            let Some((fine, wrong)) = changes(&check.rule) else {
                let found = finding(&answers(&[]), set, &check.id);
                // A running system can confirm these, and nothing else.
                let confirmed =
                    matches!(check.rule, Rule::AppArmor {} | Rule::ModuleCompression {} | Rule::SelinuxPolicy {});
                let decided = !matches!(found.answer, Answer::OnlyImage | Answer::Unknown);
                assert!(confirmed || !decided, "{} is decided, but never broken: {found:?}", check.id);
                continue;
            };
            assert!(!wrong.is_empty(), "{} is never broken", check.id);
            let found = finding(&answers(&fine), set, &check.id);
            assert_eq!(found.answer, Answer::Yes, "{} of {}: {:?}", check.id, set.id(), found.evidence);
            for (at, change) in wrong.into_iter().enumerate() {
                let all: Vec<Change> = fine.iter().cloned().chain(change).collect();
                let found = finding(&answers(&all), set, &check.id);
                assert_eq!(found.answer, Answer::No, "{}, change {at}: {:?}", check.id, found.evidence);
                assert!(!found.evidence.is_empty(), "{}", check.id);
            }
        }
    }
}

fn finding(answers: &Answers, set: &Set, id: &str) -> LiveFinding {
    let report = check(answers, &[wanted(&set.id())]).unwrap();
    report.findings.into_iter().find(|finding| finding.check == id).unwrap()
}

#[test]
fn a_changed_answer_flips_exactly_its_checks() {
    let sets = [wanted("boot"), wanted("k0s-worker")];
    let before = check(&answers(&[]), &sets).unwrap();
    let cases: [(&str, &str, &[&str]); 19] = [
        ("efi", "no", &["boot.entry"]),
        ("root.names", "label=other", &["boot.root"]),
        ("limits.hard", "4096", &["host.open-files"]),
        ("memory.kib", "500000", &["host.memory"]),
        ("room:/var/lib/k0s", "4000000 1300000", &["host.disk-free"]),
        ("program.mount", "none", &["exec.mount"]),
        ("program.umount", "127 /usr/bin/umount", &["exec.umount"]),
        ("program.modprobe", "none", &["exec.modprobe"]),
        ("type.proc", "ef53", &["host.procfs"]),
        ("type.cgroup", "62656572", &["cgroup.v2"]),
        ("device.closed", "opened", &["cgroup.devices"]),
        ("cgroup.freeze", "no", &["cgroup.freezer"]),
        ("cgroup.controllers", "cpuset cpu io hugetlb pids", &["cgroup.memory"]),
        ("cgroup.controllers", "cpuset io memory hugetlb pids", &["cgroup.cpu", "cgroup.cpuacct"]),
        ("nsswitch", "hosts: dns", &["host.localhost"]),
        ("hosts", "127.0.0.1 localhost.localdomain", &["host.localhost"]),
        ("module.xt_comment", "missing", &["kconfig.NETFILTER_XT_MATCH_COMMENT"]),
        ("module.bridge", "unreadable /lib/modules/x/bridge.ko.xz", &["kconfig.BRIDGE"]),
        ("config.1.version", "5.10.1", &["kernel.config"]),
    ];
    for (key, value, expected) in cases {
        let mut change = vec![(key.to_owned(), vec![value.to_owned()])];
        change.push((format!("{key}#"), vec!["1".to_owned()]));
        let after = check(&answers(&change), &sets).unwrap();
        let pairs = before.findings.iter().zip(&after.findings);
        let flipped: Vec<&str> = pairs.filter(|(a, b)| a.answer != b.answer).map(|(a, _)| a.check.as_str()).collect();
        assert_eq!(flipped, expected, "{key}");
    }
}

#[test]
fn a_question_without_an_answer_is_no_agreement() {
    let sets = [wanted("k0s-worker")];
    let system = check(&answers(&[("cgroup.controllers".to_owned(), vec![])]), &sets).unwrap();
    let image = good();
    let report = image.judged(&sets);
    let comparison = compare(&report, &system);
    let rows: Vec<&str> = comparison.disagreements().map(|row| row.check.as_str()).collect();
    assert!(rows.contains(&"cgroup.memory") && rows.contains(&"cgroup.cpu"), "{rows:?}");
    let row = comparison.rows.iter().find(|row| row.check == "cgroup.memory").unwrap();
    assert_eq!(row.notes, ["the system did not say `cgroup.controllers`"]);
}

#[test]
fn image_and_system_agree_until_one_of_them_is_broken() {
    let sets = [wanted("boot"), wanted("k0s-worker")];
    let system = check(&answers(&[]), &sets).unwrap();
    let mut image = good();
    let comparison = compare(&image.judged(&sets), &system);
    assert_eq!(comparison.disagreements().collect::<Vec<_>>(), Vec::<&Row>::new());
    assert!(comparison.confirmed() > 80, "{}", comparison.confirmed());

    // Static yes, live no.
    let broken = check(&answers(&[("limits.hard".to_owned(), vec!["4096".to_owned()])]), &sets).unwrap();
    let comparison = compare(&image.judged(&sets), &broken);
    let row = comparison.disagreements().next().unwrap();
    assert_eq!(
        (row.check.as_str(), &row.image, row.system),
        ("host.open-files", &Some(Verdict::Pass), Some(Answer::No))
    );
    assert!(row.notes[1].starts_with("system no: a service gets soft 1024, hard 4096"), "{:?}", row.notes);

    // Static no, live yes.
    image.cmdline("cgroup_disable=memory");
    let comparison = compare(&image.judged(&sets), &system);
    assert_eq!(comparison.disagreements().map(|row| row.check.as_str()).collect::<Vec<_>>(), ["cgroup.memory"]);

    // Checks that only one side knows.
    let fewer = check(&answers(&[]), &[wanted("boot")]).unwrap();
    let comparison = compare(&image.judged(&sets), &fewer);
    assert!(comparison.disagreements().all(|row| row.system.is_none()));
    assert!(compare(&image.judged(&[wanted("boot")]), &system).disagreements().all(|row| row.image.is_none()));
}

#[test]
fn where_we_ask_for_more_the_programs_own_word_counts() {
    let sets = [wanted("k0s-worker")];
    // k0s is content with any address; we are not. In the image `::1` is there beside it, in the system it is not.
    let mut image = good();
    image.put("/etc/hosts", 0o644, "10.1.2.3 localhost\n");
    let report = image.judged(&sets);
    let row = |system: &LiveReport| {
        let rows = compare(&report, system).rows.into_iter();
        rows.into_iter().find(|row| row.check == "host.localhost").unwrap()
    };
    let row = row(&check(&answers(&[]), &sets).unwrap());
    assert!(row.agrees);
    assert_eq!(row.notes.last().unwrap(), "the program itself says the same of both; only we ask for more");
}

#[test]
fn a_systemd_that_takes_units_is_asked_by_them_and_all_else_through_the_initramfs() {
    let way = |image: &crate::tests::Image| {
        let facts = crate::Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&image.boot) };
        way_in(&facts).map_err(|error| error.to_string())
    };
    let mut image = good();
    assert_eq!(way(&image).unwrap(), WayIn::Credentials);
    let library = "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so";
    image.remove(library);
    image.put(&library.replace("257", "252"), 0o644, "");
    assert_eq!(
        way(&image).unwrap_err(),
        "this image's system cannot be asked: systemd 252 takes no units from outside, 256 is the first that does; \
         the initramfs in `/EFI/BOOT/BOOTX64.EFI` has no `/init` and `/bin/busybox`"
    );
    image.boot.entries[0].initramfs = Some(vec!["./init".to_owned(), "bin/busybox".to_owned()]);
    assert_eq!(way(&image).unwrap(), WayIn::Initramfs);
    image.cmdline("init=/bin/sh");
    assert_eq!(way(&image).unwrap(), WayIn::Initramfs);
    image.boot.entries.clear();
    let error = way(&image).unwrap_err();
    assert!(error.contains("no unified kernel image starts it"), "{error}");
}

#[test]
fn seeds_of_the_initramfs_are_what_kernel_and_shell_can_read() {
    let probe = probe(&every_set(), Arch::Amd64, "t-1 ").unwrap();
    assert_eq!(probe.end, "@rs t1 end");
    let seeds = WayIn::Initramfs.seeds(&probe);
    let [Seed::Text(line), Seed::Encoded { before, content }] = seeds.as_slice() else { panic!("{seeds:?}") };
    let words = line.strip_prefix("io.systemd.stub.kernel-cmdline-extra=").unwrap();
    let (words, script) = words.split_once(" -- sh -c ").unwrap();
    assert_eq!(words, "rootsmith.probe systemd.default_device_timeout_sec=600 rdinit=/bin/busybox");
    // One argument for the kernel: quoted once, and no name of a parameter. x86 keeps 2048 bytes.
    let script = script.strip_prefix('"').and_then(|script| script.strip_suffix('"')).unwrap();
    assert!(!script.contains(['"', '=']) && line.len() < 1024, "{script}");
    // The line looks for the other string, and does not find itself.
    assert!(before == "rootsmith.bootstrap:" && !line.contains(before.as_str()));
    let bootstrap = std::str::from_utf8(content).unwrap();
    // All that is left where a kernel without it would look: base64 makes four bytes of three.
    assert!(bootstrap.len() < (40 << 10), "{}", bootstrap.len());
    for name in ["probe", "attend", "start", "rootsmith-probe.service", "rootsmith-closed.service"] {
        assert_eq!(bootstrap.matches(&format!("\n=== {name}\n")).count(), 1, "{name}");
    }
    let other = WayIn::Credentials.seeds(&probe);
    let names = other.iter().filter_map(|seed| match seed {
        Seed::Credential { name, .. } => Some(name.as_str()),
        _ => None,
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "rootsmith.probe",
            "systemd.extra-unit.rootsmith-probe.service",
            "systemd.extra-unit.rootsmith-closed.service",
            "systemd.unit-dropin.multi-user.target",
        ]
    );
}

#[test]
fn the_documents_say_which_checks_are_asked_live() {
    for set in sets() {
        for check in &set.checks {
            let found = finding(&answers(&[]), set, &check.id);
            let asked = found.answer != Answer::OnlyImage;
            let documented = check.rule.decided() != crate::Decided::Static;
            assert_eq!(asked, documented, "{}", check.id);
        }
    }
}
