//! What a root with hashes over its blocks asks of its disk.

use std::fmt;

use rootsmith_types::Origin;

use crate::error::ProfileError;
use crate::fields::Findings;
use crate::model::{Disk, PartitionTable};

/// Why hashes over a root would not be found, or prove nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerityProblem {
    /// The two partitions are found by what a GPT says of them.
    Table {
        /// Where another is asked for.
        table: Origin,
    },
    /// A way to boot whose command line, where the root hash is, anybody can change.
    Boot {
        /// The way.
        method: &'static str,
        /// Where it is asked for.
        asked: Origin,
    },
}

impl fmt::Display for VerityProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerityProblem::Table { .. } => {
                f.write_str("the partitions of `verity` are found by identifiers that only a `gpt` has")
            }
            VerityProblem::Boot { method, .. } => {
                write!(f, "`{method}` would read the root hash of `verity` from a file that anybody can change")
            }
        }
    }
}

impl VerityProblem {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            VerityProblem::Table { .. } => "write `table = \"gpt\"`, or leave `verity` out",
            VerityProblem::Boot { .. } => {
                "write `boot = \"uki\"` or `boot = [\"systemd-boot\", \"uki\"]`, whose image has it inside, or leave `verity` out"
            }
        }
    }

    /// Another place to look at.
    pub(crate) fn note(&self) -> (&'static str, &Origin) {
        match self {
            VerityProblem::Table { table } => ("the table is asked for", table),
            VerityProblem::Boot { asked, .. } => ("it is asked for", asked),
        }
    }
}

/// A table that names partitions, and the root hash in an image that can be signed.
pub(crate) fn check(disk: &Disk, findings: &Findings) {
    let Some(origin) = disk.verity() else { return };
    let refuse = |problem| findings.push(ProfileError::Verity { origin: origin.clone(), problem });
    if disk.table.value != PartitionTable::Gpt {
        refuse(VerityProblem::Table { table: disk.table.origin.clone() });
    }
    for method in disk.boot.iter().filter(|method| !disk.starts_image(method.value)) {
        refuse(VerityProblem::Boot { method: method.value.name(), asked: method.origin.clone() });
    }
}
