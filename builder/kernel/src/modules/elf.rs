//! What a module file says of itself: its `.modinfo`, the symbols it exports, the symbols it needs.

use std::collections::BTreeSet;
use std::io::Read;

use liblzma::stream::{IGNORE_CHECK, Stream};
use object::Endianness;
use object::elf::SHT_SYMTAB;
use object::read::elf::{FileHeader, Sym};

/// No module is larger when decompressed; the largest of Debian has 20 MB, debug information stripped.
const MAX_MODULE: u64 = 256 << 20;
/// What xz may take to unpack one; presets take up to 65 MiB.
const MAX_MEMORY: u64 = 128 << 20;
/// One entry of `__versions`: a checksum and a name, 64 bytes in both classes.
const VERSION: usize = 64;

/// What depmod reads out of one module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    pub(super) aliases: Vec<Vec<u8>>,
    pub(super) softdeps: Vec<Vec<u8>>,
    pub(super) weakdeps: Vec<Vec<u8>>,
    /// In the order of the file.
    pub(super) exports: Vec<Vec<u8>>,
    /// In the order of the file; each name once.
    pub(super) needs: Vec<Vec<u8>>,
}

/// Module file names end so; the rest of the name is the module's, `-` or `_` as its author liked.
pub(super) const EXTENSIONS: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];

/// The bytes of a module, decompressed by what its name ends with.
pub(crate) fn decompress(name: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
    decompress_with(name, data, 0)
}

/// The same for a module whose `data` has a digest that is known and held: the checksums in it say nothing beside that.
pub(super) fn decompress_digested(name: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
    decompress_with(name, data, IGNORE_CHECK)
}

fn decompress_with(name: &[u8], data: &[u8], flags: u32) -> Result<Vec<u8>, String> {
    let reader: Box<dyn Read + '_> = if name.ends_with(b".xz") {
        let stream = Stream::new_stream_decoder(MAX_MEMORY, flags).map_err(|e| e.to_string())?;
        Box::new(liblzma::read::XzDecoder::new_stream(data, stream))
    } else if name.ends_with(b".zst") {
        Box::new(zstd::stream::read::Decoder::new(data).map_err(|e| e.to_string())?)
    } else if name.ends_with(b".gz") {
        Box::new(flate2::read::GzDecoder::new(data))
    } else {
        Box::new(data)
    };
    // Of Debian's modules most become three to five times as long: what grows by doubling is copied, and takes twice the memory.
    let likely = (data.len() as u64).saturating_mul(5).min(MAX_MODULE);
    let mut out = Vec::with_capacity(likely as usize);
    reader.take(MAX_MODULE + 1).read_to_end(&mut out).map_err(|e| format!("cannot be decompressed: {e}"))?;
    if out.len() as u64 > MAX_MODULE {
        return Err("is larger than 256 MiB".to_owned());
    }
    Ok(out)
}

/// Reads a decompressed module.
pub(super) fn read(data: &[u8]) -> Result<Facts, String> {
    let facts = match data.get(4) {
        Some(1) => read_class::<object::elf::FileHeader32<Endianness>>(data),
        Some(2) => read_class::<object::elf::FileHeader64<Endianness>>(data),
        _ => return Err("is no ELF file".to_owned()),
    };
    facts.map_err(|e| format!("is no module: {e}"))
}

fn read_class<Elf: FileHeader<Endian = Endianness>>(data: &[u8]) -> object::Result<Facts> {
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, data)?;
    let section = |name: &[u8]| -> object::Result<&[u8]> {
        match sections.section_by_name(endian, name) {
            Some((_, section)) => object::read::elf::SectionHeader::data(section, endian, data),
            None => Ok(&[]),
        }
    };
    let mut facts = Facts::default();
    for entry in section(b".modinfo")?.split(|&b| b == 0) {
        let Some(at) = entry.iter().position(|&b| b == b'=') else { continue };
        let value = entry[at + 1..].to_vec();
        match &entry[..at] {
            b"alias" => facts.aliases.push(value),
            b"softdep" => facts.softdeps.push(value),
            b"weakdep" => facts.weakdeps.push(value),
            _ => {}
        }
    }

    let symbols = sections.symbols(endian, data, SHT_SYMTAB)?;
    let mut needed: BTreeSet<&[u8]> = BTreeSet::new();
    // The first symbol of a table stands for none.
    for symbol in symbols.iter().skip(1) {
        let name = symbols.symbol_name(endian, symbol)?;
        // An exported symbol's checksum stands beside it under this name; without checksums the names are in a section.
        if let Some(exported) = name.strip_prefix(b"__crc_") {
            facts.exports.push(exported.to_vec());
        }
        if symbol.is_undefined(endian) && !name.is_empty() && needed.insert(name) {
            facts.needs.push(name.to_vec());
        }
    }
    if facts.exports.is_empty() {
        let names = section(b"__ksymtab_strings")?.split(|&b| b == 0).filter(|name| !name.is_empty());
        facts.exports = names.map(<[u8]>::to_vec).collect();
    }
    // `__versions` also names symbols the compiler made no reference to, `module_layout` among them.
    let versions = section(b"__versions")?;
    if versions.len().is_multiple_of(VERSION) {
        let crc = if data.get(4) == Some(&1) { 4 } else { 8 };
        for version in versions.chunks_exact(VERSION) {
            let name = version[crc..].split(|&b| b == 0).next().unwrap_or_default();
            if !name.is_empty() && needed.insert(name) {
                facts.needs.push(name.to_vec());
            }
        }
    }
    Ok(facts)
}
