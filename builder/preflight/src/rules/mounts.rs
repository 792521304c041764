//! What is mounted where, by whom, and with what options.

use super::Outcome;
use super::fstab::mounts;
use crate::init::{InitKind, unit_texts};
use crate::view::View;

/// What systemd mounts by itself (file-hierarchy(7)); `/dev/mqueue` is a unit.
const BY_SYSTEMD: [(&str, &str); 7] = [
    ("/proc", "proc"),
    ("/sys", "sysfs"),
    ("/dev", "devtmpfs"),
    ("/dev/shm", "tmpfs"),
    ("/dev/pts", "devpts"),
    ("/run", "tmpfs"),
    ("/sys/fs/cgroup", "cgroup2"),
];

/// What services of OpenRC mount; without a service: OpenRC itself, before the first one.
const BY_OPENRC: [(&str, &str, Option<&str>); 8] = [
    ("/proc", "proc", None),
    ("/run", "tmpfs", None),
    ("/sys", "sysfs", Some("sysfs")),
    ("/dev", "devtmpfs", Some("devfs")),
    ("/dev/shm", "tmpfs", Some("devfs")),
    ("/dev/pts", "devpts", Some("devfs")),
    ("/dev/mqueue", "mqueue", Some("devfs")),
    ("/proc", "proc", Some("procfs")),
];

/// What Debian's services for sysvinit mount. OpenRC runs the same ones there.
const BY_SYSVINIT: [(&str, &str, &str); 7] = [
    ("/proc", "proc", "mountkernfs.sh"),
    ("/sys", "sysfs", "mountkernfs.sh"),
    ("/run", "tmpfs", "mountkernfs.sh"),
    ("/dev", "devtmpfs", "udev"),
    ("/dev", "devtmpfs", "eudev"),
    ("/dev/shm", "tmpfs", "mountdevsubfs.sh"),
    ("/dev/pts", "devpts", "mountdevsubfs.sh"),
];

/// File systems that cannot be written.
const READ_ONLY: [&str; 4] = ["squashfs", "erofs", "iso9660", "cramfs"];

/// Something mounted at boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AtBoot {
    pub(super) point: String,
    /// Of `mount` without a type: `auto`.
    pub(super) filesystem: String,
    pub(super) options: Vec<String>,
    /// A phrase: who mounts it.
    pub(super) evidence: String,
}

/// Everything that is mounted at boot by a line somebody wrote: `/etc/fstab`, units, scripts.
pub(super) fn written(view: &View<'_>) -> Vec<AtBoot> {
    let init = view.init_system();
    let mut found = Vec::new();
    if let Some(by) = reads_fstab(view) {
        for mount in mounts(&view.text_or_empty("/etc/fstab")).0 {
            let options: Vec<String> = mount.options.split(',').map(str::to_owned).collect();
            if options.iter().any(|option| option == "noauto") || !mount.point.starts_with('/') {
                continue;
            }
            let line = format!("{} {} {} {}", mount.device, mount.point, mount.filesystem, mount.options);
            let evidence = format!("`/etc/fstab`: `{line}`, mounted by {by}");
            found.push(AtBoot { point: tidy(&mount.point), filesystem: mount.filesystem, options, evidence });
        }
    }
    for unit in init.services().filter(|unit| unit.ends_with(".mount")) {
        let mut mount = AtBoot {
            point: String::new(),
            filesystem: "auto".to_owned(),
            options: Vec::new(),
            evidence: format!("unit `{unit}`"),
        };
        for (_, text) in unit_texts(view, unit) {
            for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
                match key {
                    "Where" => mount.point = tidy(value),
                    "Type" => mount.filesystem = value.to_owned(),
                    "Options" => mount.options = value.split(',').map(str::to_owned).collect(),
                    _ => {}
                }
            }
        }
        found.extend(Some(mount).filter(|mount| mount.point.starts_with('/')));
    }
    for (mounting, evidence) in init.mountings() {
        let Some(point) = mounting.point.filter(|point| point.starts_with('/')) else { continue };
        // Changes of what is mounted already.
        if mounting.shared && mounting.filesystem.is_none() {
            continue;
        }
        let filesystem = mounting.filesystem.unwrap_or_else(|| "auto".to_owned());
        found.push(AtBoot { point, filesystem, options: mounting.options, evidence });
    }
    found
}

/// Who mounts what `/etc/fstab` says, if anybody does.
fn reads_fstab(view: &View<'_>) -> Option<String> {
    let init = view.init_system();
    match init.kind {
        InitKind::Systemd { .. } => Some(init.name.clone()),
        InitKind::OpenRc => init.starts_any(&["localmount", "mountall.sh"]),
        InitKind::Sysvinit => init.starts_any(&["mountall.sh", "mountall-bootclean.sh"]).or_else(|| mount_all(view)),
        InitKind::Busybox | InitKind::Script => mount_all(view),
        InitKind::Runit | InitKind::S6 | InitKind::Unknown => None,
    }
}

fn mount_all(view: &View<'_>) -> Option<String> {
    view.init_system().mountings().find(|(mounting, _)| mounting.all).map(|(_, line)| line)
}

/// The type of what is mounted at `point`, and who mounts it. The last line for a point counts.
pub(super) fn mounted_at(view: &View<'_>, point: &str) -> Option<(String, String)> {
    let init = view.init_system();
    let by_sysvinit = || {
        BY_SYSVINIT
            .iter()
            .filter(|(at, ..)| *at == point)
            .find_map(|(_, kind, service)| Some(((*kind).to_owned(), format!("the service {}", init.starts(service)?))))
    };
    let own = match init.kind {
        InitKind::Systemd { .. } => {
            let found = BY_SYSTEMD.iter().find(|(at, _)| *at == point);
            found.map(|(_, kind)| ((*kind).to_owned(), format!("{} mounts it", init.name)))
        }
        InitKind::OpenRc => {
            let found = BY_OPENRC.iter().filter(|(at, ..)| *at == point).find_map(|(_, kind, service)| {
                let by = match service {
                    None => "OpenRC mounts it before the first service".to_owned(),
                    Some(service) => format!("the service {}", init.starts(service)?),
                };
                Some(((*kind).to_owned(), by))
            });
            found.or_else(by_sysvinit)
        }
        InitKind::Sysvinit => by_sysvinit(),
        _ => None,
    };
    let mut lines = written(view).into_iter().filter(|mount| mount.point == point);
    // `mount -o remount,rw /` tells no type, and neither does `mount /proc`, which asks fstab.
    let tells = |mount: &AtBoot| mount.filesystem != "auto" || own.is_none();
    let line = lines.rfind(|mount| !mount.options.iter().any(|option| option == "remount") && tells(mount));
    line.map(|mount| (mount.filesystem, mount.evidence)).or(own)
}

/// What must be at these points of every Linux system.
pub(crate) fn expected(point: &str) -> &'static [&'static str] {
    match point {
        "/proc" => &["proc"],
        "/sys" => &["sysfs"],
        "/dev" => &["devtmpfs"],
        "/dev/shm" | "/run" => &["tmpfs", "ramfs"],
        "/dev/pts" => &["devpts"],
        "/dev/mqueue" => &["mqueue"],
        _ => &[],
    }
}

pub(super) fn mounted(view: &View<'_>, points: &[String]) -> Outcome {
    let init = view.init_system();
    if let Some(reason) = init.unknown() {
        return Outcome::no(reason);
    }
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for point in points {
        let expected = expected(point);
        match mounted_at(view, point) {
            Some((kind, by)) if expected.is_empty() || expected.contains(&kind.as_str()) => {
                fine.push(format!("`{point}` is {kind}: {by}"));
            }
            Some((kind, by)) => wrong.push(format!("`{point}` is {kind}, not {}: {by}", expected.join(" or "))),
            None => wrong.push(format!("nothing mounts `{point}` under {}", init.name)),
        }
    }
    Outcome::all(wrong, fine)
}

/// The last of the longest written mounts that `folder` lies below.
fn covering(view: &View<'_>, folder: &str) -> Option<AtBoot> {
    let holds = |point: &str| {
        let point = point.trim_end_matches('/');
        folder.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mounts = written(view).into_iter().filter(|mount| holds(&mount.point));
    mounts.max_by_key(|mount| mount.point.trim_end_matches('/').len())
}

pub(super) fn options(view: &View<'_>, paths: &[String], without: &[String]) -> Outcome {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for folder in paths {
        match covering(view, folder) {
            Some(mount) => {
                let set = |option: &&String| switched_on(&mount.options, option);
                let bad: Vec<String> = without.iter().filter(set).map(|option| format!("`{option}`")).collect();
                if bad.is_empty() {
                    fine.push(format!("`{folder}`: {}", mount.evidence));
                } else {
                    wrong.push(format!("`{folder}` is mounted with {}: {}", bad.join(", "), mount.evidence));
                }
            }
            None => fine.push(format!("`{folder}` is on the root file system, which no line mounts otherwise")),
        }
    }
    // The root's own options may stand on the kernel command line.
    if let Some(flags) = view.word("rootflags") {
        let flags: Vec<String> = flags.split(',').map(str::to_owned).collect();
        for option in without.iter().filter(|option| switched_on(&flags, option)) {
            wrong.push(format!("the kernel command line mounts the root with `{option}`"));
        }
    }
    Outcome::all(wrong, fine)
}

/// Whether an option like `noexec` is on: the last of it and its opposite counts (mount(8)); `user` brings all three.
fn switched_on(options: &[String], wanted: &str) -> bool {
    let opposite = wanted.strip_prefix("no").unwrap_or_default();
    let mut on = false;
    for option in options {
        if option == wanted || (matches!(option.as_str(), "user" | "users") && wanted.starts_with("no")) {
            on = true;
        } else if option == opposite || option == "defaults" {
            on = false;
        }
    }
    on
}

/// Whether the folder can be written: why, or why not. `None` when nothing is known of the root.
pub(super) fn writes(view: &View<'_>, folder: &str, persistent: bool) -> Option<Result<String, String>> {
    let mount = covering(view, folder).filter(|mount| mount.point != "/");
    let Some(mount) = mount else {
        return kept(view, folder).map(Ok).or_else(|| root_writes(view, persistent));
    };
    let shown = format!("`{folder}`: {}", mount.evidence);
    let has = |wanted: &str| mount.options.iter().any(|option| option == wanted);
    if READ_ONLY.contains(&mount.filesystem.as_str()) || (has("ro") && !has("rw")) {
        return Some(Err(format!("{shown}, which cannot be written")));
    }
    if persistent && matches!(mount.filesystem.as_str(), "tmpfs" | "ramfs") {
        return Some(Err(format!("{shown}, which is empty again after each boot")));
    }
    Some(Ok(shown))
}

/// The word for an overlay over the whole root, made by the initramfs.
pub(super) fn overlaid(view: &View<'_>) -> Option<String> {
    volatile(view).filter(|_| view.word("systemd.volatile") != Some("state"))
}

/// The same, or that for a `/var` in memory.
fn volatile(view: &View<'_>) -> Option<String> {
    ["overlayroot", "systemd.volatile"].into_iter().find_map(|key| {
        let value = view.word(key).filter(|value| !matches!(*value, "" | "disabled" | "no"))?;
        Some(format!("the kernel command line has `{key}={value}`"))
    })
}

/// What the root file system is, when it is one that nobody can write to.
pub(super) fn read_only_root<'a>(view: &View<'a>) -> Option<&'a str> {
    let kind = view.facts.boot.map(|boot| boot.root.filesystem.as_str());
    kind.filter(|kind| READ_ONLY.contains(kind))
}

/// The folders that our initramfs keeps on a partition of state, see `kernel/src/init.sh`.
const KEPT: [&str; 6] = ["/etc", "/var", "/home", "/root", "/srv", "/opt"];

/// Who keeps what is written to `folder`, where the initramfs lays a partition of state over it.
pub(super) fn kept(view: &View<'_>, folder: &str) -> Option<String> {
    let word = view.word("rootsmith.state").filter(|word| !word.is_empty())?;
    let below = |point: &str| folder.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let point = KEPT.into_iter().find(|point| below(point))?;
    Some(format!("the kernel command line has `rootsmith.state={word}`, which keeps `{point}`"))
}

fn root_writes(view: &View<'_>, persistent: bool) -> Option<Result<String, String>> {
    let init = view.init_system();
    if let Some(overlay) = volatile(view) {
        return Some(if persistent {
            Err(format!("{overlay}: what is written is gone after each boot"))
        } else {
            Ok(overlay)
        });
    }
    let root = written(view).into_iter().filter(|mount| mount.point == "/").collect::<Vec<_>>();
    if let Some(kind) = read_only_root(view) {
        return Some(match root.iter().find(|mount| mount.filesystem == "overlay") {
            Some(mount) => Ok(mount.evidence.clone()),
            None => Err(format!("the root file system is {kind}, which cannot be written, and nothing lies over it")),
        });
    }
    // systemd and the services for the root mount it again as `/etc/fstab` says; scripts say it themselves.
    let says = |wanted: &str| {
        let mut said = root.iter().filter(|mount| mount.options.iter().any(|option| option == wanted));
        said.next_back().map(|mount| mount.evidence.clone())
    };
    if let Some(line) = says("ro") {
        return Some(Err(format!("the root is read-only: {line}")));
    }
    if let Some(line) = says("rw").or_else(|| root.first().map(|mount| mount.evidence.clone())) {
        return Some(Ok(line));
    }
    if let Some(service) = init.starts_any(&["root", "checkroot.sh"]).filter(|_| init.kind != InitKind::Busybox) {
        return Some(Ok(format!("the root is mounted for writing by the service {service}")));
    }
    let words = view.cmdline.as_ref()?;
    // The last one counts; without either the kernel mounts the root for reading only.
    match words.iter().rev().find(|word| matches!(word.as_str(), "rw" | "ro")).map(String::as_str) {
        Some("rw") => Some(Ok("the kernel command line has `rw`".to_owned())),
        // Without a disk the words are those of a profile, to which `rw` may still be added.
        _ if view.facts.boot.is_none() => None,
        _ => {
            Some(Err("the root is read-only: the kernel command line has no `rw`, and `/etc/fstab` no `/`".to_owned()))
        }
    }
}

pub(super) fn writable(view: &View<'_>, paths: &[String], persistent: bool) -> Outcome {
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for folder in paths {
        match writes(view, folder, persistent) {
            Some(Ok(reason)) => fine.push(reason),
            Some(Err(reason)) => wrong.push(reason),
            None => return Outcome::unknown("nothing is known of how the root is mounted"),
        }
    }
    wrong.dedup();
    fine.dedup();
    Outcome::all(wrong, fine)
}

/// The kubelet makes its folder of plug-ins when it can.
pub(super) fn plugin_folder(view: &View<'_>, folder: &str) -> Outcome {
    if view.node(folder).is_some_and(|node| node.is_directory()) {
        return Outcome::yes(format!("`{folder}` is there"));
    }
    match writes(view, folder, false) {
        Some(Ok(reason)) => Outcome::yes(format!("`{folder}` can be made: {reason}")),
        Some(Err(reason)) => Outcome::no(format!("`{folder}` is not there and cannot be made: {reason}")),
        None => Outcome::unknown("nothing is known of how the root is mounted"),
    }
}

pub(super) fn shared_root(view: &View<'_>) -> Outcome {
    let init = view.init_system();
    if let InitKind::Systemd { .. } = init.kind {
        return Outcome::yes(format!("{} makes `/` shared", init.name));
    }
    // The service for the root goes by an option that it alone knows.
    let service = init.starts("root").filter(|_| init.kind == InitKind::OpenRc);
    let script = view.script("/etc/init.d/root").unwrap_or_default();
    if let Some(service) = service.filter(|_| script.contains("--make-rshared")) {
        let lines = written(view).into_iter().filter(|mount| mount.point == "/");
        let mut asked = lines.filter(|mount| mount.options.iter().any(|it| it == "shared" || it == "rshared"));
        if let Some(line) = asked.next() {
            return Outcome::all(Vec::new(), vec![line.evidence, format!("the service {service}")]);
        }
    }
    let mut shared = init.mountings().filter(|(mounting, _)| mounting.shared);
    match shared.find(|(mounting, _)| mounting.point.as_deref() == Some("/")) {
        Some((_, line)) => Outcome::yes(line),
        None => Outcome::no(format!(
            "under {} `/` is private: nothing that is started runs `mount --make-rshared /`",
            init.name
        )),
    }
}

pub(super) fn no_swap(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    for mount in mounts(&view.text_or_empty("/etc/fstab")).0 {
        if mount.filesystem == "swap" && !mount.options.split(',').any(|option| option == "noauto") {
            wrong.push(format!("`/etc/fstab` has swap on `{}`", mount.device));
        }
    }
    let init = view.init_system();
    for unit in init.services().filter(|unit| unit.ends_with(".swap")) {
        wrong.push(format!("the unit `{unit}` is started"));
    }
    // `swapon -a` turns on what `/etc/fstab` has.
    let named = |word: &String| word.starts_with('/') || word.contains('=');
    let commands = init.commands().iter().filter(|it| it.program() == "swapon" && it.words.iter().skip(1).any(named));
    wrong.extend(commands.map(|command| command.shown()));
    Outcome::unless(wrong, "nothing turns swap on")
}

fn tidy(point: &str) -> String {
    let point = point.trim_end_matches('/');
    if point.is_empty() { "/".to_owned() } else { point.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_opposite_options_counts() {
        let on = |text: &str| switched_on(&text.split(',').map(str::to_owned).collect::<Vec<_>>(), "noexec");
        assert!(on("rw,noexec") && on("exec,noexec") && on("user"));
        assert!(!on("noexec,exec") && !on("user,exec") && !on("nosuid"));
    }
}
