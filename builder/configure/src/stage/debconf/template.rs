//! A package's `templates`: questions as their authors wrote them (debconf-devel(7), "The Templates File").
//!
//! ```text
//! Template: tzdata/Areas
//! Type: select
//! Choices-C: Africa, America, Etc
//! Description: Geographic area:
//!  Please select the geographic area in which you live.
//! Description-de.UTF-8: Geographisches Gebiet:
//! ```
//!
//! A field has its first line as its value, under its name in small letters. The lines below it are a field of their own,
//! `extended_` before its name: paragraphs in one line each, lines that are indented further as they are.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What debconf calls white space: what Perl does in a text of bytes.
pub(super) const SPACE: [char; 6] = [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];

/// A template's fields, by name.
pub(super) type Fields = BTreeMap<String, String>;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) name: String,
    /// `string`, `boolean`, `select`, `multiselect`, `note`, `text`, `password`, `error`, `title`.
    pub(super) kind: String,
    /// With its type, without its name.
    pub(super) fields: Arc<Fields>,
}

/// All templates of a file. An error says what is wrong where, as debconf refuses such a file as well.
pub(super) fn parse(text: &str) -> Result<Vec<Template>, String> {
    let stanzas = text.split("\n\n").map(|stanza| stanza.trim_matches('\n')).filter(|stanza| !stanza.is_empty());
    stanzas.map(template).collect()
}

fn template(stanza: &str) -> Result<Template, String> {
    let mut fields = Fields::new();
    let (mut field, mut value, mut extended) = (String::new(), "", String::new());
    for line in stanza.split('\n') {
        if let Some((name, rest)) = field_line(line) {
            save(&mut fields, &field, value, &extended)?;
            (field, value) = (name.to_ascii_lowercase(), rest);
            extended.clear();
        } else if !extend(&mut extended, line) {
            return Err(format!("the line `{line}` belongs to no field"));
        }
    }
    save(&mut fields, &field, value, &extended)?;
    let first = stanza.lines().next().unwrap_or_default();
    let name = fields.remove("template").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("no `Template:` in the stanza of `{first}`"))?;
    let kind = fields.get("type").filter(|kind| !kind.is_empty()).cloned();
    let kind = kind.ok_or_else(|| format!("`{name}` has no type"))?;
    Ok(Template { name, kind, fields: Arc::new(fields) })
}

/// `Name: value`.
fn field_line(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_@.".contains(&b));
    is_name.then(|| (name, value.strip_prefix(SPACE).unwrap_or(value).trim_end_matches(SPACE)))
}

/// A line below a field's first. `false` where it is not indented.
fn extend(text: &mut String, line: &str) -> bool {
    let Some(rest) = line.strip_prefix(SPACE) else { return false };
    if rest == "." {
        text.push_str("\n\n");
        return true;
    }
    let as_it_is = rest.starts_with(SPACE);
    if !text.is_empty() && !text.ends_with(['\n', ' ']) {
        text.push(if as_it_is { '\n' } else { ' ' });
    }
    text.push_str(rest.trim_end_matches(SPACE));
    if as_it_is {
        text.push('\n');
    }
    true
}

fn save(fields: &mut Fields, name: &str, value: &str, extended: &str) -> Result<(), String> {
    if name.is_empty() {
        return Ok(());
    }
    if fields.insert(name.to_owned(), value.to_owned()).is_some() {
        return Err(format!("the field `{name}` twice in one template, as `{value}`"));
    }
    let extended = extended.trim_end_matches('\n');
    if !extended.is_empty() {
        fields.insert(format!("extended_{name}"), extended.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<(String, String)> {
        let templates = parse(text).unwrap();
        templates[0].fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    #[test]
    fn what_stands_below_a_field_is_a_field_of_its_own() {
        let text = "\nTemplate: a/b\nType: select\nChoices: one, ${two}\nDefault:\nDescription: Which?  \n The first\n paragraph.\n .\n  \
                    as it\n   is\n more\nDescription-pt_BR.UTF-8: Qual?\n Um\n\n\nTemplate: a/c\nType: note\n";
        let expected = [
            ("choices", "one, ${two}"),
            ("default", ""),
            ("description", "Which?"),
            ("description-pt_br.utf-8", "Qual?"),
            ("extended_description", "The first paragraph.\n\n as it\n  is\nmore"),
            ("extended_description-pt_br.utf-8", "Um"),
            ("type", "select"),
        ];
        assert_eq!(fields(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let templates = parse(text).unwrap();
        assert_eq!((templates.len(), templates[1].name.as_str(), templates[1].kind.as_str()), (2, "a/c", "note"));
    }

    #[test]
    fn what_debconf_refuses_is_refused() {
        for (text, error) in [
            ("Template: a\nType: note\nType: text\n", "the field `type` twice in one template, as `text`"),
            ("Template: a\nType: note\nno field\n", "the line `no field` belongs to no field"),
            ("Template: a\n", "`a` has no type"),
            ("Type: note\n", "no `Template:` in the stanza of `Type: note`"),
        ] {
            assert_eq!(parse(text).unwrap_err(), error);
        }
    }
}
