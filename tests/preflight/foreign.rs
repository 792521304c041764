//! A root file system made by mmdebstrap, and every form that other people's tools give it.

use std::fs;
use std::path::{Path, PathBuf};

use rootsmith_tests::{host_mirrors, judge};

/// What a machine needs to start, and some of what k0s asks for.
const PACKAGES: &str = "systemd-sysv,udev,kmod,linux-image-cloud-amd64,initramfs-tools,zstd,systemd-boot-efi,iproute2,iptables,\
                        ca-certificates,mount,systemd-resolved";
/// PARTUUID and file system of the root.
const ROOT: &str = "7d2b1c5e-1111-4222-8333-0123456789ab";

pub(crate) struct Root {
    folder: PathBuf,
    pub(crate) tar: PathBuf,
}

impl Root {
    /// Bootstraps into `folder`.
    pub(crate) fn make(folder: &Path) -> Root {
        let tree = folder.join("tree");
        let tar = folder.join("root.tar");
        let mirror = host_mirrors().main;
        let include = format!("--include={PACKAGES}");
        let source = format!("deb {mirror} trixie main");
        let fixed =
            ["--mode=root", "--variant=minbase", &include, "--aptopt=APT::Install-Recommends \"false\"", "trixie"];
        judge("mmdebstrap", &[&fixed[..], &[tree.to_str().unwrap(), &source]].concat());
        // The host's own, which mmdebstrap leaves; and what an image is often without.
        for file in ["etc/resolv.conf", "etc/hostname", "etc/hosts"] {
            fs::remove_file(tree.join(file)).ok();
        }
        let root = Root { folder: folder.to_owned(), tar };
        judge(
            "tar",
            &[
                "--create",
                "--file",
                root.tar.to_str().unwrap(),
                "--xattrs",
                "--numeric-owner",
                "-C",
                tree.to_str().unwrap(),
                ".",
            ],
        );
        root
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn path(&self, name: &str) -> (PathBuf, String) {
        let path = self.folder.join(name);
        let text = path.to_str().unwrap().to_owned();
        (path, text)
    }

    /// A copy of the unpacked tree.
    pub(crate) fn folder(&self) -> PathBuf {
        let (path, text) = self.path("folder");
        judge("cp", &["-a", self.tree().to_str().unwrap(), &text]);
        path
    }

    pub(crate) fn write_hosts(&self) {
        fs::write(self.tree().join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n").unwrap();
    }

    /// The archive packed by `tool`.
    pub(crate) fn compressed(&self, tool: &str) -> PathBuf {
        let (path, text) = self.path(&format!("packed.{tool}"));
        // Fast and small enough.
        let command = format!("{tool} -1 --stdout {} > {text}", self.tar.display());
        judge("sh", &["-c", &command]);
        path
    }

    pub(crate) fn ext4(&self) -> PathBuf {
        let (path, text) = self.path("root.ext4");
        judge("truncate", &["--size=1200M", &text]);
        judge("mke2fs", &["-q", "-t", "ext4", "-L", "root", "-U", ROOT, "-d", self.tree().to_str().unwrap(), &text]);
        path
    }

    pub(crate) fn squashfs(&self) -> PathBuf {
        let (path, text) = self.path("root.squashfs");
        judge(
            "mksquashfs",
            &[
                self.tree().to_str().unwrap(),
                &text,
                "-quiet",
                "-no-progress",
                "-comp",
                "zstd",
                "-Xcompression-level",
                "3",
            ],
        );
        path
    }

    /// A layout of one image with one layer, by umoci.
    pub(crate) fn oci(&self) -> PathBuf {
        let (path, text) = self.path("layout");
        let image = format!("{text}:latest");
        judge("umoci", &["init", "--layout", &text]);
        judge("umoci", &["new", "--image", &image]);
        judge("umoci", &["raw", "add-layer", "--image", &image, self.tar.to_str().unwrap()]);
        path
    }

    /// A GPT disk with systemd-boot and the kernel beside it on the EFI system partition: sfdisk, mkfs.fat, mtools, mke2fs.
    pub(crate) fn disk(&self) -> PathBuf {
        const MIB: u64 = 1 << 20;
        let (path, text) = self.path("disk.img");
        let (esp, esp_text) = self.path("esp.img");
        judge("truncate", &["--size=200M", &esp_text]);
        judge("mkfs.fat", &["-F", "32", "-n", "ESP", &esp_text]);
        let boot = self.tree().join("boot");
        let named = |start: &str| {
            let found = fs::read_dir(&boot).unwrap().flatten().map(|entry| entry.path());
            found.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).unwrap()
        };
        let entry = self.folder.join("debian.conf");
        let options = format!("root=PARTUUID={ROOT} rw console=ttyS0");
        fs::write(&entry, format!("title Debian\nlinux /debian/linux\ninitrd /debian/initrd\noptions {options}\n"))
            .unwrap();
        let loader = self.tree().join("usr/lib/systemd/boot/efi/systemd-bootx64.efi");
        for dir in ["::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries", "::/debian"] {
            judge("mmd", &["-i", &esp_text, dir]);
        }
        let files = [
            (loader, "::/EFI/BOOT/BOOTX64.EFI"),
            (entry, "::/loader/entries/debian.conf"),
            (named("vmlinuz-"), "::/debian/linux"),
            (named("initrd.img-"), "::/debian/initrd"),
        ];
        for (from, to) in files {
            judge("mcopy", &["-i", &esp_text, from.to_str().unwrap(), to]);
        }
        let root = self.ext4();
        let sizes = [200 * MIB, 1200 * MIB];
        judge("truncate", &[&format!("--size={}", sizes[0] + sizes[1] + 2 * MIB), &text]);
        let script = self.folder.join("sfdisk");
        let table = format!(
            "label: gpt\nstart=1MiB, size=200MiB, type=U, name=esp\nstart=201MiB, size=1200MiB, \
             type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, uuid={ROOT}, name=root\n"
        );
        fs::write(&script, table).unwrap();
        judge("sh", &["-c", &format!("sfdisk --quiet {text} < {}", script.display())]);
        for (part, at) in [(&esp, 1), (&root, 201)] {
            let (from, to, seek) = (format!("if={}", part.display()), format!("of={text}"), format!("seek={at}"));
            judge("dd", &[&from, &to, "bs=1M", &seek, "conv=notrunc,sparse", "status=none"]);
            fs::remove_file(part).unwrap();
        }
        path
    }

    /// The disk, as qemu-img packs it.
    pub(crate) fn qcow2(&self, disk: &Path) -> PathBuf {
        let (path, text) = self.path("disk.qcow2");
        judge("qemu-img", &["convert", "-c", "-O", "qcow2", disk.to_str().unwrap(), &text]);
        path
    }
}
