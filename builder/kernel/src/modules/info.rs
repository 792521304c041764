//! What one module file says of the kernel it is for.

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use serde::{Deserialize, Serialize};

use super::elf::decompress;

/// What the kernel looks at before it takes a module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// `e_machine`.
    pub machine: u16,
    /// Whether its class is ELFCLASS64.
    pub is_64_bit: bool,
    /// `6.12.107 SMP preempt mod_unload`: the release, then what else must be equal.
    pub vermagic: Option<String>,
}

/// Reads the module file `name`, whose ending says how `data` is compressed. The error is a phrase: what it is instead.
pub fn module_info(name: &[u8], data: &[u8]) -> Result<ModuleInfo, String> {
    decompressed(&decompress(name, data)?)
}

/// The same of a decompressed module.
pub(super) fn decompressed(data: &[u8]) -> Result<ModuleInfo, String> {
    let info = match data.get(4) {
        Some(1) => read::<FileHeader32<Endianness>>(data, false),
        Some(2) => read::<FileHeader64<Endianness>>(data, true),
        _ => return Err("is no ELF file".to_owned()),
    };
    info.map_err(|e| format!("is no module: {e}"))
}

fn read<Elf: FileHeader<Endian = Endianness>>(data: &[u8], is_64_bit: bool) -> object::Result<ModuleInfo> {
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let entries = match sections.section_by_name(endian, b".modinfo") {
        Some((_, section)) => section.data(endian, data)?,
        None => &[],
    };
    let vermagic = entries.split(|&b| b == 0).find_map(|entry| entry.strip_prefix(b"vermagic="));
    let vermagic = vermagic.map(|text| String::from_utf8_lossy(text).trim().to_owned());
    Ok(ModuleInfo { machine: header.e_machine(endian), is_64_bit, vermagic })
}

#[cfg(test)]
mod tests {
    use super::super::tests::module_file;
    use super::*;

    #[test]
    fn a_module_says_what_kernel_it_is_for() {
        let file = module_file(&["license=GPL", "vermagic=6.1-x SMP mod_unload "], &[], &[]);
        let info = module_info(b"a.ko", &file).unwrap();
        assert_eq!(
            info,
            ModuleInfo { machine: 62, is_64_bit: true, vermagic: Some("6.1-x SMP mod_unload".to_owned()) }
        );
        assert_eq!(module_info(b"a.ko", &module_file(&[], &[], &[])).unwrap().vermagic, None);
        let packed = zstd::encode_all(file.as_slice(), 1).unwrap();
        assert_eq!(module_info(b"a.ko.zst", &packed).unwrap(), info);
        assert_eq!(module_info(b"a.ko", b"").unwrap_err(), "is no ELF file");
        assert!(module_info(b"a.ko", &file[..100]).unwrap_err().starts_with("is no module"));
        assert!(module_info(b"a.ko.xz", &file).unwrap_err().starts_with("cannot be decompressed"));
    }
}
