//! What the interpreter asks of a host, what it refuses, and where its limits are.

mod bash;

use super::*;

/// Knows no command and has no file; `greet` is there, and `/f` holds a line.
struct Bare(Vec<String>);

impl Host for Bare {
    fn call(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        self.0.push(format!(
            "{} [{}] {:03o} {} {:?}",
            call.words.join(" "),
            String::from_utf8_lossy(call.stdin),
            call.umask,
            call.cwd,
            call.exported
        ));
        match call.words[0].as_str() {
            "greet" => Ok(Done { status: 3, stdout: b"hello\n".to_vec(), stderr: b"oops\n".to_vec() }),
            "odd" => Err(Refusal::Because("the moon is full".to_owned())),
            _ => Err(Refusal::Unknown),
        }
    }
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(match path {
            "/f" => Some(b"a line\n".to_vec()),
            "/self" => Some(b". /self\n".to_vec()),
            _ => None,
        })
    }
    fn write(&mut self, path: &str, _bytes: &[u8], _mode: u16) -> Result<bool, Refusal> {
        if path == "/secret" { Err(Refusal::Because("not yours".to_owned())) } else { Ok(false) }
    }
    fn append(&mut self, _path: &str, _bytes: &[u8], _mode: u16) -> Result<bool, Refusal> {
        Ok(false)
    }
    fn test(&mut self, _operator: char, path: &str) -> Result<bool, Refusal> {
        Ok(path == "/f" || path == "/")
    }
    fn list(&mut self, _path: &str) -> Result<Option<Vec<String>>, Refusal> {
        Ok(None)
    }
    fn find_command(&mut self, _name: &str) -> Option<String> {
        None
    }
}

fn try_run(text: &str) -> (Result<Outcome, Stop>, Vec<String>) {
    let mut host = Bare(Vec::new());
    let call = Run {
        name: "postinst",
        arguments: &["configure", ""],
        variables: &[("A", "1")],
        steps: 10_000,
        depth: Run::DEPTH,
    };
    let found = Script::parse(text).and_then(|script| run(&script, &call, &mut host));
    (found, host.0)
}

fn stop(text: &str) -> String {
    try_run(text).0.unwrap_err().to_string()
}

#[test]
fn an_unknown_command_stops_with_its_line() {
    assert_eq!(stop("\n\nfrobnicate --all \"$1\"\n"), "line 3: `frobnicate --all configure` is not known");
    assert_eq!(stop("if true\nthen odd x || true\nfi"), "line 2: `odd x`: the moon is full");
    assert_eq!(stop("x=$(:;\n nope)"), "line 2: `nope` is not known");
}

#[test]
fn a_branch_that_is_not_taken_may_hold_anything() {
    let (found, calls) = try_run("if [ \"$1\" = remove ]; then frobnicate; sleep 1 & fi; false && kill $$");
    assert_eq!(found.unwrap().status, 1);
    assert!(calls.is_empty());
}

#[test]
fn a_script_has_the_same_process_each_time() {
    let text = "[ $$ = \"$(echo $$)\" ] && [ $$ -gt 1 ]";
    assert_eq!(try_run(text).0.unwrap().status, 0);
}

#[test]
fn what_the_shell_does_not_follow_is_refused() {
    for (text, what) in [
        ("sleep 1 &", "line 1: `&`: commands in the background are not followed"),
        ("echo $!", "line 1: `$!`: there is no process"),
        ("echo ~nobody", "line 1: `~nobody` needs the accounts"),
        ("echo ${x/a/b}", "line 1: `${x`: an expansion dash does not have"),
        ("[ /f -nt / ]", "line 1: `[ /f -nt / ]`: files have no age"),
        ("cat -A /f", "line 1: `cat -A`: the option `-A` is not known"),
        ("grep -r x /f", "line 1: `grep -r`: the option `-r` is not known"),
        (r"echo aa | grep '\(a\)\1'", r"line 1: `grep`: `\(a\)\1`: back references are not followed"),
        ("echo x | sed 's/x/y/e'", "line 1: `sed`: the flag `e` of `s` is not followed"),
        ("echo x >/secret", "line 1: `> /secret`: not yours"),
        ("while :; do :; done", "line 1: the script does not come to an end"),
        ("f() { f; }; f", "line 1: commands are nested too deep"),
        ("if true; then", "line 1: the script ends too early"),
        ("cat <<E\nx", "line 1: here-document without an end"),
        ("eval 'if'", "line 1: the script ends too early"),
        ("wait", "line 1: `wait` is not known"),
        ("awk 'BEGIN {getline}'", "line 1: `awk`: `getline` is not followed here"),
        ("awk 'BEGIN {print 1 > \"f\"}'", "line 1: `awk`: output to files and commands is not followed"),
        ("f() { local -r x=1; }; f", "line 1: `local -r`: the option `-r` is not known"),
    ] {
        assert_eq!(stop(text), what, "{text}");
    }
}

/// Each way a command can hold another, as deep as the limits allow: what ends it must be a limit, not the stack.
#[test]
fn no_nesting_exhausts_the_stack() {
    let repeat =
        |open: &str, middle: &str, close: &str| format!("{}{middle}{}", open.repeat(5_000), close.repeat(5_000));
    let shapes = [
        ("$(echo ", ":", ")"),
        ("\"${x:-", "a", "}\""),
        ("${x:-$(echo ", "a", ")}"),
        ("if true; then ", ":", "; fi"),
        ("( ", ":", ")"),
        ("{ ", ":", "; }"),
        ("while ", ":", "; do break; done"),
        ("case x in x) ", ":", ";; esac"),
        ("f() { ", ":", "; }"),
        ("$((", "1", "))"),
        ("echo $(( (", "1", ") ))"),
        ("! ", ":", ""),
        ("eval ", ":", ""),
        ("command ", ":", ""),
        ("env ", "true", ""),
        ("sh -c 'sh ", "", "'"),
    ];
    for (open, middle, close) in shapes {
        let _ = try_run(&repeat(open, middle, close));
        let _ = try_run(&format!("echo {}", repeat(open, middle, close)));
    }
    for body in [
        "f",
        "eval f",
        "(f)",
        "{ f; }",
        "f | f",
        "echo $(f)",
        "x=${x:-$(f)}",
        "if f; then :; fi",
        "case $(f) in x) ;; esac",
        "for i in 1; do while f; do f; done; done",
        "command eval 'eval \"f\"'",
        "eval 'x=\"${y:-$(eval f)}\"'",
        ". /self",
        "echo f | xargs -n1 sh -c 'f() { eval f; }; f'",
        "if true; then case x in x) { ( if true; then x=\"$(eval \"f\")\"; fi ); };; esac; fi",
    ] {
        let _ = try_run(&format!("f() {{ {body}; }}; f"));
    }
    for (tool, open, close) in
        [("grep -E", "(", ")"), ("sed", "{", "}"), ("awk", "{", "}"), ("expr", "( ", " )"), ("[", "( ", " )")]
    {
        let _ = try_run(&format!("echo x | {tool} '{}x{}'", open.repeat(3_000), close.repeat(3_000)));
        let _ = try_run(&format!("{tool} {} x {}", "\\( ".repeat(3_000), "\\) ".repeat(3_000)));
    }
    for program in ["-", "!", "$", "(", "a[", "x=", "f(", "1?", "if(1)", "while(1)", "2^", "-x ", "{if(1)", "++", "1 "]
    {
        let _ = try_run(&format!("awk 'BEGIN {{ x = {} }}'", program.repeat(3_000)));
        let _ = try_run(&format!("awk 'BEGIN {{ {} }}'", program.repeat(3_000)));
    }
}

#[test]
fn memory_is_bounded() {
    let text = "x=0123456789; while :; do x=$x$x; done";
    assert_eq!(stop(text), "line 1: the script makes too much text");
}

#[test]
fn a_call_sees_what_the_command_would() {
    let text = "umask 077; export B=2; C=3; D=4 greet \"$2\" <<E\nin\nE\necho $?; x=$(greet 2>&1); echo \"$x\"";
    let (found, calls) = try_run(text);
    let outcome = found.unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "hello\n3\nhello\noops\n");
    assert_eq!(outcome.stderr, b"oops\n");
    assert_eq!(calls[0], "greet  [in\n] 077 / {\"A\": \"1\", \"B\": \"2\", \"D\": \"4\"}");
}

#[test]
fn a_command_need_not_read_what_it_could() {
    let (found, calls) = try_run("while read a; do greet $a; done <<E\n1\n2\nE\n");
    assert_eq!(found.unwrap().status, 3);
    assert_eq!(calls.len(), 2);
}
