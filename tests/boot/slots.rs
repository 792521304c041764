//! A disk in two slots: a version comes into the free one and is started, and one that does not come up gives way to the one before.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_tests::archive::Server;
use rootsmith_tests::machine::{qemu, write_probe};
use rootsmith_tests::{copy_workspace, judges, on_request, succeed};
use rootsmith_types::Sha256Digest;

const TOOLS: [&str; 1] = ["qemu-system-x86_64"];
/// Of six starts, three of them in vain.
const LIMIT: Duration = Duration::from_secs(900);

/// Puts the next version beside the one that runs, and starts it, once this boot is known to be good.
fn probe(proxy: &str) -> String {
    format!(
        r#"#!/bin/sh
exec >/dev/console 2>&1
echo 1 >/proc/sys/kernel/printk
export http_proxy={proxy}
. /etc/os-release
for n in $(seq 60); do
	systemctl is-active --quiet systemd-bless-boot && grep -q '^[^ ]*	00000000' /proc/net/route && break
	sleep 2
done
echo
echo "=== version $IMAGE_VERSION runs"
ls /boot/efi/EFI/Linux
if /usr/lib/systemd/systemd-sysupdate check-new; then
	/usr/lib/systemd/systemd-sysupdate update && systemctl reboot
else
	echo "=== nothing is newer"
fi
"#
    )
}

/// Builds `version`, which looks for the next one in `source`. The folder of its files.
fn build(folder: &Path, version: u32) -> PathBuf {
    let profile = format!(
        "schema = 1\nextends = [\"appliance-ab.toml\"]\n[image]\nname = \"ab\"\nversion = \"{version}\"\n\
         [update]\nsource = \"http://mirror.invalid/after-{version}\"\n\
         [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\nnetwork = true\n\
         [[overlay]]\nsource = \"probe\"\n"
    );
    let output = format!("version-{version}");
    fs::write(folder.join(format!("profiles/{output}.toml")), profile).unwrap();
    succeed(folder, &["build", &format!("profiles/{output}.toml"), "--output", &output]);
    folder.join(output).join("ab-amd64")
}

/// Puts the files for an update to `version` where the one before looks for them; `damage` may change the root.
fn offer(built: &Path, to: &Path, damage: impl Fn(&mut Vec<u8>)) {
    fs::create_dir_all(to).unwrap();
    let sums = fs::read_to_string(built.join("SHA256SUMS")).unwrap();
    let mut offered = String::new();
    for name in sums.lines().map(|line| line.split_once("  ").unwrap().1) {
        let mut bytes = fs::read(built.join(name)).unwrap();
        if name.ends_with(".root") {
            damage(&mut bytes);
        }
        offered += &format!("{}  {name}\n", Sha256Digest::of(&bytes));
        fs::write(to.join(name), bytes).unwrap();
    }
    fs::write(to.join("SHA256SUMS"), offered).unwrap();
}

/// Starts `image`, which is written to, on firmware with variables.
fn start(image: &Path, variables: &Path, until: &str) -> String {
    let drive = |options: &str, path: &Path| format!("{options},format=raw,file={}", path.display());
    let code = drive("if=pflash,unit=0,readonly=on", Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd"));
    let (variables, disk) = (drive("if=pflash,unit=1", variables), drive("if=none,id=disk", image));
    let machine = "-machine q35,sata=off -cpu max,-svm,-la57 -accel tcg,thread=multi -m 1024 -smp 2 -nodefaults -display none \
                   -serial stdio -device virtio-blk-pci,drive=disk,bootindex=1 -netdev user,id=net \
                   -device virtio-net-pci,netdev=net,romfile=";
    let machine: Vec<&str> = machine.split_ascii_whitespace().collect();
    let drives = ["-drive", &code, "-drive", &variables, "-drive", &disk];
    qemu("qemu-system-x86_64", &[&machine[..], &drives].concat(), until, LIMIT)
}

#[test]
fn the_next_version_takes_over_and_one_that_does_not_come_up_gives_way() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_workspace(folder);
    let served = folder.join("served");
    let server = Server::start(&served);
    // The machine finds this one behind its gateway.
    write_probe(folder, &probe(&server.proxy().replace("127.0.0.1", "10.0.2.2")));

    let first = build(folder, 1);
    let image = first.join("ab-amd64.img");
    let names = || {
        let found = rootsmith_verify::partitions(&File::open(&image).unwrap()).unwrap();
        found.into_iter().map(|partition| partition.name).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["esp", "ab_1", "ab_1", "_empty", "_empty", "state"]);
    offer(&build(folder, 2), &served.join("after-1/amd64"), |_| ());
    // Its hashes say that this is not the root that was meant.
    offer(&build(folder, 3), &served.join("after-2/amd64"), |root| root[8] ^= 1);

    let variables = folder.join("variables.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let console = start(&image, &variables, "=== nothing is newer");
    let ran: Vec<&str> = console.lines().filter(|line| line.starts_with("=== version")).collect();
    assert_eq!(ran, ["=== version 1 runs", "=== version 2 runs", "=== version 2 runs"], "{console}");
    // Blessed, the first loses the count of its tries; the third has none left.
    let (_, last) = console.rsplit_once("=== version 2 runs").unwrap();
    assert!(last.contains("ab_2.efi") && last.contains("ab_3+0-3.efi"), "{last}");
    assert_eq!(console.matches("cannot mount /dev/mapper/root").count(), 3, "{console}");
    assert_eq!(names(), ["esp", "ab_3", "ab_3", "ab_2", "ab_2", "state"]);
}
