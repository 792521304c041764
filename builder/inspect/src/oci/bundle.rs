//! Archives of several images, as nodes without a network are given them (`ctr image import`, `/var/lib/k0s/images`).
//!
//! Everything that the index leads to is held against its size and digest. An image may be for several platforms; of those
//! that the archive was not made for, manifests are missing (containerd's exporter leaves the image's own index as it is),
//! and that is right as long as one that is there is complete.

use std::collections::BTreeSet;
use std::path::Path;

use rootsmith_types::{Arch, Sha256Digest};

use super::LAYER;
use super::docker;
use super::image::{self, Config, Descriptor, Document, LayoutVersion, MAX_LAYERS, MAX_NESTING};
use super::store::{Archived, Store, check, json, json_blob};
use crate::tar::budget::Budget;
use crate::{OpenError, Source, tar};

/// Documents of one archive. A bundle of Kubernetes has some dozens.
const MAX_DOCUMENTS: usize = 10_000;

/// What is in an archive of images; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// In the order of the index.
    pub images: Vec<BundledImage>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledImage {
    /// `registry.k8s.io/pause:3.10`; its digest, when nobody gave it a name.
    pub name: String,
    /// The platforms it is there for, with all its layers: `linux/amd64`. Sorted.
    pub platforms: Vec<String>,
}

impl Bundle {
    /// Reads an archive and checks every blob that its index leads to. A compressed archive is decompressed into a file
    /// without a name in `scratch`.
    pub fn read(source: &Source, scratch: &Path) -> Result<Bundle, OpenError> {
        if !tar::is(source) {
            return Err(OpenError::damaged(LAYER, "it is no tar archive"));
        }
        let (tree, packs) = tar::tree(source, scratch, &Budget::default())?;
        let store = Archived::new(&tree, &packs);
        let images = if store.has(image::LAYOUT) && store.has(image::INDEX) {
            layout(&store)?
        } else {
            docker::bundle(&store)?.ok_or_else(|| {
                OpenError::damaged(LAYER, format_args!("it has neither `{}` nor `manifest.json`", image::INDEX))
            })?
        };
        if images.is_empty() {
            return Err(OpenError::damaged(LAYER, "its index names no image"));
        }
        Ok(Bundle { images })
    }
}

impl BundledImage {
    /// Whether it is there for Linux on `arch`.
    pub fn is_for(&self, arch: Arch) -> bool {
        self.platforms.iter().any(|platform| platform.strip_prefix("linux/").and_then(image::arch_of) == Some(arch))
    }
}

fn layout(store: &dyn Store) -> Result<Vec<BundledImage>, OpenError> {
    let layout: LayoutVersion = json(store, image::LAYOUT)?;
    layout.check()?;
    let index: Document = json(store, image::INDEX)?;
    let mut reader = Reader { store, seen: BTreeSet::new(), documents: 0 };
    let mut images = Vec::new();
    for descriptor in &index.manifests {
        let mut platforms = BTreeSet::new();
        reader.follow(descriptor, 0, &mut platforms)?;
        images.push(BundledImage { name: descriptor.name(), platforms: platforms.into_iter().collect() });
    }
    Ok(images)
}

struct Reader<'a> {
    store: &'a dyn Store,
    /// Layers that were held against their digest: images share them.
    seen: BTreeSet<Sha256Digest>,
    documents: usize,
}

impl Reader<'_> {
    fn follow(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
        platforms: &mut BTreeSet<String>,
    ) -> Result<(), OpenError> {
        self.documents += 1;
        if self.documents > MAX_DOCUMENTS {
            return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_DOCUMENTS} manifests")));
        }
        let document: Document = json_blob(self.store, descriptor)?;
        let Some(config) = document.config else {
            if depth == MAX_NESTING {
                let feature = format_args!("indexes in indexes, more than {MAX_NESTING} deep");
                return Err(OpenError::unsupported(LAYER, feature));
            }
            for descriptor in &document.manifests {
                // Of another platform, and left out.
                if self.store.blob(descriptor)?.is_some() {
                    self.follow(descriptor, depth + 1, platforms)?;
                }
            }
            return Ok(());
        };
        if document.layers.len() > MAX_LAYERS {
            return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_LAYERS} layers")));
        }
        for layer in &document.layers {
            self.layer(layer)?;
        }
        platforms.insert(json_blob::<Config>(self.store, &config)?.platform());
        Ok(())
    }

    fn layer(&mut self, layer: &Descriptor) -> Result<(), OpenError> {
        let (blob, wanted) = self.store.required(layer)?;
        if self.seen.insert(wanted) {
            let found = super::layers::digest(&blob);
            let found = found.map_err(|error| OpenError::unread(LAYER, format_args!("`sha256:{wanted}`"), error))?;
            check(&wanted, &found)?;
        }
        Ok(())
    }
}
