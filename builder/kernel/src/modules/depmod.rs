//! The work of `depmod`: order, dependencies, and the text of each file.

use std::collections::{BTreeSet, HashMap};

use rootsmith_types::ContentDigest;

use super::buckets;
use super::elf::Facts;
use super::trie::Trie;
use super::{ModuleInfo, module_name};
use crate::KernelError;

/// A module that was read.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) name: String,
    /// Relative to the modules folder.
    pub(super) file: String,
    pub(super) facts: Facts,
    pub(super) info: ModuleInfo,
    pub(super) digest: Option<ContentDigest>,
}

/// Puts the modules in the order of `modules.order`, which names them as `.ko`, whatever they are compressed with.
pub(super) fn order(modules: &mut [Input], list: &[u8]) {
    let mut rank: HashMap<&[u8], usize> = HashMap::new();
    for (at, line) in list.split(|&b| b == b'\n').enumerate() {
        rank.entry(line).or_insert(at);
    }
    // What the list does not name comes behind, as depmod's table of names gives it back.
    buckets::sort(modules, 512, |module| module.name.as_bytes());
    let plain = |module: &Input| {
        let end = module.file.rfind(".ko").map_or(module.file.len(), |at| at + ".ko".len());
        rank.get(&module.file.as_bytes()[..end]).copied().unwrap_or(usize::MAX)
    };
    modules.sort_by_cached_key(plain);
}

/// For each module the places of all modules it needs, the nearest first: the order of `modules.dep`.
pub(super) fn dependencies(modules: &[Input]) -> Result<Vec<Vec<u32>>, KernelError> {
    let owners = symbols(modules);
    let direct: Vec<Vec<usize>> = modules
        .iter()
        .map(|module| {
            let mut seen = BTreeSet::new();
            let needed = module.facts.needs.iter().filter_map(|symbol| {
                // PowerPC calls functions by `.name`.
                owners.get(symbol.strip_prefix(b".").unwrap_or(symbol)).copied()
            });
            needed.filter(|owner| seen.insert(*owner)).collect()
        })
        .collect();

    // Users first. A module is ready when all its users are placed; the latest that became ready is placed next.
    let mut users = vec![0usize; modules.len()];
    direct.iter().flatten().for_each(|&at| users[at] += 1);
    let mut ready: Vec<usize> = (0..modules.len()).filter(|&at| users[at] == 0).collect();
    let mut rank = vec![usize::MAX; modules.len()];
    let mut placed = Vec::with_capacity(modules.len());
    while let Some(at) = ready.pop() {
        rank[at] = placed.len();
        placed.push(at);
        for &needed in &direct[at] {
            users[needed] -= 1;
            if users[needed] == 0 {
                ready.push(needed);
            }
        }
    }
    if placed.len() < modules.len() {
        let names = (0..modules.len()).filter(|&at| users[at] > 0).map(|at| modules[at].name.clone());
        return Err(KernelError::ModuleCycle(names.collect()));
    }

    // Without a cycle, the modules a module needs are placed behind it: going backwards, theirs are known.
    let mut all: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); modules.len()];
    for &at in placed.iter().rev() {
        let mut needed = BTreeSet::new();
        for &dependency in &direct[at] {
            needed.insert(dependency);
            needed.extend(all[dependency].iter().copied());
        }
        all[at] = needed;
    }
    let sorted = |needed: BTreeSet<usize>| {
        let mut needed: Vec<usize> = needed.into_iter().collect();
        needed.sort_by_key(|&at| rank[at]);
        // At most 65,534 modules.
        needed.into_iter().map(|at| at as u32).collect()
    };
    Ok(all.into_iter().map(sorted).collect())
}

/// Who exports a symbol; of several the last.
fn symbols(modules: &[Input]) -> HashMap<&[u8], usize> {
    let mut owners = HashMap::new();
    for (at, module) in modules.iter().enumerate() {
        owners.extend(module.facts.exports.iter().map(|symbol| (symbol.as_slice(), at)));
    }
    owners
}

/// The names behind `pre:` in soft dependencies: `pre: a b post: c` gives `a` and `b`.
pub(super) fn loaded_before(softdeps: &[Vec<u8>]) -> Vec<String> {
    let mut names = Vec::new();
    for softdep in softdeps {
        let mut before = false;
        for word in String::from_utf8_lossy(softdep).split_ascii_whitespace() {
            match word {
                "pre:" => before = true,
                "post:" => before = false,
                _ if before => names.push(word.to_owned()),
                _ => {}
            }
        }
    }
    names
}

/// Every index file with its name. `Err` says what cannot be written.
pub(super) fn render(
    modules: &[Input],
    needs: &[Vec<u32>],
    builtin: &[u8],
    modinfo: &[u8],
) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut exported: Vec<(&[u8], usize)> = symbols(modules).into_iter().collect();
    buckets::sort(&mut exported, 2048, |(symbol, _)| symbol);

    let mut dep = Vec::new();
    let mut dep_bin = Trie::new();
    let mut alias = b"# Aliases extracted from modules themselves.\n".to_vec();
    let mut alias_bin = Trie::new();
    let mut softdep = b"# Soft dependencies extracted from modules themselves.\n".to_vec();
    let mut weakdep = b"# Weak dependencies extracted from modules themselves.\n".to_vec();
    let mut devname = Vec::new();
    for ((module, needs), number) in modules.iter().zip(needs).zip(0u32..) {
        let name = module.name.as_bytes();
        let mut line = format!("{}:", module.file);
        for &needed in needs {
            line.push(' ');
            line.push_str(&modules[needed as usize].file);
        }
        dep.extend_from_slice(line.as_bytes());
        dep.push(b'\n');
        insert(&mut dep_bin, name, line.as_bytes(), number)?;
        for value in &module.facts.aliases {
            alias.extend([b"alias ", value.as_slice(), b" ", name, b"\n"].concat());
            if let Some(key) = normal_alias(value) {
                insert(&mut alias_bin, &key, name, number)?;
            }
        }
        for value in &module.facts.softdeps {
            softdep.extend([b"softdep ", name, b" ", value, b"\n"].concat());
        }
        for value in &module.facts.weakdeps {
            weakdep.extend([b"weakdep ", name, b" ", value, b"\n"].concat());
        }
        if let Some(line) = device(name, &module.facts.aliases) {
            if devname.is_empty() {
                devname.extend_from_slice(b"# Device nodes to trigger on-demand module loading.\n");
            }
            devname.extend(line);
        }
    }

    let mut symbols = b"# Aliases for symbols, used by symbol_request().\n".to_vec();
    let mut symbols_bin = Trie::new();
    for (symbol, owner) in exported {
        let name = modules[owner].name.as_bytes();
        let key = [b"symbol:", symbol].concat();
        symbols.extend([b"alias ", key.as_slice(), b" ", name, b"\n"].concat());
        // At most 65,534 modules.
        insert(&mut symbols_bin, &key, name, owner as u32)?;
    }

    let done = |trie: &Trie| trie.render().ok_or_else(|| "an index outgrows its format".to_owned());
    let files = [
        ("modules.alias", alias),
        ("modules.alias.bin", done(&alias_bin)?),
        ("modules.builtin.alias.bin", done(&builtin_aliases(modinfo)?)?),
        ("modules.builtin.bin", done(&builtin_names(builtin)?)?),
        ("modules.dep", dep),
        ("modules.dep.bin", done(&dep_bin)?),
        ("modules.devname", devname),
        ("modules.softdep", softdep),
        ("modules.symbols", symbols),
        ("modules.symbols.bin", done(&symbols_bin)?),
        ("modules.weakdep", weakdep),
    ];
    Ok(files.map(|(name, data)| (name.to_owned(), data)).into())
}

fn insert(trie: &mut Trie, key: &[u8], value: &[u8], priority: u32) -> Result<(), String> {
    if trie.insert(key, value, priority) {
        return Ok(());
    }
    Err(format!("an index holds 7-bit text only, not `{}` or `{}`", key.escape_ascii(), value.escape_ascii()))
}

/// `modules.builtin`: paths, one a line.
fn builtin_names(list: &[u8]) -> Result<Trie, String> {
    let mut trie = Trie::new();
    for line in list.split(|&b| b == b'\n').filter(|line| line.first().is_some_and(u8::is_ascii_alphabetic)) {
        if let Some(name) = module_name(line) {
            insert(&mut trie, name.as_bytes(), b"", 0)?;
        }
    }
    Ok(trie)
}

/// `modules.builtin.modinfo`: `module.key=value`, each closed by NUL.
fn builtin_aliases(modinfo: &[u8]) -> Result<Trie, String> {
    let mut trie = Trie::new();
    for entry in modinfo.split(|&b| b == 0) {
        let Some(dot) = entry.iter().position(|&b| b == b'.') else { continue };
        let Some(value) = entry[dot + 1..].strip_prefix(b"alias=").filter(|value| !value.is_empty()) else { continue };
        if dot > 0
            && let Some(key) = normal_alias(value)
        {
            insert(&mut trie, &key, &entry[..dot], 0)?;
        }
    }
    Ok(trie)
}

/// `_` for `-` outside of brackets; `None` when a bracket has no partner.
fn normal_alias(alias: &[u8]) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut normal = Vec::with_capacity(alias.len());
    for &byte in alias {
        match byte {
            b']' if !inside => return None,
            b']' => inside = false,
            b'[' => inside = true,
            _ => {}
        }
        normal.push(if byte == b'-' && !inside { b'_' } else { byte });
    }
    (!inside).then_some(normal)
}

/// `NAME DEVICE cMAJOR:MINOR`, for udev and systemd-tmpfiles: the module's first device name and its first number.
fn device(name: &[u8], aliases: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut device = None;
    let mut number = None;
    for alias in aliases {
        if let Some(rest) = alias.strip_prefix(b"devname:") {
            device = Some(rest);
        } else if let Some(found) = device_number(alias) {
            number = Some(found);
        }
        if device.is_some() && number.is_some() {
            break;
        }
    }
    Some([name, b" ", device?, b" ", number?.as_bytes(), b"\n"].concat())
}

fn device_number(alias: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(alias).ok()?;
    let (letter, rest) = match text.strip_prefix("char-major-") {
        Some(rest) => ('c', rest),
        None => ('b', text.strip_prefix("block-major-")?),
    };
    let (major, minor) = rest.split_once('-')?;
    // What stands behind the number does not matter, as with `sscanf`.
    let digits = minor.bytes().take_while(u8::is_ascii_digit).count();
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor[..digits].parse().ok()?);
    Some(format!("{letter}{major}:{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, exports: &[&str], needs: &[&str]) -> Input {
        let bytes = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let facts = Facts { exports: bytes(exports), needs: bytes(needs), ..Facts::default() };
        let file = format!("kernel/{name}.ko.xz");
        Input { name: name.to_owned(), file, facts, info: ModuleInfo::default(), digest: None }
    }

    #[test]
    fn dependencies_reach_to_the_end() {
        let modules = [
            module("ext4", &[], &["jbd2_start", "crc16", "printk"]),
            module("jbd2", &["jbd2_start"], &["crc32c"]),
            module("crc16", &["crc16"], &[]),
            module("crc32c", &["crc32c"], &[".crc16"]),
        ];
        let needs = dependencies(&modules).unwrap();
        assert_eq!(needs, [vec![1, 3, 2], vec![3, 2], vec![], vec![2]]);
    }

    #[test]
    fn a_circle_is_named() {
        let modules = [module("a", &["a"], &["b"]), module("b", &["b"], &["a"]), module("c", &[], &["a"])];
        assert_eq!(dependencies(&modules), Err(KernelError::ModuleCycle(vec!["a".to_owned(), "b".to_owned()])));
    }

    #[test]
    fn modules_order_comes_first_whatever_the_compression() {
        let mut modules = [module("a", &[], &[]), module("b", &[], &[]), module("c", &[], &[])];
        order(&mut modules, b"kernel/c.ko\nkernel/gone.ko\nkernel/a.ko\n");
        assert_eq!(modules.map(|module| module.name), ["c", "a", "b"]);
    }

    #[test]
    fn aliases_are_normal_outside_of_brackets() {
        assert_eq!(normal_alias(b"usb:v-[a-f]-").unwrap(), b"usb:v_[a-f]_");
        assert_eq!(normal_alias(b"a]"), None);
        assert_eq!(normal_alias(b"a[b"), None);
    }

    #[test]
    fn device_nodes_need_a_name_and_a_number() {
        let line = |aliases: &[&str]| {
            let aliases: Vec<Vec<u8>> = aliases.iter().map(|alias| alias.as_bytes().to_vec()).collect();
            device(b"fuse", &aliases).map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(line(&["fs-fuse", "devname:fuse", "char-major-10-229"]).as_deref(), Some("fuse fuse c10:229\n"));
        assert_eq!(line(&["block-major-7-*", "devname:loop"]), None);
        assert_eq!(line(&["block-major-7-1x", "devname:loop"]).as_deref(), Some("fuse loop b7:1\n"));
        assert_eq!(line(&["devname:x"]), None);
    }

    #[test]
    fn built_in_modules_have_indexes_of_their_own() {
        let trie = builtin_names(b"kernel/fs/ext4/ext4.ko\n#\n").unwrap().render().unwrap();
        let modinfo = b"ext4.alias=fs-ext4\0ext4.license=GPL\0noise\0".as_slice();
        let aliases = builtin_aliases(modinfo).unwrap().render().unwrap();
        assert!(trie.windows(3).any(|w| w == b"xt4"));
        assert!(aliases.windows(6).any(|w| w == b"s_ext4") && aliases.ends_with(b"ext4\0"));
    }
}
