//! Wasmill in a page, beside the same units called by hand in a worker of that page. `cargo xtask web` builds the package first.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wasmill_benches::measure::{Effort, Samples};
use wasmill_benches::report::{Report, Row, Target, target_dir};

/// Rounds of a full measurement.
const ROUNDS: usize = 40;
/// Runs in a row.
const IN_A_ROW: usize = 1_000;
/// Steps of the chain.
const STEPS: usize = 100;

/// FNV over 64 MiB: loops, and reads of memory.
const LOOP: &str = r#"(module (memory (export "memory") 64)
    (func (export "go") (result i32) (local $at i32) (local $turn i32) (local $hash i32)
        (local.set $hash (i32.const 0x811c9dc5))
        (loop $again
            (local.set $at (i32.const 0))
            (loop $next
                (local.set $hash (i32.mul (i32.xor (local.get $hash) (i32.load8_u (local.get $at))) (i32.const 0x01000193)))
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 0x400000))))
            (br_if $again (i32.lt_u (local.tee $turn (i32.add (local.get $turn) (i32.const 1))) (i32.const 16))))
        (local.get $hash)))"#;

/// 200 by 200 numbers, multiplied ten times: floats, and loops within loops.
const MATRICES: &str = r#"(module (memory (export "memory") 64)
    (func (export "go") (result f64) (local $turn i32) (local $i i32) (local $j i32) (local $k i32) (local $sum f64)
        (loop $again
            (local.set $i (i32.const 0))
            (loop $rows
                (local.set $j (i32.const 0))
                (loop $columns
                    (local.set $k (i32.const 0))
                    (local.set $sum (f64.const 0))
                    (loop $products
                        (local.set $sum (f64.add (local.get $sum) (f64.mul
                            (f64.load (i32.shl (i32.add (i32.mul (local.get $i) (i32.const 200)) (local.get $k)) (i32.const 3)))
                            (f64.load offset=320000
                                (i32.shl (i32.add (i32.mul (local.get $k) (i32.const 200)) (local.get $j)) (i32.const 3))))))
                        (br_if $products (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 200))))
                    (f64.store offset=640000
                        (i32.shl (i32.add (i32.mul (local.get $i) (i32.const 200)) (local.get $j)) (i32.const 3)) (local.get $sum))
                    (br_if $columns (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 200))))
                (br_if $rows (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))
            (br_if $again (i32.lt_u (local.tee $turn (i32.add (local.get $turn) (i32.const 1))) (i32.const 10))))
        (local.get $sum)))"#;

/// Fibonacci's 34th, by definition: calls, and nothing else.
const CALLS: &str = r#"(module
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "go") (result i32) (call $fib (i32.const 34))))"#;

const NOTHING: &str = r#"(module (func (export "go") (result i32) (i32.const 42)))"#;

/// A pipeline whose steps call the unit one after the other.
fn request(unit: &str, profile: &str, steps: usize) -> Value {
    let step = |index: usize| {
        let mut step = json!({"unit": "unit"});
        if let Some(before) = index.checked_sub(1) {
            step["after"] = json!([format!("step{before}")]);
        }
        (format!("step{index}"), step)
    };
    let steps: serde_json::Map<String, Value> = (0..steps).map(step).collect();
    json!({
        "profile": profile,
        "pipeline": {"wasmill": 1, "name": "bench", "units": {"unit": {"wat": unit}}, "steps": steps},
    })
}

/// What was measured: nanoseconds by the names of cases and sides.
struct Found(Value);

impl Found {
    fn samples(&self, case: &str, side: &str) -> Samples {
        let mut samples = Samples::default();
        for sample in self.0["cases"][case][side].as_array().unwrap() {
            samples.push(sample.as_f64().unwrap());
        }
        samples
    }
}

/// Has node measure it in Chromium.
fn measure(effort: Effort, cases: &Value) -> Found {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/bench.mjs");
    let mut node = Command::new("node");
    node.arg(program).env("WASMILL_WEB", target_dir().join("web"));
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let order = json!({"rounds": effort.rounds(ROUNDS), "inARow": effort.rounds(IN_A_ROW), "cases": cases});
    node.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    Found(serde_json::from_slice(&output.stdout).unwrap())
}

fn main() {
    let effort = Effort::from_arguments();
    if effort == Effort::Once {
        // `cargo test` builds no package.
        return;
    }
    let computing = [("loops", LOOP), ("matrices", MATRICES), ("calls", CALLS)];
    let mut cases = json!({});
    for (name, unit) in computing {
        cases[name] = json!({
            "wasm": wat::parse_str(unit).unwrap(),
            "requests": {"fast": request(unit, "fast", 1), "metered": request(unit, "metered", 1)},
        });
    }
    cases["nothing"] = json!({
        "wasm": wat::parse_str(NOTHING).unwrap(),
        "small": true,
        "requests": {"run": request(NOTHING, "metered", 1), "chain": request(NOTHING, "metered", STEPS)},
    });
    let found = measure(effort, &cases);
    let mut rows = Vec::new();
    for (name, _) in computing {
        let by_hand = found.samples(name, "by hand");
        for (profile, target) in [("fast", Target::Times(1.2)), ("metered", Target::None)] {
            rows.push(Row::beside(
                &format!("{name}, `{profile}`"),
                "by hand",
                &by_hand,
                &found.samples(name, profile),
                target,
            ));
        }
    }
    let by_hand = found.samples("nothing", "by hand");
    rows.push(Row::beside("a run of one step", "by hand", &by_hand, &found.samples("nothing", "run"), Target::None));
    let mut step = Samples::default();
    let chain = found.samples("nothing", "chain").median();
    step.push((chain - found.samples("nothing", "run").median()) / (STEPS - 1) as f64);
    rows.push(Row::beside("a step more", "by hand", &by_hand, &step, Target::None));
    let in_a_row = effort.rounds(IN_A_ROW);
    let row = found.samples("nothing", "run in a row");
    let by_hand = found.samples("nothing", "by hand in a row");
    rows.push(Row::beside(&format!("{in_a_row} runs in a row, each"), "by hand", &by_hand, &row, Target::None));
    let report = Report {
        name: "browser",
        title: "In the browser",
        method: "A whole run of a pipeline (`wasmill.run` in a page, one step, every limit on) from the request to its document. Beside it the \
                 same unit by hand: a worker of the same page, which is sent a message, makes an instance of the module that it has, calls \
                 the function and answers. Both compiled it beforehand. `fast` counts no fuel, `metered` does; memory is summed in both. The \
                 sides take turns, in another order each round.",
        rows,
        notes: vec![format!("In {}, headless.", found.0["browser"].as_str().unwrap_or("Chromium"))],
    };
    report.publish(effort).unwrap();
}
