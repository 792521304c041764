//! `profiles/busybox-appliance.toml`: how small it is, what its scripts look like to other people's tools, and what preflight says
//! when something is taken away.

use std::fs;
use std::path::Path;

use rootsmith_tests::{copy_workspace, judge, judges, run, said, succeed};

fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    folder
}

/// The appliance as a tar alone, unpacked below `folder` without the kernel and its modules.
fn unpacked(folder: &Path) -> std::path::PathBuf {
    let profile = fs::read_to_string(folder.join("profiles/busybox-appliance.toml")).unwrap();
    let (before, _) = profile.split_once("[[output]]").unwrap();
    let service = "[[service]]\nname = \"web\"\nexec = [\"/usr/sbin/httpd\", \"-f\", \"-h\", \"/srv/it's here\"]\nuser = \"daemon\"\n\
                   network = true\nrestart-delay = \"5s\"\ndelegate = true\nlimits = { nofile = 1024 }\ncgroup = { memory = \"32MiB\" }\n\
                   [[output]]\nkind = \"tar\"\n";
    fs::write(folder.join("profiles/small.toml"), format!("{before}{service}").replace("busybox-appliance", "small"))
        .unwrap();
    succeed(folder, &["build", "profiles/small.toml"]);
    let root = folder.join("root");
    fs::create_dir(&root).unwrap();
    let archive = folder.join("outputs/small-amd64/small-amd64.rootfs.tar.zst");
    let (archive, at) = (archive.to_str().unwrap(), root.to_str().unwrap());
    judge("tar", &["--zstd", "-xf", archive, "-C", at, "--exclude=./boot", "--exclude=./usr/lib/modules"]);
    root
}

#[test]
fn the_root_is_far_below_ten_mebibytes_and_its_scripts_are_clean() {
    if !judges(&["tar", "zstd", "du", "shellcheck", "busybox"]) {
        return;
    }
    let folder = workspace();
    let root = unpacked(folder.path());
    let size = judge("du", &["--summarize", "--block-size=1", root.to_str().unwrap()]);
    let size: u64 = size.split_whitespace().next().unwrap().parse().unwrap();
    assert!(size < 4 << 20, "{size} bytes");
    // What is counted is a whole system.
    assert!(root.join("usr/bin/busybox").metadata().unwrap().len() > 1 << 20);

    let mut scripts = vec!["etc/init.d/rcS", "etc/init.d/rcK", "etc/udhcpc/default.script", "etc/init.d/services/web"];
    for script in scripts.drain(..) {
        let script = root.join(script);
        judge("shellcheck", &["--shell=dash", script.to_str().unwrap()]);
        judge("busybox", &["sh", "-n", script.to_str().unwrap()]);
    }
}

#[test]
fn links_are_where_busybox_itself_would_install_them() {
    if !judges(&["tar", "zstd"]) || !cfg!(target_arch = "x86_64") {
        return;
    }
    let folder = workspace();
    let root = unpacked(folder.path());
    let listed = judge(root.join("usr/bin/busybox").to_str().unwrap(), &["--list-full"]);
    for place in listed.lines().filter(|line| *line != "linuxrc") {
        let (folder, name) = place.rsplit_once('/').unwrap();
        let left_out = ["busybox", "dpkg", "dpkg-deb", "rpm", "rpm2cpio"].contains(&name);
        let folder = if folder.ends_with("sbin") { "usr/sbin" } else { "usr/bin" };
        let link = root.join(folder).join(name);
        assert_eq!(link.symlink_metadata().is_ok_and(|link| link.is_symlink()), !left_out, "{place}");
    }
}

#[test]
fn without_mounts_and_tools_preflight_says_what_is_missing() {
    let folder = workspace();
    // An overlay with a boot that mounts nothing but what everybody knows, and no modprobe.
    let boot = folder.path().join("bare/etc/init.d");
    fs::create_dir_all(&boot).unwrap();
    fs::write(boot.join("rcS"), "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n").unwrap();
    let profile = "schema = 1\nextends = [\"busybox-appliance.toml\"]\n[image]\nname = \"bare\"\n\
                   [packages]\ndrop = [\"/usr/sbin/modprobe\"]\n[[overlay]]\nsource = \"bare\"\n";
    fs::write(folder.path().join("profiles/bare.toml"), profile).unwrap();
    let output = run(folder.path(), &["build", "profiles/bare.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    for missing in ["cgroup.v2", "nothing mounts `/sys/fs/cgroup` under BusyBox", "exec.modprobe"] {
        assert!(errors.contains(missing), "{missing}: {errors}");
    }
    assert!(!folder.path().join("outputs/bare-amd64/bare-amd64.img").exists());
}
