//! The packages of several repositories, read together.
//!
//! A record is a stanza of a `Packages` file of which only the places of the needed fields are kept; relations and
//! digests are read when somebody asks. Everything is in sorted order: names by their bytes, one name's candidates with the
//! highest version first.

use std::ops::Range;

use memchr::memmem;
use rayon::prelude::*;

use crate::deb822::{Stanza, Stanzas};
use crate::index_error::{IndexError, cut};
use crate::record::{Field, Record};
use crate::relation::parse_relations;
use crate::version::{Comparison, Version};

/// Bytes of a text that one thread reads at a time, at least.
const PART: usize = 1 << 20;

/// Several repositories' packages.
#[derive(Debug, Clone)]
pub struct Index {
    texts: Vec<Text>,
    /// Sorted by name, then version with the highest first.
    entries: Vec<Entry>,
    /// The entries of each name, sorted by it.
    names: Vec<Range<u32>>,
    /// Sorted by name, then entry.
    provided: Vec<Provided>,
}

/// One `Packages` file and the number of its repository.
#[derive(Debug, Clone)]
struct Text {
    repository: usize,
    text: String,
}

/// Where a stanza and its fields are.
#[derive(Debug, Clone)]
struct Entry {
    text: u32,
    stanza: Span,
    fields: [Span; Field::ALL.len()],
}

/// Bytes of a text. Empty where a field is not there.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Debug, Clone)]
struct Provided {
    entry: u32,
    name: Span,
    version: Option<Span>,
}

/// A record's number in its index: its place in the sorted order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(
    /// Below [`Index::len`].
    pub u32,
);

/// A package that provides a name.
#[derive(Debug, Clone, Copy)]
pub struct Provider<'a> {
    /// The package.
    pub record: Record<'a>,
    /// The version it provides the name in, if it says so. Without one it does not satisfy a relation that asks for a
    /// version (Policy 7.5).
    pub version: Option<Version<'a>>,
}

/// Collects the texts an [`Index`] is made of.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    texts: Vec<Text>,
    /// The repository that a package is taken from when it is there, whatever others have.
    preferred: Option<usize>,
}

impl IndexBuilder {
    /// Adds a decompressed `Packages` file. Of a package that several repositories hold in the same version, the one with
    /// the lowest repository number is taken.
    pub fn add(&mut self, repository: usize, text: Vec<u8>) -> Result<&mut IndexBuilder, IndexError> {
        let name = format!("Packages of repository {repository}");
        if u32::try_from(text.len()).is_err() {
            return Err(IndexError::TooLarge { name, limit: rootsmith_types::NumBytes::new(u64::from(u32::MAX)) });
        }
        let text = String::from_utf8(text).map_err(|_| IndexError::NotText { name })?;
        self.texts.push(Text { repository, text });
        Ok(self)
    }

    /// Of what `repository` holds, the other repositories' versions do not count, even newer ones.
    pub fn prefer(&mut self, repository: usize) {
        self.preferred = Some(repository);
    }

    /// Reads everything that was added.
    pub fn finish(self) -> Result<Index, IndexError> {
        let mut index = Index { texts: self.texts, entries: Vec::new(), names: Vec::new(), provided: Vec::new() };
        index.texts.sort_by_key(|text| text.repository);
        for (number, Text { text, .. }) in (0..).zip(&index.texts) {
            let read = |part| Stanzas::new(part).map(|stanza| entry(number, text, stanza)).collect();
            let entries: Vec<Result<Vec<Entry>, IndexError>> = parts(text).into_par_iter().map(read).collect();
            // In their order, so that what is told is what is wrong first.
            for entries in entries {
                index.entries.append(&mut entries?);
            }
        }
        if let Some(preferred) = self.preferred {
            index.keep_preferred(preferred);
        }
        index.sort();
        index.find_provided()?;
        Ok(index)
    }
}

impl Index {
    /// An index still to be filled.
    pub fn builder() -> IndexBuilder {
        IndexBuilder::default()
    }

    /// Every package, by name and with the highest version first.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.entries.len() as u32).map(|id| self.record(RecordId(id)))
    }

    /// The record with a number this index gave. Panics on another.
    pub fn record(&self, id: RecordId) -> Record<'_> {
        Record::new(self, id)
    }

    /// The names of all packages, sorted. What is only provided is not among them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|entries| self.name(entries.start))
    }

    /// The packages of this name, the highest version first.
    pub fn candidates(&self, name: &str) -> impl ExactSizeIterator<Item = Record<'_>> + use<'_> {
        let found = self.names.binary_search_by(|entries| self.name(entries.start).cmp(name));
        let entries = found.map_or(0..0, |at| self.names[at].clone());
        entries.map(|id| self.record(RecordId(id)))
    }

    /// The packages that provide this name, sorted.
    pub fn providers<'a>(&'a self, name: &str) -> impl ExactSizeIterator<Item = Provider<'a>> + use<'a> {
        let start = self.provided.partition_point(|provided| self.span(provided.entry, provided.name) < name);
        let rest = &self.provided[start..];
        let len = rest.partition_point(|provided| self.span(provided.entry, provided.name) == name);
        rest[..len].iter().map(|provided| Provider {
            record: self.record(RecordId(provided.entry)),
            version: provided.version.map(|span| Version::new(self.span(provided.entry, span))),
        })
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no package.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn stanza(&self, id: RecordId) -> Stanza<'_> {
        Stanza::new(self.span(id.0, self.entries[id.0 as usize].stanza))
    }

    pub(crate) fn field(&self, id: RecordId, field: Field) -> &str {
        self.span(id.0, self.entries[id.0 as usize].fields[field as usize])
    }

    pub(crate) fn repository(&self, id: RecordId) -> usize {
        self.texts[self.entries[id.0 as usize].text as usize].repository
    }

    fn name(&self, entry: u32) -> &str {
        self.field(RecordId(entry), Field::Package)
    }

    fn span(&self, entry: u32, span: Span) -> &str {
        let text = &self.texts[self.entries[entry as usize].text as usize].text;
        &text[span.start as usize..][..span.len as usize]
    }

    /// Drops what other repositories have of the packages that `repository` holds.
    fn keep_preferred(&mut self, repository: usize) {
        let texts = &self.texts;
        let name = |entry: &Entry| {
            let span = entry.fields[Field::Package as usize];
            texts[entry.text as usize].text[span.start as usize..][..span.len as usize].to_owned()
        };
        let is_preferred = |entry: &Entry| texts[entry.text as usize].repository == repository;
        let names: std::collections::BTreeSet<String> =
            self.entries.iter().filter(|entry| is_preferred(entry)).map(name).collect();
        self.entries.retain(|entry| is_preferred(entry) || !names.contains(&name(entry)));
    }

    fn sort(&mut self) {
        let (entries, texts) = (&self.entries, &self.texts);
        let get = |entry: u32, field: Field| {
            let entry = &entries[entry as usize];
            let span = entry.fields[field as usize];
            &texts[entry.text as usize].text[span.start as usize..][..span.len as usize]
        };
        let mut names = Names::default();
        let mut order: Vec<(NamePlace, u32)> =
            (0..entries.len() as u32).map(|entry| (names.add(get(entry, Field::Package)), entry)).collect();
        // Stable: what compares equal stays in the order of the repositories. Indexes come sorted, which makes this cheap.
        order.sort_by(|&(a_name, a), &(b_name, b)| {
            (names.get(a_name).cmp(names.get(b_name)))
                .then_with(|| Version::new(get(b, Field::Version)).cmp(&Version::new(get(a, Field::Version))))
                .then_with(|| get(a, Field::Version).cmp(get(b, Field::Version)))
                .then_with(|| get(a, Field::Architecture).cmp(get(b, Field::Architecture)))
        });
        order.dedup_by(|(b_name, b), (a_name, a)| {
            let (a, b) = (*a, *b);
            let same = |field| get(a, field) == get(b, field);
            names.get(*a_name) == names.get(*b_name) && same(Field::Version) && same(Field::Architecture)
        });
        let mut of_names: Vec<Range<u32>> = Vec::new();
        let mut last = None;
        for (at, &(name, _)) in (0..).zip(&order) {
            match of_names.last_mut() {
                Some(entries) if last == Some(names.get(name)) => entries.end = at + 1,
                _ => of_names.push(at..at + 1),
            }
            last = Some(names.get(name));
        }
        self.entries = order.into_iter().map(|(_, entry)| entries[entry as usize].clone()).collect();
        self.names = of_names;
    }

    fn find_provided(&mut self) -> Result<(), IndexError> {
        let mut names = Names::default();
        let mut all: Vec<(NamePlace, Provided)> = Vec::new();
        for record in self.records() {
            let value = record.field(Field::Provides);
            if value.is_empty() {
                continue;
            }
            let text = &self.texts[self.entries[record.id().0 as usize].text as usize].text;
            let clauses = parse_relations(value).map_err(|relation| record.bad_relation(Field::Provides, relation))?;
            for relation in clauses.iter().flat_map(|clause| &clause.alternatives) {
                let version = match relation.version {
                    Some((Comparison::Equal, version)) => Some(span_of(text, version.as_str())),
                    _ => None,
                };
                let name = span_of(text, relation.name);
                all.push((names.add(relation.name), Provided { entry: record.id().0, name, version }));
            }
        }
        // They come in the order of their entries.
        all.sort_by(|&(a, _), &(b, _)| names.get(a).cmp(names.get(b)));
        self.provided = all.into_iter().map(|(_, provided)| provided).collect();
        Ok(())
    }
}

/// Names that are sorted. In their texts they lie far apart, and comparing would mean waiting for memory.
#[derive(Default)]
struct Names(Vec<u8>);

/// Where a name is among them.
#[derive(Clone, Copy)]
struct NamePlace {
    start: usize,
    end: usize,
}

impl Names {
    fn add(&mut self, name: &str) -> NamePlace {
        let start = self.0.len();
        self.0.extend_from_slice(name.as_bytes());
        NamePlace { start, end: self.0.len() }
    }

    fn get(&self, NamePlace { start, end }: NamePlace) -> &[u8] {
        &self.0[start..end]
    }
}

/// What an [`Index`] looks at of a `Packages` file: every stanza, with the fields in [`Field`] alone. About half of it, and read
/// to the same index. What is wrong with it stays, to be found and told when it is read.
pub fn needed(text: &str) -> String {
    let mut needed = String::with_capacity(text.len() / 8 * 5);
    for stanza in Stanzas::new(text) {
        let start = needed.len();
        for field in stanza.fields() {
            match field {
                Ok((name, value)) if Field::of(name).is_some() => {
                    needed.extend([name, ": ", value, "\n"]);
                }
                Ok(_) => {}
                Err(bad) => needed.extend([bad.0, "\n"]),
            }
        }
        if needed.len() == start {
            needed.extend([stanza.as_str(), "\n"]);
        }
        needed.push('\n');
    }
    needed
}

/// A text cut between stanzas, for several threads.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(later) = rest.as_bytes().get(PART..)
        && let Some(at) = memmem::find(later, b"\n\n")
    {
        // A line's end is a character's end.
        let (part, later) = rest.split_at(PART + at);
        parts.push(part);
        rest = later;
    }
    parts.push(rest);
    parts
}

/// Finds a stanza's fields; the first of two with one name counts.
fn entry(text_number: u32, text: &str, stanza: Stanza<'_>) -> Result<Entry, IndexError> {
    let mut fields = [Span::default(); Field::ALL.len()];
    for field in stanza.fields() {
        let (name, value) = field.map_err(|bad| IndexError::BadLine { line: cut(bad.0) })?;
        if let Some(field) = Field::of(name) {
            let span = &mut fields[field as usize];
            if span.len == 0 {
                *span = span_of(text, value);
            }
        }
    }
    let get = |field: Field| {
        let span = fields[field as usize];
        &text[span.start as usize..][..span.len as usize]
    };
    for field in [Field::Package, Field::Version, Field::Architecture] {
        if get(field).is_empty() {
            let stanza = if field == Field::Package { "?" } else { get(Field::Package) };
            return Err(IndexError::MissingField { field: field.name(), stanza: cut(stanza) });
        }
    }
    Ok(Entry { text: text_number, stanza: span_of(text, stanza.as_str()), fields })
}

/// Where `part`, a slice of `text`, lies in it. Texts are known to be shorter than 4 GiB.
fn span_of(text: &str, part: &str) -> Span {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    Span { start: start as u32, len: part.len() as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[(usize, &str)]) -> Index {
        let mut builder = Index::builder();
        for (repository, text) in texts {
            builder.add(*repository, text.as_bytes().to_vec()).unwrap();
        }
        builder.finish().unwrap()
    }

    fn shown<'a>(records: impl Iterator<Item = Record<'a>>) -> Vec<String> {
        records.map(|r| format!("{} {} {} {}", r.name(), r.version(), r.architecture(), r.repository())).collect()
    }

    const MAIN: &str = "Package: b\nVersion: 1\nArchitecture: amd64\n\nPackage: a\nVersion: 2\nArchitecture: all\n";
    const UPDATES: &str = "Package: b\nVersion: 1\nArchitecture: amd64\n\nPackage: b\nVersion: 1:0\nArchitecture: amd64\n\n\
                           Package: b\nVersion: 0.9\nArchitecture: amd64\n";

    #[test]
    fn candidates_of_all_repositories_are_sorted_and_each_counts_once() {
        for order in [[(0, MAIN), (1, UPDATES)], [(1, UPDATES), (0, MAIN)]] {
            let index = index(&order);
            assert_eq!(index.names().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(shown(index.candidates("b")), ["b 1:0 amd64 1", "b 1 amd64 0", "b 0.9 amd64 1"]);
            assert_eq!(shown(index.records()).len(), 4);
            assert_eq!(index.candidates("c").len() + index.candidates("").len(), 0);
        }
    }

    #[test]
    fn preferred_repository_hides_newer_versions_of_what_it_holds() {
        let mut builder = Index::builder();
        for (repository, text) in [(0, MAIN), (1, UPDATES), (2, "Package: b\nVersion: 0.1\nArchitecture: amd64\n")] {
            builder.add(repository, text.as_bytes().to_vec()).unwrap();
        }
        builder.prefer(2);
        let index = builder.finish().unwrap();
        assert_eq!(shown(index.records()), ["a 2 all 0", "b 0.1 amd64 2"]);
    }

    #[test]
    fn provided_names_are_found_with_their_versions() {
        let index = index(&[(
            0,
            "Package: mawk\nVersion: 1\nArchitecture: amd64\nProvides: awk, posix-awk (= 3)\n\n\
             Package: gawk\nVersion: 1\nArchitecture: amd64\nProvides: awk\n",
        )]);
        let providers = |name: &str| -> Vec<String> {
            let shown = |p: Provider<'_>| format!("{} {}", p.record.name(), p.version.map_or("-", |v| v.as_str()));
            index.providers(name).map(shown).collect()
        };
        assert_eq!(providers("awk"), ["gawk -", "mawk -"]);
        assert_eq!(providers("posix-awk"), ["mawk 3"]);
        assert!(providers("zawk").is_empty() && providers("aaa").is_empty());
    }

    #[test]
    fn what_is_needed_reads_to_the_same_index() {
        let text = "Package: mawk\nSource: x\nVersion: 1\nTag: a::b,\n c::d\nArchitecture: amd64\nDepends: libc6,\n libm (>= 2)\n\
                    Provides: awk\nDescription: a: b\n .\n\n\n\nPackage: a\nversion: 2\nArchitecture: all\n";
        let short = needed(text);
        assert_eq!(
            short,
            "Package: mawk\nVersion: 1\nArchitecture: amd64\nDepends: libc6,\n libm (>= 2)\nProvides: awk\n\n\
             Package: a\nversion: 2\nArchitecture: all\n\n"
        );
        let (long, short) = (index(&[(0, text)]), index(&[(0, &short)]));
        for (long, short) in long.records().zip(short.records()) {
            assert!(Field::ALL.into_iter().all(|field| long.field(field) == short.field(field)));
        }
        assert_eq!((long.len(), short.len(), short.providers("awk").len()), (2, 2, 1));
        assert_eq!(needed("Package: a\noops\n"), "Package: a\noops\n\n");
        assert_eq!(needed("Tag: a\n\nPackage: b\n"), "Tag: a\n\nPackage: b\n\n");
    }

    #[test]
    fn parts_of_a_text_are_read_as_the_whole() {
        let stanza = |n: usize| format!("Package: p{n:05}\nVersion: {n}\nArchitecture: all");
        let mut stanzas: Vec<String> = (0..60_000).map(stanza).collect();
        let text = stanzas.join("\n\n");
        assert!(parts(&text).len() > 2 && parts(&text).concat() == text);
        let index = index(&[(0, &text)]);
        assert!(index.records().map(|record| record.stanza().as_str()).eq(stanzas.iter().map(String::as_str)));
        (stanzas[20_000], stanzas[50_000]) = ("first".to_owned(), "second".to_owned());
        let mut builder = Index::builder();
        builder.add(0, stanzas.join("\n\n").into_bytes()).unwrap();
        assert_eq!(builder.finish().unwrap_err().to_string(), "the index has a line that is no field: `first`");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_package() {
        let error = |text: &str| {
            let mut builder = Index::builder();
            let error = builder.add(0, text.as_bytes().to_vec()).map(|_| ()).err();
            error.or_else(|| builder.finish().err()).expect("refused").to_string()
        };
        assert_eq!(error("Package: a\nVersion: 1\n"), "the index entry `a` has no field `Architecture`");
        assert_eq!(error("Version: 1\n"), "the index entry `?` has no field `Package`");
        assert_eq!(error("oops\n"), "the index has a line that is no field: `oops`");
        assert_eq!(
            error("Package: a\nVersion: 1\nArchitecture: all\nProvides: b c\n"),
            "the index entry `a` has a field `Provides` in which `b c` is no relation"
        );
        let mut builder = Index::builder();
        assert!(matches!(builder.add(0, vec![0xff]), Err(IndexError::NotText { .. })));
    }
}
