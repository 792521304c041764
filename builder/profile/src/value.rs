//! One TOML file as a tree in which everything knows where it was written, and how two such trees become one.
//!
//! | earlier file        | later file                    | together              |
//! |---------------------|-------------------------------|-----------------------|
//! | table               | table                         | both, key by key      |
//! | `["a"]`             | `["b"]`                       | `["a", "b"]`          |
//! | `["a"]`             | `{ replace = ["b"] }`         | `["b"]`               |
//! | anything else       | anything else                 | the later one         |

use std::path::Path;
use std::sync::Arc;

use rootsmith_types::Origin;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::error::ProfileError;

/// The one key of a table that stands for an array which replaces what earlier files said.
const REPLACE: &str = "replace";

/// A value.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it was written; for a `[table]`, its header.
    pub(crate) origin: Origin,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Text.
    String(String),
    /// A whole number, as written but for underscores and its base.
    Integer(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A float or a date: no key of ours takes one.
    Other(&'static str),
    /// An array.
    Array(Array),
    /// A table.
    Table(Table),
}

/// An array, written plainly or as `{ replace = […] }`.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    /// Its elements, perhaps of several files.
    pub(crate) items: Vec<Value>,
    /// Whether it takes the place of what earlier files said.
    replace: bool,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// In the order written.
    pub(crate) entries: Vec<Entry>,
}

/// One key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key was written.
    pub(crate) origin: Origin,
    /// Its value.
    pub(crate) value: Value,
}

impl Table {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Takes `key` out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Lays a later file over this one. Where one says array and the other does not, that is an error: nobody could tell
    /// what was meant.
    pub(crate) fn merge(&mut self, later: Table, errors: &mut Vec<ProfileError>) {
        for entry in later.entries {
            match self.entries.iter_mut().find(|earlier| earlier.key == entry.key) {
                Some(earlier) => earlier.merge(entry, errors),
                None => self.entries.push(entry),
            }
        }
    }
}

impl Entry {
    fn merge(&mut self, later: Entry, errors: &mut Vec<ProfileError>) {
        let Entry { key, origin, value: Value { kind, origin: place } } = later;
        match (&mut self.value.kind, kind) {
            (Kind::Table(earlier), Kind::Table(table)) => {
                earlier.merge(table, errors);
                self.value.origin = place;
                self.origin = origin;
            }
            (Kind::Array(earlier), Kind::Array(array)) => {
                if array.replace {
                    *earlier = array;
                } else {
                    earlier.items.extend(array.items);
                }
                self.value.origin = place;
                self.origin = origin;
            }
            (earlier, kind) if matches!(earlier, Kind::Array(_)) != matches!(kind, Kind::Array(_)) => {
                errors.push(ProfileError::Mismatch {
                    key,
                    origin: place,
                    found: kind.name(),
                    earlier: self.value.origin.clone(),
                    was: earlier.name(),
                });
            }
            (_, kind) => *self = Entry { key, origin, value: Value { kind, origin: place } },
        }
    }
}

impl Kind {
    /// What a person calls it, with its article.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::String(_) => "a string",
            Kind::Integer(_) => "a number",
            Kind::Boolean(_) => "a boolean",
            Kind::Other(name) => name,
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
        }
    }
}

/// Reads the text of one file. Whatever is wrong with its syntax goes to `errors`; then there is no tree, for what could
/// be saved of a broken file would only bring forth errors that are none.
pub(crate) fn parse(file: &Arc<Path>, text: &str, errors: &mut Vec<ProfileError>) -> Option<Table> {
    let (table, broken) = DeTable::parse_recoverable(text);
    if broken.is_empty() {
        return Some(Table::read(file, table.into_inner()));
    }
    errors.extend(broken.into_iter().map(|error| ProfileError::Syntax {
        origin: Origin::new(file.clone(), error.span().unwrap_or(text.len()..text.len())),
        message: error.message().to_owned(),
    }));
    None
}

impl Table {
    fn read(file: &Arc<Path>, table: DeTable<'_>) -> Table {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                origin: Origin::new(file.clone(), key.span()),
                key: key.into_inner().into_owned(),
                value: Value::read(file, value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.origin.span().start);
        Table { entries }
    }
}

impl Value {
    fn read(file: &Arc<Path>, value: Spanned<DeValue<'_>>) -> Value {
        let origin = Origin::new(file.clone(), value.span());
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::String(text.into_owned()),
            DeValue::Integer(number) => Kind::Integer(number.to_string()),
            DeValue::Float(_) => Kind::Other("a float"),
            DeValue::Boolean(value) => Kind::Boolean(value),
            DeValue::Datetime(_) => Kind::Other("a date"),
            DeValue::Array(array) => Kind::Array(Array { items: Array::read(file, array), replace: false }),
            DeValue::Table(table) => {
                let mut table = Table::read(file, table);
                match table.entries.pop() {
                    // Only an array can be meant by it, so that a package called `replace` stays a key like any other.
                    Some(Entry { key, value: Value { kind: Kind::Array(Array { items, .. }), .. }, .. })
                        if key == REPLACE && table.entries.is_empty() =>
                    {
                        Kind::Array(Array { items, replace: true })
                    }
                    last => {
                        table.entries.extend(last);
                        Kind::Table(table)
                    }
                }
            }
        };
        Value { kind, origin }
    }
}

impl Array {
    fn read(file: &Arc<Path>, array: DeArray<'_>) -> Vec<Value> {
        array.into_iter().map(|value| Value::read(file, value)).collect()
    }
}
