//! What a machine with two slots for its root is told.

use super::*;

const DISK: &str = "[[output]]\nkind = \"disk\"\ntable = \"gpt\"\nboot = [\"systemd-boot\", \"uki\"]\n\
                    partitions = [{ type = \"esp\", size = \"64MiB\" }, { type = \"root\", filesystem = \"squashfs\", size = \"64MiB\"";

fn built(slots: &str, source: &str) -> Assembly {
    let text = PROFILE.replace("[[output]]\nkind = \"tar\"\n", &format!("{DISK}{slots} }}]\n"));
    let text = text.replace("name = \"node\"\n", "name = \"node\"\nversion = \"7\"\n");
    let profile = format!("{text}[update]\nsource = \"{source}\"\n");
    let profile = rootsmith_profile::load(Path::new("test.toml"), &One(profile)).unwrap();
    run(&profile, &[], &Pack::default()).unwrap().0
}

#[test]
fn each_part_of_a_version_has_its_place() {
    let assembly = built(", slots = 2, verity = true", "https://example.org/node/");
    assert_eq!(
        text(&assembly, "/usr/lib/sysupdate.d/50-verity.transfer"),
        "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
         [Source]\nType=url-file\nPath=https://example.org/node/amd64\nMatchPattern=node-amd64_@v_@u.verity\n\n\
         [Target]\nType=partition\nPath=auto\nMatchPattern=node_@v\nMatchPartitionType=root-verity\nReadOnly=yes\n"
    );
    let kernel = text(&assembly, "/usr/lib/sysupdate.d/70-kernel.transfer");
    assert!(kernel.contains("\nMatchPattern=node-amd64_@v.efi\n"), "{kernel}");
    assert!(kernel.contains("\nMatchPattern=node_@v+@l-@d.efi node_@v+@l.efi node_@v.efi\n"), "{kernel}");
    assert!(kernel.contains("\nTriesLeft=3\nTriesDone=0\n"), "{kernel}");
    let wanted = TreePath::literal("/etc/systemd/system/sysinit.target.wants/try-ends.service");
    assert_eq!(
        assembly.tree.get(&wanted).unwrap().link_target(),
        Some(&b"/usr/lib/systemd/system/try-ends.service"[..])
    );
}

#[test]
fn a_folder_is_a_source_and_without_hashes_there_are_none_to_fetch() {
    let assembly = built(", slots = 2", "/var/lib/update");
    let root = text(&assembly, "/usr/lib/sysupdate.d/60-root.transfer");
    assert!(
        root.contains("\nType=regular-file\nPath=/var/lib/update/amd64\nMatchPattern=node-amd64_@v_@u.root\n"),
        "{root}"
    );
    assert!(assembly.tree.get(&TreePath::literal("/usr/lib/sysupdate.d/50-verity.transfer")).is_none());
}
