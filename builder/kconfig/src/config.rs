//! A kernel's configuration: lines of `CONFIG_NAME=value` or `# CONFIG_NAME is not set`.
//!
//! `# CONFIG_X is not set`, `CONFIG_X=n` and no line at all mean the same to whoever builds a kernel.

use std::collections::BTreeMap;

/// A value of a symbol, as it is written behind the `=`: `y`, `m`, `n`, `"text"`, `32`, `0x1000`.
pub type Value = str;

/// A kernel's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    symbols: BTreeMap<String, String>,
}

impl Config {
    /// Reads a configuration; lines that are neither of the two forms are passed over, the last line of a symbol counts.
    pub fn parse(text: &str) -> Config {
        let mut symbols = BTreeMap::new();
        for line in text.lines() {
            if let Ok(Some((symbol, value))) = parse_line(line) {
                symbols.insert(symbol.to_owned(), value.to_owned());
            }
        }
        Config { symbols }
    }

    /// The value of `symbol` (without `CONFIG_`); `None` when the configuration does not know it.
    pub fn get(&self, symbol: &str) -> Option<&Value> {
        self.symbols.get(symbol).map(String::as_str)
    }

    /// Whether it is `y`: part of the kernel image.
    pub fn is_builtin(&self, symbol: &str) -> bool {
        self.get(symbol) == Some("y")
    }

    /// Whether it is `m`: a module.
    pub fn is_module(&self, symbol: &str) -> bool {
        self.get(symbol) == Some("m")
    }

    /// Every symbol with its value, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.symbols.iter().map(|(symbol, value)| (symbol.as_str(), value.as_str()))
    }
}

/// A line of neither form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotALine;

/// The symbol and the value of a line; `None` for blank lines and comments.
pub fn parse_line(line: &str) -> Result<Option<(&str, &Value)>, NotALine> {
    let line = line.trim();
    if let Some(comment) = line.strip_prefix('#') {
        let symbol = comment.trim().strip_prefix("CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
        return Ok(symbol.filter(|symbol| is_symbol(symbol)).map(|symbol| (symbol, "n")));
    }
    if line.is_empty() {
        return Ok(None);
    }
    let (symbol, value) = line.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('=')).ok_or(NotALine)?;
    if is_symbol(symbol) && is_value(value) { Ok(Some((symbol, value))) } else { Err(NotALine) }
}

/// How the value stands in a configuration: `# CONFIG_X is not set` for `n`.
pub fn spelled(symbol: &str, value: &Value) -> String {
    if value == "n" { format!("# CONFIG_{symbol} is not set") } else { format!("CONFIG_{symbol}={value}") }
}

fn is_symbol(symbol: &str) -> bool {
    !symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_value(value: &Value) -> bool {
    let number = |digits: &str| {
        let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        match hexadecimal {
            Some(rest) => !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit()),
            None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
        }
    };
    matches!(value, "y" | "m" | "n")
        || (value.len() >= 2 && value.starts_with('"') && value.ends_with('"'))
        || number(value.strip_prefix('-').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let text = "#\n# Linux/x86 6.12 Kernel Configuration\n#\nCONFIG_EXT4_FS=y\nCONFIG_OVERLAY_FS=m\n\
                    # CONFIG_IKCONFIG is not set\nCONFIG_NR_CPUS=8192\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n";
        let config = Config::parse(text);
        assert_eq!(config.get("EXT4_FS"), Some("y"));
        assert_eq!(config.get("IKCONFIG"), Some("n"));
        assert_eq!(config.get("DEFAULT_HOSTNAME"), Some("\"(none)\""));
        assert_eq!(config.get("NO_SUCH"), None);
        assert!(config.is_builtin("EXT4_FS") && config.is_module("OVERLAY_FS"));
        assert_eq!(config.iter().count(), 5);
    }

    #[test]
    fn lines_of_neither_form_are_told_from_comments() {
        assert_eq!(parse_line("  # about\n"), Ok(None));
        assert_eq!(parse_line("# CONFIG_A is not set"), Ok(Some(("A", "n"))));
        for bad in ["EXT4_FS=y", "CONFIG_A", "CONFIG_A = y", "CONFIG_A=yes", "CONFIG_=y", "CONFIG_A=0x", "CONFIG_A=\""]
        {
            assert_eq!(parse_line(bad), Err(NotALine), "{bad}");
        }
    }
}
