//! Small text tools that scripts pipe things through: pure, over what they are given, in the POSIX locale.
//!
//! An option that is not known here ends the run and is named. What changes files beyond `tee` and `sed -i` is the host's.

mod awk;
mod expression;
mod fields;
mod grep;
mod lines;
mod names;
mod options;
mod regex;
mod sed;
mod sort;
mod sums;
mod translate;
mod xargs;

use crate::shell::{Go, Shell};

pub(crate) use regex::{Matcher, Options as RegexOptions, Syntax};

/// `words` begin with the name.
pub(crate) type Tool = fn(&mut Shell<'_>, &[String]) -> Go<u8>;

/// The tool a command's name means, with or without a standard folder.
pub(crate) fn find(name: &str) -> Option<Tool> {
    Some(match bare(name) {
        "awk" | "gawk" | "mawk" => awk::awk,
        "basename" => names::basename,
        "cat" => lines::cat,
        "cmp" => sums::cmp,
        "cut" => fields::cut,
        "dirname" => names::dirname,
        "egrep" | "fgrep" | "grep" => grep::grep,
        "expr" => expression::expr,
        "head" => lines::head,
        "md5sum" | "sha256sum" => sums::sum,
        "rev" => lines::rev,
        "sed" => sed::sed,
        "seq" => names::seq,
        "sort" => sort::sort,
        "tac" => lines::tac,
        "tail" => lines::tail,
        "tee" => lines::tee,
        "tr" => translate::tr,
        "uniq" => sort::uniq,
        "wc" => fields::wc,
        "xargs" => xargs::xargs,
        _ => return None,
    })
}

/// A name without its standard folder.
fn bare(name: &str) -> &str {
    name.strip_prefix("/usr/bin/").or_else(|| name.strip_prefix("/bin/")).unwrap_or(name)
}

pub(crate) fn run(shell: &mut Shell<'_>, tool: Tool, words: &[String]) -> Go<u8> {
    tool(shell, words)
}

/// Lines without their ends.
fn split_lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

impl Shell<'_> {
    /// A file a tool was given, `-` for the standard input; nothing, after a complaint, when there is no such file.
    fn tool_input(&mut self, tool: &str, path: &str) -> Go<Option<Vec<u8>>> {
        if path == "-" {
            return self.take_stdin().map(Some);
        }
        if path == "/dev/null" {
            return Ok(Some(Vec::new()));
        }
        let absolute = self.absolute(path);
        let bytes = if path.is_empty() { None } else { self.read_file(&absolute)? };
        if bytes.is_none() {
            self.complain(&format!("{tool}: {path}: no such file"))?;
        }
        Ok(bytes)
    }

    /// All a tool was given, one after the other, and whether something was missing.
    fn tool_inputs(&mut self, tool: &str, paths: &[String]) -> Go<(Vec<u8>, bool)> {
        if paths.is_empty() {
            return Ok((self.take_stdin()?, false));
        }
        let mut all = Vec::new();
        let mut missing = false;
        for path in paths {
            match self.tool_input(tool, path)? {
                Some(bytes) => all.extend(bytes),
                None => missing = true,
            }
        }
        Ok((all, missing))
    }

    /// Writes a tool's output; a status for what could not be written.
    fn tool_output(&mut self, bytes: &[u8], status: u8) -> Go<u8> {
        Ok(if self.put(1, bytes)? { status } else { status.max(1) })
    }
}
