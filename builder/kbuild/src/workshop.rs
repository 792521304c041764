//! Configuring and building, each done once for the same inputs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use rootsmith_fetch::{Cache, Progress, Scratch};
use rootsmith_kernel::config::Config;
use rootsmith_tree::{Blob, Blobs};
use rootsmith_types::Sha256Digest;

use crate::configure::{Make, configure};
use crate::recipe::{Input, Key, Patch, source_digest};
use crate::tools::{Toolchain, missing, missing_for, toolchain};
use crate::{KbuildError, Processes, Run, build, source};

/// What the steps are called in progress.
const READING: &str = "reading the kernel's source";
const CONFIGURING: &str = "configuring the kernel";
const UNPACKING: &str = "unpacking the kernel's source";
const COMPILING: &str = "compiling the kernel";

/// Where kernels are made.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// What was made before, and a place to work in.
    pub cache: &'a Cache,
    /// The host's programs.
    pub processes: &'a dyn Processes,
    /// Who is told how far things are.
    pub progress: &'a dyn Progress,
}

/// A configuration as the kernel's own tools completed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// `.config`.
    pub text: String,
    /// The programs it was made with, and the kernel will be: one a line.
    pub toolchain: String,
}

impl Workshop<'_> {
    /// The configuration of a kernel: the one that was made before, or a new one.
    ///
    /// Where the host has no compiler, that of the last time with the same inputs does.
    pub fn configure(&self, input: &Input<'_>) -> Result<Configuration, KbuildError> {
        let inputs = input.configuration_key();
        let mut last = Key::new("toolchain of a configuration");
        last.add(b"inputs", inputs.as_bytes());
        let last = last.digest();
        let here = toolchain(input.arch, self.processes)?;
        let known = match &here {
            Some(here) => Some(here.text.clone()),
            None => self.cache.derived(&last).and_then(|text| String::from_utf8(text).ok()),
        };
        if let Some(toolchain) = known
            && let Some(text) = self.cache.derived(&configured(&inputs, &toolchain))
            && let Ok(text) = String::from_utf8(text)
        {
            return Ok(Configuration { text, toolchain });
        }
        let here = self.tools(input, here)?;

        let scratch = self.cache.scratch()?;
        let tree = self.folder(&scratch, "linux")?;
        if input.patches.is_empty() {
            source::unpack_part(&self.part(input)?, &tree)?;
        } else {
            // A patch may change any file.
            self.unpack(input, &tree)?;
            self.patch(input.patches, &tree)?;
        }
        self.progress.started(CONFIGURING, None);
        let text = configure(input, &here, &tree, scratch.path(), self.processes);
        self.progress.finished(CONFIGURING);
        let text = text?;
        self.cache.keep_derived(&configured(&inputs, &here.text), text.as_bytes())?;
        self.cache.keep_derived(&last, here.text.as_bytes())?;
        Ok(Configuration { text, toolchain: here.text })
    }

    /// The files that configuring reads, by their paths in the source, before any patch: for who wants to know why a symbol came out
    /// as it did.
    pub fn files(&self, input: &Input<'_>) -> Result<BTreeMap<String, Vec<u8>>, KbuildError> {
        source::files(&self.part(input)?)
            .map_err(|error| KbuildError::NotASource { package: input.package.clone(), reason: error.to_string() })
    }

    /// The kernel's files as a tar archive: the one that was made before, or a new one. Its contents are root's, of the source's
    /// date, at their places in the image.
    pub fn build(&self, input: &Input<'_>, configuration: &Configuration) -> Result<Blob, KbuildError> {
        let key = input.kernel_key(&configuration.text, &configuration.toolchain);
        if let Some(digest) = self.cache.derived(&key).and_then(|digest| <[u8; 32]>::try_from(digest).ok())
            && let Some(archive) = self.cache.file(&Sha256Digest::new(digest))?
        {
            return Ok(archive);
        }
        let here = self.tools(input, toolchain(input.arch, self.processes)?)?;
        let config = Config::parse(&configuration.text);
        let missing = missing_for(&config, !input.patches.is_empty(), self.processes);
        if !missing.is_empty() {
            return Err(KbuildError::Missing { arch: input.arch, missing });
        }

        let scratch = self.cache.scratch()?;
        let tree = self.folder(&scratch, "linux")?;
        self.unpack(input, &tree)?;
        self.patch(input.patches, &tree)?;
        let file = tree.join(".config");
        fs::write(&file, &configuration.text).map_err(KbuildError::disk("write", &file))?;
        let make =
            Make { input, toolchain: &here, folder: &tree, temporary: scratch.path(), processes: self.processes };
        make.run(&["olddefconfig".to_owned()], &mut |_| ())?;
        let again = fs::read_to_string(&file).map_err(KbuildError::disk("read", &file))?;
        if let Some((line, _)) = again.lines().zip(configuration.text.lines()).find(|(a, b)| a != b) {
            return Err(KbuildError::Unstable { line: line.to_owned() });
        }
        let out = self.folder(&scratch, "out")?;
        self.progress.started(COMPILING, None);
        let mut objects = 0;
        let built = build::build(&make, &config, &out, &mut || {
            objects += 1;
            self.progress.counted(COMPILING, objects, "objects");
        });
        self.progress.finished(COMPILING);
        built?;

        let archive = scratch.path().join("kernel.tar");
        build::pack(&out, &archive, input.date)?;
        let mut archive_file = File::open(&archive).map_err(KbuildError::disk("open", &archive))?;
        let blob = self.cache.insert(&mut archive_file).map_err(KbuildError::disk("keep", &archive))?;
        // What was put in under its digest has one.
        if let Some(digest) = self.cache.sha256_of(&blob) {
            self.cache.keep_derived(&key, digest.as_bytes())?;
        }
        Ok(blob)
    }

    /// The toolchain, when everything else that any kernel needs is there as well.
    fn tools(&self, input: &Input<'_>, here: Option<Toolchain>) -> Result<Toolchain, KbuildError> {
        let missing = missing(input.arch, self.processes);
        match here {
            Some(here) if missing.is_empty() => Ok(here),
            _ => Err(KbuildError::Missing { arch: input.arch, missing }),
        }
    }

    /// The part of the source that configuring needs.
    fn part(&self, input: &Input<'_>) -> Result<Vec<u8>, KbuildError> {
        let mut key = Key::new("files for configuring");
        key.add(b"source", &source_digest(input.source));
        let key = key.digest();
        if let Some(part) = self.cache.derived(&key) {
            return Ok(part);
        }
        self.progress.started(READING, Some(input.source.size));
        let advanced = |bytes| self.progress.advanced(READING, bytes);
        let part = source::part(input.source, self.cache, input.package, &advanced);
        self.progress.finished(READING);
        let part = part?;
        self.cache.keep_derived(&key, &part)?;
        Ok(part)
    }

    fn unpack(&self, input: &Input<'_>, tree: &Path) -> Result<(), KbuildError> {
        self.progress.started(UNPACKING, Some(input.source.size));
        let advanced = |bytes| self.progress.advanced(UNPACKING, bytes);
        let unpacked = source::unpack(input.source, self.cache, tree, &advanced);
        self.progress.finished(UNPACKING);
        unpacked
    }

    fn patch(&self, patches: &[Patch<'_>], tree: &Path) -> Result<(), KbuildError> {
        for patch in patches {
            let file = tree.join(".rootsmith.patch");
            fs::write(&file, patch.data).map_err(KbuildError::disk("write", &file))?;
            let arguments = ["-p1", "--batch", "--no-backup-if-mismatch", "--input", ".rootsmith.patch"];
            let arguments = arguments.map(str::to_owned).to_vec();
            let run = Run { program: "patch", arguments, folder: tree, variables: Vec::new() };
            let mut last = Vec::new();
            let ended = self.processes.run(&run, &mut |line| last.push(line.to_owned()));
            let ended = ended.map_err(|error| KbuildError::Start { program: "patch".to_owned(), error })?;
            fs::remove_file(&file).map_err(KbuildError::disk("remove", &file))?;
            if !ended.success {
                return Err(KbuildError::Patch { origin: patch.origin.clone(), name: patch.name.to_owned(), last });
            }
        }
        Ok(())
    }

    fn folder(&self, scratch: &Scratch, name: &str) -> Result<std::path::PathBuf, KbuildError> {
        let folder = scratch.path().join(name);
        fs::create_dir(&folder).map_err(KbuildError::disk("make the folder", &folder))?;
        Ok(folder)
    }
}

/// The key of a configuration.
fn configured(inputs: &Sha256Digest, toolchain: &str) -> Sha256Digest {
    let mut key = Key::new("configuration");
    key.add(b"inputs", inputs.as_bytes());
    key.add(b"toolchain", toolchain.as_bytes());
    key.digest()
}
