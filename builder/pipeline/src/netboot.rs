//! `kind = "cpio"`: a system that is an initramfs, and the kernel that unpacks it.

use rootsmith_assemble::Assembly;
use rootsmith_kernel::config::Config;
use rootsmith_profile::{Cpio, CpioCompression, Output, OutputKind, Profile};
use rootsmith_tree::{Node, Tree};
use rootsmith_types::{Arch, Located, Problems, TreePath, UnixTime};

use crate::boot_files::hierarchy_words;
use crate::bootable::{FSTAB, IndexedKernel, put, tree_error};
use crate::inputs::InputError;

/// What the kernel starts (`init/main.c`, `ramdisk_execute_command`).
const INIT: &str = "/init";
/// What everybody else calls the init.
const SBIN_INIT: &str = "/sbin/init";
/// Where it is there, systemd takes the system for one that is to be left for another (os-release(5)).
const INITRD_RELEASE: &str = "/etc/initrd-release";

/// Whether the kernel reads such an initramfs. Nothing can be said of one whose configuration is not known.
pub(crate) fn check_kernel(profile: &Profile, kernel: Option<&IndexedKernel>) -> Result<(), Problems> {
    match kernel {
        Some(IndexedKernel { kernel, config: Some(config), .. }) => check_config(profile, &kernel.release, config),
        _ => Ok(()),
    }
}

fn check_config(profile: &Profile, release: &str, config: &Config) -> Result<(), Problems> {
    let Some((_, Cpio { compression: Located { value: wanted, origin } })) = cpio(profile) else { return Ok(()) };
    let reads = |compression: CpioCompression| config.is_builtin(compression.option());
    let refused = |option, instead| {
        let (origin, release) = (origin.clone(), release.to_owned());
        Err(InputError::NoInitramfs { origin, release, option, instead }.into())
    };
    if !config.is_builtin("BLK_DEV_INITRD") {
        return refused("BLK_DEV_INITRD", None);
    }
    if reads(*wanted) {
        return Ok(());
    }
    let instead = CpioCompression::ALL.into_iter().find(|compression| reads(*compression));
    refused(wanted.option(), instead.map(CpioCompression::name))
}

/// Writes an `fstab` without a root: BusyBox's `mount -a` complains of none.
pub(crate) fn prepare(assembly: &mut Assembly, profile: &Profile, date: UnixTime) -> Result<(), Problems> {
    match cpio(profile) {
        Some(_) => put(assembly, "/etc/fstab", FSTAB, date),
        None => Ok(()),
    }
}

/// Whether the tree can be a system on its own when it is unpacked as an initramfs.
pub(crate) fn check_tree(profile: &Profile, tree: &Tree) -> Result<(), Problems> {
    let Some((output, _)) = cpio(profile) else { return Ok(()) };
    let there = |path| tree.lookup(&TreePath::literal(path)).is_some();
    let mut problems = Problems(Vec::new());
    if !there(INIT) && !there(SBIN_INIT) {
        problems.push(InputError::NothingToStart { origin: output.origin.clone() });
    }
    if there(INITRD_RELEASE) {
        problems.push(InputError::TakenForInitrd { origin: output.origin.clone(), path: INITRD_RELEASE });
    }
    problems.into_result()
}

/// The tree as the kernel wants an initramfs: with an `/init`.
pub(crate) fn for_cpio(tree: &Tree, date: UnixTime) -> Result<Tree, Problems> {
    let mut tree = tree.clone();
    let init = TreePath::literal(INIT);
    if tree.lookup(&init).is_none() {
        tree.insert(&init, Node::symlink(SBIN_INIT, date)).map_err(tree_error)?;
    }
    Ok(tree)
}

/// What the kernel is to be told.
pub(crate) fn cmdline(profile: &Profile, arch: Arch) -> String {
    let kernel = profile.kernel.iter().flat_map(|kernel| kernel.cmdline_for(arch)).map(|word| word.value.clone());
    hierarchy_words(profile).chain(kernel).collect::<Vec<_>>().join(" ")
}

/// What an initramfs among the outputs has not, although the tree has.
pub(crate) fn left_out(profile: &Profile, tree: &Tree) -> Option<String> {
    cpio(profile)?;
    let mut paths = rootsmith_output::attributes_lost(tree);
    let first = paths.next()?;
    let more = match paths.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("cpio has no extended attributes: those of `{first}`{more} are left out of it"))
}

/// The initramfs among the outputs: the loader of profiles lets one through.
fn cpio(profile: &Profile) -> Option<(&Output, &Cpio)> {
    profile.outputs.iter().find_map(|output| match &output.kind {
        OutputKind::Cpio(cpio) => Some((output, cpio)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rootsmith_tree::{Content, Metadata};

    use super::*;
    use crate::boot_files::tests::Files;

    const PROFILE: &str = "
schema = 1
image = { name = 'pxe', arch = ['amd64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
kernel = { package = 'linux-image-amd64', cmdline = ['quiet'] }
cgroups = { hierarchy = 'unified' }
output = [{ kind = 'cpio' }]
";

    fn pxe() -> Profile {
        rootsmith_profile::load(Path::new("p.toml"), &Files(PROFILE)).unwrap()
    }

    fn tree(paths: &[&'static str]) -> Tree {
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        for path in paths {
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
            tree.insert(&path, Node::file(Content::inline(""), Metadata::root(0o755, 0))).unwrap();
        }
        tree
    }

    #[test]
    fn a_kernel_that_cannot_read_it_is_refused_with_what_it_can() {
        let refused = |config: &str| {
            let problems = check_config(&pxe(), "6.1", &Config::parse(config)).err()?;
            Some((problems.0[0].to_string(), problems.0[0].help().unwrap()))
        };
        assert_eq!(refused("CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_ZSTD=y\n"), None);
        let (said, help) = refused("CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n").unwrap();
        assert_eq!(said, "kernel 6.1 would not read the initramfs: it was built without `CONFIG_RD_ZSTD`");
        assert_eq!(help, "write `compression = \"gzip\"`");
        let (said, _) = refused("CONFIG_RD_ZSTD=y\n").unwrap();
        assert!(said.ends_with("without `CONFIG_BLK_DEV_INITRD`"), "{said}");
    }

    #[test]
    fn a_tree_that_cannot_be_a_system_on_its_own_is_refused() {
        let refused = |paths: &[&'static str]| check_tree(&pxe(), &tree(paths)).err().map(|it| it.0[0].to_string());
        assert_eq!(refused(&["/sbin/init"]), None);
        assert_eq!(refused(&["/init"]), None);
        assert!(refused(&["/bin/sh"]).unwrap().contains("neither `/init` nor `/sbin/init`"));
        assert!(refused(&["/sbin/init", "/etc/initrd-release"]).unwrap().contains("another one follows"));
    }

    #[test]
    fn the_kernel_finds_the_init_unless_there_is_an_init_for_it() {
        let made = for_cpio(&tree(&["/sbin/init"]), 7).unwrap();
        assert_eq!(made.get(&TreePath::literal("/init")).unwrap().link_target(), Some(&b"/sbin/init"[..]));
        let own = tree(&["/init", "/sbin/init"]);
        assert_eq!(for_cpio(&own, 7).unwrap().dump(), own.dump());
    }
}
