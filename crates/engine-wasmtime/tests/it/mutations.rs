//! Damaged units: cut short, and with bits turned. Reading one never panics; one that is taken all the same is called under small
//! limits, and whatever it does is an outcome.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use wasmill_engine::{Binding, Engine as _};
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::{Input, Limits, OutputFormat, Value, VerdictKind};
use wasmill_unit::{FunctionInfo, Unit};

use crate::units::{call, engine};

/// Guests larger than this are not compiled again and again.
const SMALL: usize = 3_000;

/// Every guest that is WebAssembly text, and every unit of the examples.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = wasmill_testkit::workspace();
    let mut seeds = Vec::new();
    collect(&root.join("guests"), &mut seeds);
    collect(&root.join("examples"), &mut seeds);
    assert!(seeds.len() > 80, "only {} seeds", seeds.len());
    seeds
});

static SMALL_SEEDS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| SEEDS.iter().filter(|seed| seed.len() < SMALL).cloned().collect());

fn collect(folder: &Path, seeds: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => collect(&path, seeds),
            Some("wat") => seeds.push(wat::parse_file(&path).unwrap()),
            Some("wasm") => seeds.push(std::fs::read(&path).unwrap()),
            _ => {}
        }
    }
}

/// What is done to a binary. Its first eight bytes stay: everything else is refused at once.
#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Turn(Index, u8),
    Replace(Index, u8),
    Repeat(Index, Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let mut body = bytes.split_off(8.min(bytes.len()));
        self.apply_to(&mut body);
        bytes.extend(body);
    }

    fn apply_to(&self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        match self {
            Damage::Cut(at) => body.truncate(at.index(body.len())),
            Damage::Turn(at, bit) => *at.get_mut(body) ^= 1 << (bit % 8),
            Damage::Replace(at, byte) => *at.get_mut(body) = *byte,
            Damage::Repeat(from, to) => {
                let piece: Vec<u8> = body.iter().skip(from.index(body.len())).take(16).copied().collect();
                let to = to.index(body.len());
                body.splice(to..to, piece);
            }
        }
    }
}

fn damaged(seeds: &'static LazyLock<Vec<Vec<u8>>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop_oneof![
        1 => any::<Index>().prop_map(Damage::Cut),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Damage::Turn(at, bit)),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ];
    (any::<Index>(), prop::collection::vec(damage, 1..4)).prop_map(|(seed, damages)| {
        let mut bytes = seed.get(seeds.as_slice()).clone();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes
    })
}

/// Something for each parameter, where that is easily said.
fn arguments(function: Option<&FunctionInfo>) -> Input {
    let Some(function) = function else { return Input::Single(Value::from("0x")) };
    let argument = |kind: &str| match kind {
        "string" | "list<u8>" | "char" => Value::from("0"),
        "v128" => Value::from("0".repeat(32)),
        _ => Value::Int(1),
    };
    Input::Positional(function.params.iter().map(|param| argument(&param.kind)).collect())
}

/// Prepares and calls a unit; the verdict, where it came so far.
async fn exercise(engine: &WasmtimeEngine, unit: &Unit) -> Option<VerdictKind> {
    let function = unit.info().functions.first();
    let binding = Binding {
        function: function.map(|function| function.name.to_string()),
        output: OutputFormat::Text,
        ..Binding::default()
    };
    let prepared = engine.prepare(unit, &binding).await.ok()?;
    let limits = Limits {
        memory: 8 << 20,
        fuel: 200_000,
        timeout: Duration::from_secs(1),
        output: 10_000,
        log: 10_000,
        table_elements: 1_000,
        instances: 20,
    };
    let outcome = call(&prepared, arguments(function), &limits).await;
    assert!(outcome.usage.peak_memory <= limits.memory);
    assert_eq!(outcome.output.is_some(), outcome.verdict.is_ok());
    assert_ne!(outcome.verdict.kind(), VerdictKind::HostError, "{:?}", outcome.verdict);
    Some(outcome.verdict.kind())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_a_damaged_unit_never_panics(bytes in damaged(&SEEDS)) {
        let _ = Unit::from_binary(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_unit_that_is_taken_runs_to_an_outcome(bytes in damaged(&SMALL_SEEDS)) {
        thread_local! {
            static RUNTIME: (tokio::runtime::Runtime, WasmtimeEngine) =
                (tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(), engine());
        }
        if let Ok(unit) = Unit::from_binary(bytes) {
            RUNTIME.with(|(runtime, engine)| runtime.block_on(exercise(engine, &unit)));
        }
    }
}

/// The tests above would prove nothing if hardly anything came so far as to run.
#[tokio::test]
async fn undamaged_units_run() {
    let engine = engine();
    let mut ran = 0;
    let units: Vec<Unit> = SMALL_SEEDS.iter().map(|seed| Unit::from_binary(seed.clone()).unwrap()).collect();
    let needs_nothing = |unit: &&Unit| unit.info().imports.iter().all(|import| import.provided && !import.needs_grant);
    let units: Vec<&Unit> = units.iter().filter(needs_nothing).collect();
    assert!(units.len() > 100);
    for unit in &units {
        ran += usize::from(exercise(&engine, unit).await.is_some());
    }
    assert_eq!(ran, units.len());
}
