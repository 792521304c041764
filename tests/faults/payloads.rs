//! Payloads of every kind: where they land, how they are pinned, and what is said when they are at fault.

use rootsmith_types::Sha256Digest;

use super::*;

/// The file that is on the server.
const TOOL: &[u8] = b"#!/bin/sh\necho a tool\n";

/// A tar archive of files, folders (whose path ends with a slash) and symbolic links (whose content begins with `->`).
fn tar_of(members: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        // Of whoever ran a release job.
        header.set_uid(1001);
        header.set_gid(127);
        header.set_mtime(DATE.unsigned_abs());
        header.set_entry_type(match content.strip_prefix("->") {
            Some(_) => tar::EntryType::Symlink,
            None if path.ends_with('/') => tar::EntryType::Directory,
            None => tar::EntryType::Regular,
        });
        if let Some(target) = content.strip_prefix("->") {
            header.set_link_name(target).unwrap();
        }
        let content = if content.starts_with("->") { "" } else { content };
        header.set_size(content.len() as u64);
        // As it is, also where `tar` would not write such a path.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn tools() -> Vec<u8> {
    tar_of(&[
        ("linux-amd64/", 0o775, ""),
        ("linux-amd64/tool", 0o4775, "#!/bin/sh\n"),
        ("linux-amd64/alias", 0o777, "->tool"),
        ("linux-amd64/LICENSE", 0o664, "free\n"),
    ])
}

/// An OCI archive of images without layers, each a name and an architecture; and the path of one of its blobs.
fn bundle(images: &[(&str, &str)]) -> Vec<u8> {
    let mut blobs = Vec::new();
    let mut blob = |text: String| {
        let digest = Sha256Digest::of(text.as_bytes());
        let size = text.len();
        blobs.push((format!("blobs/sha256/{digest}"), text));
        format!("\"digest\":\"sha256:{digest}\",\"size\":{size}")
    };
    let manifests: Vec<String> = images
        .iter()
        .map(|(name, arch)| {
            let config = blob(format!("{{\"os\":\"linux\",\"architecture\":\"{arch}\",\"rootfs\":{{}}}}"));
            let manifest = blob(format!("{{\"schemaVersion\":2,\"config\":{{{config}}},\"layers\":[]}}"));
            format!("{{{manifest},\"annotations\":{{\"io.containerd.image.name\":\"{name}\"}}}}")
        })
        .collect();
    let index = format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", manifests.join(","));
    let mut members = vec![("oci-layout", 0o644, "{\"imageLayoutVersion\":\"1.0.0\"}"), ("index.json", 0o644, &index)];
    members.extend(blobs.iter().map(|(path, text)| (path.as_str(), 0o644, text.as_str())));
    tar_of(&members)
}

impl Place {
    pub(super) fn put(&self, name: &str, data: impl AsRef<[u8]>) {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    /// Puts a file on the server.
    fn serve(&self, name: &str, data: &[u8]) {
        let folder = self.archive.folder().parent().unwrap().join("files");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), data).unwrap();
    }

    /// The lines of `tar -tv` for the image in `folder`, by path.
    fn listed(&self, folder: &str) -> Vec<String> {
        let tar = format!("{folder}/payloads-amd64/payloads-amd64.rootfs.tar.zst");
        let output =
            Command::new("tar").args(["--zstd", "--numeric-owner", "-tvf", &tar]).current_dir(self.work()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// A profile with a payload of every kind.
fn profile() -> String {
    let sha256 = Sha256Digest::of(TOOL);
    format!(
        r#"schema = 1
extends = ["parts/base.toml"]

[image]
name = "payloads"

[packages]
include = ["init"]

[[output]]
kind = "tar"

[[overlay]]
source = "accounts"

[[payload]]
name = "tool"
source = {{ url = "http://mirror.invalid/files/tool", sha256 = "{sha256}" }}
install = "/bin/deep/tool"
owner = "etcd"
mode = "0750"

[[payload]]
name = "tools"
kind = "tar"
source = {{ path = "tools.tar.xz" }}
install = "/opt/tools"
members = ["linux-amd64/tool", "linux-amd64/alias"]
strip = 1
owner = "etcd"
group = "0"

[[payload]]
name = "zipped"
kind = "zip"
source = {{ amd64 = {{ path = "zipped.zip" }} }}
install = "/usr/local"
members = {{ "share" = "share/zipped", "zipped" = "bin/zipped" }}

[[payload]]
name = "agent"
kind = "deb"
source = {{ path = "agent.deb" }}

[[payload]]
name = "images"
kind = "oci"
source = {{ path = "bundle.tar" }}
install = "/var/lib/k0s/images/bundle.tar"
"#
    )
}

fn agent() -> Deb {
    // Older than what the archive has, and with a need that nobody else has.
    Deb::new("init")
        .field("Depends", "gawk")
        .program("bin/agent", "#!/bin/sh\n")
        .program("usr/sbin/init", "#!/bin/sh\n")
}

#[test]
fn payloads_of_every_kind_land_where_the_profile_says() {
    if !judges(&["tar", "xz", "zip", "zstd"]) {
        return;
    }
    let Some(place) = Place::new() else { return };
    place.put("payloads.toml", profile());
    place.put("accounts/etc/passwd", "root:x:0:0::/root:/bin/sh\netcd:x:901:902::/var/lib/k0s:/usr/sbin/nologin\n");
    place.put("accounts/etc/group", "root:x:0:\netcd:x:902:\n");
    place.serve("tool", TOOL);
    place.put("tools.tar", tools());
    let script = "xz -k tools.tar && mkdir -p z/share && echo text > z/share/text && echo '#!/bin/sh' > z/zipped \
                  && chmod 755 z/zipped && ln -s zipped z/other && cd z && zip -qry ../zipped.zip .";
    let made = Command::new("sh").args(["-c", script]).current_dir(place.work()).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    place.put("agent.deb", agent().bytes());
    place.put("bundle.tar", bundle(&[("registry.invalid/pause:1", "amd64"), ("registry.invalid/dns:1", "amd64")]));

    place.succeed(&["lock", "payloads.toml"]);
    let lock = fs::read_to_string(place.work().join("payloads.lock")).unwrap();
    let sha256 = Sha256Digest::of(TOOL);
    let pinned =
        format!("name = \"tool\"\nurl = \"http://mirror.invalid/files/tool\"\nsize = 22\nsha256 = \"{sha256}\"\n");
    assert!(lock.contains(&pinned), "{lock}");
    // What the package needs is locked like anything else, the package itself is a payload.
    assert!(lock.contains("name = \"gawk\"") && lock.contains("why = \"needed by init\""), "{lock}");
    assert_eq!(lock.matches("name = \"init\"").count(), 0, "{lock}");

    place.succeed(&["build", "payloads.toml", "--locked"]);
    let listed = place.listed("outputs");
    let line = |path: &str| {
        let found = listed.iter().find(|line| line.split(" ./").nth(1).is_some_and(|found| found == path));
        let line = found.unwrap_or_else(|| panic!("{path} is not in\n{}", listed.join("\n")));
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{} {}", words[0], words[1])
    };
    // Through the link of merged `/usr`, and below a folder that had to be made there.
    assert_eq!(line("usr/bin/deep/tool"), "-rwxr-x--- 901/902");
    assert_eq!(line("usr/bin/deep/"), "drwxr-xr-x 0/0");
    assert_eq!(line("opt/tools/tool"), "-rwxr-xr-x 901/0");
    assert_eq!(line("opt/tools/alias -> tool"), "lrwxrwxrwx 901/0");
    assert_eq!(line("usr/local/bin/zipped"), "-rwxr-xr-x 0/0");
    assert_eq!(line("usr/local/share/zipped/text"), "-rw-r--r-- 0/0");
    assert_eq!(line("usr/bin/agent"), "-rwxr-xr-x 0/0");
    assert_eq!(line("usr/bin/awk"), "-rwxr-xr-x 0/0");
    assert_eq!(line("var/lib/k0s/images/bundle.tar"), "-rw-r--r-- 0/0");
    for nowhere in ["LICENSE", "other", "linux-amd64"] {
        assert!(!listed.iter().any(|line| line.contains(nowhere)), "{nowhere}");
    }
    let tar = Command::new("tar")
        .args(["--zstd", "-xOf", "outputs/payloads-amd64/payloads-amd64.rootfs.tar.zst", "./usr/bin/deep/tool"])
        .arg("./usr/local/share/zipped/text")
        .current_dir(place.work())
        .output()
        .unwrap();
    let contents = String::from_utf8(tar.stdout).unwrap();
    assert_eq!(contents, "#!/bin/sh\necho a tool\ntext\n");
    let manifest = fs::read_to_string(place.work().join("outputs/payloads-amd64/manifest.json")).unwrap();
    assert!(manifest.contains(&sha256.to_string()), "{manifest}");

    // From the cache alone, and the same bits; also when every container has to be made again.
    let image = |folder: &str| {
        fs::read(place.work().join(folder).join("payloads-amd64/payloads-amd64.rootfs.tar.zst")).unwrap()
    };
    place.succeed(&["build", "payloads.toml", "--locked", "--offline", "--output", "again"]);
    assert!(image("outputs") == image("again"));
    for entry in fs::read_dir(place.work().join("cache/unpacked")).unwrap().flatten() {
        fs::write(entry.path(), "damaged").unwrap();
    }
    place.succeed(&["build", "payloads.toml", "--locked", "--offline", "--output", "damaged"]);
    assert!(image("outputs") == image("damaged"));
}

#[test]
fn a_payload_that_does_not_come_or_is_another() {
    let Some(place) = Place::new() else { return };
    place.serve("tool", TOOL);
    place.refuses("payload-other-bytes", INPUTS);
    place.refuses("payload-not-on-the-server", INPUTS);
    place.refuses_with("payload-without-the-network", &["--offline"], HOST);
    place.refuses("payload-only-for-another-architecture", INPUTS);
}

#[test]
fn a_payload_that_changed_since_it_was_locked() {
    let Some(place) = Place::new() else { return };
    place.put("tool", TOOL);
    place.succeed(&["lock", "payload-differs-from-lock.toml"]);
    place.put("tool", "#!/bin/sh\necho another tool\n");
    place.refuses("payload-differs-from-lock", INPUTS);
    let lock = place.work().join("payload-differs-from-lock.lock");
    fs::rename(lock, place.work().join("payload-moved-since-the-lock.lock")).unwrap();
    place.refuses_with("payload-moved-since-the-lock", &["--locked"], INPUTS);
}

#[test]
fn a_payload_of_somebody_the_image_does_not_know() {
    let Some(place) = Place::new() else { return };
    place.put("tool", TOOL);
    place.refuses("payload-of-nobody", INPUTS);
}

#[test]
fn an_archive_that_is_not_what_the_profile_says() {
    let Some(place) = Place::new() else { return };
    place.put("tools.tar", tools());
    for name in ["member-missing", "stripped-away", "is-no-zip", "in-the-way"] {
        place.refuses(&format!("payload-{name}"), INPUTS);
    }
    place.put("tools.tar", tar_of(&[("bin/tool", 0o755, ""), ("../../etc/cron.d/job", 0o644, "* * * * * root sh\n")]));
    place.refuses("payload-leads-out", INPUTS);
}

#[test]
fn a_package_that_cannot_be_installed() {
    let Some(place) = Place::new() else { return };
    let agent = || Deb::new("agent").program("usr/bin/agent", "#!/bin/sh\n");
    place.put("agent.deb", agent().field("Depends", "libagent (>= 2)").bytes());
    place.refuses("payload-package-unmet", INPUTS);
    place.put("agent.deb", agent().script("postinst", "#!/bin/sh\nset -e\nregister-agent --now\n").bytes());
    place.refuses("payload-package-script", INPUTS);
    let answer = "[scripts]\nagent = { ignore = \"why it need not run\" }\n\n[packages]";
    place.builds_with("payload-package-script", "[packages]", answer);
    fs::remove_dir_all(place.work().join("outputs")).unwrap();
    let foreign = agent().bytes();
    let text = b"Architecture: amd64";
    let at = foreign.windows(text.len()).position(|window| window == text).unwrap();
    let mut foreign = foreign;
    foreign[at..at + text.len()].copy_from_slice(b"Architecture: arm64");
    place.put("agent.deb", foreign);
    place.refuses("payload-package-foreign", INPUTS);
}

#[test]
fn a_bundle_for_another_machine_or_with_other_bytes() {
    let Some(place) = Place::new() else { return };
    let images =
        [("registry.invalid/pause:1", "amd64"), ("registry.invalid/dns:1", "arm64"), ("registry.invalid/cni:1", "arm")];
    place.put("bundle.tar", bundle(&images));
    place.refuses("payload-bundle-foreign", INPUTS);
    let mut damaged = bundle(&images[..1]);
    let text = b"\"os\":\"linux\"";
    let at = damaged.windows(text.len()).position(|window| window == text).unwrap();
    damaged[at + 6] ^= 1;
    place.put("bundle.tar", damaged);
    place.refuses("payload-bundle-damaged", INPUTS);
}
