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
    /// A user becomes a member of a group.
    Member { user: String, group: String },
    /// A folder was made.
    Directory(TreePath),
    /// A file was made or changed.
    File(TreePath),
    /// A symbolic link was made.
    Link { path: TreePath, target: String },
    /// Something was removed.
    Removed(TreePath),
    /// Owners were changed, of a path and perhaps all below it.
    Own(TreePath),
    /// Modes were changed, of a path and perhaps all below it.
    Mode { path: TreePath, mode: String },
    /// `setcap`.
    Capabilities { path: TreePath, text: String },
    /// `dpkg-statoverride --update --add`.
    StatOverride { user: String, group: String, mode: u16, path: TreePath },
    /// `dpkg-divert --add`; with `--rename`, what is there is set aside.
    Divert { package: Option<String>, from: String, to: String, rename: bool },
    /// `dpkg-divert --remove`.
    Undivert { from: String },
    /// `update-alternatives --install`.
    Alternative(Choice),
    /// `deb-systemd-helper enable`.
    EnableUnit { unit: String, user: bool },
    /// `deb-systemd-helper update-state`.
    UnitState { unit: String, user: bool },
    /// `deb-systemd-helper disable`.
    UnitOff(String),
    /// `systemctl enable`: links without `deb-systemd-helper`'s books.
    SystemctlEnable { unit: String },
    /// `update-rc.d NAME defaults`.
    InitScript(String),
    /// `update-rc.d NAME disable`, `defaults-disabled`.
    InitScriptOff(String),
    /// `rc-update add NAME RUNLEVEL`.
    Runlevel { script: String, runlevel: String },
    /// `ucf FROM TO`, with the digest of what was there at `FROM`; with `--three-way`, whatever its size is kept.
    Ucf { from: TreePath, to: TreePath, md5: String, three_way: bool },
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
    /// useradd(8) fills a home that it makes with what `/etc/skel` has, and keeps it from others.
    pub(crate) skeleton: bool,
    pub(crate) own_group: bool,
    /// The group it is in otherwise, by name or number; `nogroup` where none is named.
    pub(crate) group: Option<String>,
    pub(crate) id: Option<u32>,
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
    /// `update-catalog --update-super`.
    SgmlCatalog,
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
            Generator::SgmlCatalog => "/var/lib/sgml-base/supercatalog",
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
            ("deb-systemd-helper", arguments) => systemd_helper(arguments)?,
            ("systemctl", ["enable", unit]) => Effect::SystemctlEnable { unit: (*unit).to_owned() },
            ("systemd-sysusers", files) => Effect::Sysusers(owned(files)),
            ("systemd-tmpfiles", ["--create", files @ ..]) => Effect::Tmpfiles(owned(files)),
            ("update-alternatives", ["--quiet", rest @ ..] | rest) => Effect::Alternative(Choice::parse(rest)?),
            ("update-rc.d", [name, "disable" | "defaults-disabled"]) => Effect::InitScriptOff((*name).to_owned()),
            ("update-rc.d", [name, "defaults" | "start" | "stop", ..]) => Effect::InitScript((*name).to_owned()),
            // Links of an older version.
            ("update-rc.d", [_, "remove"] | ["-f", _, "remove"]) => Effect::Nothing,
            ("rc-update", ["add", script, runlevel]) => {
                Effect::Runlevel { script: (*script).to_owned(), runlevel: (*runlevel).to_owned() }
            }
            ("ldconfig", [] | ["-r", "/"]) => Effect::Generate(Generator::Ldconfig),
            ("update-shells", []) => Effect::Generate(Generator::Shells),
            ("pam-auth-update", ["--package"] | ["--root", "", "--package", "--force"]) => {
                Effect::Generate(Generator::Pam)
            }
            ("update-ca-certificates", []) => Effect::Generate(Generator::Certificates),
            ("journalctl", ["--update-catalog"]) => Effect::Generate(Generator::Catalog),
            ("systemd-hwdb", ["--usr", "update"]) => Effect::Generate(Generator::Hwdb),
            ("shadowconfig", ["on"]) => Effect::Shadow,
            ("groupadd" | "addgroup", arguments) => add_group(arguments)?,
            ("adduser", arguments) => add_user(arguments)?,
            ("useradd", arguments) => Effect::User(useradd(arguments)?),
            ("dpkg-statoverride", arguments) => {
                let known = ["--update", "--add", "--quiet", "--force", "--force-all", "--force-statoverride-add"];
                let (options, words): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| known.contains(word));
                let [user, group, mode, path] = words[..] else { return None };
                if !options.contains(&"--add") || !options.contains(&"--update") {
                    return None;
                }
                let (user, group) = (user.to_owned(), group.to_owned());
                Effect::StatOverride { user, group, mode: octal(mode)?, path: absolute(path)? }
            }
            ("dpkg-divert", arguments) => divert(arguments)?,
            // Files of older versions.
            ("ucf", ["--purge", _]) | ("ucfr", ["--purge", _, _]) => Effect::Nothing,
            ("ucf", arguments) => {
                let mut words = Vec::new();
                let mut three_way = false;
                let mut arguments = arguments.iter();
                while let Some(argument) = arguments.next() {
                    match *argument {
                        "--three-way" => three_way = true,
                        "--debconf-ok" => {}
                        // Digests of older versions, and where they lie.
                        "--sum-file" | "--src-dir" => _ = arguments.next()?,
                        option if option.starts_with("--sum-file=") || option.starts_with("--src-dir=") => {}
                        option if option.starts_with('-') => return None,
                        word => words.push(word),
                    }
                }
                let [from, to] = words[..] else { return None };
                Effect::Ucf { from: absolute(from)?, to: absolute(to)?, md5: String::new(), three_way }
            }
            ("ucfr", ["--force", package, path] | [package, path]) => {
                Effect::UcfRegister { package: (*package).to_owned(), path: absolute(path)? }
            }
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
            Effect::Member { user, group } => write!(f, "{user} in group {group}"),
            Effect::Directory(path) => write!(f, "directory {path}"),
            Effect::File(path) => write!(f, "file {path}"),
            Effect::Link { path, target } => write!(f, "link {path} to {target}"),
            Effect::Removed(path) => write!(f, "no {path}"),
            Effect::Own(path) => write!(f, "owner of {path}"),
            Effect::Mode { path, mode } => write!(f, "mode {mode} of {path}"),
            Effect::Capabilities { path, text } => write!(f, "capabilities {text} of {path}"),
            Effect::StatOverride { path, .. } => write!(f, "stat override of {path}"),
            Effect::Divert { from, .. } => write!(f, "diversion of {from}"),
            Effect::Undivert { from } => write!(f, "no diversion of {from}"),
            Effect::Alternative(choice) => write!(f, "alternative {} for {}", choice.path, choice.name),
            Effect::EnableUnit { unit, .. } | Effect::SystemctlEnable { unit } => write!(f, "enable {unit}"),
            Effect::UnitState { unit, .. } => write!(f, "know {unit}, not enabled"),
            Effect::UnitOff(unit) => write!(f, "disable {unit}"),
            Effect::InitScript(name) => write!(f, "init script {name}"),
            Effect::InitScriptOff(name) => write!(f, "init script {name}, off"),
            Effect::Runlevel { script, runlevel } => write!(f, "{script} in runlevel {runlevel}"),
            Effect::Ucf { to, .. } => write!(f, "configuration {to}"),
            Effect::UcfRegister { path, .. } => write!(f, "registered {path}"),
            Effect::Generate(Generator::Shells) => f.write_str("list of shells"),
            Effect::Generate(Generator::Pam) => f.write_str("PAM stacks"),
            Effect::Generate(Generator::Certificates) => f.write_str("certificate bundle"),
            Effect::Generate(Generator::Catalog) => f.write_str("message catalog"),
            Effect::Generate(Generator::Hwdb) => f.write_str("hardware database"),
            Effect::Generate(Generator::SgmlCatalog) => f.write_str("list of SGML catalogs"),
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
        // Nothing is masked or left over before the first installation.
        ["unmask" | "purge", ..] => Some(Effect::Nothing),
        ["enable", unit] => Some(Effect::EnableUnit { unit: (*unit).to_owned(), user }),
        ["update-state", unit] => Some(Effect::UnitState { unit: (*unit).to_owned(), user }),
        ["disable", unit] if !user => Some(Effect::UnitOff((*unit).to_owned())),
        _ => None,
    }
}

/// groupadd(8), addgroup(8): of the system, or with a fixed number.
fn add_group(arguments: &[&str]) -> Option<Effect> {
    let (mut name, mut id, mut system) = (None, None, false);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--system" | "-r" => system = true,
            "--quiet" | "--force-badname" | "--allow-bad-names" | "--group" | "-f" | "--force" => {}
            "-g" | "--gid" => id = Some(arguments.next()?.parse().ok()?),
            word if !word.starts_with('-') && name.is_none() => name = Some(word.to_owned()),
            _ => return None,
        }
    }
    if system || id.is_some() { Some(Effect::Group { name: name?, id }) } else { None }
}

/// adduser(8) for users of the system.
fn add_user(arguments: &[&str]) -> Option<Effect> {
    let mut user = SystemUser { home: "/nonexistent".to_owned(), make_home: true, ..SystemUser::default() };
    let mut system = false;
    let mut words = arguments.iter();
    while let Some(argument) = words.next() {
        match *argument {
            "--system" => system = true,
            "--quiet" | "--disabled-password" | "--disabled-login" | "--force-badname" | "--allow-bad-names" => {}
            "--group" => user.own_group = true,
            "--no-create-home" => user.make_home = false,
            "--home" => user.home = (*words.next()?).to_owned(),
            "--comment" | "--gecos" => user.comment = (*words.next()?).to_owned(),
            "--shell" => user.shell = Some((*words.next()?).to_owned()),
            "--ingroup" | "--gid" => user.group = Some((*words.next()?).to_owned()),
            "--uid" => user.id = Some(words.next()?.parse().ok()?),
            word => match word.split_once('=') {
                Some(("--home", value)) => user.home = value.to_owned(),
                Some(("--comment" | "--gecos", value)) => user.comment = value.to_owned(),
                Some(("--shell", value)) => user.shell = Some(value.to_owned()),
                Some(("--ingroup", value)) => user.group = Some(value.to_owned()),
                Some(("--stdoutmsglevel" | "--stderrmsglevel", _)) => {}
                None if !word.starts_with('-') && user.name.is_empty() => user.name = word.to_owned(),
                _ => return None,
            },
        }
    }
    if !system || user.name.is_empty() {
        return None;
    }
    Some(Effect::User(user))
}

/// useradd(8) for users of the system: no home is made unless it is asked for.
fn useradd(arguments: &[&str]) -> Option<SystemUser> {
    let mut user = SystemUser { shell: Some("/bin/sh".to_owned()), ..SystemUser::default() };
    let (mut system, mut home) = (false, None);
    // login.defs has USERGROUPS_ENAB: without a group named, a user has its own.
    user.own_group = true;
    let mut words = arguments.iter();
    while let Some(argument) = words.next() {
        let (option, inline) =
            argument.split_once('=').map_or((*argument, None), |(option, value)| (option, Some(value)));
        let mut value = || inline.or_else(|| words.next().copied()).map(str::to_owned);
        match option {
            "-r" | "--system" => system = true,
            "-M" | "--no-create-home" => user.make_home = false,
            "-m" | "--create-home" => (user.make_home, user.skeleton) = (true, true),
            "-U" | "--user-group" => user.own_group = true,
            "-N" | "--no-user-group" => user.own_group = false,
            "-g" | "--gid" => {
                user.group = value();
                user.own_group = false;
            }
            "-c" | "--comment" => user.comment = value()?,
            "-d" | "--home-dir" | "--home" => home = value(),
            "-s" | "--shell" => user.shell = value(),
            "-u" | "--uid" => user.id = Some(value()?.parse().ok()?),
            word if !word.starts_with('-') && user.name.is_empty() => user.name = word.to_owned(),
            _ => return None,
        }
    }
    user.home = home.unwrap_or_else(|| format!("/home/{}", user.name));
    (system && !user.name.is_empty()).then_some(user)
}

fn divert(arguments: &[&str]) -> Option<Effect> {
    let (mut package, mut from, mut to) = (None, None, None);
    let (mut remove, mut rename) = (false, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--quiet" | "--add" => {}
            "--no-rename" => rename = Some(false),
            "--rename" => rename = Some(true),
            "--remove" => remove = true,
            "--package" => package = Some((*arguments.next()?).to_owned()),
            "--divert" => to = Some((*arguments.next()?).to_owned()),
            word if word.starts_with('/') && from.is_none() => from = Some(word.to_owned()),
            _ => return None,
        }
    }
    let from = from?;
    let to = to.unwrap_or_else(|| format!("{from}.distrib"));
    // What dpkg does where a script does not say changes with its releases.
    Some(if remove { Effect::Undivert { from } } else { Effect::Divert { package, from, to, rename: rename? } })
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
            skeleton: false,
            own_group: true,
            group: None,
            id: None,
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
            "adduser someone",
            "useradd someone",
            "addgroup someone",
            "groupadd someone",
            "dpkg-statoverride --remove /etc/x",
            "dpkg-statoverride --add root root 0755 /etc/x",
            "dpkg-divert --add --divert /b /a",
            "dpkg-maintscript-helper rename_everything /a",
            "ucf --purge /etc/x /etc/y",
            "systemctl disable ssh",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
