//! Fresh `bytes` calls a second, on one worker thread and on two, beside bare wasmtime.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::sync::Arc;
use std::time::Duration;

use wasmill_benches::floor;
use wasmill_benches::guests::{BYTES_UPPER, binary, text, unit};
use wasmill_benches::measure::{Effort, Samples, rate, workers};
use wasmill_benches::report::{Measure, Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, SLOTS, engine};
use wasmill_model::{Input, Value};

/// Rounds of a full measurement.
const ROUNDS: usize = 30;
/// How long calls are counted for.
const WINDOW: Duration = Duration::from_millis(150);

fn row(case: &str, floor: &Samples, wasmill: &Samples, target: Target) -> Row {
    Row { measure: Measure::Rate, ..Row::beside(case, "bare wasmtime", floor, wasmill, target) }
}

fn main() {
    let effort = Effort::from_arguments();
    let runtimes = [workers(1).unwrap(), workers(2).unwrap()];
    let input = text(1 << 10);
    let bare = Arc::new(floor::BytesUnit::new(&floor::engine(SLOTS).unwrap(), &binary(BYTES_UPPER)).unwrap());
    let given = Input::Single(Value::text(input.clone()));
    let engine = engine().unwrap();
    let prepared = Arc::new(runtimes[0].block_on(Prepared::new(&engine, &unit(BYTES_UPPER), None, given)).unwrap());
    runtimes[0].block_on(prepared.output()).unwrap();
    let input: Arc<str> = input.into();
    let floor_call = move || {
        let (bare, input) = (bare.clone(), input.clone());
        async move { bare.call(input.as_bytes()).await.unwrap() }
    };
    let wasmill_call = move || {
        let prepared = prepared.clone();
        async move { prepared.call().await }
    };

    let mut samples = vec![(Samples::default(), Samples::default()); runtimes.len()];
    for round in 0..effort.rounds(ROUNDS) {
        for (index, runtime) in runtimes.iter().enumerate() {
            let (floor, wasmill) = &mut samples[index];
            // Another order each round.
            if round.is_multiple_of(2) {
                floor.push(rate(runtime, index + 1, WINDOW, floor_call.clone()));
                wasmill.push(rate(runtime, index + 1, WINDOW, wasmill_call.clone()));
            } else {
                wasmill.push(rate(runtime, index + 1, WINDOW, wasmill_call.clone()));
                floor.push(rate(runtime, index + 1, WINDOW, floor_call.clone()));
            }
        }
    }
    let [(floor_one, one), (floor_two, two)] = &samples[..] else { unreachable!() };
    let scaling = Row {
        case: "two workers to one".to_owned(),
        floor: Some(("bare wasmtime".to_owned(), floor_two.median() / floor_one.median())),
        figure: two.median() / one.median(),
        measure: Measure::Factor,
        target: Target::AtLeast(1.8),
    };
    let report = Report {
        name: "throughput",
        title: "Calls a second",
        method: "Fresh `bytes` calls with 1 KiB in and out, all limits on, counted for 150 ms at a time: eight tasks for each worker \
                 of a tokio runtime, which call and call. Beside it bare wasmtime in the same loop.",
        rows: vec![
            row("bytes 1 KiB, 1 worker", floor_one, one, Target::None),
            row("bytes 1 KiB, 2 workers", floor_two, two, Target::AtLeast(250_000.0)),
            scaling,
        ],
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
