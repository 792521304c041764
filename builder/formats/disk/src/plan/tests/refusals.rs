//! What makes no disk, an error each.

use rootsmith_types::Blame;

use super::*;

fn refused(table: Table, partitions: Vec<Partition<'_>>) -> PlanError {
    let options = Options { align: NumBytes::new(512), ..options(table) };
    plan(partitions, vec![], &options).err().expect("a refusal")
}

fn several(n: u8, hybrid: bool) -> Vec<Partition<'static>> {
    (1..=n).map(|i| Partition { hybrid, ..partition(i, "x", &ESP) }).collect()
}

#[test]
fn alignments_are_powers_of_two() {
    for align in [0, 256, 1000] {
        let options = Options { align: NumBytes::new(align), ..options(Table::Mbr) };
        assert_eq!(plan(vec![], vec![], &options).err(), Some(PlanError::Alignment(NumBytes::new(align))));
    }
}

#[test]
fn a_table_has_room_for_so_many() {
    let too_many = |table, given| PlanError::TooManyPartitions { table, given };
    assert_eq!(refused(Table::Gpt, several(129, true)), too_many(Table::Gpt, 129));
    assert_eq!(refused(Table::Mbr, several(5, true)), too_many(Table::Mbr, 5));
    assert_eq!(refused(Table::Hybrid, several(4, true)), PlanError::TooManyShown(4));
    assert_eq!(refused(Table::Hybrid, several(4, false)), PlanError::NothingShown);
    for (table, n) in [(Table::Mbr, 4), (Table::Hybrid, 3)] {
        assert!(plan(several(n, true), vec![], &options(table)).is_ok());
    }
}

#[test]
fn what_has_no_bytes_is_refused_in_every_table() {
    let empty = Marked(0, "");
    for table in Table::ALL {
        assert_eq!(refused(table, vec![partition(1, "esp", &empty)]), PlanError::EmptyPartition("esp".to_owned()));
        let error = plan(vec![partition(1, "esp", &ESP)], vec![blob("spl", 1 << 30, &empty)], &options(table)).err();
        assert_eq!(error, Some(PlanError::EmptyBlob("spl".to_owned())));
    }
}

#[test]
fn names_and_guids_are_a_matter_of_gpts() {
    let long = "é".repeat(37);
    let twice = || vec![Partition { hybrid: true, ..partition(1, "a", &ESP) }, partition(1, "b", &ESP)];
    for table in [Table::Gpt, Table::Hybrid] {
        assert_eq!(refused(table, vec![partition(1, &long, &ESP)]), PlanError::NameTooLong(long.clone()));
        assert_eq!(refused(table, vec![partition(0, "esp", &ESP)]), PlanError::RepeatedGuid(uuid(0)));
        assert_eq!(refused(table, twice()), PlanError::RepeatedGuid(uuid(1)));
    }
    assert!(plan(vec![partition(1, &long, &ESP)], vec![], &options(Table::Mbr)).is_ok());
    assert!(plan(twice(), vec![], &options(Table::Mbr)).is_ok());
}

#[test]
fn what_an_mbr_shows_has_a_signature_a_type_and_one_to_boot() {
    for table in [Table::Mbr, Table::Hybrid] {
        let unsigned = Options { signature: 0, ..options(table) };
        let error = plan(vec![partition(1, "esp", &ESP)], vec![], &unsigned).err().unwrap();
        assert_eq!((error.blame(), error), (Blame::Ours, PlanError::NoSignature));
        for mbr_type in [0, 0x05, 0x0f, 0x85, 0xee] {
            let error = refused(table, vec![Partition { mbr_type, ..partition(1, "esp", &ESP) }]);
            assert_eq!(error, PlanError::ReservedType { name: "esp".to_owned(), mbr_type });
        }
        let active = |n, name| Partition { active: true, hybrid: true, ..partition(n, name, &ESP) };
        let error = refused(table, vec![active(1, "a"), partition(2, "b", &ESP), active(3, "c")]);
        assert_eq!(error, PlanError::TwoActive("a".to_owned(), "c".to_owned()));
        // What the MBR does not show does not count.
        let hidden = Partition { hybrid: false, active: true, mbr_type: 0, ..partition(2, "b", &ESP) };
        assert_eq!(plan(vec![active(1, "a"), hidden], vec![], &options(table)).is_ok(), table == Table::Hybrid);
    }
}

#[test]
fn an_mbr_ends_at_two_tebibytes() {
    let image = Marked((2 << 40) - (1 << 20), "");
    let more = Marked((2 << 40) - (1 << 20) + 1, "");
    for table in [Table::Mbr, Table::Hybrid] {
        let root = |image| Partition { hybrid: true, ..partition(1, "root", image) };
        assert!(plan(vec![root(&image)], vec![], &options(table)).is_ok());
        let error = plan(vec![root(&more)], vec![], &options(table)).err().unwrap();
        assert_eq!(
            error.to_string(),
            "partition `root` (bytes 1048576 to 2199024304127, sectors 2048 to 4294969343) is past 2 TiB, \
             where an MBR cannot count"
        );
    }
    // A hybrid's GPT can.
    let partitions = vec![partition(1, "esp", &ESP), partition(2, "root", &more)];
    assert!(plan(partitions, vec![], &options(Table::Hybrid)).is_ok());
}

#[test]
fn what_64_bits_cannot_count_is_refused() {
    let endless = Marked(u64::MAX, "");
    assert_eq!(refused(Table::Gpt, vec![partition(1, "x", &endless)]), PlanError::TooLarge);
    let late = plan(vec![], vec![blob("x", u64::MAX, &ESP)], &options(Table::Mbr));
    assert_eq!(late.err(), Some(PlanError::TooLarge));
    let first = Options { first: NumBytes::new(u64::MAX), ..options(Table::Mbr) };
    assert_eq!(plan(vec![], vec![], &first).err(), Some(PlanError::TooLarge));
    let large = Marked(1 << 63, "");
    let power = Options { size: Size::PowerOfTwo, ..options(Table::Mbr) };
    assert_eq!(plan(vec![partition(1, "x", &large)], vec![], &power).err(), Some(PlanError::TooLarge));
}

#[test]
fn what_an_author_can_mend_has_help() {
    for error in [
        PlanError::TooManyPartitions { table: Table::Mbr, given: 5 },
        PlanError::TooManyShown(4),
        PlanError::NothingShown,
        PlanError::EmptyBlob("x".to_owned()),
        PlanError::ReservedType { name: "x".to_owned(), mbr_type: 5 },
        PlanError::TwoActive("a".to_owned(), "b".to_owned()),
        PlanError::PastMbr(Claim { owner: Owner::Partition("x".to_owned()), range: 0..1 }),
    ] {
        assert_eq!(error.help().is_some(), error.blame() == Blame::Inputs, "{error}");
    }
}
