//! The documents of an image layout, in the order in which their fields are written.
//!
//! Keys are camel case in what is OCI's own, and capitalised in what Docker's configuration brought along.

use std::collections::BTreeMap;

use rootsmith_types::{Arch, Sha256Digest};
use serde::Serialize;

/// Media types (`media-types.md`).
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Annotations of a manifest in the index: its tag (`annotations.md`), and what containerd calls it.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// `oci-layout`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layout {
    pub(crate) image_layout_version: &'static str,
}

/// `index.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    pub(crate) media_type: &'static str,
    pub(crate) manifests: Vec<Descriptor>,
}

/// A manifest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: &'static str,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// What points at a blob (`descriptor.md`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: &'static str,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<&'static str, String>,
}

/// `sha256:` and 64 digits.
pub(crate) struct Digest(pub(crate) Sha256Digest);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{}", self.0))
    }
}

/// What a machine must be for the image to run there, in the words of Go (`GOARCH`, `GOOS`).
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Platform {
    pub(crate) architecture: &'static str,
    pub(crate) os: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<&'static str>,
}

impl Platform {
    pub(crate) fn of(arch: Arch) -> Platform {
        let (architecture, variant) = match arch {
            Arch::Amd64 => ("amd64", None),
            // containerd takes arm64 without a variant for `v8`.
            Arch::Arm64 => ("arm64", None),
            // Debian's hard float port is ARMv7.
            Arch::Armhf => ("arm", Some("v7")),
            Arch::Riscv64 => ("riscv64", None),
        };
        Platform { architecture, os: "linux", variant }
    }
}

/// An image's configuration.
#[derive(Serialize)]
pub(crate) struct Config {
    pub(crate) created: String,
    #[serde(flatten)]
    pub(crate) platform: Platform,
    pub(crate) config: Execution,
    pub(crate) rootfs: RootFs,
    pub(crate) history: Vec<History>,
}

/// What runs, where nobody says otherwise.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Execution {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cmd: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) working_dir: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
}

/// The layers by the digests of what is in them, uncompressed.
#[derive(Serialize)]
pub(crate) struct RootFs {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) diff_ids: Vec<Digest>,
}

/// How a layer came to be.
#[derive(Serialize)]
pub(crate) struct History {
    pub(crate) created: String,
    pub(crate) created_by: String,
}
