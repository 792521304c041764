//! Commands that Debian's scripts call beside those on files: accounts, dpkg's own tools, and what does nothing where no
//! system runs.

use rootsmith_package::{Comparison, Version};
use rootsmith_profile::Caches;
use rootsmith_shell::{Done, Host, Refusal};
use rootsmith_types::TreePath;

use super::{Stage, because, done, failed, said};
use crate::database::md5;
use crate::effect::{Effect, Generator, SystemUser};
use crate::{accounts, alternatives, apply, tmpfiles};

/// Of smaller files ucf(1) keeps what the package brought.
const UCF_SMALL: usize = 25_600;

/// A package's field, as dpkg-query(1) shows it.
fn shown(format: &str, name: &str, version: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        out += before;
        let (field, after) = after.split_once('}')?;
        out += match field {
            "Package" | "binary:Package" => name,
            "Version" => version,
            "Status" => "install ok installed",
            "db:Status-Status" => "installed",
            "db:Status-Abbrev" => "ii ",
            "db:Status-Want" => "install",
            "db:Status-Eflag" => "ok",
            _ => return None,
        };
        rest = after;
    }
    out += rest;
    Some(out.replace("\\n", "\n").replace("\\t", "\t"))
}

/// Of `dpkg --compare-versions` (dpkg(1)): an empty version is older than any, but for the operators with `-nl`.
fn compares(left: &str, operator: &str, right: &str) -> Option<bool> {
    let comparison = match operator {
        "lt" | "<<" | "lt-nl" => Comparison::Earlier,
        "le" | "<=" | "<" | "le-nl" => Comparison::EarlierOrEqual,
        "eq" | "=" => Comparison::Equal,
        "ge" | ">=" | ">" | "ge-nl" => Comparison::LaterOrEqual,
        "gt" | ">>" | "gt-nl" => Comparison::Later,
        "ne" => return compares(left, "eq", right).map(|equal| !equal),
        _ => return None,
    };
    if left.is_empty() || right.is_empty() {
        let latest = operator.ends_with("-nl");
        let rank = |text: &str| if text.is_empty() { if latest { 2 } else { 0 } } else { 1 };
        let order = rank(left).cmp(&rank(right));
        return Some(match comparison {
            Comparison::Earlier => order.is_lt(),
            Comparison::EarlierOrEqual => order.is_le(),
            Comparison::Equal => order.is_eq(),
            Comparison::LaterOrEqual => order.is_ge(),
            Comparison::Later => order.is_gt(),
        });
    }
    Some(comparison.holds(Version::new(left), Version::new(right)))
}

impl Stage<'_, '_> {
    /// A command that has an answer, or none to give; `None` for one that is an effect, or not known.
    pub(super) fn debian_command(&mut self, name: &str, arguments: &[&str]) -> Option<Result<Done, Refusal>> {
        if let Some((user, group)) = membership(name, arguments) {
            if !self.edit.accounts.join(user, group) {
                return Some(failed());
            }
            self.effects.push(Effect::Member { user: user.to_owned(), group: group.to_owned() });
            return Some(done());
        }
        Some(match (name, arguments) {
            ("update-xmlcatalog", arguments) => self.xml_catalog(arguments),
            ("update-catalog", arguments) => self.sgml_catalog(arguments),
            ("rootsmith-debconf", arguments) => self.debconf(arguments),
            ("dpkg", ["--compare-versions", left, operator, right]) => match compares(left, operator, right) {
                Some(true) => done(),
                Some(false) => failed(),
                None => because(format!("the comparison `{operator}`")),
            },
            ("dpkg", ["--print-architecture"]) => said(format!("{}\n", self.arch.debian())),
            ("dpkg", ["--print-foreign-architectures"]) => done(),
            ("dpkg", [option, ..]) if option.starts_with("--assert-") => done(),
            ("dpkg", ["-s" | "--status", package]) | ("dpkg-query", ["-s" | "--status", package]) => {
                match self.version(package) {
                    Some(version) => {
                        said(format!("Package: {package}\nStatus: install ok installed\nVersion: {version}\n"))
                    }
                    None => failed(),
                }
            }
            ("dpkg" | "dpkg-query", ["-L" | "--listfiles", packages @ ..]) => self.list_files(packages),
            ("dpkg-query", arguments) => self.query(arguments),
            (_, [folder]) if name.ends_with("glib-compile-schemas") => self.schemas(folder),
            ("dpkg-statoverride", ["--list", paths @ ..] | ["--quiet", "--list", paths @ ..])
                if !paths.is_empty() && paths.iter().all(|path| path.starts_with('/') && !path.contains('*')) =>
            {
                let found = paths.iter().filter_map(|path| self.shared.overrides.get(*path));
                let lines: String = found.map(|line| format!("{line}\n")).collect();
                if lines.is_empty() { failed() } else { said(lines) }
            }
            ("dpkg-divert", ["--truename", path]) => {
                said(format!("{}\n", self.shared.diversions.get(*path).map_or(*path, |(to, _)| to)))
            }
            ("dpkg-divert", ["--listpackage", path]) => match self.shared.diversions.get(*path) {
                Some((_, package)) => said(format!("{package}\n")),
                None => done(),
            },
            ("dpkg-divert", ["--list", path]) => match self.shared.diversions.get(*path) {
                Some((to, package)) => said(format!("diversion of {path} to {to} by {package}\n")),
                None => done(),
            },
            ("dpkg-maintscript-helper", ["supports", ..]) => done(),
            ("deb-systemd-helper", [.., "was-enabled", unit]) => match self.was_enabled(unit) {
                Some(false) => failed(),
                _ => done(),
            },
            ("deb-systemd-helper", [.., "debian-installed", unit]) => match self.was_enabled(unit) {
                Some(_) => done(),
                None => failed(),
            },
            ("getent", ["passwd", user]) => match self.edit.accounts.passwd_line(user) {
                Some(line) => said(line + "\n"),
                None => Ok(Done { status: 2, ..Done::default() }),
            },
            ("getent", ["group", group]) => match self.edit.accounts.group_line(group) {
                Some(line) => said(line + "\n"),
                None => Ok(Done { status: 2, ..Done::default() }),
            },
            ("id", ["-u"]) => said(format!("{}\n", self.who.0)),
            ("id", ["-g"]) => said(format!("{}\n", self.who.1)),
            ("id", ["-gn" | "-ng", user]) => {
                match self.edit.accounts.primary_gid(user).and_then(|gid| self.edit.accounts.group_name(gid)) {
                    Some(group) => said(format!("{group}\n")),
                    None => failed(),
                }
            }
            ("id", ["-Gn" | "-nG", user]) | ("groups", [user]) => match self.edit.accounts.uid(user) {
                Some(_) => {
                    let before = if name == "groups" { format!("{user} : ") } else { String::new() };
                    said(before + &self.edit.accounts.groups_of(user).join(" ") + "\n")
                }
                None => failed(),
            },
            ("update-locale", arguments) => self.update_locale(arguments),
            ("usermod", arguments) => return self.usermod(arguments),
            ("ucfq", ["--with-colons" | "-w", path]) => self.ucfq(path),
            ("update-alternatives", arguments) => return self.alternatives(arguments),
            ("id", ["-un"] | ["-gn"]) | ("whoami", []) => said("root\n"),
            ("id", ["-u", user]) => self.number_of(self.edit.accounts.uid(user)),
            ("id", ["-g", user]) => self.number_of(self.edit.accounts.primary_gid(user)),
            ("id", [user]) if !user.starts_with('-') => match self.edit.accounts.uid(user) {
                Some(uid) => said(format!("uid={uid}({user})\n")),
                None => failed(),
            },
            _ => return None,
        })
    }

    /// Whether the script has enabled a unit, or told deb-systemd-helper of it without that.
    fn was_enabled(&self, asked: &str) -> Option<bool> {
        self.effects.iter().fold(None, |before, effect| match effect {
            Effect::EnableUnit { unit, .. } if unit == asked => Some(true),
            Effect::UnitOff(unit) if unit == asked => Some(false),
            Effect::UnitState { unit, .. } if unit == asked => before.or(Some(false)),
            _ => before,
        })
    }

    fn version(&self, name: &str) -> Option<&str> {
        let package = self.packages.iter().find(|package| package.locked.name.as_str() == name)?;
        Some(&package.locked.version)
    }

    fn number_of(&self, number: Option<u32>) -> Result<Done, Refusal> {
        number.map_or_else(failed, |number| said(format!("{number}\n")))
    }

    /// An empty line between packages; a status for those that are not installed.
    fn list_files(&self, names: &[&str]) -> Result<Done, Refusal> {
        let mut listed = Done::default();
        for name in names {
            let plain = name.split(':').next().unwrap_or(name);
            let Some(package) = self.packages.iter().find(|package| package.locked.name.as_str() == plain) else {
                listed.status = 1;
                continue;
            };
            if !listed.stdout.is_empty() {
                listed.stdout.push(b'\n');
            }
            for entry in &package.unpacked.entries {
                listed.stdout.extend_from_slice(if entry.path == b"/" { b"/." } else { &entry.path });
                listed.stdout.push(b'\n');
            }
        }
        Ok(listed)
    }

    /// `glib-compile-schemas FOLDER` where there is nothing to compile.
    fn schemas(&mut self, folder: &str) -> Result<Done, Refusal> {
        if self.caches == Some(Caches::LeftOut) {
            return done();
        }
        let names = self.list(folder)?.unwrap_or_default();
        match names.iter().find(|name| name.ends_with(".gschema.xml")) {
            Some(name) => {
                let reason = format!("compiling the schema `{name}`");
                self.machine = Some("`glib-compile-schemas`".to_owned());
                because(reason)
            }
            None => done(),
        }
    }

    fn query(&self, arguments: &[&str]) -> Result<Done, Refusal> {
        let mut format = "${Package}\\t${Version}\\n";
        let mut names = Vec::new();
        let mut show = false;
        let mut rest = arguments.iter().copied();
        while let Some(word) = rest.next() {
            match word {
                "-W" | "--show" => show = true,
                "-f" | "--showformat" => format = rest.next().unwrap_or_default(),
                _ => {
                    match word.strip_prefix("-f=").or(word.strip_prefix("--showformat=")).or(word.strip_prefix("-f")) {
                        Some(text) => format = text,
                        None if word.starts_with('-') || word.contains('*') => {
                            return because(format!("`dpkg-query {}`", arguments.join(" ")));
                        }
                        None => names.push(word),
                    }
                }
            }
        }
        if !show || names.is_empty() {
            return because(format!("`dpkg-query {}`", arguments.join(" ")));
        }
        let mut out = String::new();
        let mut status = 0;
        for name in names {
            let plain = name.split(':').next().unwrap_or(name);
            match self.version(plain) {
                Some(version) => match shown(format, plain, version) {
                    Some(text) => out += &text,
                    None => return because(format!("the format `{format}`")),
                },
                None => status = 1,
            }
        }
        Ok(Done { status, stdout: out.into_bytes(), ..Done::default() })
    }

    /// What ucf's books say of a file: whose it is, whether it is there, whether it was changed since.
    fn ucfq(&self, path: &str) -> Result<Done, Refusal> {
        let package = self.shared.registered.get(path).map_or("", String::as_str);
        let now = self.content(&self.target("/", path)?)?.map(|bytes| md5(&bytes));
        let changed = match (self.shared.ucf.get(path), &now) {
            (Some(then), Some(now)) if then == now => "No",
            (Some(_), Some(_)) => "Yes",
            _ => "",
        };
        said(format!("{path}:{package}:{}:{changed}\n", if now.is_some() { "Yes" } else { "" }))
    }

    /// Does what can be done at once, and notes it.
    pub(super) fn effect(&mut self, effect: Effect) -> Result<Done, Refusal> {
        let numbers = self.numbers;
        match &effect {
            Effect::Nothing => return done(),
            Effect::Group { name, id } => {
                self.edit.accounts.group(numbers, name, *id);
            }
            Effect::User(user) if !self.user(user) => return failed(),
            Effect::Sysusers(files) => accounts::sysusers(self.edit, numbers, files),
            Effect::Tmpfiles(files) => tmpfiles::create(self.edit, files),
            Effect::StatOverride { user, group, mode, path } => {
                let line = format!("{user} {group} {mode:o} {path}");
                self.shared.overrides.insert(path.to_string(), line);
                // An override may be recorded for a path that comes later.
                if self.edit.assembly.tree.lookup(path).is_some() {
                    if self.edit.accounts.uid(user).is_none() || self.edit.accounts.gid(group).is_none() {
                        return failed();
                    }
                    self.edit.change(path, Some(*mode), Some(user), Some(group));
                }
            }
            Effect::Generate(Generator::Pam) => self.start_pam()?,
            Effect::Alternative(choice) => {
                self.shared.alternatives.entry(choice.name.clone()).or_default().push(choice.clone());
            }
            Effect::Divert { package, from, to, rename } => {
                let package = package.clone().unwrap_or_else(|| self.package.locked.name.to_string());
                if *rename {
                    self.set_aside(from, to, &package)?;
                }
                self.shared.diversions.insert(from.clone(), (to.clone(), package));
            }
            Effect::Undivert { from } => {
                self.shared.diversions.remove(from);
            }
            Effect::Ucf { from, to, three_way, .. } => {
                let Some(node) = self.edit.assembly.tree.lookup(from).cloned() else { return failed() };
                let Some(bytes) = self.content(&self.target("/", &from.to_string())?)? else { return failed() };
                self.edit.put(&to.to_string(), node.clone());
                if *three_way || bytes.len() < UCF_SMALL {
                    self.edit.put(&format!("/var/lib/ucf/cache/{}", to.to_string().replace('/', ":")), node);
                }
                let (from, to, three_way, md5) = (from.clone(), to.clone(), *three_way, md5(&bytes));
                self.shared.ucf.insert(to.to_string(), md5.clone());
                self.effects.push(Effect::Ucf { from, to, md5, three_way });
                return done();
            }
            Effect::UcfRegister { package, path } => {
                self.shared.registered.insert(path.to_string(), package.clone());
            }
            Effect::Generate(generator @ Generator::Certificates) => {
                let made = apply::make(&self.edit.assembly.tree, self.edit.blobs, *generator, self.arch);
                apply::put(self.edit, *generator, made);
            }
            _ => {}
        }
        self.effects.push(effect);
        done()
    }

    /// What is at a diverted path and is not the package's own comes to lie where the diversion says.
    fn set_aside(&mut self, from: &str, to: &str, package: &str) -> Result<(), Refusal> {
        let (from, to) = (self.place("/", from)?, self.place("/", to)?);
        let own = match self.edit.assembly.owners.exactly(&from) {
            Some(rootsmith_assemble::Owner::Package(owner)) => owner.as_str() == package,
            _ => false,
        };
        if own || self.edit.assembly.tree.get(&from).is_none() {
            return Ok(());
        }
        if let Err(error) = self.edit.assembly.tree.rename(&from, &to) {
            return because(format!("`{from}` cannot become `{to}`: {error}"));
        }
        Ok(())
    }

    /// A user of the system, with the home it makes. `false` when its group is not there.
    fn user(&mut self, user: &SystemUser) -> bool {
        if !self.edit.accounts.adduser(self.numbers, user) {
            return false;
        }
        if user.make_home && user.home != "/nonexistent" {
            let mut metadata = self.edit.metadata(if user.skeleton { 0o700 } else { 0o755 });
            metadata.uid = self.edit.accounts.uid(&user.name).unwrap_or(0);
            metadata.gid = self.edit.accounts.primary_gid(&user.name).unwrap_or(65534);
            let (uid, gid) = (metadata.uid, metadata.gid);
            if self.edit.directory(&user.home, metadata) && user.skeleton {
                let skeleton = TreePath::literal("/etc/skel");
                let below = self.edit.assembly.tree.walk_from(&skeleton).skip(1);
                let nodes: Vec<_> = below.map(|entry| (entry.path, entry.node.clone())).collect();
                for (path, mut node) in nodes {
                    (node.metadata.uid, node.metadata.gid) = (uid, gid);
                    self.edit.put(&path.to_string().replacen("/etc/skel", &user.home, 1), node);
                }
            }
        }
        true
    }

    /// usermod(8), as far as it changes home, shell and comment.
    fn usermod(&mut self, arguments: &[&str]) -> Option<Result<Done, Refusal>> {
        let (mut home, mut shell, mut comment, mut name) = (None, None, None, None);
        let mut words = arguments.iter().copied();
        while let Some(word) = words.next() {
            match word {
                "-d" | "--home" => home = Some(words.next()?),
                "-s" | "--shell" => shell = Some(words.next()?),
                "-c" | "--comment" => comment = Some(words.next()?),
                // There is no password to lock.
                "-L" | "--lock" => {}
                word if !word.starts_with('-') && name.is_none() => name = Some(word),
                _ => return None,
            }
        }
        Some(if self.edit.accounts.usermod(name?, home, shell, comment) { done() } else { failed() })
    }

    /// update-alternatives(1) beside `--install`: before that nothing is there to be removed or told of.
    fn alternatives(&self, arguments: &[&str]) -> Option<Result<Done, Refusal>> {
        let arguments = match arguments {
            ["--quiet", rest @ ..] => rest,
            rest => rest,
        };
        Some(match *arguments {
            ["--remove", name, path] => match self.shared.alternatives.get(name) {
                Some(choices) if choices.iter().any(|choice| choice.path == *path) => {
                    because(format!("taking the alternative `{path}` away again"))
                }
                _ => done(),
            },
            ["--remove-all", name] if !self.shared.alternatives.contains_key(name) => done(),
            ["--list", name] => match self.shared.alternatives.get(name) {
                Some(choices) => said(choices.iter().map(|choice| format!("{}\n", choice.path)).collect::<String>()),
                None => Ok(Done { status: 2, ..Done::default() }),
            },
            ["--query", name] if self.shared.alternatives.contains_key(name) => {
                said(alternatives::query(name, &self.shared.alternatives[name]))
            }
            ["--query" | "--display", name] if !self.shared.alternatives.contains_key(name) => {
                Ok(Done { status: 2, ..Done::default() })
            }
            // It is automatic already.
            ["--auto", name] if self.shared.alternatives.contains_key(name) => done(),
            ["--auto", _] => Ok(Done { status: 2, ..Done::default() }),
            _ => return None,
        })
    }
}

/// Who becomes a member of what.
fn membership<'a>(command: &str, arguments: &[&'a str]) -> Option<(&'a str, &'a str)> {
    match (command, arguments) {
        ("adduser", ["--quiet", user, group] | [user, group]) if !user.starts_with('-') && !group.starts_with('-') => {
            Some((user, group))
        }
        ("usermod", ["-a", "-G", group, user] | ["-aG", group, user] | ["-a", "--groups", group, user]) => {
            Some((user, group))
        }
        ("gpasswd", ["-a", user, group] | ["--add", user, group]) => Some((user, group)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_dpkg_says() {
        for (left, operator, right, holds) in [
            ("", "lt", "1", true),
            ("", "lt-nl", "1", false),
            ("", "gt-nl", "1", true),
            ("", "ge", "1", false),
            ("", "eq", "", true),
            ("1.0~rc1", "<<", "1.0", true),
            ("1:0", "gt", "9", true),
            ("2", "ne", "2.0", true),
        ] {
            assert_eq!(compares(left, operator, right), Some(holds), "{left} {operator} {right}");
        }
        assert_eq!(compares("1", "near", "2"), None);
    }
}
