//! Unified kernel images: a PE stub with a kernel, an initramfs and a command line appended as sections.
//!
//! Specifications: "Unified Kernel Image (UKI)" of the UAPI Group; Microsoft's "PE Format". Integers are little-endian.
//!
//! | bytes of the stub                | what becomes of them                                                         |
//! |----------------------------------|------------------------------------------------------------------------------|
//! | headers                          | kept; number of sections, sizes and the checksum are rewritten               |
//! | section table                    | kept; our headers follow it, in the room up to the first section's bytes     |
//! | sections                         | kept, at their places                                                        |
//! | certificate table, symbol table  | left out: a signature does not outlive the change, symbols are for debuggers |
//! | new                              | `.osrel .cmdline .uname [.initrd] .linux`, each at a multiple of the alignments |

use object::LittleEndian as Le;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_SECURITY, IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ, ImageNtHeaders64,
    ImageSectionHeader,
};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::TreePath;

use crate::KernelError;
use crate::find::MAX_IMAGE;

/// Bytes of one section header (PE Format, "Section Table").
const SECTION_HEADER: usize = 40;
/// From the start of the NT headers: signature, then the file header.
const FILE_HEADER: usize = 4;
const OPTIONAL_HEADER: usize = 24;
/// Places in the PE32+ optional header (PE Format, "Optional Header").
const SIZE_OF_INITIALIZED_DATA: usize = 8;
const SIZE_OF_IMAGE: usize = 56;
const CHECKSUM: usize = 64;
const DATA_DIRECTORIES: usize = 112;

/// For what lies between sections: they begin at multiples of 512 in every stub there is.
const ROOM: usize = 16 << 10;

/// What goes into the image beside the stub.
#[derive(Clone, Copy)]
pub struct UkiSections<'a> {
    /// `/usr/lib/os-release`: boot menus take the name from it.
    pub osrel: &'a [u8],
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// The kernel's release.
    pub uname: &'a str,
    /// The initramfs, where there is one.
    pub initrd: Option<&'a [u8]>,
    /// The kernel, with its EFI entry point.
    pub linux: &'a Content,
    /// Where it is in the tree.
    pub path: &'a TreePath,
    /// What it is read from: once, to its place in the image.
    pub blobs: &'a dyn Blobs,
}

/// What becomes a section.
enum Part<'a> {
    Bytes(&'a [u8]),
    Content(&'a Content),
}

impl Part<'_> {
    fn size(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Content(content) => content.size(),
        }
    }
}

/// Appends `sections` to `stub` (`linuxx64.efi.stub`).
pub fn uki(stub: &[u8], sections: &UkiSections<'_>) -> Result<Vec<u8>, KernelError> {
    let bad = |reason: &str| KernelError::BadStub(reason.to_owned());
    let too_large = || bad("the image would be larger than 4 GiB");
    let layout = Layout::read(stub)?;
    let mut contents: Vec<(&[u8; 8], Part<'_>)> = vec![
        (b".osrel\0\0", Part::Bytes(sections.osrel)),
        (b".cmdline", Part::Bytes(sections.cmdline.as_bytes())),
        (b".uname\0\0", Part::Bytes(sections.uname.as_bytes())),
    ];
    contents.extend(sections.initrd.map(|initrd| (b".initrd\0", Part::Bytes(initrd))));
    contents.push((b".linux\0\0", Part::Content(sections.linux)));
    if layout.names.iter().any(|there| contents.iter().any(|(name, _)| *name == there)) {
        return Err(bad("it is an image already: it has one of our sections"));
    }
    let table_end = layout.table + SECTION_HEADER * (layout.names.len() + contents.len());
    if table_end > layout.headers_end {
        return Err(bad("its headers have no room for the new sections"));
    }

    let unread = |reason: String| KernelError::Unreadable { path: sections.path.clone(), reason };
    sections.linux.within(MAX_IMAGE).map_err(|e| unread(e.to_string()))?;
    let added: u64 = contents.iter().map(|(_, part)| part.size()).sum();
    if added > u64::from(u32::MAX) {
        return Err(too_large());
    }
    // Kernels are large: the vector is not to grow by doubling.
    let mut out = Vec::with_capacity(layout.data_end + added as usize + ROOM);
    out.extend_from_slice(&stub[..layout.data_end]);
    let mut address = layout.address_end;
    let mut added = 0u32;
    for (at, (name, part)) in contents.iter().enumerate() {
        let size = u32::try_from(part.size()).map_err(|_| too_large())?;
        out.resize(out.len().next_multiple_of(layout.file_alignment), 0);
        let place = u32::try_from(out.len()).map_err(|_| too_large())?;
        match part {
            Part::Bytes(bytes) => out.extend_from_slice(bytes),
            Part::Content(content) => {
                out.resize(place as usize + size as usize, 0);
                content.read_at(sections.blobs, 0, &mut out[place as usize..]).map_err(|e| unread(e.to_string()))?;
            }
        }
        out.resize(out.len().next_multiple_of(layout.file_alignment), 0);
        // The length of what lies between is at most that of the whole.
        let stored = u32::try_from(out.len()).map_err(|_| too_large())? - place;
        let mut header = [0; SECTION_HEADER];
        header[..8].copy_from_slice(*name);
        put(&mut header, 8, size);
        put(&mut header, 12, address);
        put(&mut header, 16, stored);
        put(&mut header, 20, place);
        put(&mut header, 36, IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ);
        let start = layout.table + SECTION_HEADER * (layout.names.len() + at);
        out[start..start + SECTION_HEADER].copy_from_slice(&header);
        address = address
            .checked_add(size)
            .and_then(|end| end.checked_next_multiple_of(layout.section_alignment))
            .ok_or_else(too_large)?;
        added = added.checked_add(stored).ok_or_else(too_large)?;
    }

    let file_header = layout.nt + FILE_HEADER;
    let optional = layout.nt + OPTIONAL_HEADER;
    let count = u16::try_from(layout.names.len() + contents.len()).map_err(|_| bad("it has too many sections"))?;
    out[file_header + 2..file_header + 4].copy_from_slice(&count.to_le_bytes());
    // PointerToSymbolTable and NumberOfSymbols.
    out[file_header + 8..file_header + 16].fill(0);
    put(&mut out, optional + SIZE_OF_INITIALIZED_DATA, layout.initialized.saturating_add(added));
    put(&mut out, optional + SIZE_OF_IMAGE, address);
    // Firmware does not look at the checksum of an application; zero says that there is none.
    put(&mut out, optional + CHECKSUM, 0);
    if layout.directories > IMAGE_DIRECTORY_ENTRY_SECURITY {
        let entry = optional + DATA_DIRECTORIES + 8 * IMAGE_DIRECTORY_ENTRY_SECURITY;
        out[entry..entry + 8].fill(0);
    }
    Ok(out)
}

/// The sections of a PE file by name, without the zeros they are filled up with: to look into a finished image.
pub fn read_uki(image: &[u8]) -> Result<Vec<(String, &[u8])>, KernelError> {
    let bad = |e: object::Error| KernelError::BadStub(e.to_string());
    let file = PeFile64::parse(image).map_err(bad)?;
    let mut found = Vec::new();
    for section in file.section_table().iter() {
        let name = section.raw_name();
        let mut data = section.pe_data(image).map_err(bad)?;
        // Stored bytes are rounded up; the virtual size is the content's.
        if let Some(exact) = data.get(..section.virtual_size.get(Le) as usize) {
            data = exact;
        }
        found.push((String::from_utf8_lossy(name).into_owned(), data));
    }
    Ok(found)
}

/// Where things are in a stub.
struct Layout {
    /// Of the NT headers.
    nt: usize,
    /// Of the section table.
    table: usize,
    names: Vec<[u8; 8]>,
    /// Up to here headers may grow.
    headers_end: usize,
    /// Up to here the stub's bytes are kept.
    data_end: usize,
    /// The first free address, aligned.
    address_end: u32,
    section_alignment: u32,
    file_alignment: usize,
    initialized: u32,
    directories: usize,
}

impl Layout {
    fn read(stub: &[u8]) -> Result<Layout, KernelError> {
        let bad = |reason: &str| KernelError::BadStub(reason.to_owned());
        let file = PeFile64::parse(stub).map_err(|e| KernelError::BadStub(e.to_string()))?;
        let headers: &ImageNtHeaders64 = file.nt_headers();
        let optional = headers.optional_header();
        let nt = file.dos_header().nt_headers_offset() as usize;
        let table = nt + OPTIONAL_HEADER + usize::from(headers.file_header().size_of_optional_header.get(Le));
        let (section_alignment, file_alignment) = (optional.section_alignment(), optional.file_alignment());
        if !section_alignment.is_power_of_two()
            || !file_alignment.is_power_of_two()
            || section_alignment < file_alignment
        {
            return Err(bad("its alignments are no powers of two"));
        }
        let sections: Vec<&ImageSectionHeader> = file.section_table().iter().collect();
        if sections.is_empty() {
            return Err(bad("it has no sections"));
        }
        let mut layout = Layout {
            nt,
            table,
            names: sections.iter().map(|section| section.name).collect(),
            headers_end: optional.size_of_headers() as usize,
            data_end: 0,
            address_end: 0,
            section_alignment,
            file_alignment: file_alignment as usize,
            initialized: optional.size_of_initialized_data(),
            directories: optional.number_of_rva_and_sizes() as usize,
        };
        for section in sections {
            let (place, size) =
                (section.pointer_to_raw_data.get(Le) as usize, section.size_of_raw_data.get(Le) as usize);
            if size > 0 {
                let end = place.checked_add(size).filter(|&end| end <= stub.len());
                layout.data_end = layout.data_end.max(end.ok_or_else(|| bad("a section reaches past its end"))?);
                layout.headers_end = layout.headers_end.min(place);
            }
            let length = section.virtual_size.get(Le).max(section.size_of_raw_data.get(Le));
            let end = section.virtual_address.get(Le).checked_add(length);
            let end = end.and_then(|end| end.checked_next_multiple_of(section_alignment));
            layout.address_end = layout.address_end.max(end.ok_or_else(|| bad("a section ends behind 4 GiB"))?);
        }
        // What is written into must be there: the section table lies within the headers, the directories before it.
        let directories_end = nt + OPTIONAL_HEADER + DATA_DIRECTORIES + 8 * layout.directories;
        if layout.headers_end > layout.data_end || directories_end > table {
            return Err(bad("its headers are damaged"));
        }
        Ok(layout)
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

// The places above are those of the crate that parses the headers.
const _: () = assert!(
    size_of::<ImageSectionHeader>() == SECTION_HEADER
        && size_of::<ImageNtHeaders64>() == OPTIONAL_HEADER + DATA_DIRECTORIES
);

#[cfg(test)]
mod tests {
    use rootsmith_tree::NoBlobs;

    use super::*;

    /// A PE32+ of one section of 16 bytes at file offset `first`, with a certificate table behind it.
    fn stub(first: usize) -> Vec<u8> {
        let mut stub = vec![0; first];
        stub[..2].copy_from_slice(b"MZ");
        put(&mut stub, 0x3c, 0x80);
        stub[0x80..0x84].copy_from_slice(b"PE\0\0");
        stub[0x84..0x88].copy_from_slice(&[0x64, 0x86, 1, 0]);
        put(&mut stub, 0x8c, 0x1234);
        stub[0x94..0x98].copy_from_slice(&[0xf0, 0, 0x22, 0]);
        let optional = 0x98;
        stub[optional..optional + 2].copy_from_slice(&[0x0b, 0x02]);
        put(&mut stub, optional + 32, 0x1000);
        put(&mut stub, optional + 36, 0x200);
        put(&mut stub, optional + SIZE_OF_IMAGE, 0x2000);
        put(&mut stub, optional + 60, first as u32);
        put(&mut stub, optional + CHECKSUM, 7);
        put(&mut stub, optional + 108, 16);
        put(&mut stub, optional + DATA_DIRECTORIES + 32, first as u32 + 0x200);
        put(&mut stub, optional + DATA_DIRECTORIES + 36, 8);
        let table = optional + 0xf0;
        stub[table..table + 5].copy_from_slice(b".text");
        for (at, value) in [(8, 16), (12, 0x1000), (16, 0x200), (20, first as u32), (36, 0x6000_0020)] {
            put(&mut stub, table + at, value);
        }
        stub.extend_from_slice(&[0xcc; 16]);
        stub.resize(first + 0x200, 0);
        stub.extend_from_slice(b"signatur");
        stub
    }

    fn uki(stub: &[u8], initrd: Option<&[u8]>) -> Result<Vec<u8>, KernelError> {
        let (linux, path) = (&Content::inline("MZ"), &TreePath::literal("/boot/vmlinuz-6.12"));
        let sections = UkiSections {
            osrel: b"ID=debian\n",
            cmdline: "root=x",
            uname: "6.12",
            initrd,
            linux,
            path,
            blobs: &NoBlobs,
        };
        super::uki(stub, &sections)
    }

    const INITRD: Option<&[u8]> = Some(&[1; 0x1001]);

    #[test]
    fn sections_follow_the_stubs_own() {
        let stub = stub(0x400);
        let image = uki(&stub, INITRD).unwrap();
        let sections = read_uki(&image).unwrap();
        let names: Vec<&str> = sections.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [".text", ".osrel", ".cmdline", ".uname", ".initrd", ".linux"]);
        assert_eq!(sections[1].1, b"ID=debian\n");
        assert_eq!(sections[4].1, [1; 0x1001]);
        assert_eq!(image[0x400..0x600], stub[0x400..0x600]);
        let file = PeFile64::parse(&*image).unwrap();
        let addresses: Vec<u32> = file.section_table().iter().map(|section| section.virtual_address.get(Le)).collect();
        assert_eq!(addresses, [0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x7000]);
        let places: Vec<u32> = file.section_table().iter().map(|section| section.pointer_to_raw_data.get(Le)).collect();
        assert_eq!(places, [0x400, 0x600, 0x800, 0xa00, 0xc00, 0x1e00]);
        let optional = file.nt_headers().optional_header();
        assert_eq!((optional.size_of_image(), optional.check_sum()), (0x8000, 0));
        assert_eq!(image.len(), 0x2000);
        let security = file.data_directories().get(IMAGE_DIRECTORY_ENTRY_SECURITY);
        assert!(security.is_none_or(|entry| entry.size.get(Le) == 0));
        assert_eq!(uki(&stub, INITRD).unwrap(), image);
    }

    #[test]
    fn a_kernel_that_needs_no_initramfs_gets_no_section_for_one() {
        let image = uki(&stub(0x400), None).unwrap();
        let names: Vec<String> = read_uki(&image).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [".text", ".osrel", ".cmdline", ".uname", ".linux"]);
    }

    #[test]
    fn a_stub_that_cannot_take_sections_is_refused() {
        let reason = |stub: &[u8]| match uki(stub, INITRD) {
            Err(KernelError::BadStub(reason)) => reason,
            other => panic!("{other:?}"),
        };
        // One header of 40 bytes ends at 0x1b0; four more fit before 0x250, five do not.
        assert!(reason(&stub(0x250)).contains("no room"));
        assert!(uki(&stub(0x280), INITRD).is_ok());
        let image = uki(&stub(0x400), INITRD).unwrap();
        assert!(reason(&image).contains("already"));
        assert!(!reason(b"MZ").is_empty());
        let short = stub(0x400);
        assert!(reason(&short[..0x500]).contains("past its end"));
        let mut odd = stub(0x400);
        put(&mut odd, 0x98 + 32, 0x1001);
        assert!(reason(&odd).contains("alignments"));
    }
}
