//! Speed, as a ratio to the floor: bare wasmtime, bare wasmi or a bare tokio loop, on the same bytes in the same run.
//!
//! Nothing here is asserted: machines are noisy, and what decides is the ratio of two medians that were measured side by side.
#![forbid(unsafe_code)]

pub mod floor;
pub mod floor_wasmi;
pub mod guests;
pub mod measure;
pub mod report;
pub mod wasmill;
