//! A small image in every format that a profile can ask for, built by the real program and opened by other people's tools.
#![allow(missing_docs, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rootsmith_tests::{copy_workspace, judge, judges, run, said, succeed};

const NAME: &str = "formats-amd64";
/// All that have names of their own.
const MOST: &str = r#"["raw", "raw.zst", "raw.xz", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "ova", "vagrant"]"#;
/// The others that hypervisors open; whole GiB for Google's cloud.
const OTHERS: &str = r#"["raw", "qcow2-zstd", "vmdk-sparse", "vhd-fixed", "gce"]"#;
/// The one that is left, without the disk itself.
const LAST: &str = r#"["qcow2-zlib"]"#;

/// Builds the image into `folder`/`to` in these formats.
fn build(folder: &Path, formats: &str, to: &str, more: &[&str]) {
    let profile = fs::read_to_string(folder.join("profiles/busybox-appliance.toml")).unwrap();
    let (before, _) = profile.split_once("[[output]]").unwrap();
    let output = format!(
        "[[output]]\nkind = \"disk\"\ntable = \"gpt\"\nboot = \"uki\"\nformat = {formats}\n\
         partitions = [{{ type = \"esp\", size = \"64MiB\" }}, {{ type = \"root\", size = \"minimal\", free = \"16MiB\" }}]\n"
    );
    fs::write(
        folder.join("profiles/formats.toml"),
        format!("{before}{output}").replace("busybox-appliance", "formats"),
    )
    .unwrap();
    succeed(folder, &[&["build", "--output", to, "profiles/formats.toml"], more].concat());
}

/// SHA-256 of every file of a build, by name.
fn digests(outputs: &Path) -> BTreeMap<String, String> {
    let digest = |path: &Path| judge("sha256sum", &[path.to_str().unwrap()])[..64].to_owned();
    let files = fs::read_dir(outputs).unwrap().flatten();
    files.map(|file| (file.file_name().into_string().unwrap(), digest(&file.path()))).collect()
}

/// QEMU's word for a format is the file's ending.
fn opens(outputs: &Path, ending: &str, raw: &Path) {
    let image = outputs.join(format!("{NAME}.{ending}"));
    same(image.to_str().unwrap(), if ending == "vhd" { "vpc" } else { ending }, raw);
}

fn same(image: &str, driver: &str, raw: &Path) {
    if driver != "vpc" {
        judge("qemu-img", &["check", "-q", "-f", driver, image]);
    }
    let info = judge("qemu-img", &["info", "--output=json", "-f", driver, image]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["virtual-size"].as_u64(), Some(fs::metadata(raw).unwrap().len()), "{image}");
    judge("qemu-img", &["compare", "-q", "-f", "raw", "-F", driver, raw.to_str().unwrap(), image]);
}

#[test]
fn every_format_holds_the_disk_and_is_always_the_same() {
    if !judges(&["qemu-img", "zstd", "xz", "tar", "cmp", "xmllint", "sha256sum", "sh"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    build(folder.path(), MOST, "one", &[]);
    let outputs = folder.path().join("one").join(NAME);
    let digests_of_one = digests(&outputs);
    let endings = ["box", "img", "img.bmap", "img.xz", "img.zst", "ova", "qcow2", "vdi", "vhd", "vhdx", "vmdk"];
    let mut names: Vec<String> = endings.iter().map(|ending| format!("{NAME}.{ending}")).collect();
    names.extend(["manifest.json", "preflight.json", "timings.json"].map(str::to_owned));
    assert_eq!(digests_of_one.keys().cloned().collect::<Vec<_>>(), names);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(outputs.join("manifest.json")).unwrap()).unwrap();
    let listed = manifest["outputs"].as_array().unwrap();
    assert_eq!(listed.len(), endings.len());
    for output in listed {
        let file = output["file"].as_str().unwrap();
        assert_eq!(output["sha256"].as_str(), digests_of_one.get(file).map(String::as_str), "{file}");
        assert_eq!(output["size"].as_u64(), Some(fs::metadata(outputs.join(file)).unwrap().len()), "{file}");
    }

    let raw = outputs.join(format!("{NAME}.img"));
    for ending in ["qcow2", "vmdk", "vhd", "vhdx", "vdi"] {
        opens(&outputs, ending, &raw);
    }
    let within = |command: &str| {
        let shell = format!("set -e; cd '{}'; mkdir -p x; {}", outputs.display(), command.replace("NAME", NAME));
        judge("sh", &["-c", &shell])
    };
    within("zstd -dc NAME.img.zst | cmp - NAME.img");
    within("xz -dc NAME.img.xz | cmp - NAME.img");
    assert_eq!(within("tar -xvf NAME.ova -C x"), "NAME.ovf\nNAME.mf\nNAME.vmdk\n".replace("NAME", NAME));
    within(
        "cd x; sed 's/SHA256(/SHA256 (/; s/)=/) =/' NAME.mf >sums; sha256sum --quiet --check sums; xmllint --noout NAME.ovf",
    );
    // The same disk, whether alone or in an archive.
    within("cmp x/NAME.vmdk NAME.vmdk");
    assert_eq!(within("tar -xvf NAME.box -C x"), "metadata.json\nVagrantfile\nbox.img\n");
    same(outputs.join("x/box.img").to_str().unwrap(), "qcow2", &raw);
    fs::remove_dir_all(outputs.join("x")).unwrap();

    // Our own readers, as if the files were anybody's.
    let judged = |ending: &str| {
        let image = outputs.join(format!("{NAME}.{ending}"));
        let output = succeed(folder.path(), &["preflight", image.to_str().unwrap(), "--set", "boot"]);
        String::from_utf8_lossy(&output.stdout).replace(&format!("{NAME}.{ending}"), "IMAGE")
    };
    let raw_judged = judged("img");
    assert!(raw_judged.contains("boot: clean"), "{raw_judged}");
    for ending in ["img.zst", "img.xz", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "ova", "box"] {
        assert_eq!(judged(ending), raw_judged, "{ending}");
    }

    build(folder.path(), MOST, "two", &["--jobs", "1"]);
    let mut again = digests(&folder.path().join("two").join(NAME));
    again.insert("timings.json".to_owned(), digests_of_one["timings.json"].clone());
    assert_eq!(again, digests_of_one);

    build(folder.path(), LAST, "three", &[]);
    let alone = folder.path().join("three").join(NAME);
    let names: Vec<String> = digests(&alone).into_keys().collect();
    let qcow2 = format!("{NAME}.qcow2");
    assert_eq!(names, [qcow2.as_str(), "manifest.json", "preflight.json", "timings.json"]);
    opens(&alone, "qcow2", &raw);
}

#[test]
fn formats_of_clouds_hold_a_disk_of_whole_units() {
    if !judges(&["qemu-img", "tar", "cmp", "sgdisk"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    build(folder.path(), OTHERS, "one", &[]);
    let outputs = folder.path().join("one").join(NAME);
    let raw = outputs.join(format!("{NAME}.img"));
    assert_eq!(fs::metadata(&raw).unwrap().len(), 1 << 30);
    assert!(judge("sgdisk", &["--verify", raw.to_str().unwrap()]).contains("No problems found"));
    for ending in ["qcow2", "vmdk", "vhd"] {
        opens(&outputs, ending, &raw);
    }
    assert_eq!(fs::metadata(outputs.join(format!("{NAME}.vhd"))).unwrap().len(), (1 << 30) + 512);
    let shell = format!("cd '{}'; tar -xzOf {NAME}.tar.gz disk.raw | cmp - {NAME}.img", outputs.display());
    judge("sh", &["-c", &shell]);
}

#[test]
fn a_machine_that_is_not_there_for_arm_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    build(folder.path(), LAST, "one", &[]);
    let path = folder.path().join("profiles/formats.toml");
    let profile = fs::read_to_string(&path).unwrap();
    for word in ["ova", "vagrant"] {
        let profile = profile.replace(LAST, &format!("[\"{word}\"]"));
        fs::write(&path, &profile).unwrap();
        let output = run(folder.path(), &["build", "--arch", "arm64", "profiles/formats.toml"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let line = profile.lines().position(|line| line.starts_with("format")).unwrap() + 1;
        assert!(said(&output).contains("and has none for `arm64`"), "{}", said(&output));
        assert!(said(&output).contains(&format!("profiles/formats.toml:{line}:")), "{}", said(&output));
        assert!(!folder.path().join("outputs/formats-arm64").exists());
    }
}
