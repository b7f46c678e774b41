//! Core modules that hold their own limits.
//!
//! Some hosts can bound each memory alone and count no work: a browser's engine is one. [`instrument`] makes a module of such a unit that
//! does both by itself, whoever runs it:
//!
//! - Memories and tables grow within limits that hold for all of them together, as `wasmill_engine::parts::Tally` counts them. A growth
//!   that is refused is remembered, and the guest sees -1.
//! - Fuel, where it is asked for, is counted as wasmtime 48 counts it: the same module uses the same fuel there and here, also where it
//!   traps. (Where it differs by a hair is said in `fuel.rs`.)
//! - NaNs that operations give have one bit pattern, where that is asked for: those that wasmtime's compiler canonicalises.
//! - The start function is left to the host, which sets the limits first.
//!
//! What is counted stands in globals, [`Counter`] by [`Counter`]. A module has its own, which it exports, or imports those that several
//! modules of one call share. What the guest has at its start is in no limit's way here: the host asks
//! `Tally::started` about its [`StartSize`] before it instantiates.
//!
//! Functions keep their indices, so that names and backtraces mean what they did.
//!
//! Invariant: what validated before validates afterwards, and time and size are linear in what came in.
#![forbid(unsafe_code)]

mod body;
mod counters;
mod float;
mod fuel;
mod growth;
mod module;
mod sections;
mod size;
mod startup;

use std::fmt;

pub use counters::{Counter, SHARED_MODULE};
pub use sections::{Import, Kind, Sections};
pub use size::StartSize;

/// What is put into a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the counters are.
    pub counters: Counters,
    /// Whether fuel is counted.
    pub fuel: bool,
    /// Whether every NaN that an operation gives has the same bits.
    pub canonical_nans: bool,
}

/// Whose the counters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counters {
    /// The module's: it exports them, by the names that [`Instrumented::export`] gives. [`Counter::Memory`] and [`Counter::Elements`]
    /// begin with what the module starts with; the limits are 0 until the host sets them.
    #[default]
    Own,
    /// Those of several modules: it imports them from [`SHARED_MODULE`] by [`Counter::name`]. The host adds up what each starts with.
    Shared,
}

/// A module that holds its own limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrumented {
    /// The module.
    pub binary: Vec<u8>,
    /// Whether there is something to call before anything else: the export [`Instrumented::start`]. It takes nothing and gives nothing.
    pub has_start: bool,
    /// What it starts with.
    pub size: StartSize,
    prefix: String,
}

impl Instrumented {
    /// The export that the host calls first, once the counters are set, where [`Instrumented::has_start`] says so.
    pub fn start(&self) -> String {
        self.named("start")
    }

    /// The export that is a counter, where the module has its own.
    pub fn export(&self, counter: Counter) -> String {
        self.named(counter.name())
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Why a module was not instrumented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// With what is put into it, it would have more than a module may have.
    #[error("{what} would be too large for a browser once its limits are put into it")]
    TooLarge {
        /// What it is.
        what: String,
    },
    /// It is no valid core module, or this crate has a defect.
    #[error("the unit could not be instrumented: {0}")]
    Defect(String),
}

impl InstrumentError {
    pub(crate) fn defect(message: impl fmt::Display) -> Self {
        InstrumentError::Defect(message.to_string())
    }
}

impl From<wasmparser::BinaryReaderError> for InstrumentError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        InstrumentError::defect(error)
    }
}

impl From<wasm_encoder::reencode::Error<std::convert::Infallible>> for InstrumentError {
    fn from(error: wasm_encoder::reencode::Error<std::convert::Infallible>) -> Self {
        InstrumentError::defect(error)
    }
}

/// Puts its limits into a core module that was validated.
///
/// # Errors
/// Why it cannot be done.
pub fn instrument(unit: &[u8], options: Options) -> Result<Instrumented, InstrumentError> {
    module::write(&Sections::read(unit)?, options)
}
