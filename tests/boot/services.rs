//! Packages that no script of theirs was run for: their services start, and do what they are for.
#![allow(missing_docs, clippy::print_stderr)]

use rootsmith_tests::machine::{answer, boot, build_with_probe};
use rootsmith_tests::{judges, on_request};

/// `ssl-cert`, `postgresql` and `mariadb-server` make what is the machine's own on its first boot; `nano` does because the profile says so.
const PROFILE: &str = r#"
schema = 1
extends = ["k0s-worker.toml"]
[image]
name = "probe"
[packages]
include = [
  "nginx", "redis-server", "redis-tools", "postgresql", "memcached", "mosquitto", "mosquitto-clients", "rsyslog",
  "prometheus-node-exporter", "curl", "unbound", "dns-root-data", "bind9-host", "mariadb-server", "nano",
]
[scripts]
nano = { first-boot = "the machine chooses its editor" }
[kernel]
cmdline = ["systemd.mask=serial-getty@ttyS0.service"]
[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
restart = "never"
network = true
after = ["multi-user.target", "ssh"]
"#;

const PROBE: &str = r#"#!/bin/bash
exec >/dev/ttyS0 2>&1 </dev/null
echo 1 >/proc/sys/kernel/printk
ask() { name=$1; shift; echo "<<$name"; "$@" 2>&1; echo "$name>>"; }
tries=0
until pg_isready -q || [ $((tries += 1)) -gt 120 ]; do sleep 2; done
ask SETUP sh -c 'dpkg --audit; ls /var/lib/rootsmith; readlink /etc/alternatives/editor'
ask POSTGRESQL runuser -u postgres -- psql -Atc 'select 1'
ask NGINX sh -c 'curl -s http://127.0.0.1/ | grep -c "<h1>Welcome to nginx!</h1>"'
ask REDIS redis-cli ping
ssh-keygen -q -t ed25519 -N '' -f /root/key
mkdir -p -m 700 /root/.ssh
cp /root/key.pub /root/.ssh/authorized_keys
ask SSH ssh -q -i /root/key -o StrictHostKeyChecking=no root@127.0.0.1 echo logged in
ask CHRONY sh -c 'chronyc -n tracking | grep -c "^Reference ID"'
ask MEMCACHED bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211; printf "set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n" >&3; tr -d "\r" <&3'
(sleep 3; mosquitto_pub -t greeting -m hello) &
ask MOSQUITTO timeout 60 mosquitto_sub -t greeting -C 1
logger -t probe something to be kept
sleep 2
ask RSYSLOG grep -c 'probe: something to be kept' /var/log/syslog
ask EXPORTER sh -c 'curl -s http://127.0.0.1:9100/metrics | grep -c "^node_load1 "'
cat >/etc/unbound/unbound.conf.d/own.conf <<EOF
server:
  local-zone: "example.test." static
  local-data: "node.example.test. A 192.0.2.7"
EOF
systemctl restart unbound
ask UNBOUND host node.example.test. 127.0.0.1
ask MARIADB mariadb -Nse 'select 6 * 7'
ask CONTAINERD sh -c 'ctr version | grep -c Server'
ask FAILED systemctl list-units --failed --no-legend --plain
for unit in $(systemctl list-units --failed --no-legend --plain | cut -d ' ' -f 1); do journalctl -b -u "$unit" --no-pager | tail -n 20; done
echo "=== probe is done"
"#;

#[test]
fn services_of_a_dozen_package_sets_answer() {
    if !on_request() || !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let (folder, image) = build_with_probe("probe", PROFILE, PROBE);
    let console = boot(folder.path(), &image, "=== probe is done", &[]);
    for (name, wanted) in [
        ("SETUP", &["/bin/nano"][..]),
        ("POSTGRESQL", &["1"]),
        ("NGINX", &["1"]),
        ("REDIS", &["PONG"]),
        ("SSH", &["logged in"]),
        ("CHRONY", &["1"]),
        ("MEMCACHED", &["STORED", "VALUE a 0 5", "hello", "END"]),
        ("MOSQUITTO", &["hello"]),
        ("RSYSLOG", &["1"]),
        ("EXPORTER", &["1"]),
        (
            "UNBOUND",
            &[
                "Using domain server:",
                "Name: 127.0.0.1",
                "Address: 127.0.0.1#53",
                "Aliases:",
                "node.example.test has address 192.0.2.7",
            ],
        ),
        ("MARIADB", &["42"]),
        ("CONTAINERD", &["1"]),
        ("FAILED", &[]),
    ] {
        assert_eq!(answer(&console, name), wanted, "{name}: {console}");
    }
}
