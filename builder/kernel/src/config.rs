//! Fragments of kernel configurations.
//!
//! A fragment is what the profile asks for, in the lines of a configuration ([`Config`]); the configuration is what the kernel
//! was built with. `# CONFIG_X is not set`, `CONFIG_X=n` and no line at all mean the same.

use std::collections::BTreeMap;
use std::fmt;

pub use rootsmith_kconfig::Config;
use rootsmith_kconfig::{NotALine, parse_line, spelled};
use rootsmith_profile::Fragment;
use rootsmith_types::{Explain, Note, Origin, Subject, TreePath};

/// One line of a fragment that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentLine {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// The value asked for; `n` for `is not set`.
    pub wanted: String,
    /// The line in the fragment.
    pub origin: Origin,
    /// Its number, from 1.
    pub line: usize,
}

/// Why a fragment does not come out as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FragmentError {
    /// A line of neither form.
    Syntax {
        /// The line.
        text: String,
        /// Where it is.
        origin: Origin,
    },
    /// The kernel was built with another value.
    Unmet {
        /// What was asked for.
        line: FragmentLine,
        /// What the configuration has; `None` when it does not know the symbol.
        found: Option<String>,
        /// The configuration that was looked at.
        config: TreePath,
        /// An earlier line that asked for another value and was overruled by this one.
        overrules: Option<FragmentLine>,
    },
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FragmentError::Syntax { text, .. } => write!(f, "`{text}` is no line of a kernel configuration"),
            FragmentError::Unmet { line, found, .. } => {
                write!(f, "the kernel does not have `{}`: ", spelled(&line.symbol, &line.wanted))?;
                match found {
                    Some(found) => write!(f, "it was built with `{}`", spelled(&line.symbol, found)),
                    None => write!(f, "its configuration does not know the symbol"),
                }
            }
        }
    }
}

impl std::error::Error for FragmentError {}

impl Explain for FragmentError {
    fn subject(&self) -> Subject {
        match self {
            FragmentError::Syntax { origin, .. } => Subject::Profile(origin.clone()),
            FragmentError::Unmet { line, .. } => Subject::Profile(line.origin.clone()),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            FragmentError::Syntax { .. } => {
                "write `CONFIG_NAME=y`, `=m`, `=n`, a number or a text in quotes, or `# CONFIG_NAME is not set`"
                    .to_owned()
            }
            FragmentError::Unmet { line, found, .. } => match (line.wanted.as_str(), found.as_deref()) {
                ("y", Some("m")) | ("m", Some("y")) => {
                    let found = found.as_deref().unwrap_or_default();
                    format!("ask for `{}`, or choose another `kernel.package`", spelled(&line.symbol, found))
                }
                _ => "choose a `kernel.package` built with it, or take the line out of the fragment".to_owned(),
            },
        })
    }

    fn label(&self) -> Option<String> {
        match self {
            FragmentError::Syntax { .. } => None,
            FragmentError::Unmet { .. } => Some("asked for here".to_owned()),
        }
    }

    fn notes(&self) -> Vec<Note> {
        let FragmentError::Unmet { config, overrules, .. } = self else { return Vec::new() };
        let mut notes =
            vec![Note { text: format!("it was looked for in `{config}`"), subject: Subject::Path(config.clone()) }];
        if let Some(earlier) = overrules {
            notes.push(Note {
                text: format!("this line overrules an earlier `{}`", spelled(&earlier.symbol, &earlier.wanted)),
                subject: Subject::Profile(earlier.origin.clone()),
            });
        }
        notes
    }
}

/// Compares what the fragments ask for with a kernel's configuration. A later line overrules an earlier one, a later
/// fragment an earlier fragment. All that is wrong, in the order of the fragments and their lines.
pub fn check_fragments<'a>(
    config: &Config,
    config_path: &TreePath,
    fragments: impl IntoIterator<Item = &'a Fragment>,
) -> Vec<FragmentError> {
    let (lines, mut errors) = read_fragments(fragments);
    let overruled: BTreeMap<usize, usize> = overruled(&lines).collect();
    let last: BTreeMap<&str, usize> = lines.iter().enumerate().map(|(at, line)| (line.symbol.as_str(), at)).collect();
    for (at, line) in lines.iter().enumerate() {
        let found = config.get(&line.symbol);
        if last.get(line.symbol.as_str()) != Some(&at) || found.unwrap_or("n") == line.wanted {
            continue;
        }
        errors.push(FragmentError::Unmet {
            line: line.clone(),
            found: found.map(str::to_owned),
            config: config_path.clone(),
            overrules: overruled.get(&at).map(|&earlier| lines[earlier].clone()),
        });
    }
    errors
}

/// Every line of the fragments that asks for something, in order, and the lines that cannot be understood.
pub fn read_fragments<'a>(
    fragments: impl IntoIterator<Item = &'a Fragment>,
) -> (Vec<FragmentLine>, Vec<FragmentError>) {
    let mut lines = Vec::new();
    let mut errors = Vec::new();
    for fragment in fragments {
        let mut start = 0;
        for (number, raw) in fragment.text.split_inclusive('\n').enumerate() {
            let text = raw.trim();
            // The span covers the line without its blanks, so that the excerpt underlines what was written.
            let from = start + (raw.len() - raw.trim_start().len());
            let origin = Origin::new(fragment.file.clone(), from..from + text.len());
            start += raw.len();
            match parse_line(text) {
                Ok(Some((symbol, value))) => lines.push(FragmentLine {
                    symbol: symbol.to_owned(),
                    wanted: value.to_owned(),
                    origin,
                    line: number + 1,
                }),
                Ok(None) => {}
                Err(NotALine) => errors.push(FragmentError::Syntax { text: text.to_owned(), origin }),
            }
        }
    }
    (lines, errors)
}

/// Each line that asks for another value than an earlier one: `` `CONFIG_X=y` (b.config:3) overrules `CONFIG_X=m` (a.config:9) ``.
pub fn redefinitions(lines: &[FragmentLine]) -> Vec<String> {
    let shown = |line: &FragmentLine| {
        format!("`{}` ({}:{})", spelled(&line.symbol, &line.wanted), line.origin.file.display(), line.line)
    };
    overruled(lines)
        .map(|(at, earlier)| format!("{} overrules {}", shown(&lines[at]), shown(&lines[earlier])))
        .collect()
}

/// Each line that asks for another value than the one before it of the same symbol, and that one.
fn overruled(lines: &[FragmentLine]) -> impl Iterator<Item = (usize, usize)> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    lines.iter().enumerate().filter_map(move |(at, line)| {
        let earlier = last.insert(&line.symbol, at)?;
        (lines[earlier].wanted != line.wanted).then_some((at, earlier))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    const CONFIG: &str = "#\n# Linux/x86 6.12 Kernel Configuration\n#\nCONFIG_EXT4_FS=y\nCONFIG_OVERLAY_FS=m\n\
                          # CONFIG_IKCONFIG is not set\nCONFIG_NR_CPUS=8192\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n";

    fn fragment(name: &str, text: &str) -> Fragment {
        let file: Arc<Path> = Path::new(name).into();
        Fragment { arch: None, origin: Origin::new(Path::new("p.toml").into(), 0..1), file, text: text.into() }
    }

    fn check(fragments: &[Fragment]) -> Vec<FragmentError> {
        check_fragments(&Config::parse(CONFIG), &TreePath::literal("/boot/config-6.12"), fragments)
    }

    #[test]
    fn what_comes_out_as_asked_is_no_finding() {
        let text = "# about\n\nCONFIG_EXT4_FS=y\nCONFIG_OVERLAY_FS=m\n# CONFIG_IKCONFIG is not set\n\
                    CONFIG_NO_SUCH=n\n# CONFIG_OTHER is not set\nCONFIG_NR_CPUS=8192\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n";
        assert_eq!(check(&[fragment("a.config", text)]), []);
    }

    #[test]
    fn each_unmet_symbol_is_named_with_line_and_values() {
        let text = "CONFIG_EXT4_FS=y\n  CONFIG_OVERLAY_FS=y\nCONFIG_NO_SUCH=y\n# CONFIG_EXT4_FS is not set\nCONFIG_NR_CPUS=64\n";
        let errors = check(&[fragment("a.config", text)]);
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "the kernel does not have `CONFIG_OVERLAY_FS=y`: it was built with `CONFIG_OVERLAY_FS=m`",
                "the kernel does not have `CONFIG_NO_SUCH=y`: its configuration does not know the symbol",
                "the kernel does not have `# CONFIG_EXT4_FS is not set`: it was built with `CONFIG_EXT4_FS=y`",
                "the kernel does not have `CONFIG_NR_CPUS=64`: it was built with `CONFIG_NR_CPUS=8192`",
            ]
        );
        let FragmentError::Unmet { line, .. } = &errors[0] else { panic!("{errors:?}") };
        assert_eq!((line.line, &text[line.origin.span()]), (2, "CONFIG_OVERLAY_FS=y"));
        assert!(errors[0].help().unwrap().contains("`CONFIG_OVERLAY_FS=m`"));
        assert_eq!(errors[2].notes().len(), 2);
    }

    #[test]
    fn a_later_fragment_overrules_an_earlier_one() {
        let wrong = fragment("a.config", "CONFIG_OVERLAY_FS=y\n");
        let right = fragment("b.config", "CONFIG_OVERLAY_FS=m\n");
        assert_eq!(check(&[wrong.clone(), right.clone()]), []);
        let lines = read_fragments(&[wrong.clone(), right.clone(), right.clone()]).0;
        let found = redefinitions(&lines);
        assert_eq!(found, ["`CONFIG_OVERLAY_FS=m` (b.config:1) overrules `CONFIG_OVERLAY_FS=y` (a.config:1)"]);
        let errors = check(&[right, wrong]);
        let FragmentError::Unmet { line, overrules: Some(earlier), .. } = &errors[0] else { panic!("{errors:?}") };
        assert_eq!((errors.len(), line.wanted.as_str(), earlier.wanted.as_str()), (1, "y", "m"));
    }

    /// `k0s-builtin.config` says so of itself.
    #[test]
    fn built_in_or_not_k0s_asks_for_the_same_symbols() {
        let text = |name: &str| {
            let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles/kernel");
            std::fs::read_to_string(profiles.join(name)).unwrap()
        };
        let modules = Config::parse(&text("k0s.config").replace("=m\n", "=y\n"));
        assert!(modules.iter().count() > 50);
        assert_eq!(Config::parse(&text("k0s-builtin.config")), modules);
    }

    #[test]
    fn lines_of_neither_form_are_errors() {
        for bad in [
            "EXT4_FS=y",
            "CONFIG_EXT4_FS",
            "CONFIG_EXT4_FS = y",
            "CONFIG_EXT4_FS=yes",
            "CONFIG_=y",
            "CONFIG_X=0x",
            "CONFIG_X=\"",
        ] {
            let errors = check(&[fragment("a.config", bad)]);
            assert!(matches!(&errors[..], [FragmentError::Syntax { text, .. }] if text == bad), "{bad}: {errors:?}");
        }
    }
}
