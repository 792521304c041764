//! Reading the entry profile and all that it extends.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_types::{Located, Origin, Sources};

use crate::error::{ProfileError, ProfileErrors};
use crate::fields::{Fields, Findings, key};
use crate::files;
use crate::model::{Profile, Text};
use crate::sections;
use crate::value::{self, Kind, Table};
use crate::words;

/// Profiles that extend each other in a longer chain than this are taken for an accident.
const MAX_DEPTH: usize = 32;

/// Reads the profile at `entry`, with everything it extends and names. All that is wrong comes at once.
pub fn load(entry: &Path, sources: &dyn Sources) -> Result<Profile, ProfileErrors> {
    let loader = Loader {
        entry,
        sources,
        files: RefCell::default(),
        findings: Findings::default(),
        seen: RefCell::default(),
        board: RefCell::default(),
    };
    let file: Arc<Path> = entry.into();
    let table = match sources.read(entry) {
        Ok(bytes) => loader.read(&file, &bytes, Layer::Profile, &mut Vec::new()),
        Err(error) => {
            loader.findings.push(ProfileError::NoProfile { file: entry.to_owned(), kind: error.kind() });
            None
        }
    };
    let profile = table.and_then(|table| sections::profile(&table, &Origin::new(file, 0..0), &loader));
    let Loader { files, findings, .. } = loader;
    let files = files.into_inner();
    let mut errors = findings.into_errors();
    if let Some(profile) = profile
        && errors.is_empty()
    {
        return Ok(Profile { files, ..profile });
    }
    let place = |error: &ProfileError| {
        let origin = error.origin()?;
        let file = files.iter().position(|(name, _)| *name == origin.file)?;
        Some((file, origin.span().start, origin.span().end))
    };
    errors.sort_by_key(place);
    errors.dedup();
    Err(ProfileErrors { errors, files })
}

/// What is read so far.
pub(crate) struct Loader<'s> {
    /// The profile that is loaded.
    entry: &'s Path,
    sources: &'s dyn Sources,
    files: RefCell<Vec<Text>>,
    /// What is wrong so far.
    pub(crate) findings: Findings,
    /// Profiles that were merged, by their normal path: a second mention of one adds nothing.
    seen: RefCell<BTreeSet<PathBuf>>,
    /// The board that a profile named.
    board: RefCell<Option<Located<String>>>,
}

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// A profile: `board` names one.
    Profile,
    /// The description of a board: `[board]` is what it is.
    Board,
}

impl Layer {
    fn noun(self) -> &'static str {
        match self {
            Layer::Profile => "profile",
            Layer::Board => "board",
        }
    }
}

/// A profile that is being read, and where its `extends` names the next one.
struct Link {
    file: Arc<Path>,
    extends: Option<Origin>,
    /// Whether it names a board, which is in the place of those of what it extends.
    board: bool,
}

impl Loader<'_> {
    /// The table of `file` merged over those of the files it extends. `None` when it is no TOML.
    fn read(&self, file: &Arc<Path>, bytes: &[u8], layer: Layer, chain: &mut Vec<Link>) -> Option<Table> {
        self.seen.borrow_mut().insert(files::normal(file));
        let Some(text) = self.text(file, bytes) else {
            self.findings.partial.set(true);
            return None;
        };
        let mut errors = Vec::new();
        let table = value::parse(file, &text, &mut errors);
        self.findings.extend(errors);
        let Some(mut table) = table else {
            self.findings.partial.set(true);
            return None;
        };
        self.check_schema(file, &mut table);
        let extends = self.extends(file, &mut table).into_iter().map(|named| (named, Layer::Profile));
        // What the file itself says is laid over its board, and the board over what the file extends.
        let board = if layer == Layer::Profile { self.named_board(file, &mut table, chain) } else { None };

        chain.push(Link { file: file.clone(), extends: None, board: board.is_some() });
        let mut merged = Table { entries: Vec::new() };
        for (base, layer) in extends.chain(board.map(|named| (named, Layer::Board))) {
            if let Some(link) = chain.last_mut() {
                link.extends = Some(base.origin.clone());
            }
            let base = self.base(&base, layer, chain);
            self.lay_over(&mut merged, base);
        }
        chain.pop();
        self.lay_over(&mut merged, Some(table));
        Some(merged)
    }

    fn lay_over(&self, merged: &mut Table, later: Option<Table>) {
        let Some(later) = later else { return };
        let mut errors = Vec::new();
        merged.merge(later, &mut errors);
        self.findings.extend(errors);
    }

    /// A profile named in `extends`; `None` when it was merged already or cannot be.
    fn base(&self, named: &Located<String>, layer: Layer, chain: &mut Vec<Link>) -> Option<Table> {
        let origin = &named.origin;
        let places = files::beside(&origin.file, self.entry, &named.value);
        // A circle is told from a second mention by the chain that leads here.
        for place in &places {
            if let Some(at) = chain.iter().position(|link| files::normal(&link.file) == *place) {
                let circle = &chain[at..];
                let mut files: Vec<_> = circle.iter().map(|link| link.file.clone()).collect();
                files.push(circle[0].file.clone());
                let links = circle.iter().take(circle.len() - 1).filter_map(|link| link.extends.clone()).collect();
                self.findings.push(ProfileError::Cycle { origin: origin.clone(), chain: files, links });
                self.findings.partial.set(true);
                return None;
            }
            if self.seen.borrow().contains(place) {
                return None;
            }
            if chain.len() >= MAX_DEPTH {
                self.findings.push(ProfileError::TooDeep { origin: origin.clone(), limit: MAX_DEPTH });
                self.findings.partial.set(true);
                return None;
            }
            match self.sources.read(place) {
                Ok(bytes) => return self.read(&Arc::from(place.as_path()), &bytes, layer, chain),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.findings.partial.set(true);
                    return self.missing(named, layer.noun(), vec![place.clone()], error.kind());
                }
            }
        }
        self.findings.partial.set(true);
        self.missing(named, layer.noun(), places, io::ErrorKind::NotFound)
    }

    /// The board that the profile names: `boards/NAME.toml`, or the file itself.
    fn named_board(&self, file: &Arc<Path>, table: &mut Table, chain: &[Link]) -> Option<Located<String>> {
        let alone = Table { entries: vec![table.remove("board")?] };
        let start = Origin::new(file.clone(), 0..0);
        let fields = Fields::open(&alone, &start, "", &[key("board")], &|_| None, &self.findings);
        let named = fields.text("board", words::board)?;
        if chain.iter().any(|link| link.board) {
            return None;
        }
        if let Some(first) = &*self.board.borrow() {
            let (origin, first) = (named.origin.clone(), first.origin.clone());
            self.findings.push(ProfileError::Duplicate { origin, what: "board".to_owned(), first });
            return None;
        }
        let Located { value, origin } = named.clone();
        *self.board.borrow_mut() = Some(named);
        let value = if value.ends_with(".toml") { value } else { format!("boards/{value}.toml") };
        Some(Located::new(value, origin))
    }

    /// The board, as a profile named it.
    pub(crate) fn board(&self) -> Option<Located<String>> {
        self.board.borrow().clone()
    }

    fn check_schema(&self, file: &Arc<Path>, table: &mut Table) {
        match table.remove("schema").map(|entry| entry.value) {
            None => self.findings.push(ProfileError::MissingKey {
                origin: Origin::new(file.clone(), 0..0),
                key: "schema".to_owned(),
                example: "schema = 1",
            }),
            Some(value) => match value.kind {
                Kind::Integer(number) if number == "1" => {}
                Kind::Integer(found) => self.findings.push(ProfileError::Schema { origin: value.origin, found }),
                kind => self.findings.push(ProfileError::WrongType {
                    origin: value.origin,
                    key: "schema".to_owned(),
                    expected: "a number",
                    found: kind.name(),
                    example: Some("schema = 1".to_owned()),
                }),
            },
        }
    }

    fn extends(&self, file: &Arc<Path>, table: &mut Table) -> Vec<Located<String>> {
        let Some(entry) = table.remove("extends") else { return Vec::new() };
        if !matches!(entry.value.kind, Kind::Array(_)) {
            self.findings.partial.set(true);
        }
        let alone = Table { entries: vec![entry] };
        let start = Origin::new(file.clone(), 0..0);
        Fields::open(&alone, &start, "", &[key("extends")], &|_| None, &self.findings).set("extends", words::host_path)
    }

    /// The text of a small file that `named` means, looked for as fragments are. `kind` is what it is called in messages.
    pub(crate) fn small_file(&self, named: &Located<String>, kind: &'static str) -> Option<Text> {
        let (file, bytes) = self.find(named, kind, |sources, path| sources.read(path))?;
        let file: Arc<Path> = file.into();
        let text = self.text(&file, &bytes)?;
        Some((file, text))
    }

    /// The bytes of a small file that `named` means, looked for as fragments are.
    pub(crate) fn small_bytes(&self, named: &Located<String>, kind: &'static str) -> Option<(PathBuf, Vec<u8>)> {
        self.find(named, kind, |sources, path| sources.read(path))
    }

    /// Where the certificates that `named` means are.
    pub(crate) fn keyring(&self, named: &Located<String>) -> Option<PathBuf> {
        self.find(named, "keyring", |sources, path| sources.open(path).map(drop)).map(|(path, ())| path)
    }

    /// Where the payload that `named` means is, or should be.
    pub(crate) fn payload_path(&self, named: &Located<String>) -> PathBuf {
        let mut places = files::in_workspace(&named.origin.file, self.entry, &named.value);
        let found = places.iter().position(|path| self.sources.open(path).is_ok());
        places.swap_remove(found.unwrap_or(places.len() - 1))
    }

    /// The same, when it is there; else it is noted, and where a person gets it.
    pub(crate) fn payload(&self, named: &Located<String>, from: Option<&Located<String>>) -> Option<PathBuf> {
        self.own_file(named, "payload", from)
    }

    /// Where the file of the workspace that `named` means is; `what` is what it is called.
    pub(crate) fn own(&self, named: &Located<String>, what: &'static str) -> Option<PathBuf> {
        self.own_file(named, what, None)
    }

    /// Where the overlay that `named` means is.
    pub(crate) fn overlay(&self, named: &Located<String>) -> Option<PathBuf> {
        let places = files::in_workspace(&named.origin.file, self.entry, &named.value);
        let folder = |path: &Path| match self.sources.list(path)? {
            // A file that is listed has nothing in it either.
            entries if entries.is_empty() && self.sources.open(path).is_ok() => {
                Err(io::ErrorKind::NotADirectory.into())
            }
            _ => Ok(()),
        };
        match self.first(places, folder) {
            Ok((path, ())) => Some(path),
            Err((tried, kind)) => self.missing(named, "overlay", tried, kind),
        }
    }

    fn own_file(&self, named: &Located<String>, what: &'static str, from: Option<&Located<String>>) -> Option<PathBuf> {
        let places = files::in_workspace(&named.origin.file, self.entry, &named.value);
        match self.first(places, |path| self.sources.open(path).map(drop)) {
            Ok((path, ())) => Some(path),
            Err((tried, kind)) => {
                let (origin, named, from) =
                    (named.origin.clone(), named.value.clone(), from.map(|it| it.value.clone()));
                self.findings.push(ProfileError::NoFile { origin, what, named, tried, kind, from });
                None
            }
        }
    }

    fn find<T>(
        &self,
        named: &Located<String>,
        what: &'static str,
        read: impl Fn(&dyn Sources, &Path) -> io::Result<T>,
    ) -> Option<(PathBuf, T)> {
        let places = files::beside(&named.origin.file, self.entry, &named.value);
        match self.first(places, |place| read(self.sources, place)) {
            Ok(found) => Some(found),
            Err((tried, kind)) => self.missing(named, what, tried, kind),
        }
    }

    /// The first of `places` that is there, and what `read` makes of it; else where it was looked for, and why there is none.
    fn first<T>(
        &self,
        places: Vec<PathBuf>,
        read: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<(PathBuf, T), (Vec<PathBuf>, io::ErrorKind)> {
        for place in &places {
            match read(place) {
                Ok(found) => return Ok((place.clone(), found)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err((vec![place.clone()], error.kind())),
            }
        }
        Err((places, io::ErrorKind::NotFound))
    }

    fn missing<T>(
        &self,
        named: &Located<String>,
        what: &'static str,
        tried: Vec<PathBuf>,
        kind: io::ErrorKind,
    ) -> Option<T> {
        let (origin, named) = (named.origin.clone(), named.value.clone());
        self.findings.push(ProfileError::NoFile { origin, what, named, tried, kind, from: None });
        None
    }

    /// Keeps the text of `file` for excerpts.
    fn text(&self, file: &Arc<Path>, bytes: &[u8]) -> Option<Arc<str>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                self.keep(file, text.clone());
                Some(text)
            }
            Err(error) => {
                let at = error.valid_up_to();
                self.findings.push(ProfileError::NotText { origin: Origin::new(file.clone(), at..at) });
                // What is readable of it, so that the excerpt can show the line.
                let shown: Arc<str> = String::from_utf8_lossy(bytes).into();
                self.keep(file, shown);
                None
            }
        }
    }

    fn keep(&self, file: &Arc<Path>, text: Arc<str>) {
        let mut files = self.files.borrow_mut();
        if files.iter().all(|(name, _)| name != file) {
            files.push((file.clone(), text));
        }
    }
}
