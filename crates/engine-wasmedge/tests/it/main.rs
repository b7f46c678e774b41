//! The engine, with the WasmEdge that `cargo xtask setup` installs, and with programs that only look like it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod compiled;
mod conformance;
mod faults;
mod finding;
mod hostile;
mod program;
mod same;
