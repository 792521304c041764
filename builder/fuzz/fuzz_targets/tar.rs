//! See `rootsmith_inspect::fuzzing::tar`.
#![no_main]

use std::sync::LazyLock;

use tempfile::TempDir;

static SCRATCH: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder for temporary files"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::tar(data, SCRATCH.path()));
