//! What a BIOS would start: the code in the first sector, followed where it is GRUB's.

use std::io;

use crate::BiosStart;

/// Bytes of the first sector that are code; a disk signature and the partition table follow.
const CODE: usize = 440;

impl BiosStart {
    /// Reads a disk; `read` fills its buffer from a place on.
    pub fn read(mut read: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> BiosStart {
        match rootsmith_grub::read(&mut read) {
            Ok(Some(grub)) => return BiosStart::Grub { config: grub.config, prefix: grub.prefix },
            Ok(None) => {}
            Err(error) => return BiosStart::Broken(error.to_string()),
        }
        let mut code = [0; CODE];
        match read(0, &mut code) {
            Ok(()) if code.iter().any(|&byte| byte != 0) => BiosStart::Unknown,
            _ => BiosStart::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use rootsmith_grub::testing::core_image;

    use super::*;

    fn start(disk: &[u8]) -> BiosStart {
        BiosStart::read(|at, into| {
            let there = disk.get(at as usize..).and_then(|rest| rest.get(..into.len()));
            into.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    #[test]
    fn code_of_another_kind_is_not_judged_and_grub_is_followed() {
        assert_eq!(start(&[0; 4096]), BiosStart::Nothing);
        assert_eq!(start(&[]), BiosStart::Nothing);
        assert_eq!(start(&[0xfa; 4096]), BiosStart::Unknown);
        let image = core_image(&["normal"], "(,gpt2)/grub").place(2);
        let mut disk = [image.boot.to_vec(), vec![0; 1024 - 440], image.core].concat();
        let prefix = Some("(,gpt2)/grub".to_owned());
        assert_eq!(start(&disk), BiosStart::Grub { config: None, prefix });
        disk.truncate(2048);
        assert_eq!(start(&disk), BiosStart::Broken("it loads sector 3, which cannot be read".to_owned()));
    }
}
