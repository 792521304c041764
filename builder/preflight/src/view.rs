//! What several rules look at, read once.

use std::collections::{BTreeMap, BTreeSet};

use rootsmith_kernel::config::Config;
use rootsmith_kernel::{Kernel, KernelError, find_kernel, module_name};
use rootsmith_profile::Profile;
use rootsmith_tree::{Node, TreeError};
use rootsmith_types::TreePath;

use crate::Facts;
use crate::facts::path;

/// Configuration files and lists have at most a few megabytes.
const MAX_TEXT: u64 = 16 << 20;

/// The facts and what was read out of them.
pub(crate) struct View<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) profile: Option<&'a Profile>,
    pub(crate) kernel: Result<Kernel, KernelError>,
    pub(crate) config: FoundConfig,
    pub(crate) modules: Modules,
    /// Of the entry that boots, else of the profile; `None` when nothing is known of the command line.
    pub(crate) cmdline: Option<Vec<String>>,
}

/// The configuration that a program on the running system would read.
pub(crate) enum FoundConfig {
    Found {
        path: TreePath,
        config: Config,
        /// From `# Linux/x86 6.12.107 Kernel Configuration`.
        version: Option<String>,
    },
    /// A file is in the way that cannot be read; programs stop there.
    Broken {
        path: TreePath,
        reason: String,
    },
    None,
}

/// The module index, as `modprobe` would see it.
#[derive(Default)]
pub(crate) struct Modules {
    /// File and dependencies, relative to the modules folder.
    files: BTreeMap<String, Vec<String>>,
    builtin: BTreeSet<String>,
}

impl<'a> View<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>, profile: Option<&'a Profile>) -> View<'a> {
        let mut view = View {
            facts,
            profile,
            kernel: find_kernel(facts.tree, facts.blobs),
            config: FoundConfig::None,
            modules: Modules::default(),
            cmdline: None,
        };
        if let Some(release) = view.kernel.as_ref().ok().map(|kernel| kernel.release.clone()) {
            view.config = view.find_config(&release);
            view.modules = view.read_modules(&release);
        }
        let entry = facts.boot.and_then(|boot| boot.default_entry(facts.arch));
        let kernel = profile.and_then(|profile| profile.kernel.as_ref());
        view.cmdline = match (entry, kernel) {
            (Some(entry), _) => Some(entry.words().map(str::to_owned).collect()),
            (None, Some(kernel)) => {
                let words = kernel.cmdline.iter().flat_map(|words| words.value.split_ascii_whitespace());
                Some(words.map(str::to_owned).collect())
            }
            (None, None) => None,
        };
        view
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

    /// The nine places k0s looks in, in its order, but for `/proc/config.gz`, which no tree has: the kernel that offers it
    /// was built with `CONFIG_IKCONFIG_PROC=y` and shows what it was built with.
    fn find_config(&self, release: &str) -> FoundConfig {
        let places = [
            format!("/boot/config-{release}"),
            format!("/usr/src/linux-{release}/.config"),
            "/usr/src/linux/.config".to_owned(),
            format!("/usr/lib/modules/{release}/config"),
            format!("/usr/lib/ostree-boot/config-{release}"),
            format!("/usr/lib/kernel/config-{release}"),
            format!("/usr/src/linux-headers-{release}/.config"),
            format!("/lib/modules/{release}/build/.config"),
        ];
        for place in places {
            // Releases are letters, digits and `._+-~`.
            let Some(at) = path(&place) else { continue };
            match self.text(&place) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    let version = text.lines().take(10).find_map(|line| {
                        let words = line.strip_prefix("# Linux/")?.strip_suffix(" Kernel Configuration")?;
                        words.split_once(' ').map(|(_, version)| version.to_owned())
                    });
                    return FoundConfig::Found { path: at, config: Config::parse(&text), version };
                }
                Err(reason) => return FoundConfig::Broken { path: at, reason },
            }
        }
        FoundConfig::None
    }

    fn read_modules(&self, release: &str) -> Modules {
        let mut modules = Modules::default();
        for line in self.text_or_empty(&format!("/usr/lib/modules/{release}/modules.dep")).lines() {
            let Some((file, needed)) = line.split_once(':') else { continue };
            let files = [file].into_iter().chain(needed.split_ascii_whitespace()).map(str::to_owned).collect();
            modules.files.extend(module_name(file.as_bytes()).map(|name| (name, files)));
        }
        let builtin = self.text_or_empty(&format!("/usr/lib/modules/{release}/modules.builtin"));
        modules.builtin = builtin.lines().filter_map(|line| module_name(line.as_bytes())).collect();
        modules
    }

    /// How `modprobe NAME` would end: where the module is, or why it is not.
    pub(crate) fn module(&self, name: &str) -> Result<String, String> {
        let Ok(kernel) = &self.kernel else { return Err("there is no kernel".to_owned()) };
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
