//! Running what the host has.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs of the host, behind a trait that a test can replace.
pub trait Processes: Sync {
    /// Whether there is a program of this name.
    fn has(&self, program: &str) -> bool;

    /// Runs one to its end. `line` gets every line it prints, whether as output or as an error.
    fn run(&self, run: &Run<'_>, line: &mut dyn FnMut(&str)) -> io::Result<Ended>;

    /// Runs one that turns `input` into what it prints, in the environment and the folder that we run in ourselves: for what asks a
    /// token or an agent. Output of more than 1 MiB is an error, and so is an end that is no success, with what was said.
    fn convert(&self, program: &str, arguments: &[String], input: &[u8]) -> io::Result<Vec<u8>>;
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

    fn convert(&self, program: &str, arguments: &[String], input: &[u8]) -> io::Result<Vec<u8>> {
        let program = if program.contains('/') {
            PathBuf::from(program)
        } else {
            self.find(program).ok_or(io::ErrorKind::NotFound)?
        };
        // A file, so that nobody has to write while somebody else reads.
        let mut given = tempfile::tempfile()?;
        given.write_all(input)?;
        given.rewind()?;
        let mut said = tempfile::tempfile()?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(given).stdout(writer).stderr(said.try_clone()?);
        let mut child = command.spawn()?;
        // Our own copy of the writing end closes with it.
        drop(command);
        let mut bytes = Vec::new();
        let read = reader.take(MAX_CONVERTED + 1).read_to_end(&mut bytes);
        let too_much = bytes.len() as u64 > MAX_CONVERTED;
        if too_much {
            child.kill()?;
        }
        let ended = child.wait()?;
        read?;
        if too_much {
            return Err(io::Error::other("it printed more than 1 MiB"));
        }
        if !ended.success() {
            said.rewind()?;
            let mut text = Vec::new();
            said.take(MAX_SAID).read_to_end(&mut text)?;
            return Err(io::Error::other(format!("{ended}: {}", String::from_utf8_lossy(&text).trim())));
        }
        Ok(bytes)
    }
}

/// Most that a program may print when it converts something.
const MAX_CONVERTED: u64 = 1 << 20;
/// Of what it says when it fails, so much is shown.
const MAX_SAID: u64 = 4 << 10;

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

    #[test]
    fn what_is_converted_comes_back_and_what_went_wrong_is_said() {
        let programs = Programs::new("/usr/bin:/bin");
        let sh = |script: &str| programs.convert("sh", &["-c".to_owned(), script.to_owned()], b"a\0b");
        assert_eq!(sh("tr a c").unwrap(), b"c\0b");
        assert_eq!(sh("echo no token >&2; exit 3").unwrap_err().to_string(), "exit status: 3: no token");
        assert!(sh("head -c 1048577 /dev/zero").unwrap_err().to_string().contains("more than 1 MiB"));
        assert_eq!(programs.convert("no-such-program", &[], b"").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
