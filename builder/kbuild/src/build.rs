//! From a source and a configuration to the files of a kernel.
//!
//! | path                        | is                                                                                |
//! |-----------------------------|-----------------------------------------------------------------------------------|
//! | `/boot/vmlinuz-R`           | the image; `vmlinux-R` on riscv64                                                 |
//! | `/boot/config-R`            | the configuration                                                                 |
//! | `/usr/lib/modules/R/`       | modules, stripped, compressed as configured; `modules.builtin` and its like       |
//! | `/usr/lib/linux-image-R/`   | device trees, as Debian's packages have them                                      |

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use rootsmith_kernel::config::Config;
use rootsmith_types::UnixTime;
use walkdir::WalkDir;

use crate::KbuildError;
use crate::configure::Make;
use crate::recipe::Target;

/// What a module folder has of the kernel itself, whether there are modules or not.
const OF_KERNEL: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

/// Builds in the source's folder and lays the files out below `out`. `compiled` hears of each object.
pub(crate) fn build(
    make: &Make<'_>,
    config: &Config,
    out: &Path,
    compiled: &mut dyn FnMut(),
) -> Result<(), KbuildError> {
    let target = Target::of(make.input.arch);
    let modules = config.is_builtin("MODULES");
    let device_trees = target.device_trees && config.is_builtin("OF");
    let mut goals = vec![format!("-j{}", make.input.jobs), target.image.0.to_owned()];
    goals.extend(modules.then(|| "modules".to_owned()));
    goals.extend(device_trees.then(|| "dtbs".to_owned()));
    make.run(&goals, &mut |line| {
        if is_object(line) {
            compiled();
        }
    })?;
    let release = release(make)?;

    let boot = out.join("boot");
    let folder = out.join("usr/lib/modules").join(&release);
    for folder in [&boot, &folder] {
        fs::create_dir_all(folder).map_err(KbuildError::disk("make the folder", folder))?;
    }
    copy(&make.folder.join(target.image.1), &boot.join(format!("{}-{release}", target.name)))?;
    copy(&make.folder.join(".config"), &boot.join(format!("config-{release}")))?;
    if modules {
        let path = format!("INSTALL_MOD_PATH={}", out.join("usr").display());
        // The index of the modules is ours to make, as for every kernel.
        make.run(
            &["modules_install".to_owned(), path, "INSTALL_MOD_STRIP=1".to_owned(), "DEPMOD=true".to_owned()],
            &mut |_| (),
        )?;
        // A link to where it was built.
        for link in ["build", "source"] {
            let link = folder.join(link);
            if link.is_symlink() {
                fs::remove_file(&link).map_err(KbuildError::disk("remove", &link))?;
            }
        }
    }
    for name in OF_KERNEL {
        let (from, to) = (make.folder.join(name), folder.join(name));
        match from.exists() {
            _ if to.exists() => {}
            true => copy(&from, &to)?,
            false => fs::write(&to, []).map_err(KbuildError::disk("write", &to))?,
        }
    }
    if device_trees {
        let path = format!("INSTALL_DTBS_PATH={}", out.join(format!("usr/lib/linux-image-{release}")).display());
        make.run(&["dtbs_install".to_owned(), path], &mut |_| ())?;
    }
    Ok(())
}

/// What the kernel calls itself.
fn release(make: &Make<'_>) -> Result<String, KbuildError> {
    let mut said = String::new();
    make.run(&["-s".to_owned(), "kernelrelease".to_owned()], &mut |line| said = line.trim().to_owned())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-~".contains(c);
    if said.is_empty() || !said.chars().all(plain) {
        return Err(KbuildError::Make { target: "kernelrelease".to_owned(), last: vec![said] });
    }
    Ok(said)
}

/// `  CC      kernel/fork.o`: a line of one object.
fn is_object(line: &str) -> bool {
    let mut words = line.split_whitespace();
    line.starts_with("  ") && matches!(words.next(), Some("CC" | "AS" | "HOSTCC" | "DTC")) && words.next().is_some()
}

fn copy(from: &Path, to: &Path) -> Result<(), KbuildError> {
    fs::copy(from, to).map(drop).map_err(KbuildError::disk("copy", from))
}

/// Writes what is below `folder` as a tar archive: sorted, root's, of one date.
pub(crate) fn pack(folder: &Path, to: &Path, date: UnixTime) -> Result<(), KbuildError> {
    let pack = || -> io::Result<()> {
        let mut out = tar::Builder::new(BufWriter::new(File::create(to)?));
        for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
            let entry = entry?;
            let path = entry.path().strip_prefix(folder).map_err(io::Error::other)?;
            let mut header = tar::Header::new_gnu();
            header.set_mtime(u64::try_from(date).unwrap_or(0));
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            if entry.file_type().is_dir() {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                out.append_data(&mut header, path, io::empty())?;
            } else if entry.file_type().is_file() {
                let file = File::open(entry.path())?;
                header.set_mode(0o644);
                header.set_size(file.metadata()?.len());
                out.append_data(&mut header, path, file)?;
            }
        }
        out.into_inner()?.into_inner().map_err(|error| error.into_error())?.sync_all()
    };
    pack().map_err(KbuildError::disk("write", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_and_nothing_else() {
        assert!(is_object("  CC      kernel/fork.o") && is_object("  AS      arch/x86/entry/entry_64.o"));
        assert!(!is_object("  LD      vmlinux.o") && !is_object("make[1]: CC x") && !is_object("CC x"));
    }
}
