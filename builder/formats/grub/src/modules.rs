//! Which modules a core image needs, and in which order: `moddep.lst`, a line `name: need need` for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::GrubError;

/// No list is longer: GRUB has some 300 modules.
const MAX_MODULES: usize = 4096;

/// `wanted` and all they need, each behind what it needs, in the order `grub-mkimage` has them.
pub fn with_dependencies(list: &str, wanted: &[&str]) -> Result<Vec<String>, GrubError> {
    let lines = list.lines().take(MAX_MODULES).filter_map(|line| line.split_once(':'));
    let needs: BTreeMap<&str, &str> = lines.map(|(name, needs)| (name.trim(), needs)).collect();
    let mut order = Order { needs: &needs, seen: BTreeSet::new(), out: Vec::new() };
    for name in wanted {
        order.add(name)?;
    }
    Ok(order.out)
}

struct Order<'a> {
    needs: &'a BTreeMap<&'a str, &'a str>,
    /// Begun; in a circle the one that is met again is on its way already.
    seen: BTreeSet<&'a str>,
    out: Vec<String>,
}

impl<'a> Order<'a> {
    /// As deep as the list is long at most.
    fn add(&mut self, name: &str) -> Result<(), GrubError> {
        let (&name, &needs) = self.needs.get_key_value(name).ok_or_else(|| GrubError::NoModule(name.to_owned()))?;
        if !self.seen.insert(name) {
            return Ok(());
        }
        for need in needs.split_ascii_whitespace().rev() {
            self.add(need)?;
        }
        self.out.push(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "linux: boot video\nvideo:\nboot:\nfat: fshelp\nfshelp:\na: b\nb: a\nbroken: nowhere\n";

    #[test]
    fn each_comes_behind_what_it_needs_once() {
        assert_eq!(
            with_dependencies(LIST, &["fat", "linux", "boot"]).unwrap(),
            ["fshelp", "fat", "video", "boot", "linux"]
        );
        assert_eq!(with_dependencies(LIST, &["a"]).unwrap(), ["b", "a"], "a circle ends");
    }

    #[test]
    fn one_that_is_not_there_is_named() {
        for (wanted, missing) in [("btrfs", "btrfs"), ("broken", "nowhere")] {
            let error = with_dependencies(LIST, &[wanted]).unwrap_err();
            assert_eq!(error, GrubError::NoModule(missing.to_owned()));
        }
    }
}
