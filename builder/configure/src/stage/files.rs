//! Commands on files, as GNU coreutils and findutils do them for root (coreutils(1), find(1)): which there are, and those that
//! make and remove.
//!
//! What a command does not know of its options is a refusal: nothing is left out in silence.

use rootsmith_shell::{Call, Done, Refusal};
use rootsmith_tree::{Metadata, Node};
use rootsmith_types::TreePath;

use super::line::Line;
use super::mode::changed_mode;
use super::{Stage, because, done, failed, said};
use crate::effect::Effect;

impl Stage<'_, '_> {
    /// A command on files; `None` for any other.
    pub(super) fn file_command(
        &mut self,
        name: &str,
        arguments: &[&str],
        call: &Call<'_>,
    ) -> Option<Result<Done, Refusal>> {
        Some(match name {
            "mkdir" => self.mkdir(arguments, call),
            "rmdir" => self.rmdir(arguments, call),
            "rm" | "unlink" => self.rm(arguments, call),
            "cp" => self.cp(arguments, call),
            "mv" => self.mv(arguments, call),
            "ln" => self.ln(arguments, call),
            "chmod" => self.chmod(arguments, call),
            "chown" => self.chown("chown", arguments, call),
            "chgrp" => self.chown("chgrp", arguments, call),
            "touch" => self.touch(arguments, call),
            "install" => self.install(arguments, call),
            "readlink" => self.readlink(arguments, call),
            "realpath" => self.realpath(arguments, call),
            "ls" => self.ls(arguments, call),
            "stat" => self.stat(arguments, call),
            "dd" => self.dd(arguments, call),
            "mktemp" => self.mktemp(arguments, call),
            "find" => self.find(arguments, call),
            "setcap" => self.setcap(arguments, call),
            // The disk is written when everything is known, and as large as it must be.
            "sync" => done(),
            "df" if matches!(arguments, ["--output=avail", _]) => said("Avail\n4194304\n"),
            _ => return None,
        })
    }

    pub(super) fn record(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Made by a script: owned by root.
    pub(super) fn made(&self, mode: u16) -> Metadata {
        self.edit.metadata(mode)
    }

    /// Whether something can be made at the path: its folder is there.
    pub(super) fn has_parent(&self, at: &TreePath) -> bool {
        at.parent().is_some_and(|parent| self.edit.is_directory(&parent))
    }

    fn mkdir(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        // Without SELinux, `-Z` does nothing.
        let flags = ["-p", "--parents", "-v", "--verbose", "-Z"];
        let line = Line::parse("mkdir", arguments, &flags, &["-m", "--mode"])?;
        let parents = line.has(&["-p", "--parents"]);
        let mut status = done();
        for path in &line.operands {
            let at = self.target(call.cwd, path)?;
            if self.node(&at).is_some() {
                // Whether it is a folder or not: an error without `-p`.
                if !parents || !self.edit.is_directory(&at) {
                    status = failed();
                }
                continue;
            }
            if !parents && !self.has_parent(&at) {
                status = failed();
                continue;
            }
            let usual = 0o777 & !call.umask;
            let mode = match line.value(&["-m", "--mode"]) {
                Some(text) => match changed_mode(text, 0o777, true, call.umask) {
                    Some(mode) => mode,
                    None => return because(format!("the mode `{text}`")),
                },
                None => usual,
            };
            // Those on the way are writable for their owner, whatever the mask says.
            self.folders_above(&at, usual | 0o300)?;
            self.folder(&at, mode);
        }
        status
    }

    pub(super) fn folders_above(&mut self, at: &TreePath, mode: u16) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        let mut above = at.parent();
        while let Some(path) = above.filter(|path| self.node(path).is_none()) {
            above = path.parent();
            missing.push(path);
        }
        for path in missing.into_iter().rev() {
            self.folder(&path, mode);
        }
        Ok(())
    }

    pub(super) fn folder(&mut self, at: &TreePath, mode: u16) {
        let metadata = self.made(mode);
        self.edit.put(&at.to_string(), Node::directory(metadata));
        self.record(Effect::Directory(at.clone()));
    }

    fn rmdir(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-p", "--parents", "--ignore-fail-on-non-empty", "-v", "--verbose"];
        let line = Line::parse("rmdir", arguments, &flags, &[])?;
        let lenient = line.has(&["--ignore-fail-on-non-empty"]);
        let mut status = done();
        for path in &line.operands {
            let mut at = Some(self.place(call.cwd, path)?);
            while let Some(path) = at.take() {
                let there = self.node(&path).is_some_and(Node::is_directory);
                let empty = self.edit.assembly.tree.children(&path).next().is_none();
                if there && empty && !path.is_root() {
                    self.edit.assembly.tree.remove(&path);
                    self.record(Effect::Removed(path.clone()));
                    at = path.parent().filter(|_| line.has(&["-p", "--parents"]));
                } else if !(lenient && there) {
                    status = failed();
                }
            }
        }
        status
    }

    fn rm(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-r", "-R", "--recursive", "-f", "--force", "-v", "--verbose", "-d", "--dir", "--one-file-system"];
        let line = Line::parse("rm", arguments, &flags, &[])?;
        let (recursive, force) = (line.has(&["-r", "-R", "--recursive"]), line.has(&["-f", "--force"]));
        let mut status = done();
        for path in &line.operands {
            let at = self.place(call.cwd, path)?;
            let Some(node) = self.node(&at) else {
                status = if force { status } else { failed() };
                continue;
            };
            self.may_change(&at)?;
            if at.is_root() {
                return because("removing everything");
            }
            let empty = self.edit.assembly.tree.children(&at).next().is_none();
            if node.is_directory() && !recursive && !(line.has(&["-d", "--dir"]) && empty) {
                status = failed();
                continue;
            }
            self.edit.assembly.tree.remove(&at);
            self.edit.assembly.owners.retain(|path| !path.starts_with(&at));
            self.record(Effect::Removed(at));
        }
        status
    }

    fn touch(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-a", "-m", "-c", "--no-create", "-h"];
        let line = Line::parse("touch", arguments, &flags, &["-d", "--date", "-r", "--reference", "-t"])?;
        let mut status = done();
        for path in &line.operands {
            let at = self.target(call.cwd, path)?;
            if self.node(&at).is_none() && !line.has(&["-c", "--no-create"]) {
                if !self.has_parent(&at) {
                    status = failed();
                    continue;
                }
                self.edit.write(&at.to_string(), "", 0o666 & !call.umask);
                self.record(Effect::File(at));
            }
        }
        status
    }

    fn mktemp(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let flags = ["-d", "--directory", "-q", "--quiet", "-t", "-u"];
        // `--tmpdir` may stand without a value; then the template is below /tmp.
        let arguments: Vec<&str> = arguments.iter().map(|&word| if word == "--tmpdir" { "-t" } else { word }).collect();
        let line = Line::parse("mktemp", &arguments, &flags, &["-p", "--tmpdir", "--suffix"])?;
        let template = line.operands.first().copied().unwrap_or("tmp.XXXXXXXXXX");
        let end = template.rfind('X').map_or(0, |at| at + 1);
        let marks = end - template[..end].trim_end_matches('X').len();
        if marks < 3 {
            return because(format!("the template `{template}`"));
        }
        self.shared.temporary += 1;
        let suffix = line.value(&["--suffix"]).unwrap_or("");
        let name = format!("{}{:0marks$}{}{suffix}", &template[..end - marks], self.shared.temporary, &template[end..]);
        let folder = line.value(&["-p", "--tmpdir"]);
        let path = match folder {
            Some(folder) => format!("{folder}/{name}"),
            None if line.operands.is_empty() || line.has(&["-t"]) => format!("/tmp/{name}"),
            None => name,
        };
        let at = self.target(call.cwd, &path)?;
        if !self.has_parent(&at) {
            return failed();
        }
        if line.has(&["-u"]) {
            // A name alone is asked for.
        } else if line.has(&["-d", "--directory"]) {
            self.folder(&at, 0o700);
        } else {
            self.edit.write(&at.to_string(), "", 0o600);
        }
        said(format!("{path}\n"))
    }
}
