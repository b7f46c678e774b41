//! Bytes to a unit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wasmill_fuzzing::inspect(data);
});
