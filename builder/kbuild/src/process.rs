//! Running what the host has.

use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs of the host, behind a trait that a test can replace.
pub trait Processes: Sync {
    /// Whether there is a program of this name.
    fn has(&self, program: &str) -> bool;

    /// Runs one to its end. `line` gets every line it prints, whether as output or as an error.
    fn run(&self, run: &Run<'_>, line: &mut dyn FnMut(&str)) -> io::Result<Ended>;
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// Its name.
    pub program: &'a str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder it runs in.
    pub folder: &'a Path,
    /// Its environment, beside `PATH` and `LC_ALL=C`: nothing of ours comes through.
    pub variables: Vec<(&'a str, String)>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether it says that all went well.
    pub success: bool,
}

/// The host's own programs, in the folders of a `PATH`.
#[derive(Debug, Clone)]
pub struct Programs {
    path: String,
}

impl Programs {
    /// Those in the folders of `path`.
    pub fn new(path: &str) -> Programs {
        Programs { path: path.to_owned() }
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        // A relative folder would mean another one in the folder that the program runs in.
        let folders = std::env::split_paths(&self.path).filter(|folder| folder.is_absolute());
        let is_program = |file: &PathBuf| {
            file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        };
        folders.map(|folder| folder.join(program)).find(is_program)
    }
}

impl Processes for Programs {
    fn has(&self, program: &str) -> bool {
        self.find(program).is_some()
    }

    fn run(&self, run: &Run<'_>, line: &mut dyn FnMut(&str)) -> io::Result<Ended> {
        let program = self.find(run.program).ok_or(io::ErrorKind::NotFound)?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(&run.arguments)
            .current_dir(run.folder)
            .env_clear()
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .envs(run.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command.spawn()?;
        // Our own copies of the writing end close with it.
        drop(command);
        let mut reader = BufReader::new(reader);
        let mut text = Vec::new();
        while reader.read_until(b'\n', &mut text)? > 0 {
            line(String::from_utf8_lossy(&text).trim_end());
            text.clear();
        }
        Ok(Ended { success: child.wait()?.success() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_our_environment_alone_and_all_it_prints_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::new("/usr/bin:/bin");
        let script = "env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort; pwd; echo wrong >&2; exit 3";
        let run = Run {
            program: "sh",
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: folder.path(),
            variables: vec![("KBUILD_BUILD_USER", "rootsmith".to_owned())],
        };
        let mut lines = Vec::new();
        let ended = programs.run(&run, &mut |line| lines.push(line.to_owned())).unwrap();
        let here = folder.path().canonicalize().unwrap().display().to_string();
        assert_eq!(lines, ["KBUILD_BUILD_USER=rootsmith", "LC_ALL=C", "PATH=/usr/bin:/bin", &here, "wrong"]);
        assert_eq!(ended, Ended { success: false });
        assert!(programs.has("sh") && !programs.has("no-such-program"));
        assert!(!Programs::new("bin:.").has("sh"));
    }
}
