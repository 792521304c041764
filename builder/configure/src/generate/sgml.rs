//! `/var/lib/sgml-base/supercatalog`, the list of all SGML catalogs (update-catalog(8) with `--update-super`).
//!
//! sgml-base makes an empty one when it is configured, before any package that has a catalog is: those depend on it. Its trigger
//! makes it again when they are there, which leaves the empty one as a backup. (Where a package with a catalog depends on another
//! one, dpkg runs the trigger between the two, and the backup has the first; this one is empty all the same.)

use std::io;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use super::read_text;

const FOLDER: &str = "/etc/sgml";
const CATALOG: &str = "/var/lib/sgml-base/supercatalog";
const HEADER: &str = "\
--
## This file is created by update-catalog with update-super.
## Please see update-catalog(8) for how to modify this file.
--
";

/// The catalog, and the one before where there was one.
pub(crate) fn sgml_supercatalog(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Vec<(TreePath, Vec<u8>)>> {
    let folder = tree.resolve(&TreePath::literal(FOLDER)).unwrap_or(TreePath::literal(FOLDER));
    let mut text = HEADER.to_owned();
    for name in tree.children(&folder) {
        // A name that is no text cannot stand in a catalog either.
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if name.starts_with('.') || !name.ends_with(".cat") {
            continue;
        }
        let path = format!("{FOLDER}/{name}");
        let Ok(at) = TreePath::new(&path) else { continue };
        match read_text(tree, blobs, &at)? {
            Some(bytes) if references_exist(tree, &String::from_utf8_lossy(&bytes)) => {
                text += &format!("CATALOG {path}\n");
            }
            _ => {}
        }
    }
    let mut files = Vec::new();
    if text != HEADER {
        files.push((TreePath::literal("/var/lib/sgml-base/supercatalog.old"), HEADER.into()));
    }
    files.push((TreePath::literal(CATALOG), text.into_bytes()));
    Ok(files)
}

/// Whether all catalogs that one refers to are there. One that was removed with its package leaves its list behind.
fn references_exist(tree: &Tree, text: &str) -> bool {
    let mut base = FOLDER.to_owned();
    let mut before = "";
    let mut rest = text;
    while let Some(token) = next_token(&mut rest) {
        let blank = token.starts_with(char::is_whitespace) || token.starts_with("--");
        match before {
            "" if token.eq_ignore_ascii_case("catalog") => before = "catalog",
            "" if token.eq_ignore_ascii_case("base") => before = "base",
            "" => {}
            _ if blank => {}
            "base" => {
                base = unquoted(token).to_owned();
                before = "";
            }
            _ => {
                let name = unquoted(token);
                let path = if name.starts_with('/') { name.to_owned() } else { format!("{base}/{name}") };
                let found = TreePath::new(&path)
                    .is_ok_and(|path| tree.lookup(&path).is_some_and(|node| node.content().is_some()));
                if !found {
                    return false;
                }
                before = "";
            }
        }
    }
    true
}

/// White space with comments, a literal, or a run of other characters: as the program's own pattern has it.
fn next_token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = *rest;
    let first = text.chars().next()?;
    let blank = blank_length(text);
    let literal = ['\'', '"'].contains(&first).then(|| text[1..].find(first)).flatten();
    let length = match (blank, literal) {
        (0, Some(end)) => end + 2,
        (0, None) => text.find(char::is_whitespace).unwrap_or(text.len()),
        (blank, _) => blank,
    };
    let (token, after) = text.split_at(length);
    *rest = after;
    Some(token)
}

/// So many bytes of white space and comments a text begins with.
fn blank_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix("--").and_then(|inside| inside.split_once("--")) {
            Some((_, after)) => rest = after,
            None => return text.len() - rest.len(),
        }
    }
}

fn unquoted(token: &str) -> &str {
    let quoted = |quote: char| token.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(token)
}
