//! How long each step took.

use std::time::Duration;

use rootsmith_types::{STEP, Trace};
use serde::Serialize;

use crate::Host;

/// One step of `timings.json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// The step's name.
    pub(crate) step: &'static str,
    /// Wall time in milliseconds.
    pub(crate) milliseconds: u64,
}

/// Laps of a clock, each of them a span of the trace, too.
pub(crate) struct Timer<'a> {
    clock: &'a (dyn Fn() -> Duration + Sync),
    trace: Trace<'a>,
    start: Duration,
    last: Duration,
    steps: Vec<Step>,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(host: Host<'a>) -> Timer<'a> {
        Timer::by(host.clock, host.trace)
    }

    pub(crate) fn by(clock: &'a (dyn Fn() -> Duration + Sync), trace: Trace<'a>) -> Timer<'a> {
        let now = clock();
        Timer { clock, trace, start: now, last: now, steps: Vec::new() }
    }

    /// Ends the current lap under the name `step`.
    pub(crate) fn lap(&mut self, step: &'static str) {
        let now = (self.clock)();
        self.steps.push(Step { step, milliseconds: milliseconds(now.saturating_sub(self.last)) });
        self.trace.add(STEP, step, self.last, now);
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
