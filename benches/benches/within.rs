//! Wasmill within WebAssembly beside Wasmill on the machine: whole processes, which are given the same run request on stdin.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use wasmill_benches::measure::{Effort, Samples};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_testkit::{WasiHost, wasi_program};

/// Rounds of a full measurement.
const ROUNDS: usize = 31;
/// Steps of the pipeline that does nothing but be run.
const STEPS: usize = 1_000;
/// Rounds of the unit that computes.
const COMPUTE_ROUNDS: i32 = 20_000_000;

/// A number, whatever it is given.
const TRIVIAL: &str =
    r#"(module (func (export "run") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"#;

/// Computes: numbers from a generator, put into memory and taken out again.
const COMPUTE: &str = r#"(module (memory (export "memory") 1)
    (func (export "run") (param $rounds i32) (result i32) (local $state i32)
        (local.set $state (i32.const 1))
        (loop $again
            (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 13))))
            (local.set $state (i32.xor (local.get $state) (i32.shr_u (local.get $state) (i32.const 17))))
            (local.set $state (i32.xor (local.get $state) (i32.shl (local.get $state) (i32.const 5))))
            (i32.store (i32.and (local.get $state) (i32.const 0xfffc)) (local.get $rounds))
            (local.set $state (i32.add (local.get $state) (i32.load (i32.and (local.get $rounds) (i32.const 0xfffc)))))
            (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
        (local.get $state)))"#;

/// A request for so many steps, each of which is given this number.
fn request(folder: &Path, name: &str, wat: &str, steps: usize, number: i32) -> PathBuf {
    let step = |place: usize| (format!("s{place}"), json!({ "unit": "u", "with": [number] }));
    let steps: serde_json::Map<String, Value> = (0..steps).map(step).collect();
    let limits = json!({ "timeout": "5m", "fuel": 100_000_000_000_u64 });
    let request =
        json!({ "pipeline": { "wasmill": 1, "units": { "u": { "wat": wat } }, "steps": steps }, "limits": limits });
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, request.to_string()).unwrap();
    path
}

/// Who runs requests.
struct Side {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    cache: PathBuf,
}

impl Side {
    /// Nanoseconds from the start of the process to its end.
    fn time(&self, request: &Path) -> f64 {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("WASMILL_CACHE_DIR", &self.cache);
        command.stdin(File::open(request).unwrap()).stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
        start.elapsed().as_nanos() as f64
    }
}

/// The program that was built beside this bench.
fn wasmill() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let binary = program.ancestors().nth(2).unwrap().join(format!("wasmill{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is not there: `cargo build --bin wasmill` makes it", binary.display());
    binary
}

fn main() {
    let effort = Effort::from_arguments();
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let native = |name, engine: &str| Side {
        name,
        program: wasmill(),
        arguments: ["run", "-", "--quiet", "--engine", engine].map(str::to_owned).to_vec(),
        cache: cache.clone(),
    };
    let program = wasi_program();
    let wasmtime =
        WasiHost::Wasmtime.find().unwrap_or_else(|| panic!("`cargo xtask setup --only wasmtime` installs it"));
    let within = Side {
        name: "wasmill-wasi in wasmtime",
        program: wasmtime,
        arguments: vec!["run".to_owned(), program.display().to_string()],
        cache: cache.clone(),
    };
    let sides = [native("wasmi", "wasmi"), native("wasmtime", "wasmtime"), within];

    let (steps, rounds) = if effort == Effort::Once { (10, 1_000) } else { (STEPS, COMPUTE_ROUNDS) };
    let requests = [
        request(folder.path(), "one", TRIVIAL, 1, 1),
        request(folder.path(), "many", TRIVIAL, steps + 1, 1),
        request(folder.path(), "idle", COMPUTE, 1, 1),
        request(folder.path(), "busy", COMPUTE, 1, rounds),
    ];
    // Compiled and kept.
    for side in &sides {
        for request in &requests {
            side.time(request);
        }
    }
    let mut all: Vec<[Samples; 4]> = sides.iter().map(|_| Default::default()).collect();
    for round in 0..effort.rounds(ROUNDS) {
        for turn in 0..sides.len() {
            let place = (round + turn) % sides.len();
            for (request, samples) in requests.iter().zip(&mut all[place]) {
                samples.push(sides[place].time(request));
            }
        }
    }
    // What is more in the second than in the first, by medians: start and end of the process are in both.
    let more = |side: usize, less: usize, more: usize, parts: f64| {
        let mut samples = Samples::default();
        samples.push((all[side][more].median() - all[side][less].median()) / parts);
        samples
    };
    let step = |side: usize| more(side, 0, 1, steps as f64);
    let compute = |side: usize| more(side, 2, 3, 1.0);
    let rows = vec![
        Row::beside("start to first result", sides[0].name, &all[0][0], &all[2][0], Target::AtMost(100e6)),
        Row::beside("a step that does nothing", sides[0].name, &step(0), &step(2), Target::Times(1.5)),
        Row::beside("a step that does nothing", sides[1].name, &step(1), &step(2), Target::None),
        Row::beside("computing", sides[0].name, &compute(0), &compute(2), Target::Times(1.5)),
        Row::beside("computing", sides[1].name, &compute(1), &compute(2), Target::None),
    ];
    let size = fs::metadata(&program).unwrap().len();
    let report = Report {
        name: "within",
        title: "Within WebAssembly",
        method: "`wasmill-wasi`, run by wasmtime's own program (which keeps the compiled code), beside `wasmill run -` with the engine that is named: \
                 the same run request on stdin, the same document on stdout; whole processes, which take turns. A step that does nothing is a \
                 thousandth of what a pipeline with 1,000 steps more takes longer: read, checked, linked, called, reported, written. Computing is what a call of \
                 some 20 million rounds of a generator takes longer than one of one round: an interpreter in compiled code, beside the same \
                 interpreter as a native program, and beside compiled code. The seed says 1.2 to 1.5 times.",
        rows,
        notes: vec![format!("`wasmill-wasi.wasm` has {size} bytes; 5,000,000 are asked for.")],
    };
    report.publish(effort).unwrap();
}
