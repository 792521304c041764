//! Boot code at fixed places.

use proptest::prelude::*;

use super::*;

fn overlap(table: Table, first: u64, blobs: Vec<Blob<'_>>) -> (String, String) {
    let options = Options { first: NumBytes::new(first), ..options(table) };
    let partitions = vec![partition(1, "esp", &ESP), partition(2, "root", &ROOT)];
    let error = plan(partitions, blobs, &options).err().expect("an overlap");
    assert!(matches!(error, PlanError::Overlap { .. }), "{error}");
    (error.to_string(), error.help().unwrap())
}

#[test]
fn allwinners_boot_code_does_not_fit_into_a_gpt() {
    for (table, name) in [(Table::Gpt, "GPT"), (Table::Hybrid, "hybrid GPT")] {
        let (what, help) = overlap(table, 0, vec![blob("u-boot-sunxi-with-spl.bin", 8192, &UBOOT)]);
        assert_eq!(
            what,
            format!(
                "`u-boot-sunxi-with-spl.bin` (bytes 8192 to 708191, sectors 16 to 1383) overlaps \
                 the {name} (bytes 0 to 17407, sectors 0 to 33)"
            )
        );
        assert!(help.contains("`table = \"mbr\"`") && help.contains("131072 (sector 256)"), "{help}");
    }
    let fits =
        |table, at| plan(vec![partition(1, "esp", &ESP)], vec![blob("spl", at, &UBOOT)], &options(table)).is_ok();
    assert!(fits(Table::Mbr, 8192) && fits(Table::Gpt, 256 * 512) && fits(Table::Gpt, 34 * 512));
    assert!(!fits(Table::Gpt, 34 * 512 - 1) && fits(Table::Mbr, 512) && !fits(Table::Mbr, 511));
}

#[test]
fn an_overlap_names_both_and_what_to_do() {
    let (what, help) = overlap(Table::Mbr, 0, vec![blob("MLO", 0, &LOADER)]);
    assert_eq!(what, "`MLO` (bytes 0 to 192511, sectors 0 to 375) overlaps the MBR (bytes 0 to 511, sectors 0 to 0)");
    assert_eq!(help, "the first sector holds the table: begin at byte 512 (sector 1) or later");

    let (what, help) = overlap(Table::Gpt, 0, vec![blob("u-boot.itb", 8 << 20, &UBOOT)]);
    let root = "partition `root` (bytes 4194304 to 10485759, sectors 8192 to 20479)";
    assert_eq!(what, format!("`u-boot.itb` (bytes 8388608 to 9088607, sectors 16384 to 17751) overlaps {root}"));
    assert_eq!(help, "let the first partition begin at byte 9088608 or later, or move `u-boot.itb`");
    // It helps.
    let blobs = || vec![blob("u-boot.itb", 8 << 20, &UBOOT)];
    let moved = Options { first: NumBytes::new(9_088_608), ..options(Table::Gpt) };
    assert_eq!(plan(vec![partition(1, "root", &ROOT)], blobs(), &moved).unwrap().partitions(), [(18432, 30719)]);

    // Also where the blob comes first.
    let (what, _) = overlap(Table::Mbr, 0, vec![blob("spl", (1 << 20) - 1, &LOADER)]);
    assert!(what.starts_with("`spl` (bytes 1048575 to") && what.contains("overlaps partition `esp`"), "{what}");

    let both = vec![blob("u-boot.img", 69 << 10, &UBOOT), blob("SPL", 1 << 10, &LOADER)];
    let (what, help) = overlap(Table::Mbr, 4 << 20, both);
    assert!(what.contains("`u-boot.img` (bytes 70656 ") && what.contains("`SPL` (bytes 1024 to 193535"), "{what}");
    assert_eq!(help, "move one of the two: `SPL` ends before byte 193536, so `u-boot.img` can begin there");
}

#[test]
fn a_disk_ends_behind_the_last_blob() {
    let blobs = || vec![blob("last", 20 << 20, &UBOOT)];
    let size = |table, align| {
        let options = Options { align: NumBytes::new(align), ..options(table) };
        plan(vec![partition(1, "esp", &ESP)], blobs(), &options).unwrap().size().get()
    };
    assert_eq!(size(Table::Mbr, 512), ((20 << 20) + 700_000u64).next_multiple_of(512));
    assert_eq!(size(Table::Gpt, 512), ((20 << 20) + 700_000u64 + 33 * 512).next_multiple_of(512));
    assert_eq!(size(Table::Gpt, 1 << 20), 21 << 20);
    // Boot code alone, too.
    assert_eq!(plan(vec![], blobs(), &options(Table::Mbr)).unwrap().size().get(), 21 << 20);
}

#[test]
fn a_blob_cannot_write_behind_its_end() {
    let plan = plan(vec![], vec![blob("x", 1024, &Spills)], &options(Table::Mbr)).unwrap();
    assert!(Memory::of(&plan).is_err());
}

/// Bytes without a gap, so that whatever is written over is missed.
struct Solid(u64, u8);

impl Image for Solid {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.0)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, &vec![self.1; self.0 as usize])
    }
}

proptest! {
    /// A disk has everything where its plan says and nothing twice, or there is no place for it.
    #[test]
    fn everything_is_somewhere_or_refused(
        parts in proptest::collection::vec(1u64..20_000, 1..4),
        boot_code in proptest::collection::vec((0u64..100_000, 1u64..9_000), 0..4),
        table in prop_oneof![Just(Table::Gpt), Just(Table::Mbr), Just(Table::Hybrid)],
        size in prop_oneof![Just(Size::Minimal), Just(Size::PowerOfTwo)],
        (align, first) in (0u32..4, 0u64..60_000),
    ) {
        let images: Vec<Solid> = (1..).zip(parts).map(|(n, length)| Solid(length, n)).collect();
        let codes: Vec<Solid> = (101..).zip(&boot_code).map(|(n, (_, length))| Solid(*length, n)).collect();
        let partitions = (1..).zip(&images).map(|(n, it)| Partition { hybrid: true, ..partition(n, "part", it) }).collect();
        let blobs = codes.iter().zip(&boot_code).map(|(it, (at, _))| blob("blob", *at, it)).collect();
        let align = 512 << align;
        let options = Options { align: NumBytes::new(align), first: NumBytes::new(first), size, ..options(table) };
        // Where the partitions lie is known without the plan.
        let mut taken: Vec<Range<u64>> = std::iter::once(0..table.head().get()).collect();
        let mut at = first.max(table.head().get()).next_multiple_of(align);
        for image in &images {
            let end = (at + image.0).next_multiple_of(align);
            taken.push(at..end);
            at = end;
        }
        taken.extend(boot_code.iter().map(|(at, length)| *at..at + length));
        let touch = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
        let fits = (1..taken.len()).all(|n| !taken[..n].iter().any(|it| touch(it, &taken[n])));
        match plan(partitions, blobs, &options) {
            Err(error) => prop_assert!(!fits && matches!(error, PlanError::Overlap { .. }), "{error}"),
            Ok(plan) => {
                prop_assert!(fits);
                let found = plan.partitions().iter().map(|(first, last)| first * 512..(last + 1) * 512);
                prop_assert_eq!(&found.chain(plan.blobs().iter().cloned()).collect::<Vec<_>>(), &taken[1..]);
                let disk = Memory::of(&plan).unwrap();
                let end = taken.iter().map(|it| it.end).max().unwrap() + table.tail().get();
                let minimal = end.next_multiple_of(align);
                let wanted = if size == Size::Minimal { minimal } else { minimal.next_power_of_two() };
                prop_assert_eq!(disk.len() as u64, wanted);
                for (image, range) in images.iter().chain(&codes).zip(&taken[1..]) {
                    let bytes = &disk[range.start as usize..][..image.0 as usize];
                    prop_assert!(bytes.iter().all(|byte| *byte == image.1));
                }
                let backup = &disk[disk.len() - 512..][..8] == b"EFI PART";
                prop_assert_eq!(backup, table != Table::Mbr);
            }
        }
    }
}
