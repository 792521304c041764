//! What a profile says of where and why.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rootsmith_profile::{Profile, load};
use rootsmith_types::{Explain, SourceEntry, Sources, Subject, TreePath};

use super::*;
use std::path::Path;

struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Sources for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Ok(Box::new(io::Cursor::new(self.read(path)?)))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const TEXT: &str = r#"
schema = 1
image = { name = "least", arch = ["amd64"] }
distribution = { id = "debian", suite = "trixie" }
init = { system = "systemd" }
output = [{ kind = "tar" }]
[kernel]
package = "linux-image-cloud-amd64"
cmdline = ["quiet", "cgroup_disable=memory"]
[hosts]
"10.0.0.1" = ["node"]
[preflight]
sets = ["boot", "k0s-worker@1.36"]
"#;

fn judge(image: &Image, accept: &str) -> (Profile, Result<Report, rootsmith_types::Problems>) {
    judge_by(image, &format!("{TEXT}{accept}"))
}

fn judge_by(image: &Image, text: &str) -> (Profile, Result<Report, rootsmith_types::Problems>) {
    let files = Files(
        [("p.toml", text), ("a", ""), ("d", "")]
            .map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()))
            .into(),
    );
    let profile = load(Path::new("p.toml"), &files).unwrap();
    // Without a disk the command line is the profile's.
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let report = check(&facts, Some(&profile), &Wanted::of_profile(&profile));
    (profile, report)
}

fn written(profile: &Profile, error: &dyn Explain) -> String {
    let Subject::Profile(origin) = error.subject() else { panic!("{error}") };
    let (_, text) = profile.files.iter().find(|(name, _)| *name == origin.file).unwrap();
    text[origin.span()].to_owned()
}

#[test]
fn failures_point_at_the_line_that_decides_them() {
    let mut image = good();
    image.put("/etc/hosts", 0o644, "10.0.0.1 node\n");
    image.config("CONFIG_NF_CONNTRACK=m", "# CONFIG_NF_CONNTRACK is not set");
    image.remove("/usr/bin/umount");
    let (profile, report) = judge(&image, "");
    let failures = report.unwrap().failures();
    let shown: Vec<String> =
        failures.0.iter().map(|error| format!("{} -> {error}", written(&profile, &**error))).collect();
    let package = "\"linux-image-cloud-amd64\"";
    assert_eq!(
        shown,
        [
            "\"cgroup_disable=memory\" -> preflight check `cgroup.memory` fails: the kernel command line has \
             `cgroup_disable=memory`"
                .to_owned(),
            "\"k0s-worker@1.36\" -> preflight check `exec.umount` fails: no executable file `umount` in the PATH of a \
             service"
                .to_owned(),
            "\"10.0.0.1\" -> preflight check `host.localhost` fails: `/etc/hosts` has no address for `localhost`"
                .to_owned(),
            format!(
                "{package} -> preflight check `kconfig.NF_CONNTRACK` fails: `CONFIG_NF_CONNTRACK` is not set in \
                 `/boot/config-{RELEASE}`"
            ),
        ]
    );
}

#[test]
fn what_the_profile_accepts_is_no_failure() {
    let accept =
        "accept = [{ check = 'cgroup.memory', reason = 'no limits here' }, { check = 'boot.init', reason = 'x' }]\n";
    let (_, report) = judge(&good(), accept);
    let report = report.unwrap();
    assert!(report.failures().0.is_empty());
    let verdict = |id| report.findings.iter().find(|finding| finding.check == id).map(|finding| &finding.verdict);
    assert_eq!(verdict("cgroup.memory"), Some(&Verdict::Accepted("no limits here".to_owned())));
    assert_eq!(verdict("boot.init"), Some(&Verdict::Pass));
    // Accepted is not met: k0s does not start.
    let grades: Vec<Grading> = report.grades.iter().map(|grade| grade.grade).collect();
    assert_eq!(grades, [Grading::Clean, Grading::Rejected]);
    assert!(report.to_json().contains("\"verdict\": {\n        \"accepted\": \"no limits here\"\n      }"));
}

#[test]
fn an_accepted_check_that_does_not_exist_is_an_error() {
    let (profile, report) = judge(&good(), "accept = [{ check = 'cgroup.hugetbl', reason = 'x' }]\n");
    let problems = report.unwrap_err();
    assert_eq!(problems.to_string(), "there is no preflight check `cgroup.hugetbl`");
    assert_eq!(problems.0[0].help().as_deref(), Some("did you mean `cgroup.hugetlb`?"));
    assert_eq!(written(&profile, &*problems.0[0]), "'cgroup.hugetbl'");
}

#[test]
fn a_payload_must_run_wherever_it_is() {
    let text = TEXT.replace("sets = [\"boot\", \"k0s-worker@1.36\"]", "sets = ['payload']");
    let text = text
        + "[[payload]]\nname = 'data'\nsource = { path = 'd' }\ninstall = '/srv/data'\nmode = '0644'\n\
           [[payload]]\nname = 'agent'\nsource = { path = 'a' }\ninstall = '/srv/agent'\n";
    let mut image = good();
    image.put("/srv/data", 0o644, "data");
    let shown = |image: &Image| {
        let (profile, report) = judge_by(image, &text);
        let failures = report.unwrap().failures();
        let shown = failures.0.iter().map(|error| format!("{} -> {error}", written(&profile, &**error)));
        shown.collect::<Vec<String>>()
    };
    let fails = |reason: &str| vec![format!("'/srv/agent' -> preflight check `payload.{reason}")];
    assert_eq!(shown(&image), fails("machine` fails: the payload `/srv/agent` is not there"));
    image.put("/srv/agent", 0o755, "data");
    let expected = "machine` fails: `/srv/agent` is no program: neither an ELF file nor a script";
    assert_eq!(shown(&image), fails(expected));
    image.put("/srv/agent", 0o755, program(183, "", &[]));
    assert_eq!(shown(&image), fails("machine` fails: `/srv/agent` is for arm64, the image for amd64"));
    image.put("/srv/agent", 0o755, program(AMD64, LOADER, &["libown.so"]));
    assert_eq!(
        shown(&image),
        fails("libraries` fails: `/srv/agent` needs the library `libown.so`, which is not there")
    );
    image.put("/srv/agent", 0o755, "#!/usr/bin/python3\n");
    assert_eq!(
        shown(&image),
        fails("scripts` fails: `/srv/agent` is a script for `/usr/bin/python3`, which is not there")
    );
    image.put("/srv/agent", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    assert!(shown(&image).is_empty());
}

#[test]
fn a_program_of_an_archive_must_run_as_one_that_came_alone() {
    let text = TEXT.replace("sets = [\"boot\", \"k0s-worker@1.36\"]", "sets = ['payload']")
        + "[[payload]]\nname = 'tools'\nkind = 'tar'\nsource = { path = 'a' }\ninstall = '/opt/tools'\n";
    let named = |(name, text): (&str, &str)| (PathBuf::from(name), text.as_bytes().to_vec());
    let files = Files([("p.toml", text.as_str()), ("a", "")].map(named).into());
    let profile = load(Path::new("p.toml"), &files).unwrap();
    let mut image = good();
    // Data with x bits, as archives from some systems have them, is nothing to complain of.
    image.put("/opt/tools/README", 0o755, "read me\n");
    image.put("/opt/tools/agent", 0o755, program(AMD64, "/lib/ld-musl-x86_64.so.1", &[]));
    let judged = |brought: &Brought| {
        let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
        let sets = Wanted::of_profile(&profile);
        let report = check_brought(&facts, Some(&profile), &sets, brought, &Remembered::default()).unwrap();
        let of = |check: &str| report.findings.iter().find(|finding| finding.check == check).unwrap().clone();
        (of("payload.interpreter"), of("payload.machine"))
    };
    // Nobody knows that it is the author's own.
    assert_eq!(judged(&Brought::new()).0.verdict, Verdict::Warning);
    let brought = ["/opt/tools/README", "/opt/tools/agent"].map(|path| (TreePath::literal(path), 0)).into();
    let (interpreter, machine) = judged(&brought);
    assert_eq!((interpreter.verdict, machine.verdict), (Verdict::Fail, Verdict::Pass));
    let Subject::Profile(origin) = interpreter.subject else { panic!("{:?}", interpreter.subject) };
    assert_eq!(text[origin.span()], *"'a'");
}
