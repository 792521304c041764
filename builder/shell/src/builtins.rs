//! Commands of the shell itself (XCU 2.15 and those dash has besides).

mod control;
mod find;
mod getopts;
mod options;
mod print;
mod read;
mod test;
mod umask;
mod variables;

use crate::shell::{Go, Shell, shorten};

/// Special builtins: their mistakes end the shell.
const SPECIAL: [&str; 16] = [
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "local", "readonly", "return", "set", "shift",
    "times", "trap", "unset",
];

const REGULAR: [&str; 14] = [
    "[", "cd", "chdir", "command", "echo", "false", "getopts", "printf", "pwd", "read", "test", "true", "type", "umask",
];

pub(crate) fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

pub(crate) fn is_builtin(name: &str) -> bool {
    REGULAR.contains(&name)
        || matches!(name, "which" | "/usr/bin/which" | "/bin/which")
        || shell_name(name)
        || name == "env"
}

/// Whether `name` runs a shell like this one.
fn shell_name(name: &str) -> bool {
    matches!(name, "sh" | "dash" | "/bin/sh" | "/bin/dash" | "/usr/bin/sh" | "/usr/bin/dash")
}

/// Runs a builtin; `words` begin with its name.
pub(crate) fn run(shell: &mut Shell<'_>, words: &[String], tested: bool) -> Go<u8> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let arguments = words.get(1..).unwrap_or_default();
    match name {
        ":" | "true" => Ok(0),
        "false" => Ok(1),
        "break" | "continue" => shell.leave_loops(name, arguments),
        "cd" | "chdir" => shell.change_folder(arguments),
        "command" => shell.command_builtin(arguments, tested),
        "echo" => shell.echo(arguments),
        "eval" => shell.eval(arguments, tested),
        "exec" => shell.exec(arguments),
        "exit" | "return" => shell.leave_with(name, arguments),
        "export" | "readonly" => shell.declare(name, arguments),
        "getopts" => shell.getopts(arguments),
        "local" => shell.local(arguments),
        "printf" => shell.printf(arguments),
        "pwd" => shell.print_folder(arguments),
        "read" => shell.read(arguments),
        "set" => shell.set_builtin(arguments),
        "shift" => shell.shift(arguments),
        "test" | "[" => shell.test(name, arguments),
        "trap" => shell.trap(arguments),
        "type" => shell.type_builtin(arguments),
        "umask" => shell.umask_builtin(arguments),
        "unset" => shell.unset(arguments),
        "." => shell.dot(arguments),
        "env" => shell.env_builtin(arguments),
        name if shell_name(name) => shell.child(words),
        name if name.ends_with("which") => shell.which(arguments),
        name => Err(shell.stop(format!("`{}` is not followed", shorten(name)))),
    }
}
