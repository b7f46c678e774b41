//! How late a deadline is kept, with one spinning guest and with 64 of them on two workers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use wasmill_benches::floor;
use wasmill_benches::guests::{SPIN, binary, unit};
use wasmill_benches::measure::{Effort, Samples, workers};
use wasmill_benches::report::{Measure, Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, SLOTS, engine};
use wasmill_model::{Input, Limits, Verdict};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, UpdateDeadline};

/// Rounds of a full measurement.
const ROUNDS: usize = 20;
const TIMEOUT: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(1);
const MANY: usize = 64;

/// Bare wasmtime with what its documentation advises: a thread that moves the epoch each millisecond, and guests that yield and look
/// at the clock at each tick.
struct Bare {
    engine: Engine,
    pre: InstancePre<()>,
}

impl Bare {
    fn new() -> Self {
        let engine = floor::engine(SLOTS).unwrap();
        let module = Module::new(&engine, binary(SPIN)).unwrap();
        let pre = Linker::new(&engine).instantiate_pre(&module).unwrap();
        Bare { engine, pre }
    }

    async fn call(&self) -> bool {
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(u64::MAX).unwrap();
        store.set_epoch_deadline(1);
        let start = Instant::now();
        store.epoch_deadline_callback(move |_| {
            if start.elapsed() < TIMEOUT {
                Ok(UpdateDeadline::Yield(1))
            } else {
                Err(wasmtime::Error::msg("the deadline passed"))
            }
        });
        let instance = self.pre.instantiate_async(&mut store).await.unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        run.call_async(&mut store, ()).await.is_err()
    }
}

/// Starts so many at once, and adds for each how many nanoseconds after its deadline its caller had the answer.
fn overshoot<F>(runtime: &Runtime, guests: usize, samples: &mut Samples, call: impl Fn() -> F + Clone + Send + 'static)
where
    F: Future<Output = bool> + Send,
{
    runtime.block_on(async {
        let tasks: Vec<_> = (0..guests)
            .map(|_| {
                let call = call.clone();
                tokio::spawn(async move {
                    let start = Instant::now();
                    assert!(call().await, "a spinning guest was not stopped by its deadline");
                    start.elapsed().saturating_sub(TIMEOUT)
                })
            })
            .collect();
        for task in tasks {
            samples.push(task.await.unwrap().as_nanos() as f64);
        }
    });
}

fn main() {
    let effort = Effort::from_arguments();
    let runtime = workers(2).unwrap();
    let engine = engine().unwrap();
    let nothing = Input::Positional(Vec::new());
    // The clock must end it, and not its fuel.
    let limits = Limits { timeout: TIMEOUT, fuel: u64::MAX / 2, ..Limits::default() };
    let prepared = runtime.block_on(Prepared::new(&engine, &unit(SPIN), Some("run"), nothing)).unwrap();
    let prepared = Arc::new(prepared.with_limits(limits));
    let wasmill = move || {
        let prepared = prepared.clone();
        async move { matches!(prepared.call().await.verdict, Verdict::TimedOut { .. }) }
    };
    let bare = Arc::new(Bare::new());
    let stop = Arc::new(AtomicBool::new(false));
    let ticker = std::thread::spawn({
        let (engine, stop) = (bare.engine.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        }
    });
    let floor = move || {
        let bare = bare.clone();
        async move { bare.call().await }
    };

    let mut samples = vec![Samples::default(); 4];
    for _ in 0..effort.rounds(ROUNDS) {
        overshoot(&runtime, 1, &mut samples[0], floor.clone());
        overshoot(&runtime, 1, &mut samples[1], wasmill.clone());
        overshoot(&runtime, MANY, &mut samples[2], floor.clone());
        overshoot(&runtime, MANY, &mut samples[3], wasmill.clone());
    }
    stop.store(true, Ordering::Relaxed);
    ticker.join().unwrap();
    let row = |case: &str, share: f64, floor: &Samples, wasmill: &Samples, target: Target| Row {
        case: case.to_owned(),
        floor: Some(("bare wasmtime, 1 ms tick".to_owned(), floor.quantile(share))),
        figure: wasmill.quantile(share),
        measure: Measure::Time,
        target,
    };
    let report = Report {
        name: "deadlines",
        title: "Deadlines",
        method: "Guests that spin for ever, with a timeout of 50 ms on a tokio runtime with two workers: how long after the deadline the \
                 caller has its verdict. Beside it bare wasmtime as its documentation advises: a thread that moves the epoch each \
                 millisecond, guests that yield at each tick, and a look at the clock before they go on.",
        rows: vec![
            row("1 spinning guest, median", 0.5, &samples[0], &samples[1], Target::None),
            row("64 spinning guests, median", 0.5, &samples[2], &samples[3], Target::AtMost(2e6)),
            row("64 spinning guests, 95 %", 0.95, &samples[2], &samples[3], Target::None),
        ],
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
