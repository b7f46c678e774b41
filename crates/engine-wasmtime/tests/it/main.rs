//! The engine from outside: every promise of the contract, on the public API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod compiler;
mod conformance;
mod contract;
mod edges;
mod embed;
mod grants;
mod guests;
mod host_functions;
mod server;
mod units;
