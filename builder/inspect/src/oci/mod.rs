//! OCI image layouts (image-spec 1.1), in a folder or in a tar archive; and archives that `docker save` writes.
//!
//! `index.json` names manifests (or further indexes), a manifest names layers; each layer is a tar archive of what it adds and
//! changes, and of whiteouts for what it takes away. Each blob's size and digest are held against its descriptor.

mod bundle;
mod docker;
mod image;
mod layers;
mod store;
#[cfg(test)]
mod tests;

use std::path::Path;

use rootsmith_tree::Tree;
use rootsmith_types::NumBytes;

pub use self::bundle::{Bundle, BundledImage};
use self::image::Image;
use self::store::{Archived, Folder, Store};
use crate::tar::budget::Budget;
use crate::tar::packs::Packs;
use crate::{OpenError, Volume};

/// As errors call it.
const LAYER: &str = "OCI layout";

/// Whether the folder looks like one.
pub(crate) fn is(folder: &Path) -> bool {
    folder.join(image::LAYOUT).is_file() && folder.join(image::INDEX).is_file()
}

/// Opens it: the layers of its one image, applied. They are decompressed into files without a name in `scratch`. Of images for
/// several platforms it is the one for Linux on amd64, or else the first for Linux.
pub(crate) fn open(folder: &Path, scratch: &Path) -> Result<Volume, OpenError> {
    let store = Folder::open(folder)?;
    volume(&store, image::choose(&store)?, scratch, &Budget::default())
}

/// The same, when an archive holds one; `None` when it holds none.
pub(crate) fn archived(tree: &Tree, packs: &Packs, scratch: &Path) -> Result<Option<Volume>, OpenError> {
    let store = Archived::new(tree, packs);
    let image = if store.has(image::LAYOUT) && store.has(image::INDEX) {
        image::choose(&store)?
    } else if let Some(image) = docker::image(&store)? {
        image
    } else {
        return Ok(None);
    };
    volume(&store, image, scratch, &Budget::default()).map(Some)
}

fn volume(store: &dyn Store, image: Image, scratch: &Path, budget: &Budget) -> Result<Volume, OpenError> {
    let (tree, packs) = layers::apply(store, &image.layers, scratch, budget)?;
    let size = NumBytes::new(packs.size());
    Ok(Volume {
        tree,
        filesystem: "oci",
        arch: image.arch,
        uuid: None,
        label: None,
        size,
        available: None,
        files: Box::new(packs),
    })
}
