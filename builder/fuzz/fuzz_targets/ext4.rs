//! See `rootsmith_inspect::fuzzing::ext4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::ext4(data));
