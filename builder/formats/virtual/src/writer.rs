//! Ascending writes of any length to whole clusters.

use std::fs::File;
use std::io;

use rootsmith_ondisk::Sink;
use rootsmith_types::NumBytes;

use crate::compress::Method;
use crate::deflated::{Deflated, Deflating};
use crate::number::{add, index, is_zero, wide};
use crate::{CreateError, Format, Options, gce, ova, qcow2, raw, vagrant, vdi, vhd, vhdx, vmdk};

#[cfg(test)]
mod tests;

/// What a format does with the clusters of a disk. Those of zeros alone do not come.
pub(crate) trait Container: Send {
    /// Bytes of a cluster.
    fn cluster_size(&self) -> usize;

    /// The cluster with this number, later than any before. The disk's last one may be short.
    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()>;

    /// There are no more.
    fn finish(&mut self) -> io::Result<()>;
}

/// A file that becomes a disk image while the disk is written to it, or several that have work in common. Without [`Writer::finish`]
/// they are none.
pub struct Writer<'a> {
    container: Box<dyn Container + 'a>,
    size: u64,
    /// Where the last write ended.
    end: u64,
    /// The cluster that was begun: its number, and its bytes, zeros where nothing was written yet.
    begun: Option<u64>,
    cluster: Vec<u8>,
}

/// A writer of a disk of `size` bytes as `format`. `file` is empty and open for reading and writing.
pub fn create<'a>(
    format: Format,
    size: NumBytes,
    options: &Options,
    file: &'a File,
) -> Result<Writer<'a>, CreateError> {
    let mut writers = create_all(&[(format, file)], size, options)?;
    // One for each file, or for all of them.
    writers.pop().ok_or(CreateError::Empty(format))
}

/// Writers of one disk as several formats, which are all to be written to. What is deflated alike is deflated once. The bytes of each file
/// are those that [`create`] would make.
pub fn create_all<'a>(
    files: &[(Format, &'a File)],
    size: NumBytes,
    options: &Options,
) -> Result<Vec<Writer<'a>>, CreateError> {
    let (mut writers, mut takers) = (Vec::new(), Vec::new());
    for (format, file) in files {
        match made(*format, checked(*format, size)?, options, file)? {
            Made::Deflated(taker) => takers.push(taker),
            Made::Plain(container) => writers.push(Writer::new(container, size.get())),
        }
    }
    if !takers.is_empty() {
        writers.push(Writer::new(Box::new(Deflating::new(takers)), size.get()));
    }
    Ok(writers)
}

/// The size in bytes, if the format can say it.
fn checked(format: Format, size: NumBytes) -> Result<u64, CreateError> {
    let bytes = size.get();
    if bytes == 0 {
        return Err(CreateError::Empty(format));
    }
    if !bytes.is_multiple_of(format.unit()) {
        return Err(CreateError::Unit { format, size, unit: NumBytes::new(format.unit()) });
    }
    if bytes > format.limit() {
        return Err(CreateError::TooLarge { format, size, limit: NumBytes::new(format.limit()) });
    }
    Ok(bytes)
}

/// A format, by what it does with clusters.
enum Made<'a> {
    Plain(Box<dyn Container + 'a>),
    Deflated(Box<dyn Deflated + 'a>),
}

fn made<'a>(format: Format, bytes: u64, options: &Options, file: &'a File) -> Result<Made<'a>, CreateError> {
    let container: Box<dyn Container + 'a> = match format {
        Format::Qcow2Zlib => {
            return Ok(Made::Deflated(Box::new(qcow2::Qcow2::new(file, 0, bytes, Some(Method::Zlib)))));
        }
        Format::VmdkStreamOptimized => {
            return Ok(Made::Deflated(Box::new(vmdk::Stream::new(file, 0, bytes, options)?)));
        }
        Format::Ova => return Ok(Made::Deflated(Box::new(ova::Ova::new(file, bytes, options)?))),
        Format::Vagrant => return Ok(Made::Deflated(Box::new(vagrant::Vagrant::new(file, bytes, options)))),
        Format::Qcow2 => Box::new(qcow2::Qcow2::new(file, 0, bytes, None)),
        Format::Qcow2Zstd => Box::new(qcow2::Qcow2::new(file, 0, bytes, Some(Method::Zstd))),
        Format::VmdkMonolithicSparse => Box::new(vmdk::Sparse::new(file, bytes, options)?),
        Format::VhdFixed => Box::new(vhd::Fixed::new(file, bytes, options)),
        Format::VhdDynamic => Box::new(vhd::Dynamic::new(file, bytes, options)),
        Format::Vhdx => Box::new(vhdx::Vhdx::new(file, bytes, options)),
        Format::Vdi => Box::new(vdi::Vdi::new(file, bytes, options)),
        Format::RawZstd => Box::new(raw::Raw::new(file, bytes, raw::Method::Zstd)),
        Format::RawXz => Box::new(raw::Raw::new(file, bytes, raw::Method::Xz)),
        Format::GceTarGz => Box::new(gce::Gce::new(file, bytes, options)),
    };
    Ok(Made::Plain(container))
}

impl<'a> Writer<'a> {
    fn new(container: Box<dyn Container + 'a>, size: u64) -> Writer<'a> {
        let cluster = vec![0; container.cluster_size()];
        Writer { container, size, end: 0, begun: None, cluster }
    }

    /// Writes what is left, tables and headers among it.
    pub fn finish(mut self) -> io::Result<()> {
        self.close()?;
        self.container.finish()
    }

    /// Hands on the cluster that was begun.
    fn close(&mut self) -> io::Result<()> {
        let Some(number) = self.begun.take() else { return Ok(()) };
        // It was begun by bytes inside the disk, so it starts there.
        let left = self.size.saturating_sub(number.saturating_mul(wide(self.cluster.len())));
        let length = index(left).map_or(self.cluster.len(), |left| left.min(self.cluster.len()));
        let data = &self.cluster[..length];
        if !is_zero(data) {
            self.container.cluster(number, data)?;
            self.cluster.fill(0);
        }
        Ok(())
    }
}

impl Sink for Writer<'_> {
    fn write_at(&mut self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        if offset < self.end {
            return Err(io::Error::other(format!("internal error: write at {offset} goes back from {}", self.end)));
        }
        self.end = add(offset, wide(data.len()))?;
        if self.end > self.size {
            return Err(io::Error::other("internal error: image wrote past its size"));
        }
        let cluster_size = self.cluster.len();
        let mut at = offset;
        while !data.is_empty() {
            // A cluster is never empty.
            let number = at.checked_div(wide(cluster_size)).unwrap_or(0);
            let within = index(at.checked_rem(wide(cluster_size)).unwrap_or(0))?;
            if self.begun.is_some_and(|begun| begun != number) {
                self.close()?;
            }
            let (now, later) = data.split_at(data.len().min(cluster_size.saturating_sub(within)));
            if now.len() == cluster_size {
                // Whole clusters are not copied.
                if !is_zero(now) {
                    self.container.cluster(number, now)?;
                }
            } else {
                self.begun = Some(number);
                let rest = self.cluster.get_mut(within..).unwrap_or_default();
                rest.get_mut(..now.len()).unwrap_or_default().copy_from_slice(now);
            }
            at = add(at, wide(now.len()))?;
            data = later;
        }
        Ok(())
    }
}
