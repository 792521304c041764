//! The list of login shells: what `update-shells` (debianutils) makes of the packages' lists.

use std::io;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use super::read_text;

const TEMPLATE: &str = "/usr/share/debianutils/shells";
const PACKAGES: &str = "/usr/share/debianutils/shells.d";
const SHELLS: &str = "/etc/shells";
const STATE: &str = "/var/lib/shells.state";

/// `/etc/shells` and `/var/lib/shells.state`; nothing in a tree without debianutils. An `/etc/shells` that is there is kept
/// with its comments and additions.
pub(crate) fn shells(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Vec<(TreePath, Vec<u8>)>> {
    let template = TreePath::literal(TEMPLATE);
    let Some(template_text) = read_text(tree, blobs, &template)? else { return Ok(Vec::new()) };

    let mut packaged: Vec<Vec<u8>> = Vec::new();
    let mut add = |shell: Vec<u8>| {
        if !packaged.contains(&shell) {
            packaged.push(shell);
        }
    };
    let folder = TreePath::literal(PACKAGES);
    let lists = tree.children(&folder).filter(|name| name[0] != b'.').filter_map(|name| folder.join(name).ok());
    for path in std::iter::once(template).chain(lists) {
        let Some(text) = read_text(tree, blobs, &path)? else { continue };
        for shell in shell_names(&text) {
            add(shell.to_vec());
            // The same shell where the folder's links lead: `/usr/bin/sh` for `/bin/sh`.
            if let Some(real) = real_name(tree, shell) {
                add(real);
            }
        }
    }

    let state = read_text(tree, blobs, &TreePath::literal(STATE))?.unwrap_or_default();
    let state: Vec<&[u8]> = shell_names(&state).collect();
    let source = read_text(tree, blobs, &TreePath::literal(SHELLS))?.unwrap_or(template_text);
    let mut listed: Vec<&[u8]> = Vec::new();
    let mut out = Vec::new();
    for line in full_lines(&source) {
        let shell = without_comment(line);
        let known = packaged.iter().any(|name| name == shell) || !state.contains(&shell);
        if shell.is_empty() || (known && !listed.contains(&shell)) {
            listed.push(shell);
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    let mut new_state = Vec::new();
    for shell in &packaged {
        new_state.extend_from_slice(shell);
        new_state.push(b'\n');
        // Neither there already nor taken out by the administrator.
        if !listed.contains(&&shell[..]) && !state.contains(&&shell[..]) {
            out.extend_from_slice(shell);
            out.push(b'\n');
        }
    }
    Ok(vec![(TreePath::literal(SHELLS), out), (TreePath::literal(STATE), new_state)])
}

/// The lines that end with a newline: the shell's `read` fails on a last one without.
fn full_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&b| b == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

fn shell_names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    full_lines(text).map(without_comment).filter(|shell| !shell.is_empty())
}

fn without_comment(line: &[u8]) -> &[u8] {
    &line[..memchr::memchr(b'#', line).unwrap_or(line.len())]
}

fn real_name(tree: &Tree, shell: &[u8]) -> Option<Vec<u8>> {
    let path = TreePath::new(shell).ok()?;
    let directory = tree.resolve(&path.parent()?).ok()?;
    Some(directory.join(path.name()?).ok()?.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{NoBlobs, Node};

    use super::*;
    use crate::generate::oracle::tree;

    /// As `update-shells --root` of debianutils 5.23 wrote it for the same files.
    #[test]
    fn packaged_shells_are_added_once_under_both_names() {
        let mut tree = tree(&[
            (TEMPLATE, "# /etc/shells: valid login shells\n/bin/sh\n"),
            ("/usr/share/debianutils/shells.d/bash", "/bin/bash # the usual one\n"),
            ("/usr/share/debianutils/shells.d/tmux", "/usr/bin/tmux\n\n/opt/late"),
            ("/usr/bin/bash", ""),
        ]);
        tree.insert(&TreePath::literal("/bin"), Node::symlink("usr/bin", 0)).unwrap();
        let made = shells(&tree, &NoBlobs).unwrap();
        let text = |i: usize| String::from_utf8(made[i].1.clone()).unwrap();
        assert_eq!(made[0].0, TreePath::literal("/etc/shells"));
        assert_eq!(
            text(0),
            "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash \n/usr/bin/bash \n/usr/bin/tmux\n"
        );
        assert_eq!(text(1), "/bin/sh\n/usr/bin/sh\n/bin/bash \n/usr/bin/bash \n/usr/bin/tmux\n");
    }

    #[test]
    fn what_the_administrator_changed_stays() {
        let tree = tree(&[
            (TEMPLATE, "/bin/sh\n"),
            (STATE, "/bin/sh\n/bin/gone\n"),
            (SHELLS, "# mine\n/opt/own\n/bin/gone\n/opt/own\n"),
        ]);
        let made = shells(&tree, &NoBlobs).unwrap();
        // `/bin/sh` was taken out by hand, `/bin/gone` left with its package.
        assert_eq!(String::from_utf8_lossy(&made[0].1), "# mine\n/opt/own\n");
        assert_eq!(String::from_utf8_lossy(&made[1].1), "/bin/sh\n");
    }

    #[test]
    fn no_list_without_debianutils() {
        assert_eq!(shells(&tree(&[]), &NoBlobs).unwrap(), []);
    }
}
