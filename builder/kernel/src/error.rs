//! What can be wrong with a kernel and what belongs to it.

use std::fmt;

use rootsmith_types::{Blame, Explain, Subject, TreePath};

/// Why the kernel step cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// No `/boot/vmlinuz-*` in the tree.
    NoKernel,
    /// More than one kernel, and nothing says which one boots.
    SeveralKernels(Vec<TreePath>),
    /// A kernel image of a kind we cannot read the release from.
    UnknownImage(Option<TreePath>),
    /// The image calls itself otherwise than its file name does.
    ReleaseMismatch {
        /// The image.
        image: TreePath,
        /// What the image says.
        found: String,
    },
    /// There is no modules folder for the release.
    NoModules {
        /// The folder that should be there.
        folder: TreePath,
        /// The release of the image.
        release: String,
    },
    /// A module file that cannot be read: what is wrong with it.
    BadModule {
        /// The file.
        path: TreePath,
        /// A lower-case phrase.
        reason: String,
    },
    /// Modules that need each other in a circle: their names.
    ModuleCycle(Vec<String>),
    /// A module that is wanted in the initramfs, but is neither a file nor built into the kernel.
    MissingModule {
        /// Its name.
        name: String,
        /// The kernel's release.
        release: String,
    },
    /// A content could not be read from the store.
    Unreadable {
        /// The file.
        path: TreePath,
        /// What the store said.
        reason: String,
    },
    /// The initramfs archive could not be made.
    Archive(String),
    /// The UKI stub cannot be used: what is wrong with it.
    BadStub(String),
    /// A kernel image whose inside cannot be read: a lower-case phrase.
    BadPayload(String),
    /// A device tree that cannot be read: what it does or has.
    BadDeviceTree(String),
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KernelError::NoKernel => write!(f, "no kernel image `/boot/vmlinuz-*` in the tree"),
            KernelError::SeveralKernels(paths) => {
                write!(f, "{} kernel images, and nothing says which one boots:", paths.len())?;
                paths.iter().try_for_each(|path| write!(f, " `{path}`"))
            }
            KernelError::UnknownImage(Some(path)) => write!(f, "cannot read the release of kernel image `{path}`"),
            KernelError::UnknownImage(None) => write!(f, "cannot read the release of this kernel image"),
            KernelError::ReleaseMismatch { image, found } => {
                write!(f, "kernel image `{image}` calls itself `{found}`")
            }
            KernelError::NoModules { folder, release } => {
                write!(f, "no modules folder `{folder}` for kernel `{release}`")
            }
            KernelError::BadModule { path, reason } => write!(f, "kernel module `{path}`: {reason}"),
            KernelError::ModuleCycle(names) => {
                write!(f, "kernel modules need each other in a circle:")?;
                names.iter().try_for_each(|name| write!(f, " `{name}`"))
            }
            KernelError::MissingModule { name, release } => {
                write!(f, "kernel `{release}` has no module `{name}`, neither as a file nor built in")
            }
            KernelError::Unreadable { path, reason } => write!(f, "cannot read `{path}`: {reason}"),
            KernelError::Archive(reason) => write!(f, "cannot make the initramfs: {reason}"),
            KernelError::BadStub(reason) => write!(f, "cannot use the UKI stub: {reason}"),
            KernelError::BadPayload(reason) => write!(f, "cannot look into the kernel image: {reason}"),
            KernelError::BadDeviceTree(reason) => write!(f, "cannot read the device tree: it {reason}"),
        }
    }
}

impl std::error::Error for KernelError {}

impl Explain for KernelError {
    fn subject(&self) -> Subject {
        match self {
            KernelError::UnknownImage(Some(path))
            | KernelError::ReleaseMismatch { image: path, .. }
            | KernelError::BadModule { path, .. }
            | KernelError::Unreadable { path, .. } => Subject::Path(path.clone()),
            KernelError::SeveralKernels(paths) => match paths.first() {
                Some(path) => Subject::Path(path.clone()),
                None => Subject::Host,
            },
            _ => Subject::Host,
        }
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            KernelError::NoKernel => "name a kernel: `[kernel] package = \"linux-image-…\"`",
            KernelError::SeveralKernels(_) => "ask for one kernel package only",
            KernelError::UnknownImage(_) => "x86 bzImage, arm64 Image and its compressed forms are supported",
            KernelError::ReleaseMismatch { .. } | KernelError::NoModules { .. } => {
                "image and modules must come from one kernel package"
            }
            KernelError::MissingModule { .. } => "mend the name in `kernel.initramfs`, or choose a kernel that has it",
            KernelError::BadModule { .. } | KernelError::ModuleCycle(_) => {
                "the kernel package is damaged: report it to its maker"
            }
            KernelError::BadStub(_) => "the stub comes from the package `systemd-boot-efi`",
            KernelError::Unreadable { .. }
            | KernelError::Archive(_)
            | KernelError::BadPayload(_)
            | KernelError::BadDeviceTree(_) => return None,
        };
        Some(text.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            KernelError::Unreadable { .. } => Blame::Host,
            KernelError::Archive(_) => Blame::Ours,
            _ => Blame::Inputs,
        }
    }
}
