//! The kernel in a tree: its image, its configuration, its modules, and that they are one kernel's.

use std::io;

use rootsmith_tree::{Blobs, Content, DerivedKey, Tree};
use rootsmith_types::TreePath;

use crate::KernelError;
use crate::release::{BZIMAGE_HEAD, bzimage_release, kernel_release};

/// No kernel image is larger; arm64's, uncompressed, has about 40 MB.
pub(crate) const MAX_IMAGE: u64 = 256 << 20;
/// Kernel images looked at in one tree; systems keep two or three.
const MAX_IMAGES: usize = 32;

/// Of what is kept: see [`DerivedKey::new`].
const FORM: &str = "kernel release 1";

/// How Debian calls kernel images, before their release.
const PREFIXES: [&str; 2] = ["vmlinuz-", "vmlinux-"];

/// A kernel in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// What it calls itself: `6.12.107+deb13-cloud-amd64`.
    pub release: String,
    /// `/boot/vmlinuz-R`; `/boot/vmlinux-R` for riscv64, whose Image Debian does not pack.
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
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes())))
        .filter_map(|name| boot.join(name).ok())
        .filter(|path| tree.get(path).is_some_and(|node| node.content().is_some()))
        .collect();
    let image = match images.as_slice() {
        [] => return Err(KernelError::NoKernel),
        [image] => image.clone(),
        _ => return Err(KernelError::SeveralKernels(images)),
    };
    let Some(content) = tree.get(&image).and_then(|node| node.content()) else { return Err(KernelError::NoKernel) };
    let release = release_of(content, blobs)
        .map_err(|e| KernelError::Unreadable { path: image.clone(), reason: e.to_string() })?
        .ok_or_else(|| KernelError::UnknownImage(Some(image.clone())))?;
    if PREFIXES.iter().all(|prefix| image.name() != Some(format!("{prefix}{release}").as_bytes())) {
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

/// Every kernel in `tree` that could boot, the oldest first, one for each release: for images that others made, which may
/// have several, in places and under names of their distribution's.
///
/// | place                                | whose                                                        |
/// |--------------------------------------|--------------------------------------------------------------|
/// | `/boot/vmlinuz-R`                    | Debian, Fedora                                               |
/// | `/boot/vmlinuz-lts`, `/boot/vmlinuz` | Alpine, Arch, others: the name does not say the release      |
/// | `/vmlinuz`                           | links of Debian's                                            |
/// | `/usr/lib/modules/R/vmlinuz`         | Fedora, Arch; `Image` on arm64                               |
pub fn find_kernels(tree: &Tree, blobs: &dyn Blobs) -> Vec<Kernel> {
    let mut found: Vec<Kernel> = Vec::new();
    for image in images(tree) {
        let Some(content) = tree.get(&image).and_then(|node| node.content()) else { continue };
        let Ok(Some(release)) = release_of(content, blobs) else { continue };
        // A name that says a release must say the right one: `vmlinuz-6.1.0-13-amd64`.
        let name = String::from_utf8_lossy(image.name().unwrap_or_default()).into_owned();
        let said =
            name.split_once('-').map(|(_, rest)| rest).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if said.is_some_and(|said| said != release) || found.iter().any(|there| there.release == release) {
            continue;
        }
        let folders = ["/usr/lib/modules", "/lib/modules"].map(|folder| format!("{folder}/{release}"));
        let is_folder = |path: &TreePath| tree.lookup(path).is_some_and(|node| node.is_directory());
        let Some(modules) = folders.iter().filter_map(|at| TreePath::new(at).ok()).find(is_folder) else { continue };
        let configs = [format!("/boot/config-{release}"), format!("{modules}/config")];
        let is_file = |path: &TreePath| tree.lookup(path).is_some_and(|node| node.content().is_some());
        let config = configs.iter().filter_map(|at| TreePath::new(at).ok()).find(is_file);
        found.push(Kernel { release, image, config, modules });
    }
    found.sort_by_cached_key(|kernel| numbers(&kernel.release));
    found
}

/// What an image calls itself, where it is a kernel's. A bzImage says so in its first kilobytes; others have to be read to their
/// end, most of them unpacked, so that is kept.
fn release_of(content: &Content, blobs: &dyn Blobs) -> io::Result<Option<String>> {
    content.within(MAX_IMAGE)?;
    let mut head = vec![0; content.size().min(BZIMAGE_HEAD as u64) as usize];
    content.read_at(blobs, 0, &mut head)?;
    if let Some(release) = bzimage_release(&head) {
        return Ok(Some(release));
    }
    let kept = DerivedKey::new(FORM).with_content(content, blobs)?.derive(blobs, || {
        let data = content.read(blobs, MAX_IMAGE)?;
        Ok::<_, io::Error>(kernel_release(&data).map_or(Vec::new(), String::into_bytes))
    })?;
    // No release is empty.
    Ok((!kept.is_empty()).then(|| String::from_utf8_lossy(&kept).into_owned()))
}

/// Files that are kernel images by their names, links followed, each once.
fn images(tree: &Tree) -> Vec<TreePath> {
    let kinds = ["vmlinuz", "vmlinux", "Image", "kernel", "linux"];
    let is_kernel = |name: &&[u8]| kinds.iter().any(|kind| name.starts_with(kind.as_bytes()));
    let mut places = Vec::new();
    for folder in ["/boot", "/"].map(TreePath::literal) {
        places.extend(tree.children(&folder).filter(is_kernel).filter_map(|name| folder.join(name).ok()));
    }
    for modules in ["/usr/lib/modules", "/lib/modules"].map(TreePath::literal) {
        let Ok(modules) = tree.resolve(&modules) else { continue };
        for folder in tree.children(&modules).filter_map(|release| modules.join(release).ok()) {
            places.extend(tree.children(&folder).filter(is_kernel).filter_map(|name| folder.join(name).ok()));
        }
    }
    let mut images: Vec<TreePath> = Vec::new();
    for place in places {
        let Ok(image) = tree.resolve(&place) else { continue };
        let is_file = tree.get(&image).is_some_and(|node| node.content().is_some());
        if is_file && !images.contains(&image) && images.len() < MAX_IMAGES {
            images.push(image);
        }
    }
    images
}

/// What orders releases: their numbers, then their text.
fn numbers(release: &str) -> (Vec<u64>, String) {
    let parts = release.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    (parts.map(|part| part.parse().unwrap_or(u64::MAX)).collect(), release.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rootsmith_tree::{Metadata, NoBlobs, Node, Run, Sparse};

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

    /// Zeros without end, behind a head that is right: nobody is to read them.
    #[test]
    fn a_file_larger_than_any_kernel_is_none() {
        let mut tree = tree("6.1-x", &["/boot/vmlinuz-6.1-x"], &["/usr/lib/modules/6.1-x"]);
        let image = TreePath::literal("/boot/vmlinuz-6.1-x");
        let data = tree.get(&image).unwrap().content().unwrap().read(&NoBlobs, 0x400).unwrap();
        let run = Run { offset: 0, data: data.as_ref().into() };
        for (size, is_kernel) in [(MAX_IMAGE, true), (1 << 50, false)] {
            let sparse = Arc::new(Sparse::new(size, vec![run.clone()]).unwrap());
            tree.insert(&image, Node::file(Content::Sparse(sparse), Metadata::root(0o755, 0))).unwrap();
            assert_eq!(find_kernel(&tree, &NoBlobs).is_ok(), is_kernel, "{size}");
        }
    }

    #[test]
    fn all_kernels_are_found_where_distributions_put_them() {
        let mut tree = tree("6.9-x", &["/boot/vmlinuz-6.9-x"], &["/usr/lib/modules/6.9-x"]);
        let other = self::tree("6.10-virt", &["/boot/vmlinuz-virt"], &["/lib/modules/6.10-virt"]);
        for entry in other.walk().filter(|entry| tree.get(&entry.path).is_none()).collect::<Vec<_>>() {
            tree.insert(&entry.path, entry.node.clone()).unwrap();
        }
        tree.insert(&TreePath::literal("/vmlinuz"), Node::symlink("boot/vmlinuz-virt", 0)).unwrap();
        tree.insert(&TreePath::literal("/vmlinuz.old"), Node::symlink("boot/gone", 0)).unwrap();
        // Neither one with a wrong name nor one without modules counts.
        let wrong = self::tree("6.11", &["/boot/vmlinuz-6.12"], &[]);
        let wrong = wrong.get(&TreePath::literal("/boot/vmlinuz-6.12")).unwrap().clone();
        tree.insert(&TreePath::literal("/boot/vmlinuz-6.12"), wrong.clone()).unwrap();
        tree.insert(&TreePath::literal("/boot/vmlinuz-lts"), wrong).unwrap();

        let found = find_kernels(&tree, &NoBlobs);
        let releases: Vec<&str> = found.iter().map(|kernel| kernel.release.as_str()).collect();
        assert_eq!(releases, ["6.9-x", "6.10-virt"]);
        assert_eq!(found[1].image, TreePath::literal("/boot/vmlinuz-virt"));
        assert_eq!(found[1].modules, TreePath::literal("/lib/modules/6.10-virt"));
    }
}
