//! Two sides or more, measured in turn.
//!
//! Machines change their speed while they measure: other programs run, clocks go up and down. So the sides take turns in batches of
//! a few milliseconds, in another order each round, and whatever happens to the machine happens to all of them. A side's figure is
//! the median over its batches. (Criterion measures one function after the other, and so cannot do this.)

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

/// How long one side is measured before it is the next one's turn.
const BATCH: Duration = Duration::from_millis(4);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// `cargo bench`.
    Full,
    /// `cargo bench -- --quick`: a tenth.
    Quick,
    /// `cargo test`: once, to see that it runs.
    Once,
}

impl Effort {
    /// As the arguments of this program say.
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        match (has("--bench"), has("--quick")) {
            (true, false) => Effort::Full,
            (_, true) => Effort::Quick,
            (false, false) => Effort::Once,
        }
    }

    /// Rounds, where a full measurement has `full`.
    pub fn rounds(self, full: usize) -> usize {
        match self {
            Effort::Full => full,
            Effort::Quick => (full / 10).max(3),
            Effort::Once => 1,
        }
    }
}

/// What was measured of one side: nanoseconds, calls a second, or whatever the bench counts.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// With one more.
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample that a `share` of all (0 to 1) is not above; not a number where there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// One side: runs so many iterations and says how long they took.
pub type Side<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// A side whose iteration is a future, run on one thread.
pub fn side<'a, F, T>(runtime: &'a Runtime, mut iteration: impl FnMut() -> F + 'a) -> Side<'a>
where
    F: Future<Output = T>,
{
    Box::new(move |iterations| {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..iterations {
                black_box(iteration().await);
            }
            start.elapsed()
        })
    })
}

/// A side whose iteration is a function.
pub fn blocking_side<'a, T>(mut iteration: impl FnMut() -> T + 'a) -> Side<'a> {
    Box::new(move |iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            black_box(iteration());
        }
        start.elapsed()
    })
}

/// Nanoseconds an iteration of each side, from `rounds` (see [`Effort::rounds`]) in which all took their turn.
pub fn in_turn(effort: Effort, rounds: usize, sides: &mut [Side<'_>]) -> Vec<Samples> {
    let iterations: Vec<u64> = sides.iter_mut().map(|side| calibrate(effort, side)).collect();
    let mut samples = vec![Samples::default(); sides.len()];
    for round in 0..effort.rounds(rounds) {
        for turn in 0..sides.len() {
            let index = (round + turn) % sides.len();
            let (Some(side), Some(iterations), Some(samples)) =
                (sides.get_mut(index), iterations.get(index), samples.get_mut(index))
            else {
                continue;
            };
            samples.push(side(*iterations).as_nanos() as f64 / *iterations as f64);
        }
    }
    samples
}

/// How many iterations fill a batch; what they touch is warm afterwards.
fn calibrate(effort: Effort, side: &mut Side<'_>) -> u64 {
    let mut iterations = 1;
    if effort == Effort::Once {
        return iterations;
    }
    loop {
        let elapsed = side(iterations);
        if elapsed >= BATCH / 2 {
            let each = elapsed.as_secs_f64() / iterations as f64;
            return ((BATCH.as_secs_f64() / each) as u64).max(1);
        }
        iterations *= 2;
    }
}

/// Tasks for each worker, so that none is without work.
const TASKS: usize = 8;
/// Calls after which a task lets another one on its worker: a task that never waits would be the only one there.
const TURN: u64 = 32;

/// Calls a second, counted for so long, with tasks that call and call.
///
/// # Panics
/// When a task does: a defect of the benches.
#[allow(clippy::unwrap_used, reason = "a defect of the benches must be seen")]
pub fn rate<F, T>(
    runtime: &Runtime,
    workers: usize,
    window: Duration,
    call: impl Fn() -> F + Clone + Send + 'static,
) -> f64
where
    F: Future<Output = T> + Send,
    T: Send,
{
    let stop = Arc::new(AtomicBool::new(false));
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..workers * TASKS)
            .map(|_| {
                let (stop, call) = (stop.clone(), call.clone());
                tokio::spawn(async move {
                    let mut calls = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        black_box(call().await);
                        calls += 1;
                        if calls.is_multiple_of(TURN) {
                            tokio::task::yield_now().await;
                        }
                    }
                    calls
                })
            })
            .collect();
        // Not tokio's clock: nobody drives it while every worker is busy.
        std::thread::sleep(window);
        stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for task in tasks {
            calls += task.await.unwrap();
        }
        calls as f64 / start.elapsed().as_secs_f64()
    })
}

/// A runtime of one thread.
///
/// # Errors
/// When the system has no more files or threads.
pub fn current_thread() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A runtime of so many workers.
///
/// # Errors
/// When the system has no more files or threads.
pub fn workers(count: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let mut samples = Samples::default();
        for sample in [5.0, 1.0, 3.0, 2.0, 4.0] {
            samples.push(sample);
        }
        assert_eq!(samples.median(), 3.0);
        assert_eq!(samples.quantile(0.0), 1.0);
        assert_eq!(samples.quantile(1.0), 5.0);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn every_side_takes_its_turn() {
        let calls = std::cell::RefCell::new(Vec::new());
        let recorded = |name: char| -> Side<'_> {
            let calls = &calls;
            Box::new(move |iterations| {
                calls.borrow_mut().push(name);
                Duration::from_millis(iterations)
            })
        };
        let samples = in_turn(Effort::Once, 10, &mut [recorded('a'), recorded('b')]);
        assert_eq!(*calls.borrow(), ['a', 'b']);
        assert_eq!(samples.len(), 2);
        assert_eq!(samples.first().map(Samples::median), Some(1e6));
    }
}
