//! Names and the network.

use super::kernel::symbol;
use crate::Said;
use crate::live::answers::{Answers, Silent};
use crate::rules::localhost::{addresses, hosts_line, sources};
use crate::rules::netfilter::{LEGACY, NFT};
use crate::rules::{Met, Outcome};

/// Go's resolver, on the files as they are now; what the C library says of it is evidence.
pub(crate) fn localhost(answers: &Answers) -> Result<Outcome, Silent> {
    let nsswitch = answers.list("nsswitch")?.join("\n");
    if let Some(line) = hosts_line(&nsswitch)
        && !sources(line).any(|source| source == "files")
    {
        return Ok(Outcome::no(format!("`/etc/nsswitch.conf` has `hosts:{line}`")));
    }
    let found = addresses(&answers.list("hosts")?.join("\n"), "localhost");
    let loopback = |v4: bool| found.iter().any(|address| address.is_loopback() && address.is_ipv4() == v4);
    let c_library = answers.one("localhost")?;
    if found.is_empty() {
        return Ok(Outcome::no(format!("`/etc/hosts` has no `localhost`; the C library says `{c_library}`")));
    }
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    let shown = shown.join(", ");
    if !loopback(true) {
        return Ok(Outcome::no(format!("`localhost` is {shown}")).said(Said::Pass));
    }
    let has_ipv6 = symbol(answers, "IPV6", Some("ipv6")).is_ok_and(|outcome| outcome.met == Met::Yes)
        && !answers.one("cmdline")?.split(' ').any(|word| word == "ipv6.disable=1");
    if has_ipv6 && !loopback(false) {
        return Ok(Outcome::almost(format!("`localhost` is {shown}, without `::1`")));
    }
    Ok(Outcome::yes(format!("`localhost` is {shown}; the C library says `{c_library}`")))
}

pub(crate) fn host_sources(answers: &Answers, wanted: &[String]) -> Result<Outcome, Silent> {
    let nsswitch = answers.list("nsswitch")?.join("\n");
    let Some(line) = hosts_line(&nsswitch) else {
        return Ok(Outcome::yes("`/etc/nsswitch.conf` has no `hosts:` line: `files` and `dns` are asked"));
    };
    // systemd's module asks for names as `dns` does.
    let has = |name: &String| sources(line).any(|there| there == name || (name == "dns" && there == "resolve"));
    let lacking = wanted.iter().filter(|name| !has(name)).map(|name| format!("`hosts:{line}` lacks `{name}`"));
    Ok(Outcome::unless(lacking.collect(), format!("`hosts:{line}`")))
}

pub(crate) fn resolv_conf(answers: &Answers) -> Result<Outcome, Silent> {
    let state = answers.one("resolv")?;
    if state != "file" {
        let why = if state == "dangling" { "leads nowhere" } else { "is not there" };
        return Ok(Outcome::no(format!("`/etc/resolv.conf` {why}")));
    }
    let servers = answers.list("nameserver")?;
    let is_loopback = |server: &&String| server.starts_with("127.") || *server == "::1";
    // k0s knows the stub of systemd-resolved and goes around it.
    let stub = servers.iter().find(|server| is_loopback(server) && *server != "127.0.0.53");
    Ok(match (stub, servers.first()) {
        (Some(stub), _) if servers.iter().all(|server| is_loopback(&server)) => {
            Outcome::no(format!("`/etc/resolv.conf` names only this machine: `{stub}`"))
        }
        (_, Some(first)) => Outcome::yes(format!("`/etc/resolv.conf` names `{first}`")),
        (_, None) => Outcome::no("`/etc/resolv.conf` names nobody"),
    })
}

pub(crate) fn hostname(answers: &Answers) -> Result<Outcome, Silent> {
    let name = answers.one("hostname")?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let valid = name.len() <= 253 && name.split('.').all(label);
    let evidence = format!("the machine is called `{name}`");
    let local = name == "localhost" || name.starts_with("localhost.") || name == "(none)";
    Ok(if valid && !local { Outcome::yes(evidence) } else { Outcome::no(evidence) })
}

pub(crate) fn provider(answers: &Answers) -> Result<Outcome, Silent> {
    let first = answers.list("route")?.first();
    Ok(match first.and_then(|route| route.split(' ').next()) {
        Some(interface) => Outcome::yes(format!("there is a route by `{interface}`")),
        None => Outcome::no("there is no route to anywhere"),
    })
}

pub(crate) fn iptables(answers: &Answers) -> Result<Outcome, Silent> {
    let version = answers.one("iptables")?;
    if version != "none" {
        return Ok(match answers.one("iptables.nat")? {
            "0" => Outcome::yes(format!("`{version}` lists the table `nat`")),
            status => Outcome::no(format!("`{version}` cannot list the table `nat`: status {status}")),
        });
    }
    let mut wrong = Vec::new();
    for (name, symbols) in [LEGACY, NFT] {
        let mut lacking = Vec::new();
        for (symbol, module) in symbols {
            let there = self::symbol(answers, symbol, Some(module))?;
            if there.met != Met::Yes {
                lacking.push(format!("`CONFIG_{symbol}`"));
            }
        }
        if lacking.is_empty() {
            return Ok(Outcome::yes(format!("the kernel has {name}")));
        }
        wrong.push(format!("`{name}` lacks {}", lacking.join(", ")));
    }
    Ok(Outcome::unless(wrong, ""))
}
