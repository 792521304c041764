//! For this crate's own tests: other people's tools.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a tool printed. `None` when it is not installed, which is a failure where `REQUIRE_ORACLES` is set.
#[expect(clippy::disallowed_methods, reason = "the one variable that tests may ask for")]
#[expect(clippy::print_stdout, reason = "a test that was not made has to say so")]
pub(crate) fn run(command: &[&str], input: &str) -> Option<String> {
    let (tool, arguments) = command.split_first().unwrap();
    let piped = |it: &mut Command| it.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match piped(Command::new(tool).args(arguments).env("LC_ALL", "C.UTF-8")) {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool}: {error}");
            println!("skipped: {tool} is not installed");
            return None;
        }
    };
    // A tool that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Bytes without a pattern, always the same.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
