//! `[[mount]]`: lines of `/etc/fstab` (fstab(5)), which every init reads, and the folders to mount on.

use rootsmith_assemble::{Assembly, Owner};
use rootsmith_fetch::Cache;
use rootsmith_profile::{Mount, Profile};
use rootsmith_tree::{Content, Metadata, Node};
use rootsmith_types::{Problems, TreePath, UnixTime};

use crate::bootable::{read, tree_error};

/// No table of file systems is larger.
const MAX_FSTAB: u64 = 1 << 20;

/// Adds the profile's mounts to what `fstab` has of the disk.
pub(crate) fn declared_mounts(
    assembly: &mut Assembly,
    profile: &Profile,
    cache: &Cache,
    date: UnixTime,
) -> Result<(), Problems> {
    let Some(first) = profile.mounts.first() else { return Ok(()) };
    let fstab = TreePath::literal("/etc/fstab");
    let mut text = match assembly.tree.lookup(&fstab) {
        Some(_) => String::from_utf8_lossy(&read(&assembly.tree, cache, &fstab, MAX_FSTAB)?).into_owned(),
        None => String::new(),
    };
    for mount in &profile.mounts {
        text.push_str(&line(mount, assembly));
        if assembly.tree.lookup(&mount.target.value).is_none() {
            let directories = Metadata::root(0o755, date);
            assembly.tree.create_directories(&mount.target.value, &directories).map_err(tree_error)?;
            assembly.owners.set(mount.target.value.clone(), Owner::Profile(mount.origin.clone()));
        }
    }
    let metadata = Metadata::root(0o644, date);
    assembly.tree.insert(&fstab, Node::file(Content::inline(text), metadata)).map_err(tree_error)?;
    assembly.owners.set(fstab, Owner::Profile(first.origin.clone()));
    Ok(())
}

fn line(mount: &Mount, assembly: &Assembly) -> String {
    let options: Vec<&str> = mount.options.iter().map(|option| option.value.as_str()).collect();
    let options = if options.is_empty() { "defaults".to_owned() } else { options.join(",") };
    let pass = pass(&mount.kind.value, assembly);
    let (source, target) = (escaped(&mount.source.value), escaped(&mount.target.value.to_string()));
    format!("{source} {target} {} {options} 0 {pass}\n", mount.kind.value)
}

/// After the root's, where there is a checker: without one, some inits stop in a maintenance shell.
pub(crate) fn pass(filesystem: &str, assembly: &Assembly) -> u8 {
    let checker = TreePath::new(format!("/usr/sbin/fsck.{filesystem}"));
    if checker.is_ok_and(|path| assembly.tree.lookup(&path).is_some()) { 2 } else { 0 }
}

/// Blanks and backslashes in octal, as getmntent(3) reads them.
pub(crate) fn escaped(field: &str) -> String {
    field.replace('\\', "\\134").replace(' ', "\\040").replace('#', "\\043")
}
