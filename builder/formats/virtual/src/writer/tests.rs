//! What comes out of any row of writes.

use std::sync::mpsc::{Receiver, Sender, channel};

use rootsmith_types::Uuid;

use super::*;

/// Takes notes.
struct Notes(Sender<(u64, usize, u8)>);

impl Container for Notes {
    fn cluster_size(&self) -> usize {
        8
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        self.0.send((number, data.len(), data[data.len() - 1])).map_err(io::Error::other)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer of 20 bytes in clusters of 8, and its notes: number, length and last byte of each.
fn writer() -> (Writer<'static>, Receiver<(u64, usize, u8)>) {
    let (notes, seen) = channel();
    (Writer { container: Box::new(Notes(notes)), size: 20, end: 0, begun: None, cluster: vec![0; 8] }, seen)
}

#[test]
fn clusters_come_once_and_whole() {
    let (mut out, seen) = writer();
    for (at, byte) in [(3, 1), (7, 2), (9, 3), (19, 4)] {
        out.write_at(at, &[byte]).unwrap();
    }
    out.finish().unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), [(0, 8, 2), (1, 8, 0), (2, 4, 4)]);
}

#[test]
fn one_write_over_all_of_them() {
    let (mut out, seen) = writer();
    out.write_at(2, &[5; 18]).unwrap();
    out.finish().unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), [(0, 8, 5), (1, 8, 5), (2, 4, 5)]);
}

#[test]
fn zeros_do_not_come() {
    let (mut out, seen) = writer();
    out.write_at(0, &[0; 17]).unwrap();
    out.finish().unwrap();
    assert_eq!(seen.iter().count(), 0);
}

#[test]
fn going_back_and_past_the_end_are_refused() {
    let (mut out, _) = writer();
    out.write_at(4, &[1; 4]).unwrap();
    assert!(out.write_at(7, &[1]).is_err());
    assert!(out.write_at(19, &[1, 1]).is_err());
}

#[test]
fn sizes_that_a_format_cannot_have_are_refused() {
    let file = tempfile::tempfile().unwrap();
    let options = Options::new(Uuid::new([1; 16]), 0, "disk");
    for format in Format::ALL {
        let made = |size| create(format, NumBytes::new(size), &options, &file).err();
        assert_eq!(made(0), Some(CreateError::Empty(format)));
        assert!(matches!(made(1000), Some(CreateError::Unit { .. })), "{format}");
        assert!(matches!(made(format.limit() + format.unit()), Some(CreateError::TooLarge { .. })), "{format}");
        assert_eq!(format.limit() % format.unit(), 0);
        let rounded = format.rounded(NumBytes::new(1000)).unwrap();
        assert_eq!(made(rounded.get()), None);
    }
}
