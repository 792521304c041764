//! What was written, read back by somebody else's readers and compared; then preflight once more, on what was read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rootsmith_assemble::AssembleError;
use rootsmith_fetch::Cache;
use rootsmith_grub::CoreImage;
use rootsmith_inspect::{Composed, FileSource, Image, Part, Source, SwapArea};
use rootsmith_output::{DiskIds, MadeRoot, RawPiece, Room, Stored, core_sector, for_root, partuuid};
use rootsmith_preflight::{
    BiosStart, BootFacts, BootVolume, Brought, DiskStart, Facts, PartitionFacts, PartitionRole, Remembered, Report,
    RootFacts, Wanted as WantedSet, find_device_trees, find_entries, find_firmware_files,
};
use rootsmith_profile::{Disk, PartitionKind, PartitionSize, Profile, RootFilesystem, SECTOR};
use rootsmith_tree::{Blob, Blobs, Content, Tree};
use rootsmith_types::{Arch, NumBytes, Problems, Sha256Digest, Sha256Writer, Trace};
use rootsmith_verify::{
    Difference, Kind, ReadBack, Seen, Slice, Times, What, compare, compare_seen, partitions, read_back,
};

use crate::bytes::{First, has};
use crate::inputs::InputError;
use crate::prepare::{role, room_facts, table_kind};

/// How many differences one message shows.
const SHOWN: usize = 20;

/// What should be on a disk.
pub(crate) struct Wanted<'a> {
    pub(crate) file: &'a str,
    pub(crate) profile: &'a Profile,
    pub(crate) disk: &'a Disk,
    pub(crate) ids: DiskIds,
    /// Of each partition.
    pub(crate) trees: Vec<Option<&'a Tree>>,
    /// The root as it was put on the disk, where it had no size before.
    pub(crate) made: Option<&'a MadeRoot>,
    pub(crate) raw: &'a [RawPiece],
    pub(crate) bios: Option<&'a CoreImage>,
    pub(crate) cache: &'a Cache,
    pub(crate) arch: Arch,
    /// Of each partition.
    pub(crate) rooms: &'a [Room],
    pub(crate) brought: &'a Brought,
    pub(crate) remembered: &'a Remembered,
    pub(crate) trace: Trace<'a>,
}

/// Reads a disk back, compares it with the trees it was made of, and judges what was read.
pub(crate) fn check_disk(wanted: &Wanted<'_>, image: &File) -> Result<Report, Problems> {
    let found = partitions(image)?;
    if found.len() != wanted.disk.partitions.len() {
        let difference = format!("{} partitions instead of {}", found.len(), wanted.disk.partitions.len());
        return Err(wanted.differs(difference));
    }
    let (mut root, mut esp, mut data) = (None, None, Vec::new());
    let mut root_bytes = None;
    let mut facts = Vec::new();
    for (at, (partition, found)) in wanted.disk.partitions.iter().zip(&found).enumerate() {
        let slice = Slice::new(image, found.offset, found.length).traced(wanted.trace);
        let role = role(partition.kind.value);
        let partuuid = partuuid(wanted.disk, &wanted.ids, at);
        if found.partuuid != partuuid {
            let (index, found) = (found.index, &found.partuuid);
            return Err(wanted.differs(format!("partition {index} has PARTUUID {found} instead of {partuuid}")));
        }
        let span = wanted.trace.span("verify", partition.name());
        let read = match (partition.kind.value, wanted.trees[at]) {
            (PartitionKind::Root, Some(tree)) if partition.filesystem.is_read_only() => {
                let part = wanted.part(image, found.offset, found.length)?;
                let volume = opened(wanted.file, Arc::new(part), partition.filesystem, tree, wanted.cache);
                let volume = volume.map_err(|problems| wanted.blamed(problems))?;
                root_bytes = Some(slice);
                Some((partition.filesystem.name(), FoundVolume::Opened(Box::new(volume))))
            }
            (PartitionKind::Esp | PartitionKind::Firmware, Some(tree)) => {
                Some(("vfat", wanted.check_volume(Kind::Fat, tree, slice)?))
            }
            (_, Some(tree)) => Some(("ext4", wanted.check_volume(Kind::Ext4, tree, slice)?)),
            (PartitionKind::RootVerity, None) => {
                wanted.check_hashes(root_bytes, slice)?;
                None
            }
            (_, None) => None,
        };
        let mut of_table = PartitionFacts {
            role,
            partuuid,
            partlabel: found.name.clone(),
            filesystem: None,
            uuid: None,
            label: None,
            room: room_facts(partition, wanted.rooms[at]),
        };
        drop(span);
        let Some((filesystem, read)) = read else {
            if partition.kind.value == PartitionKind::Swap {
                let area = wanted.check_swap(at, image, found.offset, found.length)?;
                of_table.filesystem = Some("swap".to_owned());
                (of_table.uuid, of_table.label) = (Some(area.uuid), area.label);
            }
            facts.push(of_table);
            continue;
        };
        of_table.filesystem = Some(filesystem.to_owned());
        (of_table.uuid, of_table.label) = read.names();
        facts.push(of_table);
        match role {
            PartitionRole::Root => root = Some((read, found.length, wanted.rooms[at].available, partition.grow)),
            _ if partition.mount.is_some() => data.push((at, read)),
            _ => esp = Some(read),
        }
    }
    for raw in wanted.raw {
        let slice = Slice::new(image, raw.offset.get(), raw.content.size());
        let stored = Stored { content: &raw.content, blobs: wanted.cache };
        if !has(slice, &stored).map_err(AssembleError::Store)? {
            return Err(wanted.differs(format!("`{}` at byte {} has other bytes", raw.name, raw.offset.get())));
        }
    }
    if let Some(core) = wanted.bios {
        wanted.check_bios(core, image, found.iter().map(|partition| partition.offset / SECTOR))?;
    }
    // Without a root there is nothing to judge: the loader of profiles demands exactly one.
    let Some((root, length, available, grows)) = root else {
        return Err(wanted.differs("there is no root".to_owned()));
    };
    // As it will be when all is mounted.
    let mounts = wanted.disk.data();
    let mounts = mounts.iter().filter_map(|(at, _, mount)| Some((*mount, &data.iter().find(|(it, _)| it == at)?.1)));
    let mounted: Vec<_> = mounts.map(|(mount, found)| (mount, found.tree(), found.blobs())).collect();
    let composed = (!mounted.is_empty()).then(|| Composed::new((root.tree(), root.blobs()), &mounted));
    let (tree, blobs): (&Tree, &dyn Blobs) =
        composed.as_ref().map_or((root.tree(), root.blobs()), |composed| (&composed.tree, composed));
    let mut volumes = vec![BootVolume { tree, blobs, is_fat: false }];
    volumes.extend(esp.iter().map(|esp| BootVolume { tree: esp.tree(), blobs: esp.blobs(), is_fat: true }));
    let boot = BootFacts {
        entries: find_entries(&volumes, 0, wanted.remembered),
        partitions: facts,
        root: RootFacts {
            filesystem: wanted.disk.root_filesystem().name().to_owned(),
            size: NumBytes::new(length),
            available,
            grows,
        },
        bios: BiosStart::read(|offset, buf| image.read_exact_at(buf, offset)),
        device_trees: find_device_trees(&volumes, |dtb| rootsmith_kernel::device_tree::bootargs(dtb).ok().flatten()),
        table: table_kind(wanted.disk),
        start: DiskStart::read(|offset, buf| image.read_exact_at(buf, offset)),
        firmware: find_firmware_files(&volumes),
    };
    let blobs = &Remembering { blobs, cache: wanted.cache };
    let facts = Facts { tree, blobs, arch: wanted.arch, boot: Some(&boot) };
    let sets = WantedSet::of_profile(wanted.profile);
    let _span = wanted.trace.span("preflight", wanted.file);
    rootsmith_preflight::check_brought(&facts, Some(wanted.profile), &sets, wanted.brought, wanted.remembered)
}

/// Contents of an image, with what was computed before from such bytes.
struct Remembering<'a> {
    blobs: &'a dyn Blobs,
    cache: &'a Cache,
}

impl Blobs for Remembering<'_> {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.blobs.read_at(blob, offset, buf)
    }

    fn insert(&self, data: &mut dyn std::io::Read) -> std::io::Result<Blob> {
        self.blobs.insert(data)
    }

    fn derived(&self, key: &Sha256Digest) -> Option<Vec<u8>> {
        self.cache.derived(key)
    }

    fn keep_derived(&self, key: &Sha256Digest, data: &[u8]) {
        Blobs::keep_derived(self.cache, key, data);
    }
}

/// A file system of the disk, read back.
enum FoundVolume<'a> {
    /// By a foreign reader.
    Named(Box<ReadBack<'a>>),
    /// By the reader of foreign images, which shares nothing with the writer.
    Opened(Box<Image>),
}

impl FoundVolume<'_> {
    fn tree(&self) -> &Tree {
        match self {
            FoundVolume::Named(read) => &read.tree,
            FoundVolume::Opened(image) => &image.tree,
        }
    }

    /// Identifier and label, where it has them.
    fn names(&self) -> (Option<String>, Option<String>) {
        match self {
            FoundVolume::Named(read) => (read.uuid.clone(), read.label.clone()),
            FoundVolume::Opened(image) => (image.root().uuid.clone(), image.root().label.clone()),
        }
    }

    fn blobs(&self) -> &dyn Blobs {
        match self {
            FoundVolume::Named(read) => &**read,
            FoundVolume::Opened(image) => &**image,
        }
    }
}

impl Wanted<'_> {
    /// Reads a file system back, and compares.
    fn check_volume<'a>(&self, kind: Kind, tree: &Tree, slice: Slice<'a>) -> Result<FoundVolume<'a>, Problems> {
        let read = read_back(kind, slice)?;
        compare_trees(self.file, tree, self.cache, &read)?;
        Ok(FoundVolume::Named(Box::new(read)))
    }

    /// What the kernel and `fstab` find a swap area by, and that it fills its partition.
    fn check_swap(&self, at: usize, image: &File, offset: u64, length: u64) -> Result<SwapArea, Problems> {
        let found = SwapArea::read(&self.part(image, offset, length)?);
        // A partition ends where the next one may begin, behind what was asked for; it must not end before.
        let pages = match self.disk.partitions[at].size.value {
            PartitionSize::Fixed(size) => (size.get() / 4096).min(length / 4096),
            PartitionSize::Minimal => 0,
        };
        let wanted = SwapArea {
            uuid: self.ids.partition(self.disk, at).filesystem.to_string(),
            label: Some(self.disk.partitions[at].name().to_owned()),
            pages,
        };
        match found {
            Some(found) if found == wanted => Ok(found),
            found => Err(self.differs(format!("partition {} is {found:?} instead of {wanted:?}", at + 1))),
        }
    }

    fn part(&self, image: &File, offset: u64, length: u64) -> Result<Part, Problems> {
        let source = image.try_clone().and_then(FileSource::new).map_err(|error| self.differs(error.to_string()))?;
        let part = Part::new(Arc::new(source), offset, length);
        part.ok_or_else(|| self.differs("a partition leaves the disk".to_owned()))
    }

    /// A root that was kept in the cache may have been damaged there.
    fn blamed(&self, problems: Problems) -> Problems {
        let kept = self.made.and_then(|made| match &made.content {
            Content::Blob(blob) => Some(blob),
            Content::Inline(_) | Content::Sparse(_) => None,
        });
        match kept.map(|blob| self.cache.drop_if_damaged(blob)) {
            Some(Ok(Some(path))) => InputError::CacheDamaged { path }.into(),
            _ => problems,
        }
    }

    /// The hashes on the disk are the ones that were made, and vouch for the root on the disk. The loader of profiles puts them
    /// behind it.
    fn check_hashes(&self, root: Option<Slice<'_>>, hashes: Slice<'_>) -> Result<(), Problems> {
        let made = self.made.and_then(|made| Some((made.hashes.as_ref()?, made.content.size())));
        let Some((root, (wanted, size))) = root.zip(made) else {
            return Err(self.differs("nothing is there to vouch for".to_owned()));
        };
        let unread = |error: std::io::Error| self.differs(format!("the root or its hashes cannot be read: {error}"));
        if !has(hashes, wanted).map_err(unread)? {
            return Err(self.differs("the hashes over the root are others".to_owned()));
        }
        match wanted.vouches_for(&First { slice: root, size }).map_err(unread)? {
            true => Ok(()),
            false => Err(self.differs("the root has another hash".to_owned())),
        }
    }

    fn differs(&self, difference: String) -> Problems {
        InputError::ReadBack { file: self.file.to_owned(), difference }.into()
    }

    /// Boot sector and core image are those that were planned for the place where the image has them. `first` are the first
    /// sectors of its partitions.
    fn check_bios(&self, core: &CoreImage, image: &File, first: impl Iterator<Item = u64>) -> Result<(), Problems> {
        let sector = core_sector(self.disk, first);
        let placed = core.place(sector);
        let parts = [("the boot sector", 0, &placed.boot[..]), ("GRUB's core image", sector * SECTOR, &placed.core)];
        for (what, at, wanted) in parts {
            let mut found = vec![0; wanted.len()];
            image.read_exact_at(&mut found, at).map_err(|error| self.differs(format!("{what}: {error}")))?;
            if found != wanted {
                return Err(self.differs(format!("{what} at byte {at} has other bytes")));
            }
        }
        Ok(())
    }
}

/// Reads a `.tar.zst` back and compares.
pub(crate) fn check_tar(
    file: &str,
    image: &File,
    length: u64,
    tree: &Tree,
    cache: &Cache,
    trace: Trace<'_>,
) -> Result<(), Problems> {
    let _span = trace.span("verify", file);
    let read = read_back(Kind::Tar, Slice::new(image, 0, length).traced(trace))?;
    compare_trees(file, tree, cache, &read)
}

/// Reads a file system that is never written to back, and compares it with what it can hold of the tree.
pub(crate) fn check_read_only(
    file: &str,
    image: &File,
    filesystem: RootFilesystem,
    tree: &Tree,
    cache: &Cache,
) -> Result<(), Problems> {
    opened(file, source(file, image)?, filesystem, tree, cache)?;
    Ok(())
}

/// The same with bytes from anywhere.
fn opened(
    file: &str,
    source: Source,
    filesystem: RootFilesystem,
    tree: &Tree,
    cache: &Cache,
) -> Result<Image, Problems> {
    let tree = &*for_root(filesystem, tree);
    // Only what is compressed as a whole needs a scratch folder.
    let found = Image::of_source(source, Path::new("")).map_err(|error| unreadable(file, &error))?;
    let mtime = if filesystem == RootFilesystem::Squashfs { Times::Seconds } else { Times::Exact };
    let seen = Seen { mode: true, owner: true, mtime, xattrs: true, devices: true, hard_links: true };
    report(file, tree, cache, compare_seen((tree, cache), (&found.tree, &found), &seen)?)?;
    Ok(found)
}

/// The same for an initramfs, which is decompressed into a file without a name in `scratch`.
pub(crate) fn check_cpio(file: &str, image: &File, scratch: &Path, tree: &Tree, cache: &Cache) -> Result<(), Problems> {
    let found = Image::of_source(source(file, image)?, scratch).map_err(|error| unreadable(file, &error))?;
    let seen = Seen { mode: true, owner: true, mtime: Times::Seconds, xattrs: false, devices: true, hard_links: true };
    report(file, tree, cache, compare_seen((tree, cache), (&found.tree, &found), &seen)?)
}

fn source(file: &str, image: &File) -> Result<Source, Problems> {
    let source = image.try_clone().and_then(FileSource::new).map_err(|error| unreadable(file, &error))?;
    Ok(Arc::new(source))
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> InputError {
    InputError::ReadBack { file: file.to_owned(), difference: format!("it cannot be read: {error}") }
}

pub(crate) fn compare_trees(file: &str, tree: &Tree, cache: &Cache, read: &ReadBack<'_>) -> Result<(), Problems> {
    report(file, tree, cache, compare(tree, cache, read)?)
}

fn report(file: &str, tree: &Tree, cache: &Cache, differences: Vec<Difference>) -> Result<(), Problems> {
    let n = differences.len();
    let mut errors = Vec::new();
    for difference in differences.into_iter().take(SHOWN) {
        let damaged = match tree.get(&difference.path).and_then(|node| node.content()) {
            Some(Content::Blob(blob)) if matches!(difference.what, What::Content(..)) => {
                cache.drop_if_damaged(blob).map_err(AssembleError::Store)?
            }
            _ => None,
        };
        errors.push(match damaged {
            Some(path) => InputError::CacheDamaged { path },
            None => InputError::ReadBack { file: file.to_owned(), difference: difference.to_string() },
        });
    }
    if n > SHOWN {
        let difference = format!("and {} more differences", n - SHOWN);
        errors.push(InputError::ReadBack { file: file.to_owned(), difference });
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}

/// The digest of a whole file. It is read by places: others may read the same open file, and move its cursor.
pub(crate) fn digest(file: &File) -> std::io::Result<Sha256Digest> {
    let mut writer = Sha256Writer::new(std::io::sink());
    let mut buf = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let n = file.read_at(&mut buf, at)?;
        if n == 0 {
            return Ok(writer.finish().1);
        }
        std::io::Write::write_all(&mut writer, &buf[..n])?;
        at += n as u64;
    }
}
