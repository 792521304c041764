//! Well-known partition types and attribute bits.
//!
//! Types: UEFI 2.10, table 5.7, and the Discoverable Partitions Specification of the UAPI group, from which `systemd` finds
//! a root file system without being told. Attributes: UEFI 2.10, table 5.8; bits 48 to 63 belong to the type, and the same
//! specification of the UAPI group says what they mean for its own. An MBR's types are a convention without a document;
//! `sfdisk --list-types` knows them all.

use rootsmith_types::{Arch, Uuid};

/// EFI system partition, `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`.
pub const ESP: Uuid = guid(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b);
/// Root file system on x86-64, `4f68bce3-e8cd-4db1-96e7-fbcaf984b709`.
pub const ROOT_X86_64: Uuid = guid(0x4f68bce3_e8cd_4db1_96e7_fbcaf984b709);
/// Root file system on 64-bit ARM, `b921b045-1df0-41c3-af44-4c6f280d3fae`.
pub const ROOT_ARM64: Uuid = guid(0xb921b045_1df0_41c3_af44_4c6f280d3fae);
/// Root file system on 32-bit ARM, `69dad710-2ce4-4e3c-b16c-21a1d49abed3`.
pub const ROOT_ARM: Uuid = guid(0x69dad710_2ce4_4e3c_b16c_21a1d49abed3);
/// Root file system on 64-bit RISC-V, `72ec70a6-cf74-40e6-bd49-4bda08e8f224`.
pub const ROOT_RISCV64: Uuid = guid(0x72ec70a6_cf74_40e6_bd49_4bda08e8f224);
/// What GRUB loads from a GPT when a BIOS starts it, `21686148-6449-6e6f-744e-656564454649`.
pub const BIOS_BOOT: Uuid = guid(0x21686148_6449_6e6f_744e_656564454649);
/// dm-verity hash tree over a root file system on x86-64, `2c7357ed-ebd2-46d9-aec1-23d437ec2bf5`.
pub const ROOT_X86_64_VERITY: Uuid = guid(0x2c7357ed_ebd2_46d9_aec1_23d437ec2bf5);
/// dm-verity hash tree over a root file system on 64-bit ARM, `df3300ce-d69f-4c92-978c-9bfb0f38d820`.
pub const ROOT_ARM64_VERITY: Uuid = guid(0xdf3300ce_d69f_4c92_978c_9bfb0f38d820);
/// dm-verity hash tree over a root file system on 32-bit ARM, `7386cdf2-203c-47a9-a498-f2ecce45a2d6`.
pub const ROOT_ARM_VERITY: Uuid = guid(0x7386cdf2_203c_47a9_a498_f2ecce45a2d6);
/// dm-verity hash tree over a root file system on 64-bit RISC-V, `b6ed5582-440b-4209-b8da-5ff7c419ea3d`.
pub const ROOT_RISCV64_VERITY: Uuid = guid(0xb6ed5582_440b_4209_b8da_5ff7c419ea3d);
/// A file system of Microsoft's, FAT among them: what firmware other than UEFI reads,
/// `ebd0a0a2-b9e5-4433-87c0-68b6b72699c7`.
pub const BASIC_DATA: Uuid = guid(0xebd0a0a2_b9e5_4433_87c0_68b6b72699c7);
/// Linux data without a more exact purpose, `0fc63daf-8483-4772-8e79-3d69d8477de4`.
pub const LINUX_DATA: Uuid = guid(0x0fc63daf_8483_4772_8e79_3d69d8477de4);
/// Swap area, `0657fd6d-a4ab-43c4-84e5-0933c84b4f4f`.
pub const SWAP: Uuid = guid(0x0657fd6d_a4ab_43c4_84e5_0933c84b4f4f);

/// MBR: FAT, addressed by LBA; the one that every board's boot ROM knows.
pub const MBR_FAT: u8 = 0x0c;
/// MBR: a swap area of Linux.
pub const MBR_SWAP: u8 = 0x82;
/// MBR: a Linux file system.
pub const MBR_LINUX: u8 = 0x83;
/// MBR: EFI system partition.
pub const MBR_ESP: u8 = 0xef;

/// Bit 0: the platform needs this partition; tools must not delete it.
pub const REQUIRED: u64 = 1;
/// Bit 2: a BIOS boot loader may start from here.
pub const LEGACY_BIOS_BOOTABLE: u64 = 1 << 2;
/// Bit 59: the file system is to be grown to the partition's size on first boot.
pub const GROW_FILE_SYSTEM: u64 = 1 << 59;
/// Bit 60: mount read-only.
pub const READ_ONLY: u64 = 1 << 60;
/// Bit 63: do not mount automatically.
pub const NO_AUTO: u64 = 1 << 63;

/// The type of a root file system for `arch`.
pub fn root(arch: Arch) -> Uuid {
    match arch {
        Arch::Amd64 => ROOT_X86_64,
        Arch::Arm64 => ROOT_ARM64,
        Arch::Armhf => ROOT_ARM,
        Arch::Riscv64 => ROOT_RISCV64,
    }
}

/// The type of a dm-verity hash tree over a root file system for `arch`.
pub fn root_verity(arch: Arch) -> Uuid {
    match arch {
        Arch::Amd64 => ROOT_X86_64_VERITY,
        Arch::Arm64 => ROOT_ARM64_VERITY,
        Arch::Armhf => ROOT_ARM_VERITY,
        Arch::Riscv64 => ROOT_RISCV64_VERITY,
    }
}

const fn guid(number: u128) -> Uuid {
    Uuid::new(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_what_the_gpt_crate_calls_them() {
        use gpt::partition_types as theirs;
        for (ours, theirs) in [
            (ESP, theirs::EFI),
            (root(Arch::Amd64), theirs::LINUX_ROOT_X64),
            (root(Arch::Arm64), theirs::LINUX_ROOT_ARM_64),
            (root(Arch::Armhf), theirs::LINUX_ROOT_ARM_32),
            (BASIC_DATA, theirs::BASIC),
            (BIOS_BOOT, theirs::BIOS),
            (LINUX_DATA, theirs::LINUX_FS),
            (SWAP, theirs::LINUX_SWAP),
        ] {
            assert_eq!(ours.as_bytes(), theirs.guid.as_bytes());
        }
        assert_eq!(root(Arch::Riscv64).to_string(), "72ec70a6-cf74-40e6-bd49-4bda08e8f224");
    }
}
