//! `systemd-tmpfiles --create` for a tree that is not running (tmpfiles.d(5)).
//!
//! Every line is applied once more on each boot by `systemd-tmpfiles-setup.service`, so what is left out here only comes
//! later: paths on file systems that are mounted at boot (`/run`, `/dev`, `/proc`, `/sys`), lines for boot alone (`!`),
//! file attributes, paths with a pattern or with the machine's identity in them.

use rootsmith_tree::{Content, Metadata, Node, NodeKind};
use rootsmith_types::TreePath;

use crate::acl::Acl;
use crate::edit::Edit;

const FOLDERS: [&str; 2] = ["/etc/tmpfiles.d", "/usr/lib/tmpfiles.d"];
const MOUNTED_AT_BOOT: [&str; 4] = ["/run", "/dev", "/proc", "/sys"];

/// One line.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    kind: char,
    /// `+`: replace what is there; of access control lists: leave what is there.
    replace: bool,
    path: &'a str,
    /// With whether it is for new entries only (`:`).
    mode: Option<(u16, bool)>,
    user: Option<(&'a str, bool)>,
    group: Option<(&'a str, bool)>,
    argument: Option<&'a str>,
}

/// Applies the files of these names.
pub(crate) fn create(edit: &mut Edit<'_>, files: &[String]) {
    for file in files {
        let found = FOLDERS.iter().find_map(|folder| edit.read(&format!("{folder}/{file}")));
        for line in found.iter().flat_map(|text| text.lines()).filter_map(parse) {
            apply(edit, &line);
        }
    }
}

fn parse(text: &str) -> Option<Line<'_>> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let mut rest = text;
    let mut fields = [None; 6];
    for field in &mut fields {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        *field = Some(word).filter(|word| !word.is_empty() && *word != "-");
        rest = after.trim_start();
    }
    let [kind, path, mode, user, group, _age] = fields;
    let (kind, modifiers) = kind?.split_at_checked(1)?;
    let path = path?;
    // `!`: at boot only. `^`: from a credential, which only a running system has.
    let later = modifiers.contains(['!', '^']) || path.contains(['*', '?', '[', '%']);
    if later || MOUNTED_AT_BOOT.iter().any(|top| path == *top || path.starts_with(&format!("{top}/"))) {
        return None;
    }
    let mode = mode.and_then(|text| {
        let digits = text.trim_start_matches(['~', ':']);
        u16::from_str_radix(digits, 8).ok().map(|mode| (mode & 0o7777, text.contains(':')))
    });
    Some(Line {
        kind: kind.chars().next()?,
        replace: modifiers.contains('+'),
        path,
        mode,
        user: user.map(only_new),
        group: group.map(only_new),
        argument: Some(rest).filter(|rest| !rest.is_empty() && *rest != "-"),
    })
}

/// A name, and whether it is for new entries only (`:` before it).
fn only_new(text: &str) -> (&str, bool) {
    text.strip_prefix(':').map_or((text, false), |name| (name, true))
}

fn apply(edit: &mut Edit<'_>, line: &Line<'_>) {
    match line.kind {
        'd' | 'D' | 'q' | 'Q' | 'v' => {
            let metadata = metadata(edit, line, 0o755);
            if !edit.directory(line.path, metadata) {
                adjust(edit, line);
            }
        }
        'e' | 'z' | 'm' => adjust(edit, line),
        'Z' => {
            let Ok(top) = TreePath::new(line.path) else { return };
            let top = edit.place(&top);
            let below: Vec<TreePath> = edit.assembly.tree.walk_from(&top).map(|entry| entry.path).collect();
            for path in below {
                set(edit, &path, line);
            }
        }
        'f' | 'F' | 'w' => {
            let there = edit.kind(line.path).is_some();
            if !there || line.kind == 'F' || line.replace {
                let text = line.argument.map(unescape).unwrap_or_default();
                let metadata = metadata(edit, line, 0o644);
                if line.kind != 'w' || there {
                    edit.put(line.path, Node::file(Content::inline(text), metadata));
                }
            } else {
                adjust(edit, line);
            }
        }
        'L' => {
            let target = line.argument.map_or_else(|| format!("/usr/share/factory{}", line.path), str::to_owned);
            match edit.kind(line.path) {
                Some(NodeKind::Directory) => {}
                Some(_) if !line.replace => {}
                _ => edit.symlink(line.path, &target),
            }
        }
        'C' => copy(edit, line),
        'p' => {
            let metadata = metadata(edit, line, 0o644);
            if edit.kind(line.path).is_none() {
                edit.put(line.path, Node { kind: NodeKind::Fifo, metadata });
            }
        }
        'a' | 'A' => access(edit, line),
        // x X r R: cleaning. h H t T: attributes. b c: devices.
        _ => {}
    }
}

fn copy(edit: &mut Edit<'_>, line: &Line<'_>) {
    let from = line.argument.map_or_else(|| format!("/usr/share/factory{}", line.path), str::to_owned);
    let (Ok(from), Ok(to)) = (TreePath::new(&from), TreePath::new(line.path)) else { return };
    let Ok(from) = edit.assembly.tree.resolve(&from) else { return };
    if edit.assembly.tree.lookup(&to).is_some() && !line.replace {
        return adjust(edit, line);
    }
    let nodes: Vec<(TreePath, Node)> =
        edit.assembly.tree.walk_from(&from).map(|entry| (entry.path, entry.node.clone())).collect();
    for (path, node) in nodes {
        if let Ok(to) = to.join(&path.as_bytes()[from.as_bytes().len()..]) {
            edit.put(&to.to_string(), node);
        }
    }
    adjust(edit, line);
}

/// Access control lists: of the path, or (`A`) of everything below it too.
fn access(edit: &mut Edit<'_>, line: &Line<'_>) {
    let (Ok(path), Some(text)) = (TreePath::new(line.path), line.argument) else { return };
    let Ok(path) = edit.assembly.tree.resolve(&path) else { return };
    let paths: Vec<TreePath> = match line.kind {
        'A' => edit.assembly.tree.walk_from(&path).map(|entry| entry.path).collect(),
        _ => vec![path],
    };
    for path in paths {
        let Some(node) = edit.assembly.tree.get(&path).filter(|node| node.link_target().is_none()) else { continue };
        let executable = node.is_directory() || node.metadata.mode & 0o111 != 0;
        let acl = Acl::parse(text, executable, |user, name| if user { edit.uid(name) } else { edit.gid(name) });
        if let (Some(acl), Some(node)) = (acl, edit.assembly.tree.get_mut(&path)) {
            acl.apply(node, !line.replace);
        }
    }
}

fn metadata(edit: &mut Edit<'_>, line: &Line<'_>, mode: u16) -> Metadata {
    let mut metadata = edit.metadata(line.mode.map_or(mode, |(mode, _)| mode));
    metadata.uid = line.user.and_then(|(user, _)| edit.uid(user)).unwrap_or(0);
    metadata.gid = line.group.and_then(|(group, _)| edit.gid(group)).unwrap_or(0);
    metadata
}

/// What is there gets the line's mode and owner, unless they are for new entries only.
fn adjust(edit: &mut Edit<'_>, line: &Line<'_>) {
    let Ok(path) = TreePath::new(line.path) else { return };
    if let Ok(path) = edit.assembly.tree.resolve(&path) {
        set(edit, &path, line);
    }
}

fn set(edit: &mut Edit<'_>, path: &TreePath, line: &Line<'_>) {
    let old = |(value, only_new): (&'_ str, bool)| (!only_new).then(|| value.to_owned());
    let (user, group) = (line.user.and_then(old), line.group.and_then(old));
    let mode = line.mode.filter(|(_, only_new)| !only_new).map(|(mode, _)| mode);
    if edit.assembly.tree.get(path).is_some_and(|node| node.link_target().is_none()) {
        edit.change(path, mode, user.as_deref(), group.as_deref());
    }
}

/// The C escapes that occur: `\n`, `\t`, `\\`; and quotes around the whole.
fn unescape(text: &str) -> String {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::testing;

    #[test]
    fn lines_make_what_a_running_system_would_find() {
        let lines = "\
# comment
d /var/lib/x 0750 root root 10d
d /etc/credstore 0700 root root
d- /root :0700 root :root -
L /var/run - - - - ../run
L+ /etc/mtab - - - - ../proc/self/mounts
L /etc/keep - - - - other
f /etc/new 0600 - - - line\\n
f /etc/keep 0600
z /var/log/journal 2755 root 190
d /run/user 0755
r! /forcefsck
d /var/log/%m 0755
C /etc/copied 0444 - - - /etc/keep
";
        let mut assembly = testing::assembly(&[
            ("/usr/lib/tmpfiles.d/a.conf", lines),
            ("/etc/credstore/x", ""),
            ("/etc/keep", "kept"),
            ("/var/log/journal/x", ""),
            ("/root/x", ""),
            ("/etc/mtab", "old"),
        ]);
        let mut edit = testing::edit(&mut assembly);
        edit.accounts.base("root:*:0:0:root:/root:/bin/bash\n", "root:*:0:\n");
        create(&mut edit, &["a.conf".to_owned(), "missing.conf".to_owned()]);
        assert!(edit.errors.is_empty(), "{:?}", edit.errors);
        let mode =
            |path| assembly.tree.get(&TreePath::literal(path)).map(|node| (node.metadata.mode, node.metadata.gid));
        assert_eq!(mode("/var/lib/x"), Some((0o750, 0)));
        assert_eq!(mode("/etc/credstore"), Some((0o700, 0)));
        assert_eq!(mode("/root"), Some((0o755, 0)));
        assert_eq!(mode("/var/log/journal"), Some((0o2755, 190)));
        assert_eq!(mode("/run/user"), None);
        assert_eq!(testing::target(&assembly, "/var/run"), "../run");
        assert_eq!(testing::target(&assembly, "/etc/mtab"), "../proc/self/mounts");
        assert_eq!(testing::text(&assembly, "/etc/new"), "line\n");
        assert_eq!((testing::text(&assembly, "/etc/keep").as_str(), mode("/etc/keep")), ("kept", Some((0o600, 0))));
        assert_eq!((testing::text(&assembly, "/etc/copied").as_str(), mode("/etc/copied")), ("kept", Some((0o444, 0))));
    }
}
