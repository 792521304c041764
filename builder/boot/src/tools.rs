//! Finding QEMU and its firmware.

use std::path::{Path, PathBuf};

use rootsmith_types::{Arch, MissingTool};

use crate::BootError;
use crate::accelerator::kvm_works;

/// What a boot needs from the host.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The emulator of the image's architecture.
    pub qemu: PathBuf,
    /// The UEFI firmware; without it the machine has a BIOS, which QEMU brings along.
    pub uefi: Option<Uefi>,
    /// Whether KVM runs guest code here.
    pub kvm: bool,
}

/// A UEFI firmware.
#[derive(Debug, Clone)]
pub struct Uefi {
    /// A flash image.
    pub code: PathBuf,
    /// Its variables when it is new; a boot works on a copy.
    pub vars: PathBuf,
}

/// What starts a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// UEFI.
    Uefi,
    /// A PC's BIOS.
    Bios,
}

/// What one architecture needs.
struct Needs {
    qemu: &'static str,
    qemu_package: &'static str,
    firmware_package: &'static str,
    /// Code and variables, where distributions have them; Debian's first.
    firmware: &'static [(&'static str, &'static str)],
}

const AMD64: Needs = Needs {
    qemu: "qemu-system-x86_64",
    qemu_package: "qemu-system-x86",
    firmware_package: "ovmf",
    firmware: &[
        ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
        ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ],
};

const ARM64: Needs = Needs {
    qemu: "qemu-system-aarch64",
    qemu_package: "qemu-system-arm",
    firmware_package: "qemu-efi-aarch64",
    firmware: &[
        ("/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
        ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
        ("/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"),
    ],
};

/// Looks for what booting an image of `arch` needs, programs in the folders of `path` (a `PATH`). All that is missing is said
/// at once. Takes a fraction of a second, because it tries whether KVM really works.
pub fn find_tools(arch: Arch, firmware: Firmware, path: &str) -> Result<Tools, BootError> {
    if firmware == Firmware::Bios && arch != Arch::Amd64 {
        return Err(BootError::NoBios { arch });
    }
    let needs = match arch {
        Arch::Amd64 => AMD64,
        Arch::Arm64 => ARM64,
        Arch::Armhf | Arch::Riscv64 => return Err(BootError::Unsupported { arch }),
    };
    find(arch, &needs, firmware, path)
}

fn find(arch: Arch, needs: &Needs, wanted: Firmware, path: &str) -> Result<Tools, BootError> {
    let qemu = std::env::split_paths(path).map(|folder| folder.join(needs.qemu)).find(|file| is_program(file));
    let is_there = |(code, vars): &&(&str, &str)| Path::new(code).is_file() && Path::new(vars).is_file();
    let uefi = needs.firmware.iter().find(is_there).map(|(code, vars)| Uefi { code: code.into(), vars: vars.into() });
    let uefi = (wanted == Firmware::Uefi).then_some(uefi);
    let mut missing = Vec::new();
    if qemu.is_none() {
        missing.push(MissingTool { name: needs.qemu, purpose: "run the machine", package: needs.qemu_package });
    }
    if let Some(None) = uefi {
        let name = needs.firmware.first().map_or("", |(code, _)| code);
        missing.push(MissingTool { name, purpose: "start it as a UEFI machine", package: needs.firmware_package });
    }
    match qemu {
        Some(qemu) if missing.is_empty() => {
            let kvm = kvm_works(arch, &qemu);
            Ok(Tools { qemu, uefi: uefi.flatten(), kvm })
        }
        _ => Err(BootError::Missing { arch, missing }),
    }
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use rootsmith_types::{Blame, Explain};

    use super::*;

    #[test]
    fn all_that_is_missing_is_said_at_once() {
        let needs = Needs { firmware: &[("/nonexistent/CODE.fd", "/nonexistent/VARS.fd")], ..AMD64 };
        let error = find(Arch::Amd64, &needs, Firmware::Uefi, "/nonexistent:/tmp").unwrap_err();
        let said = error.to_string();
        assert!(said.contains("`qemu-system-x86_64`") && said.contains("`/nonexistent/CODE.fd`"), "{said}");
        assert!(said.contains("run the machine"), "{said}");
        assert_eq!(error.help().unwrap(), "install them: `apt-get install qemu-system-x86 ovmf`");
        assert_eq!(error.blame(), Blame::Host);
        // A BIOS comes with QEMU.
        let error = find(Arch::Amd64, &needs, Firmware::Bios, "/nonexistent:/tmp").unwrap_err();
        assert_eq!(error.help().unwrap(), "install it: `apt-get install qemu-system-x86`");
    }

    #[test]
    fn boards_without_uefi_are_not_booted() {
        let find = |firmware, arch| find_tools(arch, firmware, "/usr/bin");
        assert!(matches!(find(Firmware::Uefi, Arch::Armhf), Err(BootError::Unsupported { arch: Arch::Armhf })));
        assert!(matches!(find(Firmware::Bios, Arch::Arm64), Err(BootError::NoBios { arch: Arch::Arm64 })));
    }
}
