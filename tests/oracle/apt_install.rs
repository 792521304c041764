//! dpkg, debconf and apt in an image, from the first minute: what they say of it, and one more package.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;

use rootsmith_tests::{copy_workspace, host_mirrors, judge, judges, succeed};

/// `ssl-cert` is finished by dpkg, here as on the first boot.
const PROFILE: &str = r#"
schema = 1
[image]
name = "apt"
arch = ["amd64"]
[distribution]
id = "debian"
suite = "trixie"
[packages]
include = ["systemd-sysv", "apt", "debsums", "nginx", "ssl-cert"]
recommends = false
[init]
system = "systemd"
[preflight]
sets = []
[[output]]
kind = "tar"
"#;

const SCRIPT: &str = r#"
mount -t proc proc root/proc
mount --bind /dev root/dev
cp --remove-destination /etc/resolv.conf root/etc/resolv.conf
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 trixie main" >root/etc/apt/sources.list
# Nothing is started here.
printf '#!/bin/sh\nexit 101\n' >root/usr/sbin/policy-rc.d
chmod 755 root/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
ask() { name=$1; shift; echo "<<$name"; chroot root "$@" 2>&1; echo "$name>>"; }
ask AUDIT dpkg --audit
ask VERIFY dpkg -V
ask SUMS debsums --silent
ask QUESTIONS debconf-show debconf libpam-runtime
ask WRITTEN sh -c 'cd /var/cache/debconf; cp -a . /tmp/debconf
echo fset debconf/priority seen false | debconf-communicate debconf; echo data debconf/priority default high | debconf-communicate debconf
for file in config passwords templates; do cmp $file.dat /tmp/debconf/$file.dat && stat -c "%n %a %U" $file.dat; done'
ask RECONFIGURE sh -c 'dpkg-reconfigure libpam-runtime; debconf-show libpam-runtime | grep profiles:'
ask UPDATE apt-get -q update
ask INSTALL apt-get -q -y --no-install-recommends install tree
ask STATES dpkg-query -W -f '${Package} ${db:Status-Status}\n' ssl-cert tree nginx
ask RUNS tree --version
ask AGAIN dpkg --audit
ask KEY stat -c '%a %U:%G' /etc/ssl/private/ssl-cert-snakeoil.key
ask UPGRADE sh -c 'apt-get -q -s dist-upgrade | grep -c ^Remv'
"#;

#[test]
fn one_more_package_can_be_installed() {
    if !judges(&["unshare", "chroot", "tar", "zstd"]) || judge("id", &["-u"]).trim() != "0" {
        eprintln!("skipped: chroot takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::write(folder.path().join("profiles/apt.toml"), PROFILE).unwrap();
    succeed(folder.path(), &["build", "profiles/apt.toml"]);
    let archive = folder.path().join("outputs/apt-amd64/apt-amd64.rootfs.tar.zst");
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    judge("tar", &["-xf", archive.to_str().unwrap(), "--xattrs", "--xattrs-include=*", "-C", root.to_str().unwrap()]);

    let script = format!("cd {}\n{SCRIPT}", folder.path().display());
    // Its mounts are gone with it.
    let said = judge("unshare", &["--mount", "--pid", "--fork", "sh", "-c", &script, "sh", &host_mirrors().main]);
    let answer = |name: &str| rootsmith_tests::machine::answer(&said, name);
    assert!(answer("AUDIT").contains(&"ssl-cert             simple debconf wrapper for OpenSSL"), "{said}");
    assert_eq!((answer("VERIFY"), answer("SUMS")), (vec![], vec![]), "{said}");
    // A database that debconf reads, changes and writes again is the one that it read.
    for line in ["debconf/frontend: Dialog", "debconf/priority: high", "libpam-runtime/profiles: unix"] {
        assert!(answer("QUESTIONS").contains(&line), "{said}");
    }
    let kept = ["0 false", "0", "config.dat 644 root", "passwords.dat 600 root", "templates.dat 644 root"];
    assert_eq!(answer("WRITTEN"), kept, "{said}");
    assert_eq!(answer("RECONFIGURE"), ["libpam-runtime/profiles: unix"], "{said}");
    assert_eq!(answer("STATES"), ["nginx installed", "ssl-cert installed", "tree installed"], "{said}");
    assert!(answer("RUNS")[0].starts_with("tree v"), "{said}");
    assert_eq!((answer("AGAIN"), answer("KEY")), (vec![], vec!["640 root:ssl-cert"]), "{said}");
    assert_eq!(answer("UPGRADE"), ["0"], "{said}");
}
