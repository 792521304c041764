//! What the own code of known maintainer scripts does on a first installation: the files in `models/`, built in.
//!
//! ```toml
//! [[model]]
//! package = "tar"                # `linux-image-*` stands for every name with this beginning
//! script = "postinst"
//! sha256 = ["3f…"]               # of the script's own code, see `script::own_code`
//! why = "one line for the report"
//! does = """
//! update-alternatives --install /usr/sbin/rmt rmt /usr/sbin/rmt-tar 50
//! """
//! files = { "/etc/networks" = "default 0.0.0.0\n" }
//! ```

use std::collections::BTreeMap;

use rootsmith_types::Sha256Digest;
use serde::Deserialize;

use crate::ConfigureError;

const FILES: [(&str, &str); 5] = [
    ("base.toml", include_str!("../models/base.toml")),
    ("libraries.toml", include_str!("../models/libraries.toml")),
    ("services.toml", include_str!("../models/services.toml")),
    ("kernel.toml", include_str!("../models/kernel.toml")),
    ("openrc.toml", include_str!("../models/openrc.toml")),
];

/// Fixed numbers of accounts, by name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbers {
    pub(crate) users: BTreeMap<String, u32>,
    pub(crate) groups: BTreeMap<String, u32>,
}

/// What one script of one package does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) package: String,
    pub(crate) script: String,
    /// Of every text of its own code that was modelled.
    pub(crate) sha256: Vec<Sha256Digest>,
    /// For the report.
    pub(crate) why: String,
    /// A script of its own, followed as the package's is.
    #[serde(default)]
    pub(crate) does: String,
    /// Files with a fixed content, mode 0644.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Model>,
}

/// Every model.
pub(crate) struct Models(Vec<Model>);

impl Models {
    /// Reads the built-in files.
    pub(crate) fn load() -> Result<Models, ConfigureError> {
        Models::parse(&FILES)
    }

    /// Reads files given as name and text.
    pub(crate) fn parse(files: &[(&str, &str)]) -> Result<Models, ConfigureError> {
        let mut models = Vec::new();
        for (name, text) in files {
            let file: File = toml::from_str(text)
                .map_err(|error| ConfigureError::Model { reason: format!("`models/{name}`: {}", error.message()) })?;
            models.extend(file.model);
        }
        Ok(Models(models))
    }

    /// The models of a package's script, whatever text they are for.
    pub(crate) fn of<'a>(&'a self, package: &'a str, script: &'a str) -> impl Iterator<Item = &'a Model> + 'a {
        let named = move |model: &&Model| match model.package.strip_suffix('*') {
            Some(beginning) => package.starts_with(beginning),
            None => model.package == package,
        };
        self.0.iter().filter(move |model| model.script == script).filter(named)
    }
}

impl Model {
    /// Its commands, with the placeholders filled in.
    pub(crate) fn commands(&self, placeholders: &[(&str, &str)]) -> String {
        placeholders.iter().fold(self.does.clone(), |text, (name, value)| text.replace(name, value))
    }
}

/// The built-in table of numbers.
pub(crate) fn numbers() -> Result<Numbers, ConfigureError> {
    toml::from_str(include_str!("../models/accounts.toml"))
        .map_err(|error| ConfigureError::Model { reason: format!("`models/accounts.toml`: {}", error.message()) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_model_is_well_formed() {
        let models = Models::load().unwrap();
        let mut seen = BTreeSet::new();
        for model in &models.0 {
            let name = format!("{} {}", model.package, model.script);
            assert!(matches!(model.script.as_str(), "preinst" | "postinst"), "{name}");
            assert!(!model.sha256.is_empty() && !model.why.is_empty(), "{name}");
            let commands = model.commands(&[("@RELEASE@", "6.12"), ("@MULTIARCH@", "x86_64-linux-gnu")]);
            assert!(rootsmith_shell::Script::parse(&commands).is_ok(), "{name}");
            for digest in &model.sha256 {
                assert!(seen.insert((name.clone(), *digest)), "{name} {digest}");
            }
        }
        assert!(models.of("linux-image-6.12.1-amd64", "postinst").next().is_some());
        assert!(models.of("no-such-package", "postinst").next().is_none());
    }

    #[test]
    fn no_number_is_given_twice() {
        let numbers = numbers().unwrap();
        for table in [&numbers.users, &numbers.groups] {
            let ids: BTreeSet<u32> = table.values().copied().collect();
            assert_eq!(ids.len(), table.len());
        }
    }
}
