//! A lock as text. The same lock gives the same bytes, forever: the digest of a target seeds the image's UUIDs.

use std::fmt::{self, Write};

use rootsmith_types::{Arch, Sha256Digest, rfc3339};

use crate::{Archive, Lock, LockedPackage, LockedPayload, LockedRepository, Role, Scope, Target, Why};

const HEADER: &str = "\
# Made by `rootsmith lock`; do not edit. Every file that can reach the image, each with its digest.
# Belongs into version control: the same profile and lock give the same image, bit for bit.
";

impl Lock {
    /// The lockfile.
    pub fn render(&self) -> String {
        let mut text = format!("{HEADER}schema = 1\n");
        for (&arch, target) in &self.targets {
            target.render(arch, &mut text);
        }
        text
    }
}

impl Target {
    /// The digest of all that this target pins: the seed of everything in the image that must be unique to its contents.
    pub fn digest(&self) -> Sha256Digest {
        let mut text = String::new();
        // Each package names its architecture: the section's name adds nothing, and must be some name.
        self.render(Arch::Amd64, &mut text);
        Sha256Digest::of(text.as_bytes())
    }

    fn render(&self, arch: Arch, out: &mut String) {
        write!(out, "{}", Section { arch, target: self }).expect("writing to a string does not fail");
    }
}

struct Section<'a> {
    arch: Arch,
    target: &'a Target,
}

impl fmt::Display for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Section { arch, target } = self;
        let mut requests: Vec<_> = target.requests.iter().collect();
        requests.sort();
        requests.dedup();
        write!(f, "\n[{arch}]\nrequests = [\n")?;
        requests.iter().try_for_each(|name| writeln!(f, "    \"{name}\","))?;
        f.write_str("]\n")?;
        if target.scope != Scope::default() {
            writeln!(f, "scope = \"{}\"", target.scope)?;
        }

        // Their order is a preference, so it is kept.
        for LockedRepository { suite, archive, date, sha256 } in &target.repositories {
            write!(f, "\n[[{arch}.repository]]\nsuite = {}\narchive = \"{archive}\"\n", Quoted(suite))?;
            write!(f, "date = {}\nsha256 = \"{sha256}\"\n", rfc3339(*date))?;
        }

        let mut packages: Vec<_> = target.packages.iter().collect();
        packages.sort_by_key(|package| (package.role, &package.name));
        for package in packages {
            let LockedPackage { name, role, version, architecture, archive, filename, size, sha256, why } = package;
            write!(f, "\n[[{arch}.package]]\nname = \"{name}\"\nrole = \"{role}\"\nversion = {}\n", Quoted(version))?;
            write!(f, "architecture = {}\narchive = \"{archive}\"\n", Quoted(architecture))?;
            write!(f, "filename = {}\nsize = {size}\nsha256 = \"{sha256}\"\nwhy = \"{why}\"\n", Quoted(filename))?;
        }

        let mut payloads: Vec<_> = target.payloads.iter().collect();
        payloads.sort_by_key(|payload| &payload.name);
        for LockedPayload { name, url, size, sha256 } in payloads {
            write!(f, "\n[[{arch}.payload]]\nname = {}\n", Quoted(name))?;
            if let Some(url) = url {
                writeln!(f, "url = {}", Quoted(url))?;
            }
            write!(f, "size = {size}\nsha256 = \"{sha256}\"\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Archive::Main => "main",
            Archive::Security => "security",
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::System => "system",
            Scope::Dependencies => "dependencies",
            Scope::Named => "named",
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Root => "root",
            Role::Boot => "boot",
        })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Requested => f.write_str("requested"),
            Why::Essential => f.write_str("essential"),
            Why::NeededBy(name) => write!(f, "needed by {name}"),
            Why::Builder => f.write_str("builder"),
        }
    }
}

/// A TOML basic string (TOML 1.0, "String"): always this spelling, so that the digest does not hang on a library's taste.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
