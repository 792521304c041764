//! `md5sum`, `sha256sum`, `cmp -s`.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::bare;
use crate::shell::{Go, Shell};

pub(super) fn sum(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let name = bare(words.first().map_or("", String::as_str)).to_owned();
    let options = shell.tool_options(words, "bt", &[("binary", 'b'), ("text", 't')], true)?;
    let paths = if options.operands.is_empty() { vec!["-".to_owned()] } else { options.operands.clone() };
    let mark = if options.has('b') { '*' } else { ' ' };
    let mut out = String::new();
    let mut status = 0;
    for path in paths {
        if path.contains(['\\', '\n']) {
            return Err(shell.stop(format!("`{name}`: a name with a backslash")));
        }
        let Some(bytes) = shell.tool_input(&name, &path)? else {
            status = 1;
            continue;
        };
        let digest = match name.as_str() {
            "md5sum" => hex(&<Md5 as md5::Digest>::digest(&bytes)),
            _ => hex(&Sha256::digest(&bytes)),
        };
        out.push_str(&format!("{digest} {mark}{path}\n"));
    }
    shell.tool_output(out.as_bytes(), status)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn cmp(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "s", &[("silent", 's'), ("quiet", 's')], true)?;
    let [left, right] = options.operands.as_slice() else { return Err(shell.stop("`cmp` compares two files")) };
    let (Some(left), Some(right)) = (shell.tool_input("cmp", left)?, shell.tool_input("cmp", right)?) else {
        return Ok(2);
    };
    if left == right {
        return Ok(0);
    }
    if !options.has('s') {
        return Err(shell.stop("`cmp` without `-s`: its message is not known"));
    }
    Ok(1)
}
