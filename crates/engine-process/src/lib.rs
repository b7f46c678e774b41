//! Native programs as units: for trusted tools, and nothing else.
//!
//! A program is spoken to like a command: stdin to stdout, the log on stderr. Its time, its output and its log are limited as those of any
//! unit, its memory by the system's resource limits; what is left of its process group is
//! killed when it is over (a process that left the group is not found). It has no sandbox: it may do all that the user may.
//!
//! Invariants: [`EngineInfo::sandboxed`](wasmill_engine::EngineInfo) is false, so that a router uses it only where the host's policy names it
//! and the step allows a weaker sandbox. No process of its group outlives its call.
#![forbid(unsafe_code)]

mod call;
mod engine;

pub use engine::{ProcessEngine, Settings};

/// The name of the engine.
pub const NAME: &str = "process";
