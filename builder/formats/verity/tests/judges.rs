//! Whether `veritysetup` agrees: it makes the same bytes, and it notices one that was changed.

use std::fs;
use std::io;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::Config;
use rootsmith_ondisk::{Image, Memory, Sink};
use rootsmith_types::{NumBytes, Sha256Digest};
use rootsmith_verity::{HashTree, Options, plan};
use tempfile::NamedTempFile;

/// Bytes that are written in pieces, blocks of zeros left out where `holes` says so.
struct Pieces {
    data: Vec<u8>,
    piece: usize,
    holes: bool,
}

impl Image for Pieces {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.data.len() as u64)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        for (at, piece) in (0..).step_by(self.piece).zip(self.data.chunks(self.piece)) {
            if !self.holes || piece.iter().any(|&byte| byte != 0) {
                out.write_at(at, piece)?;
            }
        }
        Ok(())
    }
}

fn data(blocks: usize) -> Vec<u8> {
    // Every third block is zeros.
    let byte = |at: usize| if at / 4096 % 3 == 1 { 0 } else { (at / 7) as u8 };
    (0..blocks * 4096).map(byte).collect()
}

fn options() -> Options {
    Options::derive(&Sha256Digest::of(b"lock"))
}

fn tree(data: &[u8], piece: usize, holes: bool) -> HashTree {
    let image = Pieces { data: data.to_vec(), piece, holes };
    let plan = plan(image.size(), &options()).unwrap();
    let tree = plan.hash(&image).unwrap();
    assert_eq!(tree.size(), plan.size());
    tree
}

/// Runs `veritysetup`; `None` when it is not installed, which is an error where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn veritysetup(arguments: &[&str]) -> Option<(bool, String)> {
    match Command::new("veritysetup").args(arguments).output() {
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            Some((output.status.success(), text))
        }
        Err(error) => {
            assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "veritysetup: {error}");
            println!("skipped: veritysetup not found");
            None
        }
    }
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    file
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn veritysetup_makes_the_same_bytes_and_verifies_ours() {
    for blocks in [1, 2, 127, 128, 129, 1000, 128 * 128, 128 * 128 + 1] {
        let data = data(blocks);
        let tree = tree(&data, 1 << 20, false);
        let ours = Memory::of(&tree).unwrap();
        let (data, hashes, theirs) = (file(&data), file(&ours), file(&[]));
        let path = |file: &NamedTempFile| file.path().to_str().unwrap().to_owned();
        let root = tree.root_hash().to_string();
        let salt = format!("--salt={}", hex(&options().salt));
        let uuid = format!("--uuid={}", options().uuid);
        let Some((fine, text)) = veritysetup(&["format", &salt, &uuid, &path(&data), &path(&theirs)]) else { return };
        assert!(fine && text.contains(&root), "{blocks}: {text}");
        // A tree without levels is a superblock of 512 bytes there.
        let theirs = fs::read(theirs.path()).unwrap();
        assert!(ours[..theirs.len()] == theirs && ours[theirs.len()..].iter().all(|&byte| byte == 0), "{blocks}");
        let (fine, text) = veritysetup(&["verify", &path(&data), &path(&hashes), &root]).unwrap();
        assert!(fine, "{blocks}: {text}");
        let (fine, text) = veritysetup(&["dump", &path(&hashes)]).unwrap();
        assert!(fine && text.contains(&options().uuid.to_string()), "{text}");
    }
}

#[test]
fn a_changed_byte_of_data_or_tree_is_noticed() {
    let bytes = data(300);
    let tree = tree(&bytes, 4096, true);
    let hashes = Memory::of(&tree).unwrap();
    let root = tree.root_hash().to_string();
    let verify = |data: &[u8], hashes: &[u8]| {
        let (data, hashes) = (file(data), file(hashes));
        veritysetup(&["verify", data.path().to_str().unwrap(), hashes.path().to_str().unwrap(), &root])
    };
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let Some((fine, text)) = verify(&bytes, &hashes) else { return };
    assert!(fine, "{text}");
    for at in [0, 5000, 299 * 4096 + 4095] {
        assert!(!verify(&changed(&bytes, at), &hashes).unwrap().0, "data {at}");
    }
    // The root's block, and the first and last hash over the data.
    for at in [4096, 2 * 4096, 2 * 4096 + 299 * 32 + 31] {
        assert!(!verify(&bytes, &changed(&hashes, at)).unwrap().0, "tree {at}");
    }
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn it_does_not_matter_how_the_data_come(
        blocks in 1usize..1500,
        piece in prop::sample::select(vec![1usize, 3, 100, 4096, 4097, 8192, 5 << 20]),
        holes in any::<bool>(),
    ) {
        // Single bytes are slow.
        let data = data(if piece < 100 { blocks.min(20) } else { blocks });
        let one = tree(&data, 4096, false);
        let other = tree(&data, piece, holes);
        prop_assert_eq!(one.root_hash(), other.root_hash());
        prop_assert!(Memory::of(&one).unwrap() == Memory::of(&other).unwrap());
    }
}

#[test]
fn an_image_of_another_size_is_refused() {
    let plan = plan(NumBytes::mib(1), &options()).unwrap();
    assert!(plan.hash(&Pieces { data: data(1), piece: 4096, holes: false }).is_err());
}
