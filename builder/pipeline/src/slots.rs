//! A disk with two slots for its root: what both versions have in common, and the files that another machine's slot is filled with. How it
//! fills it, `configure` writes (`site/systemd/update.rs`).

use std::fmt::Write as _;
use std::io::Write as _;

use rootsmith_assemble::Assembly;
use rootsmith_fetch::Cache;
use rootsmith_ondisk::{Image, Sink};
use rootsmith_output::{DiskIds, DiskInput, OutputError, Staging, Stored, rooms};
use rootsmith_profile::{Disk, PartitionKind, Profile};
use rootsmith_tree::{Content, Node, NodeKind};
use rootsmith_types::{NumBytes, Problems, Sha256Digest, Sha256Writer, TreePath};

use crate::boot_files::linux_image;
use crate::bootable::{MAX_TEXT, read, tree_error};
use crate::inputs::InputError;
use crate::prepare::Prepared;
use crate::report::MadeFile;

/// The list of what is on a web server.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What tells versions.
const RELEASE: &str = "/etc/os-release";

/// Identifiers of a disk whose other slot is filled later: what both versions name has to stay as it is.
pub(crate) fn ids(seed: &Sha256Digest, name: &str, version: &str) -> DiskIds {
    let lasting = Sha256Digest::of(format!("slots of {name}").as_bytes());
    let of_version = Sha256Digest::of(&[seed.as_bytes().as_slice(), version.as_bytes()].concat());
    DiskIds::of_slots(&lasting, &of_version)
}

/// The version of the image, in the file that `/etc/os-release` leads to: whoever brought it.
pub(crate) fn name_version(assembly: &mut Assembly, profile: &Profile, cache: &Cache) -> Result<(), Problems> {
    let Some(version) = &profile.image.version else { return Ok(()) };
    let missing = |reason: String| InputError::NoRelease { origin: version.origin.clone(), reason };
    let path = assembly.tree.resolve(&TreePath::literal(RELEASE)).map_err(|error| missing(error.to_string()))?;
    let text = read(&assembly.tree, cache, &path, MAX_TEXT)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = write!(text, "IMAGE_ID={}\nIMAGE_VERSION={}\n", profile.image.name.value, version.value);
    let node = assembly.tree.get_mut(&path).ok_or_else(|| missing(format!("`{path}` is no file")))?;
    node.kind = NodeKind::File(Content::inline(text));
    Ok(())
}

/// Another kernel image has to fit beside the one that is there.
pub(crate) fn check_room(input: DiskInput<'_>) -> Result<(), Problems> {
    let (Some(_), Some(esp)) = (input.disk.slots(), input.disk.position(PartitionKind::Esp)) else { return Ok(()) };
    let Some(tree) = input.trees[esp] else { return Ok(()) };
    let folder = TreePath::literal("/EFI/Linux");
    let kernels = tree.children(&folder).filter_map(|name| folder.join(name).ok());
    let mut both = tree.clone();
    for kernel in kernels {
        let next = TreePath::new(format!("{kernel}.next")).map_err(InputError::Path)?;
        if let Some(node) = tree.get(&kernel) {
            both.insert(&next, node.clone()).map_err(tree_error)?;
        }
    }
    let mut input = input;
    input.trees[esp] = Some(&both);
    let origin = input.disk.partitions[esp].size.origin.clone();
    // Everything but this fitted before.
    rooms(&input).map(drop).map_err(|_| InputError::NoRoomForNext { origin }.into())
}

/// The files that another machine's slot is filled with, in the staging folder: read back and compared.
pub(crate) fn write(
    profile: &Profile,
    prepared: &Prepared,
    disk: &Disk,
    staging: &Staging,
    cache: &Cache,
) -> Result<Vec<MadeFile>, Problems> {
    let (Some(_), Some(made)) = (disk.slots(), &prepared.made) else { return Ok(Vec::new()) };
    let version = profile.image.version.as_ref().map_or("", |version| version.value.as_str());
    let stem = format!("{}_{version}", prepared.name);
    let of = |kind| {
        let at = disk.position(kind).unwrap_or_default();
        prepared.ids.partition(disk, at).partition
    };
    let mut files = Vec::new();
    if let Some(hashes) = &made.hashes {
        files.push(write_image(staging, format!("{stem}_{}.verity", of(PartitionKind::RootVerity)), hashes)?);
    }
    let root = Stored { content: &made.content, blobs: cache };
    files.push(write_image(staging, format!("{stem}_{}.root", of(PartitionKind::Root)), &root)?);
    let kernel = TreePath::new(linux_image(profile, disk)).map_err(InputError::Path)?;
    let kernel = prepared.esp.get(&kernel).and_then(Node::content);
    let kernel = kernel.ok_or_else(|| tree_error(rootsmith_tree::TreeError::NotFound(TreePath::root())))?;
    files.push(write_image(staging, format!("{stem}.efi"), &Stored { content: kernel, blobs: cache })?);
    let sums: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    let content = Content::inline(sums);
    files.push(write_image(staging, SUMS.to_owned(), &Stored { content: &content, blobs: cache })?);
    Ok(files)
}

/// Writes all of `image`, reads it back, and compares.
fn write_image(staging: &Staging, name: String, image: &dyn Image) -> Result<MadeFile, Problems> {
    let (file, path) = staging.create(&name)?;
    let failed = |doing| {
        let path = path.clone();
        move |source| OutputError::Io { path, doing, source }
    };
    let mut sink = Hashed { file: Sha256Writer::new(&file), at: 0 };
    image.write(&mut sink).map_err(failed("write"))?;
    let (_, sha256, size) = sink.file.finish();
    let found = crate::check::digest(&file).map_err(failed("read back"))?;
    if found != sha256 {
        let difference = "its bytes are others than were written".to_owned();
        return Err(InputError::ReadBack { file: name, difference }.into());
    }
    Ok(MadeFile { name, size: NumBytes::new(size), written: NumBytes::new(size), sha256 })
}

/// An image without holes, hashed on its way.
struct Hashed<W: std::io::Write> {
    file: Sha256Writer<W>,
    at: u64,
}

impl<W: std::io::Write> Sink for Hashed<W> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        if offset != self.at {
            return Err(std::io::Error::other("internal error: an image for an update has a hole"));
        }
        self.at += data.len() as u64;
        self.file.write_all(data)
    }
}
