//! Which file a name in a profile means.
//!
//! | named in                                                              | looked for in                                                  |
//! |-----------------------------------------------------------------------|----------------------------------------------------------------|
//! | `extends`, `fragments`, `signed-by`, `base` and `patches` of a kernel | the folder of the file that says it, then `profiles/` above it |
//! | `[[overlay]]`, `[[payload]]`, `[secure-boot]`                         | the folder that holds `profiles/`, else that of the file       |
//! | any of them, when it is not there                                     | the same for the profile that all the others are extended by   |
//!
//! The last line is for folders without `profiles/`: `base/board.toml` may name `kernel/board.config` beside the profile that extends it.
//! Names are worked on as text, so that messages show them as the user would write them.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The folder that profiles of a workspace lie in.
const PROFILES: &str = "profiles";

/// Where `named` may be when `file`, which `entry` extends, says it: the first that exists.
pub(crate) fn beside(file: &Path, entry: &Path, named: &str) -> Vec<PathBuf> {
    let folders = [Some(folder(file)), profiles_above(file), Some(folder(entry)), profiles_above(entry)];
    places(folders.into_iter().flatten(), named)
}

/// Where `named` may be in the workspace of `file`, which `entry` extends: the first that exists.
pub(crate) fn in_workspace(file: &Path, entry: &Path, named: &str) -> Vec<PathBuf> {
    places([file, entry].into_iter().map(workspace), named)
}

/// `path` without `.` and without `x/..`. Symbolic links are not looked at: what is written is what is meant.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir) => {}
                _ => normal.push(".."),
            },
            other => normal.push(other),
        }
    }
    normal
}

fn places<'a>(folders: impl Iterator<Item = &'a Path>, named: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for folder in folders {
        let place = normal(&folder.join(named));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn workspace(file: &Path) -> &Path {
    profiles_above(file).map(folder).unwrap_or_else(|| folder(file))
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn profiles_above(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| folder.file_name() == Some(OsStr::new(PROFILES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(paths: Vec<PathBuf>) -> Vec<String> {
        paths.into_iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_base_is_looked_for_beside_the_file_and_in_profiles() {
        let base = Path::new("profiles/boards/pi.toml");
        let beside = |file, named| shown(beside(file, file, named));
        assert_eq!(beside(base, "../x.toml"), ["profiles/x.toml", "x.toml"]);
        assert_eq!(beside(base, "base/x.toml"), ["profiles/boards/base/x.toml", "profiles/base/x.toml"]);
        assert_eq!(beside(Path::new("profiles/k.toml"), "base/x.toml"), ["profiles/base/x.toml"]);
        assert_eq!(beside(Path::new("k.toml"), "./base/x.toml"), ["base/x.toml"]);
        assert_eq!(beside(Path::new("/w/profiles/k.toml"), "/etc/x.toml"), ["/etc/x.toml"]);
    }

    #[test]
    fn overlays_stand_beside_the_folder_of_profiles() {
        let in_workspace = |file, named| shown(in_workspace(Path::new(file), Path::new(file), named));
        assert_eq!(in_workspace("profiles/boards/pi.toml", "overlays/pi"), ["overlays/pi"]);
        assert_eq!(in_workspace("/w/profiles/k.toml", "overlays/k"), ["/w/overlays/k"]);
        assert_eq!(in_workspace("there/k.toml", "overlays/k"), ["there/overlays/k"]);
        assert_eq!(in_workspace("../profiles/k.toml", "o"), ["../o"]);
    }

    #[test]
    fn without_profiles_what_a_base_names_may_stand_beside_the_profile() {
        let [base, entry] = ["a/base/x.toml", "a/k.toml"].map(Path::new);
        assert_eq!(shown(beside(base, entry, "kernel/x.config")), ["a/base/kernel/x.config", "a/kernel/x.config"]);
        assert_eq!(shown(in_workspace(base, entry, "overlays/k")), ["a/base/overlays/k", "a/overlays/k"]);
        let library = Path::new("/lib/profiles/base/x.toml");
        let places = ["/lib/profiles/base/k.config", "/lib/profiles/k.config", "a/k.config"];
        assert_eq!(shown(beside(library, entry, "k.config")), places);
        assert_eq!(shown(in_workspace(library, entry, "overlays/k")), ["/lib/overlays/k", "a/overlays/k"]);
    }

    #[test]
    fn a_path_that_leaves_the_folder_keeps_its_dots() {
        assert_eq!(normal(Path::new("a/../../b/./c")), Path::new("../b/c"));
        assert_eq!(normal(Path::new("/../a")), Path::new("/a"));
    }
}
