//! The containers that contents are read from, kept open.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rootsmith_tree::PackId;

/// An ordinary user may have 1024 files open; there are others beside these.
const MAX_OPEN: usize = 400;

/// Containers by number.
#[derive(Default)]
pub(crate) struct Packs {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    packs: Vec<Pack>,
    /// The open ones, the one opened first in front.
    open: VecDeque<usize>,
}

struct Pack {
    path: PathBuf,
    file: Option<Arc<File>>,
}

impl Packs {
    /// Takes in a container that is open already.
    pub(crate) fn add(&self, path: PathBuf, file: File) -> io::Result<PackId> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let number = table.packs.len();
        let id = u32::try_from(number).map_err(|_| io::Error::other("too many containers"))?;
        table.packs.push(Pack { path, file: None });
        table.keep(number, Arc::new(file));
        Ok(PackId(id))
    }

    /// Fills `buf` from byte `offset` of the container on.
    pub(crate) fn read_at(&self, id: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file(id)?.read_exact_at(buf, offset)
    }

    /// Where a container lies.
    pub(crate) fn path(&self, PackId(id): PackId) -> Option<PathBuf> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.packs.get(usize::try_from(id).ok()?).map(|pack| pack.path.clone())
    }

    fn file(&self, PackId(id): PackId) -> io::Result<Arc<File>> {
        let number = usize::try_from(id).unwrap_or(usize::MAX);
        let path = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let pack = table.packs.get(number).ok_or_else(|| io::Error::other("no such container"))?;
            match &pack.file {
                Some(file) => return Ok(Arc::clone(file)),
                None => pack.path.clone(),
            }
        };
        let file = Arc::new(File::open(path)?);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have opened it meanwhile: then theirs stays.
        if let Some(open) = &table.packs[number].file {
            return Ok(Arc::clone(open));
        }
        table.keep(number, Arc::clone(&file));
        Ok(file)
    }
}

impl Table {
    fn keep(&mut self, number: usize, file: Arc<File>) {
        self.packs[number].file = Some(file);
        self.open.push_back(number);
        if self.open.len() > MAX_OPEN
            && let Some(oldest) = self.open.pop_front()
        {
            self.packs[oldest].file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_containers_than_may_be_open_are_all_read() {
        let dir = tempfile::tempdir().unwrap();
        let packs = Packs::default();
        let ids: Vec<PackId> = (0..MAX_OPEN + 50)
            .map(|n| {
                let path = dir.path().join(n.to_string());
                std::fs::write(&path, format!("pack {n:4}")).unwrap();
                packs.add(path.clone(), File::open(path).unwrap()).unwrap()
            })
            .collect();
        for (n, &id) in ids.iter().enumerate().chain(ids.iter().enumerate().rev()) {
            let mut buf = [0; 4];
            packs.read_at(id, 5, &mut buf).unwrap();
            assert_eq!(&buf, format!("{n:4}").as_bytes());
        }
        let table = packs.table.read().unwrap();
        assert_eq!(table.packs.iter().filter(|pack| pack.file.is_some()).count(), MAX_OPEN);
        assert!(packs.read_at(PackId(9999), 0, &mut []).is_err());
    }
}
