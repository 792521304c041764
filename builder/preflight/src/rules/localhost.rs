//! Does `localhost` resolve for a program written in Go without the C library?
//!
//! Go reads the `hosts:` line of `/etc/nsswitch.conf` for the order of `files` and `dns` and knows no other source; without
//! the file or the line it reads `/etc/hosts` first.

use std::net::IpAddr;

use super::Outcome;
use crate::Said;
use crate::view::View;

pub(super) fn resolves(view: &View<'_>) -> Outcome {
    let nsswitch = match view.text("/etc/nsswitch.conf") {
        Ok(text) => text.unwrap_or_default(),
        Err(reason) => return Outcome::no(reason),
    };
    if let Some(line) = hosts_line(&nsswitch)
        && !sources(line).any(|source| source == "files")
    {
        return Outcome::no(format!(
            "`/etc/nsswitch.conf` has `hosts:{line}`: without `files`, `/etc/hosts` is not read"
        ));
    }
    let hosts = match view.text("/etc/hosts") {
        Ok(Some(text)) => text,
        Ok(None) => return Outcome::no("there is no `/etc/hosts`"),
        Err(reason) => return Outcome::no(reason),
    };
    let addresses = addresses(&hosts, "localhost");
    let loopback = |v4: bool| addresses.iter().any(|address| address.is_loopback() && address.is_ipv4() == v4);
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if addresses.is_empty() {
        return Outcome::no("`/etc/hosts` has no address for `localhost`");
    }
    if !loopback(true) {
        return Outcome::no(format!(
            "`/etc/hosts` has no IPv4 loopback address for `localhost`, only {}",
            shown.join(", ")
        ))
        // Any address will do for k0s.
        .said(Said::Pass);
    }
    let ipv6 = matches!(view.symbol("IPV6"), Some("y" | "m")) && view.word("ipv6.disable") != Some("1");
    if ipv6 && !loopback(false) {
        return Outcome::almost("`/etc/hosts` has no `::1` for `localhost`, but the kernel has IPv6");
    }
    Outcome::yes(format!("`/etc/hosts`: {}", shown.join(", ")))
}

/// What stands behind `hosts:`; of several lines the last.
pub(crate) fn hosts_line(nsswitch: &str) -> Option<&str> {
    let lines = nsswitch.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut values = lines.filter_map(|line| line.trim_start().strip_prefix("hosts:"));
    values.next_back().map(str::trim_end).filter(|value| !value.trim().is_empty())
}

/// The names in such a line without the conditions in brackets.
pub(crate) fn sources(line: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    line.split_ascii_whitespace().filter(move |word| {
        let condition = inside || word.starts_with('[');
        inside = condition && !word.ends_with(']');
        !condition
    })
}

pub(crate) fn addresses(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next() else { continue };
        // A scope (`fe80::1%eth0`) belongs to the address, not to its value.
        let Ok(address) = address.split('%').next().unwrap_or_default().parse() else { continue };
        if words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name)) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_no_sources() {
        let line =
            hosts_line("passwd: x\nhosts: mymachines resolve [!UNAVAIL=return] files [ A=b ] dns # dns6\n").unwrap();
        assert_eq!(sources(line).collect::<Vec<_>>(), ["mymachines", "resolve", "files", "dns"]);
        assert_eq!(hosts_line("# hosts: dns\n"), None);
    }

    #[test]
    fn names_are_matched_as_go_does() {
        let text = "# 127.0.0.9 localhost\nbad localhost\n127.0.0.1 host LOCALHOST # x\n::1 localhost.\n10.0.0.1 localhost.localdomain\n";
        let shown: Vec<String> = addresses(text, "localhost").iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["127.0.0.1", "::1"]);
    }
}
