//! Work on all threads whose results are wanted one after the other.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver};

/// Does `work` for each of `jobs` on all threads of the current pool, and hands the results to `each` in the order of the jobs.
/// At most `ahead` of them are begun before their turn, so that as many results are held.
pub fn in_order<J, T>(
    mut jobs: impl Iterator<Item = J>,
    ahead: usize,
    work: impl Fn(J) -> io::Result<T> + Sync,
    mut each: impl FnMut(J, T) -> io::Result<()>,
) -> io::Result<()>
where
    J: Copy + Send,
    T: Send,
{
    let work = &work;
    rayon::in_place_scope_fifo(|scope| {
        let mut waiting = VecDeque::with_capacity(ahead);
        loop {
            while waiting.len() < ahead.max(1)
                && let Some(job) = jobs.next()
            {
                let (sender, receiver) = mpsc::sync_channel(1);
                scope.spawn_fifo(move |_| {
                    // Nobody waits any more once there was an error.
                    let _ = sender.send(work(job));
                });
                waiting.push_back((job, receiver));
            }
            let Some((job, receiver)) = waiting.pop_front() else { return Ok(()) };
            each(job, received(&receiver)?)?;
        }
    })
}

/// What a thread hands over. Where this is a thread of the pool itself, it works meanwhile: with one thread nobody else would.
fn received<T>(receiver: &Receiver<io::Result<T>>) -> io::Result<T> {
    loop {
        if let Ok(result) = receiver.try_recv() {
            return result;
        }
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            // Another thread is at it.
            let lost = |_| io::Error::other("internal error: a piece of work was lost");
            return receiver.recv().map_err(lost)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_few_are_held() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let begun = AtomicUsize::new(0);
            let mut got = Vec::new();
            let work = |job: usize| {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok(job * 2)
            };
            let each = |job, twice| {
                got.push((job, twice));
                assert!(begun.load(Ordering::Relaxed) <= got.len() + 7);
                Ok(())
            };
            pool.install(|| in_order(0..100, 7, work, each)).unwrap();
            assert!(got == (0..100).map(|job| (job, job * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut got = 0;
        let work = |job| if job == 5 { Err(io::Error::other("five")) } else { Ok(()) };
        let result = in_order(0..1_000_000, 3, work, |_, ()| {
            got += 1;
            Ok(())
        });
        assert_eq!((result.unwrap_err().to_string().as_str(), got), ("five", 5));
        assert!(in_order(0..3, 0, |_| Ok(()), |_, ()| Err(io::Error::other("no"))).is_err());
    }
}
