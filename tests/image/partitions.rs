//! Partitions beside the root, in other people's hands: what is on each, and how its table and its file system call it.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::path::Path;

use rootsmith_tests::{copy_workspace, judge, judges, partition, run, said, succeed};

const TOOLS: [&str; 4] = ["sgdisk", "sfdisk", "e2fsck", "debugfs"];

/// The innermost mount first, as nobody should have to think of their order.
const PROFILE: &str = r#"
schema = 1
extends = ["busybox-appliance.toml"]
output = { replace = [{ kind = "disk", table = "TABLE", boot = "BOOT", format = ["raw"], partitions = [
  { type = "boot", size = "64MiB" },
  { type = "root", filesystem = "ext4", size = "minimal", free = "16MiB" },
  { type = "data", mount = "/var/lib", label = "lib", size = "minimal", free = "8MiB" },
  { type = "data", mount = "/var", size = "SIZE" },
] }] }
[image]
name = "parts"
[preflight]
sets = { replace = ["boot", "golden-image"] }
[[overlay]]
source = "content"
"#;

fn workspace(profile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::write(folder.path().join("profiles/parts.toml"), profile).unwrap();
    for (file, text) in [("var/lib/deep/er", "on lib"), ("var/shallow", "on var"), ("srv/file", "on root")] {
        let path = folder.path().join("content").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn profile(table: &str, boot: &str, size: &str) -> String {
    PROFILE.replace("TABLE", table).replace("BOOT", boot).replace("SIZE", size)
}

/// What `path` is on the ext4 at `image`, by debugfs; empty when it is not there.
fn file_on(image: &Path, path: &str) -> String {
    judge("debugfs", &["-R", &format!("cat {path}"), image.to_str().unwrap()])
}

#[test]
fn each_partition_has_its_part_of_the_tree_and_its_names() {
    if !judges(&TOOLS) {
        return;
    }
    for (table, boot) in [("gpt", "uki"), ("mbr", "extlinux")] {
        let folder = workspace(&profile(table, boot, "96MiB"));
        let folder = folder.path();
        succeed(folder, &["build", "profiles/parts.toml"]);
        let image = folder.join("outputs/parts-amd64/parts-amd64.img");
        let cut = |number: usize| {
            let to = folder.join(format!("part{number}"));
            partition(&image, number, &to);
            judge("e2fsck", &["-f", "-n", to.to_str().unwrap()]);
            to
        };
        let (root, lib, var) = (cut(2), cut(3), cut(4));
        assert_eq!(
            [file_on(&lib, "/deep/er"), file_on(&var, "/shallow"), file_on(&root, "/srv/file")],
            ["on lib", "on var", "on root"]
        );
        // The places to mount on are there, and empty.
        let listed =
            |image: &Path, path: &str| judge("debugfs", &["-R", &format!("ls -p {path}"), image.to_str().unwrap()]);
        assert_eq!(listed(&root, "/var").lines().filter(|line| !line.is_empty()).count(), 2, "only `.` and `..`");
        assert_eq!(listed(&var, "/lib").lines().filter(|line| !line.is_empty()).count(), 2, "only `.` and `..`");
        let shown = judge("sfdisk", &["--dump", image.to_str().unwrap()]);
        match table {
            "gpt" => {
                let about = judge("sgdisk", &["--info=3", image.to_str().unwrap()]);
                assert!(about.contains("0FC63DAF-8483-4772-8E79-3D69D8477DE4") && about.contains("'lib'"), "{about}");
                assert!(judge("sgdisk", &["--verify", image.to_str().unwrap()]).contains("No problems found"));
            }
            _ => assert_eq!(shown.matches("type=83").count(), 3, "{shown}"),
        }
        let label = |image: &Path| judge("debugfs", &["-R", "stats -h", image.to_str().unwrap()]);
        assert!(label(&lib).contains("Filesystem volume name:   lib\n") && label(&var).contains("name:   data\n"));

        // Nothing of a mount is needed to see one tree, and each line comes behind what it lies below.
        succeed(folder, &["preflight", image.to_str().unwrap(), "--set", "boot", "--set", "golden-image"]);
        let fstab = file_on(&root, "/etc/fstab");
        let at = |mount: &str| fstab.find(&format!(" {mount} ext4 defaults 0 0")).unwrap_or_else(|| panic!("{fstab}"));
        assert!(at("/var") < at("/var/lib"), "{fstab}");

        succeed(folder, &["build", "--jobs", "1", "--output", "again", "profiles/parts.toml"]);
        let again = folder.join("again/parts-amd64/parts-amd64.img");
        assert!(fs::read(again).unwrap() == fs::read(&image).unwrap(), "a second build has other bytes");
    }
}

#[test]
fn a_swap_area_is_one_for_everybody_who_knows_them() {
    if !judges(&["blkid", "swaplabel", "file", "sfdisk"]) {
        return;
    }
    for (table, boot, kind) in [("gpt", "uki", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"), ("mbr", "extlinux", "82")] {
        let text = profile(table, boot, "96MiB").replace(
            "{ type = \"data\", mount = \"/var/lib\", label = \"lib\", size = \"minimal\", free = \"8MiB\" }",
            "{ type = \"swap\", size = \"17000KiB\", label = \"ours\" }",
        );
        let folder = workspace(&text);
        let folder = folder.path();
        succeed(folder, &["build", "profiles/parts.toml"]);
        let image = folder.join("outputs/parts-amd64/parts-amd64.img");
        let swap = folder.join("swap");
        partition(&image, 3, &swap);
        let swap = swap.to_str().unwrap();
        let dump = judge("sfdisk", &["--dump", image.to_str().unwrap()]);
        assert!(dump.lines().any(|line| line.contains(&format!("type={kind}"))), "{dump}");
        assert!(
            judge("file", &["-b", swap]).contains("swap file, 4k page size, little endian, version 1, size 4249 pages")
        );
        let blkid = judge("blkid", &["-p", "-o", "export", swap]);
        assert!(blkid.contains("TYPE=swap\n") && blkid.contains("LABEL=ours\n"), "{blkid}");
        let uuid = blkid.lines().find_map(|line| line.strip_prefix("UUID=")).unwrap();
        let said = judge("swaplabel", &[swap]);
        assert!(said.contains("LABEL: ours\n") && said.contains(&format!("UUID:  {uuid}")), "{said}");
        let root = folder.join("root");
        partition(&image, 2, &root);
        // BusyBox finds it by its own identifier.
        let fstab = file_on(&root, "/etc/fstab");
        assert!(fstab.contains(&format!("UUID={uuid} none swap sw 0 0\n")), "{fstab}");
    }
}

#[test]
fn what_cannot_be_taken_apart_is_said_at_its_line() {
    if !judges(&["tar"]) {
        return;
    }
    let build = |profile: &str, change: &dyn Fn(&Path)| {
        let folder = workspace(profile);
        change(&folder.path().join("content"));
        let output = run(folder.path(), &["build", "profiles/parts.toml"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(!folder.path().join("outputs/parts-amd64").exists());
        said(&output)
    };
    let text = build(&profile("gpt", "uki", "16KiB"), &|_| {});
    assert!(
        text.contains("the data partition is 16.0 KiB, its content needs") && text.contains("parts.toml:8:43"),
        "{text}"
    );

    let payload =
        "\n[[payload]]\nname = \"linked\"\nkind = \"tar\"\nsource = { path = \"linked.tar\" }\ninstall = \"/\"\n";
    let linked = profile("gpt", "uki", "96MiB") + payload;
    let text = build(&linked, &|content| {
        let from = content.parent().unwrap().join("from");
        fs::create_dir_all(from.join("var/lib")).unwrap();
        fs::create_dir_all(from.join("opt")).unwrap();
        fs::write(from.join("opt/one"), "one").unwrap();
        fs::hard_link(from.join("opt/one"), from.join("var/lib/two")).unwrap();
        let tar = content.parent().unwrap().join("linked.tar");
        judge("tar", &["-C", from.to_str().unwrap(), "-cf", tar.to_str().unwrap(), "opt", "var"]);
    });
    assert!(text.contains("`/var/lib/two` and `/opt/one` are one file"), "{text}");
    assert!(text.contains("parts.toml:7:28") && text.contains("hint:"), "{text}");
}
