//! The engine from outside: every promise of the contract, on the public API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod compiler;
mod conformance;
mod contract;
mod crowd;
mod edges;
mod embed;
mod grants;
mod guests;
mod host_functions;
mod host_memory;
mod isolation;
mod mutations;
mod server;
mod units;
