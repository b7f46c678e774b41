//! A call in a fresh instance with all limits on, through the engine's public API, beside bare wasmtime on the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use bytes::Bytes;
use wasmill_benches::guests::{ADD, BYTES_UPPER, COMMAND_COPY, COMPONENT_UPPER, text, unit};
use wasmill_benches::measure::{Effort, Side, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, SLOTS, engine};
use wasmill_benches::{floor, guests};
use wasmill_model::{Input, Value};

/// Rounds of a full measurement.
const ROUNDS: usize = 250;

const SMALL: Target = Target::Times(1.3);
const LARGE: Target = Target::Times(1.1);

struct Bench {
    effort: Effort,
    runtime: tokio::runtime::Runtime,
    floor: wasmtime::Engine,
    rows: Vec<Row>,
}

impl Bench {
    fn prepare(&self, wat: &str, function: Option<&str>, input: Input, expected: &Value) -> Prepared {
        let engine = engine().unwrap();
        let prepared = self.runtime.block_on(Prepared::new(&engine, &unit(wat), function, input)).unwrap();
        assert_eq!(&self.runtime.block_on(prepared.output()).unwrap(), expected);
        prepared
    }

    fn compare(&mut self, case: &str, target: Target, floor: Side<'_>, prepared: &Prepared) {
        let samples = in_turn(self.effort, ROUNDS, &mut [floor, side(&self.runtime, || prepared.call())]);
        let row = Row::beside(case, "bare wasmtime", &samples[0], &samples[1], target);
        self.rows.push(row);
    }

    fn core(&mut self) {
        let floor = floor::Add::new(&self.floor, &guests::binary(ADD)).unwrap();
        let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
        let prepared = self.prepare(ADD, Some("add"), input, &Value::Int(5));
        let runtime = current_thread().unwrap();
        self.compare("core add", SMALL, side(&runtime, || floor.call(2, 3)), &prepared);
    }

    fn bytes(&mut self, size: &str, bytes: usize, target: Target) {
        let floor = floor::BytesUnit::new(&self.floor, &guests::binary(BYTES_UPPER)).unwrap();
        let input = text(bytes);
        let expected = input.to_ascii_uppercase();
        let runtime = current_thread().unwrap();
        assert_eq!(runtime.block_on(floor.call(input.as_bytes())).unwrap(), expected.as_bytes());
        let prepared =
            self.prepare(BYTES_UPPER, None, Input::Single(Value::text(input.clone())), &Value::Bytes(expected.into()));
        self.compare(&format!("bytes {size}"), target, side(&runtime, || floor.call(input.as_bytes())), &prepared);
    }

    fn component(&mut self, size: &str, bytes: usize, target: Target) {
        let floor = floor::Upper::new(&self.floor, &guests::binary(COMPONENT_UPPER)).unwrap();
        let input = text(bytes);
        let expected = Value::text(input.to_ascii_uppercase());
        let prepared = self.prepare(COMPONENT_UPPER, None, Input::Single(Value::text(input.clone())), &expected);
        let runtime = current_thread().unwrap();
        self.compare(&format!("component string {size}"), target, side(&runtime, || floor.call(&input)), &prepared);
    }

    fn command(&mut self) {
        let floor = floor::Command::new(&self.floor, &guests::binary(COMMAND_COPY)).unwrap();
        let input = Bytes::from(text(1 << 10));
        let runtime = current_thread().unwrap();
        assert_eq!(runtime.block_on(floor.call(input.clone())).unwrap(), input);
        let value = Value::Bytes(input.clone());
        let prepared = self.prepare(COMMAND_COPY, None, Input::Single(value.clone()), &value);
        self.compare("command (preview 1) 1 KiB", SMALL, side(&runtime, || floor.call(input.clone())), &prepared);
    }
}

fn main() {
    let effort = Effort::from_arguments();
    let mut bench =
        Bench { effort, runtime: current_thread().unwrap(), floor: floor::engine(SLOTS).unwrap(), rows: Vec::new() };
    bench.core();
    bench.bytes("1 KiB", 1 << 10, SMALL);
    bench.bytes("1 MiB", 1 << 20, LARGE);
    bench.component("16 B", 16, SMALL);
    bench.component("1 KiB", 1 << 10, SMALL);
    bench.component("1 MiB", 1 << 20, LARGE);
    bench.command();
    let report = Report {
        name: "fresh_call",
        title: "Fresh call",
        method: "One call through the public API (`PreparedUnit::call`): slot, clock, store, instance, input in, guest, output out, \
                 usage, all gone again. Every limit is on: memory and tables summed, fuel, wall clock, output, log, instances. Beside \
                 it bare wasmtime doing the same to the same bytes with fuel, epochs, a memory limiter, the same pool, `InstancePre`, \
                 and exports looked up beforehand (for the command: one `WasiCtx` a call, linked beforehand). One thread.",
        rows: bench.rows,
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
