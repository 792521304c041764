//! What is wrong with profiles, and how it is said.

use super::*;

#[test]
fn everything_that_is_wrong_comes_at_once_and_in_order() {
    let files = [
        (
            "profiles/p.toml",
            "schema = 1\nextends = ['base.toml', 'gone.toml']\n\n[image]\nname = 'No Name'\nname2 = 1\n\n[packages]\n\
             include = 'ssh'\ndrop = ['doc', 7]\n\n[kernel]\npackage = 'linux'\nfragments = ['k.config']\n\n[[overlay]]\n\
             source = 'overlays/o'\n",
        ),
        ("profiles/base.toml", "schema = 1\n[init]\nsystem = 'runit'\nenable = ['a b']\n"),
    ];
    insta::assert_snapshot!(findings(&files), @r#"
    profiles/p.toml:2:25: profile `gone.toml` was not found [named here]
      hint: put it at `profiles/gone.toml`, or correct the path
    profiles/p.toml:5:8: `No Name` is not a name
      hint: use at most 63 lower-case letters, digits and `-` between them
    profiles/p.toml:6:1: unknown key `name2` in `image`
      hint: did you mean `name`?
    profiles/p.toml:9:11: `packages.include` must be an array of strings, not a string [a string]
      hint: write `include = ["ssh"]`
    profiles/p.toml:10:9: `doc` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    profiles/p.toml:10:16: `packages.drop` must be an array of strings, not a number [a number]
    profiles/p.toml:14:14: fragment `k.config` was not found [named here]
      hint: put it at `profiles/k.config`, or correct the path
    profiles/p.toml:17:10: overlay `overlays/o` was not found [named here]
      hint: put it at `overlays/o`, or correct the path
    profiles/base.toml:3:10: `runit` is not an init system
      hint: there are `systemd`, `openrc` and `busybox`
    profiles/base.toml:4:11: `a b` is not the name of a service
      hint: write it as `ssh` or `ssh.service`
    "#);
}

#[test]
fn an_answer_for_scripts_is_one_of_two() {
    let text = format!("{LEAST}\n[scripts]\nbash = {{}}\nexim4 = {{ first-boot = 'x', ignore = 'y' }}\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @r#"
    p.toml:9:8: `scripts.bash.ignore` is missing [missing in here]
      hint: write `ignore = "why its scripts are not needed"`
    p.toml:10:29: unknown key `ignore` in an answer with `first-boot`
      hint: known here: `first-boot`
    "#);
}

#[test]
fn what_is_missing_is_named_with_an_example() {
    insta::assert_snapshot!(findings(&[("p.toml", "[image]\narch = []\n")]), @r#"
    p.toml:1:1: `schema` is missing
      hint: write `schema = 1`
    p.toml:1:1: `distribution.id` is missing
      hint: write `[distribution]` and below it `id = "debian"`
    p.toml:1:1: `distribution.suite` is missing
      hint: write `[distribution]` and below it `suite = "trixie"`
    p.toml:1:1: `init.system` is missing
      hint: write `[init]` and below it `system = "systemd"`
    p.toml:1:1: `output` is missing
      hint: write `[[output]]`
    p.toml:1:1: `image.name` is missing [missing in here]
      hint: write `name = "k0s-worker"`
    p.toml:2:8: `image.arch` is empty
      hint: write `arch = ["amd64"]`
    "#);
}

#[test]
fn what_may_be_in_an_unreadable_file_is_not_missed() {
    let files = [("p.toml", "schema = 1\nextends = ['broken.toml']\n"), ("broken.toml", "[image\nname = ")];
    insta::assert_snapshot!(findings(&files), @r#"
    broken.toml:1:7: no valid TOML: unclosed table, expected `]`
    "#);
}

#[test]
fn a_circle_is_shown_whole() {
    let files = [
        ("profiles/a.toml", "schema = 1\nextends = ['b.toml']\n"),
        ("profiles/b.toml", "schema = 1\nextends = ['sub/c.toml']\n"),
        ("profiles/sub/c.toml", "schema = 1\n\nextends = ['../b.toml']\n"),
    ];
    insta::assert_snapshot!(findings(&files), @r#"
    profiles/sub/c.toml:3:12: `extends` goes round in a circle: `profiles/b.toml` → `profiles/sub/c.toml` → `profiles/b.toml` [closes the circle]
      note: `profiles/b.toml` extends `profiles/sub/c.toml` profiles/b.toml:2:12
      hint: take one of them out, or move what they share to a profile of its own
    "#);
    insta::assert_snapshot!(findings(&[("a.toml", "schema = 1\nextends = ['a.toml']\n")]), @r#"
    a.toml:2:12: `extends` goes round in a circle: `a.toml` → `a.toml` [closes the circle]
      hint: take one of them out, or move what they share to a profile of its own
    "#);
}

#[test]
fn a_chain_that_is_too_long_is_cut() {
    let names: Vec<_> = (0..100).map(|i| format!("p{i}.toml")).collect();
    let texts: Vec<_> = (1..101).map(|i| format!("schema = 1\nextends = ['p{i}.toml']\n")).collect();
    let files: Vec<_> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    insta::assert_snapshot!(findings(&files), @r#"
    p31.toml:2:12: profiles extend each other more than 32 deep [one too many]
      hint: extend the profiles at the end of the chain directly
    "#);
}

#[test]
fn a_key_in_the_wrong_table_is_sent_where_it_belongs() {
    insta::assert_snapshot!(with("[packages]\ninculde = []\nenable = []\nwhatever = 1"), @r#"
    p.toml:8:1: unknown key `inculde` in `packages`
      hint: did you mean `include`?
    p.toml:9:1: unknown key `enable` in `packages`
      hint: did you mean `init.enable`?
    p.toml:10:1: unknown key `whatever` in `packages`
      hint: known here: `include`, `essential`, `dependencies`, `recommends`, `drop`, `prefer`, `database` and `caches`
    "#);
}

#[test]
fn a_database_of_packages_is_named_by_its_form() {
    use crate::Database;
    let database = |word: &str| {
        let text = format!("{LEAST}packages.database = '{word}'\n");
        loaded(&[("p.toml", &text)]).unwrap().packages.database.map(|database| database.value)
    };
    assert_eq!(database("dpkg"), Some(Database::Dpkg));
    assert_eq!(database("status.d"), Some(Database::StatusD));
    assert_eq!(database("none"), Some(Database::None));
    insta::assert_snapshot!(with("packages.database = 'rpm'"), @r#"
    p.toml:7:21: `rpm` is not a database of packages
      hint: there are `dpkg`, `status.d` and `none`
    "#);
}

#[test]
fn caches_are_for_never_or_for_the_first_boot() {
    use crate::Caches;
    let caches = |line: &str| {
        let text = format!("{LEAST}{line}\n");
        loaded(&[("p.toml", &text)]).unwrap().packages.caches.map(|caches| caches.value)
    };
    assert_eq!(caches(""), None);
    assert_eq!(caches("packages.caches = 'left-out'"), Some(Caches::LeftOut));
    assert_eq!(caches("packages.caches = 'first-boot'"), Some(Caches::FirstBoot));
    insta::assert_snapshot!(with("packages.caches = 'now'"), @r#"
    p.toml:7:19: `now` is not a time for caches to be made
      hint: there are `left-out` and `first-boot`
    "#);
}

#[test]
fn what_the_design_promises_and_we_cannot_yet_is_said_so() {
    let text = "
        schema = 1
        image = { name = 'p', arch = ['amd64'] }
        distribution = { id = 'alpine', suite = 'v3', pockets = ['backports'] }
        packages = { recommends = true }
        kernel = { package = 'linux' }
        init = { system = 'openrc' }
        payload = [{ name = 'k0s', source = { url = 'http://mirror.invalid/k0s' }, install = '/k0s' }]
        scripts = { dash = 'ignore' }
        output = [
            { kind = 'ext4' },
            { kind = 'disk', table = 'gpt', boot = 'uki', format = ['raw'], partitions = [
                { type = 'home', size = '1GiB' }, { type = 'root', filesystem = 'btrfs', size = 'minimal' } ] },
            { kind = 'tar', compress = 'zstd' },
        ]
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n"))]), @r#"
    p.toml:4:23: distribution `alpine` is not supported yet
      hint: supported today: `debian`
    p.toml:4:58: pocket `backports` is not supported yet
      hint: supported today: `updates` and `security`
    p.toml:5:27: following recommendations is not supported yet
      hint: name those you want in `include`, and leave `recommends` out
    p.toml:8:37: `payload.source.sha256` is missing [missing in here]
      hint: write `sha256 = "what sha256sum prints of it"`
    p.toml:9:20: `scripts.dash` must be a table with a reason, not a string [a string]
      hint: write `dash = { ignore = "why its scripts are not needed" }`
    p.toml:11:10: output `ext4` is not supported yet
      hint: supported today: `disk`, `tar`, `squashfs`, `erofs`, `cpio` and `oci`
    p.toml:13:10: partition `home` is not supported yet
      hint: supported today: `boot`, `esp`, `firmware`, `bios-boot`, `root`, `data`, `swap` and `state`
    p.toml:13:65: root file system `btrfs` is not supported yet
      hint: supported today: `ext4`, `squashfs` and `erofs`
    p.toml:14:17: `output.compress` is not supported yet
      hint: a `tar` and the layer of an `oci` are always compressed with zstd; a disk's `format` says it: `raw.zst`, `qcow2-zstd`
    "#);
}

#[test]
fn values_that_make_no_sense() {
    let text = "
        schema = 2
        image = { name = 'p', arch = ['amd46'] }
        distribution = { id = 'debain', suite = 'trixie', mirror = 'ftp://mirror.invalid' }
        init = { system = 'systemd' }
        cgroups = { controllers = ['cpus', 'gpu'] }
        hosts = { 'localhost' = ['127.0.0.1'], '::1' = ['local_host'], '0::1' = [] }
        kernel = { package = 'Linux', cmdline = ['root=/dev/vda2', 'quiet splash'], modules = ['a/b.ko'] }
        payload = [{ name = 'k0s', source = { path = 'k0s', sha256 = '12' }, install = 'bin/k0s', mode = 755 }]
        preflight = { sets = ['boot@'], accept = [{ check = 'cgroup.hugetlb' }, { check = 'x', reason = ' ' }] }
        packages.prefer = { '/usr/bin/awk' = 'GAWK' }
        extends = 'base.toml'
        output = [{ kind = 'tar', table = 'gpt' }]
    ";
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    insta::assert_snapshot!(findings(&[("p.toml", &lines.join("\n")), ("k0s", "")]), @r#"
    p.toml:2:10: schema 2 is not known
      hint: write `schema = 1`; a higher number needs a newer version of rootsmith
    p.toml:3:31: `amd46` is not an architecture
      hint: did you mean `amd64`?
    p.toml:4:23: `debain` is not a distribution
      hint: did you mean `debian`?
    p.toml:4:60: `ftp://mirror.invalid` is not the address of a mirror
      hint: write it as `http://ftp.debian.org/debian`
    p.toml:6:28: `cpus` is not a cgroup controller
      hint: did you mean `cpu`?
    p.toml:6:36: `gpu` is not a cgroup controller
      hint: did you mean `cpu`?
    p.toml:7:11: `localhost` is not an IP address
      hint: write it as `127.0.0.1` or `"::1"`
    p.toml:7:49: `local_host` is not a host name
      hint: use letters, digits and `-`, in parts of at most 63 with `.` between them
    p.toml:7:64: there is a second line for `::1` [the second]
      note: the first is p.toml:7:40
      hint: take one of them out
    p.toml:8:22: `Linux` is not a package name
      hint: use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`
    p.toml:8:42: `root=/dev/vda2` in the kernel command line
      hint: take it out: the build adds `root=` with the identifier of the partition it makes
    p.toml:8:60: `quiet splash` is not one word of a command line
      hint: write each word on its own: `["quiet", "panic=10"]`
    p.toml:8:88: `a/b.ko` is not the name of a kernel module
      hint: write it without path and suffix: `br_netfilter`
    p.toml:9:62: `12` is not a SHA-256 digest
      hint: write the 64 hexadecimal digits that `sha256sum` prints
    p.toml:9:80: `bin/k0s` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:9:98: `payload.mode` must be a string, not a number [a number]
      hint: write `mode = "755"`
    p.toml:10:23: `boot@` is not the name of a requirement set
      hint: write it as `boot` or `k0s-worker@1.36`, or name a file that ends in `.toml`
    p.toml:10:97: ` ` is not a line of text
      hint: write some words
    p.toml:11:38: `GAWK` is not a package name
      hint: use lower-case letters, digits, `+`, `-` and `.`, as `openssh-server`
    p.toml:12:11: `extends` must be an array of strings, not a string [a string]
      hint: write `extends = ["base.toml"]`
    p.toml:13:27: unknown key `table` in an output of kind `tar`
      hint: known here: `kind`
    "#);
}

#[test]
fn formats_of_one_name() {
    let text = LEAST.replace(
        "{ kind = \"tar\" }",
        "{ kind = 'disk', table = 'gpt', boot = 'uki', format = ['raw', 'vhd', 'raw.zst', 'raw', 'vhd-fixed', 'qcow'],
         partitions = [{ type = 'esp', size = '64MiB' }, { type = 'root', size = 'minimal' }] }",
    );
    let text = format!("{text}\nkernel = {{ package = 'linux' }}\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text)]), @"
    p.toml:6:99: there is a second format whose file ends with `.vhd`: both files would have the same name [the second]
      note: the first is p.toml:6:74
      hint: take one of them out
    p.toml:6:112: `qcow` is not a disk format
      hint: did you mean `qcow2`?
    ");
}

#[test]
fn what_a_read_only_file_system_cannot_do_as_a_root() {
    let root = |keys: &str| {
        let disk = format!(
            "{{ kind = 'disk', table = 'gpt', boot = 'uki', partitions = [{{ type = 'esp', size = '64MiB' }},\n{{ type = 'root', {keys} }}] }}"
        );
        findings(&[(
            "p.toml",
            &format!("{}\nkernel = {{ package = 'linux' }}\n", LEAST.replace("{ kind = \"tar\" }", &disk)),
        )])
    };
    insta::assert_snapshot!(root("filesystem = 'squashfs', size = 'minimal', free = '1MiB', grow = true"), @"
    p.toml:7:61: unknown key `free` in a root that is squashfs
      hint: known here: `type`, `filesystem`, `size`, `writable`, `verity` and `slots`
    p.toml:7:76: unknown key `grow` in a root that is squashfs
      hint: known here: `type`, `filesystem`, `size`, `writable`, `verity` and `slots`
    ");
    insta::assert_snapshot!(root("filesystem = 'erofs', size = 'minimal', grow = true"), @"
    p.toml:7:58: unknown key `grow` in a root that is erofs
      hint: known here: `type`, `filesystem`, `size`, `writable`, `verity` and `slots`
    ");
    insta::assert_snapshot!(root("filesystem = 'squashfs', size = 'minimal', writable = 'persistent'"), @"
    p.toml:7:72: `persistent` is not how a read-only root is written to
      hint: there are `volatile` and `state`
    ");
    insta::assert_snapshot!(root("size = 'minimal', writable = 'volatile', verity = true"), @"
    p.toml:7:36: unknown key `writable` in a root that is ext4
      hint: known here: `type`, `filesystem`, `size`, `free` and `grow`
    p.toml:7:59: unknown key `verity` in a root that is ext4
      hint: known here: `type`, `filesystem`, `size`, `free` and `grow`
    ");
}

#[test]
fn a_second_slot_needs_a_version_a_source_and_who_tries_it() {
    let disk = |keys: &str, disk: &str, version: &str, tables: &str| {
        let disk = format!(
            "{{ kind = 'disk', {disk}, partitions = [{{ type = 'esp', size = '64MiB' }},\n{{ type = 'root', filesystem = 'squashfs', {keys} }}] }}"
        );
        let text = LEAST.replace("{ kind = \"tar\" }", &disk).replace("\"least\",", &format!("\"least\",{version}"));
        findings(&[("p.toml", &format!("{text}\nkernel = {{ package = 'linux' }}\n{tables}"))])
    };
    let good = "table = 'gpt', boot = ['systemd-boot', 'uki']";
    let (version, update) = (" version = '1',", "update = { source = '/var/lib/update' }\n");
    assert_eq!(disk("size = '64MiB', slots = 2", good, version, update), "nothing");
    insta::assert_snapshot!(disk("size = 'minimal', slots = 2", "table = 'mbr', boot = 'uki'", "", ""), @r#"
    p.toml:7:69: the partitions of `slots` are found by what only a `gpt` says of them
      note: the table is asked for p.toml:6:36
      hint: write `table = "gpt"`
    p.toml:7:69: nothing on the disk takes the newer of two slots, and counts its tries
      hint: write `boot = ["systemd-boot", "uki"]`
    p.toml:7:69: a partition of `minimal` size has no room for the next version
      note: the size is asked for p.toml:7:50
      hint: write a size with room for later versions: `size = "512MiB"`
    p.toml:7:69: nobody says where what comes into the second slot is from
      hint: write `[update]` and below it `source = "https://…"`, or a folder of the machine: `"/var/lib/update"`
    p.toml:7:69: the two slots are told apart by a version, which the image has not
      hint: write `version = "1"` in `[image]`, and a higher one for the next image
    "#);
    insta::assert_snapshot!(disk("size = '64MiB', slots = 3", good, version, "update = { source = 'updates' }\n"), @"
    p.toml:7:67: `3` is not a number of slots
      hint: write `2`
    p.toml:10:21: `updates` is not a source of updates
      hint: write a folder's address or path: `https://example.org/updates`, `/var/lib/update`
    ");
    insta::assert_snapshot!(disk("size = '64MiB'", good, " version = '1 2',", "update = { source = 'http://a' }\n"), @"
    p.toml:3:37: `1 2` is not a version
      hint: use at most 32 letters, digits, `.` and `-`, a letter or digit first: `1.2`
    p.toml:10:10: there is no second slot that an update could come into
      hint: write `slots = 2` for the root of the disk, or leave `[update]` out
    ");
}

#[test]
fn the_hash_of_a_root_lies_where_it_can_be_signed() {
    let disk = |table: &str, boot: &str| {
        let disk = format!(
            "{{ kind = 'disk', table = '{table}', boot = {boot}, partitions = [{{ type = 'boot', size = '64MiB' }},\n{{ type = 'root', filesystem = 'squashfs', size = 'minimal', verity = true }}] }}"
        );
        findings(&[(
            "p.toml",
            &format!("{}\nkernel = {{ package = 'linux' }}\n", LEAST.replace("{ kind = \"tar\" }", &disk)),
        )])
    };
    assert_eq!(disk("gpt", "['systemd-boot', 'uki']"), "nothing");
    insta::assert_snapshot!(disk("mbr", "['uki', 'extlinux']"), @"
    p.toml:7:70: the partitions of `verity` are found by what only a `gpt` says of them
      note: the table is asked for p.toml:6:36
      hint: write `table = \"gpt\"`
    p.toml:7:70: `extlinux` would read the root hash of `verity` from a file that anybody can change
      note: it is asked for p.toml:6:58
      hint: write `boot = \"uki\"` or `boot = [\"systemd-boot\", \"uki\"]`, whose image has it inside, or leave `verity` out
    ");
}

#[test]
fn state_is_kept_by_a_root_and_a_partition_in_a_table_with_names() {
    let disk = |table: &str, boot: &str, partitions: &str| {
        let disk = format!(
            "{{ kind = 'disk', table = '{table}', boot = '{boot}', partitions = [{{ type = 'boot', size = '64MiB' }},\n{partitions} ] }}"
        );
        let text = LEAST.replace("{ kind = \"tar\" }", &disk);
        findings(&[("p.toml", &format!("{text}\nkernel = {{ package = 'linux' }}\n"))])
    };
    let root = "{ type = 'root', filesystem = 'squashfs', size = 'minimal', writable = 'state' }";
    let state = "{ type = 'state', size = '64MiB', grow = true }";
    insta::assert_snapshot!(disk("gpt", "uki", root), @r#"
    p.toml:7:72: the disk has no `state` partition to keep what is written
      hint: add `{ type = "state", size = "64MiB", grow = true }` to `partitions`
    "#);
    insta::assert_snapshot!(disk("gpt", "uki", &format!("{{ type = 'root', size = 'minimal' }},\n{state}")), @r#"
    p.toml:8:10: nothing writes to the `state` partition
      hint: write `writable = "state"` in a root that cannot be written itself, or take it out
    "#);
    insta::assert_snapshot!(disk("mbr", "extlinux", &format!("{root},\n{state}")), @r#"
    p.toml:7:72: a `state` partition is found by its name, and an `mbr` has none
      hint: write `table = "gpt"`, or `writable = "volatile"`
    "#);
    assert_eq!(disk("gpt", "uki", &format!("{root},\n{state}")), "nothing");
}

#[test]
fn partitions_that_cannot_lie_beside_the_root() {
    let disk = |partitions: &str| {
        let disk = format!(
            "{{ kind = 'disk', table = 'gpt', boot = 'uki', partitions = [{{ type = 'esp', size = '64MiB' }}, {{ type = 'root', size = 'minimal' }},\n{partitions} ] }}"
        );
        let rest = "kernel = { package = 'linux' }\nmount = [{ source = 'tmpfs', target = '/srv', type = 'tmpfs' }]\n";
        findings(&[("p.toml", &format!("{}\n{rest}", LEAST.replace("{ kind = \"tar\" }", &disk)))])
    };
    insta::assert_snapshot!(disk("{ type = 'data', size = '1GiB', mount = '/usr' },
{ type = 'data', size = '1GiB', mount = 'var', label = 'a b' },
{ type = 'data', size = '1GiB', filesystem = 'luks', writable = 'volatile' },
{ type = 'data', size = '1GiB', mount = '/home', encrypt = true, filesystem = 'xfs' }"), @r#"
    p.toml:7:41: `/usr` is not a folder that can be on a partition of its own
      hint: what starts the system stays on the root; take `/var`, `/home`, `/srv`, `/opt` or a folder of your own
    p.toml:8:41: `var` is not a path in the image
      hint: write it in full, from `/`, without `..`: `/usr/share/doc`
    p.toml:8:56: `a b` is not the label of a partition
      hint: use up to 16 letters, digits, `-`, `_` and `.`: `data`
    p.toml:9:1: `output.partitions.mount` is missing [missing in here]
      hint: write `mount = "/var"`
    p.toml:9:46: the file system `luks` is not supported yet
      hint: LUKS waits for a plan of where the passphrase comes from: encrypt on the running machine, or keep secrets out of the image
    p.toml:9:54: unknown key `writable` in a `data` partition
      hint: known here: `type`, `filesystem`, `mount`, `label`, `size`, `free` and `grow`
    p.toml:10:50: `output.partitions.encrypt` is not supported yet
      hint: LUKS waits for a plan of where the passphrase comes from: encrypt on the running machine, or keep secrets out of the image
    p.toml:10:79: file system `xfs` is not supported yet
      hint: supported today: `ext4`
    "#);
    insta::assert_snapshot!(disk("{ type = 'data', size = '1GiB', mount = '/var', grow = true },
{ type = 'data', size = '1GiB', mount = '/var/', label = 'var' },
{ type = 'data', size = '1GiB', mount = '/srv', label = 'var' },
{ type = 'data', size = '1GiB', mount = '/opt' }"), @"
    p.toml:7:1: only the last partition can grow [cannot grow]
      note: the partition behind it is p.toml:8:1
      hint: move it to the end of `partitions`, or leave `grow` out
    p.toml:8:41: there is a second mount at `/var` [the second]
      note: the first is p.toml:7:41
      hint: take one of them out
    p.toml:9:57: there is a second partition called `var`: `label` gives each a name of its own [the second]
      note: the first is p.toml:8:58
      hint: take one of them out
    p.toml:10:1: there is a second partition called `data`: `label` gives each a name of its own [the second]
      note: the first is p.toml:7:1
      hint: take one of them out
    p.toml:13:39: there is a second mount at `/srv` [the second]
      note: the first is p.toml:9:41
      hint: take one of them out
    ");
}

#[test]
fn disks_that_could_not_boot_or_grow() {
    let disk = |partitions: &str| {
        let text = LEAST.replace(
            "{ kind = \"tar\" }",
            &format!("\n{{ kind = 'disk', table = 'gpt', boot = 'uki', partitions = [\n{partitions}\n] }}"),
        );
        findings(&[("p.toml", &text)])
    };
    insta::assert_snapshot!(disk("{ type = 'root', size = '1GiB', free = '1MiB', grow = true },\n{ type = 'root', size = 'minimal' }"), @r#"
    p.toml:7:1: the disk has no `esp` partition to boot from [this disk]
      hint: add `{ type = "esp", size = "64MiB" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    p.toml:8:1: only the last partition can grow [cannot grow]
      note: the partition behind it is p.toml:9:1
      hint: move it to the end of `partitions`, or leave `grow` out
    p.toml:8:40: `free` means nothing in a partition of fixed size (1.00 GiB)
      hint: write `size = "minimal"`, or leave `free` out
    p.toml:9:10: there is a second `root` partition on the disk [the second]
      note: the first is p.toml:8:10
      hint: take one of them out
    "#);
    insta::assert_snapshot!(disk("{ type = 'esp', size = '64M' }"), @r#"
    p.toml:8:24: `64M` is not the size of a partition
      hint: write `minimal`, or a whole number and a unit out of KiB, MiB, GiB, TiB: `64MiB`
    "#);
    insta::assert_snapshot!(disk("{ type = 'esp', size = '64MiB' }"), @r#"
    p.toml:7:1: the disk has no root partition [this disk]
      hint: add `{ type = "root", filesystem = "ext4", size = "minimal" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    "#);
    insta::assert_snapshot!(disk(""), @r#"
    p.toml:7:1: the disk has no root partition [this disk]
      hint: add `{ type = "root", filesystem = "ext4", size = "minimal" }` to `partitions`
    p.toml:7:1: the disk has no `esp` partition to boot from [this disk]
      hint: add `{ type = "esp", size = "64MiB" }` to `partitions`
    p.toml:7:40: the disk is to boot, but the profile has no kernel [needs a kernel]
      hint: add `[kernel]` with a `package`, or make a `tar` instead of a `disk`
    p.toml:7:60: `output.partitions` is empty
      hint: write `partitions = [{ type = "root", size = "minimal" }]`
    "#);
}

#[test]
fn two_of_a_kind_are_refused_wherever_they_come_from() {
    let payload = "{ name = 'k0s', source = { path = 'k0s' }, install = '/k0s' }";
    let base = format!("{LEAST}payload = [{payload}]\n");
    let text = format!("schema = 1\nextends = ['base.toml']\noutput = [{{ kind = 'tar' }}]\npayload = [{payload}]\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("base.toml", &base), ("k0s", "")]), @r#"
    p.toml:3:11: there is a second output of kind `tar`: their files would have the same name [the second]
      note: the first is base.toml:6:11
      hint: take one of them out
    p.toml:4:21: there is a second payload called `k0s` [the second]
      note: the first is base.toml:7:21
      hint: take one of them out
    p.toml:4:65: there is a second payload at `/k0s` [the second]
      note: the first is base.toml:7:65
      hint: take one of them out
    "#);
}

#[test]
fn an_array_in_one_file_and_none_in_the_other_is_refused() {
    let base = format!("{LEAST}[packages]\ninclude = ['one']\n");
    let files = [("p.toml", "schema = 1\nextends = ['base.toml']\npackages.include = 'two'\n"), ("base.toml", &base)];
    insta::assert_snapshot!(findings(&files), @r#"
    p.toml:3:20: `include` is a string here and an array in what it extends [a string]
      note: an array is written base.toml:8:11
      hint: make both the same; `{ replace = […] }` replaces an array
    "#);
}

#[test]
fn files_that_cannot_be_had() {
    insta::assert_snapshot!(findings_without_entry(), @r#"
    profile `profiles/gone.toml` was not found; hint: give the path of a profile, as `profiles/k0s-worker.toml`
    "#);
    let text = LEAST.replace("suite =", "signed-by = 'archive.asc', suite =");
    insta::assert_snapshot!(findings(&[("profiles/boards/p.toml", &text)]), @r#"
    profiles/boards/p.toml:4:45: keyring `archive.asc` was not found [named here]
      note: looked for `profiles/boards/archive.asc` and `profiles/archive.asc` -
      hint: correct the path; it starts at the folder of the file that says it, or at `profiles/`
    "#);
    insta::assert_snapshot!(with("payload = [{ name = 'k0s', source = { path = 'payloads/k0s' }, install = '/k0s' }]"), @r#"
    p.toml:7:46: payload `payloads/k0s` was not found [named here]
      hint: put it at `payloads/k0s`, or correct the path
    "#);
    let text = format!("{LEAST}overlay = [{{ source = 'motd' }}]\n");
    insta::assert_snapshot!(findings(&[("p.toml", &text), ("motd", "")]), @r#"
    p.toml:7:23: overlay `motd` is not a folder [named here]
      hint: name a folder whose content mirrors the image
    "#);
    let bytes = Files(BTreeMap::from([(PathBuf::from("p.toml"), b"schema = 1\n# caf\xe9\n".to_vec())]));
    let errors = load(Path::new("p.toml"), &bytes).unwrap_err();
    assert_eq!(errors.to_string(), "the file is not UTF-8 text");
    let origin = errors.errors[0].origin().unwrap();
    assert_eq!(place(&errors.files, origin), "p.toml:2:6");
}

fn findings_without_entry() -> String {
    let errors = load(Path::new("profiles/gone.toml"), &Files::new(&[])).unwrap_err();
    format!("{errors}; hint: {}", errors.errors[0].help().unwrap())
}

/// Every way to spoil one token of a whole profile ends in a profile or in findings that have a place, never in a panic.
#[test]
fn no_spoilt_profile_panics() {
    let text = include_str!("../../../../profiles/k0s-worker.toml");
    let base = include_str!("../../../../profiles/base/debian-systemd.toml");
    let others =
        [("profiles/base/debian-systemd.toml", base), ("profiles/kernel/k0s.config", ""), ("overlays/k0s/a", "")];
    let fragment = ("profiles/kernel/virtio.config", "");
    for (at, token) in text.match_indices(['"', '=', '[', ']', '{', '}', ',', '\n']) {
        for spoilt in ["", "7", "\"x\"", "[]", "{}", "\u{e9}", "\n[x]\n"] {
            let text = format!("{}{spoilt}{}", &text[..at], &text[at + token.len()..]);
            let mut files = vec![("profiles/k0s-worker.toml", text.as_str()), fragment];
            files.extend(others);
            if let Err(errors) = loaded(&files) {
                assert!(!errors.errors.is_empty());
                for error in &errors.errors {
                    let origin = error.origin().expect("every finding in a readable profile has a place");
                    let (_, text) =
                        errors.files.iter().find(|(name, _)| *name == origin.file).expect("of a file we read");
                    assert!(text.get(origin.span()).is_some(), "{error} at {:?}", origin.span());
                }
            }
        }
    }
}

#[test]
fn hostile_text_is_refused_in_few_words() {
    for text in ["[".repeat(100_000), "a = ".to_owned() + &"[".repeat(100_000), "a.".repeat(50_000) + "b = 1"] {
        assert!(loaded(&[("p.toml", &text)]).is_err());
    }
    let long = "x".repeat(100_000);
    let text = format!("{LEAST}{long} = 1\npackages = {{ include = ['{}'] }}\n", long.to_uppercase());
    let errors = loaded(&[("p.toml", &text)]).unwrap_err();
    assert!(errors.errors.iter().all(|error| error.to_string().len() < 300), "{errors}");
}
