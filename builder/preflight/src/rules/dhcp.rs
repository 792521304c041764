//! What a DHCP server knows a machine by: machines with one name get one address.
//!
//! No client shares a name by itself. systemd-networkd makes one of the machine-id, dhcpcd of the firmware's UUID or of the
//! card's address, dhclient, udhcpc and NetworkManager of the card's address. What is kept of it is a file that must not be in
//! an image, and for `no-files` to find; here it is about settings that give one name, or one card's address, to all.

use super::Outcome;
use super::identity::{expand, some};
use crate::view::View;

/// A setting that names one machine, unless its value is one of `fine`.
struct Setting {
    files: &'static [&'static str],
    keys: &'static [&'static str],
    /// Words of the client's own, which each machine makes something else of.
    fine: &'static [&'static str],
}

const SETTINGS: [Setting; 7] = [
    // systemd.network(5), systemd.link(5), networkd.conf(5): a `MACAddress=` in `[Match]` means one machine, too.
    Setting {
        files: &[
            "/etc/systemd/network/*.network",
            "/etc/systemd/network/*.link",
            "/etc/systemd/network/*.netdev",
            "/etc/systemd/network/*.d/*.conf",
            "/etc/systemd/networkd.conf",
            "/etc/systemd/networkd.conf.d/*.conf",
            "/usr/lib/systemd/network/*.network",
            "/usr/lib/systemd/network/*.link",
        ],
        keys: &["DUIDRawData", "MACAddress", "PermanentMACAddress"],
        fine: &["none"],
    },
    // dhclient.conf(5)
    Setting {
        files: &["/etc/dhcp/dhclient*.conf", "/etc/dhclient*.conf"],
        keys: &["dhcp-client-identifier", "dhcp6.client-id"],
        fine: &["hardware"],
    },
    // dhcpcd.conf(5): `clientid` and `duid` without a value are made.
    Setting { files: &["/etc/dhcpcd.conf"], keys: &["clientid"], fine: &[] },
    Setting { files: &["/etc/dhcpcd.conf"], keys: &["duid"], fine: &["ll", "llt", "uuid"] },
    // interfaces(5)
    Setting {
        files: &["/etc/network/interfaces", "/etc/network/interfaces.d/*"],
        keys: &["client", "hwaddress"],
        fine: &["random"],
    },
    // nm-settings-keyfile(5), NetworkManager.conf(5)
    Setting {
        files: &[
            "/etc/NetworkManager/system-connections/*",
            "/etc/NetworkManager/NetworkManager.conf",
            "/etc/NetworkManager/conf.d/*.conf",
        ],
        keys: &[
            "dhcp-client-id",
            "ipv4.dhcp-client-id",
            "dhcp-duid",
            "ipv6.dhcp-duid",
            "mac-address",
            "cloned-mac-address",
        ],
        fine: &[
            "mac",
            "perm-mac",
            "duid",
            "ipv6-duid",
            "stable",
            "none",
            "lease",
            "ll",
            "llt",
            "stable-ll",
            "stable-llt",
            "stable-uuid",
            "permanent",
            "preserve",
            "random",
        ],
    },
    // What cloud-init found on an earlier machine.
    Setting { files: &["/etc/netplan/*.yaml"], keys: &["macaddress"], fine: &[] },
];

/// Clients, and what they are known by.
const CLIENTS: [(&str, &str); 4] = [
    ("/usr/sbin/dhcpcd", "`dhcpcd` by the firmware's UUID or the card's address"),
    ("/usr/sbin/dhclient", "`dhclient` by the card's address"),
    ("/usr/sbin/NetworkManager", "NetworkManager by the card's address"),
    ("/usr/sbin/udhcpc", "`udhcpc` by the card's address"),
];

pub(super) fn client_id(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    for setting in &SETTINGS {
        for at in setting.files.iter().flat_map(|pattern| expand(view, pattern)) {
            let file = at.to_string();
            let text = view.text_or_empty(&file);
            let lines = text.lines().map(str::trim).filter(|line| names_one(line, setting));
            wrong.extend(lines.map(|line| format!("`{file}` has `{line}`: the same on every machine")));
        }
    }
    let init = view.init_system();
    let given = init.commands().iter().filter(|command| {
        let options = command.words.windows(2).filter(|pair| pair[0] == "-x");
        command.program() == "udhcpc" && options.into_iter().any(|pair| is_option_61(&pair[1]))
    });
    wrong.extend(given.map(|command| format!("{}: the same on every machine", command.shown())));
    if !wrong.is_empty() {
        return Outcome::unless(some(wrong), "");
    }
    let networkd = init.starts("systemd-networkd").map(|_| "systemd-networkd by the machine-id");
    let others = CLIENTS.iter().filter(|(program, _)| view.node(program).is_some()).map(|(_, known)| *known);
    let known: Vec<&str> = networkd.into_iter().chain(others).collect();
    match known.is_empty() {
        true => Outcome::yes("nothing here asks for an address"),
        false => Outcome::yes(format!("no name is given to all; known is {}", known.join(", "))),
    }
}

/// `KEY=VALUE`, `KEY VALUE`, `send KEY = VALUE;` or `KEY: VALUE`.
fn names_one(line: &str, setting: &Setting) -> bool {
    if line.starts_with(['#', ';']) {
        return false;
    }
    let blank = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | ';');
    let mut words = line.split(blank).filter(|word| !word.is_empty() && !matches!(*word, "send" | "ether"));
    let key = words.next().map(|key| key.trim_end_matches(':'));
    let value = words.next();
    key.is_some_and(|key| setting.keys.contains(&key)) && value.is_some_and(|value| !setting.fine.contains(&value))
}

/// The client identifier (RFC 2132, 9.14), as udhcpc takes options by number.
fn is_option_61(word: &str) -> bool {
    let (number, _) = word.split_once(':').unwrap_or((word, ""));
    matches!(number.to_ascii_lowercase().as_str(), "61" | "0x3d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_machine_makes_for_itself_is_fine() {
        for (line, file, wrong) in [
            ("DUIDRawData=00:11", "/etc/systemd/networkd.conf", true),
            ("DUIDRawData=", "/etc/systemd/networkd.conf", false),
            ("DUIDType=vendor", "/etc/systemd/networkd.conf", false),
            ("ClientIdentifier=mac", "/etc/systemd/network/*.network", false),
            ("MACAddress = 52:54:00:12:34:56", "/etc/systemd/network/*.link", true),
            ("MACAddressPolicy=persistent", "/etc/systemd/network/*.link", false),
            ("send dhcp-client-identifier = hardware;", "/etc/dhcp/dhclient*.conf", false),
            ("send dhcp-client-identifier \"node\";", "/etc/dhcp/dhclient*.conf", true),
            ("#send dhcp-client-identifier 1:0:a0;", "/etc/dhcp/dhclient*.conf", false),
            ("clientid", "/etc/dhcpcd.conf", false),
            ("clientid node", "/etc/dhcpcd.conf", true),
            ("duid", "/etc/dhcpcd.conf", false),
            ("duid llt", "/etc/dhcpcd.conf", false),
            ("duid 00:01:00:01", "/etc/dhcpcd.conf", true),
            ("hwaddress ether 52:54:00:12:34:56", "/etc/network/interfaces", true),
            ("hwaddress random", "/etc/network/interfaces", false),
            ("dhcp-client-id=mac", "/etc/NetworkManager/conf.d/*.conf", false),
            ("dhcp-client-id=node", "/etc/NetworkManager/conf.d/*.conf", true),
            ("macaddress: '52:54:00:12:34:56'", "/etc/netplan/*.yaml", true),
        ] {
            let mut settings = SETTINGS.iter().filter(|setting| setting.files.contains(&file));
            assert_eq!(settings.any(|setting| names_one(line, setting)), wrong, "{line}");
        }
        assert!(is_option_61("0x3D:01ab") && is_option_61("61:'x'") && !is_option_61("hostname:node"));
    }
}
