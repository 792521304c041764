//! Users and groups: `/etc/passwd`, `group`, `shadow`, `gshadow` (passwd(5), shadow(5), gshadow(5)).
//!
//! Numbers that the tools would count off in the order of installation come from a fixed table, so that they depend on
//! nothing but the name; a name that is not in it gets a number made from the name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rootsmith_profile as profile;
use rootsmith_types::Sha256Digest;

use crate::edit::Edit;
use crate::effect::SystemUser;
use crate::models::Numbers;

/// Where the numbers for names outside the table lie: above those adduser(8) counts from, below those of systemd-sysusers(8).
const OTHERS: std::ops::Range<u32> = 300..900;
const NOLOGIN: &str = "/usr/sbin/nologin";

/// Every account of the tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    comment: String,
    home: String,
    shell: String,
    /// From the password on, without the day of its last change.
    shadow: Shadow,
}

#[derive(Debug, Clone)]
struct Shadow {
    password: Cow<'static, str>,
    rest: &'static str,
}

#[derive(Debug, Clone)]
struct Group {
    name: String,
    gid: u32,
    members: BTreeSet<String>,
    password: &'static str,
}

/// Accounts of the distribution itself, locked, with the ageing that `login.defs` gives.
const BASE: Shadow = Shadow { password: Cow::Borrowed("*"), rest: "0:99999:7:::" };
const SYSUSERS: Shadow = Shadow { password: Cow::Borrowed("!*"), rest: ":::::" };
/// `u!`: expired since the second day of 1970.
const SYSUSERS_LOCKED: Shadow = Shadow { password: Cow::Borrowed("!*"), rest: "::::1:" };
const ADDUSER: Shadow = Shadow { password: Cow::Borrowed("!"), rest: ":::::" };

impl Accounts {
    /// Takes in the master files of base-passwd.
    pub(crate) fn base(&mut self, passwd: &str, group: &str) {
        for line in group.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, gid, members] = fields[..]
                && let Ok(gid) = gid.parse()
                && self.gid(name).is_none()
            {
                let members = members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                self.groups.push(Group { name: name.to_owned(), gid, members, password: "*" });
            }
        }
        for line in passwd.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, uid, gid, comment, home, shell] = fields[..]
                && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
                && self.uid(name).is_none()
            {
                self.add(name, uid, gid, comment, home, shell, BASE);
            }
        }
    }

    pub(crate) fn uid(&self, name: &str) -> Option<u32> {
        self.users.iter().find(|user| user.name == name).map(|user| user.uid)
    }

    /// The number of a user's primary group.
    pub(crate) fn primary_gid(&self, name: &str) -> Option<u32> {
        self.users.iter().find(|user| user.name == name).map(|user| user.gid)
    }

    pub(crate) fn gid(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|group| group.name == name).map(|group| group.gid)
    }

    pub(crate) fn user_name(&self, uid: u32) -> Option<&str> {
        self.users.iter().find(|user| user.uid == uid).map(|user| user.name.as_str())
    }

    pub(crate) fn group_name(&self, gid: u32) -> Option<&str> {
        self.groups.iter().find(|group| group.gid == gid).map(|group| group.name.as_str())
    }

    /// As getent(1) prints it.
    pub(crate) fn passwd_line(&self, user: &str) -> Option<String> {
        let found = self.users.iter().find(|found| found.name == user || found.uid.to_string() == user)?;
        let User { name, uid, gid, comment, home, shell, .. } = found;
        Some(format!("{name}:x:{uid}:{gid}:{comment}:{home}:{shell}"))
    }

    /// As getent(1) prints it.
    pub(crate) fn group_line(&self, group: &str) -> Option<String> {
        let found = self.groups.iter().find(|found| found.name == group || found.gid.to_string() == group)?;
        let members: Vec<&str> = found.members.iter().map(String::as_str).collect();
        Some(format!("{}:x:{}:{}", found.name, found.gid, members.join(",")))
    }

    /// Makes a user a member of a group; `false` when one of them is not there.
    pub(crate) fn join(&mut self, user: &str, group: &str) -> bool {
        let known = self.uid(user).is_some();
        let group = self.groups.iter_mut().find(|found| found.name == group).filter(|_| known);
        group.is_some_and(|group| {
            group.members.insert(user.to_owned());
            true
        })
    }

    /// `groupadd`, `addgroup --system`.
    pub(crate) fn group(&mut self, numbers: &Numbers, name: &str, id: Option<u32>) -> u32 {
        self.group_with(numbers, name, id, "!")
    }

    fn group_with(&mut self, numbers: &Numbers, name: &str, id: Option<u32>, password: &'static str) -> u32 {
        if let Some(gid) = self.gid(name) {
            return gid;
        }
        let taken: BTreeSet<u32> = self.groups.iter().map(|group| group.gid).collect();
        let gid = id.unwrap_or_else(|| number(&numbers.groups, name, &taken));
        self.groups.push(Group { name: name.to_owned(), gid, members: BTreeSet::new(), password });
        gid
    }

    fn new_uid(&self, numbers: &Numbers, name: &str) -> u32 {
        let taken = self.users.iter().map(|user| user.uid).collect();
        number(&numbers.users, name, &taken)
    }

    /// `adduser --system`. `false` when it is to be in a group that is not there.
    pub(crate) fn adduser(&mut self, numbers: &Numbers, user: &SystemUser) -> bool {
        if self.uid(&user.name).is_some() {
            return true;
        }
        let gid = match &user.group {
            Some(group) => match group.parse().ok().or_else(|| self.gid(group)) {
                Some(gid) => gid,
                None => return false,
            },
            None if user.own_group => self.group(numbers, &user.name, None),
            None => 65534,
        };
        let uid = user.id.unwrap_or_else(|| self.new_uid(numbers, &user.name));
        let shell = user.shell.as_deref().unwrap_or(NOLOGIN);
        self.add(&user.name, uid, gid, &user.comment, &user.home, shell, ADDUSER);
        true
    }

    /// `usermod`: what is given is changed. `false` where there is no such user.
    pub(crate) fn usermod(
        &mut self,
        name: &str,
        home: Option<&str>,
        shell: Option<&str>,
        comment: Option<&str>,
    ) -> bool {
        let Some(user) = self.users.iter_mut().find(|user| user.name == name) else { return false };
        for (field, value) in [(&mut user.home, home), (&mut user.shell, shell), (&mut user.comment, comment)] {
            if let Some(value) = value {
                value.clone_into(field);
            }
        }
        true
    }

    /// The names of the groups that a user is in, its own first.
    pub(crate) fn groups_of(&self, user: &str) -> Vec<&str> {
        let own = self.primary_gid(user).and_then(|gid| self.group_name(gid));
        let others = self.groups.iter().filter(|group| group.members.contains(user)).map(|group| group.name.as_str());
        own.into_iter().chain(others).collect()
    }

    /// `[[group]]`.
    pub(crate) fn declared_group(&mut self, numbers: &Numbers, group: &profile::Group) {
        self.group(numbers, &group.name.value, group.gid.as_ref().map(|gid| gid.value));
    }

    /// `[[user]]`: as useradd(8) would, with numbers that depend on the name alone. Gives back where a group is named that
    /// there is not.
    pub(crate) fn declared_user<'p>(
        &mut self,
        numbers: &Numbers,
        user: &'p profile::User,
    ) -> Vec<&'p rootsmith_types::Located<String>> {
        let name = user.name.value.as_str();
        let mut unknown = Vec::new();
        let uid = user.uid.as_ref().map(|uid| uid.value);
        let uid = uid.or_else(|| self.uid(name)).unwrap_or_else(|| match user.system.value {
            true => self.new_uid(numbers, name),
            // The first free one of a person (login.defs(5), UID_MIN).
            false => (1000..60_000).find(|uid| self.users.iter().all(|user| user.uid != *uid)).unwrap_or(60_000),
        });
        let gid = match &user.group {
            Some(group) => self.gid(&group.value).unwrap_or_else(|| {
                unknown.push(group);
                uid
            }),
            None => {
                // The number of the user, where no other group has it.
                let own = (!self.groups.iter().any(|group| group.gid == uid)).then_some(uid);
                self.group(numbers, name, own)
            }
        };
        for group in &user.groups {
            match self.groups.iter_mut().find(|found| found.name == group.value) {
                Some(found) => _ = found.members.insert(name.to_owned()),
                None => unknown.push(group),
            }
        }
        let password = user.password.as_ref().map_or(ADDUSER.password, |hash| Cow::Owned(hash.value.clone()));
        let shadow = Shadow { password, rest: if user.system.value { ":::::" } else { "0:99999:7:::" } };
        let comment = user.comment.as_ref().map_or("", |comment| &comment.value);
        let shell = user.shell.as_ref().map(|shell| shell.value.to_string());
        let shell = shell.unwrap_or_else(|| if user.system.value { NOLOGIN } else { "/bin/sh" }.to_owned());
        // What a package made is changed, as usermod(8) would.
        self.users.retain(|user| user.name != name);
        self.add(name, uid, gid, comment, &home(user), &shell, shadow);
        unknown
    }

    /// One `sysusers.d` file (sysusers.d(5)). Lines of a kind not known are given back.
    pub(crate) fn sysusers(&mut self, numbers: &Numbers, text: &str) -> Vec<String> {
        let mut unknown = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields = fields(line);
            let field = |n: usize| fields.get(n).map(String::as_str).filter(|text| *text != "-");
            // A range to take numbers from: the table knows better.
            if field(0) == Some("r") {
                continue;
            }
            let (Some(kind), Some(name)) = (field(0), field(1)) else {
                unknown.push(line.to_owned());
                continue;
            };
            let id = field(2);
            match kind {
                "g" => {
                    self.group_with(numbers, name, id.and_then(|id| id.parse().ok()), "!*");
                }
                "u" | "u!" => {
                    let shadow = if kind == "u!" { SYSUSERS_LOCKED } else { SYSUSERS };
                    self.sysuser(numbers, name, id, shadow, [field(3), field(4), field(5)]);
                }
                "m" => match field(2) {
                    Some(group) => {
                        self.group_with(numbers, group, None, "!*");
                        let group = self.groups.iter_mut().find(|found| found.name == group);
                        group.into_iter().for_each(|group| _ = group.members.insert(name.to_owned()));
                    }
                    None => unknown.push(line.to_owned()),
                },
                _ => unknown.push(line.to_owned()),
            }
        }
        unknown
    }

    fn sysuser(
        &mut self,
        numbers: &Numbers,
        name: &str,
        id: Option<&str>,
        shadow: Shadow,
        [comment, home, shell]: [Option<&str>; 3],
    ) {
        if self.uid(name).is_some() {
            return;
        }
        let (uid, group) = match id.and_then(|id| id.split_once(':')) {
            Some((uid, group)) => (uid.parse().ok(), Some(group)),
            None => (id.and_then(|id| id.parse().ok()), None),
        };
        let uid = uid.unwrap_or_else(|| self.new_uid(numbers, name));
        let gid = match group {
            Some(group) => group.parse().ok().unwrap_or_else(|| self.group_with(numbers, group, None, "!*")),
            // The user's own group has the user's number.
            None => self.group_with(numbers, name, Some(uid), "!*"),
        };
        self.add(name, uid, gid, comment.unwrap_or(""), home.unwrap_or("/"), shell.unwrap_or(NOLOGIN), shadow);
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one line of passwd(5)")]
    fn add(&mut self, name: &str, uid: u32, gid: u32, comment: &str, home: &str, shell: &str, shadow: Shadow) {
        let [name, comment, home, shell] = [name, comment, home, shell].map(str::to_owned);
        self.users.push(User { name, uid, gid, comment, home, shell, shadow });
    }
}

/// `systemd-sysusers FILE…`.
pub(crate) fn sysusers(edit: &mut Edit<'_>, numbers: &Numbers, files: &[String]) {
    for file in files {
        let found = ["/etc/sysusers.d", "/usr/lib/sysusers.d"]
            .iter()
            .find_map(|folder| Some((*folder, edit.read(&format!("{folder}/{file}"))?)));
        let Some((folder, text)) = found else { continue };
        for line in edit.accounts.sysusers(numbers, &text) {
            let reason = format!("`{line}` is not understood");
            if let Ok(path) = rootsmith_types::TreePath::new(format!("{folder}/{file}")) {
                edit.errors.push(crate::ConfigureError::Unreadable { path, reason });
            }
        }
    }
}

/// Where a declared user is at home.
pub(crate) fn home(user: &profile::User) -> String {
    match (&user.home, user.system.value) {
        (Some(home), _) => home.value.to_string(),
        (None, true) => "/nonexistent".to_owned(),
        (None, false) => format!("/home/{}", user.name.value),
    }
}

/// `passwd` and `group`, and the passwords in `shadow` files: those of all accounts after `shadowconfig on`, else those of the accounts
/// that systemd-sysusers(8) made, which nobody may read then.
pub(crate) fn write(edit: &mut Edit<'_>, with_shadow: bool) {
    let mut accounts = std::mem::take(&mut edit.accounts);
    // The distribution's own stay in its order; those that packages made follow, in an order that no package set changes.
    let position = |password: &str, id: u32, name: &str| match password {
        "*" => (0, 0, String::new()),
        _ => (1, u32::MAX - id, name.to_owned()),
    };
    accounts.users.sort_by_key(|user| position(&user.shadow.password, user.uid, &user.name));
    accounts.groups.sort_by_key(|group| position(group.password, group.gid, &group.name));
    let [mut passwd, mut shadow, mut group, mut gshadow] = [const { String::new() }; 4];
    let day = edit.date.div_euclid(86_400);
    let password = |password: &'_ str| if with_shadow || password != "*" { "x" } else { "*" };
    for User { name, uid, gid, comment, home, shell, shadow: fields } in &accounts.users {
        let seen = password(&fields.password);
        passwd += &format!("{name}:{seen}:{uid}:{gid}:{comment}:{home}:{shell}\n");
        if seen == "x" {
            shadow += &format!("{name}:{}:{day}:{}\n", fields.password, fields.rest);
        }
    }
    for Group { name, gid, members, password: own } in &accounts.groups {
        let members = members.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let seen = password(own);
        group += &format!("{name}:{seen}:{gid}:{members}\n");
        if seen == "x" {
            gshadow += &format!("{name}:{own}::{members}\n");
        }
    }
    edit.accounts = accounts;
    edit.write("/etc/passwd", passwd, 0o644);
    edit.write("/etc/group", group, 0o644);
    let mode = if with_shadow { 0o640 } else { 0 };
    for (path, text) in [("/etc/shadow", shadow), ("/etc/gshadow", gshadow)] {
        if text.is_empty() {
            continue;
        }
        edit.write(path, text, mode);
        let group = with_shadow.then_some("shadow");
        edit.change(&rootsmith_types::TreePath::literal(path), None, None, group);
    }
}

fn number(table: &BTreeMap<String, u32>, name: &str, taken: &BTreeSet<u32>) -> u32 {
    if let Some(number) = table.get(name).filter(|number| !taken.contains(number)) {
        return *number;
    }
    let digest = Sha256Digest::of(name.as_bytes());
    let [a, b, ..] = *digest.as_bytes();
    let span = OTHERS.end - OTHERS.start;
    let first = (u32::from(a) << 8 | u32::from(b)) % span;
    let mut candidates = (0..span).map(|step| OTHERS.start + (first + step) % span);
    candidates.find(|candidate| !taken.contains(candidate)).unwrap_or(OTHERS.end)
}

/// A line's fields; quotes keep spaces together.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                field.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => fields.extend(field.take()),
            (_, c) => field.get_or_insert_default().push(c),
        }
    }
    fields.extend(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::testing;
    use crate::models;

    #[test]
    fn accounts_come_out_as_the_tools_write_them() {
        let numbers = models::numbers().unwrap();
        let mut accounts = Accounts::default();
        accounts.base("root:*:0:0:root:/root:/bin/bash\n", "root:*:0:\nshadow:*:42:\nnogroup:*:65534:\n");
        let text = "# basic\nu root 0 - /root\nu! systemd-network - \"systemd Network\"\nu sshd -:nogroup \"sshd user\" /run/sshd\n\
                    g kvm -\nm sshd kvm\nr - 500-900\nx what\n";
        assert_eq!(accounts.sysusers(&numbers, text), ["x what"]);
        let chrony = SystemUser {
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
        accounts.adduser(&numbers, &chrony);
        let mut assembly = testing::assembly(&[("/etc/motd", "")]);
        let mut edit = testing::edit(&mut assembly);
        edit.accounts = accounts;
        write(&mut edit, true);
        assert!(edit.errors.is_empty());
        assert_eq!(
            testing::text(&assembly, "/etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\n\
             systemd-network:x:998:998:systemd Network:/:/usr/sbin/nologin\n\
             sshd:x:990:65534:sshd user:/run/sshd:/usr/sbin/nologin\n\
             _chrony:x:100:102:Chrony:/var/lib/chrony:/usr/sbin/nologin\n"
        );
        assert_eq!(
            testing::text(&assembly, "/etc/shadow"),
            "root:*:20000:0:99999:7:::\nsystemd-network:!*:20000:::::1:\nsshd:!*:20000::::::\n_chrony:!:20000::::::\n"
        );
        assert_eq!(
            testing::text(&assembly, "/etc/group"),
            "root:x:0:\nshadow:x:42:\nnogroup:x:65534:\nsystemd-network:x:998:\nkvm:x:993:sshd\n_chrony:x:102:\n"
        );
        assert!(testing::text(&assembly, "/etc/gshadow").ends_with("kvm:!*::sshd\n_chrony:!::\n"));
        let shadow = assembly.tree.get(&rootsmith_types::TreePath::literal("/etc/shadow")).unwrap();
        assert_eq!((shadow.metadata.mode, shadow.metadata.gid), (0o640, 42));
    }

    #[test]
    fn without_shadowconfig_only_what_sysusers_made_is_in_shadow() {
        let mut assembly = testing::assembly(&[("/etc/motd", "")]);
        let mut edit = testing::edit(&mut assembly);
        edit.accounts.base("root:*:0:0:root:/root:/bin/bash\n", "root:*:0:\n");
        write(&mut edit, false);
        assert_eq!(edit.kind("/etc/shadow"), None);
        edit.accounts.sysusers(&models::numbers().unwrap(), "g systemd-journal -\n");
        write(&mut edit, false);
        assert_eq!(testing::text(&assembly, "/etc/passwd"), "root:*:0:0:root:/root:/bin/bash\n");
        assert_eq!(testing::text(&assembly, "/etc/group"), "root:*:0:\nsystemd-journal:x:999:\n");
        assert_eq!(testing::text(&assembly, "/etc/gshadow"), "systemd-journal:!*::\n");
        let gshadow = assembly.tree.get(&rootsmith_types::TreePath::literal("/etc/gshadow")).unwrap();
        assert_eq!(gshadow.metadata.mode, 0);
    }

    #[test]
    fn numbers_do_not_depend_on_the_order() {
        let numbers = Numbers::default();
        let ids = |names: [&str; 3]| {
            let mut accounts = Accounts::default();
            names
                .map(|name| (name.to_owned(), accounts.group(&numbers, name, None)))
                .into_iter()
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(ids(["prometheus", "grafana", "loki"]), ids(["loki", "prometheus", "grafana"]));
    }
}
