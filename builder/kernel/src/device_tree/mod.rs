//! What a flattened device tree tells: words for the kernel (`/chosen/bootargs`), and which drivers its disks wait for.
//!
//! Specification: Devicetree Specification v0.4, 5 "Flattened Devicetree (DTB) Format", version 17. Integers are big-endian.
//!
//! | offset | header field        |
//! |--------|---------------------|
//! | 0      | magic, `0xd00dfeed` |
//! | 4      | totalsize           |
//! | 8      | off_dt_struct       |
//! | 12     | off_dt_strings      |
//! | 20     | version             |
//! | 24     | last_comp_version   |
//! | 32     | size_dt_strings     |
//! | 36     | size_dt_struct      |

mod links;
mod storage;
mod tree;

use crate::KernelError;

pub use links::{Link, links};
pub use storage::{NeededDriver, Step, Storage, StorageDrivers, Undriven, storage_drivers};
pub use tree::{DeviceTree, Node};

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Blobs of boards have some hundred kilobytes; firmware takes no more than 2 MiB.
const MAX_SIZE: usize = 16 << 20;
/// Real trees are less than ten deep.
const MAX_DEPTH: usize = 64;
/// Real trees have some thousand nodes.
const MAX_NODES: usize = 65_536;

/// `/chosen/bootargs` of the device tree `dtb`; `None` when it has none.
pub fn bootargs(dtb: &[u8]) -> Result<Option<String>, KernelError> {
    let tree = DeviceTree::read(dtb)?;
    let value = tree.node("/chosen").and_then(|chosen| chosen.property("bootargs"));
    Ok(value.map(|value| {
        let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
        String::from_utf8_lossy(&value[..end]).into_owned()
    }))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// The tree that `dtc`, the reference compiler, makes of `source`; `None` when it is not installed.
    #[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
    pub(crate) fn dtc(source: &str) -> Option<Vec<u8>> {
        let command = Command::new("dtc")
            .args(["-q", "-I", "dts", "-O", "dtb"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = command else {
            eprintln!("skipped: dtc not found");
            assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "dtc not found");
            return None;
        };
        child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        Some(output.stdout)
    }

    const BOARD: &str = r#"/dts-v1/;
/ {
    model = "a board";
    bootargs = "of no one";
    soc { chosen { bootargs = "not at the top"; }; };
    chosen { stdout-path = "serial0"; bootargs = "coherent_pool=1M cgroup_disable=memory"; };
    memory@0 { reg = <0 1>; };
};"#;

    /// By hand: `/ { chosen { bootargs = TEXT; }; };`
    fn by_hand(value: &[u8]) -> Vec<u8> {
        let mut tokens: Vec<u8> = Vec::new();
        let mut put = |word: u32| tokens.extend_from_slice(&word.to_be_bytes());
        put(BEGIN_NODE);
        put(0);
        put(BEGIN_NODE);
        tokens.extend_from_slice(b"chosen\0\0");
        for word in [PROP, value.len() as u32, 0] {
            tokens.extend_from_slice(&word.to_be_bytes());
        }
        tokens.extend_from_slice(value);
        tokens.resize(tokens.len().next_multiple_of(4), 0);
        for word in [END_NODE, END_NODE, END] {
            tokens.extend_from_slice(&word.to_be_bytes());
        }
        let strings = b"bootargs\0";
        let total = 40 + tokens.len() + strings.len();
        let fields = [
            MAGIC,
            total as u32,
            40,
            40 + tokens.len() as u32,
            0,
            17,
            16,
            0,
            strings.len() as u32,
            tokens.len() as u32,
        ];
        let mut dtb: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        dtb.extend_from_slice(&tokens);
        dtb.extend_from_slice(strings);
        dtb
    }

    #[test]
    fn bootargs_are_those_of_the_node_chosen_at_the_top() {
        assert_eq!(bootargs(&by_hand(b"quiet\0")).unwrap().as_deref(), Some("quiet"));
        assert_eq!(bootargs(&by_hand(b"")).unwrap().as_deref(), Some(""));
        let Some(dtb) = dtc(BOARD) else { return };
        assert_eq!(bootargs(&dtb).unwrap().as_deref(), Some("coherent_pool=1M cgroup_disable=memory"));
        let dtb = dtc("/dts-v1/; / { chosen { }; soc { bootargs = \"x\"; }; };").unwrap();
        assert_eq!(bootargs(&dtb).unwrap(), None);
    }

    #[test]
    fn a_damaged_tree_is_an_error_and_never_a_panic() {
        let good = by_hand(b"cgroup_disable=memory\0");
        for end in 0..good.len() {
            assert!(bootargs(&good[..end]).is_err(), "{end}");
        }
        for at in 0..good.len() {
            for bit in [0x01, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= bit;
                let _ = bootargs(&bad);
            }
        }
        let mut deep = by_hand(b"");
        // Only nodes that are opened.
        let tokens: Vec<u8> = [BEGIN_NODE, 0].repeat(100).iter().flat_map(|word| word.to_be_bytes()).collect();
        let length = tokens.len() as u32;
        deep.truncate(40);
        deep.extend_from_slice(&tokens);
        deep[4..8].copy_from_slice(&(40 + length).to_be_bytes());
        deep[12..16].copy_from_slice(&40u32.to_be_bytes());
        deep[32..36].copy_from_slice(&0u32.to_be_bytes());
        deep[36..40].copy_from_slice(&length.to_be_bytes());
        assert_eq!(
            bootargs(&deep).unwrap_err().to_string(),
            "cannot read the device tree: it has nodes more than 64 deep"
        );
        assert_eq!(
            bootargs(b"text").unwrap_err().to_string(),
            "cannot read the device tree: it does not begin with the magic of a device tree"
        );
    }
}
