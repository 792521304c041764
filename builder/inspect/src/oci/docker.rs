//! What `docker save` writes: `manifest.json` names a configuration and layers by their paths in the archive.

use serde::Deserialize;

use super::LAYER;
use super::image::{Config, Image, Layer, MAX_LAYERS};
use super::store::{Archived, json};
use crate::OpenError;

const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
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
