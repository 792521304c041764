//! Parts to a disk and back.

use std::io;

use super::testing::{core_image, elf, parts};
use super::*;

const FIRST: u64 = 2048;

/// The first two mebibytes of a disk.
fn disk(image: &CoreImage, first: u64) -> Vec<u8> {
    let placed = image.place(first);
    let mut disk = vec![0; 2 << 20];
    disk[..440].copy_from_slice(&placed.boot);
    let at = first as usize * 512;
    disk[at..at + placed.core.len()].copy_from_slice(&placed.core);
    disk
}

fn found(disk: &[u8]) -> Result<Option<Installed>, ReadError> {
    read(&mut |at, into| {
        let there = disk.get(at as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    })
}

#[test]
fn what_was_put_together_is_found_again_wherever_it_lies() {
    for modules in [&["fat", "normal"][..], &["one"], &[]] {
        for first in [1, FIRST, 3000] {
            let found = found(&disk(&core_image(modules, "(,gpt2)/grub"), first)).unwrap().unwrap();
            assert_eq!(found.modules, modules);
            assert_eq!(found.first, first);
            assert_eq!((found.prefix.as_deref(), found.config), (Some("(,gpt2)/grub"), None));
        }
    }
}

#[test]
fn the_places_in_both_are_those_on_the_disk() {
    let image = core_image(&["fat"], "(hd0)/");
    let placed = image.place(FIRST);
    assert_eq!(placed.boot[0x5c..0x64], FIRST.to_le_bytes());
    assert_eq!(placed.boot[0x64..0x68], [0xff, 0xf4, 0x90, 0x90]);
    assert!(placed.boot[3..0x5a].iter().all(|byte| *byte == 0), "no parameters of a file system");
    let rest = (placed.core.len() / 512 - 1) as u16;
    assert_eq!(placed.core[500..508], (FIRST + 1).to_le_bytes());
    assert_eq!(placed.core[508..510], rest.to_le_bytes());
    assert_eq!(placed.core[510..512], 0x820_u16.to_le_bytes());
    assert!(placed.core[488..500].iter().all(|byte| *byte == 0), "no further run of sectors");
    assert_eq!(placed.core.len(), image.size());
    assert_eq!(image.place(FIRST), placed);
}

#[test]
fn a_disk_that_does_not_start_by_grub_is_told_from_one_that_would_fail() {
    assert_eq!(found(&vec![0; 4096]), Ok(None));
    assert_eq!(found(&[]), Ok(None));
    let whole = disk(&core_image(&["fat", "normal"], "(,gpt2)/grub"), FIRST);
    let damaged = |at: usize, with: u8| {
        let mut disk = whole.clone();
        disk[at] ^= with;
        found(&disk).unwrap_err()
    };
    let core = FIRST as usize * 512;
    assert!(matches!(damaged(0x5c, 1), ReadError::Damaged(_)), "the wrong sector");
    assert_eq!(damaged(0x5f, 1), ReadError::Outside { sector: FIRST + (1 << 24) });
    assert_eq!(damaged(0x64, 0x7f), ReadError::Damaged("it loads its core image from another drive than its own"));
    assert_eq!(damaged(core + 503, 1), ReadError::Outside { sector: FIRST + 1 + (1 << 24) }, "the run of sectors");
    assert_eq!(damaged(core + 509, 0xff), ReadError::Damaged("its core image is larger than any"));
    assert_eq!(damaged(core + 522, 1), ReadError::Damaged("its core image cannot be decompressed"), "the packed size");
    // Changed bytes of what is compressed: on real parts, `tests/oracle/grub.rs`. Here all is moved, without telling anybody.
    assert!(found(&[&whole[..512], &whole[1024..]].concat()).is_err());
}

#[test]
fn parts_that_are_something_else_are_refused_by_name() {
    let named = |change: fn(&mut Parts)| {
        let mut parts = parts(&["fat"]);
        change(&mut parts);
        CoreImage::assemble(&parts, "(hd0)/").unwrap_err().to_string()
    };
    assert_eq!(named(|it| it.boot[0x180] = 0), "GRUB's `boot.img` cannot be used: it is no boot sector of GRUB's");
    assert_eq!(named(|it| it.boot.truncate(511)), named(|it| it.boot[0x180] = 0));
    assert_eq!(named(|it| it.diskboot.push(0)), "GRUB's `diskboot.img` cannot be used: it is no sector");
    let decompressor = "GRUB's `lzma_decompress.img` cannot be used: it has not the size of one";
    assert_eq!(named(|it| it.decompressor.truncate(20)), decompressor);
    assert_eq!(named(|it| it.decompressor.resize(4096, 0)), decompressor);
    assert!(named(|it| it.kernel.truncate(60)).starts_with("GRUB's `kernel.img` cannot be used: "));
    assert_eq!(named(|it| it.kernel = elf(&[])), "GRUB's `kernel.img` cannot be used: it has nothing to load");
    let outside = "GRUB's `kernel.img` cannot be used: a section lies outside 0x9000 to 0x68000";
    assert_eq!(named(|it| it.kernel = elf(&[(".text", 6, 0x8000, 1, b"x")])), outside);
    assert_eq!(named(|it| it.kernel = elf(&[(".bss", 3, 0xffff_0000, 8, &[0; 64])])), outside);
    let noise = |n: u32| n.wrapping_mul(0x9e37_79b9).rotate_left(n % 31).to_le_bytes();
    let large: Vec<u8> = (0..200_000).flat_map(noise).collect();
    let mut parts = parts(&[]);
    parts.modules.push(large);
    assert!(matches!(CoreImage::assemble(&parts, "(hd0)/"), Err(GrubError::TooLarge { room: 0x6f000, .. })));
}

/// Any disk is an answer or an error.
#[test]
fn damage_is_no_panic() {
    let whole = disk(&core_image(&["fat", "normal", "linux"], "(,gpt2)/grub"), 1);
    let whole = &whole[..8192];
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..3000 {
        let mut disk = whole.to_vec();
        for _ in 0..=draw(4) {
            // The fields are in the first three sectors; what is compressed begins at 0x720.
            let at = [draw(1536), 0x720 + draw(256), 0x5c + draw(8), 1012 + draw(12), 1032 + draw(14)][draw(5)];
            disk[at] = draw(256) as u8;
        }
        disk.truncate(whole.len() - draw(2) * draw(whole.len()));
        let _ = found(&disk);
    }
}
