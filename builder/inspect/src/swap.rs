//! What a swap area says of itself (Linux, `include/linux/swap.h`).

use crate::ReadAt;

/// The pages it is counted in.
const PAGE: usize = 4096;

/// A swap area of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapArea {
    /// As `blkid` prints it.
    pub uuid: String,
    /// Its label.
    pub label: Option<String>,
    /// Its pages, the first among them, which is not swapped to.
    pub pages: u64,
}

impl SwapArea {
    /// What is at the begin of `source`; `None` when that is no swap area.
    pub fn read(source: &dyn ReadAt) -> Option<SwapArea> {
        let mut page = vec![0; PAGE];
        source.read_at(0, &mut page).ok()?;
        let number = |at: usize| Some(u32::from_le_bytes(page.get(at..at + 4)?.try_into().ok()?));
        if !page.ends_with(b"SWAPSPACE2") || number(1024)? != 1 {
            return None;
        }
        let hex: String = page.get(1036..1052)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let label = page.get(1052..1068)?.split(|byte| *byte == 0).next()?;
        let label = (!label.is_empty()).then(|| String::from_utf8_lossy(label).into_owned());
        Some(SwapArea { uuid, label, pages: u64::from(number(1028)?) + 1 })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::FileSource;
    use crate::judges::run;

    #[test]
    fn an_area_of_mkswap_is_read_and_other_bytes_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("swap");
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        let read = || SwapArea::read(&FileSource::new(File::open(&path).unwrap()).unwrap());
        assert_eq!(read(), None);
        let uuid = "0c6b0c1e-7f4e-4f0e-9a51-2f6f4f1e9f11";
        let name = path.to_str().unwrap();
        if run(&["mkswap", "--pagesize", "4096", "--uuid", uuid, "--label", "of theirs", name], "").is_some() {
            let label = Some("of theirs".to_owned());
            assert_eq!(read(), Some(SwapArea { uuid: uuid.to_owned(), label, pages: 256 }));
        }
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        assert_eq!(read(), None);
    }
}
