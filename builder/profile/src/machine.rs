//! `[[user]]`, `[[group]]`, `[[mount]]`, `[sysctl]`, `[network]` and `[cloud-init]`, read.

use rootsmith_types::Located;

use crate::choices::{CLOUD_NETWORKS, NETWORK_MANAGERS};
use crate::fields::{Fields, unique};
use crate::keys::{CLOUD_INIT, INTERFACE, NETWORK, elsewhere};
use crate::model::{CloudInit, CloudNetwork, Group, Interface, Mount, Network, User};
use crate::words;

pub(crate) fn user(table: &Fields<'_>) -> Option<User> {
    let name = table.required("name", "name = \"etcd\"", words::account);
    let system = table.flag("system", false);
    let create_home = table.flag("create-home", !system.value);
    Some(User {
        uid: table.number("uid", words::id),
        group: table.text("group", words::account),
        groups: table.set("groups", words::account),
        home: table.text("home", words::target_path),
        create_home,
        shell: table.text("shell", words::target_path),
        comment: table.text("comment", words::account_field),
        system,
        password: table.text("password", words::account_field),
        ssh_authorized_keys: table.set("ssh-authorized-keys", words::line),
        origin: table.origin.clone(),
        name: name?,
    })
}

pub(crate) fn group(table: &Fields<'_>) -> Option<Group> {
    let name = table.required("name", "name = \"data\"", words::account);
    let gid = table.number("gid", words::id);
    Some(Group { name: name?, gid, origin: table.origin.clone() })
}

pub(crate) fn mount(table: &Fields<'_>) -> Option<Mount> {
    let source = table.required("source", "source = \"LABEL=data\"", words::mount_field);
    let target = table.required("target", "target = \"/srv/data\"", words::target_path);
    let kind = table.required("type", "type = \"ext4\"", words::mount_option);
    let options = table.set("options", words::mount_option);
    Some(Mount { source: source?, target: target?, kind: kind?, options, origin: table.origin.clone() })
}

pub(crate) fn sysctl(root: &Fields<'_>) -> Vec<(Located<String>, Located<String>)> {
    let table = root.map("sysctl");
    let entries = table.entries().filter_map(|(key, value)| {
        let value = table.number_or_text(&key.value, value, words::value);
        let key = table.accept(&key.value, &key.origin, words::sysctl_key);
        Some((key?, value?))
    });
    entries.collect()
}

pub(crate) fn network(root: &Fields<'_>) -> Network {
    let table = root.table("network", NETWORK, &elsewhere);
    Network {
        manager: table.text("manager", |text| NETWORK_MANAGERS.read(text)),
        interfaces: table.tables("interface", INTERFACE).iter().map(interface).collect(),
    }
}

fn interface(table: &Fields<'_>) -> Interface {
    table.require_some("match", "match = [\"en*\", \"eth*\"]");
    Interface {
        names: table.set("match", words::interface),
        dhcp: table.flag("dhcp", false),
        addresses: unique(table.list("address", words::address_with_prefix)),
        gateways: table.set("gateway", words::address),
        dns: table.set("dns", words::address),
        origin: table.origin.clone(),
    }
}

pub(crate) fn cloud_init(root: &Fields<'_>) -> Option<CloudInit> {
    root.get("cloud-init")?;
    let table = root.table("cloud-init", CLOUD_INIT, &elsewhere);
    table.require_some("datasources", "datasources = [\"NoCloud\", \"ConfigDrive\"]");
    let network = table.text("network", |text| CLOUD_NETWORKS.read(text));
    Some(CloudInit {
        datasources: table.set("datasources", words::datasource),
        network: network.unwrap_or_else(|| table.default(CloudNetwork::CloudInit)),
        origin: table.origin.clone(),
    })
}
