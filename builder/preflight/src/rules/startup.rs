//! What is loaded and started at boot, and what must be there for it.

use rootsmith_tree::Node;

use super::Outcome;
use crate::elf;
use crate::init::InitKind;
use crate::view::View;

/// Services that set the clock or at least keep it from going back, on any init.
const CLOCKS: [&str; 14] = [
    "chrony",
    "chronyd",
    "systemd-timesyncd",
    "ntp",
    "ntpd",
    "ntpsec",
    "openntpd",
    "sntpc",
    "swclock",
    "fake-hwclock",
    "fake-hwclock-load",
    "ptp4l",
    "phc2sys",
    "busybox-ntpd",
];

/// Where programs written in Go look for certificates, in their order.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(super) fn modules_loaded(view: &View<'_>, modules: &[String]) -> Outcome {
    let loaded = loaded(view);
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for module in modules {
        let name = module.replace('-', "_");
        if view.is_builtin(module) {
            fine.push(format!("`{module}` is part of the kernel image"));
        } else if let Some((_, at)) = loaded.names.iter().find(|(there, _)| *there == name) {
            match view.module(module) {
                Ok(_) => fine.push(format!("`{module}` is in `{at}`")),
                Err(reason) => wrong.push(format!("`{at}` names `{module}`, but {reason}")),
            }
        } else {
            wrong.push(format!("nothing loads `{module}` at boot"));
        }
    }
    if !wrong.is_empty() {
        wrong.extend(loaded.unread);
    }
    Outcome::all(wrong, fine)
}

struct Loaded {
    /// With underscores, and where they are named.
    names: Vec<(String, String)>,
    /// Why lists are not read, if they are not.
    unread: Option<String>,
}

fn loaded(view: &View<'_>) -> Loaded {
    let init = view.init_system();
    let mut loaded = Loaded { names: Vec::new(), unread: None };
    // Both spellings are read by systemd (modules-load.d(5)).
    for key in ["modules_load", "modules-load", "rd.modules_load"] {
        let at = format!("{key}=");
        loaded
            .names
            .extend(view.word(key).unwrap_or_default().split(',').map(|name| (name.replace('-', "_"), at.clone())));
    }
    let (service, plain) = match init.kind {
        InitKind::Systemd { .. } => (Some("systemd-modules-load.service"), false),
        // Debian's OpenRC runs Debian's own scripts.
        InitKind::OpenRc if init.starts("kmod").is_some() => (Some("kmod"), true),
        InitKind::OpenRc => (Some("modules"), true),
        InitKind::Sysvinit => (Some("kmod"), true),
        _ => (None, false),
    };
    if let Some(service) = service {
        if init.starts(service).is_some() {
            let mut files: Vec<String> = Vec::new();
            for folder in ["/etc/modules-load.d", "/usr/lib/modules-load.d", "/lib/modules-load.d"] {
                let names = view.list(folder).into_iter().filter(|name| name.ends_with(".conf"));
                files.extend(names.map(|name| format!("{folder}/{name}")));
            }
            files.extend(plain.then(|| "/etc/modules".to_owned()));
            for file in files {
                for line in view.text_or_empty(&file).lines().map(str::trim) {
                    let name = line.split_ascii_whitespace().next().unwrap_or_default();
                    if !name.is_empty() && !name.starts_with(['#', ';']) {
                        loaded.names.push((name.replace('-', "_"), file.clone()));
                    }
                }
            }
        } else {
            loaded.unread = Some(format!("no list is read: {} does not start the service `{service}`", init.name));
        }
    }
    for command in init.commands().iter().filter(|command| command.program() == "modprobe") {
        let names = command.words.iter().skip(1).take_while(|word| !">|<".contains(word.as_str()));
        let names = names.filter(|word| !word.starts_with('-'));
        loaded.names.extend(names.map(|name| (name.replace('-', "_"), command.file.clone())));
    }
    loaded
}

pub(super) fn time_sync(view: &View<'_>) -> Outcome {
    let init = view.init_system();
    if let Some(by) = init.starts_any(&CLOCKS) {
        return Outcome::yes(by);
    }
    let mut commands = init.commands().iter();
    let names = ["ntpd", "chronyd", "sntp", "ntpdate", "swclock", "fake-hwclock"];
    match commands.find(|command| names.contains(&command.program())) {
        Some(command) => Outcome::yes(command.shown()),
        None => Outcome::no(format!("{} starts nothing that sets the clock", init.name)),
    }
}

pub(super) fn ca_bundle(view: &View<'_>) -> Outcome {
    let holds = |file: &str| view.text_or_empty(file).contains("-----BEGIN CERTIFICATE-----");
    if let Some(bundle) = BUNDLES.into_iter().find(|file| holds(file)) {
        return Outcome::yes(format!("`{bundle}`"));
    }
    for folder in ["/etc/ssl/certs", "/etc/pki/tls/certs"] {
        if let Some(name) = view.list(folder).iter().find(|name| holds(&format!("{folder}/{name}"))) {
            return Outcome::yes(format!("`{folder}/{name}`"));
        }
    }
    Outcome::no(format!("there is no certificate in `{}`, or where else programs look", BUNDLES[0]))
}

/// Of these the kernel takes one: the first in its list that was built in and is not switched off.
const EXCLUSIVE: [(&str, &str); 3] =
    [("apparmor", "SECURITY_APPARMOR"), ("selinux", "SECURITY_SELINUX"), ("smack", "SECURITY_SMACK")];

/// The one of the large security modules that is active, and where the list is: `lsm=`, else the kernel's own.
fn security_module(view: &View<'_>) -> (Option<&'static str>, String) {
    let built_in = view.symbol("LSM").unwrap_or_default().trim_matches('"');
    let (list, by): (Vec<&str>, String) = match (view.word("lsm"), view.word("security")) {
        (Some(list), _) => (list.split(',').collect(), format!("`lsm={list}`")),
        // The old word names the one.
        (None, Some(name)) => (vec![name], format!("`security={name}`")),
        (None, None) => (built_in.split(',').collect(), format!("`CONFIG_LSM=\"{built_in}\"`")),
    };
    let on = |symbol: &str, name: &str| view.symbol(symbol) == Some("y") && view.word(name) != Some("0");
    let active = list.iter().find_map(|name| {
        let known = EXCLUSIVE.iter().find(|(known, symbol)| known == name && on(symbol, known));
        known.map(|(known, _)| *known)
    });
    (active, by)
}

pub(super) fn apparmor_parser(view: &View<'_>) -> Outcome {
    let (active, by) = security_module(view);
    if active != Some("apparmor") {
        return Outcome::yes(format!("the kernel does not use AppArmor: {by}"));
    }
    match elf::find_in_path(view, "apparmor_parser") {
        Some(at) => Outcome::yes(format!("`{at}`")),
        None => Outcome::no(format!("the kernel uses AppArmor ({by}), but there is no `apparmor_parser`")),
    }
}

pub(super) fn selinux_policy(view: &View<'_>) -> Outcome {
    let (active, by) = security_module(view);
    if active != Some("selinux") {
        return Outcome::yes(format!("the kernel does not use SELinux: {by}"));
    }
    const CONFIG: &str = "/etc/selinux/config";
    let text = view.text_or_empty(CONFIG);
    let value = |key: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('=')).find(|(there, _)| *there == key).map(|(_, value)| value.trim())
    };
    let mode = value("SELINUX").unwrap_or("disabled");
    if mode == "disabled" {
        return Outcome::yes(format!("`{CONFIG}` loads no policy"));
    }
    let kind = value("SELINUXTYPE").unwrap_or("targeted");
    let mut wrong = Vec::new();
    let folder = format!("/etc/selinux/{kind}/policy");
    if !view.list(&folder).iter().any(|name| name.starts_with("policy.")) {
        wrong.push(format!("`{CONFIG}` has `SELINUX={mode}`, but there is no `{folder}/policy.*`"));
    }
    let modules = format!("/var/lib/selinux/{kind}/active/modules");
    let container =
        view.list(&modules).iter().any(|priority| view.node(&format!("{modules}/{priority}/container")).is_some())
            || view.list("/usr/share/selinux/packages").iter().any(|name| name.starts_with("container"));
    if !container {
        wrong.push("there is no policy for containers (`container-selinux`)".to_owned());
    }
    let label = |node: &Node| node.metadata.xattrs().any(|(name, _)| name == b"security.selinux");
    if !view.node("/etc/passwd").is_some_and(label) && view.node("/.autorelabel").is_none() {
        wrong.push("files have no labels (`security.selinux`), and no `/.autorelabel` asks for them".to_owned());
    }
    Outcome::unless(wrong, format!("`{CONFIG}` has `SELINUX={mode}`, policy `{kind}`"))
}
