//! What the profile leaves out, and the folders it lays over the rest.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rootsmith_profile::Profile;
use rootsmith_tree::{Blobs, Content, Metadata, Node, Tree};
use rootsmith_types::{Origin, SourceKind, Sources, TreePath, UnixTime};

use crate::{AssembleError, Assembly, Owner};

/// Bytes of overlays that stay in memory; most have a few hundred.
const KEPT: usize = 32 << 20;

/// Takes away what `packages.drop` names, with all that is below. Licences (`copyright` files under `/usr/share/doc`)
/// stay: the law asks for them, and they are small.
pub fn drop_paths(assembly: &mut Assembly, profile: &Profile) {
    let Assembly { tree, owners } = assembly;
    for dropped in &profile.packages.drop {
        let Ok(top) = tree.resolve_parent(&dropped.value) else { continue };
        let below: Vec<(TreePath, bool)> =
            tree.walk_from(&top).map(|entry| (entry.path, entry.node.is_directory())).collect();
        // Deepest first, so that a directory is looked at when nothing but licences can be left in it.
        for (path, is_directory) in below.iter().rev() {
            let keep = if *is_directory { tree.children(path).next().is_some() } else { is_licence(tree, path) };
            if !keep {
                tree.remove(path);
            }
        }
    }
    owners.retain(|path| tree.get(path).is_some());
}

fn is_licence(tree: &Tree, path: &TreePath) -> bool {
    let in_doc = path.starts_with(&TreePath::literal("/usr/share/doc"));
    // A package may link its whole folder of documents, or its licence, to that of a sister package.
    let linked_folder =
        path.components().count() == 4 && tree.get(path).is_some_and(|node| node.link_target().is_some());
    in_doc && (path.name() == Some(b"copyright") || linked_folder)
}

/// Lays the profile's overlays over the tree, in order. Everything in them belongs to root; files are 0644, or 0755 when
/// their owner may execute them; directories that are there keep their mode. What is more than a memory should hold goes to
/// `blobs`.
pub fn overlay(
    assembly: &mut Assembly,
    profile: &Profile,
    files: &dyn Sources,
    blobs: &dyn Blobs,
    date: UnixTime,
) -> Result<(), Vec<AssembleError>> {
    let mut errors = Vec::new();
    let mut kept = 0;
    for overlay in &profile.overlays {
        let origin = &overlay.source.origin;
        let folder = &overlay.source.value;
        let entries = match files.list(folder) {
            Ok(entries) => entries,
            Err(source) => {
                errors.push(AssembleError::Unreadable { origin: origin.clone(), path: folder.clone(), source });
                continue;
            }
        };
        for entry in entries {
            let bad = |reason| AssembleError::BadOverlay { origin: origin.clone(), path: entry.path.clone(), reason };
            let metadata = |mode| Metadata::root(mode, date);
            let node = match &entry.kind {
                SourceKind::Directory => Node::directory(metadata(0o755)),
                SourceKind::Symlink(target) => Node::symlink(target.as_os_str().as_bytes(), date),
                SourceKind::File { executable } => {
                    let path = folder.join(&entry.path);
                    let data = match files.read(&path) {
                        Ok(data) => data,
                        Err(source) => {
                            errors.push(AssembleError::Unreadable { origin: origin.clone(), path, source });
                            continue;
                        }
                    };
                    kept += data.len();
                    let content = if kept <= KEPT {
                        Content::inline(data)
                    } else {
                        kept -= data.len();
                        match blobs.insert(&mut data.as_slice()) {
                            Ok(blob) => Content::Blob(blob),
                            Err(error) => {
                                errors.push(AssembleError::Store(error));
                                return Err(errors);
                            }
                        }
                    };
                    Node::file(content, metadata(if *executable { 0o755 } else { 0o644 }))
                }
                SourceKind::Other => {
                    errors.push(bad("it is neither a file, a folder nor a symbolic link".to_owned()));
                    continue;
                }
            };
            if let Err(reason) = put(assembly, &entry.path, node, origin) {
                errors.push(bad(reason));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn put(assembly: &mut Assembly, path: &Path, node: Node, origin: &Origin) -> Result<(), String> {
    let Assembly { tree, owners } = assembly;
    let named = TreePath::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string())?;
    let path = tree.resolve_parent(&named).map_err(|e| e.to_string())?;
    if node.is_directory() && tree.lookup(&path).is_some_and(Node::is_directory) {
        return Ok(());
    }
    tree.insert(&path, node).map_err(|e| e.to_string())?;
    owners.set(path, Owner::Profile(origin.clone()));
    Ok(())
}
