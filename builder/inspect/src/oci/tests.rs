//! Layouts by umoci and skopeo, layouts made by hand, and layouts that are wrong.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;
use rootsmith_types::{Arch, Sha256Digest};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::tar::judge::{ALL, Show, everything, paths, run, shown, source, text};
use crate::{folder, tar};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layout made by hand.
struct Layout(TempDir);

impl Layout {
    fn new() -> Layout {
        let layout = Layout(tempfile::tempdir().unwrap());
        fs::create_dir_all(layout.0.path().join("blobs/sha256")).unwrap();
        layout.file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string());
        layout
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, data: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), data).unwrap();
    }

    fn blob(&self, media_type: &str, data: impl AsRef<[u8]>) -> Value {
        let digest = Sha256Digest::of(data.as_ref());
        self.file(&format!("blobs/sha256/{digest}"), &data);
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": data.as_ref().len() })
    }

    /// A manifest of these layers, as a descriptor.
    fn image(&self, architecture: &str, layers: &[Value]) -> Value {
        let config =
            json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string());
        self.blob(MANIFEST, json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string())
    }

    fn index(&self, manifests: &[Value]) -> &Layout {
        self.file("index.json", json!({ "schemaVersion": 2, "manifests": manifests }).to_string());
        self
    }

    fn of(layers: &[Vec<u8>]) -> Layout {
        let layout = Layout::new();
        let layers: Vec<_> = layers.iter().map(|data| layout.blob(TAR, data)).collect();
        layout.index(&[layout.image("amd64", &layers)]);
        layout
    }

    fn open(&self) -> Result<Volume, OpenError> {
        let scratch = tempfile::tempdir().unwrap();
        open(self.path(), scratch.path())
    }

    fn refusal(&self) -> String {
        self.open().err().expect("it is refused").to_string()
    }
}

/// A layer by the `tar` crate: files with their own path as content, folders where a path ends in a slash, links with `->`.
fn layer(names: &[&str]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for name in names {
        let mut header = ::tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(0);
        if let Some((name, target)) = name.split_once("->") {
            header.set_entry_type(::tar::EntryType::Symlink);
            archive.append_link(&mut header, name, target).unwrap();
        } else if name.ends_with('/') {
            header.set_entry_type(::tar::EntryType::Directory);
            archive.append_data(&mut header, name, &[][..]).unwrap();
        } else {
            header.set_size(name.len() as u64);
            archive.append_data(&mut header, name, name.as_bytes()).unwrap();
        }
    }
    archive.into_inner().unwrap()
}

fn with_platform(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({ "os": os, "architecture": architecture });
    descriptor
}

/// A layout by umoci, tagged `v1`: a base, something added, something taken away, something replaced.
fn by_umoci(at: &Path) -> Option<PathBuf> {
    fs::create_dir_all(at.join("base/etc/conf.d")).unwrap();
    fs::create_dir_all(at.join("base/usr/lib")).unwrap();
    fs::create_dir_all(at.join("base/opt/old")).unwrap();
    fs::create_dir_all(at.join("new")).unwrap();
    for name in
        ["base/etc/hosts", "base/etc/conf.d/a", "base/etc/gone", "base/usr/lib/libc.so", "base/opt/old/x", "new/y"]
    {
        fs::write(at.join(name), name).unwrap();
    }
    fs::hard_link(at.join("base/usr/lib/libc.so"), at.join("base/usr/lib/libm.so")).unwrap();
    std::os::unix::fs::symlink("usr/lib", at.join("base/lib")).unwrap();
    run(at, "tar", &["-C", "base", "-cf", "base.tar", "."])?;
    for arguments in [
        "init --layout image",
        "new --image image:v1",
        "raw add-layer --image image:v1 base.tar",
        "insert --rootless --image image:v1 base.tar /srv/data/base.tar",
        "insert --rootless --image image:v1 --whiteout /etc/gone",
        "insert --rootless --image image:v1 --whiteout /etc/conf.d",
        "insert --rootless --image image:v1 --opaque new /opt",
        "config --image image:v1 --architecture riscv64",
    ] {
        run(at, "umoci", &arguments.split(' ').collect::<Vec<_>>())?;
    }
    Some(at.join("image"))
}

#[test]
fn what_umoci_makes_is_what_umoci_unpacks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(image) = by_umoci(at) else { return };
    run(at, "umoci", &["raw", "unpack", "--rootless", "--image", "image:v1", "rootfs"]);
    assert!(is(&image) && !is(at));
    let found = open(&image, at).unwrap();
    assert_eq!((found.filesystem, found.arch), ("oci", Some(Arch::Riscv64)));
    assert!(found.tree.get(&rootsmith_types::TreePath::literal("/etc/gone")).is_none());
    let show = Show { no_directory_times: true, no_owners: true, ..Show::default() };
    let unpacked = folder::open(&at.join("rootfs")).unwrap();
    assert_eq!(shown(&found, show), shown(&unpacked, show));
}

#[test]
fn what_skopeo_copies_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(image) = by_umoci(at) else { return };
    let wanted = shown(&open(&image, at).unwrap(), ALL);
    for (to, format) in
        [("oci-archive:layout.tar", "gzip"), ("oci:zstd:v1", "zstd"), ("docker-archive:docker.tar:name/of:v1", "gzip")]
    {
        let arguments = ["--insecure-policy", "copy", "-q", "--dest-compress-format", format, "oci:image:v1", to];
        let Some(_) = run(at, "skopeo", &arguments) else { return };
    }
    // Compressed again, as a whole.
    run(at, "gzip", &["-k", "docker.tar"]);
    for archive in ["layout.tar", "docker.tar", "docker.tar.gz"] {
        let found = tar::open(&source(&at.join(archive)), at, &Budget::default())
            .unwrap_or_else(|error| panic!("{archive}: {error}"));
        assert_eq!((found.filesystem, found.arch), ("oci", Some(Arch::Riscv64)), "{archive}");
        assert_eq!(shown(&found, ALL), wanted, "{archive}");
    }
    assert_eq!(shown(&open(&at.join("zstd"), at).unwrap(), ALL), wanted);
}

#[test]
fn every_layer_type_is_read() {
    let folder = everything();
    let at = folder.path();
    let arguments = ["--format=pax", "--xattrs", "--xattrs-include=*", "-C", "root", "-cf", "a.tar", "."];
    let Some(_) = run(at, "tar", &arguments) else { return };
    let plain = fs::read(at.join("a.tar")).unwrap();
    let wanted = shown(&tar::open(&source(&at.join("a.tar")), at, &Budget::default()).unwrap(), ALL);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let (gzip, zstd) = (gzip.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap());
    for (media_type, data) in [
        (TAR, &plain),
        ("application/vnd.oci.image.layer.v1.tar+gzip", &gzip),
        ("application/vnd.oci.image.layer.v1.tar+zstd", &zstd),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", &gzip),
        // Some tools call everything this.
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", &plain),
    ] {
        let layout = Layout::new();
        layout.index(&[layout.image("arm", &[layout.blob(media_type, data)])]);
        let found = layout.open().unwrap_or_else(|error| panic!("{media_type}: {error}"));
        assert_eq!(found.arch, Some(Arch::Armhf));
        assert!(shown(&found, ALL) == wanted, "{media_type}");
    }
}

#[test]
fn whiteouts_take_away_from_lower_layers_alone() {
    let layout = Layout::of(&[
        layer(&[
            "etc/",
            "etc/a",
            "etc/b",
            "etc/sub/c",
            "opt/lower/x",
            "lib->usr/lib",
            "usr/lib/libc.so",
            "gone/deep/x",
        ]),
        // Whiteouts behind what their own layer adds, and for what is not there.
        layer(&["etc/a", "etc/.wh.a", "etc/.wh.sub", "etc/.wh.none", "opt/upper", "opt/.wh..wh..opq", ".wh.gone"]),
        // A whiteout goes through no link, and a folder takes a link's place; AUFS's own files are nobody's.
        layer(&["lib/.wh.libc.so", ".wh..wh.aufs", ".wh..wh.plnk/1.2", "gone/again"]),
        layer(&["lib/.wh..wh..opq", "usr/", "etc/b/", "etc/b/inside"]),
    ]);
    let found = layout.open().unwrap();
    assert_snapshot!(paths(&found.tree), @"
    /
    /etc
    /etc/a
    /etc/b
    /etc/b/inside
    /gone
    /gone/again
    /lib
    /opt
    /opt/upper
    /usr
    /usr/lib
    /usr/lib/libc.so
    ");
    assert_eq!(text(&found, "/etc/a"), "etc/a");
}

#[test]
fn of_several_images_the_one_for_amd64_is_taken() {
    let layout = Layout::new();
    let image = |architecture: &str| layout.image(architecture, &[layout.blob(TAR, layer(&[architecture]))]);
    let arm = with_platform(image("arm64"), "linux", "arm64");
    let amd = with_platform(image("amd64"), "linux", "amd64");
    let attestation = with_platform(image("none"), "unknown", "unknown");
    let windows = with_platform(image("windows"), "windows", "amd64");

    layout.index(&[attestation.clone(), windows.clone(), arm.clone(), amd]);
    assert_eq!(layout.open().unwrap().arch, Some(Arch::Amd64));
    // An index in the index, as Docker exports images for several platforms.
    let inner = json!({ "schemaVersion": 2, "manifests": [attestation, arm] });
    layout.index(&[layout.blob("application/vnd.oci.image.index.v1+json", inner.to_string())]);
    assert_eq!(layout.open().unwrap().arch, Some(Arch::Arm64));
    layout.index(&[windows]);
    assert_snapshot!(layout.refusal(), @"the OCI layout uses images for windows/amd64 alone, which cannot be read");
}

#[test]
fn what_is_wrong_is_named() {
    let mut texts = String::new();
    let mut told = |name: &str, layout: &Layout| texts.push_str(&format!("{name}: {}\n", layout.refusal()));
    let good = || layer(&["etc/hosts"]);

    let layout = Layout::of(&[good()]);
    let blob = layout.path().join("blobs/sha256").join(Sha256Digest::of(&good()).to_string());
    let mut flipped = good();
    flipped[600] ^= 1;
    fs::write(&blob, &flipped).unwrap();
    told("flipped", &layout);
    fs::write(&blob, &good()[..700]).unwrap();
    told("short", &layout);
    fs::remove_file(&blob).unwrap();
    told("missing", &layout);
    std::os::unix::fs::symlink("/etc/hostname", &blob).unwrap();
    assert!(matches!(layout.open(), Err(OpenError::Host { .. })), "no link is followed");

    // A compressed one that does not decompress is first of all not the one that was meant.
    let layout = Layout::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&good()).unwrap();
    let gzip = gzip.finish().unwrap();
    let descriptor = layout.blob(TAR, &gzip);
    let mut flipped = gzip.clone();
    flipped[gzip.len() / 2] ^= 0xff;
    layout.index(&[layout.image("amd64", &[descriptor])]);
    layout.file(&format!("blobs/sha256/{}", Sha256Digest::of(&gzip)), flipped);
    told("compressed, flipped", &layout);
    told("compressed, cut", &Layout::of(&[gzip[..gzip.len() / 2].to_vec()]));

    told("member", &Layout::of(&[layer(&["a", "a/b"])]));
    told("whiteout", &Layout::of(&[layer(&["a/.wh."])]));
    told("whiteout of the folder", &Layout::of(&[layer(&["a/.wh.."])]));
    told("no image", Layout::new().index(&[]));
    told("no layer", &{
        let layout = Layout::new();
        layout.index(&[
            layout.image("amd64", &[layout.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "x")])
        ]);
        layout
    });
    told("digest", Layout::new().index(&[json!({ "mediaType": MANIFEST, "digest": "sha512:00", "size": 2 })]));
    told(
        "digest upwards",
        Layout::new().index(&[json!({ "mediaType": MANIFEST, "digest": "sha256:../x", "size": 2 })]),
    );
    let layout = Layout::new();
    let manifest = layout.blob(MANIFEST, "{}");
    layout.index(&[manifest]);
    told("empty manifest", &layout);
    layout.file("index.json", "{\"manifests\": 7}");
    told("index", &layout);
    layout.file("index.json", vec![b' '; (4 << 20) + 1]);
    told("long index", &layout);
    layout.file("oci-layout", "{\"imageLayoutVersion\": \"2.0.0\"}");
    told("version", &layout);
    assert_snapshot!(texts, @"
    flipped: the OCI layout is damaged at `sha256:0992cb820603fe16247e864cc5b34766fb8dec410a6d5b2be55faf963dadb628`: its digest is `sha256:3d505abaa47d4fdfc443f038ac7f977b05f63173cff4e922d980b874608e635b`
    short: the OCI layout is damaged at `sha256:0992cb820603fe16247e864cc5b34766fb8dec410a6d5b2be55faf963dadb628`: it is 700 bytes long, and 2048 were promised
    missing: the OCI layout is damaged: `blobs/sha256/0992cb820603fe16247e864cc5b34766fb8dec410a6d5b2be55faf963dadb628` is missing
    compressed, flipped: the OCI layout is damaged at `sha256:2e39c43f1e31e8f0995f1b3ed580693a15b7bd7077a6c3dc282d5e290814fdac`: its digest is `sha256:36f3edfe7324f5179c079507639342f47b4593fcf6d69a5a6f67dfdd0c5ceffd`
    compressed, cut: the OCI layout is damaged at layer `sha256:4e53ebfbea7fc37c72ef55f95bba8fcd9bce5bab08b115085cf414c4aa258216`: the gzip stream is damaged at byte 155 of what it holds: it ends early
    member: the OCI layout is damaged at `/a/b`: `/a` is not a directory
    whiteout: the OCI layout is damaged at `/a/.wh.`: a whiteout of nothing
    whiteout of the folder: the OCI layout is damaged at `/a/.wh..`: a whiteout of nothing
    no image: the OCI layout is damaged: its index names no image
    no layer: the OCI layout uses a layer of type `application/vnd.cncf.helm.chart.content.v1.tar+gzip`, which cannot be read
    digest: the OCI layout uses a digest that is no SHA-256 (`sha512:00`), which cannot be read
    digest upwards: the OCI layout is damaged: digest `sha256:../x`: expected 64 hexadecimal digits
    empty manifest: the OCI layout is damaged: its index names no image
    index: the OCI layout is damaged at `index.json`: invalid type: integer `7`, expected a sequence at line 1 column 15
    long index: the OCI layout is damaged at `index.json`: it is longer than 4 MiB
    version: the OCI layout uses version `2.0.0`, which cannot be read
    ");
}

#[test]
fn an_index_that_is_in_itself_is_left() {
    let layout = Layout::new();
    let mut descriptor = layout.image("amd64", &[]);
    for _ in 0..6 {
        descriptor =
            layout.blob("application/vnd.oci.image.index.v1+json", json!({ "manifests": [descriptor] }).to_string());
    }
    layout.index(&[descriptor]);
    assert_snapshot!(layout.refusal(), @"the OCI layout uses indexes in indexes, more than 4 deep, which cannot be read");
}

#[test]
fn docker_archives_are_held_against_their_configuration() {
    let plain = layer(&["etc/hosts"]);
    let archive = |layer: &[u8]| {
        let config = json!({ "architecture": "amd64", "rootfs": { "diff_ids": [format!("sha256:{}", Sha256Digest::of(&plain))] } });
        let mut archive = ::tar::Builder::new(Vec::new());
        for (name, data) in [
            ("manifest.json", json!([{ "Config": "c.json", "Layers": ["l/layer.tar"] }]).to_string().into_bytes()),
            ("c.json", config.to_string().into_bytes()),
            ("l/layer.tar", layer.to_vec()),
        ] {
            let mut header = ::tar::Header::new_ustar();
            header.set_size(data.len() as u64);
            archive.append_data(&mut header, name, &data[..]).unwrap();
        }
        tar::open(&(Arc::new(archive.into_inner().unwrap()) as _), Path::new("/nowhere"), &Budget::default())
    };
    assert_eq!(text(&archive(&plain).unwrap(), "/etc/hosts"), "etc/hosts");
    let mut flipped = plain.clone();
    flipped[600] ^= 1;
    assert_snapshot!(archive(&flipped).err().unwrap(), @"the OCI layout is damaged at `sha256:0992cb820603fe16247e864cc5b34766fb8dec410a6d5b2be55faf963dadb628`: its digest is `sha256:3d505abaa47d4fdfc443f038ac7f977b05f63173cff4e922d980b874608e635b`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any file of a layout, any byte of it.
    #[test]
    fn damage_never_panics(flips in prop::collection::vec((0_usize..3, any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let layout = Layout::of(&[layer(&["etc/hosts", "usr/"]), layer(&["etc/.wh.hosts"])]);
        let manifest = fs::read_to_string(layout.path().join("index.json")).unwrap();
        let manifest = manifest.split("sha256:").nth(1).unwrap()[..64].to_owned();
        for (file, at, byte) in flips {
            let file = layout.path().join(["index.json", "oci-layout", &format!("blobs/sha256/{manifest}")][file]);
            let mut data = fs::read(&file).unwrap();
            let at = at.index(data.len());
            data[at] = byte;
            fs::write(file, data).unwrap();
        }
        let _ = layout.open();
    }
}
