//! bash's `?(a|b)`, `*(…)`, `+(…)`, `@(…)` and `!(…)`: matched by following all places at once where a text may stand.

use super::{Item, Pattern};

/// Alternatives in parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The letter before the parenthesis.
    pub(super) kind: u8,
    pub(super) alternatives: Vec<Pattern>,
}

/// Places in a text: whether a match can have come so far.
type Places = Vec<bool>;

impl Group {
    /// What stands behind `(` at `begin`, and where it ends; nothing when no `)` closes it.
    pub(super) fn read(bytes: &[u8], kind: u8, begin: usize) -> Option<(Group, usize)> {
        let mut alternatives = Vec::new();
        let (mut depth, mut from, mut at) = (0usize, begin, begin);
        loop {
            match *bytes.get(at)? {
                b'\\' => at += 1,
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                end @ (b')' | b'|') if depth == 0 => {
                    alternatives.push(Pattern::read(bytes.get(from..at)?, true));
                    if end == b')' {
                        return Some((Group { kind, alternatives }, at + 1));
                    }
                    from = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
    }

    pub(super) fn depth(&self) -> usize {
        1 + self.alternatives.iter().map(Pattern::depth).max().unwrap_or(0)
    }

    fn ends(&self, text: &[u8], from: &Places) -> Places {
        let mut ends = match self.kind {
            b'*' | b'?' => from.clone(),
            _ => vec![false; from.len()],
        };
        match self.kind {
            b'!' => {
                for at in (0..from.len()).filter(|&at| from[at]) {
                    let only: Places = (0..from.len()).map(|place| place == at).collect();
                    let not = self.once(text, &only);
                    (at..from.len()).for_each(|place| ends[place] |= !not[place]);
                }
            }
            b'*' | b'+' => {
                let mut new = from.clone();
                while new.contains(&true) {
                    let next = self.once(text, &new);
                    new = (0..next.len()).map(|place| next[place] && !ends[place]).collect();
                    add(&mut ends, &new);
                }
            }
            _ => add(&mut ends, &self.once(text, from)),
        }
        ends
    }

    fn once(&self, text: &[u8], from: &Places) -> Places {
        let mut ends = vec![false; from.len()];
        self.alternatives.iter().for_each(|pattern| add(&mut ends, &pattern.ends(text, from)));
        ends
    }
}

impl Pattern {
    /// Where a match can end that begins at one of `from`.
    pub(super) fn ends(&self, text: &[u8], from: &Places) -> Places {
        let mut places = from.clone();
        for item in &self.items {
            places = match item {
                Item::Star => {
                    let first = places.iter().position(|&place| place).unwrap_or(places.len());
                    (0..places.len()).map(|place| place >= first).collect()
                }
                Item::Group(group) => group.ends(text, &places),
                one => (0..places.len())
                    .map(|place| {
                        place > 0 && places[place - 1] && text.get(place - 1).is_some_and(|&byte| one.takes(byte))
                    })
                    .collect(),
            };
        }
        places
    }
}

fn add(places: &mut Places, more: &Places) {
    places.iter_mut().zip(more).for_each(|(place, more)| *place |= more);
}
