//! What an image is to be written to, as the kernel tells of it: `Documentation/ABI/stable/sysfs-block` and proc_pid_mountinfo(5).

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rootsmith_types::NumBytes;

use crate::FlashError;

/// Bytes of what `size` in sysfs counts, whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// Where the kernel tells of disks and mounts.
#[derive(Debug, Clone)]
pub struct System {
    /// `/sys`.
    pub sysfs: PathBuf,
    /// `/proc/self/mountinfo`.
    pub mounts: PathBuf,
    /// `/proc/swaps`.
    pub swaps: PathBuf,
}

impl Default for System {
    fn default() -> System {
        System { sysfs: "/sys".into(), mounts: "/proc/self/mountinfo".into(), swaps: "/proc/swaps".into() }
    }
}

/// A disk or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As it was named.
    pub path: PathBuf,
    /// What the disk is; nothing for a file, which becomes as large as it must.
    pub device: Option<Device>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// As its maker calls it, where it says.
    pub model: Option<String>,
    /// Its bytes.
    pub size: NumBytes,
    /// Why one might not mean it, each a lower-case phrase after its name.
    pub doubts: Vec<String>,
}

/// Looks at what `path` names. With `force`, doubts about a disk are told but refuse nothing.
pub fn look(path: &Path, system: &System, force: bool) -> Result<Target, FlashError> {
    let path = path.to_owned();
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        // Whoever mistypes a disk's name does not want a file of that name in memory.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.starts_with("/dev") => {
            return Ok(Target { path, device: None });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FlashError::Missing { path }),
        Err(source) => return Err(FlashError::Io { path, doing: "open", offset: None, source }),
    };
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(Target { path, device: None });
    }
    if !kind.is_block_device() {
        let what = if kind.is_dir() { "a folder" } else { "neither a disk nor a file" };
        return Err(FlashError::NoTarget { path, what: what.to_owned() });
    }
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    let device = describe(&format!("{major}:{minor}"), system).map_err(|source| FlashError::Io {
        path: path.clone(),
        doing: "read about",
        offset: None,
        source,
    })?;
    match device.doubts.first() {
        Some(reason) if !force => Err(FlashError::Refused { path, reason: reason.clone() }),
        _ => Ok(Target { path, device: Some(device) }),
    }
}

/// What the kernel tells of the disk with this number.
fn describe(number: &str, system: &System) -> io::Result<Device> {
    let folder = fs::canonicalize(system.sysfs.join("dev/block").join(number))?;
    let read = |name: &str| fs::read_to_string(folder.join(name)).map(|text| text.trim().to_owned());
    let size = read("size")?.parse::<u64>().ok().and_then(|sectors| sectors.checked_mul(SECTOR));
    let size = size.ok_or_else(|| io::Error::other("its size is no number"))?;
    let model = ["device/model", "device/name"].iter().find_map(|name| read(name).ok());

    let mut doubts = Vec::new();
    if folder.join("partition").exists() {
        doubts.push("is a partition, not a whole disk".to_owned());
    }
    // Cards in readers of their own and disks at USB say nothing of being removable, and are.
    let card = read("device/type").is_ok_and(|kind| kind == "SD");
    let usb = folder.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"));
    if !card && !usb && read("removable").is_ok_and(|flag| flag == "0") {
        doubts.push("is not removable".to_owned());
    }
    if read("ro").is_ok_and(|flag| flag == "1") {
        doubts.push("is write-protected".to_owned());
    }
    doubts.extend(uses(&folder, number, system)?);
    Ok(Device { model: model.filter(|model| !model.is_empty()), size: NumBytes::new(size), doubts })
}

/// Who uses the disk or one of its partitions.
fn uses(folder: &Path, number: &str, system: &System) -> io::Result<Vec<String>> {
    let mut parts = vec![(folder.to_owned(), number.to_owned())];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let (true, Ok(number)) = (path.join("partition").exists(), fs::read_to_string(path.join("dev"))) {
            parts.push((path, number.trim().to_owned()));
        }
    }
    parts.sort();
    let mounts = fs::read_to_string(&system.mounts)?;
    // A kernel without swap has no such file.
    let swaps = fs::read_to_string(&system.swaps).unwrap_or_default();
    let mut found = Vec::new();
    for (path, number) in parts {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mounted = mounts.lines().filter_map(|line| {
            let mut fields = line.split(' ').skip(2);
            (fields.next() == Some(&number)).then(|| fields.nth(1)).flatten()
        });
        found.extend(mounted.map(|place| format!("is in use: `{name}` is mounted at {place}")));
        if swaps.lines().filter_map(|line| line.split_whitespace().next()).any(|used| used == format!("/dev/{name}")) {
            found.push(format!("is in use: `{name}` is swap"));
        }
        if let Some(holder) = fs::read_dir(path.join("holders")).ok().and_then(|mut holders| holders.next()) {
            found.push(format!("is in use: `{name}` belongs to `{}`", holder?.file_name().to_string_lossy()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A disk with a partition, as sysfs has them, below `bus`.
    fn system(bus: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, System) {
        let root = tempfile::tempdir().unwrap();
        let disk = root.path().join("sys/devices").join(bus).join("block/sdx");
        let base = [
            ("size", "62333952"),
            ("removable", "1"),
            ("ro", "0"),
            ("device/model", "Ultra Fit "),
            ("sdx1/partition", "1"),
        ];
        for (name, text) in base.iter().chain(&[("sdx1/dev", "8:17"), ("sdx1/size", "2048")]).chain(files) {
            let path = disk.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
        fs::create_dir_all(root.path().join("sys/dev/block")).unwrap();
        symlink(&disk, root.path().join("sys/dev/block/8:16")).unwrap();
        symlink(disk.join("sdx1"), root.path().join("sys/dev/block/8:17")).unwrap();
        let mounts = root.path().join("mounts");
        fs::write(&mounts, "25 1 259:1 / / rw - ext4 /dev/nvme0n1 rw\n").unwrap();
        let system = System { sysfs: root.path().join("sys"), mounts, swaps: root.path().join("swaps") };
        (root, system)
    }

    #[test]
    fn a_card_is_named_and_measured() {
        let (_root, system) = system("pci0000:00", &[]);
        let found = describe("8:16", &system).unwrap();
        assert_eq!(
            found,
            Device { model: Some("Ultra Fit".to_owned()), size: NumBytes::new(62_333_952 * 512), doubts: vec![] }
        );
    }

    #[test]
    fn a_disk_of_the_machine_is_doubted_and_a_card_in_its_own_reader_is_not() {
        let fixed = [("removable", "0")];
        let of = |bus: &str, files: &[(&str, &str)]| {
            let (_root, system) = system(bus, files);
            describe("8:16", &system).unwrap().doubts
        };
        assert_eq!(of("pci0000:00", &fixed), ["is not removable"]);
        assert_eq!(of("pci0000:00/usb1", &fixed), [""; 0]);
        assert_eq!(of("mmc0", &[("removable", "0"), ("device/type", "SD")]), [""; 0]);
        assert_eq!(of("pci0000:00", &[("ro", "1")]), ["is write-protected"]);
    }

    #[test]
    fn whoever_uses_it_or_a_part_of_it_is_named() {
        let (root, system) = system("usb1", &[("sdx1/holders/dm-0", "")]);
        fs::write(&system.mounts, "30 25 8:17 / /media/card rw - ext4 /dev/sdx1 rw\n").unwrap();
        fs::write(&system.swaps, "Filename Type Size\n/dev/sdx1 partition 8 0 -2\n").unwrap();
        let found = describe("8:16", &system).unwrap().doubts;
        assert_eq!(
            found,
            [
                "is in use: `sdx1` is mounted at /media/card",
                "is in use: `sdx1` is swap",
                "is in use: `sdx1` belongs to `dm-0`"
            ]
        );
        assert_eq!(describe("8:17", &system).unwrap().doubts[0], "is a partition, not a whole disk");
        drop(root);
    }

    #[test]
    fn a_name_below_dev_that_is_none_makes_no_file() {
        let system = System::default();
        assert!(matches!(look(Path::new("/dev/no-such-disk"), &system, true), Err(FlashError::Missing { .. })));
        assert!(matches!(look(Path::new("/dev/null"), &system, true), Err(FlashError::NoTarget { .. })));
        assert!(matches!(look(Path::new("/"), &system, true), Err(FlashError::NoTarget { .. })));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(&folder.path().join("new.img"), &system, false).unwrap().device, None);
    }
}
