//! The spans of a build as a file that Perfetto and `chrome://tracing` open.
//!
//! Specification: "Trace Event Format", the JSON object form. A span is a complete event (`"ph": "X"`), times are microseconds.

use rootsmith_types::{Recorded, STEP};
use serde_json::{Value, json};

/// What the file is called, beside the images. Like `timings.json` it differs from run to run.
pub const TRACE_FILE: &str = "trace.json";

/// The file's text.
pub fn trace_json(spans: &[Recorded]) -> String {
    let threads = spans.iter().map(|span| span.thread).max().map_or(0, |last| last + 1);
    let named = (0..threads).map(|thread| {
        json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": thread, "args": { "name": format!("thread {thread}") } })
    });
    let events: Vec<Value> = named.chain(spans.iter().map(event)).collect();
    let mut text = json!({ "displayTimeUnit": "ms", "traceEvents": events }).to_string();
    text.push('\n');
    text
}

fn event(span: &Recorded) -> Value {
    let name = match span.what {
        STEP => span.of.clone(),
        what => format!("{what} {}", span.of),
    };
    // Both ends are cut to whole microseconds before they are subtracted: so what nests stays nested.
    let (start, end) = (span.start.as_micros(), span.end.as_micros());
    let (start, length) = (as_number(start), as_number(end.saturating_sub(start)));
    json!({ "ph": "X", "name": name, "cat": span.what, "pid": 1, "tid": span.thread, "ts": start, "dur": length })
}

fn as_number(micros: u128) -> u64 {
    u64::try_from(micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use rootsmith_types::Recorder;

    use super::*;
    use crate::report::timings;
    use crate::timer::Timer;

    /// A clock that says what the test sets.
    #[derive(Default)]
    struct Hands(Mutex<Duration>);

    impl Hands {
        fn pass(&self, micros: u64) {
            *self.0.lock().unwrap() += Duration::from_micros(micros);
        }
    }

    fn parsed(spans: &[Recorded]) -> Vec<Value> {
        let value: Value = serde_json::from_str(&trace_json(spans)).unwrap();
        value["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn every_step_of_the_timings_is_a_span_and_work_lies_in_its_step() {
        let hands = Hands::default();
        let clock = || *hands.0.lock().unwrap();
        let recorder = Recorder::new(&clock);
        let trace = recorder.trace();
        let mut timer = Timer::by(&clock, trace);
        hands.pass(2_000);
        timer.lap("fetch");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _outer = trace.span("unpack", "libc6");
                hands.pass(1_500);
                let _inner = trace.span("hash", "libc6");
                hands.pass(500);
            });
        });
        timer.lap("unpack");

        let steps: Value = serde_json::from_str(&timings(timer.steps(), timer.total())).unwrap();
        let events = parsed(&recorder.finish());
        let of = |name: &str| {
            let event = events.iter().find(|event| event["name"] == name).unwrap_or_else(|| panic!("no {name}"));
            let number = |key: &str| event[key].as_u64().unwrap();
            (number("tid"), number("ts"), number("ts") + number("dur"))
        };
        for step in steps["steps"].as_array().unwrap() {
            let (thread, start, end) = of(step["step"].as_str().unwrap());
            assert_eq!((thread, (end - start) / 1000), (0, step["milliseconds"].as_u64().unwrap()));
        }
        assert_eq!(of("unpack"), (0, 2_000, 4_000));
        assert_eq!(of("unpack libc6"), (1, 2_000, 4_000));
        assert_eq!(of("hash libc6"), (1, 3_500, 4_000));
    }

    #[test]
    fn spans_of_one_thread_lie_in_each_other_or_apart_after_rounding() {
        let span = |of: &str, start, end| Recorded {
            what: "unpack",
            of: of.to_owned(),
            thread: 0,
            start: Duration::from_nanos(start),
            end: Duration::from_nanos(end),
        };
        let spans = [span("outer", 900, 3_100), span("first", 1_950, 2_050), span("second", 2_950, 3_100)];
        let ends: Vec<(u64, u64)> = parsed(&spans)
            .iter()
            .filter(|event| event["ph"] == "X")
            .map(|event| (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap()))
            .map(|(start, length)| (start, start + length))
            .collect();
        assert_eq!(ends, [(0, 3), (1, 2), (2, 3)]);
    }
}
