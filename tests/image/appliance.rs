//! An appliance's disk in other people's hands: a squashfs or an EROFS as its root, and programs that firmware checks.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use rootsmith_tests::{copy_workspace, judge, judges, partition, run, said, succeed};

const TOOLS: [&str; 6] = ["openssl", "sbverify", "mcopy", "sgdisk", "sfdisk", "unsquashfs"];

const PROFILE: &str = r#"
schema = 1
extends = ["busybox-appliance.toml"]
output = { replace = [
  { kind = "disk", table = "gpt", boot = ["uki", "systemd-boot"], partitions = [
    { type = "esp", size = "96MiB" },
    { type = "root", filesystem = "squashfs", size = "minimal", writable = "volatile" },
  ] },
  { kind = "squashfs" },
] }
[image]
name = "signed"
[preflight]
sets = { replace = ["boot"] }
[secure-boot]
certificate = "keys/db.pem"
"#;

/// A folder with the workspace, a key called `name` for each of `names`, and the profile, signed by `signer`.
fn workspace(names: &[&str], signer: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::create_dir(folder.path().join("keys")).unwrap();
    for name in names {
        let at = |ending: &str| folder.path().join(format!("keys/{name}.{ending}")).to_str().unwrap().to_owned();
        let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=ours/"];
        judge("openssl", &[&request[..], &["-keyout", &at("key"), "-out", &at("pem")]].concat());
    }
    fs::write(folder.path().join("profiles/signed.toml"), format!("{PROFILE}{signer}\n")).unwrap();
    folder
}

/// What is in the file `inside` of the partition that firmware reads.
fn on_esp(folder: &Path, esp: &Path, inside: &str) -> PathBuf {
    let to = folder.join("taken");
    judge("mcopy", &["-o", "-n", "-i", esp.to_str().unwrap(), &format!("::{inside}"), to.to_str().unwrap()]);
    to
}

#[test]
fn every_program_is_signed_and_the_root_is_the_tree() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = workspace(&["db", "other"], "key = \"keys/db.key\"");
    let folder = folder.path();
    succeed(folder, &["build", "profiles/signed.toml"]);
    let file = |name: &str| folder.join(format!("outputs/signed-amd64/signed-amd64.{name}"));
    let (esp, root) = (folder.join("esp"), folder.join("root"));
    partition(&file("img"), 1, &esp);
    partition(&file("img"), 2, &root);

    let certificate = |name: &str| folder.join(format!("keys/{name}.pem")).to_str().unwrap().to_owned();
    for program in ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi", "EFI/Linux/signed.efi"] {
        let taken = on_esp(folder, &esp, program);
        judge("sbverify", &["--cert", &certificate("db"), taken.to_str().unwrap()]);
        let other = std::process::Command::new("sbverify").args(["--cert", &certificate("other")]).arg(&taken).output();
        assert!(!other.unwrap().status.success(), "{program}: signed by whoever");
    }
    let enrolled = judge("openssl", &["x509", "-in", &certificate("db"), "-outform", "DER", "-out", "/dev/stdout"]);
    let taken = fs::read(on_esp(folder, &esp, "loader/keys/auto/db.cer")).unwrap();
    assert_eq!(String::from_utf8_lossy(&taken), enrolled);
    for variable in ["PK", "KEK", "db"] {
        assert!(fs::read(on_esp(folder, &esp, &format!("loader/keys/auto/{variable}.auth"))).unwrap().len() > 1000);
    }
    let loader = fs::read_to_string(on_esp(folder, &esp, "loader/loader.conf")).unwrap();
    assert!(loader.contains("\nsecure-boot-enroll manual\n"), "{loader}");

    // Read-only by its type's flag 60, and the same tree as the output of its own.
    let about = judge("sgdisk", &["--info=2", file("img").to_str().unwrap()]);
    assert!(about.contains("Attribute flags: 1000000000000000"), "{about}");
    let list = |image: &Path| judge("unsquashfs", &["-lln", image.to_str().unwrap()]);
    let listed = list(&root);
    assert!(listed.contains("squashfs-root/usr/bin/busybox"), "{listed}");
    assert_eq!(listed, list(&file("squashfs")));

    succeed(folder, &["build", "--jobs", "1", "--output", "again", "profiles/signed.toml"]);
    let again = folder.join("again/signed-amd64/signed-amd64.img");
    assert!(fs::read(again).unwrap() == fs::read(file("img")).unwrap(), "a second build has other bytes");
}

/// The root of a disk, and the output of its own: the same bytes, which others find sound, and the kernel shows as the tree.
#[test]
fn an_erofs_is_the_tree_in_a_partition_and_on_its_own() {
    if !judges(&["fsck.erofs", "dump.erofs", "sgdisk", "sfdisk"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_workspace(folder);
    let profile = PROFILE.replace("squashfs", "erofs").replace("signed", "plain");
    let (profile, _) = profile.split_once("[secure-boot]").unwrap();
    fs::write(folder.join("profiles/plain.toml"), profile).unwrap();
    succeed(folder, &["build", "profiles/plain.toml"]);
    let file = |name: &str| folder.join(format!("outputs/plain-amd64/plain-amd64.{name}"));
    let root = folder.join("root");
    partition(&file("img"), 2, &root);
    let image = fs::read(file("erofs")).unwrap();
    // A partition ends with a MiB, a file system with a block.
    assert!(fs::read(&root).unwrap().starts_with(&image));
    judge("fsck.erofs", &["--extract", file("erofs").to_str().unwrap()]);
    let about = judge("dump.erofs", &["-s", root.to_str().unwrap()]);
    let uuid = rootsmith_types::Uuid::new(image[1024 + 48..1024 + 64].try_into().unwrap());
    assert!(about.contains(&uuid.to_string()), "{about}");
    assert_eq!(&image[1024 + 64..1024 + 69], b"root\0");
    let about = judge("sgdisk", &["--info=2", file("img").to_str().unwrap()]);
    assert!(about.contains("Attribute flags: 1000000000000000"), "{about}");

    // Whose image it is, is not asked.
    succeed(folder, &["preflight", "--set", "boot", file("img").to_str().unwrap()]);
    succeed(folder, &["build", "--jobs", "1", "--output", "again", "profiles/plain.toml"]);
    let again = folder.join("again/plain-amd64/plain-amd64.erofs");
    assert!(fs::read(again).unwrap() == image, "a second build has other bytes");
}

#[test]
fn a_key_that_is_not_the_certificates_is_said_at_its_line_and_leaves_no_image() {
    if !judges(&TOOLS[..1]) {
        return;
    }
    for (signer, place, reason) in [
        ("key = \"keys/other.key\"", "signed.toml:17:7", "was not made by the certificate's key"),
        ("key = \"keys/db.pem\"", "signed.toml:17:7", "the file has a `CERTIFICATE`"),
        ("signer = [\"sh\", \"-c\", \"echo no token >&2; exit 3\"]", "signed.toml:17:11", "no token"),
    ] {
        let folder = workspace(&["db", "other"], signer);
        let output = run(folder.path(), &["build", "profiles/signed.toml"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(place) && said.contains(reason) && said.contains("hint:"), "{said}");
        assert!(!folder.path().join("outputs/signed-amd64").exists(), "{said}");
    }
}

const WITH_HASHES: &str = r#"
schema = 1
extends = ["busybox-appliance.toml"]
output = { replace = [
  { kind = "disk", table = "gpt", boot = "uki", partitions = [
    { type = "esp", size = "64MiB" },
    { type = "root", filesystem = "squashfs", size = "minimal", verity = true, writable = "volatile" },
  ] },
] }
[image]
name = "hashes"
[preflight]
sets = { replace = ["boot"] }
[packages]
"#;

#[test]
fn hashes_vouch_for_the_root_and_the_image_says_which() {
    if !judges(&["veritysetup", "mcopy", "objcopy"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_workspace(folder);
    let profile = |include: &str| {
        fs::write(folder.join("profiles/hashes.toml"), format!("{WITH_HASHES}include = [{include}]\n")).unwrap();
    };
    // Where dependencies are left out, what the initramfs takes out of the image is not all there.
    profile("");
    let output = run(folder, &["build", "profiles/hashes.toml"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hashes.toml:7:74") && said.contains("`/usr/sbin/dmsetup` needs glibc"), "{said}");

    profile("\"libc6\", \"libdevmapper1.02.1\", \"libudev1\", \"libselinux1\", \"libpcre2-8-0\", \"libcap2\"");
    succeed(folder, &["build", "profiles/hashes.toml"]);
    let image = folder.join("outputs/hashes-amd64/hashes-amd64.img");
    let (esp, root, hashes) = (folder.join("esp"), folder.join("root"), folder.join("hashes"));
    for (number, to) in [(1, &esp), (2, &root), (3, &hashes)] {
        partition(&image, number, to);
    }
    let started = on_esp(folder, &esp, "EFI/BOOT/BOOTX64.EFI");
    let words = folder.join("words");
    judge("objcopy", &["-O", "binary", "--only-section=.cmdline", started.to_str().unwrap(), words.to_str().unwrap()]);
    let words = fs::read_to_string(words).unwrap();
    let hash = words.split(' ').find_map(|word| word.strip_prefix("roothash=")).unwrap();
    let verify = || {
        let files = [root.to_str().unwrap(), hashes.to_str().unwrap(), hash];
        std::process::Command::new("veritysetup").arg("verify").args(files).output().unwrap().status.success()
    };
    assert!(verify());
    let mut bytes = fs::read(&root).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&root, bytes).unwrap();
    assert!(!verify(), "a changed byte is not noticed");
}
