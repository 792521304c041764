use rootsmith_lock::{Scope, Why};
use rootsmith_package::Index;
use rootsmith_types::{Arch, Blame, Explain, Origin, Subject};

use crate::candidates::Candidates;
use crate::{Conflict, Request, Resolution, Step, resolve};

/// An index from lines `name version; Field: value; …`.
fn index(lines: &[&str]) -> Index {
    let mut text = String::new();
    for line in lines {
        let mut parts = line.split("; ");
        let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
        text.push_str(&format!("Package: {name}\nVersion: {version}\n"));
        let fields: Vec<&str> = parts.collect();
        if !fields.iter().any(|field| field.starts_with("Architecture")) {
            text.push_str("Architecture: amd64\n");
        }
        text.push_str(&format!("{}\n\n", fields.join("\n")));
    }
    let mut builder = Index::builder();
    builder.add(0, text.into_bytes()).unwrap();
    builder.finish().unwrap()
}

fn requests(names: &str) -> Vec<Request> {
    let origin = |at| Origin::new(std::path::Path::new("pp.toml").into(), at..at + 1);
    let names = names.split_whitespace().enumerate();
    names.map(|(at, name)| Request { name: name.parse().unwrap(), origin: Some(origin(at)) }).collect()
}

fn shown(resolution: &Resolution<'_>) -> String {
    let shown = |p: &crate::Resolved<'_>| format!("{} {}", p.record.name(), p.record.version());
    resolution.packages.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn resolved(lines: &[&str], names: &str) -> String {
    shown(&resolve(&requests(names), &index(lines), Arch::Amd64, Scope::System).unwrap())
}

fn conflict(lines: &[&str], names: &str) -> Conflict {
    let mut conflicts = resolve(&requests(names), &index(lines), Arch::Amd64, Scope::System).unwrap_err();
    assert_eq!(conflicts.len(), 1);
    conflicts.remove(0)
}

fn told(conflict: &Conflict) -> String {
    let mut lines = vec![conflict.to_string()];
    lines.extend(conflict.notes().into_iter().map(|note| format!("note: {}", note.text)));
    lines.extend(conflict.help().map(|help| format!("hint: {help}")));
    lines.join("\n")
}

#[test]
fn the_highest_version_for_the_architecture_takes_part() {
    let lines = ["aa 1", "aa 3; Architecture: arm64", "aa 2~rc1; Architecture: all", "aa 1:0; Architecture: armhf"];
    assert_eq!(resolved(&lines, "aa"), "aa 2~rc1");
    // An older version is not a way out: apt does not take one either.
    let lines = ["aa 1", "aa 2; Depends: nothing", "bb 1; Depends: aa"];
    assert!(matches!(conflict(&lines, "bb"), Conflict::Unsatisfiable { .. }));
}

#[test]
fn essential_packages_come_on_request_only() {
    let lines = ["base 1; Essential: yes; Pre-Depends: libc", "libc 1", "aa 1; Depends: libc"];
    let index = index(&lines);
    let with = resolve(&requests("aa"), &index, Arch::Amd64, Scope::System).unwrap();
    assert_eq!(shown(&with), "aa 1, base 1, libc 1");
    let needed_by = |name: &str| Why::NeededBy(name.parse().unwrap());
    let whys: Vec<Why> = with.packages.iter().map(|package| package.why.clone()).collect();
    assert_eq!(whys, [Why::Requested, Why::Essential, needed_by("aa")]);
    let without = resolve(&requests("aa base"), &index, Arch::Amd64, Scope::Dependencies).unwrap();
    assert_eq!(without.packages[1].why, Why::Requested);
    assert_eq!(shown(&resolve(&requests("aa"), &index, Arch::Amd64, Scope::Dependencies).unwrap()), "aa 1, libc 1");
}

#[test]
fn named_packages_come_alone_but_for_the_image_of_a_kernel() {
    let lines = [
        "base 1; Essential: yes",
        "aa 1; Depends: libc",
        "libc 1",
        "bb 1; Conflicts: aa",
        "linux-image-cloud 3; Depends: linux-image-3-cloud (= 3)",
        "linux-image-3-cloud 3; Depends: kmod, initramfs-tools | dracut",
    ];
    let index = index(&lines);
    let named = |names| resolve(&requests(names), &index, Arch::Amd64, Scope::Named);
    let found = named("aa linux-image-cloud").unwrap();
    assert_eq!(shown(&found), "aa 1, linux-image-3-cloud 3, linux-image-cloud 3");
    let by = Why::NeededBy("linux-image-cloud".parse().unwrap());
    let whys: Vec<Why> = found.packages.into_iter().map(|package| package.why).collect();
    assert_eq!(whys, [Why::Requested, by, Why::Requested]);
    // What packages cannot be with holds for these, too.
    assert!(named("aa bb").is_err());
}

#[test]
fn alternatives_count_in_their_order_and_what_is_there_counts_first() {
    let lines = ["xx 1", "yy 1", "aa 1; Depends: xx | yy", "bb 1; Depends: yy | xx", "cc 1; Depends: gone | yy"];
    assert_eq!(resolved(&lines, "aa"), "aa 1, xx 1");
    assert_eq!(resolved(&lines, "aa yy"), "aa 1, yy 1");
    assert_eq!(resolved(&lines, "aa bb"), "aa 1, bb 1, xx 1");
    assert_eq!(resolved(&lines, "cc"), "cc 1, yy 1");
}

#[test]
fn of_several_providers_the_more_important_is_taken() {
    let lines = [
        "gawk 1; Provides: awk; Priority: optional",
        "mawk 1; Provides: awk; Priority: required",
        "zawk 1; Provides: awk; Priority: optional",
        "aa 1; Depends: awk",
    ];
    assert_eq!(resolved(&lines, "aa"), "aa 1, mawk 1");
    assert_eq!(resolved(&lines, "aa gawk"), "aa 1, gawk 1");
    // A real package comes before those that provide its name.
    let lines = [&lines[..], &["awk 1; Priority: optional"]].concat();
    assert_eq!(resolved(&lines, "aa"), "aa 1, awk 1");
}

#[test]
fn provided_versions_satisfy_and_missing_ones_do_not() {
    let lines =
        ["pp 1; Provides: vv (= 3)", "qq 1; Provides: vv", "aa 1; Depends: vv (>= 2)", "bb 1; Depends: vv (>= 4)"];
    assert_eq!(resolved(&lines, "aa"), "aa 1, pp 1");
    assert_eq!(conflict(&lines, "bb").to_string(), "`bb` cannot be installed: no package is or provides `vv (>= 4)`");
}

#[test]
fn qualifiers_and_restrictions_count() {
    let lines = [
        "py 1; Multi-Arch: allowed",
        "plain 1",
        "aa 1; Depends: py:any, gone [armhf], gone <stage1>",
        "bb 1; Depends: plain:any",
        "cc 1; Depends: plain:amd64",
    ];
    assert_eq!(resolved(&lines, "aa cc"), "aa 1, cc 1, plain 1, py 1");
    assert!(matches!(conflict(&lines, "bb"), Conflict::Unsatisfiable { .. }));
}

#[test]
fn a_request_may_name_what_one_package_provides() {
    let lines = ["exim 1; Provides: default-mta, mta", "postfix 1; Provides: mta"];
    assert_eq!(resolved(&lines, "default-mta"), "exim 1");
    let refused = conflict(&lines, "mta");
    assert_eq!(
        told(&refused),
        "`mta` is no package, but a name that several provide\nhint: name one of them: `postfix`, `exim`"
    );
}

/// The walk takes `x`, which `b` excludes: it must not end there.
#[test]
fn a_walk_that_gets_stuck_is_followed_by_a_search() {
    let lines = ["xx 1", "yy 1", "aa 1; Depends: xx | yy", "mm 1; Depends: bb", "bb 1; Conflicts: xx"];
    assert_eq!(resolved(&lines, "aa mm"), "aa 1, bb 1, mm 1, yy 1");
    let index = index(&lines);
    let candidates = Candidates { index: &index, arch: Arch::Amd64 };
    let roots = crate::solve::roots(&candidates, &requests("aa mm"), true).unwrap();
    assert_eq!(crate::walk::walk(&candidates, &roots), Ok(None));
}

#[test]
fn a_package_may_conflict_with_what_it_provides_itself() {
    let lines =
        ["exim 1; Provides: mta; Conflicts: mta", "postfix 1; Provides: mta; Conflicts: mta", "aa 1; Depends: mta"];
    assert_eq!(resolved(&lines, "aa exim"), "aa 1, exim 1");
    assert_eq!(
        told(&conflict(&lines, "exim postfix")),
        "`exim` cannot be installed: `exim` excludes `postfix 1` (Conflicts: `mta`)\n\
         note: `postfix` is asked for\n\
         hint: leave one of the two out"
    );
}

#[test]
fn a_conflict_is_told_down_to_what_was_not_found() {
    let lines = ["web 1; Depends: server (>= 1)", "server 2; Pre-Depends: lib (>= 2), xx", "lib 1", "xx 1"];
    let conflict = conflict(&lines, "xx web");
    assert_eq!(
        told(&conflict),
        "`web` cannot be installed: no package is or provides `lib (>= 2)`; there is `lib 1`\n\
         note: `web` needs `server (>= 1)` (Depends)\n\
         note: `server` needs `lib (>= 2)` (Pre-Depends)\n\
         hint: add the repository that has it, or leave the package out"
    );
    let Subject::Profile(origin) = conflict.subject() else { panic!("aa place in the profile") };
    assert_eq!((origin.span(), conflict.blame()), (1..2, Blame::Inputs));
}

#[test]
fn a_break_is_told_with_both_ways() {
    let lines = ["aa 1; Depends: old", "old 1", "bb 1; Depends: new", "new 1; Breaks: old (<< 2)"];
    let conflict = conflict(&lines, "aa bb");
    let Conflict::Unsatisfiable { steps, .. } = &conflict else { panic!("{conflict}") };
    let shown: Vec<String> = steps.iter().map(Step::to_string).collect();
    assert_eq!(
        shown,
        [
            "`bb` is asked for",
            "`bb` needs `new` (Depends)",
            "`aa` is asked for",
            "`aa` needs `old` (Depends)",
            "`new` excludes `old 1` (Breaks: `old (<< 2)`)"
        ]
    );
    assert_eq!(conflict.to_string(), "`aa` cannot be installed: `new` excludes `old 1` (Breaks: `old (<< 2)`)");
}

#[test]
fn all_unknown_names_are_told_at_once() {
    let index = index(&["openssh-server 1", "only-arm 1; Architecture: arm64"]);
    let conflicts = resolve(&requests("openssh-sever only-arm qqq"), &index, Arch::Amd64, Scope::System).unwrap_err();
    let told: Vec<String> = conflicts.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "there is no package `openssh-sever`\nhint: did you mean `openssh-server`?",
            "package `only-arm` does not exist for this architecture, only for arm64\n\
             hint: check the name, the suite and the repository's components",
            "there is no package `qqq`\nhint: check the name, the suite and the repository's components",
        ]
    );
}

#[test]
fn unreadable_relations_are_the_indexs_fault() {
    for names in ["aa", "bb"] {
        let conflict = conflict(&["aa 1; Depends: bb cc", "bb 1; Depends: aa"], names);
        assert_eq!(conflict.to_string(), "the index entry `aa` has a field `Depends` in which `bb cc` is no relation");
    }
}

#[test]
fn the_check_notices_what_is_missing_or_excluded() {
    let index =
        index(&["aa 1; Depends: bb (>= 1), cc | dd", "bb 1; Conflicts: vv", "cc 1", "vv 1", "ww 1; Provides: vv"]);
    let candidates = Candidates { index: &index, arch: Arch::Amd64 };
    let check = |asked: &str, there: &str| {
        let roots = crate::solve::roots(&candidates, &requests(asked), false).unwrap();
        let packages: Vec<crate::Resolved<'_>> = there
            .split_whitespace()
            .map(|name| crate::Resolved { record: candidates.get(name).unwrap(), why: Why::Requested })
            .collect();
        crate::verify::verify(&candidates, &roots, &packages, true).map_err(|conflict| conflict.to_string())
    };
    let wrong = |reason: &str| Err(format!("internal error: the resolved packages do not fit: {reason}"));
    assert_eq!(check("aa", "aa bb cc"), Ok(()));
    assert_eq!(check("aa", "bb"), wrong("`aa` is not there"));
    assert_eq!(check("aa", "aa cc"), wrong("`aa` misses `bb (>= 1)`"));
    assert_eq!(check("aa", "aa bb"), wrong("`aa` misses `cc | dd`"));
    assert_eq!(check("bb", "bb ww"), wrong("`bb` excludes `ww`"));
    assert_eq!(check("bb", "bb bb"), wrong("`bb` is there twice"));
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::solve::{roots, search};
    use crate::walk::walk;

    fn line(name: usize, fields: &[(u8, usize, usize)]) -> String {
        let mut line = format!("p{name} 1");
        for (field, one, other) in fields {
            line.push_str(&match field % 4 {
                0 => format!("; Depends: p{one} | p{other}"),
                1 => format!("; Pre-Depends: p{one}"),
                2 => format!("; Breaks: p{one}"),
                _ => format!("; Provides: p{one}, v{other}"),
            });
        }
        line
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever the relations are: walk and search agree on whether there is an answer, in every case a checked one.
        #[test]
        fn walk_and_search_agree(
            packages in proptest::collection::vec(
                proptest::collection::vec((0u8..4, 0usize..8, 0usize..8), 0..3), 1..8),
        ) {
            // A field stands once in a stanza.
            let lines: Vec<String> = packages.iter().enumerate().map(|(name, fields)| {
                let mut fields = fields.clone();
                fields.sort();
                fields.dedup_by_key(|field| field.0 % 4);
                line(name, &fields)
            }).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let index = index(&lines);
            let candidates = Candidates { index: &index, arch: Arch::Amd64 };
            let asked = requests("p0");
            let roots = roots(&candidates, &asked, false).unwrap();
            let searched = search(candidates, &roots);
            let resolved = resolve(&asked, &index, Arch::Amd64, Scope::Dependencies);
            prop_assert_eq!(searched.is_ok(), resolved.is_ok());
            if walk(&candidates, &roots).unwrap().is_some() {
                prop_assert!(searched.is_ok());
            }
            for conflict in resolved.err().into_iter().flatten() {
                let told_well = matches!(&conflict, Conflict::Unsatisfiable { steps, .. } if !steps.is_empty());
                prop_assert!(told_well, "{conflict}");
            }
        }
    }
}
