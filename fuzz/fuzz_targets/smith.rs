//! Modules that wasm-smith makes, under limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wasmill_fuzzing::smith(data);
});
