//! The descriptor: a text inside the file.
//!
//! ```text
//! # Disk DescriptorFile
//! version=1
//! CID=2f1c0a9b
//! parentCID=ffffffff
//! createType="streamOptimized"
//!
//! # Extent description
//! RW 204800 SPARSE "disk.vmdk"
//!
//! # The Disk Data Base
//! #DDB
//!
//! ddb.virtualHWVersion = "10"
//! ```

use std::fmt::Write;

use super::format::DESCRIPTOR;
use crate::number::{SECTOR, derived, wide};
use crate::{Adapter, CreateError, Options};

/// The descriptor of a disk of `size` bytes, filled up with zeros to all of its sectors.
pub(super) fn descriptor(create_type: &str, size: u64, options: &Options) -> Result<Vec<u8>, CreateError> {
    let name = &options.name;
    if name.is_empty() || name.len() > 200 || name.chars().any(|c| c == '"' || c == '/' || c.is_control()) {
        return Err(CreateError::Name(name.clone()));
    }
    let sectors = size / SECTOR;
    let [cylinders, heads, track] = geometry(sectors, options.adapter);
    let content = content_id(options);
    let (adapter, version) = (word(options.adapter), options.hardware_version);
    let mut long = String::new();
    for byte in &derived(&options.id, "vmdk long content").as_bytes()[..12] {
        // Writing to a string does not fail.
        let _ = write!(long, "{byte:02x}");
    }
    let text = format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={content:08x}\n\
         parentCID=ffffffff\n\
         createType=\"{create_type}\"\n\
         \n\
         # Extent description\n\
         RW {sectors} SPARSE \"{name}.vmdk\"\n\
         \n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.virtualHWVersion = \"{version}\"\n\
         ddb.adapterType = \"{adapter}\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"{track}\"\n\
         ddb.longContentID = \"{long}{content:08x}\"\n\
         ddb.uuid.image = \"{}\"\n\
         ddb.uuid.modification = \"{}\"\n\
         ddb.uuid.parent = \"00000000-0000-0000-0000-000000000000\"\n\
         ddb.uuid.parentmodification = \"00000000-0000-0000-0000-000000000000\"\n",
        options.id,
        derived(&options.id, "vmdk modification"),
    );
    let mut text = text.into_bytes();
    // Far below 10 KiB: the name is the only part that can be long.
    text.resize(usize::try_from(DESCRIPTOR.1.saturating_mul(SECTOR)).unwrap_or(0).max(text.len()), 0);
    debug_assert_eq!(wide(text.len()), DESCRIPTOR.1.saturating_mul(SECTOR));
    Ok(text)
}

/// The content's identifier: of the disk's own, but never one of the two values that mean none.
fn content_id(options: &Options) -> u32 {
    let [a, b, c, d, ..] = *options.id.as_bytes();
    match u32::from_be_bytes([a, b, c, d]) {
        id if id >= 0xffff_fffe => 0x7fff_ffff,
        id => id,
    }
}

fn word(adapter: Adapter) -> &'static str {
    match adapter {
        Adapter::Ide => "ide",
        Adapter::BusLogic => "buslogic",
        Adapter::LsiLogic => "lsilogic",
    }
}

/// Cylinders, heads and sectors of a track as VMware has them: 16 heads on IDE, whose BIOS stops at 16383 cylinders; on SCSI by
/// the size of the disk.
fn geometry(sectors: u64, adapter: Adapter) -> [u64; 3] {
    const GIB: u64 = (1 << 30) / SECTOR;
    let (heads, track, most): (u64, u64, u64) = match adapter {
        Adapter::Ide => (16, 63, 16383),
        _ if sectors < GIB => (64, 32, u64::MAX),
        _ if sectors < 2 * GIB => (128, 32, u64::MAX),
        _ => (255, 63, u64::MAX),
    };
    let tracks = sectors.checked_div(track).unwrap_or(0);
    [tracks.checked_div(heads).unwrap_or(0).clamp(1, most), heads, track]
}

#[cfg(test)]
mod tests {
    use rootsmith_types::Uuid;

    use super::*;

    #[test]
    fn content_is_never_none() {
        let options = Options::new(Uuid::new([0xff; 16]), 0, "disk");
        assert_eq!(content_id(&options), 0x7fff_ffff);
    }

    #[test]
    fn name_that_would_end_the_quotes_is_refused() {
        for name in ["", "a\"b", "a\nb", "a/b", &"x".repeat(201)] {
            let refused = descriptor("streamOptimized", 1 << 20, &Options::new(Uuid::new([1; 16]), 0, name));
            assert_eq!(refused, Err(CreateError::Name(name.to_owned())));
        }
    }

    #[test]
    fn geometry_follows_adapter_and_size() {
        const GIB: u64 = 1 << 21;
        assert_eq!(geometry(GIB / 2, Adapter::LsiLogic), [512, 64, 32]);
        assert_eq!(geometry(GIB, Adapter::BusLogic), [512, 128, 32]);
        assert_eq!(geometry(2 * GIB, Adapter::LsiLogic), [261, 255, 63]);
        assert_eq!(geometry(100 * GIB, Adapter::Ide), [16383, 16, 63]);
        assert_eq!(geometry(128, Adapter::Ide), [1, 16, 63]);
    }
}
