//! Compiled code from the cache of an earlier process, beside wasmtime mapping the same bytes without a question.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unsafe_code,
    reason = "a bench that cannot be set up has nothing to say; the floor trusts a file that it wrote itself"
)]

use std::time::Duration;

use wasmill_artifact::{CacheOptions, CodeCache, CodeKind};
use wasmill_benches::floor;
use wasmill_benches::guests::{NOOP, binary, large_module};
use wasmill_benches::measure::{Effort, blocking_side, in_turn};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_model::Profile;
use wasmill_unit::Unit;
use wasmtime::{Engine, Module};

/// Rounds of a full measurement.
const ROUNDS: usize = 250;
/// What the large unit should have.
const LARGE: usize = 1 << 20;

fn compare(
    effort: Effort,
    engine: &Engine,
    name: &str,
    wat: &str,
    target: Target,
    notes: &mut Vec<String>,
) -> Vec<Row> {
    let unit = Unit::from_binary(binary(wat)).unwrap();
    let digest = unit.digest();
    let code = Module::new(engine, unit.bytes()).unwrap().serialize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.cwasm");
    std::fs::write(&plain, &code).unwrap();
    notes.push(format!("{name}: {} bytes of WebAssembly, {} bytes of compiled code.", unit.bytes().len(), code.len()));
    let cache = |trust: Duration| {
        let options = CacheOptions { trust, settle: Duration::ZERO, ..CacheOptions::default() };
        let cache = CodeCache::open_with(folder.path().join("cache"), options).unwrap();
        cache.store(engine, &digest, CodeKind::Module, Profile::Metered, &code);
        assert!(cache.load_module(engine, &digest).unwrap().is_some());
        cache
    };
    let (usual, wary) = (cache(Duration::from_secs(86_400)), cache(Duration::ZERO));
    let load = |cache: &CodeCache| cache.load_module(engine, &digest).unwrap().unwrap();
    let samples = in_turn(
        effort,
        ROUNDS,
        &mut [
            // SAFETY: written above by this process from what `serialize` gave, and touched by nobody since.
            blocking_side(|| unsafe { Module::deserialize_file(engine, &plain) }.unwrap()),
            blocking_side(|| load(&usual)),
            blocking_side(|| load(&wary)),
        ],
    );
    let checks = (usual.stats().full_checks, wary.stats().full_checks);
    // The first load of each of the two that wrote the entry.
    assert!(checks.0 <= 2 && checks.1 >= 2, "each case is what it says: {checks:?}");
    let row = |name: &str, with, target| Row::beside(name, "Module::deserialize_file", &samples[0], with, target);
    vec![row(name, &samples[1], target), row(&format!("{name}, every byte checked"), &samples[2], Target::None)]
}

fn main() {
    let effort = Effort::from_arguments();
    let engine = floor::engine(10).unwrap();
    let mut notes = Vec::new();
    let mut rows = compare(effort, &engine, "tiny unit", NOOP, Target::None, &mut notes);
    rows.extend(compare(effort, &engine, "1 MB unit", &large_module(LARGE), Target::Times(1.2), &mut notes));
    let report = Report {
        name: "warm_load",
        title: "Warm load from the cache",
        method: "`CodeCache::load_module` (find, authenticate, map) and drop, beside `Module::deserialize_file` of the same compiled \
                 code and drop: the page cache is warm, the code is not run. An entry that did not change since it was checked is not hashed \
                 again within a day; `every byte checked` is the first load of a day. The large unit is generated, always the same.",
        rows,
        notes,
    };
    report.publish(effort).unwrap();
}
