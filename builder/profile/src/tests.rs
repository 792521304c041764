//! Tests of the loader as a whole: a map of files in, a profile or findings out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rootsmith_types::{Arch, Explain, Located, NumBytes, SourceEntry, Sources, Subject};

mod bios;
mod board;
mod findings;
mod kernel;
mod machine;
mod payload;

use crate::{
    Account, CloudNetwork, CpioCompression, ErofsCompression, KillMode, Limit, OutputKind, PartitionSize, PayloadKind,
    Profile, ProfileErrors, Resource, Restart, Source, SquashfsCompression, Unpacking, load,
};

/// Files in memory.
struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Files {
    fn new(files: &[(&str, &str)]) -> Files {
        Files(files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect())
    }
}

impl Sources for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    /// As a walk over a disk: a file is a folder with nothing in it.
    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        match self.0.keys().any(|path| path.starts_with(dir)) {
            true => Ok(Vec::new()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The least that is a whole profile.
const LEAST: &str = r#"
schema = 1
image = { name = "least", arch = ["amd64"] }
distribution = { id = "debian", suite = "trixie" }
init = { system = "systemd" }
output = [{ kind = "tar" }]
"#;

fn loaded(files: &[(&str, &str)]) -> Result<Profile, ProfileErrors> {
    load(Path::new(files[0].0), &Files::new(files))
}

/// `file:line:column`, counted from one.
fn place(files: &[(std::sync::Arc<Path>, std::sync::Arc<str>)], origin: &rootsmith_types::Origin) -> String {
    let text = files.iter().find(|(name, _)| *name == origin.file).map_or("", |(_, text)| text);
    let before = &text[..origin.span().start];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{}:{line}:{column}", origin.file.display())
}

/// What is wrong with the first of `files`, one line each: place, message, hint, notes.
fn findings(files: &[(&str, &str)]) -> String {
    let errors = match loaded(files) {
        Ok(_) => return "nothing".to_owned(),
        Err(errors) => errors,
    };
    let shown = |subject: &Subject| match subject {
        Subject::Profile(origin) => place(&errors.files, origin),
        _ => "-".to_owned(),
    };
    let mut text = String::new();
    for error in &errors.errors {
        text += &format!("{}: {error}", shown(&error.subject()));
        text += &error.label().map_or(String::new(), |label| format!(" [{label}]"));
        for note in error.notes() {
            text += &format!("\n  note: {} {}", note.text, shown(&note.subject));
        }
        text += &error.help().map_or(String::new(), |help| format!("\n  hint: {help}"));
        text.push('\n');
    }
    text
}

/// [`LEAST`] with one more line at its end, and what is wrong with it.
fn with(line: &str) -> String {
    findings(&[("p.toml", &format!("{LEAST}{line}\n"))])
}

fn words<T: ToString>(values: &[Located<T>]) -> Vec<String> {
    values.iter().map(|located| located.value.to_string()).collect()
}

#[test]
fn the_least_profile_has_the_defaults_of_the_design() {
    let profile = loaded(&[("p.toml", LEAST)]).unwrap();
    assert_eq!(words(&profile.distribution.components), ["main"]);
    assert_eq!(profile.distribution.pockets.len(), 2);
    assert!(profile.kernel.is_none() && profile.packages.include.is_empty());
    assert!(matches!(profile.outputs[0].kind, OutputKind::Tar));
    assert_eq!(profile.files.len(), 1);
}

#[test]
fn a_container_image_speaks_the_words_of_its_configuration() {
    let text = format!(
        "{}output = [{{ kind = \"oci\", ref = \"localhost/hello:1\", entrypoint = [\"/hello\"], cmd = [\"\", \"b\"], \
         env = {{ Z = \"1\", A = \"x=y\" }}, user = \"nobody\", working-dir = \"/\", labels = {{ \"org.example/a\" = \"1\" }} }}]\n",
        &LEAST[..LEAST.find("output").unwrap()]
    );
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let OutputKind::Oci(oci) = &profile.outputs[0].kind else { panic!("{:?}", profile.outputs) };
    let pairs = |pairs: &[(Located<String>, Located<String>)]| {
        pairs.iter().map(|(name, value)| format!("{}={}", name.value, value.value)).collect::<Vec<_>>()
    };
    assert_eq!(oci.reference.value, "localhost/hello:1");
    assert_eq!(
        (words(&oci.entrypoint), words(&oci.cmd)),
        (vec!["/hello".to_owned()], vec![String::new(), "b".to_owned()])
    );
    assert_eq!(pairs(&oci.env), ["Z=1", "A=x=y"], "in the order written");
    assert_eq!(pairs(&oci.labels), ["org.example/a=1"]);
    assert_eq!(oci.user.as_ref().map(|user| user.value.as_str()), Some("nobody"));
    assert!(oci.working_dir.as_ref().is_some_and(|path| path.value.is_root()));

    let text = format!("{}output = [{{ kind = \"oci\" }}]\n", &LEAST[..LEAST.find("output").unwrap()]);
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let OutputKind::Oci(oci) = &profile.outputs[0].kind else { panic!("{:?}", profile.outputs) };
    assert_eq!(oci.reference.value, "localhost/least:latest");
}

#[test]
fn a_squashfs_is_compressed_by_zstd_unless_told_otherwise() {
    let compression = |keys: &str| {
        let text = format!("{}output = [{{ kind = \"squashfs\"{keys} }}]\n", &LEAST[..LEAST.find("output").unwrap()]);
        let profile = loaded(&[("p.toml", &text)]).unwrap();
        let OutputKind::Squashfs(squashfs) = &profile.outputs[0].kind else { panic!("{:?}", profile.outputs) };
        squashfs.compression.value
    };
    assert_eq!(compression(""), SquashfsCompression::Zstd);
    assert_eq!(compression(", compression = \"xz\""), SquashfsCompression::Xz);
}

#[test]
fn an_erofs_is_compressed_by_lz4_unless_told_otherwise() {
    let compression = |keys: &str| {
        let text = format!("{}output = [{{ kind = \"erofs\"{keys} }}]\n", &LEAST[..LEAST.find("output").unwrap()]);
        let profile = loaded(&[("p.toml", &text)]).unwrap();
        let OutputKind::Erofs(erofs) = &profile.outputs[0].kind else { panic!("{:?}", profile.outputs) };
        erofs.compression.value
    };
    assert_eq!(compression(""), ErofsCompression::Lz4);
    assert_eq!(compression(", compression = \"zstd\""), ErofsCompression::Zstd);
    assert_eq!(compression(", compression = \"none\""), ErofsCompression::None);
}

#[test]
fn a_cpio_is_compressed_by_zstd_unless_told_otherwise() {
    let kernel = "[kernel]\npackage = \"linux-image-amd64\"\n";
    let compression = |keys: &str| {
        let text =
            format!("{}output = [{{ kind = \"cpio\"{keys} }}]\n{kernel}", &LEAST[..LEAST.find("output").unwrap()]);
        let profile = loaded(&[("p.toml", &text)]).unwrap();
        let OutputKind::Cpio(cpio) = &profile.outputs[0].kind else { panic!("{:?}", profile.outputs) };
        cpio.compression.value
    };
    assert_eq!(compression(""), CpioCompression::Zstd);
    for wanted in CpioCompression::ALL {
        assert_eq!(compression(&format!(", compression = \"{}\"", wanted.name())), wanted);
    }
}

#[test]
fn the_profile_of_the_readme_is_read_in_full() {
    let files = [
        ("profiles/k0s-worker.toml", include_str!("../../../profiles/k0s-worker.toml")),
        ("profiles/base/debian-systemd.toml", include_str!("../../../profiles/base/debian-systemd.toml")),
        ("profiles/kernel/k0s.config", include_str!("../../../profiles/kernel/k0s.config")),
        ("profiles/kernel/k0s-huge-pages.config", include_str!("../../../profiles/kernel/k0s-huge-pages.config")),
        ("profiles/kernel/virtio.config", include_str!("../../../profiles/kernel/virtio.config")),
        ("profiles/kernel/virtio-amd64.config", include_str!("../../../profiles/kernel/virtio-amd64.config")),
        ("profiles/kernel/virtio-arm64.config", include_str!("../../../profiles/kernel/virtio-arm64.config")),
        ("overlays/k0s/etc/sysctl.d/90-k0s.conf", ""),
    ];
    let profile = loaded(&files).map_err(|_| findings(&files)).unwrap();
    assert_eq!(profile.image.name.value, "k0s-worker");
    assert_eq!(words(&profile.init.enable), ["systemd-networkd", "systemd-resolved"]);
    // The base comes first, this file last.
    assert_eq!(profile.packages.include[0].value.as_str(), "systemd");
    assert_eq!(profile.packages.include.last().unwrap().value.as_str(), "runc");
    assert_eq!(&*profile.packages.include[0].origin.file, Path::new("profiles/base/debian-systemd.toml"));
    assert_eq!(words(&profile.cgroups.controllers).last().unwrap(), "hugetlb");
    let kernel = profile.kernel.as_ref().unwrap();
    assert_eq!(kernel.package_for(Arch::Amd64).unwrap().value.as_str(), "linux-image-cloud-amd64");
    assert_eq!(&*kernel.fragments[2].file, Path::new("profiles/kernel/virtio.config"));
    assert_eq!(profile.overlays[0].source.value, Path::new("overlays/k0s"));
    let OutputKind::Disk(disk) = &profile.outputs[0].kind else { panic!("the first output is a disk") };
    assert_eq!(disk.partitions[0].size.value, PartitionSize::Fixed(NumBytes::mib(64)));
    assert_eq!((disk.partitions[1].free, disk.partitions[1].grow), (NumBytes::mib(256), true));
    let names: Vec<_> = profile.files.iter().map(|(name, _)| name.display().to_string()).collect();
    assert_eq!(
        names,
        [
            "profiles/k0s-worker.toml",
            "profiles/base/debian-systemd.toml",
            "profiles/kernel/k0s.config",
            "profiles/kernel/k0s-huge-pages.config",
            "profiles/kernel/virtio.config",
            "profiles/kernel/virtio-amd64.config",
            "profiles/kernel/virtio-arm64.config"
        ]
    );
}

/// The same files, laid into a folder without `profiles/`, as `rootsmith new` does.
#[test]
fn what_a_base_names_may_stand_beside_the_profile() {
    let kernel = "kernel = { package = 'linux-image-amd64', fragments = ['kernel/a.config'] }\n";
    let base = format!("schema = 1\noverlay = [{{ source = 'overlays/a' }}]\n{kernel}");
    let entry = LEAST.replacen('\n', "\nextends = ['base/a.toml']\n", 1);
    let mut files = vec![("w/p.toml", &*entry), ("w/base/a.toml", &base), ("w/kernel/a.config", "CONFIG_A=y\n")];
    files.push(("w/overlays/a/etc/a", ""));
    let profile = loaded(&files).map_err(|_| findings(&files)).unwrap();
    assert_eq!(&*profile.kernel.unwrap().fragments[0].file, Path::new("w/kernel/a.config"));
    assert_eq!(profile.overlays[0].source.value, Path::new("w/overlays/a"));
    // What is beside the base itself is meant first.
    files.push(("w/base/overlays/a/etc/a", ""));
    assert_eq!(loaded(&files).unwrap().overlays[0].source.value, Path::new("w/base/overlays/a"));
}

#[test]
fn tables_merge_arrays_append_and_later_words_win() {
    let profile = loaded(&[
        (
            "profiles/p.toml",
            "schema = 1\nextends = ['a.toml', 'b.toml']\n[image]\nname = 'p'\n[packages]\ninclude = ['three', 'one']\n\
             [hosts]\n'::1' = ['ip6-localhost']\n",
        ),
        (
            "profiles/a.toml",
            "schema = 1\n[image]\nname = 'a'\narch = ['amd64']\n[packages]\ninclude = ['one']\n[hosts]\n\
             '127.0.0.1' = ['localhost']\n'::1' = ['localhost']\n[distribution]\nid = 'debian'\nsuite = 'trixie'\n",
        ),
        (
            "profiles/b.toml",
            "schema = 1\noutput = [{ kind = 'tar' }]\n[packages]\ninclude = ['two']\n[image]\narch = ['arm64']\n\
             [distribution]\nsuite = 'forky'\n[init]\nsystem = 'systemd'\n",
        ),
    ])
    .unwrap();
    assert_eq!(profile.image.name.value, "p");
    assert_eq!(words(&profile.image.arch), ["amd64", "arm64"]);
    assert_eq!(words(&profile.packages.include), ["one", "two", "three"]);
    // Asked for twice: the first place counts.
    assert_eq!(&*profile.packages.include[0].origin.file, Path::new("profiles/a.toml"));
    assert_eq!(profile.distribution.suite.value, "forky");
    let hosts: Vec<_> = profile.hosts.iter().map(|host| (host.address.value.to_string(), words(&host.names))).collect();
    assert_eq!(hosts[0].0, "127.0.0.1");
    assert_eq!(hosts[1], ("::1".to_owned(), vec!["localhost".to_owned(), "ip6-localhost".to_owned()]));
    assert_eq!(place(&profile.files, &profile.image.name.origin), "profiles/p.toml:4:8");
}

#[test]
fn an_array_that_says_replace_takes_the_place_of_the_earlier_one() {
    let base = format!("{LEAST}\n[packages]\ninclude = ['one', 'two']\n");
    let merged = |text: &str| {
        let text = format!("schema = 1\nextends = ['base.toml']\n{text}");
        loaded(&[("p.toml", &text), ("base.toml", &base)]).unwrap()
    };
    let profile = merged("packages.include = { replace = ['three'] }\noutput = { replace = [{ kind = 'tar' }] }");
    assert_eq!(words(&profile.packages.include), ["three"]);
    assert_eq!(&*profile.outputs[0].origin.file, Path::new("p.toml"));
    let profile = merged("packages.include = { replace = [] }");
    assert!(profile.packages.include.is_empty());
}

#[test]
fn a_profile_that_two_others_extend_counts_once() {
    let least = format!("{LEAST}overlay = [{{ source = 'o' }}]\n");
    let profile = loaded(&[
        ("p.toml", "schema = 1\nextends = ['a.toml', 'b.toml']\n"),
        ("a.toml", "schema = 1\nextends = ['least.toml']\n"),
        ("b.toml", "schema = 1\nextends = ['./least.toml']\n"),
        ("least.toml", &least),
        ("o/etc/motd", ""),
    ])
    .unwrap();
    assert_eq!((profile.outputs.len(), profile.overlays.len()), (1, 1));
}

#[test]
fn a_kernel_may_be_named_by_architecture() {
    let text = LEAST.replace("[\"amd64\"]", "[\"amd64\", \"arm64\"]");
    let of = |package: &str| format!("{text}kernel = {{ package = {package} }}\n");
    let profile = loaded(&[("p.toml", &of("{ amd64 = 'linux-a', arm64 = 'linux-b' }"))]).unwrap();
    let kernel = profile.kernel.unwrap();
    assert_eq!(kernel.package_for(Arch::Arm64).unwrap().value.as_str(), "linux-b");
    assert!(kernel.package_for(Arch::Riscv64).is_none());
    insta::assert_snapshot!(findings(&[("p.toml", &of("{ amd64 = 'linux-a' }"))]), @r#"
    p.toml:7:32: no kernel package for `arm64` [none for `arm64`]
      note: `arm64` is asked for p.toml:3:44
      hint: name one for each architecture: `package = { arm64 = "linux-image-arm64" }`
    "#);
}

#[test]
fn words_and_fragments_may_be_for_one_architecture() {
    let text = LEAST.replace("[\"amd64\"]", "[\"amd64\", \"arm64\"]");
    let kernel = "kernel = { package = 'linux', fragments = ['k.config', { arm64 = 'arm.config' }, 'k.config'], \
                  cmdline = ['quiet', { amd64 = 'console=ttyS0,115200', arm64 = 'console=ttyAMA0' }, { arm64 = 'x' }] }\n";
    let files = [("p.toml", format!("{text}{kernel}")), ("k.config", String::new()), ("arm.config", String::new())];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let kernel = loaded(&files).unwrap().kernel.unwrap();
    let words = |arch| kernel.cmdline_for(arch).map(|word| word.value.as_str()).collect::<Vec<_>>();
    assert_eq!(words(Arch::Amd64), ["quiet", "console=ttyS0,115200"]);
    assert_eq!(words(Arch::Arm64), ["quiet", "console=ttyAMA0", "x"]);
    assert_eq!(words(Arch::Riscv64), ["quiet"]);
    assert_eq!(kernel.console_for(Arch::Amd64), Some("ttyS0"));
    assert_eq!(kernel.console_for(Arch::Riscv64), None);
    let fragments = |arch| kernel.fragments_for(arch).map(|it| it.file.display().to_string()).collect::<Vec<_>>();
    assert_eq!(fragments(Arch::Amd64), ["k.config"]);
    assert_eq!(fragments(Arch::Arm64), ["k.config", "arm.config"]);
    let wrong = format!("{text}kernel = {{ package = 'linux', cmdline = ['a', {{ arm = 'b c', x86 = 1 }}] }}\n");
    insta::assert_snapshot!(findings(&[("p.toml", &wrong)]), @r#"
    p.toml:7:49: `arm` is not an architecture
      hint: there are `amd64`, `arm64`, `armhf` and `riscv64`
    p.toml:7:55: `b c` is not one word of a command line
      hint: write each word on its own: `["quiet", "panic=10"]`
    p.toml:7:62: `x86` is not an architecture
      hint: there are `amd64`, `arm64`, `armhf` and `riscv64`
    p.toml:7:68: `kernel.x86` must be a string, not a number [a number]
      hint: write `x86 = "1"`
    "#);
}
