//! The project's own profiles that are templates, and the files they name, as the program carries them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rootsmith_types::{SourceEntry, SourceKind, Sources};

use crate::args::Template;

/// The files at these paths of the workspace.
macro_rules! shipped {
    ($($path:literal,)*) => { &[$(($path, include_str!(concat!("../../../../", $path)))),*] };
}

/// All that a template may name. Whatever is missing here, the tests below miss.
const FILES: &[(&str, &str)] = shipped![
    "overlays/k0s/etc/sysctl.d/90-k0s.conf",
    "overlays/k0s/etc/systemd/network/20-wired.network",
    "overlays/k0s/etc/systemd/networkd.conf.d/10-k0s.conf",
    "overlays/k0s/etc/tmpfiles.d/k0s.conf",
    "profiles/appliance-squashfs.toml",
    "profiles/base/azure-guest.toml",
    "profiles/base/cloud-init.toml",
    "profiles/base/debian-systemd.toml",
    "profiles/base/golden-vm.toml",
    "profiles/base/hyperv-guest.toml",
    "profiles/base/k0s-board.toml",
    "profiles/base/qemu-guest.toml",
    "profiles/base/vmware-guest.toml",
    "profiles/boards/raspberry-pi-3.toml",
    "profiles/boards/raspberry-pi-4.toml",
    "profiles/boards/raspberry-pi-5.toml",
    "profiles/boards/raspberry-pi-zero-2-w.toml",
    "profiles/golden-vm.toml",
    "profiles/k0s-worker.toml",
    "profiles/kernel/board.config",
    "profiles/kernel/k0s-huge-pages.config",
    "profiles/kernel/k0s.config",
    "profiles/kernel/seed-disk.config",
    "profiles/kernel/squashfs-root.config",
    "profiles/kernel/virtio-amd64.config",
    "profiles/kernel/virtio-arm64.config",
    "profiles/kernel/virtio.config",
    "profiles/raspberry-pi-4.toml",
];

impl Template {
    /// What the profile is called, as a file in `profiles/` and as an image.
    fn profile(self) -> &'static str {
        match self {
            Template::K0sWorker => "k0s-worker",
            Template::Appliance => "appliance-squashfs",
            Template::RaspberryPi => "raspberry-pi-4",
            Template::GoldenVm => "golden-vm",
        }
    }

    /// What it does not name, and is the first that its user will: from the folder `profiles/` on.
    pub(crate) fn also(self) -> &'static [&'static str] {
        match self {
            Template::K0sWorker | Template::Appliance => &[],
            Template::RaspberryPi => {
                &["boards/raspberry-pi-3.toml", "boards/raspberry-pi-5.toml", "boards/raspberry-pi-zero-2-w.toml"]
            }
            Template::GoldenVm => &["base/azure-guest.toml", "base/hyperv-guest.toml", "base/vmware-guest.toml"],
        }
    }

    /// The profile itself, for an image of another name.
    fn text(self, name: &str) -> String {
        let own = self.profile();
        let text = shipped(&Path::new("profiles").join(format!("{own}.toml"))).unwrap_or_default();
        text.replacen(&format!("name = \"{own}\""), &format!("name = \"{name}\""), 1)
    }
}

/// A profile made of a template, with what the program carries in the places where the profile would look for it.
pub(crate) struct Made {
    /// The profile.
    pub(crate) path: PathBuf,
    text: String,
    /// In the place of `profiles/`.
    folder: PathBuf,
    /// In the place of the folder that holds `profiles/` and `overlays/`.
    workspace: PathBuf,
}

impl Made {
    /// The profile `name`.toml in `folder`, an absolute path.
    pub(crate) fn new(template: Template, name: &str, folder: &Path) -> Made {
        let profiles = folder.ancestors().find(|above| above.file_name().is_some_and(|name| name == "profiles"));
        Made {
            path: folder.join(format!("{name}.toml")),
            text: template.text(name),
            folder: folder.to_owned(),
            workspace: profiles.and_then(Path::parent).unwrap_or(folder).to_owned(),
        }
    }

    /// `path` as it is called in our own workspace: one of the two, if any.
    fn keys(&self, path: &Path) -> [Option<PathBuf>; 2] {
        let profile = path.strip_prefix(&self.folder).ok().map(|path| Path::new("profiles").join(path));
        [profile, path.strip_prefix(&self.workspace).ok().map(Path::to_owned)]
    }

    fn find(&self, path: &Path) -> io::Result<&str> {
        if path == self.path {
            return Ok(&self.text);
        }
        self.keys(path).into_iter().flatten().find_map(|key| shipped(&key)).ok_or(io::ErrorKind::NotFound.into())
    }
}

impl Sources for Made {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.find(path)?.as_bytes().to_vec())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.find(path)?.as_bytes()))
    }

    /// Files alone: for the profile it is enough that there are some.
    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        let keys = self.keys(dir);
        let below = |name| keys.iter().flatten().find_map(|key| Path::new(name).strip_prefix(key).ok());
        let entry = |path: &Path| SourceEntry { path: path.to_owned(), kind: SourceKind::File { executable: false } };
        let entries: Vec<_> = FILES.iter().filter_map(|(name, _)| below(name)).map(entry).collect();
        if entries.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(entries) }
    }
}

fn shipped(key: &Path) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| Path::new(name) == key).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum;

    use super::*;
    use crate::new::parts;
    use crate::sources::Disk;

    /// A file that no template names is carried for nothing; one that a template names and is not carried, `parts` would miss.
    #[test]
    fn the_program_carries_what_templates_name_and_nothing_else() {
        let folder = Path::new("/w");
        let mut named = BTreeSet::new();
        for template in Template::value_variants() {
            let made = Made::new(*template, "mine", folder);
            named.insert(format!("profiles/{}.toml", template.profile()));
            for (path, _) in parts(*template, &made).unwrap() {
                let path = path.strip_prefix(folder).unwrap().display().to_string();
                named.insert(if path.starts_with("overlays/") { path } else { format!("profiles/{path}") });
            }
        }
        let carried: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, named);
    }

    #[test]
    fn overlays_are_carried_whole() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let made = Made::new(Template::K0sWorker, "mine", Path::new("/w"));
        let files = |entries: Vec<SourceEntry>| -> Vec<SourceEntry> {
            entries.into_iter().filter(|entry| entry.kind != SourceKind::Directory).collect()
        };
        let carried = made.list(Path::new("/w/overlays/k0s")).unwrap();
        assert_eq!(carried, files(Disk.list(&workspace.join("overlays/k0s")).unwrap()));
    }

    #[test]
    fn only_the_name_of_the_image_is_another() {
        for template in Template::value_variants() {
            let own = template.profile();
            let (before, after) = (template.text(own), template.text("mine"));
            assert_eq!(after.replace("\nname = \"mine\"\n", &format!("\nname = \"{own}\"\n")), before);
            assert_ne!(after, before);
        }
    }
}
