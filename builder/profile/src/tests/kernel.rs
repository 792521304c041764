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
    insta::assert_snapshot!(findings(&refs(&files)), @r#"
    profiles/p.toml:8:1: `kernel.base` is missing [missing in here]
      hint: write `base = "tinyconfig"`
    profiles/p.toml:10:1: unknown key `package` in a kernel from `source`
      hint: known here: `source`, `base` and `patches`
    "#);
    let files = with("[kernel]\npackage = 'linux-image-amd64'\nbase = 'defconfig'\npatches = []\n", "");
    insta::assert_snapshot!(findings(&refs(&files)), @"
    profiles/p.toml:10:1: unknown key `base` in a kernel without `source`
      hint: known here: `package`
    profiles/p.toml:11:1: unknown key `patches` in a kernel without `source`
      hint: known here: `package`
    ");
    let kernel = "[kernel]\nsource = 'Linux'\nbase = { amd64 = 'gone.config' }\npatches = ['gone.patch']\n";
    insta::assert_snapshot!(findings(&refs(&with(kernel, ""))), @"
    profiles/p.toml:9:10: `Linux` is not a package name
      hint: use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`
    profiles/p.toml:10:18: configuration `gone.config` was not found [named here]
      hint: put it at `profiles/gone.config`, or correct the path
    profiles/p.toml:11:12: patch `gone.patch` was not found [named here]
      hint: put it at `profiles/gone.patch`, or correct the path
    ");
    let kernel = "[kernel]\nsource = 'linux-source-6.12'\nbase = { amd64 = 'defconfig' }\n";
    insta::assert_snapshot!(findings(&refs(&with(kernel, ""))), @r#"
    profiles/p.toml:9:10: nothing for a kernel's configuration to begin with on `arm64`
      note: `arm64` is asked for profiles/p.toml:4:44
      hint: name one for each architecture: `base = { arm64 = "defconfig" }`
    "#);
}
