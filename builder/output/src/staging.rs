//! Where a build writes before its files get their names.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rootsmith_types::NumBytes;
use rustix::fs::{Advice, FlockOperation, fadvise, flock};

use crate::OutputError;

/// `outputs/.NAME-ARCH.partial/`, locked against a second build of the same. Whatever an earlier build that was killed left
/// there is removed when it is opened, and so is everything when it is dropped without [`Staging::publish`].
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    target: PathBuf,
    _lock: File,
}

impl Staging {
    /// Opens the staging folder for `outputs/NAME/`.
    pub fn open(outputs: &Path, name: &str) -> Result<Staging, OutputError> {
        let folder = outputs.join(format!(".{name}.partial"));
        let lock = loop {
            fs::create_dir_all(&folder).map_err(failed(&folder, "create"))?;
            let lock = match File::open(&folder) {
                // Who had it has just taken it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed(&folder, "open"))?,
            };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(OutputError::Busy { path: outputs.join(name) });
            }
            // A lock on a folder that is gone keeps nobody away.
            if is_still(&lock, &folder) {
                break lock;
            }
        };
        let staging = Staging { folder, target: outputs.join(name), _lock: lock };
        staging.clear().map_err(failed(&staging.folder, "clear"))?;
        Ok(staging)
    }

    /// Creates a file that will be called `name`, open for reading and writing.
    pub fn create(&self, name: &str) -> Result<(File, PathBuf), OutputError> {
        let path = self.folder.join(name);
        let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(OutputError::io(
            &path,
            "create",
            NumBytes::new(0),
        ))?;
        Ok((file, path))
    }

    /// Creates a file without a name, open for reading and writing: it is gone when it is closed.
    pub fn scratch(&self) -> Result<File, OutputError> {
        tempfile::tempfile_in(&self.folder).map_err(failed(&self.folder, "write"))
    }

    /// The folder itself, for files without a name: what else is put here is published.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the files will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives every file its name in the final folder, those of `last` after the others, in this order: lists of what is there, at
    /// their end the manifest, which says that the set is whole. `stale` names files of an earlier build that this one no
    /// longer makes; they go first. The folder stays locked until this is dropped.
    pub fn publish(&self, last: &[&str], stale: &[String]) -> Result<(), OutputError> {
        fs::create_dir_all(&self.target).map_err(failed(&self.target, "create"))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed(&self.folder, "list"))? {
            names.push(entry.map_err(failed(&self.folder, "list"))?.file_name());
        }
        let rank = |name: &OsString| last.iter().position(|last| name == OsStr::new(last)).map_or(0, |at| at + 1);
        names.sort_by_key(|name| (rank(name), name.clone()));
        for list in last.iter().rev().filter(|list| names.iter().any(|name| name == OsStr::new(list))) {
            remove_if_there(&self.target.join(list))?;
        }
        for name in stale.iter().map(OsString::from).filter(|name| !names.contains(name)) {
            // Names come from a manifest: never follow one out of the folder.
            if Path::new(&name).components().count() == 1 && !matches!(name.to_str(), Some("." | "..")) {
                remove_if_there(&self.target.join(name))?;
            }
        }
        for name in names {
            let from = self.folder.join(&name);
            let file = File::open(&from).map_err(failed(&from, "open"))?;
            file.sync_all().map_err(failed(&from, "write"))?;
            fs::rename(&from, self.target.join(&name)).map_err(failed(&from, "rename"))?;
        }
        let folder = File::open(&self.target).map_err(failed(&self.target, "open"))?;
        folder.sync_all().map_err(failed(&self.target, "write"))
    }

    fn clear(&self) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Gives back the memory in which the system keeps the outputs of `name` that are there, which are about to be replaced: the new ones have
/// use for it, and to free it takes longer than all else when they get their names. Their files stay as they are.
pub fn release(outputs: &Path, name: &str) {
    let files = fs::read_dir(outputs.join(name)).into_iter().flatten().flatten();
    for entry in files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())) {
        // Where it cannot be, nothing is lost but time.
        let _ = File::open(entry.path()).map(|file| fadvise(&file, 0, None, Advice::DontNeed));
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Best effort: what stays is cleared by the next build.
        let _ = self.clear();
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The error for a failed operation whose size does not matter.
fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> OutputError + use<> {
    OutputError::io(path.to_owned(), doing, NumBytes::new(0))
}

fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

/// What somebody put there as a folder is not ours.
fn remove_if_there(path: &Path) -> Result<(), OutputError> {
    match fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
            Err(failed(path, "remove")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_get_their_names_only_when_published() {
        let outputs = tempfile::tempdir().unwrap();
        let target = outputs.path().join("node");
        fs::create_dir(&target).unwrap();
        for old in ["node.img", "node.qcow2", "manifest.json", "mine.txt"] {
            fs::write(target.join(old), "old").unwrap();
        }
        let staging = Staging::open(outputs.path(), "node").unwrap();
        staging.create("node.img").unwrap().0.write_all(b"new").unwrap();
        staging.create("manifest.json").unwrap();
        drop(staging);
        assert_eq!(fs::read(target.join("node.img")).unwrap(), b"old", "a build that failed changes nothing");
        assert_eq!(names(outputs.path()), ["node"]);

        let staging = Staging::open(outputs.path(), "node").unwrap();
        staging.create("node.img").unwrap().0.write_all(b"new").unwrap();
        staging.create("manifest.json").unwrap();
        let stale = ["node.qcow2".to_owned(), "../node/mine.txt".to_owned(), "node.img".to_owned()];
        staging.publish(&["manifest.json"], &stale).unwrap();
        drop(staging);
        assert_eq!(fs::read(target.join("node.img")).unwrap(), b"new");
        assert_eq!(names(&target), ["manifest.json", "mine.txt", "node.img"]);
        assert_eq!(names(outputs.path()), ["node"]);
    }

    #[test]
    fn what_a_killed_build_left_is_cleared_and_a_second_build_waits_outside() {
        let outputs = tempfile::tempdir().unwrap();
        let left = outputs.path().join(".node.partial");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("node.img"), "half").unwrap();
        let staging = Staging::open(outputs.path(), "node").unwrap();
        assert!(names(&left).is_empty());
        assert!(matches!(Staging::open(outputs.path(), "node"), Err(OutputError::Busy { .. })));
        drop(staging);
        Staging::open(outputs.path(), "node").unwrap();
    }
}
