//! `profiles/hello-container.toml`, built by the real program and read by other people's container tools.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rootsmith_tests::{copy_workspace, judge, judges, on_request, run, said, succeed};
use serde_json::{Value, json};
use tempfile::TempDir;

const ARCHIVE: &str = "outputs/hello-container-amd64/hello-container-amd64.oci.tar";

fn built() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/hello-container.toml"]);
    let archive = folder.path().join(ARCHIVE);
    (folder, archive)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_container_image_needs_no_kernel_and_is_always_the_same() {
    let (folder, archive) = built();
    let outputs = archive.parent().unwrap();
    let mut names: Vec<_> = fs::read_dir(outputs).unwrap().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["hello-container-amd64.oci.tar", "manifest.json", "preflight.json", "timings.json"]);
    let manifest = read_json(&outputs.join("manifest.json"));
    let bytes = fs::read(&archive).unwrap();
    let digest = judge("sha256sum", &[archive.to_str().unwrap()]);
    assert_eq!(manifest["outputs"][0]["sha256"].as_str(), digest.split_whitespace().next());
    assert_eq!(manifest["outputs"][0]["size"], bytes.len() as u64);
    let packages = manifest["packages"].as_array().unwrap();
    // base-files is only taken apart, for the distribution's name; nothing is there for booting.
    let packages: Vec<_> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    assert_eq!(packages, ["busybox-static", "base-files"]);

    succeed(folder.path(), &["build", "--jobs", "1", "--output", "again", "profiles/hello-container.toml"]);
    let again = folder.path().join(ARCHIVE.replace("outputs", "again"));
    assert!(fs::read(again).unwrap() == bytes, "a second build has other bytes");
}

/// Two at a time: what is wrong with one is said, and keeps no other from being built.
#[test]
fn profiles_of_one_command_are_built_beside_each_other() {
    let (folder, archive) = built();
    let alone = fs::read(archive).unwrap();
    let other = fs::read_to_string(folder.path().join("profiles/hello-container.toml")).unwrap();
    let other = other.replacen("name = \"hello-container\"", "name = \"other\"", 1);
    fs::write(folder.path().join("profiles/other.toml"), other).unwrap();
    let profiles = ["hello-container", "no-such", "other"].map(|name| format!("profiles/{name}.toml"));
    let arguments = ["build", "--output", "together", &profiles[0], &profiles[1], &profiles[2]];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("profile `profiles/no-such.toml` was not found"), "{}", said(&output));
    let made =
        |name: &str| fs::read(folder.path().join(format!("together/{name}-amd64/{name}-amd64.oci.tar"))).unwrap();
    assert!(made("hello-container") == alone, "in company it has other bytes");
    assert!(!made("other").is_empty());
}

#[test]
fn other_peoples_tools_read_it_and_so_do_we() {
    if !judges(&["skopeo", "umoci"]) {
        return;
    }
    let (folder, archive) = built();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let source = format!("oci-archive:{}:1", archive.display());
    let inspected: Value = serde_json::from_str(&judge("skopeo", &["inspect", &source])).unwrap();
    assert_eq!((&inspected["Architecture"], &inspected["Os"]), (&json!("amd64"), &json!("linux")));
    assert_eq!(inspected["Labels"], json!({ "org.opencontainers.image.title": "hello" }));
    assert_eq!(inspected["Layers"].as_array().map(Vec::len), Some(1));

    let layout = format!("oci:{}:1", at("layout"));
    judge("skopeo", &["copy", "--dest-compress-format=gzip", &source, &layout]);
    judge("umoci", &["unpack", "--rootless", "--image", &format!("{}:1", at("layout")), &at("bundle")]);
    let process = &read_json(Path::new(&at("bundle/config.json")))["process"];
    assert_eq!(process["args"], json!(["hello"]));
    assert_eq!(
        fs::read(at("bundle/rootfs/usr/bin/hello")).unwrap(),
        fs::read(at("overlays/hello-container/usr/bin/hello")).unwrap()
    );

    // Our own reader takes the archive for what it is, and the foreign layout for the same.
    for image in [ARCHIVE, "layout"] {
        let output = run(folder.path(), &["preflight", image, "--set", "payload"]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn what_a_container_could_not_start_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let profile = fs::read_to_string(folder.path().join("profiles/hello-container.toml")).unwrap();
    let profile = profile
        .replace("cmd = [\"hello\"]", "cmd = [\"helo\"]\nworking-dir = \"/usr/bin/hello\"")
        .replace("\"65534:65534\"", "\"nobody-here:nor-here\"");
    fs::write(folder.path().join("profiles/hello-container.toml"), profile).unwrap();
    let output = run(folder.path(), &["build", "profiles/hello-container.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stderr);
    for said in [
        "cannot start `helo`: no folder of its `PATH` has it",
        "cannot run as user `nobody-here`: it is not in `/etc/passwd`",
        "cannot run as group `nor-here`: it is not in `/etc/group`",
        "cannot start in `/usr/bin/hello`: it is no folder",
        "4 errors",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!folder.path().join("outputs/hello-container-amd64").exists());
}

/// The hello image with two packages more, in at most four layers, and what `greeting` is in a file of its overlay.
fn layered(folder: &Path, name: &str, greeting: &str) -> PathBuf {
    let overlay = folder.join(format!("overlays/{name}/etc"));
    fs::create_dir_all(&overlay).unwrap();
    fs::write(overlay.join("greeting"), greeting).unwrap();
    let profile = format!(
        "schema = 1\nextends = [\"hello-container.toml\"]\n\
         output = {{ replace = [{{ kind = \"oci\", ref = \"localhost/{name}:1\", layers = 4, \
         cmd = [\"busybox\", \"cat\", \"/etc/greeting\"], env = {{ PATH = \"/usr/bin\" }}, user = \"65534:65534\" }}] }}\n\
         [image]\nname = \"{name}\"\n[packages]\ninclude = [\"netbase\", \"tzdata\"]\n\
         [[overlay]]\nsource = \"overlays/{name}\"\n"
    );
    fs::write(folder.join(format!("profiles/{name}.toml")), profile).unwrap();
    succeed(folder, &["build", &format!("profiles/{name}.toml")]);
    folder.join(format!("outputs/{name}-amd64/{name}-amd64.oci.tar"))
}

#[test]
fn images_of_the_same_packages_share_their_layers_and_podman_runs_them() {
    if !judges(&["podman", "runc", "skopeo"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let layers = |archive: &Path| {
        let source = format!("oci-archive:{}:1", archive.display());
        let inspected: Value = serde_json::from_str(&judge("skopeo", &["inspect", &source])).unwrap();
        inspected["Layers"].as_array().unwrap().clone()
    };
    let one = layered(folder.path(), "one", "good morning");
    let other = layered(folder.path(), "other", "good evening");
    let (of_one, of_other) = (layers(&one), layers(&other));
    assert_eq!((of_one.len(), of_other.len()), (4, 4));
    assert_eq!(of_one[..3], of_other[..3]);
    assert_ne!(of_one[3], of_other[3]);

    let storage = folder.path().join("storage").to_str().unwrap().to_owned();
    let podman =
        |arguments: &[&str]| judge("podman", &[&["--root", &storage, "--runroot", &storage], arguments].concat());
    for (name, archive, greeting) in [("one", &one, "good morning"), ("other", &other, "good evening")] {
        podman(&["load", "--input", archive.to_str().unwrap()]);
        // Limits of its own are what podman asks of a machine that may not have them.
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
        let image = format!("localhost/{name}:1");
        let run = ["run", "--rm", "--network", "none", "--pull", "never", &image];
        assert_eq!(podman(&[&run[..6], &limits[..], &run[6..]].concat()), greeting);
    }
    podman(&["system", "reset", "--force"]);
}

/// containerd of one's own, which ends with the test.
struct Containerd(Child);

impl Containerd {
    fn start(folder: &Path) -> (Containerd, String) {
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        fs::write(at("config"), "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n").unwrap();
        let mut command = Command::new("containerd");
        command.args(["--config", &at("config"), "--root", &at("root"), "--state", &at("state")]);
        command.args(["--address", &at("socket")]).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Containerd(command.spawn().unwrap());
        let version = |_: &i32| {
            thread::sleep(Duration::from_millis(200));
            Command::new("ctr").args(["--address", &at("socket"), "version"]).output().unwrap().status.success()
        };
        assert!((0..100).any(|n| version(&n)), "containerd does not answer");
        (running, at("socket"))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn containerd_runs_them_and_keeps_shared_layers_once() {
    if !on_request() || !judges(&["containerd", "ctr", "runc", "id"]) {
        return;
    }
    if judge("id", &["--user"]) != "0\n" {
        eprintln!("skipped: containerd wants root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let (_running, socket) = Containerd::start(folder.path());
    let ctr = |arguments: &[&str]| judge("ctr", &[&["--address", &socket], arguments].concat());
    // Its other snapshotters want a file system that can be laid over others.
    let native = ["--snapshotter", "native"];
    let mut blobs = Vec::new();
    for (name, greeting) in [("one", "good morning"), ("other", "good evening")] {
        let archive = layered(folder.path(), name, greeting);
        ctr(&[&["images", "import"], &native[..], &[archive.to_str().unwrap()]].concat());
        let image = format!("localhost/{name}:1");
        assert_eq!(ctr(&[&["run", "--rm"], &native[..], &[&image, name]].concat()), greeting);
        blobs.push(ctr(&["content", "ls", "--quiet"]).lines().count());
    }
    // Four layers, configuration, manifest and the archive's index; then three layers fewer.
    assert_eq!(blobs[1] - blobs[0], blobs[0] - 3, "{blobs:?}");
}
