//! What preflight says of a build, for those who write its outputs meanwhile.
//!
//! Nothing gets its name before preflight passed; until then what is written can be thrown away, so the disk, on which everybody waits,
//! is begun at once. All else waits: it takes longer than the error may.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whether what is being made passed.
#[derive(Default)]
pub(crate) struct Verdict {
    passed: Mutex<Option<bool>>,
    said: Condvar,
}

impl Verdict {
    /// Says it. What was said first stays.
    pub(crate) fn say(&self, passed: bool) {
        self.get().get_or_insert(passed);
        self.said.notify_all();
    }

    /// Waits until it is said.
    pub(crate) fn wait(&self) -> bool {
        let mut passed = self.get();
        loop {
            match *passed {
                Some(passed) => return passed,
                None => passed = self.said.wait(passed).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Whether there is no use in going on.
    pub(crate) fn is_against(&self) -> bool {
        *self.get() == Some(false)
    }

    fn get(&self) -> MutexGuard<'_, Option<bool>> {
        // A yes or a no is whole after every statement.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says no when it goes, so that nobody waits for a verdict that will not come.
pub(crate) struct Judge<'a>(pub(crate) &'a Verdict);

impl Drop for Judge<'_> {
    fn drop(&mut self) {
        self.0.say(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_even_when_the_judge_is_gone() {
        for (says, told) in [(Some(true), true), (Some(false), false), (None, false)] {
            let verdict = Verdict::default();
            let waiting = std::thread::scope(|scope| {
                let waiting = scope.spawn(|| verdict.wait());
                let judge = Judge(&verdict);
                if let Some(passed) = says {
                    verdict.say(passed);
                }
                drop(judge);
                waiting.join().unwrap()
            });
            assert_eq!((waiting, verdict.is_against()), (told, !told));
        }
    }
}
