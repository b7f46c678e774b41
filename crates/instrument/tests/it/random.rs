//! Modules that nobody wrote.

use arbitrary::Unstructured;
use wasmill_instrument::{Counters, Options, instrument};
use wasmill_unit::Unit;
use wasmtime::Trap;

use crate::sides::{Bounds, Sides, validate};

/// Numbers that look random, and are the same every time.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..4096).map(|_| next()).collect()
}

fn modules(imports: usize) -> impl Iterator<Item = (u64, Vec<u8>, Unit)> {
    let config = wasm_smith::Config {
        max_imports: imports,
        max_memories: 3,
        max_memory32_bytes: 1 << 24,
        max_tables: 3,
        max_table_elements: 10_000,
        min_funcs: 1,
        export_everything: true,
        bulk_memory_enabled: true,
        multi_value_enabled: true,
        reference_types_enabled: false,
        simd_enabled: true,
        tail_call_enabled: true,
        extended_const_enabled: true,
        gc_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        relaxed_simd_enabled: false,
        ..wasm_smith::Config::default()
    };
    (0..2_000).filter_map(move |seed| {
        let noise = noise(seed);
        // With them come references that no unit may use: few are left.
        let config = wasm_smith::Config { reference_types_enabled: seed % 4 == 0, ..config.clone() };
        let module = wasm_smith::Module::new(config.clone(), &mut Unstructured::new(&noise)).ok()?;
        let binary = module.to_bytes();
        // Some use proposals that no unit may use.
        let unit = Unit::from_binary(binary.clone()).ok()?;
        Some((seed, binary, unit))
    })
}

#[test]
fn whatever_is_a_unit_is_one_afterwards() {
    let mut count = 0;
    for (seed, binary, _) in modules(10) {
        for counters in [Counters::Own, Counters::Shared] {
            let options = Options { counters, fuel: seed % 2 == 0, canonical_nans: seed % 3 == 0 };
            let instrumented = instrument(&binary, options).unwrap_or_else(|error| panic!("{seed}: {error}"));
            validate(&instrumented.binary);
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn both_sides_end_alike() {
    let sides = Sides::new(Options { fuel: true, canonical_nans: true, ..Options::default() });
    let (mut calls, mut exhausted, mut trapped, mut refused) = (0, 0, 0, 0);
    for (seed, binary, unit) in modules(0) {
        let ready = sides.ready(&binary);
        let size = &ready.instrumented.size;
        for (function, fuel) in unit.info().functions.iter().zip([100_000, 50, 1_000].into_iter().cycle()) {
            let memory = size.memory() + 8 * size.elements() + (seed % 5) * (1 << 18);
            let bounds = Bounds { memory, table_elements: size.elements() + 500, fuel };
            let ended = ready.both(&function.name, bounds);
            calls += 1;
            exhausted += u32::from(ended.end == Err(Trap::OutOfFuel));
            trapped += u32::from(ended.end.is_err_and(|trap| trap != Trap::OutOfFuel));
            refused += u32::from(ended.refused.is_some());
        }
    }
    assert!(
        calls > 1_000 && exhausted > 300 && trapped > 300 && refused > 3,
        "{calls} {exhausted} {trapped} {refused}"
    );
}
