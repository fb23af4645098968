//! Lines that a separate thread writes, so that the rest of the program never waits for their reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum number of waiting lines. Further ones are lost.
const LINES: usize = 4096;

/// A bounded queue of lines.
pub(crate) struct Queue {
    lines: SyncSender<String>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicU64,
    lost: AtomicU64,
}

impl Queue {
    /// Starts the thread that writes.
    ///
    /// The second function returns the line that reports how many were lost.
    pub(crate) fn start(
        write: impl FnMut(&str) + Send + 'static,
        tell_lost: impl Fn(u64) -> String + Send + 'static,
    ) -> std::io::Result<Queue> {
        let (lines, to_write) = sync_channel(LINES);
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&to_write, &shared, write, tell_lost))?;
        Ok(Queue { lines, counts })
    }

    /// Adds a line, or counts it as lost.
    pub(crate) fn push(&self, line: String) {
        self.counts.waiting.fetch_add(1, Ordering::SeqCst);
        if self.lines.try_send(line).is_err() {
            self.counts.waiting.fetch_sub(1, Ordering::SeqCst);
            self.counts.lost.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits until all lines are written, or until the time-out.
    pub(crate) fn finish(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while self.counts.waiting.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn write_all(
    lines: &Receiver<String>,
    counts: &Counts,
    mut write: impl FnMut(&str),
    tell_lost: impl Fn(u64) -> String,
) {
    for line in lines {
        write(&line);
        // Some lines were lost while this one could not be written.
        let lost = counts.lost.swap(0, Ordering::SeqCst);
        if lost > 0 {
            write(&tell_lost(lost));
        }
        counts.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn nobody_waits_for_the_writer_and_what_is_lost_is_told() {
        let (release, released) = channel::<()>();
        let (began, begins) = channel();
        let (written, reads) = channel();
        let write = move |line: &str| {
            _ = began.send(());
            // Only the first line waits.
            _ = released.recv();
            written.send(line.to_owned()).unwrap();
        };
        let queue = Queue::start(write, |lost| format!("{lost} lost")).unwrap();
        queue.push("first".into());
        begins.recv().unwrap();
        (0..LINES + 3).for_each(|n| queue.push(n.to_string()));
        drop(release);
        queue.finish(Duration::from_secs(600));
        let lines: Vec<_> = reads.try_iter().collect();
        assert_eq!(lines.len(), LINES + 2);
        assert_eq!((&*lines[0], &*lines[1], &*lines[2]), ("first", "3 lost", "0"));
    }

    #[test]
    fn the_wait_for_the_end_is_bounded() {
        let (_hold, held) = channel::<()>();
        let queue = Queue::start(move |_| _ = held.recv(), |lost| lost.to_string()).unwrap();
        queue.push("line".into());
        queue.finish(Duration::from_millis(1));
    }
}
