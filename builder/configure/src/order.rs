//! The order in which packages are configured: what a package depends on comes before it (Debian Policy 7.2), names decide
//! the rest. A circle is entered at the package that is reached first.

use std::collections::BTreeMap;

use rootsmith_assemble::Package;
use rootsmith_package::{Stanza, parse_relations};
use rootsmith_types::Arch;

/// Places in `packages`, which are sorted by name.
pub(crate) fn of_configuring(packages: &[&Package], arch: Arch) -> Vec<usize> {
    let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        providers.entry(package.locked.name.as_str()).or_default().push(index);
        let provided = Stanza::new(&package.unpacked.control.stanza).get("Provides").unwrap_or_default();
        for clause in parse_relations(provided).unwrap_or_default() {
            for relation in &clause.alternatives {
                providers.entry(relation.name).or_default().push(index);
            }
        }
    }
    let needs: Vec<Vec<usize>> = packages
        .iter()
        .map(|package| {
            let stanza = Stanza::new(&package.unpacked.control.stanza);
            let fields = ["Pre-Depends", "Depends"].into_iter().filter_map(|field| stanza.get(field));
            let clauses = fields.flat_map(|text| parse_relations(text).unwrap_or_default());
            let names = clauses.flat_map(|clause| clause.alternatives).filter(|relation| relation.applies(arch));
            names.filter_map(|relation| providers.get(relation.name)).flatten().copied().collect()
        })
        .collect();
    let mut order = Vec::new();
    let mut seen = vec![false; packages.len()];
    for start in 0..packages.len() {
        // A package and how many of its needs were looked at.
        let mut path = vec![(start, 0)];
        while let Some((index, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut seen[index], true) {
                continue;
            }
            match needs[index].get(next) {
                Some(&need) => path.extend([(index, next + 1), (need, 0)]),
                None => order.push(index),
            }
        }
    }
    order
}
