//! Variables, bash's arrays among them.

use std::collections::BTreeMap;

use crate::shell::{Go, Shell};

/// Values by their index.
pub(crate) type List = BTreeMap<u64, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(List),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    /// Nothing for one that was only declared.
    pub(crate) value: Option<Value>,
    pub(crate) exported: bool,
    pub(crate) readonly: bool,
    /// bash's `declare -i`: what is assigned is an arithmetic expression.
    pub(crate) integer: bool,
}

impl Variable {
    pub(crate) fn text(value: &str, exported: bool) -> Variable {
        Variable { value: Some(Value::Text(value.to_owned())), exported, ..Variable::default() }
    }

    /// Its text; an array's first value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.value.as_ref()? {
            Value::Text(text) => Some(text),
            Value::List(list) => list.get(&0).map(String::as_str),
        }
    }

    /// Bytes it takes.
    pub(crate) fn size(&self) -> usize {
        match &self.value {
            None => 0,
            Some(Value::Text(text)) => text.len(),
            Some(Value::List(list)) => list.values().map(|value| value.len() + 32).sum(),
        }
    }
}

impl Shell<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.env.variables.get(name).and_then(Variable::as_text)
    }

    /// Sets a variable; an array's first value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) -> Go<()> {
        let mut value = value.into();
        self.meter.made(name.len() + value.len(), self.line)?;
        let allexport = self.env.options.allexport;
        if self.env.variables.get(name).is_some_and(|variable| variable.integer) {
            value = self.arithmetic(&value)?.to_string();
        }
        let variable = self.writable(name)?;
        variable.exported |= allexport;
        match &mut variable.value {
            Some(Value::List(list)) => {
                list.insert(0, value);
            }
            other => *other = Some(Value::Text(value)),
        }
        Ok(())
    }

    /// The values of an array, or a variable's one.
    pub(crate) fn list_of(&self, name: &str) -> List {
        match self.env.variables.get(name).and_then(|variable| variable.value.as_ref()) {
            None => List::new(),
            Some(Value::Text(text)) => List::from([(0, text.clone())]),
            Some(Value::List(list)) => list.clone(),
        }
    }

    /// Makes a variable an array of `list`.
    pub(crate) fn set_list(&mut self, name: &str, list: List) -> Go<()> {
        let size: usize = list.values().map(|value| value.len() + 32).sum();
        self.meter.made(name.len() + size, self.line)?;
        let variable = self.writable(name)?;
        if variable.exported {
            return Err(self.stop(format!("`{name}=(`: an exported array")));
        }
        variable.value = Some(Value::List(list));
        Ok(())
    }

    /// Sets one value of an array; a plain variable becomes one.
    pub(crate) fn set_element(&mut self, name: &str, index: u64, value: String) -> Go<()> {
        self.meter.made(value.len(), self.line)?;
        let value = match self.env.variables.get(name) {
            Some(variable) if variable.integer => self.arithmetic(&value)?.to_string(),
            _ => value,
        };
        let variable = self.writable(name)?;
        match &mut variable.value {
            Some(Value::List(list)) => {
                list.insert(index, value);
                return Ok(());
            }
            Some(Value::Text(text)) => {
                let first = (0, std::mem::take(text));
                variable.value = Some(Value::List(List::from([first, (index, value)])));
            }
            None => variable.value = Some(Value::List(List::from([(index, value)]))),
        }
        if self.env.variables.get(name).is_some_and(|variable| variable.exported) {
            return Err(self.stop(format!("`{name}[`: an exported array")));
        }
        Ok(())
    }

    /// The index that the number `index` means in the array `name`: a negative one counts from its end.
    pub(crate) fn index_in(&self, name: &str, index: i64) -> Go<u64> {
        if let Ok(index) = u64::try_from(index) {
            return Ok(index);
        }
        let end = self.list_of(name).last_key_value().map_or(0, |(&last, _)| i128::from(last) + 1);
        u64::try_from(end + i128::from(index)).map_err(|_| self.stop(format!("`{name}[{index}]`: a bad subscript")))
    }

    fn writable(&mut self, name: &str) -> Go<&mut Variable> {
        if self.env.variables.get(name).is_some_and(|variable| variable.readonly) {
            // bash goes on with the next line then, which has no equal here.
            return if self.is_bash() {
                Err(self.stop(format!("`{name}` is read only")))
            } else {
                self.fail(&format!("{name}: is read only"))
            };
        }
        Ok(self.env.variables.entry(name.to_owned()).or_default())
    }

    /// Remembers what `name` is until the scope ends.
    pub(crate) fn make_local(&mut self, name: &str) {
        let old = self.env.variables.get(name).cloned();
        if let Some(scope) = self.env.scopes.last_mut()
            && !scope.iter().any(|(known, _)| known == name)
        {
            scope.push((name.to_owned(), old));
        }
    }

    pub(crate) fn end_scope(&mut self) {
        for (name, old) in self.env.scopes.pop().unwrap_or_default() {
            match old {
                Some(old) => self.env.variables.insert(name, old),
                None => self.env.variables.remove(&name),
            };
        }
    }

    pub(crate) fn exported(&self) -> BTreeMap<String, String> {
        let exported = self.env.variables.iter().filter(|(_, variable)| variable.exported);
        exported.filter_map(|(name, variable)| Some((name.clone(), variable.as_text()?.to_owned()))).collect()
    }
}
