//! What several rules look at, read once.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use rootsmith_kernel::{Kernel, KernelError, ModuleInfo, module_info, module_name};
use rootsmith_profile::Profile;
use rootsmith_tree::{Content, DerivedKey, Node, TreeError};

use crate::elf::{Programs, service_path};
use crate::facts::path;
use crate::init::InitSystem;
use crate::kconfig::{Embedded, choose, entry};
use crate::rules::Survey;
use crate::{BootEntry, Brought, Facts, Remembered};

pub(crate) use crate::kconfig::FoundConfig;

/// Configuration files and lists have at most a few megabytes.
const MAX_TEXT: u64 = 16 << 20;
/// Compressed; the largest of Debian has 5 MB.
const MAX_MODULE: u64 = 128 << 20;
/// Of what is kept: see [`DerivedKey::new`].
const MODULE_INFO: &str = "module info 1";
/// No script of an init is larger.
const MAX_SCRIPT: u64 = 1 << 20;

/// The facts and what was read out of them.
pub(crate) struct View<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) profile: Option<&'a Profile>,
    /// What payloads brought, where that is known.
    pub(crate) brought: Option<&'a Brought>,
    /// Of the entry that boots, where several are there.
    pub(crate) kernel: Result<Kernel, KernelError>,
    /// That the kernel was chosen among several, and how: a phrase.
    pub(crate) chosen: Option<String>,
    pub(crate) config: FoundConfig,
    pub(crate) embedded: Embedded,
    pub(crate) modules: Modules,
    /// Of the entry that boots, else of the profile; `None` when nothing is known of the command line.
    pub(crate) cmdline: Option<Vec<String>>,
    init_system: OnceLock<InitSystem>,
    pub(crate) remembered: &'a Remembered,
    pub(crate) programs: Programs<'a>,
    /// What is wrong with them, once somebody asks.
    pub(crate) survey: OnceCell<Survey>,
}

/// The module index, as `modprobe` would see it.
#[derive(Default)]
pub(crate) struct Modules {
    /// File and dependencies, relative to the modules folder.
    files: BTreeMap<String, Vec<String>>,
    builtin: BTreeSet<String>,
    /// What the files say of themselves, of those that were asked for.
    infos: Mutex<BTreeMap<String, Result<ModuleInfo, String>>>,
    /// The files of modprobe.d(5), once they were asked for.
    pub(crate) configuration: OnceLock<BTreeMap<String, String>>,
}

impl Modules {
    /// The module's file, relative to the modules folder.
    pub(crate) fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name)?.first().map(String::as_str)
    }

    /// The names of the modules that it needs, directly or not.
    pub(crate) fn needs(&self, name: &str) -> impl Iterator<Item = String> {
        let files = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
        files.iter().skip(1).filter_map(|file| module_name(file.as_bytes()))
    }

    /// The files of all modules, relative to the modules folder.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.values().filter_map(|files| files.first()).map(String::as_str)
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>, profile: Option<&'a Profile>, remembered: &'a Remembered) -> View<'a> {
        let entry = facts.boot.and_then(|boot| entry(boot, facts.arch));
        let (kernel, chosen) = choose(facts, entry.and_then(|entry| entry.release.as_deref()));
        let mut view = View {
            facts,
            profile,
            brought: None,
            kernel,
            chosen,
            config: FoundConfig::None,
            embedded: Embedded::NotExpected,
            modules: Modules::default(),
            cmdline: None,
            init_system: OnceLock::new(),
            remembered,
            programs: Programs::new(facts.tree, facts.blobs, facts.arch, &[], remembered),
            survey: OnceCell::new(),
        };
        match view.kernel.clone() {
            Ok(kernel) => {
                view.modules = view.read_modules(&kernel);
                (view.config, view.embedded) = view.configurations(&kernel);
            }
            // The configuration can be read all the same, and k0s asks for no more.
            Err(KernelError::NoModules { release, .. }) => view.config = view.find_config(&release),
            Err(_) => {}
        }
        let kernel = profile.and_then(|profile| profile.kernel.as_ref());
        view.cmdline = match (entry, kernel) {
            (Some(entry), _) => Some(entry.words().map(str::to_owned).collect()),
            (None, Some(kernel)) => {
                let words = kernel.cmdline_for(facts.arch).flat_map(|words| words.value.split_ascii_whitespace());
                Some(words.map(str::to_owned).collect())
            }
            (None, None) => None,
        };
        let path = service_path(facts.tree, view.init());
        view.programs = Programs::new(facts.tree, facts.blobs, facts.arch, path, remembered);
        view
    }

    /// What boots, when anything is known of it.
    pub(crate) fn entry(&self) -> Option<&'a BootEntry> {
        self.facts.boot.and_then(|boot| entry(boot, self.facts.arch))
    }

    /// What is at `text`, links followed.
    pub(crate) fn node(&self, text: &str) -> Option<&'a Node> {
        self.facts.tree.lookup(&path(text)?)
    }

    /// The text of a file, links followed; `None` when nothing is there, `Err` when it cannot be read.
    pub(crate) fn text(&self, text: &str) -> Result<Option<String>, String> {
        let Some(at) = path(text) else { return Ok(None) };
        let at = match self.facts.tree.resolve(&at) {
            Ok(at) => at,
            // A link that leads nowhere reads as no file.
            Err(TreeError::NotFound(_) | TreeError::NotADirectory(_)) => return Ok(None),
            Err(e) => return Err(e.to_string()),
        };
        let Some(content) = self.facts.tree.get(&at).and_then(Node::content) else {
            return Err(format!("`{at}` is no regular file"));
        };
        let data = content.read(self.facts.blobs, MAX_TEXT).map_err(|e| format!("`{at}` cannot be read: {e}"))?;
        Ok(Some(String::from_utf8_lossy(&data).into_owned()))
    }

    /// The text of a file; empty when there is none or it cannot be read.
    pub(crate) fn text_or_empty(&self, text: &str) -> String {
        self.text(text).ok().flatten().unwrap_or_default()
    }

    /// The text of a script: a small file, links followed, that is not binary.
    pub(crate) fn script(&self, at: &str) -> Option<String> {
        let data = self.node(at)?.content()?.read(self.facts.blobs, MAX_SCRIPT).ok()?;
        let text = !data.starts_with(b"\x7fELF") && !data.iter().take(512).any(|&b| b == 0);
        text.then(|| String::from_utf8_lossy(&data).into_owned())
    }

    /// The names in a folder, links to it followed, sorted; nothing when there is none.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        let folder = path(folder).and_then(|at| self.facts.tree.resolve(&at).ok());
        let names = folder.into_iter().flat_map(|at| self.facts.tree.children(&at));
        names.filter_map(|name| std::str::from_utf8(name).ok()).map(str::to_owned).collect()
    }

    /// Which init there is, and what it does.
    pub(crate) fn init_system(&self) -> &InitSystem {
        self.init_system.get_or_init(|| InitSystem::of(self))
    }

    /// The value behind the last `key=` on the command line.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        let words = self.cmdline.as_ref()?.iter().rev();
        words.filter_map(|word| word.split_once('=')).find(|(there, _)| *there == key).map(|(_, value)| value)
    }

    /// Whether the word is on the command line by itself.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.cmdline.as_ref().is_some_and(|words| words.iter().any(|there| there == word))
    }

    pub(crate) fn symbol(&self, symbol: &str) -> Option<&str> {
        match &self.config {
            FoundConfig::Found { config, .. } => config.get(symbol),
            _ => None,
        }
    }

    /// The path of PID 1: `init=` or `/sbin/init`.
    pub(crate) fn init(&self) -> &str {
        self.word("init").unwrap_or("/sbin/init")
    }

    /// The release of systemd, when it is PID 1: out of the name of its library. `Some(None)` when the name does not tell.
    pub(crate) fn systemd(&self) -> Option<Option<u32>> {
        let tree = self.facts.tree;
        let init = tree.resolve(&path(self.init())?).ok()?;
        if init.name() != Some(b"systemd") {
            return None;
        }
        let multiarch = format!("/usr/lib/{}/systemd", self.facts.arch.multiarch());
        let folders = [multiarch.as_str(), "/usr/lib/systemd", "/lib/systemd", "/usr/lib64/systemd"];
        let names = folders.iter().filter_map(|folder| path(folder)).flat_map(|folder| tree.children(&folder));
        let release = names.filter_map(|name| {
            let rest = std::str::from_utf8(name).ok()?.strip_prefix("libsystemd-shared-")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        Some(release.max())
    }

    fn read_modules(&self, kernel: &Kernel) -> Modules {
        let folder = &kernel.modules;
        let mut modules = Modules::default();
        for line in self.text_or_empty(&format!("{folder}/modules.dep")).lines() {
            let Some((file, needed)) = line.split_once(':') else { continue };
            let files = [file].into_iter().chain(needed.split_ascii_whitespace()).map(str::to_owned).collect();
            modules.files.extend(module_name(file.as_bytes()).map(|name| (name, files)));
        }
        let builtin = self.text_or_empty(&format!("{folder}/modules.builtin"));
        modules.builtin = builtin.lines().filter_map(|line| module_name(line.as_bytes())).collect();
        modules
    }

    /// How `modprobe NAME` would end: where the module is, or why it is not.
    pub(crate) fn module(&self, name: &str) -> Result<String, String> {
        let kernel = self.kernel.as_ref().map_err(ToString::to_string)?;
        let name = name.replace('-', "_");
        if self.modules.builtin.contains(&name) {
            return Ok(format!("module `{name}` is part of the kernel image"));
        }
        let Some(files) = self.modules.files.get(&name) else {
            return Err(format!("module `{name}` is not in `{}/modules.dep`", kernel.modules));
        };
        for file in files {
            let at = kernel.modules.join(file).map_err(|e| e.to_string())?;
            if self.facts.tree.lookup(&at).and_then(Node::content).is_none() {
                return Err(format!("module file `{at}` is not there"));
            }
        }
        Ok(format!("module `{name}` is `{}`", files[0]))
    }

    /// What the module's file says of itself; `None` when there is no such file, or it is part of the kernel image.
    pub(crate) fn module_info(&self, name: &str) -> Option<Result<ModuleInfo, String>> {
        let name = name.replace('-', "_");
        let file = self.modules.file(&name)?;
        // Nothing panics while it is held.
        let mut infos = self.modules.infos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = infos.get(&name) {
            return Some(info.clone());
        }
        let at = self.kernel.as_ref().ok()?.modules.join(file).ok()?;
        let content = self.facts.tree.lookup(&at).and_then(Node::content)?;
        let info = self.remembered.module(file, content, || self.read_module_info(file, content));
        let info = info.map_err(|reason| format!("`{at}` {reason}"));
        infos.insert(name, info.clone());
        Some(info)
    }

    /// The same for the file `name` with its content: it has to be decompressed, so what it says is kept.
    fn read_module_info(&self, name: &str, content: &Content) -> Result<ModuleInfo, String> {
        let unread = |error: std::io::Error| format!("cannot be read: {error}");
        content.within(MAX_MODULE).map_err(unread)?;
        let key = DerivedKey::new(MODULE_INFO).with(name.as_bytes());
        let key = key.with_content(content, self.facts.blobs).map_err(unread)?;
        let kept = key.derive(self.facts.blobs, || {
            let data = content.read(self.facts.blobs, MAX_MODULE).map_err(unread)?;
            let info = module_info(name.as_bytes(), &data)?;
            serde_json::to_vec(&info).map_err(|error| error.to_string())
        })?;
        serde_json::from_slice(&kept).map_err(|error| error.to_string())
    }

    /// Whether the module is in the kernel image.
    pub(crate) fn is_builtin(&self, name: &str) -> bool {
        self.modules.builtin.contains(&name.replace('-', "_"))
    }
}

/// Whether `release` (`6.12.107+deb13`) is `least` (`5.2`) or later, number by number.
pub(crate) fn at_least(release: &str, least: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        text[..end].split('.').map_while(|part| part.parse().ok()).collect()
    };
    numbers(release) >= numbers(least)
}

/// Whether a name fits a pattern of `*`, `?` and letters (glob(7), without brackets).
pub(crate) fn matches_glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` was, and the first letter it did not take yet.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&letter) if letter == '?' || letter == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&letter| letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched() {
        for (pattern, name, fits) in [
            ("S??*", "S01x", true),
            ("S??*", "S0", false),
            ("*.start", "a.start", true),
            ("*.start", "a.start.bak", false),
            ("ssh_host_*key*", "ssh_host_rsa_key.pub", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYb", false),
            ("", "", true),
        ] {
            assert_eq!(matches_glob(pattern, name), fits, "{pattern} {name}");
        }
    }
}
