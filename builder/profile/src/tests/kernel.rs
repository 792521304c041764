//! `[kernel]`: one that a package brings, or one that is built from source.

use super::*;
use crate::{KernelBase, KernelSource};

/// A profile whose `[kernel]` is `kernel`, for two architectures, above a base that names a package.
fn with(kernel: &str, base: &str) -> Vec<(String, String)> {
    let profile = LEAST.replace("[\"amd64\"]", "[\"amd64\", \"arm64\"]");
    vec![
        ("profiles/p.toml".to_owned(), profile.replacen('\n', "\nextends = ['base.toml']\n", 1) + kernel),
        ("profiles/base.toml".to_owned(), format!("schema = 1\n{base}")),
        ("profiles/kernel/own.config".to_owned(), "CONFIG_TTY=y\n".to_owned()),
        ("profiles/kernel/fix.patch".to_owned(), "--- a/x\n+++ b/x\n".to_owned()),
    ]
}

fn refs(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn source(kernel: &str, base: &str) -> KernelSource {
    let profile = loaded(&refs(&with(kernel, base))).unwrap();
    let kernel = profile.kernel.unwrap();
    assert!(kernel.package_for(Arch::Amd64).is_none());
    kernel.source.unwrap()
}

#[test]
fn a_kernel_from_source_has_a_base_and_patches() {
    let text = "[kernel]\nsource = 'linux-source-6.12'\npatches = ['kernel/fix.patch']\n\
                base = { amd64 = 'package:linux-image-cloud-amd64', arm64 = 'kernel/own.config' }\n";
    let source = source(text, "");
    assert_eq!(source.package.value.as_str(), "linux-source-6.12");
    let base = |arch| source.base_for(arch).map(|base| base.value.clone());
    assert_eq!(base(Arch::Amd64), Some(KernelBase::Package("linux-image-cloud-amd64".parse().unwrap())));
    assert!(matches!(base(Arch::Arm64), Some(KernelBase::File { text, .. }) if &*text == "CONFIG_TTY=y\n"));
    assert_eq!(source.patches.len(), 1);
    assert_eq!(&*source.patches[0].data, b"--- a/x\n+++ b/x\n");
    assert_eq!(source.patches[0].file, Path::new("profiles/kernel/fix.patch"));
}

#[test]
fn it_is_built_instead_of_the_package_of_a_profile_below() {
    let kernel = "[kernel]\nsource = 'linux-source-6.12'\nbase = 'tinyconfig'\n";
    let source = source(kernel, "[kernel]\npackage = 'linux-image-amd64'\n");
    assert_eq!(source.base_for(Arch::Arm64).unwrap().value, KernelBase::Target("tinyconfig"));
}

#[test]
fn what_does_not_belong_together_is_said() {
    let files = with("[kernel]\nsource = 'linux-source-6.12'\npackage = 'linux-image-amd64'\n", "");
    insta::assert_snapshot!(findings(&refs(&files)), @"");
    let files = with("[kernel]\npackage = 'linux-image-amd64'\nbase = 'defconfig'\npatches = []\n", "");
    insta::assert_snapshot!(findings(&refs(&files)), @"");
    let kernel = "[kernel]\nsource = 'Linux'\nbase = { amd64 = 'gone.config' }\npatches = ['gone.patch']\n";
    insta::assert_snapshot!(findings(&refs(&with(kernel, ""))), @"");
    let kernel = "[kernel]\nsource = 'linux-source-6.12'\nbase = { amd64 = 'defconfig' }\n";
    insta::assert_snapshot!(findings(&refs(&with(kernel, ""))), @"");
}
