//! Kernel configurations, and why a symbol does not come out as asked.

mod config;

pub use config::{Config, NotALine, Value, parse_line, spelled};
