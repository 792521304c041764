//! What the host lacks.

/// A program, header or other file that the host lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingTool {
    /// Its name, or its path in Debian.
    pub name: &'static str,
    /// What it is wanted for: `compile the kernel`.
    pub purpose: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

impl MissingTool {
    /// The end of a sentence that begins with who needs them: `` `make` to run it and `gcc` to compile it, which are not there ``.
    pub fn list(missing: &[MissingTool]) -> String {
        let mut text = String::new();
        for (i, tool) in missing.iter().enumerate() {
            text.push_str(match i {
                0 => "",
                i if i + 1 == missing.len() => " and ",
                _ => ", ",
            });
            text.push_str(&format!("`{}` to {}", tool.name, tool.purpose));
        }
        text.push_str(if missing.len() == 1 { ", which is not there" } else { ", which are not there" });
        text
    }

    /// How to get them.
    pub fn help(missing: &[MissingTool]) -> String {
        let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
        packages.dedup();
        let them = if packages.len() == 1 { "it" } else { "them" };
        format!("install {them}: `apt-get install {}`", packages.join(" "))
    }
}
