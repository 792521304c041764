//! FAT12, FAT16 and FAT32: names and attributes by `hadris-fat`; contents by a table of our own, which remembers where a file
//! lies and can be asked from many threads.

mod table;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use hadris_fat::{FatVolume, FileEntry};
use rootsmith_tree::{Blob, Content, Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::{NumBytes, TreePath};

use crate::broken::Broken;
use crate::fat::table::{Geometry, Run};
use crate::growing::Growing;
use crate::pages::{Cursor, Pages};
use crate::volume::Files;
use crate::{OpenError, Source, Volume};

/// Attribute bit of a volume label.
const ATTR_VOLUME_ID: u8 = 0x08;

/// Largest cluster of the specification, and of `hadris-fat`; some systems go beyond.
const MAX_CLUSTER: u64 = 32 << 10;

/// Files whose places are remembered.
const REMEMBERED: usize = 16;
/// Pieces of files that are remembered, with those of one file more: 4 MiB.
const REMEMBERED_RUNS: usize = 256 << 10;

/// Where the contents of files are read.
struct Fat {
    source: Source,
    geometry: Geometry,
    /// First cluster and size of each file.
    files: Vec<(u32, u64)>,
    /// Where the files lie that were read last.
    remembered: Mutex<Vec<(PackId, Arc<[Run]>)>>,
}

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    Geometry::read(source.as_ref()).is_some()
}

/// Opens it: metadata now, contents when they are asked for.
pub(crate) fn open(source: &Source) -> Result<Volume, OpenError> {
    let damaged = |reason: &str| OpenError::damaged_at("FAT", "its first sector", reason);
    let geometry = Geometry::read(source.as_ref()).ok_or_else(|| damaged("it is no boot sector"))?;
    if geometry.size > source.size() {
        let reason = format_args!("it is {} bytes long, and the image holds {} of them", geometry.size, source.size());
        return Err(OpenError::damaged("FAT", reason));
    }
    if geometry.cluster_size > MAX_CLUSTER {
        return Err(OpenError::unsupported("FAT", format_args!("clusters of {} KiB", geometry.cluster_size >> 10)));
    }
    let pages: Source = Arc::new(Pages::new(source.clone()));
    let volume = FatVolume::open(Cursor::new(pages.clone())).map_err(|error| damaged(&error.to_string()))?;
    let (tree, files) = walk(&volume, &geometry)?;
    let free = geometry.free(pages.as_ref()).map_err(|error| error.at("FAT", "its allocation table"))?;
    let info = volume.volume_info();
    let label = Some(info.volume_label().trim_end().to_owned());
    let id = info.volume_id();
    Ok(Volume {
        arch: None,
        tree,
        filesystem: "vfat",
        uuid: Some(format!("{:04X}-{:04X}", id >> 16, id & 0xffff)),
        label: label.filter(|label| label != "NO NAME" && !label.is_empty()),
        size: NumBytes::new(geometry.clusters * geometry.cluster_size),
        available: Some(NumBytes::new(free * geometry.cluster_size)),
        files: Box::new(Fat { source: source.clone(), geometry, files, remembered: Mutex::default() }),
    })
}

/// Everything from the root down, and where the files begin.
fn walk(volume: &FatVolume<Cursor>, geometry: &Geometry) -> Result<(Tree, Vec<(u32, u64)>), OpenError> {
    let at = |path: &TreePath, error: Broken| error.at("FAT", format_args!("`{path}`"));
    // Owner and mode are nothing FAT knows; what stands here is what Linux shows by default.
    let mut growing = Growing::new(Metadata::root(0o755, 0));
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    let mut directories = vec![(TreePath::root(), None::<FileEntry>)];
    while let Some((directory, entry)) = directories.pop() {
        let listing = match &entry {
            None => volume.root_dir(),
            Some(entry) => volume.open_dir_entry(entry).map_err(|error| at(&directory, error.into()))?,
        };
        for entry in listing.entries() {
            let entry = entry.map_err(|error| at(&directory, error.into()))?;
            let Some(entry) = entry.as_entry() else { continue };
            let name = entry.name();
            if name == "." || name == ".." || entry.attributes().bits() & ATTR_VOLUME_ID != 0 {
                continue;
            }
            let path = growing.path(&directory, name.as_bytes()).map_err(|error| at(&directory, error))?;
            let cluster = entry.cluster().0 as u32;
            let kind = if entry.is_directory() {
                // Without a cluster it is empty, and many may be so.
                if cluster != 0 && !seen.insert(cluster) {
                    return Err(at(&path, Broken(format!("its cluster {cluster} is another directory's, too"))));
                }
                directories.push((path.clone(), Some(entry.clone())));
                NodeKind::Directory
            } else {
                let size = entry.len();
                if size.div_ceil(geometry.cluster_size) > geometry.clusters {
                    return Err(at(&path, Broken("it is longer than the file system".to_owned())));
                }
                NodeKind::File(if size == 0 {
                    Content::inline([])
                } else {
                    // There are at most `MAX_ENTRIES`.
                    let pack = PackId(files.len() as u32);
                    files.push((cluster, size));
                    Content::Blob(Blob { digest: None, size, pack, offset: 0 })
                })
            };
            let metadata = Metadata { mtime: mtime(entry), ..Metadata::root(0o755, 0) };
            growing.insert(&path, Node { kind, metadata }).map_err(|error| at(&path, error))?;
        }
    }
    Ok((growing.tree, files))
}

/// The time of last change, which is taken to be UTC. Nonsense in the image becomes nonsense here, never a panic.
fn mtime(entry: &FileEntry) -> Mtime {
    let (date, time, _) = entry.modified().to_raw();
    let (date, time) = (i64::from(date), i64::from(time));
    let days = days_since_1970(1980 + (date >> 9), date >> 5 & 15, date & 31);
    let seconds = days * 86_400 + (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
    Mtime { seconds, nanoseconds: 0 }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, month by month from the year's first day.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_days = (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    let month = month.clamp(1, 12) as usize;
    (year - 1970) * 365 + leap_days + BEFORE[month - 1] + i64::from(leap && month > 2) + day - 1
}

impl Fat {
    /// Where a file lies.
    fn runs(&self, pack: PackId) -> io::Result<Arc<[Run]>> {
        // A thread that failed while it held the lock left whole places behind.
        let lock = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, runs)) = lock().iter().find(|(there, _)| *there == pack) {
            return Ok(Arc::clone(runs));
        }
        let &(cluster, size) = self.files.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        // Entry by entry of a table that lies together.
        let pages = Pages::new(self.source.clone());
        let runs: Arc<[Run]> = self.geometry.runs(&pages, cluster, size)?.into();
        let mut remembered = lock();
        let runs_of =
            |remembered: &[(PackId, Arc<[Run]>)]| remembered.iter().map(|(_, runs)| runs.len()).sum::<usize>();
        while remembered.len() >= REMEMBERED || (!remembered.is_empty() && runs_of(&remembered) > REMEMBERED_RUNS) {
            remembered.remove(0);
        }
        remembered.push((pack, Arc::clone(&runs)));
        Ok(runs)
    }
}

impl Files for Fat {
    fn read_at(&self, pack: PackId, offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        let runs = self.runs(pack)?;
        let mut skip = offset;
        for run in runs.iter() {
            if skip >= run.length {
                skip -= run.length;
                continue;
            }
            if buf.is_empty() {
                break;
            }
            let n = (run.length - skip).min(buf.len() as u64) as usize;
            let (now, later) = buf.split_at_mut(n);
            self.source.read_at(run.start + skip, now)?;
            buf = later;
            skip = 0;
        }
        if buf.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests;
