//! For each rule: answers that are right, and changes of them that are wrong.

use crate::Rule;
use crate::rules::netfilter::{LEGACY, NFT};

/// A key and all its values.
pub(super) type Change = (String, Vec<String>);

/// `None` for a rule that no answer decides as not met.
pub(super) fn changes(rule: &Rule) -> Option<(Vec<Change>, Vec<Vec<Change>>)> {
    let one = |key: &str, value: &str| vec![(key.to_owned(), vec![value.to_owned()])];
    let list = |key: &str, values: &[&str]| {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        vec![(format!("{key}#"), vec![values.len().to_string()]), (key.to_owned(), values)]
    };
    let mount = |point: &str, kind: &str, options: &str, shared: &str| {
        format!("27 1 0:9 / {point} {options}{shared} - {kind} none {options}")
    };
    let mounts = |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        list("mount", &lines)
    };
    let none = Vec::new;
    let symbols = |names: &[(&str, &str)], value: &str, state: &str| {
        let values = names.iter().map(|(name, _)| format!("{name}={value}")).collect();
        let mut all = vec![("config.1.values".to_owned(), values)];
        all.extend(names.iter().flat_map(|(_, module)| one(&format!("module.{}", module.replace('-', "_")), state)));
        all
    };
    let program = |name: &str| {
        let key = format!("program.{name}");
        (one(&key, &format!("0 /usr/bin/{name}")), vec![one(&key, "none"), one(&key, &format!("127 /usr/bin/{name}"))])
    };
    Some(match rule {
        Rule::Init {} => (none(), vec![one("init.comm", "")]),
        Rule::Kernel {} => (none(), vec![one("modules.folder", "no")]),
        Rule::BootEntry {} => (none(), vec![one("efi", "no")]),
        Rule::RootDevice {} => {
            (none(), vec![one("cmdline", "rw"), one("cmdline", "root=PARTUUID=1 rw"), one("cmdline", "root=/dev/sdz9")])
        }
        Rule::RootDriver { .. } => (none(), vec![list("mount", &[])]),
        Rule::Fstab {} => (
            none(),
            vec![
                list("fstab", &["LABEL=x  /nowhere ext4 defaults 0 1"]),
                list("fstab", &["PARTUUID=x / xfs defaults"]),
                list("fstab", &["nonsense"]),
                list("failed", &["boot-efi.mount"]),
            ],
        ),
        Rule::RootWritable {} => (none(), vec![mounts(&[mount("/", "ext4", "ro", "")])]),

        Rule::Kconfig { symbol, module } => {
            let name = module.as_deref().unwrap_or("none");
            let value = if module.is_some() { "m" } else { "y" };
            let fine = symbols(&[(symbol, name)], value, "ready");
            let mut wrong = vec![one("config.1.values", "OTHER=y"), one("config.1.values", &format!("{symbol}=n"))];
            wrong.push(one("config.files", "0"));
            match module {
                Some(_) => {
                    wrong.push(symbols(&[(symbol, name)], "m", "missing"));
                    wrong.push(symbols(&[(symbol, name)], "m", "unreadable /lib/modules/x.ko"));
                    wrong.push(symbols(&[(symbol, name)], "m", "instead install /bin/false"));
                }
                None => wrong.push(one("config.1.values", &format!("{symbol}=m"))),
            }
            (fine, wrong)
        }
        Rule::AnyKconfig { symbols: names } => {
            let names: Vec<(&str, &str)> =
                names.iter().map(|(name, module)| (name.as_str(), module.as_str())).collect();
            (symbols(&names, "y", "ready"), vec![one("config.1.values", "OTHER=y")])
        }
        Rule::KconfigOff { symbol } => {
            (one("config.1.values", "OTHER=y"), vec![one("config.1.values", &format!("{symbol}=y"))])
        }
        Rule::KernelConfig {} => {
            (none(), vec![one("config.files", "0"), one("config.1.version", "6.1.2"), one("config.1.values", "")])
        }
        Rule::KernelRelease { .. } => (none(), vec![one("uname.release", "2.6.32")]),
        Rule::Linux {} => (none(), vec![one("uname.system", "GNU")]),
        Rule::EmbeddedConfig {} => {
            let mut fine = one("config.1.file", "/proc/config.gz");
            fine.extend(one("config.1.values", "NET=y INET=y"));
            fine.extend(one("config.2.values", "NET=y INET=y"));
            (fine, vec![one("config.2.values", "NET=y"), one("config.2.values", "NET=m INET=y")])
        }
        Rule::RealTimeGroups {} => (none(), vec![one("config.1.values", "RT_GROUP_SCHED=y")]),
        Rule::IptablesBackend {} => {
            let mut without = one("iptables", "none");
            without.extend(symbols(&[LEGACY.1, NFT.1].concat(), "n", "missing"));
            (none(), vec![one("iptables.nat", "3"), without])
        }
        Rule::ModulesLoaded { modules } => {
            let key = |module: &String| format!("module.{}", module.replace('-', "_"));
            let fine: Vec<Change> = modules
                .iter()
                .flat_map(|module| {
                    let mut all = one(&key(module), "ready");
                    all.extend(one(&format!("{}.loaded", key(module)), "yes"));
                    all
                })
                .collect();
            (fine, modules.iter().map(|module| one(&format!("{}.loaded", key(module)), "no")).collect())
        }

        Rule::AtRunTime { mebibytes: Some(least), .. } => {
            (none(), vec![one("memory.kib", &(least * 1024 - 1).to_string())])
        }
        Rule::Localhost {} => (
            none(),
            vec![
                list("nsswitch", &["hosts: dns"]),
                list("hosts", &[]),
                list("hosts", &["10.1.2.3 localhost"]),
                list("hosts", &["127.0.0.999 localhost"]),
            ],
        ),
        Rule::HostSources { .. } => {
            (none(), vec![list("nsswitch", &["hosts: dns"]), list("nsswitch", &["hosts: files [x=y]"])])
        }
        Rule::ContainerdSnippets { folder } => {
            let file = format!("{folder}/a.toml");
            let snippet = |text: &str| {
                let mut all = list(&format!("snippet:{folder}"), &[&file]);
                all.extend(list(&format!("text:{file}"), &[text]));
                all
            };
            (
                snippet("version = 3"),
                vec![snippet("version = 2"), snippet("version ="), list(&format!("snippet:{folder}"), &["/b.toml"])],
            )
        }
        Rule::Procfs {} => (none(), vec![one("type.proc", "1021994")]),
        Rule::OpenFiles { .. } => (none(), vec![one("limits.hard", "65536")]),
        Rule::DataFolder { .. } => {
            (none(), vec![mounts(&[mount("/", "ext4", "rw", ""), mount("/var", "reiserfs", "rw", "")])])
        }
        Rule::DiskFree { mebibytes, percent } => {
            let too_small =
                one("room:/var/lib/k0s", &format!("{0} {0}", mebibytes.saturating_mul(1024).saturating_sub(1)));
            let too_full = one("room:/var/lib/k0s", "999999999 99999999");
            let wrong = [(*mebibytes > 0, too_small), (*percent > 10, too_full)];
            (none(), wrong.into_iter().filter(|(counts, _)| *counts).map(|(_, change)| change).collect())
        }
        Rule::MachineIdSource {} => (none(), vec![one("machine-id.source", "no")]),
        Rule::Mounted { points } => {
            let wrong =
                points.iter().map(|point| mounts(&[mount("/", "ext4", "rw", ""), mount(point, "ext2", "rw", "")]));
            (none(), wrong.collect())
        }
        Rule::MountOptions { paths, without } => {
            let wrong = without.iter().map(|option| mounts(&[mount(&paths[0], "ext4", &format!("rw,{option}"), "")]));
            (none(), wrong.collect())
        }
        Rule::Writable { paths, persistent } => {
            let mut wrong: Vec<Vec<Change>> = paths.iter().map(|path| one(&format!("writable:{path}"), "no")).collect();
            if *persistent {
                wrong.push(mounts(&[mount("/", "tmpfs", "rw", "")]));
            }
            (none(), wrong)
        }
        Rule::PluginFolder { path } => (none(), vec![one(&format!("writable:{path}"), "no")]),
        Rule::SharedRoot {} => {
            (mounts(&[mount("/", "ext4", "rw", " shared:1")]), vec![mounts(&[mount("/", "ext4", "rw", " master:1")])])
        }
        Rule::NoSwap {} => (none(), vec![list("swap", &["/dev/vda3 partition 1 0 -2"])]),
        Rule::ResolvConf {} => (
            none(),
            vec![
                one("resolv", "dangling"),
                one("resolv", "none"),
                list("nameserver", &["127.0.0.1"]),
                list("nameserver", &[]),
            ],
        ),
        Rule::Hostname {} => {
            (none(), ["localhost", "(none)", "a_b", "-a", ""].iter().map(|name| one("hostname", name)).collect())
        }
        Rule::NetProvider {} => (none(), vec![list("route", &[])]),
        Rule::Sysctl { keys, least, most, .. } => {
            let good = least.or(*most).unwrap_or(1);
            let bad = least.map_or_else(|| most.unwrap_or(0) + 1, |least| least - 1);
            let set = |key: &String, value: String| one(&format!("sysctl.{key}"), &value);
            let fine = keys.iter().flat_map(|key| set(key, good.to_string())).collect();
            let wrong = keys.iter().flat_map(|key| [set(key, bad.to_string()), set(key, String::new())]);
            (fine, wrong.collect())
        }
        Rule::TimeSync {} => (none(), vec![one("time.daemon", "")]),
        Rule::CaBundle {} => (none(), vec![one("ca-bundle", "")]),
        Rule::ApparmorParser {} => {
            let mut fine = one("program.apparmor_parser", "0 /usr/sbin/apparmor_parser");
            fine.extend(one("lsm", "capability,apparmor"));
            (fine, vec![one("program.apparmor_parser", "none")])
        }

        Rule::Executable { name } => program(name),
        Rule::UserTools { tools, users } => {
            let mut fine: Vec<Change> = tools.iter().flat_map(|name| program(name).0).collect();
            fine.extend(users.iter().flat_map(|user| one(&format!("user.{user}"), "no")));
            (fine, vec![tools.iter().flat_map(|name| one(&format!("program.{name}"), "none")).collect()])
        }

        Rule::Cgroup2 {} => (none(), vec![one("type.cgroup", "1021994"), one("type.cgroup", "62656572")]),
        Rule::AnyCgroup {} => (none(), vec![one("type.cgroup", "62656572")]),
        Rule::Controller { controller: Some(_), .. } => (none(), vec![one("cgroup.controllers", "rdma misc")]),
        Rule::AnyController { controller: Some(_), .. } => {
            let mut legacy = one("type.cgroup", "1021994");
            legacy.extend(one("cgroup.v1", "rdma"));
            (none(), vec![one("cgroup.controllers", "rdma misc"), legacy])
        }
        Rule::Controller { symbols, .. } | Rule::AnyController { symbols, .. } => {
            let devices = symbols.iter().any(|symbol| symbol == "CGROUP_BPF");
            (none(), vec![if devices { one("device.closed", "opened") } else { one("cgroup.freeze", "no") }])
        }

        Rule::MachineId {} => (none(), vec![one("machine-id.made", "no"), one("machine-id", "empty")]),
        Rule::HostKeys {} => {
            let mut without = list("host-key", &[]);
            without.extend(one("sshd.runs", "yes"));
            (none(), vec![list("host-key", &["no ssh_host_rsa_key"]), without])
        }
        Rule::EmptyPasswords {} => (none(), vec![list("password.empty", &["root"])]),
        Rule::BakedPasswords {} => (none(), vec![list("password.set", &["root"])]),
        Rule::FileMode { path, .. } => {
            let key = format!("mode:{path}");
            (one(&key, "400 0 0"), vec![one(&key, "777 0 0"), one(&key, "400 1000 0")])
        }
        Rule::Sticky { paths } => (none(), paths.iter().map(|path| one(&format!("mode:{path}"), "777 0 0")).collect()),
        Rule::SshdOption { option, values, .. } => {
            let key = format!("sshd.{option}");
            (one(&key, &values[0]), vec![one(&key, "perhaps")])
        }
        _ => return None,
    })
}
