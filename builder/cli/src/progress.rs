//! How far things are: bars on a terminal, plain lines in a log.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rootsmith_fetch::Progress;
use rootsmith_types::NumBytes;

/// In a log, every so many things that are counted are worth a line.
const COUNTED: u64 = 500;
/// A file smaller than this is done before a person could read its name.
const WORTH_A_LINE: u64 = 8 << 20;

/// Stderr, where all that runs at a time is shown together.
pub(crate) struct Screen(Option<MultiProgress>);

impl Screen {
    pub(crate) fn new(terminal: bool) -> Screen {
        Screen(terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10))))
    }
}

/// Shows the progress of one thing.
pub(crate) struct Shown {
    bars: Option<MultiProgress>,
    active: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Shown {
    pub(crate) fn on(screen: &Screen) -> Shown {
        Shown { bars: screen.0.clone(), active: Mutex::default() }
    }

    /// Takes its bars away, those of what failed, too.
    pub(crate) fn clear(&self) {
        if let Ok(mut active) = self.active.lock() {
            std::mem::take(&mut *active).values().for_each(ProgressBar::finish_and_clear);
        }
    }

    /// Prints something where no bar is drawn over it.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(text);
            }
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }
}

impl Progress for Shown {
    fn started(&self, what: &str, total: Option<u64>) {
        let Some(bars) = &self.bars else {
            if total.is_none_or(|total| total >= WORTH_A_LINE) {
                match total {
                    Some(total) => self.line(&format!("{what} ({})", NumBytes::new(total))),
                    None => self.line(what),
                }
            }
            return;
        };
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style("{msg:44!} {bar:30} {bytes:>10}/{total_bytes}")),
            None => ProgressBar::new_spinner().with_style(style("{msg:44!} {spinner}")),
        };
        let bar = bars.add(bar);
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        if let Ok(mut active) = self.active.lock() {
            active.insert(what.to_owned(), bar);
        }
    }

    fn advanced(&self, what: &str, bytes: u64) {
        if let Ok(active) = self.active.lock()
            && let Some(bar) = active.get(what)
        {
            bar.inc(bytes);
        }
    }

    fn counted(&self, what: &str, count: u64, things: &str) {
        if self.bars.is_none() {
            if count.is_multiple_of(COUNTED) {
                self.line(&format!("{what}: {count} {things}"));
            }
        } else if let Ok(active) = self.active.lock()
            && let Some(bar) = active.get(what)
        {
            bar.set_message(format!("{what}: {count} {things}"));
        }
    }

    fn finished(&self, what: &str) {
        if let Ok(mut active) = self.active.lock()
            && let Some(bar) = active.remove(what)
        {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are literals above; a test renders both.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for template in ["{msg:44!} {bar:30} {bytes:>10}/{total_bytes}", "{msg:44!} {spinner}"] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
