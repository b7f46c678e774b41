//! WasmEdge, the real program, as an engine: one process a call, kept in.
//!
//! A unit is rewritten before WasmEdge sees it: limits, virtual time, seeded randomness, arguments and the C ABI are put into it as
//! WebAssembly (`rewrite/runtime.wat`), with records that say what happened. So WasmEdge's own words are asked only which trap it was,
//! and no unit can forge a verdict. The process runs in a group of its own, through the host's launcher (`wasmill_artifact::launch`) with
//! resource limits, its own files and the granted folders, and no network; however a call ends, nothing of it is left.
//!
//! Invariants: nothing is claimed that was not said by a record or by how the process ended; before the record `started` nothing of
//! the unit has run, so only then another engine may be asked.
#![forbid(unsafe_code)]

mod call;
mod compile;
mod engine;
mod probe;
mod report;
mod rewrite;
mod scratch;
mod settings;
mod words;

pub use engine::WasmEdgeEngine;
pub use probe::{FindError, KNOWN_VERSIONS};
pub use settings::{ENABLED, MEMORY_LIMIT, PATH, Settings, SettingsError, TIMEOUT};

/// The name of the engine.
pub const NAME: &str = "wasmedge";
