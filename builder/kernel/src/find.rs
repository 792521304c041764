//! The kernel in a tree: its image, its configuration, its modules, and that they are one kernel's.

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use crate::KernelError;
use crate::release::kernel_release;

/// No kernel image is larger; arm64's, uncompressed, has about 40 MB.
const MAX_IMAGE: u64 = 256 << 20;

/// A kernel in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// What it calls itself: `6.12.107+deb13-cloud-amd64`.
    pub release: String,
    /// `/boot/vmlinuz-R`.
    pub image: TreePath,
    /// `/boot/config-R`, else `/usr/lib/modules/R/config`.
    pub config: Option<TreePath>,
    /// `/usr/lib/modules/R`.
    pub modules: TreePath,
}

/// Finds the one kernel in `tree`. Its release is read out of the image; file name and modules folder must agree with it.
pub fn find_kernel(tree: &Tree, blobs: &dyn Blobs) -> Result<Kernel, KernelError> {
    let boot = TreePath::literal("/boot");
    let images: Vec<TreePath> = tree
        .children(&boot)
        .filter(|name| name.starts_with(b"vmlinuz-"))
        .filter_map(|name| boot.join(name).ok())
        .filter(|path| tree.get(path).is_some_and(|node| node.content().is_some()))
        .collect();
    let image = match images.as_slice() {
        [] => return Err(KernelError::NoKernel),
        [image] => image.clone(),
        _ => return Err(KernelError::SeveralKernels(images)),
    };
    let Some(content) = tree.get(&image).and_then(|node| node.content()) else { return Err(KernelError::NoKernel) };
    let data = content
        .read(blobs, MAX_IMAGE)
        .map_err(|e| KernelError::Unreadable { path: image.clone(), reason: e.to_string() })?;
    let release = kernel_release(&data).map_err(|_| KernelError::UnknownImage(Some(image.clone())))?;
    if image.name() != Some(format!("vmlinuz-{release}").as_bytes()) {
        return Err(KernelError::ReleaseMismatch { image, found: release });
    }
    // A release is letters, digits and `._+-~`: always a valid component.
    let below = |folder: &str, file: &str| TreePath::new(format!("{folder}{file}")).map_err(|_| KernelError::NoKernel);
    let modules = below("/usr/lib/modules/", &release)?;
    if !tree.lookup(&modules).is_some_and(|node| node.is_directory()) {
        return Err(KernelError::NoModules { folder: modules, release });
    }
    let configs = [below("/boot/config-", &release)?, below("/usr/lib/modules/", &format!("{release}/config"))?];
    let config = configs.into_iter().find(|path| tree.lookup(path).is_some_and(|node| node.content().is_some()));
    Ok(Kernel { release, image, config, modules })
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Content, Metadata, NoBlobs, Node};

    use super::*;

    fn tree(release: &str, files: &[&'static str], folders: &[&'static str]) -> Tree {
        let meta = Metadata::root(0o755, 0);
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        image[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
        let mut tree = Tree::new(meta.clone());
        tree.create_directories(&TreePath::literal("/boot"), &meta).unwrap();
        for path in files {
            tree.insert(&TreePath::literal(path), Node::file(Content::inline(&image), meta.clone())).unwrap();
        }
        for path in folders {
            tree.create_directories(&TreePath::literal(path), &meta).unwrap();
        }
        tree
    }

    #[test]
    fn image_modules_and_configuration_belong_together() {
        let tree = tree("6.1-x", &["/boot/vmlinuz-6.1-x", "/boot/config-6.1-x"], &["/usr/lib/modules/6.1-x"]);
        let kernel = find_kernel(&tree, &NoBlobs).unwrap();
        assert_eq!(kernel.release, "6.1-x");
        assert_eq!(kernel.config, Some(TreePath::literal("/boot/config-6.1-x")));
        assert_eq!(kernel.modules, TreePath::literal("/usr/lib/modules/6.1-x"));
    }

    #[test]
    fn kernels_that_do_not_fit_are_refused() {
        let find =
            |release, files: &[_], folders: &[_]| find_kernel(&tree(release, files, folders), &NoBlobs).unwrap_err();
        assert_eq!(find("6.1", &[], &[]), KernelError::NoKernel);
        let two = ["/boot/vmlinuz-6.1", "/boot/vmlinuz-6.2"];
        assert!(matches!(find("6.1", &two, &[]), KernelError::SeveralKernels(paths) if paths.len() == 2));
        let other = find("6.2", &["/boot/vmlinuz-6.1"], &["/usr/lib/modules/6.1"]);
        assert!(matches!(other, KernelError::ReleaseMismatch { found, .. } if found == "6.2"));
        let bare = find("6.1", &["/boot/vmlinuz-6.1"], &["/usr/lib/modules/6.2"]);
        assert!(matches!(bare, KernelError::NoModules { release, .. } if release == "6.1"));
        assert!(matches!(find("", &["/boot/vmlinuz-6.1"], &[]), KernelError::UnknownImage(Some(_))));
    }
}
