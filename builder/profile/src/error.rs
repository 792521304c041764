//! What can be wrong with a profile.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_types::{Arch, Blame, Explain, Note, NumBytes, Origin, Problem, Problems, Subject};

use crate::appliance::ApplianceProblem;
use crate::bios::BiosProblem;
use crate::model::Text;

/// All that is wrong with a profile and the files it names; never empty.
#[derive(Debug)]
pub struct ProfileErrors {
    /// In the order of [`ProfileErrors::files`], and in each file from top to bottom.
    pub errors: Vec<ProfileError>,
    /// Every file that was read, with its text: for the excerpts.
    pub files: Vec<Text>,
}

/// What is missing where state is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stateless {
    /// `writable = "state"` without the partition.
    NoPartition,
    /// The partition without `writable = "state"`.
    NobodyWrites,
    /// Both, in a table without names.
    NoNames,
}

/// Why tries of a boot would not be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncounted {
    /// No systemd-boot on the disk.
    NoLoader,
    /// An init that has no word for systemd-boot.
    Init,
}

impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProfileErrors {}

impl From<ProfileErrors> for Problems {
    fn from(errors: ProfileErrors) -> Problems {
        Problems(errors.errors.into_iter().map(|error| Box::new(error) as Problem).collect())
    }
}

/// One thing that is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileError {
    /// The profile that was asked for is not there or cannot be read.
    NoProfile {
        /// As it was asked for.
        file: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// A file that a profile names is not there or cannot be read.
    NoFile {
        /// Where it is named.
        origin: Origin,
        /// `profile`, `fragment`, `overlay`, `payload`, `keyring`, `certificate`, `private key`.
        what: &'static str,
        /// As it is named.
        named: String,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
        /// Why.
        kind: io::ErrorKind,
        /// Where a person gets it, as the profile says.
        from: Option<String>,
    },
    /// A file that should be text is not UTF-8.
    NotText {
        /// The first wrong byte.
        origin: Origin,
    },
    /// The file is no TOML.
    Syntax {
        /// Where reading stopped.
        origin: Origin,
        /// What the reader of TOML says.
        message: String,
    },
    /// Profiles extend each other in a circle.
    Cycle {
        /// The `extends` that closes the circle.
        origin: Origin,
        /// Who extends whom, from the profile that comes up again to itself.
        chain: Vec<Arc<Path>>,
        /// Where each of the links before the last is written.
        links: Vec<Origin>,
    },
    /// Profiles extend each other in too long a chain.
    TooDeep {
        /// The `extends` that is one too many.
        origin: Origin,
        /// How long a chain may be.
        limit: usize,
    },
    /// `schema` is a number we do not know.
    Schema {
        /// The number.
        origin: Origin,
        /// As written.
        found: String,
    },
    /// A key that means nothing.
    UnknownKey {
        /// The key.
        origin: Origin,
        /// As written.
        key: String,
        /// What it is in: `` `image` ``; empty at the top.
        table: String,
        /// The key that was probably meant, here or (with its table) elsewhere.
        nearest: Option<String>,
        /// The keys there are.
        known: Vec<&'static str>,
    },
    /// A key or value of the design that this version cannot do.
    Unsupported {
        /// The key or value.
        origin: Origin,
        /// Both in words: ``init system `openrc` ``.
        what: String,
        /// What can be done today.
        instead: String,
    },
    /// A value of the wrong type.
    WrongType {
        /// The value.
        origin: Origin,
        /// The key, with its table.
        key: String,
        /// `an array of strings`.
        expected: &'static str,
        /// `a string`.
        found: &'static str,
        /// How it is written.
        example: Option<String>,
    },
    /// One file has an array where another has not.
    Mismatch {
        /// The key.
        key: String,
        /// The later value.
        origin: Origin,
        /// What it is.
        found: &'static str,
        /// The earlier value.
        earlier: Origin,
        /// What that is.
        was: &'static str,
    },
    /// A value of the right type that makes no sense.
    Invalid {
        /// The value.
        origin: Origin,
        /// As written.
        value: String,
        /// What it should be: `a size`.
        expected: &'static str,
        /// How such a value looks.
        hint: String,
    },
    /// A value from a list of words that is not in the list.
    UnknownWord {
        /// The value.
        origin: Origin,
        /// As written.
        value: String,
        /// What it should be: `an init system`.
        expected: &'static str,
        /// The words there are.
        known: Vec<&'static str>,
    },
    /// A key that must be there is not.
    MissingKey {
        /// The table it should be in, else the start of the profile.
        origin: Origin,
        /// The key, with its table.
        key: String,
        /// How it is written.
        example: &'static str,
    },
    /// An array that must not be empty is.
    Empty {
        /// The array.
        origin: Origin,
        /// The key, with its table.
        key: String,
        /// How it is written.
        example: &'static str,
    },
    /// Two of what there can be only one of.
    Duplicate {
        /// The second.
        origin: Origin,
        /// ``output of kind `tar` ``.
        what: String,
        /// The first.
        first: Origin,
    },
    /// What runs once and what is always started again are two things.
    OneshotRestarts {
        /// `restart`.
        origin: Origin,
        /// `oneshot`.
        oneshot: Origin,
    },
    /// Both the profile and cloud-init would configure an interface.
    NetworkOfCloudInit {
        /// `[[network.interface]]`.
        origin: Origin,
        /// `[cloud-init]`.
        cloud_init: Origin,
    },
    /// `[kernel]` names no package for an architecture of the image.
    NoKernelFor {
        /// `kernel.package`.
        origin: Origin,
        /// The architecture.
        arch: Arch,
        /// Where the image asks for it.
        asked: Origin,
    },
    /// `kernel.base` names nothing for an architecture of the image.
    NoBaseFor {
        /// `kernel.source`.
        origin: Origin,
        /// The architecture.
        arch: Arch,
        /// Where the image asks for it.
        asked: Origin,
    },
    /// A payload names no source for an architecture of the image.
    NoSourceFor {
        /// The payload.
        origin: Origin,
        /// Its name.
        name: String,
        /// The architecture.
        arch: Arch,
        /// Where the image asks for it.
        asked: Origin,
    },
    /// The command line says what only the build can know.
    RootInCmdline {
        /// The word.
        origin: Origin,
        /// As written.
        word: String,
    },
    /// A disk without a root partition, or a UKI without an ESP.
    NoPartition {
        /// The disk.
        origin: Origin,
        /// `root` or `esp`.
        kind: &'static str,
        /// A line that would do.
        example: &'static str,
    },
    /// Something that the board of the profile cannot do.
    NotOfBoard {
        /// What asks for it.
        origin: Origin,
        /// ``boot method `uki` ``.
        what: String,
        /// What people call the board.
        title: String,
        /// What it can do instead.
        known: Vec<&'static str>,
        /// Where the profile names the board.
        asked: Origin,
    },
    /// `[secure-boot]` for images that no UEFI starts.
    NothingToSign {
        /// The table.
        origin: Origin,
    },
    /// A disk that boots, and an initramfs that is a whole system, need `[kernel]`.
    NoKernel {
        /// What asks for it.
        origin: Origin,
        /// `disk`, `initramfs`.
        what: &'static str,
    },
    /// A system that is an initramfs has no partitions for its `/etc/fstab` to name.
    CpioBesideDisk {
        /// The output of kind `cpio`.
        origin: Origin,
        /// The output of kind `disk`.
        disk: Origin,
    },
    /// Only the last partition of a disk has free space after it.
    GrowNotLast {
        /// The partition that should grow.
        origin: Origin,
        /// The one behind it.
        behind: Origin,
    },
    /// `boot-tries`, but nothing counts them, or nothing says that a boot was good.
    NotCounted {
        /// `boot-tries`.
        origin: Origin,
        /// What is in the way, and what to do.
        why: Uncounted,
    },
    /// A root with hashes, or in two slots, would not be what it is to be.
    Appliance {
        /// The key that asks for it.
        origin: Origin,
        /// Why.
        problem: ApplianceProblem,
    },
    /// GRUB would not start it, or not as asked.
    Bios {
        /// What stands in its way.
        origin: Origin,
        /// Why.
        problem: BiosProblem,
    },
    /// `dependencies = false`, but the essential packages come along, without what they need.
    EssentialAlone {
        /// `dependencies`.
        origin: Origin,
    },
    /// State is kept, but not whole: a partition without somebody who writes to it, or the other way round.
    State {
        /// What asks for it.
        origin: Origin,
        /// What is missing.
        why: Stateless,
    },
    /// `free` beside a fixed size.
    FreeWithoutMinimal {
        /// `free`.
        origin: Origin,
        /// The fixed size.
        size: NumBytes,
    },
}

impl ProfileError {
    /// The place, for sorting and for excerpts.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        match self {
            ProfileError::NoProfile { .. } => None,
            ProfileError::NoFile { origin, .. }
            | ProfileError::NotText { origin }
            | ProfileError::Syntax { origin, .. }
            | ProfileError::Cycle { origin, .. }
            | ProfileError::TooDeep { origin, .. }
            | ProfileError::Schema { origin, .. }
            | ProfileError::UnknownKey { origin, .. }
            | ProfileError::Unsupported { origin, .. }
            | ProfileError::WrongType { origin, .. }
            | ProfileError::Mismatch { origin, .. }
            | ProfileError::Invalid { origin, .. }
            | ProfileError::UnknownWord { origin, .. }
            | ProfileError::MissingKey { origin, .. }
            | ProfileError::Empty { origin, .. }
            | ProfileError::Duplicate { origin, .. }
            | ProfileError::OneshotRestarts { origin, .. }
            | ProfileError::NetworkOfCloudInit { origin, .. }
            | ProfileError::NoKernelFor { origin, .. }
            | ProfileError::NoBaseFor { origin, .. }
            | ProfileError::NoSourceFor { origin, .. }
            | ProfileError::RootInCmdline { origin, .. }
            | ProfileError::NoPartition { origin, .. }
            | ProfileError::NotOfBoard { origin, .. }
            | ProfileError::NoKernel { origin, .. }
            | ProfileError::CpioBesideDisk { origin, .. }
            | ProfileError::NothingToSign { origin }
            | ProfileError::GrowNotLast { origin, .. }
            | ProfileError::Bios { origin, .. }
            | ProfileError::Appliance { origin, .. }
            | ProfileError::NotCounted { origin, .. }
            | ProfileError::EssentialAlone { origin }
            | ProfileError::State { origin, .. }
            | ProfileError::FreeWithoutMinimal { origin, .. } => Some(origin),
        }
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileError::NoProfile { file, kind } => {
                write!(f, "profile `{}` {}", file.display(), refusal(*kind))
            }
            ProfileError::NoFile { what, named, kind, .. } => write!(f, "{what} `{named}` {}", refusal(*kind)),
            ProfileError::NotText { .. } => f.write_str("the file is not UTF-8 text"),
            ProfileError::Syntax { message, .. } => write!(f, "no valid TOML: {message}"),
            ProfileError::Cycle { chain, .. } => {
                f.write_str("`extends` goes round in a circle: ")?;
                for (i, file) in chain.iter().enumerate() {
                    write!(f, "{}`{}`", if i > 0 { " → " } else { "" }, file.display())?;
                }
                Ok(())
            }
            ProfileError::TooDeep { limit, .. } => write!(f, "profiles extend each other more than {limit} deep"),
            ProfileError::Schema { found, .. } => write!(f, "schema {found} is not known"),
            ProfileError::UnknownKey { key, table, .. } if table.is_empty() => write!(f, "unknown key `{key}`"),
            ProfileError::UnknownKey { key, table, .. } => write!(f, "unknown key `{key}` in {table}"),
            ProfileError::Unsupported { what, .. } => write!(f, "{what} is not supported yet"),
            ProfileError::WrongType { key, expected, found, .. } => {
                write!(f, "`{key}` must be {expected}, not {found}")
            }
            ProfileError::Mismatch { key, found, was, .. } => {
                write!(f, "`{key}` is {found} here and {was} in what it extends")
            }
            ProfileError::Invalid { value, expected, .. } | ProfileError::UnknownWord { value, expected, .. } => {
                write!(f, "`{value}` is not {expected}")
            }
            ProfileError::MissingKey { key, .. } => write!(f, "`{key}` is missing"),
            ProfileError::Empty { key, .. } => write!(f, "`{key}` is empty"),
            ProfileError::Duplicate { what, .. } => write!(f, "there is a second {what}"),
            ProfileError::OneshotRestarts { .. } => f.write_str("a service that runs once is not always started again"),
            ProfileError::NetworkOfCloudInit { .. } => f.write_str("cloud-init configures the network, too"),
            ProfileError::NoKernelFor { arch, .. } => write!(f, "no kernel package for `{arch}`"),
            ProfileError::NoBaseFor { arch, .. } => {
                write!(f, "nothing for a kernel's configuration to begin with on `{arch}`")
            }
            ProfileError::NoSourceFor { name, arch, .. } => write!(f, "payload `{name}` has no source for `{arch}`"),
            ProfileError::RootInCmdline { word, .. } => write!(f, "`{word}` in the kernel command line"),
            ProfileError::NoPartition { kind: "root", .. } => f.write_str("the disk has no root partition"),
            ProfileError::NoPartition { kind, .. } => write!(f, "the disk has no `{kind}` partition to boot from"),
            ProfileError::NotOfBoard { what, title, .. } => write!(f, "{what} is nothing for {title}"),
            ProfileError::NoKernel { what, .. } => write!(f, "the {what} is to boot, but the profile has no kernel"),
            ProfileError::CpioBesideDisk { .. } => {
                f.write_str("the initramfs is the whole system, but `/etc/fstab` is about the disk beside it")
            }
            ProfileError::NothingToSign { .. } => {
                f.write_str("no disk of the profile is started by UEFI, which alone checks signatures")
            }
            ProfileError::GrowNotLast { .. } => f.write_str("only the last partition can grow"),
            ProfileError::Bios { problem, .. } => problem.fmt(f),
            ProfileError::Appliance { problem, .. } => problem.fmt(f),
            ProfileError::NotCounted { why: Uncounted::NoLoader, .. } => {
                f.write_str("nothing on the disk counts tries")
            }
            ProfileError::NotCounted { why: Uncounted::Init, .. } => {
                f.write_str("nothing in the image says that a try was good")
            }
            ProfileError::State { why: Stateless::NoPartition, .. } => {
                f.write_str("the disk has no `state` partition to keep what is written")
            }
            ProfileError::State { why: Stateless::NobodyWrites, .. } => {
                f.write_str("nothing writes to the `state` partition")
            }
            ProfileError::State { why: Stateless::NoNames, .. } => {
                f.write_str("a `state` partition is found by its name, and an `mbr` has none")
            }
            ProfileError::EssentialAlone { .. } => {
                f.write_str("essential packages come along, but not what they depend on")
            }
            ProfileError::FreeWithoutMinimal { size, .. } => {
                write!(f, "`free` means nothing in a partition of fixed size ({size})")
            }
        }
    }
}

impl std::error::Error for ProfileError {}

impl Explain for ProfileError {
    fn subject(&self) -> Subject {
        self.origin().map_or(Subject::Host, |origin| Subject::Profile(origin.clone()))
    }

    fn label(&self) -> Option<String> {
        // None where it would only say the message again.
        let label = match self {
            ProfileError::NoFile { .. } => "named here",
            ProfileError::Cycle { .. } => "closes the circle",
            ProfileError::TooDeep { .. } => "one too many",
            ProfileError::WrongType { found, .. } | ProfileError::Mismatch { found, .. } => found,
            ProfileError::MissingKey { origin, .. } if !origin.span().is_empty() => "missing in here",
            ProfileError::Duplicate { .. } => "the second",
            ProfileError::NoKernelFor { arch, .. } | ProfileError::NoSourceFor { arch, .. } => {
                return Some(format!("none for `{arch}`"));
            }
            ProfileError::NoPartition { .. } => "this disk",
            ProfileError::NoKernel { .. } => "needs a kernel",
            ProfileError::CpioBesideDisk { .. } => "has no disk",
            ProfileError::NothingToSign { .. } => "has nothing to sign",
            ProfileError::GrowNotLast { .. } => "cannot grow",
            ProfileError::EssentialAlone { .. } => "would leave them broken",
            _ => return None,
        };
        Some(label.to_owned())
    }

    fn notes(&self) -> Vec<Note> {
        let at = |text: &str, origin: &Origin| Note { text: text.into(), subject: Subject::Profile(origin.clone()) };
        match self {
            ProfileError::NoFile { tried, .. } if tried.len() > 1 => {
                let tried: Vec<_> = tried.iter().map(|path| format!("`{}`", path.display())).collect();
                vec![Note { text: format!("looked for {}", tried.join(" and ")), subject: Subject::Host }]
            }
            ProfileError::Cycle { chain, links, .. } => {
                let link = |(origin, to): (&Origin, &Arc<Path>)| {
                    at(&format!("`{}` extends `{}`", origin.file.display(), to.display()), origin)
                };
                links.iter().zip(chain.iter().skip(1)).map(link).collect()
            }
            ProfileError::Mismatch { earlier, was, .. } => vec![at(&format!("{was} is written"), earlier)],
            ProfileError::Duplicate { first, .. } => vec![at("the first is", first)],
            ProfileError::OneshotRestarts { oneshot, .. } => vec![at("it runs once by", oneshot)],
            ProfileError::NetworkOfCloudInit { cloud_init, .. } => vec![at("cloud-init is asked for", cloud_init)],
            ProfileError::NoKernelFor { arch, asked, .. }
            | ProfileError::NoBaseFor { arch, asked, .. }
            | ProfileError::NoSourceFor { arch, asked, .. } => {
                vec![at(&format!("`{arch}` is asked for"), asked)]
            }
            ProfileError::NotOfBoard { asked, .. } => vec![at("the board is named", asked)],
            ProfileError::CpioBesideDisk { disk, .. } => vec![at("the disk is asked for", disk)],
            ProfileError::GrowNotLast { behind, .. } => vec![at("the partition behind it is", behind)],
            ProfileError::Bios { problem, .. } => {
                problem.note().map(|(text, origin)| at(&text, origin)).into_iter().collect()
            }
            ProfileError::Appliance { problem, .. } => {
                problem.note().map(|(text, origin)| at(text, origin)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            ProfileError::NoProfile { kind: io::ErrorKind::NotFound, .. } => {
                "give the path of a profile, as `profiles/k0s-worker.toml`".to_owned()
            }
            ProfileError::NoFile { tried, kind: io::ErrorKind::NotFound, from: Some(from), .. } => {
                let place = tried.last().map(|path| path.display().to_string()).unwrap_or_default();
                format!("get it from {from} and put it at `{place}`")
            }
            ProfileError::NoFile { tried, kind: io::ErrorKind::NotFound, .. } => match tried.as_slice() {
                [only] => format!("put it at `{}`, or correct the path", only.display()),
                _ => "correct the path; it starts at the folder of the file that says it, or at `profiles/`".to_owned(),
            },
            ProfileError::NoProfile { kind: io::ErrorKind::PermissionDenied, .. }
            | ProfileError::NoFile { kind: io::ErrorKind::PermissionDenied, .. } => {
                "make it readable to you".to_owned()
            }
            ProfileError::NoFile { what: "board", .. } => {
                "boards are files in `profiles/boards`; adding one is `builder/docs/boards.md`".to_owned()
            }
            ProfileError::NoFile { what: "overlay", .. } => "name a folder whose content mirrors the image".to_owned(),
            ProfileError::NoProfile { .. } | ProfileError::NoFile { .. } => return None,
            ProfileError::NotText { .. } => "save it as UTF-8".to_owned(),
            ProfileError::Syntax { .. } => return None,
            ProfileError::Cycle { .. } => {
                "take one of them out, or move what they share to a profile of its own".to_owned()
            }
            ProfileError::TooDeep { .. } => "extend the profiles at the end of the chain directly".to_owned(),
            ProfileError::Schema { .. } => {
                "write `schema = 1`; a higher number needs a newer version of rootsmith".to_owned()
            }
            ProfileError::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            ProfileError::UnknownKey { known, .. } => format!("known here: {}", listed(known)),
            ProfileError::Unsupported { instead, .. } => instead.clone(),
            ProfileError::WrongType { example, .. } => format!("write `{}`", example.as_ref()?),
            ProfileError::Mismatch { .. } => "make both the same; `{ replace = […] }` replaces an array".to_owned(),
            ProfileError::Invalid { hint, .. } => hint.clone(),
            ProfileError::UnknownWord { value, known, .. } => match nearest(value, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("there are {}", listed(known)),
            },
            ProfileError::MissingKey { origin, key, example } if origin.span().is_empty() && key.contains('.') => {
                let table = key.rsplit_once('.').map_or("", |(table, _)| table);
                format!("write `[{table}]` and below it `{example}`")
            }
            ProfileError::MissingKey { example, .. } | ProfileError::Empty { example, .. } => {
                format!("write `{example}`")
            }
            ProfileError::Duplicate { .. } => "take one of them out".to_owned(),
            ProfileError::OneshotRestarts { .. } => {
                "write `restart = \"on-failure\"` or leave `restart` out, or leave `oneshot` out".to_owned()
            }
            ProfileError::NetworkOfCloudInit { .. } => {
                "take it out, or write `network = \"profile\"` in `[cloud-init]`".to_owned()
            }
            ProfileError::NoKernelFor { arch, .. } => {
                format!("name one for each architecture: `package = {{ {arch} = \"linux-image-{arch}\" }}`")
            }
            ProfileError::NoBaseFor { arch, .. } => {
                format!("name one for each architecture: `base = {{ {arch} = \"defconfig\" }}`")
            }
            ProfileError::NoSourceFor { arch, .. } => {
                format!("name one for each architecture: `source = {{ {arch} = {{ path = \"payloads/…\" }} }}`")
            }
            ProfileError::RootInCmdline { .. } => {
                "take it out: the build adds `root=` with the identifier of the partition it makes".to_owned()
            }
            ProfileError::NoPartition { example, .. } => format!("add `{example}` to `partitions`"),
            ProfileError::NotOfBoard { known, .. } => format!("leave it out, or name what it has: {}", listed(known)),
            ProfileError::NothingToSign { .. } => {
                "give an output of kind `disk` the boot method `uki` or `systemd-boot`, or take the table away"
                    .to_owned()
            }
            ProfileError::NoKernel { what: "disk", .. } => {
                "add `[kernel]` with a `package`, or make a `tar` instead of a `disk`".to_owned()
            }
            ProfileError::NoKernel { .. } => {
                "add `[kernel]` with a `package`, or make a `tar` instead of a `cpio`".to_owned()
            }
            ProfileError::CpioBesideDisk { .. } => {
                "write it a profile of its own, which extends this one: `output = { replace = [{ kind = \"cpio\" }] }`"
                    .to_owned()
            }
            ProfileError::GrowNotLast { .. } => "move it to the end of `partitions`, or leave `grow` out".to_owned(),
            ProfileError::Bios { problem, .. } => problem.help().to_owned(),
            ProfileError::Appliance { problem, .. } => problem.help().to_owned(),
            ProfileError::NotCounted { why: Uncounted::NoLoader, .. } => {
                "write `boot = \"systemd-boot\"`, which counts, or leave `boot-tries` out".to_owned()
            }
            ProfileError::NotCounted { why: Uncounted::Init, .. } => {
                "only `systemd` does: take it for `init.system`, or leave `boot-tries` out".to_owned()
            }
            ProfileError::EssentialAlone { .. } => {
                "write `essential = false` as well, or leave `dependencies` out".to_owned()
            }
            ProfileError::State { why: Stateless::NoPartition, .. } => {
                "add `{ type = \"state\", size = \"64MiB\", grow = true }` to `partitions`".to_owned()
            }
            ProfileError::State { why: Stateless::NobodyWrites, .. } => {
                "write `writable = \"state\"` in a root that cannot be written itself, or take it out".to_owned()
            }
            ProfileError::State { why: Stateless::NoNames, .. } => {
                "write `table = \"gpt\"`, or `writable = \"volatile\"`".to_owned()
            }
            ProfileError::FreeWithoutMinimal { .. } => "write `size = \"minimal\"`, or leave `free` out".to_owned(),
        })
    }

    fn blame(&self) -> Blame {
        match self {
            ProfileError::NoProfile { kind, .. } | ProfileError::NoFile { kind, .. } => match kind {
                io::ErrorKind::NotFound
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::FileTooLarge => Blame::Inputs,
                _ => Blame::Host,
            },
            _ => Blame::Inputs,
        }
    }
}

/// Of `known` the one that `word` was probably meant to be: at most one letter in three is wrong.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The time it takes grows with the square of the length.
    if word.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn refusal(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => "was not found".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder".to_owned(),
        io::ErrorKind::InvalidInput => "is not a regular file".to_owned(),
        io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
        kind => format!("cannot be read: {kind}"),
    }
}
