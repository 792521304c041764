//! Assignments.

use crate::shell::{Go, Shell};
use crate::syntax::{Assignment, Part, Word};
use crate::variable::List;

impl Shell<'_> {
    /// Does one assignment.
    pub(crate) fn assign(&mut self, assignment: &Assignment) -> Go<()> {
        let name = &assignment.name;
        if let [Part::List(elements)] = assignment.value.as_slice() {
            if assignment.subscript.is_some() {
                return Err(self.stop(format!("`{name}[…]=(`: an array in an array")));
            }
            let list = if assignment.append { self.list_of(name) } else { List::new() };
            let list = self.elements(name, elements, list)?;
            return self.set_list(name, list);
        }
        let Some(subscript) = &assignment.subscript else {
            let value = self.assigned_value(assignment)?;
            return self.set(name, value);
        };
        let subscript = self.text(subscript)?;
        if matches!(subscript.as_str(), "@" | "*" | "") {
            return Err(self.stop(format!("`{name}[{subscript}]=`: a bad subscript")));
        }
        let index = self.arithmetic(&subscript)?;
        let index = self.index_in(name, index)?;
        let value = self.assigned(&assignment.value)?;
        let old = if assignment.append { self.list_of(name).remove(&index) } else { None };
        let value = self.appended(name, old, value);
        self.set_element(name, index, value)
    }

    /// The text that an assignment to a whole variable gives it.
    pub(crate) fn assigned_value(&mut self, assignment: &Assignment) -> Go<String> {
        let value = self.assigned(&assignment.value)?;
        let old = if assignment.append { self.get(&assignment.name).map(str::to_owned) } else { None };
        let value = self.appended(&assignment.name, old, value);
        self.meter.made(value.len(), self.line)?;
        Ok(value)
    }

    fn appended(&self, name: &str, old: Option<String>, value: String) -> String {
        match (old, self.env.variables.get(name)) {
            (None, _) => value,
            // What is set is computed there.
            (Some(old), Some(variable)) if variable.integer => format!("({old})+({value})"),
            (Some(old), _) => old + &value,
        }
    }

    fn elements(&mut self, name: &str, elements: &[(Option<Word>, Word)], mut list: List) -> Go<List> {
        let mut next = list.last_key_value().map_or(0, |(&last, _)| last.saturating_add(1));
        for (subscript, word) in elements {
            self.meter.step(1, self.line)?;
            if let Some(subscript) = subscript {
                let subscript = self.text(subscript)?;
                let index = self.arithmetic(&subscript)?;
                let Ok(index) = u64::try_from(index) else {
                    return Err(self.stop(format!("`{name}=([{index}]=`: a bad subscript")));
                };
                let value = self.assigned(word)?;
                list.insert(index, value);
                next = index.saturating_add(1);
                continue;
            }
            for value in self.fields(std::slice::from_ref(word))? {
                list.insert(next, value);
                next = next.saturating_add(1);
            }
        }
        if self.env.variables.get(name).is_some_and(|variable| variable.integer) {
            return Err(self.stop(format!("`{name}=(`: an array of numbers is not followed")));
        }
        Ok(list)
    }
}
