//! A spawner for hosts without threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::stream::{FuturesUnordered, StreamExt};
use wasmill_engine::BoxFuture;

use crate::Spawner;

/// Polls its tasks while the future of a run is polled: for wasm32, for tests, for a program that has no async runtime.
///
/// Several runs may share one, in one thread or in several. Tasks of a run whose future is dropped are told to stop and polled once
/// more, and from then on by the other runs.
#[derive(Default)]
pub struct InlineSpawner {
    /// Spawned, and not polled yet.
    arrived: Mutex<Vec<BoxFuture<'static, ()>>>,
    tasks: Mutex<FuturesUnordered<BoxFuture<'static, ()>>>,
    runs: Arc<Runs>,
}

/// The wakers of all runs that polled since the last wake-up. Each of them polls everybody's tasks, and any of them may be dropped
/// without a word: so all of them are woken.
#[derive(Default)]
struct Runs(Mutex<Vec<Waker>>);

impl Wake for Runs {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *lock(&self.0));
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InlineSpawner {
    /// A spawner without tasks.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Spawner for InlineSpawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        lock(&self.arrived).push(task);
        self.runs.clone().wake();
    }

    fn poll(&self, context: &mut Context<'_>) {
        let mut wakers = lock(&self.runs.0);
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        drop(wakers);
        // What arrives while another thread polls may be seen by nobody: it is looked for again after the lock is given back.
        while self.poll_tasks() == Polled::All && !lock(&self.arrived).is_empty() {}
    }
}

#[derive(PartialEq, Eq)]
enum Polled {
    All,
    /// Another thread polls them, or one of them polls a run of its own.
    ByAnother,
}

impl InlineSpawner {
    fn poll_tasks(&self) -> Polled {
        let mut tasks = match self.tasks.try_lock() {
            Ok(tasks) => tasks,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Polled::ByAnother,
        };
        let waker = Waker::from(self.runs.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            tasks.extend(std::mem::take(&mut *lock(&self.arrived)));
            let polled = tasks.poll_next_unpin(&mut context);
            if !matches!(polled, Poll::Ready(Some(()))) && lock(&self.arrived).is_empty() {
                return Polled::All;
            }
        }
    }
}
