//! Sorting a package's maintainer scripts: generated snippets, own code that is understood or modelled, and the rest.

use rootsmith_assemble::Package;
use rootsmith_tree::{Node, NodeKind, Tree};
use rootsmith_types::{Arch, PackageName, Sha256Digest, TreePath};

use crate::ConfigureError;
use crate::effect::Effect;
use crate::models::{Model, Models};
use crate::shell::{Command, NotUnderstood, World, follow};

/// debhelper puts what it generates between these (debhelper(7), "Automatic generation of maintainer scripts").
const SNIPPET_BEGIN: &str = "# Automatically added by ";
const SNIPPET_END: &str = "# End automatically added section";
/// As many lines of a script as a message shows.
const SHOWN_LINES: usize = 8;

/// What a package's scripts come down to.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// In the order the scripts have them.
    pub(crate) effects: Vec<Effect>,
    /// Files with fixed contents.
    pub(crate) files: Vec<(String, String)>,
    /// Why its own code is what the model says, when there is one.
    pub(crate) modelled: Vec<String>,
    /// The profile's reason, when its own code was left out for that.
    pub(crate) ignored: Option<String>,
}

/// What scripts are sorted against.
pub(crate) struct Sorter<'a> {
    pub(crate) models: &'a Models,
    pub(crate) tree: &'a Tree,
    pub(crate) arch: Arch,
}

impl Sorter<'_> {
    /// Sorts `preinst` and `postinst` as they are called on a first installation.
    pub(crate) fn sort(&self, package: &Package, answer: Option<&str>, errors: &mut Vec<ConfigureError>) -> Sorted {
        let mut sorted = Sorted::default();
        let members = &package.unpacked.control.members;
        let name = &package.locked.name;
        for (script, call) in [("preinst", "install"), ("postinst", "configure")] {
            let Some((_, bytes)) = members.get(script) else { continue };
            let text = String::from_utf8_lossy(bytes).into_owned();
            let mut calls = vec![vec![call, ""]];
            let triggers = members.get("triggers").map(|(_, text)| interests(text)).unwrap_or_default();
            if script == "postinst" && !triggers.is_empty() {
                calls.push(vec!["triggered", triggers.as_str()]);
            }
            self.script(name, script, &text, &calls, answer, &mut sorted, errors);
        }
        sorted
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn script(
        &self,
        package: &PackageName,
        script: &str,
        text: &str,
        calls: &[Vec<&str>],
        answer: Option<&str>,
        sorted: &mut Sorted,
        errors: &mut Vec<ConfigureError>,
    ) {
        let parts = split(text);
        let release = package.as_str().strip_prefix("linux-image-").unwrap_or("");
        let digests = own_digests(&parts.own, self.arch, release);
        let digest = digests[0];
        let mut models = self.models.of(package.as_str(), script).peekable();
        let has_model = models.peek().is_some();
        if let Some(model) = models.find(|model| digests.iter().any(|digest| model.sha256.contains(digest))) {
            self.modelled(model, release, sorted, errors);
            // The model speaks for the own code alone.
            match self.understand(&parts.snippets, &calls[0]) {
                Ok(effects) => sorted.effects.extend(effects),
                Err(not) => errors.push(not_modelled(package, script, text, not, digest, false)),
            }
            return;
        }
        let understood: Result<Vec<_>, _> = calls.iter().map(|call| self.understand(text, call)).collect();
        match (understood, answer) {
            (Ok(effects), _) => sorted.effects.extend(effects.into_iter().flatten()),
            (Err(_), Some(reason)) => {
                sorted.ignored = Some(reason.to_owned());
                sorted.effects.extend(self.understand(&parts.snippets, &calls[0]).unwrap_or_default());
            }
            (Err(not), None) => errors.push(not_modelled(package, script, text, not, digest, has_model)),
        }
    }

    fn modelled(&self, model: &Model, release: &str, sorted: &mut Sorted, errors: &mut Vec<ConfigureError>) {
        match model.effects(&[("@RELEASE@", release), ("@MULTIARCH@", self.arch.multiarch())], self) {
            Ok(effects) => {
                sorted.effects.extend(effects);
                sorted.files.extend(model.files.iter().map(|(path, text)| (path.clone(), text.clone())));
                sorted.modelled.push(model.why.clone());
            }
            Err(error) => errors.push(error),
        }
    }

    fn understand(&self, text: &str, call: &[&str]) -> Result<Vec<Effect>, NotUnderstood> {
        let commands = follow(text, call, self)?;
        let effect = |command: &Command| {
            let unknown =
                || NotUnderstood { line: command.line, what: format!("`{}`", shorten(&command.words.join(" "))) };
            Effect::of(&command.words).ok_or_else(unknown)
        };
        commands.iter().map(effect).collect()
    }
}

impl World for Sorter<'_> {
    fn test(&self, operator: char, path: &str) -> bool {
        // No init runs, and no process but ours.
        if ["/run/systemd", "/proc/", "/sys/"].iter().any(|prefix| path.starts_with(prefix)) {
            return false;
        }
        let Ok(at) = TreePath::new(path) else { return false };
        let itself = self.tree.resolve_parent(&at).ok().and_then(|at| self.tree.get(&at));
        let target = self.tree.lookup(&at);
        let is = |node: Option<&Node>, test: fn(&Node) -> bool| node.is_some_and(test);
        match operator {
            'e' | 'r' => target.is_some(),
            'f' => is(target, |node| node.content().is_some()),
            'd' => is(target, Node::is_directory),
            'x' => is(target, |node| node.metadata.mode & 0o111 != 0),
            's' => is(target, |node| node.content().is_some_and(|content| content.size() > 0)),
            'p' => is(target, |node| node.kind == NodeKind::Fifo),
            'L' | 'h' => is(itself, |node| node.link_target().is_some()),
            _ => false,
        }
    }

    fn find_command(&self, name: &str) -> Option<String> {
        let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        folders.iter().map(|folder| format!("{folder}/{name}")).find(|path| self.test('x', path))
    }
}

/// A script's own code, by which a model knows it: everything but the generated snippets, with the architecture's tuple and
/// the kernel's release made neutral, so that one model serves every architecture and kernel. A tuple may as well be written
/// for every architecture (a comment, a case), so what the tuple is left in counts, too.
pub(crate) fn own_digests(own: &str, arch: Arch, release: &str) -> [Sha256Digest; 2] {
    let neutral = own.replace(arch.multiarch(), "@MULTIARCH@");
    [neutral.as_str(), own].map(|text| match release {
        "" => Sha256Digest::of(text.as_bytes()),
        _ => Sha256Digest::of(text.replace(release, "@RELEASE@").as_bytes()),
    })
}

/// A script apart.
pub(crate) struct Parts {
    /// Without the snippets.
    pub(crate) own: String,
    /// The snippets in their own lines, the rest empty.
    snippets: String,
}

pub(crate) fn split(text: &str) -> Parts {
    let mut parts = Parts { own: String::new(), snippets: String::new() };
    let mut inside = false;
    for line in text.lines() {
        if !inside && line.starts_with(SNIPPET_BEGIN) {
            inside = true;
        }
        if inside {
            parts.snippets.push_str(line);
        } else {
            parts.own.push_str(line.trim_end());
            parts.own.push('\n');
        }
        parts.snippets.push('\n');
        if line.starts_with(SNIPPET_END) {
            inside = false;
        }
    }
    parts
}

/// The names of a `triggers` file's interests (deb-triggers(5)), as one word list.
fn interests(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let names =
        text.lines().filter(|line| line.starts_with("interest")).filter_map(|line| line.split_whitespace().nth(1));
    names.collect::<Vec<_>>().join(" ")
}

fn not_modelled(
    package: &PackageName,
    script: &str,
    text: &str,
    not: NotUnderstood,
    digest: Sha256Digest,
    changed: bool,
) -> ConfigureError {
    let numbered = text.lines().enumerate().skip(not.line.saturating_sub(1));
    let lines = numbered.filter(|(_, line)| !line.trim().is_empty());
    let lines = lines.map(|(n, line)| format!("{}: {}", n + 1, shorten(line.trim_end()))).take(SHOWN_LINES).collect();
    let script = script.to_owned();
    ConfigureError::NotModelled { package: package.clone(), script, what: not.what, lines, digest, changed }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
