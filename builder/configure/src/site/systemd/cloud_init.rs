//! `[cloud-init]`: the files of cloud-init that pin what it does in this image.
//!
//! | key | file | what it says |
//! |---|---|---|
//! | `datasources` | `cloud.cfg.d/90_profile.cfg` | `datasource_list`, which ds-identify(1) and cloud-init read |
//! | | `ds-identify.cfg` | what follows when none of them is there |
//! | `network = "profile"` | `cloud.cfg.d/90_profile.cfg` | `network: {config: disabled}` |
//! | `grow` of the root partition | `cloud.cfg.d/90_profile.cfg` | neither `growpart` nor `resizefs`: the profile says what grows |
//!
//! What a datasource brings is laid over this, so that one machine can still be told otherwise.

use rootsmith_profile::{CloudInit, CloudNetwork, InitSystem, Profile};
use rootsmith_types::{Located, TreePath};

use super::super::{owned, refuse};
use crate::ConfigureError;
use crate::edit::Edit;

/// Where cloud-init has one Python module for each datasource.
const SOURCES: &str = "/usr/lib/python3/dist-packages/cloudinit/sources";
/// The datasource of a machine that has no other.
const NONE: &str = "None";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    let Some(cloud_init) = &profile.cloud_init else { return };
    let known = datasources(edit);
    if known.is_empty() {
        let instead = "add `cloud-init` to `packages.include`";
        return refuse(
            edit,
            InitSystem::Systemd,
            &cloud_init.origin,
            "start cloud-init, which no package brings",
            instead,
        );
    }
    for named in cloud_init.datasources.iter().filter(|named| !known.contains(&named.value)) {
        edit.errors.push(unknown(named, &known));
    }
    owned(edit, &cloud_init.origin, "/etc/cloud/cloud.cfg.d/90_profile.cfg", config(cloud_init));
    edit.write("/etc/cloud/ds-identify.cfg", policy(cloud_init), 0o644);
}

/// The datasources of the cloud-init in the image.
fn datasources(edit: &Edit<'_>) -> Vec<String> {
    let names = edit.assembly.tree.children(&TreePath::literal(SOURCES));
    let names =
        names.filter_map(|name| std::str::from_utf8(name).ok()?.strip_prefix("DataSource")?.strip_suffix(".py"));
    names.map(str::to_owned).collect()
}

fn unknown(named: &Located<String>, known: &[String]) -> ConfigureError {
    let name = named.value.to_lowercase();
    let distance = |known: &&String| strsim::damerau_levenshtein(&known.to_lowercase(), &name);
    let nearest = known.iter().min_by_key(distance).filter(|known| distance(known) <= 1 + name.len() / 4);
    ConfigureError::UnknownDatasource {
        name: named.value.clone(),
        nearest: nearest.cloned(),
        known: known.to_vec(),
        origin: named.origin.clone(),
    }
}

/// On one line each: ds-identify reads no other YAML.
fn config(cloud_init: &CloudInit) -> String {
    let mut names: Vec<&str> = cloud_init.datasources.iter().map(|it| it.value.as_str()).collect();
    // One alone is used without looking whether it is there. A machine without it must come up all the same.
    if let [only] = names[..]
        && only != NONE
    {
        names.push(NONE);
    }
    let mut text = format!(
        "# Made from `[cloud-init]` of the image's profile.\ndatasource_list: [ {} ]\n\
         # The partition that grows is the profile's to name.\ngrowpart: {{ mode: 'off' }}\nresize_rootfs: false\n",
        names.join(", ")
    );
    if cloud_init.network.value == CloudNetwork::Profile {
        text.push_str("network: { config: disabled }\n");
    }
    text
}

/// A machine that has none of them boots without cloud-init, unless `None` is among them.
fn policy(cloud_init: &CloudInit) -> String {
    let always = cloud_init.datasources.iter().any(|it| it.value == NONE);
    let missing = if always { "enabled" } else { "disabled" };
    format!(
        "# Made from `[cloud-init]` of the image's profile.\npolicy: search,found=all,maybe=none,notfound={missing}\n"
    )
}
