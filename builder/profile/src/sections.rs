//! The tables of a profile, each becoming a part of the model.
//!
//! Every function reads all of its table before it gives up, so that all that is wrong is noted.

use rootsmith_types::{Located, Origin, PackageName, TreePath};

use crate::appliance;
use crate::bios;
use crate::board;
use crate::choices::{CACHES, DATABASES, DISTRIBUTIONS, FIRST_BOOT, HIERARCHIES, INIT_SYSTEMS, POCKETS};
use crate::error::ProfileError;
use crate::fields::{Fields, unique};
use crate::keys;
use crate::keys::{
    ACCEPT, ANSWER, CGROUPS, DISTRIBUTION, IDENTITY, IMAGE, INIT, INITRAMFS, KERNEL, OF_SOURCE, OVERLAY, PACKAGES,
    PAYLOAD, PREFLIGHT, TOP, elsewhere,
};
use crate::load::Loader;
use crate::machine;
use crate::model::{
    Accept, Answer, Board, ByArch, Cgroups, Distribution, FirstBoot, Fragment, Hierarchy, Host, Identity, Image, Init,
    Kernel, KernelBase, KernelPatch, KernelSource, Overlay, Packages, Pocket, Preflight, Profile, ScriptAnswer,
};
use crate::output;
use crate::payload::payload;
use crate::relations;
use crate::secure_boot;
use crate::service;
use crate::value::{Kind, Table};
use crate::words;

/// The whole profile out of the merged table; `start` is where the entry profile begins. `None` when something is wrong
/// with it; that is noted.
pub(crate) fn profile(table: &Table, start: &Origin, loader: &Loader<'_>) -> Option<Profile> {
    let root = Fields::open(table, start, "", TOP, &elsewhere, &loader.findings);
    let board = board::board(&root, loader);
    let blobs = root.tables("blob", keys::BLOB);
    let blobs: Vec<_> = blobs.iter().filter_map(|one| board::blob(one, loader)).collect();
    let firmware = root.tables("firmware", keys::FIRMWARE);
    let firmware: Vec<_> = firmware.iter().flat_map(|one| board::firmware(one, loader)).collect();
    if board.is_none() && loader.board().is_some() {
        // What is missing from here on, the board might have said.
        loader.findings.partial.set(true);
    }
    let image = image(&root, board.as_ref());
    let distribution = distribution(&root, loader);
    let packages = packages(&root);
    let kernel = kernel(&root, loader);
    let init = init(&root);
    let cgroups = cgroups(&root);
    let hosts = hosts(&root, loader);
    let identity = identity(&root);
    let users: Vec<_> = root.tables("user", keys::USER).iter().filter_map(machine::user).collect();
    let groups: Vec<_> = root.tables("group", keys::GROUP).iter().filter_map(machine::group).collect();
    let mounts: Vec<_> = root.tables("mount", keys::MOUNT).iter().filter_map(machine::mount).collect();
    let sysctl = machine::sysctl(&root);
    let network = machine::network(&root);
    let cloud_init = machine::cloud_init(&root);
    let services: Vec<_> = root.tables("service", keys::SERVICE).iter().filter_map(service::service).collect();
    let payloads: Vec<_> = root.tables("payload", PAYLOAD).iter().filter_map(|one| payload(one, loader)).collect();
    let overlays: Vec<_> = root.tables("overlay", OVERLAY).iter().filter_map(|one| overlay(one, loader)).collect();
    let scripts = scripts(&root);
    let secure_boot = secure_boot::secure_boot(&root, loader);
    let update = appliance::update(&root);
    let preflight = preflight(&root, loader);
    root.require("output", "[[output]]");
    let outputs = root.tables("output", keys::OUTPUT);
    let name = image.as_ref().map(|image| image.name.value.as_str());
    let mut outputs: Vec<_> = outputs.iter().filter_map(|one| output::output(one, name, board.as_ref())).collect();
    if let Some(image) = &image {
        appliance::name_slots(&mut outputs, image);
    }

    relations::accounts(&users, &groups, &loader.findings);
    relations::mounts(&mounts, &outputs, &loader.findings);
    relations::networks(&network, cloud_init.as_ref(), &loader.findings);
    relations::services(&services, &loader.findings);
    relations::payloads(&payloads, image.as_ref(), &loader.findings);
    relations::outputs(&outputs, root.get("kernel").is_some(), &loader.findings);
    relations::secure_boot(secure_boot.as_ref(), &outputs, &loader.findings);
    if let (Some(image), Some(kernel)) = (&image, &kernel) {
        relations::kernel(image, kernel, root.get("kernel").map(|value| &value.origin), &loader.findings);
    }
    relations::tries(&outputs, init.as_ref(), &loader.findings);
    appliance::check(&outputs, image.as_ref(), init.as_ref(), update.as_ref(), &loader.findings);
    bios::check(&outputs, image.as_ref(), kernel.as_ref(), &loader.findings);
    if let Some(board) = &board {
        relations::board(board, image.as_ref(), &outputs, &loader.findings);
    }
    let profile = Profile {
        board,
        image: image?,
        distribution: distribution?,
        packages,
        kernel,
        init: init?,
        cgroups,
        hosts,
        identity,
        users,
        groups,
        mounts,
        sysctl,
        network,
        cloud_init,
        services,
        payloads,
        overlays,
        scripts,
        preflight,
        blobs,
        firmware,
        secure_boot,
        update,
        outputs,
        files: Vec::new(),
    };
    Some(profile)
}

/// A board has one architecture, which need not be said again.
fn image(root: &Fields<'_>, board: Option<&Board>) -> Option<Image> {
    let image = root.table("image", IMAGE, &elsewhere);
    let name = image.required("name", "name = \"k0s-worker\"", words::image_name);
    let arch = match board {
        Some(board) if image.get("arch").is_none() => vec![board.arch.clone()],
        _ => {
            image.require_some("arch", "arch = [\"amd64\"]");
            image.set("arch", words::arch)
        }
    };
    let version = image.text("version", words::image_version);
    Some(Image { name: name?, version, arch })
}

fn distribution(root: &Fields<'_>, loader: &Loader<'_>) -> Option<Distribution> {
    let table = root.table("distribution", DISTRIBUTION, &elsewhere);
    let id = table.required("id", "id = \"debian\"", |text| DISTRIBUTIONS.read(text));
    let suite = table.required("suite", "suite = \"trixie\"", words::suite);
    let mirror = table.text("mirror", words::mirror);
    let security_mirror = table.text("security-mirror", words::mirror);
    let pockets = match table.get("pockets") {
        Some(_) => table.set("pockets", |text| POCKETS.read(text)),
        None => [Pocket::Updates, Pocket::Security].map(|pocket| table.default(pocket)).into(),
    };
    let components = match table.get("components") {
        Some(_) => {
            table.require_some("components", "components = [\"main\"]");
            table.set("components", words::suite)
        }
        None => vec![table.default("main".to_owned())],
    };
    let signed_by = table.text("signed-by", words::host_path);
    let signed_by = signed_by.and_then(|named| Some(Located::new(loader.keyring(&named)?, named.origin)));
    Some(Distribution { id: id?, suite: suite?, mirror, security_mirror, pockets, components, signed_by })
}

fn packages(root: &Fields<'_>) -> Packages {
    let table = root.table("packages", PACKAGES, &elsewhere);
    if let Some(recommends) = table.boolean("recommends")
        && recommends.value
    {
        table.note(ProfileError::Unsupported {
            origin: recommends.origin,
            what: "following recommendations".to_owned(),
            instead: "name those you want in `include`, and leave `recommends` out".to_owned(),
        });
    }
    let essential = table.boolean("essential").is_none_or(|essential| essential.value);
    let dependencies = table.boolean("dependencies");
    if let Some(dependencies) = dependencies.as_ref().filter(|dependencies| essential && !dependencies.value) {
        table.note(ProfileError::EssentialAlone { origin: dependencies.origin.clone() });
    }
    Packages {
        include: table.set("include", words::package),
        essential,
        dependencies: dependencies.is_none_or(|dependencies| dependencies.value),
        recommends: false,
        drop: table.set("drop", words::target_path),
        prefer: prefer(&table),
        database: table.text("database", |text| DATABASES.read(text)),
        caches: table.text("caches", |text| CACHES.read(text)),
    }
}

fn prefer(packages: &Fields<'_>) -> Vec<(Located<TreePath>, Located<PackageName>)> {
    let table = packages.map("prefer");
    let entries = table.entries().filter_map(|(key, value)| {
        let path = table.accept(&key.value, &key.origin, words::target_path);
        let package = table.text_of(&key.value, value, words::package);
        Some((path?, package?))
    });
    entries.collect()
}

fn kernel(root: &Fields<'_>, loader: &Loader<'_>) -> Option<Kernel> {
    root.get("kernel")?;
    let table = root.table("kernel", KERNEL, &elsewhere);
    let source = kernel_source(&table, loader);
    let package = match table.get("source") {
        // What is built needs no package: one that a profile below this one names is not taken.
        Some(source) => {
            if table.get("package").is_some_and(|package| package.origin.file == source.origin.file) {
                let known = ["source"].iter().chain(OF_SOURCE).copied().collect::<Vec<_>>();
                table.refuse("package", "a kernel from `source`", &known);
            }
            Some(ByArch { any: None, by_arch: Default::default() })
        }
        None => {
            table.require("package", "package = \"linux-image-cloud-amd64\"");
            for key in OF_SOURCE {
                table.refuse(key, "a kernel without `source`", &["package"]);
            }
            table.by_arch("package", words::package)
        }
    };
    let mut fragments: Vec<Fragment> = Vec::new();
    for ByArch { any, by_arch } in table.list_by_arch("fragments", words::host_path) {
        let named = any.map(|named| (None, named));
        for (arch, named) in named.into_iter().chain(by_arch.into_iter().map(|(arch, named)| (Some(arch), named))) {
            let Some((file, text)) = loader.small_file(&named, "fragment") else { continue };
            // Files that extend each other may ask for the same.
            if fragments.iter().all(|there| (there.arch, &there.file) != (arch, &file)) {
                fragments.push(Fragment { arch, origin: named.origin, file, text });
            }
        }
    }
    let cmdline = table.list_by_arch("cmdline", words::cmdline_word);
    let modules = table.set("modules", words::module);
    let initramfs_modules = table.table("initramfs", INITRAMFS, &|_| None).set("modules", words::module);
    if table.get("source").is_some() && source.is_none() {
        return None;
    }
    Some(Kernel { package: package?, source, fragments, cmdline, modules, initramfs_modules })
}

/// `source` of a kernel that is built, with its base and patches.
fn kernel_source(table: &Fields<'_>, loader: &Loader<'_>) -> Option<KernelSource> {
    table.get("source")?;
    let package = table.text("source", words::package);
    table.require("base", "base = \"tinyconfig\"");
    let base = table.by_arch("base", words::kernel_base);
    let patches = table.list("patches", words::host_path).into_iter().filter_map(|named| {
        let (file, data) = loader.small_bytes(&named, "patch")?;
        Some(KernelPatch { origin: named.origin, file, data: data.into() })
    });
    let patches: Vec<KernelPatch> = patches.collect();
    let read = |named: Located<words::Base>| {
        let base = match named.value {
            words::Base::Target(target) => KernelBase::Target(target),
            words::Base::Package(package) => KernelBase::Package(package),
            words::Base::File(name) => {
                let (file, text) = loader.small_file(&Located::new(name, named.origin.clone()), "configuration")?;
                KernelBase::File { file, text }
            }
        };
        Some(Located::new(base, named.origin))
    };
    let ByArch { any, by_arch } = base?;
    let any = match any {
        Some(any) => Some(read(any)?),
        None => None,
    };
    let by_arch = by_arch.into_iter().map(|(arch, base)| Some((arch, read(base)?))).collect::<Option<_>>()?;
    Some(KernelSource { package: package?, base: ByArch { any, by_arch }, patches })
}

fn init(root: &Fields<'_>) -> Option<Init> {
    let table = root.table("init", INIT, &elsewhere);
    let system = table.required("system", "system = \"systemd\"", |text| INIT_SYSTEMS.read(text));
    let enable = table.set("enable", words::unit);
    let disable = table.set("disable", words::unit);
    Some(Init { system: system?, enable, disable })
}

fn cgroups(root: &Fields<'_>) -> Cgroups {
    let table = root.table("cgroups", CGROUPS, &elsewhere);
    let hierarchy = table.text("hierarchy", |text| HIERARCHIES.read(text));
    Cgroups {
        hierarchy: hierarchy.unwrap_or_else(|| table.default(Hierarchy::Unified)),
        controllers: table.set("controllers", words::controller),
    }
}

fn hosts(root: &Fields<'_>, loader: &Loader<'_>) -> Vec<Host> {
    let table = root.map("hosts");
    let mut hosts: Vec<Host> = Vec::new();
    for (key, value) in table.entries() {
        let address = table.accept(&key.value, &key.origin, words::address);
        let names = unique(table.list_of(&key.value, value, words::host_name));
        let Some(address) = address else { continue };
        // One address has several spellings: `::1` and `0:0:0:0:0:0:0:1`.
        match hosts.iter().find(|host| host.address.value == address.value) {
            Some(first) => loader.findings.push(ProfileError::Duplicate {
                origin: address.origin,
                what: format!("line for `{}`", address.value),
                first: first.address.origin.clone(),
            }),
            None => hosts.push(Host { address, names }),
        }
    }
    hosts
}

fn identity(root: &Fields<'_>) -> Identity {
    let table = root.table("identity", IDENTITY, &elsewhere);
    let made = |key| {
        let time = table.text(key, |text| FIRST_BOOT.read(text));
        time.unwrap_or_else(|| table.default(FirstBoot::FirstBoot))
    };
    Identity {
        machine_id: made("machine-id"),
        ssh_host_keys: made("ssh-host-keys"),
        random_seed: made("random-seed"),
        hostname: table.text("hostname", words::host_pattern),
    }
}

fn overlay(table: &Fields<'_>, loader: &Loader<'_>) -> Option<Overlay> {
    let named = table.required("source", "source = \"overlays/k0s\"", words::host_path)?;
    Some(Overlay { source: Located::new(loader.overlay(&named)?, named.origin) })
}

fn scripts(root: &Fields<'_>) -> Vec<ScriptAnswer> {
    let table = root.map("scripts");
    let mut answers = Vec::new();
    for (key, value) in table.entries() {
        let package = table.accept(&key.value, &key.origin, words::package);
        let Kind::Table(_) = value.kind else {
            let example = format!("{} = {{ ignore = \"why its scripts are not needed\" }}", key.value);
            table.wrong_type(&key.value, value, "a table with a reason", Some(example));
            continue;
        };
        let answer = table.table(&key.value, ANSWER, &|_| None);
        let (kind, reason) = match answer.text("first-boot", words::line) {
            Some(reason) => {
                answer.refuse("ignore", "an answer with `first-boot`", &["first-boot"]);
                (Answer::FirstBoot, Some(reason))
            }
            None if answer.get("first-boot").is_some() => continue,
            None => {
                let example = "ignore = \"why its scripts are not needed\"";
                (Answer::Ignore, answer.required("ignore", example, words::line))
            }
        };
        answers.extend(package.zip(reason).map(|(package, reason)| ScriptAnswer { package, answer: kind, reason }));
    }
    answers
}

fn preflight(root: &Fields<'_>, loader: &Loader<'_>) -> Preflight {
    let table = root.table("preflight", PREFLIGHT, &elsewhere);
    let accept = table.tables("accept", ACCEPT);
    let accept = accept.iter().filter_map(|one| {
        let check = one.required("check", "check = \"cgroup.hugetlb\"", words::line);
        let reason = one.required("reason", "reason = \"small board, no huge pages\"", words::line);
        Some(Accept { check: check?, reason: reason? })
    });
    let accept = accept.collect();
    let sets = table.set("sets", words::set);
    let files = sets.iter().filter(|set| set.value.ends_with(".toml"));
    let set_files = files.filter_map(|set| {
        let (_, text) = loader.small_file(set, "requirement set")?;
        Some((set.value.clone(), text.to_string()))
    });
    Preflight { set_files: set_files.collect(), sets, accept }
}
