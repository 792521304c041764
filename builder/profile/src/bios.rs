//! What GRUB for a BIOS asks of a profile.

use std::fmt;

use rootsmith_types::{Arch, Origin};

use crate::error::ProfileError;
use crate::fields::Findings;
use crate::model::{BootMethod, Disk, Image, Kernel, Output, OutputKind, PartitionKind, PartitionTable};

/// The architecture whose machines have a BIOS.
const BIOS: Arch = Arch::Amd64;
/// What GRUB writes a backslash before when it hands the command line to a kernel (2.12, `grub-core/lib/cmdline.c`), which
/// keeps the backslash.
const ESCAPED: [char; 3] = ['"', '\'', '\\'];

/// Why GRUB would not start an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BiosProblem {
    /// Machines of the architecture have no BIOS.
    Arch {
        /// The architecture.
        arch: Arch,
        /// Where the image asks for it.
        asked: Origin,
    },
    /// A hybrid table shows GRUB neither its partition nor a free place.
    Hybrid,
    /// A partition that nothing is put in.
    Needless,
    /// A word of the kernel command line that GRUB would change.
    Word {
        /// The word.
        word: String,
        /// Where GRUB is asked for.
        grub: Origin,
    },
}

impl fmt::Display for BiosProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BiosProblem::Arch { arch, .. } => write!(f, "no machine for `{arch}` has a BIOS that would start `grub`"),
            BiosProblem::Hybrid => f.write_str("`grub` has no place on a disk with a `hybrid` table"),
            BiosProblem::Needless => f.write_str("nothing is put in the `bios-boot` partition"),
            BiosProblem::Word { word, .. } => {
                write!(f, "`grub` would hand `{word}` to the kernel with backslashes in it")
            }
        }
    }
}

impl BiosProblem {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            BiosProblem::Arch { .. } => "leave `grub` out of `boot`, or make the image for `amd64` alone",
            BiosProblem::Hybrid => "write `table = \"gpt\"`, or `\"mbr\"`",
            BiosProblem::Needless => "leave it out: only `grub` on a `gpt` disk wants one",
            BiosProblem::Word { .. } => "write it without quotes and backslashes, or leave `grub` out of `boot`",
        }
    }

    /// Another place to look at.
    pub(crate) fn note(&self) -> Option<(String, &Origin)> {
        match self {
            BiosProblem::Arch { arch, asked } => Some((format!("`{arch}` is asked for"), asked)),
            BiosProblem::Word { grub, .. } => Some(("`grub` is asked for".to_owned(), grub)),
            BiosProblem::Hybrid | BiosProblem::Needless => None,
        }
    }
}

/// A machine that has a BIOS, a place for the core image, and words that reach the kernel as they are.
pub(crate) fn check(outputs: &[Output], image: Option<&Image>, kernel: Option<&Kernel>, findings: &Findings) {
    let refuse = |origin: &Origin, problem| findings.push(ProfileError::Bios { origin: origin.clone(), problem });
    for output in outputs {
        let OutputKind::Disk(disk) = &output.kind else { continue };
        place(disk, output, findings);
        let Some(grub) = disk.boot.iter().find(|method| method.value == BootMethod::Grub) else { continue };
        for arch in image.iter().flat_map(|image| &image.arch).filter(|arch| arch.value != BIOS) {
            refuse(&grub.origin, BiosProblem::Arch { arch: arch.value, asked: arch.origin.clone() });
        }
        let words = kernel.iter().flat_map(|kernel| kernel.cmdline_for(BIOS));
        for word in words.filter(|word| word.value.contains(ESCAPED)) {
            refuse(&word.origin, BiosProblem::Word { word: word.value.clone(), grub: grub.origin.clone() });
        }
    }
}

/// In a GPT a partition of its own; the gap in front of an MBR's partitions is there anyhow.
fn place(disk: &Disk, output: &Output, findings: &Findings) {
    let (grub, table) = (disk.boots_by(BootMethod::Grub), disk.table.value);
    let mut places = disk.partitions.iter().filter(|partition| partition.kind.value == PartitionKind::BiosBoot);
    match (places.next(), grub && table == PartitionTable::Gpt) {
        (None, true) => findings.push(ProfileError::NoPartition {
            origin: output.origin.clone(),
            kind: "bios-boot",
            example: "{ type = \"bios-boot\" }",
        }),
        (Some(needless), false) => {
            let (origin, problem) = (needless.kind.origin.clone(), BiosProblem::Needless);
            findings.push(ProfileError::Bios { origin, problem });
        }
        (Some(first), true) => {
            for second in places {
                let (origin, first) = (second.kind.origin.clone(), first.kind.origin.clone());
                let what = "`bios-boot` partition on the disk".to_owned();
                findings.push(ProfileError::Duplicate { origin, what, first });
            }
        }
        (None, false) => {}
    }
    if grub && table == PartitionTable::Hybrid {
        findings.push(ProfileError::Bios { origin: disk.table.origin.clone(), problem: BiosProblem::Hybrid });
    }
}
