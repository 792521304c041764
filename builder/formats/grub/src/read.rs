//! What a BIOS would start from a disk: followed from the boot sector on, as far as GRUB's own first commands.

use std::fmt;
use std::io;

use object::LittleEndian as Le;
use object::elf::FileHeader32;
use object::read::elf::FileHeader;
use zerocopy::FromBytes;

use crate::format::{
    BOOT_DRIVE, Blocklist, CODE, CORE_END, DECOMPRESSOR, Decompressor, GREETING, KERNEL_SECTOR, LINK_ADDRESS,
    MODULE_MAGIC, ModuleInfo, OBJECT_CONFIG, OBJECT_MODULE, OBJECT_PREFIX, ObjectHeader, SECTOR,
};
use crate::lzma;

/// No core image is larger, its Reed-Solomon codes included.
const MAX_CORE: usize = 2 << 20;
/// A payload is decompressed to the memory above 1 MiB; Debian's largest have 300 KiB.
const MAX_PAYLOAD: usize = 4 << 20;
/// Where blocklists of `diskboot.img` cannot be any more: there is its code.
const FIRST_BLOCKLIST: usize = 0x100;

/// GRUB as it is installed on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The first sector of the core image.
    pub first: u64,
    /// The modules in it.
    pub modules: Vec<String>,
    /// The commands in it.
    pub config: Option<String>,
    /// Where it looks for `grub.cfg`.
    pub prefix: Option<String>,
}

/// Why a boot sector of GRUB's would not start GRUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// A place that it names is behind the disk's end.
    Outside {
        /// The sector.
        sector: u64,
    },
    /// What is at those places is not what it would load: a lower-case phrase.
    Damaged(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Outside { sector } => write!(f, "it loads sector {sector}, which cannot be read"),
            ReadError::Damaged(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ReadError {}

/// Follows the boot sector of a disk; `None` when that is not GRUB's. `read` fills its buffer from a byte of the disk on.
pub fn read(read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>) -> Result<Option<Installed>, ReadError> {
    let mut boot = [0; SECTOR];
    if read(0, &mut boot).is_err() || !contains(&boot[..CODE], GREETING) {
        return Ok(None);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&boot[KERNEL_SECTOR]);
    let first = u64::from_le_bytes(first);
    if boot[BOOT_DRIVE] != 0xff {
        return Err(ReadError::Damaged("it loads its core image from another drive than its own"));
    }
    let mut sectors = |sector: u64, into: &mut [u8]| {
        let outside = ReadError::Outside { sector };
        let at = sector.checked_mul(512).ok_or(outside.clone())?;
        read(at, into).map_err(|_| outside)
    };
    let mut start = [0; SECTOR];
    sectors(first, &mut start)?;
    let mut core = Vec::new();
    for list in blocklists(&start) {
        let at = core.len();
        let end = usize::from(list.sectors.get()).saturating_mul(SECTOR).saturating_add(at);
        if end > MAX_CORE {
            return Err(ReadError::Damaged("its core image is larger than any"));
        }
        core.resize(end, 0);
        sectors(list.start.get(), &mut core[at..])?;
    }
    let payload = payload(&core).ok_or(ReadError::Damaged("its core image cannot be decompressed"))?;
    let mut found = Installed { first, modules: Vec::new(), config: None, prefix: None };
    let objects = objects(&payload).ok_or(ReadError::Damaged("its core image has no list of modules"))?;
    for (kind, content) in objects {
        let text = || String::from_utf8_lossy(content.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
        match kind {
            OBJECT_MODULE => found
                .modules
                .push(module_name(content).ok_or(ReadError::Damaged("a module in its core image cannot be read"))?),
            OBJECT_CONFIG => found.config = Some(text()),
            OBJECT_PREFIX => found.prefix = Some(text()),
            _ => {}
        }
    }
    Ok(Some(found))
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|there| there == needle)
}

/// The runs of sectors that `diskboot.img` loads.
fn blocklists(start: &[u8; SECTOR]) -> Vec<Blocklist> {
    let places = start[FIRST_BLOCKLIST..].rchunks_exact(size_of::<Blocklist>());
    let lists = places.filter_map(|bytes| Blocklist::read_from_bytes(bytes).ok());
    lists.take_while(|list| list.sectors.get() != 0).collect()
}

/// What is compressed in `core`, which is what follows `diskboot.img`. Where the decompressor ends is written nowhere: with
/// Reed-Solomon codes it follows from their number, else the compressed bytes end in the last sector.
fn payload(core: &[u8]) -> Option<Vec<u8>> {
    let (header, _) = Decompressor::read_from_prefix(core.get(DECOMPRESSOR..)?).ok()?;
    let place = |number: u32| usize::try_from(number).ok();
    let (packed, size) = (place(header.compressed_size.get())?, place(header.uncompressed_size.get())?);
    let most = place(CORE_END.checked_sub(LINK_ADDRESS)?)?;
    if size > MAX_PAYLOAD || packed > most {
        return None;
    }
    let codes = place(header.reed_solomon_redundancy.get())?;
    let last = core.len().checked_sub(codes)?.checked_sub(packed)?;
    let earliest = if codes == 0 { last.saturating_sub(SECTOR - 1) } else { last };
    // It begins at a multiple of 16, and with a zero; at a wrong place it makes no sense.
    (earliest..=last).rev().filter(|start| start % 16 == 0 && core.get(*start) == Some(&0)).find_map(|start| {
        let end = start.checked_add(packed)?;
        lzma::decompress(core.get(start..end)?, size).filter(|payload| objects(payload).is_some())
    })
}

/// The objects behind the kernel: they reach to the payload's end.
fn objects(payload: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let magic = MODULE_MAGIC.to_le_bytes();
    let infos = payload.windows(4).enumerate().filter(|(_, there)| *there == magic).map(|(at, _)| at);
    let mut rest = infos.filter_map(|at| {
        let info = payload.get(at..)?;
        let (header, _) = ModuleInfo::read_from_prefix(info).ok()?;
        let whole = usize::try_from(header.size.get()) == Ok(info.len());
        info.get(usize::try_from(header.offset.get()).ok()?..).filter(|_| whole)
    });
    let mut rest = rest.next()?;
    let mut objects = Vec::new();
    while !rest.is_empty() {
        let (header, _) = ObjectHeader::read_from_prefix(rest).ok()?;
        let size = usize::try_from(header.size.get()).ok()?;
        objects.push((header.kind.get(), rest.get(size_of::<ObjectHeader>()..size)?));
        rest = rest.get(size.checked_next_multiple_of(4)?.min(rest.len())..)?;
    }
    Some(objects)
}

/// What a module calls itself, in its section `.modname`.
fn module_name(module: &[u8]) -> Option<String> {
    use object::read::elf::SectionHeader;
    let header = FileHeader32::<Le>::parse(module).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, module).ok()?;
    let (_, section) = sections.section_by_name(endian, b".modname")?;
    let name = section.data(endian, module).ok()?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}
