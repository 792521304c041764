//! Any bytes as a script, in either dialect.
#![no_main]

mod host;

use rootsmith_shell::Dialect;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for dialect in [Dialect::Dash, Dialect::Bash] {
        host::follow(&text, dialect, &["one", "two words"]);
    }
});
