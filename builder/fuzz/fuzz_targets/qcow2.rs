//! See `rootsmith_inspect::fuzzing::qcow2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rootsmith_inspect::fuzzing::qcow2(data));
