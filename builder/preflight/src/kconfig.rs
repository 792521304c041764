//! The kernel of an image: which one boots, what a program on it would read of its configuration, what it says itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use rootsmith_kernel::config::Config;
use rootsmith_kernel::{Kernel, KernelError, embedded_config, find_kernel, find_kernels};
use rootsmith_tree::{Blobs, Content, DerivedKey, Node};
use rootsmith_types::{Arch, TreePath};

use crate::facts::path;
use crate::view::View;
use crate::{BootEntry, BootFacts, EntryKind, Facts, Remembered};

/// Of what is kept: see [`DerivedKey::new`].
const FORM: &str = "embedded configuration 1";

/// No kernel image is larger.
const MAX_KERNEL: u64 = 256 << 20;

/// The configuration that a program on the running system would read.
pub(crate) enum FoundConfig {
    Found {
        path: TreePath,
        config: Config,
        /// From `# Linux/x86 6.12.107 Kernel Configuration`.
        version: Option<String>,
        /// As k0s reads it: the last of `y`, `m` and `n` that stands behind a symbol, whatever `is not set` follows.
        read: BTreeMap<String, char>,
    },
    /// A file is in the way that cannot be read; programs stop there.
    Broken {
        path: TreePath,
        reason: String,
    },
    None,
}

/// The configuration that was built into the kernel.
pub(crate) enum Embedded {
    /// There is no kernel, or the configuration that was found says that nothing is in it.
    NotExpected,
    /// It should be there, or might be, and is not.
    Missing,
    /// It is there: where, and how the file differs that was found, when one was.
    Found { place: String, file: Option<TreePath>, differences: Vec<String> },
    /// It may be there, but what it is in cannot be read: why.
    Unreadable(String),
}

impl FoundConfig {
    fn of(path: TreePath, text: &str) -> FoundConfig {
        let version = text.lines().take(10).find_map(|line| {
            let words = line.strip_prefix("# Linux/")?.strip_suffix(" Kernel Configuration")?;
            words.split_once(' ').map(|(_, version)| version.to_owned())
        });
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("CONFIG_")?.split_once('='));
        let read = lines.filter_map(|(symbol, value)| {
            let value = value.chars().next().filter(|value| matches!(value, 'y' | 'm' | 'n'))?;
            Some((symbol.to_owned(), value))
        });
        FoundConfig::Found { path, config: Config::parse(text), version, read: read.collect() }
    }
}

/// A file that a configuration may be inside of, whether the running system shows it, and its content.
type Carrier<'a> = (TreePath, bool, &'a Content);

/// What boots: the default entry when it is a kernel, else what its boot loader starts first.
pub(crate) fn entry(boot: &BootFacts, arch: Arch) -> Option<&BootEntry> {
    let default = boot.default_entry(arch);
    default.filter(|entry| entry.kind == EntryKind::Uki || entry.linux).or_else(|| {
        let mut others = boot.entries.iter();
        others.find(|entry| !matches!(entry.kind, EntryKind::Uki | EntryKind::Loader)).or(default)
    })
}

/// The kernel of the release that is `wanted`, else the only one, else the newest: then with a phrase that says so.
pub(crate) fn choose(facts: &Facts<'_>, wanted: Option<&str>) -> (Result<Kernel, KernelError>, Option<String>) {
    let only = find_kernel(facts.tree, facts.blobs);
    if only.as_ref().is_ok_and(|kernel| wanted.is_none_or(|wanted| wanted == kernel.release)) {
        return (only, None);
    }
    let mut found = find_kernels(facts.tree, facts.blobs);
    if let Some(at) = found.iter().position(|kernel| Some(kernel.release.as_str()) == wanted) {
        return (Ok(found.swap_remove(at)), None);
    }
    let releases: Vec<String> = found.iter().map(|kernel| kernel.release.clone()).collect();
    match (&only, found.pop()) {
        (Err(_), Some(newest)) if releases.len() == 1 => (Ok(newest), None),
        (Err(_), Some(newest)) => {
            let note = format!("nothing says which of the kernels {} boots: the newest is judged", releases.join(", "));
            (Ok(newest), Some(note))
        }
        _ => (only, None),
    }
}

/// The configuration inside the file at `place`: most of a kernel has to be unpacked for it, so it is kept.
fn embedded(
    remembered: &Remembered,
    blobs: &dyn Blobs,
    place: &TreePath,
    content: &Content,
) -> Result<Option<Arc<str>>, String> {
    remembered.config(content, || {
        let unread = |error| format!("`{place}` cannot be read: {error}");
        content.within(MAX_KERNEL).map_err(unread)?;
        let key = DerivedKey::new(FORM).with_content(content, blobs).map_err(unread)?;
        let kept = key.derive(blobs, || {
            let data = content.read(blobs, MAX_KERNEL).map_err(unread)?;
            let text = embedded_config(&data).map_err(|error| format!("`{place}`: {error}"))?;
            Ok::<_, String>(text.map_or(Vec::new(), String::into_bytes))
        })?;
        // No configuration is empty.
        Ok((!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into()))
    })
}

impl View<'_> {
    /// What k0s would read, and what was built into the kernel.
    pub(crate) fn configurations(&self, kernel: &Kernel) -> (FoundConfig, Embedded) {
        let file = self.find_config(&kernel.release);
        let (known, at) = match &file {
            FoundConfig::Found { path, config, .. } => (Some(config), Some(path)),
            _ => (None, None),
        };
        let said = known.map(|config| config.get("IKCONFIG").unwrap_or("n"));
        // A file that denies it is not believed either: it may be another kernel's.
        let found = if said == Some("m") { self.module_configs(kernel) } else { self.image(kernel) };
        let read = found.and_then(|found| {
            let Some((place, is_shown, content)) = found else { return Ok(None) };
            Ok(embedded(self.remembered, self.facts.blobs, &place, content)?.map(|text| (place, is_shown, text)))
        });
        let (place, is_shown, text) = match (read, said) {
            (Ok(Some(read)), _) => read,
            (_, Some("n")) => return (file, Embedded::NotExpected),
            (Ok(None), _) => return (file, Embedded::Missing),
            (Err(reason), _) => return (file, Embedded::Unreadable(reason)),
        };
        let inside = Config::parse(&text);
        let differences = known.map(|known| differences(known, &inside)).unwrap_or_default();
        let embedded = Embedded::Found { place: place.to_string(), file: at.cloned(), differences };
        if is_shown && inside.is_builtin("IKCONFIG_PROC") {
            // The first place of all.
            return (FoundConfig::of(TreePath::literal("/proc/config.gz"), &text), embedded);
        }
        (file, embedded)
    }

    /// The kernel image, which shows what is in it.
    fn image(&self, kernel: &Kernel) -> Result<Option<Carrier<'_>>, String> {
        self.content(&kernel.image).map(|content| Some((kernel.image.clone(), true, content)))
    }

    /// The module `configs`, and whether it is loaded at boot: only then something is shown.
    fn module_configs(&self, kernel: &Kernel) -> Result<Option<Carrier<'_>>, String> {
        let Some(file) = self.modules.file("configs") else { return Ok(None) };
        let at = kernel.modules.join(file).map_err(|e| e.to_string())?;
        let content = self.content(&at)?;
        Ok(Some((at, self.is_loaded_at_boot("configs"), content)))
    }

    fn content(&self, at: &TreePath) -> Result<&Content, String> {
        let content = self.facts.tree.lookup(at).and_then(Node::content);
        content.ok_or_else(|| format!("`{at}` is no regular file"))
    }

    /// Whether `/etc/modules` or a file of modules-load.d(5) names the module.
    fn is_loaded_at_boot(&self, name: &str) -> bool {
        let mut files = vec!["/etc/modules".to_owned()];
        for folder in ["/etc/modules-load.d", "/usr/lib/modules-load.d", "/lib/modules-load.d"] {
            let names = path(folder).into_iter().flat_map(|folder| self.facts.tree.children(&folder));
            let names = names.filter_map(|name| std::str::from_utf8(name).ok());
            files.extend(names.map(|name| format!("{folder}/{name}")));
        }
        let names = |file: &String| self.text_or_empty(file).lines().any(|line| line.trim() == name);
        files.iter().any(names)
    }

    /// The nine places k0s looks in, in its order, but for the first, `/proc/config.gz`, which no tree has.
    pub(crate) fn find_config(&self, release: &str) -> FoundConfig {
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
                Ok(Some(text)) => return FoundConfig::of(at, &text),
                Err(reason) => return FoundConfig::Broken { path: at, reason },
            }
        }
        FoundConfig::None
    }
}

/// Symbols that do not have the same value in both: phrases.
fn differences(file: &Config, inside: &Config) -> Vec<String> {
    let unset = |value: Option<&str>| value.unwrap_or("n").to_owned();
    let mut symbols: Vec<&str> = file.iter().chain(inside.iter()).map(|(symbol, _)| symbol).collect();
    symbols.sort_unstable();
    symbols.dedup();
    let differing = symbols.into_iter().filter_map(|symbol| {
        let (there, here) = (unset(file.get(symbol)), unset(inside.get(symbol)));
        (there != here).then(|| format!("`CONFIG_{symbol}={there}` there, `{here}` in the kernel"))
    });
    differing.collect()
}
