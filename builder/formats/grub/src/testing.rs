//! Parts that are GRUB's in shape alone, for tests here and of those who read images.

use crate::{CoreImage, Parts};

/// Sections of a 32-bit ELF file: name, flags, address, type, bytes (of type 8, `SHT_NOBITS`, only their number counts).
type Section<'a> = (&'a str, u32, u32, u32, &'a [u8]);

/// A core image of modules with these names.
pub fn core_image(modules: &[&str], prefix: &str) -> CoreImage {
    // The parts are as they have to be.
    CoreImage::assemble(&parts(modules), prefix).expect("parts for tests fit together")
}

/// The parts.
pub fn parts(modules: &[&str]) -> Parts {
    let mut boot = vec![0xf4; 512];
    boot[..3].copy_from_slice(&[0xeb, 0x63, 0x90]);
    boot[0x180..0x186].copy_from_slice(b"GRUB \0");
    let mut diskboot = vec![0; 512];
    diskboot[..0x80].fill(0xf4);
    let kernel = elf(&[
        (".text", 6, 0x9000, 1, b"a kernel of a kind"),
        (".data", 3, 0x9020, 1, b"its data"),
        (".bss", 3, 0x9040, 8, &[0; 64]),
    ]);
    let module = |name: &&str| {
        let modname = [name.as_bytes(), &[0]].concat();
        elf(&[(".modname", 0, 0, 1, &modname)])
    };
    let modules = modules.iter().map(module).collect();
    Parts { boot, diskboot, decompressor: vec![0xf4; 0x320], kernel, modules }
}

/// An ELF file with these sections and a table of their names.
pub(crate) fn elf(sections: &[Section<'_>]) -> Vec<u8> {
    let mut out = vec![0; 52];
    let mut names = vec![0];
    let mut headers = vec![[0; 10]];
    let word = |n: usize| u32::try_from(n).unwrap_or(0);
    for (name, flags, address, kind, data) in sections {
        headers.push([word(names.len()), *kind, *flags, *address, word(out.len()), word(data.len()), 0, 0, 1, 0]);
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        if *kind != 8 {
            out.extend_from_slice(data);
        }
    }
    let own = word(names.len());
    names.extend_from_slice(b".shstrtab\0");
    headers.push([own, 3, 0, 0, word(out.len()), word(names.len()), 0, 0, 1, 0]);
    out.extend_from_slice(&names);
    out.resize(out.len().next_multiple_of(4), 0);
    let table = word(out.len());
    out.extend(headers.iter().flatten().flat_map(|word| word.to_le_bytes()));
    out[..16].copy_from_slice(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    // ET_EXEC, EM_386, EV_CURRENT.
    out[16..24].copy_from_slice(&[2, 0, 3, 0, 1, 0, 0, 0]);
    out[32..36].copy_from_slice(&table.to_le_bytes());
    let count = u16::try_from(headers.len()).unwrap_or(0);
    for (at, value) in [(40, 52), (46, 40), (48, count), (50, count.saturating_sub(1))] {
        out[at..][..2].copy_from_slice(&u16::to_le_bytes(value));
    }
    out
}
