//! bash's `declare`, `typeset`, `local`, `export` and `readonly`.

use crate::parse::assignment;
use crate::shell::{Go, Shell};
use crate::syntax::{Assignment, Part, Redirect, Word};
use crate::variable::{List, Value, Variable};
use crate::word::is_name;

/// What a variable becomes; `-` and `+` of `declare`.
#[derive(Debug, Clone, Copy, Default)]
struct Attributes {
    array: bool,
    global: bool,
    integer: Option<bool>,
    exported: Option<bool>,
    readonly: bool,
    print: bool,
    /// `-f` and `-F`.
    functions: Option<char>,
}

impl Shell<'_> {
    /// The name of the declaration that `words` are.
    pub(crate) fn declaration(&self, words: &[Word]) -> Option<String> {
        let [Part::Text(name)] = words.first()?.as_slice() else { return None };
        let declares = matches!(name.as_str(), "declare" | "typeset" | "local" | "export" | "readonly");
        (self.is_bash() && declares && !self.env.functions.contains_key(name)).then(|| name.clone())
    }

    /// A declaration as it is written: its assignments are read as such.
    pub(crate) fn declaration_command(&mut self, name: &str, words: &[Word], redirects: &[Redirect]) -> Go<u8> {
        let saved = self.env.streams.clone();
        let status = match self.redirect(redirects) {
            Ok(true) => self.declared(name, words),
            Ok(false) => Ok(1),
            Err(flow) => Err(flow),
        };
        self.env.streams = saved;
        match status {
            Err(crate::shell::Flow::Fail(status)) => Ok(status),
            other => other,
        }
    }

    fn declared(&mut self, what: &str, words: &[Word]) -> Go<u8> {
        let mut options = Vec::new();
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let [Part::Text(text)] = word.as_slice() else { break };
            if text.len() < 2 || !text.starts_with(['-', '+']) {
                break;
            }
            rest = after;
            if text == "--" {
                break;
            }
            options.push(text.clone());
        }
        let attributes = self.attributes(what, &options)?;
        let mut arguments = Vec::new();
        for word in rest {
            match assignment(word, true) {
                // All are expanded before the first is done: `local x=1 y=$x` means the outer `x`.
                Some(assignment) => arguments.push((assignment.name.clone(), Some(self.hold(&assignment)?))),
                None => {
                    for field in self.fields(std::slice::from_ref(word))? {
                        if field.starts_with('-') && what != "export" {
                            return Err(self.stop(format!("`{what} {field}`: an option behind a name or an expansion")));
                        }
                        arguments.push(plain(&field));
                    }
                }
            }
        }
        self.do_declare(what, attributes, &arguments)
    }

    /// A declaration whose words are texts, as `command export` has them.
    pub(super) fn declare_words(&mut self, what: &str, words: &[String]) -> Go<u8> {
        let count =
            words.iter().take_while(|word| word.len() > 1 && word.starts_with(['-', '+']) && *word != "--").count();
        let attributes = self.attributes(what, &words[..count])?;
        let rest = words.get(count..).unwrap_or_default();
        let rest = if rest.first().is_some_and(|word| word == "--") { &rest[1..] } else { rest };
        let arguments: Vec<_> = rest.iter().map(|word| plain(word)).collect();
        self.do_declare(what, attributes, &arguments)
    }

    fn attributes(&mut self, what: &str, options: &[String]) -> Go<Attributes> {
        let mut found = Attributes::default();
        for option in options {
            let on = option.starts_with('-');
            for letter in option.chars().skip(1) {
                match (what, letter, on) {
                    ("declare" | "typeset" | "local" | "readonly", 'a', true) => found.array = true,
                    ("declare" | "typeset" | "local", 'i', _) => found.integer = Some(on),
                    ("declare" | "typeset" | "local", 'x', _) => found.exported = Some(on),
                    ("export", 'n', true) => found.exported = Some(false),
                    ("declare" | "typeset" | "local", 'r', true) => found.readonly = true,
                    ("declare" | "typeset", 'g', true) => found.global = true,
                    ("declare" | "typeset" | "export" | "readonly", 'p', true) => found.print = true,
                    ("declare" | "typeset", 'f' | 'F', true) => found.functions = Some(letter),
                    _ => return Err(self.stop(format!("`{what} {option}`: the option `{option}` is not known"))),
                }
            }
        }
        match what {
            "export" => found.exported = found.exported.or(Some(true)),
            "readonly" => found.readonly = true,
            _ => {}
        }
        Ok(found)
    }

    fn do_declare(&mut self, what: &str, attributes: Attributes, arguments: &[(String, Option<Assignment>)]) -> Go<u8> {
        let in_function = self.env.functions_deep > 0;
        if what == "local" && !in_function {
            return self.fail("local: can only be used in a function");
        }
        if let Some(letter) = attributes.functions {
            return self.declare_functions(letter, arguments);
        }
        if arguments.is_empty() || attributes.print && what != "export" && what != "readonly" {
            return self.print_variables(what, attributes, arguments);
        }
        let local = in_function && matches!(what, "declare" | "typeset" | "local") && !attributes.global;
        let mut status = 0;
        for (name, assigned) in arguments {
            if !is_name(name) {
                self.complain(&format!("{what}: `{name}': not a valid identifier"))?;
                status = 1;
                continue;
            }
            self.meter.made(name.len(), self.line)?;
            if attributes.global && self.env.scopes.iter().flatten().any(|(known, _)| known == name) {
                return Err(self.stop(format!("`{what} -g {name}`: a local variable has that name")));
            }
            self.declare_one(attributes, local, name, assigned.as_ref())?;
        }
        Ok(status)
    }

    fn declare_one(
        &mut self,
        attributes: Attributes,
        local: bool,
        name: &str,
        assigned: Option<&Assignment>,
    ) -> Go<()> {
        // The values of an array are read before a variable of that name is hidden.
        let held = match assigned {
            Some(assignment) => Some(self.hold_list(assignment)?),
            None => None,
        };
        if local {
            let known = self.env.scopes.last().is_some_and(|scope| scope.iter().any(|(known, _)| known == name));
            if !known {
                if self.env.variables.get(name).is_some_and(|variable| variable.readonly) {
                    return Err(self.stop(format!("`{name}` is read only")));
                }
                self.make_local(name);
                let exported = self.env.variables.get(name).is_some_and(|variable| variable.exported);
                self.env.variables.insert(name.to_owned(), Variable { exported, ..Variable::default() });
            }
        }
        self.finish(attributes, name, held.as_ref())
    }

    /// The same assignment with its words expanded, so that it can be done when the variable has changed. The values of an
    /// array wait until it is declared.
    fn hold(&mut self, assignment: &Assignment) -> Go<Assignment> {
        let subscript = match &assignment.subscript {
            None => None,
            Some(word) => Some(vec![Part::Quoted(self.text(word)?)]),
        };
        let value = if is_list(assignment) {
            assignment.value.clone()
        } else {
            vec![Part::Quoted(self.assigned(&assignment.value)?)]
        };
        Ok(Assignment { subscript, value, ..assignment.clone() })
    }

    fn hold_list(&mut self, assignment: &Assignment) -> Go<Assignment> {
        let [Part::List(elements)] = assignment.value.as_slice() else { return Ok(assignment.clone()) };
        let mut held = Vec::new();
        for (subscript, word) in elements {
            match subscript {
                Some(subscript) => {
                    let subscript = vec![Part::Quoted(self.text(subscript)?)];
                    held.push((Some(subscript), vec![Part::Quoted(self.assigned(word)?)]));
                }
                None => {
                    let fields = self.fields(std::slice::from_ref(word))?;
                    held.extend(fields.into_iter().map(|field| (None, vec![Part::Quoted(field)])));
                }
            }
        }
        Ok(Assignment { value: vec![Part::List(held)], ..assignment.clone() })
    }

    fn finish(&mut self, attributes: Attributes, name: &str, assigned: Option<&Assignment>) -> Go<()> {
        if let Some(integer) = attributes.integer {
            self.env.variables.entry(name.to_owned()).or_default().integer = integer;
        }
        match assigned {
            Some(assignment) if attributes.array && assignment.subscript.is_none() && !is_list(assignment) => {
                let index = Some(vec![Part::Quoted("0".to_owned())]);
                self.assign(&Assignment { subscript: index, ..assignment.clone() })?;
            }
            Some(assignment) => self.assign(assignment)?,
            None if attributes.array => {
                let variable = self.env.variables.entry(name.to_owned()).or_default();
                match &variable.value {
                    Some(Value::List(_)) => {}
                    Some(Value::Text(text)) => variable.value = Some(Value::List(List::from([(0, text.clone())]))),
                    None => variable.value = Some(Value::List(List::new())),
                }
            }
            None => {}
        }
        let variable = self.env.variables.entry(name.to_owned()).or_default();
        variable.readonly |= attributes.readonly;
        if let Some(exported) = attributes.exported {
            variable.exported = exported;
            if exported && matches!(variable.value, Some(Value::List(_))) {
                return Err(self.stop(format!("`{name}`: an exported array")));
            }
        }
        Ok(())
    }

    fn declare_functions(&mut self, letter: char, arguments: &[(String, Option<Assignment>)]) -> Go<u8> {
        if arguments.is_empty() {
            return Err(self.stop(format!("`declare -{letter}` alone is not followed")));
        }
        let mut status = 0;
        for (name, _) in arguments {
            if !self.env.functions.contains_key(name) {
                status = 1;
            } else if letter == 'F' {
                self.put(1, format!("{name}\n").as_bytes())?;
            } else {
                self.print_function(name)?;
            }
        }
        Ok(status)
    }

    fn print_variables(
        &mut self,
        what: &str,
        attributes: Attributes,
        arguments: &[(String, Option<Assignment>)],
    ) -> Go<u8> {
        let all = arguments.is_empty();
        let mut names: Vec<String> = arguments.iter().map(|(name, _)| name.clone()).collect();
        if all {
            if !matches!(what, "export" | "readonly") {
                return Err(self.stop(format!("`{what}` without names is not followed")));
            }
            let shown = |variable: &&Variable| if what == "export" { variable.exported } else { variable.readonly };
            names = self
                .env
                .variables
                .iter()
                .filter(|(_, variable)| shown(variable))
                .map(|(name, _)| name.clone())
                .collect();
        }
        if attributes.integer.is_some() || attributes.array {
            return Err(self.stop(format!("`{what} -p` with another option is not followed")));
        }
        let mut status = 0;
        for name in names {
            match self.env.variables.get(&name) {
                Some(variable) => match shown(&name, variable) {
                    Some(line) => drop(self.put(1, line.as_bytes())?),
                    None => return Err(self.stop(format!("`{what} -p {name}`: what it shows is not known"))),
                },
                None => {
                    self.complain(&format!("{what}: {name}: not found"))?;
                    status = 1;
                }
            }
        }
        Ok(status)
    }
}

/// A field that declares.
fn plain(field: &str) -> (String, Option<Assignment>) {
    let Some((name, value)) = field.split_once('=') else { return (field.to_owned(), None) };
    let append = name.ends_with('+');
    let name = name.strip_suffix('+').unwrap_or(name).to_owned();
    let value = vec![Part::Quoted(value.to_owned())];
    (name.clone(), Some(Assignment { name, subscript: None, append, value }))
}

fn is_list(assignment: &Assignment) -> bool {
    matches!(assignment.value.as_slice(), [Part::List(_)])
}

/// A variable as `declare -p` shows it; nothing where bash would need `$'…'`, or where it matters how an array became empty.
fn shown(name: &str, variable: &Variable) -> Option<String> {
    let quoted = |text: &str| {
        let mut out = "\"".to_owned();
        for c in text.chars() {
            if c.is_control() || !c.is_ascii() {
                return None;
            }
            if matches!(c, '"' | '\\' | '$' | '`') {
                out.push('\\');
            }
            out.push(c);
        }
        Some(out + "\"")
    };
    let flags = [
        (matches!(variable.value, Some(Value::List(_))), 'a'),
        (variable.integer, 'i'),
        (variable.readonly, 'r'),
        (variable.exported, 'x'),
    ];
    let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect();
    let flags = if flags.is_empty() { "-".to_owned() } else { flags };
    Some(match &variable.value {
        None => format!("declare -{flags} {name}\n"),
        Some(Value::Text(text)) => format!("declare -{flags} {name}={}\n", quoted(text)?),
        Some(Value::List(list)) if list.is_empty() => return None,
        Some(Value::List(list)) => {
            let values = list.iter().map(|(index, value)| Some(format!("[{index}]={}", quoted(value)?)));
            format!("declare -{flags} {name}=({})\n", values.collect::<Option<Vec<_>>>()?.join(" "))
        }
    })
}
