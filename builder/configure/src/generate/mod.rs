//! Contents computed from the tree: what tools would have written after the packages were unpacked.
//!
//! | function            | instead of                     | what it makes                                                |
//! |---------------------|--------------------------------|--------------------------------------------------------------|
//! | [`ld_so_cache`]     | `ldconfig`                     | `/etc/ld.so.cache`, links named like a library's soname      |
//! | [`hwdb_bin`]        | `systemd-hwdb --usr update`    | `/usr/lib/udev/hwdb.bin`                                     |
//! | [`journal_catalog`] | `journalctl --update-catalog`  | `/var/lib/systemd/catalog/database`                          |
//! | [`ca_certificates`] | `update-ca-certificates`       | `/etc/ca-certificates.conf`, all of `/etc/ssl/certs`         |
//! | [`pam_common`]      | `pam-auth-update --package`    | `/etc/pam.d/common-*`, `/var/lib/pam/*`                      |
//! | [`sgml_supercatalog`] | `update-catalog --update-super` | `/var/lib/sgml-base/supercatalog`                           |
//! | [`shells`]          | `update-shells`                | `/etc/shells`, `/var/lib/shells.state`                       |
//!
//! None of them changes the tree; the same tree gives the same bytes as the tool gives in a freshly installed system.
//! Sources that the tool itself would refuse are an [`io::ErrorKind::InvalidData`] whose text names the file.

mod certificates;
mod conf_files;
mod der;
mod hwdb;
mod journal;
mod ld_cache;
mod library;
mod lines;
#[cfg(test)]
pub(crate) mod oracle;
mod pam;
mod sgml;
mod shells;
mod strings;

use std::io;

use rootsmith_tree::{Blobs, Bytes, NodeKind, Tree};
use rootsmith_types::TreePath;

pub(crate) use certificates::{ca_certificates, only_certificate};
pub(crate) use hwdb::hwdb_bin;
pub(crate) use journal::journal_catalog;
pub(crate) use ld_cache::ld_so_cache;
pub(crate) use pam::{pam_choices, pam_common};
pub(crate) use sgml::sgml_supercatalog;
pub(crate) use shells::shells;

/// The largest text file a generator reads. The largest in trixie is a hwdb of 9 MB.
const TEXT_LIMIT: u64 = 64 << 20;

/// The text file that `path` leads to; `None` when nothing or something else is there.
fn read_text(tree: &Tree, blobs: &dyn Blobs, path: &TreePath) -> io::Result<Option<Bytes>> {
    match tree.lookup(path).map(|node| &node.kind) {
        Some(NodeKind::File(content)) => content
            .read(blobs, TEXT_LIMIT)
            .map(Some)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot read `{path}`: {error}"))),
        _ => Ok(None),
    }
}

/// A source that the real tool would refuse as well.
fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
