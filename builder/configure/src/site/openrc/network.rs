//! `[network]` by ifupdown: interfaces(5), and what OpenRC's services wait for.

use std::fmt::Write;
use std::net::IpAddr;

use rootsmith_profile::{InitSystem, Interface, NetworkManager, Profile};
use rootsmith_types::{Located, Origin};

use super::super::{owned, refuse};
use crate::edit::Edit;

/// What ifupdown asks for an address, the first one that is there.
const DHCP_CLIENTS: [&str; 3] = ["/usr/sbin/dhclient", "/usr/sbin/udhcpc", "/usr/sbin/dhcpcd"];
const DHCPCD_CONF: &str = "/etc/dhcpcd.conf";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    let network = &profile.network;
    if let Some(manager) = &network.manager
        && manager.value != NetworkManager::Ifupdown
    {
        let instead = "write `manager = \"ifupdown\"`, or leave it out";
        return refuse(edit, InitSystem::Openrc, &manager.origin, "start this network manager", instead);
    }
    let Some(first) = network.interfaces.first() else { return };
    if !edit.resolves("/usr/sbin/ifup") || !edit.resolves("/etc/init.d/networking") {
        let instead = "add `ifupdown` to `packages.include`";
        return refuse(edit, InitSystem::Openrc, &first.origin, "configure a network without `ifup`", instead);
    }
    let mut text = String::from(
        "# Made from `[network]`. Names are patterns, so nothing happens where there is no such interface.\n",
    );
    for (number, interface) in network.interfaces.iter().enumerate() {
        text += &stanzas(interface, &format!("profile{number}"));
    }
    owned(edit, &first.origin, "/etc/network/interfaces.d/profile", text);
    if let Some(interface) = network.interfaces.iter().find(|interface| interface.dhcp.value)
        && !DHCP_CLIENTS.iter().any(|client| edit.resolves(client))
    {
        let instead = "add `dhcpcd-base` to `packages.include`";
        refuse(edit, InitSystem::Openrc, &interface.dhcp.origin, "ask for an address without a DHCP client", instead);
    }
    name_servers(edit, &network.interfaces);
}

/// One logical interface (interfaces(5), "INTERFACE SELECTION"): what every interface of these names gets.
fn stanzas(interface: &Interface, name: &str) -> String {
    let patterns: Vec<String> = interface.names.iter().map(|pattern| format!("/{}={name}", pattern.value)).collect();
    let mut text = format!("\nauto {}\n", patterns.join(" "));
    if interface.dhcp.value {
        // dhcpcd takes addresses of version 6 on the way.
        let _ = writeln!(text, "iface {name} inet dhcp");
    }
    let mut gateways: Vec<IpAddr> = interface.gateways.iter().map(|gateway| gateway.value).collect();
    for address in &interface.addresses {
        let (address, length) = address.value;
        let family = if address.is_ipv4() { "inet" } else { "inet6" };
        let _ = writeln!(text, "iface {name} {family} static\n\taddress {address}/{length}");
        if let Some(at) = gateways.iter().position(|gateway| gateway.is_ipv4() == address.is_ipv4()) {
            let _ = writeln!(text, "\tgateway {}", gateways.remove(at));
        }
    }
    if !interface.dhcp.value && interface.addresses.is_empty() {
        let _ = writeln!(text, "iface {name} inet manual\n\tup ip link set dev $IFACE up");
    }
    // The last stanza takes those that no address of its own goes with.
    for gateway in gateways {
        let _ = writeln!(text, "\tup ip route append default via {gateway} dev $IFACE");
    }
    text
}

/// Nothing but dhcpcd's own hook writes `resolv.conf` here, so given servers are simply in it.
fn name_servers(edit: &mut Edit<'_>, interfaces: &[Interface]) {
    let given: Vec<&Located<IpAddr>> = interfaces.iter().flat_map(|interface| &interface.dns).collect();
    let Some(first) = given.first() else { return };
    let lines = given.iter().fold(String::new(), |text, server| text + &format!("nameserver {}\n", server.value));
    let origin: Origin = first.origin.clone();
    owned(edit, &origin, "/etc/resolv.conf", lines);
    if interfaces.iter().any(|interface| interface.dhcp.value) {
        match edit.read(DHCPCD_CONF) {
            Some(conf) => {
                let conf =
                    format!("{conf}\n# The profile names the servers (`network.interface.dns`).\nnohook resolv.conf\n");
                owned(edit, &origin, DHCPCD_CONF, conf);
            }
            None => {
                let what = "keep a DHCP client other than dhcpcd from writing name servers";
                refuse(edit, InitSystem::Openrc, &origin, what, "add `dhcpcd-base` to `packages.include`");
            }
        }
    }
}
