//! The image against its map, onto the target, and back from it.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rootsmith_bmap::BlockMap;
use rootsmith_types::{NumBytes, Sha256Digest};
use rustix::fs::{Advice, OFlags, fadvise};
use sha2::{Digest, Sha256};

use crate::{FlashError, Target};

/// So much is read and written at once: whole erase blocks of most cards.
const CHUNK: usize = 4 << 20;
/// What direct I/O wants addresses, offsets and lengths to be multiples of, on any disk.
const ALIGN: usize = 4096;

/// What is being done with each mapped byte, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The image is read and held against its map.
    Check,
    /// Its blocks are written.
    Write,
    /// They are read back.
    Verify,
}

/// What bytes are written to and read back from.
trait Card {
    fn write(&mut self, data: &[u8], offset: u64) -> io::Result<()>;
    /// Makes sure that what was written is on the card, and that reading does not come from memory.
    fn settle(&mut self) -> io::Result<()>;
    fn read(&self, data: &mut [u8], offset: u64) -> io::Result<()>;
}

/// Memory at an address that direct I/O takes.
struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new() -> Buffer {
        let memory = vec![0; CHUNK + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Buffer { memory, start }
    }

    fn get(&mut self, len: usize) -> &mut [u8] {
        &mut self.memory[self.start..self.start + len.min(CHUNK)]
    }
}

/// Writes the blocks of `image` that `map` has to the target, which [`crate::look`] has let pass, and reads them back. `progress` is told
/// how many bytes more went through each step.
pub fn flash(
    image: &Path,
    map: &BlockMap,
    target: &Target,
    force: bool,
    progress: &mut dyn FnMut(Step, u64),
) -> Result<(), FlashError> {
    let opened = |source| FlashError::Io { path: image.to_owned(), doing: "open", offset: None, source };
    let file = File::open(image).map_err(opened)?;
    if file.metadata().map_err(opened)?.len() != map.image_size {
        return Err(FlashError::Image { path: image.to_owned(), offset: NumBytes::new(map.image_size) });
    }
    let needed = NumBytes::new(map.image_size);
    if let Some(device) = target.device.as_ref().filter(|device| device.size < needed) {
        return Err(FlashError::TooSmall { path: target.path.clone(), size: device.size, needed });
    }
    let mut buffer = Buffer::new();
    let read = |data: &mut [u8], offset| file.read_exact_at(data, offset).map_err(failed(image, "read", offset));
    if let Some(offset) = differing(map, &mut buffer, read, &mut |bytes| progress(Step::Check, bytes))? {
        return Err(FlashError::Image { path: image.to_owned(), offset });
    }
    let mut card = Opened::open(target, map, force)?;
    copy(&file, image, map, &mut card, &target.path, &mut buffer, progress)
}

fn copy(
    file: &File,
    image: &Path,
    map: &BlockMap,
    card: &mut dyn Card,
    target: &Path,
    buffer: &mut Buffer,
    progress: &mut dyn FnMut(Step, u64),
) -> Result<(), FlashError> {
    for (offset, len) in map.ranges.iter().flat_map(|range| chunks(map.bytes(range))) {
        let data = buffer.get(len);
        file.read_exact_at(data, offset).map_err(failed(image, "read", offset))?;
        card.write(data, offset).map_err(failed(target, "write", offset))?;
        progress(Step::Write, len as u64);
    }
    card.settle().map_err(failed(target, "write", map.image_size))?;
    let read = |data: &mut [u8], offset| card.read(data, offset).map_err(failed(target, "read back", offset));
    match differing(map, buffer, read, &mut |bytes| progress(Step::Verify, bytes))? {
        Some(offset) => Err(FlashError::Differs { path: target.to_owned(), offset }),
        None => Ok(()),
    }
}

/// Where the first range begins whose bytes, as `read` gives them, are not what the map says.
fn differing(
    map: &BlockMap,
    buffer: &mut Buffer,
    read: impl Fn(&mut [u8], u64) -> Result<(), FlashError>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<NumBytes>, FlashError> {
    for range in &map.ranges {
        let mut digest = Sha256::new();
        for (offset, len) in chunks(map.bytes(range)) {
            let data = buffer.get(len);
            read(data, offset)?;
            digest.update(data);
            progress(len as u64);
        }
        if Sha256Digest::new(digest.finalize().into()) != range.sha256 {
            return Ok(Some(NumBytes::new(map.bytes(range).start)));
        }
    }
    Ok(None)
}

fn chunks(bytes: Range<u64>) -> impl Iterator<Item = (u64, usize)> {
    let end = bytes.end;
    // No more than CHUNK, which is a length in memory.
    bytes.step_by(CHUNK).map(move |offset| (offset, (end - offset).min(CHUNK as u64) as usize))
}

fn failed(path: &Path, doing: &'static str, offset: u64) -> impl FnOnce(io::Error) -> FlashError {
    let path = path.to_owned();
    move |source| FlashError::Io { path, doing, offset: Some(NumBytes::new(offset)), source }
}

/// A target that is open.
struct Opened {
    file: File,
    /// Nothing is kept in memory on the way.
    direct: bool,
}

impl Opened {
    fn open(target: &Target, map: &BlockMap, force: bool) -> Result<Opened, FlashError> {
        let failed = |source| FlashError::Io { path: target.path.clone(), doing: "open", offset: None, source };
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if target.device.is_none() {
            let file = options.create(true).truncate(false).open(&target.path).map_err(failed)?;
            file.set_len(map.image_size).map_err(failed)?;
            return Ok(Opened { file, direct: false });
        }
        // The kernel gives a disk to nobody else, unless somebody has it already.
        let exclusive = if force { OFlags::empty() } else { OFlags::EXCL };
        let aligned = map.block_size.is_multiple_of(ALIGN as u64) && map.image_size.is_multiple_of(ALIGN as u64);
        let open = |flags: OFlags, options: &mut OpenOptions| {
            let bits = i32::try_from(flags.bits()).map_err(io::Error::other)?;
            options.custom_flags(bits).open(&target.path)
        };
        // Cards are slower than memory: what is read ahead for them, or kept after, only is in the way.
        if aligned && let Ok(file) = open(exclusive | OFlags::DIRECT, &mut options) {
            return Ok(Opened { file, direct: true });
        }
        Ok(Opened { file: open(exclusive, &mut options).map_err(failed)?, direct: false })
    }
}

impl Card for Opened {
    fn write(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if !self.direct {
            fadvise(&self.file, 0, None, Advice::DontNeed)?;
        }
        Ok(())
    }

    fn read(&self, data: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(data, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A card that takes so many bytes and then is gone, or that forgets what is past a place.
    struct Bad {
        memory: Vec<u8>,
        gone_after: u64,
        forgets_from: u64,
    }

    impl Card for Bad {
        fn write(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
            if offset + data.len() as u64 > self.gone_after {
                return Err(io::Error::from_raw_os_error(5));
            }
            let at = offset as usize;
            self.memory[at..at + data.len()].copy_from_slice(data);
            Ok(())
        }
        fn settle(&mut self) -> io::Result<()> {
            self.memory.iter_mut().skip(self.forgets_from as usize).for_each(|byte| *byte = 0);
            Ok(())
        }
        fn read(&self, data: &mut [u8], offset: u64) -> io::Result<()> {
            data.copy_from_slice(&self.memory[offset as usize..offset as usize + data.len()]);
            Ok(())
        }
    }

    const SIZE: u64 = 10 << 20;

    /// An image with two mapped ranges: 8 KiB at its begin, and its last 5 MiB.
    fn image(folder: &Path) -> (std::path::PathBuf, BlockMap) {
        let path = folder.join("image");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(SIZE).unwrap();
        file.write_all_at(&[7; 8192], 0).unwrap();
        file.write_all_at(&vec![9; 5 << 20], 5 << 20).unwrap();
        let map = BlockMap::of(&file, SIZE, &[0..8192, 5 << 20..SIZE]).unwrap();
        (path, map)
    }

    fn file_target(path: &Path) -> Target {
        Target { path: path.to_owned(), device: None }
    }

    #[test]
    fn mapped_blocks_alone_are_written_and_every_step_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, map) = image(folder.path());
        let card = folder.path().join("card");
        std::fs::write(&card, vec![0xff; SIZE as usize]).unwrap();
        let mut counted = [0; 3];
        flash(&path, &map, &file_target(&card), false, &mut |step, bytes| counted[step as usize] += bytes).unwrap();
        assert_eq!(counted, [map.mapped(); 3]);
        let bytes = std::fs::read(&card).unwrap();
        assert!(bytes[..8192].iter().all(|byte| *byte == 7) && bytes[5 << 20..].iter().all(|byte| *byte == 9));
        assert!(bytes[8192..5 << 20].iter().all(|byte| *byte == 0xff), "what is not mapped stays as it was");
    }

    #[test]
    fn a_damaged_image_costs_no_card() {
        let folder = tempfile::tempdir().unwrap();
        let (path, map) = image(folder.path());
        let card = folder.path().join("card");
        std::fs::write(&card, "precious").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&[8], SIZE - 1).unwrap();
        let error = flash(&path, &map, &file_target(&card), false, &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().ends_with("is damaged: at 5.00 MiB it is not what its block map says"), "{error}");
        file.set_len(SIZE - 1).unwrap();
        assert!(matches!(
            flash(&path, &map, &file_target(&card), false, &mut |_, _| {}),
            Err(FlashError::Image { .. })
        ));
        assert_eq!(std::fs::read(&card).unwrap(), b"precious");
    }

    #[test]
    fn a_card_that_is_pulled_out_or_forgets_is_told_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let (path, map) = image(folder.path());
        let file = File::open(&path).unwrap();
        let run = |gone_after, forgets_from| {
            let mut bad = Bad { memory: vec![0; SIZE as usize], gone_after, forgets_from };
            let target = Path::new("/dev/sdx");
            copy(&file, &path, &map, &mut bad, target, &mut Buffer::new(), &mut |_, _| {})
                .map_err(|error| error.to_string())
        };
        assert_eq!(run(SIZE, SIZE), Ok(()));
        let error = run(6 << 20, SIZE).unwrap_err();
        assert!(error.starts_with("cannot write `/dev/sdx` at 5.00 MiB: Input/output error"), "{error}");
        let error = run(SIZE, SIZE - 1).unwrap_err();
        assert_eq!(error, "`/dev/sdx` does not keep what is written to it: at 5.00 MiB something else is read back");
    }

    #[test]
    fn a_disk_that_is_too_small_is_told_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, map) = image(folder.path());
        let device = crate::Device { model: None, size: NumBytes::mib(4), doubts: Vec::new() };
        let target = Target { path: "/dev/sdx".into(), device: Some(device) };
        let error = flash(&path, &map, &target, false, &mut |_, _| panic!("read")).unwrap_err();
        assert_eq!(error.to_string(), "`/dev/sdx` has 4.00 MiB, the image needs 10.0 MiB");
    }
}
