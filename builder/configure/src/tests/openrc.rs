//! What OpenRC gets from a profile.

use std::process::Command;

use super::*;

const INITTAB: &str =
    "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2345:respawn:/sbin/getty --noclear 38400 tty1\n";

/// A tree with what rendering asks for.
fn system(pack: &mut Pack) -> Vec<Package> {
    let networking = "### BEGIN INIT INFO\n# Provides: networking ifupdown\n# Default-Start: S\n### END INIT INFO\n";
    let ssh = "### BEGIN INIT INFO\n# Provides: sshd\n# Default-Start: 2 3 4 5\n### END INIT INFO\n";
    let files = [
        ("/usr/sbin/openrc", ""),
        ("/usr/share/sysvinit/inittab", INITTAB),
        ("/etc/inittab", INITTAB),
        ("/etc/init.d/networking", networking),
        ("/etc/init.d/procps", networking),
        ("/etc/init.d/ssh", ssh),
        ("/etc/init.d/local", "#!/sbin/openrc-run\ndepend()\n{\n\tprovide everything\n}\n"),
        ("/usr/sbin/ifup", ""),
        ("/usr/sbin/dhcpcd", ""),
        ("/usr/sbin/sshd", ""),
    ];
    vec![package(pack, "system", "", &[], &files)]
}

fn openrc(extra: &str) -> Profile {
    let text = PROFILE.replace("system = \"systemd\"", "system = \"openrc\"");
    let text = text.replace("modules = [", "cmdline = [\"console=tty0\", \"console=ttyS0,57600n8\"]\nmodules = [");
    rootsmith_profile::load(Path::new("test.toml"), &One(format!("{text}{extra}"))).unwrap()
}

/// The whole step; the scripts of all services are good shell.
fn built(extra: &str) -> Result<Assembly, Vec<ConfigureError>> {
    let mut pack = Pack::default();
    let packages = system(&mut pack);
    let profile = openrc(extra);
    let (mut assembly, _) = run(&profile, &packages, &pack)?;
    let input = Input { profile: &profile, packages: &packages, arch: Arch::Amd64, date: 86_400 };
    enable_services(&mut assembly, &input, &pack)?;
    let names = assembly.tree.children(&TreePath::literal("/etc/init.d"));
    for name in names.map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>() {
        let at = TreePath::new(format!("/etc/init.d/{name}")).unwrap();
        let script = assembly.tree.lookup(&at).unwrap().content().unwrap().read(&pack, 1 << 20).unwrap();
        let script = String::from_utf8(script.to_vec()).unwrap();
        let checked = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(checked.status.success(), "{name}: {}\n{script}", String::from_utf8_lossy(&checked.stderr));
    }
    Ok(assembly)
}

#[test]
fn a_service_is_a_script_in_a_runlevel() {
    let assembly = built(
        r#"
        [cgroups]
        controllers = ["memory", "cpu", "pids"]
        [[user]]
        name = "agent"
        system = true
        [[service]]
        name = "agent"
        description = "It's an agent"
        exec = ["/usr/bin/agent", "--name", "a  b", "*"]
        user = "agent"
        environment = { A = "1", B = "$x y" }
        working-directory = "/var/lib/agent"
        restart-delay = "5s"
        requires = ["local"]
        after = ["ssh.service"]
        network = true
        limits = { nofile = 4096, memlock = 65536 }
        delegate = true
        kill-mode = "process"
        cgroup = { memory = "64MiB", cpu = "150%", pids = 20 }
        [[network.interface]]
        match = ["eth*"]
        dhcp = true
        "#,
    );
    let assembly = assembly.unwrap();
    assert_eq!(
        text(&assembly, "/etc/init.d/agent"),
        r#"#!/usr/sbin/openrc-run
# Made from `[[service]]` of the image's profile.

description='It'\''s an agent'
word_1='a  b'
word_2='*'
word_3='B=$x y'
supervisor=supervise-daemon
pidfile=/run/agent.pid
command='/usr/bin/agent'
command_args='--name "$word_1" "$word_2"'
command_user=agent
directory='/var/lib/agent'
output_logger='logger --tag agent --socket-errors=off'
error_logger='logger --tag agent --socket-errors=off'
supervise_daemon_args='--env A=1 --env "$word_3"'
respawn_delay=5
respawn_max=0
rc_ulimit='-n 4096'
rc_cgroup_settings='
memory.max 67108864
cpu.max 150000 100000
pids.max 20
'

depend()
{
	need net
	need local
	after ssh
}

start_pre()
{
	prlimit --pid $$ --memlock=65536 || return 1
	# Version 2 is delegated by these files (cgroups(7), "Delegation").
	cd "/sys/fs/cgroup/openrc.$RC_SVCNAME" && chown agent . cgroup.procs cgroup.subtree_control cgroup.threads || return 1
	cd /
}
"#
    );
    assert_eq!(target(&assembly, "/etc/runlevels/default/agent"), "/etc/init.d/agent");
    assert_eq!(text(&assembly, "/etc/conf.d/networking").lines().last(), Some("rc_provide=\"net\""));
    let interfaces = text(&assembly, "/etc/network/interfaces.d/profile");
    assert!(interfaces.ends_with("\nauto /eth*=profile0\niface profile0 inet dhcp\n"), "{interfaces}");
}

#[test]
fn the_machine_is_made_on_first_boot_and_can_be_logged_in_to() {
    let assembly = built("enable = [\"networking\", \"local\"]\ndisable = [\"ssh-host-keys\"]\n").unwrap();
    let inittab = text(&assembly, "/etc/inittab");
    assert!(inittab.ends_with("\nS0:2345:respawn:/sbin/agetty -L 57600 ttyS0 vt100\n"), "{inittab}");
    assert!(!inittab.contains("agetty -L 115200"), "a screen got a serial line: {inittab}");
    assert_eq!(text(&assembly, "/etc/machine-id"), "");
    for link in ["sysinit/machine-identity", "sysinit/root-shared", "sysinit/networking", "default/local"] {
        let name = link.split('/').next_back().unwrap();
        assert_eq!(target(&assembly, &format!("/etc/runlevels/{link}")), format!("/etc/init.d/{name}"));
    }
    assert!(assembly.tree.lookup(&TreePath::literal("/etc/runlevels/default/ssh-host-keys")).is_none());
    assert_eq!(text(&assembly, "/etc/modules-load.d/profile.conf"), "overlay\nbr_netfilter\n");
    let settings = text(&assembly, "/etc/rc.conf.d/profile.conf");
    assert!(
        settings.contains("rc_cgroup_mode=\"unified\"") && settings.contains("rc_ulimit=\"-Hn 524288\""),
        "{settings}"
    );
    // Nothing grows, so nothing is there to do it.
    assert!(assembly.tree.lookup(&TreePath::literal("/etc/init.d/grow-root")).is_none());
}

#[test]
fn version_1_has_what_is_declared_and_no_more() {
    let assembly = built(
        "[cgroups]\nhierarchy = \"legacy\"\ncontrollers = [\"memory\", \"io\"]\n\
         [[service]]\nname = \"a\"\nexec = [\"/a\"]\nrestart = \"never\"\ncgroup = { memory = \"1MiB\" }\n",
    );
    let assembly = assembly.unwrap();
    let settings = text(&assembly, "/etc/rc.conf.d/profile.conf");
    let others = "cpu cpuacct cpuset devices freezer hugetlb misc net_cls net_prio perf_event pids rdma dmem debug";
    assert!(
        settings.contains(&format!("rc_cgroup_mode=\"legacy\"\nrc_cgroup_controllers=\"{others}\"\n")),
        "{settings}"
    );
    let script = text(&assembly, "/etc/init.d/a");
    assert!(script.contains("rc_cgroup_memory='memory.limit_in_bytes 1048576'\nrc_cgroup_cleanup=yes\n"), "{script}");
    assert!(
        script.contains("command_background=yes\npidfile=/run/a.pid\n") && !script.contains("supervise"),
        "{script}"
    );
}

#[test]
fn what_openrc_cannot_do_is_said() {
    let errors = built(
        "enable = [\"netwrking\"]\n\
         [cgroups]\ncontrollers = [\"memory\"]\n\
         [network]\nmanager = \"networkd\"\n\
         [[service]]\nname = \"a\"\nexec = [\"/a\"]\nrestart = \"on-failure\"\nrestart-delay = \"500ms\"\n\
         after = [\"network-online.target\"]\ncgroup = { pids = 5 }\n",
    );
    let said: Vec<String> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`openrc` cannot start this network manager",
            "`openrc` cannot start a service again after a failure alone: supervise-daemon does so however it ended",
            "`openrc` cannot wait for a part of a second before it starts a service again",
            "`openrc` cannot limit `pids` without its controller",
            "`openrc` cannot order by `network-online.target`, which is a unit of systemd",
        ]
    );
    let unknown = built("enable = [\"netwrking\"]\n").unwrap_err();
    assert_eq!((unknown.len(), unknown[0].help()), (1, Some("did you mean `networking`?".to_owned())));
}
