//! Parts to a core image.

use object::LittleEndian as Le;
use object::elf::{FileHeader32, SHF_ALLOC, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader};
use zerocopy::IntoBytes;

use crate::format::{
    BOOT_DRIVE, Blocklist, CODE, CORE_END, DECOMPRESSOR, DECOMPRESSOR_ADDRESS, DRIVE_CHECK, Decompressor, GREETING,
    KERNEL_END, KERNEL_SECTOR, KERNEL_SEGMENT, LINK_ADDRESS, MODULE_MAGIC, ModuleInfo, NO_JUMP, OBJECT_MODULE,
    OBJECT_PREFIX, ObjectHeader, PARAMETER_BLOCK, SECTOR,
};
use crate::{GrubError, lzma};

/// The files of `/usr/lib/grub/i386-pc`.
#[derive(Debug, Clone)]
pub struct Parts {
    /// `boot.img`.
    pub boot: Vec<u8>,
    /// `diskboot.img`.
    pub diskboot: Vec<u8>,
    /// `lzma_decompress.img`.
    pub decompressor: Vec<u8>,
    /// `kernel.img`.
    pub kernel: Vec<u8>,
    /// The modules, each behind those it needs: see [`with_dependencies`](crate::with_dependencies).
    pub modules: Vec<Vec<u8>>,
}

/// A core image and its boot sector, wherever on a disk they go.
#[derive(Debug, Clone)]
pub struct CoreImage {
    boot: Vec<u8>,
    /// Whole sectors.
    core: Vec<u8>,
    sectors: u16,
}

/// The same with the places that are in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What goes to the beginning of the disk.
    pub boot: [u8; CODE],
    /// What goes to the place that was given: whole sectors.
    pub core: Vec<u8>,
}

impl CoreImage {
    /// Puts the parts together. `prefix` is the folder where `grub.cfg` will be, with its device: `(,gpt2)/grub` is one on the
    /// second partition of the disk that is started from.
    pub fn assemble(parts: &Parts, prefix: &str) -> Result<CoreImage, GrubError> {
        let bad = |name, reason: &str| GrubError::BadPart { name, reason: reason.to_owned() };
        let greets = |image: &[u8]| image.get(..CODE).is_some_and(|code| crate::read::contains(code, GREETING));
        if parts.boot.len() != SECTOR || !greets(&parts.boot) {
            return Err(bad("boot.img", "it is no boot sector of GRUB's"));
        }
        if parts.diskboot.len() != SECTOR {
            return Err(bad("diskboot.img", "it is no sector"));
        }
        let payload = payload(parts, prefix)?;
        let compressed = lzma::compress(&payload).map_err(GrubError::Compressor)?;
        let decompressor = decompressor(&parts.decompressor, compressed.len(), payload.len())
            .ok_or_else(|| bad("lzma_decompress.img", "it has not the size of one"))?;

        let mut core = parts.diskboot.clone();
        let behind = [decompressor, compressed].concat();
        let room = usize::try_from(CORE_END.saturating_sub(LINK_ADDRESS)).unwrap_or(usize::MAX);
        let too_large = || GrubError::TooLarge { size: behind.len(), room };
        if behind.len() > room {
            return Err(too_large());
        }
        core.extend_from_slice(&behind);
        core.resize(core.len().next_multiple_of(SECTOR), 0);
        let sectors = u16::try_from(core.len() / SECTOR).map_err(|_| too_large())?;
        Ok(CoreImage { boot: parts.boot.clone(), core, sectors })
    }

    /// Bytes of the core image: whole sectors.
    pub fn size(&self) -> usize {
        self.core.len()
    }

    /// Both, the core image at sector `first` and behind it.
    pub fn place(&self, first: u64) -> Placed {
        let mut boot = [0; CODE];
        boot.copy_from_slice(&self.boot[..CODE]);
        boot[PARAMETER_BLOCK].fill(0);
        boot[KERNEL_SECTOR].copy_from_slice(&first.to_le_bytes());
        boot[BOOT_DRIVE] = 0xff;
        boot[DRIVE_CHECK].copy_from_slice(&NO_JUMP);

        let mut core = self.core.clone();
        // The first sector is loaded by the boot sector, to where the segment is that the rest follows.
        let rest = Blocklist {
            start: first.saturating_add(1).into(),
            sectors: self.sectors.saturating_sub(1).into(),
            segment: KERNEL_SEGMENT.saturating_add(sector_segments()).into(),
        };
        let end = Blocklist { start: 0.into(), sectors: 0.into(), segment: 0.into() };
        let lists = [end.as_bytes(), rest.as_bytes()].concat();
        core[SECTOR.saturating_sub(lists.len())..SECTOR].copy_from_slice(&lists);
        Placed { boot, core }
    }
}

/// A segment is 16 bytes.
fn sector_segments() -> u16 {
    u16::try_from(SECTOR / 16).unwrap_or(0)
}

/// `image` with the sizes in it; `None` when it is no decompressor.
fn decompressor(image: &[u8], compressed: usize, uncompressed: usize) -> Option<Vec<u8>> {
    let mut image = image.to_vec();
    let room = usize::try_from(LINK_ADDRESS.checked_sub(DECOMPRESSOR_ADDRESS)?).ok()?;
    if image.len() > room {
        return None;
    }
    let (header, _) = zerocopy::Ref::<_, Decompressor>::from_prefix(image.get_mut(DECOMPRESSOR..)?).ok()?;
    let header = zerocopy::Ref::into_mut(header);
    header.compressed_size = u32::try_from(compressed).ok()?.into();
    header.uncompressed_size = u32::try_from(uncompressed).ok()?.into();
    header.reed_solomon_redundancy = 0.into();
    Some(image)
}

/// What runs once it is decompressed.
fn payload(parts: &Parts, prefix: &str) -> Result<Vec<u8>, GrubError> {
    let mut out = kernel(&parts.kernel).map_err(|reason| GrubError::BadPart { name: "kernel.img", reason })?;
    let too_large = |size| GrubError::TooLarge { size, room: usize::try_from(KERNEL_END).unwrap_or(usize::MAX) };
    let mut objects = Vec::new();
    let prefix = [prefix.as_bytes(), &[0]].concat();
    let modules = parts.modules.iter().map(|module| (OBJECT_MODULE, module.as_slice()));
    for (kind, content) in modules.chain([(OBJECT_PREFIX, prefix.as_slice())]) {
        let padded = content.len().next_multiple_of(4);
        let size = u32::try_from(padded.saturating_add(size_of::<ObjectHeader>())).map_err(|_| too_large(padded))?;
        objects.extend_from_slice(ObjectHeader { kind: kind.into(), size: size.into() }.as_bytes());
        objects.extend_from_slice(content);
        objects.resize(objects.len().next_multiple_of(4), 0);
    }
    let own = u32::try_from(size_of::<ModuleInfo>()).unwrap_or(0);
    let size = u32::try_from(objects.len()).ok().and_then(|size| size.checked_add(own));
    let size = size.ok_or_else(|| too_large(objects.len()))?;
    let info = ModuleInfo { magic: MODULE_MAGIC.into(), offset: own.into(), size: size.into() };
    out.extend_from_slice(info.as_bytes());
    out.extend_from_slice(&objects);
    Ok(out)
}

/// The kernel as it lies in memory: every section at its address. What it wants zeroed lies behind them and is not stored, but
/// has to have room.
fn kernel(image: &[u8]) -> Result<Vec<u8>, String> {
    let said = |error: object::Error| error.to_string();
    let header = FileHeader32::<Le>::parse(image).map_err(said)?;
    let endian = header.endian().map_err(said)?;
    let mut out: Vec<u8> = Vec::new();
    for section in header.sections(endian, image).map_err(said)?.iter() {
        if section.sh_flags(endian) & SHF_ALLOC == 0 || section.sh_size(endian) == 0 {
            continue;
        }
        let outside = || format!("a section lies outside {LINK_ADDRESS:#x} to {KERNEL_END:#x}");
        let (address, size) = (section.sh_addr(endian), section.sh_size(endian));
        let end = address.checked_add(size).filter(|end| *end <= KERNEL_END).ok_or_else(outside)?;
        let start = address.checked_sub(LINK_ADDRESS).ok_or_else(outside)?;
        if section.sh_type(endian) == SHT_NOBITS {
            continue;
        }
        let place = |at: u32| usize::try_from(at).map_err(|_| outside());
        let (start, end) = (place(start)?, place(end.saturating_sub(LINK_ADDRESS))?);
        out.resize(out.len().max(end), 0);
        // As long as the section says, or it could not be read.
        out[start..end].copy_from_slice(section.data(endian, image).map_err(said)?);
    }
    if out.is_empty() { Err("it has nothing to load".to_owned()) } else { Ok(out) }
}
