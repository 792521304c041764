//! The firmware partition of a Raspberry Pi: `config.txt` names a kernel and an initramfs, `cmdline.txt` holds the words.
//!
//! Specification: Raspberry Pi documentation, "config.txt".

use rootsmith_kernel::DeviceTree;

use super::{Files, MAX_DEVICE_TREE, MAX_HANDED, Named, find, handed, is_tree};
use crate::{BootEntry, ConfigTxt, EntryKind, TreeSource};

/// What the firmware takes when `config.txt` names none, by preference.
const KERNELS: [&str; 5] = ["kernel_2712.img", "kernel8.img", "kernel7l.img", "kernel7.img", "kernel.img"];

pub(super) fn entries(files: &Files<'_>, own: usize) -> Vec<BootEntry> {
    if !files.volumes[own].is_fat {
        return Vec::new();
    }
    let Some(config) = files.text(own, "/config.txt") else { return Vec::new() };
    let names = files.names(own, "/");
    let mut config = parse(&config);
    config.prefer_prefix(|file| find(&files.volumes[own], file).is_some());
    if config.named.linux.is_none() {
        config.named.linux =
            KERNELS.iter().find(|name| names.iter().any(|there| there == *name)).map(|name| (*name).to_owned());
    }
    let cmdline = config.cmdline.clone().unwrap_or_else(|| "cmdline.txt".to_owned());
    let cmdline = files.text(own, &rooted(&cmdline)).unwrap_or_default();
    config.named.cmdline = cmdline.lines().next().unwrap_or_default().trim().to_owned();
    let mut entry = files.entry(own, EntryKind::RaspberryPi, "/config.txt".to_owned(), &config.named);
    if config.named.device_tree.is_none() {
        entry.device_tree = TreeSource::Model;
        let prefix = rooted(&config.prefix);
        let folder = prefix.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let names = files.names(own, if folder.is_empty() { "/" } else { folder });
        let trees = names.iter().filter(|name| is_tree(name) && name.to_ascii_lowercase().starts_with("bcm2"));
        for name in trees.take(MAX_HANDED) {
            let path = format!("{folder}/{name}").replace("//", "/");
            let content = find(&files.volumes[own], &path);
            entry.device_trees.extend(content.and_then(|content| handed(&files.volumes[own], &path, content)));
        }
    }
    entry.config = Some(ConfigTxt {
        named: config.files(files, own),
        upstream: config.upstream,
        overlays: !config.overlays.is_empty(),
    });
    vec![entry]
}

/// What was read in a `config.txt`.
#[derive(Debug, Default)]
struct Config {
    named: Named,
    /// `os_prefix`.
    prefix: String,
    /// `overlay_prefix`, where it is not `overlays/`.
    overlay_prefix: Option<String>,
    cmdline: Option<String>,
    upstream: bool,
    overlays: Vec<String>,
    /// Every directive that names a file, and the file.
    files: Vec<(String, String)>,
}

/// Sections (`[pi4]`) hold for some boards only; what they name is taken when nothing else is.
fn parse(text: &str) -> Config {
    let mut config = Config::default();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        let mut name = |directive: &str, file: &str| config.files.push((directive.to_owned(), file.to_owned()));
        if let Some(rest) = line.strip_prefix("initramfs ") {
            // The one directive without a `=`: names, then where they go.
            let files = rest.split_ascii_whitespace().next().unwrap_or_default();
            config.named.initrds = files.split(',').map(str::to_owned).collect();
            files.split(',').for_each(|file| name("initramfs", file));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if value.is_empty() {
            continue;
        }
        match key {
            "kernel" => config.named.linux = Some(value.to_owned()),
            "ramfsfile" => config.named.initrds = value.split(',').map(str::to_owned).collect(),
            "device_tree" => config.named.device_tree = Some(value.to_owned()),
            "cmdline" => config.cmdline = Some(value.to_owned()),
            "os_prefix" => config.prefix = value.to_owned(),
            "overlay_prefix" => config.overlay_prefix = Some(value.to_owned()),
            "upstream_kernel" => config.upstream = value == "1",
            // `dtoverlay=NAME,PARAMETER=VALUE`; a parameter alone begins with a comma.
            "dtoverlay" | "device_tree_overlay" => {
                let overlay = value.split([',', ':']).next().unwrap_or_default();
                config.overlays.extend(Some(overlay.to_owned()).filter(|name| !name.is_empty()));
            }
            _ => {}
        }
        match key {
            "ramfsfile" => value.split(',').for_each(|file| name(key, file)),
            "kernel" | "device_tree" | "cmdline" | "start_file" | "fixup_file" | "include" | "armstub" => {
                name(key, value);
            }
            _ => {}
        }
    }
    config
}

impl Config {
    /// `os_prefix` stands before what belongs to the system, but not where the kernel is not there.
    fn prefer_prefix(&mut self, is_there: impl Fn(&str) -> bool) {
        let kernel = self.named.linux.as_deref().unwrap_or("kernel8.img");
        if self.prefix.is_empty() || !is_there(&rooted(&format!("{}{kernel}", self.prefix))) {
            self.prefix.clear();
            return;
        }
        let before = |file: &mut String| *file = format!("{}{file}", self.prefix);
        self.named.linux.as_mut().map(before);
        self.named.initrds.iter_mut().for_each(before);
        self.named.device_tree.as_mut().map(before);
        self.cmdline.as_mut().map(before);
        let own = ["kernel", "initramfs", "ramfsfile", "device_tree", "cmdline"];
        self.files.iter_mut().filter(|(key, _)| own.contains(&key.as_str())).for_each(|(_, file)| before(file));
    }

    /// Each file it names, and whether that is there.
    fn files(&self, files: &Files<'_>, own: usize) -> Vec<(String, String, bool)> {
        let volume = &files.volumes[own];
        let is_there = |file: &str| find(volume, &rooted(file)).is_some();
        let named = self.files.iter().map(|(key, file)| (key.clone(), file.clone(), is_there(file)));
        let mut named: Vec<(String, String, bool)> = named.collect();
        let folder = self.overlay_prefix.as_deref().unwrap_or("overlays/");
        // What some overlays are called on which model.
        let map = find(volume, &rooted(&format!("{folder}overlay_map.dtb")));
        let map = map.and_then(|content| content.read(volume.blobs, MAX_DEVICE_TREE).ok());
        let map = map.as_deref().and_then(|data| DeviceTree::read(data).ok());
        for overlay in &self.overlays {
            let file = format!("{folder}{overlay}.dtbo");
            let mapped = map.as_ref().is_some_and(|map| map.root().children().any(|node| node.name() == overlay));
            let there = mapped || is_there(&file) || is_there(&format!("{}{file}", self.prefix));
            named.push(("dtoverlay".to_owned(), file, there));
        }
        named
    }
}

fn rooted(file: &str) -> String {
    format!("/{}", file.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_kernel_and_initramfs() {
        let config = parse(
            "# x\narm_64bit=1\nkernel=vmlinuz # ours\ninitramfs a.img,b.img followkernel\n[pi4]\ndtoverlay=disable-bt,x=1\n\
             dtoverlay=\nupstream_kernel=1\nos_prefix=new/\n",
        );
        assert_eq!(config.named.linux.as_deref(), Some("vmlinuz"));
        assert_eq!(config.named.initrds, ["a.img", "b.img"]);
        assert!(config.upstream && config.overlays == ["disable-bt"]);
        let mut there = parse("kernel=k\nos_prefix=new/\nstart_file=s.elf\n");
        there.prefer_prefix(|file| file == "/new/k");
        let files: Vec<&str> = there.files.iter().map(|(_, file)| file.as_str()).collect();
        assert_eq!((there.named.linux.as_deref(), files), (Some("new/k"), vec!["new/k", "s.elf"]));
        let mut gone = parse("kernel=k\nos_prefix=new/\n");
        gone.prefer_prefix(|_| false);
        assert_eq!(gone.named.linux.as_deref(), Some("k"));
    }
}
