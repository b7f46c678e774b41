//! The three figures of the runtime of seed 002, in the exact shape in which its own benches take them, beside Wasmill doing the same.
//!
//! That runtime is not published. What each figure timed is known: the engine's creation is `Config` and `Engine::new`; the load is
//! `Component::new` on a warm engine, a whole compilation; the execution makes a context, a tokio timeout, a store, fuel and an empty
//! linker, instantiates, looks the function up, and calls it. No memory is limited. All three are rebuilt here on wasmtime 48.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmill_artifact::CodeCache;
use wasmill_benches::guests::binary;
use wasmill_benches::measure::{Effort, Samples, Side, blocking_side, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, engine};
use wasmill_engine::{Binding, Engine as _};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Value};
use wasmill_unit::Unit;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// Rounds of a full measurement.
const ROUNDS: usize = 100;
/// Slots that the program makes for a pipeline which says nothing of concurrency.
const PROGRAM_SLOTS: u32 = 16;

const HELLO: &str = r#"(component
    (core module $m (func (export "hello") (result i32) (i32.const 42)))
    (core instance $i (instantiate $m))
    (func (export "hello") (result s32) (canon lift (core func $i "hello"))))"#;

const PEER: &str = "seed 002's shape";

/// What the seed's call carries.
struct Context {
    component: String,
    fuel: u64,
    timeout: Duration,
}

fn seed_engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.consume_fuel(true);
    Engine::new(&config)
}

async fn seed_call(engine: &Engine, component: &Component) -> wasmtime::Result<i32> {
    let context = Context { component: "hello".to_owned(), fuel: 1_000_000, timeout: Duration::from_secs(5) };
    let work = async {
        let mut store = Store::new(engine, ());
        store.set_fuel(context.fuel)?;
        let linker: Linker<()> = Linker::new(engine);
        let instance = linker.instantiate_async(&mut store, component).await?;
        let hello = instance.get_typed_func::<(), (i32,)>(&mut store, &context.component)?;
        Ok(hello.call_async(&mut store, ()).await?.0)
    };
    tokio::time::timeout(context.timeout, work).await.map_err(wasmtime::Error::new)?
}

/// The component with a section that makes it another one, for a host that compiles nothing twice.
fn variants(count: usize) -> Result<Vec<Unit>, Box<dyn Error>> {
    let component = binary(HELLO);
    let variant = |number: usize| {
        // A custom section: id 0, its size, the length of its name, the name.
        let name = format!("variant-{number:08}");
        let mut bytes = component.clone();
        bytes.extend([0, name.len() as u8 + 1, name.len() as u8]);
        bytes.extend(name.as_bytes());
        Unit::from_binary(bytes)
    };
    Ok((0..count).map(variant).collect::<Result<_, _>>()?)
}

pub(crate) fn report(effort: Effort) -> Result<Report, Box<dyn Error>> {
    let mut rows = Vec::new();
    creation(effort, &mut rows);
    let note = load(effort, &mut rows)?;
    execution(effort, &mut rows)?;
    Ok(Report {
        name: "seed_002",
        title: "Beside the figures of seed 002",
        method: "Its runtime is not published, so its three figures are rebuilt in the shape that it times, on wasmtime 48: engine creation is \
                 `Config`, `Engine::new` and drop; component load is `Component::new` (a whole compilation of the same tiny component) and \
                 drop; function execution is a context, a tokio timeout, a new store, fuel, a new empty linker, `instantiate_async`, a typed \
                 lookup, the call, and drop, without a limit on memory. Beside them Wasmill's public API doing the same with every limit on.",
        rows,
        notes: vec![
            "Engine creation is not the same work: Wasmill reserves the slots of its pool there and starts to watch the clock, once in the \
             life of a process, and each call is faster for it; the seed's engine reserves nothing, and each call pays."
                .to_owned(),
            note,
        ],
    })
}

fn creation(effort: Effort, rows: &mut Vec<Row>) {
    let create = |slots| blocking_side(move || WasmtimeEngine::new(Settings { slots, ..Settings::default() }).unwrap());
    let samples =
        in_turn(effort, ROUNDS, &mut [blocking_side(|| seed_engine().unwrap()), create(1), create(PROGRAM_SLOTS)]);
    if let [seed, one, program] = samples.as_slice() {
        rows.push(Row::beside("engine creation, 1 slot", PEER, seed, one, Target::Ahead(1.0)));
        rows.push(Row::beside("engine creation, the CLI's 16 slots", PEER, seed, program, Target::Ahead(1.0)));
    }
}

fn load(effort: Effort, rows: &mut Vec<Row>) -> Result<String, Box<dyn Error>> {
    let runtime = current_thread()?;
    let seed = seed_engine()?;
    let component = binary(HELLO);
    let binding = Binding { function: Some("hello".to_owned()), ..Binding::default() };

    // Each preparation is of a unit that this engine has not seen.
    let strange = WasmtimeEngine::new(Settings { slots: 1, compiled_capacity: 0, ..Settings::default() })?;
    let mut number = 0;
    let compile: Side<'_> = Box::new(|iterations| {
        let mut took = Duration::ZERO;
        for _ in 0..iterations {
            let mut bytes = component.clone();
            let name = format!("variant-{number:08}");
            number += 1;
            bytes.extend([0, name.len() as u8 + 1, name.len() as u8]);
            bytes.extend(name.as_bytes());
            let start = Instant::now();
            let unit = Unit::from_binary(bytes).unwrap();
            black_box(runtime.block_on(strange.prepare(&unit, &binding)).unwrap());
            took += start.elapsed();
        }
        took
    });

    // Each preparation is of a unit that an earlier engine compiled, and this one has forgotten.
    let folder = tempfile::tempdir()?;
    let cache = Arc::new(CodeCache::open(folder.path().join("cache"))?);
    let settings = |capacity| Settings { slots: 1, cache: Some(cache.clone()), compiled_capacity: capacity, ..Settings::default() };
    let known = variants(64)?;
    for unit in &known {
        runtime.block_on(WasmtimeEngine::new(settings(0))?.prepare(unit, &binding))?;
    }
    let forgetful = WasmtimeEngine::new(settings(0))?;
    let mut turn = known.iter().cycle();
    let mut loads = 0_u64;
    let before = cache.stats().hits;
    let from_cache: Side<'_> = Box::new(|iterations| {
        let mut took = Duration::ZERO;
        for _ in 0..iterations {
            let Some(unit) = turn.next() else { continue };
            let bytes = unit.bytes().to_vec();
            let start = Instant::now();
            let unit = Unit::from_binary(bytes).unwrap();
            black_box(runtime.block_on(forgetful.prepare(&unit, &binding)).unwrap());
            took += start.elapsed();
            loads += 1;
        }
        took
    });

    let warm = engine()?;
    let unit = Unit::from_binary(component.clone())?;
    runtime.block_on(warm.prepare(&unit, &binding))?;
    let again = side(&runtime, || warm.prepare(&unit, &binding));

    let samples = in_turn(
        effort,
        ROUNDS,
        &mut [blocking_side(|| Component::new(&seed, &component).unwrap()), compile, from_cache, again],
    );
    let [seed, compiled, cached, again] = samples.as_slice() else { unreachable!() };
    rows.push(Row::beside("component load, compiled", PEER, seed, compiled, Target::None));
    rows.push(Row::beside("component load, from the cache", PEER, seed, cached, Target::Ahead(1.0)));
    rows.push(Row::beside("component load, again", PEER, seed, again, Target::Ahead(1.0)));
    Ok(format!(
        "Component load through Wasmill is `Unit::from_binary` (read, validated, hashed) and `Engine::prepare` (compiled off the async \
         threads, linked, bound). “From the cache”: {} of {loads} loads were answered by the files of an earlier engine. “Again”: the same \
         unit in the same process.",
        cache.stats().hits - before
    ))
}

fn execution(effort: Effort, rows: &mut Vec<Row>) -> Result<(), Box<dyn Error>> {
    let runtime = current_thread()?;
    let seed = seed_engine()?;
    let component = Component::new(&seed, binary(HELLO))?;
    assert_eq!(runtime.block_on(seed_call(&seed, &component))?, 42);
    let unit = Unit::from_binary(binary(HELLO))?;
    let nothing = Input::Positional(Vec::new());
    let prepared = runtime.block_on(Prepared::new(&engine()?, &unit, Some("hello"), nothing))?;
    let output = runtime.block_on(prepared.output()).map_err(|verdict| format!("{verdict:?}"))?;
    assert_eq!(output, Value::Int(42));
    let samples: Vec<Samples> = in_turn(
        effort,
        2 * ROUNDS,
        &mut [side(&runtime, || seed_call(&seed, &component)), side(&runtime, || prepared.call())],
    );
    if let [seed, wasmill] = samples.as_slice() {
        rows.push(Row::beside("function execution", PEER, seed, wasmill, Target::Ahead(5.0)));
    }
    Ok(())
}
