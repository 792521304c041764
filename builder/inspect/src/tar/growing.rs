//! Members into a tree, as unpacking them would.
//!
//! Later members win over earlier ones. Where a member's folder is a symbolic link in the tree (`/lib` on a merged `/usr`), it
//! goes where that leads, always inside the tree. Folders that nobody named are made.

use rootsmith_tree::{Blob, Content, Metadata, Node, NodeKind, PackId, Tree, TreeError};
use rootsmith_types::TreePath;

use super::budget::Budget;
use super::members::{Data, Member, What};
use super::packs::{Holed, Packs};
use crate::{OpenError, Source};

/// How many symbolic links the way to a folder may have (Linux: `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// How deep a member may be.
const MAX_DEPTH: usize = 256;

/// A tree on its way.
pub(crate) struct Growing<'a> {
    tree: Tree,
    layer: &'static str,
    /// How many archives there will be.
    wholes: u32,
    holed: Vec<Holed>,
    budget: &'a Budget,
}

impl Growing<'_> {
    /// An empty one, from this many archives; errors say that they come from `layer`.
    pub(crate) fn new<'a>(layer: &'static str, wholes: u32, budget: &'a Budget) -> Growing<'a> {
        Growing { tree: Tree::new(Metadata::root(0o755, 0)), layer, wholes, holed: Vec::new(), budget }
    }

    /// The tree so far, to take something away.
    pub(crate) fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// Puts a member in, whose data lies in archive number `whole`.
    pub(crate) fn put(&mut self, member: Member, whole: u32) -> Result<(), OpenError> {
        let Member { path: named, what, metadata } = member;
        self.shallow(&named)?;
        let path = match named.parent().zip(named.name()) {
            // The root itself: its metadata.
            None if matches!(what, What::Directory) => {
                self.tree.insert(&named, Node::directory(metadata)).map_err(|error| self.damaged(&named, &error))?;
                return Ok(());
            }
            None => return Err(self.damaged(&named, &"the root is no directory")),
            Some((parent, name)) => {
                let parent = self.directory(&parent, &named)?;
                parent.join(name).map_err(|error| self.damaged(&named, &error))?
            }
        };
        let kind = match what {
            What::HardLink(first) => return self.link(&named, &path, &first),
            What::Directory => NodeKind::Directory,
            What::File(data) => NodeKind::File(self.content(data, whole)?),
            What::Symlink(target) => NodeKind::Symlink(target),
            What::CharDevice { major, minor } => NodeKind::CharDevice { major, minor },
            What::BlockDevice { major, minor } => NodeKind::BlockDevice { major, minor },
            What::Fifo => NodeKind::Fifo,
            What::Socket => NodeKind::Socket,
        };
        let node = Node { kind, metadata };
        if self.tree.get(&path).is_some_and(|there| there.is_directory() != node.is_directory()) {
            self.tree.remove(&path);
        }
        self.tree.insert(&path, node).map_err(|error| self.damaged(&named, &error))
    }

    /// Gives the file `path`, which is there, its content.
    pub(crate) fn fill(&mut self, path: &TreePath, data: Data, whole: u32) -> Result<(), OpenError> {
        let content = self.content(data, whole)?;
        let path = self.tree.resolve_parent(path).map_err(|error| self.damaged(path, &error))?;
        match self.tree.get_mut(&path).map(|node| &mut node.kind) {
            Some(NodeKind::File(there)) => *there = content,
            _ => return Err(self.damaged(&path, &"it has content, and is no file")),
        }
        Ok(())
    }

    /// The tree, and where its contents are read: in `wholes`, the archives in their order.
    pub(crate) fn finish(self, wholes: Vec<Source>) -> (Tree, Packs) {
        (self.tree, Packs::new(wholes, self.holed))
    }

    fn content(&mut self, data: Data, whole: u32) -> Result<Content, OpenError> {
        if data.size == 0 {
            return Ok(Content::inline([]));
        }
        let Data { size, offset, segments } = data;
        let (pack, offset) = match segments {
            None => (whole, offset),
            Some(segments) => {
                let number = u32::try_from(self.holed.len()).ok().and_then(|number| self.wholes.checked_add(number));
                let number = number.ok_or_else(|| OpenError::unsupported(self.layer, "too many files with holes"))?;
                self.holed.push(Holed::new(whole, offset, &segments));
                (number, 0)
            }
        };
        Ok(Content::Blob(Blob { digest: None, size, pack: PackId(pack), offset }))
    }

    fn link(&mut self, named: &TreePath, path: &TreePath, first: &TreePath) -> Result<(), OpenError> {
        // Without following a link at the very end: it may be what the new name is another name of.
        let existing = self
            .tree
            .resolve_parent(first)
            .map_err(|error| self.damaged(named, &format_args!("hard link to `{first}`: {error}")))?;
        if existing != *path && self.tree.get(path).is_some_and(Node::is_directory) && !existing.starts_with(path) {
            self.tree.remove(path);
        }
        let linked = self.tree.hard_link(path, &existing);
        linked.map_err(|error| self.damaged(named, &format_args!("hard link to `{first}`: {error}")))
    }

    /// The directory that `path` leads to; made, where it is missing.
    fn directory(&mut self, path: &TreePath, member: &TreePath) -> Result<TreePath, OpenError> {
        let mut path = path.clone();
        // Each round goes through one symbolic link.
        for _ in 0..MAX_LINKS {
            let mut at = path.clone();
            let mut missing = Vec::new();
            while self.tree.get(&at).is_none() {
                // The root is always there.
                let Some(parent) = at.parent() else { break };
                missing.push(std::mem::replace(&mut at, parent));
            }
            if self.tree.get(&at).is_some_and(Node::is_directory) {
                missing.iter().rev().try_for_each(|path| self.make(path, member))?;
                return Ok(path);
            }
            let rest = path.as_bytes().get(at.as_bytes().len()..).unwrap_or_default();
            path = self.followed(&at, member)?.join(rest).map_err(|error| self.damaged(member, &error))?;
            self.shallow(&path)?;
        }
        Err(self.damaged(member, &TreeError::TooManyLinks(path)))
    }

    /// The directory that a symbolic link leads to: in an image, `/var/run` may come before `/run`.
    fn followed(&mut self, link: &TreePath, member: &TreePath) -> Result<TreePath, OpenError> {
        for _ in 0..MAX_LINKS {
            match self.tree.resolve(link) {
                Ok(found) if self.tree.get(&found).is_some_and(Node::is_directory) => return Ok(found),
                Ok(found) => return Err(self.damaged(member, &TreeError::NotADirectory(found))),
                // Its own directory is there, behind all links.
                Err(TreeError::NotFound(missing)) if self.tree.get(&missing).is_none() => {
                    self.make(&missing, member)?
                }
                Err(error) => return Err(self.damaged(member, &error)),
            }
        }
        Err(self.damaged(member, &TreeError::NotFound(link.clone())))
    }

    fn make(&mut self, path: &TreePath, member: &TreePath) -> Result<(), OpenError> {
        self.shallow(path)?;
        self.budget.entry(self.layer)?;
        let made = self.tree.insert(path, Node::directory(Metadata::root(0o755, 0)));
        made.map_err(|error| self.damaged(member, &error))
    }

    /// Each look-up takes as long as its path is deep, so depth costs twice.
    fn shallow(&self, path: &TreePath) -> Result<(), OpenError> {
        if path.components().count() > MAX_DEPTH {
            return Err(OpenError::unsupported(self.layer, format_args!("folders more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    fn damaged(&self, path: &TreePath, reason: &dyn std::fmt::Display) -> OpenError {
        OpenError::damaged_at(self.layer, format_args!("`{path}`"), reason)
    }
}
