//! The engine from outside: every promise of the contract, on the public API.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod conformance;
mod contract;
mod grants;
mod guests;
mod host_work;
mod isolation;
mod preview1;
mod random_modules;
mod units;
