//! What is left when every script was followed: what looks at the whole tree, kind by kind, computed files last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rayon::prelude::*;
use rootsmith_assemble::Owner;
use rootsmith_profile::Profile;
use rootsmith_tree::{Blobs, Content, Metadata, Node, Tree};
use rootsmith_types::{Arch, PackageName, TreePath, UnixTime};

use crate::database::Records;
use crate::edit::Edit;
use crate::effect::{Effect, Generator};
use crate::models::Numbers;
use crate::script::Followed;
use crate::units::{self, Manager};
use crate::{ConfigureError, accounts, alternatives, generate, init_scripts};

/// Accounts where there is no base-passwd: with its numbers, those that an init, its devices and its daemons need.
const PASSWD: &str = include_str!("../accounts/passwd");
const GROUP: &str = include_str!("../accounts/group");

/// Applies every effect of every package, and says what is left for the database of dpkg.
pub(crate) fn apply(
    edit: &mut Edit<'_>,
    numbers: &Numbers,
    followed: &[(PackageName, Followed)],
    profile: &Profile,
    arch: Arch,
) -> Records {
    let effects: Vec<(Owner, &Effect)> = followed
        .iter()
        .flat_map(|(name, followed)| followed.effects.iter().map(|effect| (Owner::Script(name.clone()), effect)))
        .collect();
    finish_accounts(edit, numbers, &effects, profile);
    let each = |edit: &mut Edit<'_>, wanted: fn(&Effect) -> bool| {
        for (owner, effect) in effects.iter().filter(|(_, effect)| wanted(effect)) {
            edit.owner = owner.clone();
            services(edit, effect);
        }
    };
    ucf(edit, &effects);
    each(edit, |effect| matches!(effect, Effect::InitScript(_) | Effect::Runlevel { .. }));
    each(edit, |effect| matches!(effect, Effect::InitScriptOff(_)));
    each(edit, |effect| {
        matches!(
            effect,
            Effect::EnableUnit { .. } | Effect::UnitState { .. } | Effect::UnitOff(_) | Effect::SystemctlEnable { .. }
        )
    });
    let choices: Vec<_> = effects
        .iter()
        .filter_map(|(owner, effect)| match effect {
            Effect::Alternative(choice) => Some((choice.clone(), owner.clone())),
            _ => None,
        })
        .collect();
    alternatives::apply(edit, &choices);
    generators(edit, &effects, arch);
    records(&effects)
}

/// The distribution's own accounts, before any script asks for one.
pub(crate) fn base_accounts(edit: &mut Edit<'_>) {
    let base = "/usr/share/base-passwd";
    match (edit.read(&format!("{base}/passwd.master")), edit.read(&format!("{base}/group.master"))) {
        (Some(passwd), Some(group)) => edit.accounts.base(&passwd, &group),
        _ => edit.accounts.base(PASSWD, GROUP),
    }
}

fn finish_accounts(edit: &mut Edit<'_>, numbers: &Numbers, effects: &[(Owner, &Effect)], profile: &Profile) {
    let declared = declared_accounts(edit, numbers, profile);
    let base = edit.resolves("/usr/share/base-passwd/passwd.master");
    // Beside base-passwd, the tools of `passwd` move the passwords.
    let shadow = declared || !base || effects.iter().any(|(_, effect)| matches!(effect, Effect::Shadow));
    edit.owner = Owner::Builder("accounts");
    accounts::write(edit, shadow);
    homes(edit, profile);
}

/// `[[group]]` and `[[user]]`. Says whether there are any.
fn declared_accounts(edit: &mut Edit<'_>, numbers: &Numbers, profile: &Profile) -> bool {
    for group in &profile.groups {
        edit.accounts.declared_group(numbers, group);
    }
    for user in &profile.users {
        for group in edit.accounts.declared_user(numbers, user) {
            edit.errors.push(ConfigureError::UndeclaredAccount {
                kind: "group",
                name: group.value.clone(),
                origin: group.origin.clone(),
            });
        }
    }
    !profile.groups.is_empty() || !profile.users.is_empty()
}

/// Home directories of `[[user]]`, and who may log in to them with which key (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").
fn homes(edit: &mut Edit<'_>, profile: &Profile) {
    for user in &profile.users {
        edit.owner = Owner::Profile(user.origin.clone());
        let home = accounts::home(user);
        let name = &user.name.value;
        let uid = edit.uid(name).unwrap_or(0);
        let gid = edit.accounts.primary_gid(name).unwrap_or(0);
        let owned = |mut metadata: Metadata| {
            (metadata.uid, metadata.gid) = (uid, gid);
            metadata
        };
        if user.create_home.value && home != "/nonexistent" {
            let metadata = owned(edit.metadata(if user.system.value { 0o755 } else { 0o700 }));
            edit.directory(&home, metadata);
        }
        if !user.ssh_authorized_keys.is_empty() {
            let metadata = owned(edit.metadata(0o700));
            edit.directory(&home, metadata.clone());
            edit.directory(&format!("{home}/.ssh"), metadata);
            let keys = user.ssh_authorized_keys.iter().fold(String::new(), |text, key| text + &key.value + "\n");
            let metadata = owned(edit.metadata(0o600));
            edit.put(&format!("{home}/.ssh/authorized_keys"), Node::file(Content::inline(keys), metadata));
        }
    }
}

fn services(edit: &mut Edit<'_>, effect: &Effect) {
    match effect {
        Effect::InitScriptOff(name) => init_scripts::off(edit, name),
        Effect::InitScript(name) => init_scripts::defaults(edit, name),
        Effect::Runlevel { script, runlevel } => init_scripts::add(edit, script, runlevel),
        Effect::EnableUnit { unit, user } => {
            units::helper_enable(edit, manager(*user), unit);
        }
        Effect::UnitState { unit, user } => {
            units::helper_state(edit, manager(*user), unit);
        }
        Effect::UnitOff(unit) => units::helper_disable(edit, unit),
        Effect::SystemctlEnable { unit } => {
            units::enable(edit, Manager::System, unit);
        }
        _ => {}
    }
}

fn manager(user: bool) -> Manager {
    if user { Manager::User } else { Manager::System }
}

/// The books of ucf(1): digests and registry.
fn ucf(edit: &mut Edit<'_>, effects: &[(Owner, &Effect)]) {
    let (mut hashes, mut registry) = (BTreeSet::new(), BTreeSet::new());
    for (_, effect) in effects {
        match effect {
            Effect::Ucf { to, md5, .. } => _ = hashes.insert(format!("{md5}  {to}\n")),
            Effect::UcfRegister { package, path } => {
                registry.insert((path.clone(), format!("{package} \t {path}\n")));
            }
            _ => {}
        }
    }
    edit.owner = Owner::Builder("ucf");
    if !hashes.is_empty() {
        let mut hashes: Vec<String> = hashes.into_iter().collect();
        hashes.sort_by(|a, b| a[32..].cmp(&b[32..]));
        edit.write("/var/lib/ucf/hashfile", hashes.concat(), 0o644);
    }
    if !registry.is_empty() {
        let lines: String = registry.into_iter().map(|(_, line)| line).collect();
        edit.write("/var/lib/ucf/registry", lines, 0o644);
    }
}

fn generators(edit: &mut Edit<'_>, effects: &[(Owner, &Effect)], arch: Arch) {
    let mut wanted = BTreeMap::new();
    for (owner, effect) in effects {
        // Certificates were made at once: scripts make something of them.
        if let Effect::Generate(generator) = effect
            && *generator != Generator::Certificates
        {
            wanted.entry(*generator).or_insert(owner);
        }
    }
    // None of them looks at what another makes, so they run side by side.
    let (tree, blobs) = (&edit.assembly.tree, edit.blobs);
    let made: Vec<_> =
        wanted.par_iter().map(|(generator, owner)| (*generator, *owner, make(tree, blobs, *generator, arch))).collect();
    for (generator, owner, made) in made {
        edit.owner = owner.clone();
        put(edit, generator, made);
    }
}

/// Puts what a generator made where it belongs.
pub(crate) fn put(edit: &mut Edit<'_>, generator: Generator, made: io::Result<Vec<(TreePath, Made)>>) {
    match made {
        Ok(made) => {
            for (path, node) in made {
                let date = edit.date;
                edit.put(&path.to_string(), node.at(date));
            }
        }
        Err(error) => {
            let path = TreePath::literal(generator.output());
            edit.errors.push(ConfigureError::Unreadable { path, reason: error.to_string() });
        }
    }
}

/// What a generator makes at a path.
pub(crate) enum Made {
    File(Content, u16),
    Link(Vec<u8>),
}

impl Made {
    fn at(self, date: UnixTime) -> Node {
        match self {
            Made::File(content, mode) => Node::file(content, Metadata::root(mode, date)),
            Made::Link(target) => Node::symlink(target, date),
        }
    }
}

pub(crate) fn make(
    tree: &Tree,
    blobs: &dyn Blobs,
    generator: Generator,
    arch: Arch,
) -> io::Result<Vec<(TreePath, Made)>> {
    let file = |content, mode| (TreePath::literal(generator.output()), Made::File(content, mode));
    let files = |found: Vec<(TreePath, Vec<u8>)>| -> Vec<(TreePath, Made)> {
        found.into_iter().map(|(path, bytes)| (path, Made::File(bytes.into(), 0o644))).collect()
    };
    let links = |found: Vec<(TreePath, Vec<u8>)>| found.into_iter().map(|(path, target)| (path, Made::Link(target)));
    Ok(match generator {
        Generator::Shells => files(generate::shells(tree, blobs)?),
        Generator::Pam => files(generate::pam_common(tree, blobs)?),
        Generator::Certificates => {
            let found = generate::ca_certificates(tree, blobs)?;
            let conf = (TreePath::literal("/etc/ca-certificates.conf"), Made::File(found.conf.into(), 0o644));
            [conf, file(found.bundle.into(), 0o644)].into_iter().chain(links(found.links)).collect()
        }
        Generator::Catalog => {
            generate::journal_catalog(tree, blobs)?.map(|bytes| file(bytes.into(), 0o644)).into_iter().collect()
        }
        Generator::Hwdb => generate::hwdb_bin(tree, blobs)?.map(|content| file(content, 0o444)).into_iter().collect(),
        Generator::SgmlCatalog => files(generate::sgml_supercatalog(tree, blobs)?),
        Generator::Ldconfig => {
            let found = generate::ld_so_cache(tree, blobs, arch)?;
            std::iter::once(file(found.cache.into(), 0o644)).chain(links(found.links)).collect()
        }
    })
}

fn records(effects: &[(Owner, &Effect)]) -> Records {
    let mut records = Records::default();
    let mut removed = BTreeSet::new();
    for (owner, effect) in effects {
        match effect {
            Effect::Divert { package, from, to, .. } => {
                let script = match owner {
                    Owner::Script(package) => Some(package.to_string()),
                    _ => None,
                };
                records.diversions.insert(from.clone(), (to.clone(), package.clone().or(script)));
            }
            Effect::Undivert { from } => {
                removed.insert(from);
            }
            Effect::StatOverride { user, group, mode, path } => {
                records.overrides.insert(path.clone(), (user.clone(), group.clone(), *mode));
            }
            _ => {}
        }
    }
    records.diversions.retain(|from, _| !removed.contains(from));
    records
}
