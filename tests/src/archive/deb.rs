//! A binary package (deb(5)), written here so that its digest is the same on every host.

use std::collections::BTreeMap;

use super::DATE;

/// A package of version 1 for amd64, as far as nothing else is said.
#[derive(Debug, Clone)]
pub struct Deb {
    name: String,
    version: String,
    fields: Vec<(&'static str, String)>,
    scripts: BTreeMap<&'static str, String>,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Folder,
    File(Vec<u8>, u32),
    Link(String),
}

impl Deb {
    /// A package without files.
    pub fn new(name: &str) -> Deb {
        let (scripts, entries) = (BTreeMap::new(), BTreeMap::from([("./".to_owned(), Entry::Folder)]));
        Deb { name: name.to_owned(), version: "1".to_owned(), fields: Vec::new(), scripts, entries }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With a field of the control file.
    pub fn field(mut self, name: &'static str, value: &str) -> Deb {
        self.fields.push((name, value.to_owned()));
        self
    }

    /// With a maintainer script, `postinst`.
    pub fn script(mut self, name: &'static str, text: &str) -> Deb {
        self.scripts.insert(name, text.to_owned());
        self
    }

    /// With a folder, `usr/share/doc`, and those above it.
    pub fn folder(mut self, path: &str) -> Deb {
        for (at, _) in path.match_indices('/') {
            self.entries.insert(format!("./{}/", &path[..at]), Entry::Folder);
        }
        self.entries.insert(format!("./{path}/"), Entry::Folder);
        self
    }

    /// With a file and the folders above it.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Deb {
        self.leaf(path, Entry::File(content.as_ref().to_vec(), 0o644))
    }

    /// With a program and the folders above it.
    pub fn program(self, path: &str, content: impl AsRef<[u8]>) -> Deb {
        self.leaf(path, Entry::File(content.as_ref().to_vec(), 0o755))
    }

    /// With a symbolic link and the folders above it.
    pub fn link(self, path: &str, target: &str) -> Deb {
        self.leaf(path, Entry::Link(target.to_owned()))
    }

    fn leaf(self, path: &str, entry: Entry) -> Deb {
        let mut deb = match path.rsplit_once('/') {
            Some((folder, _)) => self.folder(folder),
            None => self,
        };
        deb.entries.insert(format!("./{path}"), entry);
        deb
    }

    /// Its control file.
    pub fn stanza(&self) -> String {
        let (name, version) = (&self.name, &self.version);
        let mut text = format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\n");
        text += "Maintainer: Nobody <nobody@mirror.invalid>\n";
        for (field, value) in &self.fields {
            text += &format!("{field}: {value}\n");
        }
        text + &format!("Description: what {name} is for in a test\n")
    }

    /// Its place in the archive.
    pub fn filename(&self) -> String {
        format!("pool/main/{}_{}_amd64.deb", self.name, self.version)
    }

    /// The archive file: members without compression, times fixed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut control = tar::Builder::new(Vec::new());
        add(&mut control, "./control", &Entry::File(self.stanza().into_bytes(), 0o644));
        for (name, text) in &self.scripts {
            add(&mut control, &format!("./{name}"), &Entry::File(text.clone().into_bytes(), 0o755));
        }
        let mut data = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            add(&mut data, path, entry);
        }
        let mut archive = b"!<arch>\n".to_vec();
        let members =
            [("debian-binary", b"2.0\n".to_vec()), ("control.tar", finish(control)), ("data.tar", finish(data))];
        for (name, content) in members {
            archive.extend(format!("{name:<16}{:<12}0     0     100644  {:<10}`\n", DATE, content.len()).bytes());
            archive.extend(&content);
            if content.len() % 2 == 1 {
                archive.push(b'\n');
            }
        }
        archive
    }
}

fn add(tar: &mut tar::Builder<Vec<u8>>, path: &str, entry: &Entry) {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(DATE.unsigned_abs());
    let (kind, mode, content) = match entry {
        Entry::Folder => (tar::EntryType::Directory, 0o755, &[][..]),
        Entry::File(content, mode) => (tar::EntryType::Regular, *mode, content.as_slice()),
        Entry::Link(target) => {
            header.set_link_name(target).unwrap();
            (tar::EntryType::Symlink, 0o777, &[][..])
        }
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).unwrap();
}

fn finish(tar: tar::Builder<Vec<u8>>) -> Vec<u8> {
    tar.into_inner().unwrap()
}
