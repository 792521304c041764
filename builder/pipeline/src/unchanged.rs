//! Whether an earlier build made just what this one would: then it is verified, not made again.
//!
//! What a build follows from is kept in the cache under the folder of its outputs, not beside the images: it speaks of this host
//! alone. See `docs/decisions/0024-unchanged-outputs-are-not-made-again.md`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rootsmith_fetch::Cache;
use rootsmith_kbuild::{Ended, Processes, Run};
use rootsmith_lock::Target;
use rootsmith_types::{Sha256Digest, UnixTime};
use serde::{Deserialize, Serialize};

use crate::report::MadeFile;
use crate::watched::{Asked, Input, Mark, Watched, ask, digest};
use crate::{Host, Options};

/// The number counts versions of [`Made`].
const KEY: &[u8] = b"what made these outputs 1\0";

/// What was made, and of what.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    program: Known,
    lock: Sha256Digest,
    /// Read by the loader of profiles, which asks in one order.
    loaded: Vec<Input>,
    /// Read later.
    read: Vec<Input>,
    outputs: Vec<(String, Known)>,
}

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    size: u64,
    sha256: Sha256Digest,
    /// As long as the file has this mark it need not be read again.
    mark: Option<Mark>,
}

impl Known {
    /// Whether the file at `path` has these bytes still. It is read where its mark does not say so, and has a new mark then.
    fn holds(&mut self, path: &Path, now: UnixTime) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mark = Mark::of(&file.metadata()?);
        if mark.is_some() && mark == self.mark {
            return Ok(true);
        }
        if mark.is_none_or(|mark| mark.size() != self.size) || digest(&mut file)? != self.sha256 {
            return Ok(false);
        }
        self.mark = mark.filter(|mark| mark.is_settled(now));
        Ok(true)
    }
}

/// One build's question.
pub(crate) struct Question<'a> {
    cache: &'a Cache,
    options: &'a Options,
    sources: &'a Watched<'a>,
    /// Where the outputs are, or will be.
    pub(crate) folder: PathBuf,
    loaded: Option<Vec<Input>>,
}

impl<'a> Question<'a> {
    /// To be asked before the build reads anything: up to here it was the loader of profiles that read.
    pub(crate) fn new(name: &str, cache: &'a Cache, options: &'a Options, host: Host<'a>) -> Question<'a> {
        let loaded = host.sources.inputs();
        Question { cache, options, sources: host.sources, folder: options.outputs.join(name), loaded }
    }

    /// Whether a build of `target` would make what is there. Doubt is a no: the build itself says what is wrong.
    pub(crate) fn is_answered(&self, target: &Target) -> bool {
        !self.options.rebuild && self.answer(target).unwrap_or(false)
    }

    fn answer(&self, target: &Target) -> io::Result<bool> {
        let Some((key, mut made)) = self.key().and_then(|key| Some((key, self.kept(&key)?))) else { return Ok(false) };
        let now = self.options.now;
        let Some(loaded) = &self.loaded else { return Ok(false) };
        let same = |(a, b): (&Input, &Input)| (&a.asked, &a.answer) == (&b.asked, &b.answer);
        if made.lock != target.digest()
            || made.loaded.len() != loaded.len()
            || !made.loaded.iter().zip(loaded).all(same)
        {
            return Ok(false);
        }
        let before = encoded(&made);
        if !made.program.holds(&self.options.program, now)? {
            return Ok(false);
        }
        // The images last: they may have to be read.
        for input in &mut made.read {
            if !holds(input, self.sources, now) {
                return Ok(false);
            }
        }
        for (name, known) in &mut made.outputs {
            if !known.holds(&self.folder.join(name), now)? {
                return Ok(false);
            }
        }
        if before != encoded(&made) {
            // What had to be read this time need not be the next time.
            self.keep_as(&key, &made);
        }
        Ok(true)
    }

    /// Keeps what `files`, now published, were made of. Best effort: without it the next build makes them again.
    pub(crate) fn keep(&self, target: &Target, files: &[MadeFile], program: io::Result<Known>) {
        let (Some(key), Some(loaded), Some(mut read)) = (self.key(), &self.loaded, self.sources.inputs()) else {
            return;
        };
        for input in &mut read {
            input.mark = input.mark.filter(|mark| mark.is_settled(self.options.now));
        }
        let (Ok(program), Ok(outputs)) = (program, self.outputs(files)) else { return };
        let read = read.split_off(loaded.len().min(read.len()));
        self.keep_as(&key, &Made { program, lock: target.digest(), loaded: loaded.clone(), read, outputs });
    }

    /// The program, read once for all the builds that it makes in a folder.
    pub(crate) fn program(&self) -> io::Result<Known> {
        let mut file = File::open(&self.options.program)?;
        let mark = Mark::of(&file.metadata()?);
        if let Some(made) = self.key().and_then(|key| self.kept(&key))
            && mark.is_some()
            && made.program.mark == mark
        {
            return Ok(made.program);
        }
        let size = mark.map_or(0, |mark| mark.size());
        Ok(Known { size, sha256: digest(&mut file)?, mark: mark.filter(|mark| mark.is_settled(self.options.now)) })
    }

    fn outputs(&self, files: &[MadeFile]) -> io::Result<Vec<(String, Known)>> {
        // Whoever writes to an output from here on leaves a mark: it is younger than this file, which is younger than the outputs.
        let young = Mark::of(&tempfile::tempfile_in(&self.folder)?.metadata()?);
        let known = files.iter().map(|file| {
            let mark = Mark::of(&fs::metadata(self.folder.join(&file.name))?);
            let size = file.size.get();
            let settled = |mark: &Mark| mark.size() == size && young.is_some_and(|young| mark.is_older_than(&young));
            Ok((file.name.clone(), Known { size, sha256: file.sha256, mark: mark.filter(settled) }))
        });
        known.collect()
    }

    fn key(&self) -> Option<Sha256Digest> {
        use std::os::unix::ffi::OsStrExt;

        let folder = fs::canonicalize(&self.folder).ok()?;
        Some(Sha256Digest::of(&[KEY, folder.as_os_str().as_bytes()].concat()))
    }

    fn kept(&self, key: &Sha256Digest) -> Option<Made> {
        postcard::from_bytes(&self.cache.derived(key)?).ok()
    }

    fn keep_as(&self, key: &Sha256Digest, made: &Made) {
        if let Some(data) = encoded(made) {
            let _ = self.cache.keep_derived(key, &data);
        }
    }
}

/// `None` where a path is no text: then nothing is kept.
fn encoded(made: &Made) -> Option<Vec<u8>> {
    postcard::to_stdvec(made).ok()
}

/// The same for a file that was read by way of `sources`.
fn holds(input: &mut Input, sources: &Watched<'_>, now: UnixTime) -> bool {
    let mark = match &input.asked {
        Asked::Read(path) | Asked::Stream(path) => sources.files().mark(path),
        Asked::Open(_) | Asked::List(_) => None,
    };
    if mark.is_some() && mark == input.mark {
        return true;
    }
    let same = ask(sources.files(), &input.asked) == input.answer;
    input.mark = mark.filter(|mark| mark.is_settled(now));
    same
}

/// Programs of the host: what they answer depends on more than a build can see, so one that asks any is made again every time.
pub(crate) struct Programs<'a> {
    inner: &'a dyn Processes,
    asked: AtomicBool,
}

impl<'a> Programs<'a> {
    pub(crate) fn new(inner: &'a dyn Processes) -> Programs<'a> {
        Programs { inner, asked: AtomicBool::new(false) }
    }

    pub(crate) fn were_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn ask(&self) -> &'a dyn Processes {
        self.asked.store(true, Ordering::Relaxed);
        self.inner
    }
}

impl Processes for Programs<'_> {
    fn has(&self, program: &str) -> bool {
        self.ask().has(program)
    }

    fn run(&self, run: &Run<'_>, line: &mut dyn FnMut(&str)) -> io::Result<Ended> {
        self.ask().run(run, line)
    }

    fn convert(&self, program: &str, arguments: &[String], input: &[u8]) -> io::Result<Vec<u8>> {
        self.ask().convert(program, arguments, input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with a program that answers.
    struct Host;

    impl Processes for Host {
        fn has(&self, _: &str) -> bool {
            true
        }

        fn run(&self, _: &Run<'_>, _: &mut dyn FnMut(&str)) -> io::Result<Ended> {
            Ok(Ended { success: true })
        }

        fn convert(&self, _: &str, _: &[String], input: &[u8]) -> io::Result<Vec<u8>> {
            Ok(input.to_vec())
        }
    }

    #[test]
    fn every_question_to_the_host_is_noticed() {
        let run = Run { program: "make", arguments: Vec::new(), folder: Path::new("/"), variables: Vec::new() };
        let questions: [&dyn Fn(&Programs<'_>); 3] = [
            &|programs| assert!(programs.has("gcc")),
            &|programs| assert!(programs.run(&run, &mut |_| ()).unwrap().success),
            &|programs| assert_eq!(programs.convert("sign", &[], b"image").unwrap(), b"image"),
        ];
        for question in questions {
            let programs = Programs::new(&Host);
            assert!(!programs.were_asked());
            question(&programs);
            assert!(programs.were_asked());
        }
    }

    #[test]
    fn a_file_is_read_again_where_its_mark_says_nothing_and_marked_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, "bytes").unwrap();
        let (size, sha256) = (5, Sha256Digest::of(b"bytes"));
        let mut known = Known { size, sha256, mark: None };
        // At the time of its last change a mark says nothing; later it does.
        assert!(known.holds(&path, 0).unwrap() && known.mark.is_none());
        assert!(known.holds(&path, UnixTime::MAX).unwrap() && known.mark.is_some());
        // It is not read any more: the digest is another file's.
        let mut trusted = Known { sha256: Sha256Digest::of(b"other"), ..known.clone() };
        assert!(trusted.holds(&path, UnixTime::MAX).unwrap());
        trusted.mark = None;
        assert!(!trusted.holds(&path, UnixTime::MAX).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(30));
        fs::write(&path, "butes").unwrap();
        assert!(!known.holds(&path, UnixTime::MAX).unwrap());
        assert!(Known { size: 6, mark: None, ..known.clone() }.holds(&path, 0).is_ok_and(|holds| !holds));
        fs::remove_file(&path).unwrap();
        assert!(known.holds(&path, 0).is_err());
    }
}
