//! What `ldconfig` wants to know of a shared library: its soname and its kind.

use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadCacheOps, ReadRef};
use object::{LittleEndian, elf};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::Arch;

/// A soname is a file name.
const MAX_SONAME: u64 = 255;
/// Dynamic sections have some thirty entries of 16 bytes.
const MAX_DYNAMIC: u64 = 1 << 20;

/// glibc's `FLAG_ELF_LIBC6` (`sysdeps/generic/ldconfig.h`); the others tell apart the ABIs that one machine can run.
const LIBC6: u32 = 0x0003;
const X8664_LIB64: u32 = 0x0300;
const X8664_LIBX32: u32 = 0x0800;
const ARM_LIBHF: u32 = 0x0900;
const AARCH64_LIB64: u32 = 0x0a00;
const ARM_LIBSF: u32 = 0x0b00;
const RISCV_FLOAT_ABI_SOFT: u32 = 0x0f00;
const RISCV_FLOAT_ABI_DOUBLE: u32 = 0x1000;

/// A shared library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Library {
    /// `DT_SONAME`, if it has one.
    pub(super) soname: Option<Vec<u8>>,
    /// As the cache stores them.
    pub(super) flags: u32,
}

/// What `content` is as a library, if it is one that the `ldconfig` of `arch` takes. Only the headers and the dynamic
/// section are read.
pub(super) fn library(content: &Content, blobs: &dyn Blobs, arch: Arch) -> Option<Library> {
    let data = ReadCache::new(Source { content, blobs, at: 0 });
    let ident = (&data).read_bytes_at(0, 16).ok()?;
    match ident[4] {
        elf::ELFCLASS64 => parse::<elf::FileHeader64<LittleEndian>>(&data, arch),
        elf::ELFCLASS32 => parse::<elf::FileHeader32<LittleEndian>>(&data, arch),
        _ => None,
    }
}

fn parse<Elf: FileHeader<Endian = LittleEndian>>(data: &ReadCache<Source<'_>>, arch: Arch) -> Option<Library> {
    let endian = LittleEndian;
    let header = Elf::parse(data).ok()?;
    if !header.is_little_endian() || header.e_type(endian) != elf::ET_DYN {
        return None;
    }
    let flags = flags(arch, header.e_machine(endian), header.is_type_64(), header.e_flags(endian))?;
    let segments = header.program_headers(endian, data).ok()?;
    let dynamic = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC)?;
    if dynamic.p_filesz(endian).into() > MAX_DYNAMIC {
        return None;
    }
    let entries = dynamic.dynamic(endian, data).ok()??;
    let entries = entries.iter().take_while(|entry| entry.tag(endian) != elf::DT_NULL);
    let value = |tag| entries.clone().find(|entry| entry.tag(endian) == tag).map(|entry| entry.val(endian));
    let strings = value(elf::DT_STRTAB)?;
    let soname = match value(elf::DT_SONAME) {
        None => None,
        Some(index) => Some(string_at(segments, data, strings.checked_add(index)?)?),
    };
    Some(Library { soname, flags })
}

/// The file name at a virtual address.
fn string_at<P: ProgramHeader<Endian = LittleEndian>>(
    segments: &[P],
    data: &ReadCache<Source<'_>>,
    address: u64,
) -> Option<Vec<u8>> {
    let endian = LittleEndian;
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let (offset, size) = segment.file_range(endian);
        let Some(into) = address.checked_sub(segment.p_vaddr(endian).into()).filter(|&into| into < size) else {
            continue;
        };
        let start = offset.checked_add(into)?;
        let end = start.checked_add((size - into).min(MAX_SONAME + 1))?.min(data.len().ok()?);
        let string = data.read_bytes_at_until(start..end, 0).ok()?;
        // A slash would lead out of the library's folder, and the empty name to the folder itself.
        return (!string.is_empty() && !string.contains(&b'/')).then(|| string.to_vec());
    }
    None
}

/// The cache's flags for a library; `None` for one of another machine.
fn flags(arch: Arch, machine: u16, is_64_bit: bool, e_flags: u32) -> Option<u32> {
    let abi = match (arch, machine, is_64_bit) {
        (Arch::Amd64, elf::EM_X86_64, true) => X8664_LIB64,
        (Arch::Amd64, elf::EM_X86_64, false) => X8664_LIBX32,
        (Arch::Amd64, elf::EM_386, false) => 0,
        (Arch::Arm64 | Arch::Armhf, elf::EM_AARCH64, true) => AARCH64_LIB64,
        (Arch::Arm64 | Arch::Armhf, elf::EM_ARM, false) => match e_flags {
            _ if e_flags & elf::EF_ARM_ABI_FLOAT_HARD != 0 => ARM_LIBHF,
            _ if e_flags & elf::EF_ARM_ABI_FLOAT_SOFT != 0 => ARM_LIBSF,
            _ => 0,
        },
        (Arch::Riscv64, elf::EM_RISCV, true) => match e_flags & elf::EF_RISCV_FLOAT_ABI {
            elf::EF_RISCV_FLOAT_ABI_DOUBLE => RISCV_FLOAT_ABI_DOUBLE,
            elf::EF_RISCV_FLOAT_ABI_SOFT => RISCV_FLOAT_ABI_SOFT,
            _ => return None,
        },
        _ => return None,
    };
    Some(LIBC6 | abi)
}

/// A content as `object` wants to read it.
struct Source<'a> {
    content: &'a Content,
    blobs: &'a dyn Blobs,
    at: u64,
}

impl ReadCacheOps for Source<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.content.size())
    }

    fn seek(&mut self, pos: u64) -> Result<u64, ()> {
        self.at = pos;
        Ok(pos)
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ()> {
        let left = self.content.size().saturating_sub(self.at);
        let length = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        self.read_exact(&mut buf[..length])?;
        Ok(length)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ()> {
        self.content.read_at(self.blobs, self.at, buf).map_err(drop)?;
        self.at = self.at.checked_add(buf.len() as u64).ok_or(())?;
        Ok(())
    }
}
