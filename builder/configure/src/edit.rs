//! Changing the tree in somebody's name: parents made, links followed, owners recorded, faults collected.

use rootsmith_assemble::{Assembly, Owner};
use rootsmith_tree::{Blobs, Content, Metadata, Node, NodeKind};
use rootsmith_types::{TreePath, UnixTime};

use crate::ConfigureError;
use crate::accounts::Accounts;

/// The largest file that is read whole: larger than any configuration, unit or script.
pub(crate) const MAX_FILE: u64 = 16 << 20;

/// The tree under change, and on whose behalf.
pub(crate) struct Edit<'a> {
    pub(crate) assembly: &'a mut Assembly,
    pub(crate) blobs: &'a dyn Blobs,
    /// For the times of what is made.
    pub(crate) date: UnixTime,
    /// Whose doing the next changes are.
    pub(crate) owner: Owner,
    /// Users and groups, for owners by name.
    pub(crate) accounts: Accounts,
    /// All that went wrong so far.
    pub(crate) errors: Vec<ConfigureError>,
}

impl Edit<'_> {
    /// The tree's path that `path` names when links in its directories are followed. The last component may be missing.
    pub(crate) fn place(&self, path: &TreePath) -> TreePath {
        let mut missing = Vec::new();
        let mut at = path.clone();
        loop {
            if let Ok(found) = self.assembly.tree.resolve_parent(&at) {
                let joined = missing.iter().rev().try_fold(found, |at, name: &Vec<u8>| at.join(name));
                return joined.unwrap_or_else(|_| path.clone());
            }
            let (Some(parent), Some(name)) = (at.parent(), at.name()) else { return path.clone() };
            missing.push(name.to_vec());
            at = parent;
        }
    }

    /// Whether `path` leads to something, links followed.
    pub(crate) fn resolves(&self, path: &str) -> bool {
        TreePath::new(path).is_ok_and(|path| self.assembly.tree.resolve(&path).is_ok())
    }

    /// Whether `path` leads to a directory.
    pub(crate) fn is_directory(&self, path: &TreePath) -> bool {
        self.assembly.tree.lookup(path).is_some_and(Node::is_directory)
    }

    /// The text of the file that `path` leads to; `None` when there is none.
    pub(crate) fn read(&mut self, path: &str) -> Option<String> {
        let at = TreePath::new(path).ok()?;
        let content = self.assembly.tree.lookup(&at)?.content()?;
        match content.read(self.blobs, MAX_FILE) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.errors.push(ConfigureError::Unreadable { path: at, reason: error.to_string() });
                None
            }
        }
    }

    /// Metadata for something made now, owned by root.
    pub(crate) fn metadata(&self, mode: u16) -> Metadata {
        Metadata::root(mode, self.date)
    }

    /// A file owned by root, whatever was there.
    pub(crate) fn write(&mut self, path: &str, content: impl AsRef<[u8]>, mode: u16) {
        let metadata = self.metadata(mode);
        self.put(path, Node::file(Content::inline(content), metadata));
    }

    /// A symbolic link, whatever leaf was there.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        let date = self.date;
        self.put(path, Node::symlink(target, date));
    }

    /// A directory, made with those above it; one that is there stays as it is. Says whether it was made.
    pub(crate) fn directory(&mut self, path: &str, metadata: Metadata) -> bool {
        let Some(at) = self.valid(path) else { return false };
        let at = self.place(&at);
        if self.is_directory(&at) {
            return false;
        }
        self.put(path, Node::directory(metadata));
        true
    }

    /// Any node at any path; missing directories are made 0755.
    pub(crate) fn put(&mut self, path: &str, node: Node) {
        let Some(at) = self.valid(path) else { return };
        let at = self.place(&at);
        let parent = at.parent().unwrap_or_else(TreePath::root);
        let mut made = Vec::new();
        let mut above = parent.clone();
        while self.assembly.tree.get(&above).is_none() {
            made.push(above.clone());
            let Some(parent) = above.parent() else { break };
            above = parent;
        }
        let directories = self.metadata(0o755);
        let result = self.assembly.tree.create_directories(&parent, &directories);
        if let Err(error) = result.and_then(|()| self.assembly.tree.insert(&at, node)) {
            self.errors.push(ConfigureError::Tree { path: at, reason: error.to_string() });
            return;
        }
        made.push(at);
        for path in made {
            self.assembly.owners.set(path, self.owner.clone());
        }
    }

    /// The file that `path` leads to becomes `mode`, owned by `user` and `group`, where these are given.
    pub(crate) fn change(&mut self, path: &TreePath, mode: Option<u16>, user: Option<&str>, group: Option<&str>) {
        let uid = user.and_then(|user| self.uid(user));
        let gid = group.and_then(|group| self.gid(group));
        let Ok(at) = self.assembly.tree.resolve(path) else {
            self.errors.push(ConfigureError::Tree { path: path.clone(), reason: format!("`{path}` does not exist") });
            return;
        };
        if let Some(node) = self.assembly.tree.get_mut(&at) {
            let metadata = &mut node.metadata;
            metadata.mode = mode.unwrap_or(metadata.mode);
            metadata.uid = uid.unwrap_or(metadata.uid);
            metadata.gid = gid.unwrap_or(metadata.gid);
        }
    }

    /// The number of a user, by name or as a number.
    pub(crate) fn uid(&mut self, name: &str) -> Option<u32> {
        let found = number(name).or_else(|| self.accounts.uid(name));
        self.known(found, "user", name)
    }

    /// The number of a group, by name or as a number.
    pub(crate) fn gid(&mut self, name: &str) -> Option<u32> {
        let found = number(name).or_else(|| self.accounts.gid(name));
        self.known(found, "group", name)
    }

    fn known(&mut self, found: Option<u32>, kind: &'static str, name: &str) -> Option<u32> {
        if found.is_none() {
            let owner = match &self.owner {
                Owner::Script(package) | Owner::Package(package) => Some(package.clone()),
                _ => None,
            };
            self.errors.push(ConfigureError::UnknownAccount { kind, name: name.to_owned(), package: owner });
        }
        found
    }

    fn valid(&mut self, path: &str) -> Option<TreePath> {
        match TreePath::new(path) {
            Ok(path) => Some(path),
            Err(error) => {
                let reason = error.to_string();
                self.errors.push(ConfigureError::Tree { path: TreePath::root(), reason });
                None
            }
        }
    }

    /// What `path` itself is, links in its directories followed.
    pub(crate) fn kind(&self, path: &str) -> Option<&NodeKind> {
        let at = TreePath::new(path).ok()?;
        self.assembly.tree.get(&self.place(&at)).map(|node| &node.kind)
    }
}

/// A number as it is; and the one name that every tree knows.
fn number(name: &str) -> Option<u32> {
    if name == "root" { Some(0) } else { name.parse().ok() }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Small trees to apply effects to.

    use rootsmith_assemble::Owners;
    use rootsmith_tree::{NoBlobs, Tree};

    use super::*;

    /// A tree of these files, with the directories they need.
    pub(crate) fn assembly(files: &[(&str, &str)]) -> Assembly {
        let mut tree = Tree::new(Metadata::root(0o755, 1));
        for (path, text) in files {
            let path = TreePath::new(path).unwrap();
            tree.create_directories(&path.parent().unwrap(), &Metadata::root(0o755, 1)).unwrap();
            tree.insert(&path, Node::file(Content::inline(text), Metadata::root(0o644, 1))).unwrap();
        }
        Assembly { tree, owners: Owners::default() }
    }

    pub(crate) fn edit(assembly: &mut Assembly) -> Edit<'_> {
        Edit {
            assembly,
            blobs: &NoBlobs,
            date: 86_400 * 20_000,
            owner: Owner::Builder("test"),
            accounts: Accounts::default(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn text(assembly: &Assembly, path: &str) -> String {
        let node = assembly.tree.lookup(&TreePath::new(path).unwrap()).unwrap_or_else(|| panic!("no {path}"));
        String::from_utf8(node.content().unwrap().read(&NoBlobs, MAX_FILE).unwrap().to_vec()).unwrap()
    }

    pub(crate) fn target(assembly: &Assembly, path: &str) -> String {
        let node = assembly.tree.get(&TreePath::new(path).unwrap()).unwrap_or_else(|| panic!("no {path}"));
        String::from_utf8(node.link_target().unwrap().to_vec()).unwrap()
    }
}
