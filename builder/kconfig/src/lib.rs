//! Kernel configurations, and why a symbol does not come out as asked.
//!
//! `make olddefconfig` drops a line that it cannot fulfil without a word. Here the Kconfig files of the kernel's source are read,
//! and the line is explained: [`explain`], or an [`Explainer`] for many lines.
//!
//! ```text
//! `CONFIG_NF_CONNTRACK=y` is lost: it depends on `NET`, which is off
//! note: `NF_CONNTRACK` needs `NET`, which is off (net/Kconfig:27)
//! note: `NF_CONNTRACK` needs `NETFILTER`, which is off (net/Kconfig:209)
//! note: `NF_CONNTRACK` needs `INET && NETFILTER`, which is off (net/netfilter/Kconfig:3)
//! hint: add `CONFIG_NET=y`, `CONFIG_INET=y`, `CONFIG_NETFILTER=y`
//! ```
//!
//! | module      | turns                                        | into                                                    |
//! |-------------|----------------------------------------------|---------------------------------------------------------|
//! | `config`    | a `.config`                                  | [`Config`]: symbols with their values                   |
//! | `line`, `read` | Kconfig files, from wherever ([`KconfigFiles`]) | [`Symbols`]: types, prompts, conditions, each with its [`Place`] |
//! | `values`    | symbols and what is asked for                | what all symbols come out as, by the rules of `conf`    |
//! | `toolchain` | a configuration                              | what the compiler must have answered                    |
//! | `search`    | a symbol and the value it should have        | the smallest set of further lines that gives it         |
//! | `explain`   | all of these                                 | [`Why`]                                                 |
//!
//! Nothing is run, the compiler included. The authority for a configuration stays the kernel's own `make olddefconfig`; it is the
//! judge of this crate (`tests/oracle/kconfig.rs`).

mod config;
mod explain;
mod expr;
mod line;
mod read;
mod search;
mod symbols;
mod toolchain;
mod values;
mod why;

pub use config::{Config, NotALine, Value, parse_line, spelled};
pub use explain::{Explainer, explain};
pub use expr::Tristate;
pub use read::{KconfigFiles, ReadError};
pub use symbols::{Place, SymbolType, Symbols};
pub use why::{Link, Reason, Suggestion, Why};
