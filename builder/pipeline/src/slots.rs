//! A disk with two slots for its root: what makes a machine fill the other one, and the files it fills it with.
//!
//! | what comes                      | from                               | to                                              |
//! |---------------------------------|------------------------------------|-------------------------------------------------|
//! | the hashes over the root        | `NAME-ARCH_VERSION_PARTUUID.verity` | the partition that is called `_empty`, then `NAME_VERSION` |
//! | the root                        | `NAME-ARCH_VERSION_PARTUUID.root`  | likewise                                        |
//! | the unified kernel image, last  | `NAME-ARCH_VERSION.efi`            | `/EFI/Linux/NAME_VERSION+3.efi`                 |
//!
//! systemd-sysupdate(8) does it, as files in `/usr/lib/sysupdate.d` say (sysupdate.d(5)); from a web server, it finds what there is in
//! `SHA256SUMS`. The partition's identifier is in the name of the file, because the kernel command line inside the image names it.

use std::fmt::Write as _;
use std::io::Write as _;

use rootsmith_assemble::{Assembly, Owner};
use rootsmith_fetch::Cache;
use rootsmith_ondisk::{Image, Sink};
use rootsmith_output::{DiskIds, DiskInput, OutputError, Staging, Stored, rooms};
use rootsmith_profile::{Disk, PartitionKind, Profile};
use rootsmith_tree::{Content, Metadata, Node, NodeKind};
use rootsmith_types::{Arch, NumBytes, Problems, Sha256Digest, Sha256Writer, TreePath, UnixTime};

use crate::boot_files::{linux_image, text_of};
use crate::bootable::{put, tree_error};
use crate::inputs::InputError;
use crate::prepare::Prepared;
use crate::report::MadeFile;

/// The list of what is on a web server.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What tells versions.
const RELEASE: &str = "/etc/os-release";

/// Ends a boot that comes to nothing: one whose tries are counted, which systemd-boot says in this variable, and which nothing has called
/// good in ten minutes. It needs nothing that may be what fails, and goes on where systemd gives up and waits for a person.
const TRY_ENDS: &str = "[Unit]
Description=Start again when this try to boot comes to nothing
DefaultDependencies=no
ConditionPathExists=/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f

[Service]
ExecStart=/bin/sh -c 'sleep 600; systemctl --quiet is-active boot-complete.target || systemctl reboot --force --force'
";

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
    let mut text = text_of(&assembly.tree, RELEASE, cache)?;
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

/// What systemd-sysupdate is to do, and what ends a try that comes to nothing.
pub(crate) fn prepare(
    assembly: &mut Assembly,
    profile: &Profile,
    disk: &Disk,
    arch: Arch,
    date: UnixTime,
) -> Result<(), Problems> {
    let (Some(_), Some(update)) = (disk.slots(), &profile.update) else { return Ok(()) };
    let (image, source) = (&profile.image.name.value, update.source.value.trim_end_matches('/'));
    let kind = if source.starts_with('/') { "regular-file" } else { "url-file" };
    let name = format!("{image}-{arch}");
    let transfer = |pattern: &str, target: &str| {
        // What runs is not overwritten. Nothing is signed on the way: the kernel image is, where there is Secure Boot, and
        // vouches for the rest.
        format!(
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n[Source]\nType={kind}\nPath={source}/{arch}\nMatchPattern={pattern}\n\n[Target]\n{target}"
        )
    };
    let partition = |of: &str| {
        let target =
            format!("Type=partition\nPath=auto\nMatchPattern={image}_@v\nMatchPartitionType={of}\nReadOnly=yes\n");
        let suffix = if of == "root" { "root" } else { "verity" };
        transfer(&format!("{name}_@v_@u.{suffix}"), &target)
    };
    if disk.verity().is_some() {
        put(assembly, "/usr/lib/sysupdate.d/50-verity.transfer", &partition("root-verity"), date)?;
    }
    put(assembly, "/usr/lib/sysupdate.d/60-root.transfer", &partition("root"), date)?;
    let tries = disk.boot_tries.as_ref().map_or(0, |tries| tries.value);
    let kernel = format!(
        "Type=regular-file\nPath=/EFI/Linux\nPathRelativeTo=esp\nMatchPattern={image}_@v+@l-@d.efi {image}_@v+@l.efi {image}_@v.efi\nMode=0444\nTriesLeft={tries}\nTriesDone=0\nInstancesMax=2\n"
    );
    put(assembly, "/usr/lib/sysupdate.d/70-kernel.transfer", &transfer(&format!("{name}_@v.efi"), &kernel), date)?;
    // A boot is good when all is started that is to be, not before.
    put(
        assembly,
        "/usr/lib/systemd/system/boot-complete.target.d/50-all.conf",
        "[Unit]\nAfter=multi-user.target\n",
        date,
    )?;
    put(assembly, "/usr/lib/systemd/system/try-ends.service", TRY_ENDS, date)?;
    let wanted = TreePath::literal("/usr/lib/systemd/system/sysinit.target.wants/try-ends.service");
    if let Some(folder) = wanted.parent() {
        assembly.tree.create_directories(&folder, &Metadata::root(0o755, date)).map_err(tree_error)?;
    }
    assembly.tree.insert(&wanted, Node::symlink("../try-ends.service", date)).map_err(tree_error)?;
    assembly.owners.set(wanted, Owner::Builder("slots"));
    Ok(())
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
