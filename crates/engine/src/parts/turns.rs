//! Whose turn it is among guests that compute.
//!
//! A guest gives up its thread at every tick, and its executor lets it in again when all others had their turn. With many guests that
//! takes long, and one whose deadline passes while it waits would be told so late. So the others give way: who would go on while
//! somebody waits to be told goes to the end of the queue instead, which then moves as fast as the executor can go through it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use web_time::Instant;

/// How long others give way to a guest. One that has not come by then is not being polled at all.
const PATIENCE: Duration = Duration::from_millis(20);

/// The guests of one engine that gave up their thread and are not done.
#[derive(Debug, Default)]
pub struct Turns {
    /// When their time is over.
    waiting: Mutex<BTreeSet<(Instant, u64)>>,
    next: AtomicU64,
}

/// One guest's place; given up when it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    key: (Instant, u64),
    waits: bool,
}

impl Turns {
    /// A place for a guest whose time is over at `end`.
    pub fn guest(&self, end: Instant) -> Turn<'_> {
        Turn { turns: self, key: (end, self.next.fetch_add(1, Ordering::Relaxed)), waits: false }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<(Instant, u64)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The guest gave up its thread.
    pub fn waits(&mut self) {
        self.turns.waiting().insert(self.key);
        self.waits = true;
    }

    /// Whether the guest, whose own time is not over, may go on: nobody else waits to be told that its time is.
    pub fn comes(&mut self) -> bool {
        let now = Instant::now();
        let since = now.checked_sub(PATIENCE).unwrap_or(now);
        let mut waiting = self.turns.waiting();
        if waiting.range((since, 0)..(now, 0)).any(|key| *key != self.key) {
            return false;
        }
        waiting.remove(&self.key);
        self.waits = false;
        true
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.turns.waiting().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{PATIENCE, Turns};

    #[test]
    fn others_give_way_to_one_whose_time_is_over() {
        let turns = Turns::default();
        let now = Instant::now();
        let mut healthy = turns.guest(now + Duration::from_secs(60));
        let mut late = turns.guest(now);
        assert!(healthy.comes(), "nobody waits");
        late.waits();
        healthy.waits();
        std::thread::sleep(Duration::from_millis(1));
        assert!(!healthy.comes());
        drop(late);
        assert!(healthy.comes(), "it was told");
    }

    #[test]
    fn nobody_gives_way_for_ever() {
        let turns = Turns::default();
        let mut healthy = turns.guest(Instant::now() + Duration::from_secs(60));
        let mut abandoned = turns.guest(Instant::now());
        abandoned.waits();
        std::thread::sleep(PATIENCE + Duration::from_millis(1));
        assert!(healthy.comes());
    }
}
