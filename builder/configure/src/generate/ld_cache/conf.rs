//! `/etc/ld.so.conf` and what it includes.

use std::io;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use crate::generate::{invalid, read_text};

/// Files that are read in all: an include that leads back to its own file would never end.
const MAX_FILES: usize = 1000;

/// The folders in the order in which they are named, without slashes at their ends.
pub(super) fn directories(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut files = 0;
    // The next file is the last one here, so that an include stands for the lines of its file.
    let mut stack = vec![Item::File(TreePath::literal("/etc/ld.so.conf"))];
    while let Some(item) = stack.pop() {
        let path = match item {
            Item::Directory(directory) => {
                found.push(directory);
                continue;
            }
            Item::File(path) => path,
        };
        files += 1;
        if files > MAX_FILES {
            return Err(invalid(format!("`/etc/ld.so.conf` includes more than {MAX_FILES} files")));
        }
        if let Some(text) = read_text(tree, blobs, &path)? {
            let mut items = parse(tree, &text, &path);
            items.reverse();
            stack.append(&mut items);
        }
    }
    Ok(found)
}

enum Item {
    Directory(Vec<u8>),
    File(TreePath),
}

fn parse(tree: &Tree, text: &[u8], path: &TreePath) -> Vec<Item> {
    let mut items = Vec::new();
    for line in text.split(|&b| b == b'\n') {
        let line = line.split(|&b| b == b'#').next().unwrap_or_default().trim_ascii();
        let word = |keyword: &[u8]| {
            line.strip_prefix(keyword).filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"))
        };
        if let Some(patterns) = word(b"include") {
            for pattern in patterns.split(|b| b" \t".contains(b)).filter(|pattern| !pattern.is_empty()) {
                items.extend(glob(tree, pattern, path).into_iter().map(Item::File));
            }
        } else if word(b"hwcap").is_none() {
            // `=libc6` after a folder is from the days of libc5.
            let directory = line.split(|&b| b == b'=').next().unwrap_or_default().trim_ascii_end();
            let end = directory.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
            if directory.starts_with(b"/") && end > 0 {
                items.push(Item::Directory(directory[..end].to_vec()));
            }
        }
    }
    items
}

/// The files that `pattern` matches, sorted. One that is not absolute begins at the folder of the file it stands in.
fn glob(tree: &Tree, pattern: &[u8], file: &TreePath) -> Vec<TreePath> {
    let start = match file.parent() {
        Some(parent) if !pattern.starts_with(b"/") => parent,
        _ => TreePath::root(),
    };
    let mut found = vec![start];
    for component in pattern.split(|&b| b == b'/').filter(|component| !component.is_empty()) {
        let mut next = Vec::new();
        for directory in &found {
            let Ok(real) = tree.resolve(directory) else { continue };
            for name in tree.children(&real).filter(|name| matches(component, name)) {
                next.extend(directory.join(name));
            }
        }
        next.sort();
        found = next;
    }
    found
}

/// Shell patterns with `*` and `?`. A name with a leading dot has to be asked for by it.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    // Where to go on when what follows the last `*` does not match: one byte further.
    let mut again = None;
    let (mut p, mut n) = (0, 0);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => (p, n) = (p + 1, n + 1),
            _ => match again {
                Some((star, at)) => {
                    again = Some((star, at + 1));
                    (p, n) = (star + 1, at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            ("*.conf", "a.conf.dpkg-old", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
