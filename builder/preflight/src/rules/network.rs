//! Names and addresses: what a node resolves with, what it is called, who brings its network up.

use std::net::IpAddr;

use rootsmith_tree::Node;

use super::Outcome;
use crate::facts::path;
use crate::init::InitKind;
use crate::view::View;

/// The stub of systemd-resolved: k0s and the kubelet know to read past it.
const RESOLVED_STUB: &str = "127.0.0.53";

/// Services that write `/etc/resolv.conf` when a network comes up.
const WRITERS: [&str; 13] = [
    "NetworkManager",
    "networkmanager",
    "dhcpcd",
    "resolvconf",
    "connman",
    "connmand",
    "wicked",
    "wickedd",
    "cloud-init",
    "cloud-init-network",
    "dhclient",
    "netifrc",
    "network",
];

pub(super) fn resolv_conf(view: &View<'_>) -> Outcome {
    const FILE: &str = "/etc/resolv.conf";
    let tree = view.facts.tree;
    // The file itself, wherever `/etc` is.
    let here = path(FILE).and_then(|at| tree.resolve_parent(&at).ok());
    let node = here.as_ref().and_then(|at| tree.get(at));
    let Some(node) = node else {
        return match writer(view) {
            Some(by) => Outcome::yes(format!("`{FILE}` is made at boot by {by}")),
            None => Outcome::no(format!("there is no `{FILE}`, and nothing that is started makes it")),
        };
    };
    if let Some(target) = node.link_target()
        && view.node(FILE).is_none()
    {
        return linked(view, &String::from_utf8_lossy(target));
    }
    let text = match view.text(FILE) {
        Ok(text) => text.unwrap_or_default(),
        Err(reason) => return Outcome::no(reason),
    };
    let servers: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_ascii_whitespace().next())
        .collect();
    let loops: Vec<&str> = servers.iter().copied().filter(|server| is_loopback(server)).collect();
    if servers.is_empty() {
        return match writer(view) {
            Some(by) => Outcome::yes(format!("`{FILE}` names no server yet; it is written by {by}")),
            None => Outcome::no(format!("`{FILE}` has no `nameserver`, and nothing that is started writes it")),
        };
    }
    if servers == [RESOLVED_STUB] {
        return match view.init_system().starts("systemd-resolved") {
            Some(by) => Outcome::yes(format!("`{FILE}` names the stub of systemd-resolved, which is started: {by}")),
            None => Outcome::no(format!("`{FILE}` names {RESOLVED_STUB}, but systemd-resolved is not started")),
        };
    }
    let shown = format!("`{FILE}` has `nameserver {}`", servers.join("`, `nameserver "));
    if loops.len() == servers.len() {
        return Outcome::no(format!("{shown}: inside a pod that is the pod itself, and CoreDNS asks itself for ever"));
    }
    if !loops.is_empty() {
        return Outcome::almost(format!("{shown}: inside a pod, {} is the pod itself", loops.join(", ")));
    }
    Outcome::yes(shown)
}

/// A link whose target is made at boot, or never.
fn linked(view: &View<'_>, target: &str) -> Outcome {
    let init = view.init_system();
    let shown = format!("`/etc/resolv.conf` is a link to `{target}`");
    let by = if target.contains("run/systemd/resolve/") {
        init.starts("systemd-resolved")
    } else if target.contains("run/NetworkManager/") {
        init.starts_any(&["NetworkManager", "networkmanager"])
    } else if target.contains("run/resolvconf/") {
        init.starts_any(&["resolvconf", "networking", "NetworkManager", "dhcpcd"])
    } else if ["/run/", "../run/", "/tmp/", "../tmp/", "/var/run/"].iter().any(|start| target.starts_with(start)) {
        writer(view)
    } else {
        return Outcome::no(format!("{shown}, which leads nowhere"));
    };
    match by {
        Some(by) => Outcome::yes(format!("{shown}, made by {by}")),
        None => Outcome::no(format!("{shown}, which leads nowhere: nothing that is started makes it")),
    }
}

/// Who writes the file at boot.
fn writer(view: &View<'_>) -> Option<String> {
    let init = view.init_system();
    if let Some(by) = init.starts_any(&WRITERS) {
        return Some(by);
    }
    // systemd makes the link itself (tmpfiles.d/systemd-resolve.conf).
    let makes = ["/etc/tmpfiles.d", "/usr/lib/tmpfiles.d", "/lib/tmpfiles.d"];
    if makes.iter().any(|folder| view.node(&format!("{folder}/systemd-resolve.conf")).is_some())
        && let Some(by) = init.starts("systemd-resolved")
    {
        return Some(by);
    }
    let interfaces = view.text_or_empty("/etc/network/interfaces");
    let asks = ["dhcp", "dns-nameserver"].iter().any(|word| interfaces.contains(word));
    if let Some(by) = init.starts("networking").filter(|_| asks) {
        return Some(by);
    }
    let script = view.node("/usr/share/udhcpc/default.script").and_then(Node::content).is_some();
    let client = init.commands().iter().find(|command| match command.program() {
        "udhcpc" => script,
        "dhcpcd" | "dhclient" => true,
        "ifup" => script && asks,
        "echo" | "cp" | "ln" => command.words.iter().any(|word| word == "/etc/resolv.conf"),
        _ => false,
    });
    client.map(|command| command.shown())
}

fn is_loopback(server: &str) -> bool {
    server.split('%').next().unwrap_or_default().parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn host_sources(view: &View<'_>, wanted: &[String]) -> Outcome {
    let text = view.text_or_empty("/etc/nsswitch.conf");
    let Some(line) = super::localhost::hosts_line(&text) else {
        return Outcome::yes("`/etc/nsswitch.conf` has no `hosts:` line: `files`, then `dns`");
    };
    let there: Vec<&str> = super::localhost::sources(line).collect();
    // systemd-resolved answers for both.
    let has = |source: &String| there.iter().any(|it| it == source || (*it == "resolve" && source == "dns"));
    let missing: Vec<String> = wanted.iter().filter(|source| !has(source)).map(|it| format!("`{it}`")).collect();
    let shown = format!("`/etc/nsswitch.conf` has `hosts: {}`", line.trim());
    if missing.is_empty() {
        return Outcome::yes(shown);
    }
    Outcome::no(format!("{shown}, without {}", missing.join(", ")))
}

/// What an image of ours has where each question mark of its hostname becomes a digit of the machine's own on first boot.
const PATTERN_FILLED_BY: [&str; 2] = ["/usr/lib/rootsmith/hostname", "/etc/init.d/rcS"];

pub(super) fn hostname(view: &View<'_>) -> Outcome {
    let text = match view.text("/etc/hostname") {
        Ok(text) => text.unwrap_or_default(),
        Err(reason) => return Outcome::no(reason),
    };
    let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(name) = name else {
        return Outcome::almost("`/etc/hostname` names none: the name comes from the network, or is `localhost`");
    };
    let shown = format!("`/etc/hostname` has `{name}`");
    if name == "localhost" || name.starts_with("localhost.") {
        return Outcome::no(format!("{shown}: every such node would be the same one"));
    }
    let maker = PATTERN_FILLED_BY.into_iter().find(|maker| view.text_or_empty(maker).contains("'hostname %s'"));
    let (name, shown) = match maker {
        Some(maker) if name.contains('?') => {
            (name.replace('?', "0"), format!("{shown}, and `{maker}` makes a name of it"))
        }
        _ => (name.to_owned(), shown),
    };
    if name == "(none)" || name.len() > 253 || !name.split('.').all(is_label) {
        return Outcome::no(format!("{shown}, which is no name that a node may have"));
    }
    if name.len() > 64 {
        return Outcome::no(format!("{shown}: the kernel takes 64 letters"));
    }
    Outcome::yes(shown)
}

/// RFC 1123: 1 to 63 small letters, digits and dashes, no dash at an end. Kubernetes makes capitals small.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) fn provider(view: &View<'_>) -> Outcome {
    if let Some(word) = view.word("ip").filter(|value| !matches!(*value, "off" | "none" | "")) {
        return Outcome::yes(format!("the kernel command line has `ip={word}`"));
    }
    let init = view.init_system();
    if let Some(reason) = init.unknown() {
        return Outcome::no(reason);
    }
    match init.kind {
        InitKind::Systemd { .. } => by_systemd(view),
        InitKind::OpenRc => match init.provider("net") {
            Some("networking") => by_ifupdown(view, &init.starts("networking").unwrap_or_default()),
            Some(name) => Outcome::yes(format!("the service {}", init.starts(name).unwrap_or_default())),
            None => Outcome::no("no service in a runlevel provides `net`: what needs it is never started"),
        },
        _ => {
            if let Some(by) = init.starts_any(&["network", "NetworkManager", "connman", "dhcpcd"]) {
                return Outcome::yes(format!("the service {by}"));
            }
            if let Some(by) = init.starts("networking") {
                return by_ifupdown(view, &by);
            }
            let brings = init.commands().iter().find(|command| match command.program() {
                "udhcpc" | "dhcpcd" | "dhclient" => true,
                "ifup" | "ifconfig" | "ip" => {
                    let words = &command.words[1..];
                    words.iter().any(|word| word != "lo" && !word.starts_with("127.") && is_interface(word))
                        || words.iter().any(|word| word == "-a")
                }
                _ => false,
            });
            match brings {
                Some(command) if command.program() == "ifup" => by_ifupdown(view, &command.shown()),
                Some(command) => Outcome::yes(command.shown()),
                None => Outcome::no(format!("nothing that {} starts brings an interface up", init.name)),
            }
        }
    }
}

fn is_interface(word: &str) -> bool {
    ["eth", "en", "wl", "usb", "bond", "br", "$"].iter().any(|start| word.starts_with(start))
}

fn by_systemd(view: &View<'_>) -> Outcome {
    let init = view.init_system();
    let others =
        ["NetworkManager", "networking", "connman", "wicked", "wickedd", "dhcpcd", "cloud-init-network", "cloud-init"];
    if let Some(by) = init.starts_any(&others) {
        return Outcome::yes(by);
    }
    let Some(by) = init.starts("systemd-networkd") else {
        if let Some(by) = init.starts("networking") {
            return by_ifupdown(view, &by);
        }
        return Outcome::no("no service that brings the network up is started");
    };
    // The files in `/usr/lib` are for containers, and examples.
    let configured = view.list("/etc/systemd/network").into_iter().find(|name| name.ends_with(".network"));
    let configured = configured.map(|name| format!("`/etc/systemd/network/{name}`"));
    let shipped = ["/usr/lib/systemd/network/89-ethernet.network", "/usr/lib/systemd/network/80-wired.network"];
    let shipped = shipped.into_iter().find(|file| view.node(file).is_some()).map(|file| format!("`{file}`"));
    let netplan = view.list("/etc/netplan").first().map(|name| format!("`/etc/netplan/{name}`"));
    match configured.or(shipped).or(netplan) {
        Some(file) => Outcome::all(Vec::new(), vec![by, file]),
        None if writes_network(view) => {
            Outcome::almost(format!("{by}; cloud-init tells it what to do, on machines where it finds a datasource"))
        }
        None => Outcome::no(format!("{by}, but no `/etc/systemd/network/*.network` tells it what to do")),
    }
}

/// Whether there is a cloud-init that may write `.network` files: its generator starts it where it finds a datasource, unless its
/// configuration takes the network from it.
fn writes_network(view: &View<'_>) -> bool {
    let there = view.node("/usr/lib/systemd/system-generators/cloud-init-generator").is_some();
    let files = view.list("/etc/cloud/cloud.cfg.d").into_iter().map(|name| format!("/etc/cloud/cloud.cfg.d/{name}"));
    let configs = files.filter(|file| file.ends_with(".cfg")).map(|file| view.text_or_empty(&file));
    let taken = |text: String| {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let text = lines.collect::<String>().replace(' ', "");
        text.contains("network:{config:disabled}") || text.contains("network:config:disabled")
    };
    there && view.node("/etc/cloud/cloud-init.disabled").is_none() && !configs.into_iter().any(taken)
}

/// interfaces(5): there is an interface besides the loopback.
fn by_ifupdown(view: &View<'_>, by: &str) -> Outcome {
    let mut files = vec!["/etc/network/interfaces".to_owned()];
    let snippets = view.list("/etc/network/interfaces.d").into_iter();
    files.extend(snippets.map(|name| format!("/etc/network/interfaces.d/{name}")));
    for file in files {
        for line in view.text_or_empty(&file).lines().map(str::trim) {
            let mut words = line.split_ascii_whitespace();
            if words.next() == Some("iface") && words.next().is_some_and(|name| name != "lo") {
                return Outcome::all(Vec::new(), vec![by.to_owned(), format!("`{line}` in `{file}`")]);
            }
        }
    }
    Outcome::no(format!("{by}, but `/etc/network/interfaces` has no interface besides `lo`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_dns() {
        assert!(is_label("node-1") && is_label("A") && is_label(&"a".repeat(63)));
        assert!(!is_label("") && !is_label("-a") && !is_label("a_b") && !is_label(&"a".repeat(64)));
    }

    #[test]
    fn loopback_addresses_are_known() {
        assert!(is_loopback("127.0.0.1") && is_loopback("::1") && is_loopback("127.0.0.53"));
        assert!(!is_loopback("9.9.9.9") && !is_loopback("fe80::1%eth0") && !is_loopback("x"));
    }
}
