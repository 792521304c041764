//! See `rootsmith_inspect::fuzzing::oci`.
#![no_main]

use std::sync::LazyLock;

use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder for temporary files"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let layout = FOLDER.path().join("layout");
    rootsmith_inspect::fuzzing::oci(data, &layout, FOLDER.path()).expect("files can be written");
});
