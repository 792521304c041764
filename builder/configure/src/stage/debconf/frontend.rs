//! How a script comes to debconf: when it reads [`super::CONFMODULE`] its package's templates are taken in, its `config` has its say,
//! then it asks itself.

use rootsmith_shell::{Done, Host, Refusal};
use rootsmith_types::PackageName;

use crate::stage::{Stage, because, done};
use crate::{database, generate, script};

/// Which profiles of PAM are enabled.
const PAM: &str = "libpam-runtime/profiles";

impl Stage<'_, '_> {
    /// A script begins to ask. What asks while another one does is part of it.
    pub(crate) fn start_debconf(&mut self) -> Result<(), String> {
        if self.shared.debconf.is_running() {
            return Ok(());
        }
        self.load_questions()?;
        let package = self.package;
        if let Some((_, config)) = package.unpacked.control.members.get("config") {
            self.shared.debconf.begin(&self.asker());
            let config = String::from_utf8_lossy(config);
            let before = self.before.clone();
            let ended = script::succeed(self, "config", &config, &["configure", &before]);
            self.shared.debconf.finish();
            let failed = ended.is_err();
            self.config = Some(ended);
            if failed {
                return Err("its `config` fails".to_owned());
            }
        }
        self.shared.debconf.begin(&self.asker());
        Ok(())
    }

    /// Takes in the templates of the package whose script runs.
    pub(crate) fn load_questions(&mut self) -> Result<(), String> {
        let package = self.package;
        let Some((_, templates)) = package.unpacked.control.members.get("templates") else { return Ok(()) };
        let owner = self.asker();
        self.load_templates(&package.locked.name, templates, &owner)
    }

    /// As debconf names the package: before it is unpacked by its name, then as its files in dpkg's database are.
    fn asker(&self) -> String {
        if self.unpacked { database::info_name(self.package) } else { self.package.locked.name.to_string() }
    }

    fn load_templates(&mut self, package: &PackageName, bytes: &[u8], owner: &str) -> Result<(), String> {
        let loaded = self.shared.debconf.load(package.as_str(), bytes, owner);
        loaded.map_err(|reason| format!("the templates of `{package}`: {reason}"))
    }

    /// Takes in another package's templates, as programs of that package do when scripts call them.
    pub(in crate::stage) fn load_templates_of(&mut self, package: &str, owner: &str) -> Result<bool, Refusal> {
        let Some(found) = self.packages.iter().find(|found| found.locked.name == *package) else { return Ok(false) };
        let Some((_, templates)) = found.unpacked.control.members.get("templates") else { return Ok(false) };
        let loaded = self.load_templates(&found.locked.name, templates, owner);
        loaded.map_or_else(because, |()| Ok(true))
    }

    /// ucf(1) takes in its own questions when it may ask.
    pub(in crate::stage) fn start_ucf(&mut self, arguments: &[&str]) -> Result<(), Refusal> {
        let may_ask = arguments.contains(&"--debconf-ok") || !self.shared.debconf.is_running();
        if may_ask && !arguments.contains(&"--purge") {
            self.load_templates_of("ucf", "ucf")?;
        }
        Ok(())
    }

    /// What pam-auth-update(8) with `--package` leaves of its question. The templates are libpam-runtime's, whoever calls it.
    pub(in crate::stage) fn start_pam(&mut self) -> Result<(), Refusal> {
        if !self.load_templates_of("libpam-runtime", "libpam-runtime")? {
            return Ok(());
        }
        let tree = &self.edit.assembly.tree;
        let [names, titles, enabled] = match generate::pam_choices(tree, self.edit.blobs) {
            Ok(choices) => choices,
            Err(error) => return because(error.to_string()),
        };
        let debconf = &mut self.shared.debconf;
        for (variable, value) in [("profile_names", names), ("profiles", titles)] {
            debconf.command(&["subst", PAM, variable, &value]);
        }
        debconf.command(&["fset", PAM, "seen", "false"]);
        debconf.command(&["set", PAM, &enabled]);
        debconf.command(&["set", "libpam-runtime/override", "false"]);
        Ok(())
    }

    /// `rootsmith-debconf COMMAND …`, which only the functions that stand for [`super::CONFMODULE`] call.
    pub(in crate::stage) fn debconf(&mut self, words: &[&str]) -> Result<Done, Refusal> {
        if let ["x_loadtemplatefile", path, owner @ ..] = words {
            let owner = owner.first().map_or_else(|| self.asker(), |owner| (*owner).to_owned());
            return self.load_file(path, &owner);
        }
        let (status, text) = self.shared.debconf.command(words);
        // As scripts find it in `RET`: the number is cut off where it has one digit.
        let stdout = match (status, text) {
            (0, Some(text)) => text,
            (status, Some(text)) => format!("{status} {text}"),
            (status, None) => status.to_string(),
        };
        Ok(Done { status, stdout: stdout.into_bytes(), stderr: Vec::new() })
    }

    fn load_file(&mut self, path: &str, owner: &str) -> Result<Done, Refusal> {
        // dpkg's database is written when all scripts have been followed.
        let name = path.strip_prefix("/var/lib/dpkg/info/").and_then(|name| name.strip_suffix(".templates"));
        if let Some(name) = name {
            let package = name.split(':').next().unwrap_or(name);
            if self.load_templates_of(package, owner)? {
                return done();
            }
        }
        let Some(bytes) = self.read(path)? else {
            let stdout = format!("{} failed to open {path}", super::NO_SUCH).into_bytes();
            return Ok(Done { status: super::NO_SUCH, stdout, stderr: Vec::new() });
        };
        let loaded = self.shared.debconf.load(path, &bytes, owner);
        loaded.map_or_else(|reason| because(format!("the templates in `{path}`: {reason}")), |()| done())
    }
}
