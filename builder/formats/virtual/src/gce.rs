//! `disk.raw` in a tar file of the old GNU kind, compressed by gzip, as Google's cloud imports it.
//!
//! Specifications: Google Cloud, "Requirements to import or build custom images"; RFC 1951 and 1952. The stream is made of pieces
//! that are compressed by themselves; that of nothing but zeros is made once.

use std::fs::File;
use std::io;

use flate2::Crc;

use crate::Options;
use crate::compress::{Batch, Compressor, Method};
use crate::file::Tail;
use crate::writer::Container;

/// The cloud takes disks of whole GiB.
pub(crate) const UNIT: u64 = 1 << 30;
/// 64 TiB: its largest disk.
pub(crate) const LIMIT: u64 = 64 << 40;
/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Pieces of a GiB.
const PIECES: u64 = UNIT / (256 << 10);
/// A gzip member's header: deflate, no name, no time, no system (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, with nothing in it (RFC 1951, 3.2.6).
const LAST: [u8; 2] = [3, 0];

/// A tar file with a disk that is being written.
pub(crate) struct Gce<'a> {
    size: u64,
    time: u64,
    batch: Batch,
    stream: Stream<'a>,
}

/// The gzip member.
struct Stream<'a> {
    tail: Tail<'a>,
    /// Of everything so far.
    sum: Crc,
    /// The number of the piece that comes next.
    next: u64,
    /// A piece of zeros: compressed, and its sum.
    zeros: Option<(Vec<u8>, Crc)>,
}

impl<'a> Gce<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Gce<'a> {
        let stream = Stream { tail: Tail::new(file, 0), sum: Crc::new(), next: 0, zeros: None };
        // A time before 1970 is its beginning.
        let time = u64::try_from(options.time).unwrap_or(0);
        Gce { size, time, batch: Batch::new(Method::Piece, PIECE), stream }
    }

    /// Writes what stands before the disk, unless that is there.
    fn begin(&mut self) -> io::Result<()> {
        if self.stream.tail.position() > 0 {
            return Ok(());
        }
        let mut header = tar::Header::new_gnu();
        header.set_path("disk.raw")?;
        header.set_size(self.size);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.stream.tail.append(&HEADER)?;
        self.stream.piece(header.as_bytes())
    }

    fn drain(&mut self) -> io::Result<()> {
        self.begin()?;
        self.batch.drain(|number, data, packed| self.stream.numbered(number, data, packed))
    }
}

impl Container for Gce<'_> {
    fn cluster_size(&self) -> usize {
        PIECE
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        if self.batch.push(number, data) { self.drain() } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.drain()?;
        // Whole GiB are whole pieces.
        self.stream.zeros((self.size / UNIT).saturating_mul(PIECES))?;
        // A tar file ends with two blocks of zeros.
        self.stream.piece(&[0; 1024])?;
        let Stream { tail, sum, .. } = &mut self.stream;
        tail.append(&LAST)?;
        tail.append(&sum.sum().to_le_bytes())?;
        // Modulo 2^32, as the format has it.
        tail.append(&sum.amount().to_le_bytes())?;
        tail.flush()
    }
}

impl Stream<'_> {
    /// The piece with this number, behind those of zeros that did not come.
    fn numbered(&mut self, number: u64, data: &[u8], packed: Option<&[u8]>) -> io::Result<()> {
        self.zeros(number)?;
        let packed = packed.ok_or_else(|| io::Error::other("internal error: a piece was not compressed"))?;
        self.next = self.next.saturating_add(1);
        self.sum.update(data);
        self.tail.append(packed)
    }

    /// Zeros up to the piece with this number.
    fn zeros(&mut self, number: u64) -> io::Result<()> {
        let (packed, sum) = match &mut self.zeros {
            Some(zeros) => zeros,
            none => {
                let zeros = vec![0; PIECE];
                let mut sum = Crc::new();
                sum.update(&zeros);
                none.insert((pack(&zeros)?, sum))
            }
        };
        while self.next < number {
            self.next = self.next.saturating_add(1);
            self.sum.combine(sum);
            self.tail.append(packed)?;
        }
        Ok(())
    }

    /// Bytes that are not the disk's.
    fn piece(&mut self, data: &[u8]) -> io::Result<()> {
        self.sum.update(data);
        self.tail.append(&pack(data)?)
    }
}

fn pack(data: &[u8]) -> io::Result<Vec<u8>> {
    let packed = Compressor::new(Method::Piece)?.compress(data)?;
    packed.ok_or_else(|| io::Error::other("internal error: a piece was not compressed"))
}
