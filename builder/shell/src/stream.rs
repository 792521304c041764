//! Where descriptors lead.

use std::cell::RefCell;
use std::rc::Rc;

/// Descriptors a script can name: one digit.
pub(crate) const DESCRIPTORS: usize = 10;

/// Text being read; descriptors that were duplicated share it.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    at: usize,
}

impl Input {
    pub(crate) fn new(bytes: Vec<u8>) -> Input {
        Input { bytes, at: 0 }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.rest().to_vec();
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn take_byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }
}

/// What one descriptor is open on.
#[derive(Debug, Clone)]
pub(crate) enum Stream {
    Closed,
    /// `/dev/null`, either way.
    Null,
    Input(Rc<RefCell<Input>>),
    Buffer(Rc<RefCell<Vec<u8>>>),
    /// Opened, and emptied if that was asked for: what comes is added.
    File(Rc<str>),
}

impl Stream {
    pub(crate) fn input(bytes: Vec<u8>) -> Stream {
        Stream::Input(Rc::new(RefCell::new(Input::new(bytes))))
    }

    pub(crate) fn buffer() -> (Stream, Rc<RefCell<Vec<u8>>>) {
        let buffer = Rc::new(RefCell::new(Vec::new()));
        (Stream::Buffer(buffer.clone()), buffer)
    }
}

pub(crate) type Streams = [Stream; DESCRIPTORS];
