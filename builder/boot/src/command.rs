//! QEMU's command line for a machine.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rootsmith_types::Arch;

use crate::{BootError, Tools, Vm};

/// How a qcow2 image begins (QEMU, `docs/interop/qcow2.rst`).
const QCOW2_MAGIC: [u8; 4] = *b"QFI\xfb";

/// All arguments. `variables` is the machine's own copy of UEFI's variables.
///
/// - Devices are few (`-nodefaults`, no SATA), because each one costs the guest's udev time under emulation.
/// - The network gives an address, so that a system which waits for one comes up, but leads nowhere (`restrict`): a boot must
///   not depend on what is around it, and an image under test has no business there.
/// - A source of randomness, so that host keys are made without waiting.
pub(crate) fn arguments(vm: &Vm<'_>, tools: &Tools, variables: &Path) -> Result<Vec<OsString>, BootError> {
    let format = format_of(vm.image).map_err(|error| BootError::Image { path: vm.image.to_owned(), error })?;
    let snapshot = if vm.snapshot { "on" } else { "off" };
    let (machine, processor) = machine(vm.arch, tools.kvm)?;
    let accelerator = if tools.kvm { "kvm" } else { "tcg,thread=multi" };
    let mut out: Vec<OsString> = Vec::new();
    let mut add = |arguments: &[&str]| out.extend(arguments.iter().map(OsString::from));
    add(&["-machine", machine, "-cpu", processor, "-accel", accelerator]);
    add(&["-m", &vm.memory_mib.to_string(), "-smp", &vm.cpus.to_string()]);
    add(&["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"]);
    add(&["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile="]);
    add(&["-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng"]);
    // Place 0 is left to a `-kernel` among the further arguments.
    add(&["-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
    let uefi = tools.uefi.iter().flat_map(|uefi| {
        let code = ("if=pflash,format=raw,unit=0,readonly=on".to_owned(), &*uefi.code);
        [code, ("if=pflash,format=raw,unit=1".to_owned(), variables)]
    });
    let disk = (format!("if=none,id=disk,format={format},snapshot={snapshot}"), vm.image);
    for (options, path) in uefi.chain([disk]) {
        out.push("-drive".into());
        out.push(drive(&options, path));
    }
    out.extend(vm.extra.iter().map(OsString::from));
    Ok(out)
}

/// The machine and the processor. Under emulation x86 gets all that QEMU can do but nested virtualisation, which costs the
/// guest time to set up, and five-level page tables, with which QEMU 7.2 garbles paths that newer kernels report (static
/// programs then abort in `dl-origin.c`); named models of older QEMUs make newer kernels panic. On ARM `max` emulates pointer authentication,
/// which halves the speed.
fn machine(arch: Arch, kvm: bool) -> Result<(&'static str, &'static str), BootError> {
    match arch {
        Arch::Amd64 => Ok(("q35,sata=off,smbus=off", if kvm { "host" } else { "max,-svm,-la57" })),
        Arch::Arm64 => Ok(("virt,gic-version=max", if kvm { "host" } else { "cortex-a57" })),
        Arch::Armhf | Arch::Riscv64 => Err(BootError::Unsupported { arch }),
    }
}

/// An argument that ends in `,file=PATH`. A comma in a path is written twice.
pub(crate) fn drive(options: &str, path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut out = options.as_bytes().to_vec();
    out.extend_from_slice(b",file=");
    for &byte in path.as_os_str().as_bytes() {
        out.push(byte);
        if byte == b',' {
            out.push(byte);
        }
    }
    OsString::from_vec(out)
}

/// The arguments for [`Vm::extra`] that give the machine a further disk, which it can only read; the `number`th of them.
pub fn read_only_disk(path: &Path, number: usize) -> std::io::Result<Vec<String>> {
    let format = format_of(path)?;
    let drive = drive(&format!("if=none,id=further{number},format={format},readonly=on"), path);
    let no_text = |_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "its name is no UTF-8");
    let device = format!("virtio-blk-pci,drive=further{number}");
    Ok(vec!["-drive".to_owned(), drive.into_string().map_err(no_text)?, "-device".to_owned(), device])
}

fn format_of(image: &Path) -> std::io::Result<&'static str> {
    let mut magic = Vec::new();
    File::open(image)?.take(4).read_to_end(&mut magic)?;
    Ok(if magic == QCOW2_MAGIC { "qcow2" } else { "raw" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths_are_doubled() {
        assert_eq!(drive("if=none", Path::new("/a,b/c.img")), "if=none,file=/a,,b/c.img");
    }

    #[test]
    fn a_further_disk_is_only_read() {
        let folder = tempfile::Builder::new().prefix("a,b").tempdir().unwrap();
        let path = folder.path().join("seed.img");
        assert!(read_only_disk(&path, 0).is_err());
        std::fs::write(&path, b"QFI\xfb").unwrap();
        let at = path.to_str().unwrap().replace(',', ",,");
        let drive = format!("if=none,id=further1,format=qcow2,readonly=on,file={at}");
        assert_eq!(read_only_disk(&path, 1).unwrap(), ["-drive", &drive, "-device", "virtio-blk-pci,drive=further1"]);
    }

    #[test]
    fn formats_are_told_by_their_beginning() {
        let folder = tempfile::tempdir().unwrap();
        for (content, format) in [(&b"QFI\xfb\0\0\0\x03"[..], "qcow2"), (b"", "raw"), (b"\xeb\x58\x90mkfs", "raw")] {
            let path = folder.path().join("image");
            std::fs::write(&path, content).unwrap();
            assert_eq!(format_of(&path).unwrap(), format);
        }
        assert!(format_of(&folder.path().join("missing")).is_err());
    }
}
