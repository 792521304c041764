//! What the profile says of the running machine: services, accounts, mounts.

use super::*;

#[test]
fn a_service_knows_all_that_it_was_told() {
    let text = format!(
        "{LEAST}
[[service]]
name = 'k0sworker'
exec = ['/usr/local/bin/k0s', 'worker', '']
user = 'k0s'
environment = {{ HTTP_PROXY = 'http://proxy.invalid', LEVEL = 3 }}
working-directory = '/var/lib/k0s'
restart-delay = '2min'
after = ['containerd']
network = true
limits = {{ nofile = 1048576, nproc = 'unlimited' }}
delegate = true
kill-mode = 'process'
cgroup = {{ memory = '256MiB', cpu = '150%', pids = 100 }}
[[service]]
name = 'prepare'
exec = ['/usr/bin/true']
oneshot = true
enable = false
"
    );
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let [service, prepare] = profile.services.as_slice() else { panic!("{:?}", profile.services) };
    let words: Vec<&str> = service.exec.iter().map(|word| word.value.as_str()).collect();
    assert_eq!(words, ["/usr/local/bin/k0s", "worker", ""]);
    let environment: Vec<_> = service.environment.iter().map(|(k, v)| format!("{}={}", k.value, v.value)).collect();
    assert_eq!(environment, ["HTTP_PROXY=http://proxy.invalid", "LEVEL=3"]);
    assert_eq!(service.restart.value, Restart::Always);
    assert_eq!(service.restart_delay.as_ref().unwrap().value.as_secs(), 120);
    let limits: Vec<_> = service.limits.iter().map(|(resource, limit)| (resource.value, limit.value)).collect();
    assert_eq!(limits, [(Resource::Nofile, Limit::Number(1_048_576)), (Resource::Nproc, Limit::Unlimited)]);
    assert_eq!(service.kill_mode.value, KillMode::Process);
    assert_eq!(service.cgroup.memory.as_ref().unwrap().value, NumBytes::mib(256));
    assert_eq!(service.cgroup.cpu.as_ref().unwrap().value, 150);
    assert_eq!(service.cgroup.pids.as_ref().unwrap().value, Limit::Number(100));
    assert!(service.delegate.value && service.network.value && service.enable.value);
    assert_eq!((prepare.restart.value, prepare.enable.value), (Restart::Never, false));
}

#[test]
fn what_is_wrong_with_a_machine_is_said() {
    let text = format!(
        "{LEAST}
identity = {{ hostname = 'node_?' }}
user = [{{ name = 'Etcd', uid = -1 }}, {{ name = 'a', uid = 7 }}, {{ name = 'a', uid = 7, ssh-authorized-keys = 'x' }}]
group = [{{ gid = '5' }}]
mount = [{{ source = 'tmpfs', target = 'tmp', type = 'tmpfs', options = ['a,b'] }}]
sysctl = {{ 'net..x' = 1, 'vm.swappiness' = true }}
network = {{ manager = 'netplan', interface = [{{ dhcp = true }}, {{ match = ['eth0'], address = ['10.0.0.1'] }}] }}
[[service]]
name = 'x.service'
exec = ['true']
oneshot = true
restart = 'always'
limits = {{ files = 5, nofile = 'lots' }}
cgroup = {{ cpu = '1', pids = 1 }}
"
    );
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r#"
    p.toml:8:25: `node_?` is not a host name
      hint: use letters, digits and `-`, in parts of at most 63 with `.` between them
    p.toml:9:18: `Etcd` is not the name of an account
      hint: use at most 32 lower-case letters, digits, `_` and `-`
    p.toml:9:32: `-1` is not the number of an account
      hint: write a whole number from 0 on
    p.toml:9:72: there is a second user called `a` [the second]
      note: the first is p.toml:9:47
      hint: take one of them out
    p.toml:9:83: there is a second user with the number 7 [the second]
      note: the first is p.toml:9:58
      hint: take one of them out
    p.toml:9:108: `user.ssh-authorized-keys` must be an array of strings, not a string [a string]
      hint: write `ssh-authorized-keys = ["x"]`
    p.toml:10:10: `group.name` is missing [missing in here]
      hint: write `name = "data"`
    p.toml:10:18: `group.gid` must be a whole number, not a string [a string]
    p.toml:11:39: `tmp` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:11:73: `a,b` is not a mount option
      hint: write each on its own: `["nodev", "size=64m"]`
    p.toml:12:12: `net..x` is not a setting of the kernel
      hint: write it as sysctl(8) has it: `"net.ipv4.ip_forward"`
    p.toml:12:44: `sysctl."vm.swappiness"` must be a whole number or a string, not a boolean [a boolean]
    p.toml:13:23: `netplan` is not what configures a network
      hint: there are `networkd`, `ifupdown` and `busybox`
    p.toml:13:47: `network.interface.match` is missing [missing in here]
      hint: write `match = ["en*", "eth*"]`
    p.toml:13:95: `10.0.0.1` is not an address with its prefix
      hint: write it as `192.168.1.2/24`
    p.toml:15:8: `x.service` is not the name of a service
      hint: use letters, digits, `-`, `_` and `.`, without `.service`: `k0sworker`
    p.toml:16:9: `true` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:19:12: `files` is not a resource that can be limited
      hint: there are `as`, `core`, `data`, `fsize`, `memlock`, `nofile`, `nproc`, `rtprio` and `stack`
    p.toml:19:32: `lots` is not a limit
      hint: write a whole number, or `"unlimited"`
    p.toml:20:18: `1` is not a share of processors
      hint: write percents of one: `50%`, `150%`
    "#);
}

#[test]
fn cloud_init_knows_its_datasources_and_who_configures_the_network() {
    let text = format!("{LEAST}\ncloud-init = {{ datasources = ['NoCloud', 'Ec2', 'NoCloud'] }}\n");
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let cloud_init = profile.cloud_init.unwrap();
    let names: Vec<&str> = cloud_init.datasources.iter().map(|it| it.value.as_str()).collect();
    assert_eq!((names, cloud_init.network.value), (vec!["NoCloud", "Ec2"], CloudNetwork::CloudInit));

    let interface = "[[network.interface]]\nmatch = ['eth*']\ndhcp = true\n";
    let text = format!("{LEAST}\ncloud-init = {{ datasources = ['NoCloud'], network = 'profile' }}\n{interface}");
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    assert_eq!(profile.cloud_init.unwrap().network.value, CloudNetwork::Profile);

    let text = format!("{LEAST}{interface}[cloud-init]\nnetwork = 'both'\ndatasources = ['No Cloud']\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r#"
    p.toml:7:1: cloud-init configures the network, too
      note: cloud-init is asked for p.toml:10:1
      hint: take it out, or write `network = "profile"` in `[cloud-init]`
    p.toml:11:11: `both` is not who configures the network
      hint: there are `cloud-init` and `profile`
    p.toml:12:16: `No Cloud` is not a datasource of cloud-init
      hint: write it as cloud-init does: `NoCloud`, `Ec2`, `Azure`
    "#);
    let text = format!("{LEAST}[cloud-init]\ndatasources = []\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r#"
    p.toml:8:15: `cloud-init.datasources` is empty
      hint: write `datasources = ["NoCloud", "ConfigDrive"]`
    "#);
}
