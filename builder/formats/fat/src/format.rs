//! On-disk structures of FAT16 and FAT32 (`fatgen103`). Integers are little-endian.
//!
//! Blank lines in a structure stand after every 16 bytes, so that it lines up with a hexdump.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes in a sector.
pub const SECTOR: u64 = 512;
/// Bytes in a directory entry.
pub const ENTRY: u64 = 32;
/// The last two bytes of a boot sector.
pub const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// What ends a chain in a FAT16 table.
pub const END_OF_CHAIN_16: u16 = 0xffff;
/// What ends a chain in a FAT32 table.
pub const END_OF_CHAIN_32: u32 = 0x0fff_ffff;
/// `BPB_Media` of everything that is not a floppy.
pub const MEDIA_FIXED: u8 = 0xf8;
/// Directory entry: the volume's label.
pub const ATTR_VOLUME_ID: u8 = 0x08;
/// Directory entry: a directory.
pub const ATTR_DIRECTORY: u8 = 0x10;
/// Directory entry: a file that was changed since the last backup, as every new file is.
pub const ATTR_ARCHIVE: u8 = 0x20;
/// Directory entry: a part of a long name.
pub const ATTR_LONG_NAME: u8 = 0x0f;
/// In [`LongName::ldir_ord`]: the entry that comes first holds the name's end.
pub const LAST_LONG_ENTRY: u8 = 0x40;

/// BIOS parameter block: the first 36 bytes of either boot sector.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Bpb {
    /// A jump over this table.
    pub bs_jmp_boot: [u8; 3],
    /// `MSWIN4.1`, which the specification recommends.
    pub bs_oem_name: [u8; 8],
    /// 512.
    pub bpb_byts_per_sec: U16,
    /// A power of two.
    pub bpb_sec_per_clus: u8,
    /// Sectors before the first table.
    pub bpb_rsvd_sec_cnt: U16,

    /// 2.
    pub bpb_num_fats: u8,
    /// Entries of the root directory; zero in FAT32.
    pub bpb_root_ent_cnt: U16,
    /// All sectors when they fit and the volume is FAT16, else zero.
    pub bpb_tot_sec16: U16,
    /// [`MEDIA_FIXED`].
    pub bpb_media: u8,
    /// Sectors of one table; zero in FAT32.
    pub bpb_fat_sz16: U16,
    /// Geometry for BIOS calls of the last century.
    pub bpb_sec_per_trk: U16,
    /// The same.
    pub bpb_num_heads: U16,
    /// Sectors before the volume on its disk: zero, as an image does not know.
    pub bpb_hidd_sec: U32,

    /// All sectors, unless `bpb_tot_sec16` has them.
    pub bpb_tot_sec32: U32,
}
const _: () = assert!(size_of::<Bpb>() == 36);

/// The part of a boot sector that follows at different places: what the volume is called.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Volume {
    /// 0x80.
    pub bs_drv_num: u8,
    /// Zero.
    pub bs_reserved1: u8,
    /// 0x29: the next three fields are there.
    pub bs_boot_sig: u8,
    /// Serial number: `UUID=1234-ABCD`.
    pub bs_vol_id: U32,
    /// The label, filled up with spaces.
    pub bs_vol_lab: [u8; 11],
    /// `FAT16   ` or `FAT32   `: for people; nothing may follow from it.
    pub bs_fil_sys_type: [u8; 8],
}
const _: () = assert!(size_of::<Volume>() == 26);

/// The boot sector of a FAT16 volume.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BootSector16 {
    /// The table both kinds share.
    pub bpb: Bpb,
    /// The volume's names.
    pub volume: Volume,
    /// What a BIOS runs.
    pub code: [u8; 448],
    /// [`SIGNATURE`].
    pub signature: [u8; 2],
}
const _: () = assert!(size_of::<BootSector16>() == 512);

/// The boot sector of a FAT32 volume.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BootSector32 {
    /// The table both kinds share.
    pub bpb: Bpb,
    /// Sectors of one table.
    pub bpb_fat_sz32: U32,
    /// Zero: both tables are kept the same.
    pub bpb_ext_flags: U16,
    /// Zero.
    pub bpb_fs_ver: U16,
    /// The root directory's first cluster.
    pub bpb_root_clus: U32,

    /// Where [`FsInfo`] is: 1.
    pub bpb_fs_info: U16,
    /// Where this sector is once more: 6.
    pub bpb_bk_boot_sec: U16,
    /// Zero.
    pub bpb_reserved: [u8; 12],

    /// The volume's names.
    pub volume: Volume,
    /// What a BIOS runs.
    pub code: [u8; 420],
    /// [`SIGNATURE`].
    pub signature: [u8; 2],
}
const _: () = assert!(size_of::<BootSector32>() == 512);

/// What a FAT32 driver would otherwise have to count.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FsInfo {
    /// `RRaA`.
    pub fsi_lead_sig: [u8; 4],
    /// Zero.
    pub fsi_reserved1: [u8; 480],
    /// `rrAa`.
    pub fsi_struc_sig: [u8; 4],
    /// Free clusters.
    pub fsi_free_count: U32,
    /// Where to look for the next free one.
    pub fsi_nxt_free: U32,
    /// Zero.
    pub fsi_reserved2: [u8; 12],
    /// `00 00 55 aa`.
    pub fsi_trail_sig: [u8; 4],
}
const _: () = assert!(size_of::<FsInfo>() == 512);

/// A directory entry with a short name.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DirEntry {
    /// Eight and three characters, filled up with spaces.
    pub dir_name: [u8; 11],
    /// `ATTR_` bits.
    pub dir_attr: u8,
    /// Zero.
    pub dir_nt_res: u8,
    /// Tenths of a second of the creation time, 0 to 199 hundredths.
    pub dir_crt_time_tenth: u8,
    /// Time of creation.
    pub dir_crt_time: U16,

    /// Date of creation.
    pub dir_crt_date: U16,
    /// Date of last access.
    pub dir_lst_acc_date: U16,
    /// High half of the first cluster; zero in FAT16.
    pub dir_fst_clus_hi: U16,
    /// Time of last change.
    pub dir_wrt_time: U16,
    /// Date of last change.
    pub dir_wrt_date: U16,
    /// Low half of the first cluster; zero for an empty file.
    pub dir_fst_clus_lo: U16,
    /// Bytes; zero for a directory.
    pub dir_file_size: U32,
}
const _: () = assert!(size_of::<DirEntry>() == 32);

/// Thirteen UTF-16 units of a long name. The entries of a name stand before its [`DirEntry`], its end first.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LongName {
    /// From 1; with [`LAST_LONG_ENTRY`] in the entry that holds the end.
    pub ldir_ord: u8,
    /// The first five units.
    pub ldir_name1: [U16; 5],
    /// [`ATTR_LONG_NAME`].
    pub ldir_attr: u8,
    /// Zero.
    pub ldir_type: u8,
    /// Of the short name, so that a driver which knows no long names cannot leave one behind unnoticed.
    pub ldir_chksum: u8,
    /// Six more.
    pub ldir_name2: [U16; 6],
    /// Zero.
    pub ldir_fst_clus_lo: U16,
    /// Two more.
    pub ldir_name3: [U16; 2],
}
const _: () = assert!(size_of::<LongName>() == 32);
