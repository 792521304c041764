//! What a flattened device tree tells the kernel: `/chosen/bootargs`.
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

use crate::KernelError;

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

/// `/chosen/bootargs` of the device tree `dtb`; `None` when it has none.
pub fn bootargs(dtb: &[u8]) -> Result<Option<String>, KernelError> {
    read(dtb).map_err(|reason| KernelError::BadDeviceTree(reason.to_owned()))
}

fn read(dtb: &[u8]) -> Result<Option<String>, &'static str> {
    let field = |at| word(dtb, at).ok_or("is shorter than its header");
    if field(0)? != MAGIC {
        return Err("does not begin with the magic of a device tree");
    }
    let size = index(field(4)?)?;
    if size > MAX_SIZE {
        return Err("is larger than 16 MiB");
    }
    let dtb = dtb.get(..size).ok_or("is shorter than its header says")?;
    if field(20)? < 17 || field(24)? > 17 {
        return Err("is not of version 17");
    }
    let block = |at: u32, length: u32| {
        let start = index(at)?;
        let end = start.checked_add(index(length)?).ok_or("has a block beyond its end")?;
        dtb.get(start..end).ok_or("has a block beyond its end")
    };
    let strings = block(field(12)?, field(32)?)?;
    let tokens = block(field(8)?, field(36)?)?;
    find(tokens, strings)
}

/// Walks the tokens of the structure block (5.4).
fn find(tokens: &[u8], strings: &[u8]) -> Result<Option<String>, &'static str> {
    const CUT: &str = "ends in the middle of a node";
    let mut at = 0;
    let mut depth = 0_usize;
    // Whether the node we are in is `/chosen`: the only one of that name at depth two.
    let mut chosen = false;
    loop {
        let token = word(tokens, at).ok_or(CUT)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(tokens, at).ok_or(CUT)?;
                at = aligned(at, name.len() + 1);
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err("has nodes more than 64 deep");
                }
                chosen = depth == 2 && name == b"chosen";
            }
            END_NODE => {
                depth = depth.checked_sub(1).ok_or("closes a node that was not opened")?;
                chosen = false;
            }
            PROP => {
                let length = index(word(tokens, at).ok_or(CUT)?)?;
                let name = index(word(tokens, at + 4).ok_or(CUT)?)?;
                let end = (at + 8).checked_add(length).ok_or(CUT)?;
                let value = tokens.get(at + 8..end).ok_or("has a property beyond its end")?;
                at = aligned(at + 8, length);
                if chosen && text(strings, name).ok_or("has a property without a name")? == b"bootargs" {
                    let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
                    return Ok(Some(String::from_utf8_lossy(&value[..end]).into_owned()));
                }
            }
            NOP => {}
            END => return Ok(None),
            _ => return Err("has a token that no version knows"),
        }
    }
}

/// The place behind `length` bytes at `at`, rounded up to four. Both lie in a slice of at most 16 MiB.
fn aligned(at: usize, length: usize) -> usize {
    (at + length).next_multiple_of(4)
}

/// The bytes up to the next NUL.
fn text(data: &[u8], at: usize) -> Option<&[u8]> {
    let rest = data.get(at..)?;
    rest.iter().position(|&b| b == 0).map(|end| &rest[..end])
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn index(value: u32) -> Result<usize, &'static str> {
    usize::try_from(value).map_err(|_| "has an offset beyond its end")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// The tree that `dtc`, the reference compiler, makes of `source`; `None` when it is not installed.
    #[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
    fn dtc(source: &str) -> Option<Vec<u8>> {
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
