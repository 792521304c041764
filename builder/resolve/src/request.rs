//! What is asked for, and what comes out.

use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_package::{IndexError, Record};
use rootsmith_types::{Origin, PackageName};

/// A package that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name, or one that exactly one package provides.
    pub name: PackageName,
    /// Where the profile asks for it; `None` for what the builder itself needs.
    pub origin: Option<Origin>,
}

/// The packages that satisfy all requests.
#[derive(Debug, Clone)]
pub struct Resolution<'a> {
    /// Sorted by name, each name once.
    pub packages: Vec<Resolved<'a>>,
}

/// One package and the reason it is there.
#[derive(Debug, Clone)]
pub struct Resolved<'a> {
    /// The package.
    pub record: Record<'a>,
    /// Why it is there.
    pub why: Why,
}

impl Resolved<'_> {
    /// The package as a lock pins it. `archive` is the one its repository belongs to.
    pub fn locked(&self, role: Role, archive: Archive) -> Result<LockedPackage, IndexError> {
        let file = self.record.file()?;
        Ok(LockedPackage {
            name: self.record.package_name()?,
            role,
            version: self.record.version().as_str().to_owned(),
            architecture: self.record.architecture().to_owned(),
            archive,
            filename: file.filename.to_owned(),
            size: file.size,
            sha256: file.sha256,
            why: self.why.clone(),
        })
    }
}
