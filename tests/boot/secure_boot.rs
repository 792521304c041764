//! Firmware that checks signatures: it takes the certificate from the disk, starts what is signed, and nothing that was changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_tests::machine::qemu;
use rootsmith_tests::{copy_workspace, judge, judges, on_request, succeed};

/// Of a boot, which takes half a minute.
const LIMIT: Duration = Duration::from_secs(400);
const TOOLS: [&str; 2] = ["qemu-system-x86_64", "openssl"];

/// Builds the appliance with `boot`, signed by the key that `keys` has.
fn build(folder: &Path, boot: &str, signer: &str) -> PathBuf {
    let profile = format!(
        "schema = 1\nextends = [\"busybox-appliance.toml\"]\n\
         output = {{ replace = [{{ kind = \"disk\", table = \"gpt\", boot = \"{boot}\", partitions = [\n\
         {{ type = \"esp\", size = \"64MiB\" }}, {{ type = \"root\", size = \"minimal\", free = \"64MiB\" }}] }}] }}\n\
         [image]\nname = \"{boot}\"\n[preflight]\nsets = {{ replace = [\"boot\"] }}\n\
         [secure-boot]\ncertificate = \"keys/db.pem\"\n{signer}\nenroll = \"force\"\n"
    );
    fs::write(folder.join(format!("profiles/{boot}.toml")), profile).unwrap();
    succeed(folder, &["build", &format!("profiles/{boot}.toml")]);
    folder.join(format!("outputs/{boot}-amd64/{boot}-amd64.img"))
}

/// Starts `image` on firmware whose variables are in `variables` and stay there.
fn start(image: &Path, variables: &Path, until: &str) -> String {
    let drive = |options: &str, path: &Path| format!("{options},format=raw,file={}", path.display());
    let code = drive("if=pflash,unit=0,readonly=on", Path::new("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"));
    let (variables, disk) = (drive("if=pflash,unit=1", variables), drive("if=none,id=disk,snapshot=on", image));
    let machine = [
        "-machine",
        "q35,smm=on,sata=off",
        "-cpu",
        "max,-svm,-la57",
        "-accel",
        "tcg,thread=multi",
        "-m",
        "1024",
        "-smp",
        "2",
    ];
    let secure = ["-global", "driver=cfi.pflash01,property=secure,value=on"];
    let rest =
        ["-nodefaults", "-display", "none", "-serial", "stdio", "-device", "virtio-blk-pci,drive=disk,bootindex=1"];
    let drives = ["-drive", &code, "-drive", &variables, "-drive", &disk];
    qemu("qemu-system-x86_64", &[&machine[..], &secure, &rest, &drives].concat(), until, LIMIT)
}

#[test]
fn firmware_enrols_the_certificate_and_starts_what_is_signed_alone() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    let (key, certificate) = (keys.join("db.key"), keys.join("db.pem"));
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=ours/"];
    judge("openssl", &[&request[..], &["-keyout", key, "-out", certificate]].concat());

    let variables = folder.path().join("variables.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let image = build(folder.path(), "systemd-boot", "key = \"keys/db.key\"");
    // Firmware in setup mode starts anything; systemd-boot enrols the keys and starts again.
    let console = start(&image, &variables, " login:");
    assert!(console.contains("Secure boot enabled"), "{console}");

    // The key is never shown to us.
    let signer = format!("signer = [\"openssl\", \"dgst\", \"-sha256\", \"-sign\", \"{key}\"]");
    let image = build(folder.path(), "uki", &signer);
    let console = start(&image, &variables, " login:");
    assert!(console.contains("Secure boot enabled"), "{console}");

    let mut bytes = fs::read(&image).unwrap();
    let place = bytes.windows(14).position(|window| window == b"root=PARTUUID=").unwrap();
    bytes[place] ^= 1;
    fs::write(&image, bytes).unwrap();
    let console = start(&image, &variables, "Access Denied");
    assert!(!console.contains("Linux version"), "{console}");
}
