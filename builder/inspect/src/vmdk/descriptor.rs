//! The descriptor of a VMDK: lines of `name=value`, which say whether all of the disk is in this file.

use crate::OpenError;
use crate::mapped::ImageFile;

/// The kinds whose only extent is the file that the descriptor is in.
const KINDS: [&str; 2] = ["monolithicSparse", "streamOptimized"];
/// What `parentCID` says where there is no parent.
const NO_PARENT: &str = "ffffffff";

/// Refuses a disk whose rest is elsewhere.
pub(super) fn check(file: &ImageFile, text: &[u8]) -> Result<(), OpenError> {
    // It is filled up with zeros.
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut found = lines.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    match value("createType") {
        Some(kind) if KINDS.contains(&kind.as_str()) => {}
        Some(kind) => return Err(file.unsupported(format_args!("the kind `{}`", kind.escape_debug()))),
        None => return Err(file.damaged("its descriptor does not say of what kind it is")),
    }
    match value("parentCID") {
        Some(parent) if !parent.eq_ignore_ascii_case(NO_PARENT) => Err(file.unsupported("a parent disk")),
        _ => Ok(()),
    }
}
