//! What a user would run instead, as shell commands in the benchmark's folder, with archives from a local repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Into a folder.
pub const ROOT: &str = "rm -rf root root.img; \
    mmdebstrap --mode=root --variant=essential --include=$PACKAGES --aptopt='APT::Install-Recommends \"false\"' \
    trixie root \"deb [trusted=yes] copy://$REPOSITORY trixie main\"";
pub const EXT4: &str = "mke2fs -q -t ext4 -b 4096 -d root root.img 900M";
/// A disk that UEFI starts.
pub const BY_HAND: &str = "rm -f esp.img disk.img; truncate -s 64M esp.img; mkfs.fat -F 32 esp.img; mmd -i esp.img ::/EFI ::/EFI/BOOT; \
    for file in root/boot/vmlinuz-* root/boot/initrd.img-*; do [ ! -e $file ] || mcopy -i esp.img $file ::/EFI/BOOT/; done; \
    truncate -s 966M disk.img; printf 'label: gpt\\nsize=64M, type=U\\nsize=900M, type=L\\n' | sfdisk -q disk.img; \
    dd if=esp.img of=disk.img bs=1M seek=1 conv=notrunc,sparse status=none; \
    dd if=root.img of=disk.img bs=1M seek=65 conv=notrunc,sparse status=none; sync disk.img";
/// The fastest that mmdebstrap has for this tree.
pub const TAR: &str = "rm -f root.tar; \
    mmdebstrap --mode=root --variant=essential --include=$PACKAGES --aptopt='APT::Install-Recommends \"false\"' \
    trixie root.tar \"deb [trusted=yes] copy://$REPOSITORY trixie main\"";
/// The disk of the tree that is in the folder.
pub const GENIMAGE: &str = "rm -rf genimage images; mkdir -p none; \
    genimage --config genimage.cfg --rootpath root --tmppath genimage --inputpath none --outputpath images; \
    sync images/disk.img";
pub const GENIMAGE_CONFIGURATION: &str = r#"image esp.vfat {
    vfat {}
    size = 64M
    mountpoint = "/boot"
}
image root.ext4 {
    ext4 { use-mke2fs = true }
    size = 900M
}
image disk.img {
    hdimage { partition-table-type = gpt }
    partition esp { image = "esp.vfat" partition-type-uuid = "U" }
    partition root { image = "root.ext4" partition-type-uuid = "L" }
}
"#;

/// Forgets what it kept of earlier builds, and its image.
pub const MKOSI_COLD: &str = "cd mkosi; $MKOSI --force --force build; sync disk.raw";
/// Everything of the build before, but for the image, is there.
pub const MKOSI_INCREMENTAL: &str = "cd mkosi; $MKOSI --force build; sync disk.raw";
/// What mkosi asks for besides: a loader, a second system as initrd, a package manager.
pub const MKOSI_PACKAGES: [&str; 22] = [
    "apt",
    "bash",
    "btrfs-progs",
    "dmsetup",
    "dosfstools",
    "e2fsprogs",
    "gzip",
    "less",
    "libcryptsetup12",
    "libfdisk1",
    "libfido2-1",
    "libseccomp2",
    "libtss2-esys-3.0.2-0t64",
    "libtss2-mu-4.0.1-0t64",
    "libtss2-rc0t64",
    "libtss2-tcti-device0t64",
    "mount",
    "procps",
    "systemd-boot",
    "systemd-boot-efi",
    "systemd-cryptsetup",
    "util-linux",
];

/// A disk with mkosi's defaults. `packages` as for `--include`.
pub fn mkosi_configuration(folder: &Path, repository: &Path, packages: &str) {
    let folder = folder.join("mkosi");
    fs::create_dir_all(folder.join("cache")).unwrap();
    // Its cache lies beside its configuration and must not be taken for sources.
    let mut text = format!(
        "[Distribution]\nDistribution=debian\nRelease=trixie\nLocalMirror=file://{}\nRepositoryKeyCheck=no\n\n\
         [Output]\nFormat=disk\nOutput=disk\nManifestFormat=\n\n\
         [Content]\nBootable=yes\nPackages={packages},systemd-boot,systemd-boot-efi\n\n\
         [Build]\nBuildSources=\nCacheDirectory=cache\nIncremental=yes\n",
        repository.display(),
    );
    if let Some(tools) = std::env::var_os("MKOSI_TOOLS") {
        text.push_str(&format!("ToolsTree={}\n", PathBuf::from(tools).display()));
    }
    fs::write(folder.join("mkosi.conf"), text).unwrap();
}

/// The first of these programs that is not there.
pub fn missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    programs.iter().copied().find(|program| !there(program))
}

/// `mkosi`, or what the environment says to run in its place; nothing where that is not there.
pub fn mkosi() -> Option<PathBuf> {
    match std::env::var_os("MKOSI") {
        Some(program) => Some(program.into()),
        None => missing(&["mkosi"]).is_none().then(|| "mkosi".into()),
    }
}
