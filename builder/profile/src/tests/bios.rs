//! GRUB for a BIOS.

use super::*;
use crate::{BootMethod, PartitionKind};

/// A profile for `arch` with `words` on its command line and this `disk`.
fn profile(arch: &str, words: &str, disk: &str) -> String {
    format!(
        "schema = 1\nimage = {{ name = 'p', arch = [{arch}] }}\ndistribution = {{ id = 'debian', suite = 'trixie' }}\n\
         init = {{ system = 'systemd' }}\n[kernel]\npackage = 'linux'\ncmdline = [{words}]\n[[output]]\nkind = 'disk'\n{disk}\n"
    )
}

const ROOT: &str = "{ type = 'root', size = 'minimal' }";

#[test]
fn a_disk_may_start_by_a_bios_and_by_uefi() {
    let parts = format!("[{{ type = 'bios-boot' }}, {{ type = 'boot', size = '128MiB' }}, {ROOT}]");
    let disk = format!("table = 'gpt'\nboot = ['systemd-boot', 'grub']\npartitions = {parts}");
    let text = profile("'amd64'", "'console=ttyS0'", &disk);
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let OutputKind::Disk(disk) = &profile.outputs[0].kind else { panic!("no disk") };
    assert!(disk.boots_by(BootMethod::Grub) && disk.boots_by(BootMethod::SystemdBoot));
    let kinds: Vec<_> = disk.partitions.iter().map(|partition| partition.kind.value).collect();
    assert_eq!(kinds, [PartitionKind::BiosBoot, PartitionKind::Esp, PartitionKind::Root]);
    assert_eq!(disk.partitions[0].size.value, PartitionSize::Fixed(NumBytes::mib(1)));
    assert_eq!(disk.boot_partition().unwrap().kind.value, PartitionKind::Esp);
}

#[test]
fn a_bios_alone_reads_any_fat_partition() {
    let disk = format!("table = 'mbr'\nboot = 'grub'\npartitions = [{{ type = 'boot', size = '128MiB' }}, {ROOT}]");
    let profile = loaded(&[("p.toml", &profile("'amd64'", "", &disk))]).unwrap();
    let OutputKind::Disk(disk) = &profile.outputs[0].kind else { panic!("no disk") };
    assert_eq!(disk.boot_partition().unwrap().kind.value, PartitionKind::Firmware);
}

#[test]
fn what_a_bios_cannot_start_is_refused_at_its_line() {
    let gpt = format!("table = 'gpt'\nboot = 'grub'\npartitions = [{{ type = 'boot', size = 'minimal' }}, {ROOT}]");
    insta::assert_snapshot!(findings(&[("p.toml", &profile("'amd64', 'arm64'", "'dyndbg=\"a +p\"'", &gpt))]), @r#"
    p.toml:7:12: `grub` would hand `dyndbg="a +p"` to the kernel with backslashes in it
      note: `grub` is asked for p.toml:11:8
      hint: write it without quotes and backslashes, or leave `grub` out of `boot`
    p.toml:8:1: the disk has no `bios-boot` partition to boot from [this disk]
      hint: add `{ type = "bios-boot" }` to `partitions`
    p.toml:11:8: no machine for `arm64` has a BIOS that would start `grub`
      note: `arm64` is asked for p.toml:2:40
      hint: leave `grub` out of `boot`, or make the image for `amd64` alone
    "#);
    let many = "[{ type = 'bios-boot', filesystem = 'vfat', grow = true }, { type = 'bios-boot' }, { type = 'boot', size = 'minimal' }";
    let hybrid = format!("table = 'hybrid'\nboot = 'grub'\npartitions = {many}, {ROOT}]");
    insta::assert_snapshot!(findings(&[("p.toml", &profile("'amd64'", "", &hybrid))]), @r#"
    p.toml:10:9: `grub` has no place on a disk with a `hybrid` table
      hint: write `table = "gpt"`, or `"mbr"`
    p.toml:12:15: only the last partition can grow [cannot grow]
      note: the partition behind it is p.toml:12:73
      hint: move it to the end of `partitions`, or leave `grow` out
    p.toml:12:24: nothing is put in the `bios-boot` partition
      hint: leave it out: only `grub` on a `gpt` disk wants one
    p.toml:12:37: unknown key `filesystem` in a `bios-boot` partition
      hint: known here: `type` and `size`
    p.toml:12:58: unknown key `grow` in a `bios-boot` partition
      hint: known here: `type` and `size`
    "#);
    let twice = format!("table = 'gpt'\nboot = 'grub'\npartitions = {many}, {ROOT}]");
    let twice = twice.replace(", filesystem = 'vfat', grow = true", "");
    insta::assert_snapshot!(findings(&[("p.toml", &profile("'amd64'", "", &twice))]), @r#"
    p.toml:12:48: there is a second `bios-boot` partition on the disk [the second]
      note: the first is p.toml:12:24
      hint: take one of them out
    "#);
}
