//! The embedded engine: wasmtime, with every limit enforced on every guest.
//!
//! A unit is compiled once, linked once for its grants, and then called in a fresh instance each time. Whatever a guest does
//! (spin, trap, grow, flood, lie about lengths) ends as a [`Verdict`](wasmill_model::Verdict).
//!
//! Invariants: no store outlives its call; nothing that a guest says about lengths or pointers is believed before it is checked;
//! every engine that exists is ticked by one OS thread, so that a deadline holds also when every worker thread is busy.
#![forbid(unsafe_code)]

mod call;
mod child;
mod compile;
mod config;
mod embed;
mod engine;
mod host;
mod limiter;
mod link;
mod outcome;
mod profiler;
mod state;
mod ticker;
mod wasi;

pub use child::compile_worker;
pub use config::{Allocator, Compiler, Settings};
pub use embed::{Attempt, Load, Loaded};
pub use engine::{EngineError, WasmtimeEngine};
pub use host::{HostCall, HostFunctions};
