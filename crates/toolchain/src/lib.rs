//! Source to units: one function in a language that people know becomes a sandboxed step.
//!
//! [`Toolchain::build`] takes a [`SourceUnit`](wasmill_model::SourceUnit), finds the compiler, writes the glue that the user never sees, runs
//! the compiler in a process that is kept in ([`wasmill_artifact::Launch`]), and keeps the result by the digest of all that went into it.
//! `languages/` has one room a language.
//!
//! Invariants: no compiler is assumed, and none is run that was not found; what is compiled is hostile, so that every compiler has limits
//! of memory, time and output, a scratch folder of its own and no network (unless the source is trusted); the same source, tools and
//! flags are built once, however many ask.
#![forbid(unsafe_code)]

mod build;
mod error;
mod files;
mod interpreters;
mod job;
mod languages;
mod script;
mod tools;

pub use build::{Built, Settings, Toolchain};
pub use error::{BuildError, SourceProblem};
pub use files::SourceFiles;
pub use interpreters::Interpret;
pub use job::{Confinement, Mode};
pub use tools::{Looked, Tool, ToolName, Tools, ask_version};
