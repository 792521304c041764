//! Can a file be run on the target, as far as files decide it?
//!
//! | question                           | where            |
//! |------------------------------------|------------------|
//! | what an ELF file asks for          | [`read`]         |
//! | which symbols it has and needs     | [`symbols`]      |
//! | where its loader looks for a name  | [`loader`]       |
//! | all that is loaded with a program  | [`closure`]      |
//! | what is wrong with a file          | [`programs`]     |
//! | what it needs to run elsewhere     | [`portable`]     |
//! | what the first line of a script is | [`script`]       |
//! | how it is said                     | [`words`]        |
//!
//! Nothing of the image runs, and nothing is read twice: [`Programs`] remembers every file and every library's place.

mod cache;
mod closure;
mod libc;
mod loader;
mod portable;
mod programs;
mod read;
mod script;
mod symbols;
#[cfg(test)]
mod tests;
mod window;
mod words;

use rootsmith_tree::{Node, Tree, TreeError};
use rootsmith_types::{Arch, TreePath};

use crate::facts::path;
use crate::view::View;
pub use portable::{Placed, portable};
pub(crate) use programs::{Depth, File, Kind, Programs, Trouble};
pub(crate) use read::Elf;

/// Why a file is no ELF file that could be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Something else.
    NotElf,
    /// It begins like one, and does not go on like one.
    Broken(&'static str),
    /// The image does not give its bytes.
    Unreadable(String),
}

/// Follows links to the file a process would run, and everything that must be there to run it. Where it is, or why not.
pub(crate) fn runnable(view: &View<'_>, at: &TreePath) -> Result<TreePath, String> {
    let tree = view.facts.tree;
    let file = tree.resolve(at).map_err(|e| match &e {
        TreeError::NotFound(missing) if missing == at => e.to_string(),
        _ => format!("`{at}` leads nowhere: {e}"),
    })?;
    let Some(node) = tree.get(&file) else { return Err(format!("`{file}` does not exist")) };
    if node.content().is_none() {
        return Err(format!("`{file}` is no regular file"));
    }
    if node.metadata.mode & 0o111 == 0 {
        return Err(format!("`{file}` has no permission to be executed (mode {:04o})", node.metadata.mode));
    }
    if let Some(trouble) = view.programs.troubles(&file, Depth::Symbols).into_iter().next() {
        let loads = if trouble.culprit == file { String::new() } else { format!("; `{file}` loads it") };
        return Err(trouble.text + &loads);
    }
    view.programs.applet(at, &file).map(|()| file)
}

/// The folders in which systemd looks for a service's programs.
const SYSTEMD_PATH: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// OpenRC's (`RC_PATH_PREFIX`, then the local folders).
const OPENRC_PATH: &[&str] = &["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// BusyBox's init: nothing below `/usr/local`.
const BUSYBOX_PATH: &[&str] = &["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/// The folders in which services of this image find their programs, in order: systemd's where nothing speaks for another init.
pub(crate) fn service_path(tree: &Tree, init: &str) -> &'static [&'static str] {
    let init = path(init).and_then(|at| tree.resolve(&at).ok());
    let is = |name: &[u8]| init.as_ref().and_then(|at| at.name()).is_some_and(|there| there.starts_with(name));
    let has = |text: &str| path(text).is_some_and(|at| tree.lookup(&at).is_some());
    if is(b"systemd") {
        SYSTEMD_PATH
    } else if has("/sbin/openrc-run") || has("/usr/sbin/openrc-run") {
        OPENRC_PATH
    } else if is(b"busybox") {
        BUSYBOX_PATH
    } else {
        SYSTEMD_PATH
    }
}

/// The first file that a service finds under `name` in its PATH: as `execvp`, the first regular file with an x bit.
pub(crate) fn find_in_path(view: &View<'_>, name: &str) -> Option<TreePath> {
    view.programs.find_in_path(name)
}

/// Whether a process may start it: a regular file with an x bit.
pub(crate) fn is_executable(node: &Node) -> bool {
    node.content().is_some() && node.metadata.mode & 0o111 != 0
}

/// Where an absolute path leads, which may have `..` in it as paths of loaders do: to the parent of where the links before
/// it lead.
pub(crate) fn locate(tree: &Tree, text: &str) -> Option<TreePath> {
    if !text.starts_with('/') {
        return None;
    }
    if !text.contains("/..") {
        return tree.resolve(&path(text)?).ok();
    }
    let (mut at, mut ahead) = (TreePath::root(), String::new());
    for component in text.split('/') {
        if component == ".." {
            let here = tree.resolve(&at.join(&ahead).ok()?).ok()?;
            at = here.parent().unwrap_or_else(TreePath::root);
            ahead.clear();
        } else {
            ahead.push('/');
            ahead.push_str(component);
        }
    }
    tree.resolve(&at.join(&ahead).ok()?).ok()
}

/// Whether it is a library for another machine in a folder of that machine: a cross compiler's, or a guest's.
pub(crate) fn is_foreign_library(elf: &Elf, arch: Arch, at: &TreePath) -> bool {
    let tuple = libc::names_of(elf.machine).multiarch;
    let is_native = elf.machine == libc::machine_of(arch);
    !is_native && !tuple.is_empty() && at.components().any(|component| component == tuple.as_bytes())
}
