//! Whether KVM works here, found out by running guest code with it.
//!
//! `/dev/kvm` may be there and open, and yet setting up a processor fails, or hangs, where the host is itself a virtual
//! machine. So a machine is started whose whole firmware is a handful of instructions that end it in a way nothing else does.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rootsmith_types::Arch;

use crate::process::Machine;

/// A working KVM needs a tenth of a second.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether `qemu` runs guests of `arch` with KVM.
pub(crate) fn kvm_works(arch: Arch, qemu: &Path) -> bool {
    let host = match std::env::consts::ARCH {
        "x86_64" => Arch::Amd64,
        "aarch64" => Arch::Arm64,
        _ => return false,
    };
    let opens = || File::options().read(true).write(true).open("/dev/kvm").is_ok();
    host == arch && opens() && probe(arch, qemu, "kvm", "host")
}

/// Runs the tiny firmware; whether it came to its end.
fn probe(arch: Arch, qemu: &Path, accelerator: &str, processor: &str) -> bool {
    let (firmware, machine, extra, code): (Vec<u8>, &str, &[&str], i32) = match arch {
        Arch::Amd64 => {
            let mut rom = vec![0xf4; 64 << 10];
            // At the reset vector, in real mode: fwait; fninit; mov al, 0x2a; out 0xf4, al; hlt. The device ends QEMU with
            // 2 · value + 1. Firmware begins with the first two, which a KVM that emulates real mode does not know.
            rom[0xfff0..0xfff8].copy_from_slice(&[0x9b, 0xdb, 0xe3, 0xb0, 0x2a, 0xe6, 0xf4, 0xf4]);
            (rom, "q35,sata=off,smbus=off", &["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"], 0x55)
        }
        Arch::Arm64 => {
            // PSCI SYSTEM_OFF: movz w0, 0x0008; movk w0, 0x8400, lsl 16; hvc 0; b .
            let words = [0x5280_0100u32, 0x72b0_8000, 0xd400_0002, 0x1400_0000];
            (words.iter().flat_map(|word| word.to_le_bytes()).collect(), "virt,gic-version=max", &[], 0)
        }
        Arch::Armhf | Arch::Riscv64 => return false,
    };
    let Ok(scratch) = tempfile::tempdir() else { return false };
    let file = scratch.path().join("firmware.bin");
    if std::fs::write(&file, firmware).is_err() {
        return false;
    }
    let mut arguments: Vec<OsString> = Vec::new();
    let fixed = ["-machine", machine, "-accel", accelerator, "-cpu", processor, "-m", "64", "-nodefaults"];
    let fixed = fixed.iter().chain(&["-no-user-config", "-display", "none", "-no-reboot", "-bios"]);
    arguments.extend(fixed.map(OsString::from));
    arguments.push(file.into());
    arguments.extend(extra.iter().map(OsString::from));
    let Ok(mut machine) = Machine::start(qemu, &arguments, scratch.path()) else { return false };
    machine.wait_for(LIMIT).is_some_and(|status| status.code() == Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::program;

    /// The firmware itself is right: under TCG it always runs.
    #[test]
    fn the_tiny_firmware_ends_an_x86_machine() {
        let Some(qemu) = program("qemu-system-x86_64") else { return };
        assert!(probe(Arch::Amd64, &qemu, "tcg", "max"));
        assert!(!probe(Arch::Amd64, &qemu, "tcg", "no-such-processor"));
    }

    #[test]
    fn kvm_of_another_architecture_never_works() {
        let foreign = if cfg!(target_arch = "x86_64") { Arch::Arm64 } else { Arch::Amd64 };
        assert!(!kvm_works(foreign, Path::new("/bin/true")));
    }
}
