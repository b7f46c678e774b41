//! JSON to component values and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wasmill_fuzzing::json_wit(data);
});
