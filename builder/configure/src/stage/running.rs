//! What only a running system would answer, or a program that talks to one: as it is in a tree that nothing runs on. And what is left
//! out on purpose, because whoever misses it makes it again.

use rootsmith_profile::Caches;
use rootsmith_shell::{Done, Host, Refusal};

use super::{Stage, done, failed, said};

/// Byte code and caches that are made again by whoever misses them: left out, as `docs/maintainer-scripts.md` says, unless the
/// profile has them made on the first boot.
const CACHES: [&str; 12] = [
    "fc-cache",
    "gio-querymodules",
    "gtk-update-icon-cache",
    "install-info",
    "mandb",
    "mkfontscale",
    "py3compile",
    "pycompile",
    "pypy3compile",
    "update-desktop-database",
    "update-icon-caches",
    "update-info-dir",
];
/// They remove such caches, and there are none.
const CLEANERS: [&str; 2] = ["py3clean", "pypy3clean"];

impl Stage<'_, '_> {
    /// Answers for a system that does not run; `None` for any other command.
    pub(super) fn running_command(&mut self, name: &str, arguments: &[&str]) -> Option<Result<Done, Refusal>> {
        let name = name.rsplit('/').next().unwrap_or(name);
        Some(match (name, arguments) {
            // dpkg runs with the kernel's file systems mounted.
            ("mountpoint", ["-q", "/proc" | "/sys" | "/dev"]) => done(),
            // Whether this is a running system, or one with a policy: it is not.
            ("aa-enabled" | "aa-status" | "ischroot" | "mountpoint" | "restorecon" | "selinuxenabled", _) => failed(),
            // No process runs, no daemon listens, nothing is mounted, no terminal is there.
            ("pidof" | "pgrep" | "pkill" | "killall" | "tty" | "stty", _) => failed(),
            ("auditctl" | "bootctl" | "findmnt" | "firewall-cmd" | "lpstat" | "modprobe", _) => failed(),
            ("hostname", ["-d" | "--domain" | "-f" | "--fqdn"]) => failed(),
            // start-stop-daemon(8): what does not run cannot be stopped.
            ("start-stop-daemon", words) if words.iter().any(|word| matches!(*word, "-K" | "--stop")) => {
                if words.iter().any(|word| matches!(*word, "-o" | "--oknodo")) { done() } else { failed() }
            }
            ("logger" | "udevadm" | "vgcfgbackup" | "sleep", _) => done(),
            // What is asked for whether it works, or whether its configuration is sound: the distribution's is.
            ("smartctl", ["-V"] | ["-B", _, "-P", "showall"])
            | ("squid", ["-k", "parse"])
            | ("named-checkconf", _)
            | ("pg_checksystem", []) => done(),
            // Rules of applications that nobody has enabled.
            ("ufw", ["app", "update", "all"]) => done(),
            // Where there is no such folder, there are no pages to make an index of.
            ("helpztags", [folder]) if self.list(folder) == Ok(None) => done(),
            // Clusters are made on the machine.
            ("pg_lsclusters", ["-h"]) if self.has_no_cluster() => done(),
            // Dictionaries of hunspell, where there are any.
            ("pg_updatedicts", []) if self.list("/usr/share/hunspell") == Ok(None) => {
                let metadata = self.edit.metadata(0o755);
                self.edit.directory("/var/cache/postgresql/dicts", metadata);
                done()
            }
            ("pg_conftool", [file, "show", "-bs", key]) => return self.switch(file, key),
            ("pam_getenv", ["-l", key]) => return self.environment(key),
            ("date", arguments) => super::date::date(arguments, self.edit.date),
            ("uname", ["-s"] | []) => said("Linux\n"),
            _ if CLEANERS.contains(&name) => done(),
            _ if CACHES.contains(&name) => self.cache(name),
            _ if name.starts_with("python3") && arguments.iter().any(|word| word.ends_with("/py_compile.py")) => {
                self.cache("py_compile.py")
            }
            _ => return None,
        })
    }

    /// A cache that is not made here. The script goes on without it.
    fn cache(&mut self, name: &str) -> Result<Done, Refusal> {
        if self.caches == Some(Caches::FirstBoot) {
            self.cache.get_or_insert_with(|| format!("`{name}`"));
        }
        done()
    }

    fn has_no_cluster(&mut self) -> bool {
        let versions = self.list("/etc/postgresql").ok().flatten().unwrap_or_default();
        versions.is_empty()
    }

    /// pg_conftool(1) of a switch in a file of PostgreSQL.
    fn switch(&mut self, file: &str, key: &str) -> Option<Result<Done, Refusal>> {
        let text = self.read(file).ok()??;
        let text = String::from_utf8_lossy(&text);
        let settings = text.lines().filter_map(|line| line.split('#').next()?.split_once('='));
        let value = settings
            .filter(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().trim_matches('\''))
            .next_back();
        Some(match value {
            Some("on" | "true" | "yes" | "1") => said("on\n"),
            Some("off" | "false" | "no" | "0") => said("off\n"),
            Some(_) => return None,
            None => failed(),
        })
    }

    /// pam_getenv(1), a Perl script: what a login would get from the files of pam_env(8).
    fn environment(&mut self, key: &str) -> Option<Result<Done, Refusal>> {
        let mut found = String::new();
        for file in ["/etc/environment", "/etc/default/locale"] {
            let text = self.read(file).ok()?.unwrap_or_default();
            for line in String::from_utf8_lossy(&text).lines() {
                if let Some((name, value)) = line.split('#').next().and_then(|line| line.split_once('='))
                    && name.trim() == key
                {
                    found = format!("{}\n", value.trim().trim_matches(['"', '\'']));
                }
            }
        }
        Some(said(found))
    }
}
