use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rootsmith_tree::{Content, Metadata, NoBlobs, Node, NodeKind, Tree};
use rootsmith_types::{Arch, Explain, Sha256Digest, TreePath};
use serde_json::{Value, json};

use crate::{Options, PlanError, Run, plan};

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn meta(mode: u16) -> Metadata {
    Metadata::root(mode, 1_700_000_000)
}

/// Larger than one job of the compressor, and nothing that it could make small.
fn large() -> Vec<u8> {
    (0u32..3_000_000).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect()
}

fn tree() -> Tree {
    let mut tree = Tree::new(meta(0o755));
    let mut put = |at: &str, node: Node| tree.insert(&path(at), node).unwrap();
    put("/bin", Node::directory(meta(0o755)));
    put("/bin/hello", Node::file(Content::inline("#!/bin/sh\necho hello\n"), meta(0o4755)));
    put("/bin/hi", Node::symlink("hello", 1_700_000_000));
    put("/tmp", Node::directory(meta(0o1777)));
    put("/large", Node::file(Content::inline(large()), meta(0o640)));
    tree
}

fn options(workers: u32) -> Options {
    Options {
        reference: "localhost:5000/of/hello:v1".to_owned(),
        arch: Arch::Armhf,
        created: 1_795_334_400,
        created_by: "rootsmith".to_owned(),
        run: Run {
            entrypoint: vec!["/bin/hello".to_owned()],
            cmd: vec!["--to".to_owned(), "wörld \"x\"".to_owned()],
            env: vec!["PATH=/bin".to_owned(), "EMPTY=".to_owned()],
            user: "1000:100".to_owned(),
            working_dir: "/tmp".to_owned(),
            labels: BTreeMap::from([("org.example.b".to_owned(), "2".to_owned()), ("a".to_owned(), String::new())]),
        },
        level: 3,
        workers,
    }
}

fn archive(tree: &Tree, options: &Options) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    plan(std::slice::from_ref(tree), &NoBlobs, options).unwrap().write(&mut out).unwrap();
    out.into_inner()
}

/// The entries of the archive as the `tar` crate reads them, in their order.
fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let file = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 1_795_334_400);
        assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
        (String::from_utf8_lossy(&entry.path_bytes()).into_owned(), data)
    };
    archive.entries().unwrap().map(file).collect()
}

#[test]
fn every_digest_leads_to_its_blob_and_the_layer_is_the_tree() {
    let archive = archive(&tree(), &options(2));
    let files = files(&archive);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["oci-layout", "blobs/", "blobs/sha256/"]);
    assert_eq!(names.last(), Some(&"index.json"));
    assert_eq!((archive.len() % 512, &archive[archive.len() - 1024..]), (0, &[0; 1024][..]));
    let get = |name: &str| &files.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}")).1;
    let json_of = |data: &[u8]| serde_json::from_slice::<Value>(data).unwrap();
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let data = get(&format!("blobs/sha256/{digest}"));
        assert_eq!(Sha256Digest::of(data).to_string(), digest);
        assert_eq!(descriptor["size"], data.len() as u64);
        data
    };
    assert_eq!(json_of(get("oci-layout")), json!({ "imageLayoutVersion": "1.0.0" }));
    let index = json_of(get("index.json"));
    let descriptor = &index["manifests"][0];
    assert_eq!(descriptor["platform"], json!({ "architecture": "arm", "os": "linux", "variant": "v7" }));
    let names = json!({
        "org.opencontainers.image.ref.name": "v1",
        "io.containerd.image.name": "localhost:5000/of/hello:v1",
    });
    assert_eq!(descriptor["annotations"], names);
    let manifest = json_of(blob(descriptor));
    assert_eq!((&manifest["schemaVersion"], &manifest["mediaType"]), (&json!(2), &descriptor["mediaType"]));
    let config = json_of(blob(&manifest["config"]));
    let layer = blob(&manifest["layers"][0]);
    let plain = zstd::decode_all(layer.as_slice()).unwrap();
    let wanted = json!({
        "created": "2026-11-22T08:00:00Z",
        "architecture": "arm",
        "os": "linux",
        "variant": "v7",
        "config": {
            "User": "1000:100",
            "Env": ["PATH=/bin", "EMPTY="],
            "Entrypoint": ["/bin/hello"],
            "Cmd": ["--to", "wörld \"x\""],
            "WorkingDir": "/tmp",
            "Labels": { "a": "", "org.example.b": "2" },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", Sha256Digest::of(&plain))] },
        "history": [{ "created": "2026-11-22T08:00:00Z", "created_by": "rootsmith" }],
    });
    assert_eq!(config, wanted);
    let mut written = Vec::new();
    rootsmith_tar::write(&tree(), &NoBlobs, &mut written).unwrap();
    assert!(plain == written, "the layer is not the tree's tar archive");
}

#[test]
fn what_nobody_says_is_left_out() {
    let options = Options { run: Run::default(), arch: Arch::Amd64, ..options(1) };
    let archive = archive(&Tree::new(meta(0o755)), &options);
    let files = files(&archive);
    let config = files.iter().filter_map(|(_, data)| serde_json::from_slice::<Value>(data).ok());
    let config = config.into_iter().find(|document| document.get("rootfs").is_some()).unwrap();
    assert_eq!(config["config"], json!({}));
    assert_eq!(config.get("variant"), None);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let one = archive(&tree(), &options(1));
    assert!(one == archive(&tree(), &options(4)), "four threads write other bytes than one");
    // Several jobs of the compressor, or this would say nothing.
    assert!(one.len() > 8 << 20, "{}", one.len());
}

#[test]
fn what_a_layer_cannot_hold_is_refused_by_name() {
    let mut tree = tree();
    for name in ["/tmp/.wh.gone", "/bin/.wh..wh..opq", "/bin/wh.fine"] {
        tree.insert(&path(name), Node::file(Content::inline(""), meta(0o644))).unwrap();
    }
    let refused = plan(&[tree], &NoBlobs, &options(1)).err().unwrap();
    assert_eq!(refused, PlanError::Whiteouts(vec![path("/bin/.wh..wh..opq"), path("/tmp/.wh.gone")]));
    assert_eq!(refused.to_string(), "`/bin/.wh..wh..opq` cannot be in a container image: its name is a whiteout's");
    assert_eq!(refused.notes().len(), 1);
    let mut tree = Tree::new(meta(0o755));
    tree.insert(&path("/log"), Node { kind: NodeKind::Socket, metadata: meta(0o666) }).unwrap();
    assert_eq!(plan(&[tree], &NoBlobs, &options(1)).err(), Some(PlanError::Sockets(vec![path("/log")])));
}

#[test]
fn skopeo_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello.oci.tar"), archive(&tree(), &options(2))).unwrap();
    let Some(said) = run(folder.path(), "skopeo", &["inspect", "oci-archive:hello.oci.tar:v1"]) else { return };
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["Architecture"], &said["Created"]), (&json!("arm"), &json!("2026-11-22T08:00:00Z")));
    assert_eq!(said["Labels"], json!({ "a": "", "org.example.b": "2" }));
    assert_eq!(said["Env"], json!(["PATH=/bin", "EMPTY="]));
    // It copies every blob, checking each digest.
    run(folder.path(), "skopeo", &["copy", "oci-archive:hello.oci.tar", "dir:copied"]);
    // The judge notices damage.
    let mut damaged = archive(&tree(), &options(2));
    damaged[1 << 20] ^= 1;
    fs::write(folder.path().join("damaged.oci.tar"), damaged).unwrap();
    let copy = ["copy", "oci-archive:damaged.oci.tar", "dir:never"];
    let output = Command::new("skopeo").current_dir(folder.path()).args(copy).output().unwrap();
    assert!(!output.status.success(), "skopeo did not notice a flipped bit");
}

/// umoci learnt Zstandard in its version 0.5, so skopeo gives it the same image with another compression.
#[test]
fn umoci_unpacks_what_skopeo_hands_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello.oci.tar"), archive(&tree(), &options(2))).unwrap();
    let copy = ["copy", "--dest-compress-format=gzip", "oci-archive:hello.oci.tar:v1", "oci:layout:v1"];
    if run(folder.path(), "skopeo", &copy).is_none()
        || run(folder.path(), "umoci", &["unpack", "--rootless", "--image", "layout:v1", "bundle"]).is_none()
    {
        return;
    }
    let root = folder.path().join("bundle/rootfs");
    assert!(fs::read(root.join("large")).unwrap() == large());
    assert_eq!(fs::metadata(root.join("bin/hello")).unwrap().permissions().mode() & 0o7777, 0o4755);
    assert_eq!(fs::read_link(root.join("bin/hi")).unwrap(), Path::new("hello"));
    // What would run, as the runtime's configuration has it.
    let config: Value = serde_json::from_slice(&fs::read(folder.path().join("bundle/config.json")).unwrap()).unwrap();
    let process = &config["process"];
    assert_eq!(process["args"], json!(["/bin/hello", "--to", "wörld \"x\""]));
    assert_eq!(process["cwd"], "/tmp");
    assert!(process["env"].as_array().unwrap().contains(&json!("PATH=/bin")), "{}", process["env"]);
}

/// Runs a judge in `folder`; `None` when it is not there.
#[allow(clippy::disallowed_methods, clippy::print_stderr)] // the judge's own switch, and its word when it is missing
fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(tool).args(arguments).current_dir(folder).output() {
        Ok(output) => {
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => {
            assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool} not found");
            eprintln!("skipped: {tool} not found");
            None
        }
    }
}
