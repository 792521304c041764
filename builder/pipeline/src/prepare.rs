//! The first half of a build: everything up to what the outputs are made from. Nothing is written but the cache.

use rootsmith_assemble::{Assembly, Package, drop_paths, embed, overlay, unpack};
use rootsmith_configure::{configure, enable_services};
use rootsmith_fetch::{Cache, Download, FetchError};
use rootsmith_grub::{CoreImage, format::SECTOR};
use rootsmith_kernel::config::{read_fragments, redefinitions};
use rootsmith_lock::{Lock, Role, Target};
use rootsmith_output::{DiskIds, DiskInput, MadeRoot, RawPiece, Room, names, partuuid, rooms};
use rootsmith_preflight::{
    BiosStart, BootFacts, BootVolume, Brought, DiskStart, Facts, PartitionFacts, PartitionRole, Remembered, Report,
    RoomFacts, RootFacts, TableKind, Wanted, find_device_trees, find_entries, find_firmware_files,
};
use rootsmith_profile::{Board, Disk, Partition, PartitionKind, PartitionTable, Profile};
use rootsmith_tree::{Metadata, Tree};
use rootsmith_types::{Arch, Problems, Sha256Digest, Trace, UnixTime};
use rootsmith_verity::HashTree;

use crate::boot_files;
use crate::bootable::{self, IndexedKernel};
use crate::container;
use crate::kernel_source;
use crate::made_root::{self, made_root};
use crate::mounts::declared_mounts;
use crate::netboot;
use crate::partitions::Parts;
use crate::payloads::{self, Payloads};
use crate::places::Places;
use crate::slots;
use crate::target::{check_lock, resolve_target};
use crate::timer::Timer;
use crate::{Host, Options};

/// What the outputs are made from.
pub(crate) struct Prepared {
    pub(crate) arch: Arch,
    /// `NAME-ARCH`.
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) assembly: Assembly,
    /// The tree of the partition that firmware reads; empty when there is none.
    pub(crate) esp: Tree,
    /// The root file system, where it has no size before it is made.
    pub(crate) made: Option<MadeRoot>,
    /// What of the tree lies on which partition.
    pub(crate) parts: Parts,
    /// What lies outside the partitions.
    pub(crate) raw: Vec<RawPiece>,
    /// What a BIOS starts.
    pub(crate) bios: Option<CoreImage>,
    pub(crate) board: Option<Board>,
    pub(crate) kernel: Option<IndexedKernel>,
    pub(crate) ids: DiskIds,
    pub(crate) date: UnixTime,
    pub(crate) packages: Vec<Package>,
    pub(crate) scripts: rootsmith_configure::Report,
    pub(crate) notes: Vec<String>,
    /// Which file is from which payload.
    pub(crate) brought: Brought,
    /// What the files say of themselves, for whoever judges them next.
    pub(crate) remembered: Remembered,
}

/// What an image is to be made of.
pub(crate) struct Resolved {
    arch: Arch,
    pub(crate) target: Target,
    payloads: Payloads,
}

/// `NAME-ARCH`.
pub(crate) fn name(profile: &Profile, arch: Arch) -> String {
    format!("{}-{arch}", profile.image.name.value)
}

/// Takes the payloads in, and resolves what is not `pinned`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn resolve(
    profile: &Profile,
    arch: Arch,
    pinned: Option<Target>,
    options: &Options,
    host: Host<'_>,
    cache: &Cache,
    places: &mut Places,
    timer: &mut Timer<'_>,
) -> Result<Resolved, Problems> {
    let known = pinned.as_ref().map_or(&[][..], |target| &target.payloads);
    let payloads = payloads::prepare(profile, arch, known, cache, options, host)?;
    places.bring(&payloads.packages);
    timer.lap("payloads");
    let target = match pinned {
        Some(target) => target,
        None => resolve_target(profile, arch, &payloads, cache, options, host)?,
    };
    places.learn(&target);
    timer.lap("lock");
    Ok(Resolved { arch, target, payloads })
}

/// Fetches, assembles, configures, and makes what boots. `stale` is what is to be said of the lock.
#[allow(clippy::too_many_arguments)]
pub(crate) fn prepare(
    profile: &Profile,
    Resolved { arch, target, payloads }: Resolved,
    stale: Option<String>,
    options: &Options,
    host: Host<'_>,
    cache: &Cache,
    places: &mut Places,
    timer: &mut Timer<'_>,
) -> Result<Prepared, Problems> {
    let name = name(profile, arch);
    let of_board = |board: &Board| {
        board.notes.iter().map(|note| format!("{}: {}", board.title.value, note.value)).collect::<Vec<_>>()
    };
    let mut notes: Vec<String> = profile.board.iter().flat_map(of_board).collect();
    notes.extend(stale);

    let mut packages = fetch(&target, cache, options, host, timer)?;
    for payload in &payloads.packages {
        let (unpacked, pack) = cache.unpacked(&payload.locked)?;
        packages.push(Package { locked: payload.locked.clone(), unpacked, pack });
    }
    let (boot_packages, packages): (Vec<Package>, Vec<Package>) =
        packages.into_iter().partition(|package| package.locked.role == Role::Boot);
    let date = target.repositories.iter().map(|repository| repository.date).max().unwrap_or(0);

    let built = kernel_source::build(profile, arch, &boot_packages, cache, options, host)?;
    if built.is_some() {
        timer.lap("kernel from source");
    }

    let mut assembly = unpack(profile, &packages, &boot_packages, arch, date)?;
    if let Some(built) = &built {
        built.install(&mut assembly, date)?;
        notes.extend(built.note.clone());
    }
    places.owners = assembly.owners.clone();
    timer.lap("assemble");

    let input = rootsmith_configure::Input { profile, packages: &packages, arch, date };
    let seed = seed(&target, &name);
    let disk = disk(profile);
    let mut ids = match (disk.and_then(Disk::slots), &profile.image.version) {
        (Some(_), Some(version)) => slots::ids(&seed, &name, &version.value),
        _ => DiskIds::derive(&seed),
    };
    // Modules are decompressed for their index, and the initramfs is packed: the other cores have time for it.
    let ahead = bootable::ahead(&assembly.tree, profile, cache);
    let index = || {
        let indexed = ahead?.index(cache)?;
        if let Some(disk) = disk.filter(|disk| disk.verity().is_none()) {
            // Kept in the cache for its turn; what is wrong comes again then, and with other modules there it is made anew.
            let _ = boot_files::initrd(
                &boot_files::BootFiles {
                    profile,
                    disk,
                    tree: &indexed.modules,
                    root_hash: None,
                    kernel: &indexed.kernel,
                    packages: &boot_packages,
                    ids: &ids,
                    arch,
                    date,
                    sources: host.sources,
                    processes: host.processes,
                },
                cache,
            );
        }
        Some(indexed)
    };
    let (scripts, indexed) = rayon::join(|| configure(&mut assembly, &input, cache), index);
    let scripts = scripts?;
    timer.lap("configure");

    let kernel = bootable::prepare_kernel(&mut assembly, profile, arch, cache, date, indexed)?;
    let remembered = Remembered::default();
    if let Some(kernel) = &kernel {
        // Of the bytes that are there now: what comes into their place is looked into.
        remembered.know_modules(&kernel.index);
        if let Some(image) = bootable::without_config(&assembly.tree, kernel) {
            remembered.know_no_config(image);
        }
    }
    netboot::check_kernel(profile, kernel.as_ref())?;
    if let Some(kernel) = &profile.kernel {
        notes.extend(redefinitions(&read_fragments(kernel.fragments_for(arch)).0));
    }
    timer.lap("kernel");

    if let Some(disk) = disk {
        bootable::prepare_disk(&mut assembly, profile.init.system.value, disk, &ids, date)?;
    }
    netboot::prepare(&mut assembly, profile, date)?;
    declared_mounts(&mut assembly, profile, cache, date)?;
    drop_paths(&mut assembly, profile);
    overlay(&mut assembly, profile, host.sources, cache, date)?;
    embed(&mut assembly, profile, &payloads.taken, arch, cache, date)?;
    enable_services(&mut assembly, &input, cache)?;
    slots::name_version(&mut assembly, profile, cache)?;
    container::check_tree(profile, &assembly.tree, cache)?;
    netboot::check_tree(profile, &assembly.tree)?;
    places.owners = assembly.owners.clone();
    timer.lap("overlay");

    let parts = disk.map_or(Ok(Parts::default()), |disk| Parts::of(&assembly.tree, disk))?;
    let made = match disk {
        Some(disk) => {
            let tree = parts.root(disk, &assembly.tree);
            let (trace, again) = (host.trace, options.rebuild);
            made_root(
                &made_root::Wanted { name: &name, disk, tree, date, seed: &seed, ids: &ids, trace, again },
                cache,
            )?
        }
        None => None,
    };
    if let Some(made) = &made {
        ids = made.hashes.as_ref().map_or(ids, |hashes| ids.with_hashes(hashes));
        timer.lap("root file system");
    }

    let hashes = made.as_ref().and_then(|made| made.hashes.as_ref());
    let (esp, bios) = match (disk, &kernel) {
        (Some(disk), Some(kernel)) => {
            let (tree, packages, ids) = (&assembly.tree, boot_packages.as_slice(), &ids);
            let Host { sources, processes, .. } = host;
            let root_hash = hashes.map(HashTree::root_hash);
            let files = boot_files::BootFiles {
                profile,
                disk,
                tree,
                root_hash,
                kernel,
                packages,
                ids,
                arch,
                date,
                sources,
                processes,
            };
            (boot_files::boot_tree(&files, cache)?, boot_files::core_image(&files, cache)?)
        }
        _ => (Tree::new(Metadata::root(0o755, date)), None),
    };
    let raw = match disk {
        Some(_) => boot_files::blobs(profile, &boot_packages, host.sources, cache)?,
        None => Vec::new(),
    };
    timer.lap("boot files");
    let brought = payloads.brought(profile, &assembly);
    let board = profile.board.clone();
    Ok(Prepared {
        arch,
        name,
        target,
        assembly,
        esp,
        made,
        parts,
        raw,
        bios,
        board,
        kernel,
        ids,
        date,
        packages,
        scripts,
        notes,
        brought,
        remembered,
    })
}

impl Prepared {
    /// Judges the tree, and the disk as it is planned.
    pub(crate) fn preflight(&self, profile: &Profile, sets: &[Wanted], cache: &Cache) -> Result<Report, Problems> {
        let boot = match disk(profile) {
            Some(disk) => Some(self.boot_facts(disk, cache)?),
            None => None,
        };
        let facts = Facts { tree: &self.assembly.tree, blobs: cache, arch: self.arch, boot: boot.as_ref() };
        rootsmith_preflight::check_brought(&facts, Some(profile), sets, &self.brought, &self.remembered)
    }

    /// What is on each partition of `disk`, in their order; nothing where that is no file system.
    pub(crate) fn trees(&self, disk: &Disk) -> Vec<Option<&Tree>> {
        let tree = |(at, partition): (usize, &Partition)| match partition.kind.value {
            PartitionKind::Root => Some(self.parts.root(disk, &self.assembly.tree)),
            PartitionKind::Data | PartitionKind::State => self.parts.on(at),
            PartitionKind::Esp | PartitionKind::Firmware => Some(&self.esp),
            PartitionKind::BiosBoot
            | PartitionKind::RootVerity
            | PartitionKind::SpareRoot
            | PartitionKind::SpareVerity
            | PartitionKind::Swap => None,
        };
        disk.partitions.iter().enumerate().map(tree).collect()
    }

    pub(crate) fn disk_input<'a>(&'a self, disk: &'a Disk, cache: &'a Cache, trace: Trace<'a>) -> DiskInput<'a> {
        DiskInput {
            name: &self.name,
            disk,
            arch: self.arch,
            trees: self.trees(disk),
            made: self.made.as_ref(),
            raw: &self.raw,
            bios: self.bios.as_ref(),
            board: self.board.as_ref(),
            blobs: cache,
            ids: self.ids,
            date: self.date,
            trace,
        }
    }

    /// What will lie at `offset` of the disk, outside its partitions; zeros behind the end of a blob.
    fn read_raw(&self, offset: u64, buf: &mut [u8], cache: &Cache) -> std::io::Result<()> {
        let inside = |raw: &&RawPiece| (raw.offset.get()..raw.offset.get() + raw.content.size()).contains(&offset);
        let raw = self.raw.iter().find(inside).ok_or(std::io::ErrorKind::NotFound)?;
        let at = offset - raw.offset.get();
        let there = usize::try_from(raw.content.size() - at).map_or(buf.len(), |rest| rest.min(buf.len()));
        raw.content.read_at(cache, at, &mut buf[..there])
    }

    /// What a BIOS will find: the same wherever the core image lies.
    fn bios_start(&self) -> BiosStart {
        let Some(core) = &self.bios else { return BiosStart::Nothing };
        let placed = core.place(1);
        let mut disk = placed.boot.to_vec();
        disk.resize(SECTOR, 0);
        disk.extend_from_slice(&placed.core);
        BiosStart::read(|offset, buf| {
            let at = usize::try_from(offset).ok();
            let there = at.and_then(|at| disk.get(at..at.checked_add(buf.len())?));
            buf.copy_from_slice(there.ok_or(std::io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn boot_facts(&self, disk: &Disk, cache: &Cache) -> Result<BootFacts, Problems> {
        let root = &self.assembly.tree;
        let volumes = [
            BootVolume { tree: root, blobs: cache, is_fat: false },
            BootVolume { tree: &self.esp, blobs: cache, is_fat: true },
        ];
        // An MBR names nothing.
        let named = disk.table.value != PartitionTable::Mbr;
        let input = self.disk_input(disk, cache, Trace::off());
        let rooms = rooms(&input)?;
        slots::check_room(input)?;
        let partitions = disk.partitions.iter().enumerate().map(|(at, partition)| {
            let (kind, ids) = (partition.kind.value, self.ids.partition(disk, at));
            let (filesystem, uuid) = match kind {
                PartitionKind::Root => {
                    let uuid = partition.filesystem.is_named().then(|| ids.filesystem.to_string());
                    (Some(partition.filesystem.name()), uuid)
                }
                PartitionKind::Data | PartitionKind::State => (Some("ext4"), Some(ids.filesystem.to_string())),
                PartitionKind::Swap => (Some("swap"), Some(ids.filesystem.to_string())),
                PartitionKind::Esp | PartitionKind::Firmware => (Some("vfat"), Some(ids.serial())),
                PartitionKind::BiosBoot
                | PartitionKind::RootVerity
                | PartitionKind::SpareRoot
                | PartitionKind::SpareVerity => (None, None),
            };
            let (name, label) = names(partition);
            PartitionFacts {
                role: role(kind),
                partuuid: partuuid(disk, &self.ids, at),
                partlabel: if named { name.to_owned() } else { String::new() },
                filesystem: filesystem.map(str::to_owned),
                label: uuid.as_ref().map(|_| label.to_owned()),
                uuid,
                room: room_facts(partition, rooms[at]),
            }
        });
        let root_room = disk.position(PartitionKind::Root).map_or(Room::default(), |at| rooms[at]);
        let Room { size, available } = root_room;
        let grows = disk.partitions.iter().any(|it| it.kind.value == PartitionKind::Root && it.grow);
        Ok(BootFacts {
            entries: find_entries(&volumes, 0, &self.remembered),
            partitions: partitions.collect(),
            root: RootFacts { filesystem: disk.root_filesystem().name().to_owned(), size, available, grows },
            bios: self.bios_start(),
            device_trees: find_device_trees(&volumes, |dtb| {
                rootsmith_kernel::device_tree::bootargs(dtb).ok().flatten()
            }),
            table: table_kind(disk),
            start: DiskStart::read(|offset, buf| self.read_raw(offset, buf, cache)),
            firmware: find_firmware_files(&volumes),
        })
    }
}

/// What preflight knows of the room on a partition that is mounted into the tree.
pub(crate) fn room_facts(partition: &Partition, room: Room) -> Option<RoomFacts> {
    let Room { size, available } = room;
    partition.mount.as_ref().map(|_| RoomFacts { size, available, grows: partition.grow })
}

/// What preflight calls a table.
pub(crate) fn table_kind(disk: &Disk) -> TableKind {
    match disk.table.value {
        PartitionTable::Gpt => TableKind::Gpt,
        PartitionTable::Mbr => TableKind::Mbr,
        PartitionTable::Hybrid => TableKind::Hybrid,
    }
}

/// What preflight calls a partition of `kind`.
pub(crate) fn role(kind: PartitionKind) -> PartitionRole {
    match kind {
        PartitionKind::Root => PartitionRole::Root,
        PartitionKind::Esp => PartitionRole::Esp,
        PartitionKind::Firmware
        | PartitionKind::BiosBoot
        | PartitionKind::RootVerity
        | PartitionKind::SpareRoot
        | PartitionKind::SpareVerity
        | PartitionKind::Data
        | PartitionKind::State
        | PartitionKind::Swap => PartitionRole::Other,
    }
}

/// The disk among the outputs: the loader of profiles lets one through.
pub(crate) fn disk(profile: &Profile) -> Option<&Disk> {
    profile.outputs.iter().find_map(|output| output.kind.disk())
}

/// What the lock pins, when it answers what the profile asks; else what is to be said of it, unless that is an error.
pub(crate) fn pinned(
    profile: &Profile,
    arch: Arch,
    lock: Option<&Lock>,
    locked: bool,
) -> Result<(Option<Target>, Option<String>), Problems> {
    Ok(match lock.map(|lock| check_lock(profile, arch, lock)) {
        Some(Ok(target)) => (Some(target), None),
        Some(Err(stale)) if locked => return Err(stale),
        Some(Err(stale)) => {
            (None, Some(format!("packages were resolved anew: {stale}; `rootsmith lock` pins them again")))
        }
        None => (None, None),
    })
}

/// Downloads what is missing and opens the unpacked form of every package.
pub(crate) fn fetch(
    target: &Target,
    cache: &Cache,
    options: &Options,
    host: Host<'_>,
    timer: &mut Timer<'_>,
) -> Result<Vec<Package>, Problems> {
    let downloads: Vec<Download<'_>> = target.packages.iter().map(|package| Download { package }).collect();
    let ensure =
        || cache.ensure(&downloads, &options.mirrors, host.transport, options.offline, host.progress, host.trace);
    ensure()?;
    timer.lap("fetch");
    let unpacked = match cache.unpack_all(&target.packages, host.progress, host.trace) {
        // Archives that had lost their bytes are gone now, and come anew.
        Err(errors) if errors.iter().all(|error| matches!(error, FetchError::Damaged { .. })) => {
            ensure()?;
            cache.unpack_all(&target.packages, host.progress, host.trace)?
        }
        unpacked => unpacked?,
    };
    timer.lap("unpack");
    let packages = target.packages.iter().zip(unpacked);
    Ok(packages.map(|(locked, (unpacked, pack))| Package { locked: locked.clone(), unpacked, pack }).collect())
}

/// All identifiers follow from what the image is made of and what it is called.
fn seed(target: &Target, name: &str) -> Sha256Digest {
    let mut input = target.digest().as_bytes().to_vec();
    input.extend_from_slice(name.as_bytes());
    Sha256Digest::of(&input)
}
