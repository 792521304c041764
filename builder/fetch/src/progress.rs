//! What a watcher is told while files travel.

/// Told what goes on, from several threads at once. `what` is the same text in all three calls for one file.
pub trait Progress: Sync {
    /// Work on `what` begins; `total` bytes of it are to come, where that is known.
    fn started(&self, what: &str, total: Option<u64>);

    /// `bytes` more are done. A transfer that has to begin again is not taken back.
    fn advanced(&self, what: &str, bytes: u64);

    /// `count` things (`objects`) of `what`, whose number nobody knows before, are done.
    fn counted(&self, _what: &str, _count: u64, _things: &str) {}

    /// Done with `what`, well or not.
    fn finished(&self, what: &str);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn started(&self, _: &str, _: Option<u64>) {}

    fn advanced(&self, _: &str, _: u64) {}

    fn finished(&self, _: &str) {}
}
