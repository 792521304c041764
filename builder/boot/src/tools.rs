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
    /// The UEFI firmware, as a flash image.
    pub firmware_code: PathBuf,
    /// Its variables when it is new; a boot works on a copy.
    pub firmware_vars: PathBuf,
    /// Whether KVM runs guest code here.
    pub kvm: bool,
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
pub fn find_tools(arch: Arch, path: &str) -> Result<Tools, BootError> {
    let needs = match arch {
        Arch::Amd64 => AMD64,
        Arch::Arm64 => ARM64,
        Arch::Armhf | Arch::Riscv64 => return Err(BootError::Unsupported { arch }),
    };
    find(arch, &needs, path)
}

fn find(arch: Arch, needs: &Needs, path: &str) -> Result<Tools, BootError> {
    let qemu = std::env::split_paths(path).map(|folder| folder.join(needs.qemu)).find(|file| is_program(file));
    let firmware = needs.firmware.iter().find(|(code, vars)| Path::new(code).is_file() && Path::new(vars).is_file());
    let mut missing = Vec::new();
    if qemu.is_none() {
        missing.push(MissingTool { name: needs.qemu, purpose: "run the machine", package: needs.qemu_package });
    }
    if firmware.is_none() {
        let name = needs.firmware.first().map_or("", |(code, _)| code);
        missing.push(MissingTool { name, purpose: "start it as a UEFI machine", package: needs.firmware_package });
    }
    match (qemu, firmware) {
        (Some(qemu), Some((code, vars))) => {
            let kvm = kvm_works(arch, &qemu);
            Ok(Tools { qemu, firmware_code: code.into(), firmware_vars: vars.into(), kvm })
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
        let error = find(Arch::Amd64, &needs, "/nonexistent:/tmp").unwrap_err();
        let said = error.to_string();
        assert!(said.contains("`qemu-system-x86_64`") && said.contains("`/nonexistent/CODE.fd`"), "{said}");
        assert!(said.contains("run the machine"), "{said}");
        assert_eq!(error.help().unwrap(), "install them: `apt-get install qemu-system-x86 ovmf`");
        assert_eq!(error.blame(), Blame::Host);
    }

    #[test]
    fn boards_without_uefi_are_not_booted() {
        assert!(matches!(find_tools(Arch::Armhf, "/usr/bin"), Err(BootError::Unsupported { arch: Arch::Armhf })));
    }
}
