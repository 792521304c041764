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

const BEFORE: &str = r#"
mount -t proc proc root/proc
mount --bind /dev root/dev
# Nothing is started here.
printf '#!/bin/sh\nexit 101\n' >root/usr/sbin/policy-rc.d
chmod 755 root/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
ask() { name=$1; shift; echo "<<$name"; chroot root "$@" 2>&1; echo "$name>>"; }
"#;

const SCRIPT: &str = r#"
cp --remove-destination /etc/resolv.conf root/etc/resolv.conf
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 trixie main" >root/etc/apt/sources.list
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

/// What `package-setup` calls on the first boot, and what it leaves.
const CACHES: &str = r#"
ask BEFORE sh -c 'cd /usr; ls -d share/mime/mime.cache /var/cache/man/index.db share/applications/mimeinfo.cache 2>/dev/null'
cp -a root/var/cache/debconf was
ask SETUP dpkg --configure --pending
ask AFTER sh -c 'cd /usr; ls -d share/mime/mime.cache /var/cache/man/index.db share/applications/mimeinfo.cache lib/python3/dist-packages/idna/__pycache__'
for file in config passwords templates; do cmp root/var/cache/debconf/$file.dat was/$file.dat && echo "kept $file"; done
ask AUDIT dpkg --audit
"#;

/// What a script says in an image's root. `None` where this cannot be tried.
fn said_in(profile: &str, script: &str) -> Option<String> {
    if !judges(&["unshare", "chroot", "tar", "zstd"]) || judge("id", &["-u"]).trim() != "0" {
        eprintln!("skipped: chroot takes root");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::write(folder.path().join("profiles/apt.toml"), profile).unwrap();
    succeed(folder.path(), &["build", "profiles/apt.toml"]);
    let archive = folder.path().join("outputs/apt-amd64/apt-amd64.rootfs.tar.zst");
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    judge("tar", &["-xf", archive.to_str().unwrap(), "--xattrs", "--xattrs-include=*", "-C", root.to_str().unwrap()]);

    let script = format!("cd {}\n{BEFORE}{script}", folder.path().display());
    // Its mounts are gone with it.
    Some(judge("unshare", &["--mount", "--pid", "--fork", "sh", "-c", &script, "sh", &host_mirrors().main]))
}

#[test]
fn one_more_package_can_be_installed() {
    let Some(said) = said_in(PROFILE, SCRIPT) else { return };
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

#[test]
fn caches_are_made_on_the_first_boot_where_the_profile_says_so() {
    let wanted = "include = [\"systemd-sysv\", \"man-db\", \"python3-idna\", \"shared-mime-info\", \"desktop-file-utils\"]\ncaches = \"first-boot\"";
    let include = PROFILE.lines().find(|line| line.starts_with("include")).unwrap();
    let Some(said) = said_in(&PROFILE.replace(include, wanted), CACHES) else { return };
    let answer = |name: &str| rootsmith_tests::machine::answer(&said, name);
    let made = [
        "/var/cache/man/index.db",
        "lib/python3/dist-packages/idna/__pycache__",
        "share/applications/mimeinfo.cache",
        "share/mime/mime.cache",
    ];
    assert_eq!((answer("BEFORE"), answer("AFTER")), (vec![], made.to_vec()), "{said}");
    // The questions of packages that are configured once more are answered as they were.
    assert!(said.contains("kept config\nkept passwords\nkept templates\n"), "{said}");
    assert_eq!(answer("AUDIT"), Vec::<&str>::new(), "{said}");
}
