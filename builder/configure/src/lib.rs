//! What maintainer scripts would have done, as data applied to the tree.
//!
//! No script is executed. [`configure`] follows each package's `preinst` and `postinst` as `dpkg` would call them on a first
//! installation, in an order in which dpkg could: by `rootsmith-shell`, on a stage that changes the tree as the script's
//! commands would have. Scripts that ask for what no image has are described in `models/`, by the digest of their text; the
//! rest is an error that names package, script and lines, unless the profile answers for it. What looks at the whole tree
//! (units, alternatives, runlevels, `ld.so.cache`, the certificate bundle …) is noted on the way and done last, kind by kind,
//! so that the order of packages does not matter to it.

mod accounts;
mod acl;
mod alternatives;
mod apply;
mod database;
mod edit;
mod effect;
mod error;
mod generate;
mod identity;
mod init_scripts;
mod models;
mod order;
mod report;
mod script;
mod site;
mod stage;
mod tmpfiles;
mod units;

#[cfg(test)]
mod tests;

pub use error::ConfigureError;
pub use identity::{Identity, identity_plan};
pub use report::{By, Class, Counts, PackageReport, ReadScript, Report};

use rootsmith_assemble::{Assembly, Owner, Package};
use rootsmith_profile::{Database, Profile};
use rootsmith_tree::Blobs;
use rootsmith_types::{Arch, PackageName, UnixTime};

use accounts::Accounts;
use edit::Edit;
use models::Models;
use script::{Followed, Follower};
use stage::Shared;

/// What a tree is configured for.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The merged profile.
    pub profile: &'a Profile,
    /// The installed packages, in any order. Those that are only taken apart are not among them.
    pub packages: &'a [Package],
    /// Whose tree it is.
    pub arch: Arch,
    /// The time of every file made here, and the day of the last password change.
    pub date: UnixTime,
}

/// Applies what the maintainer scripts of all packages would have done, and what the profile says of names, hosts and
/// modules. The tree holds all packages' files; overlays come later, and [`enable_services`] after them.
pub fn configure(assembly: &mut Assembly, input: &Input<'_>, blobs: &dyn Blobs) -> Result<Report, Vec<ConfigureError>> {
    let models = Models::load().map_err(|error| vec![error])?;
    configure_with(&models, assembly, input, blobs)
}

fn configure_with(
    models: &Models,
    assembly: &mut Assembly,
    input: &Input<'_>,
    blobs: &dyn Blobs,
) -> Result<Report, Vec<ConfigureError>> {
    let numbers = models::numbers().map_err(|error| vec![error])?;
    let mut packages: Vec<&Package> = input.packages.iter().collect();
    packages.sort_by(|a, b| (&a.locked.name, &a.locked.architecture).cmp(&(&b.locked.name, &b.locked.architecture)));

    // Without dpkg nothing would keep its database true. The manifest lists the packages.
    let dpkg = packages.iter().any(|package| package.locked.name == *"dpkg");
    let database = match &input.profile.packages.database {
        Some(database) => database.value,
        None if dpkg => Database::Dpkg,
        None => Database::None,
    };
    let first_boot = dpkg && database == Database::Dpkg;
    let answers = input.profile.scripts.iter();
    let follower = Follower {
        models,
        numbers: &numbers,
        arch: input.arch,
        packages: &packages,
        first_boot,
        caches: input.profile.packages.caches.as_ref().map(|caches| caches.value),
        answers: answers.map(|answer| (answer.package.value.as_str(), answer)).collect(),
    };
    let owner = Owner::Builder("configure");
    let mut edit = Edit { assembly, blobs, date: input.date, owner, accounts: Accounts::default(), errors: Vec::new() };
    site::caches(&mut edit, input.profile, first_boot);
    apply::base_accounts(&mut edit);
    let mut shared = Shared::default();
    let mut done: Vec<Followed> = packages.iter().map(|_| Followed::default()).collect();
    let order = order::of_configuring(&packages, input.arch);
    for script in ["preinst", "postinst"] {
        for &index in &order {
            follower.script(&mut edit, &mut shared, packages[index], script, &mut done[index]);
        }
    }
    // What else is wrong would but follow from what is.
    let configured = edit.errors.is_empty();
    for &index in order.iter().filter(|_| configured) {
        follower.triggered(&mut edit, &mut shared, packages[index], &mut done[index]);
    }
    let followed: Vec<(PackageName, Followed)> =
        packages.iter().map(|package| package.locked.name.clone()).zip(done).collect();
    let records = apply::apply(&mut edit, &numbers, &followed, input.profile, input.arch);
    if packages.iter().any(|package| package.locked.name == *"debconf") {
        shared.debconf.write(&mut edit);
    }
    site::write(&mut edit, input.profile, input.arch);
    let on_the_machine: Vec<&PackageName> =
        followed.iter().filter(|(_, followed)| followed.first_boot.is_some()).map(|(name, _)| name).collect();
    if !on_the_machine.is_empty() {
        site::first_boot(&mut edit, input.profile, &on_the_machine);
    }
    match database {
        Database::Dpkg => database::write(&mut edit, &packages, input.arch.debian(), &records, &on_the_machine),
        Database::StatusD => database::write_folder(&mut edit, &packages),
        Database::None => {}
    }
    if edit.errors.is_empty() { Ok(Report::of(followed)) } else { Err(edit.errors) }
}

/// Enables and disables the services that the profile's `[init]` names, and says which. A unit may come from an overlay, so
/// this is for the tree that has everything.
pub fn enable_services(
    assembly: &mut Assembly,
    input: &Input<'_>,
    blobs: &dyn Blobs,
) -> Result<Vec<String>, Vec<ConfigureError>> {
    let owner = Owner::Builder("configure");
    let accounts = Accounts::default();
    let mut edit = Edit { assembly, blobs, date: input.date, owner, accounts, errors: Vec::new() };
    let done = site::services(&mut edit, input.profile);
    if edit.errors.is_empty() { Ok(done) } else { Err(edit.errors) }
}
