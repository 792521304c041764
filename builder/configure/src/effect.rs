//! What a command of a maintainer script, or a line of a model, does to the tree.
//!
//! Both are written in the same words: a model is the straight line of commands that is left of a package's own code on a
//! first installation.

use std::fmt;

use rootsmith_types::TreePath;

use crate::alternatives::Choice;

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It has none on a tree that no init runs on.
    Nothing,
    /// `groupadd`, `addgroup --system`: a group, by a fixed number.
    Group { name: String, id: Option<u32> },
    /// `adduser --system`: a user, and with `--group` one of its own.
    User(SystemUser),
    /// `systemd-sysusers FILE…`.
    Sysusers(Vec<String>),
    /// `shadowconfig on`.
    Shadow,
    /// `systemd-tmpfiles --create FILE…`.
    Tmpfiles(Vec<String>),
    /// `mkdir -p`, `install -d`: a directory; what is there already stays as it is.
    Directory { path: TreePath, mode: u16, user: String, group: String },
    /// `rmdir`.
    RemoveDirectory(TreePath),
    /// `install -m MODE /dev/null PATH`, `touch`: an empty file; one that is there keeps its content.
    EmptyFile { path: TreePath, mode: Option<u16>, user: String, group: String },
    /// `cp -p FROM TO`.
    Copy { from: TreePath, to: TreePath },
    /// `ln -s`, `ln -sf`.
    Symlink { target: String, path: TreePath },
    /// `chown USER:GROUP PATH`.
    Own { path: TreePath, user: Option<String>, group: Option<String> },
    /// `chmod MODE PATH`.
    Mode { path: TreePath, mode: u16 },
    /// `dpkg-statoverride --update --add`.
    StatOverride { user: String, group: String, mode: u16, path: TreePath },
    /// `dpkg-divert --no-rename --add`: recorded only.
    Divert { package: Option<String>, from: String, to: String },
    /// `dpkg-divert --no-rename --remove`.
    Undivert { from: String },
    /// `update-alternatives --install`.
    Alternative(Choice),
    /// `deb-systemd-helper enable`.
    EnableUnit { unit: String, user: bool },
    /// `deb-systemd-helper update-state`.
    UnitState { unit: String, user: bool },
    /// `systemctl enable`: links without `deb-systemd-helper`'s books.
    SystemctlEnable { unit: String },
    /// `update-rc.d NAME defaults`.
    InitScript(String),
    /// `rc-update add NAME RUNLEVEL`.
    Runlevel { script: String, runlevel: String },
    /// `ucf FROM TO`.
    Ucf { from: TreePath, to: TreePath },
    /// `ucfr PACKAGE PATH`.
    UcfRegister { package: String, path: TreePath },
    /// A file that a program computes from the rest of the tree.
    Generate(Generator),
}

/// `adduser --system`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SystemUser {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) home: String,
    /// Nobody logs in by default.
    pub(crate) shell: Option<String>,
    pub(crate) make_home: bool,
    pub(crate) own_group: bool,
}

/// A program that computes files from the rest of the tree. They run last, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generator {
    /// `update-shells`.
    Shells,
    /// `pam-auth-update`.
    Pam,
    /// `update-ca-certificates`.
    Certificates,
    /// `journalctl --update-catalog`.
    Catalog,
    /// `systemd-hwdb --usr update`.
    Hwdb,
    /// `ldconfig`.
    Ldconfig,
}

impl Generator {
    /// The path that its work is named after in messages.
    pub(crate) fn output(self) -> &'static str {
        match self {
            Generator::Shells => "/etc/shells",
            Generator::Pam => "/etc/pam.d",
            Generator::Certificates => "/etc/ssl/certs/ca-certificates.crt",
            Generator::Catalog => "/var/lib/systemd/catalog/database",
            Generator::Hwdb => "/usr/lib/udev/hwdb.bin",
            Generator::Ldconfig => "/etc/ld.so.cache",
        }
    }
}

impl Effect {
    /// What `words` does; `None` when that is not known.
    pub(crate) fn of(words: &[String]) -> Option<Effect> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (command, arguments) = words.split_first()?;
        Some(match (*command, arguments) {
            ("systemctl", ["--system", "daemon-reload"] | ["daemon-reload"])
            | ("deb-systemd-invoke" | "invoke-rc.d" | "update-menus", _)
            | ("dpkg-trigger" | "update-initramfs" | "db_stop", _) => Effect::Nothing,
            // Moving conffiles of older versions away: there is no older version.
            ("dpkg-maintscript-helper", [action, ..])
                if ["rm_conffile", "mv_conffile", "symlink_to_dir", "dir_to_symlink"].contains(action) =>
            {
                Effect::Nothing
            }
            // Touches nothing where runit is not the init.
            ("/usr/lib/runit-helper/runit-helper", ["postinst", ..]) => Effect::Nothing,
            // Compiled modules are caches: python3 makes them when it may, and they would not be reproducible.
            ("py3compile" | "pycompile", _) => Effect::Nothing,
            ("deb-systemd-helper", arguments) => systemd_helper(arguments)?,
            ("systemctl", ["enable", unit]) => Effect::SystemctlEnable { unit: (*unit).to_owned() },
            ("systemd-sysusers", files) => Effect::Sysusers(owned(files)),
            ("systemd-tmpfiles", ["--create", files @ ..]) => Effect::Tmpfiles(owned(files)),
            ("update-alternatives", ["--quiet", rest @ ..] | rest) => Effect::Alternative(Choice::parse(rest)?),
            ("update-rc.d", [name, "defaults" | "defaults-disabled"]) => Effect::InitScript((*name).to_owned()),
            // Links of an older version.
            ("update-rc.d", [_, "remove"]) => Effect::Nothing,
            ("rc-update", ["add", script, runlevel]) => {
                Effect::Runlevel { script: (*script).to_owned(), runlevel: (*runlevel).to_owned() }
            }
            ("ldconfig", []) => Effect::Generate(Generator::Ldconfig),
            ("update-shells", []) => Effect::Generate(Generator::Shells),
            ("pam-auth-update", ["--package"]) => Effect::Generate(Generator::Pam),
            ("update-ca-certificates", []) => Effect::Generate(Generator::Certificates),
            ("journalctl", ["--update-catalog"]) => Effect::Generate(Generator::Catalog),
            ("systemd-hwdb", ["--usr", "update"]) => Effect::Generate(Generator::Hwdb),
            ("shadowconfig", ["on"]) => Effect::Shadow,
            ("groupadd", ["-g", id, name]) => Effect::Group { name: (*name).to_owned(), id: Some(id.parse().ok()?) },
            ("addgroup", arguments) => add_group(arguments)?,
            ("adduser", arguments) => Effect::User(add_user(arguments)?),
            ("dpkg-statoverride", ["--update", "--add", user, group, mode, path]) => Effect::StatOverride {
                user: (*user).to_owned(),
                group: (*group).to_owned(),
                mode: octal(mode)?,
                path: absolute(path)?,
            },
            ("dpkg-divert", arguments) => divert(arguments)?,
            ("ucf", arguments) => {
                let [from, to] = *plain(arguments, &["--three-way", "--debconf-ok"])? else { return None };
                Effect::Ucf { from: absolute(from)?, to: absolute(to)? }
            }
            ("ucfr", [package, path]) => Effect::UcfRegister { package: (*package).to_owned(), path: absolute(path)? },
            ("mkdir", [path] | ["-p", path]) => directory(path, 0o755, "root:root")?,
            ("rmdir", [path]) => Effect::RemoveDirectory(absolute(path)?),
            ("install", ["-d", "-m", mode, "-o", user, "-g", group, path]) => {
                directory(path, octal(mode)?, &format!("{user}:{group}"))?
            }
            ("install", ["-m" | "--mode", mode, "/dev/null", path]) => {
                empty_file(path, Some(octal(mode)?), "root", "root")?
            }
            ("install", ["-m", mode, "-o", user, "-g", group, "/dev/null", path]) => {
                empty_file(path, Some(octal(mode)?), user, group)?
            }
            ("touch", [path]) => empty_file(path, None, "root", "root")?,
            ("cp", ["-p", from, to]) => Effect::Copy { from: absolute(from)?, to: absolute(to)? },
            ("ln", ["-s" | "-sf" | "-nsf", target, path]) => {
                Effect::Symlink { target: (*target).to_owned(), path: absolute(path)? }
            }
            ("chown", [owner, path]) => {
                let (user, group) = owner.split_once(':').map_or((*owner, None), |(user, group)| (user, Some(group)));
                Effect::Own {
                    path: absolute(path)?,
                    user: (!user.is_empty()).then(|| user.to_owned()),
                    group: group.map(str::to_owned),
                }
            }
            ("chgrp", [group, path]) => {
                Effect::Own { path: absolute(path)?, user: None, group: Some((*group).to_owned()) }
            }
            ("chmod", [mode, path]) => Effect::Mode { path: absolute(path)?, mode: octal(mode)? },
            _ => return None,
        })
    }

    /// Whether it is worth a line in the report.
    pub(crate) fn is_something(&self) -> bool {
        *self != Effect::Nothing
    }
}

impl fmt::Display for Effect {
    /// A phrase for the report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Nothing => f.write_str("nothing"),
            Effect::Group { name, .. } => write!(f, "group {name}"),
            Effect::User(user) => write!(f, "user {}", user.name),
            Effect::Sysusers(files) => write!(f, "sysusers {}", files.join(" ")),
            Effect::Shadow => f.write_str("shadow passwords"),
            Effect::Tmpfiles(files) => write!(f, "tmpfiles {}", files.join(" ")),
            Effect::Directory { path, .. } => write!(f, "directory {path}"),
            Effect::RemoveDirectory(path) => write!(f, "no directory {path}"),
            Effect::EmptyFile { path, .. } => write!(f, "file {path}"),
            Effect::Copy { to, .. } => write!(f, "file {to}"),
            Effect::Symlink { path, target } => write!(f, "link {path} to {target}"),
            Effect::Own { path, .. } => write!(f, "owner of {path}"),
            Effect::Mode { path, mode } => write!(f, "mode {mode:04o} of {path}"),
            Effect::StatOverride { path, .. } => write!(f, "stat override of {path}"),
            Effect::Divert { from, .. } => write!(f, "diversion of {from}"),
            Effect::Undivert { from } => write!(f, "no diversion of {from}"),
            Effect::Alternative(choice) => write!(f, "alternative {} for {}", choice.path, choice.name),
            Effect::EnableUnit { unit, .. } | Effect::SystemctlEnable { unit } => write!(f, "enable {unit}"),
            Effect::UnitState { unit, .. } => write!(f, "know {unit}, not enabled"),
            Effect::InitScript(name) => write!(f, "init script {name}"),
            Effect::Runlevel { script, runlevel } => write!(f, "{script} in runlevel {runlevel}"),
            Effect::Ucf { to, .. } => write!(f, "configuration {to}"),
            Effect::UcfRegister { path, .. } => write!(f, "registered {path}"),
            Effect::Generate(Generator::Shells) => f.write_str("list of shells"),
            Effect::Generate(Generator::Pam) => f.write_str("PAM stacks"),
            Effect::Generate(Generator::Certificates) => f.write_str("certificate bundle"),
            Effect::Generate(Generator::Catalog) => f.write_str("message catalog"),
            Effect::Generate(Generator::Hwdb) => f.write_str("hardware database"),
            Effect::Generate(Generator::Ldconfig) => f.write_str("library cache"),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn octal(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)
}

fn absolute(path: &str) -> Option<TreePath> {
    if path.starts_with('/') { TreePath::new(path).ok() } else { None }
}

/// The words that are no options, when every option is one of `known`.
fn plain<'a, 'b>(words: &'b [&'a str], known: &[&str]) -> Option<&'b [&'a str]> {
    let first = words.iter().position(|word| !known.contains(word)).unwrap_or(words.len());
    words[first..].iter().all(|word| !word.starts_with('-')).then_some(&words[first..])
}

fn directory(path: &str, mode: u16, owner: &str) -> Option<Effect> {
    let (user, group) = owner.split_once(':')?;
    Some(Effect::Directory { path: absolute(path)?, mode, user: user.to_owned(), group: group.to_owned() })
}

fn empty_file(path: &str, mode: Option<u16>, user: &str, group: &str) -> Option<Effect> {
    Some(Effect::EmptyFile { path: absolute(path)?, mode, user: user.to_owned(), group: group.to_owned() })
}

fn systemd_helper(arguments: &[&str]) -> Option<Effect> {
    let mut user = false;
    let mut words = Vec::new();
    for argument in arguments {
        match *argument {
            "--user" => user = true,
            "--quiet" => {}
            word => words.push(word),
        }
    }
    match words.as_slice() {
        // Nothing is masked before the first installation.
        ["unmask", _] => Some(Effect::Nothing),
        ["enable", unit] => Some(Effect::EnableUnit { unit: (*unit).to_owned(), user }),
        ["update-state", unit] => Some(Effect::UnitState { unit: (*unit).to_owned(), user }),
        _ => None,
    }
}

fn add_group(arguments: &[&str]) -> Option<Effect> {
    let mut name = None;
    let mut system = false;
    for argument in arguments {
        match *argument {
            "--system" => system = true,
            "--quiet" | "--force-badname" | "--allow-bad-names" => {}
            word if !word.starts_with('-') && name.is_none() => name = Some(word.to_owned()),
            _ => return None,
        }
    }
    if system { Some(Effect::Group { name: name?, id: None }) } else { None }
}

fn add_user(arguments: &[&str]) -> Option<SystemUser> {
    let mut user = SystemUser { home: "/nonexistent".to_owned(), make_home: true, ..SystemUser::default() };
    let mut system = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--system" => system = true,
            "--quiet" | "--disabled-password" | "--disabled-login" | "--force-badname" | "--allow-bad-names" => {}
            "--group" => user.own_group = true,
            "--no-create-home" => user.make_home = false,
            "--home" => user.home = (*arguments.next()?).to_owned(),
            "--comment" | "--gecos" => user.comment = (*arguments.next()?).to_owned(),
            "--shell" => user.shell = Some((*arguments.next()?).to_owned()),
            word if !word.starts_with('-') && user.name.is_empty() => user.name = word.to_owned(),
            _ => return None,
        }
    }
    (system && !user.name.is_empty()).then_some(user)
}

fn divert(arguments: &[&str]) -> Option<Effect> {
    let (mut package, mut from, mut to) = (None, None, None);
    let (mut remove, mut stays) = (false, false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--quiet" | "--add" => {}
            "--no-rename" => stays = true,
            "--remove" => remove = true,
            "--package" => package = Some((*arguments.next()?).to_owned()),
            "--divert" => to = Some((*arguments.next()?).to_owned()),
            word if word.starts_with('/') && from.is_none() => from = Some(word.to_owned()),
            _ => return None,
        }
    }
    // A diversion that renames has to be known while packages are unpacked.
    match (remove, stays) {
        (true, _) => Some(Effect::Undivert { from: from? }),
        (false, true) => Some(Effect::Divert { package, from: from?, to: to? }),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Effect> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Effect::of(&words)
    }

    #[test]
    fn commands_are_read_with_their_options() {
        let user =
            of("adduser --system --group --quiet --comment Chrony --home /var/lib/chrony --no-create-home _chrony");
        let expected = SystemUser {
            name: "_chrony".to_owned(),
            comment: "Chrony".to_owned(),
            home: "/var/lib/chrony".to_owned(),
            shell: None,
            make_home: false,
            own_group: true,
        };
        assert_eq!(user, Some(Effect::User(expected)));
        assert_eq!(
            of("deb-systemd-helper --user enable ssh-agent.socket"),
            Some(Effect::EnableUnit { unit: "ssh-agent.socket".to_owned(), user: true })
        );
        assert_eq!(
            of("dpkg-statoverride --update --add root _chrony 0640 /etc/chrony/chrony.keys"),
            Some(Effect::StatOverride {
                user: "root".to_owned(),
                group: "_chrony".to_owned(),
                mode: 0o640,
                path: TreePath::literal("/etc/chrony/chrony.keys")
            })
        );
    }

    #[test]
    fn what_is_not_known_is_no_effect() {
        for line in [
            "rm -rf /etc",
            "chmod 99999 /etc",
            "chmod u+s /usr/bin/x",
            "chown root:root etc",
            "adduser someone",
            "adduser --system --uid 5 someone",
            "dpkg-divert --rename --add --divert /b /a",
            "dpkg-maintscript-helper rename_everything /a",
            "ucf --purge /etc/x /etc/y",
            "systemctl disable ssh",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
