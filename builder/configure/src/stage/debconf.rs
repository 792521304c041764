//! debconf's questions (debconf-devel(7)): nobody is asked, so each has the answer that its template has by default, or that a
//! script gave.

use std::collections::{BTreeMap, BTreeSet};

use rootsmith_package::Stanza;
use rootsmith_shell::{Done, Refusal};
use rootsmith_types::PackageName;

use super::{Stage, because, done, said};

/// What scripts read for the functions below.
pub(crate) const CONFMODULE: &str = "/usr/share/debconf/confmodule";

/// What stands in its place: one command that the stage answers, its text in `RET` as scripts expect.
pub(super) const FUNCTIONS: &str = r#"
_db_cmd() { RET=$(rootsmith-debconf "$@"); }
db_version() { :; }
db_capb() { RET=; }
db_title() { :; }
db_settitle() { :; }
db_beginblock() { :; }
db_endblock() { :; }
db_progress() { :; }
db_data() { :; }
db_subst() { :; }
db_info() { :; }
db_stop() { :; }
db_go() { :; }
db_input() { return 30; }
db_text() { return 30; }
db_get() { _db_cmd get "$@"; }
db_set() { _db_cmd set "$@"; }
db_reset() { _db_cmd reset "$@"; }
db_fget() { _db_cmd fget "$@"; }
db_fset() { _db_cmd fset "$@"; }
db_metaget() { _db_cmd metaget "$@"; }
db_exist() { _db_cmd exist "$@"; }
db_register() { _db_cmd register "$@"; }
db_unregister() { _db_cmd unregister "$@"; }
db_purge() { :; }
"#;

/// Questions, by name.
#[derive(Debug, Default)]
pub(crate) struct Debconf {
    /// The fields of each template, names in small letters.
    templates: BTreeMap<String, BTreeMap<String, String>>,
    /// Each question's template; one of the same name where none was registered.
    registered: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    flags: BTreeMap<(String, String), String>,
    /// The packages whose `config` script has had its say.
    asked: BTreeSet<String>,
}

impl Debconf {
    /// Takes in a package's `templates`.
    pub(crate) fn load(&mut self, text: &str) {
        for stanza in text.split("\n\n") {
            let stanza = Stanza::new(stanza.trim_start_matches('\n'));
            let Some(name) = stanza.get("Template") else { continue };
            let fields = stanza.fields().flatten();
            let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
            self.templates.entry(name.trim().to_owned()).or_insert_with(|| fields.collect());
        }
    }

    /// Whether nobody asked this of the package before.
    pub(crate) fn is_first(&mut self, package: &PackageName) -> bool {
        self.asked.insert(package.to_string())
    }

    fn template(&self, question: &str) -> Option<&BTreeMap<String, String>> {
        self.templates.get(self.registered.get(question).map_or(question, String::as_str))
    }

    fn value(&self, question: &str) -> Option<String> {
        let template = self.template(question)?;
        let value = self.values.get(question).or_else(|| template.get("default"));
        Some(value.cloned().unwrap_or_default())
    }
}

/// No such question: what debconf ends its commands with.
fn no_question() -> Result<Done, Refusal> {
    Ok(Done { status: 10, ..Done::default() })
}

impl Stage<'_, '_> {
    /// `rootsmith-debconf COMMAND …`, which only [`FUNCTIONS`] calls.
    pub(super) fn debconf(&mut self, arguments: &[&str]) -> Result<Done, Refusal> {
        let debconf = &mut self.shared.debconf;
        match *arguments {
            ["get", question] => debconf.value(question).map_or_else(no_question, said),
            ["set", question, ref value @ ..] => {
                if debconf.template(question).is_none() {
                    return no_question();
                }
                debconf.values.insert(question.to_owned(), value.join(" "));
                done()
            }
            ["reset", question] => {
                debconf.values.remove(question);
                done()
            }
            ["fget", question, flag] => {
                let flag = debconf.flags.get(&(question.to_owned(), flag.to_owned()));
                said(flag.map_or("false", String::as_str))
            }
            ["fset", question, flag, value] => {
                debconf.flags.insert((question.to_owned(), flag.to_owned()), value.to_owned());
                said(value)
            }
            ["metaget", question, field] => match debconf.template(question) {
                Some(template) => said(template.get(&field.to_ascii_lowercase()).map_or("", String::as_str)),
                None => no_question(),
            },
            ["exist", question] => said(if debconf.template(question).is_some() { "true" } else { "false" }),
            ["register", template, question] => {
                debconf.registered.insert(question.to_owned(), template.to_owned());
                done()
            }
            ["unregister", question] => {
                debconf.registered.remove(question);
                debconf.values.remove(question);
                done()
            }
            _ => because(format!("debconf's `{}`", arguments.join(" "))),
        }
    }
}
