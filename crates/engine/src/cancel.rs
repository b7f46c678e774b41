//! A signal that reaches running guests.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A signal that is given once and seen by every clone. The default is one that nobody has given.
///
/// Engines look at [`Cancel::is_cancelled`] whenever a guest yields, and wake up on [`Cancel::cancelled`] where one waits.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// The wakers of those that wait now. A future that is dropped leaves nothing behind: a signal may outlive a million calls.
#[derive(Debug, Default)]
struct Waiting {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancel {
    /// A signal that was not given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Calling it again does nothing.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        // Collected first: whoever is woken may come back at once.
        let wakers: Vec<Waker> = self.shared.waiting().slots.iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether it was given.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Completes when it is given.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        Cancelled { shared: self.shared.clone(), slot: None }
    }
}

struct Cancelled {
    shared: Arc<Shared>,
    slot: Option<usize>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let shared = self.shared.clone();
        let mut waiting = shared.waiting();
        // The flag is set before the wakers are taken, so one of the two is seen here.
        if self.shared.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let slot = match self.slot {
            Some(slot) => slot,
            None => waiting.free.pop().unwrap_or_else(|| {
                waiting.slots.push(None);
                waiting.slots.len() - 1
            }),
        };
        self.slot = Some(slot);
        if let Some(waker) = waiting.slots.get_mut(slot) {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
        }
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut waiting = self.shared.waiting();
            if let Some(waker) = waiting.slots.get_mut(slot) {
                *waker = None;
            }
            waiting.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_future_is_woken() {
        let cancel = Cancel::new();
        let waiting = cancel.cancelled();
        let handle = std::thread::spawn(move || futures_util::future::FutureExt::now_or_never(waiting));
        assert_eq!(handle.join().unwrap(), None);
        let waiting = cancel.cancelled();
        cancel.cancel();
        assert_eq!(futures_util::future::FutureExt::now_or_never(waiting), Some(()));
    }

    #[test]
    fn those_that_wait_no_more_leave_nothing_behind() {
        let cancel = Cancel::new();
        for _ in 0..1_000 {
            assert_eq!(futures_util::future::FutureExt::now_or_never(cancel.cancelled()), None);
        }
        assert_eq!(cancel.shared.waiting().slots.len(), 1);
    }
}
