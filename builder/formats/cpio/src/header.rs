//! The header of one entry.

use std::io;

use rootsmith_tree::{Metadata, NodeKind};

/// The numbers of an entry's header, in their order in the archive. What is not here is always zero: the device the file
/// was on, and the checksum, which `newc` does not use.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) ino: u32,
    /// Type and permissions as `stat` has them.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) mtime: u32,
    pub(crate) filesize: u32,
    pub(crate) rdevmajor: u32,
    pub(crate) rdevminor: u32,
}

impl Header {
    /// Header, name and what fills them up to a multiple of four.
    pub(crate) fn encode(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        let namesize = u32::try_from(name.len() + 1).map_err(|_| io::ErrorKind::InvalidInput)?;
        let numbers = [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.filesize,
            0,
            0,
            self.rdevmajor,
            self.rdevminor,
            namesize,
            0,
        ];
        let mut bytes = b"070701".to_vec();
        for number in numbers {
            bytes.extend_from_slice(format!("{number:08X}").as_bytes());
        }
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }

    /// Whose it is and when it was changed; times are clamped to what 32 bits hold.
    pub(crate) fn set_metadata(&mut self, metadata: &Metadata) {
        self.mode |= u32::from(metadata.mode);
        self.uid = metadata.uid;
        self.gid = metadata.gid;
        self.mtime = u32::try_from(metadata.mtime.seconds.max(0)).unwrap_or(u32::MAX);
    }

    /// What it is.
    pub(crate) fn set_kind(&mut self, kind: &NodeKind) {
        self.mode |= match kind {
            NodeKind::Fifo => 0o010000,
            NodeKind::CharDevice { .. } => 0o020000,
            NodeKind::Directory => 0o040000,
            NodeKind::BlockDevice { .. } => 0o060000,
            NodeKind::File(_) => 0o100000,
            NodeKind::Symlink(_) => 0o120000,
            NodeKind::Socket => 0o140000,
        };
        if let NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } = kind {
            self.rdevmajor = *major;
            self.rdevminor = *minor;
        }
    }
}
