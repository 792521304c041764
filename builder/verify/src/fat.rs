//! FAT, read by `hadris-fat`.

use std::io::{self, Read};
use std::sync::Mutex;

use hadris_fat::{FatVolume, FatVolumeReadExt, FileEntry, SeekFrom};
use rootsmith_tree::{Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::TreePath;

use crate::contents::Contents;
use crate::digest::{self, Keeper};
use crate::read_back::MAX_ENTRIES;
use crate::slice::Cursor;
use crate::{Kind, ReadBack, ReadBackError, Seen, Slice};

/// Attribute bit of a volume label.
const ATTR_VOLUME_ID: u8 = 0x08;

pub(crate) fn read_back(source: Slice<'_>) -> Result<ReadBack<'_>, ReadBackError> {
    let volume = FatVolume::open(Cursor::new(source)).map_err(|error| damaged(None, error))?;
    // Owner and mode are nothing FAT knows; what stands here is what Linux shows by default.
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let mut entries: Vec<FileEntry> = Vec::new();
    let mut keeper = Keeper::default();
    let mut directories = vec![(TreePath::root(), None::<FileEntry>)];
    let mut count = 0;
    while let Some((directory, entry)) = directories.pop() {
        let at = |error: hadris_fat::Error| damaged(Some(&directory), error);
        let listing = match &entry {
            None => volume.root_dir(),
            Some(entry) => volume.open_dir_entry(entry).map_err(at)?,
        };
        for entry in listing.entries() {
            let entry = entry.map_err(at)?;
            let Some(entry) = entry.as_entry() else { continue };
            let name = entry.name();
            if name == "." || name == ".." || entry.attributes().bits() & ATTR_VOLUME_ID != 0 {
                continue;
            }
            count += 1;
            if count > MAX_ENTRIES {
                return Err(ReadBackError::TooManyEntries);
            }
            let path = directory.join(name.as_bytes())?;
            let kind = if entry.is_directory() {
                directories.push((path.clone(), Some(entry.clone())));
                NodeKind::Directory
            } else {
                let pack = PackId(entries.len() as u32);
                let keep = keeper.keeps(entry.len());
                let file = volume.read_file(entry).and_then(|file| file.with_cached_chain());
                let file = file.map_err(|error| damaged(Some(&path), error))?.with_buffer();
                let content = digest::content(&mut Stream(file), entry.len(), keep, pack, 0)
                    .map_err(|error| damaged(Some(&path), error))?;
                entries.push(entry.clone());
                NodeKind::File(content)
            };
            let mut metadata = Metadata::root(0o755, 0);
            metadata.mtime = mtime(entry);
            if tree.get(&path).is_some() {
                return Err(damaged(Some(&path), "it is there twice"));
            }
            tree.insert(&path, Node { kind, metadata }).map_err(|error| damaged(Some(&path), error))?;
        }
    }
    let label =
        Some(volume.volume_info().volume_label().to_owned()).filter(|label| label != "NO NAME" && !label.is_empty());
    let id = volume.volume_info().volume_id();
    let uuid = Some(format!("{:04X}-{:04X}", id >> 16, id & 0xffff));
    let contents = Contents::Fat(Box::new(Mutex::new(Files { volume, entries })));
    Ok(ReadBack { tree, seen: Seen::of(Kind::Fat), kind: Kind::Fat, label, uuid, contents })
}

/// The files of a read-back.
pub(crate) struct Files<'a> {
    volume: FatVolume<Cursor<'a>>,
    entries: Vec<FileEntry>,
}

impl Files<'_> {
    pub(crate) fn read_at(&mut self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let entry = self.entries.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        let mut file = self.volume.read_file(entry).map_err(io::Error::other)?;
        file.seek(SeekFrom::Start(offset)).map_err(io::Error::other)?;
        Stream(file).read_exact(buf)
    }
}

/// A file as the standard library's trait.
struct Stream<'a, 'b>(hadris_fat::read::FileReader<'a, Cursor<'b>>);

impl Read for Stream<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(io::Error::other)
    }
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

fn damaged(path: Option<&TreePath>, reason: impl ToString) -> ReadBackError {
    ReadBackError::Unreadable { kind: Kind::Fat.name(), path: path.cloned(), reason: reason.to_string() }
}
