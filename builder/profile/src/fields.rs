//! Reading tables by their keys, noting everything that is wrong instead of stopping at the first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use rootsmith_types::{Located, Origin};

use crate::error::{ProfileError, listed, nearest};
use crate::model::ByArch;
use crate::value::{Array, Kind, Table, Value};
use crate::words;

/// A key of a table.
pub(crate) struct Key {
    /// As written.
    pub(crate) name: &'static str,
    /// For a key of the design that cannot be used yet: what can.
    pub(crate) instead: Option<&'static str>,
}

/// A key there is.
pub(crate) const fn key(name: &'static str) -> Key {
    Key { name, instead: None }
}

/// A key of the design that is not supported yet, and what to do instead.
pub(crate) const fn later(name: &'static str, instead: &'static str) -> Key {
    Key { name, instead: Some(instead) }
}

/// Why a text is not what it should be.
pub(crate) enum Refusal {
    /// It makes no sense.
    Invalid {
        /// What it should be: `a size`.
        expected: &'static str,
        /// How such a value looks.
        hint: &'static str,
    },
    /// It is none of the words there are.
    Unknown {
        /// What it should be: `an init system`.
        expected: &'static str,
        /// The words.
        known: Vec<&'static str>,
    },
    /// It is in the design and not supported yet.
    Later {
        /// What it is, without article: `init system`.
        noun: &'static str,
        /// The words that are supported.
        supported: Vec<&'static str>,
    },
    /// Something else, said elsewhere.
    Because(Box<dyn Fn(Origin) -> ProfileError>),
}

/// What was found to be wrong so far.
#[derive(Default)]
pub(crate) struct Findings {
    errors: RefCell<Vec<ProfileError>>,
    /// Some file could not be read: what is missing may be in there.
    pub(crate) partial: Cell<bool>,
}

impl Findings {
    /// Notes one more.
    pub(crate) fn push(&self, error: ProfileError) {
        self.errors.borrow_mut().push(error);
    }

    /// Notes several.
    pub(crate) fn extend(&self, errors: Vec<ProfileError>) {
        self.errors.borrow_mut().extend(errors);
    }

    /// Notes that something is not there, unless it may be in a file that could not be read.
    pub(crate) fn push_missing(&self, error: ProfileError) {
        if !self.partial.get() {
            self.push(error);
        }
    }

    /// All of them.
    pub(crate) fn into_errors(self) -> Vec<ProfileError> {
        self.errors.into_inner()
    }
}

/// A table that is being read.
pub(crate) struct Fields<'a> {
    table: &'a Table,
    /// Where the table is written.
    pub(crate) origin: &'a Origin,
    path: String,
    findings: &'a Findings,
}

static EMPTY: Table = Table { entries: Vec::new() };

impl<'a> Fields<'a> {
    /// Opens the table `path` (empty for a whole file), whose keys are `keys`; every other key in it is noted.
    /// `elsewhere` finds the table in which a key would be known.
    pub(crate) fn open(
        table: &'a Table,
        origin: &'a Origin,
        path: &str,
        keys: &[Key],
        elsewhere: &dyn Fn(&str) -> Option<String>,
        findings: &'a Findings,
    ) -> Fields<'a> {
        let fields = Fields { table, origin, path: path.to_owned(), findings };
        for entry in &table.entries {
            let origin = entry.origin.clone();
            match keys.iter().find(|key| key.name == entry.key) {
                Some(Key { instead: None, .. }) => {}
                Some(Key { instead: Some(instead), .. }) => findings.push(ProfileError::Unsupported {
                    origin,
                    what: format!("`{}`", fields.full(&entry.key)),
                    instead: (*instead).to_owned(),
                }),
                None => {
                    let known: Vec<_> = keys.iter().filter(|key| key.instead.is_none()).map(|key| key.name).collect();
                    findings.push(ProfileError::UnknownKey {
                        origin,
                        key: shortened(&entry.key),
                        table: if path.is_empty() { String::new() } else { format!("`{path}`") },
                        nearest: nearest(&entry.key, keys.iter().map(|key| key.name))
                            .map(str::to_owned)
                            .or_else(|| elsewhere(&entry.key)),
                        known,
                    });
                }
            }
        }
        fields
    }

    /// The table at `key`, read as `keys`; an empty one where there is none.
    pub(crate) fn table(&self, key: &str, keys: &[Key], elsewhere: &dyn Fn(&str) -> Option<String>) -> Fields<'a> {
        let Fields { table, origin, path, findings } = self.map(key);
        Fields::open(table, origin, &path, keys, elsewhere, findings)
    }

    /// The table at `key`, whose keys are the user's own; an empty one where there is none.
    pub(crate) fn map(&self, key: &str) -> Fields<'a> {
        let (table, origin) = match self.get(key) {
            Some(Value { kind: Kind::Table(table), origin }) => (table, origin),
            Some(value) => {
                let example = (!self.path.is_empty()).then(|| format!("{key} = {{ … }}"));
                self.wrong_type(key, value, "a table", example.or_else(|| Some(format!("[{key}]"))));
                (&EMPTY, self.origin)
            }
            None => (&EMPTY, self.origin),
        };
        Fields { table, origin, path: self.full(key), findings: self.findings }
    }

    /// The tables of the array at `key`, each read as `keys`; none where there is no such key.
    pub(crate) fn tables(&self, key: &str, keys: &[Key]) -> Vec<Fields<'a>> {
        let expected = "an array of tables";
        let example = || Some(if self.path.is_empty() { format!("[[{key}]]") } else { format!("{key} = [{{ … }}]") });
        let items = match self.get(key) {
            None => return Vec::new(),
            Some(Value { kind: Kind::Array(Array { items, .. }), .. }) => items,
            Some(value) => {
                self.wrong_type(key, value, expected, example());
                return Vec::new();
            }
        };
        let path = self.full(key);
        items
            .iter()
            .filter_map(|item| match &item.kind {
                Kind::Table(table) => Some(Fields::open(table, &item.origin, &path, keys, &|_| None, self.findings)),
                _ => {
                    self.wrong_type(key, item, expected, example());
                    None
                }
            })
            .collect()
    }

    /// Every key of this table with its value, for tables whose keys are the user's own. The key comes as text.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Located<String>, &'a Value)> + use<'a> {
        self.table.entries.iter().map(|entry| (Located::new(entry.key.clone(), entry.origin.clone()), &entry.value))
    }

    /// The value of `key`, whatever it is.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    /// The text at `key`, as `parse` reads it.
    pub(crate) fn text<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Option<Located<T>> {
        self.get(key).and_then(|value| self.text_of(key, value, parse))
    }

    /// The text at `key`, which must be there.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        example: &'static str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Located<T>> {
        self.require(key, example);
        self.text(key, parse)
    }

    /// Notes when `key` is not there.
    pub(crate) fn require(&self, key: &str, example: &'static str) {
        if self.get(key).is_none() {
            let origin = self.origin.clone();
            self.findings.push_missing(ProfileError::MissingKey { origin, key: self.full(key), example });
        }
    }

    /// The same for an array, which must not be empty either.
    pub(crate) fn require_some(&self, key: &str, example: &'static str) {
        self.require(key, example);
        if let Some(Value { kind: Kind::Array(array), origin }) = self.get(key)
            && array.items.is_empty()
        {
            let (origin, key) = (origin.clone(), self.full(key));
            self.findings.push(ProfileError::Empty { origin, key, example });
        }
    }

    /// `value`, which nobody wrote.
    pub(crate) fn default<T>(&self, value: T) -> Located<T> {
        Located::new(value, self.origin.clone())
    }

    /// Notes `key` as unknown in this table, which is `what`: there only `known` is.
    pub(crate) fn refuse(&self, key: &str, what: &str, known: &[&'static str]) {
        if let Some(entry) = self.table.entries.iter().find(|entry| entry.key == key) {
            self.findings.push(ProfileError::UnknownKey {
                origin: entry.origin.clone(),
                key: key.to_owned(),
                table: what.to_owned(),
                nearest: None,
                known: known.to_vec(),
            });
        }
    }

    /// Notes something else that is wrong.
    pub(crate) fn note(&self, error: ProfileError) {
        self.findings.push(error);
    }

    /// The array of texts at `key`; empty where there is none.
    pub(crate) fn list<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Vec<Located<T>> {
        self.get(key).map_or_else(Vec::new, |value| self.list_of(key, value, parse))
    }

    /// The same, without what an earlier element says already: files that extend each other may ask for the same.
    pub(crate) fn set<T: PartialEq>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Vec<Located<T>> {
        unique(self.list(key, parse))
    }

    /// The text at `key`, or the table of texts by architecture.
    pub(crate) fn by_arch<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Option<ByArch<T>> {
        self.get(key).and_then(|value| self.by_arch_of(key, value, &parse))
    }

    /// The array at `key`, in which such a table may stand for a text; empty where there is none.
    pub(crate) fn list_by_arch<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Vec<ByArch<T>> {
        match self.get(key) {
            Some(Value { kind: Kind::Array(Array { items, .. }), .. }) => {
                items.iter().filter_map(|item| self.by_arch_of(key, item, &parse)).collect()
            }
            _ => self
                .list(key, parse)
                .into_iter()
                .map(|one| ByArch { any: Some(one), by_arch: BTreeMap::new() })
                .collect(),
        }
    }

    fn by_arch_of<T>(
        &self,
        key: &str,
        value: &Value,
        parse: &impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<ByArch<T>> {
        let Kind::Table(table) = &value.kind else {
            let any = self.text_of(key, value, parse)?;
            return Some(ByArch { any: Some(any), by_arch: BTreeMap::new() });
        };
        let mut by_arch = BTreeMap::new();
        for entry in &table.entries {
            let arch = self.accept(&entry.key, &entry.origin, words::arch);
            let text = self.text_of(&entry.key, &entry.value, parse);
            by_arch.extend(arch.map(|arch| arch.value).zip(text));
        }
        Some(ByArch { any: None, by_arch })
    }

    /// The boolean at `key`.
    pub(crate) fn boolean(&self, key: &str) -> Option<Located<bool>> {
        match self.get(key)? {
            Value { kind: Kind::Boolean(value), origin } => Some(Located::new(*value, origin.clone())),
            value => {
                self.wrong_type(key, value, "a boolean", Some(format!("{key} = true")));
                None
            }
        }
    }

    /// The boolean at `key`, or what it is when nobody says.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Located<bool> {
        self.boolean(key).unwrap_or_else(|| self.default(default))
    }

    /// The whole number at `key`, as `parse` reads it.
    pub(crate) fn number<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Option<Located<T>> {
        match self.get(key)? {
            Value { kind: Kind::Integer(digits), origin } => self.accept(digits, origin, parse),
            value => {
                self.wrong_type(key, value, "a whole number", None);
                None
            }
        }
    }

    /// `value`, which stands at `key`, as a whole number or a text.
    pub(crate) fn number_or_text<T>(
        &self,
        key: &str,
        value: &Value,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Located<T>> {
        match &value.kind {
            Kind::Integer(text) | Kind::String(text) => self.accept(text, &value.origin, parse),
            _ => {
                self.wrong_type(key, value, "a whole number or a string", None);
                None
            }
        }
    }

    /// `value`, which stands at `key`, as text.
    pub(crate) fn text_of<T>(
        &self,
        key: &str,
        value: &Value,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Located<T>> {
        match &value.kind {
            Kind::String(text) => self.accept(text, &value.origin, parse),
            kind => {
                let example = match kind {
                    Kind::Integer(number) => Some(format!("{key} = \"{number}\"")),
                    Kind::Boolean(word) => Some(format!("{key} = \"{word}\"")),
                    _ => None,
                };
                self.wrong_type(key, value, "a string", example);
                None
            }
        }
    }

    /// `value`, which stands at `key`, as an array of texts.
    pub(crate) fn list_of<T>(
        &self,
        key: &str,
        value: &Value,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Vec<Located<T>> {
        let expected = "an array of strings";
        match &value.kind {
            Kind::Array(array) => array
                .items
                .iter()
                .filter_map(|item| match &item.kind {
                    Kind::String(text) => self.accept(text, &item.origin, &parse),
                    _ => {
                        self.wrong_type(key, item, expected, None);
                        None
                    }
                })
                .collect(),
            kind => {
                let example = match kind {
                    Kind::String(text) => Some(format!("{} = [\"{text}\"]", quoted(key))),
                    _ => None,
                };
                self.wrong_type(key, value, expected, example);
                Vec::new()
            }
        }
    }

    /// `text`, written at `origin`, as `parse` reads it; what it refuses is noted.
    pub(crate) fn accept<T>(
        &self,
        text: &str,
        origin: &Origin,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Located<T>> {
        let value = shortened(text);
        let place = origin.clone();
        match parse(text) {
            Ok(value) => return Some(Located::new(value, place)),
            Err(Refusal::Invalid { expected, hint }) => {
                self.findings.push(ProfileError::Invalid { origin: place, value, expected, hint: hint.to_owned() });
            }
            Err(Refusal::Unknown { expected, known }) => {
                self.findings.push(ProfileError::UnknownWord { origin: place, value, expected, known });
            }
            Err(Refusal::Later { noun, supported }) => self.findings.push(ProfileError::Unsupported {
                origin: place,
                what: format!("{noun} `{value}`"),
                instead: format!("supported today: {}", listed(&supported)),
            }),
            Err(Refusal::Because(error)) => self.findings.push(error(place)),
        }
        None
    }

    /// Notes that `value`, which stands at `key`, is of the wrong type.
    pub(crate) fn wrong_type(&self, key: &str, value: &Value, expected: &'static str, example: Option<String>) {
        self.findings.push(ProfileError::WrongType {
            origin: value.origin.clone(),
            key: self.full(key),
            expected,
            found: value.kind.name(),
            example,
        });
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{}", self.path, quoted(key)) }
    }
}

/// `values` without those that say the same as an earlier one.
pub(crate) fn unique<T: PartialEq>(values: Vec<Located<T>>) -> Vec<Located<T>> {
    let mut kept: Vec<Located<T>> = Vec::new();
    for value in values {
        if kept.iter().all(|earlier| earlier.value != value.value) {
            kept.push(value);
        }
    }
    kept
}

/// `text` for a message: its beginning, on one line.
fn shortened(text: &str) -> String {
    const MAX: usize = 80;
    let mut short: String = text.chars().take(MAX).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().nth(MAX).is_some() {
        short.push('…');
    }
    short
}

/// `key` as TOML writes it: bare where it can be.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("\"{key}\"") }
}
