//! See `rootsmith_inspect::fuzzing::fat`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::fat(data));
