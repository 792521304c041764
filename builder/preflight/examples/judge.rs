//! Judges an unpacked root as every set does, and writes the report: `judge ROOT UKI OUT.json`.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rootsmith_preflight::{BootEntry, BootFacts, Facts, PartitionFacts, PartitionRole, RootFacts, check, sets};
use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::{Arch, Located, NumBytes, Origin, TreePath, Uuid};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, uki, out] = arguments.as_slice() else { return Err("usage: judge ROOT UKI OUT.json".into()) };
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    take(&mut tree, Path::new(root), Path::new(""))?;
    let entry = BootEntry::read("/EFI/BOOT/BOOTX64.EFI", &fs::read(uki)?);
    // The root partition is the one the command line names.
    let partuuid =
        entry.words().find_map(|word| word.strip_prefix("root=PARTUUID=")).and_then(|uuid| uuid.parse().ok());
    let partition = |role, partuuid, filesystem: &str| PartitionFacts {
        role,
        partuuid,
        partlabel: String::new(),
        filesystem: Some(filesystem.to_owned()),
        uuid: None,
        label: None,
    };
    let boot = BootFacts {
        partitions: vec![
            partition(PartitionRole::Esp, Uuid::new([0; 16]), "vfat"),
            partition(PartitionRole::Root, partuuid.unwrap_or(Uuid::new([1; 16])), "ext4"),
        ],
        entries: vec![entry],
        root: RootFacts {
            filesystem: "ext4".to_owned(),
            size: NumBytes::mib(800),
            available: NumBytes::mib(200),
            grows: true,
        },
    };
    let origin = Origin::new(Path::new("judge").into(), 0..0);
    let wanted: Vec<Located<String>> = sets().iter().map(|set| Located::new(set.id(), origin.clone())).collect();
    let facts = Facts { tree: &tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&boot) };
    let report = check(&facts, None, &wanted).map_err(|problems| problems.to_string())?;
    fs::write(out, report.to_json())?;
    Ok(report.failures().into_result().map_err(|problems| problems.to_string())?)
}

fn take(tree: &mut Tree, root: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let skipped = ["usr/share", "var/cache", "proc", "sys", "dev"];
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let below = folder.join(entry.file_name());
        let path = TreePath::new(below.as_os_str().as_encoded_bytes())?;
        let metadata = entry.path().symlink_metadata()?;
        let meta = Metadata::root((metadata.permissions().mode() & 0o7777) as u16, 0);
        if metadata.is_dir() {
            tree.insert(&path, Node::directory(meta))?;
            if !skipped.iter().any(|skipped| below == Path::new(skipped)) {
                take(tree, root, &below)?;
            }
        } else if metadata.is_symlink() {
            tree.insert(&path, Node::symlink(fs::read_link(entry.path())?.as_os_str().as_encoded_bytes(), 0))?;
        } else if metadata.is_file() {
            tree.insert(&path, Node::file(Content::inline(fs::read(entry.path())?), meta))?;
        }
    }
    Ok(())
}
