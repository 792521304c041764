//! What is said of programs, libraries and scripts.

use rootsmith_types::TreePath;

use super::elf_file::{ElfFile, PLAIN};
use super::*;

const MUSL: &str = "/lib/ld-musl-x86_64.so.1";
const LIB: &str = "/usr/lib/x86_64-linux-gnu";

fn judged(image: &Image, check: &str) -> (Verdict, Vec<String>) {
    let set = sets().iter().find(|set| set.name == "payload").unwrap();
    let finding = image.judged_by(set).findings.into_iter().find(|finding| finding.check == check).unwrap();
    (finding.verdict, finding.evidence)
}

/// The image with a program of the author's.
fn with_agent(agent: &[u8]) -> Image {
    let mut image = good();
    image.put("/usr/local/bin/agent", 0o755, agent);
    image
}

fn owned(image: &mut Image, package: &str, files: &str) {
    image.put(&format!("/var/lib/dpkg/info/{package}.list"), 0o644, files);
}

/// An image whose C library is musl, as Alpine's is.
pub(super) fn alpine() -> Image {
    let mut image = good();
    image.remove("/usr/lib64/ld-linux-x86-64.so.2");
    image.remove("/usr/lib");
    let mut musl = ElfFile { soname: "libc.musl-x86_64.so.1", defined: &["malloc"], ..PLAIN }.bytes();
    musl.extend_from_slice(b"\0musl libc\0\x001.2.5\0");
    image.put(MUSL, 0o755, musl);
    image.put("/lib/apk/db/installed", 0o644, "P:musl\nF:lib\nR:ld-musl-x86_64.so.1\n\n");
    // Whatever the good image has of programs, now built for musl.
    for folder in ["/usr/bin", "/usr/sbin"] {
        let folder = TreePath::literal(folder);
        let names: Vec<_> = image.tree.children(&folder).filter_map(|name| folder.join(name).ok()).collect();
        for path in names {
            if image.tree.get(&path).is_some_and(|node| node.content().is_some()) {
                image.put(&path.to_string(), 0o755, program(AMD64, MUSL, &["libc.musl-x86_64.so.1"]));
            }
        }
    }
    image
}

#[test]
fn a_program_for_glibc_meets_musl() {
    let mut image = alpine();
    assert_eq!(judged(&image, "payload.interpreter").0, Verdict::Pass);
    image.put("/usr/local/bin/agent", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    let (verdict, evidence) = judged(&image, "payload.interpreter");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        evidence,
        ["`/usr/local/bin/agent` needs glibc (`/lib64/ld-linux-x86-64.so.2`), this image has musl 1.2.5 \
          (`/lib/ld-musl-x86_64.so.1`, from package musl)"]
    );
    // A stand-in for glibc's loader takes it, and musl is its libc.so.6.
    image.put("/usr/lib64/ld-linux-x86-64.so.2", 0o755, program(AMD64, "", &["libc.musl-x86_64.so.1"]));
    assert_eq!(judged(&image, "payload.interpreter").0, Verdict::Pass);
    assert_eq!(judged(&image, "payload.libraries").0, Verdict::Pass);
}

#[test]
fn a_program_for_musl_meets_glibc() {
    let (verdict, evidence) = judged(&with_agent(&program(AMD64, MUSL, &[])), "payload.interpreter");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        evidence,
        ["`/usr/local/bin/agent` needs musl (`/lib/ld-musl-x86_64.so.1`), this image has glibc \
          (`/lib64/ld-linux-x86-64.so.2`)"]
    );
}

#[test]
fn a_program_of_a_newer_release_is_told_what_is_there() {
    let requires = &[("libc.so.6", "GLIBC_2.38"), ("libc.so.6", "GLIBC_2.2.5")];
    let mut image = with_agent(&ElfFile { requires, ..MOUNT }.bytes());
    owned(&mut image, "libc6", &format!("{LIB}/libc.so.6\n"));
    let (verdict, evidence) = judged(&image, "payload.symbol-versions");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        evidence,
        [format!(
            "`/usr/local/bin/agent` needs `GLIBC_2.38` of `libc.so.6`, this image has up to `GLIBC_2.36` \
             (`{LIB}/libc.so.6`, from package libc6)"
        )]
    );
    // It can do without.
    let weak = ElfFile { requires, weak: true, ..MOUNT }.bytes();
    assert_eq!(judged(&with_agent(&weak), "payload.symbol-versions").0, Verdict::Pass);
}

#[test]
fn a_library_without_versions_is_compared_by_its_symbols() {
    let runc = ElfFile {
        needed: &["libseccomp.so.2", "libc.so.6"],
        undefined: &["malloc", "seccomp_init", "seccomp_notify_respond"],
        ..MOUNT
    };
    let mut image = with_agent(&runc.bytes());
    image.put(&format!("{LIB}/libseccomp.so.2"), 0o644, ElfFile { defined: &["seccomp_init"], ..PLAIN }.bytes());
    let (verdict, evidence) = judged(&image, "payload.symbol-versions");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        evidence,
        ["`/usr/local/bin/agent` needs `seccomp_notify_respond`, which none of its libraries has (`libseccomp.so.2`, \
          `libc.so.6`)"]
    );
}

#[test]
fn one_missing_library_is_said_once() {
    let mut image = good();
    image.put(&format!("{LIB}/libmount.so.1"), 0o644, ElfFile { needed: &["libblkid.so.1"], ..LIBMOUNT }.bytes());
    owned(&mut image, "libmount1", &format!("{LIB}/libmount.so.1\n"));
    let (verdict, evidence) = judged(&image, "payload.libraries");
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        evidence,
        [format!(
            "`{LIB}/libmount.so.1` needs the library `libblkid.so.1`, which is not there; it is loaded with \
             `/usr/bin/mount` and 2 more; it is from package libmount1"
        )]
    );
    assert_eq!(
        image.finding("exec.mount").evidence[0],
        format!(
            "`{LIB}/libmount.so.1` needs the library `libblkid.so.1`, which is not there; `/usr/bin/mount` loads it"
        )
    );
}

#[test]
fn paths_in_programs_are_followed_as_their_loader_does() {
    let library = ElfFile { soname: "libown.so.1", ..PLAIN };
    let ours = ElfFile { needed: &["libown.so.1"], undefined: &[], requires: &[], ..MOUNT };
    let verdict = |agent: ElfFile<'_>, at: &str| {
        let mut image = with_agent(&agent.bytes());
        image.put(at, 0o644, library.bytes());
        judged(&image, "payload.libraries").0
    };
    let beside = "/usr/local/lib/agent/libown.so.1";
    assert_eq!(verdict(ours, beside), Verdict::Fail);
    assert_eq!(verdict(ElfFile { runpath: "$ORIGIN/../lib/agent", ..ours }, beside), Verdict::Pass);
    assert_eq!(verdict(ElfFile { rpath: "/nowhere:${ORIGIN}/../lib/agent", ..ours }, beside), Verdict::Pass);
    assert_eq!(
        verdict(ElfFile { runpath: "/usr/$LIB/agent", ..ours }, &format!("{LIB}/agent/libown.so.1")),
        Verdict::Pass
    );
    // A RUNPATH hides the RPATH.
    let both = ElfFile { rpath: "$ORIGIN/../lib/agent", runpath: "/nowhere", ..ours };
    assert_eq!(verdict(both, beside), Verdict::Fail);
}

#[test]
fn only_rpath_is_inherited_with_glibc_and_both_with_musl() {
    let near = "/usr/local/lib/agent";
    let build = |mut image: Image, agent: ElfFile<'_>| {
        let agent = ElfFile { needed: &["libone.so.1"], undefined: &[], requires: &[], ..agent };
        image.put("/usr/local/bin/agent", 0o755, agent.bytes());
        image.put(&format!("{near}/libone.so.1"), 0o644, ElfFile { needed: &["libtwo.so.1"], ..PLAIN }.bytes());
        image.put(&format!("{near}/libtwo.so.1"), 0o644, PLAIN.bytes());
        judged(&image, "payload.libraries").0
    };
    assert_eq!(build(good(), ElfFile { rpath: near, ..MOUNT }), Verdict::Pass);
    assert_eq!(build(good(), ElfFile { runpath: near, ..MOUNT }), Verdict::Fail);
    let musl = ElfFile { interpreter: MUSL, ..MOUNT };
    assert_eq!(build(alpine(), ElfFile { rpath: near, ..musl }), Verdict::Pass);
    assert_eq!(build(alpine(), ElfFile { runpath: near, ..musl }), Verdict::Pass);
    assert_eq!(build(alpine(), musl), Verdict::Fail);
}

#[test]
fn musl_looks_where_its_path_file_says() {
    let agent = ElfFile { interpreter: MUSL, needed: &["libown.so.1"], undefined: &[], requires: &[], ..PLAIN };
    let mut image = alpine();
    image.put("/usr/local/bin/agent", 0o755, agent.bytes());
    image.put("/opt/lib/libown.so.1", 0o644, PLAIN.bytes());
    assert_eq!(judged(&image, "payload.libraries").0, Verdict::Fail);
    image.put("/etc/ld-musl-x86_64.path", 0o644, "/lib\n/opt/lib\n");
    assert_eq!(judged(&image, "payload.libraries").0, Verdict::Pass);
    image.put("/opt/lib/libown.so.1", 0o644, ElfFile { undefined: &["gnu_get_libc_version"], ..PLAIN }.bytes());
    assert_eq!(judged(&image, "payload.symbol-versions").0, Verdict::Fail);
}

#[test]
fn what_only_ldconfig_reads_does_not_help_the_loader() {
    let agent = ElfFile { needed: &["libown.so.1"], undefined: &[], requires: &[], ..MOUNT };
    let mut image = with_agent(&agent.bytes());
    image.put("/usr/local/lib/libown.so.1", 0o644, PLAIN.bytes());
    image.put("/etc/ld.so.conf", 0o644, "include /etc/ld.so.conf.d/*.conf\n");
    image.put("/etc/ld.so.conf.d/local.conf", 0o644, "/usr/local/lib\n");
    let start = "`/usr/local/bin/agent` needs the library `libown.so.1`, which its loader does not find in \
                 `/usr/local/lib/libown.so.1`";
    let expected = format!("{start}: there is no `/etc/ld.so.cache`, and it does not read `/etc/ld.so.conf` itself");
    assert_eq!(judged(&image, "payload.libraries"), (Verdict::Fail, vec![expected]));

    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.resize(48, 0);
    image.put("/etc/ld.so.cache", 0o644, &cache);
    let expected = format!("{start}: `/etc/ld.so.cache` is older than `/etc/ld.so.conf`");
    assert_eq!(judged(&image, "payload.libraries"), (Verdict::Fail, vec![expected]));

    cache[20] = 1;
    for number in [3u32, 72, 84, 0, 0, 0] {
        cache.extend(number.to_le_bytes());
    }
    cache.extend(b"libown.so.1\0/usr/local/lib/libown.so.1\0");
    image.put("/etc/ld.so.cache", 0o644, &cache);
    assert_eq!(judged(&image, "payload.libraries").0, Verdict::Pass);
}

#[test]
fn a_guest_of_another_width_runs_with_its_own_libraries() {
    // A 32-bit file is written by hand: an ELF header, no program headers.
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0, 3, 0]);
    file.resize(52, 0);
    assert_eq!(judged(&with_agent(&file), "payload.machine").0, Verdict::Pass);
    file[18] = 8;
    let (verdict, evidence) = judged(&with_agent(&file), "payload.machine");
    assert_eq!(
        (verdict, evidence[0].as_str()),
        (Verdict::Fail, "`/usr/local/bin/agent` is for ELF machine 8, the image for amd64")
    );
}

#[test]
fn what_a_distribution_brings_elsewhere_is_a_warning() {
    let mut image = good();
    image.put("/usr/lib/tools/helper", 0o755, program(AMD64, LOADER, &["libnone.so.1"]));
    image.put("/usr/bin/deb-report", 0o755, "#!/usr/bin/perl\n");
    image.put("/usr/lib/security/pam_extra.so", 0o644, program(AMD64, "", &["libextra.so.1"]));
    image.put("/usr/share/doc/example.sh", 0o755, "#!/usr/bin/zsh\n");
    image.put("/usr/lib/grub/kernel.img", 0o755, program(3, "", &[]));
    image.put("/usr/lib/aarch64-linux-gnu/libc.so", 0o644, program(183, "", &[]));
    let (verdict, evidence) = judged(&image, "payload.libraries");
    assert_eq!((verdict, evidence.len()), (Verdict::Warning, 2), "{evidence:?}");
    let (verdict, evidence) = judged(&image, "payload.scripts");
    assert_eq!(verdict, Verdict::Warning);
    assert_eq!(evidence, ["`/usr/bin/deb-report` is a script for `/usr/bin/perl`, which is not there"]);
    assert_eq!(judged(&image, "payload.machine").0, Verdict::Pass);
    // A plug-in finds what the program brings that takes it in.
    image.put("/usr/lib/app/libextra.so.1", 0o644, PLAIN.bytes());
    assert_eq!(judged(&image, "payload.libraries").1.len(), 1);
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let mut image = good();
    for index in 0..25 {
        image.put(&format!("/usr/local/bin/agent{index:02}"), 0o755, "#!/usr/bin/python3\n");
    }
    let (_, evidence) = judged(&image, "payload.scripts");
    assert_eq!(evidence.len(), 21);
    assert_eq!(evidence[20], "and 5 more");
}

#[test]
fn busybox_runs_under_the_names_of_its_applets_only() {
    let mut image = good();
    image.remove("/usr/sbin/modprobe");
    image.put("/usr/bin/busybox", 0o755, busybox(&["insmod"]));
    image.link("/usr/sbin/modprobe", "/usr/bin/busybox");
    assert_eq!(
        image.finding("exec.modprobe").evidence,
        ["`/usr/sbin/modprobe` is busybox, which has no applet `modprobe`", "k0s would not notice"]
    );
    image.put("/usr/bin/busybox", 0o755, busybox(&["modprobe"]));
    assert_eq!(image.finding("exec.modprobe").verdict, Verdict::Pass);
}

#[test]
fn a_hard_link_to_busybox_is_one_of_its_names() {
    let mut image = good();
    image.put("/usr/bin/busybox", 0o755, busybox(&["insmod"]));
    image.remove("/usr/bin/umount");
    let at = |text| TreePath::new(text).unwrap();
    image.tree.hard_link(&at("/usr/bin/umount"), &at("/usr/bin/busybox")).unwrap();
    assert_eq!(image.finding("exec.umount").evidence[0], "`/usr/bin/umount` is busybox, which has no applet `umount`");
}

#[test]
fn helpers_of_a_debugger_are_a_warning() {
    let mut image = good();
    image.put("/usr/libexec/debugger/helper", 0o755, program(3, "/lib/ld-linux.so.2", &["libc.so.6"]));
    assert_eq!(judged(&image, "payload.machine").0, Verdict::Warning);
}

#[test]
fn privileged_programs_are_listed() {
    let (verdict, evidence) = judged(&good(), "payload.privileged");
    assert_eq!(verdict, Verdict::Pass);
    assert_eq!(evidence, ["`/usr/bin/su` runs with the rights of root (setuid)"]);
    let mut image = good();
    image.put("/usr/bin/wall", 0o2755, PLAIN.bytes());
    image.put("/etc/group", 0o644, "tty:x:5:\nroot:x:0:\n");
    owned(&mut image, "bsdutils", "/usr/bin/wall\n");
    let (_, evidence) = judged(&image, "payload.privileged");
    assert_eq!(evidence[1], "`/usr/bin/wall` runs with the rights of group root (setgid) (from package bsdutils)");
}
