//! One package of an index.

use rootsmith_types::{Arch, PackageName, Sha256Digest};

use crate::deb822::Stanza;
use crate::index::{Index, RecordId};
use crate::index_error::{IndexError, cut};
use crate::relation::{BadRelation, Clause, parse_relations};
use crate::version::Version;

/// The fields of a `Packages` stanza whose places an index keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The name.
    Package,
    /// The version.
    Version,
    /// `amd64`, `all`.
    Architecture,
    /// The path below the mirror.
    Filename,
    /// In bytes.
    Size,
    /// Of the archive file.
    Sha256,
    /// `yes` where no system is without it.
    Essential,
    /// `required` to `optional`.
    Priority,
    /// `admin`, `libs`.
    Section,
    /// `same`, `foreign`, `allowed`, `no`.
    MultiArch,
    /// What must be configured before it is unpacked.
    PreDepends,
    /// What it needs.
    Depends,
    /// What it is used with.
    Recommends,
    /// What it cannot be installed with.
    Conflicts,
    /// What it cannot be configured with.
    Breaks,
    /// Whose files it may take over.
    Replaces,
    /// Under which other names it satisfies relations.
    Provides,
}

impl Field {
    /// Every field, in the order of their numbers.
    pub const ALL: [Field; 17] = [
        Field::Package,
        Field::Version,
        Field::Architecture,
        Field::Filename,
        Field::Size,
        Field::Sha256,
        Field::Essential,
        Field::Priority,
        Field::Section,
        Field::MultiArch,
        Field::PreDepends,
        Field::Depends,
        Field::Recommends,
        Field::Conflicts,
        Field::Breaks,
        Field::Replaces,
        Field::Provides,
    ];

    /// As Debian writes it.
    pub fn name(self) -> &'static str {
        match self {
            Field::Package => "Package",
            Field::Version => "Version",
            Field::Architecture => "Architecture",
            Field::Filename => "Filename",
            Field::Size => "Size",
            Field::Sha256 => "SHA256",
            Field::Essential => "Essential",
            Field::Priority => "Priority",
            Field::Section => "Section",
            Field::MultiArch => "Multi-Arch",
            Field::PreDepends => "Pre-Depends",
            Field::Depends => "Depends",
            Field::Recommends => "Recommends",
            Field::Conflicts => "Conflicts",
            Field::Breaks => "Breaks",
            Field::Replaces => "Replaces",
            Field::Provides => "Provides",
        }
    }

    /// The field of this name; case does not matter.
    pub(crate) fn of(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

/// `Priority` (Policy 2.5), the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// `required`
    Required,
    /// `important`
    Important,
    /// `standard`
    Standard,
    /// `optional`
    Optional,
    /// `extra`, or a word we do not know.
    Extra,
}

/// What is to be fetched for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFile<'a> {
    /// The path below the mirror: relative, without `..`.
    pub filename: &'a str,
    /// In bytes.
    pub size: u64,
    /// Of the file.
    pub sha256: Sha256Digest,
}

/// One package of an index.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    index: &'a Index,
    id: RecordId,
}

impl<'a> Record<'a> {
    pub(crate) fn new(index: &'a Index, id: RecordId) -> Record<'a> {
        Record { index, id }
    }

    /// Its number.
    pub fn id(self) -> RecordId {
        self.id
    }

    /// The number of the repository it comes from.
    pub fn repository(self) -> usize {
        self.index.repository(self.id)
    }

    /// The whole stanza, for fields that are not in [`Field`].
    pub fn stanza(self) -> Stanza<'a> {
        self.index.stanza(self.id)
    }

    /// A field's value, empty where the stanza does not have it.
    pub fn field(self, field: Field) -> &'a str {
        self.index.field(self.id, field)
    }

    /// The name as the index writes it.
    pub fn name(self) -> &'a str {
        self.field(Field::Package)
    }

    /// The name, if it is one.
    pub fn package_name(self) -> Result<PackageName, IndexError> {
        self.name().parse().map_err(|_| self.bad_field(Field::Package))
    }

    /// The version.
    pub fn version(self) -> Version<'a> {
        Version::new(self.field(Field::Version))
    }

    /// `amd64`, `all`.
    pub fn architecture(self) -> &'a str {
        self.field(Field::Architecture)
    }

    /// Whether it can be installed on `arch`.
    pub fn is_for(self, arch: Arch) -> bool {
        matches!(self.architecture(), "all") || self.architecture() == arch.debian()
    }

    /// Whether no system is without it.
    pub fn is_essential(self) -> bool {
        self.field(Field::Essential) == "yes"
    }

    /// How important it is.
    pub fn priority(self) -> Priority {
        match self.field(Field::Priority) {
            "required" => Priority::Required,
            "important" => Priority::Important,
            "standard" => Priority::Standard,
            "optional" => Priority::Optional,
            _ => Priority::Extra,
        }
    }

    /// The clauses of one of the relation fields.
    pub fn relations(self, field: Field) -> Result<Vec<Clause<'a>>, IndexError> {
        parse_relations(self.field(field)).map_err(|relation| self.bad_relation(field, relation))
    }

    /// What is to be fetched.
    pub fn file(self) -> Result<PoolFile<'a>, IndexError> {
        for field in [Field::Filename, Field::Size, Field::Sha256] {
            if self.field(field).is_empty() {
                return Err(IndexError::MissingField { field: field.name(), stanza: cut(self.name()) });
            }
        }
        let filename = self.field(Field::Filename);
        let plain = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(|byte| byte.is_ascii_graphic());
        if !filename.strip_prefix("./").unwrap_or(filename).split('/').all(plain) {
            return Err(self.bad_field(Field::Filename));
        }
        Ok(PoolFile {
            filename,
            size: self.field(Field::Size).parse().map_err(|_| self.bad_field(Field::Size))?,
            sha256: self.field(Field::Sha256).parse().map_err(|_| self.bad_field(Field::Sha256))?,
        })
    }

    pub(crate) fn bad_relation(self, field: Field, relation: BadRelation) -> IndexError {
        IndexError::BadRelation { field: field.name(), stanza: cut(self.name()), relation }
    }

    fn bad_field(self, field: Field) -> IndexError {
        IndexError::BadField { field: field.name(), stanza: cut(self.name()), value: cut(self.field(field)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn index(fields: &str) -> Index {
        let mut builder = Index::builder();
        let text = format!("Package: mawk\nVersion: 1.3.4\nArchitecture: amd64\n{fields}");
        builder.add(3, text.into_bytes()).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn fields_keep_their_numbers_and_names() {
        for (number, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, number);
            assert_eq!(Field::of(&field.name().to_ascii_lowercase()), Some(field));
        }
        assert_eq!(Field::of("Description"), None);
    }

    #[test]
    fn a_record_says_what_its_stanza_says() {
        let index = index(&format!(
            "essential: yes\nPriority: required\nPre-Depends: libc6 (>= 2.38)\nTag: x\n\
             Filename: pool/main/m/mawk/mawk_1.3.4_amd64.deb\nSize: 12\nSHA256: {DIGEST}\n"
        ));
        let record = index.records().next().unwrap();
        assert_eq!((record.name(), record.version().as_str(), record.repository()), ("mawk", "1.3.4", 3));
        assert!(record.is_essential() && record.is_for(Arch::Amd64) && !record.is_for(Arch::Arm64));
        assert_eq!(record.priority(), Priority::Required);
        assert_eq!(record.relations(Field::PreDepends).unwrap()[0].to_string(), "libc6 (>= 2.38)");
        assert!(record.relations(Field::Depends).unwrap().is_empty());
        assert_eq!(record.stanza().get("tag"), Some("x"));
        let file = record.file().unwrap();
        assert_eq!((file.filename, file.size), ("pool/main/m/mawk/mawk_1.3.4_amd64.deb", 12));
        assert_eq!(file.sha256.to_string(), DIGEST);
    }

    #[test]
    fn a_file_outside_the_pool_is_refused() {
        for filename in ["../../etc/passwd", "/etc/passwd", "pool//x", "pool/./x", "pool/a b", "pool/../../x"] {
            let index = index(&format!("Filename: {filename}\nSize: 1\nSHA256: {DIGEST}\n"));
            let refused = index.records().next().unwrap().file();
            assert!(matches!(refused, Err(IndexError::BadField { field: "Filename", .. })), "{filename}");
        }
        let index = index("Filename: pool/x\nSize: 1\n");
        let error = index.records().next().unwrap().file().unwrap_err();
        assert_eq!(error.to_string(), "the index entry `mawk` has no field `SHA256`");
    }
}
