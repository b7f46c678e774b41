//! The engine, with the WasmEdge that `cargo xtask setup` installs, and with programs that only look like it.

mod conformance;
mod faults;
mod finding;
mod program;
mod same;
