//! A unit as WasmEdge is given it: the unit's own code, and Wasmill's side of the call (`runtime.wat`) linked to it.
//!
//! WasmEdge's command line bounds each memory alone, stops no recursion, tells time and randomness as they are, and says what became
//! of a call in words on the unit's own stdout. So the limits, the virtual clock, the seeded randomness, the arguments and the C ABI are put
//! into the unit, and with them the records that say what happened.

mod body;
mod head;
mod merge;

use std::sync::LazyLock;

use wasmill_instrument::{Sections, StartSize};

pub(crate) use self::head::Head;

/// Bytes of randomness that a call can have, where it is seeded.
pub(crate) const RANDOM_SIZE: u32 = 32 << 10;

/// The export that reactor mode calls, of a unit that is called by function.
pub(crate) const CALL: &str = "wasmill";

/// Bytes of frames, as they are estimated, that a unit's calls may have at once: units have 1.5 MiB of stack everywhere.
const STACK: i32 = 3 << 19;

/// `runtime.wat`, as a binary.
static RUNTIME: LazyLock<Result<Vec<u8>, String>> =
    LazyLock::new(|| wat::parse_str(include_str!("runtime.wat")).map_err(|error| error.to_string()));

/// How a unit is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `_start`
    Command,
    /// `allocate` and `process`
    Bytes,
    /// This export, by numbers.
    Core(String),
}

/// What is put into a unit.
pub(crate) struct Plan<'a> {
    pub(crate) entry: &'a Entry,
    /// Whether the clock is ours.
    pub(crate) virtual_clock: bool,
    /// Whether randomness is seeded.
    pub(crate) seeded: bool,
    /// Whether gas is counted.
    pub(crate) metered: bool,
}

/// A unit that can be run.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) binary: Vec<u8>,
    /// Bytes of randomness in the head of stdin.
    pub(crate) random: u32,
    pub(crate) size: StartSize,
}

/// Why a unit cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RewriteError {
    /// WasmEdge, or what is put into the unit, cannot do this.
    Unsupported(String),
    /// It is broken: it imports a function by another type than it has.
    Invalid(String),
    /// A defect of ours.
    Defect(String),
}

impl From<wasmparser::BinaryReaderError> for RewriteError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        RewriteError::Defect(error.to_string())
    }
}

impl From<wasm_encoder::reencode::Error<String>> for RewriteError {
    fn from(error: wasm_encoder::reencode::Error<String>) -> Self {
        RewriteError::Defect(error.to_string())
    }
}

/// Puts our side of the call into a unit that was validated.
pub(crate) fn rewrite(unit: &[u8], plan: &Plan<'_>) -> Result<Rewritten, RewriteError> {
    let runtime = RUNTIME.as_ref().map_err(|message| RewriteError::Defect(message.clone()))?;
    let operands = body::operands(unit)?;
    let (runtime, unit) = (Sections::read(runtime)?, Sections::read(unit)?);
    let rewritten = merge::merge(&runtime, &unit, &operands, plan)?;
    let mut validator = wasmparser::Validator::new_with_features(wasmill_unit::features());
    match validator.validate_all(&rewritten.binary) {
        Ok(_) => Ok(rewritten),
        Err(error) => Err(RewriteError::Defect(format!("the rewritten unit is not valid: {error}"))),
    }
}

const PAGE: u64 = 65_536;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

    use arbitrary::Unstructured;
    use wasmill_unit::Unit;

    use super::*;

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

    #[test]
    fn whatever_is_a_unit_is_one_afterwards() {
        let config = wasm_smith::Config {
            max_imports: 0,
            max_memories: 3,
            min_funcs: 1,
            export_everything: true,
            bulk_memory_enabled: true,
            multi_value_enabled: true,
            reference_types_enabled: false,
            simd_enabled: true,
            tail_call_enabled: true,
            gc_enabled: false,
            exceptions_enabled: false,
            memory64_enabled: false,
            threads_enabled: false,
            relaxed_simd_enabled: false,
            ..wasm_smith::Config::default()
        };
        let mut rewritten = 0;
        for seed in 0..1_000 {
            let noise = noise(seed);
            let module = wasm_smith::Module::new(config.clone(), &mut Unstructured::new(&noise));
            let Ok(binary) = module.map(|module| module.to_bytes()) else { continue };
            // Some use proposals that no unit may use.
            let Ok(unit) = Unit::from_binary(binary.clone()) else { continue };
            for function in &unit.info().functions {
                let entry = Entry::Core(function.name.to_string());
                let plan = Plan { entry: &entry, virtual_clock: true, seeded: true, metered: seed % 2 == 0 };
                rewrite(&binary, &plan).unwrap_or_else(|error| panic!("{seed}: {error:?}"));
                rewritten += 1;
            }
        }
        assert!(rewritten > 200, "{rewritten}");
    }
}
