//! Where the time goes: spans of work, each with the thread that did it.
//!
//! Whoever owns a clock makes a [`Recorder`]. Steps are handed a [`Trace`], which leads to it or, where nobody wants to know,
//! nowhere:
//!
//! ```
//! # use std::time::Duration;
//! # use rootsmith_types::{Recorder, Trace};
//! fn unpack(name: &str, trace: Trace<'_>) {
//!     let _span = trace.span("unpack", name);
//!     // The work: the span ends where `_span` does.
//! }
//! let clock = || Duration::ZERO;
//! let recorder = Recorder::new(&clock);
//! unpack("libc6", recorder.trace());
//! assert_eq!(recorder.finish()[0].of, "libc6");
//! ```

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// What the steps of a build are called among the spans, which are pieces of them.
pub const STEP: &str = "step";

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The kind of work: `unpack`.
    pub what: &'static str,
    /// What was worked on, or nothing.
    pub of: String,
    /// Who did it: threads are counted from 0 in the order of their first ends.
    pub thread: usize,
    /// By the recorder's clock.
    pub start: Duration,
    /// By the recorder's clock; never before `start`.
    pub end: Duration,
}

/// Takes down spans.
pub struct Recorder<'c> {
    clock: &'c (dyn Fn() -> Duration + Sync),
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    threads: Vec<ThreadId>,
    spans: Vec<Recorded>,
}

impl<'c> Recorder<'c> {
    /// A recorder that reads the time off `clock`.
    pub fn new(clock: &'c (dyn Fn() -> Duration + Sync)) -> Recorder<'c> {
        Recorder { clock, log: Mutex::default() }
    }

    /// What leads here.
    pub fn trace(&self) -> Trace<'_> {
        Trace(Some(self))
    }

    /// Everything that has ended: thread by thread, by start, what lies in another span behind that one.
    pub fn finish(self) -> Vec<Recorded> {
        let mut spans = self.log.into_inner().unwrap_or_else(PoisonError::into_inner).spans;
        // Of two that began and ended together the outer one was taken down later.
        spans.reverse();
        spans.sort_by_key(|span| (span.thread, span.start, std::cmp::Reverse(span.end)));
        spans
    }

    fn record(&self, what: &'static str, of: String, start: Duration, end: Duration) {
        let id = thread::current().id();
        // The list is whole after every statement, so a panic elsewhere does not spoil it.
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = log.threads.iter().position(|known| *known == id).unwrap_or_else(|| {
            log.threads.push(id);
            log.threads.len() - 1
        });
        log.spans.push(Recorded { what, of, thread, start, end: end.max(start) });
    }
}

/// Leads to a [`Recorder`], or nowhere: then a span costs a look at a pointer.
#[derive(Clone, Copy, Default)]
pub struct Trace<'a>(Option<&'a Recorder<'a>>);

impl<'a> Trace<'a> {
    /// Leads nowhere.
    pub const fn off() -> Trace<'a> {
        Trace(None)
    }

    /// Begins a span on this thread: work of the kind `what`, done on `of`. It ends when it is dropped.
    pub fn span(self, what: &'static str, of: &str) -> Span<'a> {
        Span(self.0.map(|recorder| Open { recorder, what, of: of.to_owned(), start: (recorder.clock)() }))
    }

    /// Takes down what is over, by times of the recorder's clock.
    pub fn add(self, what: &'static str, of: &str, start: Duration, end: Duration) {
        if let Some(recorder) = self.0 {
            recorder.record(what, of.to_owned(), start, end);
        }
    }
}

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Trace" } else { "Trace(off)" })
    }
}

/// Work that goes on, on the thread that began it.
#[must_use = "a span ends where it is dropped"]
pub struct Span<'a>(Option<Open<'a>>);

struct Open<'a> {
    recorder: &'a Recorder<'a>,
    what: &'static str,
    of: String,
    start: Duration,
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        if let Some(Open { recorder, what, of, start }) = self.0.take() {
            let end = (recorder.clock)();
            recorder.record(what, of, start, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn spans_nest_and_know_their_thread() {
        let ticks = AtomicU64::new(0);
        let clock = || Duration::from_millis(ticks.fetch_add(1, Ordering::Relaxed));
        let recorder = Recorder::new(&clock);
        let trace = recorder.trace();
        let outer = trace.span("write", "disk");
        drop(trace.span("write", "root"));
        thread::scope(|scope| {
            scope.spawn(|| drop(trace.span("unpack", "libc6")));
        });
        drop(outer);
        let found: Vec<_> = recorder.finish().into_iter().map(|it| (it.of, it.thread, it.start, it.end)).collect();
        let at = |of: &str, thread, start, end| {
            (of.to_owned(), thread, Duration::from_millis(start), Duration::from_millis(end))
        };
        assert_eq!(found, [at("disk", 0, 0, 5), at("root", 0, 1, 2), at("libc6", 1, 3, 4)]);
    }

    #[test]
    fn what_began_and_ended_together_has_the_outer_one_first() {
        let clock = || Duration::from_millis(7);
        let recorder = Recorder::new(&clock);
        let outer = recorder.trace().span("write", "disk");
        drop(recorder.trace().span("write", "root"));
        drop(outer);
        let names: Vec<String> = recorder.finish().into_iter().map(|it| it.of).collect();
        assert_eq!(names, ["disk", "root"]);
    }

    #[test]
    fn a_trace_that_leads_nowhere_asks_no_clock() {
        drop(Trace::off().span("write", "disk"));
        Trace::default().add("write", "disk", Duration::ZERO, Duration::ZERO);
    }
}
