//! What no reader of ours checks.

use super::*;

#[test]
fn geometry_is_the_specifications() {
    // The smallest, each step of the algorithm, and its end.
    let mib = |n: u64| n * 2048;
    assert_eq!(geometry(mib(1)), (30, 4, 17));
    assert_eq!(geometry(mib(16)), (481, 4, 17));
    assert_eq!(geometry(mib(100)), (1003, 12, 17));
    assert_eq!(geometry(mib(200)), (825, 16, 31));
    assert_eq!(geometry(mib(1024)), (2080, 16, 63));
    assert_eq!(geometry(65535 * 16 * 63), (16191, 16, 255));
    assert_eq!(geometry(u64::MAX), (65535, 16, 255));
}

#[test]
fn time_outside_the_field_is_its_nearer_end() {
    assert_eq!(time_stamp(0), 0);
    assert_eq!(time_stamp(EPOCH + 7), 7);
    assert_eq!(time_stamp(i64::MAX), u32::MAX);
}

#[test]
fn checksum_makes_the_sum_ones() {
    let footer = footer(1 << 20, &Options::new(rootsmith_types::Uuid::new([9; 16]), EPOCH, "disk"), FIXED, NOWHERE);
    let sum: u32 = footer.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = footer.checksum.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
    assert_eq!(footer.checksum.get(), !(sum - own));
}
