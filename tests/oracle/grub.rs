//! GRUB's core image against that of `grub-mkimage`, of the same parts: Debian 13's, and those of the host.
//!
//! What is compressed must be the same byte for byte, and so must be everything around it but the sizes of what is compressed;
//! the judge unpacks ours with `xz`. And what we read from a core image must be what `grub-mkimage` was asked for.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rootsmith_grub::{CoreImage, Installed, Parts, ReadError, read, with_dependencies};
use rootsmith_tests::apt::Apt;
use rootsmith_tests::{judge, judges};

const TOOLS: [&str; 4] = ["apt-get", "dpkg-deb", "grub-mkimage", "xz"];

/// Modules that need many others, and some that need none.
const SETS: [&[&str]; 3] = [
    &["biosdisk", "part_gpt", "fat", "normal", "linux", "serial", "search", "all_video", "gfxterm"],
    &["biosdisk"],
    &["configfile", "ext2", "part_msdos", "terminal", "biosdisk", "linux"],
];

#[test]
fn a_core_image_is_what_grub_mkimage_makes() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = Apt::updated().download("grub-pc-bin", folder.path());
    judge("dpkg-deb", &["--extract", package.to_str().unwrap(), folder.path().to_str().unwrap()]);
    let debian = folder.path().join("usr/lib/grub/i386-pc");
    let host = PathBuf::from("/usr/lib/grub/i386-pc");
    assert!(debian.is_dir(), "the package has its parts elsewhere");
    for parts in [debian, host].iter().filter(|parts| parts.is_dir()) {
        for modules in SETS {
            compare(parts, modules, folder.path());
        }
    }
}

fn compare(folder: &Path, modules: &[&str], work: &Path) {
    const PREFIX: &str = "(,gpt2)/grub";
    let file = |name: &str| fs::read(folder.join(name)).unwrap();
    let list = String::from_utf8(file("moddep.lst")).unwrap();
    let all = with_dependencies(&list, modules).unwrap();
    let parts = Parts {
        boot: file("boot.img"),
        diskboot: file("diskboot.img"),
        decompressor: file("lzma_decompress.img"),
        kernel: file("kernel.img"),
        modules: all.iter().map(|name| file(&format!("{name}.mod"))).collect(),
    };
    let image = CoreImage::assemble(&parts, PREFIX).unwrap();
    let ours = image.place(2048);

    let theirs = work.join("core.img");
    let directory = format!("--directory={}", folder.display());
    let output = format!("--output={}", theirs.display());
    let arguments = [&directory, "--format=i386-pc", "--prefix", PREFIX, &output];
    judge("grub-mkimage", &[&arguments[..], modules].concat());
    let theirs = fs::read(theirs).unwrap();

    let (start, place) = (512 + parts.decompressor.len(), work.join("payload.lzma"));
    let unpacked = |core: &[u8]| {
        let size = u32::from_le_bytes(core[520..524].try_into().unwrap()) as usize;
        fs::write(&place, &core[start..start + size]).unwrap();
        let mut payload = unpack(&place);
        payload.truncate(u32::from_le_bytes(core[524..528].try_into().unwrap()) as usize);
        payload
    };
    let (our_payload, their_payload) = (unpacked(&ours.core), unpacked(&theirs));
    assert!(our_payload == their_payload, "{modules:?} of {}", folder.display());
    assert_eq!(their_payload.len(), u32::from_le_bytes(ours.core[524..528].try_into().unwrap()) as usize);
    // `grub-mkimage` leaves the places to `grub-bios-setup`.
    assert_eq!(ours.core[..500], theirs[..500]);
    assert_eq!(ours.core[510..520], theirs[510..520]);
    assert_eq!(ours.core[524..start], theirs[524..start]);
    let packed = |core: &[u8]| u32::from_le_bytes(core[520..524].try_into().unwrap());
    assert!(packed(&ours.core) <= packed(&theirs) * 101 / 100, "{} to {}", packed(&ours.core), packed(&theirs));

    // Theirs, as `grub-bios-setup` would put it on a disk, is read by us.
    let mut disk = vec![0; 2 << 20];
    disk[..440].copy_from_slice(&ours.boot);
    disk[2048 * 512..][..theirs.len()].copy_from_slice(&theirs);
    disk[2048 * 512 + 500..][..12].copy_from_slice(&ours.core[500..512]);
    let sectors = (theirs.len().div_ceil(512) - 1) as u16;
    disk[2048 * 512 + 508..][..2].copy_from_slice(&sectors.to_le_bytes());
    let found = installed(&disk).unwrap().unwrap();
    assert_eq!((found.modules, found.prefix.as_deref()), (all, Some(PREFIX)));
    // A bit that is not as it was made is noticed, wherever it is.
    let end = start + packed(&theirs) as usize;
    for at in (start..end - 16).step_by((end - start) / 40) {
        disk[2048 * 512 + at] ^= 4;
        assert!(installed(&disk).is_err(), "byte {at} of {start} to {end}");
        disk[2048 * 512 + at] ^= 4;
    }
}

fn installed(disk: &[u8]) -> Result<Option<Installed>, ReadError> {
    read(&mut |at, into| {
        into.copy_from_slice(&disk[at as usize..][..into.len()]);
        Ok(())
    })
}

/// What `xz` makes of LZMA without a header. That of `grub-mkimage` has no mark at its end: `xz` goes on for a byte or two, and
/// complains.
fn unpack(file: &Path) -> Vec<u8> {
    let chain = "--lzma1=dict=64KiB,lc=3,lp=0,pb=2";
    let mut xz = Command::new("xz");
    xz.args(["--decompress", "--stdout", "--format=raw", "--suffix=.lzma", chain]).arg(file);
    xz.output().unwrap().stdout
}
