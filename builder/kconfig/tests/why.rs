//! Explanations on a small tree of Kconfig files of our own, word for word.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rootsmith_kconfig::{Config, Explainer, KconfigFiles, Symbols, explain};

struct Small;

impl KconfigFiles for Small {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/small").join(path)).ok()
    }
}

/// What `conf --olddefconfig` leaves of nothing, with a compiler that knows `-fnew` and no `-fsanitize`: `tests/oracle/kconfig.rs`
/// makes it again.
const TINY: &str = include_str!("small/tiny.config");

fn small() -> Symbols {
    Symbols::read(&Small, &[("SRCARCH", "small"), ("ARCH", "small")]).unwrap()
}

/// What is told of a lost line, `more` having been asked for and come out beside it.
fn told(more: &str, symbol: &str, wanted: &str) -> String {
    let symbols = small();
    let config = Config::parse(&format!("{TINY}{more}"));
    let explainer = Explainer::new(&symbols, &config);
    let why = explainer.why(symbol, wanted).expect("the line is lost");
    let mut text = why.to_string();
    for note in why.notes() {
        text += &format!("\nnote: {note}");
    }
    text + &format!("\nhint: {}", why.help())
}

#[test]
fn a_symbol_that_is_nowhere_is_told_with_names_that_are_alike() {
    insta::assert_snapshot!(told("", "NETFILTR", "y"), @r"
    `CONFIG_NETFILTR=y` is lost: this kernel has no such symbol; alike are `NETFILTER`
    hint: write `CONFIG_NETFILTER=y`, or take the line out of the fragment
    ");
    insta::assert_snapshot!(told("", "NOT_A_SYMBOL", "y"), @r"
    `CONFIG_NOT_A_SYMBOL=y` is lost: this kernel has no such symbol
    hint: take the line out of the fragment
    ");
}

#[test]
fn a_value_that_the_type_does_not_have_is_told_by_the_type() {
    insta::assert_snapshot!(told("", "SMP", "m"), @r"
    `CONFIG_SMP=m` is lost: `SMP` is bool, it cannot be a module
    note: it is defined at arch/small/Kconfig:8
    hint: write `y`, or `# CONFIG_… is not set`
    ");
    insta::assert_snapshot!(told("", "NR_CPUS", "y"), @r"
    `CONFIG_NR_CPUS=y` is lost: `NR_CPUS` is int, which has no such value
    note: it is defined at Kconfig:83
    hint: write a whole number
    ");
    insta::assert_snapshot!(told("", "EXT9_FS", "3"), @r"
    `CONFIG_EXT9_FS=3` is lost: `EXT9_FS` is tristate, which has no such value
    note: it is defined at Kconfig:34
    hint: write `y`, `m`, or `# CONFIG_… is not set`
    ");
}

#[test]
fn a_module_in_a_kernel_without_modules_is_told_by_that() {
    insta::assert_snapshot!(told("", "EXT9_FS", "m"), @r"
    `CONFIG_EXT9_FS=m` is lost: the kernel makes no modules, for `MODULES` is off
    note: `MODULES` is defined at Kconfig:12
    hint: add `CONFIG_MODULES=y`
    ");
}

#[test]
fn a_symbol_without_prompt_is_told_by_who_sets_it() {
    insta::assert_snapshot!(told("", "VIRTIO", "y"), @r"
    `CONFIG_VIRTIO=y` is lost: `VIRTIO` has no prompt, only other symbols can set it
    note: it is defined at net/Kconfig:22
    note: `VIRTIO_NET` selects it (net/Kconfig:27)
    note: `FAR_NET` selects it (net/Kconfig:31)
    hint: write `CONFIG_NET=y`, `CONFIG_VIRTIO_NET=y` in place of the line
    ");
}

#[test]
fn what_is_off_is_told_down_to_what_can_be_asked_for() {
    insta::assert_snapshot!(told("", "XT_MARK", "y"), @r"
    `CONFIG_XT_MARK=y` is lost: it depends on `NET`, which is off
    note: `XT_MARK` needs `NET`, which is off (net/Kconfig:4)
    note: `XT_MARK` needs `XTABLES`, which is off (net/Kconfig:19)
    note: `XTABLES` needs `INET && NETFILTER`, which is off (net/Kconfig:14)
    note: `XTABLES` needs `m || CRC`, which is off (net/Kconfig:15)
    hint: add `CONFIG_NET=y`, `CONFIG_INET=y`, `CONFIG_NETFILTER=y`, `CONFIG_CRC=y`, `CONFIG_XTABLES=y`
    ");
    insta::assert_snapshot!(told("", "VIRTIO_CONSOLE", "y"), @r"
    `CONFIG_VIRTIO_CONSOLE=y` is lost: it depends on `NET`, which is off
    note: `VIRTIO_CONSOLE` needs `NET`, which is off (net/Kconfig:4)
    note: `VIRTIO_CONSOLE` needs `VIRTIO`, which is off (net/Kconfig:35)
    hint: add `CONFIG_NET=y`, `CONFIG_VIRTIO_NET=y`
    ");
    insta::assert_snapshot!(told("CONFIG_FS_NEW_ONLY=y\n", "OLD_FS", "y"), @r"
    `CONFIG_OLD_FS=y` is lost: it depends on `EXT9_FS!=y && !FS_NEW_ONLY`, which is off
    note: `OLD_FS` needs `EXT9_FS!=y && !FS_NEW_ONLY`, which is off (Kconfig:45)
    hint: add `# CONFIG_FS_NEW_ONLY is not set`
    ");
    insta::assert_snapshot!(told("CONFIG_EXT9_FS=y\nCONFIG_FS_CORE=y\nCONFIG_CRC=y\n", "OLD_FS", "y"), @r"
    `CONFIG_OLD_FS=y` is lost: it depends on `EXT9_FS!=y && !FS_NEW_ONLY`, which is off
    note: `OLD_FS` needs `EXT9_FS!=y && !FS_NEW_ONLY`, which is off (Kconfig:45)
    hint: add `# CONFIG_EXT9_FS is not set`
    ");
}

#[test]
fn a_dependency_that_is_a_module_lets_nothing_more_be_built_in() {
    insta::assert_snapshot!(told("CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_NETFILTER=y\nCONFIG_XTABLES=m\n", "XT_MARK", "y"), @r"
    `CONFIG_XT_MARK=y` is lost: it depends on `XTABLES`, which is a module
    note: `XT_MARK` needs `XTABLES`, which is a module (net/Kconfig:19)
    note: `XTABLES` needs `m || CRC`, which is a module (net/Kconfig:15)
    hint: add `CONFIG_CRC=y`, `CONFIG_XTABLES=y`
    ");
}

#[test]
fn what_is_selected_cannot_be_turned_off() {
    insta::assert_snapshot!(told("CONFIG_EXT9_FS=y\nCONFIG_FS_CORE=y\nCONFIG_CRC=y\n", "CRC", "n"), @r"
    `# CONFIG_CRC is not set` is lost: it is selected by `EXT9_FS`
    note: `EXT9_FS` selects it as `y` (Kconfig:37)
    hint: add `# CONFIG_EXT9_FS is not set`
    ");
    insta::assert_snapshot!(told("", "GENERIC_THINGS", "n"), @r"
    `# CONFIG_GENERIC_THINGS is not set` is lost: it is selected by `SMALL`
    note: `SMALL` selects it as `y` (arch/small/Kconfig:3)
    hint: take the line out of the fragment: no line was found that would allow it
    ");
}

#[test]
fn what_cannot_be_seen_cannot_be_turned_off() {
    insta::assert_snapshot!(told("", "HEAP_RANDOM", "n"), @r"
    `# CONFIG_HEAP_RANDOM is not set` is lost: it can be set only with `EXPERT`, which is off
    note: `HEAP_RANDOM` needs `EXPERT`, which is off (Kconfig:60)
    hint: add `CONFIG_EXPERT=y`
    ");
    insta::assert_snapshot!(told("", "FS_CHECKS", "n"), @r"
    `# CONFIG_FS_CHECKS is not set` is lost: it can be set only with `EXPERT`, which is off
    note: `FS_CHECKS` needs `EXPERT`, which is off (Kconfig:40)
    hint: add `CONFIG_EXPERT=y`
    ");
}

#[test]
fn of_a_choice_one_is_taken() {
    insta::assert_snapshot!(told("", "PACK_XZ", "y"), @r"
    `CONFIG_PACK_XZ=y` is lost: of its choice, `PACK_GZIP` is taken
    note: the choice is at Kconfig:97
    hint: take out the line that asks for `CONFIG_PACK_GZIP=y`, or this one: there can be one
    ");
    insta::assert_snapshot!(told("", "PACK_LZ4", "y"), @r"
    `CONFIG_PACK_LZ4=y` is lost: it depends on `CRC`, which is off
    note: `PACK_LZ4` needs `CRC`, which is off (Kconfig:110)
    hint: add `CONFIG_CRC=y`
    ");
}

#[test]
fn a_number_has_a_range_and_what_would_widen_it() {
    insta::assert_snapshot!(told("", "NR_CPUS", "100"), @r"
    `CONFIG_NR_CPUS=100` is lost: its range is 2 to 64
    note: it is defined at Kconfig:83
    hint: write a number from 2 to 64
    ");
    insta::assert_snapshot!(told("# CONFIG_SMP is not set\nCONFIG_NR_CPUS=1\n", "NR_CPUS", "8"), @r"
    `CONFIG_NR_CPUS=8` is lost: its range is 1 to 1
    note: it is defined at Kconfig:83
    hint: write a number from 1 to 1, or add `CONFIG_SMP=y`
    ");
}

#[test]
fn what_the_toolchain_lacks_no_line_can_give() {
    insta::assert_snapshot!(told("", "SANITIZE", "y"), @r"
    `CONFIG_SANITIZE=y` is lost: the toolchain does not have `$(cc-option,-fsanitize)`
    note: `SANITIZE` needs `$(cc-option,-fsanitize)`, which is off (Kconfig:70)
    hint: take the line out of the fragment: no line was found that would allow it
    ");
    insta::assert_snapshot!(told("# CONFIG_CC_IS_NEW is not set\n", "NEW_PATTERNS", "y"), @r"
    `CONFIG_NEW_PATTERNS=y` is lost: the toolchain does not have `$(cc-option,-fnew)`
    note: `NEW_PATTERNS` needs `CC_IS_NEW`, which is off (Kconfig:74)
    note: `CC_IS_NEW` needs `$(cc-option,-fnew)`, which is off (Kconfig:10)
    hint: take the line out of the fragment: no line was found that would allow it
    ");
}

#[test]
fn what_only_others_have_is_not_opened_by_compile_test() {
    insta::assert_snapshot!(told("", "BOARD_LED", "y"), @r"
    `CONFIG_BOARD_LED=y` is lost: it depends on `ARCH_BOARD`, which this architecture does not have
    note: `BOARD_LED` needs `ARCH_BOARD || COMPILE_TEST`, which is off (Kconfig:78)
    hint: take the line out of the fragment: no line was found that would allow it
    ");
}

#[test]
fn a_line_that_nothing_stands_against_was_overruled() {
    insta::assert_snapshot!(told("", "HOST_NAME", "\"a\""), @r#"
    `CONFIG_HOST_NAME="a"` is lost: another line overrules it
    hint: keep one of the lines
    "#);
}

#[test]
fn what_came_out_as_asked_is_not_explained() {
    let config = Config::parse(TINY);
    assert_eq!(explain(&small(), &config, "BLOCK", "y"), None);
    assert_eq!(explain(&small(), &config, "EXT9_FS", "n"), None);
    assert_eq!(explain(&small(), &config, "NO_SUCH", "n"), None);
}

#[test]
fn our_values_are_those_of_the_configuration() {
    let (symbols, config) = (small(), Config::parse(TINY));
    assert_eq!(Explainer::new(&symbols, &config).differences(), [""; 0]);
    let edited = Config::parse(&format!("{TINY}CONFIG_INET=y\n"));
    assert_eq!(
        Explainer::new(&symbols, &edited).differences(),
        ["`# CONFIG_INET is not set` here, `CONFIG_INET=y` there"]
    );
}

/// A line that was asked for is turned over only where nothing else helps.
#[test]
fn suggestions_respect_what_else_is_asked_for() {
    let symbols = small();
    let config = Config::parse(TINY);
    let suggested = |beside: &[(&str, &str)]| {
        let why = Explainer::new(&symbols, &config).beside(beside.iter().copied()).why("VIRTIO_CONSOLE", "y").unwrap();
        why.help()
    };
    insta::assert_snapshot!(suggested(&[]), @"add `CONFIG_NET=y`, `CONFIG_VIRTIO_NET=y`");
    insta::assert_snapshot!(suggested(&[("VIRTIO_NET", "n"), ("NET", "y")]), @"add `CONFIG_FAR_NET=y`");
}

#[test]
fn what_another_architecture_has_is_said_to_be_of_that_one() {
    let (symbols, config) = (small(), Config::parse(TINY));
    let large = BTreeMap::from([("Kconfig".to_owned(), b"config ARCH_BOARD\n\tbool \"Boards\"\n".to_vec())]);
    let large = Symbols::read(&large, &[]).unwrap();
    let explainer = Explainer::new(&symbols, &config).other("large", &large);
    let said = |symbol: &str| explainer.why(symbol, "y").unwrap().to_string();
    insta::assert_snapshot!(said("ARCH_BOARD"), @"`CONFIG_ARCH_BOARD=y` is lost: this architecture has no such symbol, only large");
    insta::assert_snapshot!(said("BOARD_LED"), @"`CONFIG_BOARD_LED=y` is lost: it depends on `ARCH_BOARD`, which this architecture does not have, only large");
}

/// `CONFIG_DM_INIT=y` was said to be impossible: of the plan MD, DM, the last was looked at alone, and what it needs was in the plan
/// already.
#[test]
fn a_goal_that_waits_for_another_is_no_dead_end() {
    let text = "config BLOCK\n\tbool \"b\"\nconfig MD\n\tbool \"m\"\n\tdepends on BLOCK\nif MD\nconfig DM\n\ttristate \"d\"\n\
                config DM_INIT\n\tbool \"i\"\n\tdepends on DM=y\nendif\n";
    let symbols = Symbols::read(&BTreeMap::from([("Kconfig".to_owned(), text.into())]), &[]).unwrap();
    let why = explain(&symbols, &Config::parse("# CONFIG_BLOCK is not set\n"), "DM_INIT", "y").unwrap();
    insta::assert_snapshot!(why.help(), @"add `CONFIG_BLOCK=y`, `CONFIG_MD=y`, `CONFIG_DM=y`");
}

#[test]
fn files_that_are_no_kconfig_are_errors() {
    let read = |files: &[(&str, &str)]| {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Symbols::read(&files, &[]).unwrap_err().to_string()
    };
    insta::assert_snapshot!(read(&[]), @"the kernel's source has no `Kconfig`");
    insta::assert_snapshot!(read(&[("Kconfig", "\nsource \"net/Kconfig\"\n")]), @"the kernel's source has no `net/Kconfig`, which Kconfig:2 names");
    insta::assert_snapshot!(read(&[("Kconfig", "source \"Kconfig\"\n")]), @"too many files within files at Kconfig:1");
    insta::assert_snapshot!(read(&[("Kconfig", "if A\nconfig B\n")]), @"Kconfig:1 is no Kconfig: expected the block's end");
    insta::assert_snapshot!(read(&[("Kconfig", "menu \"m\"\nendif\n")]), @"Kconfig:2 is no Kconfig: expected the end of another block");
    insta::assert_snapshot!(read(&[("Kconfig", "config A\n\tfrobnicate\n")]), @"Kconfig:2 is no Kconfig: expected a property of a symbol");
    insta::assert_snapshot!(read(&[("Kconfig", "config A\n\tdepends on (B\n")]), @"Kconfig:2 is no Kconfig: expected a closing bracket");
    let deep = format!("config A\n\tdepends on {}B\n", "(".repeat(1_000_000));
    insta::assert_snapshot!(read(&[("Kconfig", &deep)]), @"too many brackets within brackets at Kconfig:2");
    let blocks = "if A\n".repeat(1000);
    insta::assert_snapshot!(read(&[("Kconfig", &blocks)]), @"too many blocks within blocks at Kconfig:65");
}

/// Each symbol hangs on the one before: no call may go as deep as that.
#[test]
fn a_chain_of_fifty_thousand_symbols_is_no_deep_call() {
    let mut text = "config S0\n\tbool \"s\"\n".to_owned();
    for i in 1..50_000 {
        text += &format!("config S{i}\n\tbool \"s\"\n\tdepends on S{}\n", i - 1);
    }
    let files = BTreeMap::from([("Kconfig".to_owned(), text.into_bytes())]);
    let symbols = Symbols::read(&files, &[]).unwrap();
    let why = explain(&symbols, &Config::parse("# CONFIG_S0 is not set\n"), "S3", "y").unwrap();
    assert_eq!(why.help(), "add `CONFIG_S0=y`, `CONFIG_S1=y`, `CONFIG_S2=y`");
    // More lines than anybody would add.
    assert_eq!(explain(&symbols, &Config::default(), "S49999", "y").unwrap().suggest, None);
}

proptest! {
    /// Errors are fine.
    #[test]
    fn no_text_is_a_panic(lines in vec(any_line(), 0..40)) {
        follow(&lines.join("\n"));
    }

    /// Mostly Kconfig, with cycles, contradictions and blocks within blocks.
    #[test]
    fn no_kconfig_is_a_panic(blocks in vec(any_block(), 0..12)) {
        follow(&blocks.concat());
    }
}

fn follow(text: &str) {
    let files = BTreeMap::from([("Kconfig".to_owned(), text.as_bytes().to_vec())]);
    let Ok(symbols) = Symbols::read(&files, &[("A", "b")]) else { return };
    let config = Config::parse("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=7\n");
    let explainer = Explainer::new(&symbols, &config);
    for symbol in ["A", "B", "C", "D"] {
        for value in ["y", "m", "n", "3", "0x3", "\"b\""] {
            if let Some(why) = explainer.why(symbol, value) {
                let _ = (why.to_string(), why.notes(), why.help());
            }
        }
    }
}

/// Pieces of Kconfig, and bytes of nothing.
fn any_line() -> impl Strategy<Value = String> {
    let word = select(
        &[
            "config",
            "A",
            "B",
            "\tbool \"p\"",
            "\tint",
            "\tdefault",
            "\tdepends on",
            "if",
            "y",
            "m",
            "&&",
            "!",
            "(",
            "=",
            "\"b",
            "$(A)",
            "$(",
            "endif",
            "choice",
            "endchoice",
            "modules",
            "9",
            "\thelp",
            "\\",
            "#",
            "A := $(A)",
            "é",
        ][..],
    );
    vec(word, 1..4).prop_map(|words| words.join(" "))
}

fn any_block() -> impl Strategy<Value = String> {
    let name = || select(&["A", "B", "C", "D"][..]);
    let kind = select(&["bool", "tristate", "int", "hex", "string"][..]);
    let prompt = select(&["", " \"p\"", " \"p\" if B", " \"p\" if m"][..]);
    let property = prop_oneof![
        any_expr().prop_map(|e| format!("\tdepends on {e}\n")),
        (any_expr(), any_expr()).prop_map(|(value, e)| format!("\tdefault {value} if {e}\n")),
        (name(), any_expr()).prop_map(|(by, e)| format!("\tselect {by} if {e}\n")),
        (name(), any_expr()).prop_map(|(by, e)| format!("\timply {by} if {e}\n")),
        Just("\trange 1 5\n".to_owned()),
        Just("\tmodules\n".to_owned()),
    ];
    let config = (name(), kind, prompt, vec(property, 0..4));
    let config =
        config.prop_map(|(name, kind, prompt, all)| format!("config {name}\n\t{kind}{prompt}\n{}", all.concat()));
    config.prop_recursive(3, 12, 4, move |inner| {
        let all = || vec(inner.clone(), 0..4).prop_map(|all| all.concat());
        prop_oneof![
            (any_expr(), all()).prop_map(|(e, all)| format!("if {e}\n{all}endif\n")),
            (any_expr(), all()).prop_map(|(e, all)| format!("menu \"m\"\n\tvisible if {e}\n{all}endmenu\n")),
            (name(), all()).prop_map(|(one, all)| format!("choice\n\tprompt \"c\"\n\tdefault {one}\n{all}endchoice\n")),
        ]
    })
}

fn any_expr() -> impl Strategy<Value = String> {
    let atom = select(
        &["A", "B", "C", "D", "NOWHERE", "y", "m", "n", "A=y", "B!=n", "C>3", "\"b\"=D", "$(cc)", "!A", "!(B && C)"][..],
    );
    (atom.clone(), select(&["&&", "||"][..]), atom).prop_map(|(a, sign, b)| format!("{a} {sign} {b}"))
}
