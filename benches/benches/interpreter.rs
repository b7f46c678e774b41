//! Calls on the interpreter, through the engine's public API, beside bare wasmi on the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use wasmill_benches::floor_wasmi;
use wasmill_benches::guests::{ADD, BYTES_UPPER, binary, text, unit};
use wasmill_benches::measure::{Effort, Side, blocking_side, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_benches::wasmill::Prepared;
use wasmill_engine_wasmi::{Settings, WasmiEngine};
use wasmill_model::{Input, Value};

/// Rounds of a full measurement.
const ROUNDS: usize = 250;

const TARGET: Target = Target::Times(1.3);

/// Computes for some ten milliseconds: numbers from a generator, put into memory and taken out again.
const COMPUTE: &str = r#"(module (memory (export "memory") 1)
    (func (export "run") (param $rounds i32) (param $state i32) (result i32)
        (loop $again
            (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 13))))
            (local.set $state (i32.xor (local.get $state) (i32.shr_u (local.get $state) (i32.const 17))))
            (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 5))))
            (i32.store (i32.and (local.get $state) (i32.const 0xfffc)) (local.get $rounds))
            (local.set $state (i32.add (local.get $state) (i32.load (i32.and (local.get $rounds) (i32.const 0xfffc)))))
            (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
        (local.get $state)))"#;
const COMPUTE_ROUNDS: i32 = 1_000_000;

struct Bench {
    effort: Effort,
    runtime: tokio::runtime::Runtime,
    engine: WasmiEngine,
    rows: Vec<Row>,
}

impl Bench {
    fn prepare(&self, wat: &str, function: Option<&str>, input: Input, expected: &Value) -> Prepared {
        let prepared = self.runtime.block_on(Prepared::new(&self.engine, &unit(wat), function, input)).unwrap();
        assert_eq!(&self.runtime.block_on(prepared.output()).unwrap(), expected);
        prepared
    }

    fn compare(&mut self, case: &str, rounds: usize, floor: Side<'_>, prepared: &Prepared) {
        let samples = in_turn(self.effort, rounds, &mut [floor, side(&self.runtime, || prepared.call())]);
        self.rows.push(Row::beside(case, "bare wasmi", &samples[0], &samples[1], TARGET));
    }

    fn core(&mut self) {
        let floor = floor_wasmi::Unit::new(&binary(ADD)).unwrap();
        let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
        let prepared = self.prepare(ADD, Some("add"), input, &Value::Int(5));
        self.compare("core add", ROUNDS, blocking_side(|| floor.two("add", 2, 3).unwrap()), &prepared);
    }

    fn bytes(&mut self) {
        let floor = floor_wasmi::Unit::new(&binary(BYTES_UPPER)).unwrap();
        let input = text(1 << 10);
        let expected = Value::Bytes(input.to_ascii_uppercase().into());
        let prepared = self.prepare(BYTES_UPPER, None, Input::Single(Value::text(input.clone())), &expected);
        self.compare("bytes 1 KiB", ROUNDS, blocking_side(|| floor.bytes(input.as_bytes()).unwrap()), &prepared);
    }

    fn compute(&mut self) {
        let floor = floor_wasmi::Unit::new(&binary(COMPUTE)).unwrap();
        let expected = floor.two("run", COMPUTE_ROUNDS, 1).unwrap();
        let input = Input::Positional(vec![Value::Int(COMPUTE_ROUNDS.into()), Value::Int(1)]);
        let prepared = self.prepare(COMPUTE, Some("run"), input, &Value::Int(expected.into()));
        let side = blocking_side(|| floor.two("run", COMPUTE_ROUNDS, 1).unwrap());
        self.compare("computing", ROUNDS / 5, side, &prepared);
    }
}

fn main() {
    let effort = Effort::from_arguments();
    let runtime = current_thread().unwrap();
    let mut bench = Bench { effort, runtime, engine: WasmiEngine::new(Settings::default()), rows: Vec::new() };
    bench.core();
    bench.bytes();
    bench.compute();
    let report = Report {
        name: "interpreter",
        title: "The interpreter",
        method: "One call on wasmi through the public API (`PreparedUnit::call`): clock, store, instance, input in, guest, output out, \
                 usage, all gone again. Every limit is on: memory and tables summed, fuel, wall clock, output, log, instances; and the \
                 guest gives its thread away after every slice of fuel. Beside it bare wasmi doing the same to the same bytes with fuel and \
                 its own memory limits, translated and linked beforehand, called without `async`. One thread.",
        rows: bench.rows,
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
