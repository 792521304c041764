//! The system that maintainer scripts find: the tree, seen through the commands they call.
//!
//! Nothing is executed. Commands on files change the tree at once, as do accounts, so that what a script looks at later is what
//! it left there. What looks at the whole tree (units, alternatives, runlevels, caches) is noted as an [`Effect`] and done when
//! every script has been followed; so the order of packages does not matter to it.

mod apache;
mod capability;
mod catalogs;
mod date;
pub(crate) mod debconf;
mod dpkg;
mod files;
mod find;
mod java;
mod line;
mod locale;
mod look;
mod machine;
mod mode;
mod place;
mod running;
mod wrapped;

use std::collections::BTreeMap;

use rootsmith_assemble::{Owner, Package};
use rootsmith_profile::Caches;
use rootsmith_shell::{Call, Dialect, Done, Host, Outcome, Refusal, Run, Script, Stop};
use rootsmith_tree::{Content, Node, NodeKind};
use rootsmith_types::{Arch, TreePath};

use crate::accounts;
use crate::alternatives::Choice;
use crate::edit::{Edit, MAX_FILE};
use crate::effect::Effect;
use crate::models::Numbers;
use debconf::Debconf;

/// Of the kernel, or of a running system: nothing there is the image's.
const RUNNING: [&str; 3] = ["/proc", "/sys", "/run/systemd"];
/// More paths than any command makes or changes at once.
const MAX_PATHS: usize = 200_000;
/// Made by the kernel: what a script would read there, random bytes above all, differs on each machine.
const DEVICES: &str = "/dev/";
/// Written when all packages have had their say; a script that reads them before gets what they would hold by then.
const ACCOUNTS: [&str; 4] = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];

/// So many scripts may be called by scripts of all packages, each of so many steps.
const MAX_SCRIPTS: usize = 500;
const STEPS: u64 = 200_000;
/// So many bytes may the scripts of all packages write.
const MAX_WRITTEN: u64 = 1 << 30;

/// What scripts run on.
pub(crate) struct Stage<'a, 'e> {
    pub(crate) edit: &'a mut Edit<'e>,
    pub(crate) numbers: &'a Numbers,
    pub(crate) arch: Arch,
    /// Of the script that runs.
    pub(crate) package: &'a Package,
    /// All of them.
    pub(crate) packages: &'a [&'a Package],
    /// What earlier scripts left for later ones, beside the tree.
    pub(crate) shared: &'a mut Shared,
    /// What the script did, and what is still to be done.
    pub(crate) effects: Vec<Effect>,
    /// Whether the package's files are there: not yet when its `preinst` runs.
    pub(crate) unpacked: bool,
    /// The names of triggers, when the script is followed for them: a `config` takes them for the version that was there before.
    pub(crate) before: String,
    /// How the package's `config` ended, when the script asked for it.
    pub(crate) config: Option<Result<(), Stop>>,
    /// What the profile says of caches that programs make.
    pub(crate) caches: Option<Caches>,
    /// The first cache that the script asked for, where the machine is to make it.
    pub(crate) cache: Option<String>,
    /// What the script asked for that only the machine itself can make.
    pub(crate) machine: Option<String>,
    /// Whose files `test -O` and `test -G` ask for: root's, but below su(1).
    pub(crate) who: (u32, u32),
}

/// What scripts leave for those of later packages, beside the tree.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Answers to questions.
    pub(crate) debconf: Debconf,
    /// By path, the line that dpkg-statoverride prints.
    overrides: BTreeMap<String, String>,
    /// By path, to where and for whom it is diverted.
    diversions: BTreeMap<String, (String, String)>,
    /// By name, the alternatives so far.
    alternatives: BTreeMap<String, Vec<Choice>>,
    /// By path, the digest with which ucf knows a file, and the package for which it does.
    ucf: BTreeMap<String, String>,
    registered: BTreeMap<String, String>,
    /// So many temporary files were made.
    temporary: usize,
    /// So many scripts were called by scripts.
    nested: usize,
    /// So many bytes were written.
    written: u64,
}

/// A command that did what it was told.
fn done() -> Result<Done, Refusal> {
    Ok(Done::default())
}

/// A command that failed, as a script sees it.
fn failed() -> Result<Done, Refusal> {
    Ok(Done { status: 1, ..Done::default() })
}

/// A command that said something.
fn said(text: impl Into<Vec<u8>>) -> Result<Done, Refusal> {
    Ok(Done { stdout: text.into(), ..Done::default() })
}

fn because<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Because(reason.into()))
}

impl Stage<'_, '_> {
    /// The path as the tree has it, from the folder the script is in; links in its directories followed.
    fn place(&self, cwd: &str, path: &str) -> Result<TreePath, Refusal> {
        let joined = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
        let wrong = |error: &dyn std::fmt::Display| Refusal::Because(format!("the path `{path}`: {error}"));
        let mut at = TreePath::root();
        for part in joined.split('/') {
            at = match part {
                "" | "." => continue,
                // Above what a link leads to, not above the link.
                ".." => {
                    let folder = self.edit.assembly.tree.resolve(&at).unwrap_or(at);
                    folder.parent().unwrap_or_else(TreePath::root)
                }
                part => at.join(part).map_err(|error| wrong(&error))?,
            };
        }
        let at = self.edit.place(&at);
        if RUNNING.iter().any(|top| at.to_string().starts_with(&format!("{top}/"))) {
            return because(format!("`{path}`, which only a running system has"));
        }
        Ok(at)
    }

    /// The same, a link at the end followed, too.
    fn target(&self, cwd: &str, path: &str) -> Result<TreePath, Refusal> {
        let at = self.place(cwd, path)?;
        Ok(self.edit.assembly.tree.resolve(&at).unwrap_or(at))
    }

    fn node(&self, at: &TreePath) -> Option<&Node> {
        self.edit.assembly.tree.get(at).filter(|node| !self.comes_later(at, node))
    }

    /// A `preinst` runs before the files of its package are there. The links that lead `/bin` to `/usr/bin` are older than any package.
    fn comes_later(&self, at: &TreePath, node: &Node) -> bool {
        let own = |owner: &Owner| matches!(owner, Owner::Package(name) if *name == self.package.locked.name);
        !self.unpacked && node.content().is_some() && self.edit.assembly.owners.exactly(at).is_some_and(own)
    }

    fn content(&self, at: &TreePath) -> Result<Option<Vec<u8>>, Refusal> {
        if at.to_string().starts_with(DEVICES) {
            return because(format!("`{at}`, a device of a running system"));
        }
        let Some(content) = self.node(at).and_then(Node::content) else { return Ok(None) };
        match content.read(self.edit.blobs, MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) => because(format!("`{at}` cannot be read: {error}")),
        }
    }

    /// The account files come from the accounts, whatever lies at their place.
    fn may_change(&self, at: &TreePath) -> Result<(), Refusal> {
        match at.to_string() {
            path if ACCOUNTS.contains(&path.as_str()) => {
                because(format!("a change of `{path}` that no tool for accounts makes"))
            }
            _ => Ok(()),
        }
    }

    /// Gives a file a content, made with `mode` where there is none. `false` where no file can be.
    fn fill(&mut self, at: &TreePath, bytes: &[u8], mode: u16) -> Result<bool, Refusal> {
        self.may_change(at)?;
        let path = at.to_string();
        if path.starts_with(DEVICES) {
            return because(format!("`{path}`, a device of a running system"));
        }
        self.shared.written += bytes.len() as u64;
        if self.shared.written > MAX_WRITTEN {
            return because("more bytes than all scripts of an image may write");
        }
        match self.node(at).map(|node| &node.kind) {
            Some(NodeKind::File(_)) => {
                if let Some(node) = self.edit.assembly.tree.get_mut(at) {
                    node.kind = NodeKind::File(Content::inline(bytes));
                    node.metadata.mtime = rootsmith_tree::Metadata::root(0, self.edit.date).mtime;
                }
                self.edit.assembly.owners.set(at.clone(), self.edit.owner.clone());
            }
            Some(_) => return Ok(false),
            None if !at.parent().is_some_and(|parent| self.edit.is_directory(&parent)) => return Ok(false),
            None => self.edit.write(&path, bytes, mode),
        }
        self.effects.push(Effect::File(at.clone()));
        Ok(true)
    }

    /// What a command does: on files, with an answer, or as an effect; what is none of these may be a script itself.
    fn command(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        if self.effects.len() > MAX_PATHS {
            return because("more changes than any script makes");
        }
        let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
        let Some((command, arguments)) = words.split_first() else { return done() };
        // Whatever folder the script names it by.
        let name = match command.rsplit_once('/') {
            Some(("/bin" | "/sbin" | "/usr/bin" | "/usr/sbin", name)) => name,
            _ => command,
        };
        if let Some(result) = self.file_command(name, arguments, call) {
            return result;
        }
        if let Some(result) = self.debian_command(name, arguments) {
            return result;
        }
        if let Some(result) = self.apache(name, arguments) {
            return result;
        }
        if let Some(result) = self.java(name, arguments, call) {
            return result;
        }
        if let Some(result) = self.wrapped(name, arguments, call) {
            return result;
        }
        if let Some(result) = self.running_command(name, arguments) {
            return result;
        }
        if name == "ucf" {
            self.start_ucf(arguments)?;
        }
        let named: Vec<String> = std::iter::once(name).chain(arguments.iter().copied()).map(str::to_owned).collect();
        match Effect::of(&named) {
            Some(effect) => self.effect(effect),
            None => self.script_of_the_tree(command, arguments, call),
        }
    }

    /// A program that is a shell script itself is followed like the one that calls it.
    fn script_of_the_tree(&mut self, command: &str, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let Some(path) = self.find_command(command) else {
            return Err(Refusal::Unknown);
        };
        let at = self.target("/", &path)?;
        let text = self.content(&at)?.unwrap_or_default();
        let Some(dialect) = Dialect::of(&String::from_utf8_lossy(&text)) else { return Err(Refusal::Unknown) };
        self.nest()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let wrong = |stop: Stop| Refusal::Because(format!("`{command}`, {stop}"));
        let script = Script::parse_as(&text, dialect).map_err(wrong)?;
        let mut variables: Vec<(&str, &str)> =
            call.exported.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        variables.retain(|(name, _)| *name != "PWD");
        variables.push(("PWD", call.cwd));
        let run = Run { name: &path, arguments, variables: &variables, steps: STEPS, depth: call.depth };
        let Outcome { status, stdout, stderr } = rootsmith_shell::run(&script, &run, self).map_err(wrong)?;
        Ok(Done { status, stdout, stderr })
    }

    /// Counts a script that a script calls.
    fn nest(&mut self) -> Result<(), Refusal> {
        self.shared.nested += 1;
        if self.shared.nested > MAX_SCRIPTS {
            return because("scripts that call scripts without an end");
        }
        Ok(())
    }

    /// Writes the account files when a script is about to read one.
    fn show_accounts(&mut self, path: &str) {
        if ACCOUNTS.contains(&path) {
            // Without the tools of `passwd` nothing makes the other two.
            let shadow = self.edit.resolves("/usr/sbin/shadowconfig");
            accounts::write(self.edit, shadow);
        }
    }
}

impl Host for Stage<'_, '_> {
    fn call(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        if self.caches == Some(Caches::LeftOut) && machine::is_index(call.words) {
            return done();
        }
        if machine::is_made_there(call.words) {
            let command = call.words.join(" ");
            self.machine = Some(format!("`{command}`"));
            return because("makes what only the machine can make");
        }
        let mut done = self.command(call)?;
        if done.status != 0 && done.stderr.is_empty() {
            done.stderr = format!("`{}` fails\n", call.words.join(" ")).into_bytes();
        }
        Ok(done)
    }

    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        // A pattern that nothing of a running system matched.
        if path.contains('*') && RUNNING.iter().any(|top| path.starts_with(&format!("{top}/"))) {
            return Ok(None);
        }
        if machine::RANDOM.contains(&path) {
            self.machine = Some(format!("`{path}`"));
        }
        // `bash PROGRAM` reads what it is to run.
        if path.starts_with("/usr/bin/") && machine::is_made_there(&[path.to_owned()]) {
            self.machine = Some(format!("`{path}`"));
            return because("makes what only the machine can make");
        }
        self.show_accounts(path);
        let at = self.target("/", path)?;
        self.content(&at)
    }

    fn source(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        match path {
            debconf::CONFMODULE => {
                self.start_debconf().or_else(because)?;
                Ok(Some(debconf::FUNCTIONS.into()))
            }
            path => self.read(path),
        }
    }

    fn write(&mut self, path: &str, bytes: &[u8], mode: u16) -> Result<bool, Refusal> {
        let at = self.target("/", path)?;
        self.fill(&at, bytes, mode)
    }

    fn append(&mut self, path: &str, bytes: &[u8], mode: u16) -> Result<bool, Refusal> {
        self.show_accounts(path);
        let at = self.target("/", path)?;
        let before = self.content(&at)?.unwrap_or_default();
        self.fill(&at, &[&before, bytes].concat(), mode)
    }

    fn test(&mut self, operator: char, path: &str) -> Result<bool, Refusal> {
        // No init runs, and no process but ours.
        if path.is_empty() || RUNNING.iter().any(|top| path == *top || path.starts_with(&format!("{top}/"))) {
            return Ok(false);
        }
        self.show_accounts(path);
        let itself = self.place("/", path)?;
        let itself = self.node(&itself);
        let target = self.target("/", path)?;
        let target = self.node(&target);
        let mode = |bits: u16| target.is_some_and(|node| node.metadata.mode & bits != 0);
        Ok(match operator {
            // Root may read and write everything.
            'e' | 'r' | 'w' => target.is_some(),
            'f' => target.is_some_and(|node| node.content().is_some()),
            'd' => target.is_some_and(Node::is_directory),
            'x' => target.is_some_and(|node| node.is_directory()) || mode(0o111),
            's' => target.is_some_and(|node| match node.content() {
                Some(content) => content.size() > 0,
                None => node.is_directory(),
            }),
            'p' => target.is_some_and(|node| node.kind == NodeKind::Fifo),
            'L' | 'h' => itself.is_some_and(|node| node.link_target().is_some()),
            'b' => target.is_some_and(|node| node.letter() == 'b'),
            'c' => path == "/dev/null" || target.is_some_and(|node| node.letter() == 'c'),
            'S' => false,
            'u' => mode(0o4000),
            'g' => mode(0o2000),
            'k' => mode(0o1000),
            'O' => target.is_some_and(|node| node.metadata.uid == self.who.0),
            'G' => target.is_some_and(|node| node.metadata.gid == self.who.1),
            other => return because(format!("the condition `-{other}`")),
        })
    }

    fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Refusal> {
        if RUNNING.iter().any(|top| path == *top || path.starts_with(&format!("{top}/"))) {
            return Ok(None);
        }
        let at = self.target("/", path)?;
        if !self.edit.is_directory(&at) {
            return Ok(None);
        }
        let later = |name: &[u8]| {
            let path = at.join(name).ok();
            path.is_some_and(|path| {
                self.edit.assembly.tree.get(&path).is_some_and(|node| self.comes_later(&path, node))
            })
        };
        let names = self.edit.assembly.tree.children(&at).filter(|name| self.unpacked || !later(name));
        // A name that is no text cannot be written in a script either.
        let mut names: Vec<String> = names.filter_map(|name| String::from_utf8(name.to_vec()).ok()).collect();
        names.sort();
        Ok(Some(names))
    }

    fn find_command(&mut self, name: &str) -> Option<String> {
        if name.starts_with('/') {
            return self.test('x', name).is_ok_and(|is| is).then(|| name.to_owned());
        }
        let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let mut paths = folders.iter().map(|folder| format!("{folder}/{name}"));
        let found = paths.find(|path| self.test('f', path) == Ok(true) && self.test('x', path) == Ok(true));
        // Links of alternatives are made when all are known.
        found.or_else(|| {
            let link = |choice: &Choice| choice.link.rsplit_once('/').is_some_and(|(_, last)| last == name);
            let mut choices = self.shared.alternatives.values().flatten();
            choices.find(|choice| link(choice)).map(|choice| choice.path.clone())
        })
    }
}
