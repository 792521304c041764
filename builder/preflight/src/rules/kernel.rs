//! The kernel: image, modules, configuration.

use super::Outcome;
use crate::view::{FoundConfig, View, at_least};

pub(super) fn belongs(view: &View<'_>) -> Outcome {
    match &view.kernel {
        Ok(kernel) => {
            Outcome::yes(format!("`{}` and `{}` are of release `{}`", kernel.image, kernel.modules, kernel.release))
        }
        Err(error) => Outcome::no(error.to_string()),
    }
}

pub(super) fn linux(view: &View<'_>) -> Outcome {
    match &view.kernel {
        Ok(kernel) => Outcome::yes(format!("`{}` is Linux {}", kernel.image, kernel.release)),
        Err(error) => Outcome::no(error.to_string()),
    }
}

pub(super) fn release(view: &View<'_>, least: &str) -> Outcome {
    match &view.kernel {
        Ok(kernel) if at_least(&kernel.release, least) => Outcome::yes(format!("the kernel is {}", kernel.release)),
        Ok(kernel) => Outcome::no(format!("the kernel is {}", kernel.release)),
        Err(error) => Outcome::no(error.to_string()),
    }
}

pub(super) fn config(view: &View<'_>) -> Outcome {
    let Ok(kernel) = &view.kernel else { return Outcome::no("there is no kernel") };
    let release = &kernel.release;
    match &view.config {
        FoundConfig::None => Outcome::no(format!("none of the files is there, not `/boot/config-{release}` either")),
        FoundConfig::Broken { path, reason } => Outcome::no(format!("programs stop at `{path}`: {reason}")),
        FoundConfig::Found { path, config, .. } if config.iter().next().is_none() => {
            Outcome::no(format!("`{path}` is no kernel configuration"))
        }
        FoundConfig::Found { path, version: None, .. } => {
            Outcome::almost(format!("`{path}` does not say of which kernel it is"))
        }
        // `6.12.107` belongs to `6.12.107+deb13`, not to `6.12.1070`.
        FoundConfig::Found { path, version: Some(version), .. } => match release.strip_prefix(version.as_str()) {
            Some(rest) if !rest.starts_with(|c: char| c.is_ascii_digit()) => Outcome::yes(format!("`{path}`")),
            _ => Outcome::no(format!("`{path}` is of Linux {version}, the kernel is {release}")),
        },
    }
}

pub(super) fn symbol(view: &View<'_>, symbol: &str, module: Option<&str>) -> Outcome {
    let FoundConfig::Found { path, config, .. } = &view.config else {
        return Outcome::no(format!("`CONFIG_{symbol}` is unknown: there is no kernel configuration"));
    };
    match config.get(symbol) {
        Some("y") => Outcome::yes(format!("`CONFIG_{symbol}=y` in `{path}`")),
        Some("m") => match module.map(|name| view.module(name)) {
            Some(Ok(found)) => Outcome::yes(format!("`CONFIG_{symbol}=m` in `{path}`; {found}")),
            Some(Err(reason)) => Outcome::no(format!("`CONFIG_{symbol}=m` in `{path}`, but {reason}")),
            None => Outcome::no(format!("`CONFIG_{symbol}=m` in `{path}`, though it cannot be a module")),
        },
        Some("n") => Outcome::no(format!("`CONFIG_{symbol}` is not set in `{path}`")),
        Some(value) => Outcome::no(format!("`CONFIG_{symbol}={value}` in `{path}`")),
        None => Outcome::no(format!("`{path}` does not know `CONFIG_{symbol}`")),
    }
}
