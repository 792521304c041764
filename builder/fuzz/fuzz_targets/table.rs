//! See `rootsmith_inspect::fuzzing::table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::table(data));
