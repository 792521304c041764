//! A small image that passes every check, and for each check at least one change that it must notice.

mod board;
mod breaks;
pub(crate) mod elf_file;
mod fixture;
mod handed;
mod inits;
mod kernels;
mod payload;
mod remembered;
mod rendered;
mod seen;
mod study;
mod with_profile;

use rootsmith_tree::NoBlobs;
use rootsmith_types::{Arch, NumBytes, Uuid};

use crate::*;
use breaks::breaks;
use fixture::*;
pub(crate) use fixture::{Image, good};

#[test]
fn the_good_image_passes_every_set() {
    let image = good();
    for set in sets() {
        for (finding, check) in image.judged_by(set).findings.into_iter().zip(&set.checks) {
            match (finding.verdict, &check.rule) {
                (Verdict::Pass, _) | (Verdict::NotApplicable, Rule::AtRunTime { .. } | Rule::ExtinctKconfig { .. }) => {
                }
                (verdict, _) => panic!("{} of {}: {verdict:?}, {:?}", check.id, set.id(), finding.evidence),
            }
        }
    }
}

#[test]
fn every_check_notices_what_it_is_for() {
    let mut tested: Vec<&Check> = Vec::new();
    for set in sets() {
        for check in &set.checks {
            // Releases of one set have most checks in common.
            if tested.contains(&check) {
                continue;
            }
            tested.push(check);
            let breaks = breaks(check);
            let never = matches!(check.rule, Rule::AtRunTime { .. } | Rule::AppArmor {});
            assert!(!breaks.is_empty() || never, "{} is never broken", check.id);
            for (at, change) in breaks.into_iter().enumerate() {
                let mut image = good();
                change(&mut image, check);
                let finding =
                    image.judged_by(set).findings.into_iter().find(|finding| finding.check == check.id).unwrap();
                let expected = match check.severity {
                    Severity::Fail => Verdict::Fail,
                    Severity::Warning => Verdict::Warning,
                };
                assert_eq!(finding.verdict, expected, "{}, change {at}: {:?}", check.id, finding.evidence);
                assert!(finding.cure.is_some() && !finding.evidence.is_empty(), "{}", check.id);
            }
        }
    }
}

#[test]
fn an_old_kernel_lacks_what_came_later() {
    let release = "3.2.0";
    let mut image = good();
    image.remove(&format!("/boot/vmlinuz-{RELEASE}"));
    let mut kernel = vec![0; 0x400];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    kernel[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
    image.put(&format!("/boot/vmlinuz-{release}"), 0o644, kernel);
    image.put(&format!("/usr/lib/modules/{release}/modules.dep"), 0o644, "");
    image.put(
        &format!("/boot/config-{release}"),
        0o644,
        "CONFIG_CGROUPS=y\nCONFIG_CGROUP_BPF=y\nCONFIG_BPF_SYSCALL=y\n",
    );
    assert_eq!(image.finding("kernel.release").verdict, Verdict::Warning);
    assert_eq!(image.finding("cgroup.freezer").evidence, ["the kernel is 3.2.0, it takes 5.2"]);
    assert_eq!(image.finding("cgroup.devices").evidence, ["the kernel is 3.2.0, it takes 4.15"]);
    // It does not say which kernel it is of: believed, with a warning.
    assert_eq!(image.finding("kernel.config").verdict, Verdict::Warning);
}

#[test]
fn what_k0s_takes_but_is_not_good_is_a_warning() {
    let mut image = good();
    image.put("/etc/hosts", 0o644, "127.0.0.1 localhost\n");
    assert_eq!(image.finding("host.localhost").verdict, Verdict::Warning);
    image.cmdline("ipv6.disable=1");
    assert_eq!(image.finding("host.localhost").verdict, Verdict::Pass);
    image.cmdline("root=/dev/vda2");
    assert_eq!(image.finding("boot.root").verdict, Verdict::Warning);
    image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 defaults 0 1\n");
    assert_eq!(image.finding("boot.fstab").evidence, ["`LABEL=rootfs` is to be checked, but there is no `fsck.ext4`"]);
    assert_eq!(image.finding("boot.fstab").verdict, Verdict::Warning);
}

#[test]
fn a_root_that_grows_has_room() {
    let mut image = good();
    image.boot.root.available = NumBytes::mib(10);
    image.boot.root.grows = true;
    assert_eq!(image.finding("host.disk-free").verdict, Verdict::Pass);
}

#[test]
fn a_folder_has_the_room_of_the_partition_it_lies_on() {
    let mut image = good();
    image.boot.root.available = NumBytes::mib(10);
    let mut data = image.boot.partitions[0].clone();
    (data.role, data.partuuid) = (PartitionRole::Other, "44444444-4444-4444-4444-444444444444".to_owned());
    let room = RoomFacts { size: NumBytes::mib(8000), available: NumBytes::mib(7000), grows: false };
    data.room = Some(room);
    image.boot.partitions.push(data);
    image.put("/etc/fstab", 0o644, "PARTUUID=44444444-4444-4444-4444-444444444444 /var ext4 defaults 0 0\n");
    let finding = image.finding("host.disk-free");
    assert_eq!(
        (finding.verdict, finding.evidence[0].as_str()),
        (Verdict::Pass, "the partition at `/var` has 6.84 GiB of 7.81 GiB available")
    );
    image.boot.partitions[2].room = Some(RoomFacts { available: NumBytes::mib(10), ..room });
    assert_ne!(image.finding("host.disk-free").verdict, Verdict::Pass);
}

#[test]
fn a_partition_of_state_keeps_what_is_written_below_a_few_folders() {
    let mut image = good();
    image.boot.root.filesystem = "squashfs".to_owned();
    image.boot.root.available = NumBytes::mib(0);
    assert_ne!(image.finding_of("node", "mount.persistent").verdict, Verdict::Pass);
    let mut state = image.boot.partitions[0].clone();
    (state.role, state.partlabel) = (PartitionRole::Other, "state".to_owned());
    state.room = Some(RoomFacts { size: NumBytes::mib(64), available: NumBytes::mib(50), grows: true });
    image.boot.partitions.push(state);
    image.cmdline("rootsmith.state=PARTLABEL=state");
    for check in ["boot.writable", "host.disk-free"] {
        assert_eq!(image.finding(check).verdict, Verdict::Pass, "{check}");
    }
    assert_eq!(image.finding_of("node", "mount.persistent").verdict, Verdict::Pass);
    assert!(image.finding("host.disk-free").evidence[0].starts_with("the state partition has 50.0 MiB"));
    image.boot.partitions[2].room =
        Some(RoomFacts { size: NumBytes::mib(64), available: NumBytes::mib(50), grows: false });
    assert_ne!(image.finding("host.disk-free").verdict, Verdict::Pass);
}

#[test]
fn a_root_that_cannot_be_written_has_no_room_and_memory_lies_over_it_only_where_it_says_so() {
    let mut image = good();
    image.boot.root.filesystem = "squashfs".to_owned();
    let evidence = |image: &Image, check: &str| image.finding(check).evidence.join("; ");
    assert_eq!(evidence(&image, "host.disk-free"), "the root file system is squashfs, which cannot be written");
    assert_eq!(image.finding("boot.writable").verdict, Verdict::Warning);
    image.cmdline("systemd.volatile=overlay");
    assert!(evidence(&image, "host.disk-free").contains("what is written goes to memory"));
    assert_eq!(image.finding("boot.writable").verdict, Verdict::Pass);
    assert!(evidence(&image, "host.datadir").starts_with("`/` is overlay"));
}

#[test]
fn a_root_is_found_by_the_hash_that_vouches_for_it() {
    let mut image = good();
    let (first, last) = ("11".repeat(16), "22".repeat(16));
    image.cmdline(&format!("roothash={first}{last}"));
    image.boot.partitions[1].partuuid = Uuid::new([0x11; 16]).to_string();
    let evidence = |image: &Image| image.finding("boot.root").evidence.join("; ");
    let hashes = Uuid::new([0x22; 16]).to_string();
    assert_eq!(evidence(&image), format!("the hashes are on a partition {hashes}, which this disk has not"));
    let mut partition = image.boot.partitions[1].clone();
    (partition.role, partition.partuuid, partition.partlabel) = (PartitionRole::Other, hashes, "hashes".to_owned());
    image.boot.partitions.push(partition);
    assert_eq!(image.finding("boot.root").verdict, Verdict::Pass);
    assert_eq!(evidence(&image), "`roothash=` leads to partition `root` and its hashes on `hashes`");
    assert_eq!(image.finding("boot.driver").verdict, Verdict::Fail);
    let modules = image.boot.entries[0].initramfs.as_mut().unwrap();
    modules.push("modules/dm_verity.ko".to_owned());
    assert_eq!(image.finding("boot.driver").verdict, Verdict::Pass);
}

#[test]
fn boot_loaders_start_it_as_well() {
    let mut image = good();
    breaks::by_loader(&mut image);
    assert_eq!(image.finding("boot.entry").evidence, ["`/boot/grub/grub.cfg: Debian`"]);
    assert_eq!(image.finding("boot.root").verdict, Verdict::Pass);
    // By a BIOS, without an EFI system partition.
    image.boot.entries.remove(0);
    image.boot.partitions[0].role = PartitionRole::Other;
    image.boot.bios = BiosStart::Unknown;
    assert_eq!(image.finding("boot.entry").verdict, Verdict::Pass);
}

#[test]
fn what_a_loader_for_uefi_starts_is_judged_beside_grubs_entry() {
    let mut image = good();
    let entry = image.boot.entries.remove(0);
    let path = entry.path.clone();
    image.boot.entries = vec![
        BootEntry { kind: EntryKind::Loader, ..entry.clone() },
        BootEntry { path: "/EFI/LINUX/X.EFI".to_owned(), linux: false, ..entry.clone() },
        BootEntry { kind: EntryKind::Grub, path: "/grub/grub.cfg: Debian".to_owned(), ..entry },
    ];
    image.boot.bios = BiosStart::Grub { config: None, prefix: Some("(,gpt2)/grub".to_owned()) };
    assert_eq!(path, "/EFI/BOOT/BOOTX64.EFI");
    assert_eq!(image.finding("boot.entry").evidence, ["`/EFI/LINUX/X.EFI` has no kernel in it"]);
}

#[test]
fn what_a_bios_starts_is_judged_beside_what_uefi_starts() {
    let mut image = good();
    let grub = |prefix: &str| BiosStart::Grub { config: None, prefix: Some(prefix.to_owned()) };
    let entry = image.boot.entries[0].clone();
    let path = "/grub/grub.cfg: Debian".to_owned();
    image.boot.entries.push(BootEntry { kind: EntryKind::Grub, path, ..entry });
    image.boot.bios = grub("(,gpt2)/grub");
    let shown = |image: &Image| image.finding("boot.entry").evidence.join("\n");
    assert_eq!(shown(&image), "`/EFI/BOOT/BOOTX64.EFI`; from a BIOS `/grub/grub.cfg: Debian`");
    image.boot.bios = grub("(,gpt2)/boot/grub");
    assert_eq!(shown(&image), "a BIOS starts GRUB, for which `/boot/grub/grub.cfg` has no entry");
    image.boot.bios = BiosStart::Broken("it loads sector 9, which cannot be read".to_owned());
    assert_eq!(
        shown(&image),
        "the boot sector is GRUB's, and would not start: it loads sector 9, which cannot be read"
    );
    image.boot.bios = grub("(,gpt2)/grub");
    let other = &mut image.boot.entries[1];
    (other.missing, other.linux) = (vec!["/vmlinuz".to_owned()], false);
    other.cmdline = Some("root=/dev/sda1".to_owned());
    assert_eq!(
        shown(&image),
        "`/grub/grub.cfg: Debian` names `/vmlinuz`, which is not there\n\
         `/EFI/BOOT/BOOTX64.EFI` and `/grub/grub.cfg: Debian` have different roots"
    );
}

#[test]
fn all_findings_come_at_once_and_explain_themselves() {
    let mut image = good();
    image.config("CONFIG_MEMCG=y", "# CONFIG_MEMCG is not set");
    image.cmdline("cgroup_disable=memory");
    image.remove("/usr/bin/mount");
    let failures = image.report().failures();
    let shown: Vec<String> = failures.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "preflight check `cgroup.memory` fails: the kernel command line has `cgroup_disable=memory`",
            "preflight check `exec.mount` fails: no executable file `mount` in the PATH of a service",
        ]
    );
    let notes: Vec<String> = failures.0[0].notes().into_iter().map(|note| note.text).collect();
    assert_eq!(notes[0], "`k0s-worker@1.36` demands that the cgroup controller `memory` can be used");
    assert_eq!(notes[1], format!("`CONFIG_MEMCG=y` is not in `/boot/config-{RELEASE}`"));
    assert_eq!(failures.0[1].help().as_deref(), Some("add the package `mount`"));
    assert!(matches!(failures.0[1].subject(), rootsmith_types::Subject::Profile(origin) if origin.span() == (3..7)));
}

#[test]
fn the_report_is_the_same_bytes_each_time() {
    let text = good().report().to_json();
    assert_eq!(text, good().report().to_json());
    assert!(text.starts_with("{\n  \"schema\": 1,\n  \"findings\": [\n    {\n      \"check\": \"boot.driver\",\n      \"set\": \"boot\",\n      \"verdict\": \"pass\","));
}

#[test]
fn sets_that_do_not_exist_are_all_named() {
    let image = good();
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let problems = check(&facts, None, &names(&["bot", "k0s-worker@1.2", "boot"])).unwrap_err();
    assert_eq!(problems.to_string(), "there is no preflight set `bot`; there is no preflight set `k0s-worker@1.2`");
}

#[test]
fn a_tree_without_a_disk_is_not_judged_for_booting() {
    let image = good();
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let report = check(&facts, None, &names(&["boot"])).unwrap();
    let undecided = report.findings.iter().filter(|finding| finding.verdict == Verdict::NotApplicable);
    assert_eq!(
        undecided.map(|finding| finding.check.as_str()).collect::<Vec<_>>(),
        ["boot.driver", "boot.entry", "boot.root"]
    );
    assert!(report.failures().0.is_empty());
}

#[test]
fn what_a_kernel_has_unasked_depends_on_whose_it_is() {
    const FILE: &str = "/etc/sysctl.d/90-node.conf";
    let verdict = |image: &Image, check: &str| image.finding_of("hardening", check).verdict;
    let mut image = good();
    image.put(FILE, 0o644, "net.ipv4.ip_forward = 1\n");
    // As a machine with Debian's kernel says itself.
    assert_eq!(verdict(&image, "sysctl.hardlinks"), Verdict::Pass);
    assert_eq!(verdict(&image, "sysctl.symlinks"), Verdict::Pass);
    assert_eq!(verdict(&image, "sysctl.ptrace-scope"), Verdict::Warning);
    assert_eq!(verdict(&image, "sysctl.redirects"), Verdict::Pass, "a router takes none");
    image.put(FILE, 0o644, "net.ipv4.ip_forward = 0\n");
    assert_eq!(verdict(&image, "sysctl.redirects"), Verdict::Warning);
    image.release("6.12.107-lts");
    assert_eq!(verdict(&image, "sysctl.hardlinks"), Verdict::Warning);
    assert_eq!(verdict(&image, "sysctl.ptrace-scope"), Verdict::Pass);
}
