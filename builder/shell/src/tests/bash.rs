//! The same of what bash has besides.

use super::*;

fn try_bash(text: &str) -> Result<Outcome, Stop> {
    let variables = [("HOME", "/h")];
    let call = Run { name: "x", arguments: &[], variables: &variables, steps: 10_000, depth: Run::DEPTH };
    run(&Script::parse_as(text, Dialect::Bash)?, &call, &mut Bare(Vec::new()))
}

#[test]
fn what_is_not_followed_of_bash_is_named() {
    for (text, what) in [
        ("echo $RANDOM", "`$RANDOM` is not followed"),
        ("echo $((SECONDS + 1))", "`$SECONDS` is not followed"),
        ("declare -A m", "`declare -A`: the option `-A` is not known"),
        ("f() { local -n r=x; }; f", "`local -n`: the option `-n` is not known"),
        ("shopt -s globstar", "`shopt -s globstar` is not followed"),
        ("shopt -s lastpipe", "`shopt -s lastpipe` is not followed"),
        ("set -o posix", "`set -posix` is not followed"),
        ("set +B", "`set +B` is not followed"),
        ("coproc cat", "`coproc` is not followed"),
        ("time true", "`time` is not followed"),
        ("select x in a; do :; done", "`select` is not followed"),
        ("cat >(cat)", "`>(` is not followed"),
        ("exec {fd}>x", "a descriptor's number in a variable is not followed"),
        ("exec 10>x", "a descriptor of more than one digit is not followed"),
        ("echo ${x@Q}", "`${x`: an expansion that is not followed"),
        ("echo ${!x*}", "`${x`: an expansion that is not followed"),
        ("echo $[1+1]", "`$[` is not followed"),
        ("trap 'x' ERR", "`trap` for `ERR` is not followed"),
        ("read -t 1 x", "`read -t`: the option `-t` is not known"),
        ("printf '%(%F)T' -1", "`printf`: `%(` is not followed"),
        ("greet <(echo x)", "`greet /dev/fd/63`: `<(` for a command that is not our own"),
        ("case x in @(x)) ;; esac", "`@(x)` without `shopt -s extglob`"),
        ("x=$((1/0))", "arithmetic expression: division by zero"),
        ("readonly x=1; x=2", "`x` is read only"),
        ("f() { echo; }; type f", "the text of the function `f` is not known"),
        ("echo a{1..99999}", "braces that stand for too many words"),
        ("[[ a -nt /f ]] || [[ /f -nt / ]]", "`[ /f -nt / ]`: files have no age"),
        ("x='a b'; echo >$x", "`a b`: an ambiguous redirection"),
        ("frob &", "`&`: commands in the background are not followed"),
        ("x=y; echo ${x/y/$'\\\\'}; z='\\'; echo ${x/y/$z}", "a backslash that an expansion puts in a replacement"),
    ] {
        assert_eq!(try_bash(text).unwrap_err().what, what, "{text}");
    }
}

/// The same of what bash has besides.
#[test]
fn no_nesting_of_bash_exhausts_the_stack() {
    let repeat =
        |open: &str, middle: &str, close: &str| format!("{}{middle}{}", open.repeat(3_000), close.repeat(3_000));
    for (open, middle, close) in [
        ("((", "1", "))"),
        ("(", "1", ")"),
        ("<(echo ", ":", ")"),
        ("[[ ( ", "x", " ) ]]"),
        ("[[ ! ", "x", " ]]"),
        ("{a,", "b", "}"),
        ("@(a|", "b", ")"),
        ("x=(", "b", ")"),
        ("x=($(", "b", "))"),
        ("${x/", "a", "}"),
        ("${x:", "1", "}"),
        ("${x[", "1", "]}"),
        ("$((x[", "1", "]))"),
        ("function f { ", ":", "; }"),
        ("for ((;;)) { ", "break", "; }"),
        ("bash -c 'bash ", "", "'"),
    ] {
        let _ = try_bash(&repeat(open, middle, close));
        let _ = try_bash(&format!("shopt -s extglob; echo {}", repeat(open, middle, close)));
        let _ = try_bash(&format!("[[ {} ]]", repeat(open, middle, close)));
        let _ = try_bash(&format!("(( {} ))", repeat(open, middle, close)));
    }
    for body in [
        "((x=f()))",
        "x=(\"$(f)\")",
        "cat <(f)",
        "[[ $(f) ]]",
        "x=${y/a/$(f)}",
        "source /self",
        "builtin f; command eval f",
    ] {
        let _ = try_bash(&format!("f() {{ {body}; }}; f"));
    }
    for text in ["x=x; echo $((x))", "x=y+y; y=x+x; echo $((x))", "a[0]='a[0]'; echo $((a[0]))", "x='x,x,x'; ((x))"] {
        assert!(try_bash(text).is_err(), "{text}");
    }
    assert!(try_bash("x='**'; x=$x$x$x$x; [[ $(printf %01000d 0) == *(*(*(*(*(0)))))1 ]]").is_err());
}
