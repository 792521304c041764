//! `[network]` for systemd-networkd (systemd.network(5)).

use std::fmt::Write;

use rootsmith_profile::Interface;

/// The text of a `.network` file.
pub(super) fn network(interface: &Interface) -> String {
    let names: Vec<&str> = interface.names.iter().map(|name| name.value.as_str()).collect();
    let mut text = format!(
        "# Made from `[[network.interface]]` of the image's profile.\n[Match]\nName={}\n\n[Network]\n",
        names.join(" ")
    );
    if interface.dhcp.value {
        text.push_str("DHCP=yes\n");
    }
    for address in &interface.addresses {
        let (address, prefix) = address.value;
        let _ = writeln!(text, "Address={address}/{prefix}");
    }
    for (key, values) in [("Gateway", &interface.gateways), ("DNS", &interface.dns)] {
        for value in values {
            let _ = writeln!(text, "{key}={}", value.value);
        }
    }
    text
}
