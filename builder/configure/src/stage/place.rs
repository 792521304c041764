//! Commands that bring what is there to another place: cp(1), mv(1), ln(1), install(1).

use rootsmith_shell::{Call, Done, Refusal};
use rootsmith_tree::{Content, Node, NodeKind};
use rootsmith_types::TreePath;

use super::line::Line;
use super::mode::{changed_mode, nobody};
use super::{MAX_PATHS, Stage, because, done, failed};
use crate::effect::Effect;

/// The way from a link to what it is to lead to.
fn relative(link: &TreePath, to: &TreePath) -> String {
    let (link, to) = (link.to_string(), to.to_string());
    let (mut link, mut to): (Vec<&str>, Vec<&str>) = (link.split('/').collect(), to.split('/').collect());
    link.pop();
    let same = link.iter().zip(&to).take_while(|(a, b)| a == b).count();
    // The last name stays, where the link lies beside or below what it leads to.
    let same = same.min(to.len() - 1);
    let mut way = vec![".."; link.len() - same];
    way.extend(to.drain(same..));
    way.join("/")
}

impl Stage<'_, '_> {
    /// Where `from` comes to lie when it is copied, moved or linked to `to`: below it when that is a folder.
    fn destination(&self, cwd: &str, from: &str, to: &str, line: &Line<'_>) -> Result<TreePath, Refusal> {
        let target = self.target(cwd, to)?;
        let plain = line.has(&["-T", "--no-target-directory"]);
        if plain || !self.edit.is_directory(&target) {
            return self.place(cwd, to);
        }
        let name = from.trim_end_matches('/').rsplit('/').next().unwrap_or(from);
        match target.join(name) {
            Ok(path) => Ok(path),
            Err(error) => because(format!("the path `{name}`: {error}")),
        }
    }

    /// What is copied, moved or linked, and to where: the last operand, or the value of `-t`.
    fn sources<'a>(&self, command: &str, line: &Line<'a>) -> Result<(Vec<&'a str>, &'a str), Refusal> {
        let mut operands = line.operands.clone();
        let to = match line.value(&["-t", "--target-directory"]) {
            Some(folder) => Some(folder),
            None => operands.pop(),
        };
        match to {
            Some(to) if !operands.is_empty() => Ok((operands, to)),
            _ => because(format!("`{command}` with one operand")),
        }
    }

    pub(super) fn cp(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = [
            "-a",
            "--archive",
            "-p",
            "-d",
            "-r",
            "-R",
            "--recursive",
            "-f",
            "--force",
            "-n",
            "--no-clobber",
            "-L",
            "-P",
            "-v",
            "--verbose",
            "-T",
            "--no-target-directory",
            "--dereference",
            "--no-dereference",
            // Without SELinux it does nothing.
            "-Z",
        ];
        let valued = ["-t", "--target-directory", "--preserve", "--reflink"];
        let line = Line::parse("cp", arguments, &flags, &valued)?;
        let recursive = line.has(&["-a", "--archive", "-r", "-R", "--recursive"]);
        let preserve = line.has(&["-a", "--archive", "-p"]) || line.value(&["--preserve"]).is_some();
        // Links are copied as links by `-a`, `-d`, `-P` and, on the way through folders, by `-r`.
        let follow = !line.has(&["-a", "--archive", "-d", "-P", "--no-dereference"]) && !recursive || line.has(&["-L"]);
        if let Some(what) = line.value(&["--preserve"])
            && what != "all"
            && !(what.contains("mode") && what.contains("ownership"))
        {
            return because(format!("`cp --preserve={what}`"));
        }
        let (sources, to) = self.sources("cp", &line)?;
        let mut status = done();
        for from in sources {
            let source = if follow { self.target(call.cwd, from)? } else { self.place(call.cwd, from)? };
            let mut target = self.destination(call.cwd, from, to, &line)?;
            let Some(node) = self.node(&source).cloned() else {
                status = failed();
                continue;
            };
            if node.is_directory() && !recursive {
                status = failed();
                continue;
            }
            if line.has(&["-n", "--no-clobber"]) && self.node(&target).is_some() {
                continue;
            }
            if node.is_directory() && target.starts_with(&source) {
                return because(format!("a copy of `{from}` into itself"));
            }
            // A file is written through a link that is there.
            if node.content().is_some() && self.node(&target).is_some_and(|node| node.link_target().is_some()) {
                target = self.edit.assembly.tree.resolve(&target).unwrap_or(target);
            }
            if !self.has_parent(&target) {
                status = failed();
                continue;
            }
            self.copy(&source, &target, preserve, call.umask)?;
        }
        status
    }

    /// Copies what is at `source`, with all below it.
    fn copy(&mut self, source: &TreePath, target: &TreePath, preserve: bool, umask: u16) -> Result<(), Refusal> {
        let entries: Vec<(TreePath, Node)> = self
            .edit
            .assembly
            .tree
            .walk_from(source)
            .map(|entry| (entry.path, entry.node.clone()))
            .take(MAX_PATHS + 1)
            .collect();
        if entries.len() > MAX_PATHS {
            return because("a copy of too many files");
        }
        for (path, mut node) in entries {
            let below = path.to_string();
            let below = below.strip_prefix(&source.to_string()).unwrap_or("").to_owned();
            let Ok(at) = TreePath::new(format!("{}{below}", target.to_string().trim_end_matches('/'))) else {
                return because(format!("the path `{target}{below}`"));
            };
            self.may_change(&at)?;
            let there = self.node(&at).map(|node| (node.kind.clone(), node.metadata.clone()));
            if node.is_directory() && matches!(there, Some((NodeKind::Directory, _))) {
                continue;
            }
            if !preserve && !matches!(node.kind, NodeKind::Symlink(_)) {
                node.metadata = match (&there, &node.kind) {
                    // A file that is there keeps its mode and owner.
                    (Some((NodeKind::File(_), metadata)), NodeKind::File(_)) => metadata.clone(),
                    _ => self.made(node.metadata.mode & 0o777 & !umask),
                };
            }
            self.edit.put(&at.to_string(), node);
            self.record(Effect::File(at));
        }
        Ok(())
    }

    pub(super) fn mv(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = [
            "-f",
            "--force",
            "-n",
            "--no-clobber",
            "-v",
            "--verbose",
            "-T",
            "--no-target-directory",
            "-u",
            "--update",
            "-Z",
        ];
        let line = Line::parse("mv", arguments, &flags, &["-t", "--target-directory"])?;
        if line.has(&["-u", "--update"]) {
            return because("`mv --update`, which asks for times");
        }
        let (sources, to) = self.sources("mv", &line)?;
        let mut status = done();
        for from in sources {
            let source = self.place(call.cwd, from)?;
            let target = self.destination(call.cwd, from, to, &line)?;
            if line.has(&["-n", "--no-clobber"]) && self.node(&target).is_some() {
                continue;
            }
            let folder_over_file = self.node(&source).is_some_and(Node::is_directory)
                && self.node(&target).is_some_and(|node| !node.is_directory());
            if self.node(&source).is_none() || !self.has_parent(&target) || folder_over_file {
                status = failed();
                continue;
            }
            self.may_change(&source)?;
            self.may_change(&target)?;
            if source == target || target.starts_with(&source) {
                status = failed();
                continue;
            }
            if self.node(&target).is_some() {
                if self.edit.is_directory(&target) && self.edit.assembly.tree.children(&target).next().is_some() {
                    status = failed();
                    continue;
                }
                self.edit.assembly.tree.remove(&target);
            }
            if let Err(error) = self.edit.assembly.tree.rename(&source, &target) {
                return because(format!("`{source}` cannot become `{target}`: {error}"));
            }
            self.edit.assembly.owners.set(target.clone(), self.edit.owner.clone());
            self.record(Effect::Removed(source));
            self.record(Effect::File(target));
        }
        status
    }

    pub(super) fn ln(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = [
            "-s",
            "--symbolic",
            "-f",
            "--force",
            "-n",
            "--no-dereference",
            "-v",
            "--verbose",
            "-T",
            "--no-target-directory",
            "-r",
            "--relative",
        ];
        let line = Line::parse("ln", arguments, &flags, &["-t", "--target-directory"])?;
        let (sources, to) = match line.operands[..] {
            [one] => (vec![one], "."),
            _ => self.sources("ln", &line)?,
        };
        let mut status = done();
        for from in sources {
            let no_dereference = line.has(&["-n", "--no-dereference"]);
            let link = self.place(call.cwd, to)?;
            let is_link = self.node(&link).is_some_and(|node| node.link_target().is_some());
            let at = if no_dereference && is_link { link } else { self.destination(call.cwd, from, to, &line)? };
            self.may_change(&at)?;
            if !self.has_parent(&at) {
                status = failed();
                continue;
            }
            match self.node(&at) {
                Some(node) if node.is_directory() || !line.has(&["-f", "--force"]) => {
                    status = failed();
                    continue;
                }
                _ => {}
            }
            if line.has(&["-s", "--symbolic"]) {
                let target = match line.has(&["-r", "--relative"]) {
                    true => relative(&at, &self.target(call.cwd, from)?),
                    false => from.to_owned(),
                };
                self.edit.symlink(&at.to_string(), &target);
                self.record(Effect::Link { path: at, target });
                continue;
            }
            let existing = self.target(call.cwd, from)?;
            self.edit.assembly.tree.remove(&at);
            if self.edit.assembly.tree.hard_link(&at, &existing).is_err() {
                status = failed();
                continue;
            }
            self.edit.assembly.owners.set(at.clone(), self.edit.owner.clone());
            self.record(Effect::File(at));
        }
        status
    }

    pub(super) fn install(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-d", "--directory", "-D", "-p", "--preserve-timestamps", "-v", "--verbose", "-T", "-c"];
        let valued = ["-m", "--mode", "-o", "--owner", "-g", "--group", "-t", "--target-directory"];
        let line = Line::parse("install", arguments, &flags, &valued)?;
        let mode = match line.value(&["-m", "--mode"]) {
            Some(text) => match changed_mode(text, 0, true, 0) {
                Some(mode) => mode,
                None => return because(format!("the mode `{text}`")),
            },
            None => 0o755,
        };
        let user = line.value(&["-o", "--owner"]).unwrap_or("root");
        let group = line.value(&["-g", "--group"]).unwrap_or("root");
        let owner = format!("{user}:{group}");
        let Some((uid, gid)) = self.owner(&owner, false) else { return nobody("install", &owner) };
        let mut metadata = self.made(mode);
        metadata.uid = uid.unwrap_or(0);
        metadata.gid = gid.unwrap_or(0);
        if line.has(&["-d", "--directory"]) {
            for path in &line.operands {
                let at = self.target(call.cwd, path)?;
                self.folders_above(&at, 0o755)?;
                match self.node(&at).map(Node::is_directory) {
                    Some(false) => return failed(),
                    Some(true) => {
                        if let Some(node) = self.edit.assembly.tree.get_mut(&at) {
                            (node.metadata.mode, node.metadata.uid, node.metadata.gid) =
                                (metadata.mode, metadata.uid, metadata.gid);
                        }
                    }
                    None => self.edit.put(&at.to_string(), Node::directory(metadata.clone())),
                }
                self.record(Effect::Directory(at));
            }
            return done();
        }
        let (sources, to) = self.sources("install", &line)?;
        let mut status = done();
        for from in sources {
            let target = self.destination(call.cwd, from, to, &line)?;
            self.may_change(&target)?;
            let content = match from {
                "/dev/null" => Some(Content::inline([])),
                _ => {
                    let source = self.target(call.cwd, from)?;
                    self.node(&source).and_then(Node::content).cloned()
                }
            };
            if line.has(&["-D"]) {
                self.folders_above(&target, 0o755)?;
            }
            let Some(content) = content.filter(|_| self.has_parent(&target) && !self.edit.is_directory(&target)) else {
                status = failed();
                continue;
            };
            self.edit.put(&target.to_string(), Node::file(content, metadata.clone()));
            self.record(Effect::File(target));
        }
        status
    }
}
