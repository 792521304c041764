//! Which file a name in a profile means.
//!
//! | named in                                                              | looked for in                                                  |
//! |-----------------------------------------------------------------------|----------------------------------------------------------------|
//! | `extends`, `fragments`, `signed-by`, `base` and `patches` of a kernel | the folder of the file that says it, then `profiles/` above it |
//! | `[[overlay]]`, `[[payload]]`, `[secure-boot]`                         | the folder that holds `profiles/`, else that of the file       |
//!
//! Names are worked on as text, so that messages show them as the user would write them.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The folder that profiles of a workspace lie in.
const PROFILES: &str = "profiles";

/// Where `named` may be when a profile in `file` says it: the first that exists.
pub(crate) fn beside(file: &Path, named: &str) -> Vec<PathBuf> {
    let mut places = vec![normal(&folder(file).join(named))];
    if let Some(profiles) = profiles_above(file) {
        let second = normal(&profiles.join(named));
        if second != places[0] {
            places.push(second);
        }
    }
    places
}

/// Where `named` is when it stands in the workspace of `file`.
pub(crate) fn in_workspace(file: &Path, named: &str) -> PathBuf {
    let workspace = profiles_above(file).map(folder).unwrap_or_else(|| folder(file));
    normal(&workspace.join(named))
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
        assert_eq!(shown(beside(base, "../x.toml")), ["profiles/x.toml", "x.toml"]);
        assert_eq!(shown(beside(base, "base/x.toml")), ["profiles/boards/base/x.toml", "profiles/base/x.toml"]);
        assert_eq!(shown(beside(Path::new("profiles/k.toml"), "base/x.toml")), ["profiles/base/x.toml"]);
        assert_eq!(shown(beside(Path::new("k.toml"), "./base/x.toml")), ["base/x.toml"]);
        assert_eq!(shown(beside(Path::new("/w/profiles/k.toml"), "/etc/x.toml")), ["/etc/x.toml"]);
    }

    #[test]
    fn overlays_stand_beside_the_folder_of_profiles() {
        assert_eq!(in_workspace(Path::new("profiles/boards/pi.toml"), "overlays/pi"), Path::new("overlays/pi"));
        assert_eq!(in_workspace(Path::new("/w/profiles/k.toml"), "overlays/k"), Path::new("/w/overlays/k"));
        assert_eq!(in_workspace(Path::new("there/k.toml"), "overlays/k"), Path::new("there/overlays/k"));
        assert_eq!(in_workspace(Path::new("../profiles/k.toml"), "o"), Path::new("../o"));
    }

    #[test]
    fn a_path_that_leaves_the_folder_keeps_its_dots() {
        assert_eq!(normal(Path::new("a/../../b/./c")), Path::new("../b/c"));
        assert_eq!(normal(Path::new("/../a")), Path::new("/a"));
    }
}
