//! Text to a pipeline.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wasmill_fuzzing::manifest(data);
});
