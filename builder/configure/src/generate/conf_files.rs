//! Which configuration fragments count, as systemd's `conf_files_list` decides.

use std::collections::BTreeMap;

use rootsmith_tree::{NodeKind, Tree};
use rootsmith_types::TreePath;

/// The files with `suffix` in `directories`, sorted by name. Of two with one name only that in the earlier directory
/// counts, which is how a link to `/dev/null` in `/etc` masks a vendor's file.
pub(super) fn conf_files(tree: &Tree, directories: &[&'static str], suffix: &str) -> Vec<TreePath> {
    let mut found = BTreeMap::new();
    for directory in directories {
        let directory = TreePath::literal(directory);
        // The names are listed where a linked directory leads, and shown under the name it was asked for.
        let Ok(real) = tree.resolve(&directory) else { continue };
        for name in tree.children(&real) {
            let Ok(path) = directory.join(name) else { continue };
            let at = tree.resolve_parent(&path).ok().and_then(|path| tree.get(&path));
            let is_file = matches!(at.map(|node| &node.kind), Some(NodeKind::File(_) | NodeKind::Symlink(_)));
            if is_file && name.ends_with(suffix.as_bytes()) {
                found.entry(name.to_vec()).or_insert(path);
            }
        }
    }
    found.into_values().collect()
}
