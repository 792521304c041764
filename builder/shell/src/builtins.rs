//! Commands of the shell itself (XCU 2.15 and those dash has besides).

mod arrays;
mod control;
mod declare;
mod find;
mod folders;
mod getopts;
mod options;
mod print;
mod printf;
mod read;
mod shopt;
mod test;
mod umask;
mod variables;

use crate::shell::{Go, Shell, shorten};

/// Special builtins: their mistakes end the shell.
const SPECIAL: [&str; 16] = [
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "local", "readonly", "return", "set", "shift",
    "times", "trap", "unset",
];

const REGULAR: [&str; 16] = [
    "alias", "unalias", "[", "cd", "chdir", "command", "echo", "false", "getopts", "printf", "pwd", "read", "test",
    "true", "type", "umask",
];

/// Those bash has besides.
const BASH: [&str; 12] = [
    "builtin",
    "compgen",
    "declare",
    "hash",
    "let",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "source",
    "typeset",
];

pub(crate) fn is_bash_builtin(name: &str) -> bool {
    BASH.contains(&name)
}

/// Whether bash ends a builtin that fails with 2: called as it must not be.
pub(crate) fn is_usage(words: &[String]) -> bool {
    match words.first().map(String::as_str) {
        Some("[" | "test" | "getopts" | "set") => true,
        Some("printf") => words.len() < 2,
        _ => false,
    }
}

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
    matches!(name.strip_prefix("/usr/bin/").or(name.strip_prefix("/bin/")).unwrap_or(name), "sh" | "dash" | "bash")
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
        "eval" => shell.eval(arguments, tested),
        "exec" => shell.exec(arguments),
        "exit" | "return" => shell.leave_with(name, arguments),
        "export" | "readonly" if !shell.is_bash() => shell.declare(name, arguments),
        "export" | "readonly" | "declare" | "typeset" => shell.declare_words(name, arguments),
        "local" if shell.is_bash() => shell.declare_words(name, arguments),
        "alias" | "unalias" if shell.is_bash() => {
            Err(shell.stop(format!("`{name}`: scripts for bash have no aliases")))
        }
        "alias" => shell.alias(arguments),
        "unalias" => shell.unalias(arguments),
        "builtin" => shell.builtin(arguments, tested),
        "compgen" => shell.compgen(arguments),
        "hash" => shell.hash(arguments),
        "let" => shell.let_builtin(arguments),
        "mapfile" | "readarray" => shell.mapfile(arguments),
        "popd" | "pushd" => shell.folder_stack(name, arguments),
        "shopt" => shell.shopt(arguments),
        "echo" if shell.is_bash() => shell.bash_echo(arguments),
        "echo" => shell.echo(arguments),
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
        "." | "source" => shell.dot(arguments),
        "env" => shell.env_builtin(arguments),
        name if shell_name(name) => shell.child(words),
        name if name.ends_with("which") => shell.which(arguments),
        name => Err(shell.stop(format!("`{}` is not followed", shorten(name)))),
    }
}
