//! Modules that wasm-smith makes, under limits that the fuzzer chooses.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use wasm_smith::{Config, Module};
use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Limits, Profile, Value, VerdictKind};
use wasmill_unit::Unit;

/// How far a module came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smithed {
    /// There were not enough bytes for one, or it is none that Wasmill runs.
    NoUnit,
    /// It was refused before it ran.
    Refused,
    /// It ran, and ended so.
    Ran(VerdictKind),
}

/// A call never panics and never exceeds its limits; the same call gives the same outcome.
pub fn smith(data: &[u8]) -> Smithed {
    thread_local! {
        static ENGINE: (tokio::runtime::Runtime, WasmtimeEngine) = (
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
            // Nothing is kept: every module is another one.
            WasmtimeEngine::new(Settings { slots: 2, compiled_capacity: 0, ..Settings::default() }).expect("an engine"),
        );
    }
    ENGINE.with(|(runtime, engine)| runtime.block_on(run(engine, data)))
}

async fn run(engine: &WasmtimeEngine, data: &[u8]) -> Smithed {
    let mut source = Unstructured::new(data);
    let Ok((module, limits, profile)) = make(&mut source) else { return Smithed::NoUnit };
    let Ok(unit) = Unit::from_binary(module) else { return Smithed::NoUnit };
    let Some(function) = unit.info().functions.first() else { return Smithed::NoUnit };
    let Ok(input) = arguments(&mut source, function) else { return Smithed::NoUnit };
    let binding = Binding { function: Some(function.name.to_string()), profile, ..Binding::default() };
    let Ok(prepared) = engine.prepare(&unit, &binding).await else { return Smithed::Refused };

    let cancel = Cancel::new();
    let call = Call::new(&input, &limits, &cancel);
    let first = prepared.call(call).await;
    holds(&first, &limits);
    let again = prepared.call(call).await;
    holds(&again, &limits);
    let [kind, other] = [&first, &again].map(|outcome| outcome.verdict.kind());
    // Where time ends it depends on the machine; nothing else does. (A NaN is not equal to itself: compared as it is written.)
    if kind != VerdictKind::TimedOut && other != VerdictKind::TimedOut {
        assert_eq!(first.verdict, again.verdict);
        assert_eq!(format!("{:?}", first.output), format!("{:?}", again.output));
        assert_eq!(first.usage.fuel, again.usage.fuel);
        assert_eq!(first.usage.peak_memory, again.usage.peak_memory);
    }
    Smithed::Ran(kind)
}

/// What every outcome keeps to.
fn holds(outcome: &Outcome, limits: &Limits) {
    assert_eq!(outcome.output.is_some(), outcome.verdict.is_ok(), "an output goes with `ok` alone: {outcome:?}");
    assert!(outcome.usage.peak_memory <= limits.memory, "{outcome:?} under {limits:?}");
    assert!(outcome.usage.fuel.is_none_or(|fuel| fuel <= limits.fuel), "{outcome:?} under {limits:?}");
    assert!(outcome.usage.bytes_out <= limits.output, "{outcome:?} under {limits:?}");
    let impossible = [VerdictKind::HostError, VerdictKind::Denied, VerdictKind::Skipped, VerdictKind::Cancelled];
    assert!(!impossible.contains(&outcome.verdict.kind()), "{:?}", outcome.verdict);
}

fn make(source: &mut Unstructured<'_>) -> Result<(Vec<u8>, Limits, Profile)> {
    let limits = Limits {
        memory: source.int_in_range(0..=16 << 20)?,
        fuel: source.int_in_range(0..=100_000)?,
        timeout: Duration::from_secs(10),
        output: source.int_in_range(0..=100)?,
        log: source.int_in_range(0..=100)?,
        table_elements: source.int_in_range(0..=10_000)?,
        instances: source.int_in_range(0..=4)?,
    };
    let profile = *source.choose(&[Profile::Metered, Profile::Metered, Profile::Deterministic])?;
    let module = Module::new(config(), source)?;
    Ok((module.to_bytes(), limits, profile))
}

/// What Wasmill runs, and a little more memory and tables than it may have.
pub fn config() -> Config {
    Config {
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        // wasm-smith makes references to host objects with these, which Wasmill refuses.
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        custom_page_sizes_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        max_imports: 0,
        min_funcs: 3,
        max_memories: 4,
        max_memory32_bytes: 64 << 20,
        max_table_elements: 20_000,
        export_everything: true,
        ..Config::default()
    }
}

/// Arguments that the function takes.
///
/// # Errors
/// There are no bytes left.
pub fn arguments(source: &mut Unstructured<'_>, function: &wasmill_unit::FunctionInfo) -> Result<Input> {
    let argument = |source: &mut Unstructured<'_>, kind: &str| -> Result<Value> {
        Ok(match kind {
            "i32" => Value::Int(i64::from(source.arbitrary::<i32>()?)),
            "i64" => Value::Int(source.arbitrary()?),
            "f32" => Value::Float(f64::from(source.arbitrary::<f32>()?)),
            "f64" => Value::Float(source.arbitrary()?),
            _ => Value::from(format!("{:032x}", source.arbitrary::<u128>()?)),
        })
    };
    function.params.iter().map(|param| argument(source, &param.kind)).collect::<Result<_>>().map(Input::Positional)
}
