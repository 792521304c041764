//! One disk into several files.

use std::io;

use rootsmith_ondisk::Sink;

/// A sink that hands every write to several others, in their order.
pub struct Tee<'a> {
    sinks: Vec<&'a mut dyn Sink>,
}

impl<'a> Tee<'a> {
    /// Writes to all of `sinks`.
    pub fn new(sinks: Vec<&'a mut dyn Sink>) -> Tee<'a> {
        Tee { sinks }
    }
}

impl Sink for Tee<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.sinks.iter_mut().try_for_each(|sink| sink.write_at(offset, data))
    }
}
