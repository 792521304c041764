//! Which files a build reads, and what it finds there.
//!
//! A build follows from its program, its lock and the answers it gets when it asks for files. So these are noted: whoever asks again
//! and gets the same answers would get the same build ([`crate::unchanged`]). Nothing has to be listed by hand, and no new key of a
//! profile can be forgotten.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rootsmith_types::{Sha256Digest, Sha256Writer, SourceEntry, SourceKind, Sources, UnixTime};
use serde::{Deserialize, Serialize};

/// What changes when a file does: a file whose mark is the same has the same bytes. Only a change within the tick of the clock in which
/// the mark was taken would leave it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    size: u64,
    /// Device and inode.
    inode: (u64, u64),
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same for inode and contents; nobody can set this one.
    changed: (i64, i64),
}

impl Mark {
    /// The mark of the file that `metadata` is about; none of what is no regular file.
    pub fn of(metadata: &Metadata) -> Option<Mark> {
        metadata.is_file().then(|| Mark {
            size: metadata.len(),
            inode: (metadata.dev(), metadata.ino()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether whatever happens to the file from `now` on changes its mark: a change within one tick of the clock would not.
    pub(crate) fn is_settled(&self, now: UnixTime) -> bool {
        // FAT has ticks of two seconds.
        self.changed.0 + 2 < now
    }

    pub(crate) fn is_older_than(&self, other: &Mark) -> bool {
        self.changed < other.changed
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

/// Files that may know when they change.
pub trait Files: Sources {
    /// The mark of a file; `None` where there is no telling, and the file has to be read.
    fn mark(&self, path: &Path) -> Option<Mark>;
}

/// One question a build asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// What is in this file?
    Read(PathBuf),
    /// Can it be opened?
    Open(PathBuf),
    /// What comes from it then?
    Stream(PathBuf),
    /// What is in this folder?
    List(PathBuf),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Yes.
    Yes,
    /// These bytes, or a list with this digest.
    Bytes(Sha256Digest),
    /// An error of this kind.
    Error(String),
}

/// Both, and the mark that the file had before it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) asked: Asked,
    pub(crate) answer: Answer,
    pub(crate) mark: Option<Mark>,
}

/// Files, of which every one that is read is noted.
pub struct Watched<'a> {
    files: &'a dyn Files,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    inputs: Vec<Input>,
    /// Where a question is among them.
    places: BTreeMap<Asked, usize>,
    /// A file gave two answers, or was not read to its end.
    unsure: bool,
}

impl<'a> Watched<'a> {
    /// Nothing was read yet.
    pub fn new(files: &'a dyn Files) -> Watched<'a> {
        Watched { files, noted: Mutex::default() }
    }

    /// What was read so far, in the order of the first questions; `None` when that says too little.
    pub(crate) fn inputs(&self) -> Option<Vec<Input>> {
        let noted = self.noted();
        (!noted.unsure).then(|| noted.inputs.clone())
    }

    pub(crate) fn files(&self) -> &'a dyn Files {
        self.files
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // A list is whole after every statement.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, asked: Asked, answer: Answer, mark: Option<Mark>) {
        let mut noted = self.noted();
        let Some(&place) = noted.places.get(&asked) else {
            let place = noted.inputs.len();
            noted.places.insert(asked.clone(), place);
            noted.inputs.push(Input { asked, answer, mark });
            return;
        };
        let input = &mut noted.inputs[place];
        if input.mark != mark {
            // It was written to, if only with the same bytes: what its mark says of them is anybody's guess.
            input.mark = None;
        }
        noted.unsure |= noted.inputs[place].answer != answer;
    }
}

/// Asks once more.
pub(crate) fn ask(files: &dyn Files, asked: &Asked) -> Answer {
    let answer = match asked {
        Asked::Read(path) => files.read(path).map(|data| Answer::Bytes(Sha256Digest::of(&data))),
        Asked::Open(path) => files.open(path).map(|_| Answer::Yes),
        Asked::Stream(path) => files.open(path).and_then(|mut file| digest(&mut *file)).map(Answer::Bytes),
        Asked::List(path) => files.list(path).map(|entries| Answer::Bytes(digest_of_list(&entries))),
    };
    answer.unwrap_or_else(|error| Answer::Error(kind(&error)))
}

/// The digest of all that comes.
pub(crate) fn digest(from: &mut dyn Read) -> io::Result<Sha256Digest> {
    let mut writer = Sha256Writer::new(io::sink());
    let mut buf = vec![0; 256 << 10];
    loop {
        match from.read(&mut buf) {
            Ok(0) => return Ok(writer.finish().1),
            Ok(n) => writer.write_all(&buf[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Sources for Watched<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mark = self.files.mark(path);
        let result = self.files.read(path);
        let answer = answer(result.as_ref().map(|data| Sha256Digest::of(data)));
        self.note(Asked::Read(path.to_owned()), answer, mark);
        result
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let mark = self.files.mark(path);
        let result = self.files.open(path);
        let answer = result.as_ref().map_or_else(|error| Answer::Error(kind(error)), |_| Answer::Yes);
        self.note(Asked::Open(path.to_owned()), answer, None);
        let writer = Sha256Writer::new(io::sink());
        let opened = |inner| Opened { watched: self, path: path.to_owned(), inner, mark, state: State::Unread(writer) };
        result.map(|inner| -> Box<dyn Read + '_> { Box::new(opened(inner)) })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        let result = self.files.list(dir);
        let answer = answer(result.as_ref().map(|entries| digest_of_list(entries)));
        self.note(Asked::List(dir.to_owned()), answer, None);
        result
    }
}

fn answer(result: Result<Sha256Digest, &io::Error>) -> Answer {
    result.map_or_else(|error| Answer::Error(kind(error)), Answer::Bytes)
}

fn kind(error: &io::Error) -> String {
    format!("{:?}", error.kind())
}

fn digest_of_list(entries: &[SourceEntry]) -> Sha256Digest {
    let mut text = String::new();
    for SourceEntry { path, kind } in entries {
        // As literals, so that no name can look like the end of another.
        text.push_str(&match kind {
            SourceKind::Directory => format!("{path:?} directory\n"),
            SourceKind::File { executable } => format!("{path:?} file {executable}\n"),
            SourceKind::Symlink(target) => format!("{path:?} link {target:?}\n"),
            SourceKind::Other => format!("{path:?} other\n"),
        });
    }
    Sha256Digest::of(text.as_bytes())
}

/// A file that is being read.
struct Opened<'a> {
    watched: &'a Watched<'a>,
    path: PathBuf,
    inner: Box<dyn Read + 'a>,
    mark: Option<Mark>,
    state: State,
}

enum State {
    /// Who only wants to know whether the file is there goes no further.
    Unread(Sha256Writer<io::Sink>),
    Begun(Sha256Writer<io::Sink>),
    AtEnd,
}

impl Read for Opened<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.state = match std::mem::replace(&mut self.state, State::AtEnd) {
            state if buf.is_empty() => state,
            State::Unread(mut writer) | State::Begun(mut writer) if n > 0 => {
                writer.write_all(&buf[..n])?;
                State::Begun(writer)
            }
            State::Unread(writer) | State::Begun(writer) => {
                let answer = Answer::Bytes(writer.finish().1);
                self.watched.note(Asked::Stream(self.path.clone()), answer, self.mark);
                State::AtEnd
            }
            State::AtEnd => State::AtEnd,
        };
        Ok(n)
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if matches!(self.state, State::Begun(_)) {
            self.watched.noted().unsure = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Disk;

    impl Sources for Disk {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            fs::read(path)
        }

        fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
            Ok(Box::new(fs::File::open(path)?))
        }

        fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
            let entries = fs::read_dir(dir)?.map(|entry| {
                let kind = SourceKind::File { executable: false };
                Ok(SourceEntry { path: entry?.file_name().into(), kind })
            });
            entries.collect()
        }
    }

    impl Files for Disk {
        fn mark(&self, path: &Path) -> Option<Mark> {
            Mark::of(&fs::metadata(path).ok()?)
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("overlay"), "one").unwrap();
        fs::write(at("payload"), vec![7; 600 << 10]).unwrap();
        let watched = Watched::new(&Disk);
        watched.read(&at("overlay")).unwrap();
        watched.read(&at("missing")).unwrap_err();
        watched.list(folder.path()).unwrap();
        io::copy(&mut watched.open(&at("payload")).unwrap(), &mut io::sink()).unwrap();
        let inputs = watched.inputs().unwrap();
        let changed = || -> Vec<bool> { inputs.iter().map(|input| ask(&Disk, &input.asked) != input.answer).collect() };
        // A payload is found, then read.
        assert_eq!(changed(), [false; 5]);
        fs::write(at("overlay"), "two").unwrap();
        assert_eq!(changed(), [true, false, false, false, false]);
        fs::write(at("missing"), "").unwrap();
        assert_eq!(changed(), [true, true, true, false, false]);
        fs::write(at("payload"), vec![8; 600 << 10]).unwrap();
        assert_eq!(changed(), [true, true, true, false, true]);
        fs::remove_file(at("payload")).unwrap();
        assert_eq!(changed(), [true; 5]);
        // Asked in the same run, it would have been two builds in one.
        watched.read(&at("overlay")).unwrap();
        assert_eq!(watched.inputs(), None);
    }

    #[test]
    fn a_file_that_was_not_read_to_its_end_says_too_little() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payload");
        fs::write(&path, "some bytes").unwrap();
        let watched = Watched::new(&Disk);
        drop(watched.open(&path).unwrap());
        assert_eq!(watched.inputs().map(|inputs| inputs.len()), Some(1));
        let mut opened = watched.open(&path).unwrap();
        opened.read_exact(&mut [0; 4]).unwrap();
        drop(opened);
        assert_eq!(watched.inputs(), None);
    }

    #[test]
    fn a_mark_changes_with_the_file_and_cannot_be_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, "one").unwrap();
        let before = Disk.mark(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!before.is_settled(before.changed.0) && before.is_settled(before.changed.0 + 3));
        // The clock of a file system has ticks of up to ten milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(30));
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let after = Disk.mark(&path).unwrap();
        assert_eq!((after.size, after.modified), (before.size, before.modified));
        assert!(after != before && before.is_older_than(&after));
        assert_eq!(Mark::of(&fs::metadata(folder.path()).unwrap()), None);
    }
}
