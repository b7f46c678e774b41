//! The engine, with the WasmEdge that `cargo xtask setup` installs.

mod conformance;
mod program;
