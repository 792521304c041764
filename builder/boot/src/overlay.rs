//! A larger disk on top of an image: a qcow2 file without any content, with the image behind it.
//!
//! An image that grows on its first boot shows that only on a disk with room. Specification: QEMU, `docs/interop/qcow2.rst`,
//! version 3; all integers are big-endian.
//!
//! | cluster of 64 KiB | holds                                        |
//! |-------------------|----------------------------------------------|
//! | 0                 | header, the backing format, the image's path |
//! | 1                 | refcount table: one entry                    |
//! | 2                 | refcount block: these clusters, once each    |
//! | 3                 | L1 table: empty, all is read from the image  |

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const CLUSTER: u64 = 1 << 16;
/// What one L2 table maps: 8192 clusters.
const PER_L1_ENTRY: u64 = CLUSTER * 8192;
/// As many entries as an L1 table of one cluster has: 4 TiB.
const MAX_SIZE: u64 = PER_L1_ENTRY * (CLUSTER / 8);
const MAGIC: &[u8; 4] = b"QFI\xfb";
const HEADER: usize = 104;

/// Makes a disk of at least `least` bytes in `folder` that shows the image and takes all writes.
pub fn overlay(image: &Path, least: u64, folder: &Path) -> io::Result<PathBuf> {
    let image = fs::canonicalize(image)?;
    let (format, size) = size_of(&image)?;
    let size = size.max(least).checked_next_multiple_of(512).filter(|&size| size <= MAX_SIZE);
    let size =
        size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the disk would be larger than 4 TiB"))?;
    let file = folder.join("disk.qcow2");
    fs::write(&file, empty(&image, format, size)?)?;
    Ok(file)
}

/// The image's format and the size of the disk in it.
fn size_of(image: &Path) -> io::Result<(&'static str, u64)> {
    let mut header = Vec::new();
    File::open(image)?.take(32).read_to_end(&mut header)?;
    match header.get(24..32).map(<[u8; 8]>::try_from) {
        Some(Ok(size)) if header.starts_with(MAGIC) => Ok(("qcow2", u64::from_be_bytes(size))),
        _ => Ok(("raw", fs::metadata(image)?.len())),
    }
}

fn empty(image: &Path, format: &str, size: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let path = image.as_os_str().as_bytes();
    // Header extension: the backing file's format, padded to 8 bytes; then the end of the extensions.
    let mut extension = 0xe279_2aca_u32.to_be_bytes().to_vec();
    extension.extend_from_slice(&(format.len() as u32).to_be_bytes());
    extension.extend_from_slice(format.as_bytes());
    extension.resize(extension.len().next_multiple_of(8) + 8, 0);
    let at = HEADER + extension.len();
    // docs/interop/qcow2.rst: at most 1023 bytes.
    if path.len() > 1023 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the image's path is longer than 1023 bytes"));
    }
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    let words =
        |out: &mut Vec<u8>, words: &[u32]| words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    words(&mut out, &[3]);
    out.extend_from_slice(&(at as u64).to_be_bytes());
    words(&mut out, &[path.len() as u32, 16]);
    out.extend_from_slice(&size.to_be_bytes());
    // No encryption; at most 8192 entries of the L1 table, which `size` was held to.
    words(&mut out, &[0, size.div_ceil(PER_L1_ENTRY) as u32]);
    out.extend_from_slice(&(3 * CLUSTER).to_be_bytes());
    out.extend_from_slice(&CLUSTER.to_be_bytes());
    words(&mut out, &[1, 0]);
    // No snapshots; no features; refcounts of 16 bits; the length of this header.
    out.extend_from_slice(&[0; 8 * 4]);
    words(&mut out, &[4, HEADER as u32]);
    debug_assert_eq!(out.len(), HEADER);
    out.extend_from_slice(&extension);
    out.extend_from_slice(path);
    out.resize(CLUSTER as usize, 0);
    out.extend_from_slice(&(2 * CLUSTER).to_be_bytes());
    out.resize(2 * CLUSTER as usize, 0);
    (0..4).for_each(|_| out.extend_from_slice(&1u16.to_be_bytes()));
    out.resize(4 * CLUSTER as usize, 0);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_as_large_as_asked_or_as_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::write(&image, vec![0; 1000]).unwrap();
        let raw = overlay(&image, 0, folder.path()).unwrap();
        assert_eq!(size_of(&raw).unwrap(), ("qcow2", 1024));
        let larger = overlay(&image, 1 << 33, folder.path()).unwrap();
        assert_eq!(size_of(&larger).unwrap(), ("qcow2", 1 << 33));
        assert_eq!(fs::metadata(&larger).unwrap().len(), 4 * CLUSTER);
        // An image in qcow2 is measured by its header.
        let above = folder.path().join("above");
        fs::create_dir(&above).unwrap();
        assert_eq!(size_of(&overlay(&larger, 5, &above).unwrap()).unwrap(), ("qcow2", 1 << 33));
        assert!(overlay(&image, u64::MAX, folder.path()).is_err());
        assert!(overlay(&image, MAX_SIZE + 1, folder.path()).is_err());
        assert!(overlay(&folder.path().join("missing"), 0, folder.path()).is_err());
    }

    #[test]
    fn qemu_img_finds_nothing_wrong() {
        let Some(judge) = crate::tests::program("qemu-img") else { return };
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("an, image");
        fs::write(&image, b"content").unwrap();
        let disk = overlay(&image, 9 << 30, folder.path()).unwrap();
        let checked = std::process::Command::new(&judge).arg("check").arg(&disk).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let info = std::process::Command::new(&judge).args(["info", "--output=json"]).arg(&disk).output().unwrap();
        let info = String::from_utf8_lossy(&info.stdout);
        assert!(info.contains("\"virtual-size\": 9663676416") && info.contains("an, image"), "{info}");
        assert!(info.contains("\"backing-filename-format\": \"raw\""), "{info}");
    }
}
