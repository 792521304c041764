//! Container images: what they ask of the tree, and whether the one that was written says what it should.

use std::fs::File;

use rootsmith_assemble::AssembleError;
use rootsmith_fetch::Cache;
use rootsmith_profile::{Oci, OutputKind, Profile};
use rootsmith_tree::{Node, NodeKind, Tree};
use rootsmith_types::{Arch, Located, Problems, TreePath, UnixTime, rfc3339};
use rootsmith_verify::{FoundImage, FoundRun, Slice, image};

use crate::check::compare_trees;
use crate::inputs::InputError;

/// Where a program without a slash is looked for when the image says nothing else: what runc's and containerd's defaults say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// No list of accounts is larger.
const MAX_ACCOUNTS: u64 = 4 << 20;

/// The container image among the outputs: the loader of profiles lets one through.
pub(crate) fn oci(profile: &Profile) -> Option<&Oci> {
    profile.outputs.iter().find_map(|output| match &output.kind {
        OutputKind::Oci(oci) => Some(oci),
        _ => None,
    })
}

/// Whether the tree has what a container of it would start: the program, the user, the group. A container engine would find
/// out only when it starts one.
pub(crate) fn check_tree(profile: &Profile, tree: &Tree, cache: &Cache) -> Result<(), Problems> {
    let Some(oci) = oci(profile) else { return Ok(()) };
    let mut problems = Problems(Vec::new());
    if let Some(program) = oci.entrypoint.first().or(oci.cmd.first())
        && let Some(reason) = cannot_run(oci, tree, &program.value)
    {
        problems.push(InputError::ContainerProgram {
            origin: program.origin.clone(),
            program: program.value.clone(),
            reason,
        });
    }
    if let Some(user) = &oci.user {
        let (name, group) = user.value.split_once(':').map_or((user.value.as_str(), None), |(n, g)| (n, Some(g)));
        let asked = [Some(("user", name, "/etc/passwd")), group.map(|group| ("group", group, "/etc/group"))];
        for (what, name, list) in asked.into_iter().flatten() {
            if !is_number(name) && !accounts(tree, cache, list)?.iter().any(|account| account == name) {
                let (origin, name) = (user.origin.clone(), name.to_owned());
                problems.push(InputError::ContainerAccount { origin, what, name, list });
            }
        }
    }
    if let Some(folder) = &oci.working_dir
        && let Some(node) = tree.lookup(&folder.value)
        && !node.is_directory()
    {
        problems.push(InputError::ContainerFolder { origin: folder.origin.clone(), path: folder.value.clone() });
    }
    problems.into_result()
}

/// Why `program` cannot be started; `None` when it can.
fn cannot_run(oci: &Oci, tree: &Tree, program: &str) -> Option<&'static str> {
    let executable = |path: &TreePath| match tree.lookup(path) {
        None => Some("it is not in the image"),
        Some(Node { kind: NodeKind::File(_), metadata }) if metadata.mode & 0o111 != 0 => None,
        Some(Node { kind: NodeKind::File(_), .. }) => Some("it is not executable"),
        Some(_) => Some("it is no file"),
    };
    let at = |folder: &str, name: &str| TreePath::new(format!("{folder}/{name}")).ok();
    if program.is_empty() {
        return Some("a program has a name");
    }
    if program.contains('/') {
        let folder = match &oci.working_dir {
            Some(folder) if !program.starts_with('/') => folder.value.to_string(),
            _ => String::new(),
        };
        return at(&folder, program).map_or(Some("that is no path"), |path| executable(&path));
    }
    let path = oci.env.iter().rev().find(|(name, _)| name.value == "PATH").map(|(_, value)| value.value.as_str());
    let found = path
        .unwrap_or(DEFAULT_PATH)
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .any(|folder| at(folder, program).is_some_and(|path| executable(&path).is_none()));
    (!found).then_some("no folder of its `PATH` has it")
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// The names in `/etc/passwd` or `/etc/group`.
fn accounts(tree: &Tree, cache: &Cache, list: &'static str) -> Result<Vec<String>, Problems> {
    let Some(content) = tree.lookup(&TreePath::literal(list)).and_then(Node::content) else { return Ok(Vec::new()) };
    let text = content.read(cache, MAX_ACCOUNTS).map_err(AssembleError::Store)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect())
}

/// What a container image should say of itself.
pub(crate) struct Wanted<'a> {
    pub(crate) file: &'a str,
    pub(crate) oci: &'a Oci,
    pub(crate) arch: Arch,
    pub(crate) date: UnixTime,
    pub(crate) tree: &'a Tree,
}

/// Reads a container image back: its documents, its configuration, its layer.
pub(crate) fn check_image(wanted: &Wanted<'_>, archive: &File, length: u64, cache: &Cache) -> Result<(), Problems> {
    let source = Slice::new(archive, 0, length);
    let found = image(source)?;
    let differences: Vec<InputError> = wanted
        .differences(&found)
        .into_iter()
        .map(|difference| InputError::ReadBack { file: wanted.file.to_owned(), difference })
        .collect();
    if !differences.is_empty() {
        return Err(differences.into());
    }
    compare_trees(wanted.file, wanted.tree, cache, &found.read_back()?)
}

impl Wanted<'_> {
    fn differences(&self, found: &FoundImage<'_>) -> Vec<String> {
        // GOOS and GOARCH of Go, which is what container engines compare with.
        let (architecture, variant, platform) = match self.arch {
            Arch::Amd64 => ("amd64", "", "linux/amd64"),
            Arch::Arm64 => ("arm64", "", "linux/arm64"),
            Arch::Armhf => ("arm", "v7", "linux/arm/v7"),
            Arch::Riscv64 => ("riscv64", "", "linux/riscv64"),
        };
        let name = self.oci.reference.value.as_str();
        let tag = name.rsplit_once(':').map_or("", |(_, tag)| tag);
        let created = rfc3339(self.date);
        let config = &found.config;
        let texts = [
            ("name", name, found.name.as_str()),
            ("tag", tag, &found.tag),
            ("platform", platform, &found.platform),
            ("architecture", architecture, &config.architecture),
            ("variant", variant, &config.variant),
            ("operating system", "linux", &config.os),
            ("date", &created, &config.created),
        ];
        let texts = texts.into_iter().filter(|(_, wanted, found)| wanted != found);
        let mut differences: Vec<String> =
            texts.map(|(what, wanted, found)| format!("{what} is `{found}` instead of `{wanted}`")).collect();
        let run = self.run();
        if config.config != run {
            differences.push(format!("its configuration is {:?} instead of {run:?}", config.config));
        }
        differences
    }

    fn run(&self) -> FoundRun {
        let texts = |texts: &[Located<String>]| texts.iter().map(|text| text.value.clone()).collect();
        let pair = |(name, value): &(Located<String>, Located<String>)| (name.value.clone(), value.value.clone());
        FoundRun {
            entrypoint: texts(&self.oci.entrypoint),
            cmd: texts(&self.oci.cmd),
            env: self.oci.env.iter().map(pair).map(|(name, value)| format!("{name}={value}")).collect(),
            user: self.oci.user.as_ref().map(|user| user.value.clone()).unwrap_or_default(),
            working_dir: self.oci.working_dir.as_ref().map(|path| path.value.to_string()).unwrap_or_default(),
            labels: self.oci.labels.iter().map(pair).collect(),
        }
    }
}
