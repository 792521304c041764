//! See `rootsmith_inspect::fuzzing::virtual_disk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::virtual_disk(data));
