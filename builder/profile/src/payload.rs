//! `[[payload]]`.

use std::collections::BTreeMap;

use rootsmith_types::{Arch, Located, TreePath};

use crate::choices::{PAYLOAD_KINDS, PayloadWord};
use crate::fields::Fields;
use crate::keys::{SOURCE, SOURCES};
use crate::load::Loader;
use crate::model::{ByArch, Member, Payload, PayloadKind, Source, Unpacking};
use crate::value::{Kind, Value};
use crate::words;

/// The keys that only some kinds have.
const SPECIAL: [&str; 6] = ["install", "members", "strip", "owner", "group", "mode"];

/// One payload; `None` when something in it is wrong, which is noted.
pub(crate) fn payload(table: &Fields<'_>, loader: &Loader<'_>) -> Option<Payload> {
    let name = table.required("name", "name = \"k0s\"", words::image_name);
    let source = source(table, loader);
    let word = match table.get("kind") {
        Some(_) => table.text("kind", |text| PAYLOAD_KINDS.read(text))?.value,
        None => PayloadWord::File,
    };
    let known: &'static [&'static str] = match word {
        PayloadWord::File | PayloadWord::Oci => &["name", "source", "kind", "install", "owner", "group", "mode"],
        PayloadWord::Deb => &["name", "source", "kind"],
        PayloadWord::Tar | PayloadWord::Zip => &[],
    };
    for key in SPECIAL.into_iter().filter(|key| !known.is_empty() && !known.contains(key)) {
        let word = PAYLOAD_KINDS.words.iter().find(|(_, value)| *value == Some(word)).map_or("", |(word, _)| word);
        table.refuse(key, &format!("a payload of kind `{word}`"), known);
    }
    let (kind, install) = match word {
        PayloadWord::File => (PayloadKind::File, place(table, "install = \"/usr/local/bin/k0s\"")),
        PayloadWord::Oci => (PayloadKind::Oci, place(table, "install = \"/var/lib/k0s/images/bundle.tar\"")),
        PayloadWord::Deb => (PayloadKind::Deb, Some(table.default(TreePath::root()))),
        PayloadWord::Tar => (PayloadKind::Tar(unpacking(table)), folder(table)),
        PayloadWord::Zip => (PayloadKind::Zip(unpacking(table)), folder(table)),
    };
    let account = |key| table.get(key).and_then(|value| table.number_or_text(key, value, words::owner));
    let (owner, group) = (account("owner"), account("group"));
    let mode = table.text("mode", words::mode).map(|mode| mode.value);
    let origin = table.origin.clone();
    Some(Payload { name: name?, source: source?, kind, install: install?, owner, group, mode, origin })
}

fn place(table: &Fields<'_>, example: &'static str) -> Option<Located<TreePath>> {
    table.required("install", example, words::target_path)
}

fn folder(table: &Fields<'_>) -> Option<Located<TreePath>> {
    table.required("install", "install = \"/usr/local/bin\"", words::target_folder)
}

fn unpacking(table: &Fields<'_>) -> Unpacking {
    let members = table.get("members").map(|value| members(table, value));
    let strip = table.number("strip", words::strip).map_or(0, |strip| strip.value);
    Unpacking { members, strip }
}

/// `["a/b"]`, or `{ "a/b" = "c" }`.
fn members(table: &Fields<'_>, value: &Value) -> Vec<Member> {
    if !matches!(value.kind, Kind::Table(_)) {
        table.require_some("members", "members = [\"linux-amd64/helm\"]");
        let list = table.set("members", words::member).into_iter();
        return list.map(|path| Member { path, to: None }).collect();
    }
    let renamed = table.map("members");
    let entries = renamed.entries().filter_map(|(key, value)| {
        let path = renamed.accept(&key.value, &key.origin, words::member);
        let to = renamed.text_of(&key.value, value, words::member);
        Some(Member { path: path?, to: Some(to?.value) })
    });
    entries.collect()
}

fn source(table: &Fields<'_>, loader: &Loader<'_>) -> Option<ByArch<Source>> {
    table.require("source", "source = { path = \"payloads/k0s\" }");
    table.get("source")?;
    let sources = table.table("source", SOURCES, &|_| None);
    let placed = |one| Located::new(one, sources.origin.clone());
    let mut by_arch = BTreeMap::new();
    let mut complete = true;
    for arch in Arch::ALL.into_iter().filter(|arch| sources.get(arch.debian()).is_some()) {
        let one = one(&sources.table(arch.debian(), SOURCE, &|_| None), loader, false);
        complete &= one.is_some();
        by_arch.extend(one.map(|one| (arch, placed(one))));
    }
    if by_arch.is_empty() && complete {
        return Some(ByArch { any: Some(placed(one(&sources, loader, true)?)), by_arch });
    }
    for key in ["path", "url", "sha256", "from"] {
        sources.refuse(key, "a `source` for each architecture", &["amd64", "arm64", "armhf", "riscv64"]);
    }
    complete.then_some(ByArch { any: None, by_arch })
}

/// A source for one architecture. That a file of another architecture is missing must not keep this one from being built, so
/// only those for all are looked for here.
fn one(source: &Fields<'_>, loader: &Loader<'_>, look: bool) -> Option<Source> {
    let sha256 = source.text("sha256", words::digest);
    let from = source.text("from", words::line);
    if source.get("url").is_some() {
        source.refuse("path", "a source with `url`", &["url", "sha256"]);
        source.refuse("from", "a source with `url`", &["url", "sha256"]);
        source.require("sha256", "sha256 = \"what sha256sum prints of it\"");
        let url = source.text("url", words::url);
        return Some(Source::Url { url: url?, sha256: sha256? });
    }
    source.require("path", "path = \"payloads/k0s\"");
    let named = source.text("path", words::host_path)?;
    let path = if look { loader.payload(&named, from.as_ref())? } else { loader.payload_path(&named) };
    Some(Source::File { path: Located::new(path, named.origin), sha256, from })
}
