//! What is in the archive: as little as can be called a system, and what one trips over.

use super::Deb;

/// The release of the only kernel.
pub const KERNEL: &str = "6.12.1-test";

/// Every package. The first two come by themselves.
pub fn packages() -> Vec<Deb> {
    let essential = |name| Deb::new(name).field("Essential", "yes");
    let mail = |name| {
        let deb = Deb::new(name).program(&format!("usr/sbin/{name}"), "#!/bin/sh\n");
        deb.field("Provides", "mail-transport-agent").field("Conflicts", "mail-transport-agent")
    };
    vec![
        base_files(essential("base-files")),
        essential("dash").program("usr/bin/dash", "#!/bin/sh\n").link("usr/bin/sh", "dash"),
        Deb::new("init").program("usr/sbin/init", "#!/bin/sh\nexec sh\n"),
        kernel(Deb::new("linux-image-test")),
        // Taken apart for booting.
        Deb::new("busybox-static").program("usr/bin/busybox", "#!/bin/sh\n"),
        Deb::new("systemd-boot-efi").file("usr/lib/systemd/boot/efi/linuxx64.efi.stub", stub()),
        // Two of them exclude each other, the second only as somebody's dependency.
        mail("postfix"),
        mail("exim4"),
        Deb::new("mailutils").field("Depends", "exim4"),
        // Two of them bring one file, and none says that it replaces the other.
        Deb::new("gawk").program("usr/bin/awk", "#!/bin/sh\n"),
        Deb::new("mawk").program("usr/bin/awk", "#!/bin/sh\n"),
        // What its script does is nothing that packages usually do.
        Deb::new("tuner").field("Depends", "tuner-data").file("usr/share/tuner/table", "1\n"),
        Deb::new("tuner-data").script(
            "postinst",
            "#!/bin/sh\nset -e\n\nif [ \"$1\" = configure ]; then\n    tune-machine --profile=\"$(uname -m)\"\nfi\n",
        ),
        // Too much for small disks.
        Deb::new("ballast").file("usr/share/ballast", noise(4 << 20)),
    ]
}

/// The folders that everything stands in, and the links of merged `/usr`.
fn base_files(mut deb: Deb) -> Deb {
    for folder in ["boot", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr/lib64", "var/lib", "var/log"]
    {
        deb = deb.folder(folder);
    }
    for name in ["bin", "lib", "sbin"] {
        deb = deb.folder(&format!("usr/{name}")).link(name, &format!("usr/{name}"));
    }
    let release = "ID=debian\nVERSION_ID=13\nPRETTY_NAME=\"A small Debian\"\n";
    deb.link("lib64", "usr/lib64").file("usr/lib/os-release", release).link("etc/os-release", "../usr/lib/os-release")
}

/// A kernel that says who it is and can do nothing: everything it would need for its root is built in.
fn kernel(deb: Deb) -> Deb {
    // Documentation/arch/x86/boot.rst: `HdrS` at 0x202, the release 0x200 behind what 0x20e says.
    let mut image = vec![0; 0x400];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    image[0x300..0x300 + KERNEL.len()].copy_from_slice(KERNEL.as_bytes());
    let config = "CONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_CGROUPS=y\nCONFIG_MEMCG=y\n\
                  # CONFIG_CPUSETS is not set\nCONFIG_OVERLAY_FS=m\n";
    let modules = format!("usr/lib/modules/{KERNEL}");
    deb.file(&format!("boot/vmlinuz-{KERNEL}"), image)
        .file(&format!("boot/config-{KERNEL}"), config)
        .file(&format!("{modules}/modules.order"), "")
        .file(&format!("{modules}/modules.builtin"), "kernel/fs/ext4/ext4.ko\nkernel/drivers/block/virtio_blk.ko\n")
        .file(&format!("{modules}/modules.builtin.modinfo"), "ext4.license=GPL\0virtio_blk.license=GPL\0")
}

/// A PE32+ image of one empty section: all that a unified kernel image asks of its stub (PE format, "File Headers").
fn stub() -> Vec<u8> {
    const HEADERS: u32 = 0x400;
    let mut stub = vec![0; HEADERS as usize + 0x200];
    let mut put = |at: usize, bytes: &[u8]| stub[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    // Machine, sections; size of the optional header, characteristics.
    put(0x84, &[0x64, 0x86, 1, 0]);
    put(0x94, &[0xf0, 0, 0x22, 0]);
    let optional = 0x98;
    put(optional, &0x20b_u16.to_le_bytes());
    // Alignments in memory and file, size of the image and of its headers, data directories.
    for (at, value) in [(32, 0x1000_u32), (36, 0x200), (56, 0x2000), (60, HEADERS), (108, 16)] {
        put(optional + at, &value.to_le_bytes());
    }
    let section = optional + 0xf0;
    put(section, b".text");
    for (at, value) in [(8, 16_u32), (12, 0x1000), (16, 0x200), (20, HEADERS), (36, 0x6000_0020)] {
        put(section + at, &value.to_le_bytes());
    }
    stub
}

/// Bytes that no compression makes fewer (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(len);
    while data.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(len);
    data
}
