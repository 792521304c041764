//! Catalogs of XML and SGML: what update-xmlcatalog(8) of xml-core and update-catalog(8) of sgml-base leave, their backups
//! included.
//!
//! | file                          | by                                    | is                                              |
//! |-------------------------------|---------------------------------------|-------------------------------------------------|
//! | `/etc/xml/catalog`            | `update-xmlcatalog --root`            | which package's catalog knows an identifier      |
//! | `/etc/xml/PACKAGE.xml`        | `update-xmlcatalog --package`         | which of its own catalogs does                   |
//! | any                           | `update-xmlcatalog --local`           | which file it stands for                         |
//! | `/var/lib/xml-core/*`         | all three                             | what these are written from                      |
//! | `/etc/sgml/*.cat`             | `update-catalog --add`                | a list of a package's catalogs                   |
//! | `/var/lib/sgml-base/supercatalog` | `update-catalog --update-super`   | a list of those, made when all scripts have run  |

use std::collections::BTreeMap;

use rootsmith_shell::{Done, Refusal};
use rootsmith_types::TreePath;

use super::{Stage, because, done};
use crate::effect::{Effect, Generator};

const XML_DATA: &str = "/var/lib/xml-core";
const XML: &str = "/etc/xml";
/// Characters that a pattern of Perl gives a meaning, but for the dot.
const PATTERN: &[char] = &['\\', '^', '$', '|', '(', ')', '[', ']', '{', '}', '*', '+', '?'];

/// What update-xmlcatalog is asked for.
#[derive(Debug, Default)]
struct Asked<'a> {
    add: bool,
    del: bool,
    root: bool,
    package: Option<&'a str>,
    local: Option<&'a str>,
    file: Option<&'a str>,
    kind: Option<&'a str>,
    id: Option<&'a str>,
}

/// One line of one catalog.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// The catalog itself.
    catalog: String,
    /// What it is written from.
    data: String,
    key: String,
    value: String,
}

/// What a Perl script that dies is ended with, where a file is missing.
fn dies(text: String) -> Result<Done, Refusal> {
    Ok(Done { status: 2, stderr: (text + "\n").into_bytes(), ..Done::default() })
}

fn complains(text: &str) -> Result<Done, Refusal> {
    Ok(Done { status: 1, stderr: format!("update-xmlcatalog: error: {text}\n").into_bytes(), ..Done::default() })
}

impl Stage<'_, '_> {
    /// `update-xmlcatalog`.
    pub(super) fn xml_catalog(&mut self, arguments: &[&str]) -> Result<Done, Refusal> {
        let asked = Asked::parse(arguments)?;
        let entry = match self.xml_entry(&asked)? {
            Ok(entry) => entry,
            Err(complaint) => return complains(&complaint),
        };
        let Entry { catalog, data, key, value } = &entry;
        let mut entries = match self.text("/", data)? {
            Some(text) => read_data(&text),
            None if asked.del => return dies(format!("cannot open catalog data {data} for reading")),
            None => BTreeMap::new(),
        };
        if asked.del && entries.remove(key).is_none() {
            return complains("entity not registered");
        }
        if asked.add && *entries.entry(key.clone()).or_insert_with(|| value.clone()) != *value {
            return complains("entity already registered with a different value");
        }
        if !self.back_up(catalog)? && asked.del {
            return dies(format!("cannot move catalog {catalog} to backup"));
        }
        // Without `--sort` the order is the one of Perl's hashes, another in each run.
        let lines: String = entries.iter().map(|(key, value)| format!("<{key}><{value}>\n")).collect();
        if !self.leave(data, &lines, entries.is_empty())? {
            return dies(format!("cannot open catalog data {data} for writing"));
        }
        let frame = |stage: &mut Self, name: &str| stage.text("/", &format!("/usr/share/xml-core/catalog.{name}"));
        let (Some(header), Some(footer)) = (frame(self, "header")?, frame(self, "footer")?) else {
            return dies("cannot open catalog header".to_owned());
        };
        let lines = entries.iter().map(|(key, value)| format!("<{key} {value}/>"));
        let lines = chopped(&header).map(str::to_owned).chain(lines).chain(chopped(&footer).map(str::to_owned));
        let text: String = lines.map(|line| line + "\n").collect();
        match self.leave(catalog, &text, entries.is_empty())? {
            true => done(),
            false => dies(format!("cannot open catalog {catalog} for writing")),
        }
    }

    /// The line that is asked for, or what is wrong with it.
    fn xml_entry(&mut self, asked: &Asked<'_>) -> Result<Result<Entry, String>, Refusal> {
        let wrong = |text: &str| Ok(Err(text.to_owned()));
        if asked.add == asked.del {
            return wrong("either 'add' or 'del' must be given");
        }
        let missing = |stage: &mut Self, what: &str, path: &str| {
            Ok::<_, Refusal>((!stage.is_file(path)?).then(|| Err(format!("{what} {path} not found"))))
        };
        let of_package = asked.package.map(|package| format!("{XML}/{package}.xml"));
        let checked = match (asked, &of_package) {
            (Asked { root: true, local: Some(_), .. } | Asked { root: true, file: Some(_), .. }, _) => {
                return wrong("local catalog and file not for root catalog file");
            }
            (Asked { root: true, add: true, .. }, Some(catalog)) => missing(self, "package catalog", catalog)?,
            (Asked { root: true, add: true, .. }, None) => return wrong("package catalog not given"),
            (Asked { root: true, package: Some(_), .. }, _) => return wrong("package catalog not for deleting"),
            (Asked { root: true, .. }, _) => missing(self, "root catalog", &format!("{XML}/catalog"))?,
            (Asked { package: Some(_), file: Some(_), .. }, _) => return wrong("file not for package catalog file"),
            (Asked { package: Some(_), add: true, local: Some(local), .. }, _) => {
                missing(self, "local catalog", local)?
            }
            (Asked { package: Some(_), add: true, .. }, _) => return wrong("local catalog not given"),
            (Asked { package: Some(_), local: Some(_), .. }, _) => return wrong("local catalog not for deleting"),
            (Asked { package: Some(_), .. }, Some(catalog)) => missing(self, "package catalog", catalog)?,
            (Asked { local: Some(_), add: true, file: Some(file), .. }, _) => missing(self, "file", file)?,
            (Asked { local: Some(_), add: true, .. }, _) => return wrong("file not given"),
            (Asked { local: Some(_), file: Some(_), .. }, _) => return wrong("file not for deleting"),
            (Asked { local: Some(local), .. }, _) => missing(self, "local catalog", local)?,
            _ => return wrong("catalog not given"),
        };
        if let Some(complaint) = checked {
            return Ok(complaint);
        }
        let (kind, id) = match (asked.kind, asked.id) {
            (Some(kind @ ("public" | "system" | "uri")), Some(id)) => (kind, id),
            (Some("public" | "system" | "uri"), None) => return wrong("id not given"),
            (Some(_), _) => return wrong("wrong type"),
            (None, _) => return wrong("type not given"),
        };
        let delegated = match kind {
            "public" => format!("delegatePublic publicIdStartString=\"{id}\""),
            "system" => format!("delegateSystem systemIdStartString=\"{id}\""),
            _ => format!("delegateURI uriStartString=\"{id}\""),
        };
        Ok(Ok(match (asked.root, asked.package, asked.local) {
            (true, package, _) => Entry {
                catalog: format!("{XML}/catalog"),
                data: format!("{XML_DATA}/catalog"),
                key: delegated,
                value: format!("catalog=\"file:///etc/xml/{}.xml\"", package.unwrap_or_default()),
            },
            (false, Some(package), local) => Entry {
                catalog: format!("{XML}/{package}.xml"),
                data: format!("{XML_DATA}/{package}"),
                key: delegated,
                value: format!("catalog=\"file://{}\"", local.unwrap_or_default()),
            },
            (false, None, local) => {
                let local = local.unwrap_or_default();
                let key = match kind {
                    "uri" => format!("uri name=\"{id}\""),
                    kind => format!("{kind} {kind}Id=\"{id}\""),
                };
                Entry {
                    catalog: local.to_owned(),
                    data: format!("{XML_DATA}/{}", local.replace('/', "_")),
                    key,
                    value: format!("uri=\"{}\"", asked.file.unwrap_or_default()),
                }
            }
        }))
    }

    /// `update-catalog`.
    pub(super) fn sgml_catalog(&mut self, arguments: &[&str]) -> Result<Done, Refusal> {
        let (mut add, mut remove, mut update, mut quiet, mut over) = (false, false, false, false, false);
        let mut words = arguments;
        while let [word, rest @ ..] = words
            && word.starts_with("--")
        {
            words = rest;
            match *word {
                "--" => break,
                "--add" => add = true,
                "--remove" => remove = true,
                "--update-super" => update = true,
                "--quiet" => quiet = true,
                "--super" => over = true,
                _ => return because(format!("`update-catalog {word}`")),
            }
        }
        if u8::from(add) + u8::from(remove) + u8::from(update) != 1 {
            return Ok(Done { status: 1, ..Done::default() });
        }
        let says = |text: String| match quiet {
            true => Done::default(),
            false => Done { stdout: (text + "\n").into_bytes(), ..Done::default() },
        };
        match words {
            [] if update => {
                self.effect(Effect::Generate(Generator::SgmlCatalog))?;
                Ok(says("Updating the super catalog...".to_owned()))
            }
            // The trigger that comes of it has sgml-base look at the folder again.
            [_] if over => {
                self.effect(Effect::Generate(Generator::SgmlCatalog))?;
                let text = "update-catalog: Suppressing action on super catalog. Invoking trigger instead.\n";
                Ok(Done { stdout: text.into(), ..Done::default() })
            }
            [catalog, entry] if !over && !update => {
                let (does, from) = if add { ("Adding", "to") } else { ("Removing", "from") };
                match self.change_sgml(catalog, entry, add)? {
                    true => Ok(says(format!("{does} entry {entry} {from} catalog {catalog}..."))),
                    false => dies(format!("cannot open {catalog}")),
                }
            }
            _ => Ok(Done { status: 1, ..Done::default() }),
        }
    }

    /// `false` where there is no place for the catalog, or no template to make it from.
    fn change_sgml(&mut self, catalog: &str, entry: &str, add: bool) -> Result<bool, Refusal> {
        if entry.contains(PATTERN) {
            return because(format!("the catalog `{entry}`, whose name Perl takes for a pattern"));
        }
        let mut lines: Vec<String> = match self.text("/", catalog)? {
            Some(text) => chopped(&text).filter(|line| !matches(line, entry)).map(str::to_owned).collect(),
            None => match self.text("/", "/usr/share/sgml-base/catalog.centralized")? {
                Some(template) => chopped(&template).map(|line| line.replacen("CATALOG", catalog, 1)).collect(),
                None => return Ok(false),
            },
        };
        if add {
            lines.push(format!("CATALOG {entry}"));
        }
        self.back_up(catalog)?;
        self.leave(catalog, &lines.into_iter().map(|line| line + "\n").collect::<String>(), false)
    }

    /// The text of a file; `None` where there is none.
    fn text(&mut self, cwd: &str, path: &str) -> Result<Option<String>, Refusal> {
        let at = self.target(cwd, path)?;
        match self.content(&at)?.map(String::from_utf8) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => because(format!("the catalog `{path}`, which is no text")),
        }
    }

    fn is_file(&mut self, path: &str) -> Result<bool, Refusal> {
        if !path.starts_with('/') {
            return because(format!("the catalog `{path}`, relative to where the script is"));
        }
        let at = self.target("/", path)?;
        Ok(self.node(&at).is_some_and(|node| node.content().is_some()))
    }

    /// Moves a catalog to `.old`. `false` where there is none.
    fn back_up(&mut self, catalog: &str) -> Result<bool, Refusal> {
        if !self.is_file(catalog)? {
            return Ok(false);
        }
        let (from, to) = (self.place("/", catalog)?, self.place("/", &format!("{catalog}.old"))?);
        self.edit.assembly.tree.remove(&to);
        if let Err(error) = self.edit.assembly.tree.rename(&from, &to) {
            return because(format!("`{from}` cannot become `{to}`: {error}"));
        }
        self.edit.assembly.owners.set(to.clone(), self.edit.owner.clone());
        self.record(Effect::File(to));
        Ok(true)
    }

    /// Leaves a text at a path, or nothing there. `false` where no file can be.
    fn leave(&mut self, path: &str, text: &str, nothing: bool) -> Result<bool, Refusal> {
        let at: TreePath = self.target("/", path)?;
        if !self.fill(&at, text.as_bytes(), 0o644)? {
            return Ok(false);
        }
        if nothing {
            self.edit.assembly.tree.remove(&at);
        }
        Ok(true)
    }
}

impl<'a> Asked<'a> {
    fn parse(arguments: &[&'a str]) -> Result<Asked<'a>, Refusal> {
        let mut asked = Asked::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (name, inline) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
            let mut value = || match inline.or_else(|| words.next().copied()) {
                Some(value) => Ok(Some(value)),
                None => because(format!("`update-xmlcatalog {word}` without a value")),
            };
            match (name, inline) {
                ("--id", _) => asked.id = value()?,
                ("--type", _) => asked.kind = value()?,
                ("--package", _) => asked.package = value()?,
                ("--local", _) => asked.local = value()?,
                ("--file", _) => asked.file = value()?,
                ("--add", None) => asked.add = true,
                ("--del", None) => asked.del = true,
                ("--root", None) => asked.root = true,
                ("--sort" | "--verbose", None) => {}
                _ => return because(format!("`update-xmlcatalog {word}`")),
            }
        }
        Ok(asked)
    }
}

/// `<key><value>`, as update-xmlcatalog keeps them.
fn read_data(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let mut parts = line.split('>').map(|part| part.strip_prefix('<').unwrap_or(part).to_owned());
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    };
    chopped(text).map(pair).collect()
}

/// Lines without their last character, which need not be the end of the line.
fn chopped(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').map(|line| {
        let mut chars = line.chars();
        chars.next_back();
        chars.as_str()
    })
}

/// Whether a pattern without a meaning but for its dots is found in a line.
fn matches(line: &str, pattern: &str) -> bool {
    let (line, pattern) = (line.as_bytes(), pattern.as_bytes());
    pattern.is_empty()
        || line.windows(pattern.len()).any(|part| part.iter().zip(pattern).all(|(a, b)| *b == b'.' || a == b))
}
