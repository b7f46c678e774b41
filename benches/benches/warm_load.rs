//! Compiled code from the cache of an earlier process, beside wasmtime mapping the same bytes without a question.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unsafe_code,
    reason = "a bench that cannot be set up has nothing to say; the floor trusts a file that it wrote itself"
)]

use wasmill_artifact::{CodeCache, CodeKind};
use wasmill_benches::floor;
use wasmill_benches::guests::{NOOP, binary, large_module};
use wasmill_benches::measure::{Effort, blocking_side, in_turn};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_unit::Unit;
use wasmtime::{Engine, Module};

/// Rounds of a full measurement.
const ROUNDS: usize = 250;
/// What the large unit should have.
const LARGE: usize = 1 << 20;

fn compare(effort: Effort, engine: &Engine, name: &str, wat: &str, target: Target, notes: &mut Vec<String>) -> Row {
    let unit = Unit::from_binary(binary(wat)).unwrap();
    let digest = unit.digest();
    let code = Module::new(engine, unit.bytes()).unwrap().serialize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.cwasm");
    std::fs::write(&plain, &code).unwrap();
    let cache = CodeCache::open(folder.path().join("cache")).unwrap();
    cache.store(engine, &digest, CodeKind::Module, &code);
    assert!(cache.load_module(engine, &digest).is_some());
    notes.push(format!("{name}: {} bytes of WebAssembly, {} bytes of compiled code.", unit.bytes().len(), code.len()));
    let samples = in_turn(
        effort,
        ROUNDS,
        &mut [
            // SAFETY: written above by this process from what `serialize` gave, and touched by nobody since.
            blocking_side(|| unsafe { Module::deserialize_file(engine, &plain) }.unwrap()),
            blocking_side(|| cache.load_module(engine, &digest).unwrap()),
        ],
    );
    Row::beside(name, "Module::deserialize_file", &samples[0], &samples[1], target)
}

fn main() {
    let effort = Effort::from_arguments();
    let engine = floor::engine(10).unwrap();
    let mut notes = Vec::new();
    let rows = vec![
        compare(effort, &engine, "tiny unit", NOOP, Target::None, &mut notes),
        compare(effort, &engine, "1 MB unit", &large_module(LARGE), Target::Times(1.2), &mut notes),
    ];
    let report = Report {
        name: "warm_load",
        title: "Warm load from the cache",
        method: "`CodeCache::load_module` (find, authenticate, map) and drop, beside `Module::deserialize_file` of the same compiled \
                 code and drop: the page cache is warm, the code is not run. The large unit is generated, always the same.",
        rows,
        notes,
    };
    report.publish(effort).unwrap();
}
