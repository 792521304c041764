//! An OCI image layout in a tar archive: the archive by the `tar` crate, its documents by `serde_json`, every digest recomputed.

use std::collections::BTreeMap;
use std::io::{self, Read};

use rootsmith_types::{Sha256Digest, Sha256Writer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tar::{Archive, EntryType};

use crate::slice::Cursor;
use crate::{Kind, ReadBack, ReadBackError, Seen, Slice, tar as layer_tar};

/// Most entries of an archive of ours, and most bytes of a document.
const MAX_FILES: usize = 132;
const MAX_DOCUMENT: u64 = 4 << 20;
/// The one kind of layer we write.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The one image of a layout.
pub struct FoundImage<'a> {
    /// What containerd calls it.
    pub name: String,
    /// What it is called among the images of the layout.
    pub tag: String,
    /// The platform of its descriptor: `linux/amd64`, `linux/arm/v7`.
    pub platform: String,
    /// Its configuration.
    pub config: FoundConfig,
    /// Each with the digest of what is in it.
    layers: Vec<(Slice<'a>, Sha256Digest)>,
}

/// An image's configuration, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundConfig {
    /// When it was made, RFC 3339.
    pub created: String,
    /// As Go calls it.
    pub architecture: String,
    /// Which generation of it.
    #[serde(default)]
    pub variant: String,
    /// `linux`.
    pub os: String,
    /// What runs.
    pub config: FoundRun,
    rootfs: RootFs,
    history: Vec<BTreeMap<String, Value>>,
}

/// What runs in a container of the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FoundRun {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub user: String,
    pub working_dir: String,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct RootFs {
    r#type: String,
    diff_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Layout {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Index {
    schema_version: u32,
    media_type: String,
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    schema_version: u32,
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    platform: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads the documents of a layout, from `index.json` to the configuration of its one image. The layers are found, not read.
pub fn image(source: Slice<'_>) -> Result<FoundImage<'_>, ReadBackError> {
    let files = files(source)?;
    let mut end = [1; 1024];
    source.read_at(source.length().saturating_sub(1024), &mut end)?;
    demand(end == [0; 1024] && source.length().is_multiple_of(512), "the end of the archive")?;
    let file = |name: &str| files.get(name).copied().ok_or_else(|| damaged(format_args!("it has no `{name}`")));
    let Layout { image_layout_version } = document("oci-layout", &text(file("oci-layout")?)?)?;
    demand(image_layout_version == "1.0.0", "the version of the layout")?;
    let index: Index = document("index.json", &text(file("index.json")?)?)?;
    demand(index.schema_version == 2, "the index's version")?;
    demand(index.media_type == "application/vnd.oci.image.index.v1+json", "the index's type")?;
    let [descriptor] = index.manifests.as_slice() else { return Err(damaged("it does not have one image")) };
    demand(descriptor.media_type == "application/vnd.oci.image.manifest.v1+json", "the manifest's type")?;

    let blob = |descriptor: &Descriptor| {
        let digest = descriptor.digest.strip_prefix("sha256:").unwrap_or_default();
        let blob = file(&format!("blobs/sha256/{digest}"))?;
        demand(blob.length() == descriptor.size, "the size of a blob")?;
        Ok::<_, ReadBackError>(blob)
    };
    let checked = |descriptor: &Descriptor| {
        let text = text(blob(descriptor)?)?;
        demand(descriptor.digest == format!("sha256:{}", Sha256Digest::of(&text)), "the digest of a document")?;
        Ok::<_, ReadBackError>(text)
    };
    let manifest: Manifest = document("the manifest", &checked(descriptor)?)?;
    demand(manifest.schema_version == 2 && manifest.media_type == descriptor.media_type, "the manifest's type")?;
    demand(manifest.config.media_type == "application/vnd.oci.image.config.v1+json", "the configuration's type")?;
    let config: FoundConfig = document("the configuration", &checked(&manifest.config)?)?;
    let count = manifest.layers.len();
    // Nothing but the layout, its folders and these blobs.
    demand(count > 0 && files.len() == count + 4, "the number of files")?;
    demand(config.rootfs.r#type == "layers" && config.history.len() == count, "the history of the layers")?;
    demand(config.rootfs.diff_ids.len() == count, "the number of the layers' digests")?;
    let layer = |(layer, id): (&Descriptor, &String)| {
        demand(layer.media_type == LAYER, "a layer's type")?;
        let slice = blob(layer)?;
        demand(layer.digest == format!("sha256:{}", digest(Cursor::new(slice))?), "the digest of a layer")?;
        let id = id.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
        let id = id.ok_or_else(|| damaged("its configuration has no digest of a layer's content"))?;
        Ok::<_, ReadBackError>((slice, id))
    };
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids).map(layer).collect::<Result<_, _>>()?;
    let annotation = |name: &str| descriptor.annotations.get(name).cloned().unwrap_or_default();
    let platform = ["os", "architecture", "variant"].iter().filter_map(|key| descriptor.platform.get(*key));
    Ok(FoundImage {
        name: annotation("io.containerd.image.name"),
        tag: annotation("org.opencontainers.image.ref.name"),
        platform: platform.map(String::as_str).collect::<Vec<_>>().join("/"),
        config,
        layers,
    })
}

impl<'a> FoundImage<'a> {
    /// The tree that the image's layers make; what was compressed is held against its digest, too.
    pub fn read_back(&self) -> Result<ReadBack<'a>, ReadBackError> {
        let plain = || {
            self.layers.iter().try_for_each(|(layer, id)| {
                let plain = digest(zstd::Decoder::new(Cursor::new(*layer))?).map_err(damaged)?;
                demand(plain == *id, "the digest of what is in a layer")
            })
        };
        let layers: Vec<Slice<'a>> = self.layers.iter().map(|(layer, _)| *layer).collect();
        let (plain, tree) = rayon::join(plain, || layer_tar::read_layers(&layers));
        plain?;
        Ok(ReadBack { kind: Kind::Oci, seen: Seen::of(Kind::Oci), ..tree? })
    }
}

/// The regular files of the archive, by name.
fn files(source: Slice<'_>) -> Result<BTreeMap<String, Slice<'_>>, ReadBackError> {
    let mut files = BTreeMap::new();
    let mut archive = Archive::new(Cursor::new(source));
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Regular => {}
            _ => return Err(damaged(format_args!("`{}` is no file", name.escape_debug()))),
        }
        let slice = source.part(entry.raw_file_position(), entry.size()).ok_or_else(|| damaged("it ends early"))?;
        if files.len() == MAX_FILES || files.insert(name, slice).is_some() {
            return Err(damaged("it has more files than it should"));
        }
    }
    Ok(files)
}

fn text(slice: Slice<'_>) -> Result<Vec<u8>, ReadBackError> {
    demand(slice.length() <= MAX_DOCUMENT, "the size of a document")?;
    let mut text = vec![0; slice.length() as usize];
    slice.read_at(0, &mut text)?;
    Ok(text)
}

fn document<T: DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, ReadBackError> {
    serde_json::from_slice(text).map_err(|error| damaged(format_args!("{name}: {error}")))
}

fn digest(mut reader: impl Read) -> io::Result<Sha256Digest> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut reader, &mut writer)?;
    Ok(writer.finish().1)
}

fn demand(holds: bool, what: &str) -> Result<(), ReadBackError> {
    if holds { Ok(()) } else { Err(damaged(format_args!("{what} is wrong"))) }
}

fn damaged(reason: impl ToString) -> ReadBackError {
    ReadBackError::Unreadable { kind: Kind::Oci.name(), path: None, reason: reason.to_string() }
}
