//! The only place that reads the environment and the clock.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rootsmith_types::UnixTime;

/// What the surroundings say.
pub(crate) struct Environment {
    /// `$ROOTSMITH_CACHE`, else `$XDG_CACHE_HOME/rootsmith`, else `~/.cache/rootsmith`.
    pub(crate) cache: Option<PathBuf>,
    /// `$ROOTSMITH_MIRROR`.
    pub(crate) mirror: Option<String>,
    /// `$PATH`.
    pub(crate) path: String,
    /// The proxy variables, as they are named.
    pub(crate) proxies: BTreeMap<String, String>,
    /// Whether stderr is a terminal that may be drawn on.
    pub(crate) terminal: bool,
    /// Whether stderr may be coloured.
    pub(crate) colour: bool,
    /// Whether stdout may be coloured.
    pub(crate) colour_out: bool,
    /// Whether somebody can be asked: stdin is a terminal.
    pub(crate) answers: bool,
    /// Seconds since 1970.
    pub(crate) now: UnixTime,
    /// The file that this program is.
    pub(crate) program: PathBuf,
    /// Where temporary files of a run may lie.
    pub(crate) scratch: PathBuf,
}

impl Environment {
    pub(crate) fn read() -> Environment {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value: OsString| value.into_string().ok());
        // The XDG Base Directory Specification: a relative folder there is to be ignored.
        let absolute = |name: &str| set(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = set("ROOTSMITH_CACHE")
            .map(PathBuf::from)
            .or_else(|| absolute("XDG_CACHE_HOME").map(|folder| folder.join("rootsmith")))
            .or_else(|| absolute("HOME").map(|home| home.join(".cache/rootsmith")));
        let proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]
            .iter()
            .flat_map(|name| [(*name).to_owned(), name.to_uppercase()])
            .filter_map(|name| text(&name).map(|value| (name, value)))
            .collect();
        let terminal = std::io::stderr().is_terminal() && text("TERM").is_none_or(|term| term != "dumb");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        Environment {
            cache,
            mirror: text("ROOTSMITH_MIRROR"),
            path: text("PATH").unwrap_or_default(),
            proxies,
            terminal,
            colour: terminal && set("NO_COLOR").is_none(),
            colour_out: std::io::stdout().is_terminal() && terminal && set("NO_COLOR").is_none(),
            answers: std::io::stdin().is_terminal(),
            now: UnixTime::try_from(now).unwrap_or(UnixTime::MAX),
            program: program(),
            scratch: env::temp_dir(),
        }
    }
}

/// Linux leads to the file that runs, even where another one has its name by now.
fn program() -> PathBuf {
    let own = Path::new("/proc/self/exe");
    if own.exists() { own.to_owned() } else { env::current_exe().unwrap_or_default() }
}

/// The host's apt configuration.
pub(crate) fn etc_apt() -> &'static Path {
    Path::new("/etc/apt")
}
