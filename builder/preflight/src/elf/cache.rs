//! What glibc's loader reads of the image: `/etc/ld.so.cache`, and what only `ldconfig` reads: `/etc/ld.so.conf`.
//!
//! The cache (glibc, `sysdeps/generic/dl-cache.h`) is a header of 48 bytes (`glibc-ld.so.cache1.1`, number of entries, size of
//! the names), entries of 24 bytes (flags, name, path, …) and names; an older form may come before it.

use std::collections::{BTreeMap, BTreeSet};

use rootsmith_tree::{Node, Tree};

use super::locate;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// Of paths and names alike.
const MAX_NAME: usize = 4096;
/// Files that `include` may bring in, all in all.
const MAX_FILES: usize = 256;

/// The paths in a cache by library name, in its order; `None` when it is none that glibc would read.
pub(super) fn parse(data: &[u8]) -> Option<BTreeMap<String, Vec<String>>> {
    let data = match data.strip_prefix(OLD_MAGIC) {
        None => data,
        Some(rest) => {
            let count = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
            let end = count.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
            // The new header is aligned as its largest number is.
            data.get(end.checked_next_multiple_of(8)?..)?
        }
    };
    if !data.starts_with(MAGIC) {
        return None;
    }
    let count = u32::from_le_bytes(data.get(20..24)?.try_into().ok()?) as usize;
    let entries = data.get(HEADER..HEADER.checked_add(count.checked_mul(ENTRY)?)?)?;
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries.chunks_exact(ENTRY) {
        let text = |at: usize| {
            let start = u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize;
            let rest = data.get(start..)?;
            let end = rest.iter().take(MAX_NAME).position(|&b| b == 0)?;
            std::str::from_utf8(&rest[..end]).ok()
        };
        if let (Some(name), Some(path)) = (text(4), text(8)) {
            paths.entry(name.to_owned()).or_default().push(path.to_owned());
        }
    }
    Some(paths)
}

/// The folders that `ldconfig` would look into: `/etc/ld.so.conf` and what it includes. `text` reads a file.
pub(super) fn configured(tree: &Tree, text: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut folders = Vec::new();
    let mut files = vec!["/etc/ld.so.conf".to_owned()];
    let mut read = BTreeSet::new();
    while let Some(file) = files.pop() {
        if read.len() >= MAX_FILES {
            break;
        }
        // Files may include each other.
        if !read.insert(file.clone()) {
            continue;
        }
        for line in text(&file).unwrap_or_default().lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(patterns) = line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])) {
                for pattern in patterns.split_ascii_whitespace() {
                    let base = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let pattern =
                        if pattern.starts_with('/') { pattern.to_owned() } else { format!("{base}/{pattern}") };
                    files.extend(matching(tree, &pattern).into_iter().take(MAX_FILES));
                }
            } else if line.starts_with('/') {
                // `/lib=libc6` was a way to name the kind of libraries.
                let folder = line.split('=').next().unwrap_or_default();
                folders.push(folder.trim_end_matches('/').to_owned());
            }
        }
    }
    folders
}

/// The files that a pattern names, whose `*` and `?` stand in the last component.
fn matching(tree: &Tree, pattern: &str) -> Vec<String> {
    let Some((folder, name)) = pattern.rsplit_once('/') else { return Vec::new() };
    let Some(at) = locate(tree, folder) else { return Vec::new() };
    let names = tree.children(&at).filter_map(|name| std::str::from_utf8(name).ok());
    let fitting = names.filter(|there| (!there.starts_with('.') || name.starts_with('.')) && fits(name, there));
    let files =
        fitting.filter(|name| at.join(name).is_ok_and(|path| tree.lookup(&path).and_then(Node::content).is_some()));
    files.map(|name| format!("{folder}/{name}")).collect()
}

/// Whether `name` is what `pattern` (`*.conf`) says. Going back to the last `*` only keeps it linear times linear.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Content, Metadata};
    use rootsmith_types::TreePath;

    use super::*;

    /// A cache as `ldconfig` writes it, of the new form alone.
    fn cache(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut data = MAGIC.to_vec();
        data.extend((entries.len() as u32).to_le_bytes());
        data.resize(HEADER, 0);
        let mut names = Vec::new();
        for (name, path) in entries {
            let start = HEADER + entries.len() * ENTRY + names.len();
            data.extend(0x0303u32.to_le_bytes());
            data.extend((start as u32).to_le_bytes());
            data.extend(((start + name.len() + 1) as u32).to_le_bytes());
            data.extend([0; 12]);
            names.extend(format!("{name}\0{path}\0").bytes());
        }
        data.extend(names);
        data
    }

    #[test]
    fn a_cache_of_either_form_is_read() {
        let new = cache(&[("libz.so.1", "/lib/libz.so.1"), ("libz.so.1", "/usr/lib/libz.so.1")]);
        let expected = ["/lib/libz.so.1".to_owned(), "/usr/lib/libz.so.1".to_owned()];
        assert_eq!(parse(&new).unwrap()["libz.so.1"], expected);
        let mut old = OLD_MAGIC.to_vec();
        old.extend(1u32.to_le_bytes());
        old.extend([0; OLD_ENTRY + 4]);
        old.extend(&new);
        assert_eq!(parse(&old).unwrap()["libz.so.1"], expected);
    }

    #[test]
    fn a_cache_cut_anywhere_is_no_cache_or_has_fewer_names() {
        let whole = cache(&[("libz.so.1", "/lib/libz.so.1")]);
        for end in 0..whole.len() {
            let read = parse(&whole[..end]);
            assert!(read.is_none_or(|paths| paths.is_empty()), "{end}");
        }
        let mut many = whole;
        many[20..24].fill(0xff);
        assert_eq!(parse(&many), None);
    }

    #[test]
    fn includes_are_followed() {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        let files = [
            ("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\ninclude other\n/opt/lib/ # ours\n"),
            ("/etc/other", "include ld.so.conf\n"),
            ("/etc/ld.so.conf.d/a.conf", "/usr/local/lib\n"),
            ("/etc/ld.so.conf.d/b.txt", "/no\n"),
        ];
        for (path, text) in files {
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
            tree.insert(&path, Node::file(Content::inline(text), meta.clone())).unwrap();
        }
        let text = |path: &str| files.iter().find(|(there, _)| *there == path).map(|(_, text)| (*text).to_owned());
        let found = configured(&tree, &text);
        assert!(found.contains(&"/opt/lib".to_owned()) && found.contains(&"/usr/local/lib".to_owned()), "{found:?}");
        assert!(!found.contains(&"/no".to_owned()));
        assert!(
            fits("*.conf", "a.conf") && !fits("*.conf", "a.conf.old") && fits("a*b*c", "axbybzc") && !fits("?", "")
        );
    }
}
