//! `rootsmith seed`: the small disk that tells a machine with cloud-init who it is (cloud-init's documentation, "NoCloud").
//!
//! A file system called `CIDATA` with `user-data`, `meta-data` and perhaps `network-config`: FAT, or ISO 9660 when the name ends in
//! `.iso`, since a CD has larger sectors than such a FAT and no kernel mounts that from one. Its bytes depend on what it says alone, and
//! so does the instance's identifier: a seed that says something else is taken for a new machine's.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_pipeline::Places;
use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::{Blame, Explain, NumBytes, Sha256Digest, Subject, TreePath, UnixTime};

use crate::args::SeedArgs;
use crate::environment::Environment;
use crate::report;

/// 1 January 1980: FAT knows no earlier time.
const DATE: UnixTime = 315_532_800;
/// What cloud-init looks for.
const LABEL: &str = "CIDATA";

pub(crate) fn seed(args: &SeedArgs, environment: &Environment) -> Result<(), ExitCode> {
    write(args)
        .map_err(|error| ExitCode::from(report::print_problems(&error.into(), &Places::default(), environment)))?;
    let _ = writeln!(io::stdout(), "{}", args.output.display());
    Ok(())
}

/// Why there is no seed.
#[derive(Debug)]
enum SeedError {
    /// A file that was named cannot be read.
    Read { path: PathBuf, error: io::Error },
    /// A file of keys without a key, or with a private one.
    NoKey { path: PathBuf, private: bool },
    /// A line of such a file, from 1 on, that is something else.
    NotKey { path: PathBuf, line: usize },
    /// The disk cannot be written.
    Write { path: PathBuf, error: io::Error },
    /// What it says does not make a disk.
    Disk(rootsmith_fat::PlanError),
    /// Nor a CD.
    Cd(rootsmith_iso9660::PlanError),
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeedError::Read { path, error } => write!(f, "cannot read `{}`: {error}", path.display()),
            SeedError::NoKey { path, private: true } => write!(f, "`{}` is a private key", path.display()),
            SeedError::NoKey { path, .. } => write!(f, "`{}` has no public key of SSH", path.display()),
            SeedError::NotKey { path, line } => {
                write!(f, "line {line} of `{}` is no public key of SSH, or one with options", path.display())
            }
            SeedError::Write { path, error } => write!(f, "cannot make `{}`: {error}", path.display()),
            SeedError::Disk(error) => write!(f, "the seed does not make a disk: {error}"),
            SeedError::Cd(error) => write!(f, "the seed does not make a CD: {error}"),
        }
    }
}

impl std::error::Error for SeedError {}

impl Explain for SeedError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        match self {
            SeedError::NoKey { private: true, .. } => Some("name the file beside it that ends in `.pub`".to_owned()),
            SeedError::NoKey { .. } => Some("name a file as ssh-keygen(1) writes it: `id_ed25519.pub`".to_owned()),
            SeedError::NotKey { .. } => {
                Some("take the line away, or write `ssh_authorized_keys` into a file for `--user-data`".to_owned())
            }
            SeedError::Write { error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                Some("give another name, or delete it".to_owned())
            }
            _ => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            SeedError::Write { .. } => Blame::Host,
            _ => Blame::Inputs,
        }
    }
}

fn write(args: &SeedArgs) -> Result<(), SeedError> {
    let user_data = match &args.user_data {
        Some(path) => read(path)?,
        None => user_data(args.user.as_deref(), &keys(&args.ssh_keys)?),
    };
    let network = args.network_config.as_deref().map(read).transpose()?;
    let digest = Sha256Digest::of(format!("{user_data}\0{}", network.as_deref().unwrap_or_default()).as_bytes());
    let digest = digest.to_string();
    let name = &args.hostname;
    let meta_data = format!("instance-id: \"{name}-{}\"\nlocal-hostname: \"{name}\"\n", &digest[..12]);

    let files = [("/meta-data", Some(meta_data)), ("/network-config", network), ("/user-data", Some(user_data))];
    let files: Vec<_> = files.into_iter().filter_map(|(path, text)| Some((path, text?))).collect();
    if args.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("iso")) {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| rootsmith_iso9660::File {
                name: path.trim_start_matches('/'),
                content: text.as_bytes(),
            })
            .collect();
        let options = rootsmith_iso9660::Options { label: LABEL, date: DATE };
        return save(&rootsmith_iso9660::plan(&files, &options).map_err(SeedError::Cd)?, &args.output);
    }
    let mut tree = Tree::new(Metadata::root(0o755, DATE));
    for (path, text) in files {
        let node = Node::file(Content::inline(text), Metadata::root(0o644, DATE));
        tree.insert(&TreePath::literal(path), node).expect("an empty tree has room for a file");
    }
    let options = rootsmith_fat::Options {
        size: rootsmith_fat::Size::Minimal { free: NumBytes::new(0) },
        volume_id: u32::from_str_radix(&digest[..8], 16).expect("a digest is hexadecimal"),
        label: LABEL.to_owned(),
    };
    save(&rootsmith_fat::plan(&tree, &NoBlobs, &options).map_err(SeedError::Disk)?, &args.output)
}

/// Half a seed is none: it gets its name when it is whole.
fn save(image: &dyn Image, path: &Path) -> Result<(), SeedError> {
    let failed = |error| SeedError::Write { path: path.to_owned(), error };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = fs::Permissions::from_mode(0o666);
    let made = tempfile::Builder::new().permissions(mode).tempfile_in(folder).map_err(failed)?;
    let file = made.as_file();
    let done = file.set_len(image.size().get()).and_then(|()| image.write(&mut Positioned(file)));
    done.and_then(|()| file.sync_all()).map_err(failed)?;
    made.persist_noclobber(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A file; what is not written stays zero.
struct Positioned<'a>(&'a File);

impl Sink for Positioned<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

fn read(path: &Path) -> Result<String, SeedError> {
    fs::read_to_string(path).map_err(|error| SeedError::Read { path: path.to_owned(), error })
}

/// The public keys of all files, one a line.
fn keys(paths: &[PathBuf]) -> Result<Vec<String>, SeedError> {
    let mut keys = Vec::new();
    for path in paths {
        let text = read(path)?;
        let private = text.contains("PRIVATE KEY-----");
        let before = keys.len();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
            match is_key(text) {
                true => keys.push(text.to_owned()),
                // What is dropped here would be missed at a login.
                false if keys.len() > before && !private => return Err(SeedError::NotKey { path: path.clone(), line }),
                false => return Err(SeedError::NoKey { path: path.clone(), private }),
            }
        }
        if keys.len() == before {
            return Err(SeedError::NoKey { path: path.clone(), private });
        }
    }
    Ok(keys)
}

/// sshd(8), "AUTHORIZED_KEYS FILE FORMAT", without options.
fn is_key(line: &str) -> bool {
    let kinds = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
    let plain = |c: char| !c.is_control();
    kinds.iter().any(|kind| line.starts_with(kind)) && line.contains(' ') && line.chars().all(plain)
}

/// Keys for the user that the image makes of itself, or for one of this name, who may become root.
fn user_data(user: Option<&str>, keys: &[String]) -> String {
    let mut text = String::from("#cloud-config\n");
    let mut indent = "";
    if let Some(user) = user {
        let _ = writeln!(text, "users:\n  - name: \"{user}\"\n    shell: /bin/bash\n    sudo: ALL=(ALL) NOPASSWD:ALL");
        indent = "    ";
    }
    if !keys.is_empty() {
        let _ = writeln!(text, "{indent}ssh_authorized_keys:");
    }
    for key in keys {
        let key = key.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "{indent}  - \"{key}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEv3mLkGkKlMb8rDbEBwWUtfbBJPLGLHJLGs9RuqZsJX a \"b\"";

    fn args(folder: &Path) -> SeedArgs {
        let ssh_keys = vec![folder.join("key.pub")];
        fs::write(&ssh_keys[0], format!("{KEY}\n")).unwrap();
        let (output, hostname, user) = (folder.join("seed.img"), "node-1".to_owned(), Some("alice".to_owned()));
        SeedArgs { output, hostname, user, ssh_keys, user_data: None, network_config: None }
    }

    #[test]
    fn a_seed_depends_on_what_it_says_alone() {
        let [one, two, other] = [0; 3].map(|_| tempfile::tempdir().unwrap());
        let image = |args: &SeedArgs| {
            write(args).unwrap();
            fs::read(&args.output).unwrap()
        };
        let first = image(&args(one.path()));
        assert_eq!(first, image(&args(two.path())));
        assert_ne!(first, image(&SeedArgs { user: None, ..args(other.path()) }));
        // It is never written over.
        let again = write(&args(one.path())).unwrap_err();
        assert!(again.help().is_some_and(|help| help.contains("another name")), "{again}");
    }

    #[test]
    fn what_is_called_iso_is_a_cd() {
        let folder = tempfile::tempdir().unwrap();
        for (name, cd) in [("seed.ISO", true), ("iso", false)] {
            let output = folder.path().join(name);
            write(&SeedArgs { output: output.clone(), ..args(folder.path()) }).unwrap();
            let image = fs::read(output).unwrap();
            assert_eq!(image.get(0x8001..0x8006) == Some(b"CD001"), cd, "{name}");
            assert_eq!(image.len() % 2048, 0);
        }
    }

    #[test]
    fn users_and_keys_are_cloud_config() {
        let keys = [KEY.to_owned()];
        let key = KEY.replace('"', "\\\"");
        assert_eq!(user_data(None, &keys), format!("#cloud-config\nssh_authorized_keys:\n  - \"{key}\"\n"));
        assert_eq!(
            user_data(Some("alice"), &keys),
            format!(
                "#cloud-config\nusers:\n  - name: \"alice\"\n    shell: /bin/bash\n    sudo: ALL=(ALL) NOPASSWD:ALL\n    \
                 ssh_authorized_keys:\n      - \"{key}\"\n"
            )
        );
    }

    #[test]
    fn a_private_key_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mixed = format!("{KEY}\nrestrict {KEY}\n");
        let path = folder.path().join("keys");
        fs::write(&path, mixed).unwrap();
        assert!(matches!(keys(&[path]).unwrap_err(), SeedError::NotKey { line: 2, .. }));
        for (text, private) in [("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", true), ("# nothing\n\nhello\n", false)]
        {
            let path = folder.path().join("key");
            fs::write(&path, text).unwrap();
            let error = keys(&[path]).unwrap_err();
            assert!(matches!(error, SeedError::NoKey { private: it, .. } if it == private), "{error}");
        }
    }
}
