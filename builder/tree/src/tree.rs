//! The tree itself.

use std::collections::{BTreeMap, btree_map};
use std::fmt;

use rootsmith_types::TreePath;

use crate::name::Name;
use crate::{Metadata, Node};

/// How many symbolic links one look-up follows, as Linux does (`MAXSYMLINKS`).
const MAX_SYMLINKS: usize = 40;

/// Which leaf a name stands for. Two names with one id are hard links of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(u32);

impl LeafId {
    /// A number that is small and dense enough to index a table with [`Tree::leaf_slots`] places.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone)]
struct Directory {
    node: Node,
    children: BTreeMap<Name, Child>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
enum Child {
    /// A place in the table of directories.
    Directory(u32),
    Leaf(LeafId),
}

// A million entries have a million of each.
const _: () = assert!(size_of::<Name>() == 24 && size_of::<Child>() == 8);

#[derive(Debug, Clone)]
struct Leaf {
    node: Node,
    links: u32,
}

/// A file tree. The root is always there.
#[derive(Clone)]
pub struct Tree {
    /// The root first. One that was removed leaves an empty place.
    directories: Vec<Directory>,
    leaves: Vec<Option<Leaf>>,
    /// The directory that something was put into last: the next is mostly put beside it.
    last: Option<(TreePath, usize)>,
}

/// Why something cannot be put into the tree, or found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeError {
    /// Nothing is there.
    NotFound(TreePath),
    /// A directory was needed.
    NotADirectory(TreePath),
    /// A directory is there, where none may be.
    IsADirectory(TreePath),
    /// More than forty symbolic links in a row, or a circle of them.
    TooManyLinks(TreePath),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeError::NotFound(path) => write!(f, "`{path}` does not exist"),
            TreeError::NotADirectory(path) => write!(f, "`{path}` is not a directory"),
            TreeError::IsADirectory(path) => write!(f, "`{path}` is a directory"),
            TreeError::TooManyLinks(path) => write!(f, "`{path}` leads through too many symbolic links"),
        }
    }
}

impl std::error::Error for TreeError {}

/// One entry met on a walk.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Where it is.
    pub path: TreePath,
    /// What is there.
    pub node: &'a Node,
    /// Which leaf it is; `None` for directories.
    pub leaf: Option<LeafId>,
}

impl fmt::Debug for Tree {
    /// As [`Tree::dump`] shows it: a failed test should be readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.dump())
    }
}

impl Tree {
    /// A tree of a root directory alone.
    pub fn new(root: Metadata) -> Tree {
        let root = Directory { node: Node::directory(root), children: BTreeMap::new() };
        Tree { directories: vec![root], leaves: Vec::new(), last: None }
    }

    /// What is at `path`, without following a symbolic link anywhere.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        Some(self.node(self.child(path)?))
    }

    /// The same, to change its metadata or content. What is a directory must stay one, what is not must not become one:
    /// use [`Tree::insert`] for that.
    pub fn get_mut(&mut self, path: &TreePath) -> Option<&mut Node> {
        match self.child(path)? {
            Child::Directory(directory) => Some(&mut self.directories[directory as usize].node),
            Child::Leaf(leaf) => self.leaves[leaf.index()].as_mut().map(|leaf| &mut leaf.node),
        }
    }

    /// Which leaf is at `path`; `None` for a directory and for nothing.
    pub fn leaf_id(&self, path: &TreePath) -> Option<LeafId> {
        match self.child(path)? {
            Child::Directory(_) => None,
            Child::Leaf(leaf) => Some(leaf),
        }
    }

    /// How many names a leaf has.
    pub fn links(&self, leaf: LeafId) -> u32 {
        self.leaves[leaf.index()].as_ref().map_or(0, |leaf| leaf.links)
    }

    /// One more than the largest [`LeafId::index`].
    pub fn leaf_slots(&self) -> usize {
        self.leaves.len()
    }

    /// Puts `node` at `path`. Its directory must be there. A leaf replaces a leaf; a directory over a directory changes the
    /// metadata and keeps the children; anything else is refused.
    pub fn insert(&mut self, path: &TreePath, node: Node) -> Result<(), TreeError> {
        let Some((parent, name)) = path.parent().zip(path.name()) else {
            if !node.is_directory() {
                return Err(TreeError::IsADirectory(path.clone()));
            }
            self.directories[0].node = node;
            return Ok(());
        };
        let is_directory = node.is_directory();
        let parent = match &self.last {
            Some((last, at)) if *last == parent => *at,
            _ => {
                let at = self.directory(&parent)?;
                self.last = Some((parent, at));
                at
            }
        };
        match self.directories[parent].children.get(name).copied() {
            Some(Child::Directory(there)) if is_directory => {
                self.directories[there as usize].node = node;
                return Ok(());
            }
            Some(Child::Directory(_)) => return Err(TreeError::IsADirectory(path.clone())),
            Some(Child::Leaf(_)) if is_directory => return Err(TreeError::NotADirectory(path.clone())),
            Some(Child::Leaf(old)) => self.unlink(old),
            None => {}
        }
        // No archive that fits a disk has four thousand million entries.
        let number = |len: usize| u32::try_from(len).expect("fewer than 2^32 entries");
        let child = if is_directory {
            self.directories.push(Directory { node, children: BTreeMap::new() });
            Child::Directory(number(self.directories.len() - 1))
        } else {
            self.leaves.push(Some(Leaf { node, links: 1 }));
            Child::Leaf(LeafId(number(self.leaves.len() - 1)))
        };
        self.directories[parent].children.insert(name.into(), child);
        Ok(())
    }

    /// Makes each missing directory down to `path` with a copy of `metadata`.
    pub fn create_directories(&mut self, path: &TreePath, metadata: &Metadata) -> Result<(), TreeError> {
        let mut missing = Vec::new();
        let mut at = path.clone();
        while self.get(&at).is_none() {
            // The root is always there, so the loop ends before it has no parent.
            let Some(parent) = at.parent() else { break };
            missing.push(std::mem::replace(&mut at, parent));
        }
        if !self.get(&at).is_some_and(Node::is_directory) {
            return Err(TreeError::NotADirectory(at));
        }
        for directory in missing.iter().rev() {
            self.insert(directory, Node::directory(metadata.clone()))?;
        }
        Ok(())
    }

    /// Gives the leaf at `existing` one more name.
    pub fn hard_link(&mut self, path: &TreePath, existing: &TreePath) -> Result<(), TreeError> {
        let leaf = match self.child(existing) {
            None => return Err(TreeError::NotFound(existing.clone())),
            Some(Child::Directory(_)) => return Err(TreeError::IsADirectory(existing.clone())),
            Some(Child::Leaf(leaf)) => leaf,
        };
        let Some((parent, name)) = path.parent().zip(path.name()) else {
            return Err(TreeError::IsADirectory(path.clone()));
        };
        let parent = self.directory(&parent)?;
        match self.directories[parent].children.get(name).copied() {
            Some(Child::Directory(_)) => return Err(TreeError::IsADirectory(path.clone())),
            Some(Child::Leaf(old)) if old == leaf => return Ok(()),
            Some(Child::Leaf(old)) => self.unlink(old),
            None => {}
        }
        self.directories[parent].children.insert(name.into(), Child::Leaf(leaf));
        if let Some(leaf) = &mut self.leaves[leaf.index()] {
            leaf.links += 1;
        }
        Ok(())
    }

    /// Takes away what is at `path`, with all that is below. Says whether there was something; the root stays.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let Some((parent, name)) = path.parent().zip(path.name()) else { return false };
        let Ok(parent) = self.directory(&parent) else { return false };
        let Some(child) = self.directories[parent].children.remove(name) else { return false };
        self.last = None;
        self.drop_child(child);
        true
    }

    /// Moves what is at `from` to `to`, where nothing may be.
    pub fn rename(&mut self, from: &TreePath, to: &TreePath) -> Result<(), TreeError> {
        let not_found = || TreeError::NotFound(from.clone());
        let (to_parent, to_name) = to.parent().zip(to.name()).ok_or_else(|| TreeError::IsADirectory(to.clone()))?;
        let (from_parent, from_name) = from.parent().zip(from.name()).ok_or_else(not_found)?;
        if self.get(to).is_some() || to.starts_with(from) {
            return Err(TreeError::IsADirectory(to.clone()));
        }
        let (to_parent, from_parent) = (self.directory(&to_parent)?, self.directory(&from_parent)?);
        let child = self.directories[from_parent].children.remove(from_name).ok_or_else(not_found)?;
        self.last = None;
        self.directories[to_parent].children.insert(to_name.into(), child);
        Ok(())
    }

    /// The names in a directory, sorted; nothing when there is no directory.
    pub fn children<'a>(&'a self, path: &TreePath) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let directory = match self.child(path) {
            Some(Child::Directory(directory)) => Some(&self.directories[directory as usize]),
            _ => None,
        };
        directory.into_iter().flat_map(|directory| directory.children.keys().map(Name::as_bytes))
    }

    /// Where `path` leads when every symbolic link is followed, as a process with this tree as its root would: absolute
    /// targets begin at the root, `..` at the root stays there.
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.follow(path, true)
    }

    /// The same, but a symbolic link at the very end is not followed, and the last component need not be there.
    pub fn resolve_parent(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.follow(path, false)
    }

    /// [`Tree::resolve`], then [`Tree::get`].
    pub fn lookup(&self, path: &TreePath) -> Option<&Node> {
        match self.get(path) {
            Some(node) if node.link_target().is_none() => Some(node),
            _ => self.get(&self.resolve(path).ok()?),
        }
    }

    /// Every entry, the root first, directories before what is in them, names in byte order.
    pub fn walk(&self) -> impl Iterator<Item = Entry<'_>> {
        self.walk_from(&TreePath::root())
    }

    /// The same from `path` down; nothing when there is nothing.
    pub fn walk_from<'a>(&'a self, path: &TreePath) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut first = self.child(path).map(|child| (path.clone(), child));
        // Directories down to where the walk is, with what is still to come of each.
        let mut open: Vec<(TreePath, btree_map::Iter<'a, Name, Child>)> = Vec::new();
        std::iter::from_fn(move || {
            let (path, child) = match first.take() {
                Some(first) => first,
                None => loop {
                    let (directory, children) = open.last_mut()?;
                    let Some((name, &child)) = children.next() else {
                        open.pop();
                        continue;
                    };
                    // Names in the tree come from valid paths; only the whole length could grow past the limit.
                    if let Ok(path) = directory.join(name.as_bytes()) {
                        break (path, child);
                    }
                },
            };
            let leaf = match child {
                Child::Leaf(leaf) => Some(leaf),
                Child::Directory(directory) => {
                    open.push((path.clone(), self.directories[directory as usize].children.iter()));
                    None
                }
            };
            Some(Entry { path, node: self.node(child), leaf })
        })
    }

    fn follow(&self, path: &TreePath, last: bool) -> Result<TreePath, TreeError> {
        if self.leads_to_itself(path, last) {
            return Ok(path.clone());
        }
        let mut todo: Vec<&[u8]> = path.components().rev().collect();
        let mut at = TreePath::root();
        // The directories down to `at`.
        let mut open = vec![0];
        let mut followed = 0;
        while let Some(component) = todo.pop() {
            match component {
                b"" | b"." => continue,
                b".." => {
                    at = at.parent().unwrap_or_else(TreePath::root);
                    open.truncate(open.len().saturating_sub(1).max(1));
                    continue;
                }
                _ => {}
            }
            let next = at.join(component).map_err(|_| TreeError::NotFound(path.clone()))?;
            let above = open.last().map_or(0, |&directory| directory as usize);
            match self.directories[above].children.get(component).copied() {
                None if todo.is_empty() && !last => return Ok(next),
                None => return Err(TreeError::NotFound(next)),
                Some(Child::Directory(directory)) => {
                    open.push(directory);
                    at = next;
                }
                Some(leaf) => match self.node(leaf).link_target() {
                    Some(target) if last || !todo.is_empty() => {
                        followed += 1;
                        if followed > MAX_SYMLINKS {
                            return Err(TreeError::TooManyLinks(path.clone()));
                        }
                        if target.first() == Some(&b'/') {
                            at = TreePath::root();
                            open.truncate(1);
                        }
                        todo.extend(target.split(|&b| b == b'/').rev());
                    }
                    _ if !todo.is_empty() => return Err(TreeError::NotADirectory(next)),
                    _ => at = next,
                },
            }
        }
        Ok(at)
    }

    /// Whether no link is on the way to `path`, nor, where the `last` component is followed, at its end: most paths are so.
    fn leads_to_itself(&self, path: &TreePath, last: bool) -> bool {
        let mut directory = 0;
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            match self.directories[directory as usize].children.get(component) {
                Some(Child::Directory(below)) => directory = *below,
                Some(leaf) => {
                    return components.peek().is_none() && (!last || self.node(*leaf).link_target().is_none());
                }
                None => return components.peek().is_none() && !last,
            }
        }
        true
    }

    fn child(&self, path: &TreePath) -> Option<Child> {
        let mut at = Child::Directory(0);
        for component in path.components() {
            let Child::Directory(directory) = at else { return None };
            at = *self.directories[directory as usize].children.get(component)?;
        }
        Some(at)
    }

    /// The place of a directory in their table.
    fn directory(&self, path: &TreePath) -> Result<usize, TreeError> {
        match self.child(path) {
            Some(Child::Directory(directory)) => Ok(directory as usize),
            Some(Child::Leaf(_)) => Err(TreeError::NotADirectory(path.clone())),
            None => Err(match self.nearest(path) {
                Child::Directory(_) => TreeError::NotFound(path.clone()),
                Child::Leaf(_) => TreeError::NotADirectory(path.clone()),
            }),
        }
    }

    /// The last that is there on the way to `path`.
    fn nearest(&self, path: &TreePath) -> Child {
        let mut at = path.clone();
        while let Some(parent) = at.parent() {
            at = parent;
            if let Some(child) = self.child(&at) {
                return child;
            }
        }
        Child::Directory(0)
    }

    fn node(&self, child: Child) -> &Node {
        match child {
            Child::Directory(directory) => &self.directories[directory as usize].node,
            // A name in a directory keeps its leaf's slot filled: `unlink` empties it with the last name.
            Child::Leaf(leaf) => &self.leaves[leaf.index()].as_ref().expect("a named leaf exists").node,
        }
    }

    fn unlink(&mut self, id: LeafId) {
        let slot = &mut self.leaves[id.index()];
        if let Some(leaf) = slot {
            leaf.links -= 1;
            if leaf.links == 0 {
                *slot = None;
            }
        }
    }

    fn drop_child(&mut self, child: Child) {
        // A stack, not recursion: a hostile archive may nest two thousand deep.
        let mut stack = vec![child];
        while let Some(child) = stack.pop() {
            match child {
                Child::Leaf(leaf) => self.unlink(leaf),
                Child::Directory(directory) => {
                    let children = std::mem::take(&mut self.directories[directory as usize].children);
                    stack.extend(children.into_values());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Content;

    fn path(text: &'static str) -> TreePath {
        TreePath::literal(text)
    }

    fn meta() -> Metadata {
        Metadata::root(0o755, 0)
    }

    fn file(text: &str) -> Node {
        Node::file(Content::inline(text), Metadata::root(0o644, 0))
    }

    fn tree() -> Tree {
        let mut tree = Tree::new(meta());
        tree.create_directories(&path("/usr/bin"), &meta()).unwrap();
        tree.insert(&path("/bin"), Node::symlink("usr/bin", 0)).unwrap();
        tree.insert(&path("/usr/bin/mawk"), file("mawk")).unwrap();
        tree.insert(&path("/usr/bin/awk"), Node::symlink("/bin/mawk", 0)).unwrap();
        tree
    }

    fn names(tree: &Tree) -> Vec<String> {
        tree.walk().map(|entry| entry.path.to_string()).collect()
    }

    #[test]
    fn links_are_followed_inside_the_tree() {
        let mut tree = tree();
        assert_eq!(tree.resolve(&path("/bin/awk")), Ok(path("/usr/bin/mawk")));
        assert_eq!(tree.resolve_parent(&path("/bin/awk")), Ok(path("/usr/bin/awk")));
        assert_eq!(tree.resolve_parent(&path("/bin/new")), Ok(path("/usr/bin/new")));
        assert_eq!(tree.resolve(&path("/bin/new")), Err(TreeError::NotFound(path("/usr/bin/new"))));
        tree.insert(&path("/up"), Node::symlink("../../usr/./bin/", 0)).unwrap();
        assert_eq!(tree.resolve(&path("/up/mawk")), Ok(path("/usr/bin/mawk")));
        tree.insert(&path("/a"), Node::symlink("b", 0)).unwrap();
        tree.insert(&path("/b"), Node::symlink("a", 0)).unwrap();
        assert_eq!(tree.resolve(&path("/a")), Err(TreeError::TooManyLinks(path("/a"))));
    }

    #[test]
    fn hard_links_share_one_leaf_until_the_last_name_goes() {
        let mut tree = tree();
        tree.hard_link(&path("/usr/bin/nawk"), &path("/usr/bin/mawk")).unwrap();
        let leaf = tree.leaf_id(&path("/usr/bin/nawk")).unwrap();
        assert_eq!(tree.leaf_id(&path("/usr/bin/mawk")), Some(leaf));
        assert_eq!(tree.links(leaf), 2);
        assert!(tree.remove(&path("/usr/bin/mawk")));
        assert_eq!(tree.links(leaf), 1);
        assert_eq!(tree.get(&path("/usr/bin/nawk")), Some(&file("mawk")));
        assert!(tree.remove(&path("/usr")));
        assert_eq!(tree.links(leaf), 0);
        assert_eq!(names(&tree), ["/", "/bin"]);
    }

    #[test]
    fn walk_is_sorted_and_parents_come_first() {
        let mut tree = tree();
        tree.insert(&path("/usr-merged"), file("")).unwrap();
        assert_eq!(names(&tree), ["/", "/bin", "/usr", "/usr/bin", "/usr/bin/awk", "/usr/bin/mawk", "/usr-merged"]);
    }

    #[test]
    fn a_directory_never_takes_the_place_of_a_leaf() {
        let mut tree = tree();
        assert_eq!(tree.insert(&path("/usr/bin"), file("")), Err(TreeError::IsADirectory(path("/usr/bin"))));
        assert_eq!(tree.insert(&path("/bin"), Node::directory(meta())), Err(TreeError::NotADirectory(path("/bin"))));
        assert_eq!(tree.insert(&path("/none/x"), file("")), Err(TreeError::NotFound(path("/none"))));
        tree.insert(&path("/usr"), Node::directory(Metadata::root(0o700, 0))).unwrap();
        assert_eq!(tree.get(&path("/usr")).unwrap().metadata.mode, 0o700);
        assert!(tree.get(&path("/usr/bin/mawk")).is_some());
    }

    #[test]
    fn rename_moves_whole_directories() {
        let mut tree = tree();
        tree.rename(&path("/usr"), &path("/system")).unwrap();
        assert!(tree.get(&path("/system/bin/mawk")).is_some());
        assert!(tree.rename(&path("/system"), &path("/system/bin/x")).is_err());
        assert!(tree.rename(&path("/system"), &path("/bin")).is_err());
    }

    #[test]
    fn nothing_is_put_into_a_directory_that_is_gone() {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        let goes: [fn(&mut Tree); 2] =
            [|tree| assert!(tree.remove(&path("/a"))), |tree| tree.rename(&path("/a"), &path("/b")).unwrap()];
        for go in goes {
            tree.insert(&path("/a"), Node::directory(meta.clone())).unwrap();
            tree.insert(&path("/a/x"), file("x")).unwrap();
            go(&mut tree);
            assert_eq!(tree.insert(&path("/a/y"), file("y")), Err(TreeError::NotFound(path("/a"))));
        }
    }
}
