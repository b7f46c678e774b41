//! The interpreter: wasmi, with every limit enforced on every guest, wherever Rust runs (also within WebAssembly).
//!
//! A unit is translated once, and then called in a fresh instance each time. It computes in slices of fuel; between two slices the
//! call looks at its clock and gives its thread to whoever else waits.
//!
//! Invariants: no store outlives its call; nothing that a guest says about lengths or pointers is believed before it is checked;
//! nothing of a call runs outside of its future's polls, so that dropping it stops the guest.
#![forbid(unsafe_code)]

mod call;
mod compile;
mod config;
mod engine;
mod host;
mod limiter;
mod link;
mod outcome;
mod slices;
mod state;
mod work;

pub use config::Settings;
pub use engine::WasmiEngine;
