//! What is wrong with a file, in words; every file and every loader of the image is looked at once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rootsmith_tree::{Blobs, Bytes, Content, Node, Tree};
use rootsmith_types::{Arch, ContentDigest, TreePath, busybox};

use super::closure::Closure;
use super::loader::{Loader, Rules, rules_of};
use super::read::{Elf, Machine, read_window};
use super::script::{self, Shebang};
use super::symbols::{self, Symbols};
use super::window::Window;
use super::words::listed;
use super::{Unfit, cache, is_executable, libc, locate};
use crate::facts::path;
use crate::remembered::{Memo, digest};
use crate::{Packages, Remembered};

/// A busybox has one or two megabytes.
const MAX_BUSYBOX: u64 = 16 << 20;
const MAX_TEXT: u64 = 1 << 20;
/// Interpreters of interpreters, as the kernel follows them.
const MAX_NESTED: u32 = 4;

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What its loader must find.
    Libraries,
    /// Also every symbol that it and its libraries need.
    Symbols,
}

/// What kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// For another machine, or no program at all.
    Machine,
    Interpreter,
    Library,
    /// Versions, or symbols.
    Version,
    Script,
}

/// One reason why a file does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// A lower-case phrase.
    pub(crate) text: String,
    /// Whose trouble: the file itself, or a library of it.
    pub(crate) culprit: TreePath,
}

/// What a file is.
pub(crate) enum File {
    Elf(Arc<Program>),
    Script(Shebang),
    /// It begins like a program, or cannot be read: why.
    Broken(String),
    Other,
}

/// An ELF file.
pub(crate) struct Program {
    pub(crate) elf: Elf,
    symbols: OnceLock<Option<Symbols>>,
}

impl Program {
    /// Its symbols; `None` when they cannot be read. A file without a table has none.
    pub(crate) fn symbols(&self, programs: &Programs<'_>, at: &TreePath) -> Option<&Symbols> {
        if let Some(known) = self.symbols.get() {
            return known.as_ref();
        }
        let symbols = match &self.elf.tables {
            None => Some(Symbols::default()),
            Some(tables) => match Symbols::read(tables, programs.tree.get(at)?.content()?, programs.blobs) {
                Ok(symbols) => Some(symbols),
                // Whoever reads the same bytes elsewhere may be luckier.
                Err(Unfit::Unreadable(_)) => return None,
                Err(Unfit::NotElf | Unfit::Broken(_)) => None,
            },
        };
        let with_room = || symbols.filter(|symbols| programs.remembered.has_room(symbols.size()));
        self.symbols.get_or_init(with_room).as_ref()
    }
}

/// The programs and libraries of a tree, remembered.
pub(crate) struct Programs<'a> {
    pub(super) tree: &'a Tree,
    blobs: &'a dyn Blobs,
    arch: Arch,
    /// The PATH of services.
    path: &'static [&'static str],
    remembered: &'a Remembered,
    files: Memo<TreePath, Arc<File>>,
    loaders: Memo<(Option<TreePath>, bool, Machine), Arc<Loader>>,
    interpreters: Memo<TreePath, Arc<Vec<Trouble>>>,
    /// The loaders of the image for a machine, and what C libraries they are.
    of_machine: Memo<Machine, Arc<Vec<(String, TreePath)>>>,
    pub(super) described: Memo<Machine, Option<String>>,
    configured: OnceLock<Vec<TreePath>>,
    packages: OnceLock<Packages>,
    libraries: OnceLock<BTreeMap<Vec<u8>, TreePath>>,
}

impl<'a> Programs<'a> {
    pub(crate) fn new(
        tree: &'a Tree,
        blobs: &'a dyn Blobs,
        arch: Arch,
        path: &'static [&'static str],
        remembered: &'a Remembered,
    ) -> Programs<'a> {
        Programs {
            tree,
            blobs,
            arch,
            path,
            remembered,
            files: Memo::default(),
            loaders: Memo::default(),
            interpreters: Memo::default(),
            of_machine: Memo::default(),
            described: Memo::default(),
            configured: OnceLock::new(),
            packages: OnceLock::new(),
            libraries: OnceLock::new(),
        }
    }

    /// What the regular file at `at` is, whose path has no links in it.
    pub(crate) fn file(&self, at: &TreePath) -> Arc<File> {
        self.files.get(at, || {
            let Some(content) = self.tree.get(at).and_then(Node::content) else { return Arc::new(File::Other) };
            let file = self.remembered.file(content, || self.read(content).map(Arc::new));
            file.unwrap_or_else(|reason| Arc::new(File::Broken(reason)))
        })
    }

    /// The digest of the file at `at`, where it is known.
    pub(super) fn digest(&self, at: &TreePath) -> Option<ContentDigest> {
        self.tree.get(at).and_then(Node::content).and_then(digest)
    }

    /// What the first of these files needs (hashes of symbols) and none of them has: known, or what `find` finds.
    pub(super) fn unmet(&self, files: Option<Vec<ContentDigest>>, find: impl FnOnce() -> Arc<[u64]>) -> Arc<[u64]> {
        match files {
            Some(files) => self.remembered.unmet(files, find),
            None => find(),
        }
    }

    /// What a content is: its first page tells. Why not, where that is not its bytes' fault.
    fn read(&self, content: &Content) -> Result<File, String> {
        let unread = |reason: String| format!("it cannot be read: {reason}");
        let mut window = Window::new(content, self.blobs);
        match window.head(script::HEAD).map(Shebang::read) {
            Ok(Some(shebang)) => return Ok(File::Script(shebang)),
            Err(Unfit::Unreadable(reason)) => return Err(unread(reason)),
            _ => {}
        }
        match read_window(&mut window) {
            Ok(elf) if !self.remembered.has_room(elf.size()) => Err("the image has too many names".to_owned()),
            Ok(elf) => Ok(File::Elf(Arc::new(Program { elf, symbols: OnceLock::new() }))),
            Err(Unfit::NotElf) => Ok(File::Other),
            Err(Unfit::Broken(reason)) => Ok(File::Broken(reason.to_owned())),
            Err(Unfit::Unreadable(reason)) => Err(unread(reason)),
        }
    }

    /// Everything because of which the file at `at` does not run; nothing when it runs.
    pub(crate) fn troubles(&self, at: &TreePath, depth: Depth) -> Vec<Trouble> {
        self.nested(at, depth, 0)
    }

    fn nested(&self, at: &TreePath, depth: Depth, level: u32) -> Vec<Trouble> {
        let trouble = |kind, text| vec![Trouble { kind, text, culprit: at.clone() }];
        match &*self.file(at) {
            File::Elf(program) => self.elf(at, program, depth),
            File::Script(shebang) => match self.script(at, shebang, level) {
                Some(text) => trouble(Kind::Script, text),
                None => Vec::new(),
            },
            File::Broken(reason) => trouble(Kind::Machine, format!("`{at}` is no program: {reason}")),
            File::Other => trouble(Kind::Machine, format!("`{at}` is no program: neither an ELF file nor a script")),
        }
    }

    fn elf(&self, at: &TreePath, program: &Arc<Program>, depth: Depth) -> Vec<Trouble> {
        let elf = &program.elf;
        let one = |kind, text| vec![Trouble { kind, text, culprit: at.clone() }];
        if !matches!(elf.kind, 2 | 3) {
            return one(Kind::Machine, format!("`{at}` is no program: an ELF file of type {}", elf.kind));
        }
        let interpreter = elf.interpreter.as_deref().map(|name| (name, self.interpreter(name, elf.machine)));
        let is_native = elf.machine == libc::machine_of(self.arch);
        // A kernel that runs them does so only beside the libraries they need.
        let is_guest = libc::runs_too(self.arch, elf.machine) && !matches!(interpreter, Some((_, None)));
        if !is_native && !is_guest {
            let name = libc::machine_name(elf.machine);
            return one(Kind::Machine, format!("`{at}` is for {name}, the image for {}", self.arch));
        }
        let loader = match &interpreter {
            Some((name, None)) => return one(Kind::Interpreter, self.without_interpreter(at, name, elf.machine)),
            Some((name, Some(file))) => self.loader(name, file, elf.machine),
            None if elf.needed.is_empty() => return Vec::new(),
            None => self.loader_for_library(elf),
        };
        let closure = Closure::load(self, &loader, at, program);
        let mut troubles = Vec::new();
        for missing in &closure.missing {
            // A plug-in finds what the program has loaded that takes it in, from wherever that was.
            if elf.interpreter.is_none() && self.somewhere(&missing.name, elf.machine) {
                continue;
            }
            let text = self.without_library(&loader, missing);
            troubles.push(Trouble { kind: Kind::Library, text, culprit: missing.user.clone() });
        }
        if loader.rules == Rules::Glibc {
            for wrong in closure.wrong_versions() {
                let text = self.without_versions(&wrong);
                troubles.push(Trouble { kind: Kind::Version, text, culprit: wrong.user.at.clone() });
            }
        }
        if depth == Depth::Symbols && elf.interpreter.is_some() && troubles.is_empty() {
            for (object, hashes) in closure.unresolved(self) {
                let names = object.program.elf.tables.as_ref().zip(self.tree.get(&object.at).and_then(Node::content));
                let names = names.map(|(tables, content)| symbols::names(tables, content, self.blobs, &hashes));
                let needed = listed(object.program.elf.needed.iter().map(String::as_str));
                let text = format!(
                    "`{}` needs {}, which none of its libraries has ({needed})",
                    object.at,
                    listed(names.unwrap_or_default().iter().map(String::as_str)),
                );
                troubles.push(Trouble { kind: Kind::Version, text, culprit: object.at.clone() });
            }
        }
        troubles
    }

    /// The file of an ELF interpreter: there, executable, and for the machine.
    fn interpreter(&self, name: &str, machine: Machine) -> Option<TreePath> {
        let file = locate(self.tree, name)?;
        let fits = matches!(&*self.file(&file), File::Elf(program) if program.elf.machine == machine);
        self.tree.get(&file).is_some_and(|node| is_executable(node) && fits).then_some(file)
    }

    /// The loader that a program names.
    pub(super) fn loader_of(&self, name: &str, machine: Machine) -> Option<Arc<Loader>> {
        Some(self.loader(name, &self.interpreter(name, machine)?, machine))
    }

    fn loader(&self, name: &str, file: &TreePath, machine: Machine) -> Arc<Loader> {
        let rules = match &*self.file(file) {
            File::Elf(program) => rules_of(name, &program.elf),
            _ => Rules::Glibc,
        };
        // A stand-in for glibc's loader starts musl's.
        let musl = || {
            let loaders = self.loaders(machine);
            loaders.iter().find(|(name, _)| libc::family(name) == Some("musl")).map(|(_, file)| file.clone())
        };
        let file = match rules {
            Rules::Musl if libc::family(name) != Some("musl") => musl(),
            _ => Some(file.clone()),
        };
        self.loader_with(file, rules, machine)
    }

    /// The loader that a library will meet: of the C library it was built for, else the image's only one.
    fn loader_for_library(&self, elf: &Elf) -> Arc<Loader> {
        let loaders = self.loaders(elf.machine);
        let needs = |prefix: &str| elf.needed.iter().any(|name| name.starts_with(prefix));
        let family = if needs("libc.musl-") {
            "musl"
        } else if needs("libc.so.6") || loaders.is_empty() {
            "glibc"
        } else {
            libc::family(&loaders[0].0).unwrap_or("glibc")
        };
        let file = loaders.iter().find(|(name, _)| libc::family(name) == Some(family)).map(|(_, file)| file.clone());
        let rules = if family == "musl" { Rules::Musl } else { Rules::Glibc };
        self.loader_with(file, rules, elf.machine)
    }

    pub(super) fn loaders(&self, machine: Machine) -> Arc<Vec<(String, TreePath)>> {
        self.of_machine.get(&machine, || Arc::new(libc::loaders(self, machine)))
    }

    fn loader_with(&self, file: Option<TreePath>, rules: Rules, machine: Machine) -> Arc<Loader> {
        let key = (file.clone(), rules == Rules::Musl, machine);
        self.loaders.get(&key, || Arc::new(Loader::new(self, file, rules, machine)))
    }

    /// Why a script does not run.
    fn script(&self, at: &TreePath, shebang: &Shebang, level: u32) -> Option<String> {
        let name = shebang.interpreter.as_str();
        if level >= MAX_NESTED {
            return Some(format!("`{at}` is a script whose interpreter is a script, and so on"));
        }
        let shown = name.escape_debug();
        let file = locate(self.tree, name).filter(|file| self.tree.get(file).is_some_and(is_executable));
        let Some(file) = file else {
            return Some(match locate(self.tree, name) {
                Some(_) => format!("`{at}` is a script for `{shown}`, which cannot be executed"),
                None if name.ends_with('\r') => {
                    format!("`{at}` is a script for `{shown}`: its lines end as on Windows")
                }
                None => format!("`{at}` is a script for `{shown}`, which is not there"),
            });
        };
        let troubles = self.runs_others(&file, level);
        let invoked = path(name).map_or(Ok(()), |invoked| self.applet(&invoked, &file));
        if let Some(reason) = troubles.first().map(|trouble| trouble.text.clone()).or(invoked.err()) {
            return Some(format!("`{at}` is a script for `{shown}`, which does not run: {reason}"));
        }
        let wanted = shebang.wanted_of_env()?;
        let Some(place) = self.find_in_path(wanted) else {
            let where_not = if wanted.contains('/') { "there" } else { "in the PATH" };
            return Some(format!("`{at}` is a script for `{}`, which is not {where_not}", wanted.escape_debug()));
        };
        let file = self.tree.resolve(&place).ok()?;
        let trouble = self.runs_others(&file, level).first().map(|trouble| trouble.text.clone());
        let reason = trouble.or(self.applet(&place, &file).err())?;
        Some(format!("`{at}` is a script for `{place}`, which does not run: {reason}"))
    }

    /// The troubles of a file that runs scripts: few, and asked for again and again.
    fn runs_others(&self, file: &TreePath, level: u32) -> Arc<Vec<Trouble>> {
        match &*self.file(file) {
            // Its own depth counts.
            File::Script(_) => Arc::new(self.nested(file, Depth::Libraries, level + 1)),
            _ => self.interpreters.get(file, || Arc::new(self.nested(file, Depth::Libraries, level + 1))),
        }
    }

    /// Whether the busybox `file` has an applet; `None` when it does not tell which it has.
    pub(crate) fn has_applet(&self, file: &TreePath, name: &[u8]) -> Option<bool> {
        let data = self.bytes_at(file, MAX_BUSYBOX)?;
        let applets = busybox::applets(&data);
        (!applets.is_empty()).then(|| applets.iter().any(|applet| applet.as_bytes() == name))
    }

    /// Whether `at`, which leads to `file`, is a name that a busybox answers to.
    pub(crate) fn applet(&self, at: &TreePath, file: &TreePath) -> Result<(), String> {
        let (Some(name), Some(target)) = (at.name(), file.name()) else { return Ok(()) };
        // Its names may be links of either kind.
        let same =
            |text: &str| locate(self.tree, text).is_some_and(|it| self.tree.leaf_id(&it) == self.tree.leaf_id(file));
        let is_busybox = target.starts_with(b"busybox") || same("/bin/busybox") || same("/usr/bin/busybox");
        if !is_busybox || name.starts_with(b"busybox") {
            return Ok(());
        }
        let Some(data) = self.bytes_at(file, MAX_BUSYBOX) else { return Ok(()) };
        let applets = busybox::applets(&data);
        // One that was built with a single applet has no list.
        if applets.is_empty() || applets.iter().any(|applet| applet.as_bytes() == name) {
            return Ok(());
        }
        Err(format!("`{at}` is busybox, which has no applet `{}`", String::from_utf8_lossy(name)))
    }

    /// The first file that a service finds under `name` in its PATH.
    pub(crate) fn find_in_path(&self, name: &str) -> Option<TreePath> {
        if name.contains('/') {
            return path(name).filter(|at| self.tree.lookup(at).is_some_and(is_executable));
        }
        let mut places = self.path.iter().filter_map(|folder| path(&format!("{folder}/{name}")));
        places.find(|place| self.tree.lookup(place).is_some_and(is_executable))
    }

    /// Whether it is a program that the kernel runs beside its own.
    pub(crate) fn is_guest(&self, at: &TreePath) -> bool {
        matches!(&*self.file(at), File::Elf(program) if libc::runs_too(self.arch, program.elf.machine))
    }

    /// The folders of the PATH, where they really are.
    pub(crate) fn path_folders(&self) -> Vec<TreePath> {
        self.path.iter().filter_map(|folder| locate(self.tree, folder)).collect()
    }

    /// `` `place`, from package NAME ``.
    pub(super) fn with_owner(&self, place: &str, file: &TreePath) -> String {
        match self.owner_of(file) {
            Some(package) => format!("`{place}`, from package {package}"),
            None => format!("`{place}`"),
        }
    }

    /// The package that brought a file.
    pub(crate) fn owner_of(&self, file: &TreePath) -> Option<&str> {
        self.packages.get_or_init(|| Packages::read(self.tree, self.blobs)).owner_of(file)
    }

    pub(super) fn bytes_at(&self, file: &TreePath, limit: u64) -> Option<Bytes> {
        self.tree.get(file)?.content()?.read(self.blobs, limit).ok()
    }

    pub(super) fn bytes(&self, text: &str, limit: u64) -> Option<Bytes> {
        self.bytes_at(&locate(self.tree, text)?, limit)
    }

    pub(super) fn text(&self, text: &str, limit: u64) -> Option<String> {
        self.bytes(text, limit).map(|data| String::from_utf8_lossy(&data).into_owned())
    }

    /// The folders that `ldconfig` would look into.
    pub(super) fn configured(&self) -> &[TreePath] {
        self.configured.get_or_init(|| {
            let folders = cache::configured(self.tree, &|file| self.text(file, MAX_TEXT));
            folders.iter().filter_map(|folder| locate(self.tree, folder)).collect()
        })
    }

    /// Whether some folder has a library of that name for the machine.
    fn somewhere(&self, name: &str, machine: Machine) -> bool {
        let file = self.libraries().get(name.as_bytes()).and_then(|at| self.tree.resolve(at).ok());
        file.is_some_and(|file| matches!(&*self.file(&file), File::Elf(program) if program.elf.machine == machine))
    }

    /// Every name that a library has somewhere; of several that are called the same the first for this machine.
    pub(super) fn libraries(&self) -> &BTreeMap<Vec<u8>, TreePath> {
        self.libraries.get_or_init(|| {
            let mut libraries: BTreeMap<Vec<u8>, TreePath> = BTreeMap::new();
            for entry in self.tree.walk().filter(|entry| !entry.node.is_directory()) {
                let name = entry.path.name().unwrap_or_default();
                if !name.windows(3).any(|part| part == b".so") {
                    continue;
                }
                let name = name.to_vec();
                match libraries.get(&name) {
                    Some(there) if self.is_native(there) || !self.is_native(&entry.path) => {}
                    _ => drop(libraries.insert(name, entry.path)),
                }
            }
            libraries
        })
    }

    fn is_native(&self, at: &TreePath) -> bool {
        let Ok(file) = self.tree.resolve(at) else { return false };
        matches!(&*self.file(&file), File::Elf(program) if program.elf.machine == libc::machine_of(self.arch))
    }
}
