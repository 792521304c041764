//! `[network]`: addresses by udhcpc, or fixed ones by `ip`.

use std::fmt::Write;
use std::net::IpAddr;

use rootsmith_profile::{InitSystem, Interface, NetworkManager, Profile};

use super::super::quote::quote;
use super::super::refuse;
use crate::edit::Edit;

const SCRIPT: &str = include_str!("scripts/default.script");

/// What else the network needs in the image.
pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    if let Some(manager) = &profile.network.manager
        && manager.value != NetworkManager::Busybox
    {
        let instead = "write `manager = \"busybox\"`, or leave it out";
        refuse(edit, InitSystem::Busybox, &manager.origin, "start another manager of the network", instead);
    }
    let Some(first) = profile.network.interfaces.first() else { return };
    edit.owner = rootsmith_assemble::Owner::Profile(first.origin.clone());
    if edit.kind("/etc/resolv.conf").is_none() {
        edit.symlink("/etc/resolv.conf", "../run/resolv.conf");
    }
    if profile.network.interfaces.iter().any(|interface| interface.dhcp.value) {
        edit.write("/etc/udhcpc/default.script", SCRIPT, 0o755);
    }
}

/// The lines of `rcS`.
pub(super) fn lines(profile: &Profile) -> String {
    let mut text = String::from("\n# The network.\nip link set lo up\n");
    let interfaces = &profile.network.interfaces;
    if interfaces.is_empty() {
        return text;
    }
    text.push_str("for folder in /sys/class/net/*; do\n\tinterface=${folder##*/}\n\tcase $interface in\n\tlo) ;;\n");
    for interface in interfaces {
        text.push_str(&one(interface));
    }
    text.push_str("\tesac\ndone\n");
    text
}

fn one(interface: &Interface) -> String {
    // Everything but `*` is taken as it is.
    let pattern = |name: &str| {
        name.split('*')
            .map(|part| if part.is_empty() { String::new() } else { quote(part) })
            .collect::<Vec<_>>()
            .join("*")
    };
    let names: Vec<String> = interface.names.iter().map(|name| pattern(&name.value)).collect();
    let mut text = format!("\t{})\n\t\tip link set \"$interface\" up\n", names.join(" | "));
    for address in &interface.addresses {
        let (address, length) = address.value;
        let _ = writeln!(text, "\t\tip addr add {address}/{length} dev \"$interface\"");
    }
    for gateway in &interface.gateways {
        let family = if matches!(gateway.value, IpAddr::V6(_)) { "-6 " } else { "" };
        let _ = writeln!(text, "\t\tip {family}route add default via {} dev \"$interface\"", gateway.value);
    }
    if !interface.dns.is_empty() {
        text.push_str("\t\tmkdir -p \"/run/network/$interface.fixed\"\n");
        for server in &interface.dns {
            let line = format!("nameserver {}", server.value);
            let _ = writeln!(text, "\t\techo '{line}' >>\"/run/network/$interface.fixed/resolv.conf\"");
        }
        text.push_str("\t\tcat /run/network/*/resolv.conf >/run/resolv.conf\n");
    }
    if interface.dhcp.value {
        text.push_str(
            "\t\tudhcpc -b -R -S -i \"$interface\" -p \"/run/udhcpc.$interface.pid\" \\\n\
             \t\t\t-x \"hostname:$(hostname)\" -s /etc/udhcpc/default.script &\n",
        );
    } else if !interface.addresses.is_empty() {
        text.push_str("\t\t: >/run/network/online\n");
    }
    text + "\t\t;;\n"
}
