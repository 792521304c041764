//! The volume's bytes, ascending: boot sectors, tables, directories, contents.

use std::io;

use rootsmith_ondisk::{Gapless, Sink};
use rootsmith_tree::Mtime;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::FatType;
use crate::format::{
    ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_VOLUME_ID, BootSector16, BootSector32, Bpb, DirEntry,
    END_OF_CHAIN_16, END_OF_CHAIN_32, ENTRY, FsInfo, LAST_LONG_ENTRY, LongName, MEDIA_FIXED, SECTOR, SIGNATURE, Volume,
};
use crate::name::Name;
use crate::plan::{Child, Directory, File, Plan, Run};
use crate::time::Timestamp;

/// How much of a table or a content is in memory at a time.
const PIECE: u64 = 256 << 10;
/// `int 18h; jmp $`: a BIOS goes on with the next device, or stops.
const BOOT_CODE: [u8; 4] = [0xcd, 0x18, 0xeb, 0xfe];

/// Everything up to the last cluster in use is written, zeros included: free entries of the tables and of directories are read, and what was
/// on a card before is none.
pub(crate) fn write(plan: &Plan<'_>, out: &mut dyn Sink) -> io::Result<()> {
    let mut out = Gapless::new(out);
    write_parts(plan, &mut out)?;
    let used = plan.directories.iter().map(|it| it.run).chain(plan.files.iter().map(|it| it.run));
    let end = used.map(|run| run.first + run.clusters).max().unwrap_or_default();
    out.fill(plan.geometry.cluster_offset(end.max(2)))
}

fn write_parts(plan: &Plan<'_>, out: &mut dyn Sink) -> io::Result<()> {
    match plan.geometry.fat_type {
        FatType::Fat16 => out.write_at(0, boot_sector_16(plan).as_bytes())?,
        FatType::Fat32 => {
            let sectors = [boot_sector_32(plan).as_bytes(), fs_info(plan).as_bytes()].concat();
            out.write_at(0, &sectors)?;
            out.write_at(6 * SECTOR, &sectors)?;
        }
    }
    for copy in 0..2 {
        write_table(plan, plan.geometry.fat_offset(copy), out)?;
    }
    for (index, directory) in plan.directories.iter().enumerate() {
        let offset = match directory.run {
            Run { clusters: 0, .. } => plan.geometry.root_offset(),
            run => plan.geometry.cluster_offset(run.first),
        };
        out.write_at(offset, &entries(plan, index, directory))?;
    }
    for file in &plan.files {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", file.path));
        write_file(plan, file, out).map_err(named)?;
    }
    Ok(())
}

/// One of the two tables. Clusters are taken from 2 on without a gap, each thing in one run, so the table is a row of runs;
/// what follows is free and stays zero.
fn write_table(plan: &Plan<'_>, offset: u64, out: &mut dyn Sink) -> io::Result<()> {
    let fat_type = plan.geometry.fat_type;
    let mut table = Table { fat_type, out, offset, buffer: Vec::new() };
    // Entry 0 repeats the media byte, entry 1 says that the volume was left in order.
    table.push(END_OF_CHAIN_32 & !0xff | u32::from(MEDIA_FIXED))?;
    table.push(END_OF_CHAIN_32)?;
    let runs = plan.directories.iter().map(|it| it.run).chain(plan.files.iter().map(|it| it.run));
    for run in runs {
        for next in run.first + 1..run.first + run.clusters {
            // Less than 2^28: the plan has seen to that.
            table.push(next as u32)?;
        }
        if run.clusters > 0 {
            table.push(END_OF_CHAIN_32)?;
        }
    }
    table.flush()
}

struct Table<'a> {
    fat_type: FatType,
    out: &'a mut dyn Sink,
    offset: u64,
    buffer: Vec<u8>,
}

impl Table<'_> {
    fn push(&mut self, entry: u32) -> io::Result<()> {
        match self.fat_type {
            // 0x0fffffff becomes 0xffff, and 0x0ffffff8 becomes 0xfff8.
            FatType::Fat16 => {
                self.buffer.extend_from_slice(&((entry & u32::from(END_OF_CHAIN_16)) as u16).to_le_bytes())
            }
            FatType::Fat32 => self.buffer.extend_from_slice(&entry.to_le_bytes()),
        }
        if self.buffer.len() as u64 >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_at(self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn write_file(plan: &Plan<'_>, file: &File<'_>, out: &mut dyn Sink) -> io::Result<()> {
    let mut buffer = vec![0; u64::from(file.size).min(PIECE) as usize];
    for range in file.content.data_ranges() {
        let mut at = range.start;
        while at < range.end {
            let piece = &mut buffer[..(range.end - at).min(PIECE) as usize];
            file.content.read_at(plan.blobs, at, piece)?;
            out.write_at(plan.geometry.cluster_offset(file.run.first) + at, piece)?;
            at += piece.len() as u64;
        }
    }
    Ok(())
}

/// A directory's bytes. The rest of its last cluster stays zero, which ends it.
fn entries(plan: &Plan<'_>, index: usize, directory: &Directory) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |entry: &DirEntry| bytes.extend_from_slice(entry.as_bytes());
    if index > 0 {
        // The root is cluster 0 as a parent, in FAT32 too.
        let parent = if directory.parent == 0 { 0 } else { plan.directories[directory.parent].run.first };
        let parent_mtime = plan.directories[directory.parent].mtime;
        push(&entry(*b".          ", ATTR_DIRECTORY, directory.run.first, directory.mtime, 0));
        push(&entry(*b"..         ", ATTR_DIRECTORY, parent, parent_mtime, 0));
    } else if let Some(label) = plan.label {
        push(&entry(label, ATTR_VOLUME_ID, 0, directory.mtime, 0));
    }
    for (name, child) in &directory.children {
        bytes.extend_from_slice(long_name(name).as_bytes());
        let entry = match *child {
            Child::Directory(index) => {
                let directory = &plan.directories[index];
                entry(name.short, ATTR_DIRECTORY, directory.run.first, directory.mtime, 0)
            }
            Child::File(index) => {
                let file = &plan.files[index];
                entry(name.short, ATTR_ARCHIVE, file.run.first, file.mtime, file.size)
            }
        };
        bytes.extend_from_slice(entry.as_bytes());
    }
    debug_assert_eq!(bytes.len() as u64 % ENTRY, 0);
    bytes
}

fn entry(name: [u8; 11], attributes: u8, cluster: u64, mtime: Mtime, size: u32) -> DirEntry {
    let Timestamp { date, time } = Timestamp::new(mtime);
    DirEntry {
        dir_name: name,
        dir_attr: attributes,
        dir_nt_res: 0,
        dir_crt_time_tenth: 0,
        dir_crt_time: U16::new(time),
        dir_crt_date: U16::new(date),
        dir_lst_acc_date: U16::new(date),
        dir_fst_clus_hi: U16::new((cluster >> 16) as u16),
        dir_wrt_time: U16::new(time),
        dir_wrt_date: U16::new(date),
        dir_fst_clus_lo: U16::new(cluster as u16),
        dir_file_size: U32::new(size),
    }
}

/// The entries of a long name, as they are stored: its end first. Behind the end comes one zero, then ones.
fn long_name(name: &Name) -> Vec<LongName> {
    let checksum = name.checksum();
    let count = name.long.len().div_ceil(13);
    let unit = |at: usize| {
        U16::new(match at.cmp(&name.long.len()) {
            std::cmp::Ordering::Less => name.long[at],
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 0xffff,
        })
    };
    let part = |index: usize| {
        let start = index * 13;
        let last = if index + 1 == count { LAST_LONG_ENTRY } else { 0 };
        LongName {
            // At most 20: a name has up to 255 units.
            ldir_ord: (index as u8 + 1) | last,
            ldir_name1: std::array::from_fn(|i| unit(start + i)),
            ldir_attr: ATTR_LONG_NAME,
            ldir_type: 0,
            ldir_chksum: checksum,
            ldir_name2: std::array::from_fn(|i| unit(start + 5 + i)),
            ldir_fst_clus_lo: U16::ZERO,
            ldir_name3: std::array::from_fn(|i| unit(start + 11 + i)),
        }
    };
    (0..count).rev().map(part).collect()
}

fn boot_sector_16(plan: &Plan<'_>) -> BootSector16 {
    // The jump goes over the table, to `code`: 0x3e less the two bytes of the jump.
    BootSector16 { bpb: bpb(plan, 0x3c), volume: volume(plan, *b"FAT16   "), code: boot_code(), signature: SIGNATURE }
}

fn boot_sector_32(plan: &Plan<'_>) -> BootSector32 {
    BootSector32 {
        bpb: bpb(plan, 0x58),
        bpb_fat_sz32: U32::new(plan.geometry.fat_sectors as u32),
        bpb_ext_flags: U16::ZERO,
        bpb_fs_ver: U16::ZERO,
        bpb_root_clus: U32::new(2),
        bpb_fs_info: U16::new(1),
        bpb_bk_boot_sec: U16::new(6),
        bpb_reserved: [0; 12],
        volume: volume(plan, *b"FAT32   "),
        code: boot_code(),
        signature: SIGNATURE,
    }
}

fn bpb(plan: &Plan<'_>, jump: u8) -> Bpb {
    let geometry = &plan.geometry;
    let fat16 = geometry.fat_type == FatType::Fat16;
    // 63 and 255 are what a BIOS assumes of a disk it addresses by block numbers.
    let total16 = u16::try_from(geometry.total).ok().filter(|_| fat16);
    Bpb {
        bs_jmp_boot: [0xeb, jump, 0x90],
        bs_oem_name: *b"MSWIN4.1",
        bpb_byts_per_sec: U16::new(SECTOR as u16),
        bpb_sec_per_clus: geometry.sectors_per_cluster as u8,
        bpb_rsvd_sec_cnt: U16::new(geometry.reserved as u16),
        bpb_num_fats: 2,
        bpb_root_ent_cnt: U16::new((geometry.root_sectors * SECTOR / ENTRY) as u16),
        bpb_tot_sec16: U16::new(total16.unwrap_or(0)),
        bpb_media: MEDIA_FIXED,
        bpb_fat_sz16: U16::new(if fat16 { geometry.fat_sectors as u16 } else { 0 }),
        bpb_sec_per_trk: U16::new(63),
        bpb_num_heads: U16::new(255),
        bpb_hidd_sec: U32::ZERO,
        bpb_tot_sec32: U32::new(if total16.is_some() { 0 } else { geometry.total as u32 }),
    }
}

fn volume(plan: &Plan<'_>, kind: [u8; 8]) -> Volume {
    Volume {
        bs_drv_num: 0x80,
        bs_reserved1: 0,
        bs_boot_sig: 0x29,
        bs_vol_id: U32::new(plan.volume_id),
        bs_vol_lab: plan.label.unwrap_or(*b"NO NAME    "),
        bs_fil_sys_type: kind,
    }
}

fn boot_code<const N: usize>() -> [u8; N] {
    let mut code = [0; N];
    code[..BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
    code
}

fn fs_info(plan: &Plan<'_>) -> FsInfo {
    FsInfo {
        fsi_lead_sig: *b"RRaA",
        fsi_reserved1: [0; 480],
        fsi_struc_sig: *b"rrAa",
        fsi_free_count: U32::new((plan.geometry.clusters - plan.used) as u32),
        // The last one taken; the root directory at least.
        fsi_nxt_free: U32::new((plan.used + 1) as u32),
        fsi_reserved2: [0; 12],
        fsi_trail_sig: [0, 0, 0x55, 0xaa],
    }
}
