//! The journal's message catalog: `/var/lib/systemd/catalog/database`.
//!
//! Format: systemd, `src/libsystemd/sd-journal/catalog.c`. Integers are little-endian.
//!
//! | offset | size   | holds                                                                                  |
//! |--------|--------|----------------------------------------------------------------------------------------|
//! | 0      | 40     | `RHHHKSLP`, two flag words (0), header size, number of items, item size (56)           |
//! | 40     | 56 · n | items: message id (16), language (32, padded with NUL), offset of the text in the strings |
//! | …      | …      | strings                                                                                |

use std::collections::HashMap;
use std::io;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use super::conf_files::conf_files;
use super::lines::lines;
use super::strings::Strings;
use super::{invalid, read_text};

const HEADER_SIZE: u64 = 40;
const ITEM_SIZE: u64 = 56;
/// With the NUL that ends it.
const LANGUAGE_SIZE: usize = 32;

/// Which text: message id, language.
type Key = ([u8; 16], Vec<u8>);

/// The catalog of `/usr/local/lib/systemd/catalog` and `/usr/lib/systemd/catalog`; `None` when it would be empty.
pub(crate) fn journal_catalog(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Option<Vec<u8>>> {
    let mut catalog = Catalog::default();
    for path in conf_files(tree, &["/usr/local/lib/systemd/catalog", "/usr/lib/systemd/catalog"], ".catalog") {
        if let Some(text) = read_text(tree, blobs, &path)? {
            import(&mut catalog, &text, &path)?;
        }
    }
    if catalog.items.is_empty() {
        return Ok(None);
    }
    store(catalog).map(Some)
}

#[derive(Default)]
struct Catalog {
    /// In the order of their first appearance, which is the order of the strings.
    items: Vec<(Key, Vec<u8>)>,
    places: HashMap<Key, usize>,
}

impl Catalog {
    fn add(&mut self, key: Key, text: Vec<u8>) {
        match self.places.get(&key) {
            Some(&place) => {
                let old = &mut self.items[place].1;
                *old = combine(&text, old);
            }
            None => {
                self.places.insert(key.clone(), self.items.len());
                self.items.push((key, text));
            }
        }
    }
}

/// A later text for the same key: headers of both (the first of a name counts), body of the later one if it has one.
fn combine(later: &[u8], earlier: &[u8]) -> Vec<u8> {
    let (later_headers, later_body) = later.split_at(headers_length(later));
    let (earlier_headers, earlier_body) = earlier.split_at(headers_length(earlier));
    let body = if later_body.is_empty() { earlier_body } else { later_body };
    [later_headers, earlier_headers, body].concat()
}

/// Headers are the lines before the first empty one.
fn headers_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'\n', &text[at..])
        && length > 0
    {
        at += length + 1;
    }
    at
}

fn import(catalog: &mut Catalog, text: &[u8], path: &TreePath) -> io::Result<()> {
    let default = file_language(path);
    let mut current: Option<Key> = None;
    let mut payload = Vec::new();
    let mut after_empty = true;
    for (i, line) in lines(text).enumerate() {
        let place = || format!("`{path}` line {}", i + 1);
        match line.first() {
            None => {
                after_empty = true;
                continue;
            }
            Some(b'#' | b';') => continue,
            Some(_) => {}
        }
        let mut line = line;
        if after_empty && let Some((head, language)) = entry_line(line) {
            if let Some(id) = message_id(head) {
                finish(catalog, current.take(), &mut payload, path)?;
                let language = match language {
                    Some(language) => {
                        entry_language(language, &default).map_err(|why| invalid(format!("{}: {why}", place())))?
                    }
                    None => default.clone(),
                };
                current = Some((id, language));
                after_empty = false;
                continue;
            }
            // The tool has cut the line here when it finds that this is no id.
            line = &line[..3 + head.len()];
        }
        if current.is_none() {
            return Err(invalid(format!("{}: text before the first message id", place())));
        }
        if after_empty {
            payload.push(b'\n');
        }
        payload.extend_from_slice(line);
        payload.push(b'\n');
        after_empty = false;
    }
    finish(catalog, current, &mut payload, path)
}

fn finish(catalog: &mut Catalog, key: Option<Key>, payload: &mut Vec<u8>, path: &TreePath) -> io::Result<()> {
    let Some(key) = key else { return Ok(()) };
    if payload.is_empty() {
        return Err(invalid(format!("`{path}` has a message id without a text")));
    }
    catalog.add(key, std::mem::take(payload));
    Ok(())
}

/// The 32 characters after `-- ` and what follows them, if the line has the form of an entry's first line.
fn entry_line(line: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let rest = line.strip_prefix(b"-- ")?;
    let (head, tail) = rest.split_at_checked(32)?;
    match tail.split_first() {
        None => Some((head, None)),
        Some((b' ', language)) => Some((head, Some(language))),
        Some(_) => None,
    }
}

fn message_id(text: &[u8]) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    for (byte, digits) in id.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |b: u8| char::from(b).to_digit(16).map(|digit| digit as u8);
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(id)
}

fn entry_language(text: &[u8], default: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = text.trim_ascii();
    match text.len() {
        0..2 => Err("language too short"),
        2..LANGUAGE_SIZE => Ok(if text == default { default.to_vec() } else { text.to_vec() }),
        _ => Err("language too long"),
    }
}

/// `be@latin` for `…/systemd.be@latin.catalog`; empty for `…/systemd.catalog`.
fn file_language(path: &TreePath) -> Vec<u8> {
    let name = path.name().unwrap_or_default();
    let stem = name.strip_suffix(b".catalog").unwrap_or(name);
    match stem.rsplitn(2, |&b| b == b'.').collect::<Vec<_>>()[..] {
        [language, _] if !language.is_empty() && language.len() < LANGUAGE_SIZE => language.to_vec(),
        _ => Vec::new(),
    }
}

fn store(catalog: Catalog) -> io::Result<Vec<u8>> {
    let mut strings = Strings::new();
    let mut items = Vec::with_capacity(catalog.items.len());
    for (key, text) in catalog.items {
        let offset = strings.add(&text)?;
        items.push((key, offset));
    }
    items.sort();
    let mut out = Vec::new();
    out.extend_from_slice(b"RHHHKSLP");
    out.extend_from_slice(&[0; 8]);
    for field in [HEADER_SIZE, items.len() as u64, ITEM_SIZE] {
        out.extend(field.to_le_bytes());
    }
    for ((id, language), offset) in items {
        let mut field = [0; LANGUAGE_SIZE];
        // Shorter than the field: `entry_language` and `file_language` see to it.
        field[..language.len()].copy_from_slice(&language);
        out.extend(id);
        out.extend(field);
        out.extend(u64::from(offset).to_le_bytes());
    }
    out.extend_from_slice(strings.bytes());
    Ok(out)
}

#[cfg(test)]
mod tests;
