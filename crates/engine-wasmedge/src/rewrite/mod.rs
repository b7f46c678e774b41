//! A unit as WasmEdge is given it: the unit's own code, and Wasmill's side of the call (`runtime.wat`) linked to it.
//!
//! WasmEdge's command line bounds each memory alone, stops no recursion, tells time and randomness as they are, and says what became
//! of a call in words on the unit's own stdout. So the limits, the virtual clock, the seeded randomness, the arguments and the C ABI are put
//! into the unit, and with them the records that say what happened.

mod head;
mod merge;
mod sections;

use std::sync::LazyLock;

use wasmill_engine::parts::{Refused, Tally};
use wasmill_model::{LimitKind, Limits};

pub(crate) use self::head::Head;
use self::sections::Sections;

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
}

/// A unit that can be run.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) binary: Vec<u8>,
    /// Bytes of randomness in the head of stdin.
    pub(crate) random: u32,
    pub(crate) size: StartSize,
}

/// What a unit starts with.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartSize {
    /// Bytes of each memory.
    memories: Vec<u64>,
    /// Elements of each table.
    tables: Vec<u64>,
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
    let (runtime, unit) = (Sections::read(runtime)?, Sections::read(unit)?);
    let rewritten = merge::merge(&runtime, &unit, plan)?;
    let mut validator = wasmparser::Validator::new_with_features(wasmill_unit::features());
    match validator.validate_all(&rewritten.binary) {
        Ok(_) => Ok(rewritten),
        Err(error) => Err(RewriteError::Defect(format!("the rewritten unit is not valid: {error}"))),
    }
}

impl StartSize {
    fn of(unit: &Sections<'_>) -> Self {
        StartSize {
            memories: unit.memories.iter().map(|memory| memory.initial.saturating_mul(PAGE)).collect(),
            tables: unit.tables.iter().map(|table| table.ty.initial).collect(),
        }
    }

    /// Whether a unit may have what it starts with.
    ///
    /// # Errors
    /// What it may not have.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Refused> {
        let instances = usize::try_from(limits.instances).unwrap_or(usize::MAX);
        if 1.max(self.memories.len()).max(self.tables.len()) > instances {
            let limit = u64::from(limits.instances);
            return Err(Refused { of: LimitKind::Instances, limit, wanted: limit.saturating_add(1) });
        }
        let mut tally = Tally::new(limits);
        let size = |size: &u64| usize::try_from(*size).unwrap_or(usize::MAX);
        for memory in &self.memories {
            tally.grow_memory(0, size(memory), None);
        }
        for table in &self.tables {
            tally.grow_table(0, size(table), None);
        }
        tally.refused().map_or(Ok(()), Err)
    }

    /// Bytes of memories and tables together.
    pub(crate) fn bytes(&self) -> u64 {
        let sum = |list: &[u64]| list.iter().fold(0, |sum: u64, one| sum.saturating_add(*one));
        sum(&self.memories).saturating_add(sum(&self.tables).saturating_mul(8))
    }
}

const PAGE: u64 = 65_536;
