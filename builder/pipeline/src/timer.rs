//! How long each step took.

use std::time::Duration;

use serde::Serialize;

/// One step of `timings.json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// The step's name.
    pub(crate) step: &'static str,
    /// Wall time in milliseconds.
    pub(crate) milliseconds: u64,
}

/// Laps of a clock.
pub(crate) struct Timer<'a> {
    clock: &'a (dyn Fn() -> Duration + Sync),
    start: Duration,
    last: Duration,
    steps: Vec<Step>,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(clock: &'a (dyn Fn() -> Duration + Sync)) -> Timer<'a> {
        let now = clock();
        Timer { clock, start: now, last: now, steps: Vec::new() }
    }

    /// Ends the current lap under the name `step`.
    pub(crate) fn lap(&mut self, step: &'static str) {
        let now = (self.clock)();
        self.steps.push(Step { step, milliseconds: milliseconds(now.saturating_sub(self.last)) });
        self.last = now;
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn total(&self) -> Duration {
        (self.clock)().saturating_sub(self.start)
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
