//! debconf's questions (debconf-devel(7)): nobody is asked, so each has the answer that its template has by default, or that a
//! script gave. What was asked and answered is left in debconf's [`database`].

mod database;
mod frontend;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::edit::Edit;
use database::Database;
use template::Template;

/// What scripts read for the functions below.
pub(crate) const CONFMODULE: &str = "/usr/share/debconf/confmodule";

/// What stands in its place: each function is one command that the stage answers, its text in `RET` as scripts expect.
pub(super) const FUNCTIONS: &str = r#"
_db_cmd() { RET=$(rootsmith-debconf "$@"); }
db_beginblock() { _db_cmd beginblock "$@"; }
db_capb() { _db_cmd capb "$@"; }
db_clear() { _db_cmd clear "$@"; }
db_data() { _db_cmd data "$@"; }
db_endblock() { _db_cmd endblock "$@"; }
db_exist() { _db_cmd exist "$@"; }
db_fget() { _db_cmd fget "$@"; }
db_fset() { _db_cmd fset "$@"; }
db_get() { _db_cmd get "$@"; }
db_go() { _db_cmd go "$@"; }
db_info() { _db_cmd info "$@"; }
db_input() { _db_cmd input "$@"; }
db_metaget() { _db_cmd metaget "$@"; }
db_progress() { _db_cmd progress "$@"; }
db_purge() { _db_cmd purge "$@"; }
db_register() { _db_cmd register "$@"; }
db_reset() { _db_cmd reset "$@"; }
db_set() { _db_cmd set "$@"; }
db_settitle() { _db_cmd settitle "$@"; }
db_stop() { _db_cmd stop; }
db_subst() { _db_cmd subst "$@"; }
db_text() { _db_cmd input "$@"; }
db_title() { _db_cmd title "$@"; }
db_unregister() { _db_cmd unregister "$@"; }
db_version() { _db_cmd version "$@"; }
db_x_loadtemplatefile() { _db_cmd x_loadtemplatefile "$@"; }
"#;

/// How debconf numbers its answers (debconf-devel(7), "Commands").
const NO_SUCH: u8 = 10;
const SYNTAX: u8 = 20;
const NOT_NOW: u8 = 30;
/// From the least important on. Questions below the one that `debconf/priority` names are not asked anyway.
const PRIORITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// All questions, and the script that asks now.
#[derive(Debug, Default)]
pub(crate) struct Debconf {
    database: Database,
    /// By package and file, what was read before.
    parsed: BTreeMap<String, Arc<Vec<Template>>>,
    session: Option<Session>,
}

/// What lasts from a script's first question to its end.
#[derive(Debug, Default)]
struct Session {
    /// Whose questions they are.
    owner: String,
    /// Whether the script escapes what it says, and understands it.
    escapes: bool,
    /// Questions that `go` will ask: whether somebody would have seen them.
    asked: Vec<(String, bool)>,
    /// Those that are marked as seen at the end.
    seen: Vec<String>,
}

/// What a command says: a number, and a text or nothing at all.
type Answer = (u8, Option<String>);

fn ok() -> Answer {
    (0, None)
}

fn says(text: impl Into<String>) -> Answer {
    (0, Some(text.into()))
}

fn no(code: u8, text: impl Into<String>) -> Answer {
    (code, Some(text.into()))
}

fn no_question(name: &str) -> Answer {
    no(NO_SUCH, format!("{name} doesn't exist"))
}

fn wrong_number() -> Answer {
    no(SYNTAX, "Incorrect number of arguments")
}

impl Debconf {
    /// Whether a script has begun to ask, and has not ended.
    fn is_running(&self) -> bool {
        self.session.is_some()
    }

    fn begin(&mut self, owner: &str) {
        self.session = Some(Session { owner: owner.to_owned(), ..Session::default() });
    }

    /// The script ends: what would have been shown counts as seen.
    pub(crate) fn finish(&mut self) {
        for question in self.session.take().map(|session| session.seen).unwrap_or_default() {
            self.database.set_flag(&question, "seen", "true");
        }
    }

    /// Takes in a package's `templates`.
    fn load(&mut self, key: &str, bytes: &[u8], owner: &str) -> Result<(), String> {
        let templates = match self.parsed.get(key) {
            Some(templates) => Arc::clone(templates),
            None => {
                let templates = Arc::new(template::parse(&String::from_utf8_lossy(bytes))?);
                self.parsed.insert(key.to_owned(), Arc::clone(&templates));
                templates
            }
        };
        for template in templates.iter() {
            self.database.load(template, owner);
        }
        Ok(())
    }

    /// Writes the database of an image that has debconf.
    pub(crate) fn write(&self, edit: &mut Edit<'_>) {
        edit.owner = rootsmith_assemble::Owner::Builder("debconf");
        let files = [
            ("config.dat", self.database.render_questions(false), 0o644),
            ("passwords.dat", self.database.render_questions(true), 0o600),
            ("templates.dat", self.database.render_templates(), 0o644),
        ];
        for (name, text, mode) in files {
            edit.write(&format!("/var/cache/debconf/{name}"), text, mode);
        }
    }

    /// Answers one command of the script that runs.
    fn command(&mut self, words: &[&str]) -> Answer {
        // A command is one line.
        let line = words.join(" ");
        let line = line.lines().next().unwrap_or_default();
        let escapes = self.session.as_ref().is_some_and(|session| session.escapes);
        let words = if escapes { unescape(line) } else { line.split_ascii_whitespace().map(str::to_owned).collect() };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((command, arguments)) = words.split_first() else { return no(SYNTAX, "Bad line") };
        let (code, text) = self.answer(command, arguments);
        // So is an answer.
        (code, text.map(|text| if escapes { text } else { text.lines().next().unwrap_or_default().to_owned() }))
    }

    fn answer(&mut self, command: &str, arguments: &[&str]) -> Answer {
        match (command, arguments) {
            ("beginblock" | "endblock" | "title", _) => ok(),
            ("version", [wanted]) if *wanted != "2.0" => match wanted.split('.').next() {
                Some("2") => says("2.0"),
                _ => no(NOT_NOW, format!("Version not supported ({wanted})")),
            },
            ("version", _) => says("2.0"),
            ("capb", wanted) => {
                if let Some(session) = &mut self.session {
                    session.escapes = wanted.contains(&"escape");
                }
                says("multiselect escape ")
            }
            ("stop", []) => {
                self.finish();
                ok()
            }
            ("clear", []) => {
                if let Some(session) = &mut self.session {
                    session.asked.clear();
                }
                ok()
            }
            ("go", []) => self.go(),
            ("exist", [question]) => says(self.database.question(question).is_some().to_string()),
            ("register", [template, question]) => self.register(template, question),
            ("purge", []) => {
                let owner = self.owner();
                for question in self.database.names() {
                    self.database.remove_owner(&question, &owner);
                }
                ok()
            }
            ("data", [template, item, value @ ..]) if !value.is_empty() => self.data(template, item, &value.join(" ")),
            ("progress", ["start", _, _, question] | ["info", question]) | ("settitle" | "info", [question]) => {
                self.about(question, |_| says("OK"))
            }
            ("progress", ["set" | "step", _] | ["stop"]) => says("OK"),
            ("info", []) => ok(),
            ("input", [priority, question]) => self.about(question, |debconf| debconf.input(priority, question)),
            ("get", [question]) => self.about(question, |debconf| says(debconf.database.value(question).unwrap_or(""))),
            ("set", [question, value @ ..]) => self.about(question, |debconf| {
                debconf.set(question, &value.join(" "));
                says("value set")
            }),
            ("reset", [question]) => self.about(question, |debconf| {
                let default = debconf.database.said(question, "default").unwrap_or_default().to_owned();
                debconf.set(question, &default);
                debconf.database.set_flag(question, "seen", "false");
                ok()
            }),
            ("subst", [question, variable, value @ ..]) => self.about(question, |debconf| {
                if let Some(question) = debconf.database.question_mut(question) {
                    question.variables.insert((*variable).to_owned(), value.join(" "));
                }
                ok()
            }),
            ("metaget", [question, field]) => self.about(question, |debconf| debconf.metaget(question, field)),
            ("fget", [question, flag]) => self.about(question, |debconf| says(debconf.database.flag(question, flag))),
            ("fset", [question, flag, value @ ..]) if !value.is_empty() => self.about(question, |debconf| {
                if let Some(session) = debconf.session.as_mut().filter(|_| *flag == "seen") {
                    session.seen.retain(|seen| seen != question);
                }
                let value = value.join(" ");
                debconf.database.set_flag(question, flag, &value);
                says(value)
            }),
            ("unregister", [question]) => self.about(question, |debconf| {
                let asked = debconf.session.as_ref().is_some_and(|session| session.is_asked(question));
                if asked {
                    return no(NO_SUCH, format!("{question} is busy, cannot unregister right now"));
                }
                let owner = debconf.owner();
                debconf.database.remove_owner(question, &owner);
                ok()
            }),
            (
                "clear" | "data" | "exist" | "fget" | "fset" | "get" | "go" | "info" | "input" | "metaget" | "progress"
                | "purge" | "register" | "reset" | "set" | "settitle" | "stop" | "subst" | "unregister",
                _,
            ) => wrong_number(),
            _ => no(SYNTAX, format!("Unsupported command \"{command}\"")),
        }
    }

    /// What is answered of a question that there is.
    fn about(&mut self, question: &str, answer: impl FnOnce(&mut Debconf) -> Answer) -> Answer {
        if self.database.question(question).is_none() { no_question(question) } else { answer(self) }
    }

    fn owner(&self) -> String {
        self.session.as_ref().map_or_else(|| "unknown".to_owned(), |session| session.owner.clone())
    }

    fn set(&mut self, question: &str, value: &str) {
        if let Some(question) = self.database.question_mut(question) {
            question.fields.insert("value".to_owned(), value.to_owned());
        }
    }

    fn kind(&self, question: &str) -> &str {
        self.database.said(question, "type").unwrap_or_default()
    }

    /// Nobody is there to see a question. Whether somebody would have been shown it is what counts later.
    fn input(&mut self, priority: &str, question: &str) -> Answer {
        let rank = |name: &str| PRIORITIES.iter().position(|known| *known == name);
        let Some(asked) = rank(priority) else { return no(SYNTAX, format!("\"{priority}\" is not a valid priority")) };
        let lowest = self.database.value("debconf/priority").and_then(rank).or_else(|| rank("high"));
        let shown = Some(asked) >= lowest && self.database.flag(question, "seen") != "true";
        // An error is always shown.
        let shown = shown || self.kind(question) == "error";
        if let Some(session) = self.session.as_mut().filter(|session| !session.is_asked(question)) {
            session.asked.push((question.to_owned(), shown));
        }
        no(NOT_NOW, "question skipped")
    }

    /// Each question gets the answer of somebody who changes nothing.
    fn go(&mut self) -> Answer {
        let asked = self.session.as_mut().map(|session| std::mem::take(&mut session.asked)).unwrap_or_default();
        for (question, shown) in asked {
            let value = self.database.value(&question).unwrap_or_default().to_owned();
            let value = match self.kind(&question) {
                "error" | "text" => String::new(),
                "select" => {
                    let choices = self.database.choices(&question);
                    if choices.contains(&value) { value } else { choices.into_iter().next().unwrap_or_default() }
                }
                _ => value,
            };
            self.set(&question, &value);
            if let Some(session) = self.session.as_mut().filter(|_| shown) {
                session.seen.push(question);
            }
        }
        says("ok")
    }

    fn register(&mut self, template: &str, question: &str) -> Answer {
        if self.database.question(template).is_none() {
            return no(NO_SUCH, format!("No such template, \"{template}\""));
        }
        let (owner, kind) = (self.owner(), self.kind(template).to_owned());
        self.database.add_owner(question, &owner, &kind);
        self.database.set_template(question, template);
        ok()
    }

    /// A template made by a script, field by field.
    fn data(&mut self, template: &str, item: &str, value: &str) -> Answer {
        let value = unescape_data(value);
        match (item, self.database.set_field(template, item, &value)) {
            ("type", false) => {
                let fields = BTreeMap::from([(item.to_owned(), value.clone())]);
                let made = Template { name: template.to_owned(), kind: value, fields: Arc::new(fields) };
                let owner = self.owner();
                self.database.load(&made, &owner);
                ok()
            }
            (_, true) => ok(),
            (_, false) => no(NO_SUCH, format!("Template data field '{item}' received before type field")),
        }
    }

    /// What is known of a question: first of itself, then of its template.
    fn metaget(&self, question: &str, field: &str) -> Answer {
        let field = field.to_ascii_lowercase();
        let Some(found) = self.database.question(question) else { return no_question(question) };
        let own = match field.as_str() {
            "owners" => Some(found.owners()),
            "value" => self.database.value(question).map(str::to_owned),
            field => found.fields.get(field).cloned(),
        };
        let Some(text) = own.or_else(|| self.database.said(question, &field).map(str::to_owned)) else {
            return no(NO_SUCH, format!("{field} does not exist"));
        };
        let has_variables = ["description", "extended_description", "choices"]
            .contains(&field.as_str().split('-').next().unwrap_or(""));
        says(if has_variables { self.database.expand(question, &text) } else { text })
    }
}

impl Session {
    fn is_asked(&self, question: &str) -> bool {
        self.asked.iter().any(|(asked, _)| asked == question)
    }
}

/// What `data` gives a field: `\n`, `\"` and `\\` are escaped, nothing else is.
fn unescape_data(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (plain, length) = match rest[at + 1..].chars().next() {
            Some('n') => ("\n", 2),
            Some('"') => ("\"", 2),
            _ => ("\\", if rest[at + 1..].starts_with('\\') { 2 } else { 1 }),
        };
        out.push_str(plain);
        rest = &rest[at + length..];
    }
    out + rest
}

/// A line's words where `\` before a character makes it one of a word; `\n` is the end of a line.
fn unescape(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
            c if template::SPACE.contains(&c) => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}
