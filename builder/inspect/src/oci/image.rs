//! From the index to one image: descriptors, indexes, manifests, the configuration.

use std::collections::BTreeMap;

use rootsmith_types::{Arch, Sha256Digest};
use serde::Deserialize;

use super::LAYER;
use super::store::{Store, json, json_blob};
use crate::OpenError;

/// Says that a folder is a layout, and which version of one.
pub(crate) const LAYOUT: &str = "oci-layout";
/// Says which images there are.
pub(crate) const INDEX: &str = "index.json";
/// How many indexes one may be in another.
pub(crate) const MAX_NESTING: usize = 4;
/// How many layers an image may have; overlayfs, which has to hold them when it runs, takes fewer.
pub(crate) const MAX_LAYERS: usize = 256;

/// An image: what has to be applied, lowest first.
pub(crate) struct Image {
    pub(crate) layers: Vec<Layer>,
    pub(crate) arch: Option<Arch>,
}

/// One layer.
pub(crate) enum Layer {
    /// A blob.
    Blob(Descriptor),
    /// A file, and the digest it should have if it is not compressed.
    File(String, Option<Sha256Digest>),
}

/// What points at a blob (image-spec, `descriptor.md`).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LayoutVersion {
    image_layout_version: String,
}

/// An index or a manifest: which of both is told by what is in it, for `mediaType` may be missing.
#[derive(Deserialize)]
pub(crate) struct Document {
    #[serde(default)]
    pub(crate) manifests: Vec<Descriptor>,
    pub(crate) config: Option<Descriptor>,
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
}

/// What we want of an image's configuration.
#[derive(Default, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl LayoutVersion {
    /// Whether it is one we know.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if self.image_layout_version.starts_with("1.") {
            return Ok(());
        }
        let version = self.image_layout_version.escape_debug().take(40).collect::<String>();
        Err(OpenError::unsupported(LAYER, format_args!("version `{version}`")))
    }
}

impl Descriptor {
    /// What whoever made the layout called the image: containerd's full name, else its reference, else its digest.
    pub(crate) fn name(&self) -> String {
        let name = ["io.containerd.image.name", "org.opencontainers.image.ref.name"].into_iter();
        let name = name.filter_map(|key| self.annotations.get(key)).next().unwrap_or(&self.digest);
        name.escape_debug().take(200).collect()
    }

    /// The digest, of the kind that everybody must know.
    pub(crate) fn digest(&self) -> Result<Sha256Digest, OpenError> {
        digest(&self.digest)
    }

    fn platform(&self) -> String {
        let name = |platform: &Platform| format!("{}/{}", platform.os, platform.architecture);
        self.platform.as_ref().map_or_else(|| "no platform".to_owned(), name)
    }

    /// Whether what runs on Linux can be in it. Attestations of builds are for a platform `unknown`.
    fn is_for_linux(&self) -> bool {
        self.platform.as_ref().is_none_or(|platform| platform.os == "linux")
    }
}

impl Config {
    /// The architecture, when it is one of ours.
    pub(crate) fn arch(&self) -> Option<Arch> {
        arch_of(&self.architecture)
    }

    /// `linux/arm64`.
    pub(crate) fn platform(&self) -> String {
        format!("{}/{}", self.os, self.architecture).escape_debug().take(80).collect()
    }

    /// The digest of a layer when it is not compressed.
    pub(crate) fn diff_id(&self, layer: usize) -> Result<Option<Sha256Digest>, OpenError> {
        self.rootfs.diff_ids.get(layer).map(|text| digest(text)).transpose()
    }
}

/// An architecture in the words of Go (`GOARCH`).
pub(crate) fn arch_of(architecture: &str) -> Option<Arch> {
    match architecture {
        "amd64" => Some(Arch::Amd64),
        "arm64" => Some(Arch::Arm64),
        "arm" => Some(Arch::Armhf),
        "riscv64" => Some(Arch::Riscv64),
        _ => None,
    }
}

/// The one image of a layout.
pub(crate) fn choose(store: &dyn Store) -> Result<Image, OpenError> {
    let layout: LayoutVersion = json(store, LAYOUT)?;
    layout.check()?;
    let mut document: Document = json(store, INDEX)?;
    for _ in 0..MAX_NESTING {
        let Some(config) = document.config else {
            document = json_blob(store, best(&document.manifests)?)?;
            continue;
        };
        if document.layers.len() > MAX_LAYERS {
            return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_LAYERS} layers")));
        }
        document.layers.iter().try_for_each(is_layer)?;
        let arch = json_blob::<Config>(store, &config)?.arch();
        return Ok(Image { layers: document.layers.into_iter().map(Layer::Blob).collect(), arch });
    }
    Err(OpenError::unsupported(LAYER, format_args!("indexes in indexes, more than {MAX_NESTING} deep")))
}

/// What an index is best followed to.
fn best(manifests: &[Descriptor]) -> Result<&Descriptor, OpenError> {
    let linux = || manifests.iter().filter(|descriptor| descriptor.is_for_linux());
    let amd64 = |descriptor: &&Descriptor| descriptor.platform().ends_with("/amd64");
    if let Some(descriptor) = linux().find(amd64).or_else(|| linux().next()) {
        return Ok(descriptor);
    }
    if manifests.is_empty() {
        return Err(OpenError::damaged(LAYER, "its index names no image"));
    }
    let mut platforms: Vec<_> = manifests.iter().map(Descriptor::platform).collect();
    platforms.dedup();
    platforms.truncate(5);
    let platforms = platforms.join(", ").escape_debug().to_string();
    Err(OpenError::unsupported(LAYER, format_args!("images for {platforms} alone")))
}

/// Whether a descriptor is one of a layer that is a tar archive; how it is compressed, the blob itself says.
fn is_layer(descriptor: &Descriptor) -> Result<(), OpenError> {
    let known = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ];
    if known.contains(&descriptor.media_type.as_str()) {
        return Ok(());
    }
    let found = descriptor.media_type.escape_debug().take(120).collect::<String>();
    Err(OpenError::unsupported(LAYER, format_args!("a layer of type `{found}`")))
}

fn digest(text: &str) -> Result<Sha256Digest, OpenError> {
    let shown = || text.escape_debug().take(140).collect::<String>();
    match text.split_once(':') {
        Some(("sha256", digits)) => {
            digits.parse().map_err(|error| OpenError::damaged(LAYER, format_args!("digest `{}`: {error}", shown())))
        }
        _ => Err(OpenError::unsupported(LAYER, format_args!("a digest that is no SHA-256 (`{}`)", shown()))),
    }
}
