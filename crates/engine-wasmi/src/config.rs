//! Every choice that is made about wasmi, in one place, each with its reason.

use wasmi::{CompilationMode, Config, CustomFuelCosts};
use wasmill_preview1::BYTES_PER_FUEL;

/// wasmi's own version, which receipts name. A test holds it against `Cargo.lock`.
pub(crate) const VERSION: &str = "2.0.0";

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of units whose translation is kept in this process; a translation takes a few times as much.
    pub compiled_capacity: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { compiled_capacity: 256 << 20 }
    }
}

/// Fuel that a guest is given at once. Some hundred microseconds of work, so that a deadline is noticed within a few milliseconds on any
/// machine; stopping and going on costs a few hundred nanoseconds.
pub(crate) const SLICE: u64 = 200_000;

/// Calls within each other. A native frame has at least 16 bytes, so that no recursion which fits the 1.5 MiB that wasmtime's guests have is
/// deeper than this.
const MOST_FRAMES: usize = 98_304;
/// Bytes of the locals and operands of all calls. An interpreter keeps in memory what compiled code keeps in registers.
const MOST_STACK: usize = 8 << 20;
/// Stacks that are kept for the next call of a unit: none. One that grew stays as large, and every unit would keep its own.
const KEPT_STACKS: usize = 0;

/// What a unit is translated and run with.
pub(crate) fn config() -> Config {
    let mut config = Config::default();

    // Metering, in every profile: fuel is also what divides a guest's work into slices.
    config.consume_fuel(true);
    // What is copied or filled costs, as much as what the host copies for a guest; translation does not, since it is done before anything runs (and would be charged to the first call only).
    config.fuel_cost(CustomFuelCosts {
        bytes_copied_per_fuel: BYTES_PER_FUEL as u32,
        fuel_per_bytes_translated: 0,
        fuel_per_bytes_validated: 0,
    });
    // All of a unit is validated and translated when it is prepared: what is wrong with it is found before anything runs.
    config.compilation_mode(CompilationMode::Eager);
    config.ignore_custom_sections(true);
    // A start function would run to its end in one go: it is taken out, and called like any other.
    config.allow_start_fn(false);

    // Off: proposals that add host state, races or nondeterminism, and that no language needs today. (64-bit memories are not compiled in.)
    config.wasm_relaxed_simd(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);

    // On: what compilers emit by default, and SIMD, which is deterministic.
    config.wasm_mutable_global(true);
    config.wasm_sign_extension(true);
    config.wasm_saturating_float_to_int(true);
    config.wasm_simd(true);
    config.wasm_bulk_memory(true);
    config.wasm_multi_value(true);
    config.wasm_multi_memory(true);
    config.wasm_reference_types(true);
    config.wasm_extended_const(true);
    config.wasm_tail_call(true);

    // Stacks.
    config.set_max_recursion_depth(MOST_FRAMES);
    config.set_max_stack_height(MOST_STACK);
    config.set_max_cached_stacks(KEPT_STACKS);
    config
}
