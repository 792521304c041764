//! What is refused, and then the whole archive.

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};

use rootsmith_tree::{Blobs, NodeKind, Tree};
use rootsmith_types::{Arch, Sha256Digest, Sha256Writer, UnixTime, rfc3339};

use crate::PlanError;
use crate::archive::Archive;
use crate::format::{
    CONFIG, CONTAINERD_NAME, Config, Descriptor, Digest, Execution, History, INDEX, Index, LAYER, Layout, MANIFEST,
    Manifest, Platform, REF_NAME, RootFs,
};

/// A name with this before it is a whiteout (`layer.md`).
const WHITEOUT: &[u8] = b".wh.";

/// What an image is called, what it is for, how its layers are compressed.
#[derive(Debug, Clone)]
pub struct Options {
    /// `localhost/hello:1`.
    pub reference: String,
    /// What its programs are for.
    pub arch: Arch,
    /// When it was made.
    pub created: UnixTime,
    /// Who made it: a program and its version.
    pub created_by: String,
    /// What runs.
    pub run: Run,
    /// Of Zstandard.
    pub level: i32,
    /// Threads that compress; the bytes do not depend on it.
    pub workers: u32,
}

/// What runs in a container of this image, where nobody says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// Arguments that can be replaced.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// `user`, `uid`, `user:group`; empty for root.
    pub user: String,
    /// Where it starts; empty for `/`.
    pub working_dir: String,
    /// What is said about the image.
    pub labels: BTreeMap<String, String>,
}

/// An image that can be written.
pub struct Plan<'a> {
    layers: &'a [Tree],
    blobs: &'a dyn Blobs,
    options: &'a Options,
}

/// Plans an image of `layers`, each to be laid over the one before; after it only I/O can fail.
pub fn plan<'a>(layers: &'a [Tree], blobs: &'a dyn Blobs, options: &'a Options) -> Result<Plan<'a>, PlanError> {
    let (mut whiteouts, mut sockets) = (Vec::new(), Vec::new());
    for entry in layers.iter().flat_map(Tree::walk) {
        if entry.path.name().is_some_and(|name| name.starts_with(WHITEOUT)) {
            whiteouts.push(entry.path.clone());
        }
        if matches!(entry.node.kind, NodeKind::Socket) {
            sockets.push(entry.path);
        }
    }
    if !whiteouts.is_empty() {
        return Err(PlanError::Whiteouts(whiteouts));
    }
    if !sockets.is_empty() {
        return Err(PlanError::Sockets(sockets));
    }
    Ok(Plan { layers, blobs, options })
}

impl Plan<'_> {
    /// Writes the archive from where `out` stands on.
    pub fn write(&self, out: &mut (impl Write + Seek)) -> io::Result<()> {
        let mut archive = Archive::new(out, self.options.created)?;
        archive.file("oci-layout", &json(&Layout { image_layout_version: "1.0.0" }))?;
        archive.folder("blobs/")?;
        archive.folder("blobs/sha256/")?;
        let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
        for tree in self.layers {
            let (layer, diff_id) = self.layer(&mut archive, tree)?;
            layers.push(layer);
            diff_ids.push(Digest(diff_id));
        }
        let config = self.put(&mut archive, CONFIG, &self.config(diff_ids))?;
        let manifest = Manifest { schema_version: 2, media_type: MANIFEST, config, layers };
        let manifest = Descriptor {
            platform: Some(Platform::of(self.options.arch)),
            annotations: self.names(),
            ..self.put(&mut archive, MANIFEST, &manifest)?
        };
        let index = Index { schema_version: 2, media_type: INDEX, manifests: vec![manifest] };
        archive.file("index.json", &json(&index))?;
        archive.finish()
    }

    /// Writes one layer; its descriptor, and the digest of what is in it.
    fn layer<W: Write + Seek>(
        &self,
        archive: &mut Archive<'_, W>,
        tree: &Tree,
    ) -> io::Result<(Descriptor, Sha256Digest)> {
        let mut diff_id = None;
        let (digest, size) = archive.blob(|out| {
            let compressed = |out: &mut dyn Write| {
                let mut plain = Sha256Writer::new(out);
                rootsmith_tar::write(tree, self.blobs, &mut plain)?;
                diff_id = Some(plain.finish().1);
                Ok(())
            };
            rootsmith_tar::compress(out, self.options.level, self.options.workers, compressed)
        })?;
        // The closure has run: without it there would be an error.
        let diff_id = diff_id.ok_or_else(|| io::Error::other("internal error: the layer was not written"))?;
        Ok((descriptor(LAYER, digest, size), diff_id))
    }

    fn put<W: Write + Seek>(
        &self,
        archive: &mut Archive<'_, W>,
        media_type: &'static str,
        document: &impl serde::Serialize,
    ) -> io::Result<Descriptor> {
        let text = json(document);
        let digest = Sha256Digest::of(&text);
        archive.file(&format!("blobs/sha256/{digest}"), &text)?;
        Ok(descriptor(media_type, digest, text.len() as u64))
    }

    fn config(&self, diff_ids: Vec<Digest>) -> Config {
        let Options { arch, created, created_by, run, .. } = self.options;
        let created = rfc3339(*created);
        let history = diff_ids.iter().map(|_| History { created: created.clone(), created_by: created_by.clone() });
        let history = history.collect();
        Config {
            created,
            platform: Platform::of(*arch),
            config: Execution {
                user: run.user.clone(),
                env: run.env.clone(),
                entrypoint: run.entrypoint.clone(),
                cmd: run.cmd.clone(),
                working_dir: run.working_dir.clone(),
                labels: run.labels.clone(),
            },
            rootfs: RootFs { kind: "layers", diff_ids },
            history,
        }
    }

    /// Engines that keep many images in one layout go by the tag, containerd by the whole.
    fn names(&self) -> BTreeMap<&'static str, String> {
        let reference = &self.options.reference;
        let tag = reference.rsplit_once(':').map_or(reference.as_str(), |(_, tag)| tag);
        BTreeMap::from([(REF_NAME, tag.to_owned()), (CONTAINERD_NAME, reference.clone())])
    }
}

fn descriptor(media_type: &'static str, digest: Sha256Digest, size: u64) -> Descriptor {
    Descriptor { media_type, digest: Digest(digest), size, platform: None, annotations: BTreeMap::new() }
}

fn json(document: &impl serde::Serialize) -> Vec<u8> {
    // Plain structs of strings and numbers: nothing in them can fail to serialise.
    serde_json::to_vec(document).expect("plain data serialises")
}
