//! What `docker save` writes: `manifest.json` names a configuration and layers by their paths in the archive.

use serde::Deserialize;

use super::LAYER;
use super::bundle::BundledImage;
use super::image::{Config, Image, Layer, MAX_LAYERS};
use super::layers::digest;
use super::store::{Archived, Store, check, json};
use crate::OpenError;
use crate::tar::decompress::Compression;

/// Images of one archive.
const MAX_IMAGES: usize = 10_000;
const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The first image in such an archive; `None` when it is none.
pub(crate) fn image(store: &Archived<'_>) -> Result<Option<Image>, OpenError> {
    if !store.has(MANIFEST) {
        return Ok(None);
    }
    // Anything may have a file of this name.
    let Ok(saved) = json::<Vec<Saved>>(store, MANIFEST) else { return Ok(None) };
    let Some(saved) = saved.into_iter().next() else {
        return Err(OpenError::damaged(LAYER, format_args!("its `{MANIFEST}` names no image")));
    };
    if saved.layers.len() > MAX_LAYERS {
        return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_LAYERS} layers")));
    }
    let config: Config = json(store, &saved.config)?;
    let layers = saved.layers.into_iter().enumerate();
    let layers = layers.map(|(number, path)| Ok(Layer::File(path, config.diff_id(number)?)));
    Ok(Some(Image { layers: layers.collect::<Result<_, OpenError>>()?, arch: config.arch() }))
}

/// All images in such an archive; `None` when it is none. Layers have no digest of their own here, only that of what is in
/// them: those that are not compressed are held against it.
pub(crate) fn bundle(store: &Archived<'_>) -> Result<Option<Vec<BundledImage>>, OpenError> {
    if !store.has(MANIFEST) {
        return Ok(None);
    }
    let saved: Vec<Saved> = json(store, MANIFEST)?;
    if saved.len() > MAX_IMAGES {
        return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_IMAGES} images")));
    }
    let mut images = Vec::new();
    for one in saved {
        if one.layers.len() > MAX_LAYERS {
            return Err(OpenError::unsupported(LAYER, format_args!("more than {MAX_LAYERS} layers")));
        }
        let config: Config = json(store, &one.config)?;
        for (number, path) in one.layers.iter().enumerate() {
            let layer = store.open(path)?;
            let wanted = config.diff_id(number)?;
            if let (Some(wanted), Ok(Compression::Plain)) = (wanted, Compression::of(&layer)) {
                let found =
                    digest(&layer).map_err(|error| OpenError::unread(LAYER, format_args!("`{path}`"), error))?;
                check(&wanted, &found)?;
            }
        }
        let name = one.repo_tags.and_then(|tags| tags.into_iter().next()).unwrap_or(one.config);
        let name = name.escape_debug().take(200).collect();
        images.push(BundledImage { name, platforms: vec![config.platform()] });
    }
    Ok(Some(images))
}
