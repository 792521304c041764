//! ELF files as a linker would write them, as far as loaders read them: 64-bit, little-endian.

/// What is in one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ElfFile<'t> {
    pub(crate) machine: u16,
    /// `e_type`.
    pub(crate) kind: u16,
    pub(crate) interpreter: &'t str,
    pub(crate) needed: &'t [&'t str],
    pub(crate) soname: &'t str,
    pub(crate) rpath: &'t str,
    pub(crate) runpath: &'t str,
    /// File and version.
    pub(crate) requires: &'t [(&'t str, &'t str)],
    pub(crate) weak: bool,
    pub(crate) provides: &'t [&'t str],
    pub(crate) defined: &'t [&'t str],
    pub(crate) undefined: &'t [&'t str],
}

/// An amd64 file that needs nothing.
pub(crate) const PLAIN: ElfFile<'static> = ElfFile {
    machine: 62,
    kind: 3,
    interpreter: "",
    needed: &[],
    soname: "",
    rpath: "",
    runpath: "",
    requires: &[],
    weak: false,
    provides: &[],
    defined: &[],
    undefined: &[],
};

/// Names, each closed by a NUL; an offset for each.
struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, name: &str) -> u64 {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        at
    }
}

fn word(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn half(out: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn wide(out: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

impl ElfFile<'_> {
    /// The bytes. All is loaded at its offset; symbols are counted by the old hash table.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const BASE: u64 = 64 + 3 * 56;
        let mut names = Names(vec![0]);
        let mut dynamic: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, names.add(name))).collect();
        for (tag, text) in [(14, self.soname), (15, self.rpath), (29, self.runpath)] {
            if !text.is_empty() {
                dynamic.push((tag, names.add(text)));
            }
        }
        let mut symbols = vec![0; 24];
        for (name, section) in
            self.undefined.iter().map(|name| (name, 0)).chain(self.defined.iter().map(|name| (name, 1)))
        {
            word(&mut symbols, &[names.add(name) as u32]);
            symbols.extend([0x12, 0]);
            half(&mut symbols, &[section]);
            wide(&mut symbols, &[0, 0]);
        }
        let mut hash = Vec::new();
        word(&mut hash, &[1, symbols.len() as u32 / 24]);
        let mut needs = Vec::new();
        for (at, (file, version)) in self.requires.iter().enumerate() {
            half(&mut needs, &[1, 1]);
            let last = at + 1 == self.requires.len();
            word(&mut needs, &[names.add(file) as u32, 16, if last { 0 } else { 32 }]);
            word(&mut needs, &[0]);
            half(&mut needs, &[if self.weak { 2 } else { 0 }, 2]);
            word(&mut needs, &[names.add(version) as u32, 0]);
        }
        let mut has = Vec::new();
        for (at, version) in self.provides.iter().enumerate() {
            half(&mut has, &[1, 0, at as u16 + 1, 1]);
            let last = at + 1 == self.provides.len();
            word(&mut has, &[0, 20, if last { 0 } else { 28 }]);
            word(&mut has, &[names.add(version) as u32, 0]);
        }
        // Names, symbols, hash, two tables of versions, two counts, the size of names, the end.
        let table = (dynamic.len() as u64 + 9) * 16;
        let names_at = BASE + table;
        let symbols_at = names_at + names.0.len() as u64;
        let hash_at = symbols_at + symbols.len() as u64;
        let needs_at = hash_at + hash.len() as u64;
        let has_at = needs_at + needs.len() as u64;
        let text = has_at + has.len() as u64;
        dynamic.extend([(5, names_at), (10, names.0.len() as u64), (6, symbols_at), (4, hash_at)]);
        dynamic.extend([(0x6fff_fffe, needs_at), (0x6fff_ffff, self.requires.len() as u64)]);
        dynamic.extend([(0x6fff_fffc, has_at), (0x6fff_fffd, self.provides.len() as u64), (0, 0)]);

        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        half(&mut file, &[self.kind, self.machine]);
        word(&mut file, &[1]);
        wide(&mut file, &[0, 64, 0]);
        half(&mut file, &[0, 0, 64, 56, 3, 64, 0, 0]);
        // PT_LOAD of all, PT_DYNAMIC, then PT_INTERP, or nothing in its place.
        let interp = if self.interpreter.is_empty() { 0 } else { 3 };
        let length = text + self.interpreter.len() as u64 + 1;
        for (kind, at, size) in [(1, 0, length), (2, BASE, table), (interp, text, self.interpreter.len() as u64 + 1)] {
            word(&mut file, &[kind, 4]);
            wide(&mut file, &[at, at, at, size, size, 8]);
        }
        dynamic.iter().for_each(|(tag, value)| wide(&mut file, &[*tag, *value]));
        for part in [&names.0, &symbols, &hash, &needs, &has] {
            file.extend_from_slice(part);
        }
        file.extend_from_slice(self.interpreter.as_bytes());
        file.push(0);
        file
    }
}
