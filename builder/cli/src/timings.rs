//! `rootsmith build --timings`: where the time went, for a person and for a viewer of traces.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rootsmith_pipeline::{TRACE_FILE, trace_json};
use rootsmith_types::{Recorded, STEP};

use crate::report;

/// Prints the table to stderr and writes the trace into `folder`.
pub(crate) fn report(spans: &[Recorded], folder: Option<&Path>) -> Result<(), u8> {
    let _ = write!(io::stderr(), "{}", table(spans));
    let Some(folder) = folder else { return Ok(()) };
    let path = folder.join(TRACE_FILE);
    report::write_atomically(&path, trace_json(spans).as_bytes()).map_err(|error| {
        report::print_host_error(&format!("cannot write `{}`: {error}", path.display()));
        report::HOST
    })?;
    let _ = writeln!(io::stderr(), "trace: {}", path.display());
    Ok(())
}

/// Each step with how long each thread worked in it, then each kind of work with how long all threads together took for it.
///
/// A thread that is not named was idle, or at work that nobody recorded.
fn table(spans: &[Recorded]) -> String {
    let (steps, work): (Vec<&Recorded>, Vec<&Recorded>) = spans.iter().partition(|span| span.what == STEP);
    let mut text = String::from("      ms  step               ms on each thread\n");
    for step in steps {
        let _ = write!(text, "{:8}  {:18}", milliseconds(step.end.saturating_sub(step.start)), step.of);
        for (thread, time) in by(&work, |span| span.thread, (step.start, step.end)) {
            let _ = write!(text, " {thread}: {}", milliseconds(time));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push_str("      ms  work          times, and the longest of them\n");
    let always = (Duration::ZERO, Duration::MAX);
    let mut kinds: Vec<(&str, Duration)> =
        by(&work, |span| (span.what, span.thread), always).into_iter().map(|((what, _), time)| (what, time)).collect();
    kinds = kinds.into_iter().fold(BTreeMap::new(), summed).into_iter().collect();
    kinds.sort_by_key(|(what, time)| (std::cmp::Reverse(*time), *what));
    for (what, time) in kinds {
        let these = work.iter().filter(|span| span.what == what);
        let longest = these.clone().max_by_key(|span| span.end.saturating_sub(span.start));
        let (of, most) = longest.map_or(("", 0), |it| (it.of.as_str(), milliseconds(it.end.saturating_sub(it.start))));
        let _ = writeln!(text, "{:8}  {what:12} {:6}, {of} {most}", milliseconds(time), these.count());
    }
    text
}

fn summed<'a>(mut sums: BTreeMap<&'a str, Duration>, (what, time): (&'a str, Duration)) -> BTreeMap<&'a str, Duration> {
    *sums.entry(what).or_default() += time;
    sums
}

/// How long the spans of each group cover the time `within`; where some lie in others, that time counts once.
fn by<'a, K: Ord>(
    spans: &[&'a Recorded],
    group: impl Fn(&'a Recorded) -> K,
    within: (Duration, Duration),
) -> BTreeMap<K, Duration> {
    let mut sums: BTreeMap<K, (Duration, Duration)> = BTreeMap::new();
    // They come by thread and start.
    for span in spans {
        let (start, end) = (span.start.max(within.0), span.end.min(within.1));
        if start >= end {
            continue;
        }
        let (sum, covered) = sums.entry(group(span)).or_default();
        *sum += end.saturating_sub(start.max(*covered));
        *covered = end.max(*covered);
    }
    sums.into_iter().map(|(key, (sum, _))| (key, sum)).collect()
}

fn milliseconds(time: Duration) -> u128 {
    time.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(what: &'static str, of: &str, thread: usize, start: u64, end: u64) -> Recorded {
        let (start, end) = (Duration::from_millis(start), Duration::from_millis(end));
        Recorded { what, of: of.to_owned(), thread, start, end }
    }

    #[test]
    fn nested_work_counts_once_and_every_thread_has_its_share() {
        let spans = [
            span(STEP, "unpack", 0, 0, 100),
            span(STEP, "write and verify", 0, 100, 400),
            span("unpack", "containerd", 1, 0, 90),
            span("unpack", "runc", 1, 20, 60),
            span("write", "img", 1, 120, 140),
            span("unpack", "libc6", 2, 10, 60),
            span("make", "node.img", 2, 100, 300),
        ];
        let wanted = "      ms  step               ms on each thread
     100  unpack             1: 90 2: 50
     300  write and verify   1: 20 2: 200
      ms  work          times, and the longest of them
     200  make              1, node.img 200
     140  unpack            3, containerd 90
      20  write             1, img 20
";
        assert_eq!(table(&spans), wanted);
    }
}
