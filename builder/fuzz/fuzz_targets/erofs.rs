//! See `rootsmith_inspect::fuzzing::erofs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::erofs(data));
