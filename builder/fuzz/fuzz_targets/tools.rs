//! Any bytes as the program of a text tool, and as what it reads: a byte that names the tool, the program, a zero byte, the text.
#![no_main]

mod host;

use rootsmith_shell::Dialect;

const TOOLS: [&str; 14] = [
    r#"sed "$1""#,
    r#"sed -n -E "$1""#,
    r#"awk "$1""#,
    r#"awk -F "${1%%"${1#?}"}" "${1#?}""#,
    r#"grep "$1""#,
    r#"grep -E -o "$1""#,
    r#"grep -i -w -v "$1""#,
    r#"expr "$2" : "$1""#,
    r#"expr $1"#,
    r#"tr "$1" "${2%%x*}""#,
    r#"sort $1"#,
    r#"cut $1"#,
    r#"printf "$1" $2"#,
    r#"xargs $1"#,
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((tool, rest)) = data.split_first() else { return };
    let at = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    let (program, input) = (String::from_utf8_lossy(&rest[..at]), String::from_utf8_lossy(&rest[at..]));
    let script = format!("set -f; printf '%s' \"$2\" | {}", TOOLS[usize::from(*tool) % TOOLS.len()]);
    host::follow(&script, Dialect::Dash, &[&program, input.trim_start_matches('\0')]);
});
