//! What a container image says of itself.

use rootsmith_types::{Located, TreePath};

/// A container image, in the words of its configuration (OCI image-spec, `config.md`).
#[derive(Debug, Clone)]
pub struct Oci {
    /// `ref = "localhost/hello:1"`: what a container engine calls it; `localhost/NAME:latest` by default.
    pub reference: Located<String>,
    /// `layers = 10`: at most so many, by packages; one by default.
    pub layers: usize,
    /// The program that runs, and its first arguments.
    pub entrypoint: Vec<Located<String>>,
    /// Arguments that whoever starts the container may replace; the program itself where there is no entrypoint.
    pub cmd: Vec<Located<String>>,
    /// `env = { PATH = "/usr/bin" }`, in the order written.
    pub env: Vec<(Located<String>, Located<String>)>,
    /// `user = "65534:65534"`: names or numbers, the group left out or not.
    pub user: Option<Located<String>>,
    /// Where the program starts; `/` where nothing is said.
    pub working_dir: Option<Located<TreePath>>,
    /// `labels = { "org.opencontainers.image.source" = "…" }`, in the order written.
    pub labels: Vec<(Located<String>, Located<String>)>,
}
