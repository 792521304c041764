//! What the volume holds and where.

use std::collections::BTreeMap;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_tree::{Blobs, Content, Mtime, NodeKind, Tree};
use rootsmith_types::{NumBytes, TreePath};

use crate::format::{ENTRY, SECTOR};
use crate::geometry::Geometry;
use crate::name::{self, Name};
use crate::{FatType, NameFault, PlanError};

/// Most bytes of a directory (`fatgen103`: 65 536 entries).
const MAX_DIRECTORY: u64 = 65_536 * ENTRY;
/// Entries of a FAT16 root directory, unless it needs more.
const ROOT_ENTRIES: u64 = 512;

/// How large the volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Exactly this.
    Fixed(NumBytes),
    /// As small as it can be with this much left for new contents.
    Minimal {
        /// What stays free, at least.
        free: NumBytes,
    },
}

/// What concerns the volume as a whole.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large it is.
    pub size: Size,
    /// Its serial number: `UUID=1234-ABCD`.
    pub volume_id: u32,
    /// At most 11 of A to Z, 0 to 9, space and some signs; empty for none.
    pub label: String,
}

/// A planned volume.
pub struct Plan<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) geometry: Geometry,
    pub(crate) directories: Vec<Directory>,
    pub(crate) files: Vec<File<'a>>,
    /// Clusters in use, from number 2 on without a gap.
    pub(crate) used: u64,
    pub(crate) size: NumBytes,
    pub(crate) volume_id: u32,
    /// Filled up with spaces; `None` without a label.
    pub(crate) label: Option<[u8; 11]>,
}

/// Where something lies.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Run {
    /// Zero when there are no clusters.
    pub(crate) first: u64,
    pub(crate) clusters: u64,
}

/// A directory; the first is the root.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) parent: usize,
    pub(crate) mtime: Mtime,
    pub(crate) children: Vec<(Name, Child)>,
    pub(crate) run: Run,
}

/// An index into the plan's directories or files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Child {
    Directory(usize),
    File(usize),
}

/// A regular file. A second name of it is a second file: FAT has no hard links.
pub(crate) struct File<'a> {
    pub(crate) path: TreePath,
    pub(crate) content: &'a Content,
    pub(crate) size: u32,
    pub(crate) mtime: Mtime,
    pub(crate) run: Run,
}

impl Plan<'_> {
    /// FAT16 or FAT32.
    pub fn fat_type(&self) -> FatType {
        self.geometry.fat_type
    }
}

impl Image for Plan<'_> {
    fn size(&self) -> NumBytes {
        self.size
    }

    fn write(&self, out: &mut dyn Sink) -> std::io::Result<()> {
        crate::write::write(self, out)
    }
}

/// Decides on type, size and place of everything. Owners, modes and extended attributes have no place in FAT and are not
/// looked at.
pub fn plan<'a>(tree: &'a Tree, blobs: &'a dyn Blobs, options: &Options) -> Result<Plan<'a>, PlanError> {
    let label = padded_label(&options.label)?;
    let (mut directories, mut files) = collect(tree, label.is_some())?;
    let contents = Contents::new(&directories, &files, label.is_some());
    let (geometry, size) = match options.size {
        Size::Fixed(size) => (contents.fixed(size)?, size),
        Size::Minimal { free } => {
            let geometry = contents.smallest(free.get()).ok_or(PlanError::TooLarge(free))?;
            (geometry, NumBytes::new(geometry.total * SECTOR))
        }
    };

    let mut next = 2;
    let mut allocate = |bytes: u64| {
        let run = Run { first: next, clusters: bytes.div_ceil(geometry.cluster_size()) };
        next += run.clusters;
        if run.clusters == 0 { Run::default() } else { run }
    };
    for (index, directory) in directories.iter_mut().enumerate() {
        if index > 0 || geometry.fat_type == FatType::Fat32 {
            directory.run = allocate(directory_bytes(directory, index == 0 && label.is_some(), index == 0));
        }
    }
    for file in &mut files {
        file.run = allocate(u64::from(file.size));
    }
    let used = next - 2;
    Ok(Plan { blobs, geometry, directories, files, used, size, volume_id: options.volume_id, label })
}

/// Walks the tree; all faults at once.
fn collect(tree: &Tree, label: bool) -> Result<(Vec<Directory>, Vec<File<'_>>), PlanError> {
    let mut directories: Vec<Directory> = Vec::new();
    let mut files = Vec::new();
    // Beside each directory: its path, and what is in it.
    let mut contents: Vec<(TreePath, Vec<(TreePath, Child)>)> = Vec::new();
    let mut known: BTreeMap<TreePath, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for entry in tree.walk() {
        let mtime = entry.node.metadata.mtime;
        // Parents come before their children; the root is its own.
        let parent = entry.path.parent().and_then(|parent| known.get(&parent).copied()).unwrap_or(0);
        let child = match &entry.node.kind {
            NodeKind::Directory => {
                known.insert(entry.path.clone(), directories.len());
                contents.push((entry.path.clone(), Vec::new()));
                directories.push(Directory { parent, mtime, children: Vec::new(), run: Run::default() });
                Child::Directory(directories.len() - 1)
            }
            NodeKind::File(content) => match u32::try_from(content.size()) {
                Ok(size) => {
                    files.push(File { path: entry.path.clone(), content, size, mtime, run: Run::default() });
                    Child::File(files.len() - 1)
                }
                Err(_) => {
                    faults.push((entry.path, NameFault::FileSize(NumBytes::new(content.size()))));
                    continue;
                }
            },
            _ => {
                faults.push((entry.path, NameFault::Kind(entry.node.letter())));
                continue;
            }
        };
        if !entry.path.is_root() {
            contents[parent].1.push((entry.path, child));
        }
    }
    for (index, (path, children)) in contents.iter().enumerate() {
        let directory = &mut directories[index];
        directory.children = name_children(children, &mut faults);
        let root = index == 0;
        if directory_bytes(directory, root && label, root) > MAX_DIRECTORY {
            faults.push((path.clone(), NameFault::TooManyEntries));
        }
    }
    if faults.is_empty() { Ok((directories, files)) } else { Err(PlanError::Entries(faults)) }
}

fn name_children(children: &[(TreePath, Child)], faults: &mut Vec<(TreePath, NameFault)>) -> Vec<(Name, Child)> {
    let mut folded: BTreeMap<String, &TreePath> = BTreeMap::new();
    let mut names = Vec::new();
    let mut places = Vec::new();
    for (path, child) in children {
        match name::check(path.name().unwrap_or_default()) {
            Err(fault) => faults.push((path.clone(), fault)),
            Ok(name) => match folded.insert(name::fold(name), path) {
                Some(other) => faults.push((path.clone(), NameFault::SameAs(other.clone()))),
                None => {
                    names.push(name);
                    places.push(*child);
                }
            },
        }
    }
    name::assign(&names).into_iter().zip(places).collect()
}

/// Bytes of a directory's entries. A root has a label perhaps, every other one `.` and `..`.
fn directory_bytes(directory: &Directory, label: bool, root: bool) -> u64 {
    let own = if root { u64::from(label) } else { 2 };
    let entries: u64 = directory.children.iter().map(|(name, _)| name.entries()).sum();
    // FAT32's root has a cluster even when nothing is in it.
    ((own + entries) * ENTRY).max(1)
}

/// How much there is to hold.
struct Contents {
    /// Bytes of each directory, the root's first.
    directories: Vec<u64>,
    files: Vec<u64>,
}

impl Contents {
    fn new(directories: &[Directory], files: &[File<'_>], label: bool) -> Contents {
        let bytes = |(index, directory)| directory_bytes(directory, index == 0 && label, index == 0);
        Contents {
            directories: directories.iter().enumerate().map(bytes).collect(),
            files: files.iter().map(|file| u64::from(file.size)).collect(),
        }
    }

    /// Sectors of the root directory outside the clusters.
    fn root_sectors(&self, fat_type: FatType) -> u64 {
        match fat_type {
            FatType::Fat32 => 0,
            FatType::Fat16 => self.directories[0].max(ROOT_ENTRIES * ENTRY).div_ceil(SECTOR),
        }
    }

    fn clusters(&self, fat_type: FatType, sectors_per_cluster: u64) -> u64 {
        let skip = usize::from(fat_type == FatType::Fat16);
        let size = sectors_per_cluster * SECTOR;
        self.directories.iter().skip(skip).chain(&self.files).map(|bytes| bytes.div_ceil(size)).sum()
    }

    /// The best volume of exactly this size.
    fn fixed(&self, size: NumBytes) -> Result<Geometry, PlanError> {
        let total = size.get() / SECTOR;
        if u32::try_from(total).is_err() {
            return Err(PlanError::TooLarge(size));
        }
        let best = Geometry::candidates(size.get()).find_map(|(fat_type, spc)| {
            let geometry = Geometry::of_size(fat_type, spc, self.root_sectors(fat_type), total)?;
            (self.clusters(fat_type, spc) <= geometry.clusters).then_some(geometry)
        });
        best.ok_or_else(|| match self.smallest(0) {
            Some(geometry) => PlanError::TooSmall { size, needed: NumBytes::new(geometry.total * SECTOR) },
            None => PlanError::TooLarge(size),
        })
    }

    /// The smallest volume with `free` bytes left.
    fn smallest(&self, free: u64) -> Option<Geometry> {
        // Ten times as much as the largest volume holds is too much in any case, and cannot overflow below.
        let free = free.min(1 << 45);
        // Whichever cluster size a volume of some size would take, it is among these.
        let sizes = [0, 9, 17, 33].into_iter().flat_map(|gib: u64| Geometry::candidates(gib << 30));
        let plans = sizes.filter_map(|(fat_type, spc)| {
            let clusters = self.clusters(fat_type, spc) + free.div_ceil(spc * SECTOR);
            Geometry::with_clusters(fat_type, spc, self.root_sectors(fat_type), clusters)
        });
        plans.filter(|geometry| u32::try_from(geometry.total).is_ok()).min_by_key(|geometry| geometry.total)
    }
}

fn padded_label(label: &str) -> Result<Option<[u8; 11]>, PlanError> {
    if label.is_empty() {
        return Ok(None);
    }
    let fits = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || b" !#$%&'()-@^_`{}~".contains(&c);
    if label.len() > 11 || !label.bytes().all(fits) || label.starts_with(' ') {
        return Err(PlanError::Label(label.to_owned()));
    }
    let mut padded = [b' '; 11];
    padded[..label.len()].copy_from_slice(label.as_bytes());
    Ok(Some(padded))
}
