//! What `[cgroups]` asks of a kernel: each declared controller, in the hierarchy that is declared.
//!
//! | controller | version 2                    | version 1                                     |
//! |------------|------------------------------|-----------------------------------------------|
//! | `cpu`      | `CGROUP_SCHED`               | `CGROUP_SCHED`                                |
//! | `cpuacct`  | `CGROUP_SCHED`               | `CGROUP_CPUACCT`                              |
//! | `cpuset`   | `CPUSETS`                    | `CPUSETS`, and `CPUSETS_V1` from 6.12 on      |
//! | `io`, `blkio` | `BLK_CGROUP`              | `BLK_CGROUP`                                  |
//! | `memory`   | `MEMCG`                      | `MEMCG`, and `MEMCG_V1` from 6.11 on          |
//! | `pids`     | `CGROUP_PIDS`                | `CGROUP_PIDS`                                 |
//! | `devices`  | `CGROUP_BPF`, `BPF_SYSCALL`  | `CGROUP_DEVICE`                               |
//! | `freezer`  | `CGROUPS`                    | `CGROUP_FREEZER`                              |
//! | `hugetlb`  | `CGROUP_HUGETLB`             | `CGROUP_HUGETLB`                              |
//! | `rdma`     | `CGROUP_RDMA`                | `CGROUP_RDMA`                                 |
//!
//! Source: `init/Kconfig` of Linux 6.12, "Control Group support".

use std::fmt;

use rootsmith_profile::{Cgroups, Hierarchy};
use rootsmith_types::{Explain, Located, Note, Subject, TreePath};

use crate::config::Config;

/// A controller that the kernel does not have in the declared hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupError {
    controller: Located<String>,
    hierarchy: Located<Hierarchy>,
    symbol: &'static str,
    release: String,
    config: TreePath,
}

/// Every declared controller that the kernel of this configuration and release does not have.
pub fn check_cgroups(cgroups: &Cgroups, config: &Config, path: &TreePath, release: &str) -> Vec<CgroupError> {
    let hierarchy = &cgroups.hierarchy;
    let missing = cgroups.controllers.iter().filter_map(|controller| {
        let symbols = match hierarchy.value {
            Hierarchy::Unified => version_2(&controller.value),
            Hierarchy::Hybrid | Hierarchy::Legacy => version_1(&controller.value, release),
        };
        let symbol = symbols.iter().find(|symbol| !config.is_builtin(symbol))?;
        let (controller, hierarchy) = (controller.clone(), hierarchy.clone());
        Some(CgroupError { controller, hierarchy, symbol, release: release.to_owned(), config: path.clone() })
    });
    missing.collect()
}

fn version_2(controller: &str) -> &'static [&'static str] {
    match controller {
        "cpu" | "cpuacct" => &["CGROUP_SCHED"],
        "cpuset" => &["CPUSETS"],
        "io" | "blkio" => &["BLK_CGROUP"],
        "memory" => &["MEMCG"],
        "pids" => &["CGROUP_PIDS"],
        "devices" => &["CGROUP_BPF", "BPF_SYSCALL"],
        "hugetlb" => &["CGROUP_HUGETLB"],
        "rdma" => &["CGROUP_RDMA"],
        _ => &["CGROUPS"],
    }
}

fn version_1(controller: &str, release: &str) -> &'static [&'static str] {
    match controller {
        "cpu" => &["CGROUP_SCHED"],
        "cpuacct" => &["CGROUP_CPUACCT"],
        "cpuset" if version(release) >= (6, 12) => &["CPUSETS", "CPUSETS_V1"],
        "cpuset" => &["CPUSETS"],
        "memory" if version(release) >= (6, 11) => &["MEMCG", "MEMCG_V1"],
        "memory" => &["MEMCG"],
        "io" | "blkio" => &["BLK_CGROUP"],
        "pids" => &["CGROUP_PIDS"],
        "devices" => &["CGROUP_DEVICE"],
        "freezer" => &["CGROUP_FREEZER"],
        "hugetlb" => &["CGROUP_HUGETLB"],
        "rdma" => &["CGROUP_RDMA"],
        _ => &["CGROUPS"],
    }
}

/// The first two numbers of a release: `6.12.107+deb13-cloud-amd64` is 6.12.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

impl fmt::Display for CgroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CgroupError { controller, hierarchy, symbol, release, .. } = self;
        let version = if hierarchy.value == Hierarchy::Unified { 2 } else { 1 };
        write!(f, "Linux {release} has no controller `{}` in cgroup version {version}", controller.value)?;
        write!(f, ": it was built without `CONFIG_{symbol}`")
    }
}

impl std::error::Error for CgroupError {}

impl Explain for CgroupError {
    fn subject(&self) -> Subject {
        Subject::Profile(self.controller.origin.clone())
    }

    fn label(&self) -> Option<String> {
        Some("declared here".to_owned())
    }

    fn notes(&self) -> Vec<Note> {
        let asked = format!("the hierarchy is `{}` by", self.hierarchy.value.name());
        let looked = format!("it was looked for in `{}`", self.config);
        vec![
            Note { text: asked, subject: Subject::Profile(self.hierarchy.origin.clone()) },
            Note { text: looked, subject: Subject::Path(self.config.clone()) },
        ]
    }

    fn help(&self) -> Option<String> {
        Some(match self.hierarchy.value {
            Hierarchy::Unified => "choose a kernel that has it, or leave the controller out".to_owned(),
            Hierarchy::Hybrid | Hierarchy::Legacy => {
                "write `hierarchy = \"unified\"`, choose a kernel that has it, or leave the controller out".to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rootsmith_types::Origin;

    use super::*;

    fn missing(hierarchy: Hierarchy, config: &str, release: &str) -> Vec<String> {
        let origin = Origin::new(Path::new("p.toml").into(), 0..1);
        let at = |value: &str| Located::new(value.to_owned(), origin.clone());
        let cgroups = Cgroups {
            hierarchy: Located::new(hierarchy, origin.clone()),
            controllers: ["cpu", "memory", "cpuset", "devices", "freezer"].map(at).to_vec(),
        };
        let path = TreePath::literal("/boot/config-6.12");
        let found = check_cgroups(&cgroups, &Config::parse(config), &path, release);
        found.into_iter().map(|error| format!("{} {}", error.controller.value, error.symbol)).collect()
    }

    #[test]
    fn version_1_has_switches_of_its_own_in_new_kernels() {
        let trixie = "CONFIG_CGROUPS=y\nCONFIG_CGROUP_SCHED=y\nCONFIG_MEMCG=y\n# CONFIG_MEMCG_V1 is not set\nCONFIG_CPUSETS=y\n\
                      CONFIG_CGROUP_DEVICE=y\nCONFIG_CGROUP_FREEZER=y\nCONFIG_CGROUP_BPF=y\nCONFIG_BPF_SYSCALL=y\n";
        assert_eq!(missing(Hierarchy::Unified, trixie, "6.12.107+deb13-cloud-amd64"), [""; 0]);
        let gone = ["memory MEMCG_V1", "cpuset CPUSETS_V1"];
        assert_eq!(missing(Hierarchy::Legacy, trixie, "6.12.107+deb13-cloud-amd64"), gone);
        assert_eq!(missing(Hierarchy::Hybrid, trixie, "6.11"), gone[..1]);
        assert_eq!(missing(Hierarchy::Legacy, trixie, "6.1.0-38-cloud-amd64"), [""; 0]);
    }

    #[test]
    fn version_2_needs_programs_for_devices_and_no_freezer_switch() {
        let config = "CONFIG_CGROUPS=y\nCONFIG_CGROUP_SCHED=y\nCONFIG_MEMCG=y\nCONFIG_CPUSETS=m\nCONFIG_CGROUP_BPF=y\n";
        assert_eq!(missing(Hierarchy::Unified, config, "6.12"), ["cpuset CPUSETS", "devices BPF_SYSCALL"]);
    }
}
