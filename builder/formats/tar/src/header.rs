//! One entry's blocks before its content: a PAX header where needed, then the ustar header.

use std::io;

use rootsmith_tree::{Metadata, Node, NodeKind};
use rootsmith_types::TreePath;
use tar::{EntryType, Header};

use crate::pax::Records;

/// The largest numbers that fit octal fields of 8 and 12 bytes with their NUL.
const SEVEN_DIGITS: u64 = 0o7_777_777;
const ELEVEN_DIGITS: u64 = 0o77_777_777_777;

/// The blocks that announce `node` at `path`; `link` is the path of the first name of a file that has been written already.
pub(crate) fn blocks(path: &TreePath, node: &Node, link: Option<&TreePath>) -> io::Result<Vec<u8>> {
    let mut header = Header::new_ustar();
    let mut records = Records::default();

    let name = name_in_archive(path, node.is_directory());
    set_name(&mut header, &mut records, &name);
    if let Some(link) = link {
        header.set_entry_type(EntryType::Link);
        set_target(&mut header, &mut records, &name_in_archive(link, false));
        header.set_size(0);
    } else {
        set_kind(&mut header, &mut records, path, &node.kind)?;
    }
    set_metadata(&mut header, &mut records, &node.metadata, link.is_some());
    header.set_cksum();

    let mut blocks = Vec::with_capacity(512);
    if !records.bytes().is_empty() {
        blocks.extend_from_slice(pax_header(&name, node, records.bytes()).as_bytes());
        blocks.extend_from_slice(records.bytes());
        blocks.resize(blocks.len().next_multiple_of(512), 0);
    }
    blocks.extend_from_slice(header.as_bytes());
    Ok(blocks)
}

fn set_kind(header: &mut Header, records: &mut Records, path: &TreePath, kind: &NodeKind) -> io::Result<()> {
    header.set_size(0);
    let entry_type = match kind {
        NodeKind::Directory => EntryType::Directory,
        NodeKind::File(content) => {
            if content.size() > ELEVEN_DIGITS {
                records.push_number("size", content.size());
            } else {
                header.set_size(content.size());
            }
            EntryType::Regular
        }
        NodeKind::Symlink(target) => {
            set_target(header, records, target);
            EntryType::Symlink
        }
        NodeKind::CharDevice { major, minor } => {
            set_device(header, path, *major, *minor)?;
            EntryType::Char
        }
        NodeKind::BlockDevice { major, minor } => {
            set_device(header, path, *major, *minor)?;
            EntryType::Block
        }
        NodeKind::Fifo => EntryType::Fifo,
        NodeKind::Socket => {
            let message = format!("tar has no entry for the socket `{path}`");
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
    };
    header.set_entry_type(entry_type);
    Ok(())
}

fn set_metadata(header: &mut Header, records: &mut Records, metadata: &Metadata, link: bool) {
    header.set_mode(u32::from(metadata.mode));
    for (keyword, id, set) in [
        ("uid", metadata.uid, Header::set_uid as fn(&mut Header, u64)),
        ("gid", metadata.gid, Header::set_gid as fn(&mut Header, u64)),
    ] {
        if u64::from(id) > SEVEN_DIGITS {
            records.push_number(keyword, u64::from(id));
            set(header, 0);
        } else {
            set(header, u64::from(id));
        }
    }
    let whole = u64::try_from(metadata.mtime.seconds).ok().filter(|seconds| *seconds <= ELEVEN_DIGITS);
    header.set_mtime(whole.unwrap_or(0));
    if whole.is_none() || metadata.mtime.nanoseconds != 0 {
        records.push_time("mtime", metadata.mtime);
    }
    // A further name shares the inode, and with it the attributes that its first name brought.
    if !link {
        for (name, value) in metadata.xattrs() {
            records.push_xattr(name, value);
        }
    }
}

/// Linux has 12 bits for the major and 20 for the minor number; seven octal digits hold both.
fn set_device(header: &mut Header, path: &TreePath, major: u32, minor: u32) -> io::Result<()> {
    if u64::from(major.max(minor)) > SEVEN_DIGITS {
        let message = format!("tar cannot hold the device numbers {major}:{minor} of `{path}`");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    header.set_device_major(major)?;
    header.set_device_minor(minor)
}

/// `./`, `./usr/`, `./usr/bin/sh`.
fn name_in_archive(path: &TreePath, directory: bool) -> Vec<u8> {
    let mut name = b"./".to_vec();
    name.extend_from_slice(path.relative());
    if directory && !path.is_root() {
        name.push(b'/');
    }
    name
}

/// In the name field, split over name and prefix, or in a record: the first that can hold it.
fn set_name(header: &mut Header, records: &mut Records, name: &[u8]) {
    let Some(ustar) = header.as_ustar_mut() else { unreachable!("made as ustar") };
    if name.len() <= 100 {
        ustar.name[..name.len()].copy_from_slice(name);
        return;
    }
    // The slash between the two parts is not stored; what follows it fits 100 bytes and is not empty.
    let at = (name.len() - 101..name.len() - 1).find(|&at| name[at] == b'/');
    if let Some(at) = at.filter(|&at| at <= 155) {
        ustar.prefix[..at].copy_from_slice(&name[..at]);
        let rest = &name[at + 1..];
        ustar.name[..rest.len()].copy_from_slice(rest);
    } else {
        records.push(b"path", name);
        ustar.name.copy_from_slice(&name[..100]);
    }
}

fn set_target(header: &mut Header, records: &mut Records, target: &[u8]) {
    let Some(ustar) = header.as_ustar_mut() else { unreachable!("made as ustar") };
    let n = target.len().min(100);
    ustar.linkname[..n].copy_from_slice(&target[..n]);
    if target.len() > 100 {
        records.push(b"linkpath", target);
    }
}

/// The header of the records themselves. Its name is for readers that do not know PAX and unpack the records as a file.
fn pax_header(name: &[u8], node: &Node, records: &[u8]) -> Header {
    let mut header = Header::new_ustar();
    if let Some(ustar) = header.as_ustar_mut() {
        let base = name.strip_suffix(b"/").unwrap_or(name).rsplit(|&b| b == b'/').next().unwrap_or(b".");
        let shown = [b"./PaxHeaders/", &base[..base.len().min(80)]].concat();
        ustar.name[..shown.len()].copy_from_slice(&shown);
    }
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    let mtime = u64::try_from(node.metadata.mtime.seconds).unwrap_or(0).min(ELEVEN_DIGITS);
    header.set_mtime(mtime);
    header.set_size(records.len() as u64);
    header.set_cksum();
    header
}
