//! Virtual time: the same for every run and every engine. It starts at a fixed moment, moves a little at each reading, and jumps over
//! sleeps.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use wasmill_model::{Grants, Source};

/// When virtual clocks start: 2025-01-01T00:00:00Z.
pub const CLOCK_START: Duration = Duration::from_secs(1_735_689_600);
/// How many nanoseconds a virtual clock moves at each reading, so that a program that waits for time to pass gets on.
pub const CLOCK_STEP: u64 = 1_000;

/// The time of one call, in nanoseconds since it began.
#[derive(Debug, Default)]
pub struct VirtualTime {
    now: AtomicU64,
    /// Whether readings do not move it: only sleeps do.
    frozen: bool,
    /// Whether something outside may happen while a guest sleeps, so that a sleep takes its real time.
    real_sleeps: bool,
    /// When those that wait want to go on.
    waiting: Mutex<Vec<u64>>,
}

impl VirtualTime {
    /// A clock that has not moved yet.
    pub fn new(frozen: bool, real_sleeps: bool) -> Arc<Self> {
        Arc::new(VirtualTime { frozen, real_sleeps, ..VirtualTime::default() })
    }

    /// The clock of a call with these grants; none where it is the real one.
    pub fn granted(grants: &Grants, frozen: bool) -> Option<Arc<Self>> {
        // Where somebody outside may answer meanwhile, a sleep lasts as long as it says.
        let real_sleeps = !grants.net.is_empty();
        (grants.clock == Source::Virtual).then(|| VirtualTime::new(frozen, real_sleeps))
    }

    /// What a guest reads.
    pub fn read(&self) -> u64 {
        if self.frozen {
            return self.now.load(Ordering::Relaxed);
        }
        self.now.fetch_add(CLOCK_STEP, Ordering::Relaxed).saturating_add(CLOCK_STEP)
    }

    /// What it is, without moving it.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn jump(&self, to: u64) {
        // Never past what can still be read and moved on a little.
        self.now.fetch_max(to.min(u64::MAX / 2), Ordering::Relaxed);
    }

    /// Sleeps until that moment; `real` is how one sleeps where a sleep takes its real time.
    pub async fn sleep_until<S: Future<Output = ()>>(&self, at: u64, real: impl FnOnce(Duration) -> S) {
        let now = self.now();
        if now >= at {
            return;
        }
        if self.real_sleeps {
            real(Duration::from_nanos(at - now)).await;
            self.jump(at);
            return;
        }
        // Whoever else is waited for at the same time is asked first (a stream that is ready, an earlier moment): the first time
        // round, everybody says until when; the second time, the earliest goes on.
        let _ticket = Ticket::new(self, at);
        let mut asked = false;
        poll_fn(|context| {
            if !asked {
                asked = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let earliest = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied();
            if earliest.is_none_or(|earliest| at <= earliest) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.jump(at);
    }

    /// Sleeps that long.
    pub async fn sleep<S: Future<Output = ()>>(&self, duration: Duration, real: impl FnOnce(Duration) -> S) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sleep_until(self.now().saturating_add(nanos), real).await;
    }
}

/// One that waits; gone when it is dropped.
struct Ticket<'a> {
    time: &'a VirtualTime,
    at: u64,
}

impl<'a> Ticket<'a> {
    fn new(time: &'a VirtualTime, at: u64) -> Self {
        time.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        Ticket { time, at }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.time.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = waiting.iter().position(|at| *at == self.at) {
            waiting.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn the_earliest_goes_on_first() {
        let time = VirtualTime::new(true, false);
        let hour = Duration::from_secs(3600);
        let never = |_| pending::<()>();
        tokio::select! {
            () = time.sleep(2 * hour, never) => panic!("the later one was first"),
            () = time.sleep(hour, never) => {}
        }
        assert_eq!(time.now(), 3_600_000_000_000);
        assert!(time.waiting.lock().unwrap().is_empty());
        time.sleep(Duration::MAX, never).await;
        time.sleep(Duration::MAX, never).await;
        assert!(time.read() < u64::MAX);
    }

    #[test]
    fn readings_move_it_unless_frozen() {
        let (moving, frozen) = (VirtualTime::new(false, false), VirtualTime::new(true, false));
        assert!(moving.read() < moving.read());
        assert_eq!(frozen.read(), frozen.read());
    }
}
