//! OVA: a virtual machine to import, in one tar archive.
//!
//! Specification: DMTF, DSP0243 1.1.0 "Open Virtualization Format Specification", 5.1 "OVF Package Structure" to 5.3 "Distribution as a Single
//! File".
//!
//! | member      | holds                                                                          |
//! |-------------|--------------------------------------------------------------------------------|
//! | `NAME.ovf`  | the descriptor: the machine, and the disk's size and format                    |
//! | `NAME.mf`   | the manifest: SHA-256 of descriptor and disk                                   |
//! | `NAME.vmdk` | the disk, stream-optimized                                                     |
//!
//! The disk is written first, at its place: descriptor and manifest are as long whatever they say.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use rootsmith_types::{Sha256Digest, Sha256Writer, UnixTime};

use self::descriptor::Machine;
use crate::archive::{Archive, MAX_NAME, behind};
use crate::deflated::Deflated;
use crate::number::{add, index, wide};
use crate::vmdk::Stream;
use crate::{CreateError, Options};

mod descriptor;

/// Read at once.
const CHUNK: usize = 1 << 20;

/// An OVA that is being written.
pub(crate) struct Ova<'a> {
    file: &'a File,
    time: UnixTime,
    machine: Machine,
    /// Where the disk begins.
    base: u64,
    disk: Stream<'a>,
}

impl<'a> Ova<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Result<Ova<'a>, CreateError> {
        if options.name.len().saturating_add(".vmdk".len()) > MAX_NAME {
            return Err(CreateError::Name(options.name.clone()));
        }
        let machine = Machine::new(size, options);
        let zero = Sha256Digest::of(b"");
        let base = behind([machine.descriptor(0).len(), manifest(&machine.name, &zero, &zero).len()]);
        // The machine says which hardware it needs; its disk's is no newer.
        let disk = Stream::new(file, base, size, options)?;
        Ok(Ova { file, time: options.time, machine, base, disk })
    }

    /// Of the disk, as it is in the file.
    fn digest(&self) -> io::Result<Sha256Digest> {
        let mut digest = Sha256Writer::new(io::sink());
        let mut buf = vec![0; CHUNK];
        let (mut at, length) = (0, self.disk.length());
        while at < length {
            let part = buf.get_mut(..index(length.saturating_sub(at))?.min(CHUNK)).unwrap_or_default();
            self.file.read_exact_at(part, add(self.base, at)?)?;
            digest.write_all(part)?;
            at = add(at, wide(part.len()))?;
        }
        Ok(digest.finish().1)
    }
}

impl Deflated for Ova<'_> {
    fn cluster(&mut self, number: u64, data: &[u8], zlib: &[u8]) -> io::Result<()> {
        self.disk.cluster(number, data, zlib)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.disk.finish()?;
        let (name, length) = (&self.machine.name, self.disk.length());
        let descriptor = self.machine.descriptor(length);
        let manifest = manifest(name, &Sha256Digest::of(descriptor.as_bytes()), &self.digest()?);
        let mut archive = Archive::new(self.file, self.time);
        archive.append(&format!("{name}.ovf"), descriptor.as_bytes())?;
        archive.append(&format!("{name}.mf"), manifest.as_bytes())?;
        archive.finish(&format!("{name}.vmdk"), length)
    }
}

/// A line for each of the other members (5.1).
fn manifest(name: &str, descriptor: &Sha256Digest, disk: &Sha256Digest) -> String {
    format!("SHA256({name}.ovf)= {descriptor}\nSHA256({name}.vmdk)= {disk}\n")
}
