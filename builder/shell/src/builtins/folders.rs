//! bash's `pushd` and `popd`.

use crate::shell::{Go, Shell};

/// Folders that wait to be returned to.
const MAX_FOLDERS: usize = 1_000;

impl Shell<'_> {
    pub(super) fn folder_stack(&mut self, name: &str, arguments: &[String]) -> Go<u8> {
        if arguments.iter().any(|word| word.starts_with(['-', '+'])) {
            return Err(self.stop(format!("`{name}` with options is not followed")));
        }
        let status = match (name, arguments) {
            ("pushd", [path]) => {
                let old = self.env.cwd.clone();
                if self.env.folders.len() >= MAX_FOLDERS {
                    return Err(self.stop("`pushd`: too many folders"));
                }
                let status = self.change_folder(&["--".to_owned(), path.clone()])?;
                self.env.folders.push(old);
                status
            }
            ("popd", []) => {
                let Some(path) = self.env.folders.last().cloned() else {
                    return self.fail("popd: directory stack empty");
                };
                let status = self.change_folder(&["--".to_owned(), path])?;
                self.env.folders.pop();
                status
            }
            _ => return Err(self.stop(format!("`{name} {}` is not followed", arguments.join(" ")))),
        };
        let home = self.get("HOME").unwrap_or_default().to_owned();
        let tilde = |path: &String| match path
            .strip_prefix(&home)
            .filter(|rest| home.len() > 1 && (rest.is_empty() || rest.starts_with('/')))
        {
            Some(rest) => format!("~{rest}"),
            None => path.clone(),
        };
        let stack: Vec<String> = [&self.env.cwd].into_iter().chain(self.env.folders.iter().rev()).map(tilde).collect();
        self.put(1, format!("{}\n", stack.join(" ")).as_bytes())?;
        Ok(status)
    }
}
