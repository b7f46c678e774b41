//! Sleeping, on whatever polls the call: no executor is asked for a timer, so that none has to be there.

use std::time::Duration;

pub use imp::sleep;
#[cfg(all(target_family = "wasm", not(target_os = "unknown")))]
pub use imp::{doze, ring};

/// A sleep that is longer than any timeout never ends.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

#[cfg(not(target_family = "wasm"))]
mod imp {
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
    use std::task::{Context, Poll, Waker};
    use std::time::Instant;

    use super::{Duration, LONGEST};

    /// Completes when that time has passed.
    pub fn sleep(duration: Duration) -> Sleep {
        Sleep { key: (Instant::now() + duration.min(LONGEST), NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A sleep.
    #[derive(Debug)]
    pub struct Sleep {
        key: Key,
    }

    /// When somebody wants to be woken, and a number that only one has.
    type Key = (Instant, u64);

    static NEXT: AtomicU64 = AtomicU64::new(0);
    static ALARMS: Alarms =
        Alarms { waiting: Mutex::new(BTreeMap::new()), changed: Condvar::new(), started: Once::new() };

    /// Who sleeps, and the thread that wakes them: one in the process, started by the first sleep.
    struct Alarms {
        waiting: Mutex<BTreeMap<Key, Waker>>,
        changed: Condvar,
        started: Once,
    }

    impl Alarms {
        fn waiting(&self) -> MutexGuard<'_, BTreeMap<Key, Waker>> {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn ring(&self) {
            let mut waiting = self.waiting();
            loop {
                let now = Instant::now();
                let later = waiting.split_off(&(now, u64::MAX));
                let due = std::mem::replace(&mut *waiting, later);
                if !due.is_empty() {
                    drop(waiting);
                    due.into_values().for_each(Waker::wake);
                    waiting = self.waiting();
                    continue;
                }
                waiting = match waiting.first_key_value() {
                    Some(((at, _), _)) => {
                        let rest = at.saturating_duration_since(now);
                        self.changed.wait_timeout(waiting, rest).unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                };
            }
        }
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if Instant::now() >= self.key.0 {
                return Poll::Ready(());
            }
            let alarms = &ALARMS;
            let mut waiting = alarms.waiting();
            waiting.insert(self.key, context.waker().clone());
            // The thread sleeps until the first one.
            let is_first = waiting.first_key_value().is_some_and(|(key, _)| *key == self.key);
            drop(waiting);
            let mut failed = false;
            alarms.started.call_once(|| {
                let ring = || ALARMS.ring();
                failed = std::thread::Builder::new().name("wasmill-alarms".to_owned()).spawn(ring).is_err();
            });
            if failed {
                // A machine that has no thread left: whoever sleeps is polled again and again.
                context.waker().wake_by_ref();
            }
            if is_first {
                alarms.changed.notify_one();
            }
            Poll::Pending
        }
    }

    impl Drop for Sleep {
        fn drop(&mut self) {
            ALARMS.waiting().remove(&self.key);
        }
    }
}

/// Within WASI there is one thread: whoever drives it wakes those whose time has come ([`ring`]), and sleeps until the first alarm where
/// there is nothing else to do ([`doze`]).
#[cfg(all(target_family = "wasm", not(target_os = "unknown")))]
mod imp {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Instant;

    use super::{Duration, LONGEST};

    type Key = (Instant, u64);

    #[derive(Default)]
    struct Alarms {
        next: u64,
        waiting: BTreeMap<Key, Waker>,
    }

    thread_local! {
        static ALARMS: RefCell<Alarms> = RefCell::default();
    }

    /// Completes when that time has passed.
    pub fn sleep(duration: Duration) -> Sleep {
        let number = ALARMS.with_borrow_mut(|alarms| {
            alarms.next += 1;
            alarms.next
        });
        Sleep { key: (Instant::now() + duration.min(LONGEST), number) }
    }

    /// A sleep.
    #[derive(Debug)]
    pub struct Sleep {
        key: Key,
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if Instant::now() >= self.key.0 {
                return Poll::Ready(());
            }
            ALARMS.with_borrow_mut(|alarms| alarms.waiting.insert(self.key, context.waker().clone()));
            Poll::Pending
        }
    }

    impl Drop for Sleep {
        fn drop(&mut self) {
            ALARMS.with_borrow_mut(|alarms| alarms.waiting.remove(&self.key));
        }
    }

    /// Sleeps until the first alarm and rings it: false where there is none, so that nothing would ever happen again.
    pub fn doze() -> bool {
        let first = ALARMS.with_borrow(|alarms| alarms.waiting.first_key_value().map(|((at, _), _)| *at));
        let Some(first) = first else { return false };
        std::thread::sleep(first.saturating_duration_since(Instant::now()));
        ring_until(first);
        true
    }

    /// Rings the alarms whose time has come.
    pub fn ring() {
        if ALARMS.with_borrow(|alarms| !alarms.waiting.is_empty()) {
            ring_until(Instant::now());
        }
    }

    /// Those that are due now, and at this time at least.
    fn ring_until(time: Instant) {
        let due = ALARMS.with_borrow_mut(|alarms| {
            let later = alarms.waiting.split_off(&(Instant::now().max(time), u64::MAX));
            std::mem::replace(&mut alarms.waiting, later)
        });
        due.into_values().for_each(Waker::wake);
    }
}

/// In a browser there is neither a thread nor a timer that every host has: whoever sleeps is polled again and again.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod imp {
    use std::future::poll_fn;
    use std::task::Poll;

    use web_time::Instant;

    use super::Duration;

    /// Completes when that time has passed.
    pub async fn sleep(duration: Duration) {
        let started = Instant::now();
        poll_fn(|context| {
            if started.elapsed() >= duration {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
