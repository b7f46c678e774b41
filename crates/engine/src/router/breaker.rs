//! A circuit breaker: an engine that keeps failing to start is left alone for a while.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Failures in a row after which an engine is left alone.
const TOLERATED: u32 = 3;
/// How long it is left alone; then it is tried once, and left alone again where that fails as well.
const REST: Duration = Duration::from_secs(30);

/// What is known of one engine's starts.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    /// Until when it is left alone, in nanoseconds of the router's clock.
    until: AtomicU64,
}

impl Breaker {
    /// Whether it might be started now; nobody's turn is taken.
    pub(super) fn look(&self, clock: &dyn Fn() -> Duration) -> Result<(), String> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures < TOLERATED {
            return Ok(());
        }
        let (now, until) = (nanos(clock()), self.until.load(Ordering::Acquire));
        if now >= until { Ok(()) } else { Err(left_alone(failures, now, until)) }
    }

    /// Whether it may be started, by whoever asks. Costs one load as long as nothing fails.
    pub(super) fn check(&self, clock: &dyn Fn() -> Duration) -> Result<(), String> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures < TOLERATED {
            return Ok(());
        }
        let (now, until) = (nanos(clock()), self.until.load(Ordering::Acquire));
        // Of those that come when the rest is over, one tries.
        let next = now.saturating_add(nanos(REST));
        if now >= until && self.until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return Ok(());
        }
        Err(left_alone(failures, now, until))
    }

    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, clock: &dyn Fn() -> Duration) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= TOLERATED {
            self.until.store(nanos(clock().saturating_add(REST)), Ordering::Release);
        }
    }
}

fn left_alone(failures: u32, now: u64, until: u64) -> String {
    let seconds = Duration::from_nanos(until.saturating_sub(now)).as_secs() + 1;
    format!("it failed to start {failures} times in a row; it is tried again in {seconds} s")
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
