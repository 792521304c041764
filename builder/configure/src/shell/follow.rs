//! A tree of commands to the list of those that would run.

use std::collections::BTreeMap;

use super::NotUnderstood;
use super::parse::{List, Node, Simple, is_nowhere, parse};

/// More steps than any script takes on a first installation; a hostile one stops here.
const MAX_STEPS: usize = 20_000;

/// What dpkg runs scripts with.
const DEFAULT_UMASK: u16 = 0o022;

/// A command that would run: its words, expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) words: Vec<String>,
    /// In the script, from one.
    pub(crate) line: usize,
}

/// What scripts ask of the system they run on.
pub(crate) trait World {
    /// `[ -OPERATOR PATH ]` for one of `e f d x L h s r`.
    fn test(&self, operator: char, path: &str) -> bool;
    /// Where `command -v NAME` finds it.
    fn find_command(&self, name: &str) -> Option<String>;
}

/// Follows `text` as if called with `arguments`.
pub(crate) fn follow(text: &str, arguments: &[&str], world: &dyn World) -> Result<Vec<Command>, NotUnderstood> {
    let script = parse(text)?;
    let mut follower = Follower {
        world,
        positional: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        // What dpkg sets, for a package installed into the running system's own root.
        variables: [("DPKG_ROOT", ""), ("DEBIAN_FRONTEND", "noninteractive"), ("DPKG_MAINTSCRIPT_NAME", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        functions: BTreeMap::new(),
        commands: Vec::new(),
        steps: 0,
        calls: 0,
        umask: DEFAULT_UMASK,
    };
    follower.list(&script)?;
    Ok(follower.commands)
}

/// How a command ended.
enum Flow {
    Status(bool),
    Return(bool),
    Exit,
}

struct Follower<'a> {
    world: &'a dyn World,
    positional: Vec<String>,
    variables: BTreeMap<String, String>,
    functions: BTreeMap<String, List>,
    commands: Vec<Command>,
    steps: usize,
    calls: usize,
    umask: u16,
}

impl Follower<'_> {
    fn list(&mut self, list: &List) -> Result<Flow, NotUnderstood> {
        let mut status = true;
        for node in list {
            match self.node(node)? {
                Flow::Status(found) => status = found,
                other => return Ok(other),
            }
        }
        Ok(Flow::Status(status))
    }

    fn node(&mut self, node: &Node) -> Result<Flow, NotUnderstood> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(NotUnderstood::new(1, "a script of too many steps"));
        }
        match node {
            Node::Simple(simple) => self.simple(simple),
            Node::Group(list) => self.list(list),
            Node::Not(node) => Ok(match self.node(node)? {
                Flow::Status(status) => Flow::Status(!status),
                other => other,
            }),
            Node::And(left, right) => match self.node(left)? {
                Flow::Status(true) => self.node(right),
                other => Ok(other),
            },
            Node::Or(left, right) => match self.node(left)? {
                Flow::Status(false) => self.node(right),
                other => Ok(other),
            },
            Node::If { arms, otherwise } => {
                for (condition, body) in arms {
                    match self.list(condition)? {
                        Flow::Status(true) => return self.list(body),
                        Flow::Status(false) => {}
                        other => return Ok(other),
                    }
                }
                self.list(otherwise)
            }
            Node::Case { word, arms, line } => {
                let value = self.one_word(word, *line)?;
                for (patterns, body) in arms {
                    for pattern in patterns {
                        if matches(&self.one_word(pattern, *line)?, &value, *line)? {
                            return self.list(body);
                        }
                    }
                }
                Ok(Flow::Status(true))
            }
            Node::For { name, words, body, line } => {
                let mut values = Vec::new();
                for word in words {
                    values.extend(self.expand(word, *line)?);
                }
                for value in values {
                    self.variables.insert(name.clone(), value);
                    match self.list(body)? {
                        Flow::Status(_) => {}
                        other => return Ok(other),
                    }
                }
                Ok(Flow::Status(true))
            }
            Node::Function { name, body } => {
                self.functions.insert(name.clone(), body.clone());
                Ok(Flow::Status(true))
            }
            Node::Opaque { what, line } => Err(NotUnderstood::new(*line, *what)),
        }
    }

    fn simple(&mut self, simple: &Simple) -> Result<Flow, NotUnderstood> {
        let line = simple.line;
        let mut words = Vec::new();
        let mut assigned = Vec::new();
        for word in &simple.words {
            let assignment = if words.is_empty() { split_assignment(word) } else { None };
            match assignment {
                Some((name, value)) => assigned.push((name.to_owned(), self.one_word(value, line)?)),
                None => words.extend(self.expand(word, line)?),
            }
        }
        if words.is_empty() {
            self.variables.extend(assigned);
            return Ok(Flow::Status(true));
        }
        let output_matters = simple.document || simple.redirects.iter().any(|(_, target)| !is_nowhere(target));
        if output_matters {
            return Err(NotUnderstood::new(line, "a redirection to a file"));
        }
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        if let Some(body) = self.functions.get(&words[0]).cloned() {
            return self.call(&body, &words[1..], line);
        }
        let yes = Ok(Flow::Status(true));
        match (words[0].as_str(), arguments.as_slice()) {
            (":" | "true" | "set" | "echo" | "printf", _) => yes,
            ("umask", [mask]) => match u16::from_str_radix(mask, 8) {
                Ok(mask) if mask <= 0o777 => {
                    self.umask = mask;
                    yes
                }
                _ => Err(NotUnderstood::new(line, format!("the mask `{mask}`"))),
            },
            // Said in words that do not depend on the mask.
            ("touch", [path]) if self.umask != DEFAULT_UMASK => {
                let mode = format!("{:04o}", 0o666 & !self.umask);
                let words = ["install", "-m", &mode, "/dev/null", path].map(str::to_owned).to_vec();
                self.commands.push(Command { words, line });
                yes
            }
            ("mkdir" | "cp" | "install", _) if self.umask != DEFAULT_UMASK => {
                Err(NotUnderstood::new(line, "a mask that is not the usual one"))
            }
            ("local", names) => {
                for name in names {
                    let (name, value) = split_assignment(name).unwrap_or((name, ""));
                    self.variables.insert(name.to_owned(), value.to_owned());
                }
                yes
            }
            ("export", [assignment]) => {
                if let Some((name, value)) = split_assignment(assignment) {
                    self.variables.insert(name.to_owned(), value.to_owned());
                }
                yes
            }
            ("false", _) => Ok(Flow::Status(false)),
            ("exit", [] | ["0"]) => Ok(Flow::Exit),
            ("return", status) => Ok(Flow::Return(matches!(status, [] | ["0"]))),
            ("shift", []) if !self.positional.is_empty() => {
                self.positional.remove(0);
                yes
            }
            // The questions of a script that talks to debconf are the model's to answer; the library itself does nothing.
            (".", ["/usr/share/debconf/confmodule"]) => yes,
            ("db_version" | "db_stop", _) => yes,
            ("[", [condition @ .., "]"]) | ("test", condition) => self.test(condition, line).map(Flow::Status),
            ("command", ["-v", name]) => Ok(Flow::Status(self.world.find_command(name).is_some())),
            // Nothing was installed before: every older version compares as dpkg(1) says of an empty one.
            ("dpkg", ["--compare-versions", "", operator, _]) => {
                Ok(Flow::Status(matches!(*operator, "lt" | "le" | "ne" | "<<" | "<=" | "gt-nl" | "ge-nl")))
            }
            ("dpkg-statoverride", ["--list", _]) | ("dpkg-statoverride", ["--quiet", "--list", _]) => {
                Ok(Flow::Status(false))
            }
            ("deb-systemd-helper", arguments) if arguments.contains(&"was-enabled") => yes,
            ("deb-systemd-helper", arguments) if arguments.contains(&"debian-installed") => Ok(Flow::Status(false)),
            ("aa-enabled" | "ischroot", _) => Ok(Flow::Status(false)),
            // Asked before an account is made; one that is there is not made twice.
            ("getent", ["passwd" | "group", _]) => Ok(Flow::Status(false)),
            _ => {
                self.commands.push(Command { words, line });
                yes
            }
        }
    }

    fn call(&mut self, body: &List, arguments: &[String], line: usize) -> Result<Flow, NotUnderstood> {
        self.calls += 1;
        if self.calls > 30 {
            return Err(NotUnderstood::new(line, "a function that calls itself"));
        }
        let caller = std::mem::replace(&mut self.positional, arguments.to_vec());
        let flow = self.list(body)?;
        self.positional = caller;
        self.calls -= 1;
        Ok(match flow {
            Flow::Return(status) => Flow::Status(status),
            other => other,
        })
    }

    fn test(&self, condition: &[&str], line: usize) -> Result<bool, NotUnderstood> {
        // `-o` binds loosest, then `-a`.
        for (operator, any) in [("-o", true), ("-a", false)] {
            if let Some(at) = condition.iter().position(|word| *word == operator) {
                let (left, right) = (self.test(&condition[..at], line)?, self.test(&condition[at + 1..], line)?);
                return Ok(if any { left || right } else { left && right });
            }
        }
        match *condition {
            ["!", ref rest @ ..] => Ok(!self.test(rest, line)?),
            ["-n", text] => Ok(!text.is_empty()),
            ["-z", text] => Ok(text.is_empty()),
            [text] => Ok(!text.is_empty()),
            [left, "=" | "==", right] => Ok(left == right),
            [left, "!=", right] => Ok(left != right),
            [operator, path] if operator.len() == 2 && "efdxLhsrp".contains(&operator[1..]) => {
                let letter = operator.chars().nth(1).unwrap_or('e');
                Ok(!path.is_empty() && self.world.test(letter, path))
            }
            _ => Err(NotUnderstood::new(line, format!("the condition `{}`", condition.join(" ")))),
        }
    }

    fn one_word(&self, word: &str, line: usize) -> Result<String, NotUnderstood> {
        Ok(self.expand(word, line)?.join(" "))
    }

    /// One word as written to the words it stands for: none for an empty unquoted expansion.
    fn expand(&self, word: &str, line: usize) -> Result<Vec<String>, NotUnderstood> {
        if word == "\"$@\"" || word == "$@" {
            return Ok(self.positional.clone());
        }
        let mut out = String::new();
        let mut quoted = false;
        let mut rest = word;
        let mut in_quotes = false;
        while let Some(c) = rest.chars().next() {
            match c {
                '"' => {
                    (in_quotes, quoted) = (!in_quotes, true);
                    rest = &rest[1..];
                }
                '\'' if !in_quotes => {
                    let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 1);
                    out.push_str(&rest[1..end]);
                    rest = rest.get(end + 1..).unwrap_or("");
                    quoted = true;
                }
                '\\' => {
                    let next = rest[1..].chars().next();
                    if in_quotes && !matches!(next, Some('$' | '`' | '"' | '\\' | '\n')) {
                        out.push('\\');
                        rest = &rest[1..];
                    } else {
                        out.extend(next.filter(|&c| c != '\n'));
                        rest = &rest[1 + next.map_or(0, char::len_utf8)..];
                    }
                }
                '`' => {
                    let end = rest[1..].find('`').map_or(rest.len(), |end| end + 1);
                    out.push_str(&self.substitute(&rest[1..end], line)?);
                    rest = rest.get(end + 1..).unwrap_or("");
                }
                '$' => {
                    let (value, length) = self.dollar(rest, line)?;
                    out.push_str(&value);
                    rest = &rest[length..];
                }
                '*' | '?' | '[' if !in_quotes && word.len() > 1 && word.contains('/') => {
                    return Err(NotUnderstood::new(line, format!("the pattern `{word}`")));
                }
                _ => {
                    out.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        if quoted || !word.contains(['$', '`']) {
            return Ok(vec![out]);
        }
        Ok(out.split_whitespace().map(str::to_owned).collect())
    }

    /// What begins with `$`: its value and how many bytes of `rest` it took.
    fn dollar(&self, rest: &str, line: usize) -> Result<(String, usize), NotUnderstood> {
        let unknown = |what: &str| NotUnderstood::new(line, format!("the expansion `{what}`"));
        if let Some(inner) = rest.strip_prefix("${") {
            let end = inner.find('}').ok_or_else(|| unknown(rest))?;
            let length = end + 3;
            let inner = &inner[..end];
            let name_length = inner.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let (name, operator) = inner.split_at(name_length);
            let value = self.variable(name);
            let set = value.as_ref().is_some_and(|value| !value.is_empty());
            let value = match operator {
                "" => value.ok_or_else(|| unknown(inner))?,
                _ if operator.starts_with(":-") && set => value.unwrap_or_default(),
                _ if operator.starts_with(":-") && !operator.contains('$') => operator[2..].to_owned(),
                _ if operator.starts_with(":+") && !set => String::new(),
                _ => return Err(unknown(inner)),
            };
            return Ok((value, length));
        }
        if let Some(inner) = rest.strip_prefix("$(") {
            let mut depth = 1;
            let end = inner.bytes().position(|b| {
                depth += i32::from(b == b'(') - i32::from(b == b')');
                depth == 0
            });
            let end = end.ok_or_else(|| unknown(rest))?;
            return Ok((self.substitute(&inner[..end], line)?, end + 3));
        }
        let name: String = match rest[1..].chars().next() {
            Some(c) if c.is_ascii_digit() => c.to_string(),
            _ => rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect(),
        };
        let value = self.variable(&name).ok_or_else(|| unknown(&rest[..1 + name.len()]))?;
        Ok((value, 1 + name.len()))
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name.parse::<usize>() {
            Ok(0) | Err(_) => self.variables.get(name).cloned(),
            // An argument that was not given is empty.
            Ok(n) => Some(self.positional.get(n - 1).cloned().unwrap_or_default()),
        }
    }

    fn substitute(&self, command: &str, line: usize) -> Result<String, NotUnderstood> {
        let mut words = Vec::new();
        for word in command.split_whitespace() {
            words.push(self.one_word(word, line)?);
        }
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["command", "-v", name] | ["command", "-v", name, "2>/dev/null"] => {
                Ok(self.world.find_command(name).unwrap_or_default())
            }
            ["basename", path] => Ok(base_name(path, "").to_owned()),
            ["basename", path, suffix] => Ok(base_name(path, suffix).to_owned()),
            ["dirname", path] => Ok(path.rsplit_once('/').map_or(".", |(parent, _)| parent).to_owned()),
            // Nothing is diverted when a package is installed for the first time.
            ["dpkg-divert", "--truename", path] => Ok((*path).to_owned()),
            _ => Err(NotUnderstood::new(line, format!("the output of `{command}`"))),
        }
    }
}

/// basename(1).
fn base_name<'a>(path: &'a str, suffix: &str) -> &'a str {
    let name = path.rsplit('/').next().unwrap_or(path);
    // A name that is the suffix stays.
    name.strip_suffix(suffix).filter(|name| !name.is_empty()).unwrap_or(name)
}

/// `NAME=value` apart.
fn split_assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let first = name.bytes().next()?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !first.is_ascii_digit();
    is_name.then_some((name, value))
}

/// A `case` pattern: `*` at its end or alone, nothing else that is special.
fn matches(pattern: &str, value: &str, line: usize) -> Result<bool, NotUnderstood> {
    let (fixed, open) = match pattern.strip_suffix('*') {
        Some(fixed) => (fixed, true),
        None => (pattern, false),
    };
    if fixed.contains(['*', '?', '[']) {
        return Err(NotUnderstood::new(line, format!("the pattern `{pattern}`")));
    }
    Ok(if open { value.starts_with(fixed) } else { value == fixed })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fresh;

    impl World for Fresh {
        fn test(&self, operator: char, path: &str) -> bool {
            operator != 'L' && matches!(path, "/etc/init.d/procps" | "/usr/bin/systemd-tmpfiles")
        }

        fn find_command(&self, name: &str) -> Option<String> {
            (name == "systemd-tmpfiles").then(|| format!("/usr/bin/{name}"))
        }
    }

    fn commands(text: &str) -> Result<Vec<String>, NotUnderstood> {
        let commands = follow(text, &["configure", ""], &Fresh)?;
        Ok(commands.into_iter().map(|command| command.words.join(" ")).collect())
    }

    #[test]
    fn generated_snippets_come_down_to_their_commands() {
        let enable = r#"
            if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] ; then
                deb-systemd-helper unmask 'ssh.service' >/dev/null || true
                # was-enabled defaults to true, so new installations run enable.
                if deb-systemd-helper --quiet was-enabled 'ssh.service'; then
                    deb-systemd-helper enable 'ssh.service' >/dev/null || true
                else
                    deb-systemd-helper update-state 'ssh.service' >/dev/null || true
                fi
                if [ -d /run/systemd/system ]; then
                    systemctl --system daemon-reload >/dev/null || true
                fi
            fi"#;
        let expected = ["deb-systemd-helper unmask ssh.service", "deb-systemd-helper enable ssh.service"];
        assert_eq!(commands(enable).unwrap(), expected);
        let tmpfiles = r#"if [ -x "$(command -v systemd-tmpfiles)" ]; then
            systemd-tmpfiles ${DPKG_ROOT:+--root="$DPKG_ROOT"} --create a.conf b.conf || true
        fi"#;
        assert_eq!(commands(tmpfiles).unwrap(), ["systemd-tmpfiles --create a.conf b.conf"]);
        let init = r#"if [ -z "$DPKG_ROOT" ] && [ -x "/etc/init.d/procps" ]; then
            update-rc.d procps defaults >/dev/null || exit 1
        fi
        if [ "$1" = "configure" ] && [ -x "`command -v update-menus`" ]; then update-menus; fi"#;
        assert_eq!(commands(init).unwrap(), ["update-rc.d procps defaults"]);
        let mask_unit = "for F in udev hwclock.sh .sh; do ln -s /dev/null /u/$(basename $F .sh).service; done";
        let links =
            ["ln -s /dev/null /u/udev.service", "ln -s /dev/null /u/hwclock.service", "ln -s /dev/null /u/.sh.service"];
        assert_eq!(commands(mask_unit).unwrap(), links);
        let account = "if ! getent passwd d >/dev/null; then adduser --system d; fi";
        assert_eq!(commands(account).unwrap(), ["adduser --system d"]);
        let mask = "umask 066\ntouch /etc/secret\numask 022\ntouch /etc/open";
        assert_eq!(commands(mask).unwrap(), ["install -m 0600 /dev/null /etc/secret", "touch /etc/open"]);
    }

    #[test]
    fn own_code_of_simple_scripts_is_followed_too() {
        let script = "\
ua() {
    update-alternatives --install \"$1\" rmt \\
        /usr/sbin/rmt-tar 50
}
case \"$1\" in
    configure|abort-remove)
        for n in a b; do ua /usr/sbin/$n; done
        ;;
    *) exit 1 ;;
esac
if dpkg --compare-versions \"$2\" lt-nl 9.1; then rm -rf /; fi
exit 0
never";
        let install = |n| format!("update-alternatives --install /usr/sbin/{n} rmt /usr/sbin/rmt-tar 50");
        assert_eq!(commands(script).unwrap(), [install("a"), install("b")]);
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let not = |text: &str| commands(text).unwrap_err();
        assert_eq!(not("true\ncat /etc/x | sed s/a/b/"), NotUnderstood::new(2, "a pipe"));
        assert_eq!(not("\n\necho a > /etc/x").line, 3);
        assert_eq!(not("cp $UNSET /b"), NotUnderstood::new(1, "the expansion `$UNSET`"));
        assert_eq!(not("if [ 1 -lt 2 ]; then x; fi"), NotUnderstood::new(1, "the condition `1 -lt 2`"));
        assert_eq!(not("x=$(uname -r)").what, "the output of `uname -r`");
        assert_eq!(not("umask 077\nmkdir /x").line, 2);
        assert_eq!(not("rm /etc/*.bak").what, "the pattern `/etc/*.bak`");
        assert_eq!(not("if true; then x").what, "expected `fi`");
        assert_eq!(not("a() { a; }\na").what, "a function that calls itself");
        assert!(commands("if false; then cat <<EOF | sort\nfi\nEOF\nwhile read x; do :; done; (cd /); fi").is_ok());
    }

    #[test]
    fn hostile_scripts_end() {
        for text in ["(", "`", "\"${", "case", "((((((", "if if if if", "cat <<", "$(", "a() {", "\\", "'", "for"] {
            assert!(commands(text).is_err() || commands(text).unwrap().len() < 2, "{text}");
        }
        assert!(commands(&"if ".repeat(100_000)).is_err());
        assert!(commands(&"a && ".repeat(50_000)).is_err());
    }
}
