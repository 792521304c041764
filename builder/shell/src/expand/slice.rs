//! bash's `${x:OFFSET:LENGTH}`.

use crate::shell::{Go, Shell};
use crate::syntax::Parameter;

impl Shell<'_> {
    /// `${x:OFFSET:LENGTH}` of a text of so many bytes or values, counted from `begin`.
    fn range(&mut self, parameter: &Parameter, end: i64, values: bool) -> Go<Option<(i64, Option<i64>)>> {
        let offset = self.number(&parameter.word)?;
        let begin = if offset < 0 { offset.saturating_add(end) } else { offset };
        let length = match &parameter.second {
            None => None,
            Some(word) => Some(self.number(word)?),
        };
        if begin < 0 || begin > end {
            return Ok(None);
        }
        match length {
            Some(length) if length < 0 && (values || end.saturating_add(length) < begin) => {
                Err(self.stop(format!("`${{{}:{offset}:{length}}}`: a length below zero", parameter.name)))
            }
            Some(length) if length < 0 => Ok(Some((begin, Some(end + length - begin)))),
            length => Ok(Some((begin, length))),
        }
    }

    pub(super) fn slice(&mut self, value: &str, parameter: &Parameter) -> Go<String> {
        let Some((begin, length)) = self.range(parameter, value.len() as i64, false)? else { return Ok(String::new()) };
        let begin = usize::try_from(begin).unwrap_or(value.len()).min(value.len());
        let length = length.map_or(value.len(), |length| usize::try_from(length).unwrap_or(0));
        let end = begin.saturating_add(length).min(value.len());
        value.get(begin..end).map(str::to_owned).ok_or_else(|| self.stop("an expansion cuts a letter in two"))
    }

    pub(super) fn slice_values(&mut self, name: &str, parameter: &Parameter) -> Go<Vec<String>> {
        let values: Vec<(u64, String)> = if matches!(name, "@" | "*") {
            let all = [self.env.name.clone()].into_iter().chain(self.env.positional.iter().cloned());
            (0..).zip(all).collect()
        } else {
            self.values(name)?
        };
        let end = values.last().map_or(0, |(index, _)| i64::try_from(*index).unwrap_or(i64::MAX).saturating_add(1));
        let Some((begin, length)) = self.range(parameter, end, true)? else { return Ok(Vec::new()) };
        let length = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
        let begin = u64::try_from(begin).unwrap_or(0);
        Ok(values.into_iter().filter(|(index, _)| *index >= begin).take(length).map(|(_, value)| value).collect())
    }
}
