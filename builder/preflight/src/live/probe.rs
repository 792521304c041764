//! The script that asks.

use std::collections::BTreeSet;

use rootsmith_types::{Arch, Problems};

use super::way_in::without_comments;
use crate::facts::DATA_FOLDER;
use crate::rules::netfilter::{LEGACY, NFT};
use crate::set::Set;
use crate::{Check, Rule, Wanted};

const SCRIPT: &str = include_str!("probe.sh");

/// What any system is asked.
const ALWAYS: &[&str] = &[
    "ask_system",
    "ask_state",
    "ask_mounts",
    "ask_cgroups",
    "ask_names",
    "ask_identity",
    "ask_security",
    "ask_daemons",
];

/// A script and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// POSIX sh.
    pub script: String,
    /// The last thing it writes to the console.
    pub end: String,
    /// What is in all lines it writes.
    pub(crate) token: String,
}

/// The script that asks what the checks of `sets` want to know. `token` is in all lines it writes: letters and digits that
/// nothing else on the console begins a line with.
pub fn probe(sets: &[Wanted], arch: Arch, token: &str) -> Result<Probe, Problems> {
    let mut problems = Problems(Vec::new());
    let mut questions = Questions::default();
    for wanted in sets {
        match Set::find(wanted) {
            Ok(set) => set.checks.iter().for_each(|check| questions.of(check)),
            Err(error) => problems.push(error),
        }
    }
    problems.into_result()?;
    let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
    let serial = match arch {
        Arch::Amd64 | Arch::Riscv64 => "/dev/ttyS0",
        Arch::Arm64 | Arch::Armhf => "/dev/ttyAMA0",
    };
    let mut script =
        format!("TOKEN={token}\nCONSOLES=\"${{CONSOLES-{serial} /dev/console}}\"\n{SCRIPT}\nwait_for_system\n");
    for question in ALWAYS {
        script.push_str(question);
        script.push('\n');
    }
    script.push_str(&questions.text());
    script.push_str("finish\n");
    let script = without_comments(&script);
    Ok(Probe { script, end: format!("@rs {token} end"), token })
}

/// What is asked for by name, each once.
#[derive(Debug, Default)]
struct Questions {
    symbols: BTreeSet<String>,
    /// The function, and what it is asked about.
    calls: BTreeSet<(&'static str, String)>,
}

impl Questions {
    fn of(&mut self, check: &Check) {
        match &check.rule {
            Rule::Kconfig { symbol, module } | Rule::ExtinctKconfig { symbol, module, .. } => {
                self.symbol(symbol, module.as_deref());
            }
            Rule::AnyKconfig { symbols } => {
                symbols.iter().for_each(|(symbol, module)| self.symbol(symbol, Some(module)));
            }
            Rule::RealTimeGroups {} => {
                ["RT_GROUP_SCHED", "RT_GROUP_SCHED_DEFAULT_DISABLED"]
                    .iter()
                    .for_each(|symbol| self.symbol(symbol, None));
            }
            Rule::IptablesBackend {} => {
                let symbols = [LEGACY, NFT].into_iter().flat_map(|(_, symbols)| symbols);
                symbols.for_each(|(symbol, module)| self.symbol(symbol, Some(module)));
                self.calls.insert(("ask_iptables", String::new()));
            }
            Rule::Executable { name } => self.call("ask_program", name),
            Rule::UserTools { tools, users } => {
                tools.iter().for_each(|name| self.call("ask_program", name));
                users.iter().for_each(|name| self.call("ask_user", name));
            }
            Rule::KconfigOff { symbol } => self.symbol(symbol, None),
            Rule::ModulesLoaded { modules } => {
                modules.iter().for_each(|module| self.call("ask_module", &module.replace('-', "_")));
            }
            Rule::ApparmorParser {} => self.call("ask_program", "apparmor_parser"),
            Rule::DataFolder { path, .. } | Rule::PluginFolder { path } => self.call("ask_folder", path),
            Rule::DiskFree { .. } => self.call("ask_folder", DATA_FOLDER),
            Rule::Writable { paths, .. } => paths.iter().for_each(|path| self.call("ask_folder", path)),
            Rule::Sysctl { keys, .. } => keys.iter().for_each(|key| self.call("ask_sysctl", key)),
            Rule::FileMode { path, .. } => self.call("ask_mode", path),
            Rule::Sticky { paths } => paths.iter().for_each(|path| self.call("ask_mode", path)),
            Rule::SshdOption { option, .. } => self.call("ask_sshd", option),
            Rule::ContainerdSnippets { folder } => self.call("ask_snippets", folder),
            _ => {}
        }
    }

    fn symbol(&mut self, symbol: &str, module: Option<&str>) {
        // The names stand in an expression of grep's.
        if symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.symbols.insert(symbol.to_owned());
        }
        if let Some(module) = module.filter(|module| !module.is_empty()) {
            self.call("ask_module", &module.replace('-', "_"));
        }
    }

    /// A name that could end its line or its key is not asked about: the missing answer shows.
    fn call(&mut self, function: &'static str, name: &str) {
        if !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
            self.calls.insert((function, name.to_owned()));
        }
    }

    fn text(&self) -> String {
        let symbols: Vec<&str> = self.symbols.iter().map(String::as_str).collect();
        // A kernel without the symbol that nobody asks for is the same as one with it.
        let symbols = if symbols.is_empty() { "NONE".to_owned() } else { symbols.join("|") };
        let mut text = format!("ask_config {}\n", quoted(&symbols));
        for (function, name) in &self.calls {
            text.push_str(function);
            if !name.is_empty() {
                text.push(' ');
                text.push_str(&quoted(name));
            }
            text.push('\n');
        }
        text
    }
}

/// As one word of sh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_users_set_are_words_and_nothing_else() {
        let mut questions = Questions::default();
        let rule = |name: &str| Rule::Executable { name: name.to_owned() };
        let check = |rule| Check { rule, ..crate::sets().iter().flat_map(|set| &set.checks).next().unwrap().clone() };
        questions.of(&check(rule("a'; reboot; '")));
        questions.of(&check(rule("a\nreboot")));
        questions.of(&check(rule("a=b")));
        questions.of(&check(Rule::Kconfig { symbol: "X|Y".to_owned(), module: Some("nf-nat".to_owned()) }));
        assert_eq!(questions.text(), "ask_config 'NONE'\nask_module 'nf_nat'\nask_program 'a'\\''; reboot; '\\'''\n");
    }
}
