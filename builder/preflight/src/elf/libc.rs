//! Which C library a program was built for, and which one the image has.

use rootsmith_types::{Arch, TreePath};

use super::locate;
use super::programs::{File, Programs};
use super::read::Machine;
use crate::facts::path;

/// Loaders are smaller: musl's, which is all of its C library, has 700 kB.
const MAX_LOADER: u64 = 8 << 20;

/// How loaders call a machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    /// As people say it.
    pub(super) common: &'static str,
    /// Debian's multiarch tuple; empty where nobody knows one.
    pub(super) multiarch: &'static str,
    /// `$LIB` on Debian.
    pub(super) multiarch_lib: &'static str,
    /// In `ld-musl-x86_64.so.1`.
    pub(super) musl: &'static str,
    /// `$PLATFORM`.
    pub(super) platform: &'static str,
}

pub(super) fn names_of(machine: Machine) -> Names {
    let names =
        |common, multiarch, multiarch_lib, musl, platform| Names { common, multiarch, multiarch_lib, musl, platform };
    match (machine.number, machine.is_64_bit) {
        (62, true) => names("amd64", "x86_64-linux-gnu", "lib/x86_64-linux-gnu", "x86_64", "x86_64"),
        (62, false) => names("x32", "x86_64-linux-gnux32", "lib/x86_64-linux-gnux32", "x32", "x86_64"),
        (3, _) => names("i386", "i386-linux-gnu", "lib/i386-linux-gnu", "i386", "i686"),
        (183, _) => names("arm64", "aarch64-linux-gnu", "lib/aarch64-linux-gnu", "aarch64", "aarch64"),
        (40, _) => names("armhf", "arm-linux-gnueabihf", "lib/arm-linux-gnueabihf", "armhf", "v7l"),
        (243, true) => names("riscv64", "riscv64-linux-gnu", "lib/riscv64-linux-gnu", "riscv64", ""),
        (21, true) => names("ppc64el", "powerpc64le-linux-gnu", "lib/powerpc64le-linux-gnu", "powerpc64le", ""),
        (22, true) => names("s390x", "s390x-linux-gnu", "lib/s390x-linux-gnu", "s390x", ""),
        _ => names("", "", "lib", "", ""),
    }
}

/// `amd64`, `ELF machine 8`.
pub(super) fn machine_name(machine: Machine) -> String {
    match names_of(machine).common {
        "" => format!("ELF machine {}", machine.number),
        name => name.to_owned(),
    }
}

/// The image's own machine.
pub(super) fn machine_of(arch: Arch) -> Machine {
    Machine { number: arch.elf_machine(), is_64_bit: arch.is_64_bit(), is_big_endian: false }
}

/// Whether kernels for `arch` also run programs for `machine`, when their libraries are there.
pub(super) fn runs_too(arch: Arch, machine: Machine) -> bool {
    match arch {
        Arch::Amd64 => machine.number == 3,
        Arch::Arm64 => machine.number == 40 && !machine.is_big_endian,
        Arch::Armhf | Arch::Riscv64 => false,
    }
}

/// Whose loader this is, by its name.
pub(super) fn family(loader: &str) -> Option<&'static str> {
    let name = loader.rsplit('/').next().unwrap_or_default();
    let known = [("ld-musl-", "musl"), ("ld-linux", "glibc"), ("ld64.so", "glibc"), ("ld.so.1", "glibc")];
    let known = known.into_iter().chain([("ld-uClibc", "uClibc"), ("ld64-uClibc", "uClibc"), ("linker", "Bionic")]);
    known.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, family)| family)
}

/// The loaders of the image for `machine`: what a program would call them, and where they are.
pub(super) fn loaders(programs: &Programs<'_>, machine: Machine) -> Vec<(String, TreePath)> {
    let mut loaders = Vec::new();
    for folder in ["/lib", "/lib64"] {
        let Some(at) = locate(programs.tree, folder) else { continue };
        for name in programs.tree.children(&at).filter_map(|name| std::str::from_utf8(name).ok()) {
            let place = format!("{folder}/{name}");
            if family(name).is_none() || !name.contains(".so") {
                continue;
            }
            let Some(file) = path(&place).and_then(|at| programs.tree.resolve(&at).ok()) else { continue };
            let fits = matches!(&*programs.file(&file), File::Elf(program) if program.elf.machine == machine);
            if fits && !loaders.iter().any(|(_, there)| *there == file) {
                loaders.push((place, file));
            }
        }
    }
    loaders
}

/// `musl 1.2.5 (`/lib/ld-musl-x86_64.so.1`, from package musl)`: the C libraries of the image; `None` when it has none.
pub(super) fn of_image(programs: &Programs<'_>, loaders: &[(String, TreePath)]) -> Option<String> {
    let described = loaders.iter().map(|(place, file)| {
        let family = family(place).unwrap_or_default();
        let release = programs.bytes_at(file, MAX_LOADER).and_then(|data| release(family, &data));
        let release = release.map(|release| format!(" {release}")).unwrap_or_default();
        format!("{family}{release} ({})", programs.with_owner(place, file))
    });
    let described: Vec<String> = described.collect();
    (!described.is_empty()).then(|| described.join(" and "))
}

/// The release of a C library, out of its loader.
fn release(family: &str, loader: &[u8]) -> Option<String> {
    let mut texts = loader.split(|&b| b == 0).filter_map(|text| std::str::from_utf8(text).ok());
    match family {
        // `ld.so (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.`
        "glibc" => texts.find_map(|text| {
            let rest = text.split("release version ").nth(1)?;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            Some(rest[..end].trim_end_matches('.').to_owned()).filter(|release| !release.is_empty())
        }),
        // The only text of this form: `1.2.5`.
        "musl" => {
            let is_release = |text: &&str| {
                let numbers =
                    text.split('.').filter(|it| (1..=2).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_digit()));
                matches!(text.as_bytes(), [b'0' | b'1', b'.', ..])
                    && numbers.count() == 3
                    && text.split('.').count() == 3
            };
            texts.find(is_release).map(str::to_owned)
        }
        _ => None,
    }
}

/// The folders that are built into glibc's loader: the longest row of texts that begin and end with a slash. A distribution
/// chooses them when it builds glibc. Empty when there is no such row.
pub(super) fn built_in_folders(loader: &[u8]) -> Vec<String> {
    let (mut best, mut row): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for text in loader.split(|&b| b == 0) {
        let is_folder = text.len() > 2 && text.starts_with(b"/") && text.ends_with(b"/");
        match std::str::from_utf8(text).ok().filter(|_| is_folder) {
            Some(folder) => row.push(folder.trim_end_matches('/').to_owned()),
            None => {
                if row.len() > best.len() && row.iter().any(|folder| folder.contains("/lib")) {
                    std::mem::swap(&mut best, &mut row);
                }
                row.clear();
            }
        }
    }
    if best.len() >= 2 { best } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_tell_their_release_and_their_folders() {
        let glibc = b"x\0/lib/\0y\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\
                      ld.so (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright\0";
        assert_eq!(release("glibc", glibc).as_deref(), Some("2.36"));
        let folders = built_in_folders(glibc);
        assert_eq!(folders, ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"]);
        assert_eq!(release("musl", b"1.2.3.4\0 1.2\0x1.2.3\x001.2.5\0").as_deref(), Some("1.2.5"));
        assert_eq!(release("musl", b""), None);
        assert!(built_in_folders(b"/lib/").is_empty());
    }
}
