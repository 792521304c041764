//! Tests of the loader as a whole: a map of files in, a profile or findings out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rootsmith_types::{Arch, Explain, Located, NumBytes, SourceEntry, Sources, Subject};

use crate::{
    Account, KillMode, Limit, OutputKind, PartitionSize, PayloadKind, Profile, ProfileErrors, Resource, Restart,
    Source, Unpacking, load,
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
fn the_profile_of_the_readme_is_read_in_full() {
    let files = [
        ("profiles/k0s-worker.toml", include_str!("../../../profiles/k0s-worker.toml")),
        ("profiles/base/debian-systemd.toml", include_str!("../../../profiles/base/debian-systemd.toml")),
        ("profiles/kernel/k0s.config", include_str!("../../../profiles/kernel/k0s.config")),
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
    assert_eq!(&*kernel.fragments[1].file, Path::new("profiles/kernel/virtio.config"));
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
            "profiles/kernel/virtio.config",
            "profiles/kernel/virtio-amd64.config",
            "profiles/kernel/virtio-arm64.config"
        ]
    );
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

#[test]
fn payloads_are_found_beside_the_folder_of_profiles() {
    let text = format!(
        "{LEAST}payload = [{{ name = 'k0s', source = {{ path = 'payloads/k0s', sha256 = '{}' }}, \
         install = '/usr/local/bin/k0s', mode = '0750' }}]\n",
        "ab".repeat(32)
    );
    let profile = loaded(&[("/w/profiles/p.toml", &text), ("/w/payloads/k0s", "")]).unwrap();
    let payload = &profile.payloads[0];
    let source = payload.source_for(Arch::Amd64).unwrap();
    let Source::File { path, .. } = source else { panic!("{source:?}") };
    assert_eq!(path.value, Path::new("/w/payloads/k0s"));
    assert_eq!((payload.mode, payload.install.value.to_string()), (Some(0o750), "/usr/local/bin/k0s".to_owned()));
    assert_eq!(source.sha256().unwrap().value.to_string(), "ab".repeat(32));
}

#[test]
fn a_payload_is_a_file_an_archive_a_package_or_a_bundle() {
    let text = format!(
        "{LEAST}payload = [
          {{ name = 'helm', kind = 'tar', source = {{ url = 'https://mirror.invalid/helm.tgz', sha256 = '{digest}' }}, \
             install = '/usr/local/bin', members = ['linux-amd64/helm'], strip = 1, owner = 'root', group = 0 }},
          {{ name = 'tools', kind = 'zip', source = {{ path = 'tools.zip' }}, install = '/', \
             members = {{ 'a/b' = 'opt/c' }} }},
          {{ name = 'agent', kind = 'deb', source = {{ path = 'agent.deb' }} }},
          {{ name = 'bundle', kind = 'oci', source = {{ amd64 = {{ path = 'bundle.tar' }} }}, install = '/b.tar' }},
        ]\n",
        digest = "ab".repeat(32)
    );
    let profile = loaded(&[("p.toml", &text), ("tools.zip", ""), ("agent.deb", "")]).unwrap();
    let [helm, tools, agent, bundle] = profile.payloads.as_slice() else { panic!("four payloads") };
    assert_eq!(helm.source_for(Arch::Arm64).unwrap().url(), Some("https://mirror.invalid/helm.tgz"));
    let PayloadKind::Tar(Unpacking { members: Some(members), strip: 1 }) = &helm.kind else { panic!("{helm:?}") };
    assert_eq!((members[0].path.value.to_string(), &members[0].to), ("/linux-amd64/helm".into(), &None));
    assert_eq!(helm.owner.as_ref().unwrap().value, Account::Name("root".into()));
    assert_eq!(helm.group.as_ref().unwrap().value, Account::Number(0));
    let PayloadKind::Zip(Unpacking { members: Some(members), strip: 0 }) = &tools.kind else { panic!("{tools:?}") };
    assert_eq!(members[0].to.as_ref().unwrap().to_string(), "/opt/c");
    assert!(tools.install.value.is_root() && agent.install.value.is_root());
    assert_eq!((&agent.kind, &bundle.kind), (&PayloadKind::Deb, &PayloadKind::Oci));
    // It need not be there as long as nobody builds for its architecture.
    let Some(Source::File { path, .. }) = bundle.source_for(Arch::Amd64) else { panic!("{bundle:?}") };
    assert_eq!(path.value, Path::new("bundle.tar"));
}

#[test]
fn what_payloads_get_wrong_is_said() {
    let text = "schema = 1
        image = { name = 'x', arch = ['amd64', 'arm64'] }
        distribution = { id = 'debian', suite = 'trixie' }
        init = { system = 'systemd' }
        output = [{ kind = 'tar' }]
        [[payload]]
        name = 'one'
        source = { url = 'http://mirror.invalid/one', path = 'one' }
        install = '/one'
        owner = 'Not A User'
        members = ['one']
        [[payload]]
        name = 'two'
        kind = 'tar'
        source = { arm64 = { path = 'two' }, sha256 = '00' }
        install = 'opt'
        members = ['../two', '/two']
        strip = '1'
        [[payload]]
        name = 'three'
        kind = 'deb'
        source = { amd64 = { path = 'three' } }
        mode = '0644'
        install = '/opt'
        [[payload]]
        name = 'four'
        kind = 'rpm'
        source = { path = 'four' }
        [[payload]]
        name = 'five'
        source = { path = 'payloads/five', from = 'https://mirror.invalid/releases' }
        install = '/five'
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n")), ("four", "")]), @r#"
    p.toml:8:10: `payload.source.sha256` is missing [missing in here]
      hint: write `sha256 = "what sha256sum prints of it"`
    p.toml:8:47: unknown key `path` in a source with `url`
      hint: known here: `url` and `sha256`
    p.toml:10:9: `Not A User` is not a user or group
      hint: write its name or its number: `etcd`, `1000`
    p.toml:11:1: unknown key `members` in a payload of kind `file`
      hint: known here: `name`, `source`, `kind`, `install`, `owner`, `group` and `mode`
    p.toml:15:38: unknown key `sha256` in a `source` for each architecture
      hint: known here: `amd64`, `arm64`, `armhf` and `riscv64`
    p.toml:16:11: `opt` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:17:12: `../two` is not a path in an archive
      hint: write it as the archive has it, without `/` at its start and without `..`: `linux-amd64/helm`
    p.toml:17:22: `/two` is not a path in an archive
      hint: write it as the archive has it, without `/` at its start and without `..`: `linux-amd64/helm`
    p.toml:18:9: `payload.strip` must be a whole number, not a string [a string]
    p.toml:19:1: payload `three` has no source for `arm64` [none for `arm64`]
      note: `arm64` is asked for p.toml:2:40
      hint: name one for each architecture: `source = { arm64 = { path = "payloads/…" } }`
    p.toml:23:1: unknown key `mode` in a payload of kind `deb`
      hint: known here: `name`, `source` and `kind`
    p.toml:24:1: unknown key `install` in a payload of kind `deb`
      hint: known here: `name`, `source` and `kind`
    p.toml:27:8: `rpm` is not a kind of payload
      hint: there are `file`, `tar`, `zip`, `deb` and `oci`
    p.toml:31:19: payload `payloads/five` was not found [named here]
      hint: get it from https://mirror.invalid/releases and put it at `payloads/five`
    "#);
}

#[test]
fn everything_that_is_wrong_comes_at_once_and_in_order() {
    let files = [
        (
            "profiles/p.toml",
            "schema = 1\nextends = ['base.toml', 'gone.toml']\n\n[image]\nname = 'No Name'\nname2 = 1\n\n[packages]\n\
             include = 'ssh'\ndrop = ['doc', 7]\n\n[kernel]\npackage = 'linux'\nfragments = ['k.config']\n\n[[overlay]]\n\
             source = 'overlays/o'\n",
        ),
        ("profiles/base.toml", "schema = 1\n[init]\nsystem = 'runit'\nenable = ['a b']\n"),
    ];
    insta::assert_snapshot!(findings(&files), @r#"
    profiles/p.toml:2:25: profile `gone.toml` was not found [named here]
      hint: put it at `profiles/gone.toml`, or correct the path
    profiles/p.toml:5:8: `No Name` is not a name
      hint: use at most 63 lower-case letters, digits and `-` between them
    profiles/p.toml:6:1: unknown key `name2` in `image`
      hint: did you mean `name`?
    profiles/p.toml:9:11: `packages.include` must be an array of strings, not a string [a string]
      hint: write `include = ["ssh"]`
    profiles/p.toml:10:9: `doc` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    profiles/p.toml:10:16: `packages.drop` must be an array of strings, not a number [a number]
    profiles/p.toml:14:14: fragment `k.config` was not found [named here]
      hint: put it at `profiles/k.config`, or correct the path
    profiles/p.toml:17:10: overlay `overlays/o` was not found [named here]
      hint: put it at `overlays/o`, or correct the path
    profiles/base.toml:3:10: `runit` is not an init system
      hint: there are `systemd`, `openrc` and `busybox`
    profiles/base.toml:4:11: `a b` is not the name of a service
      hint: write it as `ssh` or `ssh.service`
    "#);
}

#[test]
fn what_is_missing_is_named_with_an_example() {
    insta::assert_snapshot!(findings(&[("p.toml", "[image]\narch = []\n")]), @r#"
    p.toml:1:1: `schema` is missing
      hint: write `schema = 1`
    p.toml:1:1: `distribution.id` is missing
      hint: write `[distribution]` and below it `id = "debian"`
    p.toml:1:1: `distribution.suite` is missing
      hint: write `[distribution]` and below it `suite = "trixie"`
    p.toml:1:1: `init.system` is missing
      hint: write `[init]` and below it `system = "systemd"`
    p.toml:1:1: `output` is missing
      hint: write `[[output]]`
    p.toml:1:1: `image.name` is missing [missing in here]
      hint: write `name = "k0s-worker"`
    p.toml:2:8: `image.arch` is empty
      hint: write `arch = ["amd64"]`
    "#);
}

#[test]
fn what_may_be_in_an_unreadable_file_is_not_missed() {
    let files = [("p.toml", "schema = 1\nextends = ['broken.toml']\n"), ("broken.toml", "[image\nname = ")];
    insta::assert_snapshot!(findings(&files), @r#"
    broken.toml:1:7: no valid TOML: unclosed table, expected `]`
    "#);
}

#[test]
fn a_circle_is_shown_whole() {
    let files = [
        ("profiles/a.toml", "schema = 1\nextends = ['b.toml']\n"),
        ("profiles/b.toml", "schema = 1\nextends = ['sub/c.toml']\n"),
        ("profiles/sub/c.toml", "schema = 1\n\nextends = ['../b.toml']\n"),
    ];
    insta::assert_snapshot!(findings(&files), @r#"
    profiles/sub/c.toml:3:12: `extends` goes round in a circle: `profiles/b.toml` → `profiles/sub/c.toml` → `profiles/b.toml` [closes the circle]
      note: `profiles/b.toml` extends `profiles/sub/c.toml` profiles/b.toml:2:12
      hint: take one of them out, or move what they share to a profile of its own
    "#);
    insta::assert_snapshot!(findings(&[("a.toml", "schema = 1\nextends = ['a.toml']\n")]), @r#"
    a.toml:2:12: `extends` goes round in a circle: `a.toml` → `a.toml` [closes the circle]
      hint: take one of them out, or move what they share to a profile of its own
    "#);
}

#[test]
fn a_chain_that_is_too_long_is_cut() {
    let names: Vec<_> = (0..100).map(|i| format!("p{i}.toml")).collect();
    let texts: Vec<_> = (1..101).map(|i| format!("schema = 1\nextends = ['p{i}.toml']\n")).collect();
    let files: Vec<_> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    insta::assert_snapshot!(findings(&files), @r#"
    p31.toml:2:12: profiles extend each other more than 32 deep [one too many]
      hint: extend the profiles at the end of the chain directly
    "#);
}

#[test]
fn a_key_in_the_wrong_table_is_sent_where_it_belongs() {
    insta::assert_snapshot!(with("[packages]\ninculde = []\nenable = []\nwhatever = 1"), @r#"
    p.toml:8:1: unknown key `inculde` in `packages`
      hint: did you mean `include`?
    p.toml:9:1: unknown key `enable` in `packages`
      hint: did you mean `init.enable`?
    p.toml:10:1: unknown key `whatever` in `packages`
      hint: known here: `include`, `essential`, `dependencies`, `recommends`, `drop`, `prefer` and `database`
    "#);
}

#[test]
fn a_database_of_packages_is_named_by_its_form() {
    use crate::Database;
    let database = |word: &str| {
        let text = format!("{LEAST}packages.database = '{word}'\n");
        loaded(&[("p.toml", &text)]).unwrap().packages.database.map(|database| database.value)
    };
    assert_eq!(database("dpkg"), Some(Database::Dpkg));
    assert_eq!(database("status.d"), Some(Database::StatusD));
    assert_eq!(database("none"), Some(Database::None));
    insta::assert_snapshot!(with("packages.database = 'rpm'"), @r#"
    p.toml:7:21: `rpm` is not a database of packages
      hint: there are `dpkg`, `status.d` and `none`
    "#);
}

#[test]
fn what_the_design_promises_and_we_cannot_yet_is_said_so() {
    let text = "
        schema = 1
        image = { name = 'p', arch = ['amd64'] }
        distribution = { id = 'alpine', suite = 'v3', pockets = ['backports'] }
        packages = { recommends = true }
        kernel = { package = 'linux', source = 'linux-source-6.12' }
        init = { system = 'openrc' }
        board = 'pine64'
        payload = [{ name = 'k0s', source = { url = 'http://mirror.invalid/k0s' }, install = '/k0s' }]
        scripts = { dash = 'ignore' }
        output = [
            { kind = 'squashfs' },
            { kind = 'disk', table = 'mbr', boot = 'grub', format = ['qcow2'], partitions = [
                { type = 'swap', size = '1GiB' }, { type = 'root', filesystem = 'btrfs', size = 'minimal' } ] },
            { kind = 'tar', compress = 'zstd' },
        ]
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n"))]), @r#"
    p.toml:4:23: distribution `alpine` is not supported yet
      hint: supported today: `debian`
    p.toml:4:58: pocket `backports` is not supported yet
      hint: supported today: `updates` and `security`
    p.toml:5:27: following recommendations is not supported yet
      hint: name those you want in `include`, and leave `recommends` out
    p.toml:6:31: `kernel.source` is not supported yet
      hint: name a `package`; its configuration is checked against the fragments
    p.toml:8:1: `board` is not supported yet
      hint: disks that boot through UEFI are what can be made today
    p.toml:9:37: `payload.source.sha256` is missing [missing in here]
      hint: write `sha256 = "what sha256sum prints of it"`
    p.toml:10:20: `scripts.dash` must be a table with a reason, not a string [a string]
      hint: write `dash = { ignore = "why its scripts are not needed" }`
    p.toml:12:10: output `squashfs` is not supported yet
      hint: supported today: `disk`, `tar` and `oci`
    p.toml:13:26: partition table `mbr` is not supported yet
      hint: supported today: `gpt`
    p.toml:13:40: boot method `grub` is not supported yet
      hint: supported today: `uki`
    p.toml:13:58: disk format `qcow2` is not supported yet
      hint: supported today: `raw`
    p.toml:14:10: partition `swap` is not supported yet
      hint: supported today: `esp` and `root`
    p.toml:14:65: root file system `btrfs` is not supported yet
      hint: supported today: `ext4`
    p.toml:15:17: `output.compress` is not supported yet
      hint: a `tar` and the layer of an `oci` are always compressed with zstd, a `raw` disk never
    "#);
}

#[test]
fn values_that_make_no_sense() {
    let text = "
        schema = 2
        image = { name = 'p', arch = ['amd46'] }
        distribution = { id = 'debain', suite = 'trixie', mirror = 'ftp://mirror.invalid' }
        init = { system = 'systemd' }
        cgroups = { controllers = ['cpus', 'gpu'] }
        hosts = { 'localhost' = ['127.0.0.1'], '::1' = ['local_host'], '0::1' = [] }
        kernel = { package = 'Linux', cmdline = ['root=/dev/vda2', 'quiet splash'], modules = ['a/b.ko'] }
        payload = [{ name = 'k0s', source = { path = 'k0s', sha256 = '12' }, install = 'bin/k0s', mode = 755 }]
        preflight = { sets = ['boot@'], accept = [{ check = 'cgroup.hugetlb' }, { check = 'x', reason = ' ' }] }
        packages.prefer = { '/usr/bin/awk' = 'GAWK' }
        extends = 'base.toml'
        output = [{ kind = 'tar', table = 'gpt' }]
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n")), ("k0s", "")]), @r#"
    p.toml:2:10: schema 2 is not known
      hint: write `schema = 1`; a higher number needs a newer version of rootsmith
    p.toml:3:31: `amd46` is not an architecture
      hint: did you mean `amd64`?
    p.toml:4:23: `debain` is not a distribution
      hint: did you mean `debian`?
    p.toml:4:60: `ftp://mirror.invalid` is not the address of a mirror
      hint: write it as `http://ftp.debian.org/debian`
    p.toml:6:28: `cpus` is not a cgroup controller
      hint: did you mean `cpu`?
    p.toml:6:36: `gpu` is not a cgroup controller
      hint: did you mean `cpu`?
    p.toml:7:11: `localhost` is not an IP address
      hint: write it as `127.0.0.1` or `"::1"`
    p.toml:7:49: `local_host` is not a host name
      hint: use letters, digits and `-`, in parts of at most 63 with `.` between them
    p.toml:7:64: there is a second line for `::1` [the second]
      note: the first is p.toml:7:40
      hint: take one of them out
    p.toml:8:22: `Linux` is not a package name
      hint: use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`
    p.toml:8:42: `root=/dev/vda2` in the kernel command line
      hint: take it out: the build adds `root=` with the identifier of the partition it makes
    p.toml:8:60: `quiet splash` is not one word of a command line
      hint: write each word on its own: `["quiet", "panic=10"]`
    p.toml:8:88: `a/b.ko` is not the name of a kernel module
      hint: write it without path and suffix: `br_netfilter`
    p.toml:9:62: `12` is not a SHA-256 digest
      hint: write the 64 hexadecimal digits that `sha256sum` prints
    p.toml:9:80: `bin/k0s` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:9:98: `payload.mode` must be a string, not a number [a number]
      hint: write `mode = "755"`
    p.toml:10:23: `boot@` is not the name of a requirement set
      hint: write it as `boot` or `k0s-worker@1.36`, or name a file that ends in `.toml`
    p.toml:10:97: ` ` is not a line of text
      hint: write some words
    p.toml:11:38: `GAWK` is not a package name
      hint: use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`
    p.toml:12:11: `extends` must be an array of strings, not a string [a string]
      hint: write `extends = ["base.toml"]`
    p.toml:13:27: unknown key `table` in an output of kind `tar`
      hint: known here: `kind`
    "#);
}

#[test]
fn disks_that_could_not_boot_or_grow() {
    let disk = |partitions: &str| {
        let text = LEAST.replace(
            "{ kind = \"tar\" }",
            &format!("\n{{ kind = 'disk', table = 'gpt', boot = 'uki', partitions = [\n{partitions}\n] }}"),
        );
        findings(&[("p.toml", &text)])
    };
    insta::assert_snapshot!(disk("{ type = 'root', size = '1GiB', free = '1MiB', grow = true },\n{ type = 'root', size = 'minimal' }"), @r#"
    p.toml:7:1: the disk has no `esp` partition to boot from [this disk]
      hint: add `{ type = "esp", size = "64MiB" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    p.toml:8:1: only the last partition can grow [cannot grow]
      note: the partition behind it is p.toml:9:1
      hint: move it to the end of `partitions`, or leave `grow` out
    p.toml:8:40: `free` means nothing in a partition of fixed size (1.00 GiB)
      hint: write `size = "minimal"`, or leave `free` out
    p.toml:9:10: there is a second `root` partition on the disk [the second]
      note: the first is p.toml:8:10
      hint: take one of them out
    "#);
    insta::assert_snapshot!(disk("{ type = 'esp', size = '64M' }"), @r#"
    p.toml:8:24: `64M` is not the size of a partition
      hint: write `minimal`, or a whole number and a unit out of KiB, MiB, GiB, TiB: `64MiB`
    "#);
    insta::assert_snapshot!(disk("{ type = 'esp', size = '64MiB' }"), @r#"
    p.toml:7:1: the disk has no root partition [this disk]
      hint: add `{ type = "root", filesystem = "ext4", size = "minimal" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    "#);
    insta::assert_snapshot!(disk(""), @r#"
    p.toml:7:1: the disk has no root partition [this disk]
      hint: add `{ type = "root", filesystem = "ext4", size = "minimal" }` to `partitions`
    p.toml:7:1: the disk has no `esp` partition to boot from [this disk]
      hint: add `{ type = "esp", size = "64MiB" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    p.toml:7:60: `output.partitions` is empty
      hint: write `partitions = [{ type = "root", size = "minimal" }]`
    "#);
}

#[test]
fn two_of_a_kind_are_refused_wherever_they_come_from() {
    let payload = "{ name = 'k0s', source = { path = 'k0s' }, install = '/k0s' }";
    let base = format!("{LEAST}payload = [{payload}]\n");
    let text = format!("schema = 1\nextends = ['base.toml']\noutput = [{{ kind = 'tar' }}]\npayload = [{payload}]\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("base.toml", &base), ("k0s", "")]), @r#"
    p.toml:3:11: there is a second output of kind `tar`: their files would have the same name [the second]
      note: the first is base.toml:6:11
      hint: take one of them out
    p.toml:4:21: there is a second payload called `k0s` [the second]
      note: the first is base.toml:7:21
      hint: take one of them out
    p.toml:4:65: there is a second payload at `/k0s` [the second]
      note: the first is base.toml:7:65
      hint: take one of them out
    "#);
}

#[test]
fn an_array_in_one_file_and_none_in_the_other_is_refused() {
    let base = format!("{LEAST}[packages]\ninclude = ['one']\n");
    let files = [("p.toml", "schema = 1\nextends = ['base.toml']\npackages.include = 'two'\n"), ("base.toml", &base)];
    insta::assert_snapshot!(findings(&files), @r#"
    p.toml:3:20: `include` is a string here and an array in what it extends [a string]
      note: an array is written base.toml:8:11
      hint: make both the same; `{ replace = […] }` replaces an array
    "#);
}

#[test]
fn files_that_cannot_be_had() {
    insta::assert_snapshot!(findings_without_entry(), @r#"
    profile `profiles/gone.toml` was not found; hint: give the path of a profile, as `profiles/k0s-worker.toml`
    "#);
    let text = LEAST.replace("suite =", "signed-by = 'archive.asc', suite =");
    insta::assert_snapshot!(findings(&[("profiles/boards/p.toml", &text)]), @r#"
    profiles/boards/p.toml:4:45: keyring `archive.asc` was not found [named here]
      note: looked for `profiles/boards/archive.asc` and `profiles/archive.asc` -
      hint: correct the path; it starts at the folder of the file that says it, or at `profiles/`
    "#);
    insta::assert_snapshot!(with("payload = [{ name = 'k0s', source = { path = 'payloads/k0s' }, install = '/k0s' }]"), @r#"
    p.toml:7:46: payload `payloads/k0s` was not found [named here]
      hint: put it at `payloads/k0s`, or correct the path
    "#);
    let text = format!("{LEAST}overlay = [{{ source = 'motd' }}]\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("motd", "")]), @r#"
    p.toml:7:23: overlay `motd` is not a folder [named here]
      hint: name a folder whose content mirrors the image
    "#);
    let bytes = Files(BTreeMap::from([(PathBuf::from("p.toml"), b"schema = 1\n# caf\xe9\n".to_vec())]));
    let errors = load(Path::new("p.toml"), &bytes).unwrap_err();
    assert_eq!(errors.to_string(), "the file is not UTF-8 text");
    let origin = errors.errors[0].origin().unwrap();
    assert_eq!(place(&errors.files, origin), "p.toml:2:6");
}

fn findings_without_entry() -> String {
    let errors = load(Path::new("profiles/gone.toml"), &Files::new(&[])).unwrap_err();
    format!("{errors}; hint: {}", errors.errors[0].help().unwrap())
}

/// Every way to spoil one token of a whole profile ends in a profile or in findings that have a place, never in a panic.
#[test]
fn no_spoilt_profile_panics() {
    let text = include_str!("../../../profiles/k0s-worker.toml");
    let base = include_str!("../../../profiles/base/debian-systemd.toml");
    let others =
        [("profiles/base/debian-systemd.toml", base), ("profiles/kernel/k0s.config", ""), ("overlays/k0s/a", "")];
    let fragment = ("profiles/kernel/virtio.config", "");
    for (at, token) in text.match_indices(['"', '=', '[', ']', '{', '}', ',', '\n']) {
        for spoilt in ["", "7", "\"x\"", "[]", "{}", "\u{e9}", "\n[x]\n"] {
            let text = format!("{}{spoilt}{}", &text[..at], &text[at + token.len()..]);
            let mut files = vec![("profiles/k0s-worker.toml", text.as_str()), fragment];
            files.extend(others);
            if let Err(errors) = loaded(&files) {
                assert!(!errors.errors.is_empty());
                for error in &errors.errors {
                    let origin = error.origin().expect("every finding in a readable profile has a place");
                    let (_, text) =
                        errors.files.iter().find(|(name, _)| *name == origin.file).expect("of a file we read");
                    assert!(text.get(origin.span()).is_some(), "{error} at {:?}", origin.span());
                }
            }
        }
    }
}

#[test]
fn hostile_text_is_refused_in_few_words() {
    for text in ["[".repeat(100_000), "a = ".to_owned() + &"[".repeat(100_000), "a.".repeat(50_000) + "b = 1"] {
        assert!(loaded(&[("p.toml", &text)]).is_err());
    }
    let long = "x".repeat(100_000);
    let text = format!("{LEAST}{long} = 1\npackages = {{ include = ['{}'] }}\n", long.to_uppercase());
    let errors = loaded(&[("p.toml", &text)]).unwrap_err();
    assert!(errors.errors.iter().all(|error| error.to_string().len() < 300), "{errors}");
}

#[test]
fn a_service_knows_all_that_it_was_told() {
    let text = format!(
        "{LEAST}
[[service]]
name = 'k0sworker'
exec = ['/usr/local/bin/k0s', 'worker', '']
user = 'k0s'
environment = {{ HTTP_PROXY = 'http://proxy.invalid', LEVEL = 3 }}
working-directory = '/var/lib/k0s'
restart-delay = '2min'
after = ['containerd']
network = true
limits = {{ nofile = 1048576, nproc = 'unlimited' }}
delegate = true
kill-mode = 'process'
cgroup = {{ memory = '256MiB', cpu = '150%', pids = 100 }}
[[service]]
name = 'prepare'
exec = ['/usr/bin/true']
oneshot = true
enable = false
"
    );
    let profile = loaded(&[("p.toml", &text)]).unwrap();
    let [service, prepare] = profile.services.as_slice() else { panic!("{:?}", profile.services) };
    let words: Vec<&str> = service.exec.iter().map(|word| word.value.as_str()).collect();
    assert_eq!(words, ["/usr/local/bin/k0s", "worker", ""]);
    let environment: Vec<_> = service.environment.iter().map(|(k, v)| format!("{}={}", k.value, v.value)).collect();
    assert_eq!(environment, ["HTTP_PROXY=http://proxy.invalid", "LEVEL=3"]);
    assert_eq!(service.restart.value, Restart::Always);
    assert_eq!(service.restart_delay.as_ref().unwrap().value.as_secs(), 120);
    let limits: Vec<_> = service.limits.iter().map(|(resource, limit)| (resource.value, limit.value)).collect();
    assert_eq!(limits, [(Resource::Nofile, Limit::Number(1_048_576)), (Resource::Nproc, Limit::Unlimited)]);
    assert_eq!(service.kill_mode.value, KillMode::Process);
    assert_eq!(service.cgroup.memory.as_ref().unwrap().value, NumBytes::mib(256));
    assert_eq!(service.cgroup.cpu.as_ref().unwrap().value, 150);
    assert_eq!(service.cgroup.pids.as_ref().unwrap().value, Limit::Number(100));
    assert!(service.delegate.value && service.network.value && service.enable.value);
    assert_eq!((prepare.restart.value, prepare.enable.value), (Restart::Never, false));
}

#[test]
fn what_is_wrong_with_a_machine_is_said() {
    let text = format!(
        "{LEAST}
identity = {{ hostname = 'node_?' }}
user = [{{ name = 'Etcd', uid = -1 }}, {{ name = 'a', uid = 7 }}, {{ name = 'a', uid = 7, ssh-authorized-keys = 'x' }}]
group = [{{ gid = '5' }}]
mount = [{{ source = 'tmpfs', target = 'tmp', type = 'tmpfs', options = ['a,b'] }}]
sysctl = {{ 'net..x' = 1, 'vm.swappiness' = true }}
network = {{ manager = 'netplan', interface = [{{ dhcp = true }}, {{ match = ['eth0'], address = ['10.0.0.1'] }}] }}
[[service]]
name = 'x.service'
exec = ['true']
oneshot = true
restart = 'always'
limits = {{ files = 5, nofile = 'lots' }}
cgroup = {{ cpu = '1', pids = 1 }}
"
    );
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r#"
    p.toml:8:25: `node_?` is not a host name
      hint: use letters, digits and `-`, in parts of at most 63 with `.` between them
    p.toml:9:18: `Etcd` is not the name of an account
      hint: use at most 32 lower-case letters, digits, `_` and `-`
    p.toml:9:32: `-1` is not the number of an account
      hint: write a whole number from 0 on
    p.toml:9:72: there is a second user called `a` [the second]
      note: the first is p.toml:9:47
      hint: take one of them out
    p.toml:9:83: there is a second user with the number 7 [the second]
      note: the first is p.toml:9:58
      hint: take one of them out
    p.toml:9:108: `user.ssh-authorized-keys` must be an array of strings, not a string [a string]
      hint: write `ssh-authorized-keys = ["x"]`
    p.toml:10:10: `group.name` is missing [missing in here]
      hint: write `name = "data"`
    p.toml:10:18: `group.gid` must be a whole number, not a string [a string]
    p.toml:11:39: `tmp` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:11:73: `a,b` is not a mount option
      hint: write each on its own: `["nodev", "size=64m"]`
    p.toml:12:12: `net..x` is not a setting of the kernel
      hint: write it as sysctl(8) has it: `"net.ipv4.ip_forward"`
    p.toml:12:44: `sysctl."vm.swappiness"` must be a whole number or a string, not a boolean [a boolean]
    p.toml:13:23: `netplan` is not what configures a network
      hint: there are `networkd`, `ifupdown` and `busybox`
    p.toml:13:47: `network.interface.match` is missing [missing in here]
      hint: write `match = ["en*", "eth*"]`
    p.toml:13:95: `10.0.0.1` is not an address with its prefix
      hint: write it as `192.168.1.2/24`
    p.toml:15:8: `x.service` is not the name of a service
      hint: use letters, digits, `-`, `_` and `.`, without `.service`: `k0sworker`
    p.toml:16:9: `true` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:19:12: `files` is not a resource that can be limited
      hint: there are `as`, `core`, `data`, `fsize`, `memlock`, `nofile`, `nproc`, `rtprio` and `stack`
    p.toml:19:32: `lots` is not a limit
      hint: write a whole number, or `"unlimited"`
    p.toml:20:18: `1` is not a share of processors
      hint: write percents of one: `50%`, `150%`
    "#);
}
