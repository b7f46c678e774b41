//! The WebAssembly proposals that Wasmill runs, and those that it does not.

use wasmparser::WasmFeatures;

/// The proposals that a unit may use: the same for every engine, so that a unit runs everywhere or nowhere.
///
/// On: what compilers emit by default today. Off: what adds races, host state or results that differ between machines.
pub fn features() -> WasmFeatures {
    // WebAssembly 1.0. `FLOATS` is no proposal; wasmparser counts it as one.
    WasmFeatures::FLOATS
        | WasmFeatures::MUTABLE_GLOBAL
        // WebAssembly 2.0: rustc, clang and Go emit these without being asked.
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        // Fixed-width SIMD gives the same bits on every machine; relaxed SIMD does not, and stays off.
        | WasmFeatures::SIMD
        // WebAssembly 3.0, the parts without host state: guile, OCaml and functional languages need tail calls, position
        // independent code needs extended constants, and instrumented modules have several memories.
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        // Components, in the synchronous form of WASI 0.2. Component-model async stays off: it triples the price of a call.
        | WasmFeatures::COMPONENT_MODEL
    // Off besides: threads and shared memory (races), memory64 (bounds checks cost, nobody needs more than 4 GiB in a
    // step), GC and its references, function references, exceptions, stack switching (a collector or stacks in the host
    // that no limit counts), custom page sizes, wide arithmetic and anything younger (no compiler emits it by default).
}

/// What a user calls a proposal that is off.
pub(crate) fn describe(missing: WasmFeatures) -> String {
    const NAMES: &[(WasmFeatures, &str)] = &[
        (WasmFeatures::THREADS, "threads (shared memory and atomics)"),
        (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
        (WasmFeatures::MEMORY64, "64-bit memories (memory64)"),
        (WasmFeatures::EXCEPTIONS, "exception handling"),
        (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exception handling"),
        (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
        (WasmFeatures::GC, "garbage collection (GC)"),
        (WasmFeatures::GC_TYPES, "references to host objects (externref)"),
        (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
        (WasmFeatures::STACK_SWITCHING, "stack switching"),
        (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
        (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
        (WasmFeatures::CM_ASYNC, "component-model async"),
        (WasmFeatures::CM_ASYNC_STACKFUL, "component-model async"),
        (WasmFeatures::CM_MORE_ASYNC_BUILTINS, "component-model async"),
        (WasmFeatures::CM_THREADING, "component-model threads"),
        (WasmFeatures::CM_ERROR_CONTEXT, "component-model error contexts"),
        (WasmFeatures::CM_GC, "component-model GC"),
        (WasmFeatures::CM_VALUES, "component-model values"),
        (WasmFeatures::CM_MAP, "component-model maps"),
        (WasmFeatures::CM_FIXED_LENGTH_LISTS, "component-model fixed-length lists"),
        (WasmFeatures::CM64, "64-bit components"),
        (WasmFeatures::CM_NESTED_NAMES, "component-model nested names"),
    ];
    NAMES
        .iter()
        .find(|(flag, _)| missing.intersects(*flag))
        .map_or_else(|| "an experimental proposal".to_owned(), |(_, name)| (*name).to_owned())
}

/// What a user can do about a proposal that is off.
pub(crate) fn remedy(missing: WasmFeatures) -> &'static str {
    if missing.intersects(WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS) {
        "build it without threads (Rust: a target without `-threads` and without `+atomics`; C: without `-pthread`)"
    } else if missing.intersects(WasmFeatures::MEMORY64 | WasmFeatures::CM64) {
        "build it for wasm32 (C: `--target=wasm32-wasip1`, without `-sMEMORY64`)"
    } else if missing.intersects(WasmFeatures::EXCEPTIONS | WasmFeatures::LEGACY_EXCEPTIONS) {
        "build it without WebAssembly exceptions (Rust: `-C panic=abort`; C++: `-fno-exceptions`)"
    } else if missing.intersects(WasmFeatures::RELAXED_SIMD) {
        "build it without `relaxed-simd` (its results differ between machines); plain `simd128` is on"
    } else if missing.intersects(WasmFeatures::GC | WasmFeatures::GC_TYPES | WasmFeatures::FUNCTION_REFERENCES) {
        "build it for linear memory: units have no references to objects of the host or of a collector"
    } else if missing
        .intersects(WasmFeatures::CM_ASYNC | WasmFeatures::CM_ASYNC_STACKFUL | WasmFeatures::CM_MORE_ASYNC_BUILTINS)
    {
        "build it for WASI 0.2, with functions that are not async"
    } else {
        "build it with the proposals of WebAssembly 2.0"
    }
}
