//! debconf's database: what questions there are, whose they are and what was answered.
//!
//! | file in `/var/cache/debconf` | holds                                                     | mode |
//! |------------------------------|-----------------------------------------------------------|------|
//! | `config.dat`                 | questions: their template, value, owners, flags, variables | 0644 |
//! | `passwords.dat`              | the same of those whose type is `password`                 | 0600 |
//! | `templates.dat`              | what packages' templates say, in every language            | 0644 |
//!
//! All three are stanzas sorted by name, debconf's format "822". A template's owners are the questions that were made of it,
//! a question's the packages that asked it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::template::{Fields, Template};

/// A question.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// `template`, `value`.
    pub(super) fields: Fields,
    owners: BTreeSet<String>,
    flags: BTreeMap<String, String>,
    pub(super) variables: BTreeMap<String, String>,
    /// In the file that others cannot read: its type was `password` when it was made.
    is_secret: bool,
}

/// What a template's fields are, and the questions made of it.
#[derive(Debug, Default)]
struct Known {
    fields: Arc<Fields>,
    owners: BTreeSet<String>,
}

/// Both, by name.
#[derive(Debug, Default)]
pub(super) struct Database {
    templates: BTreeMap<String, Known>,
    questions: BTreeMap<String, Question>,
}

impl Database {
    /// Takes in a template that a package brings, and a question of its name. What another package said of it before is
    /// replaced; what was answered stays.
    pub(super) fn load(&mut self, template: &Template, owner: &str) {
        let name = &template.name;
        self.add_owner(name, owner, &template.kind);
        if self.template_of(name).is_none() {
            self.set_template(name, name);
        }
        let known = self.templates.entry(name.clone()).or_default();
        known.owners.insert(name.clone());
        known.fields = Arc::clone(&template.fields);
    }

    /// Makes a question where there is none, and `owner` one of its owners.
    pub(super) fn add_owner(&mut self, question: &str, owner: &str, kind: &str) {
        let is_secret = kind.to_ascii_lowercase().contains("password");
        let made = || Question { is_secret, ..Question::default() };
        self.questions.entry(question.to_owned()).or_insert_with(made).owners.insert(owner.to_owned());
    }

    /// A question without owners is none, nor is a template without questions.
    pub(super) fn remove_owner(&mut self, question: &str, owner: &str) {
        let Some(found) = self.questions.get_mut(question) else { return };
        found.owners.remove(owner);
        if found.owners.is_empty() {
            let template = self.questions.remove(question).and_then(|mut found| found.fields.remove("template"));
            self.forget(template, question);
        }
    }

    /// Says of which template a question is.
    pub(super) fn set_template(&mut self, question: &str, template: &str) {
        let Some(found) = self.questions.get_mut(question) else { return };
        let before = found.fields.insert("template".to_owned(), template.to_owned());
        if before.as_deref() != Some(template) {
            self.forget(before, question);
            self.templates.entry(template.to_owned()).or_default().owners.insert(question.to_owned());
        }
    }

    fn forget(&mut self, template: Option<String>, question: &str) {
        let Some(template) = template else { return };
        if let Some(known) = self.templates.get_mut(&template) {
            known.owners.remove(question);
            if known.owners.is_empty() {
                self.templates.remove(&template);
            }
        }
    }

    pub(super) fn question(&self, name: &str) -> Option<&Question> {
        self.questions.get(name)
    }

    pub(super) fn question_mut(&mut self, name: &str) -> Option<&mut Question> {
        self.questions.get_mut(name)
    }

    /// Every question, by name.
    pub(super) fn names(&self) -> Vec<String> {
        self.questions.keys().cloned().collect()
    }

    fn template_of(&self, question: &str) -> Option<&str> {
        self.questions.get(question)?.fields.get("template").map(String::as_str)
    }

    /// A field of a question's template, as it is without a language; nothing where there is no such template.
    pub(super) fn said(&self, question: &str, field: &str) -> Option<&str> {
        let fields = &self.templates.get(self.template_of(question)?)?.fields;
        // A translation to English corrects what was not meant to be read.
        let english = fields.get(&format!("{field}-en")).or_else(|| fields.get(&format!("{field}-en.utf-8")));
        let plain = || field.split_once('-').and_then(|(plain, _)| fields.get(plain));
        Some(english.or_else(|| fields.get(field)).or_else(plain).map_or("", String::as_str))
    }

    /// `choices` for programs, which have their own names where those for people are translated.
    pub(super) fn choices(&self, question: &str) -> Vec<String> {
        let fields = self.template_of(question).and_then(|template| self.templates.get(template));
        let fields = fields.map(|known| &known.fields);
        let text = fields.and_then(|fields| fields.get("choices-c").or_else(|| fields.get("choices")));
        split(&self.expand(question, text.map_or("", String::as_str)))
    }

    /// The answer, or the template's default.
    pub(super) fn value(&self, question: &str) -> Option<&str> {
        let given = self.questions.get(question)?.fields.get("value").map(String::as_str);
        given.or_else(|| self.said(question, "default"))
    }

    /// `${NAME}` in a text, by the question's variables; `\${NAME}` stays as it is, without the backslash.
    pub(super) fn expand(&self, question: &str, text: &str) -> String {
        let variables = self.questions.get(question).map(|question| &question.variables);
        let (mut out, mut rest) = (String::new(), text);
        let mut at = 0;
        while let Some(start) = rest[at..].find("${").map(|found| at + found) {
            let end = rest[start + 2..].find(['{', '}']).map(|found| start + 2 + found);
            match end {
                Some(end) if rest[end..].starts_with('}') && end > start + 2 => {
                    let (before, name) = (&rest[..start], &rest[start + 2..end]);
                    if let Some(before) = before.strip_suffix('\\') {
                        let _ = write!(out, "{before}${{{name}}}");
                    } else {
                        out.push_str(before);
                        out.push_str(variables.and_then(|variables| variables.get(name)).map_or("", String::as_str));
                    }
                    (rest, at) = (&rest[end + 1..], 0);
                }
                _ => at = start + 2,
            }
        }
        out + rest
    }

    /// A flag that nobody set is `false`.
    pub(super) fn flag(&self, question: &str, flag: &str) -> &str {
        let flags = self.questions.get(question).map(|question| &question.flags);
        flags.and_then(|flags| flags.get(flag)).map_or("false", String::as_str)
    }

    pub(super) fn set_flag(&mut self, question: &str, flag: &str, value: &str) {
        if let Some(question) = self.questions.get_mut(question) {
            question.flags.insert(flag.to_owned(), value.to_owned());
        }
    }

    /// A template's field, as a script gives it.
    pub(super) fn set_field(&mut self, template: &str, field: &str, value: &str) -> bool {
        let Some(known) = self.templates.get_mut(template) else { return false };
        Arc::make_mut(&mut known.fields).insert(field.to_owned(), value.to_owned());
        true
    }

    /// `config.dat`, or `passwords.dat`.
    pub(super) fn render_questions(&self, secret: bool) -> String {
        let mut out = String::new();
        for (name, question) in self.questions.iter().filter(|(_, question)| question.is_secret == secret) {
            render(&mut out, name, &question.fields, &question.owners);
            let flags = question.flags.iter().filter(|(_, value)| *value == "true").map(|(flag, _)| flag.as_str());
            let flags = flags.collect::<Vec<_>>();
            if !flags.is_empty() {
                let _ = writeln!(out, "Flags: {}", flags.join(", "));
            }
            if !question.variables.is_empty() {
                out.push_str("Variables:\n");
                for (name, value) in &question.variables {
                    let _ = writeln!(out, " {name} = {}", in_one_line(value));
                }
            }
            out.push('\n');
        }
        out
    }

    /// `templates.dat`.
    pub(super) fn render_templates(&self) -> String {
        let mut out = String::new();
        for (name, known) in &self.templates {
            render(&mut out, name, &known.fields, &known.owners);
            out.push('\n');
        }
        out
    }
}

fn render(out: &mut String, name: &str, fields: &Fields, owners: &BTreeSet<String>) {
    let _ = writeln!(out, "Name: {name}");
    for (field, value) in fields {
        let (first, rest) = field.split_at(field.len().min(1));
        let _ = writeln!(out, "{}{rest}: {}", first.to_ascii_uppercase(), in_one_line(value));
    }
    if !owners.is_empty() {
        let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
        let _ = writeln!(out, "Owners: {}", owners.join(", "));
    }
}

fn in_one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

impl Question {
    /// The packages that asked it, as debconf lists them.
    pub(super) fn owners(&self) -> String {
        self.owners.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Items between commas; `\,` and `\ ` stand for themselves.
fn split(text: &str) -> Vec<String> {
    let (mut items, mut item) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' if after.starts_with([',', ' ']) => {
                item.push_str(&after[..1]);
                rest = &after[1..];
            }
            ',' if after.starts_with(super::template::SPACE) => {
                items.push(std::mem::take(&mut item));
                rest = after.trim_start_matches(super::template::SPACE);
            }
            c => {
                item.push(c);
                rest = after;
            }
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}
