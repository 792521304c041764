//! Files of a folder, opened without ever leaving it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// A folder that stays the one it was when it was opened.
pub(crate) struct Beneath {
    root: OwnedFd,
}

impl Beneath {
    /// Opens the folder itself; a symbolic link to it is followed.
    pub(crate) fn open(folder: &Path) -> io::Result<Beneath> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Beneath { root: openat(CWD, folder, flags, Mode::empty())? })
    }

    /// A regular file in it; no symbolic link is followed on the way.
    pub(crate) fn file(&self, relative: &[u8]) -> io::Result<File> {
        // A pipe that nobody writes to would keep us waiting.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = match openat2(&self.root, relative, flags, Mode::empty(), resolve) {
            // Linux before 5.6, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.step_by_step(relative, flags)?,
            result => result?,
        };
        let file = File::from(file);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(file)
    }

    fn step_by_step(&self, relative: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let mut components = relative.split(|&b| b == b'/').filter(|component| !component.is_empty());
        let last = components.next_back().filter(|name| *name != b"..").ok_or(io::ErrorKind::InvalidInput)?;
        let mut at = self.root.try_clone()?;
        for component in components {
            if component == b".." {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            at = openat(&at, component, folder, Mode::empty())?;
        }
        Ok(openat(&at, last, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_open_the_same_and_follow_no_link() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/hosts"), "here").unwrap();
        std::os::unix::fs::symlink("hosts", folder.path().join("etc/link")).unwrap();
        std::os::unix::fs::symlink("etc", folder.path().join("conf")).unwrap();
        let beneath = Beneath::open(folder.path()).unwrap();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let both = |path: &[u8]| (beneath.file(path).is_ok(), beneath.step_by_step(path, flags).is_ok());
        assert_eq!(both(b"etc/hosts"), (true, true));
        for bad in [&b"etc/link"[..], b"conf/hosts", b"../etc/hosts", b"etc/none", b""] {
            assert_eq!(both(bad), (false, false), "{}", bad.escape_ascii());
        }
        assert!(beneath.file(b"etc").is_err());
    }
}
