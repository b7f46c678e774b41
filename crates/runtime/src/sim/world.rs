//! A clock that stands still while there is something to do, and a thread that does it in a random order.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use wasmill_engine::BoxFuture;

use super::chance::Chance;
use crate::{Clock, Spawner};

/// The place of the run's own future among the tasks.
const RUN: usize = usize::MAX;

/// Where simulated runs happen, one after the other. Of all that could go on at a moment, chance says what does; when nothing can, the
/// clock jumps to the next time that somebody waits for. The same seed gives the same run. A clone is the same world.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ready: Arc<Ready>,
}

#[derive(Default)]
struct State {
    now: Duration,
    chance: Chance,
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    /// By the time that is waited for; those who wait for the same one, in the order in which they came.
    sleeps: BTreeMap<(Duration, u64), Waker>,
    slept: u64,
}

struct Task {
    future: BoxFuture<'static, ()>,
    signal: Arc<Signal>,
}

/// Who wants to be polled.
#[derive(Default)]
struct Ready(Mutex<Vec<Arc<Signal>>>);

struct Signal {
    place: usize,
    is_given: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        if !self.is_given.swap(true, Ordering::Relaxed) {
            lock(&self.ready.0).push(self.clone());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a run in a world ended.
pub(super) enum Ended<T> {
    /// By itself.
    Done(T),
    /// The time was reached at which it was to be stopped: here it is, as far as it came.
    Stopped(BoxFuture<'static, T>),
    /// It waits for what never comes.
    Stuck(BoxFuture<'static, T>),
}

enum Advanced {
    ToTheNext,
    ToTheEnd,
    NobodyWaits,
}

impl World {
    /// Polls a run to its end, or to this time. Whatever was in the world before is gone.
    pub(super) fn run<T>(&self, seed: u64, mut run: BoxFuture<'static, T>, until: Option<Duration>) -> Ended<T> {
        self.forget();
        lock(&self.0.state).chance = Chance::new(seed);
        let signal = self.signal(RUN);
        let waker = Waker::from(signal.clone());
        signal.wake();
        loop {
            match self.next() {
                Some(signal) if signal.place == RUN => {
                    if let Poll::Ready(value) = Pin::new(&mut run).poll(&mut Context::from_waker(&waker)) {
                        return Ended::Done(value);
                    }
                }
                Some(signal) => self.poll_task(&signal),
                None => match self.advance(until) {
                    Advanced::ToTheNext => {}
                    Advanced::ToTheEnd => return Ended::Stopped(run),
                    Advanced::NobodyWaits => return Ended::Stuck(run),
                },
            }
        }
    }

    /// Drops everything, and begins at time zero.
    pub(super) fn forget(&self) {
        // A task that is dropped may spawn another.
        loop {
            let mut state = lock(&self.0.state);
            let tasks = std::mem::take(&mut state.tasks);
            let sleeps = std::mem::take(&mut state.sleeps);
            let emptied = State { slept: state.slept, ..State::default() };
            *state = emptied;
            drop(state);
            let is_empty = tasks.is_empty();
            drop((tasks, sleeps));
            if is_empty {
                break;
            }
        }
        lock(&self.0.ready.0).clear();
    }

    fn signal(&self, place: usize) -> Arc<Signal> {
        Arc::new(Signal { place, is_given: AtomicBool::new(false), ready: self.0.ready.clone() })
    }

    /// Any of those that want to be polled.
    fn next(&self) -> Option<Arc<Signal>> {
        let mut ready = lock(&self.0.ready.0);
        if ready.is_empty() {
            return None;
        }
        let chosen = lock(&self.0.state).chance.below(ready.len());
        let signal = ready.swap_remove(chosen);
        signal.is_given.store(false, Ordering::Relaxed);
        Some(signal)
    }

    fn poll_task(&self, signal: &Arc<Signal>) {
        let task = {
            let mut state = lock(&self.0.state);
            // It may have ended since, and another one be in its place.
            let slot = state.tasks.get_mut(signal.place);
            slot.and_then(|slot| slot.take_if(|task| Arc::ptr_eq(&task.signal, signal)))
        };
        let Some(mut task) = task else { return };
        let waker = Waker::from(signal.clone());
        let polled = catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut Context::from_waker(&waker))));
        let mut state = lock(&self.0.state);
        match polled {
            Ok(Poll::Pending) => {
                if let Some(slot) = state.tasks.get_mut(signal.place) {
                    *slot = Some(task);
                }
            }
            // One that panicked says so when it is dropped.
            Ok(Poll::Ready(())) | Err(_) => {
                state.free.push(signal.place);
                drop(state);
                drop(task);
            }
        }
    }

    fn advance(&self, until: Option<Duration>) -> Advanced {
        let mut state = lock(&self.0.state);
        let Some(((time, _), _)) = state.sleeps.first_key_value() else { return Advanced::NobodyWaits };
        let time = *time;
        if let Some(until) = until.filter(|until| time >= *until) {
            state.now = until;
            return Advanced::ToTheEnd;
        }
        state.now = time;
        let later = state.sleeps.split_off(&(time, u64::MAX));
        let due = std::mem::replace(&mut state.sleeps, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
        Advanced::ToTheNext
    }
}

impl Clock for World {
    fn now(&self) -> Duration {
        lock(&self.0.state).now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.now().saturating_add(duration);
        Box::pin(Sleep { shared: self.0.clone(), until, number: None })
    }
}

impl Spawner for World {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut state = lock(&self.0.state);
        let place = state.free.pop().unwrap_or_else(|| {
            state.tasks.push(None);
            state.tasks.len() - 1
        });
        let signal = self.signal(place);
        if let Some(slot) = state.tasks.get_mut(place) {
            *slot = Some(Task { future: task, signal: signal.clone() });
        }
        drop(state);
        signal.wake();
    }
}

struct Sleep {
    shared: Arc<Shared>,
    until: Duration,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        let mut state = lock(&shared.state);
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            state.slept += 1;
            state.slept
        });
        state.sleeps.insert((self.until, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = lock(&self.shared.state).sleeps.remove(&(self.until, number));
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five tasks that wait for the same moment three times, in the order in which they came to it.
    fn order(world: &World, seed: u64) -> Vec<usize> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (spawner, saying) = (world.clone(), said.clone());
        let run = Box::pin(async move {
            for name in 0..5 {
                let (clock, said) = (spawner.clone(), saying.clone());
                spawner.spawn(Box::pin(async move {
                    for _ in 0..3 {
                        clock.sleep(Duration::from_millis(10)).await;
                        lock(&said).push(name);
                    }
                }));
            }
            spawner.sleep(Duration::from_millis(100)).await;
            assert_eq!(spawner.now(), Duration::from_millis(100));
        });
        assert!(matches!(world.run(seed, run, None), Ended::Done(())));
        let said = std::mem::take(&mut *lock(&said));
        assert_eq!(said.len(), 15);
        said
    }

    #[test]
    fn a_seed_is_an_order_and_another_one_is_another() {
        let world = World::default();
        let first = order(&world, 1);
        assert!((2..12).all(|seed| order(&world, seed) != first));
        assert_eq!(order(&world, 1), first, "what was in the world before leaves nothing");
        assert_eq!(order(&World::default(), 1), first);
    }

    #[test]
    fn a_run_is_stopped_at_a_time_and_one_that_waits_for_nothing_is_found() {
        let world = World::default();
        let clock = world.clone();
        let run = Box::pin(async move { clock.sleep(Duration::from_secs(60)).await });
        assert!(matches!(world.run(0, run, Some(Duration::from_secs(1))), Ended::Stopped(_)));
        assert_eq!(world.now(), Duration::from_secs(1));
        assert!(matches!(world.run(0, Box::pin(std::future::pending::<()>()), None), Ended::Stuck(_)));
    }

    #[test]
    fn a_task_that_panics_is_dropped_and_the_others_go_on() {
        let world = World::default();
        let spawner = world.clone();
        let run = Box::pin(async move {
            spawner.spawn(Box::pin(async { panic!("as asked") }));
            spawner.sleep(Duration::from_secs(1)).await;
        });
        assert!(matches!(world.run(0, run, None), Ended::Done(())));
    }
}
