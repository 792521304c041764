//! Scripts that went wrong: the tables' scripts with pieces cut out, doubled, exchanged and mixed, always the same ones. All that
//! is asked is that each ends within its bounds.

mod support;

use rootsmith_shell::{Dialect, Run};

const TABLES: [(Dialect, &str); 4] = [
    (Dialect::Dash, include_str!("scripts/language.txt")),
    (Dialect::Dash, include_str!("scripts/builtins.txt")),
    (Dialect::Dash, include_str!("scripts/tools.txt")),
    (Dialect::Bash, include_str!("scripts/bash.txt")),
];

/// Steps of each run; every call of the host takes one of them.
const STEPS: u64 = 3_000;
const ROUNDS: usize = 4_000;

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn mutate(random: &mut Random, script: &str, other: &str) -> String {
    let mut letters: Vec<char> = script.chars().collect();
    let other: Vec<char> = other.chars().collect();
    for _ in 0..=random.below(4) {
        let begin = random.below(letters.len() + 1);
        let end = (begin + random.below(12)).min(letters.len());
        let from = random.below(other.len());
        let piece = other[from..(from + random.below(12)).min(other.len())].to_vec();
        match random.below(7) {
            0 => drop(letters.drain(begin..end)),
            1 => {
                let piece = letters[begin..end].to_vec();
                letters.splice(begin..begin, piece.repeat(1 + random.below(40)));
            }
            2 => drop(letters.splice(begin..end, piece)),
            3 => drop(letters.splice(begin..begin, piece)),
            4 => letters.truncate(begin),
            5 => {
                const LETTERS: &[char] =
                    &['\'', '"', '`', '$', '{', '}', '(', ')', '[', ']', ';', '&', '|', '<', '\\', '\n', 'é', '\0'];
                letters.insert(begin, LETTERS[random.below(LETTERS.len())]);
            }
            _ => letters[begin..end].reverse(),
        }
    }
    letters.into_iter().collect()
}

#[test]
fn scripts_with_mistakes_end() {
    let scripts: Vec<(Dialect, &str)> = TABLES
        .iter()
        .flat_map(|&(dialect, table)| table.split("\n%%\n").map(move |script| (dialect, script)))
        .collect();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut ran, mut stopped) = (0, 0);
    for round in 0..ROUNDS {
        let (dialect, script) = scripts[round % scripts.len()];
        let other = scripts[random.below(scripts.len())].1;
        let text = mutate(&mut random, script, other);
        let (ended, calls) = support::counted(&text, dialect, STEPS);
        assert!(calls <= STEPS, "{calls} calls: {text}");
        match ended {
            Ok(_) => ran += 1,
            Err(_) => stopped += 1,
        }
    }
    // Mistakes that nothing notices test little, and neither do those that nothing gets past.
    assert!(ran > ROUNDS / 10 && stopped > ROUNDS / 10, "{ran} ran, {stopped} stopped");
    assert!(support::ours("while :; do mkdir x; done", Dialect::Dash, Run::STEPS / 100).is_err());
}
