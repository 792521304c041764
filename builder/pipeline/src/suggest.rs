//! Which kernel of the distribution has most of what a profile's fragments ask for.
//!
//! Debian's package `linux-config-VERSION` has the configuration of every kernel that it builds of one version:
//!
//! | file                                             | is of                     |
//! |--------------------------------------------------|---------------------------|
//! | `/usr/src/linux-config-6.12/config.amd64_none_amd64.xz` | `linux-image-amd64`       |
//! | `/usr/src/linux-config-6.12/config.amd64_none_cloud-amd64.xz` | `linux-image-cloud-amd64` |
//! | `/usr/src/linux-config-6.12/config.amd64_rt_amd64.xz`   | `linux-image-rt-amd64`    |

use rootsmith_assemble::{AssembleError, Package};
use rootsmith_fetch::Cache;
use rootsmith_kconfig::spelled;
use rootsmith_kernel::config::{Config, FragmentError, check_fragments};
use rootsmith_package::decompress;
use rootsmith_profile::Profile;
use rootsmith_types::{Arch, Located, PackageName, Problems, TreePath};

use crate::bootable::MAX_TEXT;
use crate::inputs::InputError;
use crate::kernel_source::requests;
use crate::payloads::Payloads;
use crate::places::{Failure, Places};
use crate::prepare::fetch;
use crate::target::{arch_of, resolve_target};
use crate::timer::Timer;
use crate::{Host, Options};

/// A kernel of the distribution, and what it lacks of what the fragments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggested {
    /// Its package.
    pub package: String,
    /// Each line that it does not have as asked, and what it has instead.
    pub lacks: Vec<String>,
}

/// The kernels of the profile's suite, the one that lacks least first.
pub fn suggest_kernels(profile: &Profile, options: &Options, host: Host<'_>) -> Result<Vec<Suggested>, Failure> {
    let places = Places::of(profile);
    let work = || {
        let arch = arch_of(profile, options)?;
        let cache = Cache::open(&options.cache)?;
        let kernel = profile.kernel.as_ref().ok_or(InputError::NoKernelSource)?;
        // The version is that of the kernel the profile has now.
        let now = kernel.package_for(arch).map(|name| (name.value.clone(), name.origin.clone()));
        let built_of = requests(profile, arch).into_iter().next();
        let now = now.or_else(|| built_of.and_then(|request| request.origin.map(|origin| (request.name, origin))));
        let (name, origin) = now.ok_or(InputError::NoKernelSource)?;
        let alone = |name: &PackageName| {
            let wanted = only(profile, Located::new(name.clone(), origin.clone()));
            resolve_target(&wanted, arch, &Payloads::default(), &cache, options, host)
        };
        let found = alone(&name)?;
        let version =
            found.packages.iter().find(|package| package.name == name).map(|package| package.version.as_str());
        let configurations = format!("linux-config-{}", series(version.unwrap_or_default()));
        let missing = || InputError::NoBootPackage { name: configurations.clone() };
        let configurations: PackageName = configurations.parse().map_err(|_| missing())?;
        let mut target = alone(&configurations)?;
        target.packages.retain(|package| package.name == configurations);
        let packages = fetch(&target, &cache, options, host, &mut Timer::new(host))?;
        let mut suggested = Vec::new();
        for package in &packages {
            suggested.extend(of_package(package, profile, arch, &cache)?);
        }
        suggested.sort_by_key(|one| (one.lacks.len(), one.package.clone()));
        Ok(suggested)
    };
    work().map_err(|problems| Failure { problems, places })
}

/// The profile's distribution, and this package alone.
fn only(profile: &Profile, package: Located<PackageName>) -> Profile {
    let mut wanted = profile.clone();
    wanted.packages.include = vec![package];
    wanted.packages.essential = false;
    wanted.packages.dependencies = false;
    (wanted.kernel, wanted.outputs, wanted.payloads) = (None, Vec::new(), Vec::new());
    wanted
}

/// `6.12` of `6.12.118-1`.
fn series(version: &str) -> String {
    let numbers: Vec<&str> = version.split(|c: char| !c.is_ascii_digit()).take(2).collect();
    numbers.join(".")
}

fn of_package(package: &Package, profile: &Profile, arch: Arch, cache: &Cache) -> Result<Vec<Suggested>, Problems> {
    let mut suggested = Vec::new();
    for entry in &package.unpacked.entries {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let Some(name) = path.rsplit('/').next().and_then(|file| kernel_of(file, arch)) else { continue };
        let Some(content) = package.content(&entry.path) else { continue };
        let packed = content.read(cache, MAX_TEXT).map_err(AssembleError::Store)?;
        let text = decompress(&path, &packed, MAX_TEXT)?;
        let config = Config::parse(&String::from_utf8_lossy(&text));
        let at = TreePath::new(&entry.path).map_err(InputError::Path)?;
        let fragments = profile.kernel.iter().flat_map(|kernel| kernel.fragments_for(arch));
        let lacks = check_fragments(&config, &at, fragments).into_iter().filter_map(|error| match error {
            FragmentError::Unmet { line, found, .. } => Some(match found {
                Some(found) => format!("{} (it has `{found}`)", spelled(&line.symbol, &line.wanted)),
                None => spelled(&line.symbol, &line.wanted),
            }),
            FragmentError::Syntax { .. } => None,
        });
        suggested.push(Suggested { package: name, lacks: lacks.collect() });
    }
    Ok(suggested)
}

/// The package of the kernel whose configuration is in `file`.
fn kernel_of(file: &str, arch: Arch) -> Option<String> {
    let rest = file.strip_prefix("config.")?.strip_suffix(".xz")?.strip_prefix(arch.debian())?.strip_prefix('_')?;
    let (set, flavour) = rest.split_once('_')?;
    Some(if set == "none" { format!("linux-image-{flavour}") } else { format!("linux-image-{set}-{flavour}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_named_after_their_kernels() {
        let of = |file| kernel_of(file, Arch::Amd64);
        assert_eq!(of("config.amd64_none_cloud-amd64.xz").as_deref(), Some("linux-image-cloud-amd64"));
        assert_eq!(of("config.amd64_rt_amd64.xz").as_deref(), Some("linux-image-rt-amd64"));
        assert_eq!((of("config.arm64_none_arm64.xz"), of("copyright"), of("config.amd64.xz")), (None, None, None));
        assert_eq!((series("6.12.118-1"), series("6.16~rc3-1")), ("6.12".to_owned(), "6.16".to_owned()));
    }
}
