//! Modules that wasm-smith makes, from seeds that never change: the same outputs and the same kinds of verdicts as on wasmtime.
//!
//! What may differ: where fuel is used up (its units are not the same; compared is what ends before), and how deep a recursion may be (an
//! interpreter's frames are not a machine's); and a growth past what 32 bits can address: wasmi refuses that without asking for a limit, so that a
//! guest which then fails has failed by itself. NaNs may not differ: both run with one bit pattern for all.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Unstructured;
use chacha20::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use wasm_smith::Module;
use wasmill_engine::{Binding, Engine, Outcome, PrepareError};
use wasmill_fuzzing::{arguments, config};
use wasmill_model::{Input, Limits, Profile, TrapKind, Verdict, VerdictKind};
use wasmill_unit::Unit;

use crate::units::{call, engine, wasmtime};

const MODULES: u64 = 400;

/// A unit, its functions with their arguments, and limits of memory that some reach.
#[allow(clippy::type_complexity, reason = "used once")]
fn made(seed: u64) -> Option<(Unit, Vec<(String, Input)>, Limits)> {
    let mut bytes = vec![0; 6_000];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    let mut source = Unstructured::new(&bytes);
    let limits = Limits {
        memory: source.int_in_range(0..=80 << 20).ok()?,
        fuel: 3_000_000,
        timeout: Duration::from_secs(20),
        table_elements: source.int_in_range(0..=40_000).ok()?,
        ..Limits::default()
    };
    let unit = Unit::from_binary(Module::new(config(), &mut source).ok()?.to_bytes()).ok()?;
    let functions = unit.info().functions.clone();
    let calls = functions.iter().take(4).map(|function| {
        let input = arguments(&mut source, function).unwrap_or_else(|_| Input::Positional(Vec::new()));
        (function.name.to_string(), input)
    });
    let calls = calls.collect();
    Some((unit, calls, limits))
}

async fn run(
    engine: &dyn Engine,
    unit: &Unit,
    function: &str,
    input: &Input,
    limits: &Limits,
) -> std::result::Result<Outcome, PrepareError> {
    let binding =
        Binding { function: Some(function.to_owned()), profile: Profile::Deterministic, ..Binding::default() };
    let prepared = engine.prepare(unit, &binding).await?;
    Ok(call(&prepared, input.clone(), limits).await)
}

/// What is compared: a NaN is not equal to itself, so outputs as they are written; and of a trap its kind.
fn seen(outcome: &Outcome) -> (VerdictKind, Option<TrapKind>, String, u64) {
    let kind = match &outcome.verdict {
        Verdict::Trap { kind, .. } => Some(*kind),
        _ => None,
    };
    let refused = matches!(outcome.verdict, Verdict::MemoryExceeded { .. });
    // What there was before the one that was too much depends on which is made first, tables or memories.
    let peak = if refused { 0 } else { outcome.usage.peak_memory };
    (outcome.verdict.kind(), kind, format!("{:?}", outcome.output), peak)
}

/// Of numbers in order.
fn at(numbers: &[f64], share: f64) -> f64 {
    numbers.get((numbers.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are for whoever asks: `--no-capture`")]
async fn random_modules_end_as_on_wasmtime() {
    let (ours, theirs) = (engine(), wasmtime());
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    let mut ratios = Vec::new();
    let mut count = |what: String| *ends.entry(what).or_insert(0) += 1;
    for seed in 0..MODULES {
        let Some((unit, calls, limits)) = made(seed) else { continue };
        for (function, input) in &calls {
            let (our, their) = (
                run(&ours, &unit, function, input, &limits).await,
                run(&theirs, &unit, function, input, &limits).await,
            );
            let (our, their) = match (our, their) {
                (Ok(our), Ok(their)) => (our, their),
                (Err(our), Err(their)) => {
                    assert_eq!(our.verdict(), their.verdict(), "seed {seed}: {our} and {their}");
                    count("refused".to_owned());
                    continue;
                }
                (our, their) => panic!(
                    "seed {seed}: {:?} here and {:?} there",
                    our.map(|outcome| outcome.verdict),
                    their.map(|outcome| outcome.verdict)
                ),
            };
            assert!(our.usage.fuel.is_none_or(|fuel| fuel <= limits.fuel), "seed {seed}");
            let kinds = [our.verdict.kind(), their.verdict.kind()];
            if kinds.contains(&VerdictKind::FuelExhausted) {
                count("out of fuel".to_owned());
                continue;
            }
            if [&our, &their]
                .iter()
                .any(|outcome| matches!(outcome.verdict, Verdict::Trap { kind: TrapKind::StackOverflow, .. }))
            {
                count("stack overflow".to_owned());
                continue;
            }
            if let Verdict::MemoryExceeded { wanted, .. } = their.verdict
                && wanted > u64::from(u32::MAX)
                && kinds[0] != kinds[1]
            {
                count("past 32 bits".to_owned());
                continue;
            }
            assert_eq!(seen(&our), seen(&their), "seed {seed}, `{function}`");
            count(kinds[0].to_string());
            if let (Some(our), Some(their)) = (our.usage.fuel, their.usage.fuel)
                && kinds[0] == VerdictKind::Ok
                && their >= 20
            {
                ratios.push(our as f64 / their as f64);
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("{ends:?}");
    println!(
        "fuel of wasmi to fuel of wasmtime, over {} calls: median {:.2}, 10 % below {:.2}, 90 % below {:.2}, from {:.2} to {:.2}",
        ratios.len(),
        at(&ratios, 0.5),
        at(&ratios, 0.1),
        at(&ratios, 0.9),
        at(&ratios, 0.0),
        ratios.last().copied().unwrap_or(f64::NAN),
    );
    let compared: u32 = ["ok", "trap", "memory-exceeded"].iter().filter_map(|kind| ends.get(*kind)).sum();
    assert!(compared > 300, "too few could be compared: {ends:?}");
}
