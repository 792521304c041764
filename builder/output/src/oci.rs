//! The root file system as a container image: `NAME-ARCH.oci.tar`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek};
use std::path::Path;

use rootsmith_oci as oci;
use rootsmith_profile::Oci;
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{Arch, NumBytes, Problems, UnixTime};

use crate::OutputError;
use crate::tar::LEVEL;

/// What goes into a container image.
pub struct OciInput<'a> {
    /// The `[[output]]`.
    pub oci: &'a Oci,
    /// What its programs are for.
    pub arch: Arch,
    /// The root file system: trees, each laid over the one before.
    pub layers: &'a [Tree],
    /// Where contents are.
    pub blobs: &'a dyn Blobs,
    /// When it was made.
    pub date: UnixTime,
    /// Who makes it: a program and its version.
    pub generator: &'a str,
}

/// What is said of a container that nobody says anything else about: the profile's words in the form of the image's
/// configuration.
fn run_of(oci: &Oci) -> oci::Run {
    let texts = |texts: &[rootsmith_types::Located<String>]| texts.iter().map(|text| text.value.clone()).collect();
    let labels = oci.labels.iter().map(|(name, value)| (name.value.clone(), value.value.clone()));
    oci::Run {
        entrypoint: texts(&oci.entrypoint),
        cmd: texts(&oci.cmd),
        env: oci.env.iter().map(|(name, value)| format!("{}={}", name.value, value.value)).collect(),
        user: oci.user.as_ref().map_or(String::new(), |user| user.value.clone()),
        working_dir: oci.working_dir.as_ref().map_or(String::new(), |path| path.value.to_string()),
        labels: labels.collect::<BTreeMap<_, _>>(),
    }
}

/// Writes the image to `file` (empty, at `path`), its layers compressed with `workers` threads; the bytes do not depend on
/// their number. Returns the archive's size.
pub fn write_oci(input: &OciInput<'_>, workers: u32, file: &File, path: &Path) -> Result<NumBytes, Problems> {
    let options = oci::Options {
        reference: input.oci.reference.value.clone(),
        arch: input.arch,
        created: input.date,
        created_by: input.generator.to_owned(),
        run: run_of(input.oci),
        level: LEVEL,
        workers,
    };
    let plan = oci::plan(input.layers, input.blobs, &options)?;
    let failed = |error| OutputError::io(path, "write", NumBytes::new(0))(error);
    let mut out = BufWriter::with_capacity(1 << 20, file);
    plan.write(&mut out).map_err(failed)?;
    let size = out.stream_position().map_err(failed)?;
    out.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok(NumBytes::new(size))
}
